//! Every mended fault keeps a test that names it.

// Requests are given memory of the test's.
#![allow(unsafe_code)]

use crate::arena::Ref;
use crate::arena::layout::Region;
use crate::arena::state::value_of;
use crate::arena::wake::phase;
use crate::channel;
use crate::context::{Current, attach_in_memory, join_in_memory, visit};
use crate::dispatcher::{self, status};
use crate::handle::{self, Handle, look_up};
use crate::inspect::check_arena;
use crate::io::end;
use crate::io::{self, Overlapped, ReadBuffer, StatusBlock};
use crate::object::Attributes;
use crate::pipe::{self, Server};
use crate::records::{Instance, Request};
use crate::status::Status;
use crate::wait::{self, Mode, Outcome};
use crate::{death, event, process, semaphore};

const ALL: u32 = 0x1F_0003;

/// Both ends of a message pipe, the server's for overlapped use.
fn pipe_pair(quota: u32) -> (Handle, Handle) {
    let server =
        Server { overlapped: true, first_instance: true, max_instances: 1, ..Server::new(true, quota) };
    let name: Vec<u16> = "pair".encode_utf16().collect();
    let (server, _) = pipe::create(&name, &server).unwrap();
    (server, pipe::open(&name, 0xC000_0000, false, false).unwrap())
}

/// A thread that dies after its blocking read was completed, and before it knew, has taken no object with it: what it
/// last waited for was signaled once more.
#[test]
fn a_thread_that_dies_in_a_read_gives_nothing_back() {
    let current = attach_in_memory();
    let (semaphore, _) = semaphore::create(&Attributes::default(), ALL, 1, 1).unwrap();
    assert_eq!(wait::many(&[semaphore], Mode::All, None, false), Ok(Outcome::Object(0)));
    let thread = current.thread;
    let mut lock = current.begin().unwrap();
    // As io::wait_for and io::complete leave it.
    let number = thread.wait.get(&lock).wrapping_add(phase::MASK + 1);
    thread.wait.set(&mut lock, number);
    thread.count.set(&mut lock, 0);
    thread.status.set(&mut lock, status::SATISFIED | status::UNLINKED);
    dispatcher::revoke(&mut lock, current.seat, thread).unwrap();
    lock.commit().unwrap();
    assert_eq!(value_of(look_up(&current, semaphore).unwrap().state), 0);
}

/// A process ends while another of its threads still makes handles: those came into a part of the table that had been
/// closed already, and stayed for ever.
#[test]
fn handles_made_while_the_table_is_closed_are_closed_too() {
    let current = attach_in_memory();
    let process = current.process();
    let make = || event::create(&Attributes::default(), ALL, false, false).unwrap();
    for _ in 0..3 * process::HANDLES_AT_A_TIME {
        make();
    }
    loop {
        let mut lock = current.begin().unwrap();
        let more = handle::close_some(&mut lock, &current, process, process::HANDLES_AT_A_TIME).unwrap();
        lock.commit().unwrap();
        if !more {
            break;
        }
        if process.handle_count.peek() > process::HANDLES_AT_A_TIME {
            make();
        }
    }
    assert_eq!(process.handle_count.peek(), 0);
    assert_eq!(check_arena(&current), []);
}

/// Between two steps of burying a process somebody completes a request of its: that was appended to requests which the
/// step before had freed.
#[test]
fn a_request_completed_during_a_burial_is_appended_to_none_that_is_gone() {
    let current = attach_in_memory();
    let (server, _) = pipe_pair(16);
    for _ in 0..40 {
        let words = Box::leak(Box::new([0_usize; 2]));
        // SAFETY: the words are never freed and nothing else uses them.
        let block = unsafe { StatusBlock::new(words) };
        // SAFETY: no byte is ever written.
        let buffer = unsafe { ReadBuffer::new(Box::leak(Box::new(0_u8)), 0) };
        let overlapped = Overlapped { block, event: None, routine: None, no_packet: false };
        assert_eq!(io::read(server, buffer, Some(overlapped)), Ok(io::Outcome::Pending));
    }
    let process = current.process();
    let complete = |request: u32| {
        let mut lock = current.begin().unwrap();
        let reference = Ref::<Request>::from_index(request);
        let request: &Request = current.arena().get(reference).unwrap();
        pipe::withdraw(&mut lock, request).unwrap();
        io::complete(&mut lock, reference, request, Status::SUCCESS, 0).unwrap();
        lock.commit().unwrap();
    };
    // The oldest is last in the list, and waits.
    for request in 2..=40 {
        complete(request);
    }
    let mut lock = current.begin().unwrap();
    assert_eq!(io::drop_requests(&mut lock, process), Ok(true));
    lock.commit().unwrap();
    complete(1);
    assert_eq!(check_arena(&current), []);
    let step = || {
        let mut lock = current.begin().unwrap();
        let more = io::drop_requests(&mut lock, process).unwrap();
        lock.commit().unwrap();
        more
    };
    while step() {}
    assert_eq!(check_arena(&current), []);
}

