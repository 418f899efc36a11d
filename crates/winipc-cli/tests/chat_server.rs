//! `winipc chat` while its servers and members die, stop and leave.

mod common;

use common::room::Room;
use common::unique;

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
