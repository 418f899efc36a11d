//! How to create or open a mutex.

use super::Mutex;
use crate::Result;
use crate::named::named_options;
use crate::sys::MUTEX_ALL_ACCESS;
use crate::sys::call::{Named, mutex};

/// How to create or open a [`Mutex`].
///
/// # Examples
///
/// The classic way to run once on a machine:
///
/// ```
/// use winipc::{Disposition, MutexOptions};
///
/// let name = format!(r"Global\winipc-doc-single-instance-{}", std::process::id());
/// let instance = MutexOptions::new().name(&name).create()?;
/// assert_eq!(instance.disposition(), Disposition::Created);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MutexOptions {
    named: Named,
    initially_owned: bool,
}

impl MutexOptions {
    /// A mutex without a name that nobody owns, with full access, not inherited.
    pub fn new() -> MutexOptions {
        MutexOptions { named: Named::new(MUTEX_ALL_ACCESS), initially_owned: false }
    }

    /// Whether the calling thread owns the mutex from the start. This does not apply to a mutex that exists already:
    /// where [`Mutex::disposition`] says created, [`Mutex::adopt`] gives the guard.
    pub fn initially_owned(&mut self, initially_owned: bool) -> &mut Self {
        self.initially_owned = initially_owned;
        self
    }

    /// Creates the mutex, or opens the one with this name (`CreateMutexExW`); [`Mutex::disposition`] tells which.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: the name belongs to an object of another kind.
    /// - `ERROR_ACCESS_DENIED`: the existing mutex does not grant the access.
    /// - `ERROR_PATH_NOT_FOUND`: the name has a backslash after the prefix, or an unknown prefix.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn create(&self) -> Result<Mutex> {
        let (handle, disposition) = mutex::create(&self.named, self.initially_owned)?;
        Ok(Mutex { handle, disposition })
    }
}

named_options!(MutexOptions opens Mutex by mutex, "OpenMutexW", with "MUTEX_*");

impl Default for MutexOptions {
    fn default() -> MutexOptions {
        MutexOptions::new()
    }
}
