//! Mailslots: making, asking, and the read time-out. Clients open, write and close them as [files](crate::CreateFileW).

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::{Disposition, mailslot};

use crate::argument::{handle, inherit, write_if_wanted};
use crate::error::{Error, Result, boolean, value};
use crate::object::report_created;
use crate::strings::{Name, Path, ansi, wide};

/// What [`GetMailslotInfo`] gives as the size of the next message if there is none (`MAILSLOT_NO_MESSAGE`).
const NO_MESSAGE: u32 = u32::MAX;

/// Creates a mailslot, and returns its server end, which reads, also overlapped.
///
/// `path` is `\\.\mailslot\NAME`, where NAME may have path components. `max_message_size` is in bytes, 0 for any.
/// `read_timeout` is in milliseconds: how long reads wait for a message; `MAILSLOT_WAIT_FOREVER` (0xFFFFFFFF) is for
/// ever. The slot goes with the last handle to this end, and unread messages with it. Returns `INVALID_HANDLE_VALUE`
/// (-1) on failure; on success the last error is 0.
///
/// # Errors
/// - `ERROR_PATH_NOT_FOUND` (3): `path` is NULL.
/// - `ERROR_INVALID_NAME` (123): it has another form.
/// - `ERROR_ALREADY_EXISTS` (183): there is such a slot.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the path is too long.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateMailslotW(
    path: PCWSTR,
    max_message_size: u32,
    read_timeout: u32,
    attributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    // SAFETY: `path` and `attributes` are NULL or valid.
    let (path, inherit) = unsafe { (wide(path), inherit(attributes)) };
    let server = mailslot::Server { max_message: max_message_size, timeout_ms: read_timeout, inherit };
    value(create(path, &server), INVALID_HANDLE_VALUE)
}

ansi! {
    /// [`CreateMailslotW`] with a path in UTF-8.
    pub unsafe extern "system" fn CreateMailslotA(
        [path], max_message_size: u32, read_timeout: u32, attributes: *const SECURITY_ATTRIBUTES
    ) -> HANDLE;
    by CreateMailslotW, or INVALID_HANDLE_VALUE
}

fn create(path: Result<Name>, server: &mailslot::Server) -> Result<HANDLE> {
    let path = path?.ok_or(Error(ERROR_PATH_NOT_FOUND))?;
    let Path::LocalMailslot(name) = Path::parse(path) else { return Err(Error(ERROR_INVALID_NAME)) };
    Ok(report_created((mailslot::create(name, server)?, Disposition::Created)))
}

/// Tells what a mailslot is like and what lies in it. Any output may be NULL.
///
/// `max_message_size` and `read_timeout` are what the slot was created or set with; `next_size` is that of the next
/// message in bytes, or `MAILSLOT_NO_MESSAGE` (0xFFFFFFFF); `message_count` counts empty messages too.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a mailslot.
/// - `ERROR_INVALID_PARAMETER` (87): the client end.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetMailslotInfo(
    mailslot: HANDLE,
    max_message_size: *mut u32,
    next_size: *mut u32,
    message_count: *mut u32,
    read_timeout: *mut u32,
) -> BOOL {
    boolean(mailslot::info(handle(mailslot)).map(|info| {
        // SAFETY: each is NULL or writable.
        unsafe {
            write_if_wanted(max_message_size, info.max_message);
            write_if_wanted(next_size, info.next.unwrap_or(NO_MESSAGE));
            write_if_wanted(message_count, info.messages);
            write_if_wanted(read_timeout, info.timeout_ms);
        }
    }))
}

/// Sets for how many milliseconds later reads wait for a message, through any handle to the slot;
/// `MAILSLOT_WAIT_FOREVER` (0xFFFFFFFF) is for ever.
///
/// # Errors
/// As [`GetMailslotInfo`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetMailslotInfo(mailslot: HANDLE, read_timeout: u32) -> BOOL {
    boolean(mailslot::set_timeout(handle(mailslot), read_timeout))
}
