//! One direction of an instance: its messages, its quota, and the requests that wait for either.
//!
//! Messages lie in a queue whether they fit the quota or not. `first_unsettled` is the first that does not fit; with it
//! begin those whose writers wait. A message that is being copied is pinned, and is freed when it has left the queue and
//! nobody pins it.

use crate::arena::block::BlockRef;
use crate::arena::{Arena, Ref, Txn};
use crate::io::{self, Operation};
use crate::records::{Channel, End, Request};
use crate::status::{Result, Status};

/// Tags of the blocks that hold messages: in a queue, out of it and pinned, at a thread's hand for its next write.
pub(crate) const QUEUED_TAG: u32 = 3;
pub(crate) const LOOSE_TAG: u32 = 4;
pub(crate) const SPARE_TAG: u32 = 5;

/// Words of a message's block; its link is the next message.
/// Bytes that have been read.
pub(crate) const OFFSET: usize = 0;
/// The write request that waits for it.
pub(crate) const WRITER: usize = 1;
/// How many are copying from it.
pub(crate) const PINS: usize = 2;

/// Modes of an end.
pub(crate) mod end_flag {
    /// Reads return one message each.
    pub(crate) const MESSAGE_READ: u32 = 1;
    /// Calls never wait.
    pub(crate) const NOWAIT: u32 = 2;
    /// Calls with a status block may return before they are done.
    pub(crate) const OVERLAPPED: u32 = 4;
}

/// What a read is given.
pub(super) struct Taken {
    pub(super) status: Status,
    pub(super) count: usize,
    /// Messages taken whole, linked, each with the offset at which to begin. They are pinned.
    pub(super) whole: BlockRef,
    /// A message of which a part is taken: the block, where the part begins, and its length. It is pinned.
    pub(super) part: Option<(BlockRef, usize, usize)>,
}

fn add(lock: &mut Txn<'_>, word: &crate::arena::word::Guarded32, count: u32) {
    let value = word.get(lock).wrapping_add(count);
    word.set(lock, value);
}

/// Unread bytes of a message.
pub(super) fn rest_of(lock: &Txn<'_>, message: BlockRef) -> Result<u32> {
    let block = lock.arena().block(message)?;
    Ok(block.length.get(lock).wrapping_sub(block.words[OFFSET].get(lock)))
}

/// Sets a fresh message's words. `length` bytes of its chain are the message.
pub(super) fn prepare(lock: &mut Txn<'_>, message: BlockRef, length: usize) -> Result<()> {
    let block = lock.arena().block(message)?;
    block.length.set(lock, length as u32);
    for word in &block.words {
        word.set(lock, 0);
    }
    Ok(())
}

/// Appends a message, settled if it fits the quota. Nobody is served yet.
pub(super) fn append(lock: &mut Txn<'_>, channel: &Channel, message: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let block = arena.block(message)?;
    block.head.tag.set(lock, QUEUED_TAG);
    block.head.link.set(lock, 0);
    match BlockRef(channel.last.get(lock)) {
        BlockRef::NONE => channel.first.set(lock, message.0),
        last => arena.block(last)?.head.link.set(lock, message.0),
    }
    channel.last.set(lock, message.0);
    let length = block.length.get(lock);
    let is_first_unsettled = channel.first_unsettled.get(lock) == 0;
    let sum = channel.settled.get(lock).saturating_add(length);
    if is_first_unsettled && sum <= channel.quota.get(lock) {
        channel.settled.set(lock, sum);
        return Ok(());
    }
    if is_first_unsettled {
        channel.first_unsettled.set(lock, message.0);
    }
    add(lock, &channel.unsettled, length);
    Ok(())
}

/// Takes the first message out of the queue. Its unread bytes are accounted for already.
fn remove_first(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    let arena = lock.arena();
    let message = BlockRef(channel.first.get(lock));
    flushed(lock, channel, message, BlockRef::NONE)?;
    let block = arena.block(message)?;
    if block.head.tag.get(lock) != QUEUED_TAG {
        return Err(Status::ARENA_CORRUPT);
    }
    let next = block.head.link.get(lock);
    channel.first.set(lock, next);
    if next == 0 {
        channel.last.set(lock, 0);
    }
    if channel.first_unsettled.get(lock) == message.0 {
        channel.first_unsettled.set(lock, next);
        // It was read before it fitted: its writer need not wait any more.
        written(lock, message)?;
    }
    block.head.tag.set(lock, LOOSE_TAG);
    block.head.link.set(lock, 0);
    Ok(())
}

