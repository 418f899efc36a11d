//! Events.

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_EVENT, CREATE_EVENT_INITIAL_SET, CREATE_EVENT_MANUAL_RESET, EVENT_ALL_ACCESS,
    SYNCHRONIZATION_ACCESS_RIGHTS,
};
use windows_sys::core::{BOOL, PCSTR, PCWSTR};
use winipc_executive::event;

use crate::argument::{handle, only};
use crate::error::{Result, boolean};
use crate::object::{create, open};
use crate::strings::{Name, ansi, wide};

/// Creates an event with all access, or opens the event that has the name.
///
/// A manual-reset event stays set until it is reset; an automatic one is reset by the wait that it satisfies.
/// NULL or an empty `name` makes an event without one. An existing event keeps its state, and the last error is
/// then `ERROR_ALREADY_EXISTS` (183), otherwise 0. Returns NULL on failure.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): an object of another kind has the name.
/// - `ERROR_PATH_NOT_FOUND` (3): a backslash in the name other than that of `Local\` or `Global\`.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the name is too long.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateEventW(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    initial_state: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { create_plain(attributes, manual_reset, initial_state, wide(name)) }
}

/// [`CreateEventW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateEventA(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    initial_state: BOOL,
    name: PCSTR,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { create_plain(attributes, manual_reset, initial_state, ansi(name)) }
}

/// [`CreateEventW`] with the access asked for, and `flags` of `CREATE_EVENT_MANUAL_RESET` (1) and
/// `CREATE_EVENT_INITIAL_SET` (2).
///
/// # Errors
/// Those of [`CreateEventW`], and
/// - `ERROR_INVALID_PARAMETER` (87): an undefined bit in `flags`.
/// - `ERROR_ACCESS_DENIED` (5): `access` is 0 or has a bit that events do not have.
/// - `ERROR_PRIVILEGE_NOT_HELD` (1314): `access` has `ACCESS_SYSTEM_SECURITY`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateEventExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: PCWSTR,
    flags: CREATE_EVENT,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { create_extended(attributes, wide(name), flags, access) }
}

/// [`CreateEventExW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateEventExA(
    attributes: *const SECURITY_ATTRIBUTES,
    name: PCSTR,
    flags: CREATE_EVENT,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { create_extended(attributes, ansi(name), flags, access) }
}

unsafe fn create_plain(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    initial_state: BOOL,
    name: Result<Name>,
) -> HANDLE {
    // SAFETY: `attributes` is NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            Ok(event::create(attributes, EVENT_ALL_ACCESS, manual_reset != 0, initial_state != 0)?)
        })
    }
}

unsafe fn create_extended(
    attributes: *const SECURITY_ATTRIBUTES,
    name: Result<Name>,
    flags: CREATE_EVENT,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` is NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            only(flags, CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET)?;
            let [manual_reset, set] =
                [CREATE_EVENT_MANUAL_RESET, CREATE_EVENT_INITIAL_SET].map(|bit| flags & bit != 0);
            Ok(event::create(attributes, access, manual_reset, set)?)
        })
    }
}

/// Opens the event that has the name. Returns NULL on failure.
///
/// # Errors
/// - `ERROR_FILE_NOT_FOUND` (2): no object has the name.
/// - `ERROR_INVALID_HANDLE` (6): an object of another kind has it, or it is empty.
/// - `ERROR_ACCESS_DENIED` (5): `access` is 0 or has a bit that events do not have.
/// - `ERROR_PRIVILEGE_NOT_HELD` (1314): `access` has `ACCESS_SYSTEM_SECURITY`.
/// - `ERROR_INVALID_PARAMETER` (87): `name` is NULL.
/// - `ERROR_PATH_NOT_FOUND` (3), `ERROR_FILENAME_EXCED_RANGE` (206): as for [`CreateEventW`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenEventW(
    access: SYNCHRONIZATION_ACCESS_RIGHTS,
    inherit: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `name` is NULL or valid.
    open(unsafe { wide(name) }, |name| event::open(name, access, inherit != 0))
}

/// [`OpenEventW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenEventA(
    access: SYNCHRONIZATION_ACCESS_RIGHTS,
    inherit: BOOL,
    name: PCSTR,
) -> HANDLE {
    // SAFETY: `name` is NULL or valid.
    open(unsafe { ansi(name) }, |name| event::open(name, access, inherit != 0))
}

/// Sets an event. Setting a set event does nothing.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to an event.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `EVENT_MODIFY_STATE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn SetEvent(event: HANDLE) -> BOOL {
    boolean(event::set(handle(event)))
}

/// Resets an event. Resetting a reset event does nothing.
///
/// # Errors
/// Those of [`SetEvent`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn ResetEvent(event: HANDLE) -> BOOL {
    boolean(event::reset(handle(event)))
}

/// Releases those who wait for the event now, all of a manual-reset event and one of an automatic one, and leaves it
/// reset.
///
/// # Errors
/// Those of [`SetEvent`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn PulseEvent(event: HANDLE) -> BOOL {
    boolean(event::pulse(handle(event)))
}
