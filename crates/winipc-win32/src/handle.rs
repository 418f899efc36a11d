//! Handles.

use windows_sys::Win32::Foundation::{
    DUPLICATE_CLOSE_SOURCE, DUPLICATE_HANDLE_OPTIONS, DUPLICATE_SAME_ACCESS, ERROR_INVALID_HANDLE,
    ERROR_NOT_SAME_OBJECT, HANDLE, HANDLE_FLAG_INHERIT, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAGS,
};
use windows_sys::core::BOOL;
use winipc_executive::handle;

use crate::argument::{handle, only, present, raw, write_if_wanted};
use crate::error::{Error, Result, boolean};

/// Closes a handle. The object vanishes with its last one. Closing the pseudo-handles -1 and -2 does nothing.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not an open handle, or one protected by `HANDLE_FLAG_PROTECT_FROM_CLOSE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CloseHandle(object: HANDLE) -> BOOL {
    boolean(handle::close(handle(object)))
}

/// Makes a handle in the target process to the object of a handle of the source process.
///
/// `options`: with `DUPLICATE_SAME_ACCESS` (2) `access` is ignored; with `DUPLICATE_CLOSE_SOURCE` (1) the source is
/// closed, whatever the result, and nothing else happens if `target_process` or `target` is NULL. Otherwise a NULL
/// `target` makes a handle without saying which.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): one of the handles is invalid.
/// - `ERROR_ACCESS_DENIED` (5): a process handle lacks `PROCESS_DUP_HANDLE`, or `access` is more than may be had.
/// - `ERROR_INVALID_PARAMETER` (87): an undefined bit in `options`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn DuplicateHandle(
    source_process: HANDLE,
    source: HANDLE,
    target_process: HANDLE,
    target: *mut HANDLE,
    access: u32,
    inherit: BOOL,
    options: DUPLICATE_HANDLE_OPTIONS,
) -> BOOL {
    let duplicate = || -> Result<()> {
        only(options, DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS)?;
        let close_source = options & DUPLICATE_CLOSE_SOURCE != 0;
        if target_process.is_null() && !close_source {
            return Err(Error(ERROR_INVALID_HANDLE));
        }
        let only_close = close_source && (target_process.is_null() || target.is_null());
        let options = handle::Duplicate {
            access: (options & DUPLICATE_SAME_ACCESS == 0).then_some(access),
            inherit: inherit != 0,
            close_source,
        };
        let target_process = (!only_close).then(|| handle(target_process));
        let duplicate = handle::duplicate(handle(source_process), handle(source), target_process, &options)?;
        if !only_close {
            // SAFETY: `target` is NULL or writable.
            unsafe { write_if_wanted(target, raw(duplicate)) }
        }
        Ok(())
    };
    boolean(duplicate())
}

/// Reports the flags of a handle: `HANDLE_FLAG_INHERIT` (1) and `HANDLE_FLAG_PROTECT_FROM_CLOSE` (2).
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not an open handle.
/// - `ERROR_NOACCESS` (998): `flags` is NULL.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetHandleInformation(object: HANDLE, flags: *mut u32) -> BOOL {
    // SAFETY: `flags` is NULL or writable.
    boolean(unsafe { information(object, flags) })
}

unsafe fn information(object: HANDLE, flags: *mut u32) -> Result<()> {
    present(flags)?;
    let found = handle::flags(handle(object))?;
    let inherit = if found.inherit { HANDLE_FLAG_INHERIT } else { 0 };
    let protect = if found.protect_from_close { HANDLE_FLAG_PROTECT_FROM_CLOSE } else { 0 };
    // SAFETY: not NULL, so writable.
    unsafe { flags.write_unaligned(inherit | protect) };
    Ok(())
}

/// Changes those flags of a handle that are in `mask` to what they are in `flags`.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not an open handle.
/// - `ERROR_INVALID_PARAMETER` (87): an undefined bit in `mask`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetHandleInformation(object: HANDLE, mask: u32, flags: HANDLE_FLAGS) -> BOOL {
    let wanted = |flag| (mask & flag != 0).then_some(flags & flag != 0);
    boolean(only(mask, HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE).and_then(|()| {
        handle::set_flags(
            handle(object),
            wanted(HANDLE_FLAG_INHERIT),
            wanted(HANDLE_FLAG_PROTECT_FROM_CLOSE),
        )?;
        Ok(())
    }))
}

/// Tells whether two handles are to the same object.
///
/// # Errors
/// - `ERROR_NOT_SAME_OBJECT` (1656): they are not.
/// - `ERROR_INVALID_HANDLE` (6): one is not an open handle.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CompareObjectHandles(first: HANDLE, second: HANDLE) -> BOOL {
    boolean(match handle::same_object(handle(first), handle(second)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error(ERROR_NOT_SAME_OBJECT)),
        Err(status) => Err(status.into()),
    })
}
