//! What creating and opening has in common for every object with a name.

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::core::PCWSTR;
use winipc_executive::{Attributes, Disposition, Handle};

use crate::argument::{inherit, raw};
use crate::error::{Error, Result, set_last_error, value};
use crate::strings::wide;

/// Ends a `Create*` call: NULL on failure, and the last error also on success.
///
/// # Safety
/// `attributes` is NULL or points to a structure, `name` is NULL or points to a string that ends in a zero.
pub(crate) unsafe fn create(
    attributes: *const SECURITY_ATTRIBUTES,
    name: PCWSTR,
    make: impl FnOnce(&Attributes) -> Result<(Handle, Disposition)>,
) -> HANDLE {
    // SAFETY: as the caller promises.
    let (inherit, name) = unsafe { (inherit(attributes), wide(name)) };
    // An empty name is none.
    let made =
        name.and_then(|name| make(&Attributes { name: name.filter(|name| !name.is_empty()), inherit }));
    value(made.map(report_created), core::ptr::null_mut())
}

/// Ends an `Open*` call: NULL on failure.
///
/// # Safety
/// `name` is NULL or points to a string that ends in a zero.
pub(crate) unsafe fn open(
    name: PCWSTR,
    make: impl FnOnce(&[u16]) -> winipc_executive::Result<Handle>,
) -> HANDLE {
    // SAFETY: as the caller promises.
    let opened = unsafe { wide(name) }.and_then(|name| match name {
        None => Err(Error(ERROR_INVALID_PARAMETER)),
        Some([]) => Err(Error(ERROR_INVALID_HANDLE)),
        Some(name) => Ok(raw(make(name)?)),
    });
    value(opened, core::ptr::null_mut())
}

/// Writes the last error of a successful creation.
pub(crate) fn report_created((handle, disposition): (Handle, Disposition)) -> HANDLE {
    set_last_error(match disposition {
        Disposition::Created => ERROR_SUCCESS,
        Disposition::Opened => ERROR_ALREADY_EXISTS,
    });
    raw(handle)
}
