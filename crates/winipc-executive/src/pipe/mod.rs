//! Named pipes: what an instance and its two ends are.
//!
//! ```text
//! listening -> connected -> closing (one end is closed) -> disconnected -> listening
//! ```
//!
//! An instance has two ends, each an object, and a channel (see [`crate::channel`]) in each direction. How instances
//! come and go is in `instance`, who connects with whom in `connection`, and what an end reads and writes in
//! `transfer`.
//!
//! # References
//! - `docs/conformance.md`, 5

mod availability;
mod connection;
mod information;
mod instance;
mod transfer;

pub use availability::{PipeTimeout, wait_available};
pub use connection::{disconnect, listen, open};
pub use information::{Info, State, client_process_id, info, server_process_id, set_mode, state};
pub(crate) use instance::end_closed;
pub use instance::{DEFAULT_TIMEOUT_MS, Direction, Server, create};
pub use transfer::{Peek, peek, transact};
pub(crate) use transfer::{flush, read, write};

use crate::arena::{Ref, Txn};
use crate::channel;
use crate::context::Current;
use crate::handle::Found;
use crate::io::end::{SERVER, SIDE, side_of};
use crate::io::{self, Operation};
use crate::records::{Channel, End, Instance, Object, Pipe, Request};
use crate::status::{Result, Status};

/// States of an instance.
pub(crate) mod state {
    /// A client may connect.
    pub(crate) const LISTENING: u32 = 1;
    /// Both ends are open.
    pub(crate) const CONNECTED: u32 = 2;
    /// One end has been closed.
    pub(crate) const CLOSING: u32 = 3;
    /// The server has sent its client away.
    pub(crate) const DISCONNECTED: u32 = 4;
}

/// Flags of a pipe: message type, and the directions in which data may flow.
pub(crate) const MESSAGE_TYPE: u32 = 1;
const INBOUND: u32 = 2;
const OUTBOUND: u32 = 4;

/// Modes of an end.
pub(crate) mod end_flag {
    /// Reads return one message each.
    pub(crate) const MESSAGE_READ: u32 = 1;
    /// Calls never wait.
    pub(crate) const NOWAIT: u32 = 2;
    /// Calls with a status block may return before they are done.
    pub(crate) const OVERLAPPED: u32 = 4;
}

/// The word of an end's object that names its instance, beside those of every [end](crate::io::end).
pub(crate) const INSTANCE: usize = 0;

/// Most instances of a pipe that has a limit; this number stands for no limit.
pub const UNLIMITED_INSTANCES: u32 = 255;

/// Where an end is: its instance and side.
pub(crate) struct Place {
    pub(crate) instance: &'static Instance,
    side: usize,
}

impl Place {
    pub(super) fn is_server(&self) -> bool {
        self.side == SERVER
    }

    fn own_end(&self) -> &'static End {
        &self.instance.ends[self.side]
    }

    pub(super) fn own_flags(&self, lock: &Txn<'_>) -> u32 {
        self.own_end().flags.get(lock)
    }

    /// What the end reads from.
    pub(super) fn incoming(&self) -> &'static Channel {
        &self.instance.channels[self.side]
    }

    /// What it writes to.
    pub(super) fn outgoing(&self) -> &'static Channel {
        &self.instance.channels[1 - self.side]
    }

    fn pipe(&self, lock: &Txn<'static>) -> Result<&'static Pipe> {
        lock.arena().get(Ref::from_index(self.instance.pipe.get(lock)))
    }

    pub(super) fn is_message_type(&self, lock: &Txn<'static>) -> Result<bool> {
        Ok(self.pipe(lock)?.flags.get(lock) & MESSAGE_TYPE != 0)
    }
}

/// Where an end is.
///
/// # Errors
/// [`Status::PIPE_DISCONNECTED`]: the server has sent this client away. [`Status::INVALID_HANDLE`]: the object is gone.
pub(super) fn place_of(lock: &Txn<'static>, file: &Found) -> Result<Place> {
    if !file.is_current(lock) {
        return Err(Status::INVALID_HANDLE);
    }
    match instance_behind(lock, file.object)? {
        Some((instance, side)) => Ok(Place { instance, side }),
        None => Err(Status::PIPE_DISCONNECTED),
    }
}

fn instance_behind(lock: &Txn<'static>, file: &Object) -> Result<Option<(&'static Instance, usize)>> {
    let side = side_of(file.body[SIDE].get(lock));
    match Ref::<Instance>::from_index(file.body[INSTANCE].get(lock) as u32).some() {
        Some(reference) => Ok(Some((lock.arena().get(reference)?, side))),
        None => Ok(None),
    }
}

/// Where an end is, without the lock: for those who only look whether there is anything to do.
pub(super) fn peek_instance(current: &Current, file: &Found) -> Result<(&'static Instance, usize)> {
    let reference = Ref::<Instance>::from_index(file.object.body[INSTANCE].peek() as u32);
    let reference = reference.some().ok_or(Status::PIPE_DISCONNECTED)?;
    Ok((current.arena().get(reference)?, side_of(file.object.body[SIDE].peek())))
}

/// Takes a pending request out of the queue it waits in.
pub(crate) fn withdraw(lock: &mut Txn<'static>, request: &'static Request) -> Result<()> {
    let file: &Object = lock.arena().get(Ref::from_index(request.file.get(lock)))?;
    let Some((instance, side)) = instance_behind(lock, file)? else { return Err(Status::ARENA_CORRUPT) };
    if request.head.tag.get(lock) == Operation::Connect as u32 {
        return io::dequeue(lock, &instance.first_connect, &instance.last_connect, request);
    }
    channel::withdraw(lock, &instance.channels, side, request)
}
