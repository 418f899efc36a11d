//! Mutexes.

use core::ptr::null_mut;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_MUTEX_INITIAL_OWNER, MUTEX_ALL_ACCESS, SYNCHRONIZATION_ACCESS_RIGHTS,
};
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::mutex;

use crate::argument::{handle, only};
use crate::error::boolean;
use crate::object::{create, open};
use crate::strings::ansi;

/// Creates a mutex with all access, or opens the mutex that has the name.
///
/// A new mutex belongs to the calling thread if `initial_owner` is not 0. NULL or an empty `name` makes a mutex
/// without one. An existing mutex keeps its owner, and the last error is then `ERROR_ALREADY_EXISTS` (183),
/// otherwise 0. Returns NULL on failure.
///
/// # Errors
/// Those of [`CreateEventW`](crate::CreateEventW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateMutexW(
    attributes: *const SECURITY_ATTRIBUTES,
    initial_owner: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { CreateMutexExW(attributes, name, u32::from(initial_owner != 0), MUTEX_ALL_ACCESS) }
}

ansi! {
    /// [`CreateMutexW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateMutexA(
        attributes: *const SECURITY_ATTRIBUTES, initial_owner: BOOL, [name]
    ) -> HANDLE;
    by CreateMutexW, or null_mut()
}

/// [`CreateMutexW`] with the access asked for, and `CREATE_MUTEX_INITIAL_OWNER` (1) in `flags`.
///
/// # Errors
/// Those of [`CreateEventExW`](crate::CreateEventExW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateMutexExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: PCWSTR,
    flags: u32,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            only(flags, CREATE_MUTEX_INITIAL_OWNER)?;
            Ok(mutex::create(attributes, access, flags & CREATE_MUTEX_INITIAL_OWNER != 0)?)
        })
    }
}

ansi! {
    /// [`CreateMutexExW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateMutexExA(
        attributes: *const SECURITY_ATTRIBUTES, [name], flags: u32, access: u32
    ) -> HANDLE;
    by CreateMutexExW, or null_mut()
}

/// Opens the mutex that has the name. Returns NULL on failure.
///
/// # Errors
/// Those of [`OpenEventW`](crate::OpenEventW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenMutexW(
    access: SYNCHRONIZATION_ACCESS_RIGHTS,
    inherit: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `name` is NULL or valid.
    unsafe { open(name, |name| mutex::open(name, access, inherit != 0)) }
}

ansi! {
    /// [`OpenMutexW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn OpenMutexA(access: u32, inherit: BOOL, [name]) -> HANDLE;
    by OpenMutexW, or null_mut()
}

/// Gives back one acquisition of a mutex that the calling thread owns. Needs no particular access.
///
/// # Errors
/// - `ERROR_NOT_OWNER` (288): the calling thread does not own it.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a mutex.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn ReleaseMutex(mutex: HANDLE) -> BOOL {
    boolean(mutex::release(handle(mutex)))
}
