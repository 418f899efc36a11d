//! What rooms have in the file system, and that nothing of it stays.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::time::Instant;

use common::{PATIENCE, Process, World, mechanisms};

/// The files of rooms; `None` if not even their directory is there.
fn files(world: &World) -> Option<BTreeSet<String>> {
    let names = |directory: &std::path::Path| {
        let entries = directory.read_dir().unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let directory = names(world.directory()).into_iter().find(|name| name.ends_with("+chat"))?;
    Some(names(&world.directory().join(directory)))
}

fn enter(world: &World, room: &str, over: &str, name: &str) -> Process {
    let mut member = Process::start(world.winipc().args(["chat", room, "--over", over, "--name", name]));
    member.expect("serves");
    member
}

#[test]
fn the_last_to_leave_leaves_nothing() {
    for over in mechanisms() {
        for is_server_first in [false, true] {
            let world = World::new();
            let mut ann = enter(&world, "a.room", &over, "ann");
            let bob = enter(&world, "a.room", &over, "bob");
            ann.expect("* bob has joined");
            let (mut first, mut last) = if is_server_first { (ann, bob) } else { (bob, ann) };
            first.type_line("/quit");
            first.succeed();
            last.expect("has left");
            if is_server_first {
                last.expect("* bob now serves the room");
            }
            // It can still be found.
            let mut cleo = enter(&world, "a.room", &over, "cleo");
            last.expect("* cleo has joined");
            cleo.type_line("/quit");
            cleo.succeed();
            last.succeed();
            assert_eq!(files(&world), None, "{over}");
        }
    }
}

/// And what belongs to somebody who lives is left alone.
#[test]
fn what_the_killed_have_left_is_removed_by_who_comes_next() {
    for over in mechanisms() {
        let world = World::new();
        let mut living = enter(&world, "living", &over, "dan");
        let of_living = files(&world);
        let ann = enter(&world, "dead", &over, "ann");
        let mut bob = enter(&world, "dead", &over, "bob");
        ann.kill();
        bob.expect("* bob now serves the room");
        bob.kill();
        let has_files = ["fifo", "unix-socket", "tcp", "udp"].contains(&over.as_str());
        assert_eq!(files(&world) != of_living, has_files, "{over}");
        let mut cleo = enter(&world, "elsewhere", "named-pipe", "cleo");
        assert_eq!(files(&world), of_living, "{over}");
        cleo.type_line("/quit");
        cleo.succeed();
        let mut eve = enter(&world, "living", &over, "eve");
        eve.type_line("are you there?");
        living.expect("eve: are you there?");
        eve.kill();
        living.kill();
        assert!(world.run(&["tour", "--only", "named-pipe", "--messages", "1"]).status.success());
        assert_eq!(files(&world), None, "{over}");
    }
}

/// Those who come put their files into a directory that those who leave remove.
#[test]
fn who_leaves_is_not_in_the_way_of_who_comes() {
    for over in ["fifo", "unix-socket", "tcp", "udp"] {
        let world = &World::new();
        std::thread::scope(|scope| {
            for number in 0..4 {
                scope.spawn(move || {
                    let (room, name) = (["one", "two"][number % 2], format!("m{number}"));
                    for _ in 0..10 {
                        // It leaves at once.
                        let output = world.run(&["chat", room, "--over", over, "--name", &name]);
                        let errors = String::from_utf8_lossy(&output.stderr);
                        assert!(output.status.success(), "{over}: {errors}");
                    }
                });
            }
            scope.spawn(move || {
                for _ in 0..10 {
                    let arguments = ["chat", "three", "--over", over, "--name", "server", "--serve"];
                    let mut server = Process::start(world.winipc().args(arguments));
                    server.expect("serves");
                    server.type_line("/quit");
                    server.succeed();
                }
            });
        });
        assert_eq!(files(world), None, "{over}");
    }
}

#[test]
fn a_tour_that_is_killed_leaves_its_rooms_to_the_next() {
    let world = World::new();
    let arguments = ["tour", "--messages", "1000000", "--only", "fifo"];
    let mut tour = Process::start(world.winipc().args(arguments));
    tour.expect("ann: Good morning");
    assert!(files(&world).is_some());
    tour.kill();
    // Its processes end when they notice.
    let end = Instant::now() + PATIENCE;
    while files(&world).is_some() {
        assert!(world.run(&["tour", "--messages", "1", "--only", "tcp"]).status.success());
        assert!(Instant::now() < end, "{:?}", files(&world));
    }
}
