//! The dispatcher: who waits for what, and who is given it.
//!
//! A thread that must wait queues one wait block on each object and sleeps on one word. Whoever signals an object
//! satisfies waits under the lock, in the order of arrival, and hands the result over in the waiter's thread record.
//! A hand-over is the waiter's only once it has acknowledged it: what was given to a thread that died before goes back.

use crate::arena::seat::{Seat, SeatId};
use crate::arena::state::{WAITERS, generation_of, value_of, with_value};
use crate::arena::wake::{announce, phase};
use crate::arena::{Arena, Ref, Txn, futex};
use crate::records::{Kind, MAXIMUM_WAIT_OBJECTS, Object, Process, Thread, WaitBlock};
use crate::status::{Result, Status};
use crate::{keeper, mutex, thread, timer};

/// What a thread record says about its wait.
pub(crate) mod status {
    /// The thread does not wait.
    pub(crate) const IDLE: u32 = 0;
    /// Blocks are queued, nothing was given.
    pub(crate) const WAITING: u32 = 1;
    /// The wait is satisfied.
    pub(crate) const SATISFIED: u32 = 2;
    /// Mask of the above.
    pub(crate) const MASK: u32 = 3;
    /// A mutex that was taken had been abandoned.
    pub(crate) const ABANDONED: u32 = 1 << 2;
    /// The wait is for all objects.
    pub(crate) const ALL: u32 = 1 << 3;
    /// Asynchronous procedure calls end the wait.
    pub(crate) const ALERTABLE: u32 = 1 << 4;
    /// No block is queued any more.
    pub(crate) const UNLINKED: u32 = 1 << 5;
    /// Position of the index of the object that satisfied a wait for any.
    pub(crate) const INDEX_SHIFT: u32 = 8;
}

/// Values of events and timers.
pub(crate) mod signal {
    /// The object is signaled.
    pub(crate) const SET: u32 = 1;
    /// It stays so until it is reset.
    pub(crate) const MANUAL: u32 = 2;
    /// A timer is running: the clock has to be asked.
    pub(crate) const ARMED: u32 = 4;
    /// An event has been pulsed: waits queue at once, so that the next pulse finds them.
    pub(crate) const PULSED: u32 = 8;
}

/// Whether a wait of `thread` for an object would be satisfied, by its state.
pub(crate) fn is_signaled(kind: Kind, state: u64, thread: SeatId) -> bool {
    let value = value_of(state);
    match kind {
        Kind::Event
        | Kind::Timer
        | Kind::Process
        | Kind::Thread
        | Kind::Pipe
        | Kind::File
        | Kind::Mailslot => value & signal::SET != 0,
        Kind::Semaphore => value != 0,
        Kind::Mutex => mutex::is_available(state, thread),
        // Nobody has the right to wait for one.
        Kind::Section => false,
    }
}

/// Whether a satisfied wait changes objects of this kind and state.
fn is_consumed(kind: Kind, state: u64) -> bool {
    match kind {
        Kind::Event | Kind::Timer => value_of(state) & signal::MANUAL == 0,
        Kind::Semaphore | Kind::Mutex => true,
        Kind::Process | Kind::Thread | Kind::Pipe | Kind::File | Kind::Mailslot | Kind::Section => false,
    }
}

/// The state after a satisfied wait of `thread`, and whether the object was an abandoned mutex.
pub(crate) fn consumed(kind: Kind, state: u64, thread: SeatId) -> (u64, bool) {
    let value = value_of(state);
    match kind {
        Kind::Event | Kind::Timer if is_consumed(kind, state) => {
            (with_value(state, value & !signal::SET), false)
        }
        Kind::Semaphore => (with_value(state, value.wrapping_sub(1)), false),
        Kind::Mutex => mutex::taken(state, thread),
        _ => (state, false),
    }
}

/// A wait block's number: its thread's seat and its place there.
#[derive(Clone, Copy)]
pub(crate) struct BlockId(pub(crate) u32);

impl BlockId {
    pub(crate) fn new(seat: Ref<Seat>, index: usize) -> Self {
        BlockId(seat.index() * MAXIMUM_WAIT_OBJECTS as u32 + index as u32)
    }

