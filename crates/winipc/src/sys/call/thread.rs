//! Threads.

use std::ffi::c_void;
use std::ptr;

use super::{check, last_error, opened};
use crate::Result;
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CancelSynchronousIo, GetCurrentThread, GetCurrentThreadId, GetExitCodeThread, GetThreadId};
use crate::sys::{CreateThread, ResumeThread, THREAD_CREATE_SUSPENDED};

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

/// What a new thread runs.
pub(crate) type Routine = Box<dyn FnOnce() -> u32 + Send>;

/// Starts a thread. A panic of the routine ends the process.
pub(crate) fn spawn(stack: usize, is_suspended: bool, routine: Routine) -> Result<OwnedHandle> {
    unsafe extern "system" fn run(routine: *mut c_void) -> u32 {
        // SAFETY: the box that was given to this thread alone.
        let routine = unsafe { Box::from_raw(routine.cast::<Routine>()) };
        routine()
    }
    let routine = Box::into_raw(Box::new(routine));
    let flags = if is_suspended { THREAD_CREATE_SUSPENDED } else { 0 };
    // SAFETY: the routine takes this argument; nobody else uses it.
    let thread = unsafe {
        opened(CreateThread(ptr::null(), stack, Some(run), routine.cast(), flags, ptr::null_mut()))
    };
    if thread.is_err() {
        // SAFETY: there is no thread that would take it.
        drop(unsafe { Box::from_raw(routine) });
    }
    thread
}

/// Lets a thread run that was made suspended. Returns how often it had to be resumed.
pub(crate) fn resume(thread: BorrowedHandle<'_>) -> Result<u32> {
    // SAFETY: the handle is open.
    match unsafe { ResumeThread(thread.as_raw()) } {
        u32::MAX => Err(last_error()),
        count => Ok(count),
    }
}
