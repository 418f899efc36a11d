//! Reading, writing, peeking, transacting: counts, partial messages, refused pointers.

use std::ptr::{null, null_mut};
use std::thread;

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::core::{s, w};
use winipc_win32::{
    CallNamedPipeA, CallNamedPipeW, CloseHandle, ConnectNamedPipe, CreateEventW, CreateFileW,
    CreateNamedPipeW, DisconnectNamedPipe, FlushFileBuffers, PeekNamedPipe, ReadFile, ReadFileEx,
    SetNamedPipeHandleState, TransactNamedPipe, WriteFile, WriteFileEx,
};

use crate::common::{BAD, UNTOUCHED, client, read_messages, server, world, write};

const MESSAGES: u32 = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE;

#[test]
fn the_count_is_zeroed_first() {
    let _world = world();
    let mut buffer = [0u8; 4];
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    for bad in [null_mut(), BAD, event] {
        let mut count = 77;
        let refused = (FALSE, ERROR_INVALID_HANDLE);
        assert_eq!(call!(ReadFile(bad, buffer.as_mut_ptr(), 4, &mut count, null_mut())), refused);
        assert_eq!(count, 0);
        count = 77;
        assert_eq!(call!(WriteFile(bad, buffer.as_ptr(), 4, &mut count, null_mut())), refused);
        assert_eq!(count, 0);
        count = 77;
        let (input, output) = (buffer.as_ptr().cast(), buffer.as_mut_ptr().cast());
        assert_eq!(call!(TransactNamedPipe(bad, input, 4, output, 4, &mut count, null_mut())), refused);
        assert_eq!(count, 0);
    }
    succeed!(CloseHandle(event));
}

#[test]
fn refused_pointers() {
    let _world = world();
    let pipe = server("pointers", 0, MESSAGES);
    let end = client("pointers", 0);
    let mut count = 77;
    let mut buffer = [0u8; 4];
    let refused = (FALSE, ERROR_NOACCESS);
    assert_eq!(call!(ReadFile(end, buffer.as_mut_ptr(), 4, null_mut(), null_mut())), refused);
    assert_eq!(call!(ReadFile(end, null_mut(), 4, &mut count, null_mut())), refused);
    assert_eq!(call!(WriteFile(end, buffer.as_ptr(), 4, null_mut(), null_mut())), refused);
    assert_eq!(call!(WriteFile(end, null(), 4, &mut count, null_mut())), refused);
    assert_eq!(call!(ReadFileEx(end, buffer.as_mut_ptr(), 4, null_mut(), Some(never))), refused);
    assert_eq!(call!(WriteFileEx(end, buffer.as_ptr(), 4, &mut OVERLAPPED::default(), None)), refused);
    assert_eq!(
        call!(CallNamedPipeW(w!(r"\\.\pipe\pointers"), null(), 0, null_mut(), 0, null_mut(), 1)),
        refused
    );
    let misaligned = buffer.as_mut_ptr().wrapping_add(usize::from(buffer.as_ptr().addr() % 2 == 0)).cast();
    assert_eq!(call!(ReadFile(end, buffer.as_mut_ptr(), 4, null_mut(), misaligned)), refused);
    // Nothing has been written.
    let mut available = 77;
    let peeked = call!(PeekNamedPipe(pipe, null_mut(), 0, null_mut(), &mut available, null_mut()));
    assert_eq!((peeked, available), ((TRUE, UNTOUCHED), 0));
    // NULL is well for no bytes.
    assert_eq!(call!(WriteFile(end, null(), 0, &mut count, null_mut())), (TRUE, UNTOUCHED));
    count = 77;
    assert_eq!(call!(ReadFile(pipe, null_mut(), 0, &mut count, null_mut())), (TRUE, UNTOUCHED));
    assert_eq!(count, 0);
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}

unsafe extern "system" fn never(_: u32, _: u32, _: *mut OVERLAPPED) {
    unreachable!("the request was refused");
}

