//! Not a function of Win32: whose an inherited handle is.

use windows_sys::Win32::Foundation::{HANDLE, WIN32_ERROR};
use winipc_executive::handle;

use crate::argument;
use crate::error::Error;

/// Says that a handle which the process has inherited belongs to the caller from now on, who closes it. That can be
/// said once of each, so that no two parts of a program take one handle for their own, whatever number they were told.
///
/// # Errors
/// - `ERROR_NOT_FOUND` (1168): the process has not inherited it, it was taken before or closed, it is a standard
///   handle, or the process is ending.
pub fn take_inherited(inherited: HANDLE) -> Result<(), WIN32_ERROR> {
    handle::take_inherited(argument::handle(inherited)).map_err(|status| Error::from(status).0)
}
