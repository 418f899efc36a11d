//! Requests: all input and output.
//!
//! A call that can be done at once is done. Every other becomes a request, which somebody completes: who brings what it
//! waits for, who cancels it, or who buries its issuer. A blocking call is a request and a wait for it. An overlapped
//! one is delivered: its bytes and its result reach the caller's memory in the caller's process, before any call
//! returns through which the caller could learn that it is complete.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::access;
use crate::apc::{self, Apc};
use crate::arena::block::BlockRef;
use crate::arena::futex;
use crate::arena::seat::SeatId;
use crate::arena::state::generation_of;
use crate::arena::transaction::phase;
use crate::arena::{Arena, Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::{self, status};
use crate::handle::{Found, Handle, look_up, resolve};
use crate::keeper;
use crate::object;
use crate::pipe;
use crate::records::{Kind, Object, Process, Request, Thread};
use crate::status::{Result, Status};
use crate::thread;

pub use crate::arena::user::{ReadBuffer, StatusBlock};

/// How an overlapped call reports.
#[derive(Debug)]
pub struct Overlapped {
    /// Where the result is written.
    pub block: StatusBlock,
    /// An event, reset at the start and set at completion; without one the file itself is signaled.
    pub event: Option<Handle>,
    /// Address of a completion routine, run as an asynchronous procedure call of the issuing thread.
    pub routine: Option<usize>,
    /// No packet goes to the file's completion port.
    pub no_packet: bool,
}

/// What a call that starts a request returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The request is complete.
    Done {
        /// [`Status::SUCCESS`], or [`Status::BUFFER_OVERFLOW`] if a message was longer than the buffer.
        status: Status,
        /// Bytes moved.
        information: usize,
    },
    /// It will be complete later.
    Pending,
}

impl Outcome {
    pub(crate) const fn done(information: usize) -> Self {
        Outcome::Done { status: Status::SUCCESS, information }
    }
}

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

/// What only the issuing process may know of a request.
#[derive(Debug)]
struct Local {
    buffer: Option<ReadBuffer>,
    block: StatusBlock,
}

/// What a process keeps of its requests outside the arena. It belongs to the attachment, so that a child forked while a
/// thread of its parent delivers does not find these locks taken for ever.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// Addresses of pending requests: who scribbles over the arena must not make us write anywhere.
    locals: Mutex<Locals>,
    /// Held while somebody delivers, so that others wait until the bytes are there.
    one_at_a_time: Mutex<()>,
}

#[derive(Debug, Default)]
struct Locals {
    next: u32,
    entries: HashMap<u32, Local>,
}

impl Deliveries {
    fn locals(&self) -> MutexGuard<'_, Locals> {
        self.locals.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn keep(&self, local: Local) -> u32 {
        let mut locals = self.locals();
        loop {
            let number = locals.next.wrapping_add(1).max(1);
            locals.next = number;
            if let std::collections::hash_map::Entry::Vacant(place) = locals.entries.entry(number) {
                place.insert(local);
                return number;
            }
        }
    }

    fn take(&self, number: u32) -> Option<Local> {
        self.locals().entries.remove(&number)
    }
}

/// What a call reports through, ready for use: the event resolved.
pub(crate) struct Report {
    pub(crate) block: StatusBlock,
    event: Option<Found>,
    routine: Option<usize>,
    no_packet: bool,
}

impl Report {
    /// Resolves the event and begins: the status block says pending, the event is reset.
    pub(crate) fn begin(current: &Current, overlapped: Overlapped) -> Result<Self> {
        let event = match overlapped.event {
            Some(handle) => Some(look_up(current, handle)?.require(Kind::Event, access::MODIFY_STATE)?),
            None => None,
        };
        if let Some(handle) = overlapped.event {
            crate::event::reset(handle)?;
        }
        overlapped.block.begin();
        Ok(Report {
            block: overlapped.block,
            event,
            routine: overlapped.routine,
            no_packet: overlapped.no_packet,
        })
    }

    /// Reports a request that was done at once.
    pub(crate) fn finish(
        &self,
        current: &Current,
        file: &Found,
        status: Status,
        information: usize,
    ) -> Result<()> {
        self.block.complete(status, information);
        let mut lock = current.begin()?;
        // Starting made the file nonsignaled; with an event of the call's own it stays so. Another thread may have closed
        // it since, and its slot be a stranger's.
        if file.is_current(&lock) {
            dispatcher::set_signal(&mut lock, file.object, self.event.is_none())?;
        }
        if let Some(event) = &self.event
            && event.is_current(&lock)
        {
            dispatcher::set_signal(&mut lock, event.object, true)?;
        }
        if let Some(address) = self.routine {
            let call = Apc::Io { address, status, information, block: self.block.address() };
            apc::append(&mut lock, current.id, &call, Ref::NONE)?;
        }
        lock.commit()
    }
}

