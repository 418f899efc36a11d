//! `winipc chat` at a terminal.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use common::{PATIENCE, Process, World, unique};
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
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        let line = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let mode = tcgetattr(&line).unwrap();
        let child = world
            .winipc()
            .args(arguments)
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

    /// Waits until `part` has appeared after what was waited for before.
    #[track_caller]
    fn expect(&mut self, part: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(position) = self.text.find(part) {
                self.text.drain(..position + part.len());
                return;
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

#[test]
fn lines_are_edited_while_others_talk() {
    let world = World::new();
    let room = unique("room");
    let mut ann = Terminal::start(&world, &["chat", &room, "--name", "ann"]);
    ann.expect("ann serves the room");
    ann.expect("> ");
    let mut bob = Process::start(world.winipc().args(["chat", &room, "--name", "bob"]));
    bob.expect("serves");
    ann.expect("* bob has joined");
    ann.type_keys("helo");
    ann.expect("helo");
    bob.type_line("in between");
    // The line of the other, and then the half-typed line once more.
    ann.expect("bob: in between");
    ann.expect("> helo");
    // Left arrow, a letter, enter.
    ann.type_keys("\x1b[Dl\r");
    assert_eq!(bob.expect("hel"), "ann: hello");
    // Up arrow: the line again, from the history.
    ann.expect("> ");
    ann.type_keys("\x1b[A again\r");
    assert_eq!(bob.expect("again"), "ann: hello again");
    ann.expect("> ");
    // Ctrl-C leaves.
    ann.type_keys("\x03");
    bob.expect("* ann has left");
    assert!(ann.child.wait().unwrap().success());
    assert!(ann.is_restored());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    use rustix::process::{Pid, Signal, kill_process};
    let world = World::new();
    let mut ann = Terminal::start(&world, &["chat", &unique("room"), "--name", "ann"]);
    ann.expect("ann serves the room");
    ann.expect("> ");
    assert!(!ann.is_restored(), "a line is being edited");
    kill_process(Pid::from_raw(ann.child.id() as i32).unwrap(), Signal::TERM).unwrap();
    assert!(ann.child.wait().unwrap().success());
    assert!(ann.is_restored());
}
