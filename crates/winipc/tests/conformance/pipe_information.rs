//! Section 5.11: information about pipes.

use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    info_of_both_ends,
    info_reports_the_sizes_asked_for,
    info_of_unlimited_instances,
    info_pointers_may_be_null,
    state_of_both_ends,
    state_counts_instances,
    state_pointers_may_be_null,
    collection_is_for_remote_pipes,
    modes_are_set_together,
    setting_nothing_changes_nothing,
    undefined_mode_bits_fail,
    the_mode_may_be_set_after_the_peer_closed,
    process_ids_work_on_both_ends,
    the_client_is_who_opened,
    process_ids_work_after_the_other_end_closed,
    process_ids_after_a_disconnect,
    process_ids_need_a_place,
    session_ids_work_on_both_ends,
    session_ids_after_a_disconnect,
    session_ids_need_a_place,
    file_type_is_pipe,
];

/// Flags, out size, in size, maximum of instances.
fn info(pipe: &Handle) -> (u32, u32, u32, u32) {
    let (mut flags, mut out_size, mut in_size, mut maximum) = (0xEE, 0xEE, 0xEE, 0xEE);
    quiet!(GetNamedPipeInfo(pipe.raw(), &mut flags, &mut out_size, &mut in_size, &mut maximum));
    (flags, out_size, in_size, maximum)
}

/// State and count of instances.
fn state(pipe: &Handle) -> (u32, u32) {
    let (mut state, mut instances) = (0xEE, 0xEE);
    let none = null_mut();
    quiet!(GetNamedPipeHandleStateW(pipe.raw(), &mut state, &mut instances, none, none, null_mut(), 0));
    (state, instances)
}

/// 5.11: GetNamedPipeInfo: PIPE_SERVER_END is 1, PIPE_CLIENT_END 0, PIPE_TYPE_MESSAGE 4; the maximum of instances.
fn info_of_both_ends() {
    for (mode, flag) in [(BYTE, 0), (MESSAGE, PIPE_TYPE_MESSAGE)] {
        let name = pipe_name();
        let server = server_with(&name, DUPLEX, mode, 7, 512, 512);
        let client = client(&name, READ_WRITE, 0);
        assert_eq!(info(&server), (PIPE_SERVER_END | flag, 512, 512, 7));
        assert_eq!(info(&client), (PIPE_CLIENT_END | flag, 512, 512, 7));
    }
}

/// 5.7: GetNamedPipeInfo reports the sizes asked for, whatever the system rounds them to.
fn info_reports_the_sizes_asked_for() {
    for size in [0, 1, 1024, 0xF000] {
        let server = server_with(&pipe_name(), DUPLEX, BYTE, 1, size, size);
        assert_eq!((info(&server).1, info(&server).2), (size, size));
    }
    let server = server_with(&pipe_name(), DUPLEX, BYTE, 1, 100, 200);
    assert_eq!((info(&server).1, info(&server).2), (100, 200));
}

/// 5.11: The maximum is 255 for unlimited instances.
fn info_of_unlimited_instances() {
    assert_eq!(info(&server(&pipe_name(), DUPLEX, BYTE)).3, 255);
    assert_eq!(PIPE_UNLIMITED_INSTANCES, 255);
}

/// 5.11: Every pointer of GetNamedPipeInfo may be NULL.
fn info_pointers_may_be_null() {
    let server = server(&pipe_name(), DUPLEX, BYTE);
    quiet!(GetNamedPipeInfo(server.raw(), null_mut(), null_mut(), null_mut(), null_mut()));
}

/// 5.11: GetNamedPipeHandleState: PIPE_NOWAIT is 1, PIPE_READMODE_MESSAGE is 2, each end its own.
fn state_of_both_ends() {
    let (server, client) = pair(DUPLEX, PIPE_TYPE_MESSAGE | PIPE_NOWAIT);
    set_mode(&client, PIPE_READMODE_MESSAGE);
    assert_eq!((state(&server).0, state(&client).0), (1, 2));
}

/// 5.11: The current instances are counted, on both ends.
fn state_counts_instances() {
    let name = pipe_name();
    let servers = [(); 3].map(|()| server(&name, DUPLEX, BYTE));
    let client = client(&name, READ_WRITE, 0);
    assert_eq!((state(&servers[0]).1, state(&client).1), (3, 3));
    let [first, second, third] = servers;
    third.close();
    second.close();
    assert_eq!(state(&first).1, 1);
}

