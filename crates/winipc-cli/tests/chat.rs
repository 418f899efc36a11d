//! `winipc chat` between processes, with plain lines.

mod common;

use common::{Process, World, mechanisms, unique};

/// A room that no other test uses, in a world of its own.
struct Room {
    world: World,
    name: String,
    mechanism: String,
}

impl Room {
    fn new() -> Self {
        Self::over("named-pipe")
    }

    fn over(mechanism: &str) -> Self {
        Self { world: World::new(), name: unique("room"), mechanism: mechanism.into() }
    }

    /// One for each mechanism.
    fn of_each_kind() -> impl Iterator<Item = Self> {
        mechanisms().into_iter().map(|mechanism| {
            println!("over {mechanism}:");
            Self::over(&mechanism)
        })
    }

    fn enter_with(&self, name: &str, arguments: &[&str]) -> Process {
        let ours = ["chat", &self.name, "--name", name, "--over", &self.mechanism];
        Process::start(self.world.winipc().args(ours).args(arguments))
    }

    /// Starts a member and waits until it is in.
    fn enter(&self, name: &str, others: &[&str]) -> Process {
        let mut member = self.enter_with(name, &[]);
        let line = member.expect("serves");
        if others.is_empty() {
            assert_eq!(line, format!("* you are the first here; {name} serves the room"));
        }
        for other in others {
            assert!(line.contains(other), "{line}");
        }
        member
    }
}

#[test]
fn everyone_sees_what_everyone_says() {
    for room in Room::of_each_kind() {
        let mut ann = room.enter("ann", &[]);
        let mut bob = room.enter("bob", &["ann"]);
        ann.expect("* bob has joined");
        let mut cleo = room.enter("cleo", &["ann", "bob"]);
        ann.expect("* cleo has joined");
        bob.expect("* cleo has joined");
        for (speaker, text) in [(0, "from the server"), (1, "grüße von bob"), (2, "a \"quoted\" \\ line")] {
            let mut members = [&mut ann, &mut bob, &mut cleo];
            members[speaker].type_line(text);
            for (number, member) in members.iter_mut().enumerate() {
                if number != speaker {
                    let name = ["ann", "bob", "cleo"][speaker];
                    assert_eq!(member.expect(text), format!("{name}: {text}"));
                }
            }
        }
        bob.type_line("/quit");
        bob.succeed();
        ann.expect("* bob has left");
        cleo.expect("* bob has left");
        // The classic words.
        cleo.type_line("QUIT");
        cleo.succeed();
        ann.expect("* cleo has left");
        ann.type_line("exit");
        ann.succeed();
    }
}

#[test]
fn the_room_outlives_its_killed_server_and_no_line_is_lost() {
    const LINES: u32 = 3000;
    for room in Room::of_each_kind() {
        let ann = room.enter("ann", &[]);
        let mut bob = room.enter("bob", &["ann"]);
        let mut cleo = room.enter("cleo", &["ann", "bob"]);
        bob.expect("* cleo has joined");
        // Bob's lines go on while the server is killed in the midst of them.
        let mut input = bob.input.take().unwrap();
        let typist = std::thread::spawn(move || {
            for number in 1..=LINES {
                std::io::Write::write_all(&mut input, format!("line {number}.\n").as_bytes()).unwrap();
            }
            input
        });
        cleo.expect("bob: line 100.");
        ann.kill();
        cleo.expect(&format!("bob: line {LINES}."));
        let said: Vec<_> = cleo.seen().iter().filter(|line| line.starts_with("bob: ")).cloned().collect();
        let complete: Vec<_> = (1..=LINES).map(|number| format!("bob: line {number}.")).collect();
        let first_wrong = said.iter().zip(&complete).find(|(said, complete)| said != complete);
        assert!(first_wrong.is_none() && said.len() == complete.len(), "{}: {first_wrong:?}", room.mechanism);
        for notice in ["* ann has left", "serves the room"] {
            assert!(cleo.seen().iter().any(|line| line.contains(notice)), "{notice}");
        }
        let unwanted = ["bob has left", "missed", "cleo has left"];
        assert!(
            cleo.seen().iter().all(|line| unwanted.iter().all(|part| !line.contains(part))),
            "{:?}",
            cleo.seen()
        );
        bob.input = Some(typist.join().unwrap());
        // The room goes on in both directions, and takes new members.
        cleo.type_line("after the takeover");
        assert_eq!(bob.expect("after the takeover"), "cleo: after the takeover");
        let mut dan = room.enter("dan", &["bob", "cleo"]);
        dan.type_line("I am new");
        bob.expect("dan: I am new");
        cleo.expect("dan: I am new");
        let said_to_dan: Vec<_> = dan.seen().iter().filter(|line| line.contains("line ")).collect();
        assert!(said_to_dan.is_empty(), "a new member is not shown what was said before: {said_to_dan:?}");
    }
}

