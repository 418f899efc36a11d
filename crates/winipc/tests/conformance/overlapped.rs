//! Section 7.1: the life of an OVERLAPPED.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    a_pending_request,
    a_request_done_at_once,
    a_partial_message_done_at_once,
    a_request_that_fails_at_once,
    a_pending_request_that_completes,
    a_pending_request_that_fails,
    a_pending_partial_message,
    the_byte_count_is_zeroed_first,
    the_byte_count_is_zeroed_for_a_bad_handle,
    the_byte_count_may_be_absent_with_an_overlapped,
    no_overlapped_on_an_overlapped_handle_reads,
    no_overlapped_on_an_overlapped_handle_writes,
    no_overlapped_on_an_overlapped_handle_connects,
    an_overlapped_on_a_synchronous_handle_is_done_on_return,
    an_overlapped_on_a_synchronous_handle_fails_at_once,
    offsets_are_ignored,
    has_overlapped_io_completed,
    a_block_can_be_used_again,
    many_requests_on_one_handle,
    reads_and_writes_do_not_hinder_each_other,
    a_synchronous_write_waits_behind_a_read,
    completion_is_seen_by_every_thread,
];

/// 7.1: Pending: FALSE with 997, Internal is STATUS_PENDING, InternalHigh untouched, the event is reset.
fn a_pending_request() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 4).pending();
    assert_eq!(read.started.2, 0);
    assert_eq!(read.status(), (0x103, 0x8888));
    assert!(!is_signaled(&read.event));
    assert_eq!(read.result(), (FALSE, ERROR_IO_INCOMPLETE, 0xEEEE));
}

/// 7.1: Done at once: TRUE, Internal 0, InternalHigh the bytes, the event is set.
fn a_request_done_at_once() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let write = Request::write(&server, b"data");
    assert_eq!(write.started, (TRUE, UNTOUCHED, 4));
    assert_eq!(write.status(), (0, 4));
    assert!(is_signaled(&write.event));
    let read = Request::read(&client, 9);
    assert_eq!(read.started, (TRUE, UNTOUCHED, 4));
    assert_eq!(read.status(), (0, 4));
    assert!(is_signaled(&read.event));
    assert_eq!((read.result(), &read.bytes()[..4]), ((TRUE, UNTOUCHED, 4), &b"data"[..]));
}

/// 7.1: A partial message at once: FALSE with 234, Internal 80000005, the event is set; the count stays 0.
fn a_partial_message_done_at_once() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    assert_eq!(Request::write(&server, b"message").started.0, TRUE);
    let read = Request::read(&client, 3);
    assert_eq!(read.started, (FALSE, ERROR_MORE_DATA, 0));
    assert_eq!(read.status(), (0x8000_0005, 3));
    assert!(is_signaled(&read.event));
    assert_eq!((read.result(), read.bytes()), ((FALSE, ERROR_MORE_DATA, 3), &b"mes"[..]));
}

/// 7.1: Failed at once: FALSE with the error, Internal stays STATUS_PENDING, the event is reset and not set.
fn a_request_that_fails_at_once() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    client.close();
    for (request, code) in
        [(Request::read(&server, 4), ERROR_BROKEN_PIPE), (Request::write(&server, b"x"), ERROR_NO_DATA)]
    {
        assert_eq!(request.started, (FALSE, code, 0));
        assert_eq!(request.status(), (0x103, 0x8888));
        assert!(!is_signaled(&request.event));
    }
}

/// 7.1: At completion Internal and InternalHigh are written and the event is set.
fn a_pending_request_that_completes() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 9).pending();
    expect_write_overlapped(&client, b"data");
    assert_eq!(wait(&read.event, SOON), WAIT_OBJECT_0);
    assert_eq!(read.status(), (0, 4));
    assert_eq!(read.bytes(), b"data\xEE\xEE\xEE\xEE\xEE");
}

fn expect_write_overlapped(pipe: &Handle, bytes: &[u8]) {
    assert_eq!(Request::write(pipe, bytes).finish(), (TRUE, UNTOUCHED, bytes.len() as u32));
}

