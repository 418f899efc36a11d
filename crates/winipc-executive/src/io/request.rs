//! A request's life: issued, queued, waited for, completed and forgotten.

use crate::apc::{self, Queued};
use crate::arena::block::BlockRef;
use crate::arena::futex::{self, Deadline};
use crate::arena::seat::SeatId;
use crate::arena::wake::phase;
use crate::arena::word::Guarded32;
use crate::arena::{Arena, Ref, Txn};
use crate::channel;
use crate::context::Current;
use crate::dispatcher::{self, status};
use crate::io::end;
use crate::keeper;
use crate::mailslot;
use crate::object;
use crate::pipe;
use crate::quota::MOST_REQUESTS;
use crate::records::{Kind, Object, Process, Request, Thread};
use crate::spin::Spinner;
use crate::status::{Result, Status};

use super::delivery::deliver_for;

/// What a request does: the tag of its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Operation {
    Read = 1,
    Write = 2,
    Connect = 3,
    Flush = 4,
}

impl Operation {
    pub(crate) fn from_tag(tag: u32) -> Option<Self> {
        [Operation::Read, Operation::Write, Operation::Connect, Operation::Flush]
            .into_iter()
            .find(|operation| *operation as u32 == tag)
    }
}

/// Values of a request's state.
pub(crate) mod state {
    /// In a queue of its file.
    pub(crate) const PENDING: u32 = 1;
    /// Its result is in; it waits to be delivered or taken.
    pub(crate) const COMPLETED: u32 = 2;
}

/// Flags of a request.
pub(crate) mod flag {
    /// The call was made on a handle for blocking use, or without a status block.
    pub(crate) const SYNCHRONOUS: u32 = 1;
    /// The bound completion port gets no packet.
    pub(crate) const NO_PACKET: u32 = 2;
}

/// Makes a request for the calling thread and enters it into its process's list. It is in no queue yet.
///
/// # Errors
/// [`Status::NO_MEMORY`]: the process has too many, as ReadFile and WriteFile say, or there is no room.
pub(crate) fn issue(
    lock: &mut Txn<'static>,
    current: &Current,
    operation: Operation,
    file: Ref<Object>,
    length: usize,
) -> Result<(Ref<Request>, &'static Request)> {
    let process = current.process();
    let count = process.requests.get(lock).saturating_add(1);
    if count > MOST_REQUESTS {
        return Err(Status::NO_MEMORY);
    }
    process.requests.set(lock, count);
    let reference = lock.allocate::<Request>(operation as u32)?;
    let arena = lock.arena();
    let request: &Request = arena.get(reference)?;
    let first = process.first_request.get(lock);
    for (word, value) in [
        (&request.state, state::PENDING),
        (&request.process, current.context.process.index()),
        (&request.thread, current.id.0),
        (&request.file, file.index()),
        (&request.wait, 0),
        (&request.status, Status::PENDING.0),
        (&request.information, 0),
        (&request.length, u32::try_from(length).unwrap_or(u32::MAX)),
        (&request.message, 0),
        (&request.offset, 0),
        (&request.event, 0),
        (&request.local, 0),
        (&request.next, 0),
        (&request.previous, 0),
        (&request.process_next, first),
        (&request.process_previous, 0),
        (&request.flags, 0),
    ] {
        word.set(lock, value);
    }
    request.routine.set(lock, 0);
    request.block.set(lock, 0);
    if let Some(first) = Ref::<Request>::from_index(first).some() {
        arena.get(first)?.process_previous.set(lock, reference.index());
    }
    process.first_request.set(lock, reference.index());
    object::retain(lock, arena.get(file)?);
    Ok((reference, request))
}

