//! What the ends of pipes and mailslots and the files that stand for descriptors have in common: the words of their
//! objects that say which end it is and whether it is for overlapped use, and that calls on one for blocking use go one
//! after the other.
//!
//! # References
//! - `docs/conformance.md`, 7.1

use crate::arena::{Ref, Txn, state};
use crate::context::Current;
use crate::dispatcher::{self, signal};
use crate::handle::Found;
use crate::object;
use crate::records::{Kind, Object, Request};
use crate::status::{Result, Status};
use crate::wait;

/// Words of an end's object. The first and those behind are each kind's own.
///
/// Which end it is, [`SERVER`] or [`CLIENT`], and flags.
pub(crate) const SIDE: usize = 1;
/// The blocking request in progress on an end for blocking use.
pub(crate) const BUSY: usize = 2;
/// The event of those who wait for its end, once there is one.
pub(crate) const IDLE: usize = 3;

/// Set in `SIDE` if calls with a status block may return before they are done.
pub(crate) const IS_OVERLAPPED: u64 = 2;

/// Sides, in the lowest bit of `SIDE`. Of an anonymous pipe the client's is the one that is written to.
pub(crate) const SERVER: usize = 0;
pub(crate) const CLIENT: usize = 1;

pub(crate) fn side_of(word: u64) -> usize {
    if word & 1 == 0 { SERVER } else { CLIENT }
}

/// Whether calls on an end may return before they are done.
pub(crate) fn is_overlapped(file: &Object) -> bool {
    file.body[SIDE].peek() & IS_OVERLAPPED != 0
}

/// Takes the lock for a call on an end. On one for blocking use calls go one after the other: this one waits until the
/// one before has ended.
///
/// # References
/// - `docs/conformance.md`, 7.1
pub(crate) fn begin_call(current: &Current, file: &Found) -> Result<Txn<'static>> {
    loop {
        let mut lock = current.begin()?;
        let is_busy = !is_overlapped(file.object) && file.object.body[BUSY].get(&lock) != 0;
        if !is_busy || !file.is_current(&lock) {
            return Ok(lock);
        }
        let idle = idle_event(&mut lock, file.object)?;
        if state::value_of(idle.state) & signal::SET != 0 {
            return Err(Status::ARENA_CORRUPT); // idle and busy at once, for ever
        }
        lock.commit()?;
        match wait::one_found(current, &idle, None, false, wait::Gone::Fails) {
            Ok(_) | Err(Status::INVALID_HANDLE) => {}
            Err(status) => return Err(status),
        }
    }
}

/// The event that is set while no blocking request is in progress on an end.
fn idle_event(lock: &mut Txn<'static>, file: &Object) -> Result<Found> {
    let reference = match Ref::from_index(file.body[IDLE].get(lock) as u32).some() {
        Some(event) => event,
        None => {
            let event = object::allocate(lock, Kind::Event, signal::MANUAL)?;
            object::retain(lock, lock.arena().get(event)?);
            file.body[IDLE].set(lock, u64::from(event.index()));
            event
        }
    };
    Found::of(lock, reference)
}

/// A blocking request begins on an end.
pub(crate) fn request_begins(lock: &mut Txn<'static>, file: &Object, request: Ref<Request>) -> Result<()> {
    if !is_overlapped(file) {
        file.body[BUSY].set(lock, u64::from(request.index()));
        announce_idle(lock, file, false)?;
    }
    Ok(())
}

/// A request on an end is over.
pub(crate) fn request_ends(lock: &mut Txn<'static>, file: &Object, request: Ref<Request>) -> Result<()> {
    if file.body[BUSY].get(lock) == u64::from(request.index()) {
        file.body[BUSY].set(lock, 0);
        announce_idle(lock, file, true)?;
    }
    Ok(())
}

fn announce_idle(lock: &mut Txn<'static>, file: &Object, set: bool) -> Result<()> {
    match Ref::<Object>::from_index(file.body[IDLE].get(lock) as u32).some() {
        Some(event) => {
            let event = lock.arena().get(event)?;
            dispatcher::set_signal(lock, event, set)
        }
        None => Ok(()),
    }
}

/// Nothing refers to an end any more.
pub(crate) fn gone(lock: &mut Txn<'_>, file: &Object) -> Result<()> {
    match Ref::<Object>::from_index(file.body[IDLE].get(lock) as u32).some() {
        Some(event) => object::release(lock, event),
        None => Ok(()),
    }
}
