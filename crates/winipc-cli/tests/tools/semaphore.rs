//! `winipc semaphore`.

use rustix::process::{Pid, Signal, kill_process};

use super::common::{Process, World};
use super::{assert_ends, assert_prints};

#[test]
fn waits_take_and_releases_give() {
    let script = "winipc semaphore create slots --maximum 3 --initial 1 -- sh -c '
        winipc semaphore wait slots; echo $?
        winipc semaphore wait slots --timeout 0; echo $?
        winipc semaphore release slots --count 2
        winipc semaphore release slots
        winipc semaphore release slots 2>/dev/null; echo $?
        winipc semaphore run slots -- winipc semaphore release slots
        winipc semaphore wait slots; echo $?'";
    // While `run` has one of three, two are left.
    let expected = "0\n124\n0\n2\n1\n2\n0\n";
    let world = World::new();
    let output = super::shell(&world, script).output().unwrap();
    // It could not give its own back: it was given back already.
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("would pass its maximum"), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_command_that_is_ended_gives_back() {
    let world = World::new();
    let mut holder = Process::start(world.winipc().args(["semaphore", "create", "s", "--maximum", "1"]));
    holder.expect("created");
    // It does not end with its input.
    let command = ["semaphore", "run", "s", "sh", "-c", "echo in it; exec tail -f /dev/null"];
    let mut user = Process::start(world.winipc().args(command));
    user.expect("in it");
    assert_ends(&world, &["semaphore", "run", "s", "--timeout", "0", "true"], 124, "");
    kill_process(Pid::from_raw(user.id() as i32).unwrap(), Signal::TERM).unwrap();
    let (status, _, errors) = user.finish();
    assert_eq!(status.code(), Some(143), "{errors}");
    assert_ends(&world, &["semaphore", "run", "s", "--timeout", "0", "sh", "-c", "exit 3"], 3, "");
    assert_ends(&world, &["semaphore", "run", "nonesuch", "true"], 125, "\"nonesuch\"");
}

#[test]
fn nobody_reads_the_count() {
    let script = "winipc semaphore create s --maximum 2 --initial 0 -- sh -c '
        winipc semaphore release s >&-; echo $?
        winipc semaphore wait s; echo $?'";
    assert_prints(&World::new(), script, "0\n0\n");
}