/// Members are killed at any moment, the server as often as not; who speaks and who listens survive.
#[test]
fn nothing_is_lost_or_shown_twice_whoever_is_killed() {
    const LINES: usize = 1000;
    for room in Room::of_each_kind() {
        let mut others = vec![room.enter("first", &[])];
        let mut ann = room.enter("ann", &["first"]);
        let mut bob = room.enter("bob", &["first", "ann"]);
        ann.expect("* bob has joined");
        let typists = [&mut ann, &mut bob].map(|author| {
            let mut input = author.input.take().unwrap();
            std::thread::spawn(move || {
                for number in 1..=LINES {
                    std::io::Write::write_all(&mut input, format!("line {number}.\n").as_bytes()).unwrap();
                }
                input
            })
        });
        for kill in 1..=6 {
            // It may come before the others have seen that the server is gone, and serve.
            let mut other = room.enter_with(&format!("other-{kill}"), &[]);
            other.expect("serves");
            others.push(other);
            bob.expect(&format!("ann: line {}.", kill * LINES / 7));
            // Now the oldest, who may serve, and now the youngest.
            others.remove(if kill % 3 == 0 { others.len() - 1 } else { 0 }).kill();
        }
        for (reader, author) in [(&mut ann, "bob"), (&mut bob, "ann")] {
            reader.expect(&format!("{author}: line {LINES}."));
            let prefix = format!("{author}: ");
            let said: Vec<_> = reader.seen().iter().filter(|line| line.starts_with(&prefix)).collect();
            let complete: Vec<_> = (1..=LINES).map(|number| format!("{author}: line {number}.")).collect();
            let wrong = said.iter().zip(&complete).find(|(said, complete)| **said != *complete);
            assert!(wrong.is_none() && said.len() == LINES, "{}: {wrong:?}", room.mechanism);
        }
        let [ann_input, bob_input] = typists.map(|typist| typist.join().unwrap());
        (ann.input, bob.input) = (Some(ann_input), Some(bob_input));
        ann.type_line("still here?");
        bob.expect("ann: still here?");
    }
}

#[test]
fn server_after_server_dies() {
    for room in Room::of_each_kind() {
        let mut members = Vec::new();
        for name in ["ann", "bob", "cleo", "dan", "eve"] {
            let others: Vec<_> = members.iter().map(|(name, _)| *name).collect();
            members.push((name, room.enter(name, &others)));
        }
        let mut server = "ann".to_string();
        while members.len() > 2 {
            let index = members.iter().position(|(name, _)| *name == server).unwrap();
            members.remove(index).1.kill();
            let notice = members[0].1.expect("now serves the room");
            server = notice.split(' ').nth(1).unwrap().to_string();
            let text = format!("{} are left", members.len());
            members[0].1.type_line(&text);
            for (_, member) in &mut members[1..] {
                assert_eq!(member.expect("now serves the room"), notice);
                member.expect(&text);
            }
        }
    }
}

