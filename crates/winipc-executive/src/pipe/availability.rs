//! Waiting until an instance listens.

use core::time::Duration;

use crate::arena::{Ref, Txn};
use crate::context::current;
use crate::dispatcher::{self, signal};
use crate::handle::Found;
use crate::name::{self, Name};
use crate::records::{Kind, Object, Pipe};
use crate::status::{Result, Status};
use crate::{death, object, wait};

/// Sets or resets the event of those who wait for a listening instance.
pub(super) fn announce_available(lock: &mut Txn<'static>, pipe: &Pipe, set: bool) -> Result<()> {
    match Ref::<Object>::from_index(pipe.available.get(lock)).some() {
        Some(event) => {
            let event = lock.arena().get(event)?;
            dispatcher::set_signal(lock, event, set)
        }
        None => Ok(()),
    }
}

/// How long [`wait_available`] waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PipeTimeout {
    /// As long as the pipe says.
    Default,
    /// Until there is an instance.
    Forever,
    /// So many milliseconds.
    Milliseconds(u32),
}

/// Waits until an instance of a pipe listens. It may be gone to somebody else when the call returns.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: there is no such pipe, or no more. [`Status::IO_TIMEOUT`]: the time passed.
///
/// # References
/// - `docs/conformance.md`, 5.10
pub fn wait_available(name: &[u16], timeout: PipeTimeout) -> Result<()> {
    let current = current()?;
    death::bury_the_dead(&current);
    let name = Name::pipe(name);
    let mut lock = current.begin()?;
    let arena = lock.arena();
    let target = name::find(&lock, &name)?.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
    let pipe: &Pipe = arena.get(Ref::from_index(target))?;
    if pipe.servers.get(&lock) == 0 {
        return Err(Status::OBJECT_NAME_NOT_FOUND);
    }
    if pipe.first_listening.get(&lock) != 0 {
        return Ok(());
    }
    let event = match Ref::from_index(pipe.available.get(&lock)).some() {
        Some(event) => event,
        None => {
            let event = object::allocate(&mut lock, Kind::Event, signal::MANUAL)?;
            object::retain(&mut lock, arena.get(event)?);
            pipe.available.set(&mut lock, event.index());
            event
        }
    };
    let event = Found::of(&lock, event)?;
    let milliseconds = match timeout {
        PipeTimeout::Default => Some(pipe.default_timeout.get(&lock)),
        PipeTimeout::Forever => None,
        PipeTimeout::Milliseconds(milliseconds) => Some(milliseconds),
    };
    lock.commit()?;
    let time = milliseconds.map(|time| Duration::from_millis(time.into()));
    match wait::one_found(&current, &event, time, false, wait::Gone::Fails) {
        Ok(wait::Outcome::Timeout) => return Err(Status::IO_TIMEOUT),
        // The event went with the pipe before the wait began.
        Ok(_) | Err(Status::INVALID_HANDLE) => {}
        Err(status) => return Err(status),
    }
    let lock = current.begin()?;
    match name::find(&lock, &name)? {
        Some(target) if arena.get::<Pipe>(Ref::from_index(target))?.servers.get(&lock) != 0 => Ok(()),
        _ => Err(Status::OBJECT_NAME_NOT_FOUND),
    }
}
