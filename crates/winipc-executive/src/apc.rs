//! Asynchronous procedure calls: one queue for each thread, run by its alertable waits.
//!
//! The executive keeps the queue; the ABI crate runs the routines, whose addresses mean something only to the process
//! they are queued to.

use crate::access;
use crate::arena::block::BlockRef;
use crate::arena::seat::SeatId;
use crate::arena::transaction::phase;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::status;
use crate::handle::{Handle, resolve};
use crate::records::{Kind, Object, Thread};
use crate::status::{Result, Status};
use crate::thread;

/// A routine to run and its argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Routine {
    /// Address of the code, in the process that runs it.
    pub address: usize,
    /// The argument.
    pub context: usize,
}

/// A call that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Apc {
    /// Queued by [`queue`].
    User {
        /// Address of the routine.
        address: usize,
        /// Its argument.
        argument: usize,
    },
    /// A timer's routine.
    Timer {
        /// Address of the routine.
        address: usize,
        /// Its argument.
        argument: usize,
        /// When the timer was due, low half, in units of 100 ns since 1601 UTC.
        low: u32,
        /// High half.
        high: u32,
    },
    /// The routine of a completed request.
    Io {
        /// Address of the routine.
        address: usize,
        /// How the request ended.
        status: Status,
        /// Bytes it moved.
        information: usize,
        /// Address of its status block.
        block: usize,
    },
}

impl Apc {
    fn words(&self) -> [u64; 5] {
        match *self {
            Apc::User { address, argument } => [0, address as u64, argument as u64, 0, 0],
            Apc::Timer { address, argument, low, high } => {
                [1, address as u64, argument as u64, low.into(), high.into()]
            }
            Apc::Io { address, status, information, block } => {
                [2, address as u64, block as u64, status.0.into(), information as u64]
            }
        }
    }

    fn from_words(words: [u64; 5]) -> Self {
        let [kind, address, first, second, third] = words;
        let (address, argument) = (address as usize, first as usize);
        match kind {
            0 => Apc::User { address, argument },
            1 => Apc::Timer { address, argument, low: second as u32, high: third as u32 },
            _ => Apc::Io {
                address,
                status: Status(second as u32),
                information: third as usize,
                block: argument,
            },
        }
    }
}

/// Tag of the blocks that hold calls.
pub(crate) const APC_TAG: u32 = 2;
/// Words of a call's block.
pub(crate) const NEXT: usize = 0;
pub(crate) const TIMER: usize = 1;
/// Bytes of a call.
const LENGTH: usize = 40;
/// Whether a call is queued to the calling thread.
#[inline]
pub(crate) fn is_pending(current: &Current) -> bool {
    current.thread.first_apc.peek() != 0
}

/// Queues a call to a thread, which runs it in its next alertable wait.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no thread. [`Status::ACCESS_DENIED`]: the handle lacks
/// THREAD_SET_CONTEXT. [`Status::UNSUCCESSFUL`]: the thread has ended.
///
/// # References
/// - SEMANTICS 2.4
pub fn queue(thread: Handle, address: usize, argument: usize) -> Result<()> {
    let current = current()?;
    let id = if thread == Handle::CURRENT_THREAD {
        current.id
    } else {
        let found = resolve(&current, thread)?.require(Kind::Thread, access::THREAD_SET_CONTEXT)?;
        thread::seat_of(found.object)
    };
    let mut lock = current.begin()?;
    append(&mut lock, id, &Apc::User { address, argument }, Ref::NONE)?;
    lock.commit()
}

/// Appends a call to a thread's queue, and wakes the thread if it waits alertably.
pub(crate) fn append(lock: &mut Txn<'_>, id: SeatId, call: &Apc, timer: Ref<Object>) -> Result<()> {
    let arena = lock.arena();
    let seat = arena.get(id.seat())?;
    if seat.id(id.seat()) != id || !seat.is_open() {
        return Err(Status::UNSUCCESSFUL);
    }
    let thread: &Thread = arena.get(Ref::from_index(id.seat().index()))?;
    let chain = lock.allocate_chain(LENGTH, APC_TAG)?;
    let mut bytes = [0; LENGTH];
    for (place, word) in bytes.chunks_exact_mut(8).zip(call.words()) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    arena.copy_in(chain, &bytes)?;
    let block = arena.block(chain)?;
    block.words[NEXT].set(lock, 0);
    block.words[TIMER].set(lock, timer.index());
    match BlockRef(thread.last_apc.get(lock)) {
        BlockRef::NONE => thread.first_apc.set(lock, chain.0),
        last => arena.block(last)?.words[NEXT].set(lock, chain.0),
    }
    thread.last_apc.set(lock, chain.0);
    let waiting = thread.status.get(lock);
    if waiting & status::MASK == status::WAITING && waiting & status::ALERTABLE != 0 {
        lock.wake_after(id.seat(), thread.wait.get(lock), phase::LOOK);
    }
    Ok(())
}

/// Takes a timer's call out of a thread's queue, if it is there.
pub(crate) fn take_back(lock: &mut Txn<'_>, id: SeatId, timer: Ref<Object>) -> Result<()> {
    let arena = lock.arena();
    let thread: &Thread = arena.get(Ref::from_index(id.seat().index()))?;
    let mut previous = BlockRef::NONE;
    let mut next = BlockRef(thread.first_apc.get(lock));
    while !next.is_none() {
        lock.step()?;
        let block = arena.block(next)?;
        let after = block.words[NEXT].get(lock);
        if block.words[TIMER].get(lock) == timer.index() {
            match previous {
                BlockRef::NONE => thread.first_apc.set(lock, after),
                previous => arena.block(previous)?.words[NEXT].set(lock, after),
            }
            if after == 0 {
                thread.last_apc.set(lock, previous.0);
            }
            return lock.free_chain(next);
        }
        previous = next;
        next = BlockRef(after);
    }
    Ok(())
}

/// The next call queued to the calling thread, for its alertable wait to run.
pub fn take() -> Option<Apc> {
    let current = current().ok()?;
    if !is_pending(&current) {
        return None;
    }
    let mut lock = current.begin().ok()?;
    let call = pop(&mut lock, current.thread).ok()?;
    lock.commit().ok()?;
    // Not before: the call may be the routine of a request that was completed after.
    crate::io::deliver_for(&current);
    call
}

fn pop(lock: &mut Txn<'_>, thread: &Thread) -> Result<Option<Apc>> {
    let arena = lock.arena();
    let first = BlockRef(thread.first_apc.get(lock));
    if first.is_none() {
        return Ok(None);
    }
    let after = arena.block(first)?.words[NEXT].get(lock);
    thread.first_apc.set(lock, after);
    if after == 0 {
        thread.last_apc.set(lock, 0);
    }
    let mut bytes = [0; LENGTH];
    arena.copy_out(first, 0, &mut bytes)?;
    lock.free_chain(first)?;
    let mut words = [0; 5];
    for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(place.try_into().unwrap_or_default());
    }
    Ok(Some(Apc::from_words(words)))
}

/// Drops up to `most` calls of a thread that has ended. Returns whether there may be more.
pub(crate) fn drop_some(lock: &mut Txn<'_>, thread: &Thread, most: u32) -> Result<bool> {
    for _ in 0..most {
        if pop(lock, thread)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_survives_the_queue() {
        for call in [
            Apc::User { address: 1, argument: usize::MAX },
            Apc::Timer { address: 2, argument: 3, low: u32::MAX, high: 5 },
            Apc::Io { address: 6, status: Status::CANCELLED, information: 7, block: 8 },
        ] {
            assert_eq!(Apc::from_words(call.words()), call);
        }
    }
}
