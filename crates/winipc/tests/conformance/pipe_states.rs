//! Section 5.3: what each call does in each state of an instance.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    connect_waits_while_listening,
    connect_pends_while_listening,
    connect_on_a_connected_instance_fails,
    connect_on_a_closing_instance_fails,
    connect_after_disconnect_listens_again,
    a_connected_answer_leaves_the_block_pending,
    a_pending_connect_completes_before_create_file_returns,
    a_closing_instance_stays_closing,
    disconnect_of_a_disconnected_instance_fails,
    disconnect_of_a_closing_instance_succeeds,
    read_while_listening_fails,
    write_while_listening_fails,
    peek_while_listening_fails,
    transact_while_listening_fails,
    flush_while_listening_succeeds,
    read_while_closing_gives_the_rest,
    write_while_closing_fails,
    peek_while_closing,
    transact_while_closing_fails,
    flush_while_closing_succeeds,
    data_calls_while_disconnected_fail,
    peek_while_disconnected_fails,
    transact_while_disconnected_fails,
    flush_while_disconnected_succeeds,
    information_works_in_every_state,
    the_client_can_neither_connect_nor_disconnect,
    an_instance_serves_one_client_after_the_other,
];

fn transact_outcome(pipe: &Handle) -> (i32, u32) {
    let (mut buffer, mut count) = ([0u8; 4], 0);
    let output = buffer.as_mut_ptr().cast();
    call!(TransactNamedPipe(pipe.raw(), b"ask".as_ptr().cast(), 3, output, 4, &mut count, null_mut()))
}

/// 5.3: ConnectNamedPipe on a listening instance waits until a client opens, and returns TRUE.
fn connect_waits_while_listening() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, BYTE);
    std::thread::scope(|scope| {
        let connect = scope.spawn(|| call!(ConnectNamedPipe(server.raw(), null_mut())));
        let _client = client(&name, READ_WRITE, 0);
        let (value, error) = connect.join().unwrap();
        // Whichever came first.
        assert!(value == TRUE || error == ERROR_PIPE_CONNECTED, "{value} {error}");
    });
}

/// 5.3: With OVERLAPPED it pends (997) and completes with success and 0 bytes when a client opens.
fn connect_pends_while_listening() {
    let (name, server) = listening(OVERLAPPED_DUPLEX, BYTE);
    let connect = Request::connect(&server).pending();
    assert_eq!(connect.result(), (FALSE, ERROR_IO_INCOMPLETE, 0xEEEE));
    let _client = client(&name, READ_WRITE, 0);
    assert_eq!(connect.finish(), (TRUE, UNTOUCHED, 0));
    assert_eq!(connect.status(), (0, 0));
}

/// 5.3: ConnectNamedPipe on a connected instance fails ERROR_PIPE_CONNECTED.
fn connect_on_a_connected_instance_fails() {
    let (server, _client) = pair(DUPLEX, BYTE);
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_CONNECTED);
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_CONNECTED);
}

/// 5.3: ConnectNamedPipe after the client closed fails ERROR_NO_DATA.
fn connect_on_a_closing_instance_fails() {
    for data in [&b""[..], b"unread"] {
        let server = closing(BYTE, data);
        fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_NO_DATA);
    }
}

