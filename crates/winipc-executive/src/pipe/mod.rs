//! Named pipes: what an instance and its two ends are, and where a call on an end begins.
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
pub use instance::{Direction, Server, create};
pub use transfer::{Peek, peek, transact};
pub(crate) use transfer::{flush, read, write};

use crate::arena::{Ref, Txn};
use crate::channel;
use crate::context::Current;
use crate::dispatcher::{self, signal};
use crate::handle::Found;
use crate::io::{self, Operation};
use crate::object;
use crate::records::{Channel, End, Instance, Kind, Object, Pipe, Request};
use crate::status::{Result, Status};
use crate::wait;

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

/// Sides of an instance.
pub(crate) const SERVER: usize = 0;
pub(crate) const CLIENT: usize = 1;

/// Words of an end's object.
pub(crate) const INSTANCE: usize = 0;
pub(crate) const SIDE: usize = 1;
/// The blocking request in progress on an end for blocking use, and the event of those who wait for its end.
pub(crate) const BUSY: usize = 2;
pub(crate) const IDLE: usize = 3;
/// Set in `SIDE` if calls with a status block may return before they are done.
pub(crate) const IS_OVERLAPPED: u64 = 2;

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

pub(crate) fn side_of(word: u64) -> usize {
    if word & 1 == 0 { SERVER } else { CLIENT }
}

/// Where an end is, without the lock: for those who only look whether there is anything to do.
pub(super) fn peek_instance(current: &Current, file: &Found) -> Result<(&'static Instance, usize)> {
    let reference = Ref::<Instance>::from_index(file.object.body[INSTANCE].peek() as u32);
    let reference = reference.some().ok_or(Status::PIPE_DISCONNECTED)?;
    Ok((current.arena().get(reference)?, side_of(file.object.body[SIDE].peek())))
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
        if crate::arena::state::value_of(idle.state) & signal::SET != 0 {
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
pub(crate) fn end_gone(lock: &mut Txn<'_>, file: &Object) -> Result<()> {
    match Ref::<Object>::from_index(file.body[IDLE].get(lock) as u32).some() {
        Some(event) => object::release(lock, event),
        None => Ok(()),
    }
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
