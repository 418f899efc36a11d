//! Whoever has too much is refused, and has it all back when it is gone.

// Requests are given memory of the test's.
#![allow(unsafe_code)]

use super::*;
use crate::arena::seat::Seat;
use crate::context::{self, Current, attach_in_memory};
use crate::handle::{self, Handle};
use crate::inspect::check_arena;
use crate::io::end;
use crate::io::{self, Overlapped, ReadBuffer, StatusBlock};
use crate::object::Attributes;
use crate::pipe::{self, Server};
use crate::{apc, event, mailslot};

const ALL: u32 = 0x1F_0003;
/// A quota that a test can use up.
const QUOTA: u32 = 256 << 10;

fn attach() -> Current {
    let current = attach_in_memory();
    current.arena().header().quota.store(QUOTA);
    current
}

fn charge_of(current: &Current) -> u32 {
    assert_eq!(check_arena(current), []);
    current.process().charge.peek()
}

/// Does something until it is refused. Returns what it gave, and why it was refused.
fn until_refused<T>(mut action: impl FnMut(usize) -> Result<T>) -> (Vec<T>, Status) {
    let mut done = Vec::new();
    loop {
        match action(done.len()) {
            Ok(value) => done.push(value),
            Err(status) => return (done, status),
        }
    }
}

/// Both ends of a byte pipe, for overlapped use.
fn pipe(quota: u32) -> (Handle, Handle) {
    let server =
        Server { overlapped: true, first_instance: true, max_instances: 1, ..Server::new(true, quota) };
    let name: Vec<u16> = "pipe".encode_utf16().collect();
    let (server, _) = pipe::create(&name, &server).unwrap();
    (server, pipe::open(&name, 0xC000_0000, true, false).unwrap())
}

/// Memory for an overlapped call; it is never freed.
fn overlapped(event: Option<Handle>, routine: Option<usize>) -> Overlapped {
    // SAFETY: nothing else uses the words.
    let block = unsafe { StatusBlock::new(Box::leak(Box::new([0_usize; 2]))) };
    Overlapped { block, event, routine, no_packet: false }
}

fn buffer(length: usize) -> ReadBuffer {
    let bytes = Vec::leak(vec![0_u8; length]);
    // SAFETY: nothing else uses the bytes, which are never freed.
    unsafe { ReadBuffer::new(bytes.as_mut_ptr(), length) }
}

/// Each call is refused, or writes nothing, when its bytes have been copied in already. They stayed at the thread's
/// hand, and nobody paid for them.
#[test]
fn what_is_not_written_takes_no_memory() {
    let current = attach();
    let data = [1; 100_000];
    let nothing_at_hand = |what: &str| assert_eq!(current.thread.spare_block.peek(), 0, "{what}");
    let (server, client) = pipe(1000);
    pipe::set_mode(client, true, true).unwrap();
    assert_eq!(io::write(client, &data, None), Ok(io::Outcome::done(0)));
    nothing_at_hand("a write that must not wait");
    io::write(server, b"unread", None).unwrap();
    assert_eq!(pipe::transact(client, &data, buffer(8), None), Err(Status::PIPE_BUSY));
    nothing_at_hand("a transaction");
    handle::close(server).unwrap();
    assert_eq!(io::write(client, &data, None), Err(Status::PIPE_CLOSING));
    nothing_at_hand("a write to a pipe that is closed");
    let name: Vec<u16> = "nobody".encode_utf16().collect();
    let client = mailslot::open_datagram(&name, 0x4000_0000, false, false).unwrap();
    assert_eq!(io::write(client, &data[..10_000], None), Err(Status::BAD_NETWORK_PATH));
    nothing_at_hand("a message that is too long");
}

#[test]
fn a_reserve_is_never_smaller_than_what_it_is_for() {
    let sizes = [0, 1, LEAST, LEAST + 1, KEPT, STEP - 1, STEP, STEP + 1, MOST_MEMORY, u32::MAX];
    for pair in sizes.windows(2) {
        assert!(reserve_for(pair[0]) >= pair[0] && reserve_for(pair[0]) <= reserve_for(pair[1]));
    }
    assert_eq!(reserve_for(STEP + 1), 2 * STEP);
}

#[test]
fn handles_are_limited() {
    let current = attach();
    let make = || event::create(&Attributes::default(), ALL, false, false).map(|(event, _)| event);
    let (events, status) = until_refused(|_| make());
    assert_eq!(status, Status::INSUFFICIENT_RESOURCES);
    assert_eq!(events.len() as u32, most_handles(current.arena()));
    handle::close(events[0]).unwrap();
    make().unwrap();
    assert_eq!(charge_of(&current), 0);
}

