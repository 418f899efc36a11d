//! `winipc event`, and what all tools have in common.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::common::{Process, World};
use super::{assert_ends, assert_prints, await_waiter, shell};

#[test]
fn a_manual_event_stays_set() {
    let script = "winipc event create go --manual -- sh -c '
        winipc event wait go --timeout 0; echo $?
        winipc event set go
        winipc event wait go; echo $?
        winipc event wait go; echo $?
        winipc event reset go
        winipc event wait go --timeout 1ms; echo $?'";
    assert_prints(&World::new(), script, "124\n0\n0\n124\n");
}

#[test]
fn an_automatic_event_lets_one_through() {
    let script = "winipc event create go --set -- sh -c '
        winipc event wait go; echo $?
        winipc event wait go --timeout 0; echo $?'";
    assert_prints(&World::new(), script, "0\n124\n");
}

#[test]
fn a_pulse_releases_who_waits() {
    let world = World::new();
    let mut holder = Process::start(world.winipc().args(["event", "create", "go", "--manual"]));
    holder.expect("created");
    let waiter = Process::start(world.winipc().args(["event", "wait", "go"]));
    await_waiter(&world, "go");
    assert_ends(&world, &["event", "pulse", "go"], 0, "");
    waiter.succeed();
    assert_ends(&world, &["event", "wait", "go", "--timeout", "0"], 124, "");
}

#[test]
fn the_object_is_there_while_it_is_held() {
    let world = World::new();
    assert_ends(&world, &["event", "set", "go"], 3, "the event \"go\"");
    let mut holder = Process::start(world.winipc().args(["event", "create", "go", "--until-eof"]));
    holder.expect("created");
    assert_ends(&world, &["event", "set", "go"], 0, "");
    assert_ends(&world, &["event", "create", "go", "--new"], 5, "exists already");
    assert_ends(&world, &["event", "create", "go", "--new", "--", "true"], 125, "exists already");
    let mut second = Process::start(world.winipc().args(["event", "create", "go"]));
    second.expect("opened");
    holder.succeed();
    assert_ends(&world, &["event", "wait", "go"], 0, "");
    // As `kill` does.
    kill_process(Pid::from_raw(second.id() as i32).unwrap(), Signal::TERM).unwrap();
    second.succeed();
    assert_ends(&world, &["event", "wait", "go"], 3, "the event \"go\"");
}

#[test]
fn a_holder_in_the_background() {
    let script = "
        holder=$(winipc event create go --set --background) &&
        winipc event wait go; echo $?
        winipc event create go --new --background 2>&1; echo $?
        kill $holder
        while winipc event reset go 2>/dev/null; do :; done
        winipc event reset go 2>/dev/null; echo $?";
    let expected = "0\nwinipc: the event \"go\" exists already\n5\n3\n";
    assert_prints(&World::new(), script, expected);
}

#[test]
fn what_is_not_there_yet_is_looked_for() {
    let world = World::new();
    let waiter = Process::start(world.winipc().args(["event", "wait", "later", "--retry"]));
    let mut holder = Process::start(world.winipc().args(["event", "create", "later", "--set"]));
    holder.expect("created");
    waiter.succeed();
    assert_ends(&world, &["event", "wait", "never", "--retry", "--timeout", "30ms"], 124, "\"never\"");
}

#[test]
fn signals_that_were_ignored_stay_so() {
    let world = World::new();
    // As `nohup` does.
    let mut holder = Process::start(&mut shell(&world, "trap '' HUP; exec winipc event create go"));
    holder.expect("created");
    let status = std::fs::read_to_string(format!("/proc/{}/status", holder.id())).unwrap();
    let mask = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    let (hang_up, terminate) = (1, 1 << (Signal::TERM.as_raw() - 1));
    assert_eq!(mask("SigIgn:") & hang_up, hang_up);
    assert_eq!(mask("SigCgt:") & (hang_up | terminate), terminate);
}

#[test]
fn wrong_names_and_wrong_usage() {
    let world = World::new();
    let mut holder = Process::start(world.winipc().args(["event", "create", "an-event"]));
    holder.expect("created");
    let cases: [(&[&str], i32, &str); 15] = [
        (&["event", "set", ""], 2, "NAME"),
        (&["event", "set", r"a\b"], 2, "the event \"a\\b\""),
        (&["event", "create", r"a\b"], 2, "the event \"a\\b\""),
        (&["event", "create", r"a\b", "--", "true"], 125, "the event \"a\\b\""),
        (&["event", "set"], 2, "NAME"),
        (&["event", "wait", "go", "--timeout", "soon"], 2, "a number of seconds"),
        (&["event", "create", "go", "--background", "--", "true"], 2, "cannot be used with"),
        (&["semaphore", "wait", "an-event"], 1, "choose another name"),
        (&["timer", "cancel", "an-event"], 1, "another kind"),
        (&["mutex", "run", "an-event", "true"], 125, "another kind"),
        (&["semaphore", "create", "an-event", "--maximum", "1"], 5, "another kind"),
        (&["semaphore", "create", "an-event", "--maximum", "1", "--new"], 5, "another kind"),
        (&["timer", "set", "t"], 2, "--after"),
        (
            &["semaphore", "create", "s", "--maximum", "1", "--initial", "2", "--", "true"],
            2,
            "--initial 2 is more",
        ),
        (&["semaphore", "create", "s", "--maximum", "0"], 2, "a whole number from 1 to 2147483647"),
    ];
    for (arguments, status, complaint) in cases {
        assert_ends(&world, arguments, status, complaint);
    }
    // Names are as good in Global\ and in other letters.
    let script = r#"winipc event create 'Global\fête' --set -- winipc wait 'Global\fête'"#;
    assert_prints(&world, script, "Global\\fête\n");
}

#[test]
fn nobody_reads_the_output() {
    let world = World::new();
    let mut command = world.winipc();
    command.args(["event", "create", "go"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    assert_prints(&world, "winipc event create go --set -- winipc wait go >&-", "");
}

#[test]
fn a_namespace_that_cannot_be_used() {
    let world = World::new();
    let mut command = world.winipc();
    let output = command.args(["event", "set", "go"]).env("WINIPC_DIR", "/nonesuch/dir").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("/nonesuch/dir"), "{errors}");
}
