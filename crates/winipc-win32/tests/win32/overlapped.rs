//! Overlapped requests: results, routines, cancelling.

use std::cell::RefCell;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_OVERLAPPED;
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::Win32::System::Threading::INFINITE;
use winipc_win32::{
    CancelIo, CancelIoEx, CancelSynchronousIo, CloseHandle, ConnectNamedPipe, CreateEventW, GetCurrentThread,
    GetOverlappedResult, GetOverlappedResultEx, ReadFile, ReadFileEx, SetEvent, SleepEx, WaitForSingleObject,
    WriteFileEx,
};

use crate::common::{BAD, UNTOUCHED, client, read_messages, server, world, write};

const PENDING: usize = STATUS_PENDING as usize;

/// A structure at a fixed address with a manual-reset event.
fn block() -> Box<OVERLAPPED> {
    Box::new(OVERLAPPED { hEvent: succeed!(CreateEventW(null(), 1, 0, null())), ..Default::default() })
}

fn is_set(event: HANDLE) -> bool {
    call!(WaitForSingleObject(event, 0)) == (WAIT_OBJECT_0, UNTOUCHED)
}

#[test]
fn a_pending_connect() {
    let _world = world();
    let pipe = server("pending-connect", FILE_FLAG_OVERLAPPED, 0);
    let mut block = block();
    succeed!(SetEvent(block.hEvent));
    assert_eq!(call!(ConnectNamedPipe(pipe, &mut *block)), (FALSE, ERROR_IO_PENDING));
    assert_eq!(block.Internal, PENDING);
    assert!(!is_set(block.hEvent));
    let mut count = 77;
    assert_eq!(call!(GetOverlappedResult(pipe, &*block, &mut count, 0)), (FALSE, ERROR_IO_INCOMPLETE));
    assert_eq!(call!(GetOverlappedResultEx(pipe, &*block, &mut count, 0, 1)), (FALSE, ERROR_IO_INCOMPLETE));
    assert_eq!(call!(GetOverlappedResultEx(pipe, &*block, &mut count, 1, 0)), (FALSE, WAIT_TIMEOUT));
    assert_eq!(call!(GetOverlappedResult(pipe, &*block, null_mut(), 0)), (FALSE, ERROR_NOACCESS));
    assert_eq!(call!(GetOverlappedResult(pipe, null(), &mut count, 0)), (FALSE, ERROR_NOACCESS));
    assert_eq!(count, 77);

    let end = client("pending-connect", 0);
    assert!(is_set(block.hEvent));
    assert_eq!(call!(GetOverlappedResult(pipe, &*block, &mut count, 1)), (TRUE, UNTOUCHED));
    assert_eq!((count, block.Internal), (0, 0));

    // As good as success, but nothing will be reported.
    assert_eq!(call!(ConnectNamedPipe(pipe, &mut *block)), (FALSE, ERROR_PIPE_CONNECTED));
    assert_eq!(block.Internal, PENDING);
    assert!(!is_set(block.hEvent));
    for handle in [pipe, end, block.hEvent] {
        succeed!(CloseHandle(handle));
    }
}

#[test]
fn a_pending_read() {
    let _world = world();
    let pipe = server("pending-read", FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
    let end = client("pending-read", 0);
    let mut block = block();
    let mut buffer = [0u8; 4];
    let mut count = 77;
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, &mut count, &mut *block)),
        (FALSE, ERROR_IO_PENDING)
    );
    assert_eq!(count, 0);
    write(end, b"012345");
    // What the wait ends with is valid, also for a part of a message.
    assert_eq!(
        call!(GetOverlappedResultEx(pipe, &*block, &mut count, INFINITE, 0)),
        (FALSE, ERROR_MORE_DATA)
    );
    assert_eq!((count, &buffer), (4, b"0123"));
    // A part that is there at once: the count stays 0, and the structure has it.
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 1, &mut count, &mut *block)),
        (FALSE, ERROR_MORE_DATA)
    );
    assert_eq!((count, block.InternalHigh), (0, 1));
    assert_eq!(call!(GetOverlappedResult(pipe, &*block, &mut count, 0)), (FALSE, ERROR_MORE_DATA));
    assert_eq!(count, 1);
    assert_eq!(call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, &mut count, &mut *block)), (TRUE, UNTOUCHED));
    assert_eq!((count, buffer[0]), (1, b'5'));
    assert!(is_set(block.hEvent));
    // A call without a structure waits.
    write(end, b"67");
    assert_eq!(call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, &mut count, null_mut())), (TRUE, UNTOUCHED));
    assert_eq!((count, &buffer[..2]), (2, &b"67"[..]));
    // Without an event the file itself is waited for.
    let mut plain = Box::new(OVERLAPPED::default());
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, null_mut(), &mut *plain)),
        (FALSE, ERROR_IO_PENDING)
    );
    write(end, b"8");
    assert_eq!(call!(GetOverlappedResult(pipe, &*plain, &mut count, 1)), (TRUE, UNTOUCHED));
    assert_eq!(count, 1);

    let mut broken = Box::new(OVERLAPPED::default());
    assert_eq!(
        call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, null_mut(), &mut *broken)),
        (FALSE, ERROR_IO_PENDING)
    );
    succeed!(CloseHandle(end));
    assert_eq!(call!(GetOverlappedResult(pipe, &*broken, &mut count, 1)), (FALSE, ERROR_BROKEN_PIPE));
    assert_eq!(count, 0);
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(block.hEvent));
}

