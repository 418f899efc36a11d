//! Every kind of damage is found, a whole arena is clean, and noise is survived.

// Requests are given memory of the test's.
#![allow(unsafe_code)]

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
use crate::pipe::channel::SPARE_TAG;
use crate::pipe::{self, Direction, PipeTimeout, Server};
use crate::records::{Instance, Object, Pipe, Process, Request};
use crate::wait::{self, Mode, Outcome};
use crate::{apc, event, handle, io, mutex, semaphore, timer};

const ALL: u32 = 0x1F_0003;

/// A way to report that lasts as long as the process.
fn overlapped() -> io::Overlapped {
    let words = Box::leak(Box::new([0_usize; 2]));
    // SAFETY: the words are never freed and nothing else uses them.
    let block = unsafe { io::StatusBlock::new(words) };
    io::Overlapped { block, event: None, routine: None, no_packet: false }
}

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
        let world = World { current, event, mutex, semaphore, timer };
        for mode in [Mode::Any, Mode::All] {
            world.block(mode);
        }
        world.pipes();
        // Last, so that there are free slots.
        for handle in closed.into_iter().step_by(2) {
            handle::close(handle).unwrap();
        }
        world
    }

    /// Makes pipe 1, with instance 1 connected, a message for the server and another whose writer waits, and a client that
    /// waits for one; instance 2 listens with a request. Pipe 2 has its only instance, 3, in use with an overlapped
    /// read, one thread that reads at the client's end and one that waits for its turn to, and somebody waits for
    /// another instance.
    fn pipes(&self) {
        let server = |name: &str, instances: u32| {
            let server = Server {
                direction: Direction::Duplex,
                extra_access: 0,
                overlapped: true,
                first_instance: false,
                message_type: true,
                message_read: true,
                nowait: false,
                reject_remote: false,
                max_instances: instances,
                out_quota: 16,
                in_quota: 16,
                default_timeout_ms: 50,
                inherit: false,
            };
            pipe::create(&named(name), &server).unwrap().0
        };
        let client =
            |name: &str, overlapped| pipe::open(&named(name), 0xC000_0000, overlapped, false).unwrap();
        server("many", 9);
        let many = client("many", true);
        io::write(many, &[1; 10], None).unwrap();
        let listening = server("many", 9);
        assert_eq!(pipe::listen(listening, Some(overlapped())), Ok(io::Outcome::Pending));
        let only = server("one", 1);
        let one = client("one", false);
        let buffer = Box::leak(Box::new([0_u8; 8]));
        // SAFETY: the buffer is never freed.
        let buffer = unsafe { io::ReadBuffer::new(buffer.as_mut_ptr(), buffer.len()) };
        assert_eq!(io::read(only, buffer, Some(overlapped())), Ok(io::Outcome::Pending));

        let instance: &Instance = self.current.arena().get(Ref::from_index(1)).unwrap();
        self.start(
            move || io::write(many, &[2; 10], None),
            || instance.channels[0].first_unsettled.peek() != 0,
        );
        let read = move |file: Handle| {
            let mut bytes = [0_u8; 8];
            // SAFETY: the call returns when the request is complete.
            let buffer = unsafe { io::ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
            io::read(file, buffer, None)
        };
        self.start(move || read(many), || instance.channels[1].first_reader.peek() != 0);
        // One reads and the other waits until it has.
        let file = self.object(one).0;
        self.start(move || read(one), || file.body[pipe::BUSY].peek() != 0);
        self.start(move || read(one), || file.body[pipe::IDLE].peek() != 0);
        let flushed = || instance.channels[0].first_flush.peek() != 0;
        self.start(move || io::flush(many), flushed);
        let pipe: &Pipe = self.current.arena().get(Ref::from_index(2)).unwrap();
        let is_waiting = || {
            let event = Ref::<Object>::from_index(pipe.available.peek());
            event
                .some()
                .is_some_and(|event| self.current.arena().get(event).unwrap().first_waiter.peek() != 0)
        };
        self.start(|| pipe::wait_available(&named("one"), PipeTimeout::Forever), is_waiting);
    }

    /// Has a thread make a call that blocks for as long as the test runs, and waits until it does.
    fn start<T>(&self, call: impl FnOnce() -> T + Send + 'static, is_blocked: impl Fn() -> bool) {
        let context = self.current.context;
        std::thread::spawn(move || {
            join_in_memory(context);
            let _ = call();
        });
        while !is_blocked() {
            std::thread::yield_now();
        }
    }

    /// Has a thread wait for the event, for as long as the test runs.
    fn block(&self, mode: Mode) {
        let objects = [self.event, self.semaphore];
        let count = if mode == Mode::All { 2 } else { 1 };
        let object = self.object(self.event).0;
        let last = object.last_waiter.peek();
        let call = move || wait::many(&objects[..count], mode, None, false);
        self.start(call, || object.last_waiter.peek() != last);
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

/// The first connected instance of a world.
fn instance(world: &World) -> &'static Instance {
    world.current.arena().get(Ref::from_index(1)).unwrap()
}

fn first_pipe(world: &World) -> &'static Pipe {
    world.current.arena().get(Ref::from_index(1)).unwrap()
}

