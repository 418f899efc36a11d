//! Semaphores. The state's value is the count.

use crate::access;
use crate::arena::state::{CLAIM, WAITERS, generation_of, value_of, with_value};
use crate::context::current;
use crate::dispatcher;
use crate::handle::{Handle, look_up};
use crate::object::{self, Attributes, Disposition};
use crate::records::Kind;
use crate::status::{Result, Status};

/// Creates or opens a semaphore.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: unless `1 <= maximum` and `0 <= initial <= maximum`, also if the name exists.
/// Else as [`event::create`](crate::event::create).
///
/// # References
/// - `docs/conformance.md`, 3.3
pub fn create(
    attributes: &Attributes<'_>,
    access: u32,
    initial: i32,
    maximum: i32,
) -> Result<(Handle, Disposition)> {
    if maximum < 1 || !(0..=maximum).contains(&initial) {
        return Err(Status::INVALID_PARAMETER);
    }
    object::create(&current()?, attributes, Kind::Semaphore, access, |lock| {
        let reference = object::allocate(lock, Kind::Semaphore, initial as u32)?;
        lock.arena().get(reference)?.limit.set(lock, maximum as u32);
        Ok(reference)
    })
}

/// Opens a semaphore by name.
///
/// # Errors
/// As [`event::open`](crate::event::open).
pub fn open(name: &[u16], access: u32, inherit: bool) -> Result<Handle> {
    object::open(&current()?, name, Kind::Semaphore, access, inherit)
}

/// Adds `count` to a semaphore and returns what it was before.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: `count` is not positive. [`Status::SEMAPHORE_LIMIT_EXCEEDED`]: the count would pass
/// the maximum; nothing is changed. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no semaphore.
/// [`Status::ACCESS_DENIED`]: the handle lacks SEMAPHORE_MODIFY_STATE.
pub fn release(handle: Handle, count: i32) -> Result<i32> {
    if count <= 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    let current = current()?;
    let found = look_up(&current, handle)?.require(Kind::Semaphore, access::MODIFY_STATE)?;
    let limit = found.object.limit.peek();
    let raised = |state: u64| {
        let value = value_of(state);
        match value.checked_add(count as u32) {
            Some(sum) if sum <= limit => Ok((value, with_value(state, sum))),
            _ => Err(Status::SEMAPHORE_LIMIT_EXCEEDED),
        }
    };
    let mut state = found.state;
    while state & (CLAIM | WAITERS) == 0 {
        let (previous, new) = raised(state)?;
        match found.object.state.exchange(state, new) {
            Ok(()) => return Ok(previous as i32),
            Err(now) if generation_of(now) == generation_of(state) => state = now,
            Err(_) => return Err(Status::INVALID_HANDLE),
        }
    }
    let mut lock = current.begin()?;
    let (previous, new) = raised(found.claim(&mut lock)?)?;
    found.object.state.set(&mut lock, new);
    dispatcher::dispatch(&mut lock, found.object)?;
    lock.commit()?;
    Ok(previous as i32)
}