/// 5.3: ConnectNamedPipe on a disconnected instance makes it listen again.
fn connect_after_disconnect_listens_again() {
    let (name, server) = listening(OVERLAPPED_DUPLEX, BYTE);
    let first = client(&name, READ_WRITE, 0);
    ok!(DisconnectNamedPipe(server.raw()));
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
    let connect = Request::connect(&server).pending();
    let second = client(&name, READ_WRITE, 0);
    assert_eq!(connect.finish().0, TRUE);
    expect_write(&second, b"second");
    assert_eq!(Request::read(&server, 9).finish_read(), b"second");
    write_fails(&first, ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: ERROR_PIPE_CONNECTED with OVERLAPPED leaves Internal STATUS_PENDING and the event not set.
fn a_connected_answer_leaves_the_block_pending() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let connect = Request::connect(&server);
    assert_eq!((connect.started.0, connect.started.1), (FALSE, ERROR_PIPE_CONNECTED));
    assert_eq!(connect.status().0, 0x103);
    assert!(!is_signaled(&connect.event));
}

/// 5.3: The event of a pending connect is set before the client's CreateFile returns.
fn a_pending_connect_completes_before_create_file_returns() {
    for _ in 0..20 {
        let (name, server) = listening(OVERLAPPED_DUPLEX, BYTE);
        let connect = Request::connect(&server).pending();
        let _client = client(&name, READ_WRITE, 0);
        assert!(is_signaled(&connect.event));
        assert_eq!(connect.status(), (0, 0));
    }
}

/// 5.3: After the client closed the instance stays closing until DisconnectNamedPipe.
fn a_closing_instance_stays_closing() {
    let (name, server) = listening(DUPLEX, BYTE);
    client(&name, READ_WRITE, 0).close();
    for _ in 0..2 {
        client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
        fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_NO_DATA);
    }
    ok!(DisconnectNamedPipe(server.raw()));
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
}

