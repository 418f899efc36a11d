//! The queue of messages: how they enter and leave it, which fit the quota, and who learns of it.

use crate::arena::block::{Block, BlockRef};
use crate::arena::{Ref, Txn};
use crate::io;
use crate::quota;
use crate::records::{Channel, Request};
use crate::status::{Result, Status};

use super::message::{LOOSE_TAG, QUEUED_TAG, WRITER, add, pin, rest_of, unpin};

/// Appends a message, settled if it fits the quota. Nobody is served yet.
///
/// # Errors
/// [`Status::QUOTA_EXCEEDED`]: the unread messages of the process that pays for the channel take too much memory.
#[inline]
pub(crate) fn append(lock: &mut Txn<'_>, channel: &Channel, message: BlockRef) -> Result<()> {
    let memory = lock.memory_of(message)?;
    quota::add_message(lock, channel, memory)?;
    link(lock, channel, message)
}

/// As [`append`], for a message that is paid for.
#[inline]
pub(crate) fn link(lock: &mut Txn<'_>, channel: &Channel, message: BlockRef) -> Result<()> {
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
pub(super) fn remove_first(
    lock: &mut Txn<'static>,
    channel: &Channel,
    message: BlockRef,
    block: &Block,
) -> Result<()> {
    flushed(lock, channel, message, BlockRef::NONE)?;
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
        written(lock, block)?;
    }
    block.head.tag.set(lock, LOOSE_TAG);
    block.head.link.set(lock, 0);
    let memory = lock.memory_of(message)?;
    quota::remove_message(lock, channel, memory);
    Ok(())
}

/// Completes the write that waits for a message, if one does.
fn written(lock: &mut Txn<'static>, message: &Block) -> Result<()> {
    let Some(reference) = Ref::<Request>::from_index(message.words[WRITER].get(lock)).some() else {
        return Ok(());
    };
    message.words[WRITER].set(lock, 0);
    let request = lock.arena().get(reference)?;
    request.message.set(lock, 0);
    let length = request.length.get(lock);
    io::complete(lock, reference, request, Status::SUCCESS, length)
}

/// Lets messages in that fit the quota now, in order, and completes their writes.
pub(crate) fn settle(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    let arena = lock.arena();
    loop {
        let message = BlockRef(channel.first_unsettled.get(lock));
        if message.is_none() {
            return Ok(());
        }
        lock.step()?;
        let block = arena.block(message)?;
        let rest = rest_of(lock, block);
        let sum = channel.settled.get(lock).saturating_add(rest);
        if sum > channel.quota.get(lock) {
            return Ok(());
        }
        channel.settled.set(lock, sum);
        add(lock, &channel.unsettled, rest.wrapping_neg());
        let next = block.head.link.get(lock);
        channel.first_unsettled.set(lock, next);
        written(lock, block)?;
    }
}

/// Accounts for bytes that are read from the first message.
pub(super) fn consume(lock: &mut Txn<'_>, channel: &Channel, message: BlockRef, count: u32) {
    let is_settled = channel.first_unsettled.get(lock) != message.0;
    add(lock, if is_settled { &channel.settled } else { &channel.unsettled }, count.wrapping_neg());
}

/// Takes the first message out of the queue and frees it, unless somebody copies from it.
pub(super) fn drop_first(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    let message = BlockRef(channel.first.get(lock));
    let block = lock.arena().block(message)?;
    let rest = rest_of(lock, block);
    consume(lock, channel, message, rest);
    pin(lock, block);
    remove_first(lock, channel, message, block)?;
    unpin(lock, message)
}

/// A message leaves the queue: flushes that wait for it wait for the one before it, or are complete if there is none.
pub(super) fn flushed(
    lock: &mut Txn<'static>,
    channel: &Channel,
    message: BlockRef,
    before: BlockRef,
) -> Result<()> {
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
pub(super) fn remove(lock: &mut Txn<'static>, channel: &Channel, message: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let mut before = BlockRef::NONE;
    let mut next = BlockRef(channel.first.get(lock));
    while !next.is_none() {
        lock.step()?;
        let block = arena.block(next)?;
        let after = block.head.link.get(lock);
        if next == message {
            let rest = rest_of(lock, block);
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
            let memory = lock.memory_of(message)?;
            quota::remove_message(lock, channel, memory);
            pin(lock, block);
            unpin(lock, message)?;
            return settle(lock, channel);
        }
        before = next;
        next = BlockRef(after);
    }
    Ok(())
}