/// 5.11: A call of GetNamedPipeHandleState with all pointers NULL succeeds.
fn state_pointers_may_be_null() {
    let (_server, client) = pair(DUPLEX, BYTE);
    let none = null_mut();
    quiet!(GetNamedPipeHandleStateW(client.raw(), none, none, none, none, null_mut(), 0));
}

/// 5.11: Asking for collection count or time-out of a local pipe fails ERROR_INVALID_PARAMETER.
fn collection_is_for_remote_pipes() {
    let (server, client) = pair(DUPLEX, BYTE);
    let (mut number, none) = (7, null_mut());
    for end in [server.raw(), client.raw()] {
        let text = null_mut();
        fails!(
            GetNamedPipeHandleStateW(end, none, none, &mut number, none, text, 0),
            ERROR_INVALID_PARAMETER
        );
        fails!(
            GetNamedPipeHandleStateW(end, none, none, none, &mut number, text, 0),
            ERROR_INVALID_PARAMETER
        );
    }
}

/// 5.11: SetNamedPipeHandleState sets read mode and wait mode together.
fn modes_are_set_together() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    for mode in [3, 0, 1, 2] {
        quiet!(SetNamedPipeHandleState(client.raw(), &mode, null(), null()));
        assert_eq!((state(&client).0, state(&server).0), (mode, PIPE_READMODE_MESSAGE));
    }
}

/// 5.11: SetNamedPipeHandleState with all pointers NULL changes nothing.
fn setting_nothing_changes_nothing() {
    let (server, _client) = pair(DUPLEX, MESSAGE);
    ok!(SetNamedPipeHandleState(server.raw(), null(), null(), null()));
    assert_eq!(state(&server).0, PIPE_READMODE_MESSAGE);
}

/// 5.11: Undefined bits fail ERROR_INVALID_PARAMETER (?).
fn undefined_mode_bits_fail() {
    let (server, _client) = pair(DUPLEX, MESSAGE);
    for mode in [4, 8, 0x10, 0x8000_0000] {
        fails!(SetNamedPipeHandleState(server.raw(), &mode, null(), null()), ERROR_INVALID_PARAMETER);
    }
    assert_eq!(state(&server).0, PIPE_READMODE_MESSAGE);
}

/// 5.11: SetNamedPipeHandleState works after the peer has closed.
fn the_mode_may_be_set_after_the_peer_closed() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    server.close();
    set_mode(&client, PIPE_READMODE_BYTE);
    assert_eq!(state(&client).0, 0);
}

/// Ids of the client's and the server's process.
fn ids(pipe: &Handle) -> (u32, u32) {
    let (mut client, mut server) = (0xEE, 0xEE);
    quiet!(GetNamedPipeClientProcessId(pipe.raw(), &mut client));
    quiet!(GetNamedPipeServerProcessId(pipe.raw(), &mut server));
    (client, server)
}

