//! Processes.

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::PROCESS_ACCESS_RIGHTS;
use windows_sys::core::BOOL;
use winipc_executive::{Handle, namespace, process};

use crate::argument::{handle, present, raw};
use crate::error::{Result, boolean, value};

/// Returns the pseudo-handle -1 of the calling process.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetCurrentProcess() -> HANDLE {
    raw(Handle::CURRENT_PROCESS)
}

/// Returns the id of the calling process, and attaches it to its namespace if it is not yet: who asks for an id means
/// to tell it to others, who will open it.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetCurrentProcessId() -> u32 {
    // The id is there without a namespace too.
    let _ = namespace::attach();
    process::id()
}

/// Returns the id of a process, 0 on failure.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a process.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `PROCESS_QUERY_LIMITED_INFORMATION`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetProcessId(process: HANDLE) -> u32 {
    value(process::id_of(handle(process)), 0)
}

/// Opens a process that is attached to the namespace. Returns NULL on failure.
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): no such process has the id.
/// - `ERROR_ACCESS_DENIED` (5): `access` is not granted.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenProcess(access: PROCESS_ACCESS_RIGHTS, inherit: BOOL, id: u32) -> HANDLE {
    value(process::open(id, access, inherit != 0).map(raw), core::ptr::null_mut())
}

/// Reports the exit code of a process, `STILL_ACTIVE` (259) while it runs.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a process.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `PROCESS_QUERY_LIMITED_INFORMATION`.
/// - `ERROR_NOACCESS` (998): `exit_code` is NULL.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetExitCodeProcess(process: HANDLE, exit_code: *mut u32) -> BOOL {
    // SAFETY: `exit_code` is NULL or writable.
    boolean(unsafe { report_exit_code(exit_code, || process::exit_code(handle(process))) })
}

/// # Safety
/// `exit_code` is NULL or writable.
pub(crate) unsafe fn report_exit_code(
    exit_code: *mut u32,
    query: impl FnOnce() -> winipc_executive::Result<u32>,
) -> Result<()> {
    present(exit_code)?;
    let code = query()?;
    // SAFETY: not NULL, so writable.
    unsafe { exit_code.write_unaligned(code) };
    Ok(())
}

/// Ends the calling process with an exit code.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn ExitProcess(exit_code: u32) -> ! {
    process::exit(exit_code)
}

/// Begins the end of a process, which will have the exit code.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a process.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `PROCESS_TERMINATE`, or the process has ended, or is one of another
///   process id namespace.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn TerminateProcess(process: HANDLE, exit_code: u32) -> BOOL {
    boolean(process::terminate(handle(process), exit_code))
}