/// Completes a request, which has left its queue: whoever waits for it is told.
pub(crate) fn complete(
    lock: &mut Txn<'static>,
    reference: Ref<Request>,
    request: &Request,
    result: Status,
    information: u32,
) -> Result<()> {
    let arena = lock.arena();
    request.state.set(lock, state::COMPLETED);
    request.status.set(lock, result.0);
    request.information.set(lock, information);
    let issuer = SeatId(request.thread.get(lock));
    let wait = request.wait.get(lock);
    if request.flags.get(lock) & flag::SYNCHRONOUS != 0 {
        let file: &Object = arena.get(Ref::from_index(request.file.get(lock)))?;
        end::request_ends(lock, file, reference)?;
        let thread: &Thread = arena.get(Ref::from_index(issuer.seat().index()))?;
        let is_waiting = thread.status.get(lock) & status::MASK == status::WAITING;
        if wait != 0 && is_waiting && thread.wait.get(lock) == wait - 1 {
            thread.status.set(lock, status::SATISFIED | status::UNLINKED);
            lock.wake_after(issuer.seat(), wait - 1, phase::DONE);
        }
        return Ok(());
    }
    let file: &Object = arena.get(Ref::from_index(request.file.get(lock)))?;
    match Ref::<Object>::from_index(request.event.get(lock)).some() {
        Some(event_reference) => {
            let event = arena.get(event_reference)?;
            dispatcher::set_signal(lock, event, true)?;
            request.event.set(lock, 0);
            object::release(lock, event_reference)?;
        }
        None => dispatcher::set_signal(lock, file, true)?,
    }
    let process_reference = Ref::<Process>::from_index(request.process.get(lock));
    let process = arena.get(process_reference)?;
    enqueue(lock, &process.first_completed, &process.last_completed, reference, request)?;
    let routine = request.routine.get(lock);
    if routine != 0 {
        match apc::append(lock, issuer, Queued::Kept(routine), Ref::NONE) {
            Ok(()) | Err(Status::UNSUCCESSFUL) => {} // the thread has ended: its routines are dropped
            Err(status) => return Err(status),
        }
    }
    // The issuer's own calls deliver before they return, and so does a thread of its that is woken. Else the keeper
    // does.
    if lock.process() != process_reference.index() && !lock.wakes_thread_of(process_reference) {
        lock.ring_after(keeper::doorbell(process));
    }
    Ok(())
}

/// Takes a request out of its process's list and frees it, with what it still holds.
pub(crate) fn forget(lock: &mut Txn<'static>, reference: Ref<Request>, request: &Request) -> Result<()> {
    let arena = lock.arena();
    let process: &Process = arena.get(Ref::from_index(request.process.get(lock)))?;
    let count = process.requests.get(lock);
    process.requests.set(lock, count.saturating_sub(1));
    let (next, previous) = (request.process_next.get(lock), request.process_previous.get(lock));
    match Ref::<Request>::from_index(previous).some() {
        Some(previous) => arena.get(previous)?.process_next.set(lock, next),
        None => process.first_request.set(lock, next),
    }
    if let Some(next) = Ref::<Request>::from_index(next).some() {
        arena.get(next)?.process_previous.set(lock, previous);
    }
    if request.head.tag.get(lock) == Operation::Read as u32 {
        let message = BlockRef(request.message.get(lock));
        if !message.is_none() {
            channel::unpin(lock, message)?;
        }
    }
    if let Some(event) = Ref::<Object>::from_index(request.event.get(lock)).some() {
        object::release(lock, event)?;
    }
    let file = Ref::from_index(request.file.get(lock));
    end::request_ends(lock, arena.get(file)?, reference)?;
    lock.free(reference)?;
    object::release(lock, file)
}

/// How a blocking call waits for its request.
#[derive(Default)]
pub(crate) struct Wait {
    /// With it the thread spins before it sleeps.
    pub(crate) spinner: Option<Spinner>,
    /// When the request fails with [`Status::IO_TIMEOUT`], in nanoseconds of the monotonic clock; `None` for never.
    pub(crate) deadline: Option<u64>,
}

/// Takes a pending request out of the queue of its file that it waits in.
pub(super) fn withdraw(lock: &mut Txn<'static>, request: &'static Request) -> Result<()> {
    let file: &Object = lock.arena().get(Ref::from_index(request.file.get(lock)))?;
    match Kind::from_tag(file.head.tag.get(lock)) {
        Some(Kind::Pipe) => pipe::withdraw(lock, request),
        Some(Kind::Mailslot) => mailslot::withdraw(lock, file, request),
        // It waits in none: its thread tries again by itself.
        Some(Kind::File) => Ok(()),
        _ => Err(Status::ARENA_CORRUPT),
    }
}

/// Ends a request that is still pending.
pub(super) fn abort(
    lock: &mut Txn<'static>,
    reference: Ref<Request>,
    request: &'static Request,
    status: Status,
) -> Result<()> {
    withdraw(lock, request)?;
    complete(lock, reference, request, status, 0)?;
    let file: &Object = lock.arena().get(Ref::from_index(request.file.get(lock)))?;
    if file.head.tag.get(lock) == Kind::File.tag() {
        // Its thread sleeps on a descriptor, and on a bell that the keeper of its process rings.
        let process: &Process = lock.arena().get(Ref::from_index(request.process.get(lock)))?;
        lock.ring_after(keeper::doorbell(process));
    }
    Ok(())
}

