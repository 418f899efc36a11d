//! Sections 5.7, 5.8 and 5.13: writing, quota, flushing, and writes of processes that end.

use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

tests![
    a_write_within_the_quota_completes_at_once,
    a_write_beyond_the_quota_pends_and_is_visible,
    a_blocking_write_waits_for_the_reader,
    pending_writes_complete_as_their_bytes_fit,
    a_write_larger_than_the_quota_completes_when_the_excess_is_read,
    pending_reads_are_served_before_the_quota,
    each_direction_has_its_quota,
    a_quota_of_zero_waits_for_the_reader,
    an_empty_write_never_waits,
    a_completed_write_reports_its_full_size,
    messages_are_neither_split_nor_merged,
    message_writes_pend_like_byte_writes,
    large_messages_pass_whole,
    cancelling_a_write_removes_its_rest,
    cancelling_a_half_read_message_removes_its_rest,
    later_writes_stay_when_one_is_cancelled,
    a_read_of_several_pending_writes_completes_them_all,
    flush_of_nothing_returns_at_once,
    flush_needs_write_access,
    flush_waits_for_the_reader,
    flush_ends_when_the_data_is_cancelled,
    flush_fails_when_the_peer_closes,
    flush_fails_when_the_server_disconnects,
    a_killed_writer_leaves_what_was_written,
    a_killed_writers_pending_write_is_removed,
    a_killed_client_breaks_the_pipe,
    a_killed_server_breaks_the_pipe,
    a_killed_servers_name_is_free_at_once,
];

/// 5.7: When unread and new bytes fit the quota the write completes at once.
fn a_write_within_the_quota_completes_at_once() {
    for mode in [BYTE, MESSAGE] {
        let (server, client) = pair_with(OVERLAPPED_DUPLEX, mode, 8, 8);
        assert_eq!(Request::write(&server, b"five5").started, (TRUE, UNTOUCHED, 5));
        assert_eq!(Request::write(&server, b"886").started, (TRUE, UNTOUCHED, 3));
        assert_eq!(unread(&client).0, 8);
    }
}

/// 5.7: Otherwise all data is visible to readers at once and the write stays pending.
fn a_write_beyond_the_quota_pends_and_is_visible() {
    for mode in [BYTE, MESSAGE] {
        let (server, client) = pair_with(OVERLAPPED_DUPLEX, mode, 8, 8);
        let write = Request::write(&server, b"nine byte").pending();
        assert_eq!(unread(&client).0, 9);
        assert!(write.is_pending());
        assert_eq!(Request::read(&client, 9).finish_read(), b"nine byte");
        assert_eq!(write.finish(), (TRUE, UNTOUCHED, 9));
    }
}

/// 5.7: On a synchronous handle such a write blocks until the reader makes room.
fn a_blocking_write_waits_for_the_reader() {
    let (server, client) = pair_with(DUPLEX, BYTE, 4, 4);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            expect_write(&server, b"ten bytes!");
            done.store(true, Ordering::Release);
        });
        until("the data is visible", || unread(&client).0 == 10);
        expect_read(&client, 5, b"ten b");
        assert!(!done.load(Ordering::Acquire), "5 unread bytes do not fit a quota of 4");
        expect_read(&client, 1, b"y");
    });
    assert!(done.into_inner());
    expect_read(&client, 9, b"tes!");
}

/// 5.7: A pending write completes, in order, as soon as all unread bytes up to and including its own fit.
fn pending_writes_complete_as_their_bytes_fit() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 5000, 5000);
    assert_eq!(Request::write(&server, &[1; 3000]).started.0, TRUE);
    let large = Request::write(&server, &[2; 5000]).pending();
    let small = Request::write(&server, &[3; 1]).pending();
    assert_eq!(Request::read(&client, 2999).finish_read().len(), 2999);
    assert!(large.is_pending() && small.is_pending());
    assert_eq!(Request::read(&client, 1).finish_read(), [1]);
    assert_eq!(large.finish(), (TRUE, UNTOUCHED, 5000));
    assert!(small.is_pending());
    assert_eq!(Request::read(&client, 1).finish_read(), [2]);
    assert_eq!(small.finish(), (TRUE, UNTOUCHED, 1));
}

