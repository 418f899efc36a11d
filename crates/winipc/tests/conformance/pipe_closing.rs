//! Section 5.3: what closing one end, or disconnecting, does to the other end, its calls and its data.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    client_calls_after_the_server_closed,
    client_calls_after_a_disconnect,
    a_client_flushes_after_the_server_closed,
    a_client_cannot_flush_after_a_disconnect,
    disconnect_discards_unread_data,
    disconnect_fails_pending_calls_of_both_ends,
    closing_the_client_fails_pending_calls_of_the_server,
    closing_the_server_fails_pending_calls_of_the_client,
    data_sent_to_a_closed_end_is_gone,
    closing_a_listening_server_ends_its_connect,
    an_end_closes_with_its_last_duplicate,
];

/// 5.3: After the server closed the client reads the rest, then ERROR_BROKEN_PIPE; it writes with ERROR_NO_DATA.
fn client_calls_after_the_server_closed() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"rest");
    server.close();
    write_fails(&client, ERROR_NO_DATA);
    assert_eq!(unread(&client).0, 4);
    expect_read(&client, 9, b"rest");
    read_fails(&client, ERROR_BROKEN_PIPE);
    peek_fails(&client, ERROR_BROKEN_PIPE);
}

/// 5.3: After DisconnectNamedPipe every call of the client fails ERROR_PIPE_NOT_CONNECTED; unread data is lost.
fn client_calls_after_a_disconnect() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"lost");
    ok!(DisconnectNamedPipe(server.raw()));
    read_fails(&client, ERROR_PIPE_NOT_CONNECTED);
    write_fails(&client, ERROR_PIPE_NOT_CONNECTED);
    peek_fails(&client, ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: FlushFileBuffers of the client after the server closed is TRUE (?).
fn a_client_flushes_after_the_server_closed() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&client, b"never read");
    server.close();
    ok!(FlushFileBuffers(client.raw()));
}

/// 5.3: FlushFileBuffers of the client after a disconnect fails ERROR_PIPE_NOT_CONNECTED (?).
fn a_client_cannot_flush_after_a_disconnect() {
    let (_server, client) = disconnected(BYTE);
    fails!(FlushFileBuffers(client.raw()), ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: DisconnectNamedPipe discards all unread data both ways.
fn disconnect_discards_unread_data() {
    let (name, server) = listening(DUPLEX, BYTE | PIPE_NOWAIT);
    let first = client(&name, READ_WRITE, 0);
    expect_write(&server, b"down");
    expect_write(&first, b"up");
    ok!(DisconnectNamedPipe(server.raw()));
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_LISTENING);
    let second = client(&name, READ_WRITE, 0);
    assert_eq!((unread(&server).0, unread(&second).0), (0, 0));
    read_fails(&first, ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: DisconnectNamedPipe fails pending reads and writes on both ends with ERROR_PIPE_NOT_CONNECTED.
fn disconnect_fails_pending_calls_of_both_ends() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let client_read = Request::read(&client, 1).pending();
    let server_read = Request::read(&server, 1).pending();
    ok!(DisconnectNamedPipe(server.raw()));
    client_read.finish_fails(ERROR_PIPE_NOT_CONNECTED);
    server_read.finish_fails(ERROR_PIPE_NOT_CONNECTED);

    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let client_write = Request::write(&client, b"more than four").pending();
    let server_write = Request::write(&server, b"more than four").pending();
    ok!(DisconnectNamedPipe(server.raw()));
    client_write.finish_fails(ERROR_PIPE_NOT_CONNECTED);
    server_write.finish_fails(ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: Closing the client fails pending reads and writes of the server with ERROR_BROKEN_PIPE.
fn closing_the_client_fails_pending_calls_of_the_server() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let read = Request::read(&server, 1).pending();
    let write = Request::write(&server, b"more than four").pending();
    client.close();
    read.finish_fails(ERROR_BROKEN_PIPE);
    write.finish_fails(ERROR_BROKEN_PIPE);
}

/// 5.3: Closing the server fails pending reads and writes of the client with ERROR_BROKEN_PIPE.
fn closing_the_server_fails_pending_calls_of_the_client() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let read = Request::read(&client, 1).pending();
    let write = Request::write(&client, b"more than four").pending();
    server.close();
    read.finish_fails(ERROR_BROKEN_PIPE);
    write.finish_fails(ERROR_BROKEN_PIPE);
}

/// 5.3: Data sent to the closing end is discarded (?), data sent by it stays readable.
fn data_sent_to_a_closed_end_is_gone() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"to the client");
    expect_write(&client, b"from the client");
    client.close();
    expect_read(&server, 99, b"from the client");
    ok!(FlushFileBuffers(server.raw()));
}

/// 5.3: Closing a listening server handle completes its pending connect with an error (ERROR_BROKEN_PIPE ?).
fn closing_a_listening_server_ends_its_connect() {
    let (_name, server) = listening(OVERLAPPED_DUPLEX, BYTE);
    let connect = Request::connect(&server).pending();
    server.close();
    assert_eq!(wait(&connect.event, SOON), WAIT_OBJECT_0);
    assert_ne!(connect.status().0, 0);
    assert_eq!(connect.result().0, FALSE);
}

/// 5.3: An end is closed when its last duplicate is.
fn an_end_closes_with_its_last_duplicate() {
    let (server, client) = pair(DUPLEX, BYTE);
    let copy = server.duplicate();
    server.close();
    expect_write(&client, b"x");
    expect_read(&copy, 1, b"x");
    copy.close();
    write_fails(&client, ERROR_NO_DATA);
}