/// Makes a request for the calling thread and enters it into its process's list. It is in no queue yet.
pub(crate) fn issue(
    lock: &mut Txn<'static>,
    current: &Current,
    operation: Operation,
    file: Ref<Object>,
    length: usize,
) -> Result<(Ref<Request>, &'static Request)> {
    let reference = lock.allocate::<Request>(operation as u32)?;
    let arena = lock.arena();
    let request: &Request = arena.get(reference)?;
    let process = current.process();
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

/// Gives a request an asynchronous way to report. What was resolved for the call is counted for the request.
pub(crate) fn make_overlapped(
    lock: &mut Txn<'static>,
    current: &Current,
    request: &Request,
    report: Report,
    buffer: Option<ReadBuffer>,
) -> Result<()> {
    if let Some(event) = &report.event {
        if !event.is_current(lock) {
            return Err(Status::INVALID_HANDLE);
        }
        request.event.set(lock, event.reference.index());
        request.event_generation.set(lock, generation_of(event.state));
        object::retain(lock, event.object);
    }
    request.routine.set(lock, report.routine.unwrap_or(0) as u64);
    request.block.set(lock, report.block.address() as u64);
    request.flags.set(lock, if report.no_packet { flag::NO_PACKET } else { 0 });
    let local = current.context.deliveries.keep(Local { buffer, block: report.block });
    request.local.set(lock, local);
    Ok(())
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
        pipe::request_ends(lock, file, reference)?;
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
    let process: &Process = arena.get(Ref::from_index(request.process.get(lock)))?;
    let last = process.last_completed.get(lock);
    request.next.set(lock, 0);
    request.previous.set(lock, last);
    match Ref::<Request>::from_index(last).some() {
        Some(last) => arena.get(last)?.next.set(lock, reference.index()),
        None => process.first_completed.set(lock, reference.index()),
    }
    process.last_completed.set(lock, reference.index());
    let routine = request.routine.get(lock) as usize;
    if routine != 0 {
        let block = request.block.get(lock) as usize;
        let call = Apc::Io { address: routine, status: result, information: information as usize, block };
        match apc::append(lock, issuer, &call, Ref::NONE) {
            Ok(()) | Err(Status::UNSUCCESSFUL) => {} // the thread has ended: its routines are dropped
            Err(status) => return Err(status),
        }
    }
    // The issuer's own calls deliver before they return, and so does a thread of its that is woken. Else the keeper does.
    let is_own = lock.is_of_process(Ref::<Process>::from_index(request.process.get(lock)));
    if !is_own && !lock.wakes_thread_of(Ref::<Process>::from_index(request.process.get(lock))) {
        lock.ring_after(keeper::doorbell(process));
    }
    Ok(())
}

/// Takes a request out of its process's list and frees it, with what it still holds.
pub(crate) fn forget(lock: &mut Txn<'static>, reference: Ref<Request>, request: &Request) -> Result<()> {
    let arena = lock.arena();
    let process: &Process = arena.get(Ref::from_index(request.process.get(lock)))?;
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
            pipe::unpin(lock, message)?;
        }
    }
    if let Some(event) = Ref::<Object>::from_index(request.event.get(lock)).some() {
        object::release(lock, event)?;
    }
    let file = Ref::from_index(request.file.get(lock));
    pipe::request_ends(lock, arena.get(file)?, reference)?;
    lock.free(reference)?;
    object::release(lock, file)
}

/// Commits a transaction that has queued a request of the calling thread's, and sleeps until it is complete.
pub(crate) fn wait_for(
    mut lock: Txn<'static>,
    current: &Current,
    reference: Ref<Request>,
    request: &Request,
) -> Result<()> {
    let thread = current.thread;
    let number = thread.wait.get(&lock).wrapping_add(phase::MASK + 1);
    let flags = request.flags.get(&lock) | flag::SYNCHRONOUS;
    request.flags.set(&mut lock, flags);
    request.wait.set(&mut lock, number + 1);
    let file: &Object = lock.arena().get(Ref::from_index(request.file.get(&lock)))?;
    pipe::request_begins(&mut lock, file, reference)?;
    thread.wait.set(&mut lock, number);
    thread.count.set(&mut lock, 0);
    thread.status.set(&mut lock, status::WAITING);
    thread.synchronous.set(&mut lock, reference.index());
    thread.blocked_since.store_relaxed(futex::monotonic_now());
    let word = &current.seat_record.wake.0;
    word.store(number | phase::ARMED);
    lock.commit()?;
    // What the call has completed of its own process's does not wait for the call's own end.
    deliver_for(current);
    loop {
        let seen = word.load();
        match seen & phase::MASK {
            phase::DONE => break,
            phase::ARMED | phase::LOOK => {
                let _ = word.compare_exchange(seen, number | phase::ASLEEP);
            }
            _ => futex::wait(word, seen, None),
        }
    }
    thread.acknowledged.store(number);
    // Nor was the keeper asked to deliver what was completed together with it.
    deliver_for(current);
    Ok(())
}

