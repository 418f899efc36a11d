//! Requests that are under way while the program goes on.
//!
//! A request owns what the system reads from or writes to until it is complete, and gives it back then: a
//! [`Pending`] request cannot leave a buffer behind that is gone. Several requests can be under way on one pipe;
//! reads are served in order, and so are writes.
//!
//! A request is complete when its event is set, which is what waiting for a `Pending` waits for:
//! [`wait_any`](crate::wait_any) takes it together with everything else.
//!
//! When the thread that started a request ends, the request is cancelled, also where the `Pending` has gone to
//! another thread.
//!
//! # Examples
//!
//! A server that answers whoever comes first, or stops:
//!
//! ```
//! use winipc::{ClientOptions, Event, PipeMode, ServerOptions, WaitResult, wait_any};
//!
//! let name = format!(r"\\.\pipe\winipc-doc-overlapped-{}", std::process::id());
//! let stop = Event::manual_reset()?;
//! let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
//! let client = ClientOptions::new().open(&name)?;
//!
//! server.connect_overlapped()?.wait()?;
//! let read = server.read_overlapped(Vec::with_capacity(4096))?;
//! assert!(!read.is_complete());
//! client.send(b"hello")?;
//! assert_eq!(wait_any(&[&stop, &read], None)?, WaitResult::Signaled(1));
//! let (received, message) = read.wait();
//! assert!(received?.is_complete);
//! assert_eq!(message, b"hello");
//! # Ok::<(), winipc::Win32Error>(())
//! ```

use std::fmt;
use std::time::Duration;

use crate::sys::request::Request;
use crate::{AsHandle, BorrowedHandle, Result, Waitable, Win32Error};

pub use crate::sys::operation::{Connect, Operation, Read, Transact, Write};

/// A request that is under way or complete.
///
/// Dropping it cancels it and waits for its end, which comes at once: nothing is left behind. If the pipe was dropped
/// before, that closes its handle.
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, ServerOptions, Win32Error};
///
/// let name = format!(r"\\.\pipe\winipc-doc-pending-{}", std::process::id());
/// let server = ServerOptions::new().create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
///
/// let read = server.read_overlapped(Vec::with_capacity(16))?;
/// let read = read.try_finish().unwrap_err();
/// read.cancel()?;
/// let (received, buffer) = read.wait();
/// assert_eq!(received, Err(Win32Error::OPERATION_ABORTED));
/// assert_eq!(buffer.capacity(), 16);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[must_use = "a request is cancelled when it is dropped"]
pub struct Pending<O: Operation> {
    request: Request<O>,
}

impl<O: Operation> Pending<O> {
    pub(crate) fn new(request: Result<Request<O>>) -> Result<Pending<O>> {
        Ok(Pending { request: request? })
    }

    /// Waits for the end of the request, and gives its outcome and its buffers.
    ///
    /// The outcome is an error where the request failed: those of the call that it stands for, and
    /// `ERROR_OPERATION_ABORTED` where it was cancelled.
    pub fn wait(self) -> O::Output {
        match self.request.finish(true) {
            Ok((outcome, operation)) => operation.output(outcome),
            // The system could not wait. The memory is left to the request.
            Err(request) => {
                drop(request);
                O::default().output(Err(Win32Error::IO_INCOMPLETE))
            }
        }
    }

    /// The outcome and the buffers, if the request is complete; otherwise the request itself.
    ///
    /// # Errors
    ///
    /// The request, where it is not complete.
    pub fn try_finish(self) -> core::result::Result<O::Output, Pending<O>> {
        match self.request.finish(false) {
            Ok((outcome, operation)) => Ok(operation.output(outcome)),
            Err(request) => Err(Pending { request }),
        }
    }

    /// As [`try_finish`](Pending::try_finish), and waits for the end of the request for at most `timeout` before that.
    ///
    /// # Errors
    ///
    /// The request, where it is not complete.
    pub fn wait_timeout(self, timeout: Duration) -> core::result::Result<O::Output, Pending<O>> {
        // Whatever comes of the wait, the request knows whether it is complete.
        let _ = Waitable::wait(&self, Some(timeout));
        self.try_finish()
    }

    /// Whether the request is complete, so that [`wait`](Pending::wait) would not wait.
    pub fn is_complete(&self) -> bool {
        self.request.is_complete()
    }

    /// Asks the system to end the request (`CancelIoEx`). It completes, with `ERROR_OPERATION_ABORTED`, or as it would
    /// have if that came first.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_FOUND`: it is complete or cancelled already.
    pub fn cancel(&self) -> Result<()> {
        self.request.cancel()
    }
}

/// Waiting for a request waits for its end, and does not finish it.
impl<O: Operation> AsHandle for Pending<O> {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.request.event()
    }
}

impl<O: Operation> Waitable for Pending<O> {}

impl<O: Operation> fmt::Debug for Pending<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("is_complete", &self.is_complete()).finish_non_exhaustive()
    }
}