#[test]
fn names_are_limited() {
    let current = attach();
    let before = charge_of(&current);
    for _ in 0..2 {
        let (events, status) = until_refused(|number| {
            let name: Vec<u16> = format!("{number} {}", "long".repeat(200)).encode_utf16().collect();
            event::create(&Attributes { name: Some(&name), inherit: false }, ALL, false, false)
        });
        assert_eq!(status, Status::QUOTA_EXCEEDED);
        assert_eq!(charge_of(&current), QUOTA, "every name takes a power of two");
        for (event, _) in events {
            handle::close(event).unwrap();
        }
        assert_eq!(charge_of(&current), before);
    }
}

#[test]
fn calls_are_limited() {
    let current = attach();
    let before = charge_of(&current);
    for _ in 0..2 {
        let (calls, status) = until_refused(|number| apc::queue(Handle::CURRENT_THREAD, 1, number));
        assert_eq!(status, Status::QUOTA_EXCEEDED);
        assert_eq!(charge_of(&current), QUOTA);
        for argument in 0..calls.len() {
            assert_eq!(apc::take(), Some(apc::Apc::User { address: 1, argument }));
        }
        assert_eq!(charge_of(&current), before);
    }
}

/// Calls outlast the process that queued them, as messages do.
#[test]
fn calls_of_processes_that_have_ended_are_limited() {
    let current = attach();
    let before = charge_of(&current);
    let thread = current.thread.id.load();
    for _ in 0..2 {
        let mut queued = 0;
        for _ in 0..8 {
            queued += visit_on_thread(current.arena(), || {
                let target = crate::thread::open(thread, 0x10, false).unwrap();
                until_refused(|number| apc::queue(target, 1, number)).0.len()
            });
        }
        assert!(queued * 128 <= QUOTA as usize, "{queued} calls");
        assert!(charge_of(&current) > QUOTA / 2);
        // It can still queue some of its own.
        apc::queue(Handle::CURRENT_THREAD, 1, 0).unwrap();
        for _ in 0..=queued {
            assert!(apc::take().is_some());
        }
        assert_eq!((apc::take(), charge_of(&current)), (None, before));
    }
}

/// A request's routine is queued when the request is complete, and stays when the request is gone.
#[test]
fn routines_that_have_not_run_are_limited() {
    let current = attach();
    let (server, client) = pipe(u32::MAX);
    let before = charge_of(&current);
    let (writes, status) = until_refused(|_| {
        io::write(client, b"", Some(overlapped(None, Some(1))))?;
        io::read(server, buffer(0), None)
    });
    assert_eq!(status, Status::QUOTA_EXCEEDED);
    for _ in writes {
        assert!(matches!(apc::take(), Some(apc::Apc::Io { .. })));
    }
    assert_eq!(apc::take(), None);
    assert!(charge_of(&current) <= before + KEPT);
}

/// Empty messages use up no quota of the pipe: nothing limited them.
#[test]
fn unread_messages_are_limited() {
    let current = attach();
    for size in [0, 100, 10_000] {
        let data = vec![1; size];
        let (server, client) = pipe(u32::MAX);
        let before = charge_of(&current);
        for _ in 0..2 {
            let (messages, status) = until_refused(|_| io::write(client, &data, None));
            assert_eq!(status, Status::QUOTA_EXCEEDED);
            assert!(charge_of(&current) > QUOTA / 2);
            for _ in messages {
                io::read(server, buffer(size), None).unwrap();
            }
            assert!(charge_of(&current) <= before + KEPT, "what small queues take is kept for them");
        }
        until_refused(|_| io::write(client, &data, None));
        handle::close(server).unwrap();
        assert_eq!(charge_of(&current), before);
        handle::close(client).unwrap();
    }
    let (_, client) = pipe(u32::MAX);
    assert_eq!(io::write(client, &vec![1; QUOTA as usize + 1], None), Err(Status::QUOTA_EXCEEDED));
    assert_eq!(io::write(client, b"", None), Ok(io::Outcome::done(0)));
}

fn slot(name: &str) -> Handle {
    let server = mailslot::Server { max_message: 0, timeout_ms: 0, inherit: false };
    mailslot::create(&name.encode_utf16().collect::<Vec<_>>(), &server).unwrap()
}

fn slot_client(name: &str) -> Handle {
    mailslot::open(&name.encode_utf16().collect::<Vec<_>>(), 0x4000_0000, false, false).unwrap()
}

/// They are paid for until they are read or lost with the slot.
#[test]
fn unread_messages_of_a_mailslot_are_limited() {
    let current = attach();
    for size in [0, 100, 10_000] {
        let data = vec![1; size];
        let before = charge_of(&current);
        let (server, client) = (slot("slot"), slot_client("slot"));
        let empty = charge_of(&current);
        for _ in 0..2 {
            let (messages, status) = until_refused(|_| io::write(client, &data, None));
            assert_eq!(status, Status::QUOTA_EXCEEDED);
            assert!(charge_of(&current) > QUOTA / 2);
            assert_eq!(mailslot::info(server).unwrap().messages as usize, messages.len());
            for _ in messages {
                io::read(server, buffer(size), None).unwrap();
            }
            assert!(charge_of(&current) <= empty + KEPT);
        }
        until_refused(|_| io::write(client, &data, None));
        handle::close(server).unwrap();
        assert_eq!(charge_of(&current), before);
        handle::close(client).unwrap();
    }
}