/// 5.7: A write of the quota plus 2000 alone completes when 2000 bytes have been read.
fn a_write_larger_than_the_quota_completes_when_the_excess_is_read() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 5000, 5000);
    let write = Request::write(&server, &[7; 7000]).pending();
    assert_eq!(Request::read(&client, 1999).finish_read().len(), 1999);
    assert!(write.is_pending());
    assert_eq!(Request::read(&client, 1).finish_read().len(), 1);
    assert_eq!(write.finish(), (TRUE, UNTOUCHED, 7000));
    assert_eq!(unread(&client).0, 5000);
}

/// 5.7: Pending reads are served first; only the remainder counts against the quota.
fn pending_reads_are_served_before_the_quota() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let read = Request::read(&client, 6).pending();
    assert_eq!(Request::write(&server, b"6bytes+4!!").started, (TRUE, UNTOUCHED, 10));
    assert_eq!(read.finish_read(), b"6bytes");
    assert_eq!(unread(&client).0, 4);
}

/// 5.7: nOutBufferSize is the quota of the server's writes, nInBufferSize of the client's.
fn each_direction_has_its_quota() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 16);
    assert_eq!(Request::write(&server, b"four").started.0, TRUE);
    assert_eq!(Request::write(&client, b"sixteen bytes ok").started.0, TRUE);
    let _down = Request::write(&server, b"x").pending();
    let _up = Request::write(&client, b"x").pending();
}

/// 5.7: With a quota of 0 every non-empty write waits until it is fully read (?).
fn a_quota_of_zero_waits_for_the_reader() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 0, 0);
    let write = Request::write(&server, b"abc").pending();
    assert_eq!(Request::read(&client, 2).finish_read(), b"ab");
    assert!(write.is_pending());
    assert_eq!(Request::read(&client, 2).finish_read(), b"c");
    assert_eq!(write.finish(), (TRUE, UNTOUCHED, 3));
}

/// 5.7: A write of size 0 never waits, even on a full pipe: an empty message, or nothing on byte type.
fn an_empty_write_never_waits() {
    for (mode, messages) in [(BYTE, 0), (MESSAGE, 1)] {
        let (server, client) = pair_with(DUPLEX, mode, 4, 4);
        expect_write(&server, b"four");
        assert_eq!(write(&server, b""), (TRUE, UNTOUCHED, 0));
        expect_read(&client, 9, b"four");
        set_mode(&client, mode & PIPE_READMODE_MESSAGE | PIPE_NOWAIT);
        for _ in 0..messages {
            expect_read(&client, 9, b"");
        }
        read_fails(&client, ERROR_NO_DATA);
    }
}

/// 5.7: A completed write reports the full size.
fn a_completed_write_reports_its_full_size() {
    let (server, _client) = pair(DUPLEX, BYTE);
    for size in [1, 2, 1000] {
        assert_eq!(write(&server, &vec![1; size]), (TRUE, UNTOUCHED, size as u32));
    }
}

/// 5.7: Messages are never split or merged on message type.
fn messages_are_neither_split_nor_merged() {
    let (server, client) = pair_with(DUPLEX, MESSAGE, 0x1_0000, 0x1_0000);
    let sizes = [1, 4095, 4096, 4097, 3, 1, 10_000];
    for size in sizes {
        expect_write(&server, &vec![size as u8; size]);
    }
    for size in sizes {
        expect_read(&client, 0x1_0000, &vec![size as u8; size]);
    }
}

/// 5.7: A message write beyond the quota pends until enough messages have been read.
fn message_writes_pend_like_byte_writes() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, MESSAGE, 8, 8);
    let _first = Request::write(&server, b"first");
    let second = Request::write(&server, b"second").pending();
    assert_eq!(Request::read(&client, 9).finish_read(), b"first");
    assert_eq!(second.finish(), (TRUE, UNTOUCHED, 6));
}

/// 5.7: A message much larger than the quota passes whole.
fn large_messages_pass_whole() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, MESSAGE, 16, 16);
    let message: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
    let write = Request::write(&server, &message).pending();
    assert_eq!(unread(&client), (300_000, 300_000));
    assert!(Request::read(&client, 400_000).finish_read() == message);
    assert_eq!(write.finish(), (TRUE, UNTOUCHED, 300_000));
}

/// 5.7: Cancelling a pending write removes its unread remainder, even if it was partly read.
fn cancelling_a_write_removes_its_rest() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let mut write = Request::write(&server, b"partly read").pending();
    assert_eq!(Request::read(&client, 3).finish_read(), b"par");
    ok!(CancelIoEx(server.raw(), write.block()));
    write.finish_fails(ERROR_OPERATION_ABORTED);
    assert_eq!(unread(&client).0, 0);
    assert_eq!(Request::write(&server, b"next").started.0, TRUE);
    assert_eq!(Request::read(&client, 9).finish_read(), b"next");
}