/// `SignalObjectAndWait` kept what it waits for by a handle of its own, and so the name, too.
#[test]
fn a_name_goes_with_the_last_handle_while_signal_object_and_wait_waits() {
    let current = attach_in_memory();
    let name: Vec<u16> = "waited for".encode_utf16().collect();
    let named = Attributes { name: Some(&name), inherit: false };
    let (semaphore, _) = semaphore::create(&Attributes::default(), ALL, 0, 1).unwrap();
    let (event, _) = event::create(&named, ALL, false, false).unwrap();
    let found = look_up(&current, event).unwrap();
    let context = current.context;
    let waiter = std::thread::spawn(move || {
        join_in_memory(context);
        let outcome = wait::signal_and_wait(semaphore, event, None, false);
        death::end_own_thread(crate::context::current().unwrap());
        outcome
    });
    while found.object.first_waiter.peek() == 0 {
        std::thread::yield_now();
    }
    handle::close(event).unwrap();
    assert_eq!(event::open(&name, ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(check_arena(&current), []);
    let mut lock = current.begin().unwrap();
    dispatcher::set_signal(&mut lock, found.object, true).unwrap();
    lock.commit().unwrap();
    assert_eq!(waiter.join().unwrap(), Ok(Outcome::Object(0)));
    assert!(!found.is_current(&current.begin().unwrap()), "nothing keeps it any more");
    assert_eq!(check_arena(&current), []);
}

/// Closing the handles of a process that ends journalled every free entry of its table: a large one outgrew the
/// journal.
#[test]
fn free_entries_of_a_table_are_not_journalled() {
    let current = attach_in_memory();
    let make = || event::create(&Attributes::default(), ALL, false, false).unwrap().0;
    make();
    let journal = || current.arena().committed(Region::JournalOverflow as usize);
    let before = journal();
    let many: Vec<_> = (0..2 * before).map(|_| make()).collect();
    for event in many {
        handle::close(event).unwrap();
    }
    let mut lock = current.begin().unwrap();
    assert_eq!(handle::close_some(&mut lock, &current, current.process(), 32), Ok(false));
    lock.commit().unwrap();
    assert_eq!(journal(), before);
    assert_eq!(check_arena(&current), []);
}

/// More unread messages than a transaction can free went in one: the end could not be closed, nor the client
/// disconnected, nor a dead process buried.
#[test]
fn any_number_of_messages_is_discarded() {
    let endings: [fn(&Current, Handle); 3] = [
        |_, server| handle::close(server).unwrap(),
        |_, server| pipe::disconnect(server).unwrap(),
        |current, _| {
            let mut lock = current.begin().unwrap();
            handle::close_some(&mut lock, current, current.process(), 32).unwrap();
            lock.commit().unwrap();
            channel::sweep(current);
        },
    ];
    for end in endings {
        let current = attach_in_memory();
        let journal = || current.arena().committed(Region::JournalOverflow as usize);
        let before = journal();
        let (server, client) = pipe_pair(16);
        for _ in 0..before {
            io::write(client, b"", None).unwrap();
        }
        end(&current, server);
        assert_eq!(journal(), before);
        assert_eq!(check_arena(&current), []);
    }
}

/// A thread that ends while it has many requests pending ended them all in one transaction.
#[test]
fn any_number_of_requests_ends_with_its_thread() {
    let current = attach_in_memory();
    let journal = || current.arena().committed(Region::JournalOverflow as usize);
    let before = journal();
    let (server, _) = pipe_pair(16);
    for _ in 0..before / 8 {
        let words = Box::leak(Box::new([0_usize; 2]));
        // SAFETY: the words are never freed and nothing else uses them.
        let block = unsafe { StatusBlock::new(words) };
        // SAFETY: no byte is ever written.
        let buffer = unsafe { ReadBuffer::new(Box::leak(Box::new(0_u8)), 0) };
        let overlapped = Overlapped { block, event: None, routine: None, no_packet: false };
        assert_eq!(io::read(server, buffer, Some(overlapped)), Ok(io::Outcome::Pending));
    }
    let step = || {
        let mut lock = current.begin().unwrap();
        let more = io::thread_ended(&mut lock, current.process(), current.thread, current.id).unwrap();
        lock.commit().unwrap();
        more
    };
    while step() {}
    assert_eq!(journal(), before);
    assert_eq!(check_arena(&current), []);
}

/// A process that could not join left its record, a seat and a process object.
#[test]
fn a_process_that_fails_to_join_leaves_nothing() {
    let current = attach_in_memory();
    let arena = current.arena();
    std::thread::spawn(move || visit(arena, || ())).join().unwrap();
    assert_eq!(process::all(arena).count(), 1);
    assert!(arena.seats().all(|(_, seat)| seat.process() == current.context.process.index()));
    assert_eq!(check_arena(&current), []);
}

/// A read of bytes took any number of messages in one transaction: with many short ones it failed, and the pipe could
/// only be read with less room.
#[test]
fn any_number_of_messages_is_read_as_bytes() {
    let current = attach_in_memory();
    let (server, client) = pipe_pair(1 << 20);
    pipe::set_mode(server, false, false).unwrap();
    let count = channel::MOST_TAKEN + 1000;
    for number in 0..count {
        io::write(client, &[number as u8], None).unwrap();
    }
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let mut part = vec![0; count];
        // SAFETY: the buffer outlives the call, which finds bytes.
        let buffer = unsafe { ReadBuffer::new(part.as_mut_ptr(), part.len()) };
        let Ok(io::Outcome::Done { information, .. }) = io::read(server, buffer, None) else {
            panic!("bytes are there")
        };
        bytes.extend_from_slice(&part[..information]);
    }
    assert!(bytes.iter().enumerate().all(|(number, byte)| *byte == number as u8));
    assert_eq!(check_arena(&current), []);
}

/// A write for overlapped use, which has to wait.
fn pend_write(server: Handle) {
    let words = Box::leak(Box::new([0_usize; 2]));
    // SAFETY: the words are never freed and nothing else uses them.
    let block = unsafe { StatusBlock::new(words) };
    let overlapped = Overlapped { block, event: None, routine: None, no_packet: false };
    assert_eq!(io::write(server, b"x", Some(overlapped)), Ok(io::Outcome::Pending));
}

/// All were cancelled in one transaction, which took the more steps the more messages lay in front of each: from some
/// 2,000 on the call failed and cancelled none.
#[test]
fn any_number_of_requests_is_cancelled() {
    let current = attach_in_memory();
    let (server, _) = pipe_pair(0);
    for _ in 0..3000 {
        pend_write(server);
    }
    assert_eq!(io::cancel_requests(server, None), Ok(()));
    assert_eq!(io::cancel_requests(server, None), Err(Status::NOT_FOUND));
    assert_eq!(check_arena(&current), []);
}

/// A wait for an object that was closed before the wait was queued looked like a damaged one to the checker.
#[test]
fn a_wait_for_what_has_gone_is_consistent() {
    let current = attach_in_memory();
    let (event, _) = event::create(&Attributes::default(), ALL, false, false).unwrap();
    let found = look_up(&current, event).unwrap();
    handle::close(event).unwrap();
    let context = current.context;
    let (send, receive) = std::sync::mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let current = join_in_memory(context);
        send.send(current).unwrap();
        let outcome = wait::one_found(&current, &found, None, true, wait::Gone::NeverSignaled);
        death::end_own_thread(current);
        outcome
    });
    let other = receive.recv().unwrap();
    while other.thread.status.peek() & status::MASK != status::WAITING {
        std::thread::yield_now();
    }
    let faults = check_arena(&current);
    let mut lock = current.begin().unwrap();
    let call = crate::apc::Queued::Foreign { address: 1, argument: 1 };
    crate::apc::append(&mut lock, other.id, call, Ref::NONE).unwrap();
    lock.commit().unwrap();
    assert_eq!(waiter.join().unwrap(), Ok(Outcome::Apc));
    assert_eq!(faults, []);
}

/// A neighbour had a message follow itself while its reader copied it: of an empty one the reader copied for ever.
#[test]
fn a_taken_message_that_follows_itself_is_an_error() {
    let current = attach_in_memory();
    let (server, client) = pipe_pair(64);
    io::write(client, &[], None).unwrap();
    let found = look_up(&current, server).unwrap();
    let instance = Ref::<Instance>::from_index(found.object.body[pipe::INSTANCE].peek() as u32);
    let channel = &current.arena().get(instance).unwrap().channels[end::SERVER];
    let mut lock = current.begin().unwrap();
    let taken = channel::take(&mut lock, channel, 8, channel::Mode::Message).unwrap().unwrap();
    current.arena().block(taken.whole).unwrap().head.link.set(&mut lock, taken.whole.0);
    let mut bytes = [0; 8];
    // SAFETY: the bytes outlive the call, after which nobody copies to them.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    assert_eq!(channel::copy_taken(lock, &current, taken, &buffer), Err(Status::ARENA_CORRUPT));
}