/// Completes the write that waits for a message, if one does.
fn written(lock: &mut Txn<'static>, message: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let block = arena.block(message)?;
    let Some(reference) = Ref::<Request>::from_index(block.words[WRITER].get(lock)).some() else {
        return Ok(());
    };
    block.words[WRITER].set(lock, 0);
    let request = arena.get(reference)?;
    request.message.set(lock, 0);
    let length = request.length.get(lock);
    io::complete(lock, reference, request, Status::SUCCESS, length)
}

/// Makes a write wait for its message.
pub(super) fn set_writer(
    lock: &mut Txn<'_>,
    message: BlockRef,
    reference: Ref<Request>,
    request: &Request,
) -> Result<()> {
    lock.arena().block(message)?.words[WRITER].set(lock, reference.index());
    request.message.set(lock, message.0);
    Ok(())
}

/// Whether the last message does not fit the quota: it does not if any before it does not.
pub(super) fn is_last_unsettled(lock: &Txn<'_>, channel: &Channel) -> bool {
    channel.first_unsettled.get(lock) != 0
}

/// Unread bytes, those of waiting writers included.
pub(super) fn unread(lock: &Txn<'_>, channel: &Channel) -> u32 {
    channel.settled.get(lock).wrapping_add(channel.unsettled.get(lock))
}

/// Lets messages in that fit the quota now, in order, and completes their writes.
pub(super) fn settle(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    let arena = lock.arena();
    loop {
        lock.step()?;
        let message = BlockRef(channel.first_unsettled.get(lock));
        if message.is_none() {
            return Ok(());
        }
        let rest = rest_of(lock, message)?;
        let sum = channel.settled.get(lock).saturating_add(rest);
        if sum > channel.quota.get(lock) {
            return Ok(());
        }
        channel.settled.set(lock, sum);
        add(lock, &channel.unsettled, rest.wrapping_neg());
        let next = arena.block(message)?.head.link.get(lock);
        channel.first_unsettled.set(lock, next);
        written(lock, message)?;
    }
}

/// Accounts for bytes that are read from the first message.
fn consume(lock: &mut Txn<'_>, channel: &Channel, message: BlockRef, count: u32) {
    let is_settled = channel.first_unsettled.get(lock) != message.0;
    add(lock, if is_settled { &channel.settled } else { &channel.unsettled }, count.wrapping_neg());
}

fn pin(lock: &mut Txn<'_>, message: BlockRef) -> Result<()> {
    let block = lock.arena().block(message)?;
    add(lock, &block.words[PINS], 1);
    Ok(())
}

/// Lets go of a message that was being copied.
pub(crate) fn unpin(lock: &mut Txn<'_>, message: BlockRef) -> Result<()> {
    let block = lock.arena().block(message)?;
    let pins = block.words[PINS].get(lock);
    block.words[PINS].set(lock, pins.wrapping_sub(1));
    if pins == 1 && block.head.tag.get(lock) == LOOSE_TAG {
        return lock.free_chain(message);
    }
    Ok(())
}

/// Takes what a read with room for `room` bytes is given now; `None` if there is nothing.
///
/// # References
/// - SEMANTICS 5.5
pub(super) fn take(
    lock: &mut Txn<'static>,
    channel: &Channel,
    room: usize,
    by_message: bool,
) -> Result<Option<Taken>> {
    let arena = lock.arena();
    let mut taken = Taken { status: Status::SUCCESS, count: 0, whole: BlockRef::NONE, part: None };
    let mut last = BlockRef::NONE;
    if channel.first.get(lock) == 0 {
        return Ok(None);
    }
    loop {
        lock.step()?;
        let message = BlockRef(channel.first.get(lock));
        if message.is_none() {
            break;
        }
        let rest = rest_of(lock, message)?;
        if rest as usize <= room - taken.count {
            consume(lock, channel, message, rest);
            remove_first(lock, channel)?;
            pin(lock, message)?;
            match last {
                BlockRef::NONE => taken.whole = message,
                last => arena.block(last)?.head.link.set(lock, message.0),
            }
            last = message;
            taken.count += rest as usize;
            if by_message || taken.count == room && room != 0 {
                break;
            }
        } else {
            let part = room - taken.count;
            if by_message {
                taken.status = Status::BUFFER_OVERFLOW;
            }
            if part != 0 {
                let block = arena.block(message)?;
                let offset = block.words[OFFSET].get(lock);
                consume(lock, channel, message, part as u32);
                block.words[OFFSET].set(lock, offset.wrapping_add(part as u32));
                pin(lock, message)?;
                taken.part = Some((message, offset as usize, part));
                taken.count += part;
            }
            break;
        }
    }
    settle(lock, channel)?;
    Ok(Some(taken))
}

