//! A message: the blocks that hold it, and who holds them.

use crate::arena::block::{Block, BlockRef};
use crate::arena::word::Guarded32;
use crate::arena::{Arena, Ref, Txn};
use crate::records::Request;
use crate::status::Result;

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
/// Who pays for it beside the channel's payer; nobody does for a pipe's.
pub(crate) const PAYER: usize = 3;

pub(super) fn add(lock: &mut Txn<'_>, word: &Guarded32, count: u32) {
    let value = word.get(lock).wrapping_add(count);
    word.set(lock, value);
}

/// Unread bytes of a message.
pub(crate) fn rest_of(lock: &Txn<'_>, message: &Block) -> u32 {
    message.length.get(lock).wrapping_sub(message.words[OFFSET].get(lock))
}

/// Sets a fresh message's words. `length` bytes of its chain are the message.
pub(crate) fn prepare(lock: &mut Txn<'_>, message: BlockRef, length: usize) -> Result<()> {
    let block = lock.arena().block(message)?;
    block.length.set(lock, length as u32);
    for word in &block.words {
        word.set(lock, 0);
    }
    Ok(())
}

/// Makes a write wait for its message.
pub(crate) fn set_writer(
    lock: &mut Txn<'_>,
    message: BlockRef,
    reference: Ref<Request>,
    request: &Request,
) -> Result<()> {
    lock.arena().block(message)?.words[WRITER].set(lock, reference.index());
    request.message.set(lock, message.0);
    Ok(())
}

pub(super) fn pin(lock: &mut Txn<'_>, message: &Block) {
    add(lock, &message.words[PINS], 1);
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
