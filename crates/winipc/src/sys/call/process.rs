//! Processes.

use super::{check, last_error, opened};
use crate::Result;
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{ExitProcess, OpenProcess, TerminateProcess};
use crate::sys::{GetCurrentProcess, GetCurrentProcessId, GetExitCodeProcess, GetProcessId};

pub(crate) fn current_id() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { GetCurrentProcessId() }
}

/// The pseudo-handle, which is always open.
pub(crate) fn current() -> BorrowedHandle<'static> {
    // SAFETY: the pseudo-handle cannot be closed.
    unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) }
}

pub(crate) fn open(id: u32, access: u32, inherit: bool) -> Result<OwnedHandle> {
    // SAFETY: it takes no memory.
    unsafe { opened(OpenProcess(access, inherit.into(), id)) }
}

pub(crate) fn id(process: BorrowedHandle<'_>) -> Result<u32> {
    // SAFETY: the handle is open.
    match unsafe { GetProcessId(process.as_raw()) } {
        0 => Err(last_error()),
        id => Ok(id),
    }
}

pub(crate) fn exit_code(process: BorrowedHandle<'_>) -> Result<u32> {
    let mut code = 0;
    // SAFETY: the handle is open.
    check(unsafe { GetExitCodeProcess(process.as_raw(), &mut code) })?;
    Ok(code)
}

pub(crate) fn terminate(process: BorrowedHandle<'_>, exit_code: u32) -> Result<()> {
    // SAFETY: the handle is open. Ending a process, even this one, breaks no promise of the language.
    check(unsafe { TerminateProcess(process.as_raw(), exit_code) })
}

pub(crate) fn exit(exit_code: u32) -> ! {
    // SAFETY: it takes no memory.
    unsafe { ExitProcess(exit_code) }
}
