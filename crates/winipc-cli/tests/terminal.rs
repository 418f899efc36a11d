//! The program at a terminal.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use common::{PATIENCE, Process, World, mechanisms, unique};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, tcgetattr};

/// A person at a pseudo-terminal.
struct Terminal {
    child: Child,
    /// The end that the program has.
    line: File,
    /// Its mode before the program started.
    mode: Termios,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    fn start(world: &World, arguments: &[&str]) -> Self {
        Self::run(world.winipc().args(arguments))
    }

    /// In a session of its own, whose terminal this is: it makes signals of keys.
    fn start_session(world: &World, arguments: &[&str]) -> Self {
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_winipc")]).args(arguments);
        Self::run(world.surround(&mut command))
    }

    fn run(command: &mut Command) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        let line = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let mode = tcgetattr(&line).unwrap();
        let child = command
            .env("TERM", "xterm")
            .stdin(Stdio::from(line.try_clone().unwrap()))
            .stdout(Stdio::from(line.try_clone().unwrap()))
            .stderr(Stdio::from(line.try_clone().unwrap()))
            .spawn()
            .unwrap();
        let keyboard = File::from(controller);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = reader.read(&mut buffer) {
                if length == 0 || sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, line, mode, keyboard, screen, text: String::new() }
    }

    /// Whether the terminal is as it was, as far as line editing changes it.
    fn is_restored(&self) -> bool {
        tcgetattr(&self.line).unwrap().local_modes == self.mode.local_modes
    }

    fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `part` has appeared after what was waited for before, and gives what came between.
    #[track_caller]
    fn expect(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(position) = self.text.find(part) {
                let rest = self.text.split_off(position + part.len());
                let mut between = std::mem::replace(&mut self.text, rest);
                between.truncate(position);
                return between;
            }
            match self.screen.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{part:?} does not appear after {:?}", self.text),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ann at a terminal, who serves the room, and bob without one.
fn ann_and_bob(world: &World, room: &str, mechanism: &str) -> (Terminal, Process) {
    let mut ann = Terminal::start(world, &["chat", room, "--name", "ann", "--over", mechanism]);
    ann.expect("ann serves the room");
    ann.expect("> ");
    let mut bob = Process::start(world.winipc().args(["chat", room, "--name", "bob", "--over", mechanism]));
    bob.expect("serves");
    ann.expect("* bob has joined");
    (ann, bob)
}

/// Of several lines that came in one piece, as a terminal without bracketed paste gives them, only the first was taken.
#[test]
fn lines_that_come_at_once_are_all_said() {
    let (world, room) = (World::new(), unique("room"));
    let (mut ann, mut bob) = ann_and_bob(&world, &room, "named-pipe");
    ann.type_keys("one\rtwo\rthree\r");
    for line in ["one", "two", "three"] {
        assert_eq!(bob.expect("ann: "), format!("ann: {line}"));
    }
}

#[test]
fn lines_are_edited_while_others_talk() {
    for mechanism in mechanisms() {
        println!("over {mechanism}:");
        let (world, room) = (World::new(), unique("room"));
        let (mut ann, mut bob) = ann_and_bob(&world, &room, &mechanism);
        ann.type_keys("helo");
        ann.expect("helo");
        bob.type_line("in between");
        // The line of the other, and then the half-typed line once more.
        ann.expect("bob: in between");
        ann.expect("> helo");
        // Left arrow, a letter, enter.
        ann.type_keys("\x1b[Dl\r");
        assert_eq!(bob.expect("hel"), "ann: hello");
        // What was typed holds a prompt as well: only one after what bob says is that of the next line.
        bob.type_line("hello to you");
        ann.expect("bob: hello to you");
        ann.expect("> ");
        // Up arrow: the line again, from the history.
        ann.type_keys("\x1b[A again\r");
        assert_eq!(bob.expect("again"), "ann: hello again");
        bob.type_line("goodbye");
        ann.expect("bob: goodbye");
        ann.expect("> ");
        // Ctrl-C leaves.
        ann.type_keys("\x03");
        bob.expect("* ann has left");
        assert!(ann.child.wait().unwrap().success());
        assert!(ann.is_restored());
    }
}

/// The editor takes notices only while it reads a line, and who asks it for the next one waited for that.
#[test]
fn lines_that_are_entered_while_many_arrive_stop_nothing() {
    let (world, room) = (World::new(), unique("room"));
    let (mut ann, mut bob) = ann_and_bob(&world, &room, "named-pipe");
    for number in 0..60 {
        for _ in 0..20 {
            bob.type_line("in between");
        }
        ann.type_keys(&format!("line {number}\r"));
    }
    bob.expect("ann: line 59");
    ann.type_keys("/quit\r");
    bob.expect("* ann has left");
    assert!(ann.child.wait().unwrap().success());
    assert!(ann.is_restored());
}

/// Nothing but an interrupt led away from a room whose server is not there.
#[test]
fn who_waits_for_a_server_can_leave() {
    let world = World::new();
    // Nobody listens at a port that was free just now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut ann = Terminal::start(&world, &["chat", "room", "--over", "tcp", "--connect", &address]);
    ann.expect("waiting for it");
    ann.expect("> ");
    ann.type_keys("hello\r");
    ann.expect("you are not in the room yet");
    ann.type_keys("/quit\r");
    assert!(ann.child.wait().unwrap().success());
    assert!(ann.is_restored());
}

/// Leaving waits for a server that does not read: the person saw a terminal that did nothing.
#[test]
fn who_leaves_is_told_what_is_waited_for_and_need_not_wait() {
    let (world, room) = (World::new(), unique("room"));
    let mut ann = Process::start(world.winipc().args(["chat", &room, "--name", "ann"]));
    ann.expect("ann serves the room");
    let mut bob = Terminal::start_session(&world, &["chat", &room, "--name", "bob"]);
    bob.expect("ann serves it");
    bob.expect("> ");
    world.stop(&ann);
    bob.type_keys("hello\r/quit\r");
    bob.expect("* leaving when everybody has what you said; Ctrl+C leaves at once");
    bob.type_keys("\x03");
    bob.expect("left before the last lines had reached everybody");
    assert_eq!(bob.child.wait().unwrap().code(), Some(1));
    assert!(bob.is_restored());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let world = World::new();
    let mut ann = Terminal::start(&world, &["chat", &unique("room"), "--name", "ann"]);
    ann.expect("ann serves the room");
    ann.expect("> ");
    assert!(!ann.is_restored(), "a line is being edited");
    kill_process(Pid::from_raw(ann.child.id() as i32).unwrap(), Signal::TERM).unwrap();
    assert!(ann.child.wait().unwrap().success());
    assert!(ann.is_restored());
}

/// The terminal gives the signal to the command, too: it must not come twice.
#[test]
fn an_interrupt_reaches_a_tools_command_once() {
    let world = World::new();
    // bash loses a signal that comes just before `wait`, that a command gets, too, or that comes while a trap runs.
    let script = "
        count=0; shown=0
        trap 'count=$((count + 1))' INT
        trap 'echo in all: $count; exit 9' TERM
        echo ready
        while :; do
            if [ $count != $shown ]; then shown=$count; echo interrupt $count; fi
        done";
    let mut terminal = Terminal::start_session(&world, &["mutex", "run", "m", "--", "bash", "-c", script]);
    terminal.expect("ready");
    // Several times, since two that come at one time are one.
    for number in 1..=20 {
        terminal.type_keys("\x03");
        terminal.expect(&format!("interrupt {number}\r\n"));
    }
    // This one is passed on, after what has come before.
    kill_process(Pid::from_raw(terminal.child.id() as i32).unwrap(), Signal::TERM).unwrap();
    terminal.expect("in all: 20\r\n");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(9));
}

