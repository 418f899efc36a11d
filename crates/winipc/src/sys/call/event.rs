//! Events.

use super::{Name, attributes, check, created, opened};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CREATE_EVENT_INITIAL_SET, CREATE_EVENT_MANUAL_RESET};
use crate::sys::{CreateEventExW, OpenEventW, PulseEvent, ResetEvent, SetEvent};
use crate::{Disposition, Result};

pub(crate) fn create(
    name: &Name,
    access: u32,
    inherit: bool,
    manual_reset: bool,
    initially_set: bool,
) -> Result<(OwnedHandle, Disposition)> {
    let mut flags = 0;
    if manual_reset {
        flags |= CREATE_EVENT_MANUAL_RESET;
    }
    if initially_set {
        flags |= CREATE_EVENT_INITIAL_SET;
    }
    // SAFETY: attributes and name live through the call.
    unsafe { created(CreateEventExW(&attributes(inherit), name.as_ptr(), flags, access)) }
}

pub(crate) fn open(name: &Name, access: u32, inherit: bool) -> Result<OwnedHandle> {
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenEventW(access, inherit.into(), name.as_ptr())) }
}

pub(crate) fn set(event: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { SetEvent(event.as_raw()) })
}

pub(crate) fn reset(event: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { ResetEvent(event.as_raw()) })
}

pub(crate) fn pulse(event: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { PulseEvent(event.as_raw()) })
}
