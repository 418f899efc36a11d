//! Sections 6 and 7: waiting for messages of mailslots: the read time-out, pending reads.

use crate::support::mailslot::*;
use crate::support::pipe::{Request, expect_read, expect_write, read, read_fails};
use crate::support::*;
use crate::sys::*;
use crate::tests;

tests![
    no_message_times_out,
    a_timeout_of_zero_fails_at_once,
    a_read_of_nothing_without_a_message_times_out,
    a_read_waits_for_a_message,
    the_timeout_is_the_slots,
    setting_the_timeout_changes_later_reads,
    setting_the_timeout_leaves_a_pending_read,
    a_pending_read_is_completed_by_the_next_write,
    pending_reads_are_served_in_order,
    a_pending_read_times_out,
    a_pending_read_can_be_cancelled,
    closing_the_slot_ends_a_pending_read,
    a_routine_gets_the_message,
];

/// 6.1: Without a message a read waits for the read time-out, and then fails ERROR_SEM_TIMEOUT with a count of 0.
fn no_message_times_out() {
    let (slot, writer) = mailslot_pair(30);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
    expect_write(&writer, b"after");
    expect_read(&slot, 16, b"after");
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: With a time-out of 0 a read without a message fails ERROR_SEM_TIMEOUT at once.
fn a_timeout_of_zero_fails_at_once() {
    let (slot, _writer) = mailslot_pair(0);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
    let request = Request::read(&slot, 16);
    assert_eq!((request.started.0, request.started.1), (FALSE, ERROR_SEM_TIMEOUT));
}

/// 6.1: A read of size 0 without a message fails ERROR_SEM_TIMEOUT too.
fn a_read_of_nothing_without_a_message_times_out() {
    let (slot, _writer) = mailslot_pair(0);
    assert_eq!(read(&slot, 0), (FALSE, ERROR_SEM_TIMEOUT, Vec::new()));
}

/// 6.1: A read waits for a message within its time-out, and for ever with MAILSLOT_WAIT_FOREVER.
fn a_read_waits_for_a_message() {
    for timeout in [SOON, NONE] {
        let (slot, writer) = mailslot_pair(timeout);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| expect_read(&slot, 16, b"awaited"));
            patience(20);
            expect_write(&writer, b"awaited");
            reader.join().unwrap();
        });
    }
}

/// 6.1: The read time-out is the slot's, for all its handles.
fn the_timeout_is_the_slots() {
    let (slot, _writer) = mailslot_pair(NONE);
    let other = slot.duplicate();
    ok!(SetMailslotInfo(other.raw(), 0));
    assert_eq!(mailslot_info(&slot)[3], 0);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: SetMailslotInfo changes the time-out of later reads.
fn setting_the_timeout_changes_later_reads() {
    let (slot, writer) = mailslot_pair(NONE);
    quiet!(SetMailslotInfo(slot.raw(), 0));
    read_fails(&slot, ERROR_SEM_TIMEOUT);
    quiet!(SetMailslotInfo(slot.raw(), SOON));
    assert_eq!(mailslot_info(&slot)[3], SOON);
    expect_write(&writer, b"x");
    expect_read(&slot, 16, b"x");
}

/// 6.1: A read that is pending when SetMailslotInfo is called keeps its time-out.
fn setting_the_timeout_leaves_a_pending_read() {
    let (slot, writer) = mailslot_pair(NONE);
    let request = Request::read(&slot, 16).pending();
    quiet!(SetMailslotInfo(slot.raw(), 0));
    assert!(request.is_pending());
    expect_write(&writer, b"x");
    assert_eq!(request.finish_read(), b"x");
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: A read may be pending; the next write completes it, with the size of the message as its count.
fn a_pending_read_is_completed_by_the_next_write() {
    let (slot, writer) = mailslot_pair(NONE);
    let request = Request::read(&slot, 16).pending();
    assert!(!is_signaled(&request.event));
    expect_write(&writer, b"hello");
    assert_eq!(request.finish(), (TRUE, UNTOUCHED, 5));
    assert_eq!(&request.bytes()[..5], b"hello");
    assert_eq!(mailslot_info(&slot)[1..3], [NONE, 0]);
}

/// 6.1: Pending reads take the messages in order; an empty message completes one.
fn pending_reads_are_served_in_order() {
    let (slot, writer) = mailslot_pair(NONE);
    let requests = [0; 3].map(|_| Request::read(&slot, 16).pending());
    for message in [&b"one"[..], b"", b"three"] {
        expect_write(&writer, message);
    }
    for (request, message) in requests.iter().zip([&b"one"[..], b"", b"three"]) {
        assert_eq!(request.finish_read(), message);
    }
}

/// 6.1: A pending read fails ERROR_SEM_TIMEOUT when the read time-out has passed.
fn a_pending_read_times_out() {
    let (slot, writer) = mailslot_pair(30);
    let request = Request::read(&slot, 16).pending();
    request.finish_fails(ERROR_SEM_TIMEOUT);
    expect_write(&writer, b"after");
    expect_read(&slot, 16, b"after");
}

/// 7.2: A pending read of a mailslot can be cancelled: ERROR_OPERATION_ABORTED. The next message is the next read's.
fn a_pending_read_can_be_cancelled() {
    let (slot, writer) = mailslot_pair(NONE);
    let mut request = Request::read(&slot, 16).pending();
    ok!(CancelIoEx(slot.raw(), request.block()));
    request.finish_fails(ERROR_OPERATION_ABORTED);
    expect_write(&writer, b"next");
    expect_read(&slot, 16, b"next");
}

/// 7.2: When the last server handle is closed a pending read completes with an error.
fn closing_the_slot_ends_a_pending_read() {
    let (slot, _writer) = mailslot_pair(NONE);
    let request = Request::read(&slot, 16).pending();
    slot.close();
    assert_eq!(wait(&request.event, SOON), WAIT_OBJECT_0);
    assert!(!request.is_pending());
    assert!((request.status().0 as i32) < 0, "status {:#x}", request.status().0);
}

/// 7.3: ReadFileEx on a mailslot runs its routine in an alertable wait, with the size of the message.
fn a_routine_gets_the_message() {
    use std::cell::Cell;
    thread_local!(static SEEN: Cell<Option<(u32, u32)>> = const { Cell::new(None) });
    unsafe extern "system" fn routine(error: u32, bytes: u32, _: *mut OVERLAPPED) {
        SEEN.set(Some((error, bytes)));
    }
    let (slot, writer) = mailslot_pair(NONE);
    let mut buffer = [0_u8; 16];
    let mut block = OVERLAPPED::default();
    ok!(ReadFileEx(slot.raw(), buffer.as_mut_ptr(), 16, &mut block, Some(routine)));
    expect_write(&writer, b"hello");
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!((SEEN.get(), &buffer[..5]), (Some((0, 5)), &b"hello"[..]));
}
