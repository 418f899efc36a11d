//! Section 4: anonymous pipes: how they are made, what they are like, their modes.

use crate::support::anonymous_pipe::*;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    info_tells_the_size_that_was_asked_for,
    a_size_of_0_is_4096,
    the_read_handle_is_the_servers_end,
    the_read_handle_has_its_rights,
    the_write_handle_has_its_rights,
    both_handles_are_inheritable_as_asked,
    it_is_a_file_of_type_pipe,
    the_wrong_direction_is_denied,
    the_modes_are_those_of_a_byte_pipe,
    a_new_end_is_signaled,
    duplicates_share_the_modes,
];

/// GetNamedPipeInfo: flags, both sizes, instances.
fn info(pipe: &Handle) -> (u32, u32, u32, u32) {
    let (mut flags, mut out, mut into, mut instances) = (9, 9, 9, 9);
    ok!(GetNamedPipeInfo(pipe.raw(), &mut flags, &mut out, &mut into, &mut instances));
    (flags, out, into, instances)
}

/// 4: GetNamedPipeInfo tells a byte pipe of one instance whose two sizes are the one asked for.
fn info_tells_the_size_that_was_asked_for() {
    for size in [1, 1000, 4096, 70_000] {
        let (read, write) = create(size);
        assert_eq!(info(&read), (PIPE_SERVER_END | PIPE_TYPE_BYTE, size, size, 1));
        assert_eq!(info(&write), (PIPE_CLIENT_END | PIPE_TYPE_BYTE, size, size, 1));
    }
}

/// 4: Where no size is asked for it is 4096.
fn a_size_of_0_is_4096() {
    let (read, write) = create(0);
    assert_eq!((info(&read).1, info(&write).2), (4096, 4096));
}

/// 4: The handle to read from is the server's end, the one to write to the client's.
fn the_read_handle_is_the_servers_end() {
    let (read, write) = create(0);
    assert_eq!((info(&read).0 & 1, info(&write).0 & 1), (PIPE_SERVER_END, PIPE_CLIENT_END));
}

/// A duplicate can have all of `rights` and of the others none.
fn has_exactly(handle: &Handle, rights: u32) {
    handle.with_access(rights).close();
    for bit in (0..9).map(|bit| 1 << bit).filter(|bit| rights & bit == 0) {
        let mut copy = null_mut();
        let source = handle.raw();
        fails!(
            DuplicateHandle(this_process(), source, this_process(), &mut copy, bit, FALSE, 0),
            ERROR_ACCESS_DENIED
        );
    }
}

/// 4: The read handle has the access 0x120189.
fn the_read_handle_has_its_rights() {
    has_exactly(&create(0).0, 0x12_0189);
}

/// 4: The write handle has the access 0x120196.
fn the_write_handle_has_its_rights() {
    has_exactly(&create(0).1, 0x12_0196);
}

/// 4: Both handles are inheritable as SECURITY_ATTRIBUTES says, and without it are not.
fn both_handles_are_inheritable_as_asked() {
    let flags = |handle: &Handle| {
        let mut flags = 9;
        ok!(GetHandleInformation(handle.raw(), &mut flags));
        flags
    };
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        bInheritHandle: TRUE,
        ..Default::default()
    };
    let (read, write) = create_with(&attributes, 0);
    assert_eq!((flags(&read), flags(&write)), (HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    attributes.bInheritHandle = FALSE;
    for (read, write) in [create_with(&attributes, 0), create(0)] {
        assert_eq!((flags(&read), flags(&write)), (0, 0));
    }
}

/// 5.11: GetFileType of an end is FILE_TYPE_PIPE.
fn it_is_a_file_of_type_pipe() {
    let (read, write) = create(0);
    assert_eq!((quiet!(GetFileType(read.raw())), quiet!(GetFileType(write.raw()))), (3, 3));
}

/// 4: ReadFile and PeekNamedPipe on the write end and WriteFile on the read end fail ERROR_ACCESS_DENIED.
fn the_wrong_direction_is_denied() {
    let (reader, writer) = create(0);
    read_fails(&writer, ERROR_ACCESS_DENIED);
    write_fails(&reader, ERROR_ACCESS_DENIED);
    peek_fails(&writer, ERROR_ACCESS_DENIED);
}

/// GetNamedPipeHandleState: modes and instances.
fn state(pipe: &Handle) -> (u32, u32) {
    let (mut state, mut instances) = (9, 9);
    ok!(GetNamedPipeHandleStateW(
        pipe.raw(),
        &mut state,
        &mut instances,
        null_mut(),
        null_mut(),
        null_mut(),
        0
    ));
    (state, instances)
}

/// 4: Get- and SetNamedPipeHandleState work on either end; reading messages fails ERROR_INVALID_PARAMETER.
fn the_modes_are_those_of_a_byte_pipe() {
    let (read, write) = create(0);
    for end in [&read, &write] {
        assert_eq!(state(end), (PIPE_WAIT | PIPE_READMODE_BYTE, 1));
        fails!(
            SetNamedPipeHandleState(end.raw(), &PIPE_READMODE_MESSAGE, null(), null()),
            ERROR_INVALID_PARAMETER
        );
        set_mode(end, PIPE_NOWAIT);
        assert_eq!(state(end), (PIPE_NOWAIT, 1));
        set_mode(end, PIPE_WAIT);
        assert_eq!(state(end), (PIPE_WAIT, 1));
    }
}

/// 2.5: An end is signaled right after creation, and not while a read waits.
fn a_new_end_is_signaled() {
    let (reader, writer) = create(0);
    assert!(is_signaled(&reader) && is_signaled(&writer));
    std::thread::scope(|scope| {
        let read = scope.spawn(|| read(&reader, 9));
        until("the read waits", || !is_signaled(&reader));
        expect_write(&writer, b"x");
        read.join().unwrap();
    });
    assert!(is_signaled(&reader));
}

/// 1.6: Duplicates share the modes of the end.
fn duplicates_share_the_modes() {
    let (reader, _writer) = create(0);
    let copy = reader.duplicate();
    set_mode(&copy, PIPE_NOWAIT);
    assert_eq!(state(&reader).0, PIPE_NOWAIT);
    read_fails(&reader, ERROR_NO_DATA);
    ok!(CompareObjectHandles(reader.raw(), copy.raw()));
}
