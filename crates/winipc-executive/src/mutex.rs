//! Mutexes. The state's value is the owner's `SeatId`, or 0, and a bit that says that the last owner ended.
//!
//! A thread keeps the mutexes it owns in a list through the objects, which only it writes. Before it takes or gives one
//! up without the lock it puts the object's number into its record's `pending` word, as robust lists do it, so that
//! whoever buries the thread finds every mutex it owns at whatever instruction it died.

use crate::arena::seat::{Seat, SeatId};
use crate::arena::state::{CLAIM, WAITERS, generation_of, value_of, with_value};
use crate::arena::{Arena, Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher;
use crate::handle::{Found, Handle, look_up};
use crate::object::{self, Attributes, Disposition};
use crate::records::{Kind, Object, Thread};
use crate::status::{Result, Status};

/// The last owner ended without giving the mutex up.
const ABANDONED: u32 = 1 << 31;
/// How often a mutex can be taken by its owner.
const MOST_RECURSION: u32 = 1 << 31;

fn owner_of(state: u64) -> u32 {
    value_of(state) & SeatId::MASK
}

pub(crate) fn is_owned(state: u64) -> bool {
    owner_of(state) != 0
}

/// The owner of a mutex with this state.
pub(crate) fn owner(state: u64) -> Option<SeatId> {
    is_owned(state).then(|| SeatId(owner_of(state)))
}

pub(crate) fn is_abandoned(state: u64) -> bool {
    value_of(state) & ABANDONED != 0
}

pub(crate) fn is_available(state: u64, thread: SeatId) -> bool {
    !is_owned(state) || owner_of(state) == thread.0
}

/// The state with `thread` as the owner, and whether the mutex had been abandoned.
pub(crate) fn taken(state: u64, thread: SeatId) -> (u64, bool) {
    (with_value(state, thread.0), is_abandoned(state))
}

/// Creates or opens a mutex. A new one may belong to the calling thread at once.
///
/// # Errors
/// As [`event::create`](crate::event::create).
///
/// # References
/// - `docs/conformance.md`, 3.2
pub fn create(
    attributes: &Attributes<'_>,
    access: u32,
    initially_owned: bool,
) -> Result<(Handle, Disposition)> {
    let current = current()?;
    let mut made = None;
    let result = object::create(&current, attributes, Kind::Mutex, access, |lock| {
        let reference = object::allocate(lock, Kind::Mutex, if initially_owned { current.id.0 } else { 0 })?;
        if initially_owned {
            current.thread.pending.store(reference.index());
            made = Some(reference);
        }
        Ok(reference)
    });
    if let Some(reference) = made {
        if result.is_ok() {
            adopt(&current, reference, current.arena().get(reference)?);
        }
        current.thread.pending.store(0);
    }
    result
}

/// Opens a mutex by name.
///
/// # Errors
/// As [`event::open`](crate::event::open).
pub fn open(name: &[u16], access: u32, inherit: bool) -> Result<Handle> {
    object::open(&current()?, name, Kind::Mutex, access, inherit)
}

/// Takes a mutex without the lock, if that is possible now: `Some(whether it had been abandoned)`.
///
/// `None`: it belongs to another thread, somebody is deciding about it, or it is gone.
///
/// # Errors
/// [`Status::MUTANT_LIMIT_EXCEEDED`]: its owner has taken it as often as can be counted.
#[inline]
pub(crate) fn try_take(current: &Current, found: &Found) -> Result<Option<bool>> {
    let mut state = found.state;
    loop {
        if owner_of(state) == current.id.0 {
            return take_again(found.object).map(|()| Some(false));
        }
        if is_owned(state) || state & CLAIM != 0 {
            return Ok(None);
        }
        let (new, abandoned) = taken(state, current.id);
        current.thread.pending.store(found.reference.index());
        match found.object.state.exchange(state, new) {
            Ok(()) => {
                adopt(current, found.reference, found.object);
                current.thread.pending.store(0); // not before the list has it
                return Ok(Some(abandoned));
            }
            Err(now) => {
                current.thread.pending.store(0);
                if generation_of(now) != generation_of(state) {
                    return Ok(None);
                }
                state = now;
            }
        }
    }
}

/// Counts another time that the owner, the calling thread, takes the mutex.
pub(crate) fn take_again(object: &Object) -> Result<()> {
    let recursion = object.recursion.load();
    if recursion >= MOST_RECURSION {
        return Err(Status::MUTANT_LIMIT_EXCEEDED);
    }
    object.recursion.store_relaxed(recursion + 1);
    Ok(())
}

/// Enters a mutex that the calling thread has just come to own into its list.
#[inline]
pub(crate) fn adopt(current: &Current, reference: Ref<Object>, object: &Object) {
    let thread = current.thread;
    object.recursion.store_relaxed(1);
    let first = thread.owned.load();
    object.owned_next.store_relaxed(first);
    object.owned_previous.store_relaxed(0);
    if let Some(first) = Ref::<Object>::from_index(first).some()
        && let Ok(next) = current.arena().get(first)
    {
        next.owned_previous.store_relaxed(reference.index());
    }
    thread.owned.store(reference.index());
}

/// Takes a mutex out of the calling thread's list. Going forward the list is whole at every moment.
#[inline]
fn disown(current: &Current, object: &Object) {
    let (next, previous) = (object.owned_next.load(), object.owned_previous.load());
    let arena = current.arena();
    match Ref::<Object>::from_index(previous).some().and_then(|previous| arena.get(previous).ok()) {
        Some(previous) => previous.owned_next.store(next),
        None => current.thread.owned.store(next),
    }
    if let Some(next) = Ref::<Object>::from_index(next).some().and_then(|next| arena.get(next).ok()) {
        next.owned_previous.store(previous);
    }
}

/// Gives a mutex up once.
///
/// # Errors
/// [`Status::MUTANT_NOT_OWNED`]: the calling thread does not own it. [`Status::INVALID_HANDLE`],
/// [`Status::OBJECT_TYPE_MISMATCH`]: no mutex.
#[inline]
pub fn release(handle: Handle) -> Result<()> {
    let current = current()?;
    // No particular right is needed: it works through any handle.
    let found = look_up(&current, handle)?.require(Kind::Mutex, 0)?;
    release_found(&current, &found)
}

#[inline]
fn release_found(current: &Current, found: &Found) -> Result<()> {
    if owner_of(found.state) != current.id.0 {
        return Err(Status::MUTANT_NOT_OWNED);
    }
    let recursion = found.object.recursion.load();
    if recursion > 1 {
        found.object.recursion.store_relaxed(recursion - 1);
        return Ok(());
    }
    current.thread.pending.store(found.reference.index());
    found.object.recursion.store_relaxed(0);
    disown(current, found.object);
    let state = found.object.state.load();
    if state & (CLAIM | WAITERS) != 0 || found.object.state.exchange(state, with_value(state, 0)).is_err() {
        pass_on(current, found)?;
    }
    if found.object.references.peek() == 0 {
        collect_left(current, found.reference)?;
    }
    current.thread.pending.store(0);
    Ok(())
}

/// Gives a mutex up under the lock, to the first who waits.
#[cold]
fn pass_on(current: &Current, found: &Found) -> Result<()> {
    let mut lock = current.begin()?;
    give_up(&mut lock, found.object, 0)?;
    lock.commit()
}

/// Frees a mutex whose last handle another thread closed while its owner gave it up.
#[cold]
fn collect_left(current: &Current, reference: Ref<Object>) -> Result<()> {
    let mut lock = current.begin()?;
    collect_if_left(&mut lock, reference)?;
    lock.commit()
}

/// Frees a mutex that nobody owns and nothing refers to: it was left to its owner, who did not come to that. Returns
/// whether it was one.
fn collect_if_left(lock: &mut Txn<'_>, reference: Ref<Object>) -> Result<bool> {
    let object = lock.arena().get(reference)?;
    let is_left = object.head.tag.get(lock) == Kind::Mutex.tag()
        && object.references.get(lock) == 0
        && !is_owned(object.state.claim(lock));
    if is_left {
        object::collect(lock, reference, object)?;
    }
    Ok(is_left)
}

/// Makes a mutex nobody's, with the abandoned bit or without, and serves those who wait.
fn give_up(lock: &mut Txn<'_>, object: &Object, abandoned: u32) -> Result<()> {
    let state = object.state.claim(lock);
    object.state.set(lock, with_value(state, abandoned));
    if state & WAITERS != 0 { dispatcher::dispatch(lock, object) } else { Ok(()) }
}

/// The last handle is gone: a mutex that the calling thread owns need not stay until the thread ends.
pub(crate) fn forget_if_own(lock: &mut Txn<'_>, current: &Current, reference: Ref<Object>, object: &Object) {
    let state = object.state.claim(lock);
    let is_last = object.references.get(lock) == 1;
    if owner_of(state) == current.id.0 && is_last {
        current.thread.pending.store(reference.index());
        object.recursion.store_relaxed(0);
        disown(current, object);
        object.state.set(lock, with_value(state, 0));
    }
}

/// Abandons all mutexes of a thread that has ended. The caller holds the lock for each step; every step can be
/// repeated.
///
/// Returns false when there is none left.
pub(crate) fn abandon_one(
    lock: &mut Txn<'_>,
    arena: &Arena,
    seat: Ref<Seat>,
    thread: &Thread,
) -> Result<bool> {
    let dead = arena.get(seat)?.id(seat);
    let pending = Ref::<Object>::from_index(thread.pending.load());
    let is_done = |reference: Ref<Object>| {
        arena.get(reference).is_ok_and(|object| owner_of(object.state.load()) != dead.0)
    };
    if pending.some().is_some_and(is_done) {
        take_out(lock, arena, thread, pending)?;
        if collect_if_left(lock, pending)? {
            return Ok(true); // only when that is committed may the word be forgotten
        }
        thread.pending.store(0);
    }
    let number = match thread.pending.load() {
        0 => thread.owned.load(),
        pending => pending,
    };
    let Some(reference) = Ref::<Object>::from_index(number).some() else {
        return Ok(false);
    };
    // It is out of the list before it can get another owner, who uses the same links.
    thread.pending.store(number);
    take_out(lock, arena, thread, reference)?;
    abandon_if_owned(lock, reference, dead)?;
    Ok(true)
}

/// Takes a mutex out of a dead thread's list, wherever in it, by its forward links.
fn take_out(lock: &Txn<'_>, arena: &Arena, thread: &Thread, reference: Ref<Object>) -> Result<()> {
    let mut link = &thread.owned;
    while let Some(found) = Ref::<Object>::from_index(link.load()).some() {
        lock.step()?;
        let object = arena.get(found)?;
        if found == reference {
            link.store(object.owned_next.load());
            return Ok(());
        }
        link = &object.owned_next;
    }
    Ok(())
}

/// Abandons a mutex if the dead thread owns it.
pub(crate) fn abandon_if_owned(lock: &mut Txn<'_>, reference: Ref<Object>, dead: SeatId) -> Result<()> {
    let object = lock.arena().get(reference)?;
    if object.head.tag.get(lock) != Kind::Mutex.tag() || owner_of(object.state.load()) != dead.0 {
        return Ok(());
    }
    let state = object.state.claim(lock);
    if owner_of(state) != dead.0 {
        return Ok(());
    }
    object.recursion.store_relaxed(0);
    if object.references.get(lock) == 0 {
        object.state.set(lock, with_value(state, 0));
        return object::collect(lock, reference, object);
    }
    give_up(lock, object, ABANDONED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{attach_in_memory, join_in_memory};
    use crate::handle;

    #[test]
    fn a_mutex_closed_while_its_owner_gives_it_up_is_not_left() {
        let current = attach_in_memory();
        let (mutex, _) = create(&Attributes::default(), 0x1F_0001, true).unwrap();
        let found = look_up(&current, mutex).unwrap();
        let closed = std::thread::spawn(move || {
            join_in_memory(current.context);
            handle::close(mutex)
        });
        closed.join().unwrap().unwrap();
        release_found(&current, &found).unwrap();
        assert_eq!(current.arena().get(found.reference).unwrap().head.tag.peek(), 0, "the slot is free");
    }
}
