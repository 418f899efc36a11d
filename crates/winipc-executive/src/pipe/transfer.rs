//! Reading, writing, peeking, transacting and flushing.

use crate::access;
use crate::arena::block::BlockRef;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher;
use crate::handle::{Found, Handle, look_up};
use crate::io::{self, Operation, Outcome, Overlapped, ReadBuffer, Report};
use crate::records::{Kind, Thread};
use crate::spin::Spinner;
use crate::status::{Result, Status};

use super::channel::{self, OFFSET, READS_MESSAGES, SPARE_TAG, Taken, end_flag};
use super::{Place, place_of, state};

/// Longest message that a thread keeps the memory of for its next one.
const LARGEST_SPARE: usize = 4096;

/// What to do with a read that finds nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Wait,
    Fail(Status),
}

/// Reads from an end.
pub(crate) fn read(
    current: &Current,
    file: &Found,
    buffer: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let is_overlapped = super::is_overlapped(file.object);
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    if report.is_none() || !is_overlapped {
        spin_for_data(file);
    }
    let mut lock = super::begin_call(current, file)?;
    reclaim(&mut lock, current.thread)?;
    let place = place_of(&lock, file)?;
    let by_message = place.own_flags(&lock) & end_flag::MESSAGE_READ != 0;
    let empty = match readable(&lock, &place) {
        Ok(empty) => empty,
        Err(status) => return fail(lock, file, status),
    };
    let incoming = place.incoming();
    let has_earlier_readers = incoming.first_reader.get(&lock) != 0;
    if !has_earlier_readers
        && let Some(taken) = channel::take(&mut lock, incoming, buffer.length(), by_message)?
    {
        let (status, count) = (taken.status, taken.count);
        copy_taken(lock, current, taken, &buffer)?;
        return done(current, file, report, status, count);
    }
    if let Empty::Fail(status) = empty {
        return fail(lock, file, status);
    }
    let length = buffer.length();
    let (reference, request) = io::issue(&mut lock, current, Operation::Read, file.reference, length)?;
    io::enqueue(&mut lock, &incoming.first_reader, &incoming.last_reader, reference, request)?;
    dispatcher::set_signal(&mut lock, file.object, false)?;
    let flags = if by_message { READS_MESSAGES } else { 0 };
    if is_overlapped && let Some(report) = report {
        io::make_overlapped(&mut lock, current, request, report, Some(buffer))?;
        let flags = request.flags.get(&lock) | flags;
        request.flags.set(&mut lock, flags);
        lock.commit()?;
        return Ok(Outcome::Pending);
    }
    request.flags.set(&mut lock, flags);
    io::wait_for(lock, current, reference, request)?;
    let mut lock = current.begin()?;
    let (status, count) = io::result_of(&mut lock, current, request);
    let message = BlockRef(request.message.get(&lock));
    if message.is_none() && count != 0 {
        return Err(Status::ARENA_CORRUPT);
    }
    if !message.is_none() {
        let offset = request.offset.get(&lock) as usize;
        lock.commit()?;
        // The request pins the message.
        buffer.fill(current.arena(), message, offset, 0, count)?;
        lock = current.begin()?;
    }
    io::forget(&mut lock, reference, request)?;
    lock.commit()?;
    if is_failure(status) { Err(status) } else { done(current, file, report, status, count) }
}

fn is_failure(status: Status) -> bool {
    status != Status::SUCCESS && status != Status::BUFFER_OVERFLOW
}

/// Looks for data for a while before the lock is taken to wait for it.
fn spin_for_data(file: &Found) {
    let Ok(instance) = super::peek_instance(file) else { return };
    let (instance, side) = instance;
    let channel = &instance.channels[side];
    let is_ready = || channel::has_data(channel) || instance.state.peek() != state::CONNECTED;
    if !is_ready() {
        Spinner::new(None).spin(is_ready);
    }
}

