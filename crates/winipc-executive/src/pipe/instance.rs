//! Instances: how a pipe gets one, and how it goes with its ends.

use crate::access::{self, file};
use crate::arena::block::BlockRef;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::{self, signal};
use crate::handle::{self, Handle};
use crate::io::end::{BUSY, CLIENT, IDLE, IS_OVERLAPPED, SERVER, SIDE};
use crate::name::{self, Name};
use crate::object::{self, Disposition};
use crate::records::{End, Instance, Kind, Object, Pipe};
use crate::status::{Result, Status};
use crate::{death, process};

use super::availability::announce_available;
use super::connection::{listen_on, stop_listening};
use super::{
    INBOUND, INSTANCE, MESSAGE_TYPE, OUTBOUND, Place, UNLIMITED_INSTANCES, end_flag, instance_behind, state,
};
use crate::channel;

/// In which directions data flows through a pipe, as the server sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the client to the server.
    Inbound,
    /// From the server to the client.
    Outbound,
    /// Both ways.
    Duplex,
}

impl Direction {
    fn flags(self) -> u32 {
        match self {
            Direction::Inbound => INBOUND,
            Direction::Outbound => OUTBOUND,
            Direction::Duplex => INBOUND | OUTBOUND,
        }
    }

    /// Rights of the server's handle.
    fn server_access(self) -> u32 {
        match self {
            Direction::Inbound => file::GENERIC_READ,
            Direction::Outbound => file::GENERIC_WRITE,
            Direction::Duplex => file::GENERIC_READ | file::GENERIC_WRITE,
        }
    }
}

/// How long [`wait_available`](super::wait_available) waits for a pipe that does not say, in milliseconds.
pub const DEFAULT_TIMEOUT_MS: u32 = 50;

/// How [`create`] makes an instance.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Fixed for the pipe by its first instance.
    pub direction: Direction,
    /// Rights of the handle beyond those of the direction, such as WRITE_DAC.
    pub extra_access: u32,
    /// Calls with a status block may return before they are done.
    pub overlapped: bool,
    /// Fail if the pipe exists.
    pub first_instance: bool,
    /// Messages are kept apart. Fixed by the first instance.
    pub message_type: bool,
    /// Reads of this end return one message each.
    pub message_read: bool,
    /// Calls on this end never wait.
    pub nowait: bool,
    /// Clients of other machines are refused. (There are none yet.)
    pub reject_remote: bool,
    /// 1 to 254, or [`UNLIMITED_INSTANCES`]. Fixed by the first instance.
    pub max_instances: u32,
    /// Bytes from the server to the client that may lie unread before writers wait.
    pub out_quota: u32,
    /// The same from the client to the server.
    pub in_quota: u32,
    /// Milliseconds that [`wait_available`](super::wait_available) waits by default. Fixed by the first instance.
    pub default_timeout_ms: u32,
    /// Children inherit the handle.
    pub inherit: bool,
}

impl Server {
    /// Any number of instances in both directions, for blocking use, with so many bytes each way that may lie unread;
    /// of messages, which are read as such, or of bytes.
    pub const fn new(message: bool, quota: u32) -> Self {
        Server {
            direction: Direction::Duplex,
            extra_access: 0,
            overlapped: false,
            first_instance: false,
            message_type: message,
            message_read: message,
            nowait: false,
            reject_remote: false,
            max_instances: UNLIMITED_INSTANCES,
            out_quota: quota,
            in_quota: quota,
            default_timeout_ms: DEFAULT_TIMEOUT_MS,
            inherit: false,
        }
    }
}

