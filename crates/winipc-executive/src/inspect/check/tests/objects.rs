//! Objects, their names and their waiters.

use super::world::{World, damaged, named};
use crate::arena::state::{WAITERS, with_value};
use crate::dispatcher::{BlockId, signal};

#[test]
fn a_wrong_count_of_handles_is_found() {
    damaged("handles to Event object", "found 7", |world| world.set(&world.object(world.event).0.handles, 7));
}

#[test]
fn a_wrong_count_of_references_is_found() {
    damaged("references to Event object", "found 7", |world| {
        world.set(&world.object(world.event).0.references, 7)
    });
    damaged("expected a reference", "not freed", |world| {
        world.set(&world.object(world.timer).0.references, 0)
    });
}

#[test]
fn damage_to_the_name_table_is_found() {
    let words = |world: &World| &world.current.arena().block(world.name_block()).unwrap().words;
    damaged("hash of name", "found 5", |world| world.set(&words(world)[2], 5));
    damaged("which is free", "which is free", |world| world.set(&words(world)[0], 1 << 20));
    damaged("name of Event object", "", |world| world.set(&world.object(world.event).0.name, 0));
    damaged("directory of name", "found 9", |world| world.set(&words(world)[3], 9));
    // The name is linked in front of itself.
    damaged("a block of its own", "something else owns too", |world| {
        world.set(&words(world)[1], world.name_block().0)
    });
    damaged("something that has it", "nothing", |world| {
        let hash = words(world)[2].peek() as usize;
        world.set(&world.current.arena().header().names[hash % crate::arena::layout::NAME_BUCKETS], 0);
    });
}

#[test]
fn two_things_of_one_name_are_found() {
    damaged("a name that nothing else has", "found first", |world| {
        let unnamed = world.object(world.semaphore);
        let units = named("first");
        let name = crate::name::Name::parse(&units).unwrap();
        let mut lock = world.current.begin().unwrap();
        let block = crate::name::insert(&mut lock, &name, unnamed.1.index()).unwrap();
        unnamed.0.name.set(&mut lock, block.0);
        lock.commit().unwrap();
    });
}

#[test]
fn damage_to_a_queue_of_waiters_is_found() {
    let event = |world: &World| world.object(world.event).0;
    let first =
        |world: &World| BlockId(event(world).first_waiter.peek()).block(world.current.arena()).unwrap();
    damaged("waiters of object", "noted: true, found false", |world| {
        world.set_state(event(world), |state| state & !WAITERS);
    });
    damaged("waiters of object", "noted: false, found true", |world| {
        world.set_state(world.object(world.timer).0, |state| state | WAITERS);
    });
    damaged("last of waiters of object", "", |world| world.set(&event(world).last_waiter, 64));
    damaged("previous of block", "found 3", |world| world.set(&first(world).previous, 3));
    damaged("blocks queued here, each once", "", |world| {
        let itself = event(world).first_waiter.peek();
        world.set(&first(world).next, itself);
    });
    damaged("wait blocks", "found block 4294967295", |world| world.set(&first(world).next, u32::MAX));
    damaged("expected queued", "found not queued", |world| world.set(&first(world).generation, 0));
    damaged("generation in wait block", "", |world| {
        let generation = first(world).generation.peek();
        world.set(&first(world).generation, generation ^ 1);
    });
}

#[test]
fn a_thread_that_sleeps_although_it_could_go_on_is_found() {
    damaged("nobody who could go on", "", |world| {
        world.set_state(world.object(world.event).0, |state| with_value(state, signal::SET | signal::MANUAL));
    });
}

#[test]
fn impossible_states_are_found() {
    damaged("state of Event object", "0x40", |world| {
        world.set_state(world.object(world.event).0, |state| with_value(state, 0x40));
    });
    damaged("count of Semaphore object", "found 3", |world| {
        world.set_state(world.object(world.semaphore).0, |state| with_value(state, 3));
    });
    damaged("a kind of object", "tag 77", |world| world.set(&world.object(world.event).0.head.tag, 77));
}