/// Commits a transaction that has queued a request of the calling thread's, and sleeps until it is complete.
pub(crate) fn wait_for(
    lock: Txn<'static>,
    current: &Current,
    reference: Ref<Request>,
    request: &'static Request,
    mut wait: Wait,
) -> Result<()> {
    let number = begin_wait(lock, current, reference, request)?;
    let word = &current.seat_record.wake.0;
    if let Some(mut spinner) = wait.spinner {
        spinner.spin(|| word.load() & phase::MASK == phase::DONE);
    }
    loop {
        let seen = word.load();
        match seen & phase::MASK {
            phase::DONE => break,
            phase::ARMED | phase::LOOK => {
                let _ = word.compare_exchange(seen, number | phase::ASLEEP);
            }
            _ if wait.deadline.is_some_and(|deadline| futex::monotonic_now() >= deadline) => {
                let mut lock = current.begin()?;
                // Somebody may have completed it since, and its end be about to be announced.
                if request.state.get(&lock) == state::PENDING {
                    abort(&mut lock, reference, request, Status::IO_TIMEOUT)?;
                }
                lock.commit()?;
                wait.deadline = None;
            }
            _ => futex::wait(word, seen, wait.deadline.map(Deadline::Monotonic)),
        }
    }
    current.thread.acknowledged.store(number);
    // Nor was the keeper asked to deliver what was completed together with it.
    deliver_for(current);
    Ok(())
}

/// Commits a transaction that has queued a request of the calling thread's, for which it sleeps from now on. Returns
/// the number of the wait.
#[inline(always)]
pub(crate) fn begin_wait(
    mut lock: Txn<'static>,
    current: &Current,
    reference: Ref<Request>,
    request: &Request,
) -> Result<u32> {
    let thread = current.thread;
    let number = thread.wait.get(&lock).wrapping_add(phase::MASK + 1);
    let flags = request.flags.get(&lock) | flag::SYNCHRONOUS;
    request.flags.set(&mut lock, flags);
    request.wait.set(&mut lock, number + 1);
    let file: &Object = lock.arena().get(Ref::from_index(request.file.get(&lock)))?;
    end::request_begins(&mut lock, file, reference)?;
    thread.wait.set(&mut lock, number);
    thread.count.set(&mut lock, 0);
    thread.status.set(&mut lock, status::WAITING);
    thread.synchronous.set(&mut lock, reference.index());
    thread.blocked_since.store_relaxed(futex::monotonic_now());
    current.seat_record.wake.0.store(number | phase::ARMED);
    lock.commit()?;
    // What the call has completed of its own process's does not wait for the call's own end.
    deliver_for(current);
    Ok(number)
}

/// Ends a wait that began with [`begin_wait`], whether or not the request is complete, and forgets the request.
pub(crate) fn end_wait(
    current: &Current,
    number: u32,
    reference: Ref<Request>,
    request: &'static Request,
) -> Result<()> {
    let thread = current.thread;
    let mut lock = current.begin()?;
    thread.synchronous.set(&mut lock, 0);
    thread.status.set(&mut lock, status::IDLE);
    forget(&mut lock, reference, request)?;
    lock.commit()?;
    thread.acknowledged.store(number);
    Ok(())
}

/// Takes the result of a blocking request: status, bytes moved, and where they lie. The caller forgets the request.
pub(crate) fn result_of(lock: &mut Txn<'static>, current: &Current, request: &Request) -> (Status, usize) {
    current.thread.synchronous.set(lock, 0);
    (Status(request.status.get(lock)), request.information.get(lock) as usize)
}

/// Enters a request at the end of a queue: a pipe's, or that of a process's completed ones.
pub(crate) fn enqueue(
    lock: &mut Txn<'_>,
    first: &Guarded32,
    last: &Guarded32,
    reference: Ref<Request>,
    request: &Request,
) -> Result<()> {
    let before = last.get(lock);
    request.next.set(lock, 0);
    request.previous.set(lock, before);
    match Ref::<Request>::from_index(before).some() {
        Some(before) => lock.arena().get(before)?.next.set(lock, reference.index()),
        None => first.set(lock, reference.index()),
    }
    last.set(lock, reference.index());
    Ok(())
}

/// Takes a request out of a queue.
pub(crate) fn dequeue(
    lock: &mut Txn<'_>,
    first: &Guarded32,
    last: &Guarded32,
    request: &Request,
) -> Result<()> {
    let arena: &Arena = lock.arena();
    let (next, previous) = (request.next.get(lock), request.previous.get(lock));
    match Ref::<Request>::from_index(previous).some() {
        Some(previous) => arena.get(previous)?.next.set(lock, next),
        None => first.set(lock, next),
    }
    match Ref::<Request>::from_index(next).some() {
        Some(next) => arena.get(next)?.previous.set(lock, previous),
        None => last.set(lock, previous),
    }
    Ok(())
}
