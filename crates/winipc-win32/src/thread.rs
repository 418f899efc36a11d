//! Threads.

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::THREAD_ACCESS_RIGHTS;
use windows_sys::core::BOOL;
use winipc_executive::{Handle, namespace, thread};

use crate::argument::{handle, raw};
use crate::error::{boolean, value};
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

/// Opens a thread that is attached to the namespace. Returns NULL on failure.
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
