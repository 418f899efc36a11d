//! Looking without the lock, for as long as that pays: what is signaled is taken by a compare-and-swap, and nobody else
//! is disturbed.

use core::time::Duration;

use super::Outcome;
use crate::arena::state::{CLAIM, generation_of, value_of};
use crate::context::Current;
use crate::dispatcher::{self, signal};
use crate::handle::Found;
use crate::records::{Kind, MAXIMUM_WAIT_OBJECTS};
use crate::spin::Spinner;
use crate::status::Result;
use crate::{apc, io, mutex};

/// What a look without the lock tells.
pub(super) enum Look {
    Taken(Outcome),
    NotSignaled,
    /// Somebody is deciding, the clock must be asked, or the object is gone.
    Unclear,
}

/// Looks again and again while spinning pays. `None`: the lock has to decide.
#[inline]
pub(super) fn look_and_spin(
    current: &Current,
    objects: &[Found],
    timeout: Option<Duration>,
    alertable: bool,
    look: impl Fn() -> Result<Look>,
) -> Result<Option<Outcome>> {
    let mut spinner = Spinner::new(timeout);
    loop {
        io::deliver_for(current);
        match look()? {
            Look::Taken(outcome) => {
                // A request may have been completed since the delivery, and this be its event.
                io::deliver_for(current);
                return Ok(Some(outcome));
            }
            // Who decides may have stopped: looking again and again would go on past the time.
            Look::Unclear => return Ok(None),
            Look::NotSignaled => {}
        }
        if alertable && apc::is_pending(current) {
            return Ok(Some(Outcome::Apc));
        }
        if objects.iter().any(may_not_spin) || !spinner.spin(|| objects.iter().any(is_changed)) {
            return Ok(None);
        }
    }
}

/// Takes one object if it is signaled, by a compare-and-swap.
#[inline]
pub(super) fn try_one(current: &Current, found: &Found, index: usize) -> Result<Look> {
    let object = found.object;
    let mut state = object.state.load();
    let Some(kind) = found.kind() else { return Ok(Look::Unclear) };
    loop {
        let is_gone = generation_of(state) != generation_of(found.state);
        if is_gone || state & CLAIM != 0 || kind == Kind::Timer && value_of(state) & signal::ARMED != 0 {
            return Ok(Look::Unclear);
        }
        if !dispatcher::is_signaled(kind, state, current.id) {
            return Ok(Look::NotSignaled);
        }
        if kind == Kind::Mutex {
            let found = Found { state, ..*found };
            return Ok(match mutex::try_take(current, &found)? {
                Some(false) => Look::Taken(Outcome::Object(index)),
                Some(true) => Look::Taken(Outcome::Abandoned(index)),
                None => Look::Unclear,
            });
        }
        let (new, _) = dispatcher::consumed(kind, state, current.id);
        if new == state {
            return Ok(Look::Taken(Outcome::Object(index)));
        }
        match object.state.exchange(state, new) {
            Ok(()) => return Ok(Look::Taken(Outcome::Object(index))),
            Err(now) => state = now,
        }
    }
}

/// Takes the signaled object with the lowest index.
///
/// That those before it are not signaled must hold at one instant: their words are read twice, and when nothing changed
/// between, it did.
pub(super) fn try_any(current: &Current, objects: &[Found]) -> Result<Look> {
    let mut seen = [0; MAXIMUM_WAIT_OBJECTS];
    for (index, found) in objects.iter().enumerate() {
        let state = found.object.state.load();
        seen[index] = state;
        let is_gone = generation_of(state) != generation_of(found.state);
        let Some(kind) = found.kind() else { return Ok(Look::Unclear) };
        if is_gone || state & CLAIM != 0 || kind == Kind::Timer && value_of(state) & signal::ARMED != 0 {
            return Ok(Look::Unclear);
        }
        if dispatcher::is_signaled(kind, state, current.id) {
            let is_same = |(found, seen): (&Found, &u64)| found.object.state.load() == *seen;
            if !objects[..=index].iter().zip(&seen).all(is_same) {
                return Ok(Look::Unclear);
            }
            return try_one(current, found, index);
        }
    }
    Ok(Look::NotSignaled)
}

/// Whether a spinning thread should look at an object again.
#[inline]
fn is_changed(found: &Found) -> bool {
    let state = found.object.state.load();
    let value = value_of(state);
    match Kind::from_tag(found.object.head.tag.peek()) {
        Some(Kind::Mutex) => !mutex::is_owned(state),
        Some(Kind::Semaphore) => value != 0,
        Some(_) => value & signal::SET != 0,
        None => true,
    }
}

/// Events that are pulsed must find those who wait for them in the queue; a running timer needs the clock.
#[inline]
fn may_not_spin(found: &Found) -> bool {
    let value = value_of(found.object.state.load());
    match Kind::from_tag(found.object.head.tag.peek()) {
        Some(Kind::Event) => value & signal::PULSED != 0,
        Some(Kind::Timer) => true,
        _ => false,
    }
}