/// Messages outlast the process that wrote them. Nobody paid for them then, and writers that wrote and died one after
/// the other filled the arena.
#[test]
fn messages_of_writers_that_have_ended_are_limited() {
    let current = attach();
    let server = slot("slot");
    let before = charge_of(&current);
    // The whole quota could be used up.
    current.arena().header().quota.store(before + QUOTA);
    for _ in 0..2 {
        let mut written = 0;
        for _ in 0..8 {
            written += visit_on_thread(current.arena(), || write_until_refused(&["slot"]));
        }
        assert!(written <= QUOTA as usize, "{written} bytes");
        assert!(charge_of(&current) > QUOTA / 2);
        // Who reads by routines is in the same quota.
        io::read(server, buffer(MESSAGE), Some(overlapped(None, Some(1)))).unwrap();
        assert!(apc::take().is_some());
        while io::read(server, buffer(MESSAGE), None).is_ok() {}
        assert!(charge_of(&current) <= before + KEPT);
    }
    handle::close(server).unwrap();
}

/// Bytes of a message.
const MESSAGE: usize = 900;

/// Writes messages to slots. Returns how many bytes they took.
fn write_until_refused(slots: &[&str]) -> usize {
    let write = |name: &&str| {
        let client = slot_client(name);
        until_refused(|_| io::write(client, &[1; MESSAGE], None)).0.len() * MESSAGE
    };
    slots.iter().map(write).sum()
}

/// Has another process do something, and end.
fn visit_on_thread<T: Send>(arena: &'static Arena, call: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| context::visit(arena, call)).join().unwrap())
}

/// A writer pays for its messages, too: else it could leave as much with each process that has a slot.
#[test]
fn messages_of_one_writer_in_many_slots_are_limited() {
    let current = attach();
    let arena = current.arena();
    visit_on_thread(arena, || {
        slot("first");
        visit_on_thread(arena, || {
            slot("second");
            let written = visit_on_thread(arena, || write_until_refused(&["first", "second"]));
            assert!(written > QUOTA as usize / 2 && written <= QUOTA as usize, "{written} bytes");
        });
    });
    assert_eq!(charge_of(&current), 0);
}

/// Who wrote them has ended: the next who writes pays.
#[test]
fn messages_of_who_has_ended_are_the_next_writers() {
    let current = attach();
    let (server, client) = pipe(u32::MAX);
    for _ in 0..100 {
        io::write(client, b"x", None).unwrap();
    }
    let mut lock = current.begin().unwrap();
    let found = handle::look_up(&current, server).unwrap();
    let instance: &crate::records::Instance =
        current.arena().get(Ref::from_index(found.object.body[pipe::INSTANCE].get(&lock) as u32)).unwrap();
    // As if the record had had another process then.
    let channel = &instance.channels[end::SERVER];
    let earlier = channel.payer.get(&lock).wrapping_sub(1 << 12);
    channel.payer.set(&mut lock, earlier);
    let charge = current.process().charge.get(&lock) - channel.charged.get(&lock);
    current.process().charge.set(&mut lock, charge);
    lock.commit().unwrap();
    for _ in 0..100 {
        io::write(client, b"x", None).unwrap();
    }
    assert_eq!(channel.payer.peek(), Payer::of(current.context.process, current.process()).0);
    assert!(charge_of(&current) >= 200 * 128);
}

/// A file's requests all end at once when the other end closes: the journal holds that for as many as there can be.
#[test]
fn requests_are_limited_and_can_all_end_at_once() {
    let current = attach();
    current.arena().header().quota.store(MOST_MEMORY);
    let (server, client) = pipe(16);
    let (requests, status) = until_refused(|_| {
        let (event, _) = event::create(&Attributes::default(), ALL, false, false).unwrap();
        io::read(server, buffer(8), Some(overlapped(Some(event), Some(1))))
    });
    assert_eq!((requests.len() as u32, status), (MOST_REQUESTS, Status::NO_MEMORY));
    assert_eq!(check_arena(&current), []);
    handle::close(client).unwrap();
    assert_eq!(current.process().requests.peek(), 0);
    assert_eq!(check_arena(&current), []);
}

#[test]
fn threads_are_limited() {
    let current = attach();
    let own = current.context.process.index();
    let arena = current.arena();
    let sit = |process: u32| arena.take_seat(process, |_| Ok(()));
    // The calling thread has one, and another plays the keeper's. To lock a mutex for each of the others takes too
    // long.
    arena.commit(Region::Seat as usize, MOST_THREADS + 1).unwrap();
    for number in 3..MOST_THREADS as u32 {
        arena.get(Ref::<Seat>::from_index(number)).unwrap().claim.store(own << 1);
    }
    sit(own).unwrap();
    assert_eq!(sit(own), Err(Status::INSUFFICIENT_RESOURCES));
    sit(own + 1).unwrap();
}
