//! The journal and the allocator on plain memory: what a thread that dies in the middle leaves is undone.

use std::cell::RefCell;

use super::journal::LONGEST_JOURNAL;
use super::layout::{EXTENTS, OFFSETS, REGIONS, Region};
use super::seat::{LOCAL_CLAIMS, LOCAL_ENTRIES, Seat};
use super::slab::{Record, Ref};
use super::state::{CLAIM, WAITERS, with_value};
use super::transaction::Txn;
use super::word::Free64;
use super::{Arena, block::BlockRef};
use crate::records::{Object, Request};
use crate::status::Status;

const SEAT: Ref<Seat> = Ref::from_index(1);

/// Records of each region that [`snapshot`] looks at; the tests touch no others.
const COMPARED: usize = 16;

fn arena() -> &'static Arena {
    let arena = Arena::in_memory();
    for (region, extent) in EXTENTS.iter().enumerate() {
        arena.commit(region, COMPARED.min(extent.capacity)).unwrap();
    }
    Box::leak(Box::new(arena))
}

fn begin(arena: &'static Arena) -> Txn<'static> {
    Txn::new(arena, arena.get(SEAT).unwrap())
}

/// All words behind the header's first lines that a transaction may write. The journals, which are in seats and
/// overflow regions, are no part of what is compared, and neither is how much memory regions have.
fn snapshot(arena: &Arena) -> Vec<u64> {
    let mut words = Vec::new();
    let mut copy = |offset: usize, length: usize| {
        for at in (offset..offset + length).step_by(8) {
            words.push(arena.word_at::<Free64>(at).unwrap().load());
        }
    };
    for region in 0..REGIONS {
        let slab = arena.slab_at(region);
        copy(arena.offset_of(&slab.free) & !7, 8);
        let is_journal = [Region::Seat, Region::JournalOverflow, Region::ClaimOverflow]
            .iter()
            .any(|journal| *journal as usize == region);
        if !is_journal {
            let records = COMPARED.min(EXTENTS[region].capacity);
            copy(OFFSETS[region], (records * EXTENTS[region].size) & !7);
        }
    }
    words
}

/// Runs a transaction that writes `most` times and then ends without a commit, as a thread that is killed does.
fn die_after(arena: &'static Arena, most: usize, write: &dyn Fn(&mut Txn<'static>, &dyn Fn() -> bool)) {
    let mut lock = begin(arena);
    let left = RefCell::new(most);
    write(&mut lock, &|| {
        let mut left = left.borrow_mut();
        let goes_on = *left != 0;
        *left = left.saturating_sub(1);
        goes_on
    });
    std::mem::forget(lock);
}

/// Objects that the tests write to.
fn objects(arena: &'static Arena, count: usize) -> Vec<Ref<Object>> {
    let mut lock = begin(arena);
    let objects = (0..count).map(|_| lock.allocate::<Object>(1).unwrap()).collect();
    lock.commit().unwrap();
    objects
}

#[test]
fn every_prefix_of_a_transaction_is_undone() {
    let arena = arena();
    let objects = objects(arena, 3);
    // Words of both widths, the same one several times, and claims among them.
    let write = |lock: &mut Txn<'static>, goes_on: &dyn Fn() -> bool| {
        for round in 1..5 {
            for reference in &objects {
                let object = arena.get(*reference).unwrap();
                if !goes_on() {
                    return;
                }
                object.handles.set(lock, round);
                if !goes_on() {
                    return;
                }
                let state = object.state.claim(lock);
                if !goes_on() {
                    return;
                }
                object.state.set(lock, with_value(state, round) | WAITERS);
                if !goes_on() {
                    return;
                }
                object.body[0].set(lock, u64::MAX / u64::from(round));
            }
        }
    };
    let before = snapshot(arena);
    let seat = arena.get(SEAT).unwrap();
    for most in 0..=48 {
        die_after(arena, most, &write);
        assert_eq!(snapshot(arena) == before, most == 0, "after {most} steps");
        arena.roll_back(seat, LONGEST_JOURNAL);
        assert!(snapshot(arena) == before, "after {most} steps");
        arena.roll_back(seat, LONGEST_JOURNAL); // there is nothing left to do
        assert!(snapshot(arena) == before);
    }
}

#[test]
fn an_entry_whose_word_is_not_yet_written_does_no_harm() {
    let arena = arena();
    let object = arena.get(objects(arena, 1)[0]).unwrap();
    let before = snapshot(arena);
    let mut lock = begin(arena);
    object.handles.set(&mut lock, 7);
    object.references.set(&mut lock, 8);
    std::mem::forget(lock);
    // The second word as if the thread had died between the entry and the store.
    arena.word_at::<super::word::Free32>(arena.offset_of(&object.references)).unwrap().store(0);
    arena.roll_back(arena.get(SEAT).unwrap(), LONGEST_JOURNAL);
    assert!(snapshot(arena) == before);
}