/// Looks for room in the quota for a while before the lock is taken to wait for it.
fn spin_for_room(file: &Found, length: usize) {
    let Ok((instance, side)) = super::peek_instance(file) else { return };
    let channel = &instance.channels[1 - side];
    let is_ready = || channel::has_room(channel, length) || instance.state.peek() != state::CONNECTED;
    let may_wait = instance.ends[side].flags.peek() & end_flag::NOWAIT == 0;
    // What is longer than the quota has to wait for its reader in any case.
    if may_wait && length <= channel.quota.peek() as usize && !is_ready() {
        Spinner::new(None).spin(is_ready);
    }
}

/// Whether an end can be read from now, and what an empty pipe means for the read.
fn readable(lock: &Txn<'_>, place: &Place) -> Result<Empty> {
    match place.instance.state.get(lock) {
        state::CONNECTED if place.own_flags(lock) & end_flag::NOWAIT != 0 => {
            Ok(Empty::Fail(Status::PIPE_EMPTY))
        }
        state::CONNECTED => Ok(Empty::Wait),
        state::CLOSING => Ok(Empty::Fail(Status::PIPE_BROKEN)),
        state::LISTENING => Err(Status::PIPE_LISTENING),
        _ => Err(Status::PIPE_DISCONNECTED),
    }
}

/// Ends a call that failed at once: the file stays nonsignaled.
fn fail(mut lock: Txn<'static>, file: &Found, status: Status) -> Result<Outcome> {
    dispatcher::set_signal(&mut lock, file.object, false)?;
    lock.commit()?;
    Err(status)
}

/// Ends a call that is done.
fn done(
    current: &Current,
    file: &Found,
    report: Option<Report>,
    status: Status,
    information: usize,
) -> Result<Outcome> {
    match report {
        Some(report) => report.finish(current, file, status, information)?,
        None => signal_file(current, file)?,
    }
    Ok(Outcome::Done { status, information })
}

/// A file is signaled when a call on it is done. Nearly always it is already.
fn signal_file(current: &Current, file: &Found) -> Result<()> {
    let is_set = |state: u64| crate::arena::state::value_of(state) & dispatcher::signal::SET != 0;
    if is_set(file.object.state.load()) {
        return Ok(());
    }
    let mut lock = current.begin()?;
    if file.is_current(&lock) {
        dispatcher::set_signal(&mut lock, file.object, true)?;
    }
    lock.commit()
}

/// Commits a read that was given something, and copies it. What is copied is the thread's until then.
fn copy_taken(mut lock: Txn<'static>, current: &Current, taken: Taken, buffer: &ReadBuffer) -> Result<()> {
    let arena = current.arena();
    let thread = current.thread;
    if let Some((message, ..)) = taken.part {
        thread.partial.set(&mut lock, message.0);
    }
    let first = taken.whole;
    let is_single = !first.is_none() && arena.block(first)?.head.link.get(&lock) == 0;
    // The memory of a short message stays at hand for the thread's next write.
    let keeps = is_single && channel::room_of(first) <= LARGEST_SPARE && thread.spare_block.get(&lock) == 0;
    if keeps && channel::make_spare(&mut lock, first)? {
        thread.spare_block.set(&mut lock, first.0);
    } else {
        thread.reading.set(&mut lock, first.0);
    }
    lock.commit()?;
    // The messages are this thread's now: nobody else changes their words.
    let mut at = 0;
    let mut next = first;
    while !next.is_none() {
        let block = arena.block(next)?;
        let offset = block.words[OFFSET].peek();
        let count = block.length.peek().wrapping_sub(offset) as usize;
        buffer.fill(arena, next, offset as usize, at, count)?;
        at += count;
        next = BlockRef(block.head.link.peek());
    }
    if let Some((message, offset, count)) = taken.part {
        buffer.fill(arena, message, offset, at, count)?;
        at += count;
    }
    if at != taken.count {
        return Err(Status::ARENA_CORRUPT);
    }
    let is_large = at > LARGEST_SPARE;
    if is_large || thread.partial.peek() != 0 {
        let mut lock = current.begin()?;
        reclaim(&mut lock, thread)?;
        lock.commit()?;
    }
    Ok(())
}

