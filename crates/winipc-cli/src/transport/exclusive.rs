//! The right to serve a room as ownership of a mutex, for mechanisms that have no such right of their own.

use std::marker::PhantomData;
use std::time::Duration;

use winipc::{LockError, Mutex, MutexOptions};

use super::{Claim, Listener, Mechanism, RoomName, explained};
use crate::error::Result;

/// The right to serve `room` over `mechanism`, which opens it by `listen`.
///
/// # Errors
/// The mutex cannot be made.
pub(super) fn claim<F>(
    mechanism: &Mechanism,
    room: &RoomName,
    patience: Duration,
    listen: F,
) -> Result<Option<Box<dyn Claim>>>
where
    F: Fn() -> Result<Box<dyn Listener>> + 'static,
{
    let right = right(mechanism, room, patience)?;
    Ok(right.map(|right| Box::new(MutexClaim { _right: right, listen }) as Box<dyn Claim>))
}

/// The right alone.
///
/// # Errors
/// The mutex cannot be made.
pub(super) fn right(mechanism: &Mechanism, room: &RoomName, patience: Duration) -> Result<Option<Right>> {
    let failed = |error| explained(&format!("cannot ask for the right to serve the room \"{room}\""), error);
    let name = format!(r"Global\winipc-chat-{}-{room}", mechanism.name);
    let mutex = MutexOptions::new().name(name).create().map_err(failed)?;
    match mutex.lock_timeout(patience) {
        // The last server died; what it served is ours now. The right adopts what the guard stands for.
        Ok(guard) | Err(LockError::Abandoned(guard)) => std::mem::forget(guard),
        Err(LockError::Timeout) => return Ok(None),
        Err(LockError::Failed(error)) => return Err(failed(error)),
    }
    Ok(Some(Right { mutex, thread: PhantomData }))
}

/// Ownership of the room's mutex, which is the thread's.
pub(super) struct Right {
    mutex: Mutex,
    thread: PhantomData<*const ()>,
}

impl Drop for Right {
    fn drop(&mut self) {
        drop(self.mutex.adopt());
    }
}

struct MutexClaim<F> {
    _right: Right,
    listen: F,
}

impl<F: Fn() -> Result<Box<dyn Listener>>> Claim for MutexClaim<F> {
    fn listen(&self) -> Result<Box<dyn Listener>> {
        (self.listen)()
    }
}