#[test]
fn a_message_in_parts() {
    let _world = world();
    let pipe = server("parts", 0, MESSAGES);
    let end = client("parts", 0);
    write(end, b"0123456789");
    let mut buffer = [0u8; 8];
    let mut count = 77;
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, &mut count, null_mut())),
        (FALSE, ERROR_MORE_DATA)
    );
    assert_eq!((count, &buffer[..4]), (4, &b"0123"[..]));
    // A synchronous handle with a structure: the count stays 0 for a part.
    let mut block = OVERLAPPED::default();
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, &mut count, &mut block)),
        (FALSE, ERROR_MORE_DATA)
    );
    assert_eq!((count, block.Internal, block.InternalHigh), (0, STATUS_BUFFER_OVERFLOW as u32 as usize, 4));
    assert_eq!(call!(ReadFile(pipe, buffer.as_mut_ptr(), 8, &mut count, &mut block)), (TRUE, UNTOUCHED));
    assert_eq!((count, &buffer[..2], block.Internal, block.InternalHigh), (2, &b"89"[..], 0, 2));
    write(end, b"x");
    assert_eq!(call!(ReadFile(pipe, buffer.as_mut_ptr(), 8, null_mut(), &mut block)), (TRUE, UNTOUCHED));
    assert_eq!(block.InternalHigh, 1);

    succeed!(CloseHandle(end));
    count = 77;
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 8, &mut count, null_mut())),
        (FALSE, ERROR_BROKEN_PIPE)
    );
    assert_eq!(count, 0);
    assert_eq!(call!(WriteFile(pipe, buffer.as_ptr(), 8, &mut count, null_mut())), (FALSE, ERROR_NO_DATA));
    succeed!(CloseHandle(pipe));
}

#[test]
fn peeking() {
    let _world = world();
    let pipe = server("peeking", 0, PIPE_TYPE_BYTE);
    let end = client("peeking", 0);
    write(end, b"0123456789");
    let mut buffer = [0u8; 4];
    let [mut read, mut available, mut left] = [77; 3];
    let into = buffer.as_mut_ptr().cast();
    assert_eq!(call!(PeekNamedPipe(pipe, into, 4, &mut read, &mut available, &mut left)), (TRUE, UNTOUCHED));
    assert_eq!((&buffer, read, available, left), (b"0123", 4, 10, 0u32.wrapping_sub(4)));
    assert_eq!(
        call!(PeekNamedPipe(pipe, null_mut(), 4, &mut read, null_mut(), &mut left)),
        (TRUE, UNTOUCHED)
    );
    assert_eq!((read, left), (0, 0));
    assert_eq!(
        call!(PeekNamedPipe(pipe, null_mut(), 0, null_mut(), null_mut(), null_mut())),
        (TRUE, UNTOUCHED)
    );
    [read, available, left] = [77; 3];
    succeed!(DisconnectNamedPipe(pipe));
    assert_eq!(
        call!(PeekNamedPipe(pipe, into, 4, &mut read, &mut available, &mut left)),
        (FALSE, ERROR_BAD_PIPE)
    );
    let gone = call!(PeekNamedPipe(end, into, 4, &mut read, &mut available, &mut left));
    assert_eq!(gone, (FALSE, ERROR_PIPE_NOT_CONNECTED));
    let bad = call!(PeekNamedPipe(BAD, into, 4, &mut read, &mut available, &mut left));
    assert_eq!(bad, (FALSE, ERROR_INVALID_HANDLE));
    assert_eq!([read, available, left], [77; 3]);
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}

/// Answers one message with its length and the letters of the alphabet after it, on a thread of its own.
fn answer_one(pipe: HANDLE) -> thread::JoinHandle<()> {
    let pipe = pipe.addr();
    thread::spawn(move || {
        let pipe = pipe as HANDLE;
        let (connected, error) = call!(ConnectNamedPipe(pipe, null_mut()));
        assert!(connected != 0 || error == ERROR_PIPE_CONNECTED, "error {error}");
        let mut question = [0u8; 64];
        let mut count = 0;
        succeed!(ReadFile(pipe, question.as_mut_ptr(), 64, &mut count, null_mut()));
        write(pipe, &[&[count as u8], &b"abcdefgh"[..]].concat());
    })
}