/// 7.1: A pending request that fails has the NT status of the error in Internal, and the event set.
fn a_pending_request_that_fails() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 9).pending();
    client.close();
    assert_eq!(wait(&read.event, SOON), WAIT_OBJECT_0);
    assert_eq!(read.status(), (0xC000_014B, 0));
    assert_eq!(read.result(), (FALSE, ERROR_BROKEN_PIPE, 0));
}

/// 7.1: A pending read that gets part of a message: Internal 80000005 and the bytes.
fn a_pending_partial_message() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let read = Request::read(&client, 3).pending();
    expect_write_overlapped(&server, b"message");
    assert_eq!(wait(&read.event, SOON), WAIT_OBJECT_0);
    assert_eq!(read.status(), (0x8000_0005, 3));
    assert_eq!(read.result(), (FALSE, ERROR_MORE_DATA, 3));
}

/// 7.1: The byte count is set to 0 before anything else.
fn the_byte_count_is_zeroed_first() {
    let (server, client) = pair(DUPLEX, BYTE);
    client.close();
    assert_eq!(read(&server, 4), (FALSE, ERROR_BROKEN_PIPE, Vec::new()));
    assert_eq!(write(&server, b"x"), (FALSE, ERROR_NO_DATA, 0));
}

/// 7.1: The byte count is set to 0 even for an invalid handle.
fn the_byte_count_is_zeroed_for_a_bad_handle() {
    let mut buffer = [0u8; 4];
    for bad in [null_mut(), NEVER] {
        let mut count = 7;
        fails!(ReadFile(bad, buffer.as_mut_ptr(), 4, &mut count, null_mut()), ERROR_INVALID_HANDLE);
        assert_eq!(count, 0);
        count = 7;
        fails!(WriteFile(bad, buffer.as_ptr(), 4, &mut count, null_mut()), ERROR_INVALID_HANDLE);
        assert_eq!(count, 0);
    }
}

/// 7.1: The byte count may be NULL when an OVERLAPPED is given.
fn the_byte_count_may_be_absent_with_an_overlapped() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut write = Request::new(&server, b"data".to_vec());
    ok!(WriteFile(server.raw(), b"data".as_ptr(), 4, null_mut(), write.block()));
    assert_eq!(write.status(), (0, 4));
    let (mut read, mut buffer) = (Request::new(&client, Vec::new()), [0u8; 4]);
    ok!(ReadFile(client.raw(), buffer.as_mut_ptr(), 4, null_mut(), read.block()));
    assert_eq!((read.status(), &buffer), ((0, 4), b"data"));
}

/// 7.1: Without OVERLAPPED a read on an overlapped handle of a pipe blocks until it is done.
fn no_overlapped_on_an_overlapped_handle_reads() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&server, 9));
        expect_write_overlapped(&client, b"up");
        assert_eq!(reader.join().unwrap(), (TRUE, UNTOUCHED, b"up".to_vec()));
    });
}

/// 7.1: Without OVERLAPPED a write on an overlapped handle of a pipe blocks until it is done.
fn no_overlapped_on_an_overlapped_handle_writes() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&server, b"longer than four"));
        until("the write is visible", || unread(&client).0 == 16);
        assert_eq!(Request::read(&client, 99).finish_read(), b"longer than four");
        assert_eq!(writer.join().unwrap(), (TRUE, UNTOUCHED, 16));
    });
}

/// 7.1: ConnectNamedPipe without OVERLAPPED on an overlapped handle blocks until a client is there.
fn no_overlapped_on_an_overlapped_handle_connects() {
    let name = pipe_name();
    let server = server(&name, OVERLAPPED_DUPLEX, BYTE);
    std::thread::scope(|scope| {
        let connect = scope.spawn(|| call!(ConnectNamedPipe(server.raw(), null_mut())));
        let _client = client(&name, READ_WRITE, 0);
        let (value, error) = connect.join().unwrap();
        assert!(value == TRUE || error == ERROR_PIPE_CONNECTED, "{error}");
    });
}