#[test]
fn a_serving_member_that_leaves_hands_the_room_over() {
    for room in Room::of_each_kind() {
        let mut ann = room.enter("ann", &[]);
        let mut bob = room.enter("bob", &["ann"]);
        ann.type_line("my last words");
        ann.type_line("/quit");
        ann.succeed();
        bob.expect("ann: my last words");
        bob.expect("* ann has left");
        bob.expect("* bob now serves the room");
    }
}

#[test]
fn commands() {
    let room = Room::new();
    let mut ann = room.enter("ann", &[]);
    let mut bob = room.enter("bob", &["ann"]);
    let mut cleo = room.enter("cleo", &["ann", "bob"]);
    bob.expect("* cleo has joined");
    bob.type_line("/who");
    assert_eq!(bob.expect("* here"), "* here: ann (serves the room), bob (you), cleo");
    bob.type_line("/msg cleo between us");
    assert_eq!(cleo.expect("between us"), "bob (to you): between us");
    bob.type_line("/msg zoe are you there?");
    assert_eq!(bob.expect("zoe"), "* nobody here is called zoe; /who lists the names");
    bob.type_line("/msg bob hello me");
    bob.expect("that is your own name");
    bob.type_line("/nick rob");
    bob.expect("there is no command /nick; /help lists the commands");
    bob.type_line("/help");
    bob.expect("/msg NICK text");
    bob.type_line("//slash");
    assert_eq!(cleo.expect("slash"), "bob: /slash");
    ann.expect("bob: /slash");
    assert!(!ann.seen().iter().any(|line| line.contains("between us")), "a private line was shown to all");
}

#[test]
fn input_that_ends_is_delivered_first() {
    let room = Room::new();
    let mut ann = room.enter("ann", &[]);
    let mut bob = room.enter_with("bob", &[]);
    bob.type_bytes(b"one\ntwo\nthree without an end");
    bob.succeed();
    for line in ["bob: one", "bob: two", "bob: three without an end", "* bob has left"] {
        ann.expect(line);
    }
}

#[test]
fn a_taken_name_gets_a_number() {
    let room = Room::new();
    let mut first = room.enter("ann", &[]);
    let mut second = room.enter_with("ann", &[]);
    second.expect("* your name is taken here: you are ann-2");
    second.type_line("hello");
    assert_eq!(first.expect("hello"), "ann-2: hello");
}

/// Everybody who had no USER was called somebody.
#[cfg(unix)]
#[test]
fn who_says_no_name_has_that_of_the_user() {
    let room = Room::new();
    let id = std::process::Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(id.stdout).unwrap().trim().to_string();
    let start = |variables: [(&str, &str); 3]| {
        let mut command = room.world.winipc();
        command.args(["chat", &room.name]).envs(variables);
        Process::start(&mut command)
    };
    let mut first = start([("USER", "ann"), ("LOGNAME", "bob"), ("USERNAME", "")]);
    first.expect("* you are the first here; ann serves the room");
    let mut second = start([("USER", ""), ("LOGNAME", "bob"), ("USERNAME", "")]);
    second.expect("ann serves it");
    first.expect("* bob has joined");
    let _third = start([("USER", ""), ("LOGNAME", "two words"), ("USERNAME", "")]);
    first.expect(&format!("* {user} has joined"));
    let mut fourth = start([("USER", ""), ("LOGNAME", ""), ("USERNAME", "")]);
    fourth.expect(&format!("* your name is taken here: you are {user}-2"));
}

#[test]
fn only_text_is_shown() {
    let room = Room::new();
    let mut ann = room.enter("ann", &[]);
    let mut bob = room.enter("bob", &["ann"]);
    bob.type_bytes(b"\x1b]0;title\x07 red \x1b[31m \xff end\n");
    let line = ann.expect("title");
    assert_eq!(line, "bob: \\u{1b}]0;title\\u{7} red \\u{1b}[31m \u{fffd} end");
}

