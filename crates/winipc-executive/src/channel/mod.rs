//! What flows one way, through an instance of a pipe or into a mailslot: its messages, its quota, and the requests that
//! wait for either.
//!
//! Messages lie in a queue whether they fit the quota or not. `first_unsettled` is the first that does not fit; with it
//! begin those whose writers wait. A message that is being copied is pinned, and is freed when it has left the queue
//! and nobody pins it.

mod discard;
mod message;
mod queue;
mod serve;
mod staging;
mod withdraw;

pub(crate) use discard::{discard, sweep};
pub(crate) use message::{
    LOOSE_TAG, OFFSET, PAYER, PINS, QUEUED_TAG, SPARE_TAG, WRITER, prepare, rest_of, set_writer, unpin,
};
pub(crate) use queue::{append, link, settle};
#[cfg(test)]
pub(crate) use serve::MOST_TAKEN;
pub(crate) use serve::{Mode, serve_readers, take};
pub(crate) use staging::{copy_taken, reclaim, restock, stage, thread_ended, unstage, wait_for_message};
pub(crate) use withdraw::{fail_all, fail_queue, withdraw};

use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::records::Channel;
use crate::status::Result;

/// Whether the last message does not fit the quota: it does not if any before it does not.
pub(crate) fn is_last_unsettled(lock: &Txn<'_>, channel: &Channel) -> bool {
    channel.first_unsettled.get(lock) != 0
}

/// Whether a write waits. A transaction's does not, also where its message does not fit the quota.
pub(crate) fn has_writer(lock: &Txn<'_>, channel: &Channel) -> Result<bool> {
    let mut message = BlockRef(channel.first_unsettled.get(lock));
    while !message.is_none() {
        lock.step()?;
        let block = lock.arena().block(message)?;
        if block.words[WRITER].get(lock) != 0 {
            return Ok(true);
        }
        message = BlockRef(block.head.link.get(lock));
    }
    Ok(false)
}

/// Unread bytes, those of waiting writers included.
pub(crate) fn unread(lock: &Txn<'_>, channel: &Channel) -> u32 {
    channel.settled.get(lock).wrapping_add(channel.unsettled.get(lock))
}

/// Makes a channel empty for a new connection.
pub(crate) fn reset(lock: &mut Txn<'_>, channel: &Channel, quota: u32) {
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
        &channel.memory,
        &channel.charged,
        &channel.payer,
    ] {
        word.set(lock, 0);
    }
    channel.quota.set(lock, quota);
}

/// Whether a waiting reader has something to look at, without the lock.
pub(crate) fn has_data(channel: &Channel) -> bool {
    channel.first.peek() != 0
}

/// Whether a message would fit the quota, without the lock.
pub(crate) fn has_room(channel: &Channel, length: usize) -> bool {
    channel.first_unsettled.peek() == 0
        && channel.settled.peek() as usize + length <= channel.quota.peek() as usize
}
