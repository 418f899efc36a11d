//! Threads.

use super::{check, last_error};
use crate::Result;
use crate::sys::owned_handle::BorrowedHandle;
use crate::sys::{CancelSynchronousIo, GetCurrentThread, GetCurrentThreadId, GetExitCodeThread, GetThreadId};

pub(crate) fn current_id() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { GetCurrentThreadId() }
}

/// The pseudo-handle, which is always open.
pub(crate) fn current() -> BorrowedHandle<'static> {
    // SAFETY: the pseudo-handle cannot be closed.
    unsafe { BorrowedHandle::borrow_raw(GetCurrentThread()) }
}

pub(crate) fn id(thread: BorrowedHandle<'_>) -> Result<u32> {
    // SAFETY: the handle is open.
    match unsafe { GetThreadId(thread.as_raw()) } {
        0 => Err(last_error()),
        id => Ok(id),
    }
}

pub(crate) fn exit_code(thread: BorrowedHandle<'_>) -> Result<u32> {
    let mut code = 0;
    // SAFETY: the handle is open.
    check(unsafe { GetExitCodeThread(thread.as_raw(), &mut code) })?;
    Ok(code)
}

/// Cancels the call that the thread waits in.
pub(crate) fn cancel_synchronous_io(thread: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { CancelSynchronousIo(thread.as_raw()) })
}