/// 7.1: An OVERLAPPED on a synchronous handle: done before the call returns, fields and event as ever.
fn an_overlapped_on_a_synchronous_handle_is_done_on_return() {
    let (server, client) = pair(DUPLEX, BYTE);
    let write = Request::write(&server, b"data");
    assert_eq!((write.started, write.status()), ((TRUE, UNTOUCHED, 4), (0, 4)));
    assert!(is_signaled(&write.event));
    let read = Request::read(&client, 9);
    assert_eq!((read.started, read.status()), ((TRUE, UNTOUCHED, 4), (0, 4)));
    assert!(is_signaled(&read.event));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let read = Request::read(&client, 9);
            (read.started, read.status())
        });
        expect_write(&server, b"later");
        assert_eq!(reader.join().unwrap(), ((TRUE, UNTOUCHED, 5), (0, 5)));
    });
}

/// 7.1: An OVERLAPPED on a synchronous handle fails at once as ever.
fn an_overlapped_on_a_synchronous_handle_fails_at_once() {
    let (server, client) = pair(DUPLEX, BYTE);
    client.close();
    let read = Request::read(&server, 4);
    assert_eq!(read.started, (FALSE, ERROR_BROKEN_PIPE, 0));
    assert!(!is_signaled(&read.event));
}

/// 7.1: Offset and OffsetHigh are ignored by pipes.
fn offsets_are_ignored() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut write = Request::new(&server, b"data".to_vec());
    // SAFETY: the block is alive and its request has not begun.
    unsafe {
        (*write.block()).Anonymous.Anonymous.Offset = 0x1234;
        (*write.block()).Anonymous.Anonymous.OffsetHigh = 0x7FFF_FFFF;
    }
    assert_eq!(write.start_write().started, (TRUE, UNTOUCHED, 4));
    assert_eq!(Request::read(&client, 9).finish_read(), b"data");
}

/// 7.1: A request is complete when Internal is no more STATUS_PENDING; a look at the memory is enough.
fn has_overlapped_io_completed() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 4).pending();
    expect_write_overlapped(&client, b"data");
    until("Internal tells of the completion", || !read.is_pending());
    assert_eq!((read.status(), read.bytes()), ((0, 4), &b"data"[..]));
}

/// 7.1: A block whose request is complete can be used for the next; starting it resets the event.
fn a_block_can_be_used_again() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::new(&server, vec![0; 1]);
    for byte in 0..10 {
        read = read.start_read().pending();
        assert!(!is_signaled(&read.event));
        expect_write_overlapped(&client, &[byte]);
        assert_eq!(read.finish_read(), [byte]);
    }
}

/// 7.1: Many requests may be outstanding on one overlapped handle, each with its own event.
fn many_requests_on_one_handle() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let reads: Vec<Request> = (0..50).map(|_| Request::read(&server, 9).pending()).collect();
    for byte in 0..50u8 {
        expect_write_overlapped(&client, &[byte]);
    }
    for (byte, read) in reads.iter().enumerate() {
        assert_eq!(read.finish_read(), [byte as u8]);
    }
}

/// 7.1: On an overlapped handle a pending read does not hinder a write.
fn reads_and_writes_do_not_hinder_each_other() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 9).pending();
    expect_write_overlapped(&server, b"down");
    assert_eq!(Request::read(&client, 9).finish_read(), b"down");
    assert!(read.is_pending());
}

/// 7.1: I/O on a synchronous handle is serialized: a write waits for the read before it.
fn a_synchronous_write_waits_behind_a_read() {
    let (server, client) = pair(DUPLEX, BYTE);
    let copy = client.duplicate();
    let order = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            expect_read(&client, 9, b"first");
            order.lock().unwrap().push("read");
        });
        // Whether the read has begun or not, both calls end, the write never before a read that was there.
        scope.spawn(|| {
            expect_write(&copy, b"second");
            order.lock().unwrap().push("write");
        });
        expect_write(&server, b"first");
        expect_read(&server, 9, b"second");
    });
    assert_eq!(order.into_inner().unwrap().len(), 2);
}

/// 7.1: A request started on one thread can be waited for and asked about on another.
fn completion_is_seen_by_every_thread() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 4).pending();
    std::thread::scope(|scope| {
        let waiters: Vec<_> =
            (0..3).map(|_| scope.spawn(|| (wait(&read.event, SOON), read.result()))).collect();
        expect_write_overlapped(&client, b"data");
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), (WAIT_OBJECT_0, (TRUE, UNTOUCHED, 4)));
        }
    });
    assert_eq!(read.bytes(), b"data");
}