/// Serves waiting reads of an end with what there is, in order.
pub(super) fn serve_readers(lock: &mut Txn<'static>, channel: &Channel, reader: &End) -> Result<()> {
    let arena = lock.arena();
    let by_message = reader.flags.get(lock) & end_flag::MESSAGE_READ != 0;
    while channel.first.get(lock) != 0 {
        lock.step()?;
        let Some(reference) = Ref::<Request>::from_index(channel.first_reader.get(lock)).some() else {
            return Ok(());
        };
        let request = arena.get(reference)?;
        let room = request.length.get(lock) as usize;
        if room == 0 {
            // It only waited for something to come, and takes nothing but an empty message.
            let rest = rest_of(lock, BlockRef(channel.first.get(lock)))?;
            io::dequeue(lock, &channel.first_reader, &channel.last_reader, request)?;
            if rest == 0 {
                drop_first(lock, channel)?;
            }
            let status = if by_message && rest != 0 { Status::BUFFER_OVERFLOW } else { Status::SUCCESS };
            io::complete(lock, reference, request, status, 0)?;
            continue;
        }
        io::dequeue(lock, &channel.first_reader, &channel.last_reader, request)?;
        serve(lock, channel, reference, request, room)?;
    }
    Ok(())
}

/// Gives a waiting read the first message or a part of it: when a read waits, the queue was empty.
fn serve(
    lock: &mut Txn<'static>,
    channel: &Channel,
    reference: Ref<Request>,
    request: &Request,
    room: usize,
) -> Result<()> {
    let arena = lock.arena();
    let message = BlockRef(channel.first.get(lock));
    let block = arena.block(message)?;
    let rest = rest_of(lock, message)?;
    let offset = block.words[OFFSET].get(lock);
    let count = rest.min(room as u32);
    consume(lock, channel, message, count);
    pin(lock, message)?;
    request.message.set(lock, message.0);
    request.offset.set(lock, offset);
    let mut status = Status::SUCCESS;
    if count == rest {
        remove_first(lock, channel)?;
    } else {
        block.words[OFFSET].set(lock, offset.wrapping_add(count));
        if request.flags.get(lock) & READS_MESSAGES != 0 {
            status = Status::BUFFER_OVERFLOW;
        }
    }
    io::complete(lock, reference, request, status, count)?;
    settle(lock, channel)
}

/// Flag of a waiting read that wants a message, beside those of [`io::flag`].
pub(super) const READS_MESSAGES: u32 = 1 << 8;

/// Takes the first message out of the queue and frees it, unless somebody copies from it.
fn drop_first(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    let message = BlockRef(channel.first.get(lock));
    let rest = rest_of(lock, message)?;
    consume(lock, channel, message, rest);
    pin(lock, message)?;
    remove_first(lock, channel)?;
    unpin(lock, message)
}

/// A message leaves the queue: flushes that wait for it wait for the one before it, or are complete if there is none.
fn flushed(lock: &mut Txn<'static>, channel: &Channel, message: BlockRef, before: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let mut next = channel.first_flush.get(lock);
    while let Some(reference) = Ref::<Request>::from_index(next).some() {
        lock.step()?;
        let request = arena.get(reference)?;
        next = request.next.get(lock);
        if request.message.get(lock) != message.0 {
            continue;
        }
        request.message.set(lock, before.0);
        if before.is_none() {
            io::dequeue(lock, &channel.first_flush, &channel.last_flush, request)?;
            io::complete(lock, reference, request, Status::SUCCESS, 0)?;
        }
    }
    Ok(())
}

/// Takes a message out of the middle of the queue: its writer has withdrawn.
fn remove(lock: &mut Txn<'static>, channel: &Channel, message: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let mut before = BlockRef::NONE;
    let mut next = BlockRef(channel.first.get(lock));
    while !next.is_none() {
        lock.step()?;
        let block = arena.block(next)?;
        let after = block.head.link.get(lock);
        if next == message {
            let rest = rest_of(lock, message)?;
            add(lock, &channel.unsettled, rest.wrapping_neg());
            flushed(lock, channel, message, before)?;
            match before {
                BlockRef::NONE => channel.first.set(lock, after),
                before => arena.block(before)?.head.link.set(lock, after),
            }
            if after == 0 {
                channel.last.set(lock, before.0);
            }
            if channel.first_unsettled.get(lock) == message.0 {
                channel.first_unsettled.set(lock, after);
            }
            block.words[WRITER].set(lock, 0);
            block.head.link.set(lock, 0);
            block.head.tag.set(lock, LOOSE_TAG);
            pin(lock, message)?;
            unpin(lock, message)?;
            return settle(lock, channel);
        }
        before = next;
        next = BlockRef(after);
    }
    Ok(())
}

