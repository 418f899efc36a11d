//! Section 5.6: PeekNamedPipe.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

tests![
    peek_never_waits_and_takes_nothing,
    peek_needs_read_access,
    peek_counts_pending_writes,
    peek_of_a_message_pipe_shows_the_first_message,
    peek_of_a_half_read_message,
    peek_of_a_byte_pipe_shows_everything,
    peek_of_a_byte_pipe_wraps_what_is_left,
    peek_may_ask_for_counters_only,
    peek_of_an_empty_pipe,
    peek_of_an_empty_message,
    peek_waits_behind_a_blocked_read,
];

/// Copied bytes, bytes available, bytes left.
fn peek(pipe: &Handle, size: usize) -> (Vec<u8>, u32, u32) {
    let mut buffer = vec![0xEE; size];
    let (mut count, mut available, mut left) = (0xEEEE, 0xEEEE, 0xEEEE);
    let output = buffer.as_mut_ptr().cast();
    ok!(PeekNamedPipe(pipe.raw(), output, size as u32, &mut count, &mut available, &mut left));
    buffer.truncate(count as usize);
    (buffer, available, left)
}

/// 5.6: PeekNamedPipe copies and takes nothing, and never waits.
fn peek_never_waits_and_takes_nothing() {
    let (server, client) = pair(DUPLEX, BYTE);
    assert_eq!(peek(&client, 9), (Vec::new(), 0, 0));
    expect_write(&server, b"data");
    for _ in 0..2 {
        assert_eq!(peek(&client, 4).0, b"data");
    }
    expect_read(&client, 9, b"data");
}

/// 5.6: PeekNamedPipe needs read access, else ERROR_ACCESS_DENIED.
fn peek_needs_read_access() {
    let (server, client) = pair(PIPE_ACCESS_OUTBOUND, BYTE);
    peek_fails(&server, ERROR_ACCESS_DENIED);
    assert_eq!(unread(&client).0, 0);
}

/// 5.6: The count of available bytes includes the data of writes still pending.
fn peek_counts_pending_writes() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let _first = Request::write(&server, b"four");
    let _second = Request::write(&server, b"pending").pending();
    assert_eq!(peek(&client, 99).0, b"fourpending");
    assert_eq!(unread(&client).0, 11);
}

/// 5.6: On message type peek copies from the first message only; TRUE even when cut; `left` is its rest.
fn peek_of_a_message_pipe_shows_the_first_message() {
    for mode in [MESSAGE, PIPE_TYPE_MESSAGE] {
        let (server, client) = pair(DUPLEX, mode);
        expect_write(&server, b"message");
        expect_write(&server, b"next");
        assert_eq!(peek(&client, 99), (b"message".to_vec(), 11, 0));
        assert_eq!(peek(&client, 3), (b"mes".to_vec(), 11, 4));
        assert_eq!(unread(&client), (11, 7));
    }
}

/// 5.6: On a half-read message `left` is its unread length minus the bytes copied.
fn peek_of_a_half_read_message() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"message");
    expect_write(&server, b"next");
    assert_eq!(read(&client, 3).1, ERROR_MORE_DATA);
    assert_eq!(peek(&client, 1), (b"s".to_vec(), 8, 3));
    assert_eq!(unread(&client), (8, 4));
}

/// 5.6: On byte type peek copies everything available, across writes.
fn peek_of_a_byte_pipe_shows_everything() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"one");
    expect_write(&server, b"two");
    let (bytes, available, _) = peek(&client, 99);
    assert_eq!((bytes.as_slice(), available), (&b"onetwo"[..], 6));
    let (bytes, available, _) = peek(&client, 4);
    assert_eq!((bytes.as_slice(), available), (&b"onet"[..], 6));
}

/// 5.6: On byte type `left` is 0 minus the bytes copied, as a 32-bit value.
fn peek_of_a_byte_pipe_wraps_what_is_left() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"data");
    assert_eq!(unread(&client), (4, 0));
    assert_eq!(peek(&client, 4).2, 0xFFFF_FFFC);
    assert_eq!(peek(&client, 1).2, 0xFFFF_FFFF);
}

/// 5.6: With size 0 or a NULL buffer only the counters are given; every output may be NULL.
fn peek_may_ask_for_counters_only() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"data");
    let (mut count, mut available, mut left) = (9, 9, 9);
    quiet!(PeekNamedPipe(client.raw(), null_mut(), 0, &mut count, &mut available, &mut left));
    assert_eq!((count, available, left), (0, 4, 4));
    quiet!(PeekNamedPipe(client.raw(), null_mut(), 0, null_mut(), null_mut(), null_mut()));
}

/// 5.6: Peek of an empty pipe is TRUE with zero counters, whatever the wait mode.
fn peek_of_an_empty_pipe() {
    for mode in [BYTE, MESSAGE, BYTE | PIPE_NOWAIT] {
        let (server, _client) = pair(DUPLEX, mode);
        assert_eq!(peek(&server, 4), (Vec::new(), 0, 0));
    }
}

/// 5.6: Peek of an empty message is TRUE with zero counters; the message stays.
fn peek_of_an_empty_message() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"");
    expect_write(&server, b"next");
    assert_eq!(peek(&client, 9), (Vec::new(), 4, 0));
    expect_read(&client, 9, b"");
    expect_read(&client, 9, b"next");
}

/// 5.6: A blocked read on a synchronous handle makes peek wait behind it.
fn peek_waits_behind_a_blocked_read() {
    let attempt = || {
        let (server, client) = pair(DUPLEX, BYTE);
        let (reading, peeking, peeked) =
            (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                reading.store(true, Ordering::Release);
                expect_read(&client, 9, b"data");
            });
            until("the reader runs", || reading.load(Ordering::Acquire));
            patience(10);
            scope.spawn(|| {
                peeking.store(true, Ordering::Release);
                unread(&client);
                peeked.store(true, Ordering::Release);
            });
            until("the peek runs", || peeking.load(Ordering::Acquire));
            patience(10);
            let waited = !peeked.load(Ordering::Acquire);
            expect_write(&server, b"data");
            waited
        })
    };
    // A thread may be late in any one attempt, in most of them it is not.
    let waited = (0..9).filter(|_| attempt()).count();
    assert!(waited >= 5, "in {waited} of 9 attempts only the peek waited");
}