#[test]
fn an_entry_beyond_the_length_is_not_undone() {
    let arena = arena();
    let object = arena.get(objects(arena, 1)[0]).unwrap();
    let seat = arena.get(SEAT).unwrap();
    let mut lock = begin(arena);
    object.handles.set(&mut lock, 7);
    lock.commit().unwrap();
    // The entry is still there, and says 0; only the length says that it counts.
    arena.roll_back(seat, LONGEST_JOURNAL);
    assert_eq!(object.handles.peek(), 7);
    let mut lock = begin(arena);
    object.handles.set(&mut lock, 8);
    std::mem::forget(lock);
    arena.roll_back(seat, LONGEST_JOURNAL);
    assert_eq!(object.handles.peek(), 7);
}

#[test]
fn a_recovery_that_dies_is_begun_anew() {
    let arena = arena();
    let object = arena.get(objects(arena, 1)[0]).unwrap();
    let before = snapshot(arena);
    let seat = arena.get(SEAT).unwrap();
    for undone in 0..=6 {
        let mut lock = begin(arena);
        for value in 1..=6 {
            object.handles.set(&mut lock, value);
        }
        std::mem::forget(lock);
        // The first recoverer undoes some, newest first, and dies: the journal is as it was.
        arena.word_at::<super::word::Free32>(arena.offset_of(&object.handles)).unwrap().store(6 - undone);
        arena.roll_back(seat, LONGEST_JOURNAL);
        assert!(snapshot(arena) == before, "after {undone}");
    }
}

#[test]
fn a_dropped_transaction_undoes_itself_and_a_panic_does_too() {
    let arena = arena();
    let objects = objects(arena, 2);
    let before = snapshot(arena);
    let write = |lock: &mut Txn<'static>| {
        let object = arena.get(objects[0]).unwrap();
        object.limit.set(lock, 5);
        let state = object.state.claim(lock);
        object.state.set(lock, with_value(state, 9));
        lock.free(objects[1]).unwrap();
        lock.allocate::<Request>(2).unwrap();
        lock.allocate_chain(200_000, 3).unwrap();
    };
    let mut lock = begin(arena);
    write(&mut lock);
    drop(lock);
    assert!(snapshot(arena) == before);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut lock = begin(arena);
        write(&mut lock);
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert!(snapshot(arena) == before);
}

#[test]
fn claims_are_lifted_by_commit_and_by_recovery() {
    let arena = arena();
    // More than a seat has room for: the others are in the overflow region.
    let count = LOCAL_CLAIMS + 20;
    let objects = objects(arena, count);
    let states = || objects.iter().map(|reference| arena.get(*reference).unwrap().state.load());
    let claim_all = || {
        let mut lock = begin(arena);
        for reference in &objects {
            assert!(arena.get(*reference).unwrap().state.claim(&mut lock) & CLAIM != 0);
        }
        assert!(states().all(|state| state & CLAIM != 0));
        lock
    };
    claim_all().commit().unwrap();
    assert!(states().all(|state| state & CLAIM == 0));
    std::mem::forget(claim_all());
    arena.roll_back(arena.get(SEAT).unwrap(), LONGEST_JOURNAL);
    assert!(states().all(|state| state & CLAIM == 0));
}

#[test]
fn a_transaction_that_outgrows_its_seat_is_undone_too() {
    let arena = arena();
    let object = arena.get(objects(arena, 1)[0]).unwrap();
    let before = snapshot(arena);
    let many = LOCAL_ENTRIES as u32 + 100;
    let write_many = || {
        let mut lock = begin(arena);
        for value in 1..=many {
            object.handles.set(&mut lock, value);
        }
        lock
    };
    std::mem::forget(write_many());
    assert_eq!(object.handles.peek(), many);
    arena.roll_back(arena.get(SEAT).unwrap(), LONGEST_JOURNAL);
    assert!(snapshot(arena) == before);
    drop(write_many());
    assert!(snapshot(arena) == before);
    write_many().commit().unwrap();
    assert_eq!(object.handles.peek(), many);
}

#[test]
fn a_transaction_that_outgrows_the_overflow_region_fails_as_a_whole() {
    let arena = arena();
    let object = arena.get(objects(arena, 1)[0]).unwrap();
    let before = snapshot(arena);
    let most = LOCAL_ENTRIES + EXTENTS[Region::JournalOverflow as usize].capacity;
    let mut lock = begin(arena);
    for value in 1..=most as u32 {
        object.handles.set(&mut lock, value);
    }
    assert_eq!(lock.step(), Ok(()));
    object.handles.set(&mut lock, 0);
    assert_eq!(object.handles.peek(), most as u32, "there is no room to note what it was");
    assert_eq!(lock.step(), Err(Status::INSUFFICIENT_RESOURCES), "loops notice");
    assert_eq!(lock.commit(), Err(Status::INSUFFICIENT_RESOURCES));
    assert!(snapshot(arena) == before);
}