/// Lets go of the messages that a thread has copied.
pub(super) fn reclaim(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    let arena = lock.arena();
    let mut next = BlockRef(thread.reading.get(lock));
    if !next.is_none() {
        thread.reading.set(lock, 0);
        while !next.is_none() {
            lock.step()?;
            let message = next;
            next = BlockRef(arena.block(message)?.head.link.get(lock));
            channel::unpin(lock, message)?;
        }
    }
    let partial = BlockRef(thread.partial.get(lock));
    if !partial.is_none() {
        thread.partial.set(lock, 0);
        channel::unpin(lock, partial)?;
    }
    Ok(())
}

/// Copies bytes into a message that belongs to the calling thread.
fn stage(current: &Current, data: &[u8]) -> Result<BlockRef> {
    let thread = current.thread;
    let spare = BlockRef(thread.spare_block.peek());
    if !spare.is_none() && channel::fits(spare, data.len()) {
        current.arena().copy_in(spare, data)?;
        return Ok(spare);
    }
    let mut lock = current.begin()?;
    reclaim(&mut lock, thread)?;
    if !spare.is_none() {
        thread.spare_block.set(&mut lock, 0);
        lock.free_chain(spare)?;
    }
    let message = lock.allocate_chain(data.len(), SPARE_TAG)?;
    thread.spare_block.set(&mut lock, message.0);
    lock.commit()?;
    current.arena().copy_in(message, data)?;
    Ok(message)
}

/// Writes to an end.
pub(crate) fn write(
    current: &Current,
    file: &Found,
    data: &[u8],
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let is_overlapped = super::is_overlapped(file.object);
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    if u32::try_from(data.len()).is_err() {
        return Err(Status::INVALID_PARAMETER);
    }
    let message = stage(current, data)?;
    if report.is_none() || !is_overlapped {
        spin_for_room(file, data.len());
    }
    let mut lock = super::begin_call(current, file)?;
    reclaim(&mut lock, current.thread)?;
    let place = place_of(&lock, file)?;
    if let Err(status) = writable(&lock, &place) {
        return fail(lock, file, status);
    }
    let outgoing = place.outgoing();
    let is_message_type = place.is_message_type(&lock)?;
    if data.is_empty() && !is_message_type {
        lock.commit()?;
        return done(current, file, report, Status::SUCCESS, 0);
    }
    let mut length = data.len();
    if place.own_flags(&lock) & end_flag::NOWAIT != 0 {
        length = admitted(&lock, &place, length, is_message_type)?;
        if length == 0 && !data.is_empty() {
            lock.commit()?;
            return done(current, file, report, Status::SUCCESS, 0);
        }
    }
    current.thread.spare_block.set(&mut lock, 0);
    channel::prepare(&mut lock, message, length)?;
    channel::append(&mut lock, outgoing, message)?;
    channel::serve_readers(&mut lock, outgoing, place.other_end())?;
    channel::settle(&mut lock, outgoing)?;
    if data.is_empty() || !channel::is_last_unsettled(&lock, outgoing) {
        restock(&mut lock, current, message, data.len())?;
        lock.commit()?;
        return done(current, file, report, Status::SUCCESS, length);
    }
    let (reference, request) = io::issue(&mut lock, current, Operation::Write, file.reference, length)?;
    channel::set_writer(&mut lock, message, reference, request)?;
    dispatcher::set_signal(&mut lock, file.object, false)?;
    if is_overlapped && let Some(report) = report {
        io::make_overlapped(&mut lock, current, request, report, None)?;
        lock.commit()?;
        return Ok(Outcome::Pending);
    }
    io::wait_for(lock, current, reference, request)?;
    let mut lock = current.begin()?;
    let (status, count) = io::result_of(&mut lock, current, request);
    io::forget(&mut lock, reference, request)?;
    lock.commit()?;
    if is_failure(status) { Err(status) } else { done(current, file, report, status, count) }
}