/// Takes the result of a blocking request: status, bytes moved, and where they lie. The caller forgets the request.
pub(crate) fn result_of(lock: &mut Txn<'static>, current: &Current, request: &Request) -> (Status, usize) {
    current.thread.synchronous.set(lock, 0);
    (Status(request.status.get(lock)), request.information.get(lock) as usize)
}

/// Delivers all completed requests of the calling process to their buffers and status blocks. Cheap when there are none,
/// and does nothing in a process that is not attached.
pub fn deliver() {
    if let Ok(current) = current() {
        deliver_for(&current);
    }
}

#[inline]
pub(crate) fn deliver_for(current: &Current) {
    // What is being delivered stays in the list until it is.
    if current.process().first_completed.peek() != 0 {
        deliver_all(current);
    }
}

#[cold]
fn deliver_all(current: &Current) {
    // Whoever delivers may have been halted for good when this thread began to end the process.
    if current.is_leaver() {
        return;
    }
    let one_at_a_time = &current.context.deliveries.one_at_a_time;
    let _guard = one_at_a_time.lock().unwrap_or_else(|poison| poison.into_inner());
    while current.process().first_completed.peek() != 0 {
        if deliver_first(current).is_err() {
            break;
        }
    }
}

fn deliver_first(current: &Current) -> Result<()> {
    let lock = current.begin()?;
    let arena = lock.arena();
    let process = current.process();
    let Some(reference) = Ref::<Request>::from_index(process.first_completed.get(&lock)).some() else {
        return Ok(());
    };
    let request: &'static Request = arena.get(reference)?;
    let local = current.context.deliveries.take(request.local.get(&lock));
    let message = BlockRef(request.message.get(&lock));
    let offset = request.offset.get(&lock) as usize;
    let (result, count) = (Status(request.status.get(&lock)), request.information.get(&lock) as usize);
    let is_read = request.head.tag.get(&lock) == Operation::Read as u32;
    lock.commit()?;
    // The request stays in the list meanwhile: it keeps the message, and others wait until it is delivered.
    if let Some(local) = &local {
        // The caller takes a read's count at its word, so it must have been copied.
        let copied = match &local.buffer {
            Some(buffer) if is_read && count != 0 => buffer.fill(arena, message, offset, 0, count),
            _ => Ok(()),
        };
        match copied {
            Ok(()) => local.block.complete(result, count),
            Err(status) => local.block.complete(status, 0),
        }
    }
    let mut lock = current.begin()?;
    let after = request.next.get(&lock);
    process.first_completed.set(&mut lock, after);
    match Ref::<Request>::from_index(after).some() {
        Some(after) => arena.get(after)?.previous.set(&mut lock, 0),
        None => process.last_completed.set(&mut lock, 0),
    }
    forget(&mut lock, reference, request)?;
    lock.commit()
}

/// Reads from a file.
///
/// On a file for blocking use, or without `overlapped`, the call returns when the request is complete.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file. [`Status::ACCESS_DENIED`]: the handle may not
/// read. For pipes [`Status::PIPE_BROKEN`], [`Status::PIPE_DISCONNECTED`], [`Status::PIPE_LISTENING`],
/// [`Status::PIPE_EMPTY`]; [`Status::CANCELLED`].
///
/// # References
/// - SEMANTICS 5.5, 7.1
pub fn read(file: Handle, buffer: ReadBuffer, overlapped: Option<Overlapped>) -> Result<Outcome> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::Pipe, access::file::READ_DATA)?;
    let outcome = pipe::read(&current, &found, buffer, overlapped);
    deliver_for(&current);
    outcome
}

/// Writes to a file. The bytes are copied before the call returns.
///
/// # Errors
/// As [`read`], and for pipes [`Status::PIPE_CLOSING`].
///
/// # References
/// - SEMANTICS 5.7, 7.1
pub fn write(file: Handle, data: &[u8], overlapped: Option<Overlapped>) -> Result<Outcome> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::Pipe, 0)?;
    if found.access & (access::file::WRITE_DATA | access::file::APPEND_DATA) == 0 {
        return Err(Status::ACCESS_DENIED);
    }
    let outcome = pipe::write(&current, &found, data, overlapped);
    deliver_for(&current);
    outcome
}

