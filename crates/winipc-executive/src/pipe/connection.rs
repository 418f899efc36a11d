//! Connections: instances that listen, and how a client's end comes and is sent away.

use crate::access::{self, file};
use crate::arena::{Ref, Txn};
use crate::context::current;
use crate::handle::{self, Handle, look_up};
use crate::io::end::{CLIENT, SERVER, SIDE, begin_call, is_overlapped, side_of};
use crate::io::{self, Operation, Outcome, Overlapped, Report};
use crate::name::{self, Name};
use crate::records::{Instance, Kind, Object, Pipe};
use crate::status::{Result, Status};
use crate::{death, dispatcher};

use super::availability::announce_available;
use super::instance::{clear_end, make_end};
use super::{INBOUND, INSTANCE, OUTBOUND, end_flag, place_of, state};
use crate::channel;

/// Puts an instance at the end of those that listen.
pub(super) fn listen_on(
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
pub(super) fn stop_listening(lock: &mut Txn<'static>, instance: &Instance, pipe: &Pipe) -> Result<()> {
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

/// Opens the client's end of the instance that has listened longest.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: there is no such pipe, or no server's end of it is open.
/// [`Status::PIPE_NOT_AVAILABLE`]: no instance listens. [`Status::ACCESS_DENIED`]: data does not flow that way.
///
/// # References
/// - `docs/conformance.md`, 5.2
pub fn open(name: &[u16], desired: u32, overlapped: bool, inherit: bool) -> Result<Handle> {
    let current = current()?;
    death::bury_the_dead(&current);
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
/// [`Status::PIPE_LISTENING`]: none is there and the end does not wait. [`Status::ILLEGAL_FUNCTION`]: not a server's
/// end. [`Status::PIPE_BROKEN`]: the end was closed meanwhile. [`Status::PIPE_DISCONNECTED`]: it was disconnected.
/// [`Status::CANCELLED`]: the request was cancelled. [`Status::INVALID_HANDLE`],
/// [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - `docs/conformance.md`, 5.3, 5.4
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
        return io::pend(lock, &current, request, report, None, None);
    }
    io::wait_for(lock, &current, reference, request, io::Wait::default())?;
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
/// - `docs/conformance.md`, 5.3
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
    channel::sweep(&current);
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
