//! Semaphores.

use crate::named::{named_object, named_options};
use crate::sys::SEMAPHORE_ALL_ACCESS;
use crate::sys::call::{Named, semaphore};
use crate::{AsHandle, Disposition, OwnedHandle, Result};

/// A count between 0 and a maximum. A wait ([`Waitable`](crate::Waitable)) takes one from it, and blocks while it
/// is 0; [`release`](Semaphore::release) gives back.
///
/// Nobody owns what was taken: any thread may release, and what a process took is not given back when it ends.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Semaphore, WaitResult, Waitable};
///
/// let seats = Semaphore::new(2, 2)?;
/// assert!(seats.wait(None)?.is_signaled());
/// assert!(seats.wait(None)?.is_signaled());
/// assert_eq!(seats.wait(Some(Duration::ZERO))?, WaitResult::Timeout);
/// assert_eq!(seats.release(1)?, 0);
/// assert!(seats.wait(None)?.is_signaled());
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Semaphore {
    handle: OwnedHandle,
    disposition: Disposition,
}

named_object!(Semaphore);

impl Semaphore {
    /// A new semaphore without a name.
    ///
    /// # Errors
    ///
    /// As [`SemaphoreOptions::create`].
    pub fn new(initial: u32, maximum: u32) -> Result<Semaphore> {
        SemaphoreOptions::new(initial, maximum).create()
    }

    /// Adds `count` and returns the count before (`ReleaseSemaphore`). Up to `count` waits go on.
    ///
    /// # Errors
    ///
    /// - `ERROR_TOO_MANY_POSTS`: the maximum would be passed. Nothing is added.
    /// - `ERROR_INVALID_PARAMETER`: `count` is 0, or 2^31 and more.
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `SEMAPHORE_MODIFY_STATE`.
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to a semaphore.
    pub fn release(&self, count: u32) -> Result<u32> {
        semaphore::release(self.handle.as_handle(), count)
    }
}

/// How to create or open a [`Semaphore`].
///
/// # Examples
///
/// ```
/// use winipc::{SemaphoreOptions, Win32Error};
///
/// assert_eq!(SemaphoreOptions::new(3, 2).create().unwrap_err(), Win32Error::INVALID_PARAMETER);
/// ```
#[derive(Clone, Debug)]
pub struct SemaphoreOptions {
    named: Named,
    initial: u32,
    maximum: u32,
}

impl SemaphoreOptions {
    /// A semaphore without a name, with full access, not inherited. Opening one ignores both counts.
    pub fn new(initial: u32, maximum: u32) -> SemaphoreOptions {
        SemaphoreOptions { named: Named::new(SEMAPHORE_ALL_ACCESS), initial, maximum }
    }

    /// Creates the semaphore, or opens the one with this name (`CreateSemaphoreExW`);
    /// [`Semaphore::disposition`] tells which.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: the maximum is 0 or above 2^31 - 1, or the initial count is above it.
    /// - `ERROR_INVALID_HANDLE`: the name belongs to an object of another kind.
    /// - `ERROR_ACCESS_DENIED`: the existing semaphore does not grant the access.
    /// - `ERROR_PATH_NOT_FOUND`: the name has a backslash after the prefix, or an unknown prefix.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn create(&self) -> Result<Semaphore> {
        let (handle, disposition) = semaphore::create(&self.named, self.initial, self.maximum)?;
        Ok(Semaphore { handle, disposition })
    }
}

named_options!(SemaphoreOptions opens Semaphore by semaphore, "OpenSemaphoreW", with "SEMAPHORE_*");
