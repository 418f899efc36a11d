//! What belongs to a thread: calls queued to it, mutexes it owns, messages it copies.

use super::world::{damaged, instance};
use crate::apc;
use crate::arena::block::BlockRef;
use crate::arena::state::with_value;

#[test]
fn damage_to_queued_calls_is_found() {
    damaged("last of queued calls", "found 0", |world| world.set(&world.current.thread.last_apc, 0));
    damaged("with tag 2", "found nothing", |world| {
        world.set(&world.current.thread.first_apc, 0);
        world.set(&world.current.thread.last_apc, 0);
    });
    damaged("at most one call of each of its timers", "one of object #1", |world| {
        let first = world.current.arena().block(BlockRef(world.current.thread.first_apc.peek())).unwrap();
        world.set(&first.words[apc::TIMER], 1);
    });
}

#[test]
fn damage_to_the_list_of_owned_mutexes_is_found() {
    damaged("a thread that has it in its list", "seat #1", |world| world.current.thread.owned.store(0));
    damaged("previous of", "found 9", |world| world.object(world.mutex).0.owned_previous.store(9));
    damaged("recursion of", "found 0", |world| world.object(world.mutex).0.recursion.store(0));
    damaged("mutexes of this thread", "", |world| {
        world.set_state(world.object(world.mutex).0, |state| with_value(state, 0));
    });
    damaged("owner of Mutex object", "nobody (0x12345)", |world| {
        world.set_state(world.object(world.mutex).0, |state| with_value(state, 0x12345));
    });
    damaged("live mutexes, each once", "", |world| {
        let (mutex, reference) = world.object(world.mutex);
        mutex.owned_next.store(reference.index());
    });
}

#[test]
fn damage_to_what_a_thread_copies_is_found() {
    damaged("a message", "with tag 1", |world| {
        world.set(&world.current.thread.reading, world.name_block().0)
    });
    damaged("pins of message", "found 0", |world| {
        world.set(&world.current.thread.partial, instance(world).channels[0].first.peek());
    });
    damaged("tag of block", "found 1", |world| {
        world.set(&world.current.thread.spare_block, world.name_block().0)
    });
    damaged("with tag 5", "found nothing", |world| {
        assert_ne!(world.current.thread.spare_block.peek(), 0);
        world.set(&world.current.thread.spare_block, 0);
    });
}
