//! The exit statuses that `--help` promises, where a tool has a COMMAND and where it has none.

use super::common::World;
use super::{assert_ends, assert_prints};

/// Tools that run a COMMAND, without it.
const RUNNERS: [&[&str]; 7] = [
    &["mutex", "run", "NAME"],
    &["semaphore", "run", "NAME"],
    &["event", "create", "NAME"],
    &["semaphore", "create", "NAME", "--maximum", "1"],
    &["timer", "create", "NAME"],
    &["section", "create", "NAME", "4096"],
    &["pipe", "serve", "NAME"],
];

fn with_command<'a>(runner: &[&'a str], name: &'a str, command: &'a str) -> Vec<&'a str> {
    let words = runner.iter().map(|word| if *word == "NAME" { name } else { word });
    words.chain(["--", command]).collect()
}

/// It ended with 1, as the COMMAND could have done.
#[test]
fn what_fails_before_the_command_is_told_from_what_the_command_does() {
    let world = World::new();
    for runner in RUNNERS {
        let arguments = with_command(runner, "name", "true");
        let mut command = world.winipc();
        let output = command.args(&arguments).env("WINIPC_DIR", "/nonesuch/dir").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{arguments:?}: {errors}");
        assert!(errors.contains("/nonesuch/dir"), "{errors}");
        // A name that cannot be; and wrong usage, which is found out before anything else.
        let name = if runner[0] == "pipe" { r"\\.\mailslot\x" } else { r"a\b" };
        assert_ends(&world, &with_command(runner, name, "true"), 125, name);
        let arguments = [&runner[..2], &["--nonesuch"], &["x", "--", "true"]].concat();
        if runner[1] != "run" {
            assert_ends(&world, &arguments, 2, "--nonesuch");
        }
    }
}

#[test]
fn a_command_that_cannot_be_run() {
    let world = World::new();
    let script = "winipc semaphore create slots --maximum 1 --background";
    let holder = super::shell(&world, script).output().unwrap();
    let holder = String::from_utf8(holder.stdout).unwrap();
    for (command, status) in [("/nonesuch", 127), ("/etc/passwd", 126), ("false", 1), ("true", 0)] {
        for runner in RUNNERS {
            let complaint = if status > 1 { command } else { "" };
            if runner[0] == "pipe" {
                let script = format!(
                    "winipc pipe connect p --receive-only --retry &
                    winipc pipe serve p --once -- {command} 2>/dev/null; echo $?
                    wait"
                );
                assert_prints(&world, &script, &format!("{status}\n"));
            } else {
                let name = if runner == ["semaphore", "run", "NAME"] { "slots" } else { "name" };
                assert_ends(&world, &with_command(runner, name, command), status, complaint);
            }
        }
    }
    assert_prints(&world, &format!("kill {holder}"), "");
}

#[test]
fn no_object_and_no_time() {
    let world = World::new();
    for kind in ["event", "semaphore", "timer"] {
        assert_ends(&world, &[kind, "wait", "absent"], 3, "only while some process holds it");
        let late = [kind, "wait", "absent", "--retry", "--timeout", "1ms"];
        assert_ends(&world, &late, 124, "before the time was up");
    }
    for (tool, status) in [
        (&["wait", "absent"][..], 3),
        (&["section", "read", "absent"], 3),
        (&["pipe", "call", "absent"], 3),
        (&["pipe", "connect", "absent"], 3),
        (&["mailslot", "send", "absent"], 3),
        (&["semaphore", "release", "absent"], 3),
        (&["semaphore", "run", "absent", "--retry", "--timeout", "1ms", "true"], 124),
    ] {
        let complaint =
            if status == 3 { "only while some process holds it" } else { "before the time was up" };
        assert_ends(&world, tool, status, complaint);
        if status == 3 {
            let late = [tool, &["--retry", "--timeout", "1ms"]].concat();
            assert_ends(&world, &late, 124, "before the time was up");
        }
    }
}

/// What was wrong, and what is wanted.
#[test]
fn wrong_names_and_numbers_are_explained() {
    let world = World::new();
    let backslash = r"a name has no backslash but that of Global\ or Local\ in front";
    let cases: [(&[&str], &str); 16] = [
        (&["event", "create", r"a\b"], backslash),
        (&["wait", r"a\b"], backslash),
        (&["section", "create", r"local\x", "1"], backslash),
        (&["event", "create", r"Global\"], r"anything else NAME or Global\NAME"),
        (&["pipe", "serve", r"\\.\mailslot\x"], r"a pipe is called NAME or \\.\pipe\NAME"),
        (&["semaphore", "create", "s", "--count", "x"], "give a whole number from 0 to 2147483647"),
        (&["semaphore", "release", "s", "--count", "0"], "give a whole number from 1 to 2147483647"),
        (&["mailslot", "listen", "m", "--max-message", "1K"], "give a whole number from 1 to 4294967295"),
        (
            &["event", "wait", "e", "--timeout", "x"],
            "give a number of seconds, or a number with ms, s, m or h",
        ),
        (
            &["event", "wait", "e", "--timeout", ""],
            "give a number of seconds, or a number with ms, s, m or h",
        ),
        (&["timer", "create", "t", "--at", "noon"], "give a date and a time like 2030-01-31T12:00:00"),
        (&["timer", "create", "t", "--every", "600h"], "a period has at most 2147483647 ms"),
        (
            &["event", "wait", "e", "--timeout", "-1"],
            "give a number of seconds, or a number with ms, s, m or h",
        ),
        (&["semaphore", "release", "s", "--count", "-1"], "give a whole number from 1 to 2147483647"),
        (&["section", "create", "s", "-1"], "give a number of bytes, or a number with K, M or G"),
        (&["section", "create", "s", "1X"], "give a number of bytes, or a number with K, M or G"),
    ];
    for (arguments, complaint) in cases {
        assert_ends(&world, arguments, 2, complaint);
    }
}
