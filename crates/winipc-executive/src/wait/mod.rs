//! Waiting: for one object, any or all of several, alertably, or for time alone.
//!
//! A wait looks first, without the lock. Where that does not settle it, it decides, or queues, under the lock.

mod look;
mod queue;

use core::slice;
use core::time::Duration;

use look::{look_and_spin, try_any, try_one};
use queue::slow;

use crate::access::SYNCHRONIZE;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::handle::{self, Found, Handle, resolve};
use crate::records::{Kind, MAXIMUM_WAIT_OBJECTS, Object, Thread};
use crate::status::{Result, Status};
use crate::{access, apc, event, io, mutex, object, semaphore};

/// What has to be there for a wait to be satisfied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One of the objects; with several, the one with the lowest index.
    Any,
    /// All objects at one instant.
    All,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The object with this index was taken; for all objects the index is 0.
    Object(usize),
    /// The same, and a mutex that was taken had been abandoned.
    Abandoned(usize),
    /// The time passed.
    Timeout,
    /// An asynchronous procedure call is due: [`crate::apc::take`] gives it.
    Apc,
}

/// Waits for one object. `None` waits for ever; zero looks and returns.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle. [`Status::ACCESS_DENIED`]: it lacks SYNCHRONIZE.
///
/// # References
/// - `docs/conformance.md`, 2
#[inline]
pub fn one(handle: Handle, timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    let current = current()?;
    let found = resolve(&current, handle)?;
    access::require(found.access, SYNCHRONIZE)?;
    one_found(&current, &found, timeout, alertable, Gone::NeverSignaled)
}

/// What becomes of a wait for an object that goes before the wait is queued, with its last handle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The wait goes on: a thread that waits keeps what it waits for, and nobody is left to signal it.
    NeverSignaled,
    /// It fails with [`Status::INVALID_HANDLE`].
    Fails,
}

/// Waits for an object that has been found.
#[inline]
pub(crate) fn one_found(
    current: &Current,
    found: &Found,
    timeout: Option<Duration>,
    alertable: bool,
    gone: Gone,
) -> Result<Outcome> {
    let look = || try_one(current, found, 0);
    match look_and_spin(current, slice::from_ref(found), timeout, alertable, look)? {
        Some(outcome) => Ok(outcome),
        None => slow(current, &[*found], Mode::Any, timeout, alertable, gone),
    }
}

/// Waits for any or all of 1 to 64 objects.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: another number of objects; the same object twice in a wait for all.
/// [`Status::INVALID_HANDLE`]: one of the handles is none; pseudo-handles are none here. [`Status::ACCESS_DENIED`]: one
/// lacks SYNCHRONIZE.
///
/// # References
/// - `docs/conformance.md`, 2.1, 2.2
pub fn many(handles: &[Handle], mode: Mode, timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    if handles.is_empty() || handles.len() > MAXIMUM_WAIT_OBJECTS {
        return Err(Status::INVALID_PARAMETER);
    }
    let current = current()?;
    let look_up = |handle: &Handle| {
        let found = handle::look_up(&current, *handle)?;
        access::require(found.access, SYNCHRONIZE).map(|()| found)
    };
    // Few objects, as nearly always, need no memory of their own.
    let mut few = [look_up(&handles[0])?; FEW];
    let mut many = Vec::new();
    let objects = if handles.len() <= FEW {
        for (object, handle) in few.iter_mut().zip(handles) {
            *object = look_up(handle)?;
        }
        &few[..handles.len()]
    } else {
        many.reserve_exact(handles.len());
        for handle in handles {
            many.push(look_up(handle)?);
        }
        &many[..]
    };
    if mode == Mode::All {
        let is_twice =
            |index: usize| objects[..index].iter().any(|other| other.reference == objects[index].reference);
        if (1..objects.len()).any(is_twice) {
            return Err(Status::INVALID_PARAMETER);
        }
        io::deliver_for(&current);
    } else if let Some(outcome) =
        look_and_spin(&current, objects, timeout, alertable, || try_any(&current, objects))?
    {
        return Ok(outcome);
    }
    slow(&current, objects, mode, timeout, alertable, Gone::NeverSignaled)
}

/// Objects that fit without an allocation.
const FEW: usize = 8;

/// Signals one object (sets an event, releases a semaphore or mutex once) and waits for another.
///
/// The two are not one step. A bad `wait` handle is found before `signal` is changed.
///
/// # Errors
/// [`Status::OBJECT_TYPE_MISMATCH`]: `signal` is of another kind. Else as the signaling call and [`one`].
///
/// # References
/// - `docs/conformance.md`, 2.6
pub fn signal_and_wait(
    signal: Handle,
    wait: Handle,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<Outcome> {
    let current = current()?;
    let signaled = handle::look_up(&current, signal)?;
    let waited = resolve(&current, wait)?;
    access::require(waited.access, SYNCHRONIZE)?;
    // Whoever is let go on may close every handle to what is waited for: the thread's record keeps it.
    let kept = &current.thread.kept;
    let mut lock = current.begin()?;
    if !waited.is_current(&lock) {
        return Err(Status::INVALID_HANDLE);
    }
    object::retain(&mut lock, waited.object);
    kept.set(&mut lock, waited.reference.index());
    lock.commit()?;
    let outcome = match signaled.kind() {
        Some(Kind::Event) => event::set(signal),
        Some(Kind::Semaphore) => semaphore::release(signal, 1).map(|_| ()),
        Some(Kind::Mutex) => mutex::release(signal),
        _ => Err(Status::OBJECT_TYPE_MISMATCH),
    };
    let outcome =
        outcome.and_then(|()| one_found(&current, &waited, timeout, alertable, Gone::NeverSignaled));
    let mut lock = current.begin()?;
    let_go(&mut lock, current.thread)?;
    lock.commit()?;
    outcome
}

/// Lets go of what a thread keeps for its SignalObjectAndWait.
pub(crate) fn let_go(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    let Some(kept) = Ref::<Object>::from_index(thread.kept.get(lock)).some() else { return Ok(()) };
    thread.kept.set(lock, 0);
    object::release(lock, kept)
}

/// Waits for time to pass, or alertably for an asynchronous procedure call.
///
/// # Errors
/// [`Status::ARENA_UNAVAILABLE`]: an alertable wait, and the process cannot attach.
pub fn sleep(timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    if !alertable {
        match timeout {
            Some(Duration::ZERO) => std::thread::yield_now(),
            Some(timeout) => std::thread::sleep(timeout),
            None => loop {
                std::thread::park();
            },
        }
        return Ok(Outcome::Timeout);
    }
    let current = current()?;
    io::deliver_for(&current);
    if apc::is_pending(&current) {
        return Ok(Outcome::Apc);
    }
    slow(&current, &[], Mode::Any, timeout, true, Gone::NeverSignaled)
}
