//! Mutexes.

mod guard;
mod options;

use std::time::Duration;

use crate::named::named_object;
use crate::sys::call::{mutex, wait};
use crate::{AsHandle, Disposition, OwnedHandle, Result, WaitResult, Win32Error};

pub use guard::{LockError, LockResult, MutexGuard};
pub use options::MutexOptions;

/// A lock that one thread of one process at a time owns.
///
/// The owner may take it again without blocking, and owns it until it has given it back as often. When the owner's
/// thread ends without giving it back, however it ends, the next one to take it learns that by
/// [`LockError::Abandoned`], which carries the guard: what the mutex protects may be half done.
///
/// # Examples
///
/// ```
/// use winipc::{LockError, MutexOptions};
///
/// let name = format!("winipc-doc-mutex-{}", std::process::id());
/// let mutex = MutexOptions::new().name(&name).create()?;
/// match mutex.lock() {
///     Ok(_guard) => { /* The mutex is ours until here. */ }
///     Err(LockError::Abandoned(_guard)) => { /* It is ours, and the last owner died: check and repair. */ }
///     Err(error) => return Err(error.into_guard().unwrap_err()),
/// }
/// # Ok::<(), winipc::Win32Error>(())
/// ```
///
/// The last owner's death is seen by the next:
///
/// ```
/// use std::{mem, thread};
/// use winipc::{LockError, Mutex};
///
/// let mutex = Mutex::new()?;
/// let other = mutex.try_clone()?;
/// thread::spawn(move || mem::forget(other.lock())).join().unwrap();
/// assert!(matches!(mutex.lock(), Err(LockError::Abandoned(_))));
/// assert!(mutex.lock().is_ok());
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Mutex {
    handle: OwnedHandle,
    disposition: Disposition,
}

named_object!(Mutex);

impl Mutex {
    /// A new mutex without a name, which nobody owns.
    ///
    /// # Errors
    ///
    /// As [`MutexOptions::create`].
    pub fn new() -> Result<Mutex> {
        MutexOptions::new().create()
    }

    /// Takes the mutex, and waits for it for as long as it takes.
    ///
    /// # Errors
    ///
    /// - [`LockError::Abandoned`]: the mutex is taken, and its last owner's thread ended owning it.
    /// - [`LockError::Failed`]: `ERROR_ACCESS_DENIED` where the handle lacks `SYNCHRONIZE`.
    pub fn lock(&self) -> LockResult<'_> {
        self.lock_within(None)
    }

    /// Takes the mutex if that is possible at once.
    ///
    /// # Errors
    ///
    /// - [`LockError::Timeout`]: another thread owns it.
    /// - As [`lock`](Mutex::lock).
    pub fn try_lock(&self) -> LockResult<'_> {
        self.lock_within(Some(Duration::ZERO))
    }

    /// Takes the mutex, and waits for it for at most `timeout`, rounded up to milliseconds.
    ///
    /// # Errors
    ///
    /// - [`LockError::Timeout`]: another thread still owns it.
    /// - As [`lock`](Mutex::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> LockResult<'_> {
        self.lock_within(Some(timeout))
    }

    /// The guard for one take of this mutex that came about otherwise: by [`wait_any`](crate::wait_any),
    /// [`wait_all`](crate::wait_all) or [`Waitable::wait`](crate::Waitable::wait), or by creating it
    /// [initially owned](MutexOptions::initially_owned).
    ///
    /// Where the calling thread does not own the mutex, the guard does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use winipc::{Event, Mutex, wait_all};
    ///
    /// let (mutex, event) = (Mutex::new()?, Event::manual_reset()?);
    /// event.set()?;
    /// wait_all(&[&mutex, &event], None)?;
    /// let guard = mutex.adopt();
    /// guard.release()?;
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn adopt(&self) -> MutexGuard<'_> {
        MutexGuard::new(self)
    }

    fn lock_within(&self, timeout: Option<Duration>) -> LockResult<'_> {
        match wait::one(self.as_handle(), timeout, false) {
            Ok(WaitResult::Signaled(_)) => Ok(MutexGuard::new(self)),
            Ok(WaitResult::Abandoned(_)) => Err(LockError::Abandoned(MutexGuard::new(self))),
            Ok(WaitResult::Timeout) => Err(LockError::Timeout),
            // The wait is not alertable.
            Ok(WaitResult::IoCompletion) => Err(LockError::Failed(Win32Error::GEN_FAILURE)),
            Err(error) => Err(LockError::Failed(error)),
        }
    }

    fn release(&self) -> Result<()> {
        mutex::release(self.as_handle())
    }
}