#[test]
fn transacting() {
    let _world = world();
    let pipe = server("transacting", 0, MESSAGES);
    let end = client("transacting", 0);
    let input = b"hello".as_ptr().cast();
    let mut buffer = [0u8; 16];
    let mut count = 77;
    let into = buffer.as_mut_ptr().cast();
    assert_eq!(
        call!(TransactNamedPipe(end, input, 5, into, 16, &mut count, null_mut())),
        (FALSE, ERROR_BAD_PIPE)
    );
    assert_eq!(count, 0);
    read_messages(end);
    let server_thread = answer_one(pipe);
    assert_eq!(
        call!(TransactNamedPipe(end, input, 5, into, 4, &mut count, null_mut())),
        (FALSE, ERROR_MORE_DATA)
    );
    assert_eq!((count, &buffer[..4]), (4, &b"\x05abc"[..]));
    server_thread.join().unwrap();
    assert_eq!(
        call!(TransactNamedPipe(end, input, 5, into, 4, &mut count, null_mut())),
        (FALSE, ERROR_PIPE_BUSY)
    );
    assert_eq!(count, 0);
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}

#[test]
fn calling() {
    let _world = world();
    let input = b"hello".as_ptr().cast();
    let mut buffer = [0u8; 16];
    let into = buffer.as_mut_ptr().cast();
    let mut count = 77;
    let absent =
        call!(CallNamedPipeW(w!(r"\\.\pipe\absent"), input, 5, into, 16, &mut count, NMPWAIT_WAIT_FOREVER));
    assert_eq!((absent, count), ((FALSE, ERROR_FILE_NOT_FOUND), 0));
    let remote = call!(CallNamedPipeA(s!(r"\\server\pipe\name"), input, 5, into, 16, &mut count, 1));
    assert_eq!(remote, (FALSE, ERROR_BAD_NETPATH));
    assert_eq!(
        call!(CallNamedPipeW(null(), input, 5, into, 16, &mut count, 1)),
        (FALSE, ERROR_PATH_NOT_FOUND)
    );

    let path = s!(r"\\.\pipe\calling");
    for (room, result, expected) in [(16, (TRUE, UNTOUCHED), 9), (4, (FALSE, ERROR_MORE_DATA), 4)] {
        let pipe = server("calling", 0, MESSAGES);
        let server_thread = answer_one(pipe);
        assert_eq!(
            call!(CallNamedPipeA(path, input, 5, into, room, &mut count, NMPWAIT_WAIT_FOREVER)),
            result
        );
        assert_eq!((count, &buffer[..4]), (expected, &b"\x05abc"[..]));
        server_thread.join().unwrap();
        succeed!(CloseHandle(pipe));
    }

    let pipe = server("calling", 0, PIPE_TYPE_BYTE);
    let bytes = call!(CallNamedPipeA(path, input, 5, into, 16, &mut count, NMPWAIT_NOWAIT));
    assert_eq!((bytes, count), ((FALSE, ERROR_INVALID_PARAMETER), 0));
    // That call has used the instance up.
    let busy = call!(CallNamedPipeA(path, input, 5, into, 16, &mut count, NMPWAIT_NOWAIT));
    assert_eq!((busy, count), ((FALSE, ERROR_PIPE_BUSY), 0));
    let too_late = call!(CallNamedPipeA(path, input, 5, into, 16, &mut count, 2));
    assert_eq!((too_late, count), ((FALSE, ERROR_SEM_TIMEOUT), 0));
    succeed!(CloseHandle(pipe));
}

#[test]
fn a_handle_without_the_access() {
    let _world = world();
    let path = w!(r"\\.\pipe\one-way");
    let pipe = succeed!(CreateNamedPipeW(path, PIPE_ACCESS_INBOUND, 0, 1, 0, 64, 0, null()));
    let end = succeed!(CreateFileW(path, GENERIC_WRITE, 0, null(), OPEN_EXISTING, 0, null_mut()));
    let mut buffer = [0u8; 4];
    let mut count = 77;
    let denied = (FALSE, ERROR_ACCESS_DENIED);
    assert_eq!(call!(ReadFile(end, buffer.as_mut_ptr(), 4, &mut count, null_mut())), denied);
    assert_eq!(call!(WriteFile(pipe, buffer.as_ptr(), 4, &mut count, null_mut())), denied);
    assert_eq!(call!(FlushFileBuffers(pipe)), denied);
    assert_eq!(call!(SetNamedPipeHandleState(pipe, &PIPE_NOWAIT, null(), null())), denied);
    assert_eq!(call!(PeekNamedPipe(end, null_mut(), 0, null_mut(), null_mut(), null_mut())), denied);
    assert_eq!(call!(FlushFileBuffers(end)), (TRUE, UNTOUCHED));
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}
