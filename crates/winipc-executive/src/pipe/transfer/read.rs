//! Reading: what is there is taken at once, else the reader waits.

use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::context::Current;
use crate::dispatcher;
use crate::handle::Found;
use crate::io::{self, Operation, Outcome, Overlapped, ReadBuffer, Report};
use crate::pipe::channel::{self, OFFSET, READS_MESSAGES, Taken};
use crate::pipe::{self, Place, begin_call, end_flag, place_of, state};
use crate::spin::Spinner;
use crate::status::{Result, Status};

use super::{LARGEST_SPARE, done, fail, is_failure, reclaim};

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
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    if report.is_none() || !pipe::is_overlapped(file.object) {
        spin_for_data(current, file);
    }
    let mut lock = begin_call(current, file)?;
    reclaim(&mut lock, current.thread)?;
    let place = place_of(&lock, file)?;
    // Whoever has spun in vain sleeps now.
    read_in(lock, current, file, &place, buffer, report, None)
}

/// Reads in a transaction that is under way and may have done more. A wait for data begins with `spinner`.
pub(super) fn read_in(
    mut lock: Txn<'static>,
    current: &Current,
    file: &Found,
    place: &Place,
    buffer: ReadBuffer,
    report: Option<Report>,
    spinner: Option<Spinner>,
) -> Result<Outcome> {
    let by_message = place.own_flags(&lock) & end_flag::MESSAGE_READ != 0;
    let empty = match readable(&lock, place) {
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
    request.flags.set(&mut lock, if by_message { READS_MESSAGES } else { 0 });
    if pipe::is_overlapped(file.object)
        && let Some(report) = report
    {
        return io::pend(lock, current, request, report, Some(buffer));
    }
    io::wait_for(lock, current, reference, request, spinner)?;
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

/// Looks for data for a while before the lock is taken to wait for it.
fn spin_for_data(current: &Current, file: &Found) {
    let Ok((instance, side)) = pipe::peek_instance(current, file) else { return };
    let channel = &instance.channels[side];
    let is_ready = || channel::has_data(channel) || instance.state.peek() != state::CONNECTED;
    if !is_ready() {
        current.arena().rest();
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
