//! Semaphores.

use core::ptr::null_mut;

use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, HANDLE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{SEMAPHORE_ALL_ACCESS, SYNCHRONIZATION_ACCESS_RIGHTS};
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::semaphore;

use crate::argument::{handle, only, write_if_wanted};
use crate::error::{Error, boolean};
use crate::object::{create, open};
use crate::strings::ansi;

/// Creates a semaphore with all access, or opens the semaphore that has the name.
///
/// NULL or an empty `name` makes a semaphore without one. An existing semaphore keeps its count and maximum, and the
/// last error is then `ERROR_ALREADY_EXISTS` (183), otherwise 0. Returns NULL on failure.
///
/// # Errors
/// Those of [`CreateEventW`](crate::CreateEventW), and
/// - `ERROR_INVALID_PARAMETER` (87): unless 0 ≤ `initial_count` ≤ `maximum_count` and 1 ≤ `maximum_count`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateSemaphoreW(
    attributes: *const SECURITY_ATTRIBUTES,
    initial_count: i32,
    maximum_count: i32,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { CreateSemaphoreExW(attributes, initial_count, maximum_count, name, 0, SEMAPHORE_ALL_ACCESS) }
}

ansi! {
    /// [`CreateSemaphoreW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateSemaphoreA(
        attributes: *const SECURITY_ATTRIBUTES, initial_count: i32, maximum_count: i32, [name]
    ) -> HANDLE;
    by CreateSemaphoreW, or null_mut()
}

/// [`CreateSemaphoreW`] with the access asked for; `flags` is reserved and must be 0.
///
/// # Errors
/// Those of [`CreateSemaphoreW`] and of [`CreateEventExW`](crate::CreateEventExW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateSemaphoreExW(
    attributes: *const SECURITY_ATTRIBUTES,
    initial_count: i32,
    maximum_count: i32,
    name: PCWSTR,
    flags: u32,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            only(flags, 0)?;
            Ok(semaphore::create(attributes, access, initial_count, maximum_count)?)
        })
    }
}

ansi! {
    /// [`CreateSemaphoreExW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateSemaphoreExA(
        attributes: *const SECURITY_ATTRIBUTES, initial_count: i32, maximum_count: i32, [name], flags: u32,
        access: u32
    ) -> HANDLE;
    by CreateSemaphoreExW, or null_mut()
}

/// Opens the semaphore that has the name. Returns NULL on failure.
///
/// # Errors
/// Those of [`OpenEventW`](crate::OpenEventW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenSemaphoreW(
    access: SYNCHRONIZATION_ACCESS_RIGHTS,
    inherit: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `name` is NULL or valid.
    unsafe { open(name, |name| semaphore::open(name, access, inherit != 0)) }
}

ansi! {
    /// [`OpenSemaphoreW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn OpenSemaphoreA(access: u32, inherit: BOOL, [name]) -> HANDLE;
    by OpenSemaphoreW, or null_mut()
}

/// Adds `release_count` to the count of a semaphore, and reports the count before unless `previous_count` is NULL.
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): `release_count` is not positive.
/// - `ERROR_TOO_MANY_POSTS` (298): the count would pass the maximum; nothing is changed.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a semaphore.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `SEMAPHORE_MODIFY_STATE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn ReleaseSemaphore(
    semaphore: HANDLE,
    release_count: i32,
    previous_count: *mut i32,
) -> BOOL {
    if release_count <= 0 {
        return boolean(Err(Error(ERROR_INVALID_PARAMETER)));
    }
    let released = semaphore::release(handle(semaphore), release_count);
    // SAFETY: `previous_count` is NULL or writable.
    boolean(released.map(|previous| unsafe { write_if_wanted(previous_count, previous) }))
}