/// Creates an instance of a pipe, and the pipe with the first one.
///
/// `name` is what follows `\\.\pipe\`, at least one character.
///
/// # Errors
/// [`Status::OBJECT_NAME_INVALID`]: the name is empty. [`Status::INVALID_PARAMETER`]: no instances, or message-reading
/// a byte pipe. [`Status::ACCESS_DENIED`]: the pipe exists and this should be the first instance, or its direction is
/// another. [`Status::INSTANCE_NOT_AVAILABLE`]: it has all the instances it may have.
///
/// # References
/// - `docs/conformance.md`, 5.1
pub fn create(name: &[u16], server: &Server) -> Result<(Handle, Disposition)> {
    if name.is_empty() {
        return Err(Status::OBJECT_NAME_INVALID);
    }
    if !(1..=UNLIMITED_INSTANCES).contains(&server.max_instances)
        || server.message_read && !server.message_type
    {
        return Err(Status::INVALID_PARAMETER);
    }
    let current = current()?;
    death::bury_the_dead(&current);
    let mut lock = current.begin()?;
    let arena = lock.arena();
    let name = Name::pipe(name);
    let (pipe_reference, disposition) = match name::find(&lock, &name)? {
        Some(target) => {
            let pipe: &Pipe = arena.get(Ref::from_index(target))?;
            if server.first_instance {
                return Err(Status::ACCESS_DENIED);
            }
            let maximum = pipe.maximum.get(&lock);
            if maximum != UNLIMITED_INSTANCES && pipe.count.get(&lock) >= maximum {
                return Err(Status::INSTANCE_NOT_AVAILABLE);
            }
            if pipe.flags.get(&lock) & (INBOUND | OUTBOUND) != server.direction.flags() {
                return Err(Status::ACCESS_DENIED);
            }
            (Ref::from_index(target), Disposition::Opened)
        }
        None => (make_pipe(&mut lock, &name, server)?, Disposition::Created),
    };
    let handle = make_instance(&mut lock, &current, pipe_reference, server)?;
    lock.commit()?;
    Ok((handle, disposition))
}

fn make_pipe(lock: &mut Txn<'static>, name: &Name<'_>, server: &Server) -> Result<Ref<Pipe>> {
    let reference = lock.allocate::<Pipe>(1)?;
    let pipe: &Pipe = lock.arena().get(reference)?;
    let block = name::insert(lock, name, reference.index())?;
    let message_type = if server.message_type { MESSAGE_TYPE } else { 0 };
    for (word, value) in [
        (&pipe.name, block.0),
        (&pipe.count, 0),
        (&pipe.servers, 0),
        (&pipe.maximum, server.max_instances),
        (&pipe.flags, server.direction.flags() | message_type),
        (&pipe.default_timeout, server.default_timeout_ms),
        (&pipe.first_listening, 0),
        (&pipe.last_listening, 0),
        (&pipe.available, 0),
    ] {
        word.set(lock, value);
    }
    Ok(reference)
}

