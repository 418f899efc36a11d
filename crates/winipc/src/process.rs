//! Processes.

use std::time::Duration;

use crate::sys::call::{handle, process, wait};
use crate::sys::{PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Result, WaitResult, Waitable};

/// A process. It is signaled once it has ended, for ever ([`Waitable`]).
///
/// On Linux these are the processes that use winipc in the same namespace.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Process, WaitResult, Waitable, Win32Error};
///
/// let this = Process::current()?;
/// assert_eq!(this.id()?, std::process::id());
/// assert_eq!(this.exit_code()?, None);
/// assert_eq!(this.wait(Some(Duration::ZERO))?, WaitResult::Timeout);
/// assert_eq!(Process::open(0).unwrap_err(), Win32Error::INVALID_PARAMETER);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Process {
    handle: OwnedHandle,
}

impl Process {
    /// The calling process, with full access.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for a handle.
    pub fn current() -> Result<Process> {
        // A real handle, since the pseudo-handle cannot be waited for together with others.
        Ok(Process { handle: process::current().try_clone_to_owned()? })
    }

    /// The calling process's id.
    pub fn current_id() -> u32 {
        process::current_id()
    }

    /// Ends the calling process with this exit code (`ExitProcess`). Destructors on the stacks are not run.
    ///
    /// On Linux, the code reaches those who ask for [`exit_code`](Process::exit_code) only this way, all 32 bits of it;
    /// the parent gets its low eight bits.
    pub fn exit(exit_code: u32) -> ! {
        process::exit(exit_code)
    }

    /// Opens the process with this id, to wait for it and to ask for its exit code (`OpenProcess`).
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: there is no such process, or the id is 0.
    /// - `ERROR_ACCESS_DENIED`: the process does not grant this.
    pub fn open(id: u32) -> Result<Process> {
        Process::open_with_access(id, PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION)
    }

    /// Opens the process with this id, with the rights in the mask `access` (`PROCESS_*` in [`sys`](crate::sys)).
    ///
    /// # Errors
    ///
    /// As [`open`](Process::open).
    pub fn open_with_access(id: u32, access: u32) -> Result<Process> {
        Ok(Process { handle: process::open(id, access, false)? })
    }

    /// The process's id (`GetProcessId`).
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `PROCESS_QUERY_LIMITED_INFORMATION`.
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to a process.
    pub fn id(&self) -> Result<u32> {
        process::id(self.as_handle())
    }

    /// The code that the process ended with, or `None` while it runs (`GetExitCodeProcess`).
    ///
    /// On Linux, the code of a process that did not end by [`exit`](Process::exit) or
    /// [`terminate`](Process::terminate) is 1.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `PROCESS_QUERY_LIMITED_INFORMATION` or `SYNCHRONIZE`.
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to a process.
    pub fn exit_code(&self) -> Result<Option<u32>> {
        // Windows answers 259 for a process that runs, which may be an exit code too. So the state is asked first.
        match wait::one(self.as_handle(), Some(Duration::ZERO), false)? {
            WaitResult::Timeout => Ok(None),
            _ => Ok(Some(process::exit_code(self.as_handle())?)),
        }
    }

    /// Ends the process with this exit code, without asking it (`TerminateProcess`). Its end is not waited for.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `PROCESS_TERMINATE`, or the process has ended already.
    pub fn terminate(&self, exit_code: u32) -> Result<()> {
        process::terminate(self.as_handle(), exit_code)
    }

    /// A handle of this process to the object that `handle` is a handle to in that one, with the same access:
    /// what its [`duplicate_into`](BorrowedHandle::duplicate_into) does, from the other side.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: that process has no such handle.
    /// - `ERROR_ACCESS_DENIED`: this handle lacks `PROCESS_DUP_HANDLE`.
    pub fn duplicate_from(&self, handle: isize) -> Result<OwnedHandle> {
        let how = handle::Duplicate { access: None, inherit: false };
        handle::duplicate_from(self.as_handle(), handle, how)
    }
}

impl AsHandle for Process {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

impl Waitable for Process {}

/// Takes a handle for one to a process. Where it is not, every call on it fails with `ERROR_INVALID_HANDLE`.
impl From<OwnedHandle> for Process {
    fn from(handle: OwnedHandle) -> Process {
        Process { handle }
    }
}

impl From<Process> for OwnedHandle {
    fn from(process: Process) -> OwnedHandle {
        process.handle
    }
}
