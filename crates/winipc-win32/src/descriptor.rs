//! Not functions of Win32: handles and the descriptors of this system.

use std::os::fd::OwnedFd;

use windows_sys::Win32::Foundation::{HANDLE, WIN32_ERROR};
use windows_sys::Win32::Storage::FileSystem::{FILE_GENERIC_READ, FILE_GENERIC_WRITE};
use winipc_executive::file;

use crate::argument::{handle, raw};
use crate::error::Error;

/// Makes a handle to a descriptor, which becomes the handle's: a pipe, a file, a terminal or a socket. The handle is
/// for blocking use, children do not inherit it, and it reads and writes if the descriptor does.
///
/// # Errors
/// - `ERROR_NO_SYSTEM_RESOURCES` (1450): the process has too many handles.
pub fn handle_from_descriptor(descriptor: OwnedFd) -> Result<HANDLE, WIN32_ERROR> {
    let made = file::adopt(descriptor, FILE_GENERIC_READ | FILE_GENERIC_WRITE, false);
    made.map(raw).map_err(|status| Error::from(status).0)
}

/// Makes another descriptor to what a handle stands for: an end of an anonymous pipe, a file on disk, what
/// [`handle_from_descriptor`] was given.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to something with a descriptor. Named pipes have none.
/// - `ERROR_FILE_INVALID` (1006): the process did not get the descriptor with the handle.
/// - `ERROR_TOO_MANY_OPEN_FILES` (4): the process has too many descriptors.
pub fn descriptor_from_handle(from: HANDLE) -> Result<OwnedFd, WIN32_ERROR> {
    file::duplicate_descriptor(handle(from)).map_err(|status| Error::from(status).0)
}
