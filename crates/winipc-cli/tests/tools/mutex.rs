//! `winipc mutex`.

use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal, kill_process};

use super::common::{Process, World};
use super::{assert_ends, await_waiter};

#[test]
fn the_status_is_that_of_the_command() {
    let world = World::new();
    let run = |command: &[&str], status, complaint| {
        assert_ends(&world, &[&["mutex", "run", "m"], command].concat(), status, complaint);
    };
    run(&["--", "true"], 0, "");
    run(&["sh", "-c", "exit 7"], 7, "");
    run(&["--", "sh", "-c", "kill -TERM $$"], 143, "");
    run(&["/nonesuch"], 127, "/nonesuch");
    run(&["/etc/passwd"], 126, "/etc/passwd");
    run(&[], 2, "COMMAND");
}

#[test]
fn one_at_a_time() {
    let world = World::new();
    let mut owner = Process::start(world.winipc().args(["mutex", "run", "m", "cat"]));
    owner.type_line("in it");
    owner.expect("in it");
    assert_ends(&world, &["mutex", "run", "m", "--timeout", "0", "true"], 124, "");
    assert_ends(&world, &["wait", "m", "--timeout", "1ms"], 124, "");
    let mut next = Process::start(world.winipc().args(["mutex", "run", "m", "--", "echo", "mine"]));
    await_waiter(&world, "m");
    owner.succeed();
    next.expect("mine");
    next.succeed();
    assert_ends(&world, &["wait", "m"], 3, "\"m\"");
}

#[test]
fn the_next_learns_that_the_owner_died() {
    let world = World::new();
    let mut owner = Process::start(world.winipc().args(["mutex", "run", "m", "cat"]));
    owner.type_line("in it");
    owner.expect("in it");
    let command = ["mutex", "run", "m", "sh", "-c", "echo abandoned: $WINIPC_ABANDONED"];
    let mut next = Process::start(world.winipc().args(command));
    await_waiter(&world, "m");
    owner.kill();
    next.expect("abandoned: 1");
    let (status, _, errors) = next.finish();
    assert!(status.success(), "{status}");
    assert_eq!(errors, "winipc: the last owner of the mutex \"m\" died owning it\n");
}

#[test]
fn signals_go_to_the_command() {
    let world = World::new();
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::HUP, "HUP"), (Signal::INT, "INT")] {
        // bash loses a signal that comes just before `wait`, but not one that comes between two commands.
        let script =
            format!("trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.01; done");
        let mut command = world.winipc();
        // In the group that a terminal's keys go to, an interrupt would count as one of them.
        command.args(["mutex", "run", "m", "--", "bash", "-c", &script]).process_group(0);
        let mut owner = Process::start(&mut command);
        owner.expect("ready");
        kill_process(Pid::from_raw(owner.id() as i32).unwrap(), signal).unwrap();
        owner.expect(&format!("got {name}"));
        let (status, _, errors) = owner.finish();
        assert_eq!(status.code(), Some(9), "{errors}");
    }
}