#[test]
fn a_lab_has_colours() {
    let world = World::new();
    let mut terminal = Terminal::run(world.winipc().args(["lab", "winsock"]).env_remove("NO_COLOR"));
    terminal.expect("\x1b[31m   server |\x1b[0m bound to");
    terminal.expect("\x1b[32m   client |\x1b[0m connected");
    terminal.expect("what to look for");
    assert!(terminal.child.wait().unwrap().success());
    let mut terminal = Terminal::run(world.winipc().args(["lab", "winsock"]).env("NO_COLOR", "1"));
    terminal.expect("\n   client | connected");
}

/// Names and lines can hold what a terminal obeys: it is shown, and never sent there as it is.
#[test]
fn what_a_terminal_would_obey_is_escaped() {
    let world = World::new();
    // A colour, a title, the end of a line, an old-style escape, and text from right to left.
    let name = "a\x1b[31mred\x1b]0;title\x07\r\nb\u{9b}2J\u{202e}c";
    let shown = r"a\u{1b}[31mred\u{1b}]0;title\u{7}\r\nb\u{9b}2J\u{202e}c";
    let holders: [&[&str]; 5] = [
        &["event", "create", name, "--set", "--manual"],
        &["section", "create", "s\x1bction", "1"],
        &["mutex", "run", &format!("{name} mutex"), "sh", "-c", "echo created; cat"],
        &["pipe", "serve", name, "--", "cat"],
        &["mailslot", "listen", name],
    ];
    let _holders = holders.map(|arguments| {
        let mut holder = Process::start(world.winipc().args(arguments));
        match arguments[0] {
            "pipe" => while world.run(&["pipe", "list"]).stdout.is_empty() {},
            "mailslot" => while !world.run(&["mailslot", "info", name]).status.success() {},
            _ => _ = holder.expect("created"),
        }
        holder
    });
    let see = |arguments: &[&str], part: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#""$@"; echo; echo THE END"#, "sh", env!("CARGO_BIN_EXE_winipc")])
            .args(arguments);
        let text = Terminal::run(world.surround(&mut command)).expect("THE END\r\n");
        // Complaints about what was typed have colours of their own.
        let is_dangerous = |c: char| c.is_control() && !"\r\n\x1b".contains(c) || c == '\u{202e}';
        assert!(!text.contains(is_dangerous), "{arguments:?}: {text:?}");
        assert!(
            text.starts_with("\x1b[1m\x1b[31merror:") || !text.contains('\x1b'),
            "{arguments:?}: {text:?}"
        );
        assert!(
            text.replace("\r\n", "\n").lines().all(|line| !line.contains('\r')),
            "{arguments:?}: {text:?}"
        );
        assert!(text.contains(part), "{arguments:?}: {text}");
    };
    see(&["objects"], &format!("{shown}  "));
    see(&["objects", "--json"], r"\u001b[31m");
    see(&["pipe", "list"], &format!("{shown}\r\n"));
    see(&["section", "list"], "s\\u{1b}ction\r\n");
    see(&["wait", name], &format!("{shown}\r\n"));
    see(&["mailslot", "info", name], "messages 0");
    see(&["mailslot", "info", "no\x1b"], r"no\u{1b}");
    see(&["mailslot", "listen", name], shown);
    see(&["event", "set", &format!("{name} too")], shown);
    see(&["event", "create", name, "--new"], shown);
    see(&["mutex", "run", "m", "--", "\x1b[31m"], r"\u{1b}[31m");
    see(&["event", "wait", "e", "--timeout", "\x1b[31m"], r"\u{1b}[31m");
    see(&["lab", "\x1b[31m"], r"\u{1b}[31m");
    see(&["lab", "\u{202e}"], r"\u{202e}");
    see(&["chat", "room", "--name", "\x1b[31m"], r"\u{1b}[31m");
    see(&["chat", "room", "--over", "tcp", "--connect", "\x1b[31m"], r"\u{1b}[31m");
    // For a program they are what they are.
    let output = world.run(&["pipe", "list"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{name}\n"));
}
