//! Asynchronous procedure calls: queueing them, and running them in an alertable wait.

use core::ptr::with_exposed_provenance;
use core::{ffi::c_void, mem::transmute, ptr::with_exposed_provenance_mut};

use windows_sys::Win32::Foundation::{
    ERROR_INVALID_PARAMETER, ERROR_NOACCESS, ERROR_NOT_SUPPORTED, HANDLE, PAPCFUNC,
};
use windows_sys::Win32::System::IO::{LPOVERLAPPED_COMPLETION_ROUTINE, OVERLAPPED};
use windows_sys::Win32::System::Threading::{
    PTIMERAPCROUTINE, QUEUE_USER_APC_FLAGS, QUEUE_USER_APC_FLAGS_NONE, QUEUE_USER_APC_FLAGS_SPECIAL_USER_APC,
};
use windows_sys::core::BOOL;
use winipc_executive::apc::{self, Apc};

use crate::argument::handle;
use crate::error::{Error, Result, boolean, value};

/// Queues a routine to a thread, to run in its next alertable wait. Returns 0 on failure.
///
/// `routine` is an address in the thread's process, which need not be the caller's.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a thread.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `THREAD_SET_CONTEXT`.
/// - `ERROR_GEN_FAILURE` (31): the thread has ended.
/// - `ERROR_NOT_ENOUGH_QUOTA` (1816): too many calls that the process has queued have not run, or too many that were
///   queued to the thread's process.
/// - `ERROR_NOACCESS` (998): `routine` is NULL.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn QueueUserAPC(routine: PAPCFUNC, thread: HANDLE, data: usize) -> u32 {
    value(queue(routine, thread, data).map(|()| 1), 0)
}

/// [`QueueUserAPC`] with flags.
///
/// # Errors
/// Those of [`QueueUserAPC`], and
/// - `ERROR_NOT_SUPPORTED` (50): `QUEUE_USER_APC_FLAGS_SPECIAL_USER_APC` (1), which interrupts running code.
/// - `ERROR_INVALID_PARAMETER` (87): another flag.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn QueueUserAPC2(
    routine: PAPCFUNC,
    thread: HANDLE,
    data: usize,
    flags: QUEUE_USER_APC_FLAGS,
) -> BOOL {
    boolean(match flags {
        QUEUE_USER_APC_FLAGS_NONE => queue(routine, thread, data),
        QUEUE_USER_APC_FLAGS_SPECIAL_USER_APC => Err(Error(ERROR_NOT_SUPPORTED)),
        _ => Err(Error(ERROR_INVALID_PARAMETER)),
    })
}

fn queue(routine: PAPCFUNC, thread: HANDLE, data: usize) -> Result<()> {
    let routine = routine.ok_or(Error(ERROR_NOACCESS))?;
    Ok(apc::queue(handle(thread), routine as *const () as usize, data)?)
}

/// Runs all queued APCs of the calling thread, those included that an APC queues.
pub(crate) fn run_apcs() {
    while let Some(apc) = apc::take() {
        match apc {
            Apc::User { address, argument } => {
                // SAFETY: the address is that of the routine given to `QueueUserAPC`, whose caller promised that it
                // may be called with this argument, once. From a thread of this process it never left the process; from
                // another one it came through the arena, whose writers are trusted with that (SECURITY.md).
                unsafe {
                    if let Some(routine) =
                        transmute::<*const c_void, PAPCFUNC>(with_exposed_provenance(address))
                    {
                        routine(argument);
                    }
                }
            }
            Apc::Timer { address, argument, low, high } => {
                // SAFETY: the address is that of the routine given to `SetWaitableTimer`, and so is the argument; both
                // never left the process.
                unsafe {
                    let routine =
                        transmute::<*const c_void, PTIMERAPCROUTINE>(with_exposed_provenance(address));
                    if let Some(routine) = routine {
                        routine(with_exposed_provenance(argument), low, high);
                    }
                }
            }
            Apc::Io { address, status, information, block } => {
                // SAFETY: the address is that of the routine given to `ReadFileEx` or `WriteFileEx`, and the block is
                // the structure given to it, which its caller keeps valid until the routine has run; both never left
                // the process. The request is over, and so many bytes have been moved.
                unsafe {
                    let routine = transmute::<*const c_void, LPOVERLAPPED_COMPLETION_ROUTINE>(
                        with_exposed_provenance(address),
                    );
                    if let Some(routine) = routine {
                        let error = Error::from(status).0;
                        routine(error, information as u32, with_exposed_provenance_mut::<OVERLAPPED>(block));
                    }
                }
            }
        }
    }
}
