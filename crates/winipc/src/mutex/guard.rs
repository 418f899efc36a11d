//! Ownership of a mutex, and what can come of trying to get it.

use std::fmt;
use std::marker::PhantomData;
use std::mem;

use super::Mutex;
use crate::{Result, Win32Error};

/// One take of a [`Mutex`]: dropping it gives the mutex back once (`ReleaseMutex`).
///
/// Ownership is the thread's, so a guard cannot go to another thread:
///
/// ```compile_fail,E0277
/// let mutex = winipc::Mutex::new().unwrap();
/// let guard = mutex.lock().ok();
/// std::thread::scope(|scope| scope.spawn(move || drop(guard)));
/// ```
///
/// A guard that is leaked leaves the mutex owned until its thread ends, and then abandoned.
///
/// # Examples
///
/// ```
/// use winipc::Mutex;
///
/// let mutex = Mutex::new()?;
/// let first = mutex.lock().unwrap();
/// let second = mutex.lock().unwrap();
/// first.release()?;
/// // Still owned once.
/// std::thread::scope(|scope| scope.spawn(|| assert!(mutex.try_lock().is_err())).join().unwrap());
/// second.release()?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[must_use = "the mutex is given back when the guard is dropped"]
pub struct MutexGuard<'a> {
    mutex: &'a Mutex,
    /// Bound to its thread.
    thread: PhantomData<*const ()>,
}

impl<'a> MutexGuard<'a> {
    pub(super) fn new(mutex: &'a Mutex) -> MutexGuard<'a> {
        MutexGuard { mutex, thread: PhantomData }
    }

    /// The mutex.
    pub fn mutex(&self) -> &'a Mutex {
        self.mutex
    }

    /// Gives the mutex back, as dropping the guard does, and tells whether that succeeded.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_OWNER`: the thread did not own it.
    pub fn release(self) -> Result<()> {
        let mutex = self.mutex;
        mem::forget(self);
        mutex.release()
    }
}

impl Drop for MutexGuard<'_> {
    fn drop(&mut self) {
        // A forked child has none of the mutexes of its parent.
        if self.mutex.handle.is_own() {
            // The only failure is that the thread does not own it, and then there is nothing to give back.
            let _ = self.mutex.release();
        }
    }
}

impl fmt::Debug for MutexGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MutexGuard").field(self.mutex).finish()
    }
}

/// The result of taking a [`Mutex`].
pub type LockResult<'a> = Result<MutexGuard<'a>, LockError<'a>>;

/// Why a [`Mutex`] was not simply taken.
///
/// # Examples
///
/// Who can go on after the last owner's death takes the guard all the same:
///
/// ```
/// use winipc::{LockError, Mutex};
///
/// let mutex = Mutex::new()?;
/// let guard = mutex.lock().or_else(LockError::into_guard)?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub enum LockError<'a> {
    /// The mutex *is* taken, and this is its guard; but the thread that owned it before ended without giving it back
    /// (`WAIT_ABANDONED`). What the mutex protects may be half done.
    Abandoned(MutexGuard<'a>),
    /// Another thread owned it all the time (`WAIT_TIMEOUT`).
    Timeout,
    /// The wait failed.
    Failed(Win32Error),
}

impl<'a> LockError<'a> {
    /// The guard of an abandoned mutex.
    ///
    /// # Errors
    ///
    /// - `WAIT_TIMEOUT` for [`Timeout`](LockError::Timeout).
    /// - The error of [`Failed`](LockError::Failed).
    pub fn into_guard(self) -> Result<MutexGuard<'a>> {
        match self {
            LockError::Abandoned(guard) => Ok(guard),
            LockError::Timeout => Err(Win32Error::WAIT_TIMEOUT),
            LockError::Failed(error) => Err(error),
        }
    }
}

impl fmt::Display for LockError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Abandoned(_) => f.write_str("the mutex is taken, but its last owner ended owning it"),
            LockError::Timeout => f.write_str("another thread owns the mutex"),
            LockError::Failed(error) => write!(f, "the wait for the mutex failed: {error}"),
        }
    }
}

impl std::error::Error for LockError<'_> {}