#[test]
fn lines_are_bounded() {
    for room in Room::of_each_kind() {
        let mut ann = room.enter("ann", &[]);
        let mut bob = room.enter("bob", &["ann"]);
        bob.type_line(&"x".repeat(65_537));
        bob.expect("the line is longer than 65536 bytes and was not sent");
        let longest = "y".repeat(65_536);
        bob.type_line(&longest);
        assert_eq!(ann.expect("yyy"), format!("bob: {longest}"));
    }
}

#[test]
fn logs_follow_the_protocol() {
    let room = Room::new();
    let path = std::env::temp_dir().join(unique("winipc-log"));
    let text_of = |path| std::fs::read_to_string(path).unwrap();
    let mut ann = room.enter_with("ann", &["--log", path.to_str().unwrap()]);
    ann.expect("serves");
    let (status, _, errors) = {
        let mut second = room.enter_with("bob", &["--log", path.to_str().unwrap()]);
        second.input = None;
        second.finish()
    };
    assert!(!status.success());
    assert!(errors.contains("give each process a file of its own"), "{errors}");
    let mut bob = room.enter("bob", &["ann"]);
    ann.expect("bob has joined");
    bob.type_line("hello ann");
    ann.expect("hello ann");
    ann.type_line("hello bob");
    bob.expect("hello bob");
    ann.type_line("/quit");
    ann.succeed();
    let log = text_of(&path);
    std::fs::remove_file(&path).unwrap();
    let texts: Vec<_> = log.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    assert_eq!(
        texts,
        [
            "ann is starting.",
            "* you are the first here; ann serves the room",
            "* bob has joined",
            "bob: hello ann",
            "ann: hello bob",
            "Shutting down."
        ]
    );
    for line in log.lines() {
        let stamp = line.strip_prefix('[').unwrap().split_once(']').unwrap().0;
        let numbers: Vec<u32> = stamp.split(['/', ' ', ':']).map(|number| number.parse().unwrap()).collect();
        let [day, month, year, hour, minute, second] = numbers[..] else { panic!("{stamp}") };
        assert!((1..=31).contains(&day) && (1..=12).contains(&month) && year >= 2024, "{stamp}");
        assert!(hour < 24 && minute < 60 && second < 60, "{stamp}");
        assert_eq!(stamp, format!("{day}/{month}/{year} {hour}:{minute}:{second}"));
    }
}

#[test]
fn a_room_has_one_server() {
    for room in Room::of_each_kind() {
        let mut ann = room.enter_with("ann", &["--serve"]);
        ann.expect("ann serves the room");
        let (status, _, errors) = room.enter_with("bob", &["--serve"]).finish();
        assert_eq!(status.code(), Some(1));
        assert!(errors.contains("already served by another process"), "{errors}");
        // The end of input does not end a server that was asked for.
        ann.input = None;
        let mut cleo = room.enter("cleo", &["ann"]);
        cleo.type_line("still here?");
        ann.expect("cleo: still here?");
    }
}

