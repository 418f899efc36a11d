//! Waitable timers.

use core::ptr::null_mut;

use windows_sys::Win32::Foundation::{ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED, HANDLE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, CREATE_WAITABLE_TIMER_MANUAL_RESET, PTIMERAPCROUTINE,
    REASON_CONTEXT, SYNCHRONIZATION_ACCESS_RIGHTS, TIMER_ALL_ACCESS,
};
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::{apc, timer};

use crate::argument::{handle, only, present};
use crate::error::{Error, Result, boolean, set_last_error};
use crate::object::{create, open};
use crate::strings::ansi;

/// Creates a timer with all access, inactive and not signaled, or opens the timer that has the name.
///
/// A manual-reset timer stays signaled until it is set again; another one until a wait takes it. NULL or an empty
/// `name` makes a timer without one. The last error is `ERROR_ALREADY_EXISTS` (183) if the timer existed, otherwise
/// 0. Returns NULL on failure.
///
/// # Errors
/// Those of [`CreateEventW`](crate::CreateEventW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateWaitableTimerW(
    attributes: *const SECURITY_ATTRIBUTES,
    manual_reset: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe { CreateWaitableTimerExW(attributes, name, u32::from(manual_reset != 0), TIMER_ALL_ACCESS) }
}

ansi! {
    /// [`CreateWaitableTimerW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateWaitableTimerA(
        attributes: *const SECURITY_ATTRIBUTES, manual_reset: BOOL, [name]
    ) -> HANDLE;
    by CreateWaitableTimerW, or null_mut()
}

/// [`CreateWaitableTimerW`] with the access asked for, and `flags` of `CREATE_WAITABLE_TIMER_MANUAL_RESET` (1) and
/// `CREATE_WAITABLE_TIMER_HIGH_RESOLUTION` (2); every timer has the high resolution.
///
/// # Errors
/// Those of [`CreateEventExW`](crate::CreateEventExW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateWaitableTimerExW(
    attributes: *const SECURITY_ATTRIBUTES,
    name: PCWSTR,
    flags: u32,
    access: u32,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            only(flags, CREATE_WAITABLE_TIMER_MANUAL_RESET | CREATE_WAITABLE_TIMER_HIGH_RESOLUTION)?;
            Ok(timer::create(attributes, access, flags & CREATE_WAITABLE_TIMER_MANUAL_RESET != 0)?)
        })
    }
}

ansi! {
    /// [`CreateWaitableTimerExW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateWaitableTimerExA(
        attributes: *const SECURITY_ATTRIBUTES, [name], flags: u32, access: u32
    ) -> HANDLE;
    by CreateWaitableTimerExW, or null_mut()
}

/// Opens the timer that has the name. Returns NULL on failure.
///
/// # Errors
/// Those of [`OpenEventW`](crate::OpenEventW).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenWaitableTimerW(
    access: SYNCHRONIZATION_ACCESS_RIGHTS,
    inherit: BOOL,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `name` is NULL or valid.
    unsafe { open(name, |name| timer::open(name, access, inherit != 0)) }
}

ansi! {
    /// [`OpenWaitableTimerW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn OpenWaitableTimerA(access: u32, inherit: BOOL, [name]) -> HANDLE;
    by OpenWaitableTimerW, or null_mut()
}

/// Sets a timer going, and makes it not signaled.
///
/// `due_time` counts 100 ns units: from now if negative, otherwise from 1601-01-01 UTC. With a `period` other than
/// 0, in milliseconds, the timer fires again and again. The `routine`, unless NULL, runs in the calling thread's
/// next alertable wait after each firing. Nothing here wakes a sleeping machine: with `resume` the call succeeds
/// and the last error is `ERROR_NOT_SUPPORTED` (50).
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): `period` is negative.
/// - `ERROR_NOACCESS` (998): `due_time` is NULL.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a timer.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `TIMER_MODIFY_STATE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetWaitableTimer(
    timer: HANDLE,
    due_time: *const i64,
    period: i32,
    routine: PTIMERAPCROUTINE,
    argument: *const core::ffi::c_void,
    resume: BOOL,
) -> BOOL {
    // SAFETY: `due_time` is NULL or valid.
    boolean(unsafe { set(timer, due_time, period, routine, argument, resume != 0) })
}

/// [`SetWaitableTimer`] with a wake context, which stands for `resume` if it is not NULL, and a delay in milliseconds
/// that the caller would tolerate and that is not made use of.
///
/// # Errors
/// Those of [`SetWaitableTimer`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetWaitableTimerEx(
    timer: HANDLE,
    due_time: *const i64,
    period: i32,
    routine: PTIMERAPCROUTINE,
    argument: *const core::ffi::c_void,
    wake_context: *const REASON_CONTEXT,
    _tolerable_delay: u32,
) -> BOOL {
    // SAFETY: `due_time` is NULL or valid.
    boolean(unsafe { set(timer, due_time, period, routine, argument, !wake_context.is_null()) })
}

unsafe fn set(
    timer: HANDLE,
    due_time: *const i64,
    period: i32,
    routine: PTIMERAPCROUTINE,
    argument: *const core::ffi::c_void,
    resume: bool,
) -> Result<()> {
    let period_ms = u32::try_from(period).map_err(|_| Error(ERROR_INVALID_PARAMETER))?;
    present(due_time)?;
    let routine = routine.map(|routine| apc::Routine {
        address: routine as *const () as usize,
        context: argument.expose_provenance(),
    });
    // SAFETY: not NULL, so readable; Windows asks for no alignment.
    let due = unsafe { due_time.read_unaligned() };
    timer::set(handle(timer), &timer::Setting { due, period_ms, routine })?;
    if resume {
        set_last_error(ERROR_NOT_SUPPORTED);
    }
    Ok(())
}

/// Stops a timer and takes back its queued routine. Whether it is signaled does not change.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a timer.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `TIMER_MODIFY_STATE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CancelWaitableTimer(timer: HANDLE) -> BOOL {
    boolean(timer::cancel(handle(timer)))
}