/// 5.3: DisconnectNamedPipe on a disconnected instance fails ERROR_PIPE_NOT_CONNECTED.
fn disconnect_of_a_disconnected_instance_fails() {
    let (server, _client) = disconnected(BYTE);
    fails!(DisconnectNamedPipe(server.raw()), ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: DisconnectNamedPipe after the client closed is TRUE.
fn disconnect_of_a_closing_instance_succeeds() {
    let server = closing(BYTE, b"unread");
    quiet!(DisconnectNamedPipe(server.raw()));
    read_fails(&server, ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: ReadFile on a listening server fails ERROR_PIPE_LISTENING.
fn read_while_listening_fails() {
    read_fails(&listening(DUPLEX, BYTE).1, ERROR_PIPE_LISTENING);
    read_fails(&listening(DUPLEX, MESSAGE).1, ERROR_PIPE_LISTENING);
}

/// 5.3: WriteFile on a listening server fails ERROR_PIPE_LISTENING.
fn write_while_listening_fails() {
    write_fails(&listening(DUPLEX, BYTE).1, ERROR_PIPE_LISTENING);
    write_fails(&listening(DUPLEX, MESSAGE).1, ERROR_PIPE_LISTENING);
}

/// 5.3: PeekNamedPipe on a listening server fails ERROR_BAD_PIPE.
fn peek_while_listening_fails() {
    peek_fails(&listening(DUPLEX, BYTE).1, ERROR_BAD_PIPE);
}

/// 5.3: TransactNamedPipe on a listening server fails ERROR_BAD_PIPE.
fn transact_while_listening_fails() {
    assert_eq!(transact_outcome(&listening(DUPLEX, MESSAGE).1), (FALSE, ERROR_BAD_PIPE));
}

/// 5.3: FlushFileBuffers on a listening server is TRUE (?).
fn flush_while_listening_succeeds() {
    ok!(FlushFileBuffers(listening(DUPLEX, BYTE).1.raw()));
}

/// 5.3: ReadFile after the client closed gives the remaining data, then fails ERROR_BROKEN_PIPE.
fn read_while_closing_gives_the_rest() {
    let server = closing(BYTE, b"remaining");
    expect_read(&server, 4, b"rema");
    expect_read(&server, 9, b"ining");
    read_fails(&server, ERROR_BROKEN_PIPE);
    read_fails(&server, ERROR_BROKEN_PIPE);
    let server = closing(MESSAGE, b"message");
    assert_eq!(read(&server, 4), (FALSE, ERROR_MORE_DATA, b"mess".to_vec()));
    expect_read(&server, 9, b"age");
    read_fails(&server, ERROR_BROKEN_PIPE);
}

/// 5.3: WriteFile after the client closed fails ERROR_NO_DATA.
fn write_while_closing_fails() {
    let server = closing(BYTE, b"unread");
    write_fails(&server, ERROR_NO_DATA);
    expect_read(&server, 9, b"unread");
    write_fails(&server, ERROR_NO_DATA);
}

/// 5.3: PeekNamedPipe after the client closed works while data is left, then fails ERROR_BROKEN_PIPE.
fn peek_while_closing() {
    let server = closing(BYTE, b"data");
    assert_eq!(unread(&server).0, 4);
    expect_read(&server, 4, b"data");
    peek_fails(&server, ERROR_BROKEN_PIPE);
}

/// 5.3: TransactNamedPipe after the client closed fails ERROR_BAD_PIPE (?).
fn transact_while_closing_fails() {
    assert_eq!(transact_outcome(&closing(MESSAGE, b"")), (FALSE, ERROR_BAD_PIPE));
}

/// 5.3: FlushFileBuffers after the client closed is TRUE.
fn flush_while_closing_succeeds() {
    let (server, client) = pair(DUPLEX, BYTE);
    expect_write(&server, b"never read");
    client.close();
    ok!(FlushFileBuffers(server.raw()));
}

/// 5.3: ReadFile and WriteFile on a disconnected server fail ERROR_PIPE_NOT_CONNECTED.
fn data_calls_while_disconnected_fail() {
    let (server, _client) = disconnected(BYTE);
    read_fails(&server, ERROR_PIPE_NOT_CONNECTED);
    write_fails(&server, ERROR_PIPE_NOT_CONNECTED);
}

/// 5.3: PeekNamedPipe on a disconnected server fails ERROR_BAD_PIPE.
fn peek_while_disconnected_fails() {
    peek_fails(&disconnected(BYTE).0, ERROR_BAD_PIPE);
}

/// 5.3: TransactNamedPipe on a disconnected server fails ERROR_BAD_PIPE (?).
fn transact_while_disconnected_fails() {
    assert_eq!(transact_outcome(&disconnected(MESSAGE).0), (FALSE, ERROR_BAD_PIPE));
}

/// 5.3: FlushFileBuffers on a disconnected server is TRUE (?).
fn flush_while_disconnected_succeeds() {
    ok!(FlushFileBuffers(disconnected(BYTE).0.raw()));
}

/// 5.3: Handle state and information work on the server in every state (closing and disconnected ?).
fn information_works_in_every_state() {
    let (connected, _client) = pair(DUPLEX, MESSAGE);
    let (_name, listening) = listening(DUPLEX, MESSAGE);
    for server in [&listening, &connected, &closing(MESSAGE, b""), &disconnected(MESSAGE).0] {
        let (mut state, mut flags) = (0xEE, 0xEE);
        let none = null_mut();
        quiet!(GetNamedPipeHandleStateW(server.raw(), &mut state, none, none, none, null_mut(), 0));
        quiet!(SetNamedPipeHandleState(server.raw(), &PIPE_READMODE_BYTE, null(), null()));
        quiet!(GetNamedPipeInfo(server.raw(), &mut flags, null_mut(), null_mut(), null_mut()));
        assert_eq!((state, flags), (PIPE_READMODE_MESSAGE, PIPE_SERVER_END | PIPE_TYPE_MESSAGE));
    }
}

/// 5.3: ConnectNamedPipe and DisconnectNamedPipe on a client handle fail ERROR_INVALID_FUNCTION (disconnect ?).
fn the_client_can_neither_connect_nor_disconnect() {
    let (_server, client) = pair(DUPLEX, BYTE);
    fails!(ConnectNamedPipe(client.raw(), null_mut()), ERROR_INVALID_FUNCTION);
    fails!(DisconnectNamedPipe(client.raw()), ERROR_INVALID_FUNCTION);
    expect_write(&client, b"still connected");
}

/// 5.3: listening, connected, closing, disconnected and listening again, as often as one likes.
fn an_instance_serves_one_client_after_the_other() {
    let (name, server) = listening(OVERLAPPED_DUPLEX, MESSAGE);
    for round in 0..20u8 {
        let connect = Request::connect(&server).pending();
        let client = client(&name, READ_WRITE, 0);
        assert_eq!(connect.finish().0, TRUE);
        expect_write(&client, &[round]);
        assert_eq!(Request::read(&server, 9).finish_read(), [round]);
        client.close();
        assert_eq!(Request::read(&server, 1).started.1, ERROR_BROKEN_PIPE);
        ok!(DisconnectNamedPipe(server.raw()));
    }
}
