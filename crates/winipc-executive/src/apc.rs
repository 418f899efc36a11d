//! Asynchronous procedure calls: one queue for each thread, run by its alertable waits.
//!
//! The executive keeps the queue; the ABI crate runs the routines, whose addresses mean something only to the process
//! they are queued to.

use crate::access;
use crate::arena::block::{Block, BlockRef};
use crate::arena::seat::{Seat, SeatId};
use crate::arena::wake::phase;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::status;
use crate::handle::{Handle, resolve};
use crate::quota::{self, Payer};
use crate::records::{Kind, Object, Thread};
use crate::status::{Result, Status};
use crate::{thread, timer};

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

/// What the arena holds of a call. Addresses stay in their process ([`crate::routines`]), but for those that another
/// process has named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Queued {
    /// A routine that the thread's process keeps under a number, to run once.
    Kept(u64),
    /// A timer's, and when the timer was due: the two halves of the time.
    Timer { number: u64, low: u32, high: u32 },
    /// A routine of the thread's process that another process has named.
    Foreign { address: u64, argument: u64 },
}

impl Queued {
    fn words(self) -> [u64; WORDS] {
        match self {
            Queued::Kept(number) => [0, number, 0, 0],
            Queued::Timer { number, low, high } => [1, number, low.into(), high.into()],
            Queued::Foreign { address, argument } => [2, address, argument, 0],
        }
    }

    fn from_words([kind, first, second, third]: [u64; WORDS]) -> Option<Self> {
        match kind {
            0 => Some(Queued::Kept(first)),
            1 => Some(Queued::Timer { number: first, low: second as u32, high: third as u32 }),
            2 => Some(Queued::Foreign { address: first, argument: second }),
            _ => None,
        }
    }

    /// The call itself; `None` where the process has named no such routine for the thread.
    fn resolve(self, current: &Current) -> Option<Apc> {
        match self {
            Queued::Kept(number) => current.context.routines.take(current.id, number),
            Queued::Timer { number, low, high } => {
                let Routine { address, context } = current.context.routines.timer(current.id, number)?;
                Some(Apc::Timer { address, argument: context, low, high })
            }
            Queued::Foreign { address, argument } => {
                Some(Apc::User { address: address as usize, argument: argument as usize })
            }
        }
    }
}