fn make_instance(
    lock: &mut Txn<'static>,
    current: &Current,
    pipe_reference: Ref<Pipe>,
    server: &Server,
) -> Result<Handle> {
    let arena = lock.arena();
    let pipe: &Pipe = arena.get(pipe_reference)?;
    let reference = lock.allocate::<Instance>(1)?;
    let instance: &Instance = arena.get(reference)?;
    instance.pipe.set(lock, pipe_reference.index());
    instance.first_connect.set(lock, 0);
    instance.last_connect.set(lock, 0);
    channel::reset(lock, &instance.channels[SERVER], server.in_quota);
    channel::reset(lock, &instance.channels[CLIENT], server.out_quota);
    let is_message_type = pipe.flags.get(lock) & MESSAGE_TYPE != 0;
    let flags = [
        (server.message_read && is_message_type, end_flag::MESSAGE_READ),
        (server.nowait, end_flag::NOWAIT),
        (server.overlapped, end_flag::OVERLAPPED),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum();
    let end = make_end(lock, reference, instance, SERVER, flags)?;
    clear_end(lock, &instance.ends[CLIENT]);
    for (word, count) in [(&pipe.count, 1), (&pipe.servers, 1)] {
        let value = word.get(lock);
        word.set(lock, value.wrapping_add(count));
    }
    listen_on(lock, reference, instance, pipe)?;
    let access = server.direction.server_access() | server.extra_access & access::all(Kind::Pipe);
    handle::insert(lock, current.process(), end, access, server.inherit)
}

/// Makes the object of an end and enters it in its instance.
pub(super) fn make_end(
    lock: &mut Txn<'static>,
    reference: Ref<Instance>,
    instance: &Instance,
    side: usize,
    flags: u32,
) -> Result<Ref<Object>> {
    let end = object::allocate(lock, Kind::Pipe, signal::MANUAL | signal::SET)?;
    let object: &Object = lock.arena().get(end)?;
    let overlapped = if flags & end_flag::OVERLAPPED != 0 { IS_OVERLAPPED } else { 0 };
    object.body[INSTANCE].set(lock, u64::from(reference.index()));
    object.body[SIDE].set(lock, side as u64 | overlapped);
    object.body[BUSY].set(lock, 0);
    object.body[IDLE].set(lock, 0);
    let place = &instance.ends[side];
    place.object.set(lock, end.index());
    place.flags.set(lock, flags);
    place.process_id.set(lock, process::id());
    Ok(end)
}

pub(super) fn clear_end(lock: &mut Txn<'_>, end: &End) {
    for word in [&end.object, &end.flags, &end.process_id] {
        word.set(lock, 0);
    }
}

/// The last handle to an end is closed.
pub(crate) fn end_closed(
    lock: &mut Txn<'static>,
    reference: Ref<Object>,
    object: &'static Object,
) -> Result<()> {
    let Some((instance, side)) = instance_behind(lock, object)? else { return Ok(()) };
    let instance_reference = Ref::<Instance>::from_index(object.body[INSTANCE].get(lock) as u32);
    let place = Place { instance, side };
    if place.own_end().object.get(lock) != reference.index() {
        return Err(Status::ARENA_CORRUPT);
    }
    let pipe = place.pipe(lock)?;
    let broken = Some(Status::PIPE_BROKEN);
    match instance.state.get(lock) {
        state::LISTENING => {
            stop_listening(lock, instance, pipe)?;
            channel::fail_queue(lock, &instance.first_connect, &instance.last_connect, Status::PIPE_BROKEN)?;
        }
        state::CONNECTED => {
            // What was written to this end is lost, with those who wait to write more; what it wrote stays readable.
            channel::fail_all(lock, place.incoming(), broken, broken)?;
            channel::discard(lock, place.incoming())?;
            channel::fail_all(lock, place.outgoing(), broken, broken)?;
            instance.state.set(lock, state::CLOSING);
        }
        _ => {
            for channel in &instance.channels {
                channel::fail_all(lock, channel, broken, broken)?;
                channel::discard(lock, channel)?;
            }
        }
    }
    object.body[INSTANCE].set(lock, 0);
    place.own_end().object.set(lock, 0);
    if side == SERVER {
        let servers = pipe.servers.get(lock);
        pipe.servers.set(lock, servers.wrapping_sub(1));
        if servers == 1 {
            // Those who wait for an instance learn that there will be none.
            announce_available(lock, pipe, true)?;
        }
    }
    if instance.ends.iter().all(|end| end.object.get(lock) == 0) {
        free_instance(lock, instance_reference, instance, pipe)?;
    }
    Ok(())
}

/// Frees an instance of which no end is open, and the pipe with its last instance.
fn free_instance(
    lock: &mut Txn<'static>,
    reference: Ref<Instance>,
    instance: &Instance,
    pipe: &Pipe,
) -> Result<()> {
    let pipe_reference = Ref::<Pipe>::from_index(instance.pipe.get(lock));
    lock.free(reference)?;
    let count = pipe.count.get(lock);
    pipe.count.set(lock, count.wrapping_sub(1));
    if count != 1 {
        return Ok(());
    }
    let name = BlockRef(pipe.name.get(lock));
    name::remove(lock, name)?;
    if let Some(event) = Ref::<Object>::from_index(pipe.available.get(lock)).some() {
        dispatcher::set_signal(lock, lock.arena().get(event)?, true)?;
        object::release(lock, event)?;
    }
    lock.free(pipe_reference)
}
