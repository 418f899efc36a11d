//! What arguments of many calls have in common: handles, times, pointers, flags, security attributes.

use core::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, ERROR_NOACCESS, HANDLE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::INFINITE;
use winipc_executive::Handle;

use crate::error::{Error, Result};

#[inline]
pub(crate) fn handle(raw: HANDLE) -> Handle {
    Handle::from_raw(raw as isize)
}

#[inline]
pub(crate) fn raw(handle: Handle) -> HANDLE {
    handle.raw() as HANDLE
}

/// A time-out in milliseconds; `INFINITE` is none.
#[inline]
pub(crate) fn timeout(milliseconds: u32) -> Option<Duration> {
    (milliseconds != INFINITE).then(|| Duration::from_millis(milliseconds.into()))
}

/// Fails `ERROR_NOACCESS` for a pointer that is NULL, where Windows would fault on it.
pub(crate) fn present<T>(pointer: *const T) -> Result<()> {
    if pointer.is_null() { Err(Error(ERROR_NOACCESS)) } else { Ok(()) }
}

/// Fails `ERROR_NOACCESS` for a pointer that is NULL, or misaligned where what it points to is used in its place.
pub(crate) fn usable<T>(pointer: *const T) -> Result<()> {
    if pointer.is_null() || !pointer.is_aligned() { Err(Error(ERROR_NOACCESS)) } else { Ok(()) }
}

/// Fails `ERROR_INVALID_PARAMETER` if `flags` has a bit outside `defined`.
pub(crate) fn only(flags: u32, defined: u32) -> Result<()> {
    if flags & !defined == 0 { Ok(()) } else { Err(Error(ERROR_INVALID_PARAMETER)) }
}

/// Writes to an output argument that may be NULL.
///
/// # Safety
/// `pointer` is NULL or writable.
pub(crate) unsafe fn write_if_wanted<T>(pointer: *mut T, value: T) {
    if !pointer.is_null() {
        // SAFETY: writable, as the caller promises; Windows asks for no alignment.
        unsafe { pointer.write_unaligned(value) }
    }
}

/// Whether the handle to be made is inheritable. Security descriptors play no part: file permissions alone decide
/// who shares a namespace.
///
/// # Safety
/// `attributes` is NULL or points to a structure.
pub(crate) unsafe fn inherit(attributes: *const SECURITY_ATTRIBUTES) -> bool {
    // SAFETY: not NULL, so a structure, as the caller promises; Windows asks for no alignment.
    !attributes.is_null() && unsafe { (&raw const (*attributes).bInheritHandle).read_unaligned() } != 0
}
