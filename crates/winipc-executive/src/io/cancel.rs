//! Requests that end before they are done: cancelled, or with the thread or process that issued them.

use std::collections::HashSet;

use crate::access;
use crate::arena::seat::SeatId;
use crate::arena::{Ref, Txn};
use crate::channel;
use crate::context::{Current, current};
use crate::dispatcher;
use crate::handle::{Handle, look_up, resolve};
use crate::records::{Kind, Object, Process, Request, Thread};
use crate::status::{Result, Status};
use crate::thread;

use super::delivery::deliver_for;
use super::request::{abort, dequeue, flag, forget, state, withdraw};

/// Cancels the calling thread's requests on a file. That there are none is no error.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file.
///
/// # References
/// - `docs/conformance.md`, 7.2
pub fn cancel_thread_requests(file: Handle) -> Result<()> {
    let current = current()?;
    let (_, found) = look_up(&current, file)?.require_file(0)?;
    let is_right = |lock: &Txn<'_>, request: &Request| request.thread.get(lock) == current.id.0;
    cancel_where(&current, found.reference, &is_right).map(|_| ())
}

/// Cancels the calling process's requests on a file: all, or the one with a status block.
///
/// # Errors
/// [`Status::NOT_FOUND`]: there is none. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file.
///
/// # References
/// - `docs/conformance.md`, 7.2
pub fn cancel_requests(file: Handle, block: Option<usize>) -> Result<()> {
    let current = current()?;
    let (_, found) = look_up(&current, file)?.require_file(0)?;
    let is_right =
        |lock: &Txn<'_>, request: &Request| block.is_none_or(|block| request.block.get(lock) == block as u64);
    if cancel_where(&current, found.reference, &is_right)? { Ok(()) } else { Err(Status::NOT_FOUND) }
}

/// Ends the calling process's requests of which the time has come: those with these numbers among what it keeps.
pub(super) fn expire(current: &Current, due: &HashSet<u32>) -> Result<()> {
    let is_due = |lock: &Txn<'_>, request: &Request| due.contains(&request.local.get(lock));
    abort_where(current, None, Status::IO_TIMEOUT, &is_due).map(|_| ())
}

