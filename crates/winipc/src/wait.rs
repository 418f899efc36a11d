//! Waiting.

use std::time::Duration;

use crate::sys::call::wait;
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Result};

/// The most objects that one wait can take: 64.
pub const MAXIMUM_WAIT_OBJECTS: usize = crate::sys::MAXIMUM_WAIT_OBJECTS as usize;

/// How a wait ended.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Event, WaitResult, wait_any};
///
/// let events = [Event::auto_reset()?, Event::auto_reset()?];
/// events[1].set()?;
/// assert_eq!(wait_any(&[&events[0], &events[1]], None)?, WaitResult::Signaled(1));
/// assert_eq!(wait_any(&[&events[0], &events[1]], Some(Duration::ZERO))?, WaitResult::Timeout);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitResult {
    /// The wait was satisfied: by the object with this index, or, after [`wait_all`], by all of them and the index
    /// is 0 (`WAIT_OBJECT_0`).
    Signaled(usize),
    /// The wait was satisfied, and a mutex was taken whose last owner's thread ended owning it. After [`wait_any`]
    /// it is the one with this index; after [`wait_all`] the index does not tell which (`WAIT_ABANDONED_0`).
    Abandoned(usize),
    /// The time is up (`WAIT_TIMEOUT`).
    Timeout,
    /// The wait was alertable, and closures or completion routines ran: it is over without a result
    /// (`WAIT_IO_COMPLETION`).
    IoCompletion,
}

impl WaitResult {
    /// Whether the wait was satisfied, also by an abandoned mutex.
    #[must_use]
    pub fn is_signaled(self) -> bool {
        self.index().is_some()
    }

    /// The index of the object that satisfied the wait, abandoned or not.
    #[must_use]
    pub fn index(self) -> Option<usize> {
        match self {
            WaitResult::Signaled(index) | WaitResult::Abandoned(index) => Some(index),
            WaitResult::Timeout | WaitResult::IoCompletion => None,
        }
    }
}

/// Something that can be waited for.
///
/// A wait that is satisfied may change the object: it resets an auto-reset [`Event`](crate::Event) or timer, takes one
/// from a [`Semaphore`](crate::Semaphore), and makes the calling thread the owner of a [`Mutex`](crate::Mutex)
/// ([`Mutex::adopt`](crate::Mutex::adopt) gives its guard).
///
/// Timeouts are rounded up to milliseconds; `None`, and 49.7 days or more, wait for ever; zero looks and returns.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Semaphore, WaitResult, Waitable};
///
/// let semaphore = Semaphore::new(1, 1)?;
/// assert_eq!(semaphore.wait(None)?, WaitResult::Signaled(0));
/// assert_eq!(semaphore.wait(Some(Duration::from_millis(1)))?, WaitResult::Timeout);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub trait Waitable: AsHandle {
    /// Waits until the object is signaled, or the time is up (`WaitForSingleObject`). The index in the result is 0.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `SYNCHRONIZE`.
    /// - `ERROR_INVALID_HANDLE`: the object is not one that can be waited for.
    fn wait(&self, timeout: Option<Duration>) -> Result<WaitResult> {
        wait::one(self.as_handle(), timeout, false)
    }

    /// As [`wait`](Waitable::wait), and runs the closures and routines that are or will be queued to the thread
    /// (`WaitForSingleObjectEx`). When some ran, the wait is over with [`WaitResult::IoCompletion`].
    ///
    /// # Errors
    ///
    /// As [`wait`](Waitable::wait).
    fn wait_alertable(&self, timeout: Option<Duration>) -> Result<WaitResult> {
        wait::one(self.as_handle(), timeout, true)
    }
}

impl Waitable for OwnedHandle {}
impl Waitable for BorrowedHandle<'_> {}
impl<T: Waitable + ?Sized> Waitable for &T {}

