//! How to create or open a mutex.

use super::Mutex;
use crate::Result;
use crate::sys::MUTEX_ALL_ACCESS;
use crate::sys::call::{Name, mutex};

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
    name: Option<String>,
    access: u32,
    inherit: bool,
    initially_owned: bool,
}

impl MutexOptions {
    /// A mutex without a name that nobody owns, with full access, not inherited.
    pub fn new() -> MutexOptions {
        MutexOptions { name: None, access: MUTEX_ALL_ACCESS, inherit: false, initially_owned: false }
    }

    /// The name, with or without `Local\` or `Global\` ([names](crate#names)).
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    /// The rights of the handle, a mask of `MUTEX_*` and standard rights in [`sys`](crate::sys).
    pub fn access(&mut self, access: u32) -> &mut Self {
        self.access = access;
        self
    }

    /// Whether child processes inherit the handle.
    pub fn inherit(&mut self, inherit: bool) -> &mut Self {
        self.inherit = inherit;
        self
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
        let name = Name::new(self.name.as_deref())?;
        let (handle, disposition) = mutex::create(&name, self.access, self.inherit, self.initially_owned)?;
        Ok(Mutex { handle, disposition })
    }

    /// Opens the mutex with this name (`OpenMutexW`).
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_NOT_FOUND`: there is none.
    /// - `ERROR_INVALID_PARAMETER`: no name was given.
    /// - As [`create`](MutexOptions::create).
    pub fn open(&self) -> Result<Mutex> {
        let name = Name::new(self.name.as_deref())?;
        Ok(mutex::open(&name, self.access, self.inherit)?.into())
    }
}

impl Default for MutexOptions {
    fn default() -> MutexOptions {
        MutexOptions::new()
    }
}
