//! `winipc lab`.

mod common;

use std::process::Stdio;

use common::World;

/// Runs a lab, which succeeds, and returns what it prints.
#[track_caller]
fn run(name: &str) -> String {
    let world = World::new();
    let output = world.run(&["lab", name]);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{text}\n{errors}");
    let (log, look_for) = text.split_once("\nwhat to look for\n").expect("it says what to look for");
    assert!(
        look_for.lines().count() >= 3 && look_for.lines().all(|line| line.starts_with("  - ")),
        "{look_for}"
    );
    // No colours, since nobody looks.
    assert!(!text.contains('\x1b'), "{text}");
    #[cfg(target_os = "linux")]
    assert_eq!(String::from_utf8_lossy(&world.run(&["objects"]).stdout), "there are no objects\n");
    log.to_string()
}

/// That these lines are there, in this order.
#[track_caller]
fn assert_order(log: &str, lines: &[&str]) {
    let mut rest = log.lines();
    for line in lines {
        assert!(rest.any(|found| found.trim() == *line), "no {line:?} in its place in:\n{log}");
    }
}

#[test]
fn all_are_listed_and_run() {
    let text = String::from_utf8(World::new().run(&["lab"]).stdout).unwrap();
    let names: Vec<_> = text.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"race") && names.len() >= 5, "{text}");
    names.into_iter().for_each(|name| drop(run(name)));
}

#[test]
fn named_pipe() {
    let log = run("named-pipe");
    assert_order(&log, &["server | the pipe is there; waiting for clients", "ann | I send \"exit\""]);
    for client in ["ann", "bob", "cleo"] {
        let hello = format!("hello from {client}");
        let lines =
            [format!("{client} | I send \"{hello}\""), format!("{client} | it came back: \"{hello}\"")];
        assert_order(&log, &lines.each_ref().map(String::as_str));
    }
}

/// The lines of the two come in turns of one acquisition each.
#[test]
fn shared_memory() {
    let log = run("shared-memory");
    assert_order(&log, &["writer | gives it back", "reader | gives it back"]);
    let lines: Vec<_> = log.lines().filter_map(|line| line.split_once(" | ")).collect();
    let mut turn = 0;
    for (number, (who, line)) in lines.iter().enumerate() {
        if *line == format!("has the mutex, acquisition {}", turn + 1) {
            turn += 1;
            assert!(lines[number..number + 3].iter().all(|(other, _)| other == who), "{log}");
            assert_eq!(lines[number + 2].1, "gives it back", "{log}");
        }
    }
    assert!(turn >= 7 && lines.len() == 3 * turn, "{log}");
}

#[test]
fn mailslot() {
    let log = run("mailslot");
    let lines = [
        "reader | the mailslot is there",
        "writer | I write \"the second message\"",
        "reader | Message #1 of 2, 17 bytes: \"the first message\"",
        "reader | Message #2 of 2, 18 bytes: \"the second message\"",
        "writer | I write \"a third, after a pause\"",
        "reader | Message #1 of 1, 22 bytes: \"a third, after a pause\"",
        "writer | I look for the mailslot again: there is none",
    ];
    assert_order(&log, &lines);
}

#[test]
fn winsock() {
    let log = run("winsock");
    let lines = [
        "client | I send \"hello\"",
        "server | received \"hello\"",
        "client | it came back: \"hello\"",
        "client | I send \"QUIT\"",
        "server | received \"QUIT\"",
        "client | the server has closed the connection",
    ];
    assert_order(&log, &lines);
}

/// The loss is no accident: it happens every time.
#[test]
fn race() {
    for _ in 0..10 {
        let log = run("race");
        let (bare, guarded) = log.split_once("with a mutex").unwrap();
        let lines = [
            "ann | the next free slot is number 3",
            "bob | the next free slot is number 3",
            "bob | I put \"letter of bob\" into slot 3",
            "ann | I put \"letter of ann\" into slot 3",
            "printer | slot 3: I print \"letter of ann\"",
        ];
        assert_order(bare, &lines);
        assert!(!bare.contains("print \"letter of bob\""), "{bare}");
        let lines = [
            "ann | the next free slot is number 3",
            "bob | the mutex is taken: I wait for it",
            "ann | I put \"letter of ann\" into slot 3",
            "bob | the next free slot is number 4",
            "printer | slot 3: I print \"letter of ann\"",
            "printer | slot 4: I print \"letter of bob\"",
        ];
        assert_order(guarded, &lines);
    }
}

#[test]
fn readers_writers() {
    let log = run("readers-writers");
    assert_eq!(log.split("\nover ").skip(1).count(), 3, "{log}");
    for way in log.split("\nover ").skip(1) {
        assert_eq!(way.matches("| I am inside").count(), 3, "{way}");
        assert_eq!(way.matches("| read 0 and 0").count(), 3, "{way}");
        assert_eq!((way.matches("| read ").count(), way.matches("| wrote ").count()), (12, 8), "{way}");
        assert!(way.contains("| wrote 8 and 8"), "{way}");
    }
}

#[test]
fn bounded_buffer() {
    let log = run("bounded-buffer");
    assert_eq!(log.split("\nover ").skip(1).count(), 3, "{log}");
    for way in log.split("\nover ").skip(1) {
        let (before, after) = way.split_once("| took ").unwrap();
        assert!(before.contains("3 of 3 places are taken"), "{way}");
        assert_eq!(after.matches("| took ").count(), 11, "{way}");
    }
}

#[test]
fn three_ways() {
    let log = run("three-ways");
    let lines = [
        "by a mapped file",
        "A | somebody types \"Good morning.\"",
        "B | I have received \"Good morning.\"",
        "A | somebody types \"That was all.\"",
        "B | A has nothing more",
        "by a pipe",
        "A | somebody types \"Every byte arrives: ä, ß, €.\"",
        "B | I have received \"Every byte arrives: ä, ß, €.\"",
        "B | A has closed the pipe",
    ];
    assert_order(&log, &lines);
}

#[test]
fn unknown_labs_and_closed_output() {
    let world = World::new();
    let output = world.run(&["lab", "alchemy"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("[possible values: anonymous-pipe, named-pipe"), "{errors}");
    let mut lab = world.winipc();
    let mut lab = lab.args(["lab", "race"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(lab.stdout.take());
    let output = lab.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
}

/// A process that dies is no success.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_dies() {
    use rustix::process::{Pid, Signal, kill_process};
    let world = World::new();
    // In real tempo it does not end before that.
    let mut lab = common::Process::start(world.winipc().args(["lab", "race", "--pace", "real"]));
    lab.expect("ann | the next free slot");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", lab.id())).unwrap();
    let child: i32 = children.split_whitespace().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
    let (status, _, errors) = lab.finish();
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(errors.contains("the process of ann has failed"), "{errors}");
}

#[test]
fn anonymous_pipe() {
    let log = run("anonymous-pipe");
    let lines: Vec<_> = (1..=10)
        .map(|number| format!("parent | the child writes \"Message num {number}\", and I send it back"))
        .chain(["parent | both pipes are at their end, and so is the child".to_owned()])
        .collect();
    assert_order(&log, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    for number in 1..=10 {
        assert_order(&log, &[&format!("parent | the child says aside: \"Message num {number}\" came back")]);
    }
}
