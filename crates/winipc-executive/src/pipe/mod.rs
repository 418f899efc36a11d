//! Named pipes: instances and their states, and who connects with whom.
//!
//! ```text
//! listening -> connected -> closing (one end is closed) -> disconnected -> listening
//! ```
//!
//! An instance has two ends, each an object, and a `channel` in each direction. What an end reads and writes is in
//! `transfer`.
//!
//! # References
//! - SEMANTICS 5

pub(crate) mod channel;
mod transfer;

use core::time::Duration;

pub(crate) use channel::unpin;
pub use transfer::{Peek, peek, transact};
pub(crate) use transfer::{flush, read, thread_ended, write};

use crate::access::{self, file};
use crate::arena::block::BlockRef;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::{self, signal};
use crate::handle::{self, Found, Handle, look_up};
use crate::io::{self, Operation, Outcome, Overlapped, Report};
use crate::name::{self, Name};
use crate::object::{self, Disposition};
use crate::records::{Channel, End, Instance, Kind, Object, Pipe, Request};
use crate::status::{Result, Status};
use crate::{death, process, wait};
use channel::end_flag;

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
const IS_OVERLAPPED: u64 = 2;

/// Most instances of a pipe that has a limit; this number stands for no limit.
pub const UNLIMITED_INSTANCES: u32 = 255;

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
    /// Milliseconds that [`wait_available`] waits by default. Fixed by the first instance.
    pub default_timeout_ms: u32,
    /// Children inherit the handle.
    pub inherit: bool,
}

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

    pub(super) fn other_end(&self) -> &'static End {
        &self.instance.ends[1 - self.side]
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
pub(super) fn peek_instance(file: &Found) -> Result<(&'static Instance, usize)> {
    let reference = Ref::<Instance>::from_index(file.object.body[INSTANCE].peek() as u32);
    let reference = reference.some().ok_or(Status::PIPE_DISCONNECTED)?;
    let current = current()?;
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
/// - SEMANTICS 7.1
pub(super) fn begin_call(current: &Current, file: &Found) -> Result<Txn<'static>> {
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

/// Creates an instance of a pipe, and the pipe with the first one.
///
/// `name` is what follows `\\.\pipe\`, at least one character.
///
/// # Errors
/// [`Status::OBJECT_NAME_INVALID`]: the name is empty. [`Status::INVALID_PARAMETER`]: no instances, or message-reading a
/// byte pipe. [`Status::ACCESS_DENIED`]: the pipe exists and this should be the first instance, or its direction is
/// another. [`Status::INSTANCE_NOT_AVAILABLE`]: it has all the instances it may have.
///
/// # References
/// - SEMANTICS 5.1
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
    death::bury_the_dead(&current)?;
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
fn make_end(
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

fn clear_end(lock: &mut Txn<'_>, end: &End) {
    for word in [&end.object, &end.flags, &end.process_id] {
        word.set(lock, 0);
    }
}

/// Puts an instance at the end of those that listen.
fn listen_on(
    lock: &mut Txn<'static>,
    reference: Ref<Instance>,
    instance: &Instance,
    pipe: &Pipe,
) -> Result<()> {
    let arena = lock.arena();
    let last = pipe.last_listening.get(lock);
    instance.state.set(lock, state::LISTENING);
    instance.next_listening.set(lock, 0);
    instance.previous_listening.set(lock, last);
    match Ref::<Instance>::from_index(last).some() {
        Some(last) => arena.get(last)?.next_listening.set(lock, reference.index()),
        None => pipe.first_listening.set(lock, reference.index()),
    }
    pipe.last_listening.set(lock, reference.index());
    announce_available(lock, pipe, true)
}

/// Takes an instance out of those that listen.
fn stop_listening(lock: &mut Txn<'static>, instance: &Instance, pipe: &Pipe) -> Result<()> {
    let arena = lock.arena();
    let (next, previous) = (instance.next_listening.get(lock), instance.previous_listening.get(lock));
    match Ref::<Instance>::from_index(previous).some() {
        Some(previous) => arena.get(previous)?.next_listening.set(lock, next),
        None => pipe.first_listening.set(lock, next),
    }
    match Ref::<Instance>::from_index(next).some() {
        Some(next) => arena.get(next)?.previous_listening.set(lock, previous),
        None => pipe.last_listening.set(lock, previous),
    }
    let is_any_left = pipe.first_listening.get(lock) != 0;
    announce_available(lock, pipe, is_any_left)
}

/// Sets or resets the event of those who wait for a listening instance.
fn announce_available(lock: &mut Txn<'static>, pipe: &Pipe, set: bool) -> Result<()> {
    match Ref::<Object>::from_index(pipe.available.get(lock)).some() {
        Some(event) => {
            let event = lock.arena().get(event)?;
            dispatcher::set_signal(lock, event, set)
        }
        None => Ok(()),
    }
}

/// Opens the client's end of the instance that has listened longest.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: there is no such pipe, or no server's end of it is open.
/// [`Status::PIPE_NOT_AVAILABLE`]: no instance listens. [`Status::ACCESS_DENIED`]: data does not flow that way.
///
/// # References
/// - SEMANTICS 5.2
pub fn open(name: &[u16], desired: u32, overlapped: bool, inherit: bool) -> Result<Handle> {
    let current = current()?;
    death::bury_the_dead(&current)?;
    let mut lock = current.begin()?;
    let arena = lock.arena();
    let target = name::find(&lock, &Name::pipe(name))?.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
    let pipe: &Pipe = arena.get(Ref::from_index(target))?;
    if pipe.servers.get(&lock) == 0 {
        return Err(Status::OBJECT_NAME_NOT_FOUND);
    }
    let access = access::grant(Kind::Pipe, desired | file::READ_ATTRIBUTES | access::SYNCHRONIZE)?;
    let flags = pipe.flags.get(&lock);
    if access & file::READ_DATA != 0 && flags & OUTBOUND == 0
        || access & file::WRITE_DATA != 0 && flags & INBOUND == 0
    {
        return Err(Status::ACCESS_DENIED);
    }
    let reference = Ref::<Instance>::from_index(pipe.first_listening.get(&lock));
    let reference = reference.some().ok_or(Status::PIPE_NOT_AVAILABLE)?;
    let instance: &'static Instance = arena.get(reference)?;
    stop_listening(&mut lock, instance, pipe)?;
    instance.state.set(&mut lock, state::CONNECTED);
    let flags = if overlapped { end_flag::OVERLAPPED } else { 0 };
    let end = make_end(&mut lock, reference, instance, CLIENT, flags)?;
    let handle = handle::insert(&mut lock, current.process(), end, access, inherit)?;
    channel::fail_queue(&mut lock, &instance.first_connect, &instance.last_connect, Status::SUCCESS)?;
    lock.commit()?;
    io::deliver_for(&current);
    Ok(handle)
}

/// Waits until a client connects; after a disconnect the instance listens again first.
///
/// # Errors
/// [`Status::PIPE_CONNECTED`]: a client is there. [`Status::PIPE_CLOSING`]: it was there and has closed its end.
/// [`Status::PIPE_LISTENING`]: none is there and the end does not wait. [`Status::ILLEGAL_FUNCTION`]: not a server's end.
/// [`Status::PIPE_BROKEN`]: the end was closed meanwhile. [`Status::PIPE_DISCONNECTED`]: it was disconnected.
/// [`Status::CANCELLED`]; [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - SEMANTICS 5.3, 5.4
pub fn listen(pipe: Handle, overlapped: Option<Overlapped>) -> Result<Outcome> {
    let current = current()?;
    let found = look_up(&current, pipe)?.require(Kind::Pipe, 0)?;
    if side_of(found.object.body[SIDE].peek()) != SERVER {
        return Err(Status::ILLEGAL_FUNCTION);
    }
    let is_overlapped = is_overlapped(found.object);
    let report = overlapped.map(|overlapped| Report::begin(&current, overlapped)).transpose()?;
    let mut lock = begin_call(&current, &found)?;
    let place = place_of(&lock, &found)?;
    let instance = place.instance;
    let refusal = match instance.state.get(&lock) {
        state::CONNECTED => Some(Status::PIPE_CONNECTED),
        state::CLOSING => Some(Status::PIPE_CLOSING),
        before => {
            if before == state::DISCONNECTED {
                let reference = Ref::from_index(found.object.body[INSTANCE].get(&lock) as u32);
                let pipe = place.pipe(&lock)?;
                listen_on(&mut lock, reference, instance, pipe)?;
            }
            (place.own_flags(&lock) & end_flag::NOWAIT != 0).then_some(Status::PIPE_LISTENING)
        }
    };
    dispatcher::set_signal(&mut lock, found.object, false)?;
    if let Some(status) = refusal {
        lock.commit()?;
        return Err(status);
    }
    let (reference, request) = io::issue(&mut lock, &current, Operation::Connect, found.reference, 0)?;
    io::enqueue(&mut lock, &instance.first_connect, &instance.last_connect, reference, request)?;
    if is_overlapped && let Some(report) = report {
        io::make_overlapped(&mut lock, &current, request, report, None)?;
        lock.commit()?;
        return Ok(Outcome::Pending);
    }
    io::wait_for(lock, &current, reference, request)?;
    let mut lock = current.begin()?;
    let (status, _) = io::result_of(&mut lock, &current, request);
    if status == Status::SUCCESS && report.is_none() {
        dispatcher::set_signal(&mut lock, found.object, true)?;
    }
    // The end may go with the request.
    io::forget(&mut lock, reference, request)?;
    lock.commit()?;
    if status != Status::SUCCESS {
        return Err(status);
    }
    if let Some(report) = report {
        report.finish(&current, &found, status, 0)?;
    }
    Ok(Outcome::done(0))
}

/// Sends the client away: all unread data is lost, everything that waits fails.
///
/// # Errors
/// [`Status::PIPE_DISCONNECTED`]: the instance is disconnected. [`Status::ILLEGAL_FUNCTION`]: not a server's end.
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - SEMANTICS 5.3
pub fn disconnect(pipe: Handle) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, pipe)?.require(Kind::Pipe, 0)?;
    let mut lock = begin_call(&current, &found)?;
    let place = place_of(&lock, &found)?;
    if !place.is_server() {
        return Err(Status::ILLEGAL_FUNCTION);
    }
    let instance = place.instance;
    match instance.state.get(&lock) {
        state::DISCONNECTED => return Err(Status::PIPE_DISCONNECTED),
        state::LISTENING => {
            let pipe = place.pipe(&lock)?;
            stop_listening(&mut lock, instance, pipe)?;
            let status = Status::PIPE_DISCONNECTED;
            channel::fail_queue(&mut lock, &instance.first_connect, &instance.last_connect, status)?;
        }
        _ => {
            for channel in &instance.channels {
                let status = Some(Status::PIPE_DISCONNECTED);
                channel::fail_all(&mut lock, channel, status, status)?;
                channel::discard(&mut lock, channel)?;
            }
            detach_client(&mut lock, instance)?;
        }
    }
    instance.state.set(&mut lock, state::DISCONNECTED);
    lock.commit()?;
    io::deliver_for(&current);
    Ok(())
}