/// Waits until one of the objects is signaled, or the time is up (`WaitForMultipleObjects`). Where several are, the
/// one with the lowest index satisfies the wait, and only that one is changed.
///
/// # Errors
///
/// - `ERROR_INVALID_PARAMETER`: there is no object, or there are more than [`MAXIMUM_WAIT_OBJECTS`].
/// - `ERROR_ACCESS_DENIED`: a handle lacks `SYNCHRONIZE`.
/// - `ERROR_INVALID_HANDLE`: an object is not one that can be waited for.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Due, Event, WaitResult, WaitableTimer, wait_any};
///
/// let stop = Event::manual_reset()?;
/// let tick = WaitableTimer::auto_reset()?;
/// tick.set(Due::After(Duration::from_millis(1)), None)?;
/// assert_eq!(wait_any(&[&stop, &tick], None)?, WaitResult::Signaled(1));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub fn wait_any(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<WaitResult> {
    wait::many(objects.iter().map(|object| object.as_handle()), false, timeout, false)
}

/// As [`wait_any`], alertable ([`Waitable::wait_alertable`]).
///
/// # Errors
///
/// As [`wait_any`].
pub fn wait_any_alertable(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<WaitResult> {
    wait::many(objects.iter().map(|object| object.as_handle()), false, timeout, true)
}

/// Waits until all objects are signaled at one instant, or the time is up (`WaitForMultipleObjects`). Until then none
/// is changed, and then all are.
///
/// # Errors
///
/// - `ERROR_INVALID_PARAMETER`: as [`wait_any`], or one object is given twice.
/// - As [`wait_any`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Semaphore, WaitResult, wait_all};
///
/// let (forks, plates) = (Semaphore::new(1, 1)?, Semaphore::new(0, 1)?);
/// assert_eq!(wait_all(&[&forks, &plates], Some(Duration::ZERO))?, WaitResult::Timeout);
/// plates.release(1)?;
/// assert_eq!(wait_all(&[&forks, &plates], None)?, WaitResult::Signaled(0));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub fn wait_all(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<WaitResult> {
    wait::many(objects.iter().map(|object| object.as_handle()), true, timeout, false)
}

/// As [`wait_all`], alertable ([`Waitable::wait_alertable`]).
///
/// # Errors
///
/// As [`wait_all`].
pub fn wait_all_alertable(objects: &[&dyn Waitable], timeout: Option<Duration>) -> Result<WaitResult> {
    wait::many(objects.iter().map(|object| object.as_handle()), true, timeout, true)
}

/// Sets an event, releases a mutex or a semaphore once, and then waits for another object (`SignalObjectAndWait`). The
/// two steps are not one.
///
/// # Errors
///
/// Those of the first step, after which there is no wait:
/// - `ERROR_INVALID_HANDLE`: `signal` is none of the three.
/// - `ERROR_NOT_OWNER`: `signal` is a mutex that the thread does not own.
/// - `ERROR_TOO_MANY_POSTS`: `signal` is a semaphore at its maximum.
///
/// Those of [`Waitable::wait`] for the second, which are found before the first is done.
///
/// # Examples
///
/// ```
/// use winipc::{Event, WaitResult, signal_and_wait};
///
/// let event = Event::auto_reset()?;
/// assert_eq!(signal_and_wait(&event, &event, None)?, WaitResult::Signaled(0));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub fn signal_and_wait(
    signal: &dyn Waitable,
    wait: &dyn Waitable,
    timeout: Option<Duration>,
) -> Result<WaitResult> {
    wait::signal_and_wait(signal.as_handle(), wait.as_handle(), timeout, false)
}

/// As [`signal_and_wait`], alertable ([`Waitable::wait_alertable`]).
///
/// # Errors
///
/// As [`signal_and_wait`].
pub fn signal_and_wait_alertable(
    signal: &dyn Waitable,
    wait: &dyn Waitable,
    timeout: Option<Duration>,
) -> Result<WaitResult> {
    wait::signal_and_wait(signal.as_handle(), wait.as_handle(), timeout, true)
}

/// Sleeps, and runs the closures and routines that are or will be queued to the thread (`SleepEx`). Returns as soon as
/// some ran, and tells whether they did; with zero it runs what is queued and returns.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Thread, sleep_alertable};
///
/// Thread::current()?.queue_apc(|| println!("in the sleep"))?;
/// assert!(sleep_alertable(None));
/// assert!(!sleep_alertable(Some(Duration::ZERO)));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub fn sleep_alertable(timeout: Option<Duration>) -> bool {
    wait::sleep_alertable(timeout)
}