/// Waits until the other side has read everything written before the call.
///
/// # Errors
/// As [`write()`].
///
/// # References
/// - SEMANTICS 5.8
pub fn flush(file: Handle) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::Pipe, access::file::WRITE_DATA)?;
    pipe::flush(&current, &found)
}

/// Whether calls on a file with a status block may return before they are done.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file.
pub fn is_overlapped(file: Handle) -> Result<bool> {
    let found = look_up(&current()?, file)?.require(Kind::Pipe, 0)?;
    Ok(pipe::is_overlapped(found.object))
}

/// Cancels the calling thread's requests on a file. That there are none is no error.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file.
///
/// # References
/// - SEMANTICS 7.2
pub fn cancel_thread_requests(file: Handle) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::Pipe, 0)?;
    let is_right = |lock: &Txn<'_>, request: &Request| request.thread.get(lock) == current.id.0;
    cancel_where(&current, found.reference, &is_right).map(|_| ())
}

/// Cancels the calling process's requests on a file: all, or the one with a status block.
///
/// # Errors
/// [`Status::NOT_FOUND`]: there is none. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file.
///
/// # References
/// - SEMANTICS 7.2
pub fn cancel_requests(file: Handle, block: Option<usize>) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::Pipe, 0)?;
    let is_right =
        |lock: &Txn<'_>, request: &Request| block.is_none_or(|block| request.block.get(lock) == block as u64);
    if cancel_where(&current, found.reference, &is_right)? { Ok(()) } else { Err(Status::NOT_FOUND) }
}

fn cancel_where(
    current: &Current,
    file: Ref<Object>,
    is_right: &dyn Fn(&Txn<'_>, &Request) -> bool,
) -> Result<bool> {
    let mut lock = current.begin()?;
    let arena = lock.arena();
    let mut any = false;
    let mut next = current.process().first_request.get(&lock);
    while let Some(reference) = Ref::<Request>::from_index(next).some() {
        lock.step()?;
        let request: &'static Request = arena.get(reference)?;
        next = request.process_next.get(&lock);
        let is_pending = request.state.get(&lock) == state::PENDING;
        if is_pending && request.file.get(&lock) == file.index() && is_right(&lock, request) {
            cancel(&mut lock, reference, request)?;
            any = true;
        }
    }
    lock.commit()?;
    deliver_for(current);
    Ok(any)
}

/// Cancels one pending request.
fn cancel(lock: &mut Txn<'static>, reference: Ref<Request>, request: &'static Request) -> Result<()> {
    pipe::withdraw(lock, reference, request)?;
    complete(lock, reference, request, Status::CANCELLED, 0)
}

/// Cancels the blocking call that a thread is in.
///
/// # Errors
/// [`Status::NOT_FOUND`]: it is in none. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no thread.
/// [`Status::ACCESS_DENIED`]: the handle lacks THREAD_TERMINATE.
///
/// # References
/// - SEMANTICS 7.2
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

/// Ends the requests of a thread that has ended: those still pending are cancelled, what it was reading is let go.
pub(crate) fn thread_ended(
    lock: &mut Txn<'static>,
    process: &Process,
    thread: &Thread,
    id: SeatId,
) -> Result<()> {
    let arena = lock.arena();
    pipe::thread_ended(lock, thread)?;
    let mut next = process.first_request.get(lock);
    while let Some(reference) = Ref::<Request>::from_index(next).some() {
        lock.step()?;
        let request: &'static Request = arena.get(reference)?;
        next = request.process_next.get(lock);
        if request.thread.get(lock) != id.0 {
            continue;
        }
        let is_synchronous = request.flags.get(lock) & flag::SYNCHRONOUS != 0;
        if request.state.get(lock) == state::PENDING {
            if is_synchronous {
                pipe::withdraw(lock, reference, request)?;
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
    Ok(())
}

/// Requests dropped under one hold of the lock when a process is buried.
const REQUESTS_AT_A_TIME: u32 = 32;

/// Withdraws and forgets requests of a process that has ended. Returns whether there are more.
pub(crate) fn drop_requests(lock: &mut Txn<'static>, process: &Process) -> Result<bool> {
    let arena = lock.arena();
    for _ in 0..REQUESTS_AT_A_TIME {
        let Some(reference) = Ref::<Request>::from_index(process.first_request.get(lock)).some() else {
            return Ok(false);
        };
        let request: &'static Request = arena.get(reference)?;
        if request.state.get(lock) == state::PENDING {
            pipe::withdraw(lock, reference, request)?;
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

/// Enters a request at the end of a queue.
pub(crate) fn enqueue(
    lock: &mut Txn<'_>,
    first: &crate::arena::word::Guarded32,
    last: &crate::arena::word::Guarded32,
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
    first: &crate::arena::word::Guarded32,
    last: &crate::arena::word::Guarded32,
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
