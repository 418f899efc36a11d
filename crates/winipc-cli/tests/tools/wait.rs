//! `winipc wait`.

use super::common::{Process, World};
use super::{assert_ends, assert_prints, await_waiter};

#[test]
fn any_or_all_of_all_kinds() {
    let script = "
        winipc event create e -- \
        winipc semaphore create s --maximum 2 --initial 0 -- \
        winipc timer create t -- \
        winipc mutex run m -- sh -c '
            winipc wait --timeout 0 e s t m; echo $?
            winipc semaphore release s
            winipc wait e s t m
            winipc wait --timeout 0 e s t m; echo $?
            winipc event set e
            winipc wait --all --timeout 0 e t; echo $?
            winipc timer set t --after 1ms
            winipc wait --all e t
            winipc wait --all --timeout 0 e t; echo $?'";
    assert_prints(&World::new(), script, "124\n0\ns\n124\n124\ne\nt\n124\n");
}

#[test]
fn the_first_of_several_and_a_mutex_is_given_back() {
    let world = World::new();
    let mut holder = Process::start(world.winipc().args(["event", "create", "e", "--set", "--manual"]));
    holder.expect("created");
    assert_prints(&world, "winipc mutex run m -- winipc wait m e", "e\n");
    let mut owner = Process::start(world.winipc().args(["mutex", "run", "m", "cat"]));
    owner.type_line("in it");
    owner.expect("in it");
    let mut waiter = Process::start(world.winipc().args(["wait", "--all", "m", "e"]));
    await_waiter(&world, "m");
    let mut next = Process::start(world.winipc().args(["mutex", "run", "m", "echo", "mine"]));
    owner.succeed();
    waiter.expect("m");
    waiter.expect("e");
    waiter.succeed();
    next.expect("mine");
    // And nobody died owning it.
    let (status, _, errors) = next.finish();
    assert!(status.success() && errors.is_empty(), "{status}: {errors}");
}

#[test]
fn an_abandoned_mutex() {
    let world = World::new();
    let mut owner = Process::start(world.winipc().args(["mutex", "run", "m", "cat"]));
    owner.type_line("in it");
    owner.expect("in it");
    let mut waiter = Process::start(world.winipc().args(["wait", "m"]));
    await_waiter(&world, "m");
    owner.kill();
    waiter.expect("m");
    let (status, _, errors) = waiter.finish();
    assert_eq!(status.code(), Some(4), "{errors}");
}

#[test]
fn what_cannot_be_waited_for() {
    let world = World::new();
    let mut holder = Process::start(world.winipc().args(["event", "create", "e"]));
    holder.expect("created");
    assert_ends(&world, &["wait", "e", "nonesuch"], 3, "\"nonesuch\"");
    assert_ends(&world, &["wait"], 2, "NAME");
    assert_ends(&world, &["wait", "--all", "e", "e"], 1, "only once");
    assert_ends(&world, &[&["wait"], &["e"; 65][..]].concat(), 1, "at most 64");
}
