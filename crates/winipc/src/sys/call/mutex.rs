//! Mutexes.

use super::{Named, attributes, check, created, opened};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CREATE_MUTEX_INITIAL_OWNER, CreateMutexExW, OpenMutexW, ReleaseMutex};
use crate::{Disposition, Result};

pub(crate) fn create(named: &Named, initially_owned: bool) -> Result<(OwnedHandle, Disposition)> {
    let flags = if initially_owned { CREATE_MUTEX_INITIAL_OWNER } else { 0 };
    let name = named.utf16()?;
    // SAFETY: attributes and name live through the call.
    unsafe { created(CreateMutexExW(&attributes(named.inherit), name.as_ptr(), flags, named.access)) }
}

pub(crate) fn open(named: &Named) -> Result<OwnedHandle> {
    let name = named.utf16()?;
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenMutexW(named.access, named.inherit.into(), name.as_ptr())) }
}

pub(crate) fn release(mutex: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { ReleaseMutex(mutex.as_raw()) })
}
