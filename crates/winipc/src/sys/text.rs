//! Strings of the system, as UTF-16.

use std::ffi::OsStr;

use crate::{Result, Win32Error};

/// The units of a string of the system's.
///
/// # Errors
///
/// `ERROR_INVALID_PARAMETER`: it contains a zero, or, on Linux, is not UTF-8, which UTF-16 has no way to say.
pub(crate) fn wide(text: &OsStr) -> Result<Vec<u16>> {
    #[cfg(windows)]
    let units: Vec<u16> = std::os::windows::ffi::OsStrExt::encode_wide(text).collect();
    #[cfg(not(windows))]
    let units: Vec<u16> = text.to_str().ok_or(Win32Error::INVALID_PARAMETER)?.encode_utf16().collect();
    if units.contains(&0) { Err(Win32Error::INVALID_PARAMETER) } else { Ok(units) }
}