/// Cuts the client's end off: its calls fail from now on.
fn detach_client(lock: &mut Txn<'static>, instance: &Instance) -> Result<()> {
    let end = &instance.ends[CLIENT];
    if let Some(object) = Ref::<Object>::from_index(end.object.get(lock)).some() {
        lock.arena().get(object)?.body[INSTANCE].set(lock, 0);
    }
    clear_end(lock, end);
    Ok(())
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

/// Takes a pending request out of the queue it waits in.
pub(crate) fn withdraw(
    lock: &mut Txn<'static>,
    _reference: Ref<Request>,
    request: &'static Request,
) -> Result<()> {
    let file: &Object = lock.arena().get(Ref::from_index(request.file.get(lock)))?;
    let Some((instance, side)) = instance_behind(lock, file)? else { return Err(Status::ARENA_CORRUPT) };
    if request.head.tag.get(lock) == Operation::Connect as u32 {
        return io::dequeue(lock, &instance.first_connect, &instance.last_connect, request);
    }
    channel::withdraw(lock, &instance.channels, side, request)
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
/// - SEMANTICS 5.10
pub fn wait_available(name: &[u16], timeout: PipeTimeout) -> Result<()> {
    let current = current()?;
    death::bury_the_dead(&current)?;
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

/// Modes of an end, and how many instances its pipe has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Reads return one message each.
    pub message_read: bool,
    /// Calls never wait.
    pub nowait: bool,
    /// Instances of which an end is open.
    pub instances: u32,
    /// The server's end.
    pub is_server: bool,
}

/// Reads an end's modes.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe. [`Status::PIPE_DISCONNECTED`]: the server has
/// sent this client away. [`Status::ACCESS_DENIED`]: the handle lacks FILE_READ_ATTRIBUTES.
pub fn state(pipe: Handle) -> Result<State> {
    let current = current()?;
    let found = look_up(&current, pipe)?.require(Kind::Pipe, file::READ_ATTRIBUTES)?;
    let lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    let flags = place.own_flags(&lock);
    Ok(State {
        message_read: flags & end_flag::MESSAGE_READ != 0,
        nowait: flags & end_flag::NOWAIT != 0,
        instances: place.pipe(&lock)?.count.get(&lock),
        is_server: place.is_server(),
    })
}

/// Sets an end's modes.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: message-reading a byte pipe. [`Status::ACCESS_DENIED`]: the handle lacks
/// FILE_WRITE_ATTRIBUTES. [`Status::PIPE_BUSY`]: something waits on the end, which should never wait from now on.
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - SEMANTICS 5.4, 5.11
pub fn set_mode(pipe: Handle, message_read: bool, nowait: bool) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, pipe)?.require(Kind::Pipe, file::WRITE_ATTRIBUTES)?;
    let mut lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    if message_read && !place.is_message_type(&lock)? {
        return Err(Status::INVALID_PARAMETER);
    }
    let before = place.own_flags(&lock);
    let waits = place.incoming().first_reader.get(&lock) != 0
        || place.outgoing().first_unsettled.get(&lock) != 0
        || place.is_server() && place.instance.first_connect.get(&lock) != 0;
    if nowait && before & end_flag::NOWAIT == 0 && waits {
        return Err(Status::PIPE_BUSY);
    }
    let mut flags = before & end_flag::OVERLAPPED;
    if message_read {
        flags |= end_flag::MESSAGE_READ;
    }
    if nowait {
        flags |= end_flag::NOWAIT;
    }
    place.own_end().flags.set(&mut lock, flags);
    lock.commit()
}

