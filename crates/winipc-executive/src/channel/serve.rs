//! What a read is given: at once, or as one that waited.

use crate::arena::block::BlockRef;
use crate::arena::{Ref, Txn};
use crate::io;
use crate::records::{Channel, Request};
use crate::status::{Result, Status};

use super::message::{OFFSET, pin, rest_of};
use super::queue::{consume, drop_first, remove_first, settle};

/// How much one read takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What there is, across messages.
    Bytes,
    /// One message, or what fits of it.
    Message,
    /// One message. For one that does not fit it fails, and the message stays.
    WholeMessage,
}

impl Mode {
    /// Flags of a request for a read, beside those of [`io::flag`].
    const MESSAGE: u32 = 1 << 8;
    const WHOLE: u32 = 1 << 9;

    pub(crate) fn flags(self) -> u32 {
        match self {
            Mode::Bytes => 0,
            Mode::Message => Self::MESSAGE,
            Mode::WholeMessage => Self::WHOLE,
        }
    }

    fn of(lock: &Txn<'_>, request: &Request) -> Self {
        match request.flags.get(lock) & (Self::MESSAGE | Self::WHOLE) {
            0 => Mode::Bytes,
            Self::MESSAGE => Mode::Message,
            _ => Mode::WholeMessage,
        }
    }

    /// What a read is told of which the message does not fit.
    fn excess(self) -> Status {
        match self {
            Mode::Bytes => Status::SUCCESS,
            Mode::Message => Status::BUFFER_OVERFLOW,
            Mode::WholeMessage => Status::BUFFER_TOO_SMALL,
        }
    }
}

/// What a read is given.
pub(crate) struct Taken {
    pub(crate) status: Status,
    pub(crate) count: usize,
    /// Messages taken whole, linked, each with the offset at which to begin. They are pinned.
    pub(crate) whole: BlockRef,
    /// A message of which a part is taken: the block, where the part begins, and its length. It is pinned.
    pub(crate) part: Option<(BlockRef, usize, usize)>,
}

/// Most messages that one read takes: their number is not limited by the reader's room, but by the journal.
pub(crate) const MOST_TAKEN: usize = 1 << 14;

/// Takes what a read with room for `room` bytes is given now; `None` if there is nothing.
///
/// # References
/// - `docs/conformance.md`, 5.5
pub(crate) fn take(
    lock: &mut Txn<'static>,
    channel: &Channel,
    room: usize,
    mode: Mode,
) -> Result<Option<Taken>> {
    let arena = lock.arena();
    let mut taken = Taken { status: Status::SUCCESS, count: 0, whole: BlockRef::NONE, part: None };
    let mut last = BlockRef::NONE;
    if channel.first.get(lock) == 0 {
        return Ok(None);
    }
    for _ in 0..MOST_TAKEN {
        lock.step()?;
        let message = BlockRef(channel.first.get(lock));
        if message.is_none() {
            break;
        }
        let block = arena.block(message)?;
        let rest = rest_of(lock, block);
        if rest as usize <= room - taken.count {
            consume(lock, channel, message, rest);
            remove_first(lock, channel, message, block)?;
            pin(lock, block);
            match last {
                BlockRef::NONE => taken.whole = message,
                last => arena.block(last)?.head.link.set(lock, message.0),
            }
            last = message;
            taken.count += rest as usize;
            if mode != Mode::Bytes || taken.count == room && room != 0 {
                break;
            }
        } else {
            let part = room - taken.count;
            taken.status = mode.excess();
            if part != 0 && mode != Mode::WholeMessage {
                let offset = block.words[OFFSET].get(lock);
                consume(lock, channel, message, part as u32);
                block.words[OFFSET].set(lock, offset.wrapping_add(part as u32));
                pin(lock, block);
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
pub(crate) fn serve_readers(lock: &mut Txn<'static>, channel: &Channel) -> Result<()> {
    let arena = lock.arena();
    while channel.first.get(lock) != 0 {
        let Some(reference) = Ref::<Request>::from_index(channel.first_reader.get(lock)).some() else {
            return Ok(());
        };
        lock.step()?;
        let request = arena.get(reference)?;
        let room = request.length.get(lock) as usize;
        if room == 0 {
            // It only waited for something to come, and takes nothing but an empty message.
            let rest = rest_of(lock, arena.block(BlockRef(channel.first.get(lock)))?);
            io::dequeue(lock, &channel.first_reader, &channel.last_reader, request)?;
            if rest == 0 {
                drop_first(lock, channel)?;
            }
            let status = if rest != 0 { Mode::of(lock, request).excess() } else { Status::SUCCESS };
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
    let rest = rest_of(lock, block);
    let mode = Mode::of(lock, request);
    if mode == Mode::WholeMessage && rest as usize > room {
        return io::complete(lock, reference, request, mode.excess(), 0);
    }
    let offset = block.words[OFFSET].get(lock);
    let count = rest.min(room as u32);
    consume(lock, channel, message, count);
    pin(lock, block);
    request.message.set(lock, message.0);
    request.offset.set(lock, offset);
    let mut status = Status::SUCCESS;
    if count == rest {
        remove_first(lock, channel, message, block)?;
    } else {
        block.words[OFFSET].set(lock, offset.wrapping_add(count));
        status = mode.excess();
    }
    io::complete(lock, reference, request, status, count)?;
    settle(lock, channel)
}