    pub(crate) fn seat(self) -> Ref<Seat> {
        Ref::from_index(self.0 / MAXIMUM_WAIT_OBJECTS as u32)
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize % MAXIMUM_WAIT_OBJECTS
    }

    pub(crate) fn thread(self, arena: &Arena) -> Result<&Thread> {
        arena.get(Ref::from_index(self.seat().index()))
    }

    pub(crate) fn block(self, arena: &Arena) -> Result<&WaitBlock> {
        Ok(&self.thread(arena)?.blocks[self.index()])
    }
}

/// Queues a thread's block on an object, whose state word the transaction has claimed.
pub(crate) fn enqueue(
    lock: &mut Txn<'_>,
    seat: Ref<Seat>,
    index: usize,
    reference: Ref<Object>,
    object: &Object,
) -> Result<()> {
    let arena = lock.arena();
    let id = BlockId::new(seat, index);
    let block = id.block(arena)?;
    let state = object.state.claim(lock);
    let last = object.last_waiter.get(lock);
    block.object.set(lock, reference.index());
    block.generation.set(lock, generation_of(state) | WaitBlock::LINKED);
    block.next.set(lock, 0);
    block.previous.set(lock, last);
    match last {
        0 => object.first_waiter.set(lock, id.0),
        last => BlockId(last).block(arena)?.next.set(lock, id.0),
    }
    object.last_waiter.set(lock, id.0);
    object.state.set(lock, state | WAITERS);
    crate::object::retain(lock, object);
    Ok(())
}

/// Notes what a wait takes, without queuing for it.
pub(crate) fn note(
    lock: &mut Txn<'_>,
    thread: &Thread,
    index: usize,
    reference: Ref<Object>,
    object: &Object,
) {
    let block = &thread.blocks[index];
    block.object.set(lock, reference.index());
    block.generation.set(lock, generation_of(object.state.load()));
}

/// Takes a block out of its object's queue, if it is in it.
fn unlink(lock: &mut Txn<'_>, id: BlockId) -> Result<()> {
    let arena = lock.arena();
    let block = id.block(arena)?;
    let generation = block.generation.get(lock);
    if generation & WaitBlock::LINKED == 0 {
        return Ok(());
    }
    let reference = Ref::from_index(block.object.get(lock));
    let object: &Object = arena.get(reference)?;
    let (next, previous) = (block.next.get(lock), block.previous.get(lock));
    match previous {
        0 => object.first_waiter.set(lock, next),
        previous => BlockId(previous).block(arena)?.next.set(lock, next),
    }
    match next {
        0 => object.last_waiter.set(lock, previous),
        next => BlockId(next).block(arena)?.previous.set(lock, previous),
    }
    block.generation.set(lock, generation & !WaitBlock::LINKED);
    let state = object.state.claim(lock);
    if object.first_waiter.get(lock) == 0 {
        object.state.set(lock, state & !WAITERS);
    }
    let references = object.references.get(lock);
    object.references.set(lock, references.wrapping_sub(1));
    if references == 1 { crate::object::collect(lock, reference, object) } else { Ok(()) }
}

/// Takes all blocks of a thread out of their queues.
pub(crate) fn unlink_all(lock: &mut Txn<'_>, seat: Ref<Seat>, thread: &Thread) -> Result<()> {
    let count = (thread.count.get(lock) as usize).min(MAXIMUM_WAIT_OBJECTS);
    for index in 0..count {
        unlink(lock, BlockId::new(seat, index))?;
    }
    Ok(())
}

