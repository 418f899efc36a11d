//! Section 5.1: CreateNamedPipe.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    no_name_fails,
    a_name_of_another_form_fails,
    an_empty_name_fails,
    an_instance_count_out_of_range_fails,
    no_access_mode_fails,
    undefined_open_mode_bits_fail,
    undefined_pipe_mode_bits_fail,
    byte_type_has_no_message_read_mode,
    documented_flags_are_accepted,
    first_instance_fails_when_the_pipe_exists,
    the_instance_limit_is_the_first_creators,
    an_instance_counts_until_both_ends_are_closed,
    another_access_mode_fails,
    the_limit_is_found_before_the_access_mode,
    other_parameters_may_differ,
    the_type_stays_that_of_the_first_instance,
    read_mode_and_wait_mode_are_per_instance,
    names_ignore_case,
    names_may_hold_odd_characters,
    names_may_hold_backslashes,
    a_name_of_256_characters_works,
    a_pipe_name_is_none_of_an_event,
    access_mode_gives_directions,
    server_access_rights,
    an_inbound_server_cannot_change_its_mode,
    ansi_names_are_the_same,
];

fn try_server(name: &Name, open_mode: u32, pipe_mode: u32, instances: u32) -> (HANDLE, u32) {
    call!(CreateNamedPipeW(name.ptr(), open_mode, pipe_mode, instances, 0, 0, 0, null()))
}

fn creation_fails(name: &Name, open_mode: u32, pipe_mode: u32, instances: u32, code: u32) {
    let outcome = try_server(name, open_mode, pipe_mode, instances);
    assert_eq!(
        outcome,
        (INVALID_HANDLE_VALUE, code),
        "{} {open_mode:#x} {pipe_mode:#x} {instances}",
        name.text()
    );
}

/// 5.1: A NULL name fails ERROR_PATH_NOT_FOUND.
fn no_name_fails() {
    fails!(CreateNamedPipeW(null(), DUPLEX, BYTE, 1, 0, 0, 0, null()), ERROR_PATH_NOT_FOUND);
}

/// 5.1: A name not of the form `\\.\pipe\...` fails ERROR_INVALID_NAME.
fn a_name_of_another_form_fails() {
    for name in ["x", "pipe", r"\\.\x", r"C:\x"] {
        creation_fails(&Name::new(name), DUPLEX, BYTE, 1, ERROR_INVALID_NAME);
    }
}

