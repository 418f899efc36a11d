//! Semaphores.

use super::{Named, attributes, check, created, opened};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CreateSemaphoreExW, OpenSemaphoreW, ReleaseSemaphore};
use crate::{Disposition, Result, Win32Error};

pub(crate) fn create(named: &Named, initial: u32, maximum: u32) -> Result<(OwnedHandle, Disposition)> {
    let name = named.utf16()?;
    let (initial, maximum) = (count(initial)?, count(maximum)?);
    let attributes = attributes(named.inherit);
    // SAFETY: attributes and name live through the call.
    unsafe { created(CreateSemaphoreExW(&attributes, initial, maximum, name.as_ptr(), 0, named.access)) }
}

pub(crate) fn open(named: &Named) -> Result<OwnedHandle> {
    let name = named.utf16()?;
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenSemaphoreW(named.access, named.inherit.into(), name.as_ptr())) }
}

/// Returns the count before.
pub(crate) fn release(semaphore: BorrowedHandle<'_>, by: u32) -> Result<u32> {
    let mut previous = 0;
    // SAFETY: the handle is open.
    check(unsafe { ReleaseSemaphore(semaphore.as_raw(), count(by)?, &mut previous) })?;
    Ok(previous as u32)
}

/// Windows counts with a sign.
fn count(count: u32) -> Result<i32> {
    i32::try_from(count).map_err(|_| Win32Error::INVALID_PARAMETER)
}