/// What a pipe is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// The handle is of the server's end.
    pub is_server: bool,
    /// Messages are kept apart.
    pub message_type: bool,
    /// Bytes from the server to the client that may lie unread before writers wait.
    pub out_quota: u32,
    /// The same from the client to the server.
    pub in_quota: u32,
    /// Most instances, [`UNLIMITED_INSTANCES`] for any number.
    pub max_instances: u32,
}

/// Tells what a pipe is like.
///
/// # Errors
/// As [`state()`].
pub fn info(pipe: Handle) -> Result<Info> {
    let current = current()?;
    let found = look_up(&current, pipe)?.require(Kind::Pipe, file::READ_ATTRIBUTES)?;
    let lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    let pipe = place.pipe(&lock)?;
    Ok(Info {
        is_server: place.is_server(),
        message_type: pipe.flags.get(&lock) & MESSAGE_TYPE != 0,
        out_quota: place.instance.channels[CLIENT].quota.get(&lock),
        in_quota: place.instance.channels[SERVER].quota.get(&lock),
        max_instances: pipe.maximum.get(&lock),
    })
}

/// Id of the process that opened the client's end.
///
/// # Errors
/// [`Status::NOT_FOUND`]: no client is connected. Else as [`state()`].
pub fn client_process_id(pipe: Handle) -> Result<u32> {
    end_process_id(pipe, CLIENT)
}

/// Id of the process that created the server's end.
///
/// # Errors
/// As [`client_process_id`].
pub fn server_process_id(pipe: Handle) -> Result<u32> {
    end_process_id(pipe, SERVER)
}

fn end_process_id(pipe: Handle, side: usize) -> Result<u32> {
    let current = current()?;
    let found = look_up(&current, pipe)?.require(Kind::Pipe, 0)?;
    let lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    match place.instance.ends[side].process_id.get(&lock) {
        0 => Err(Status::NOT_FOUND),
        id => Ok(id),
    }
}
