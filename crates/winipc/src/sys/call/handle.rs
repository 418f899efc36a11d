//! Handles of every kind.

use std::ptr;

use super::check;
use crate::Result;
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CompareObjectHandles, DuplicateHandle, GetHandleInformation, SetHandleInformation};
use crate::sys::{DUPLICATE_SAME_ACCESS, HANDLE};

/// How a duplicate differs from its source.
#[derive(Clone, Copy)]
pub(crate) struct Duplicate {
    /// `None` keeps the access.
    pub(crate) access: Option<u32>,
    pub(crate) inherit: bool,
}

/// Makes a handle in `target` to the object that `source` is a handle to in `source_process`. The number is the
/// result, good in `target` only.
fn duplicate_raw(
    source_process: BorrowedHandle<'_>,
    source: HANDLE,
    target: BorrowedHandle<'_>,
    how: Duplicate,
) -> Result<HANDLE> {
    let mut duplicate = ptr::null_mut();
    let options = if how.access.is_none() { DUPLICATE_SAME_ACCESS } else { 0 };
    // SAFETY: the process handles are open, the result is ours, and a bad source is an error.
    check(unsafe {
        DuplicateHandle(
            source_process.as_raw(),
            source,
            target.as_raw(),
            &mut duplicate,
            how.access.unwrap_or(0),
            how.inherit.into(),
            options,
        )
    })?;
    Ok(duplicate)
}

/// A duplicate within this process.
pub(crate) fn duplicate(source: BorrowedHandle<'_>, how: Duplicate) -> Result<OwnedHandle> {
    let this = super::process::current();
    let raw = duplicate_raw(this, source.as_raw(), this, how)?;
    // SAFETY: the duplicate is new and ours.
    Ok(unsafe { OwnedHandle::from_raw(raw) })
}

/// A duplicate of ours in another process.
pub(crate) fn duplicate_into(
    source: BorrowedHandle<'_>,
    target: BorrowedHandle<'_>,
    how: Duplicate,
) -> Result<isize> {
    Ok(duplicate_raw(super::process::current(), source.as_raw(), target, how)? as isize)
}

/// A duplicate for us of another process's handle.
pub(crate) fn duplicate_from(
    process: BorrowedHandle<'_>,
    source: isize,
    how: Duplicate,
) -> Result<OwnedHandle> {
    let raw = duplicate_raw(process, source as HANDLE, super::process::current(), how)?;
    // SAFETY: the duplicate is new and ours.
    Ok(unsafe { OwnedHandle::from_raw(raw) })
}

/// `HANDLE_FLAG_*`.
pub(crate) fn flags(handle: BorrowedHandle<'_>) -> Result<u32> {
    let mut flags = 0;
    // SAFETY: the handle is open.
    check(unsafe { GetHandleInformation(handle.as_raw(), &mut flags) })?;
    Ok(flags)
}

pub(crate) fn set_flag(handle: BorrowedHandle<'_>, flag: u32, on: bool) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { SetHandleInformation(handle.as_raw(), flag, if on { flag } else { 0 }) })
}

pub(crate) fn is_same_object(a: BorrowedHandle<'_>, b: BorrowedHandle<'_>) -> bool {
    // SAFETY: both handles are open. The function only fails by saying no.
    unsafe { CompareObjectHandles(a.as_raw(), b.as_raw()) != 0 }
}
