//! Section 5.5: reading.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    byte_read_takes_what_is_there,
    byte_read_returns_with_one_byte,
    byte_read_crosses_message_boundaries,
    byte_read_of_a_message_pipe_drops_empty_messages_between,
    byte_read_of_an_empty_message_alone,
    message_read_takes_one_message,
    message_read_of_part_of_a_message,
    the_last_part_of_a_message_is_a_success,
    the_rest_of_a_message_is_left_to_anyone,
    the_rest_of_a_message_is_left_to_another_process,
    message_read_needs_message_type,
    an_empty_message_is_read_as_zero_bytes,
    empty_messages_count,
    read_of_size_zero_waits_for_data,
    byte_read_of_size_zero_with_data,
    message_read_of_size_zero_with_data,
    read_of_size_zero_of_an_empty_message,
    read_of_size_zero_after_the_peer_closed,
    pending_reads_are_served_in_order,
    one_write_completes_several_byte_reads,
    a_pending_read_of_size_zero_consumes_nothing,
    an_empty_write_completes_a_read_on_message_type,
    an_empty_write_completes_no_read_on_byte_type,
    a_pending_message_read_gets_more_data,
    switching_the_read_mode_changes_later_reads,
];

/// 5.5: Byte read takes up to the size asked for and leaves the rest.
fn byte_read_takes_what_is_there() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"0123456789");
    expect_read(&client, 4, b"0123");
    expect_read(&client, 4, b"4567");
    expect_read(&client, 4, b"89");
}

/// 5.5: Byte read returns as soon as one byte is there.
fn byte_read_returns_with_one_byte() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&client, 100).pending();
    expect_write(&server, b"1");
    assert_eq!(read.finish_read(), b"1");
}

/// 5.5: Byte read goes across message boundaries and never fails ERROR_MORE_DATA.
fn byte_read_crosses_message_boundaries() {
    let (server, client) = pair(DUPLEX, PIPE_TYPE_MESSAGE);
    for message in [b"one", b"two", b"xyz"] {
        expect_write(&server, message);
    }
    expect_read(&client, 2, b"on");
    expect_read(&client, 99, b"etwoxyz");
}

/// 5.5: Empty messages between others disappear in byte read (?).
fn byte_read_of_a_message_pipe_drops_empty_messages_between() {
    let (server, client) = pair(DUPLEX, PIPE_TYPE_MESSAGE);
    for message in [&b"one"[..], b"", b"two"] {
        expect_write(&server, message);
    }
    expect_read(&client, 99, b"onetwo");
    assert_eq!(unread(&client), (0, 0));
}

/// 5.5: An empty message alone in the queue gives TRUE with 0 bytes in byte read.
fn byte_read_of_an_empty_message_alone() {
    let (server, client) = pair(DUPLEX, PIPE_TYPE_MESSAGE);
    expect_write(&server, b"");
    expect_read(&client, 9, b"");
}

/// 5.5: Message read takes one message a read.
fn message_read_takes_one_message() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    for message in [&b"one"[..], b"fourth", b"x"] {
        expect_write(&server, message);
    }
    expect_read(&client, 99, b"one");
    expect_read(&client, 6, b"fourth");
    expect_read(&client, 99, b"x");
}

/// 5.5: A buffer too small: FALSE with ERROR_MORE_DATA, the buffer is filled, the rest comes next.
fn message_read_of_part_of_a_message() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"message");
    expect_write(&server, b"next");
    assert_eq!(read(&client, 3), (FALSE, ERROR_MORE_DATA, b"mes".to_vec()));
    assert_eq!(read(&client, 2), (FALSE, ERROR_MORE_DATA, b"sa".to_vec()));
    assert_eq!(read(&client, 99), (TRUE, UNTOUCHED, b"ge".to_vec()));
    expect_read(&client, 99, b"next");
}

/// 5.5: The last part of a message returns TRUE, also when it fits exactly.
fn the_last_part_of_a_message_is_a_success() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"message");
    assert_eq!(read(&client, 3).1, ERROR_MORE_DATA);
    assert_eq!(read(&client, 4), (TRUE, UNTOUCHED, b"sage".to_vec()));
}

/// 5.5: The rest of a half-read message can be read by another thread.
fn the_rest_of_a_message_is_left_to_anyone() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"message");
    assert_eq!(read(&client, 3).1, ERROR_MORE_DATA);
    on_thread(|| expect_read(&client, 99, b"sage"));
}

/// 5.5: The rest of a half-read message can be read by another process.
fn the_rest_of_a_message_is_left_to_another_process() {
    let ((server, client), mut child) = (pair(DUPLEX, MESSAGE), crate::support::child::Child::start());
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut there = null_mut();
    let this = this_process();
    ok!(DuplicateHandle(this, client.raw(), process.raw(), &mut there, 0, FALSE, DUPLICATE_SAME_ACCESS));
    expect_write(&server, b"message");
    assert_eq!(read(&client, 3).1, ERROR_MORE_DATA);
    assert_eq!(child.ok(&format!("read {} 99", there as isize)), b"sage");
}

/// 5.5: Message read needs message type: SetNamedPipeHandleState fails ERROR_INVALID_PARAMETER on either end.
fn message_read_needs_message_type() {
    let (server, client) = pair(DUPLEX, BYTE);
    for end in [&server, &client] {
        let mode = PIPE_READMODE_MESSAGE;
        fails!(SetNamedPipeHandleState(end.raw(), &mode, null(), null()), ERROR_INVALID_PARAMETER);
    }
}

