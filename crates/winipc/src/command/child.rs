//! Programs that were started.

use crate::sys::call::thread;
use crate::{AsHandle, BorrowedHandle, OwnedHandle, PipeReader, PipeWriter, Process, Result, Waitable};

/// A program that [`Command::spawn`](crate::Command::spawn) has started. It is signaled once it has ended
/// ([`Waitable`]).
///
/// Dropping it neither ends the child nor waits for it, and no trace is left of a child that has ended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Command, Event, WaitResult, wait_any};
///
/// let event = Event::auto_reset()?;
/// let child = Command::new("cargo").arg("--version").spawn()?;
/// assert_eq!(wait_any(&[&event, &child], Some(Duration::from_secs(60)))?, WaitResult::Signaled(1));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Child {
    pub(super) process: Process,
    pub(super) thread: OwnedHandle,
    pub(super) id: u32,
    /// What the child reads from its standard input, where that is [piped](crate::Stdio::piped). The child finds the
    /// end of it when this is dropped.
    pub stdin: Option<PipeWriter>,
    /// What the child writes to its standard output, where that is piped.
    pub stdout: Option<PipeReader>,
    /// What the child writes to its standard error, where that is piped.
    pub stderr: Option<PipeReader>,
}

impl Child {
    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The code that the child ended with, or `None` while it runs (`GetExitCodeProcess`).
    ///
    /// On Linux, that of a child that was killed by a signal is 1, unless somebody has [terminated](Child::terminate)
    /// it with another code; and eight bits are all there is of the code of a program that does not use this crate.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn exit_code(&self) -> Result<Option<u32>> {
        self.process.exit_code()
    }

    /// Lets a child run that was started suspended (`ResumeThread`). Returns whether it was the call that did.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn resume(&self) -> Result<bool> {
        Ok(thread::resume(self.thread.borrow())? == 1)
    }

    /// Ends the child with this exit code, without asking it (`TerminateProcess`). Its end is not waited for.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the child has ended already.
    pub fn terminate(&self, exit_code: u32) -> Result<()> {
        self.process.terminate(exit_code)
    }

    /// The child's process, with full access.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The child's process, with full access, without what else belongs to the child.
    pub fn into_process(self) -> Process {
        self.process
    }
}

impl AsHandle for Child {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.process.as_handle()
    }
}

impl Waitable for Child {}
