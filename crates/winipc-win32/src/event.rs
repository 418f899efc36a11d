//! Events.

use core::ptr::null_mut;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_EVENT, CREATE_EVENT_INITIAL_SET, CREATE_EVENT_MANUAL_RESET, EVENT_ALL_ACCESS,
    SYNCHRONIZATION_ACCESS_RIGHTS,
};
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::event;

use crate::argument::{handle, only};
use crate::error::boolean;
use crate::object::{create, open};
use crate::strings::ansi;

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
    let manual_reset = if manual_reset != 0 { CREATE_EVENT_MANUAL_RESET } else { 0 };
    let initial_set = if initial_state != 0 { CREATE_EVENT_INITIAL_SET } else { 0 };
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { CreateEventExW(attributes, name, manual_reset | initial_set, EVENT_ALL_ACCESS) }
}

ansi! {
    /// [`CreateEventW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateEventA(
        attributes: *const SECURITY_ATTRIBUTES, manual_reset: BOOL, initial_state: BOOL, [name]
    ) -> HANDLE;
    by CreateEventW, or null_mut()
}

/// [`CreateEventW`] with the access asked for, and `flags` of `CREATE_EVENT_MANUAL_RESET` (1) and
/// `CREATE_EVENT_INITIAL_SET` (2).
///
/// # Errors
/// Those of [`CreateEventW`], and
/// - `ERROR_INVALID_PARAMETER` (87): an undefined bit in `flags`.
/// - `ERROR_ACCESS_DENIED` (5): the event exists, and `access` is 0 or has a bit that events do not have.
/// - `ERROR_PRIVILEGE_NOT_HELD` (1314): the event exists, and `access` has `ACCESS_SYSTEM_SECURITY`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateEventExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: PCWSTR,
    flags: CREATE_EVENT,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            only(flags, CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET)?;
            let [manual_reset, set] =
                [CREATE_EVENT_MANUAL_RESET, CREATE_EVENT_INITIAL_SET].map(|bit| flags & bit != 0);
            Ok(event::create(attributes, access, manual_reset, set)?)
        })
    }
}

ansi! {
    /// [`CreateEventExW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateEventExA(
        attributes: *const SECURITY_ATTRIBUTES, [name], flags: CREATE_EVENT, access: u32
    ) -> HANDLE;
    by CreateEventExW, or null_mut()
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
    unsafe { open(name, |name| event::open(name, access, inherit != 0)) }
}

ansi! {
    /// [`OpenEventW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn OpenEventA(
        access: SYNCHRONIZATION_ACCESS_RIGHTS, inherit: BOOL, [name]
    ) -> HANDLE;
    by OpenEventW, or null_mut()
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
