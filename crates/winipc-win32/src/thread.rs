//! Threads.

use core::ffi::c_void;
use core::ptr::with_exposed_provenance_mut;

use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, ERROR_NOACCESS, ERROR_NOT_SUPPORTED, HANDLE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    LPTHREAD_START_ROUTINE, STACK_SIZE_PARAM_IS_A_RESERVATION, THREAD_ACCESS_RIGHTS, THREAD_CREATE_SUSPENDED,
    THREAD_CREATION_FLAGS,
};
use windows_sys::core::BOOL;
use winipc_executive::{Handle, Kind, namespace, thread};

use crate::apc::run_apcs;
use crate::argument::{handle, inherit, only, raw, write_if_wanted};
use crate::error::{Error, Result, boolean, value};
use crate::process::report_exit_code;

/// Returns the pseudo-handle -2 of the calling thread.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetCurrentThread() -> HANDLE {
    raw(Handle::CURRENT_THREAD)
}

/// Returns the id of the calling thread, and attaches the thread as
/// [`GetCurrentProcessId`](crate::GetCurrentProcessId) does the process.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetCurrentThreadId() -> u32 {
    // The id is there without a namespace too.
    let _ = namespace::attach();
    thread::id()
}

/// Returns the id of a thread, 0 on failure.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a thread.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `THREAD_QUERY_LIMITED_INFORMATION`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetThreadId(thread: HANDLE) -> u32 {
    value(thread::id_of(handle(thread)), 0)
}

/// Opens a thread that is attached to the namespace, or the first one of a process that `CreateProcessW` has made.
/// Returns NULL on failure.
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): no such thread has the id.
/// - `ERROR_ACCESS_DENIED` (5): `access` is not granted.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenThread(access: THREAD_ACCESS_RIGHTS, inherit: BOOL, id: u32) -> HANDLE {
    value(thread::open(id, access, inherit != 0).map(raw), core::ptr::null_mut())
}

/// Reports the exit code of a thread, `STILL_ACTIVE` (259) while it runs.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a thread.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `THREAD_QUERY_LIMITED_INFORMATION`.
/// - `ERROR_NOACCESS` (998): `exit_code` is NULL.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetExitCodeThread(thread: HANDLE, exit_code: *mut u32) -> BOOL {
    // SAFETY: `exit_code` is NULL or writable.
    boolean(unsafe { report_exit_code(exit_code, || thread::exit_code(handle(thread))) })
}

/// Makes a thread of the calling process, which runs `routine` with `parameter` and ends with what that returns.
/// Returns NULL on failure.
///
/// `stack_size` is in bytes; 0 stands for the standard library's default. With `CREATE_SUSPENDED` (4) in `flags` the
/// thread waits for [`ResumeThread`] before it runs; `STACK_SIZE_PARAM_IS_A_RESERVATION` (0x10000) changes nothing.
/// APCs that are queued to the thread before it runs are run before the routine. `id`, where it is not NULL, gets the
/// thread's id.
///
/// # Errors
/// - `ERROR_NOACCESS` (998): `routine` is NULL.
/// - `ERROR_INVALID_PARAMETER` (87): an undefined bit in `flags`.
/// - `ERROR_NO_SYSTEM_RESOURCES` (1450): there can be no more threads or handles.
///
/// # References
/// - `docs/conformance.md`, 13.4
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateThread(
    attributes: *const SECURITY_ATTRIBUTES,
    stack_size: usize,
    routine: LPTHREAD_START_ROUTINE,
    parameter: *const c_void,
    flags: THREAD_CREATION_FLAGS,
    id: *mut u32,
) -> HANDLE {
    // A number: the thread's, whatever it means to the routine.
    let parameter = parameter.expose_provenance();
    let create = || -> Result<HANDLE> {
        let routine = routine.ok_or(Error(ERROR_NOACCESS))?;
        only(flags, THREAD_CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION)?;
        let body = move || {
            run_apcs();
            // SAFETY: the caller promises that the routine may be called with its argument.
            unsafe { routine(with_exposed_provenance_mut(parameter)) }
        };
        let creation = thread::Creation {
            stack: stack_size,
            is_suspended: flags & THREAD_CREATE_SUSPENDED != 0,
            // SAFETY: NULL or a structure, as the caller promises.
            inherit: unsafe { inherit(attributes) },
        };
        let (handle, number) = thread::create(&creation, Box::new(body))?;
        // SAFETY: NULL or writable, as the caller promises.
        unsafe { write_if_wanted(id, number) };
        Ok(raw(handle))
    };
    value(create(), core::ptr::null_mut())
}

/// Ends the calling thread with an exit code.
///
/// Nothing on its stack is dropped: where Rust frames own something there, that is leaked, and where something borrows
/// from them, as scoped threads do, this must not be called. A thread that `CreateThread` has not made ends as far as
/// others can see by its handles, and sleeps on; where it is the process's first, the process ends with the last thread
/// that `CreateThread` has made, and with its exit code.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn ExitThread(exit_code: u32) -> ! {
    // SAFETY: as the caller promises.
    unsafe { thread::exit(exit_code) }
}

/// Lets a thread run that was made suspended. Returns its suspend count before, which is 0 if it runs; 0xFFFFFFFF on
/// failure.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a thread.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `THREAD_SUSPEND_RESUME`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn ResumeThread(thread: HANDLE) -> u32 {
    value(thread::resume(handle(thread)), u32::MAX)
}

/// Fails: a thread that stands still anywhere could stop everybody in its namespace. Returns 0xFFFFFFFF.
///
/// # Errors
/// - `ERROR_NOT_SUPPORTED` (50): the handle is one to a thread.
/// - `ERROR_INVALID_HANDLE` (6): it is not.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SuspendThread(thread: HANDLE) -> u32 {
    value(refuse(thread).map(|()| 0), u32::MAX)
}

/// Fails: a thread that ends anywhere could leave everything in disorder.
///
/// # Errors
/// Those of [`SuspendThread`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn TerminateThread(thread: HANDLE, _exit_code: u32) -> BOOL {
    boolean(refuse(thread))
}

fn refuse(thread: HANDLE) -> Result<()> {
    match winipc_executive::handle::kind(handle(thread))? {
        Kind::Thread => Err(Error(ERROR_NOT_SUPPORTED)),
        _ => Err(Error(ERROR_INVALID_HANDLE)),
    }
}
