//! Events.

use super::{Named, attributes, check, created, opened};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CREATE_EVENT_INITIAL_SET, CREATE_EVENT_MANUAL_RESET};
use crate::sys::{CreateEventExW, OpenEventW, PulseEvent, ResetEvent, SetEvent};
use crate::{Disposition, Result};

pub(crate) fn create(
    named: &Named,
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
    let name = named.utf16()?;
    // SAFETY: attributes and name live through the call.
    unsafe { created(CreateEventExW(&attributes(named.inherit), name.as_ptr(), flags, named.access)) }
}

pub(crate) fn open(named: &Named) -> Result<OwnedHandle> {
    let name = named.utf16()?;
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenEventW(named.access, named.inherit.into(), name.as_ptr())) }
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