/// 5.5: An empty message in message read is TRUE with 0 bytes.
fn an_empty_message_is_read_as_zero_bytes() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"");
    assert_eq!(read(&client, 9), (TRUE, UNTOUCHED, Vec::new()));
    assert_eq!(unread(&client).0, 0);
}

/// 5.5: Every empty message is read by itself, in its place.
fn empty_messages_count() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    for message in [&b"a"[..], b"", b"", b"b"] {
        expect_write(&server, message);
    }
    for message in [&b"a"[..], b"", b"", b"b"] {
        expect_read(&client, 9, message);
    }
}

/// 5.5: Read of size 0 of an empty pipe waits, then completes with 0 bytes and leaves the data.
fn read_of_size_zero_waits_for_data() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&client, 0).pending();
    expect_write(&server, b"data");
    assert_eq!(read.finish(), (TRUE, UNTOUCHED, 0));
    assert_eq!(Request::read(&client, 9).finish_read(), b"data");

    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let read = Request::read(&client, 0).pending();
    expect_write(&server, b"data");
    assert_eq!(read.finish(), (FALSE, ERROR_MORE_DATA, 0));
    assert_eq!(Request::read(&client, 9).finish_read(), b"data");
}

/// 5.5: Byte read of size 0 with data there is TRUE with 0 bytes.
fn byte_read_of_size_zero_with_data() {
    for mode in [BYTE, PIPE_TYPE_MESSAGE] {
        let (server, client) = pair(DUPLEX, mode);
        expect_write(&server, b"data");
        expect_read(&client, 0, b"");
        expect_read(&client, 9, b"data");
    }
}

/// 5.5: Message read of size 0 with data there is FALSE with ERROR_MORE_DATA and 0 bytes.
fn message_read_of_size_zero_with_data() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"data");
    assert_eq!(read(&client, 0), (FALSE, ERROR_MORE_DATA, Vec::new()));
    expect_read(&client, 9, b"data");
}

/// 5.5: Message read of size 0 of an empty message is TRUE and takes it.
fn read_of_size_zero_of_an_empty_message() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"");
    expect_write(&server, b"next");
    expect_read(&client, 0, b"");
    expect_read(&client, 9, b"next");
}

/// 5.5: Read of size 0 when the peer is gone and everything read fails ERROR_BROKEN_PIPE.
fn read_of_size_zero_after_the_peer_closed() {
    let (server, client) = pair(DUPLEX, BYTE);
    server.close();
    assert_eq!(read(&client, 0), (FALSE, ERROR_BROKEN_PIPE, Vec::new()));
}

/// 5.5: Pending reads are served in the order in which they came.
fn pending_reads_are_served_in_order() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let reads = [(); 4].map(|()| Request::read(&client, 9).pending());
    for message in [b"1", b"2", b"3", b"4"] {
        expect_write(&server, message);
    }
    for (read, message) in reads.iter().zip([b"1", b"2", b"3", b"4"]) {
        assert_eq!(read.finish_read(), message);
    }
}

/// 5.5: One write may complete several pending byte reads.
fn one_write_completes_several_byte_reads() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let reads = [3, 3, 9].map(|size| Request::read(&client, size).pending());
    expect_write(&server, b"onetwo+3");
    for (read, bytes) in reads.iter().zip([&b"one"[..], b"two", b"+3"]) {
        assert_eq!(read.finish_read(), bytes);
    }
}

/// 5.5: A pending read of size 0 is completed by the first data and consumes nothing; the next read gets it.
fn a_pending_read_of_size_zero_consumes_nothing() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let empty = Request::read(&client, 0).pending();
    let second = Request::read(&client, 9).pending();
    expect_write(&server, b"data");
    assert_eq!(empty.finish(), (TRUE, UNTOUCHED, 0));
    assert_eq!(second.finish_read(), b"data");
}

/// 5.5: A write of size 0 completes one pending read on message type.
fn an_empty_write_completes_a_read_on_message_type() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let (first, second) = (Request::read(&client, 9).pending(), Request::read(&client, 9).pending());
    expect_write(&server, b"");
    assert_eq!(first.finish_read(), b"");
    assert!(second.is_pending());
    expect_write(&server, b"x");
    assert_eq!(second.finish_read(), b"x");
}

/// 5.5: A write of size 0 completes no pending read on byte type.
fn an_empty_write_completes_no_read_on_byte_type() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&client, 9).pending();
    expect_write(&server, b"");
    assert!(read.is_pending());
    expect_write(&server, b"x");
    assert_eq!(read.finish_read(), b"x");
}

/// 5.5: A pending message read whose buffer is too small completes with ERROR_MORE_DATA; the rest comes next.
fn a_pending_message_read_gets_more_data() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let read = Request::read(&client, 3).pending();
    expect_write(&server, b"message");
    assert_eq!(read.finish(), (FALSE, ERROR_MORE_DATA, 3));
    assert_eq!(read.bytes(), b"mes");
    assert_eq!(Request::read(&client, 9).finish_read(), b"sage");
}

/// 5.5: The read mode at the time of the read counts, not that at the time of the write.
fn switching_the_read_mode_changes_later_reads() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    for message in [b"one", b"two", b"abc"] {
        expect_write(&server, message);
    }
    expect_read(&client, 99, b"one");
    set_mode(&client, PIPE_READMODE_BYTE);
    expect_read(&client, 4, b"twoa");
    set_mode(&client, PIPE_READMODE_MESSAGE);
    assert_eq!(read(&client, 1), (FALSE, ERROR_MORE_DATA, b"b".to_vec()));
}