#[cfg(unix)]
#[test]
fn signals_leave_politely() {
    use rustix::process::{Pid, Signal, kill_process};
    for (room, signal) in Room::of_each_kind()
        .flat_map(|room| [(Room::over(&room.mechanism), Signal::INT), (room, Signal::TERM)])
    {
        let path = std::env::temp_dir().join(unique("winipc-log"));
        let mut ann = room.enter("ann", &[]);
        let mut bob = room.enter_with("bob", &["--log", path.to_str().unwrap()]);
        bob.expect("serves");
        kill_process(Pid::from_raw(bob.id() as i32).unwrap(), signal).unwrap();
        let input = bob.input.take();
        bob.succeed();
        drop(input);
        ann.expect("* bob has left");
        let log = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(log.trim_end().ends_with("] Shutting down."), "{log}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_stopped_member_stops_nobody_else_for_long() {
    for room in Room::of_each_kind() {
        let mut ann = room.enter("ann", &[]);
        let mut bob = room.enter("bob", &["ann"]);
        let mut cleo = room.enter("cleo", &["ann", "bob"]);
        bob.expect("* cleo has joined");
        room.world.stop(&cleo);
        // More than the pipe of a member that does not read holds.
        let text = "z".repeat(60_000);
        for number in 0..20 {
            bob.type_line(&format!("{number} {text}"));
        }
        ann.expect("bob: 19 ");
        room.world.resume(&cleo);
        // It comes back, and is told what it missed.
        cleo.expect("bob: 19 ");
        let numbers: Vec<_> =
            cleo.seen().iter().filter_map(|line| line.strip_prefix("bob: ")?.split(' ').next()).collect();
        let complete: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(numbers, complete);
    }
}

/// What nobody remembers any more was passed over without a word.
#[cfg(target_os = "linux")]
#[test]
fn who_was_stopped_for_long_is_told_how_much_it_missed() {
    const LINES: usize = 3000;
    const BOBS_LINES: usize = 500;
    let room = Room::new();
    let mut ann = room.enter("ann", &[]);
    let mut bob = room.enter("bob", &["ann"]);
    let mut cleo = room.enter("cleo", &["ann", "bob"]);
    ann.expect("* cleo has joined");
    bob.expect("* cleo has joined");
    room.world.stop(&cleo);
    // Bob's are forgotten altogether; when they are said, nothing tells of them any more.
    let text = "z".repeat(1000);
    (1..=BOBS_LINES).for_each(|number| bob.type_line(&format!("{number}. {text}")));
    ann.expect(&format!("bob: {BOBS_LINES}. "));
    let mut input = ann.input.take().unwrap();
    let typist = std::thread::spawn(move || {
        for number in 1..=LINES {
            std::io::Write::write_all(&mut input, format!("{number}. {text}\n").as_bytes()).unwrap();
        }
        input
    });
    bob.expect(&format!("ann: {LINES}. "));
    room.world.resume(&cleo);
    cleo.expect(&format!("ann: {LINES}. "));
    let missed: usize = cleo
        .seen()
        .iter()
        .find_map(|line| line.strip_prefix("* you missed ")?.strip_suffix(" lines"))
        .unwrap_or_else(|| panic!("nothing is told"))
        .parse()
        .unwrap();
    let shown = cleo.seen().iter().filter(|line| line.contains(". zzz")).count();
    assert_eq!(shown + missed, LINES + BOBS_LINES);
    assert!(!cleo.seen().iter().any(|line| line.contains("were missed")), "it is told once");
    ann.input = Some(typist.join().unwrap());
    ann.type_line("welcome back");
    cleo.expect("ann: welcome back");
}

/// Who entered while the server was stopped saw nothing at all.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_does_not_answer_is_waited_for_and_named() {
    for room in Room::of_each_kind() {
        let ann = room.enter("ann", &[]);
        room.world.stop(&ann);
        let mut bob = room.enter_with("bob", &[]);
        bob.expect("* the room's server does not answer; waiting for it");
        room.world.resume(&ann);
        bob.expect("* you are in the room with ann; ann serves it");
    }
}

#[test]
fn mistakes_are_explained() {
    for (arguments, status, part) in [
        (&["chat", "back\\slash"][..], 1, "contains a backslash or control characters"),
        (&["chat", ""], 1, "the name of the room is empty"),
        (&["chat", "lobby", "--name", "two words"], 1, "contains white space"),
        (&["chat", "lobby", "--log", "/no/such/directory/log"], 1, "cannot open the log"),
        (&["chat"], 2, "<ROOM>"),
        (&["chat", "lobby", "--colour"], 2, "--colour"),
        (&["dance"], 2, "dance"),
    ] {
        let output = World::new().run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        assert!(errors.contains(part), "{arguments:?}: {errors}");
    }
}