/// Puts memory for the next message of the same size at the thread's hand, while the lock is held anyway.
fn restock(lock: &mut Txn<'_>, current: &Current, last: BlockRef, length: usize) -> Result<()> {
    if channel::room_of(last) <= LARGEST_SPARE {
        let next = lock.allocate_chain(length, SPARE_TAG)?;
        current.thread.spare_block.set(lock, next.0);
    }
    Ok(())
}

/// Whether an end can be written to now.
fn writable(lock: &Txn<'_>, place: &Place) -> Result<()> {
    match place.instance.state.get(lock) {
        state::CONNECTED => Ok(()),
        state::CLOSING => Err(Status::PIPE_CLOSING),
        state::LISTENING => Err(Status::PIPE_LISTENING),
        _ => Err(Status::PIPE_DISCONNECTED),
    }
}

/// How many bytes of a write a pipe takes that must not wait.
///
/// # References
/// - SEMANTICS 5.4
fn admitted(lock: &Txn<'_>, place: &Place, length: usize, is_message_type: bool) -> Result<usize> {
    let channel = place.outgoing();
    let free = channel.quota.get(lock).saturating_sub(channel::unread(lock, channel)) as usize;
    let reader = match Ref::<crate::records::Request>::from_index(channel.first_reader.get(lock)).some() {
        Some(reader) => lock.arena().get(reader)?.length.get(lock) as usize,
        None => 0,
    };
    Ok(if length.saturating_sub(reader) <= free {
        length
    } else if is_message_type {
        0
    } else {
        reader
    })
}

/// Waits until everything written before has been read.
pub(crate) fn flush(current: &Current, file: &Found) -> Result<()> {
    let mut lock = super::begin_call(current, file)?;
    let place = place_of(&lock, file)?;
    match place.instance.state.get(&lock) {
        state::CONNECTED => {}
        state::DISCONNECTED if !place.is_server() => return Err(Status::PIPE_DISCONNECTED),
        _ => return Ok(()),
    }
    let outgoing = place.outgoing();
    if outgoing.first.get(&lock) == 0 {
        return Ok(());
    }
    let last = outgoing.last.get(&lock);
    let (reference, request) = io::issue(&mut lock, current, Operation::Flush, file.reference, 0)?;
    request.message.set(&mut lock, last);
    io::enqueue(&mut lock, &outgoing.first_flush, &outgoing.last_flush, reference, request)?;
    io::wait_for(lock, current, reference, request)?;
    let mut lock = current.begin()?;
    let (status, _) = io::result_of(&mut lock, current, request);
    io::forget(&mut lock, reference, request)?;
    lock.commit()?;
    if status == Status::SUCCESS { Ok(()) } else { Err(status) }
}

/// What [`peek`] finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peek {
    /// Bytes copied to the buffer.
    pub copied: usize,
    /// Unread bytes in the pipe, those of waiting writers included.
    pub available: u32,
    /// Unread bytes of the first message less those copied; of a byte pipe, 0 less those copied, with 32 bits.
    pub left: u32,
}