/// 5.7: Cancelling the write of a half-read message removes its rest: the next read begins with the next message.
fn cancelling_a_half_read_message_removes_its_rest() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, MESSAGE, 4, 4);
    let mut write = Request::write(&server, b"partly read").pending();
    assert_eq!(Request::read(&client, 3).finish(), (FALSE, ERROR_MORE_DATA, 3));
    ok!(CancelIoEx(server.raw(), write.block()));
    write.finish_fails(ERROR_OPERATION_ABORTED);
    assert_eq!(Request::write(&server, b"next").started.0, TRUE);
    assert_eq!(Request::read(&client, 9).finish_read(), b"next");
}

/// 5.7: Later writes stay when an earlier one is cancelled.
fn later_writes_stay_when_one_is_cancelled() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, MESSAGE, 4, 4);
    let mut first = Request::write(&server, b"cancelled").pending();
    let second = Request::write(&server, b"stays").pending();
    ok!(CancelIoEx(server.raw(), first.block()));
    first.finish_fails(ERROR_OPERATION_ABORTED);
    assert!(second.is_pending());
    assert_eq!(Request::read(&client, 99).finish_read(), b"stays");
    assert_eq!(second.finish(), (TRUE, UNTOUCHED, 5));
}

/// 5.7: One byte read may take the data of several pending writes and completes them all.
fn a_read_of_several_pending_writes_completes_them_all() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 2, 2);
    let writes = [&b"one"[..], b"two", b"xyz"].map(|bytes| Request::write(&server, bytes).pending());
    assert_eq!(Request::read(&client, 99).finish_read(), b"onetwoxyz");
    for write in &writes {
        assert_eq!(write.finish(), (TRUE, UNTOUCHED, 3));
    }
}

/// 5.8: FlushFileBuffers with nothing unread returns at once.
fn flush_of_nothing_returns_at_once() {
    let (server, client) = pair(DUPLEX, BYTE);
    quiet!(FlushFileBuffers(server.raw()));
    quiet!(FlushFileBuffers(client.raw()));
    expect_write(&server, b"x");
    expect_read(&client, 1, b"x");
    quiet!(FlushFileBuffers(server.raw()));
    expect_write(&server, b"unread, but the other way");
    quiet!(FlushFileBuffers(client.raw()));
}

/// 5.8: FlushFileBuffers needs write access, else ERROR_ACCESS_DENIED.
fn flush_needs_write_access() {
    let (server, client) = pair(PIPE_ACCESS_INBOUND, BYTE);
    fails!(FlushFileBuffers(server.raw()), ERROR_ACCESS_DENIED);
    ok!(FlushFileBuffers(client.raw()));
}

/// 5.8: FlushFileBuffers returns when the peer has read everything written before.
fn flush_waits_for_the_reader() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"data");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            quiet!(FlushFileBuffers(server.raw()));
            done.store(true, Ordering::Release);
        });
        for byte in b"data" {
            patience(2);
            assert!(!done.load(Ordering::Acquire), "flush returns before everything is read");
            expect_read(&client, 1, &[*byte]);
        }
    });
    assert!(done.into_inner());
}

/// 5.8: A flush that waits only for data that is cancelled returns TRUE.
fn flush_ends_when_the_data_is_cancelled() {
    let (server, _client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let mut write = Request::write(&server, b"longer than four").pending();
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| call!(FlushFileBuffers(server.raw())));
        patience(20);
        ok!(CancelIoEx(server.raw(), write.block()));
        assert_eq!(flush.join().unwrap().0, TRUE);
    });
    write.finish_fails(ERROR_OPERATION_ABORTED);
}

/// Flushes while `end` happens; repeats with more and more patience until the flush was pending when it did.
fn flush_ended_by(code: u32, end: impl Fn(&Handle, Handle)) {
    let mut milliseconds = 1;
    until("a flush is pending in time", || {
        let (server, client) = pair(DUPLEX, BYTE);
        expect_write(&server, b"unread");
        let (value, error) = std::thread::scope(|scope| {
            let flush = scope.spawn(|| call!(FlushFileBuffers(server.raw())));
            patience(milliseconds);
            end(&server, client);
            flush.join().unwrap()
        });
        assert!(value == TRUE || error == code, "flush fails {error}");
        milliseconds *= 2;
        value == FALSE
    });
}