fn cancel_where(
    current: &Current,
    file: Ref<Object>,
    is_right: &dyn Fn(&Txn<'_>, &Request) -> bool,
) -> Result<bool> {
    abort_where(current, Some(file), Status::CANCELLED, is_right)
}

fn abort_where(
    current: &Current,
    file: Option<Ref<Object>>,
    status: Status,
    is_right: &dyn Fn(&Txn<'_>, &Request) -> bool,
) -> Result<bool> {
    let is_right = |lock: &Txn<'_>, request: &Request| {
        file.is_none_or(|file| request.file.get(lock) == file.index()) && is_right(lock, request)
    };
    let mut any = false;
    loop {
        let mut lock = current.begin()?;
        let aborted = abort_some(&mut lock, current, status, &is_right)?;
        lock.commit()?;
        deliver_for(current);
        any |= aborted != 0;
        if aborted < REQUESTS_AT_A_TIME {
            return Ok(any);
        }
    }
}

/// Ends some requests, the newest first, so that none is let in by the end of one before it. Returns how many.
fn abort_some(
    lock: &mut Txn<'static>,
    current: &Current,
    status: Status,
    is_right: &dyn Fn(&Txn<'_>, &Request) -> bool,
) -> Result<u32> {
    let arena = lock.arena();
    let mut aborted = 0;
    let mut next = current.process().first_request.get(lock);
    while let Some(reference) = Ref::<Request>::from_index(next).some() {
        lock.step()?;
        let request: &'static Request = arena.get(reference)?;
        next = request.process_next.get(lock);
        if request.state.get(lock) == state::PENDING && is_right(lock, request) {
            abort(lock, reference, request, status)?;
            aborted += 1;
            if aborted == REQUESTS_AT_A_TIME {
                break;
            }
        }
    }
    Ok(aborted)
}

/// Cancels one pending request.
fn cancel(lock: &mut Txn<'static>, reference: Ref<Request>, request: &'static Request) -> Result<()> {
    abort(lock, reference, request, Status::CANCELLED)
}

/// Cancels the blocking call that a thread is in.
///
/// # Errors
/// [`Status::NOT_FOUND`]: it is in none. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no thread.
/// [`Status::ACCESS_DENIED`]: the handle lacks THREAD_TERMINATE.
///
/// # References
/// - `docs/conformance.md`, 7.2
pub fn cancel_synchronous(thread: Handle) -> Result<()> {
    let current = current()?;
    let found = resolve(&current, thread)?.require(Kind::Thread, access::THREAD_TERMINATE)?;
    let id = thread::seat_of(found.object);
    let mut lock = current.begin()?;
    let arena = lock.arena();
    if arena.get(id.seat())?.id(id.seat()) != id {
        return Err(Status::NOT_FOUND);
    }
    let thread: &Thread = arena.get(Ref::from_index(id.seat().index()))?;
    let reference =
        Ref::<Request>::from_index(thread.synchronous.get(&lock)).some().ok_or(Status::NOT_FOUND)?;
    let request: &'static Request = arena.get(reference)?;
    if request.state.get(&lock) != state::PENDING {
        return Err(Status::NOT_FOUND);
    }
    cancel(&mut lock, reference, request)?;
    lock.commit()?;
    deliver_for(&current);
    Ok(())
}

/// Ends some requests of a thread that has ended: those still pending are cancelled, what it was reading is let go.
/// Returns whether there are more.
pub(crate) fn thread_ended(
    lock: &mut Txn<'static>,
    process: &Process,
    thread: &Thread,
    id: SeatId,
) -> Result<bool> {
    let arena = lock.arena();
    channel::thread_ended(lock, thread)?;
    let mut ended = 0;
    let mut next = process.first_request.get(lock);
    while let Some(reference) = Ref::<Request>::from_index(next).some() {
        lock.step()?;
        let request: &'static Request = arena.get(reference)?;
        next = request.process_next.get(lock);
        let is_pending = request.state.get(lock) == state::PENDING;
        let is_synchronous = request.flags.get(lock) & flag::SYNCHRONOUS != 0;
        if request.thread.get(lock) != id.0 || !is_pending && !is_synchronous {
            continue;
        }
        if ended == REQUESTS_AT_A_TIME {
            return Ok(true);
        }
        ended += 1;
        if is_pending {
            if is_synchronous {
                withdraw(lock, request)?;
            } else {
                cancel(lock, reference, request)?;
            }
        }
        if is_synchronous {
            // Nobody is left to take its result.
            forget(lock, reference, request)?;
        }
    }
    thread.synchronous.set(lock, 0);
    Ok(false)
}

/// Requests ended under one hold of the lock when they are cancelled, or a thread or a process is buried. For each the
/// queue of its messages may have to be followed from the start, and a transaction takes eight steps for each record: a
/// pending write has two, itself and its message.
const REQUESTS_AT_A_TIME: u32 = 8;

/// Withdraws and forgets requests of a process that has ended. Returns whether there are more.
pub(crate) fn drop_requests(lock: &mut Txn<'static>, process: &Process) -> Result<bool> {
    let arena = lock.arena();
    for _ in 0..REQUESTS_AT_A_TIME {
        let Some(reference) = Ref::<Request>::from_index(process.first_request.get(lock)).some() else {
            return Ok(false);
        };
        let request: &'static Request = arena.get(reference)?;
        if request.state.get(lock) == state::PENDING {
            withdraw(lock, request)?;
            // Others may have been given the event.
            request.status.set(lock, Status::CANCELLED.0);
            if let Some(event) = Ref::<Object>::from_index(request.event.get(lock)).some() {
                dispatcher::set_signal(lock, arena.get(event)?, true)?;
            }
        } else if request.flags.get(lock) & flag::SYNCHRONOUS == 0 {
            // Others may complete more requests of the process before the next step: the list stays whole.
            dequeue(lock, &process.first_completed, &process.last_completed, request)?;
        }
        forget(lock, reference, request)?;
    }
    Ok(true)
}
