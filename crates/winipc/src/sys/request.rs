//! Requests: calls with an `OVERLAPPED`, made sound by what the system may write to outliving the request.
//!
//! A [`Request`] owns its status block, its event and its buffers until the system is done with them. [`blocking`]
//! borrows its buffers and does not return before the system is done.

use std::cell::{RefCell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::call::{Named, event, last_error};
use super::operation::Operation;
use super::owned_handle::{BorrowedHandle, OwnedHandle};
use super::{CancelIoEx, GetOverlappedResult, HANDLE, OVERLAPPED, STATUS_PENDING};
use crate::{Received, Result, Win32Error};

/// A request on its way.
pub(crate) struct Request<O: Operation> {
    file: Arc<OwnedHandle>,
    event: OwnedHandle,
    /// From `Box::into_raw`: a box could not be moved while the system writes to it.
    state: NonNull<State<O>>,
    /// The outcome, where the system reports it by the call's error only.
    settled: Option<Received>,
}

struct State<O> {
    overlapped: UnsafeCell<OVERLAPPED>,
    operation: O,
}

// SAFETY: the pointers lead to memory of the request's own, which is not bound to a thread; operations are `Send`.
unsafe impl<O: Operation> Send for Request<O> {}
// SAFETY: by a shared reference, a request can only be cancelled and asked for its status, which is atomic.
unsafe impl<O: Operation> Sync for Request<O> {}

impl<O: Operation> Request<O> {
    /// Starts a request by `call`, which is given the file, the operation with its buffers, and the `OVERLAPPED` to
    /// use.
    ///
    /// # Errors
    ///
    /// Those of the call, where it fails at once, and those of making an event.
    ///
    /// # Safety
    ///
    /// `call` calls one function that takes the `OVERLAPPED`, and passes no memory to it but what `operation` owns.
    pub(crate) unsafe fn start(
        file: &Arc<OwnedHandle>,
        operation: O,
        call: impl FnOnce(HANDLE, &mut O, *mut OVERLAPPED) -> i32,
    ) -> Result<Self> {
        let event = new_event()?;
        let overlapped = new_overlapped(event.as_raw());
        let state = NonNull::from(Box::leak(Box::new(State { overlapped, operation })));
        let mut request = Request { file: Arc::clone(file), event, state, settled: None };
        let overlapped = request.overlapped();
        // SAFETY: the system does not use the state before the call.
        let operation = unsafe { &mut (*state.as_ptr()).operation };
        match (call(request.file.as_raw(), operation, overlapped) != 0).then_some(()).ok_or_else(last_error) {
            Ok(()) | Err(Win32Error::IO_PENDING | Win32Error::MORE_DATA) => {}
            Err(Win32Error::PIPE_CONNECTED) => {
                // The client was there already. The system leaves event and status alone.
                request.settled = Some(Received { bytes: 0, is_complete: true });
                event::set(request.event.borrow())?;
            }
            Err(error) => {
                request.settled = Some(Received { bytes: 0, is_complete: true });
                return Err(error);
            }
        }
        Ok(request)
    }

    fn overlapped(&self) -> *mut OVERLAPPED {
        // SAFETY: the state lives until `self` is dropped or taken apart.
        unsafe { (*self.state.as_ptr()).overlapped.get() }
    }

    /// Set when the request is complete.
    pub(crate) fn event(&self) -> BorrowedHandle<'_> {
        self.event.borrow()
    }

    /// Whether the system is done with the request.
    pub(crate) fn is_complete(&self) -> bool {
        // In a forked child it is not on its way: the system is done with what the child has a copy of.
        if self.settled.is_some() || !self.file.is_own() {
            return true;
        }
        // The status block alone may lag behind: asking brings it up to date.
        // SAFETY: the handle is open, and the `OVERLAPPED` lives as long as `self`.
        unsafe {
            let _ = outcome(self.file.as_raw(), self.overlapped(), false);
            is_complete(self.overlapped())
        }
    }

    /// Asks for the end of the request.
    pub(crate) fn cancel(&self) -> Result<()> {
        // SAFETY: the handle is open and the `OVERLAPPED` lives.
        if unsafe { CancelIoEx(self.file.as_raw(), self.overlapped()) } != 0 {
            Ok(())
        } else {
            Err(last_error())
        }
    }

    /// The outcome and the operation, where the request is complete or `wait` asks to wait for that.
    pub(crate) fn finish(self, wait: bool) -> Result<(Result<Received>, O), Self> {
        // First, as it may become complete at any time: an outcome from before that would be none.
        if !wait && !self.is_complete() {
            return Err(self);
        }
        let outcome = match self.settled {
            Some(received) => Ok(received),
            None if !self.file.is_own() => Err(Win32Error::INVALID_HANDLE),
            // SAFETY: the handle is open and the `OVERLAPPED` lives.
            None => unsafe { outcome(self.file.as_raw(), self.overlapped(), wait) },
        };
        if !self.is_complete() {
            return Err(self);
        }
        // SAFETY: the system is done with the buffers, and nobody else has a reference to them.
        let mut operation = std::mem::take(unsafe { &mut (*self.state.as_ptr()).operation });
        if let Ok(received) = outcome {
            // SAFETY: so many bytes have been transferred.
            unsafe { operation.set_filled(received.bytes) };
        }
        Ok((outcome, operation))
    }
}

