//! Threads of this process.

use std::time::Duration;

use crate::sys::call::{apc, thread, wait};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Result, WaitResult, Waitable};

/// A thread of this process. It is signaled once it has ended, for ever ([`Waitable`]).
///
/// # Examples
///
/// ```
/// use std::{sync::mpsc, thread};
/// use winipc::{Thread, Waitable, sleep_alertable};
///
/// let (sender, receiver) = mpsc::channel();
/// let worker = thread::spawn(move || {
///     sender.send(Thread::current()).unwrap();
///     // Runs what others queue, and returns when something ran.
///     sleep_alertable(None);
/// });
/// let thread = receiver.recv().unwrap()?;
/// thread.queue_apc(|| println!("on the worker"))?;
/// assert!(thread.wait(None)?.is_signaled());
/// worker.join().unwrap();
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Thread {
    /// Only ever to a thread of this process: closures cannot go elsewhere.
    handle: OwnedHandle,
}

impl Thread {
    /// The calling thread, with full access. The result may go to other threads.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for a handle.
    pub fn current() -> Result<Thread> {
        Ok(Thread { handle: thread::current().try_clone_to_owned()? })
    }

    /// Starts a thread (`CreateThread`), which ends with what `routine` returns as its exit code. It can be waited for
    /// together with other objects, which a [`std::thread::JoinHandle`] cannot.
    ///
    /// What is queued to it ([`queue_apc`](Thread::queue_apc)) before it has begun runs first. A panic in the routine
    /// ends the process. The thread goes on where this value is dropped.
    ///
    /// # Errors
    ///
    /// - `ERROR_NO_SYSTEM_RESOURCES`, `ERROR_NOT_ENOUGH_MEMORY`: there can be no more threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use winipc::{Event, Thread, wait_all};
    ///
    /// let event = Event::manual_reset()?;
    /// let setter = event.try_clone()?;
    /// let thread = Thread::spawn(move || setter.set().is_ok().into())?;
    /// assert!(wait_all(&[&event, &thread], None)?.is_signaled());
    /// assert_eq!(thread.exit_code()?, Some(1));
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn spawn(routine: impl FnOnce() -> u32 + Send + 'static) -> Result<Thread> {
        Ok(Thread { handle: thread::spawn(0, false, Box::new(routine))? })
    }

    /// As [`spawn`](Thread::spawn), but the thread waits for [`resume`](Thread::resume) before it runs anything
    /// (`CREATE_SUSPENDED`).
    ///
    /// # Errors
    ///
    /// As [`spawn`](Thread::spawn).
    pub fn spawn_suspended(routine: impl FnOnce() -> u32 + Send + 'static) -> Result<Thread> {
        Ok(Thread { handle: thread::spawn(0, true, Box::new(routine))? })
    }

    /// Lets a thread run that was started suspended (`ResumeThread`). Returns whether it was the call that did.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn resume(&self) -> Result<bool> {
        Ok(thread::resume(self.as_handle())? == 1)
    }

    /// The calling thread's id.
    pub fn current_id() -> u32 {
        thread::current_id()
    }

    /// The thread's id (`GetThreadId`).
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn id(&self) -> Result<u32> {
        thread::id(self.as_handle())
    }

    /// The code that the thread ended with, or `None` while it runs (`GetExitCodeThread`).
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn exit_code(&self) -> Result<Option<u32>> {
        // Windows answers 259 for a thread that runs, which may be an exit code too. So the state is asked first.
        match wait::one(self.as_handle(), Some(Duration::ZERO), false)? {
            WaitResult::Timeout => Ok(None),
            _ => Ok(Some(thread::exit_code(self.as_handle())?)),
        }
    }

    /// Has the thread run `closure` in its next alertable wait ([`sleep_alertable`](crate::sleep_alertable),
    /// [`Waitable::wait_alertable`] ...), which ends by that (`QueueUserAPC`). What is queued runs in order.
    ///
    /// A closure that the thread does not come to run is leaked. A panic in it ends the process.
    ///
    /// # Errors
    ///
    /// - `ERROR_GEN_FAILURE`: the thread has ended.
    pub fn queue_apc(&self, closure: impl FnOnce() + Send + 'static) -> Result<()> {
        apc::queue(self, Box::new(closure))
    }

    /// Cancels the read, write or other request on a file that the thread is waiting in (`CancelSynchronousIo`): its
    /// call fails with `ERROR_OPERATION_ABORTED`.
    ///
    /// This is for files that are *not* overlapped. Calls on those that are wait for a request of their own, which
    /// [`PipeEnd::cancel_requests`](crate::PipeEnd::cancel_requests) cancels.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_FOUND`: the thread is not waiting in such a call.
    pub fn cancel_synchronous_io(&self) -> Result<()> {
        thread::cancel_synchronous_io(self.as_handle())
    }

    /// A second handle to the thread.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for a handle.
    pub fn try_clone(&self) -> Result<Thread> {
        Ok(Thread { handle: self.handle.try_clone()? })
    }
}

impl AsHandle for Thread {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

impl Waitable for Thread {}

impl From<Thread> for OwnedHandle {
    fn from(thread: Thread) -> OwnedHandle {
        thread.handle
    }
}