/// A sum over a call, its thread and its place. It is no secret: it tells what was queued from what a neighbour's fault
/// has left there, not from what a neighbour means to forge.
fn seal(thread: &Thread, place: BlockRef, words: &[u64; WORDS]) -> u64 {
    let mut sum = 0xCBF2_9CE4_8422_2325_u64;
    for word in [u64::from(thread.id.load()), u64::from(place.0)].iter().chain(words) {
        sum = (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        sum ^= sum >> 32;
    }
    sum
}

/// Tag of the blocks that hold calls.
pub(crate) const APC_TAG: u32 = 2;
/// Words of a call's block. Its link is who pays for it, or, where it is a timer's, for which nobody pays, the call
/// before: only those are taken out of the middle.
pub(crate) const NEXT: usize = 0;
pub(crate) const TIMER: usize = 1;
const SEAL: [usize; 2] = [2, 3];
/// 64-bit words of a call, and its bytes.
const WORDS: usize = 4;
const LENGTH: usize = WORDS * 8;

/// Whether a call is queued to the calling thread.
#[inline]
pub(crate) fn is_pending(current: &Current) -> bool {
    current.thread.first_apc.peek() != 0
}

/// Queues a call to a thread, which runs it in its next alertable wait.
///
/// The address is one in the thread's process. Where that is another, the address goes through the arena.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no thread. [`Status::ACCESS_DENIED`]: the handle lacks
/// THREAD_SET_CONTEXT. [`Status::UNSUCCESSFUL`]: the thread has ended. [`Status::QUOTA_EXCEEDED`]: too many calls
/// that the process has queued have not run, or too many that were queued to the thread's process.
///
/// # References
/// - `docs/conformance.md`, 2.4
pub fn queue(thread: Handle, address: usize, argument: usize) -> Result<()> {
    let current = current()?;
    let id = if thread == Handle::CURRENT_THREAD {
        current.id
    } else {
        let found = resolve(&current, thread)?.require(Kind::Thread, access::THREAD_SET_CONTEXT)?;
        thread::seat_of(found.object)
    };
    quota::require(current.arena(), current.process())?;
    let mut lock = current.begin()?;
    if lock.arena().get(id.seat())?.process() != current.context.process.index() {
        let call = Queued::Foreign { address: address as u64, argument: argument as u64 };
        append(&mut lock, id, call, Ref::NONE)?;
        return lock.commit();
    }
    let routines = &current.context.routines;
    let number = routines.keep_user(id, Routine { address, context: argument });
    let queued = append(&mut lock, id, Queued::Kept(number), Ref::NONE).and_then(|()| lock.commit());
    if queued.is_err() {
        routines.forget(id, number);
    }
    queued
}

/// Appends a call to a thread's queue, and wakes the thread if it waits alertably. Who names a routine has to have seen
/// that its quota lets it: a request that is complete cannot be refused any more.
pub(crate) fn append(lock: &mut Txn<'_>, id: SeatId, call: Queued, timer: Ref<Object>) -> Result<()> {
    let arena = lock.arena();
    let seat = arena.get(id.seat())?;
    if seat.id(id.seat()) != id || !seat.is_open() {
        return Err(Status::UNSUCCESSFUL);
    }
    let thread: &Thread = arena.get(Ref::from_index(id.seat().index()))?;
    let chain = lock.allocate_chain(LENGTH, APC_TAG)?;
    let words = call.words();
    let mut bytes = [0; LENGTH];
    for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    arena.copy_in(chain, &bytes)?;
    let block = arena.block(chain)?;
    let seal = seal(thread, chain, &words);
    block.words[SEAL[0]].set(lock, seal as u32);
    block.words[SEAL[1]].set(lock, (seal >> 32) as u32);
    block.words[NEXT].set(lock, 0);
    block.words[TIMER].set(lock, timer.index());
    let last = BlockRef(thread.last_apc.get(lock));
    let payer = match call {
        Queued::Kept(_) => Payer::number(arena, seat.process())?,
        Queued::Foreign { .. } => Payer::holder(lock)?,
        Queued::Timer { .. } => Payer::NOBODY, // there is one for each timer at most
    };
    let memory = lock.memory_of(chain)?;
    quota::charge_anyway(lock, payer, memory);
    if let Queued::Foreign { .. } = call {
        // So that calls are paid for when the one who has queued them has ended.
        quota::charge_for_others(lock, Payer::number(arena, seat.process())?, memory)?;
    }
    block.head.link.set(lock, if timer.is_none() { payer.0 } else { last.0 });
    match last {
        BlockRef::NONE => thread.first_apc.set(lock, chain.0),
        last => arena.block(last)?.words[NEXT].set(lock, chain.0),
    }
    thread.last_apc.set(lock, chain.0);
    if !timer.is_none() {
        arena.get(timer)?.body[timer::CALL].set(lock, u64::from(chain.0));
    }
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
    let queued = &arena.get(timer)?.body[timer::CALL];
    let call = BlockRef(queued.get(lock) as u32);
    if call.is_none() {
        return Ok(());
    }
    queued.set(lock, 0);
    let block = arena.block(call)?;
    if block.head.tag.get(lock) != APC_TAG || block.words[TIMER].get(lock) != timer.index() {
        return Err(Status::ARENA_CORRUPT);
    }
    let (after, previous) = (BlockRef(block.words[NEXT].get(lock)), BlockRef(block.head.link.get(lock)));
    match previous {
        BlockRef::NONE => thread.first_apc.set(lock, after.0),
        previous => arena.block(previous)?.words[NEXT].set(lock, after.0),
    }
    follow(lock, thread, previous, after)?;
    free(lock, thread, call)
}

/// Has one call come after another, which the thread's queue knows already.
fn follow(lock: &mut Txn<'_>, thread: &Thread, previous: BlockRef, after: BlockRef) -> Result<()> {
    if after.is_none() {
        thread.last_apc.set(lock, previous.0);
        return Ok(());
    }
    let after = lock.arena().block(after)?;
    if after.words[TIMER].get(lock) != 0 {
        after.head.link.set(lock, previous.0);
    }
    Ok(())
}

/// Who pays for a call that is queued to a thread of a process: the one who has queued it, and the process itself.
pub(crate) fn payers_of(call: &Block, own: Payer) -> [Payer; 2] {
    match Payer(call.head.link.peek()) {
        _ if call.words[TIMER].peek() != 0 => [Payer::NOBODY; 2],
        payer if payer == own || payer == Payer::NOBODY => [payer, Payer::NOBODY],
        payer => [payer, own],
    }
}

fn free(lock: &mut Txn<'_>, thread: &Thread, call: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let seat: &Seat = arena.get(Ref::from_index(arena.index_of(thread).index()))?;
    let payers = payers_of(arena.block(call)?, Payer::number(arena, seat.process())?);
    let memory = lock.memory_of(call)?;
    for payer in payers {
        quota::give_back(lock, payer, memory);
    }
    lock.free_chain(call)
}

/// The next call queued to the calling thread, for its alertable wait to run.
pub fn take() -> Option<Apc> {
    let current = current().ok()?;
    while is_pending(&current) {
        let mut lock = current.begin().ok()?;
        let popped = pop(&mut lock, current.thread).ok()?;
        lock.commit().ok()?;
        // Not before: the call may be the routine of a request that was completed after.
        crate::io::deliver_for(&current);
        if let Popped::Call(call) = popped
            && let Some(call) = call.resolve(&current)
        {
            return Some(call);
        }
    }
    None
}

enum Popped {
    /// The queue is empty.
    Nothing,
    Call(Queued),
    /// Something that was never queued there.
    Damaged,
}

fn pop(lock: &mut Txn<'_>, thread: &Thread) -> Result<Popped> {
    let arena = lock.arena();
    let first = BlockRef(thread.first_apc.get(lock));
    if first.is_none() {
        return Ok(Popped::Nothing);
    }
    let block = arena.block(first)?;
    let after = BlockRef(block.words[NEXT].get(lock));
    thread.first_apc.set(lock, after.0);
    follow(lock, thread, BlockRef::NONE, after)?;
    if let Some(timer) = Ref::<Object>::from_index(block.words[TIMER].get(lock)).some() {
        let queued = &arena.get(timer)?.body[timer::CALL];
        if queued.get(lock) == u64::from(first.0) {
            queued.set(lock, 0);
        }
    }
    let mut bytes = [0; LENGTH];
    arena.copy_out(first, 0, &mut bytes)?;
    let sealed = SEAL.map(|word| u64::from(block.words[word].get(lock)));
    // What is left of the call in the free block is none any more.
    for word in SEAL {
        block.words[word].set(lock, 0);
    }
    free(lock, thread, first)?;
    let mut words = [0; WORDS];
    for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(place.try_into().unwrap_or_default());
    }
    let is_sealed = seal(thread, first, &words) == sealed[1] << 32 | sealed[0];
    Ok(Queued::from_words(words).filter(|_| is_sealed).map_or(Popped::Damaged, Popped::Call))
}

/// Drops up to `most` calls of a thread that has ended. Returns whether there may be more.
pub(crate) fn drop_some(lock: &mut Txn<'_>, thread: &Thread, most: u32) -> Result<bool> {
    for _ in 0..most {
        if let Popped::Nothing = pop(lock, thread)? {
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
            Queued::Kept(u64::MAX),
            Queued::Timer { number: 2, low: u32::MAX, high: 5 },
            Queued::Foreign { address: 6, argument: u64::MAX },
        ] {
            assert_eq!(Queued::from_words(call.words()), Some(call));
        }
    }
}