/// 5.8: A pending flush fails ERROR_BROKEN_PIPE when the peer closes.
fn flush_fails_when_the_peer_closes() {
    flush_ended_by(ERROR_BROKEN_PIPE, |_, client| client.close());
}

/// 5.8: A pending flush fails ERROR_PIPE_NOT_CONNECTED when the server disconnects.
fn flush_fails_when_the_server_disconnects() {
    let mut milliseconds = 1;
    until("a flush is pending in time", || {
        let (server, client) = pair(DUPLEX, BYTE);
        expect_write(&client, b"unread");
        let (value, error) = std::thread::scope(|scope| {
            let flush = scope.spawn(|| call!(FlushFileBuffers(client.raw())));
            patience(milliseconds);
            ok!(DisconnectNamedPipe(server.raw()));
            flush.join().unwrap()
        });
        // A flush that came later finds the pipe disconnected, with the same code.
        assert_eq!((value, error), (FALSE, ERROR_PIPE_NOT_CONNECTED));
        milliseconds *= 2;
        milliseconds > 64
    });
}

/// A child that is the client of the server returned, and the child's handle.
fn child_client(open_mode: u32, pipe_mode: u32, quota: u32) -> (Handle, Child, i64) {
    let (name, mut child) = (pipe_name(), Child::start());
    let server = server_with(&name, open_mode, pipe_mode, 1, quota, quota);
    let client = child.handle(&format!("open_pipe {}", name.text()));
    (server, child, client)
}

/// 5.13: What a killed process had written stays readable; then the pipe is broken.
fn a_killed_writer_leaves_what_was_written() {
    let (server, mut child, client) = child_client(DUPLEX, MESSAGE, 4096);
    child.ok(&format!("write {client} last"));
    child.ok(&format!("write {client} words"));
    child.kill();
    expect_read(&server, 99, b"last");
    expect_read(&server, 99, b"words");
    read_fails(&server, ERROR_BROKEN_PIPE);
    write_fails(&server, ERROR_NO_DATA);
}

/// 5.7: A killed process's pending write is removed; the pipe goes on when another handle to the end exists.
fn a_killed_writers_pending_write_is_removed() {
    let (server, mut child, client) = child_client(DUPLEX, BYTE, 4);
    let process = child.open(PROCESS_DUP_HANDLE | SYNCHRONIZE);
    let mut copy = null_mut();
    let (source, this) = (client as HANDLE, this_process());
    ok!(DuplicateHandle(process.raw(), source, this, &mut copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    let copy = Handle::own(copy);
    child.send(&format!("write {client} pending-for-ever"));
    until("the write pends", || unread(&server).0 == 16);
    child.kill();
    until("the write is removed", || unread(&server).0 == 0);
    expect_write(&copy, b"on");
    expect_read(&server, 9, b"on");
}

/// 5.13: When the client's process is killed a pending read of the server fails ERROR_BROKEN_PIPE.
fn a_killed_client_breaks_the_pipe() {
    let (server, child, _client) = child_client(OVERLAPPED_DUPLEX, BYTE, 4);
    let read = Request::read(&server, 1).pending();
    let write = Request::write(&server, b"never read").pending();
    child.kill();
    read.finish_fails(ERROR_BROKEN_PIPE);
    write.finish_fails(ERROR_BROKEN_PIPE);
}

/// 5.13: When the server's process is killed the client reads what was written, then ERROR_BROKEN_PIPE.
fn a_killed_server_breaks_the_pipe() {
    let (name, mut child) = (pipe_name(), Child::start());
    let there = child.handle(&format!("create_pipe {} {DUPLEX} {BYTE}", name.text()));
    let client = client(&name, READ_WRITE, FILE_FLAG_OVERLAPPED);
    child.ok(&format!("write {there} farewell"));
    assert_eq!(Request::read(&client, 99).finish_read(), b"farewell");
    let read = Request::read(&client, 1).pending();
    child.kill();
    read.finish_fails(ERROR_BROKEN_PIPE);
    assert_eq!(Request::write(&client, b"x").started.1, ERROR_NO_DATA);
}

/// 5.13: The name of a killed server is free when its end is seen.
fn a_killed_servers_name_is_free_at_once() {
    let (name, mut child) = (pipe_name(), Child::start());
    child.handle(&format!("create_pipe {} {DUPLEX} {BYTE}", name.text()));
    let process = child.open(SYNCHRONIZE);
    child.kill();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    client_fails(&name, READ_WRITE, ERROR_FILE_NOT_FOUND);
    server(&name, DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, MESSAGE);
}
