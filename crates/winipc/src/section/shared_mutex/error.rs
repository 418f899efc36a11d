//! Why a lock that processes share is not simply taken.

use std::fmt;

use crate::{Result, Win32Error};

/// What a lock that processes share gives: a guard, or why there is none, or not simply one.
pub type SharedResult<G> = std::result::Result<G, SharedLockError<G>>;

/// Why a [`SharedMutex`](super::SharedMutex) or [`Monitor`](crate::section::Monitor) was not simply taken.
#[derive(Debug)]
pub enum SharedLockError<G> {
    /// It *is* taken, and this is the guard; but the thread that had it before ended without giving it back. The value
    /// is as one of them left it whole; what that thread was about to change it has not.
    Abandoned(G),
    /// Another thread had it all the time (`WAIT_TIMEOUT`).
    Timeout,
    /// It failed. `ERROR_POSSIBLE_DEADLOCK`: the calling thread has a guard of it already.
    Failed(Win32Error),
}

impl<G> SharedLockError<G> {
    /// The guard of what was abandoned.
    ///
    /// # Errors
    ///
    /// - `WAIT_TIMEOUT` for [`Timeout`](SharedLockError::Timeout).
    /// - The error of [`Failed`](SharedLockError::Failed).
    pub fn into_guard(self) -> Result<G> {
        match self {
            SharedLockError::Abandoned(guard) => Ok(guard),
            SharedLockError::Timeout => Err(Win32Error::WAIT_TIMEOUT),
            SharedLockError::Failed(error) => Err(error),
        }
    }

    pub(in crate::section) fn map<H>(self, change: impl FnOnce(G) -> H) -> SharedLockError<H> {
        match self {
            SharedLockError::Abandoned(guard) => SharedLockError::Abandoned(change(guard)),
            SharedLockError::Timeout => SharedLockError::Timeout,
            SharedLockError::Failed(error) => SharedLockError::Failed(error),
        }
    }
}

impl<G> fmt::Display for SharedLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SharedLockError::Abandoned(_) => {
                f.write_str("the lock is taken, but its last owner ended owning it")
            }
            SharedLockError::Timeout => f.write_str("another thread owns the lock"),
            SharedLockError::Failed(error) => write!(f, "the lock cannot be taken: {error}"),
        }
    }
}

impl<G: fmt::Debug> std::error::Error for SharedLockError<G> {}