#[test]
fn cancelling() {
    let _world = world();
    let pipe = server("cancelling", FILE_FLAG_OVERLAPPED, 0);
    let end = client("cancelling", 0);
    let [mut first, mut second] = [block(), block()];
    let mut buffer = [0u8; 8];
    let mut count = 77;
    assert_eq!(call!(CancelIo(pipe)), (TRUE, UNTOUCHED));
    assert_eq!(call!(CancelIoEx(pipe, null())), (FALSE, ERROR_NOT_FOUND));
    for block in [&mut first, &mut second] {
        assert_eq!(
            call!(ReadFile(pipe, buffer.as_mut_ptr(), 4, null_mut(), &mut **block)),
            (FALSE, ERROR_IO_PENDING)
        );
    }
    assert_eq!(call!(CancelIoEx(pipe, &*second)), (TRUE, UNTOUCHED));
    assert_eq!(call!(GetOverlappedResult(pipe, &*second, &mut count, 1)), (FALSE, ERROR_OPERATION_ABORTED));
    assert_eq!(count, 0);
    assert_eq!(call!(CancelIoEx(pipe, &*second)), (FALSE, ERROR_NOT_FOUND));
    assert_eq!(call!(GetOverlappedResult(pipe, &*first, &mut count, 0)), (FALSE, ERROR_IO_INCOMPLETE));
    assert_eq!(call!(CancelIo(pipe)), (TRUE, UNTOUCHED));
    assert_eq!(call!(GetOverlappedResult(pipe, &*first, &mut count, 1)), (FALSE, ERROR_OPERATION_ABORTED));

    for bad in [null_mut(), BAD, first.hEvent] {
        assert_eq!(call!(CancelIo(bad)), (FALSE, ERROR_INVALID_HANDLE));
        assert_eq!(call!(CancelIoEx(bad, null())), (FALSE, ERROR_INVALID_HANDLE));
        assert_eq!(call!(CancelSynchronousIo(bad)), (FALSE, ERROR_INVALID_HANDLE));
    }
    assert_eq!(call!(CancelSynchronousIo(GetCurrentThread())), (FALSE, ERROR_NOT_FOUND));
    for handle in [pipe, end, first.hEvent, second.hEvent] {
        succeed!(CloseHandle(handle));
    }
}

thread_local! {
    /// What the routines of this thread have been called with.
    static RAN: RefCell<Vec<(u32, u32, usize)>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "system" fn record(error: u32, count: u32, block: *mut OVERLAPPED) {
    RAN.with_borrow_mut(|ran| ran.push((error, count, block.addr())));
}

#[test]
fn routines() {
    let _world = world();
    let pipe = server("routines", FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
    let end = client("routines", FILE_FLAG_OVERLAPPED);
    read_messages(end);
    // The event field is the caller's own.
    let mut block = Box::new(OVERLAPPED { hEvent: BAD, ..Default::default() });
    let address = (&raw const *block).addr();
    let mut buffer = [0u8; 4];
    let alertable = || assert_eq!(call!(SleepEx(INFINITE, 1)), (WAIT_IO_COMPLETION, UNTOUCHED));

    assert_eq!(
        call!(WriteFileEx(end, b"012345".as_ptr(), 6, &mut *block, Some(record))),
        (TRUE, ERROR_SUCCESS)
    );
    assert_eq!(RAN.take(), [], "a routine never runs in the call");
    alertable();
    assert_eq!(RAN.take(), [(ERROR_SUCCESS, 6, address)]);

    let read = call!(ReadFileEx(pipe, buffer.as_mut_ptr(), 4, &mut *block, Some(record)));
    assert_eq!(read, (TRUE, ERROR_MORE_DATA));
    alertable();
    assert_eq!((RAN.take(), &buffer), (vec![(ERROR_MORE_DATA, 4, address)], b"0123"));
    assert_eq!(
        call!(ReadFileEx(pipe, buffer.as_mut_ptr(), 4, &mut *block, Some(record))),
        (TRUE, ERROR_SUCCESS)
    );
    alertable();
    assert_eq!(RAN.take(), [(ERROR_SUCCESS, 2, address)]);

    assert_eq!(
        call!(ReadFileEx(pipe, buffer.as_mut_ptr(), 4, &mut *block, Some(record))),
        (TRUE, ERROR_SUCCESS)
    );
    succeed!(CancelIo(pipe));
    alertable();
    assert_eq!(RAN.take(), [(ERROR_OPERATION_ABORTED, 0, address)]);

    assert_eq!(
        call!(ReadFileEx(pipe, buffer.as_mut_ptr(), 4, &mut *block, Some(record))),
        (TRUE, ERROR_SUCCESS)
    );
    succeed!(CloseHandle(end));
    alertable();
    assert_eq!(RAN.take(), [(ERROR_BROKEN_PIPE, 0, address)]);
    let broken = call!(ReadFileEx(pipe, buffer.as_mut_ptr(), 4, &mut *block, Some(record)));
    assert_eq!(broken, (FALSE, ERROR_BROKEN_PIPE));
    assert_eq!(call!(SleepEx(0, 1)), (0, UNTOUCHED));
    assert_eq!(RAN.take(), []);
    succeed!(CloseHandle(pipe));
}
