//! Bytes between a caller's memory and messages: they are copied without the lock, in memory that the thread has at
//! hand.

use crate::arena::Ref;
use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::context::Current;
use crate::handle::Found;
use crate::io::{self, Outcome, ReadBuffer, Report};
use crate::records::{Request, Thread};
use crate::status::{Result, Status};

use super::message::{OFFSET, SPARE_TAG, fits, make_spare, room_of, unpin};
use super::serve::{MOST_TAKEN, Taken};

/// Longest message that a thread keeps the memory of for its next one.
const LARGEST_SPARE: usize = 8192;

/// Copies bytes into a message that belongs to the calling thread.
pub(crate) fn stage(current: &Current, data: &[u8]) -> Result<BlockRef> {
    if data.len() > current.arena().header().quota.load() as usize {
        return Err(Status::QUOTA_EXCEEDED);
    }
    let thread = current.thread;
    let spare = BlockRef(thread.spare_block.peek());
    if !spare.is_none() && fits(spare, data.len()) {
        current.arena().copy_in(spare, data)?;
        return Ok(spare);
    }
    let mut lock = current.begin()?;
    reclaim(&mut lock, thread)?;
    drop_spare(&mut lock, thread)?;
    let message = lock.allocate_chain(data.len(), SPARE_TAG)?;
    thread.spare_block.set(&mut lock, message.0);
    lock.commit()?;
    current.arena().copy_in(message, data)?;
    Ok(message)
}

/// Frees what a call has staged and not handed on: nobody pays for what is at a thread's hand, so only what is short
/// may stay there.
#[cold]
pub(crate) fn unstage(current: &Current) {
    let spare = BlockRef(current.thread.spare_block.peek());
    if spare.is_none() || room_of(spare) <= LARGEST_SPARE {
        return;
    }
    // In an arena that is damaged it stays.
    let _ = current.begin().and_then(|mut lock| {
        drop_spare(&mut lock, current.thread)?;
        lock.commit()
    });
}

fn drop_spare(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    let spare = BlockRef(thread.spare_block.get(lock));
    thread.spare_block.set(lock, 0);
    if spare.is_none() { Ok(()) } else { lock.free_chain(spare) }
}

/// Puts memory for the next message of the same size at the thread's hand, while the lock is held anyway.
pub(crate) fn restock(lock: &mut Txn<'_>, current: &Current, last: BlockRef, length: usize) -> Result<()> {
    if room_of(last) <= LARGEST_SPARE {
        let next = lock.allocate_chain(length, SPARE_TAG)?;
        current.thread.spare_block.set(lock, next.0);
    }
    Ok(())
}

/// Commits a read that was given something, and copies it. What is copied is the thread's until then.
pub(crate) fn copy_taken(
    mut lock: Txn<'static>,
    current: &Current,
    taken: Taken,
    buffer: &ReadBuffer,
) -> Result<()> {
    let arena = current.arena();
    let thread = current.thread;
    if let Some((message, ..)) = taken.part {
        thread.partial.set(&mut lock, message.0);
    }
    let first = taken.whole;
    let is_single = !first.is_none() && arena.block(first)?.head.link.get(&lock) == 0;
    // The memory of a short message stays at hand for the thread's next write.
    let keeps = is_single && room_of(first) <= LARGEST_SPARE && thread.spare_block.get(&lock) == 0;
    if keeps && make_spare(&mut lock, first)? {
        thread.spare_block.set(&mut lock, first.0);
    } else {
        thread.reading.set(&mut lock, first.0);
    }
    lock.commit()?;
    // The messages are this thread's now: nobody else changes their words, but for a neighbour who writes where it
    // should not.
    let mut at = 0;
    let mut next = first;
    for _ in 0..MOST_TAKEN {
        if next.is_none() {
            break;
        }
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
    if at != taken.count || !next.is_none() {
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

/// Sleeps until a blocking read, which the transaction has queued, is served, and copies what it was given.
pub(crate) fn wait_for_message(
    lock: Txn<'static>,
    current: &Current,
    file: &Found,
    (reference, request): (Ref<Request>, &'static Request),
    buffer: &ReadBuffer,
    report: Option<Report>,
    wait: io::Wait,
) -> Result<Outcome> {
    io::wait_for(lock, current, reference, request, wait)?;
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
    if io::is_failure(status) { Err(status) } else { io::done(current, file, report, status, count) }
}

/// Lets go of the messages that a thread has copied.
pub(crate) fn reclaim(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    let arena = lock.arena();
    let mut next = BlockRef(thread.reading.get(lock));
    if !next.is_none() {
        thread.reading.set(lock, 0);
        while !next.is_none() {
            lock.step()?;
            let message = next;
            next = BlockRef(arena.block(message)?.head.link.get(lock));
            unpin(lock, message)?;
        }
    }
    let partial = BlockRef(thread.partial.get(lock));
    if !partial.is_none() {
        thread.partial.set(lock, 0);
        unpin(lock, partial)?;
    }
    Ok(())
}

/// What a thread that has ended was copying or had at hand goes.
pub(crate) fn thread_ended(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    reclaim(lock, thread)?;
    drop_spare(lock, thread)
}
