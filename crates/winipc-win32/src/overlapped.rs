//! Overlapped I/O: the structure, its result, and cancelling.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_IO_INCOMPLETE, ERROR_NOACCESS, HANDLE, WAIT_IO_COMPLETION, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::IO::{LPOVERLAPPED_COMPLETION_ROUTINE, OVERLAPPED};
use windows_sys::Win32::System::Threading::INFINITE;
use windows_sys::core::BOOL;
use winipc_executive::{Status, io, wait};

use crate::argument::{handle, present, timeout, usable};
use crate::error::{Error, Result, boolean};
use crate::wait::finish;

/// What a structure asks for: its event is set at completion, and with the lowest bit of that handle there is no
/// completion packet.
///
/// # Safety
/// `block` is NULL or valid until the request is complete.
pub(crate) unsafe fn overlapped(block: *mut OVERLAPPED) -> Result<Option<io::Overlapped>> {
    if block.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    let status = unsafe { status_block(block) }?;
    // SAFETY: not NULL, so valid.
    let event = unsafe { (*block).hEvent };
    Ok(Some(io::Overlapped {
        block: status,
        event: (!event.is_null()).then(|| handle(event)),
        routine: None,
        no_packet: event.addr() & 1 != 0,
    }))
}

/// What `ReadFileEx` and `WriteFileEx` ask for. The structure's event is the caller's own.
///
/// # Safety
/// `block` is NULL or valid until the request is complete.
pub(crate) unsafe fn overlapped_with_routine(
    block: *mut OVERLAPPED,
    routine: LPOVERLAPPED_COMPLETION_ROUTINE,
) -> Result<io::Overlapped> {
    let routine = routine.ok_or(Error(ERROR_NOACCESS))?;
    // SAFETY: as the caller promises.
    let block = unsafe { status_block(block) }?;
    Ok(io::Overlapped { block, event: None, routine: Some(routine as *const () as usize), no_packet: false })
}

unsafe fn status_block(block: *mut OVERLAPPED) -> Result<io::StatusBlock> {
    usable(block)?;
    // Its address comes back as a number in an APC.
    block.expose_provenance();
    // SAFETY: the structure begins with `Internal` and `InternalHigh`, and is valid as the caller promises; fields that
    // a call does not use have to be 0.
    Ok(unsafe {
        let place = (*block).Anonymous.Anonymous;
        io::StatusBlock::new(block.cast()).at(u64::from(place.OffsetHigh) << 32 | u64::from(place.Offset))
    })
}

/// Reports how an overlapped request ended, and how many bytes it transferred. With `wait` it first waits for
/// that, on the structure's event or, where that is NULL, on the file.
///
/// # Errors
/// - `ERROR_IO_INCOMPLETE` (996): it has not ended.
/// - `ERROR_NOACCESS` (998): `overlapped` or `transferred` is NULL.
/// - Whatever the request ended with, such as `ERROR_MORE_DATA` (234), where `transferred` is valid,
///   `ERROR_BROKEN_PIPE` (109) or `ERROR_OPERATION_ABORTED` (995).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetOverlappedResult(
    file: HANDLE,
    overlapped: *const OVERLAPPED,
    transferred: *mut u32,
    wait: BOOL,
) -> BOOL {
    let milliseconds = if wait != 0 { INFINITE } else { 0 };
    // SAFETY: both pointers are NULL or valid.
    boolean(unsafe { result(file, overlapped, transferred, timeout(milliseconds), false) })
}

/// [`GetOverlappedResult`] with a time to wait in milliseconds, `INFINITE` (0xFFFFFFFF) being no limit, and
/// alertable as [`WaitForSingleObjectEx`](crate::WaitForSingleObjectEx).
///
/// # Errors
/// Those of [`GetOverlappedResult`], `ERROR_IO_INCOMPLETE` where the time is 0, and
/// - `WAIT_TIMEOUT` (258): the time is over.
/// - `WAIT_IO_COMPLETION` (192): APCs have run.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetOverlappedResultEx(
    file: HANDLE,
    overlapped: *const OVERLAPPED,
    transferred: *mut u32,
    milliseconds: u32,
    alertable: BOOL,
) -> BOOL {
    // SAFETY: both pointers are NULL or valid.
    boolean(unsafe { result(file, overlapped, transferred, timeout(milliseconds), alertable != 0) })
}

unsafe fn result(
    file: HANDLE,
    block: *const OVERLAPPED,
    transferred: *mut u32,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<()> {
    usable(block)?;
    present(transferred)?;
    io::deliver();
    // SAFETY: the structure is valid; its status is written by whoever delivers the completion, as an atomic.
    let internal = unsafe { AtomicUsize::from_ptr(&raw mut (*block.cast_mut()).Internal) };
    let is_pending = || internal.load(Ordering::Acquire) == Status::PENDING.0 as usize;
    if is_pending() {
        if timeout == Some(Duration::ZERO) {
            return Err(Error(ERROR_IO_INCOMPLETE));
        }
        // SAFETY: the structure is valid.
        let event = unsafe { (*block).hEvent };
        let object = if event.is_null() { file } else { event };
        match finish(wait::one(handle(object), timeout, alertable))? {
            ended @ (WAIT_TIMEOUT | WAIT_IO_COMPLETION) => return Err(Error(ended)),
            // Something else signaled the object.
            _ if is_pending() => return Err(Error(ERROR_IO_INCOMPLETE)),
            _ => {}
        }
    }
    let status = Status(internal.load(Ordering::Acquire) as u32);
    // SAFETY: both pointers are valid, and the request is complete.
    unsafe { transferred.write_unaligned((*block).InternalHigh as u32) };
    if status == Status::SUCCESS { Ok(()) } else { Err(status.into()) }
}

/// Cancels the calling thread's requests on a file. Succeeds also if there is none.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CancelIo(file: HANDLE) -> BOOL {
    boolean(io::cancel_thread_requests(handle(file)))
}

/// Cancels the process's requests on a file: the one with the structure `overlapped`, or all if that is NULL. They end
/// with `ERROR_OPERATION_ABORTED` (995), unless they were complete already.
///
/// # Errors
/// - `ERROR_NOT_FOUND` (1168): there is none.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CancelIoEx(file: HANDLE, overlapped: *const OVERLAPPED) -> BOOL {
    boolean(io::cancel_requests(handle(file), (!overlapped.is_null()).then(|| overlapped.addr())))
}

/// Cancels the call that a thread is blocked in, if it is one of synchronous I/O.
///
/// # Errors
/// - `ERROR_NOT_FOUND` (1168): it is not blocked in such a call.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a thread.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `THREAD_TERMINATE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CancelSynchronousIo(thread: HANDLE) -> BOOL {
    boolean(io::cancel_synchronous(handle(thread)))
}
