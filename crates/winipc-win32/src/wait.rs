//! Wait functions.

use core::mem::MaybeUninit;
use core::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_INVALID_PARAMETER, HANDLE, WAIT_ABANDONED_0, WAIT_EVENT, WAIT_FAILED, WAIT_IO_COMPLETION,
    WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::core::BOOL;
use winipc_executive::wait::{self, Mode, Outcome};
use winipc_executive::{Handle, Status};

use crate::apc::run_apcs;
use crate::argument::{handle, timeout, usable};
use crate::error::{Error, Result, value};
use crate::standard;

/// `MAXIMUM_WAIT_OBJECTS`.
const MAXIMUM_OBJECTS: usize = 64;

/// Waits until an object is signaled, and takes it, or until a time in milliseconds is over; `INFINITE` (0xFFFFFFFF)
/// is no limit.
///
/// Returns `WAIT_OBJECT_0` (0), `WAIT_ABANDONED` (0x80) for a mutex whose owner ended, `WAIT_TIMEOUT` (258), or
/// `WAIT_FAILED` (0xFFFFFFFF).
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to anything that can be waited for.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `SYNCHRONIZE`.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn WaitForSingleObject(object: HANDLE, milliseconds: u32) -> WAIT_EVENT {
    report(wait::one(awaited(object), timeout(milliseconds), false))
}

/// [`WaitForSingleObject`], which with `alertable` also ends when an APC of the calling thread has run: it runs all
/// that are queued and returns `WAIT_IO_COMPLETION` (192).
///
/// # Errors
/// Those of [`WaitForSingleObject`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn WaitForSingleObjectEx(
    object: HANDLE,
    milliseconds: u32,
    alertable: BOOL,
) -> WAIT_EVENT {
    report(wait::one(awaited(object), timeout(milliseconds), alertable != 0))
}

/// Waits until one of 1 to 64 objects is signaled, or with `wait_all` all at one instant.
///
/// Returns `WAIT_OBJECT_0` or `WAIT_ABANDONED_0` plus the index of the object taken, which is the lowest of those
/// signaled; with `wait_all` the index is 0. Otherwise as [`WaitForSingleObject`].
///
/// # Errors
/// Those of [`WaitForSingleObject`], a pseudo-handle being invalid here, and
/// - `ERROR_INVALID_PARAMETER` (87): `count` is 0 or above 64, or with `wait_all` an object occurs twice.
/// - `ERROR_NOACCESS` (998): `objects` is NULL.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn WaitForMultipleObjects(
    count: u32,
    objects: *const HANDLE,
    wait_all: BOOL,
    milliseconds: u32,
) -> WAIT_EVENT {
    // SAFETY: `objects` points to `count` handles.
    value(unsafe { many(count, objects, wait_all, milliseconds, false) }, WAIT_FAILED)
}

/// [`WaitForMultipleObjects`], alertable as [`WaitForSingleObjectEx`].
///
/// # Errors
/// Those of [`WaitForMultipleObjects`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn WaitForMultipleObjectsEx(
    count: u32,
    objects: *const HANDLE,
    wait_all: BOOL,
    milliseconds: u32,
    alertable: BOOL,
) -> WAIT_EVENT {
    // SAFETY: `objects` points to `count` handles.
    value(unsafe { many(count, objects, wait_all, milliseconds, alertable != 0) }, WAIT_FAILED)
}

unsafe fn many(
    count: u32,
    objects: *const HANDLE,
    wait_all: BOOL,
    milliseconds: u32,
    alertable: bool,
) -> Result<WAIT_EVENT> {
    let count = count as usize;
    if count == 0 || count > MAXIMUM_OBJECTS {
        return Err(Error(ERROR_INVALID_PARAMETER));
    }
    usable(objects)?;
    let mut handles = [MaybeUninit::<Handle>::uninit(); MAXIMUM_OBJECTS];
    for (i, slot) in handles[..count].iter_mut().enumerate() {
        // SAFETY: `i` is below `count`.
        slot.write(awaited(unsafe { *objects.add(i) }));
    }
    // SAFETY: the first `count` elements were just written.
    let handles = unsafe { core::slice::from_raw_parts(handles.as_ptr().cast::<Handle>(), count) };
    let mode = if wait_all != 0 { Mode::All } else { Mode::Any };
    finish(wait::many(handles, mode, timeout(milliseconds), alertable))
}

/// Sets an event, releases a mutex or adds 1 to a semaphore, and then waits as [`WaitForSingleObjectEx`] does.
///
/// # Errors
/// In each case there was no wait.
/// - `ERROR_INVALID_HANDLE` (6): `signal` is not a handle to one of these three, or `object` not to anything that can
///   be waited for.
/// - `ERROR_ACCESS_DENIED` (5): a handle lacks the access.
/// - `ERROR_NOT_OWNER` (288): the calling thread does not own the mutex.
/// - `ERROR_TOO_MANY_POSTS` (298): the semaphore is at its maximum.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SignalObjectAndWait(
    signal: HANDLE,
    object: HANDLE,
    milliseconds: u32,
    alertable: BOOL,
) -> WAIT_EVENT {
    report(wait::signal_and_wait(handle(signal), handle(object), timeout(milliseconds), alertable != 0))
}

/// Sleeps for a time in milliseconds; `INFINITE` (0xFFFFFFFF) is for ever, and 0 gives way to other threads.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn Sleep(milliseconds: u32) {
    sleep(milliseconds, false);
}

/// Sleeps for a time in milliseconds and returns 0, or with `alertable` until an APC of the calling thread has run: it
/// runs all that are queued and returns `WAIT_IO_COMPLETION` (192).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SleepEx(milliseconds: u32, alertable: BOOL) -> u32 {
    sleep(milliseconds, alertable != 0)
}

fn sleep(milliseconds: u32, alertable: bool) -> u32 {
    let timeout = timeout(milliseconds);
    match wait::sleep(timeout, alertable) {
        Ok(Outcome::Apc) => {
            run_apcs();
            WAIT_IO_COMPLETION
        }
        Ok(_) => 0,
        // Without a namespace there is no APC, but a sleep is still one.
        Err(_) => {
            std::thread::sleep(timeout.unwrap_or(Duration::MAX));
            0
        }
    }
}

#[inline]
fn report(outcome: winipc_executive::Result<Outcome>) -> WAIT_EVENT {
    value(finish(outcome), WAIT_FAILED)
}

/// Turns an outcome into the number that stands for it, after running what interrupted the wait.
#[inline]
pub(crate) fn finish(outcome: core::result::Result<Outcome, Status>) -> Result<WAIT_EVENT> {
    Ok(match outcome? {
        Outcome::Object(index) => WAIT_OBJECT_0 + index as u32,
        Outcome::Abandoned(index) => WAIT_ABANDONED_0 + index as u32,
        Outcome::Timeout => WAIT_TIMEOUT,
        Outcome::Apc => {
            run_apcs();
            WAIT_IO_COMPLETION
        }
    })
}

/// What a handle to wait for stands for: `STD_INPUT_HANDLE` and its fellows for the standard handles.
#[inline]
fn awaited(object: HANDLE) -> Handle {
    let handle = handle(object);
    if handle.raw() < 0 { standard::awaited(handle) } else { handle }
}
