//! Section 5.2: opening the client end.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    an_absent_pipe_fails,
    a_pipe_without_listening_instance_is_busy,
    a_closed_server_frees_the_name,
    only_client_handles_left_means_absent,
    access_against_the_direction_fails,
    a_failed_open_uses_up_nothing,
    the_client_starts_in_byte_read_blocking_mode,
    clients_reach_the_longest_listening_instance,
    a_pending_connect_gives_no_precedence,
    listening_again_goes_to_the_end,
    access_zero_uses_up_the_instance,
    access_is_what_was_asked,
    changing_the_mode_needs_write_attributes,
    open_always_opens,
    overlapped_is_per_handle,
    security_flags_are_accepted,
    a_client_can_connect_before_connect_named_pipe,
    a_second_client_needs_a_second_instance,
];

/// 5.2: No such pipe: ERROR_FILE_NOT_FOUND.
fn an_absent_pipe_fails() {
    client_fails(&pipe_name(), READ_WRITE, ERROR_FILE_NOT_FOUND);
    client_fails(&pipe_name(), 0, ERROR_FILE_NOT_FOUND);
}

/// 5.2: The pipe exists but no instance listens: ERROR_PIPE_BUSY.
fn a_pipe_without_listening_instance_is_busy() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, BYTE);
    let first = client(&name, READ_WRITE, 0);
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
    first.close();
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
    ok!(DisconnectNamedPipe(server.raw()));
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
}

/// 5.2: When the server handle of a listening pipe is closed the name is absent: ERROR_FILE_NOT_FOUND.
fn a_closed_server_frees_the_name() {
    let name = pipe_name();
    server(&name, DUPLEX, BYTE).close();
    client_fails(&name, READ_WRITE, ERROR_FILE_NOT_FOUND);
}

/// 5.3: When only client handles are left the name cannot be opened: ERROR_FILE_NOT_FOUND (?).
fn only_client_handles_left_means_absent() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, BYTE);
    let _client = client(&name, READ_WRITE, 0);
    server.close();
    client_fails(&name, READ_WRITE, ERROR_FILE_NOT_FOUND);
}

/// 5.2: Read access on INBOUND or write access on OUTBOUND fails ERROR_ACCESS_DENIED.
fn access_against_the_direction_fails() {
    for (mode, wrong) in [(PIPE_ACCESS_INBOUND, GENERIC_READ), (PIPE_ACCESS_OUTBOUND, GENERIC_WRITE)] {
        let name = pipe_name();
        let _server = server(&name, mode, BYTE);
        client_fails(&name, wrong, ERROR_ACCESS_DENIED);
        client_fails(&name, READ_WRITE, ERROR_ACCESS_DENIED);
    }
}

/// 5.2: An open that is denied leaves the instance listening.
fn a_failed_open_uses_up_nothing() {
    let name = pipe_name();
    let _server = server(&name, PIPE_ACCESS_INBOUND, BYTE);
    client_fails(&name, GENERIC_READ, ERROR_ACCESS_DENIED);
    client(&name, GENERIC_WRITE, 0);
}

/// 5.2: The client handle is in byte-read, blocking mode, whatever the server uses.
fn the_client_starts_in_byte_read_blocking_mode() {
    for mode in [MESSAGE, MESSAGE | PIPE_NOWAIT, BYTE | PIPE_NOWAIT] {
        let name = pipe_name();
        let _server = server(&name, DUPLEX, mode);
        let client = client(&name, READ_WRITE, 0);
        let mut state = 0xEE;
        ok!(GetNamedPipeHandleStateW(
            client.raw(),
            &mut state,
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            0
        ));
        assert_eq!(state, PIPE_READMODE_BYTE | PIPE_WAIT);
    }
}

/// Opens a client and asserts which of the servers it reached.
fn reaches(name: &Name, server: &Handle) -> Handle {
    let client = client(name, READ_WRITE, 0);
    expect_write(&client, b"hello");
    assert_eq!(unread(server).0, 5);
    expect_read(server, 5, b"hello");
    client
}

/// 5.2: A client connects to the instance that has been listening longest: creation order at first.
fn clients_reach_the_longest_listening_instance() {
    let name = pipe_name();
    let servers = [(); 4].map(|()| server(&name, DUPLEX, BYTE));
    let _clients = servers.each_ref().map(|server| reaches(&name, server));
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
}

/// 5.2: Whether a ConnectNamedPipe is pending makes no difference to the order.
fn a_pending_connect_gives_no_precedence() {
    let name = pipe_name();
    let servers = [(); 3].map(|()| server(&name, OVERLAPPED_DUPLEX, BYTE));
    let connect = Request::connect(&servers[1]).pending();
    let first = client(&name, READ_WRITE, 0);
    assert!(connect.is_pending());
    let second = client(&name, READ_WRITE, 0);
    assert_eq!(connect.finish().0, TRUE);
    expect_write(&first, b"1");
    expect_write(&second, b"2");
    assert_eq!(Request::read(&servers[0], 1).finish_read(), b"1");
    assert_eq!(Request::read(&servers[1], 1).finish_read(), b"2");
}