/// 5.11: Client and server process ids can be asked on both ends.
fn process_ids_work_on_both_ends() {
    let (name, mut child) = (pipe_name(), Child::start());
    let there = child.handle(&format!("create_pipe {} {DUPLEX} {BYTE}", name.text()));
    let here = client(&name, READ_WRITE, 0);
    let me = std::process::id();
    assert_eq!(ids(&here), (me, child.id()));
    let process = child.open(PROCESS_DUP_HANDLE);
    let (mut copy, source) = (null_mut(), there as HANDLE);
    ok!(DuplicateHandle(process.raw(), source, this_process(), &mut copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    assert_eq!(ids(&Handle::own(copy)), (me, child.id()));
}

/// 5.11: The client's id is that of the process that opened the client end, wherever the handle went.
fn the_client_is_who_opened() {
    let (name, mut child) = (pipe_name(), Child::start());
    let server = server(&name, DUPLEX, BYTE);
    let there = child.handle(&format!("open_pipe {}", name.text()));
    let process = child.open(PROCESS_DUP_HANDLE);
    let (mut copy, source) = (null_mut(), there as HANDLE);
    ok!(DuplicateHandle(process.raw(), source, this_process(), &mut copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    let copy = Handle::own(copy);
    child.ok(&format!("close {there}"));
    assert_eq!(ids(&server), (child.id(), std::process::id()));
    assert_eq!(ids(&copy), (child.id(), std::process::id()));
}

/// 5.11: They work also after the other end has closed.
fn process_ids_work_after_the_other_end_closed() {
    let (server, client) = pair(DUPLEX, BYTE);
    client.close();
    let me = std::process::id();
    assert_eq!(ids(&server), (me, me));
    let (server, client) = pair(DUPLEX, BYTE);
    server.close();
    assert_eq!(ids(&client), (me, me));
}

/// 5.11: After a disconnect the server gets ERROR_NOT_FOUND for the client's id, the client 233 for everything.
fn process_ids_after_a_disconnect() {
    let (server, client) = pair(DUPLEX, BYTE);
    ok!(DisconnectNamedPipe(server.raw()));
    let mut id = 7;
    fails!(GetNamedPipeClientProcessId(server.raw(), &mut id), ERROR_NOT_FOUND);
    fails!(GetNamedPipeClientProcessId(client.raw(), &mut id), ERROR_PIPE_NOT_CONNECTED);
    fails!(GetNamedPipeServerProcessId(client.raw(), &mut id), ERROR_PIPE_NOT_CONNECTED);
    ok!(GetNamedPipeServerProcessId(server.raw(), &mut id));
    assert_eq!(id, std::process::id());
}

/// 5.11: A NULL output fails ERROR_INSUFFICIENT_BUFFER.
fn process_ids_need_a_place() {
    let (server, client) = pair(DUPLEX, BYTE);
    for end in [&server, &client] {
        fails!(GetNamedPipeClientProcessId(end.raw(), null_mut()), ERROR_INSUFFICIENT_BUFFER);
        fails!(GetNamedPipeServerProcessId(end.raw(), null_mut()), ERROR_INSUFFICIENT_BUFFER);
    }
}

/// Ids of the client's and the server's session.
fn sessions(pipe: &Handle) -> (u32, u32) {
    let (mut client, mut server) = (0xEE, 0xEE);
    quiet!(GetNamedPipeClientSessionId(pipe.raw(), &mut client));
    quiet!(GetNamedPipeServerSessionId(pipe.raw(), &mut server));
    (client, server)
}

/// 5.11: Client and server session ids can be asked on both ends, also after the other end has closed.
fn session_ids_work_on_both_ends() {
    let (server, client) = pair(DUPLEX, BYTE);
    let (own, same) = sessions(&server);
    assert!(own == same && own != 0xEE);
    assert_eq!(sessions(&client), (own, own));
    client.close();
    assert_eq!(sessions(&server), (own, own));
    let (server, client) = pair(DUPLEX, BYTE);
    server.close();
    assert_eq!(sessions(&client), (own, own));
}

/// 5.11: After a disconnect the server gets ERROR_NOT_FOUND for the client's session, the client 233 for either.
fn session_ids_after_a_disconnect() {
    let (server, client) = pair(DUPLEX, BYTE);
    ok!(DisconnectNamedPipe(server.raw()));
    let mut id = 7;
    fails!(GetNamedPipeClientSessionId(server.raw(), &mut id), ERROR_NOT_FOUND);
    fails!(GetNamedPipeClientSessionId(client.raw(), &mut id), ERROR_PIPE_NOT_CONNECTED);
    fails!(GetNamedPipeServerSessionId(client.raw(), &mut id), ERROR_PIPE_NOT_CONNECTED);
    ok!(GetNamedPipeServerSessionId(server.raw(), &mut id));
}

/// 5.11: A NULL output for a session fails ERROR_INSUFFICIENT_BUFFER.
fn session_ids_need_a_place() {
    let (server, client) = pair(DUPLEX, BYTE);
    for end in [&server, &client] {
        fails!(GetNamedPipeClientSessionId(end.raw(), null_mut()), ERROR_INSUFFICIENT_BUFFER);
        fails!(GetNamedPipeServerSessionId(end.raw(), null_mut()), ERROR_INSUFFICIENT_BUFFER);
    }
}

/// 5.11: GetFileType of a pipe is FILE_TYPE_PIPE (3).
fn file_type_is_pipe() {
    let (server, client) = pair(DUPLEX, BYTE);
    assert_eq!((call!(GetFileType(server.raw())).0, call!(GetFileType(client.raw())).0), (3, 3));
    assert_eq!(FILE_TYPE_PIPE, 3);
}
