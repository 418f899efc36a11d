//! Waits.

use std::time::Duration;

use super::last_error;
use crate::sys::owned_handle::BorrowedHandle;
use crate::sys::{MAXIMUM_WAIT_OBJECTS, WAIT_ABANDONED_0, WAIT_FAILED, WAIT_IO_COMPLETION, WAIT_TIMEOUT};
use crate::sys::{SignalObjectAndWait, SleepEx, WaitForMultipleObjectsEx, WaitForSingleObjectEx};
use crate::timeout::milliseconds;
use crate::{Result, WaitResult, Win32Error};

/// What a wait function returned.
fn outcome(returned: u32) -> Result<WaitResult> {
    match returned {
        WAIT_FAILED => Err(last_error()),
        WAIT_TIMEOUT => Ok(WaitResult::Timeout),
        WAIT_IO_COMPLETION => Ok(WaitResult::IoCompletion),
        index if index < MAXIMUM_WAIT_OBJECTS => Ok(WaitResult::Signaled(index as usize)),
        abandoned => Ok(WaitResult::Abandoned((abandoned - WAIT_ABANDONED_0) as usize)),
    }
}

pub(crate) fn one(
    handle: BorrowedHandle<'_>,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<WaitResult> {
    // SAFETY: the handle is open.
    outcome(unsafe { WaitForSingleObjectEx(handle.as_raw(), milliseconds(timeout), alertable.into()) })
}

pub(crate) fn many<'a>(
    handles: impl ExactSizeIterator<Item = BorrowedHandle<'a>>,
    all: bool,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<WaitResult> {
    let mut raw = [std::ptr::null_mut(); MAXIMUM_WAIT_OBJECTS as usize];
    let count = handles.len();
    let used = raw.get_mut(..count).ok_or(Win32Error::INVALID_PARAMETER)?;
    used.iter_mut().zip(handles).for_each(|(place, handle)| *place = handle.as_raw());
    // SAFETY: the first `count` elements are open handles.
    outcome(unsafe {
        WaitForMultipleObjectsEx(
            count as u32,
            raw.as_ptr(),
            all.into(),
            milliseconds(timeout),
            alertable.into(),
        )
    })
}

pub(crate) fn signal_and_wait(
    signal: BorrowedHandle<'_>,
    wait: BorrowedHandle<'_>,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<WaitResult> {
    // SAFETY: both handles are open.
    outcome(unsafe {
        SignalObjectAndWait(signal.as_raw(), wait.as_raw(), milliseconds(timeout), alertable.into())
    })
}

/// Whether APCs ended the sleep.
pub(crate) fn sleep_alertable(timeout: Option<Duration>) -> bool {
    // SAFETY: it takes no memory.
    unsafe { SleepEx(milliseconds(timeout), 1) == WAIT_IO_COMPLETION }
}