#[test]
fn damage_to_a_pipe_is_found() {
    damaged("instances of pipe #1", "found 5", |world| world.set(&first_pipe(world).count, 5));
    damaged("instances of pipe #1: expected 1 to 1", "found 2", |world| {
        world.set(&first_pipe(world).maximum, 1)
    });
    damaged("instances of pipe #1 with a server", "found 0", |world| {
        world.set(&first_pipe(world).servers, 0)
    });
    damaged("name of pipe #1", "found 0", |world| world.set(&first_pipe(world).name, 0));
    damaged("instance #2 is among those that listen", "found false", |world| {
        world.set(&first_pipe(world).first_listening, 0);
    });
    damaged("last of listening instances", "found 1", |world| {
        world.set(&first_pipe(world).last_listening, 1)
    });
    damaged("instances of the pipe, each once", "#3", |world| {
        world.set(&first_pipe(world).first_listening, 3)
    });
    damaged("event of pipe #2 is set", "found true", |world| {
        let pipe: &Pipe = world.current.arena().get(Ref::from_index(2)).unwrap();
        let event = world.current.arena().get(Ref::from_index(pipe.available.peek())).unwrap();
        world.set_state(event, |state| with_value(state, signal::SET | signal::MANUAL));
    });
}

#[test]
fn damage_to_an_instance_is_found() {
    damaged("pipe of instance #1", "#44", |world| world.set(&instance(world).pipe, 44));
    damaged("state of instance #1", "1, [true, true]", |world| world.set(&instance(world).state, 1));
    damaged("end 1 of instance #1", "#1", |world| world.set(&instance(world).ends[1].object, 1));
    let file = |world: &World| -> &'static Object {
        let instance: &Instance = world.current.arena().get(Ref::from_index(3)).unwrap();
        world.current.arena().get(Ref::from_index(instance.ends[1].object.peek())).unwrap()
    };
    let set = |world: &World, word: usize, value: u64| {
        let mut lock = world.current.begin().unwrap();
        file(world).body[word].set(&mut lock, value);
        lock.commit().unwrap();
    };
    damaged("request in progress on Pipe object", "#77", |world| set(world, pipe::BUSY, 77));
    damaged("idle event of Pipe object", "found false", |world| set(world, pipe::BUSY, 0));
    damaged("references to Event object", "found 2", |world| set(world, pipe::IDLE, 0));
    damaged("instance of Pipe object", "#1", |world| world.set(&instance(world).ends[0].object, 0));
}

#[test]
fn damage_to_a_channel_is_found() {
    let channel = |world: &World| &instance(world).channels[0];
    let first = |world: &World| world.current.arena().block(BlockRef(channel(world).first.peek())).unwrap();
    damaged("bytes beyond the quota", "found 3", |world| world.set(&channel(world).unsettled, 3));
    damaged("bytes within the quota", "found 3", |world| world.set(&channel(world).settled, 3));
    damaged("to wait for a message in it", "block #0.0", |world| {
        let flush = Ref::<Request>::from_index(channel(world).first_flush.peek());
        world.set(&world.current.arena().get(flush).unwrap().message, 0);
    });
    damaged("let in, as it fits the quota", "kept waiting", |world| world.set(&channel(world).quota, 100));
    damaged("at most 1", "found 10", |world| world.set(&channel(world).quota, 1));
    damaged("last message of channel", "found 0", |world| world.set(&channel(world).last, 0));
    damaged("a message in it", "", |world| world.set(&channel(world).first_unsettled, 1));
    damaged("none, as it fits the quota", "", |world| world.set(&channel(world).first_unsettled, 0));
    damaged("readers of channel to end 1", "found 1", |world| {
        let (to_server, to_client) = (channel(world), &instance(world).channels[1]);
        for (to, from) in [
            (&to_client.first, &to_server.first),
            (&to_client.last, &to_server.last),
            (&to_client.first_unsettled, &to_server.first_unsettled),
        ] {
            world.set(to, from.peek());
            world.set(from, 0);
        }
    });
    damaged("offset of message", "found 11", |world| world.set(&first(world).words[0], 11));
    damaged("pins of message", "found 2", |world| world.set(&first(world).words[2], 2));
    damaged("tag of block", "found 5", |world| world.set(&first(world).head.tag, SPARE_TAG));
    damaged("a block of its own", "something else owns too", |world| {
        let itself = channel(world).first.peek();
        world.set(&first(world).head.link, itself);
    });
}

#[test]
fn damage_to_requests_is_found() {
    let process = |world: &World| -> &'static Process { world.current.process() };
    let first = |world: &World| -> &'static Request {
        world.current.arena().get(Ref::from_index(process(world).first_request.peek())).unwrap()
    };
    damaged("request #1", "found none", |world| world.set(&process(world).first_request, 0));
    damaged("process of request", "found 3", |world| world.set(&first(world).process, 3));
    damaged("state of", "found 9", |world| world.set(&first(world).state, 9));
    damaged("an operation", "found 9", |world| world.set(&first(world).head.tag, 9));
    damaged("file of", "which is free", |world| world.set(&first(world).file, 700));
    damaged("kind of the event of", "", |world| world.set(&first(world).event, first(world).file.peek()));
    damaged("issuer of", "nobody (0x777)", |world| world.set(&first(world).thread, 0x777));
    damaged("expected blocked in it", "not", |world| {
        let thread = world.current.arena().get::<crate::records::Thread>(Ref::from_index(
            crate::arena::seat::SeatId(first(world).thread.peek()).seat().index(),
        ));
        world.set(&thread.unwrap().synchronous, 0);
    });
    damaged("last of completed requests", "found 1", |world| world.set(&process(world).last_completed, 1));
    damaged("queues that request #", "found 0", |world| {
        world.set(&instance(world).channels[1].first_reader, 0)
    });
    damaged("live requests that are in no other queue", "", |world| {
        let reader = instance(world).channels[1].first_reader.peek();
        world.set(&process(world).first_completed, reader);
    });
    damaged("a blocking request of its own", "#3000", |world| {
        world.set(&world.current.thread.synchronous, 3000)
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
