//! Processes, their handles, timers and seats.

use super::world::{World, damaged};
use crate::arena::Ref;
use crate::context::join_in_memory;
use crate::process::claim;
use crate::records::HandlePage;
use crate::{handle, timer};

#[test]
fn a_wrong_count_of_a_process_s_handles_is_found() {
    damaged("handle count of process record #1", "found 99", |world| {
        world.set(&world.current.process().handle_count, 99);
    });
}

#[test]
fn wrong_counts_of_handles_to_search_for_are_found() {
    fn first_page(world: &World) -> &'static HandlePage {
        handle::pages(world.current.arena(), world.current.process()).next().unwrap().2
    }
    damaged("inheritable handles from 0x0", "found 99", |world| {
        world.set(&first_page(world).inheritable, 99);
    });
    damaged("handles to files from 0x0", "found 99", |world| {
        world.set(&first_page(world).files, 99);
    });
}

#[test]
fn a_handle_to_nothing_is_found() {
    damaged("handle 0x4 of process record", "which is free", |world| {
        let (_, _, page) = handle::pages(world.current.arena(), world.current.process()).next().unwrap();
        let mut lock = world.current.begin().unwrap();
        page.entries[1].set(&mut lock, 1 << 63 | 100_000);
        lock.commit().unwrap();
    });
}

#[test]
fn a_stale_handle_is_found() {
    damaged("generation in handle", "", |world| {
        let (_, _, page) = handle::pages(world.current.arena(), world.current.process()).next().unwrap();
        let mut lock = world.current.begin().unwrap();
        let entry = page.entries[1].get(&lock);
        page.entries[1].set(&mut lock, entry ^ 1 << 22);
        lock.commit().unwrap();
    });
}

#[test]
fn a_damaged_list_of_free_handles_is_found() {
    damaged("free handles of", "listed twice", |world| world.set(&world.current.process().free_handle, 1));
    damaged("free handles of", "5 missing", |world| world.set(&world.current.process().free_handle, 0));
}

#[test]
fn a_lost_and_a_foreign_page_of_handles_are_found() {
    damaged("handle page #1", "found none", |world| world.set(&world.current.process().pages[0], 0));
    damaged("handle table of", "found 1", |world| world.set(&world.current.process().pages[1], 77));
}

#[test]
fn damage_to_a_process_s_timers_is_found() {
    damaged("lists of timers that have", "found 0", |world| {
        world.set(&world.current.process().first_timer, 0)
    });
    damaged("live timers, each once", "object #9999", |world| {
        world.set(&world.current.process().first_timer, 9999)
    });
    damaged("thread of timer", "", |world| {
        let mut lock = world.current.begin().unwrap();
        world.object(world.timer).0.body[timer::THREAD].set(&mut lock, 2);
        lock.commit().unwrap();
    });
}

#[test]
fn damage_to_seats_and_processes_is_found() {
    damaged("a process object", "none", |world| world.set(&world.current.process().object, 0));
    damaged("object of process record", "which is free", |world| {
        world.set(&world.current.process().object, 900)
    });
    damaged("process object of", "generation 1", |world| {
        world.current.process().generation.store(8);
    });
    damaged("keeper of process record", "seat #300", |world| world.current.process().keeper.store(300));
    damaged("claim of process record", "found 6", |world| world.current.process().claim.store(6));
    damaged("parent of process record", "none", |world| {
        world.current.process().claim.store(claim::prepared(Ref::from_index(3)));
    });
    damaged("first thread of process record", "which is free", |world| {
        world.set(&world.current.process().first_thread, 900)
    });
    damaged("kind of the first thread of", "", |world| {
        world.set(&world.current.process().first_thread, world.current.process().object.peek())
    });
    damaged("a process in use", "process record #3", |world| {
        world.current.seat_record.claim.store(3 << 1 | 1)
    });
    damaged("nobody at a free seat", "a living thread", |world| world.current.seat_record.claim.store(0));
    damaged("handle count of free process record", "", |world| world.current.process().claim.store(0));
}

#[test]
fn the_dead_that_nobody_buries_are_found() {
    let world = World::new();
    let context = world.current.context;
    std::thread::spawn(move || {
        join_in_memory(context);
    })
    .join()
    .unwrap();
    let faults = world.faults();
    assert!(faults.iter().any(|fault| fault.expected == "buried, as its thread is dead"), "{faults:#?}");
}
