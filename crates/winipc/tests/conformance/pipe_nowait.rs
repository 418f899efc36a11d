//! Section 5.4: PIPE_NOWAIT.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    connect_never_waits,
    connect_never_pends,
    connect_after_a_disconnect_fails_too,
    read_of_an_empty_pipe_fails_at_once,
    overlapped_read_of_an_empty_pipe_fails_at_once,
    read_gives_what_is_there,
    a_write_that_does_not_fit_writes_nothing,
    a_write_that_just_fits_is_accepted,
    a_write_with_a_pending_reader_and_quota_is_taken,
    a_byte_write_with_a_pending_reader_serves_the_reader_only,
    a_message_write_that_does_not_fit_leaves_the_reader_pending,
    the_wait_mode_belongs_to_the_end,
    switching_with_pending_io_fails,
    switching_back_waits_again,
];

const NOWAIT: u32 = BYTE | PIPE_NOWAIT;

/// 5.4: ConnectNamedPipe: listening fails ERROR_PIPE_LISTENING, connected 535, closing ERROR_NO_DATA.
fn connect_never_waits() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, NOWAIT);
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_LISTENING);
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_LISTENING);
    let client = client(&name, READ_WRITE, 0);
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_CONNECTED);
    client.close();
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_NO_DATA);
}

/// 5.4: Also with OVERLAPPED ConnectNamedPipe fails ERROR_PIPE_LISTENING at once.
fn connect_never_pends() {
    let server = server(&pipe_name(), OVERLAPPED_DUPLEX, NOWAIT);
    let connect = Request::connect(&server);
    assert_eq!((connect.started.0, connect.started.1), (FALSE, ERROR_PIPE_LISTENING));
    assert!(!is_signaled(&connect.event));
}

/// 5.4: The first ConnectNamedPipe after a disconnect fails ERROR_PIPE_LISTENING too, and listens.
fn connect_after_a_disconnect_fails_too() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, NOWAIT);
    let _first = client(&name, READ_WRITE, 0);
    ok!(DisconnectNamedPipe(server.raw()));
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_LISTENING);
    client(&name, READ_WRITE, 0);
}

/// 5.4: ReadFile of an empty pipe fails ERROR_NO_DATA at once.
fn read_of_an_empty_pipe_fails_at_once() {
    for mode in [NOWAIT, MESSAGE | PIPE_NOWAIT] {
        let (server, client) = pair(DUPLEX, mode);
        read_fails(&server, ERROR_NO_DATA);
        set_mode(&client, PIPE_NOWAIT);
        read_fails(&client, ERROR_NO_DATA);
    }
}

/// 5.4: Also with OVERLAPPED ReadFile of an empty pipe fails ERROR_NO_DATA at once.
fn overlapped_read_of_an_empty_pipe_fails_at_once() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, NOWAIT);
    assert_eq!(Request::read(&server, 4).started, (FALSE, ERROR_NO_DATA, 0));
}

/// 5.4: ReadFile gives what is there, and ERROR_BROKEN_PIPE when the peer is gone.
fn read_gives_what_is_there() {
    let (server, client) = pair(DUPLEX, NOWAIT);
    expect_write(&client, b"data");
    expect_read(&server, 9, b"data");
    read_fails(&server, ERROR_NO_DATA);
    client.close();
    read_fails(&server, ERROR_BROKEN_PIPE);
}

/// 5.4: A write that does not fit the free quota: TRUE with count 0, nothing is queued, both types.
fn a_write_that_does_not_fit_writes_nothing() {
    for mode in [NOWAIT, MESSAGE | PIPE_NOWAIT] {
        let (server, client) = pair_with(DUPLEX, mode, 8, 8);
        assert_eq!(write(&server, b"nine byte"), (TRUE, UNTOUCHED, 0));
        assert_eq!(unread(&client).0, 0);
        expect_write(&server, b"five5");
        assert_eq!(write(&server, b"four"), (TRUE, UNTOUCHED, 0));
        assert_eq!(unread(&client).0, 5);
    }
}

/// 5.4: A write that just fits the free quota is accepted.
fn a_write_that_just_fits_is_accepted() {
    for mode in [NOWAIT, MESSAGE | PIPE_NOWAIT] {
        let (server, client) = pair_with(DUPLEX, mode, 8, 8);
        expect_write(&server, b"five5");
        expect_write(&server, b"886");
        assert_eq!(unread(&client).0, 8);
    }
}

/// Server without wait and with `quota`, client with a pending read of `size` bytes.
fn with_reader(pipe_mode: u32, quota: u32, size: usize) -> (Handle, Handle, Request) {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, pipe_mode, quota, quota);
    set_mode(&server, pipe_mode & PIPE_READMODE_MESSAGE | PIPE_NOWAIT);
    let read = Request::read(&client, size).pending();
    (server, client, read)
}

/// 5.4: With a reader pending for r bytes everything is taken when the rest fits the free quota.
fn a_write_with_a_pending_reader_and_quota_is_taken() {
    for mode in [BYTE, MESSAGE] {
        let (server, client, read) = with_reader(mode, 4, 6);
        assert_eq!(Request::write(&server, b"6bytes+4!!").finish(), (TRUE, UNTOUCHED, 10));
        assert_eq!(wait(&read.event, SOON), WAIT_OBJECT_0);
        assert_eq!(read.bytes(), b"6bytes");
        assert_eq!(unread(&client).0, 4);
    }
}

/// 5.4: When the rest does not fit, byte type: the reader takes r bytes, which is the count.
fn a_byte_write_with_a_pending_reader_serves_the_reader_only() {
    let (server, client, read) = with_reader(BYTE, 4, 6);
    assert_eq!(Request::write(&server, b"6bytes+five").finish(), (TRUE, UNTOUCHED, 6));
    assert_eq!(read.finish_read(), b"6bytes");
    assert_eq!(unread(&client).0, 0);
}

/// 5.4: When the rest does not fit, message type: count 0, and the reader stays pending.
fn a_message_write_that_does_not_fit_leaves_the_reader_pending() {
    let (server, _client, read) = with_reader(MESSAGE, 4, 6);
    assert_eq!(Request::write(&server, b"6bytes+five").finish(), (TRUE, UNTOUCHED, 0));
    assert!(read.is_pending());
    assert_eq!(Request::write(&server, b"four").finish(), (TRUE, UNTOUCHED, 4));
    assert_eq!(read.finish_read(), b"four");
}

/// 5.4: The wait mode belongs to the handle's end: the other end still waits.
fn the_wait_mode_belongs_to_the_end() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, NOWAIT);
    let read = Request::read(&client, 4).pending();
    assert_eq!(Request::read(&server, 4).started.1, ERROR_NO_DATA);
    expect_write(&server, b"data");
    assert_eq!(read.finish_read(), b"data");
}

/// 5.4: Switching an end with pending I/O to PIPE_NOWAIT fails ERROR_PIPE_BUSY (?).
fn switching_with_pending_io_fails() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 4).pending();
    fails!(SetNamedPipeHandleState(server.raw(), &PIPE_NOWAIT, null(), null()), ERROR_PIPE_BUSY);
    expect_write(&client, b"data");
    assert_eq!(read.finish_read(), b"data");
}

/// 5.4: Switched back to PIPE_WAIT, reads wait again.
fn switching_back_waits_again() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, NOWAIT);
    set_mode(&server, PIPE_WAIT);
    let read = Request::read(&server, 4).pending();
    expect_write(&client, b"data");
    assert_eq!(read.finish_read(), b"data");
}