/// Gives a signaled object to those who wait for it, in the order of arrival. The transaction has claimed its state.
pub(crate) fn dispatch(lock: &mut Txn<'_>, object: &Object) -> Result<()> {
    let arena = lock.arena();
    let Some(kind) = Kind::from_tag(object.head.tag.get(lock)) else { return Err(Status::ARENA_CORRUPT) };
    let mut next = object.first_waiter.get(lock);
    while next != 0 {
        lock.step()?;
        let id = BlockId(next);
        let thread = id.thread(arena)?;
        next = id.block(arena)?.next.get(lock);
        let waiting = thread.status.get(lock);
        if waiting & status::MASK != status::WAITING {
            continue; // satisfied already, and on its way out of the queues
        }
        let waiter = arena.get(id.seat())?.id(id.seat());
        let state = object.state.claim(lock);
        if !is_signaled(kind, state, waiter) {
            break;
        }
        if waiting & status::ALL != 0 {
            satisfy_all(lock, id.seat(), thread, waiter)?;
        } else {
            let (new, abandoned) = consumed(kind, state, waiter);
            object.state.set(lock, new);
            let mut result = status::SATISFIED | (id.index() as u32) << status::INDEX_SHIFT;
            if abandoned {
                result |= status::ABANDONED;
            }
            // Where one waiter is served its block goes at once. Where all are, each takes out its own: the
            // transaction then writes one word for each.
            if is_consumed(kind, state) {
                unlink(lock, id)?;
                if thread.count.get(lock) == 1 {
                    result |= status::UNLINKED;
                }
            }
            complete(lock, id.seat(), thread, result);
        }
    }
    Ok(())
}

/// Satisfies a wait for all, if all its objects can be taken now.
fn satisfy_all(lock: &mut Txn<'_>, seat: Ref<Seat>, thread: &Thread, waiter: SeatId) -> Result<bool> {
    let arena = lock.arena();
    let count = (thread.count.get(lock) as usize).min(MAXIMUM_WAIT_OBJECTS);
    let object_at = |lock: &mut Txn<'_>, index: usize| -> Result<(&Object, Kind, u64)> {
        let object: &Object = arena.get(Ref::from_index(thread.blocks[index].object.get(lock)))?;
        let kind = Kind::from_tag(object.head.tag.get(lock)).ok_or(Status::ARENA_CORRUPT)?;
        let state = object.state.claim(lock);
        Ok((object, kind, state))
    };
    for index in 0..count {
        let (object, kind, _) = object_at(lock, index)?;
        if kind == Kind::Timer {
            timer::refresh(lock, object);
        }
        if !is_signaled(kind, object.state.claim(lock), waiter) {
            return Ok(false);
        }
    }
    let mut result = status::SATISFIED | status::ALL;
    for index in 0..count {
        let (object, kind, state) = object_at(lock, index)?;
        let (new, abandoned) = consumed(kind, state, waiter);
        object.state.set(lock, new);
        if abandoned {
            result |= status::ABANDONED;
        }
    }
    complete(lock, seat, thread, result);
    Ok(true)
}

fn complete(lock: &mut Txn<'_>, seat: Ref<Seat>, thread: &Thread, result: u32) {
    thread.status.set(lock, result);
    lock.wake_after(seat, thread.wait.get(lock), phase::DONE);
}

/// Makes all who wait for an object look again at what they sleep for.
pub(crate) fn poke_waiters(lock: &mut Txn<'_>, object: &Object) -> Result<()> {
    let arena = lock.arena();
    let mut next = object.first_waiter.get(lock);
    while next != 0 {
        lock.step()?;
        let id = BlockId(next);
        let wait = id.thread(arena)?.wait.get(lock);
        lock.wake_after(id.seat(), wait, phase::LOOK);
        next = id.block(arena)?.next.get(lock);
    }
    Ok(())
}

/// Sets or clears the signal of an object of the event's kind, and serves those who wait.
pub(crate) fn set_signal(lock: &mut Txn<'_>, object: &Object, set: bool) -> Result<()> {
    let state = object.state.claim(lock);
    let value = value_of(state);
    if !set {
        object.state.set(lock, with_value(state, value & !signal::SET));
        return Ok(());
    }
    object.state.set(lock, with_value(state, value | signal::SET));
    if state & WAITERS != 0 { dispatch(lock, object) } else { Ok(()) }
}