/// 5.2: An instance that listens again after a disconnect goes behind those already listening.
fn listening_again_goes_to_the_end() {
    let name = pipe_name();
    let servers = [(); 2].map(|()| server(&name, DUPLEX, BYTE | PIPE_NOWAIT));
    reaches(&name, &servers[0]).close();
    ok!(DisconnectNamedPipe(servers[0].raw()));
    fails!(ConnectNamedPipe(servers[0].raw(), null_mut()), ERROR_PIPE_LISTENING);
    let _second = reaches(&name, &servers[1]);
    let _third = reaches(&name, &servers[0]);
}

/// 5.2: Access 0 opens and uses up the instance; attributes may be read, data may not.
fn access_zero_uses_up_the_instance() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, BYTE);
    let nothing = client(&name, 0, 0);
    client_fails(&name, READ_WRITE, ERROR_PIPE_BUSY);
    assert_eq!(read(&nothing, 1).1, ERROR_ACCESS_DENIED);
    assert_eq!(write(&nothing, b"x").1, ERROR_ACCESS_DENIED);
    assert!(is_signaled(&nothing), "SYNCHRONIZE is always granted");
    ok!(GetNamedPipeInfo(nothing.raw(), null_mut(), null_mut(), null_mut(), null_mut()));
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_CONNECTED);
}

/// 5.2: A client opened GENERIC_READ cannot write, one opened GENERIC_WRITE cannot read.
fn access_is_what_was_asked() {
    let name = pipe_name();
    let _first = server(&name, DUPLEX, BYTE);
    let reader = client(&name, GENERIC_READ, 0);
    let _second = server(&name, DUPLEX, BYTE);
    let writer = client(&name, GENERIC_WRITE, 0);
    assert_eq!(write(&reader, b"x").1, ERROR_ACCESS_DENIED);
    assert_eq!(read(&writer, 1).1, ERROR_ACCESS_DENIED);
    expect_write(&writer, b"x");
}

/// 5.2: Changing the mode of a read-only end needs FILE_WRITE_ATTRIBUTES.
fn changing_the_mode_needs_write_attributes() {
    let name = pipe_name();
    let _first = server(&name, PIPE_ACCESS_OUTBOUND, MESSAGE);
    let reader = client(&name, GENERIC_READ, 0);
    fails!(
        SetNamedPipeHandleState(reader.raw(), &PIPE_READMODE_MESSAGE, null(), null()),
        ERROR_ACCESS_DENIED
    );
    let _second = server(&name, PIPE_ACCESS_OUTBOUND, MESSAGE);
    let reader = client(&name, GENERIC_READ | FILE_WRITE_ATTRIBUTES, 0);
    set_mode(&reader, PIPE_READMODE_MESSAGE);
}

/// 5.2: OPEN_ALWAYS works and reports ERROR_ALREADY_EXISTS (?).
fn open_always_opens() {
    let name = pipe_name();
    let _server = server(&name, DUPLEX, BYTE);
    let (handle, error) = call!(CreateFileW(name.ptr(), READ_WRITE, 0, null(), OPEN_ALWAYS, 0, null_mut()));
    Handle::own(handle);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
}

/// 5.2: FILE_FLAG_OVERLAPPED belongs to the handle: a synchronous client on an overlapped server waits.
fn overlapped_is_per_handle() {
    let name = pipe_name();
    let server = server(&name, OVERLAPPED_DUPLEX, BYTE);
    let client = client(&name, READ_WRITE, 0);
    let pending = Request::read(&server, 8).pending();
    expect_write(&client, b"up");
    assert_eq!(pending.finish_read(), b"up");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&client, 8));
        let _write = Request::write(&server, b"down");
        assert_eq!(reader.join().unwrap(), (TRUE, UNTOUCHED, b"down".to_vec()));
    });
}

/// 5.2: SECURITY_SQOS_PRESENT with impersonation levels is accepted.
fn security_flags_are_accepted() {
    let name = pipe_name();
    for level in [SECURITY_ANONYMOUS, SECURITY_IDENTIFICATION, SECURITY_IMPERSONATION, SECURITY_DELEGATION] {
        let _server = server(&name, DUPLEX, BYTE);
        client(&name, READ_WRITE, SECURITY_SQOS_PRESENT | level);
    }
}

/// 5.3: A new instance listens: a client can connect, write and close before ConnectNamedPipe.
fn a_client_can_connect_before_connect_named_pipe() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, BYTE);
    let client = client(&name, READ_WRITE, 0);
    expect_write(&client, b"early");
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_PIPE_CONNECTED);
    client.close();
    fails!(ConnectNamedPipe(server.raw(), null_mut()), ERROR_NO_DATA);
    expect_read(&server, 9, b"early");
    read_fails(&server, ERROR_BROKEN_PIPE);
}

/// 5.2: Every instance serves one client, and their data does not mix.
fn a_second_client_needs_a_second_instance() {
    let name = pipe_name();
    let (first, second) = (server(&name, DUPLEX, BYTE), server(&name, DUPLEX, BYTE));
    let clients = [client(&name, READ_WRITE, 0), client(&name, READ_WRITE, 0)];
    expect_write(&first, b"one");
    expect_write(&second, b"two");
    expect_read(&clients[0], 9, b"one");
    expect_read(&clients[1], 9, b"two");
}