/// Where a claim found no room, changing the word was taken for a mistake of the caller's, who panicked.
#[test]
fn a_transaction_with_too_many_claims_fails_as_a_whole() {
    let arena = arena();
    let most = LOCAL_CLAIMS + EXTENTS[Region::ClaimOverflow as usize].capacity;
    arena.commit(Region::Object as usize, most + 2).unwrap();
    let state = |number: usize| &arena.get(Ref::<Object>::from_index(number as u32)).unwrap().state;
    let mut lock = begin(arena);
    assert!((1..=most).all(|number| state(number).claim(&mut lock) & CLAIM != 0));
    assert_eq!(lock.step(), Ok(()));
    let one_too_many = state(most + 1);
    let before = one_too_many.claim(&mut lock);
    assert_eq!(before & CLAIM, 0, "there is no room to note it");
    one_too_many.set(&mut lock, with_value(before, 1));
    assert_eq!(lock.step(), Err(Status::INSUFFICIENT_RESOURCES), "loops notice");
    assert_eq!(lock.commit(), Err(Status::INSUFFICIENT_RESOURCES));
    assert!((1..=most + 1).all(|number| state(number).load() == 0));
}

/// A neighbour's noise for a length made all of the journal's memory exist.
#[test]
fn rolling_back_noise_makes_no_memory_exist() {
    let arena = arena();
    let committed =
        || [Region::JournalOverflow, Region::ClaimOverflow].map(|region| arena.committed(region as usize));
    let before = committed();
    let seat = arena.get(SEAT).unwrap();
    seat.set_unfinished(u32::MAX, u32::MAX);
    arena.roll_back(seat, LONGEST_JOURNAL);
    assert_eq!(committed(), before);
    assert_eq!(seat.unfinished(), (0, 0));
}

#[test]
fn freed_records_are_handed_out_again_last_first() {
    let arena = arena();
    let objects = objects(arena, 4);
    let fresh = arena.slab(Object::REGION).fresh.peek();
    let mut lock = begin(arena);
    for reference in &objects[..3] {
        lock.free(*reference).unwrap();
    }
    assert_eq!(lock.free(objects[0]), Err(Status::ARENA_CORRUPT), "freed twice");
    assert_eq!(lock.free(Ref::<Object>::NONE), Err(Status::ARENA_CORRUPT));
    for reference in objects[..3].iter().rev() {
        assert_eq!(lock.allocate::<Object>(1), Ok(*reference));
    }
    lock.commit().unwrap();
    assert_eq!(arena.slab(Object::REGION).fresh.peek(), fresh);
}

#[test]
fn a_free_list_that_leads_to_a_used_record_is_an_error() {
    let arena = arena();
    let objects = objects(arena, 2);
    let mut lock = begin(arena);
    lock.free(objects[0]).unwrap();
    arena.slab(Object::REGION).free.set(&mut lock, objects[1].index());
    assert_eq!(lock.allocate::<Object>(1), Err(Status::ARENA_CORRUPT));
    arena.slab(Object::REGION).free.set(&mut lock, u32::MAX);
    assert_eq!(lock.allocate::<Object>(1), Err(Status::ARENA_CORRUPT));
}

#[test]
fn a_payload_of_any_length_comes_back_and_goes() {
    let arena = arena();
    for length in [0, 1, 95, 96, 97, 4096, 65_504, 65_505, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|number| (number * 7) as u8).collect();
        let mut lock = begin(arena);
        let chain = lock.allocate_chain(length, 3).unwrap();
        arena.copy_in(chain, &bytes).unwrap();
        let mut copy = vec![0; length];
        arena.copy_out(chain, 0, &mut copy).unwrap();
        assert_eq!(copy, bytes);
        if length > 10 {
            arena.copy_out(chain, length - 10, &mut copy[..10]).unwrap();
            assert_eq!(copy[..10], bytes[length - 10..]);
        }
        assert_eq!(arena.copy_out(chain, 1 << 20, &mut [0]), Err(Status::ARENA_CORRUPT));
        assert_eq!(arena.copy_in(chain, &vec![0; 1 << 20]), Err(Status::ARENA_CORRUPT));
        lock.free_chain(chain).unwrap();
        assert_eq!(lock.free_chain(chain), Err(Status::ARENA_CORRUPT), "freed twice");
    }
    assert!(arena.block(BlockRef(u32::MAX)).is_err());
}