/// 5.1: `\\.\pipe\` with nothing behind fails ERROR_INVALID_NAME (?).
fn an_empty_name_fails() {
    creation_fails(&Name::new(r"\\.\pipe\"), DUPLEX, BYTE, 1, ERROR_INVALID_NAME);
}

/// 5.1: A maximum of 0 or more than 255 instances fails ERROR_INVALID_PARAMETER.
fn an_instance_count_out_of_range_fails() {
    let name = pipe_name();
    for instances in [0, 256, u32::MAX] {
        creation_fails(&name, DUPLEX, BYTE, instances, ERROR_INVALID_PARAMETER);
    }
    for instances in [1, 254, 255] {
        server_with(&name, DUPLEX, BYTE, instances, 0, 0);
    }
}

/// 5.1: Access mode 0 fails ERROR_INVALID_PARAMETER (the code ?).
fn no_access_mode_fails() {
    creation_fails(&pipe_name(), 0, BYTE, 1, ERROR_INVALID_PARAMETER);
    creation_fails(&pipe_name(), FILE_FLAG_OVERLAPPED, BYTE, 1, ERROR_INVALID_PARAMETER);
}

/// 5.1: Undefined bits in dwOpenMode fail ERROR_INVALID_PARAMETER (the code ?).
fn undefined_open_mode_bits_fail() {
    for bit in [4, 8, 0x10, 0x100, 0x8000] {
        creation_fails(&pipe_name(), DUPLEX | bit, BYTE, 1, ERROR_INVALID_PARAMETER);
    }
}

/// 5.1: Undefined bits in dwPipeMode fail ERROR_INVALID_PARAMETER (the code ?).
fn undefined_pipe_mode_bits_fail() {
    for bit in [0x10, 0x20, 0x100, 0x8000_0000] {
        creation_fails(&pipe_name(), DUPLEX, bit, 1, ERROR_INVALID_PARAMETER);
    }
}

/// 5.1: PIPE_TYPE_BYTE with PIPE_READMODE_MESSAGE fails ERROR_INVALID_PARAMETER.
fn byte_type_has_no_message_read_mode() {
    let mode = PIPE_TYPE_BYTE | PIPE_READMODE_MESSAGE;
    creation_fails(&pipe_name(), DUPLEX, mode, 1, ERROR_INVALID_PARAMETER);
}

/// 5.1: Write-through, overlapped, WRITE_DAC, WRITE_OWNER and the remote-client mode are accepted; 0 is a quota.
fn documented_flags_are_accepted() {
    for flag in
        [FILE_FLAG_WRITE_THROUGH, FILE_FLAG_OVERLAPPED, FILE_FLAG_FIRST_PIPE_INSTANCE, WRITE_DAC, WRITE_OWNER]
    {
        Handle::own(try_server(&pipe_name(), DUPLEX | flag, BYTE, 1).0);
    }
    for mode in
        [BYTE, MESSAGE, PIPE_TYPE_MESSAGE, PIPE_NOWAIT, MESSAGE | PIPE_NOWAIT, PIPE_REJECT_REMOTE_CLIENTS]
    {
        Handle::own(try_server(&pipe_name(), DUPLEX, mode, 1).0);
    }
}

/// 5.1: FILE_FLAG_FIRST_PIPE_INSTANCE fails ERROR_ACCESS_DENIED when the pipe exists.
fn first_instance_fails_when_the_pipe_exists() {
    let name = pipe_name();
    let open_mode = DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE;
    let first = server(&name, open_mode, BYTE);
    creation_fails(&name, open_mode, BYTE, 255, ERROR_ACCESS_DENIED);
    let second = server(&name, DUPLEX, BYTE);
    first.close();
    creation_fails(&name, open_mode, BYTE, 255, ERROR_ACCESS_DENIED);
    second.close();
    server(&name, open_mode, BYTE);
}

/// 5.1: No free instance fails ERROR_PIPE_BUSY; the limit is the one the first creator gave.
fn the_instance_limit_is_the_first_creators() {
    let name = pipe_name();
    let _first = server_with(&name, DUPLEX, BYTE, 2, 0, 0);
    let second = server_with(&name, DUPLEX, BYTE, 255, 0, 0);
    creation_fails(&name, DUPLEX, BYTE, 255, ERROR_PIPE_BUSY);
    second.close();
    server_with(&name, DUPLEX, BYTE, 1, 0, 0);
}

/// 5.3: An instance counts against the maximum until both its ends are closed (?).
fn an_instance_counts_until_both_ends_are_closed() {
    let name = pipe_name();
    let first = server_with(&name, DUPLEX, BYTE, 2, 0, 0);
    let client = client(&name, READ_WRITE, 0);
    let second = server_with(&name, DUPLEX, BYTE, 2, 0, 0);
    first.close();
    creation_fails(&name, DUPLEX, BYTE, 2, ERROR_PIPE_BUSY);
    client.close();
    server_with(&name, DUPLEX, BYTE, 2, 0, 0);
    second.close();
}

/// 5.1: An access mode other than the first instance's fails ERROR_ACCESS_DENIED.
fn another_access_mode_fails() {
    let modes = [PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND, PIPE_ACCESS_DUPLEX];
    for mode in modes {
        let name = pipe_name();
        let _first = server(&name, mode, BYTE);
        for other in modes.into_iter().filter(|&other| other != mode) {
            creation_fails(&name, other, BYTE, 255, ERROR_ACCESS_DENIED);
        }
    }
}

/// 5.1: With both wrong, the instance count is found first (?).
fn the_limit_is_found_before_the_access_mode() {
    let name = pipe_name();
    let _first = server_with(&name, DUPLEX, BYTE, 1, 0, 0);
    creation_fails(&name, PIPE_ACCESS_INBOUND, BYTE, 1, ERROR_PIPE_BUSY);
}

/// 5.1: Type, maximum, time-out and buffer sizes other than the first instance's are accepted.
fn other_parameters_may_differ() {
    let name = pipe_name();
    let _first = server_with(&name, DUPLEX, MESSAGE, 10, 100, 100);
    for mode in [BYTE, PIPE_TYPE_MESSAGE, MESSAGE | PIPE_NOWAIT, MESSAGE | PIPE_REJECT_REMOTE_CLIENTS] {
        Handle::own(ok!(CreateNamedPipeW(name.ptr(), DUPLEX, mode, 200, 1, 7, 9999, null())));
    }
}

fn info(pipe: &Handle) -> (u32, u32) {
    let (mut flags, mut instances) = (0xEE, 0xEE);
    ok!(GetNamedPipeInfo(pipe.raw(), &mut flags, null_mut(), null_mut(), &mut instances));
    (flags, instances)
}

fn state(pipe: &Handle) -> u32 {
    let mut state = 0xEE;
    ok!(GetNamedPipeHandleStateW(pipe.raw(), &mut state, null_mut(), null_mut(), null_mut(), null_mut(), 0));
    state
}

/// 5.1: Type and maximum stay those of the first instance (type ?).
fn the_type_stays_that_of_the_first_instance() {
    let name = pipe_name();
    let _first = server_with(&name, DUPLEX, MESSAGE, 10, 0, 0);
    let second = server_with(&name, DUPLEX, BYTE, 200, 0, 0);
    assert_eq!(info(&second), (PIPE_SERVER_END | PIPE_TYPE_MESSAGE, 10));
}

/// 5.1: Read mode and wait mode belong to the instance.
fn read_mode_and_wait_mode_are_per_instance() {
    let name = pipe_name();
    let modes = [PIPE_TYPE_MESSAGE, MESSAGE, PIPE_TYPE_MESSAGE | PIPE_NOWAIT, MESSAGE | PIPE_NOWAIT];
    let servers = modes.map(|mode| server(&name, DUPLEX, mode));
    assert_eq!(servers.each_ref().map(state), modes.map(|mode| mode & 3));
}

/// 1.3: Pipe names ignore case, also in the word `pipe`.
fn names_ignore_case() {
    let name = pipe_name();
    let _server = server_with(&name, DUPLEX, BYTE, 1, 0, 0);
    let upper = Name::new(&name.text().to_uppercase());
    creation_fails(&upper, DUPLEX, BYTE, 1, ERROR_PIPE_BUSY);
    client(&upper, READ_WRITE, 0);
}

/// 5.1: The characters `<>*?|"/` are accepted in a pipe name.
fn names_may_hold_odd_characters() {
    for odd in ["<", ">", "*", "?", "|", "\"", "/", ":", " ", ".", "ä", "\u{1F600}"] {
        let name = Name::new(&format!("{}{odd}", pipe_name().text()));
        let _server = server_with(&name, DUPLEX, BYTE, 1, 0, 0);
        client(&name, READ_WRITE, 0);
    }
}

/// 5.1: Embedded and trailing backslashes are accepted, and `x\` is a different pipe from `x`.
fn names_may_hold_backslashes() {
    let name = pipe_name();
    let trailing = Name::new(&format!(r"{}\", name.text()));
    let embedded = Name::new(&format!(r"{}\a\b", name.text()));
    let servers = [&name, &trailing, &embedded].map(|name| server_with(name, DUPLEX, BYTE, 1, 16, 16));
    for (index, name) in [&name, &trailing, &embedded].into_iter().enumerate() {
        let client = client(name, READ_WRITE, 0);
        expect_write(&client, &[index as u8]);
        expect_read(&servers[index], 4, &[index as u8]);
    }
}

/// 1.3: A pipe name may be 256 characters long.
fn a_name_of_256_characters_works() {
    let start = pipe_name();
    let name = Name::new(&format!("{}{}", start.text(), "n".repeat(256 - start.text().len())));
    let _server = server_with(&name, DUPLEX, BYTE, 1, 0, 0);
    client(&name, READ_WRITE, 0);
}

/// 1.3: Pipes and the nameable objects do not share their names.
fn a_pipe_name_is_none_of_an_event() {
    let text = unique_text();
    let name = Name::new(&text);
    let _event = Handle::own(ok!(CreateEventW(null(), TRUE, FALSE, name.ptr())));
    server(&Name::new(&format!(r"\\.\pipe\{text}")), DUPLEX, BYTE);
}

/// 5.1: INBOUND lets the server read only, OUTBOUND write only; the other call fails ERROR_ACCESS_DENIED.
fn access_mode_gives_directions() {
    let (server, client) = pair(PIPE_ACCESS_INBOUND, BYTE);
    assert_eq!(write(&server, b"x").1, ERROR_ACCESS_DENIED);
    expect_write(&client, b"up");
    expect_read(&server, 4, b"up");
    let (server, client) = pair(PIPE_ACCESS_OUTBOUND, BYTE);
    assert_eq!(read(&server, 4).1, ERROR_ACCESS_DENIED);
    expect_write(&server, b"down");
    expect_read(&client, 4, b"down");
}

/// 5.1: Server handles have access 0x12019F (DUPLEX), 0x120089 (INBOUND), 0x120116 (OUTBOUND), and no more.
fn server_access_rights() {
    let rights = [(DUPLEX, 0x12_019F), (PIPE_ACCESS_INBOUND, 0x12_0089), (PIPE_ACCESS_OUTBOUND, 0x12_0116)];
    for (mode, access) in rights {
        let server = server(&pipe_name(), mode, BYTE);
        server.with_access(access);
        for bit in (0..21).map(|bit| 1 << bit).filter(|bit| access & bit == 0) {
            let mut copy = null_mut();
            let this = this_process();
            fails!(DuplicateHandle(this, server.raw(), this, &mut copy, bit, FALSE, 0), ERROR_ACCESS_DENIED);
        }
    }
}

/// 5.1: SetNamedPipeHandleState on an INBOUND server handle fails ERROR_ACCESS_DENIED.
fn an_inbound_server_cannot_change_its_mode() {
    let server = server(&pipe_name(), PIPE_ACCESS_INBOUND, MESSAGE);
    fails!(SetNamedPipeHandleState(server.raw(), &PIPE_READMODE_BYTE, null(), null()), ERROR_ACCESS_DENIED);
    assert_eq!(state(&server), PIPE_READMODE_MESSAGE);
}

/// 1.3: CreateNamedPipeA and CreateFileA share their names with the W functions.
fn ansi_names_are_the_same() {
    let name = pipe_name();
    let ansi = name.ansi();
    let first = Handle::own(ok!(CreateNamedPipeA(ansi.as_ptr(), DUPLEX, BYTE, 2, 0, 0, 0, null())));
    let second = server_with(&name, DUPLEX, BYTE, 2, 0, 0);
    let _wide = client(&name, READ_WRITE, 0);
    Handle::own(ok!(CreateFileA(ansi.as_ptr(), READ_WRITE, 0, null(), OPEN_EXISTING, 0, null_mut())));
    assert_ne!(first, second);
}