/// Undoes a dead thread's wait: its blocks leave the queues, and what it was given and never acknowledged goes back.
///
/// Mutexes are left to [`mutex::abandon_if_owned`], which the caller calls for each; see [`taken_objects`].
pub(crate) fn revoke(lock: &mut Txn<'_>, seat: Ref<Seat>, thread: &Thread) -> Result<()> {
    let arena = lock.arena();
    let result = thread.status.get(lock);
    let is_unclaimed = thread.acknowledged.load() != thread.wait.get(lock);
    if result & status::MASK == status::SATISFIED && is_unclaimed {
        for index in taken_indexes(result, thread.count.get(lock)) {
            let block = &thread.blocks[index];
            let object: &Object = arena.get(Ref::from_index(block.object.get(lock)))?;
            let state = object.state.claim(lock);
            if generation_of(state) != block.generation.get(lock) & !WaitBlock::LINKED {
                continue;
            }
            match Kind::from_tag(object.head.tag.get(lock)) {
                Some(Kind::Event | Kind::Timer) if value_of(state) & signal::MANUAL == 0 => {
                    set_signal(lock, object, true)?;
                }
                Some(Kind::Semaphore) => {
                    object.state.set(lock, with_value(state, value_of(state).wrapping_add(1)));
                    dispatch(lock, object)?;
                }
                _ => {}
            }
        }
    }
    unlink_all(lock, seat, thread)?;
    thread.status.set(lock, status::IDLE);
    Ok(())
}

/// The blocks of a satisfied wait whose objects were taken. A blocking request is a wait that has none.
pub(crate) fn taken_indexes(result: u32, count: u32) -> core::ops::Range<usize> {
    let count = (count as usize).min(MAXIMUM_WAIT_OBJECTS);
    if result & status::ALL != 0 {
        0..count
    } else {
        let index = (result >> status::INDEX_SHIFT) as usize;
        if index < count { index..index + 1 } else { 0..0 }
    }
}

/// The objects that a thread's satisfied wait took.
pub(crate) fn taken_objects(lock: &Txn<'_>, thread: &Thread) -> impl Iterator<Item = Ref<Object>> {
    let result = thread.status.get(lock);
    let range = if result & status::MASK == status::SATISFIED {
        taken_indexes(result, thread.count.get(lock))
    } else {
        0..0
    };
    let objects: Vec<_> = range.map(|index| Ref::from_index(thread.blocks[index].object.get(lock))).collect();
    objects.into_iter()
}

/// Announces again what a thread that died may have committed and not announced, or announced and not woken for:
/// results, calls for alertable waits, new times of timers, and that a thread was resumed.
pub(crate) fn announce_again(lock: &Txn<'_>) {
    for (reference, seat) in lock.arena().seats() {
        let Ok(thread) = lock.arena().get::<Thread>(Ref::from_index(reference.index())) else { continue };
        thread::wake_again(lock, thread);
        let (result, wait) = (thread.status.get(lock), thread.wait.get(lock));
        let phase = match result & status::MASK {
            status::SATISFIED if thread.acknowledged.load() != wait => phase::DONE,
            status::WAITING if may_have_to_look(lock, thread, result) => phase::LOOK,
            _ => continue,
        };
        announce(seat, wait, phase);
        futex::wake(&seat.wake.0, 1);
        // One that waits for a descriptor sleeps on something else, which its keeper rings.
        if thread.synchronous.get(lock) != 0
            && let Ok(process) = lock.arena().get::<Process>(Ref::from_index(seat.process()))
        {
            keeper::doorbell(process).ring();
        }
    }
}

/// Whether a thread that waits may sleep for a time that is not right any more, or with a call in its queue.
fn may_have_to_look(lock: &Txn<'_>, thread: &Thread, waiting: u32) -> bool {
    let count = (thread.count.get(lock) as usize).min(MAXIMUM_WAIT_OBJECTS);
    let is_timer = |block: &WaitBlock| {
        let object = lock.arena().get::<Object>(Ref::from_index(block.object.get(lock)));
        object.is_ok_and(|object| object.head.tag.get(lock) == Kind::Timer.tag())
    };
    waiting & status::ALERTABLE != 0 && thread.first_apc.get(lock) != 0
        || thread.blocks[..count].iter().any(is_timer)
}
