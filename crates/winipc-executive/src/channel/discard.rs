//! Messages that nobody will read.
//!
//! A channel can hold more of them than one transaction can free. It gives them all up at once, to a list of the
//! arena's, and whoever did that frees them afterwards, some at a time. If they die, who buries them goes on, or who
//! discards next.

use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::context::Current;
use crate::quota::{self, Payer};
use crate::records::Channel;
use crate::status::{Result, Status};

use super::message::{LOOSE_TAG, PAYER, PINS, QUEUED_TAG};

/// Messages freed under one hold of the lock.
const MESSAGES_AT_A_TIME: u32 = 16;

/// Throws all messages of a channel away; nobody waits for them any more. After the commit [`sweep`] is due.
pub(crate) fn discard(lock: &mut Txn<'_>, channel: &Channel) -> Result<()> {
    quota::remove_messages(lock, channel);
    let arena = lock.arena();
    let first = channel.first.get(lock);
    if first == 0 {
        return Ok(());
    }
    let list = &arena.header().discarded.0;
    let after = list.get(lock);
    arena.block(BlockRef(channel.last.get(lock)))?.head.link.set(lock, after);
    list.set(lock, first);
    for word in
        [&channel.first, &channel.last, &channel.first_unsettled, &channel.settled, &channel.unsettled]
    {
        word.set(lock, 0);
    }
    Ok(())
}

/// Frees what has been discarded. In an arena that is damaged it stays.
pub(crate) fn sweep(current: &Current) {
    while current.arena().header().discarded.0.peek() != 0 {
        let Ok(mut lock) = current.begin() else { return };
        if sweep_some(&mut lock).is_err() || lock.commit().is_err() {
            return;
        }
    }
}

fn sweep_some(lock: &mut Txn<'_>) -> Result<()> {
    let arena = lock.arena();
    let list = &arena.header().discarded.0;
    for _ in 0..MESSAGES_AT_A_TIME {
        let message = BlockRef(list.get(lock));
        if message.is_none() {
            break;
        }
        let block = arena.block(message)?;
        if block.head.tag.get(lock) != QUEUED_TAG {
            return Err(Status::ARENA_CORRUPT);
        }
        let after = block.head.link.get(lock);
        list.set(lock, after);
        let payer = Payer(block.words[PAYER].get(lock));
        if payer != Payer::NOBODY {
            let memory = lock.memory_of(message)?;
            quota::give_back(lock, payer, memory);
        }
        if block.words[PINS].get(lock) == 0 {
            lock.free_chain(message)?;
        } else {
            // Whoever copies from it frees it.
            block.head.link.set(lock, 0);
            block.head.tag.set(lock, LOOSE_TAG);
        }
    }
    Ok(())
}
