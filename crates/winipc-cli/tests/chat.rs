//! `winipc chat` between processes, with plain lines.

mod common;

use common::room::Room;
use common::{Process, World, unique};

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
