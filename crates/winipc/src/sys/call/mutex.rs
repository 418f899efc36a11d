//! Mutexes.

use super::{Name, attributes, check, created, opened};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CREATE_MUTEX_INITIAL_OWNER, CreateMutexExW, OpenMutexW, ReleaseMutex};
use crate::{Disposition, Result};

pub(crate) fn create(
    name: &Name,
    access: u32,
    inherit: bool,
    initially_owned: bool,
) -> Result<(OwnedHandle, Disposition)> {
    let flags = if initially_owned { CREATE_MUTEX_INITIAL_OWNER } else { 0 };
    // SAFETY: attributes and name live through the call.
    unsafe { created(CreateMutexExW(&attributes(inherit), name.as_ptr(), flags, access)) }
}

pub(crate) fn open(name: &Name, access: u32, inherit: bool) -> Result<OwnedHandle> {
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenMutexW(access, inherit.into(), name.as_ptr())) }
}

pub(crate) fn release(mutex: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { ReleaseMutex(mutex.as_raw()) })
}
