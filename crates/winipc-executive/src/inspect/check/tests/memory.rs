//! Free lists, blocks and unfinished transactions.

use super::world::{World, damaged};
use crate::arena::Ref;
use crate::arena::layout::Region;
use crate::arena::seat::Seat;

#[test]
fn a_chain_too_short_for_its_bytes_is_found() {
    damaged("blocks for 5000 bytes", "found blocks for 96", |world| {
        world.set(&world.current.arena().block(world.name_block()).unwrap().length, 5000);
    });
}

#[test]
fn damage_to_the_free_lists_is_found() {
    let slab = |world: &World| world.current.arena().slab(Region::Object);
    damaged("free list of Object records", "which is in use", |world| world.set(&slab(world).free, 1));
    damaged("free list of Object records", "#900", |world| world.set(&slab(world).free, 900));
    damaged("in use or in the free list", "neither", |world| world.set(&slab(world).free, 0));
    damaged("memory of Object records", "", |world| world.set(&slab(world).fresh, 1 << 20));
    damaged("each slot once", "again", |world| {
        let first = slab(world).free.peek();
        let head = world.current.arena().head_at(Region::Object as usize, first).unwrap();
        world.set(&head.link, first);
    });
    damaged("Seat records handed out", "found 3", |world| {
        world.set(&world.current.arena().slab(Region::Seat).fresh, 3);
    });
}

#[test]
fn a_block_that_nothing_has_is_found() {
    damaged("with tag 9", "found nothing", |world| {
        let mut lock = world.current.begin().unwrap();
        lock.allocate_chain(10, 9).unwrap();
        lock.commit().unwrap();
    });
}

#[test]
fn what_an_unfinished_transaction_leaves_is_found() {
    damaged("claimed words of seat #2", "found 3", |world| {
        world.current.arena().get(Ref::<Seat>::from_index(2)).unwrap().set_unfinished(0, 3);
    });
    damaged("journal entries of seat #2", "found 1", |world| {
        world.current.arena().get(Ref::<Seat>::from_index(2)).unwrap().set_unfinished(1, 0);
    });
    damaged("not claimed while nobody decides", "claimed", |world| {
        world.object(world.event).0.state.claim_for_test();
    });
}
