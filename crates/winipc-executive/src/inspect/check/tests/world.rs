//! An arena with something of everything in it, and damage done to it.

// Requests are given memory of the test's.
#![allow(unsafe_code)]

use crate::arena::block::BlockRef;
use crate::arena::word::Guarded32;
use crate::arena::{Ref, Txn};
use crate::context::{Current, attach_in_memory, join_in_memory};
use crate::handle::{Handle, look_up};
use crate::inspect::check::{Fault, run};
use crate::io::end;
use crate::object::Attributes;
use crate::pipe::{self, PipeTimeout, Server};
use crate::records::{Instance, Kind, Object, Pipe};
use crate::status::Result;
use crate::wait::{self, Mode, Outcome};
use crate::{apc, event, handle, io, mailslot, mutex, object, section, semaphore, timer};

const ALL: u32 = 0x1F_0003;

/// A way to report that lasts as long as the process.
fn overlapped() -> io::Overlapped {
    let words = Box::leak(Box::new([0_usize; 2]));
    // SAFETY: the words are never freed and nothing else uses them.
    let block = unsafe { io::StatusBlock::new(words) };
    io::Overlapped { block, event: None, routine: None, no_packet: false }
}

pub(super) fn named(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

/// An arena with something of everything in it: the mutex is owned, two threads
/// wait for the event.
pub(super) struct World {
    pub(super) current: Current,
    pub(super) event: Handle,
    /// The second of two that the thread owns.
    pub(super) mutex: Handle,
    pub(super) semaphore: Handle,
    pub(super) timer: Handle,
    /// It has two views, and no file.
    pub(super) section: Handle,
}

/// Makes a section with two views.
fn section(current: &Current) -> Handle {
    let (section, _) = object::create(current, &Attributes::default(), Kind::Section, ALL, allocate).unwrap();
    let reference = look_up(current, section).unwrap().reference;
    for _ in 0..2 {
        let mut lock = current.begin().unwrap();
        section::enter(&mut lock, current, reference).unwrap();
        lock.commit().unwrap();
    }
    section
}

fn allocate(lock: &mut Txn<'static>) -> Result<Ref<Object>> {
    section::allocate(lock, 4096, section::Protection::ReadWrite, false)
}

impl World {
    pub(super) fn new() -> Self {
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
        let section = section(&current);
        let world = World { current, event, mutex, semaphore, timer, section };
        for mode in [Mode::Any, Mode::All] {
            world.block(mode);
        }
        world.mailslots();
        world.pipes();
        // Last, so that there are free slots.
        for handle in closed.into_iter().step_by(2) {
            handle::close(handle).unwrap();
        }
        // Two that nothing refers to. Whoever closes a handle frees them.
        let mut lock = current.begin().unwrap();
        for _ in 0..2 {
            let unused = allocate(&mut lock).unwrap();
            section::gone(&mut lock, unused, current.arena().get(unused).unwrap()).unwrap();
        }
        lock.commit().unwrap();
        world
    }

    /// Makes pipe 1, with instance 1 connected, a message for the server and another whose writer waits, and a client
    /// that waits for one; instance 2 listens with a request. Pipe 2 has its only instance, 3, in use with an
    /// overlapped read, one thread that reads at the client's end and one that waits for its turn to, and somebody
    /// waits for another instance.
    fn pipes(&self) {
        let server = |name: &str, instances: u32| {
            let server = Server { overlapped: true, max_instances: instances, ..Server::new(true, 16) };
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
        self.start(move || read(one), || file.body[end::BUSY].peek() != 0);
        let is_queued = || {
            let idle = Ref::<Object>::from_index(file.body[end::IDLE].peek() as u32);
            idle.some().is_some_and(|idle| self.current.arena().get(idle).unwrap().first_waiter.peek() != 0)
        };
        self.start(move || read(one), is_queued);
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

    /// Makes mailslot 1 with two messages, a client and one that sends datagrams, mailslot 2, which a read waits for,
    /// and mailslot 3, of which only a client is left.
    fn mailslots(&self) {
        let server = |name: &str| {
            let server =
                mailslot::Server { max_message: 0, timeout_ms: mailslot::WAIT_FOREVER, inherit: false };
            mailslot::create(&named(name), &server).unwrap()
        };
        let client = |name: &str| mailslot::open(&named(name), 0x4000_0000, false, false).unwrap();
        server("full");
        let full = client("full");
        let datagrams = mailslot::open_datagram(&named("full"), 0x4000_0000, false, false).unwrap();
        io::write(full, b"one", None).unwrap();
        io::write(datagrams, b"two", None).unwrap();
        let empty = server("empty");
        let buffer = Box::leak(Box::new([0_u8; 8]));
        // SAFETY: the buffer is never freed.
        let buffer = unsafe { io::ReadBuffer::new(buffer.as_mut_ptr(), buffer.len()) };
        assert_eq!(io::read(empty, buffer, Some(overlapped())), Ok(io::Outcome::Pending));
        let gone = server("gone");
        client("gone");
        handle::close(gone).unwrap();
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

    pub(super) fn object(&self, handle: Handle) -> (&'static Object, Ref<Object>) {
        let found = look_up(&self.current, handle).unwrap();
        (found.object, found.reference)
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        let lock = self.current.begin().unwrap();
        run(lock.arena())
    }
}

impl World {
    /// Changes a guarded word behind everybody's back.
    pub(super) fn set(&self, word: &Guarded32, value: u32) {
        let mut lock = self.current.begin().unwrap();
        word.set(&mut lock, value);
        lock.commit().unwrap();
    }

    pub(super) fn set_state(&self, object: &Object, change: impl Fn(u64) -> u64) {
        let mut lock = self.current.begin().unwrap();
        let state = object.state.claim(&mut lock);
        object.state.set(&mut lock, change(state));
        lock.commit().unwrap();
    }

    /// The name of [`World::event`].
    pub(super) fn name_block(&self) -> BlockRef {
        BlockRef(self.object(self.event).0.name.peek())
    }
}

/// Does some damage to a fresh world and expects a fault whose text begins with `place` and ends with `found`.
pub(super) fn damaged(place: &str, found: &str, damage: impl Fn(&World)) {
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

/// The first connected instance of a world.
pub(super) fn instance(world: &World) -> &'static Instance {
    world.current.arena().get(Ref::from_index(1)).unwrap()
}
