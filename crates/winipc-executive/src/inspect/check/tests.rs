//! Every kind of damage is found, a whole arena is clean, and noise is survived.

use super::{Fault, run};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::layout::{REGIONS, Region};
use crate::arena::seat::Seat;
use crate::arena::state::{WAITERS, with_value};
use crate::arena::word::Guarded32;
use crate::context::{Current, attach_in_memory, join_in_memory};
use crate::dispatcher::{BlockId, signal};
use crate::handle::{Handle, look_up};
use crate::object::Attributes;
use crate::records::Object;
use crate::wait::{self, Mode, Outcome};
use crate::{apc, event, handle, mutex, semaphore, timer};

const ALL: u32 = 0x1F_0003;

fn named(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

/// An arena with something of everything in it: the mutex is owned, two threads
/// wait for the event.
struct World {
    current: Current,
    event: Handle,
    /// The second of two that the thread owns.
    mutex: Handle,
    semaphore: Handle,
    timer: Handle,
}

impl World {
    fn new() -> Self {
        let current = attach_in_memory();
        let create = |name: &str| {
            event::create(&Attributes { name: Some(&named(name)), inherit: false }, ALL, true, false)
        };
        let (event, _) = create("first").unwrap();
        let closed: Vec<Handle> =
            (0..10).map(|number| create(&format!("closed {number}")).unwrap().0).collect();
        create(&"long".repeat(100)).unwrap();
        let unnamed = Attributes::default();
        let (other, _) = mutex::create(&unnamed, ALL, true).unwrap();
        let (mutex, _) = mutex::create(&unnamed, ALL, true).unwrap();
        assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
        assert_ne!(other, mutex);
        let (semaphore, _) = semaphore::create(&unnamed, ALL, 1, 2).unwrap();
        let (timer, _) = timer::create(&unnamed, ALL, false).unwrap();
        let routine = Some(apc::Routine { address: 1, context: 2 });
        timer::set(timer, &timer::Setting { due: -1_000_000_000_000, period_ms: 5, routine }).unwrap();
        apc::queue(Handle::CURRENT_THREAD, 1, 2).unwrap();
        apc::queue(Handle::CURRENT_THREAD, 3, 4).unwrap();
        for handle in closed.into_iter().step_by(2) {
            handle::close(handle).unwrap();
        }
        let world = World { current, event, mutex, semaphore, timer };
        for mode in [Mode::Any, Mode::All] {
            world.block(mode);
        }
        world
    }

    /// Has a thread wait for the event, for as long as the test runs.
    fn block(&self, mode: Mode) {
        let context = self.current.context;
        let (event, semaphore) = (self.event, self.semaphore);
        let last = self.object(event).0.last_waiter.peek();
        std::thread::spawn(move || {
            join_in_memory(context);
            let objects = [event, semaphore];
            wait::many(&objects[..if mode == Mode::All { 2 } else { 1 }], mode, None, false)
        });
        while self.object(event).0.last_waiter.peek() == last {
            std::thread::yield_now();
        }
    }

    fn object(&self, handle: Handle) -> (&'static Object, Ref<Object>) {
        let found = look_up(&self.current, handle).unwrap();
        (found.object, found.reference)
    }

    fn faults(&self) -> Vec<Fault> {
        let lock = self.current.begin().unwrap();
        run(lock.arena())
    }
}

#[test]
fn a_whole_arena_has_no_fault() {
    let world = World::new();
    assert_eq!(world.faults(), []);
}

impl World {
    /// Changes a guarded word behind everybody's back.
    fn set(&self, word: &Guarded32, value: u32) {
        let mut lock = self.current.begin().unwrap();
        word.set(&mut lock, value);
        lock.commit().unwrap();
    }

    fn set_state(&self, object: &Object, change: impl Fn(u64) -> u64) {
        let mut lock = self.current.begin().unwrap();
        let state = object.state.claim(&mut lock);
        object.state.set(&mut lock, change(state));
        lock.commit().unwrap();
    }

    /// The name of [`World::event`].
    fn name_block(&self) -> BlockRef {
        BlockRef(self.object(self.event).0.name.peek())
    }
}

/// Does some damage to a fresh world and expects a fault whose text begins with `place` and ends with `found`.
fn damaged(place: &str, found: &str, damage: impl Fn(&World)) {
    let world = World::new();
    assert_eq!(world.faults(), []);
    damage(&world);
    let faults = world.faults();
    let is_it = |fault: &Fault| {
        let text = fault.to_string();
        text.contains(place) && text.ends_with(found)
    };
    assert!(faults.iter().any(is_it), "no fault like {place:?} ... {found:?} in {faults:#?}");
}

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
fn a_wrong_count_of_a_process_s_handles_is_found() {
    damaged("handle count of process record #1", "found 99", |world| {
        world.set(&world.current.process().handle_count, 99);
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
fn a_chain_too_short_for_its_bytes_is_found() {
    damaged("blocks for 5000 bytes", "found blocks for 96", |world| {
        world.set(&world.current.arena().block(world.name_block()).unwrap().length, 5000);
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
fn impossible_states_are_found() {
    damaged("state of Event object", "0x40", |world| {
        world.set_state(world.object(world.event).0, |state| with_value(state, 0x40));
    });
    damaged("count of Semaphore object", "found 3", |world| {
        world.set_state(world.object(world.semaphore).0, |state| with_value(state, 3));
    });
    damaged("a kind of object", "tag 77", |world| world.set(&world.object(world.event).0.head.tag, 77));
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
    damaged("claim of process record", "found 5", |world| world.current.process().claim.store(5));
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

#[test]
fn noise_is_survived() {
    for seed in 1..=60_u64 {
        let world = World::new();
        let arena = world.current.arena();
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut noise = || {
            // xorshift; half of the words are small, so that many references lead somewhere.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random & 1 << 40 == 0 { random } else { random & 0x1F_0000_001F }
        };
        // The region of the journals' overflow is no record of anything.
        for region in 0..REGIONS {
            let is_record =
                region != Region::JournalOverflow as usize && region != Region::ClaimOverflow as usize;
            if is_record && (seed % 4 != 3 || region == Region::Object as usize) {
                arena.scribble(region, [1, 2, 30, 300][seed as usize % 4], &mut noise);
            }
        }
        // Little noise may hit nothing that is in use.
        assert!(seed % 4 > 1 || !run(arena).is_empty());
        run(arena);
        let listing = crate::inspect::collect::listing(arena);
        for object in &listing.objects {
            let _ = object.state.to_string();
        }
    }
}
