//! Requests that leave a channel without what they waited for.

use crate::arena::block::BlockRef;
use crate::arena::word::Guarded32;
use crate::arena::{Ref, Txn};
use crate::io::{self, Operation};
use crate::records::{Channel, Request};
use crate::status::{Result, Status};

use super::message::WRITER;
use super::queue::remove;

/// Takes a pending request out of the channel it waits in.
pub(crate) fn withdraw(
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
pub(crate) fn fail_all(
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

pub(crate) fn fail_queue(
    lock: &mut Txn<'static>,
    first: &Guarded32,
    last: &Guarded32,
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