/// Takes a pending request out of the channel it waits in.
pub(super) fn withdraw(
    lock: &mut Txn<'static>,
    channels: &[Channel; 2],
    own: usize,
    request: &Request,
) -> Result<()> {
    // What the end reads comes through its own channel, what it writes goes to the other's.
    let (incoming, outgoing) = (&channels[own], &channels[1 - own]);
    match Operation::from_tag(request.head.tag.get(lock)) {
        Some(Operation::Read) => io::dequeue(lock, &incoming.first_reader, &incoming.last_reader, request),
        Some(Operation::Flush) => io::dequeue(lock, &outgoing.first_flush, &outgoing.last_flush, request),
        Some(Operation::Write) => {
            let message = BlockRef(request.message.get(lock));
            request.message.set(lock, 0);
            remove(lock, outgoing, message)
        }
        _ => Err(Status::ARENA_CORRUPT),
    }
}

/// Fails all requests that wait for this channel: its readers, its writers and those who flush.
pub(super) fn fail_all(
    lock: &mut Txn<'static>,
    channel: &Channel,
    readers: Option<Status>,
    writers: Option<Status>,
) -> Result<()> {
    let arena = lock.arena();
    if let Some(status) = readers {
        fail_queue(lock, &channel.first_reader, &channel.last_reader, status)?;
    }
    if let Some(status) = writers {
        fail_queue(lock, &channel.first_flush, &channel.last_flush, status)?;
        let mut message = BlockRef(channel.first_unsettled.get(lock));
        while !message.is_none() {
            lock.step()?;
            let block = arena.block(message)?;
            if let Some(reference) = Ref::<Request>::from_index(block.words[WRITER].get(lock)).some() {
                block.words[WRITER].set(lock, 0);
                let request = arena.get(reference)?;
                request.message.set(lock, 0);
                io::complete(lock, reference, request, status, 0)?;
            }
            message = BlockRef(block.head.link.get(lock));
        }
    }
    Ok(())
}

pub(super) fn fail_queue(
    lock: &mut Txn<'static>,
    first: &crate::arena::word::Guarded32,
    last: &crate::arena::word::Guarded32,
    status: Status,
) -> Result<()> {
    while let Some(reference) = Ref::<Request>::from_index(first.get(lock)).some() {
        lock.step()?;
        let request = lock.arena().get(reference)?;
        io::dequeue(lock, first, last, request)?;
        io::complete(lock, reference, request, status, 0)?;
    }
    Ok(())
}

/// Throws all messages away.
pub(super) fn discard(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    while channel.first.get(lock) != 0 {
        lock.step()?;
        drop_first(lock, channel)?;
    }
    Ok(())
}

/// Makes a channel empty for a new connection.
pub(super) fn reset(lock: &mut Txn<'_>, channel: &Channel, quota: u32) {
    for word in [
        &channel.settled,
        &channel.unsettled,
        &channel.first,
        &channel.last,
        &channel.first_unsettled,
        &channel.first_reader,
        &channel.last_reader,
        &channel.first_flush,
        &channel.last_flush,
    ] {
        word.set(lock, 0);
    }
    channel.quota.set(lock, quota);
}

/// Whether a waiting reader has something to look at, without the lock.
pub(super) fn has_data(channel: &Channel) -> bool {
    channel.first.peek() != 0
}

/// Bytes that the memory of a message has room for.
pub(super) fn room_of(message: BlockRef) -> usize {
    Arena::block_room(message)
}

/// Whether a message's memory is of the size that `length` bytes would be given.
pub(super) fn fits(message: BlockRef, length: usize) -> bool {
    Arena::block_fits(message, length)
}

/// Makes a taken message's memory a spare, if nobody else copies from it.
pub(super) fn make_spare(lock: &mut Txn<'_>, message: BlockRef) -> Result<bool> {
    let block = lock.arena().block(message)?;
    if block.words[PINS].get(lock) != 1 {
        return Ok(false);
    }
    block.words[PINS].set(lock, 0);
    block.head.tag.set(lock, SPARE_TAG);
    Ok(true)
}

/// Whether a message would fit the quota, without the lock.
pub(super) fn has_room(channel: &Channel, length: usize) -> bool {
    channel.first_unsettled.peek() == 0
        && channel.settled.peek() as usize + length <= channel.quota.peek() as usize
}
