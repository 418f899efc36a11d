//! Events.

use crate::access;
use crate::arena::state::{CLAIM, WAITERS, generation_of, value_of, with_value};
use crate::context::current;
use crate::dispatcher::{self, signal};
use crate::handle::{Handle, look_up};
use crate::object::{self, Attributes, Disposition};
use crate::records::Kind;
use crate::status::{Result, Status};

/// Creates or opens an event.
///
/// # Errors
/// [`Status::OBJECT_TYPE_MISMATCH`]: the name belongs to an object of another kind. [`Status::OBJECT_PATH_NOT_FOUND`]:
/// it has another prefix than `Local\` and `Global\`, or a further backslash. [`Status::OBJECT_NAME_INVALID`]: it ends
/// after the prefix, or is too long. Of an object that exists, [`Status::ACCESS_DENIED`]: nothing was asked for, or a
/// right that the kind does not have; [`Status::PRIVILEGE_NOT_HELD`]: ACCESS_SYSTEM_SECURITY was asked for.
///
/// # References
/// - `docs/conformance.md`, 1.3, 3.1
pub fn create(
    attributes: &Attributes<'_>,
    access: u32,
    manual_reset: bool,
    initially_set: bool,
) -> Result<(Handle, Disposition)> {
    let value = if manual_reset { signal::MANUAL } else { 0 } | if initially_set { signal::SET } else { 0 };
    object::create(&current()?, attributes, Kind::Event, access, |lock| {
        object::allocate(lock, Kind::Event, value)
    })
}

/// Opens an event by name.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: nothing has the name. [`Status::INVALID_HANDLE`]: it is empty. Else as [`create`]
/// for an object that exists.
pub fn open(name: &[u16], access: u32, inherit: bool) -> Result<Handle> {
    object::open(&current()?, name, Kind::Event, access, inherit)
}

/// Sets an event: a manual-reset one lets all who wait go on, another one lets one.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no event. [`Status::ACCESS_DENIED`]: the handle lacks
/// EVENT_MODIFY_STATE.
#[inline]
pub fn set(handle: Handle) -> Result<()> {
    change(handle, true)
}

/// Resets an event.
///
/// # Errors
/// As [`set`].
#[inline]
pub fn reset(handle: Handle) -> Result<()> {
    change(handle, false)
}

#[inline]
fn change(handle: Handle, set: bool) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, handle)?.require(Kind::Event, access::MODIFY_STATE)?;
    let mut state = found.state;
    // Without a waiter, and nobody deciding, one compare-and-swap is all.
    while state & CLAIM == 0 && (!set || state & WAITERS == 0) {
        let value = value_of(state);
        let new = if set { value | signal::SET } else { value & !signal::SET };
        // Setting an event that is set changes the word too: whoever takes this signal must see what the caller wrote
        // before, and a mere look at the word could come before those writes are visible.
        if new == value && !set {
            return Ok(());
        }
        match found.object.state.exchange(state, with_value(state, new)) {
            Ok(()) => return Ok(()),
            Err(now) if generation_of(now) == generation_of(state) => state = now,
            Err(_) => return Err(Status::INVALID_HANDLE),
        }
    }
    let mut lock = current.begin()?;
    found.claim(&mut lock)?;
    dispatcher::set_signal(&mut lock, found.object, set)?;
    lock.commit()
}

/// Lets those go on who wait at this moment (all, or one of an automatic event), and resets the event.
///
/// # Errors
/// As [`set`].
pub fn pulse(handle: Handle) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, handle)?.require(Kind::Event, access::MODIFY_STATE)?;
    let mut lock = current.begin()?;
    found.claim(&mut lock)?;
    dispatcher::set_signal(&mut lock, found.object, true)?;
    dispatcher::set_signal(&mut lock, found.object, false)?;
    let state = found.claim(&mut lock)?;
    found.object.state.set(&mut lock, with_value(state, value_of(state) | signal::PULSED));
    lock.commit()
}
