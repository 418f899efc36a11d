//! Asynchronous procedure calls.

use super::last_error;
use crate::sys::QueueUserAPC;
use crate::{AsHandle, Result, Thread};

type Closure = Box<dyn FnOnce() + Send>;

/// Queues a closure to a thread. It is leaked where the thread ends before it runs.
///
/// It takes a [`Thread`], which is always one of this process: in another, neither routine nor closure would exist.
pub(crate) fn queue(thread: &Thread, closure: Closure) -> Result<()> {
    unsafe extern "system" fn run(argument: usize) {
        // SAFETY: `queue` made it of a box, and an APC runs at most once.
        let closure = unsafe { Box::from_raw(argument as *mut Closure) };
        // A panic here ends the process: it must not unwind into the wait.
        closure();
    }

    let argument = Box::into_raw(Box::new(closure));
    // SAFETY: the handle is open, and both the routine and its argument are good in the thread's process.
    if unsafe { QueueUserAPC(Some(run), thread.as_handle().as_raw(), argument as usize) } != 0 {
        return Ok(());
    }
    let error = last_error();
    // SAFETY: it was not queued, so it is still ours.
    drop(unsafe { Box::from_raw(argument) });
    Err(error)
}