/// Copies unread data without taking it, and never waits for any.
///
/// # Errors
/// [`Status::PIPE_BROKEN`]: the other end is closed and nothing is left. [`Status::INVALID_PIPE_STATE`]: a server's end
/// that is not connected. [`Status::PIPE_DISCONNECTED`]: a client's end. [`Status::ACCESS_DENIED`]: the handle may not
/// read. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - SEMANTICS 5.6
pub fn peek(pipe: Handle, buffer: &mut [u8]) -> Result<Peek> {
    let current = current()?;
    let file = look_up(&current, pipe)?.require(Kind::Pipe, access::file::READ_DATA)?;
    let mut lock = super::begin_call(&current, &file)?;
    reclaim(&mut lock, current.thread)?;
    let arena = lock.arena();
    let place = place_of(&lock, &file)?;
    let incoming = place.incoming();
    match place.instance.state.get(&lock) {
        state::CONNECTED => {}
        state::CLOSING if incoming.first.get(&lock) != 0 => {}
        state::CLOSING => return Err(Status::PIPE_BROKEN),
        _ if place.is_server() => return Err(Status::INVALID_PIPE_STATE),
        _ => return Err(Status::PIPE_DISCONNECTED),
    }
    let available = channel::unread(&lock, incoming);
    let by_message = place.is_message_type(&lock)?;
    // Into memory of this library's own, for the caller's is not touched under the lock.
    let mut bytes = vec![0; buffer.len().min(available as usize)];
    let mut copied = 0;
    let mut next = BlockRef(incoming.first.get(&lock));
    let mut left = if by_message && !next.is_none() { channel::rest_of(&lock, next)? } else { 0 };
    while copied != bytes.len() && !next.is_none() {
        lock.step()?;
        let block = arena.block(next)?;
        let count = (channel::rest_of(&lock, next)? as usize).min(bytes.len() - copied);
        arena.copy_out(next, block.words[OFFSET].get(&lock) as usize, &mut bytes[copied..copied + count])?;
        copied += count;
        next = if by_message { BlockRef::NONE } else { BlockRef(block.head.link.get(&lock)) };
    }
    left = left.wrapping_sub(copied as u32);
    lock.commit()?;
    buffer[..copied].copy_from_slice(&bytes[..copied]);
    Ok(Peek { copied, available, left })
}

/// Writes a message and waits for the one that answers it.
///
/// # Errors
/// [`Status::INVALID_PIPE_STATE`]: not a connected message pipe of both directions. [`Status::INVALID_READ_MODE`]: the end
/// does not read messages. [`Status::PIPE_BUSY`]: there is unread data. Else as [`io::read`].
///
/// # References
/// - SEMANTICS 5.9
pub fn transact(
    pipe: Handle,
    input: &[u8],
    output: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let current = current()?;
    let file = look_up(&current, pipe)?
        .require(Kind::Pipe, access::file::READ_DATA)
        .and_then(|file| access::require(file.access, access::file::WRITE_DATA).map(|()| file))?;
    if u32::try_from(input.len()).is_err() {
        return Err(Status::INVALID_PARAMETER);
    }
    let message = stage(&current, input)?;
    let mut lock = super::begin_call(&current, &file)?;
    let place = place_of(&lock, &file)?;
    match place.instance.state.get(&lock) {
        state::CONNECTED => {}
        state::DISCONNECTED if !place.is_server() => return Err(Status::PIPE_DISCONNECTED),
        _ => return Err(Status::INVALID_PIPE_STATE),
    }
    if !place.is_message_type(&lock)? || place.own_flags(&lock) & end_flag::MESSAGE_READ == 0 {
        return Err(Status::INVALID_READ_MODE);
    }
    if place.incoming().first.get(&lock) != 0 {
        return Err(Status::PIPE_BUSY);
    }
    let outgoing = place.outgoing();
    current.thread.spare_block.set(&mut lock, 0);
    channel::prepare(&mut lock, message, input.len())?;
    channel::append(&mut lock, outgoing, message)?;
    channel::serve_readers(&mut lock, outgoing, place.other_end())?;
    channel::settle(&mut lock, outgoing)?;
    lock.commit()?;
    let outcome = read(&current, &file, output, overlapped);
    io::deliver_for(&current);
    outcome
}

/// What a thread that has ended was copying or had at hand goes.
pub(crate) fn thread_ended(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    reclaim(lock, thread)?;
    let spare = BlockRef(thread.spare_block.get(lock));
    thread.spare_block.set(lock, 0);
    if spare.is_none() { Ok(()) } else { lock.free_chain(spare) }
}