/// Cancels the request and waits for its end.
impl<O: Operation> Drop for Request<O> {
    fn drop(&mut self) {
        if !self.is_complete() {
            // Nothing found means that it has just completed.
            let _ = self.cancel();
            // SAFETY: the handle is open and the `OVERLAPPED` lives.
            let _ = unsafe { outcome(self.file.as_raw(), self.overlapped(), true) };
        }
        if self.is_complete() {
            // SAFETY: it is from `Box::into_raw`, and the system is done with it.
            drop(unsafe { Box::from_raw(self.state.as_ptr()) });
        }
        // Otherwise the wait has failed, and the system may still write: the memory is left to it.
    }
}

/// Makes a call that may wait, on a file whose handle is `overlapped` or not, and returns when it is done.
///
/// `call` is given the `OVERLAPPED` to use, null for a synchronous handle, and the place for the number of bytes,
/// null for an overlapped handle.
///
/// # Errors
///
/// Those of the call, and those of making an event.
///
/// # Safety
///
/// `call` calls one function that takes both, on `file`. The memory it passes stays valid until `blocking` returns.
pub(crate) unsafe fn blocking(
    file: BorrowedHandle<'_>,
    overlapped: bool,
    call: impl FnOnce(*mut OVERLAPPED, *mut u32) -> i32,
) -> Result<Received> {
    if !overlapped {
        let mut bytes = 0;
        return match call(ptr::null_mut(), &mut bytes) != 0 {
            true => Ok(Received { bytes: bytes as usize, is_complete: true }),
            false => match last_error() {
                Win32Error::MORE_DATA => Ok(Received { bytes: bytes as usize, is_complete: false }),
                error => Err(error),
            },
        };
    }
    let event = event_of_this_thread()?;
    // The low bit keeps a completion port, should the file have one, from being told about this request.
    let marked = (event.as_raw() as usize | 1) as HANDLE;
    let overlapped = new_overlapped(marked);
    if call(overlapped.get(), ptr::null_mut()) == 0 {
        match last_error() {
            Win32Error::IO_PENDING | Win32Error::MORE_DATA => {}
            error => return Err(error),
        }
    }
    // SAFETY: the handle is open and the `OVERLAPPED` lives.
    let outcome = unsafe { outcome(file.as_raw(), overlapped.get(), true) };
    // SAFETY: as above.
    if !unsafe { is_complete(overlapped.get()) } {
        // The system may still write to the caller's memory, and the wait for its end has failed. There is no way
        // on: the standard library ends the process in the same place.
        std::process::abort();
    }
    outcome
}

/// A status block that says pending from the start, so that no call can be taken for complete that does not say so
/// before it is under way.
fn new_overlapped(event: HANDLE) -> UnsafeCell<OVERLAPPED> {
    UnsafeCell::new(OVERLAPPED { Internal: STATUS_PENDING as usize, hEvent: event, ..OVERLAPPED::default() })
}

/// Whether the system is done with a request.
///
/// # Safety
///
/// `overlapped` is valid and has been passed to a call.
unsafe fn is_complete(overlapped: *mut OVERLAPPED) -> bool {
    // SAFETY: the field is valid, aligned, and written by others as one word.
    let status = unsafe { AtomicUsize::from_ptr(&raw mut (*overlapped).Internal) };
    status.load(Ordering::Acquire) != STATUS_PENDING as usize
}

/// What `GetOverlappedResult` says. Where the request is not complete, this means nothing.
///
/// # Safety
///
/// `overlapped` is valid and has been passed to a call on `file`.
unsafe fn outcome(file: HANDLE, overlapped: *mut OVERLAPPED, wait: bool) -> Result<Received> {
    let mut bytes = 0;
    // SAFETY: as the caller says.
    if unsafe { GetOverlappedResult(file, overlapped, &mut bytes, wait.into()) } != 0 {
        return Ok(Received { bytes: bytes as usize, is_complete: true });
    }
    match last_error() {
        Win32Error::MORE_DATA => Ok(Received { bytes: bytes as usize, is_complete: false }),
        error => Err(error),
    }
}

/// An event for one request. Manual-reset, so that no other wait can consume what tells of the completion.
fn new_event() -> Result<OwnedHandle> {
    let (event, _) = event::create(&Named::new(super::EVENT_ALL_ACCESS), true, false)?;
    Ok(event)
}

/// The event that this thread uses for its blocking calls, of which there is one at a time: they are not alertable,
/// so nothing else runs on the thread meanwhile.
fn event_of_this_thread() -> Result<Rc<OwnedHandle>> {
    thread_local! {
        static EVENT: RefCell<Option<Rc<OwnedHandle>>> = const { RefCell::new(None) };
    }
    if let Ok(Some(event)) = EVENT.try_with(|event| event.borrow().clone())
        && event.is_own()
    {
        return Ok(event);
    }
    let event = Rc::new(new_event()?);
    // Where the thread is ending, there is nowhere to keep it.
    let _ = EVENT.try_with(|kept| kept.replace(Some(Rc::clone(&event))));
    Ok(event)
}
