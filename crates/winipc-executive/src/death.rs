//! Death: what threads and processes that ended leave behind, and who clears it away.
//!
//! Every step takes the lock for itself and can be repeated: whoever buries may die as well, and several may bury at
//! once. A thread is gone when the mutex of its seat says so, a process when all its threads are.

use crate::arena::seat::{Life, Seat};
use crate::arena::{Arena, Ref};
use crate::context::Current;
use crate::process::{self, HANDLES_AT_A_TIME, claim};
use crate::records::{Process, Thread};
use crate::status::Result;
use crate::{apc, dispatcher, handle, io, mutex, thread, timer};

/// Calls dropped under one hold of the lock.
const CALLS_AT_A_TIME: u32 = 64;

/// Whether a process's keeper has died, and so all of the process has or is about to.
pub(crate) fn is_dead(arena: &Arena, process: &Process) -> bool {
    let keeper = Ref::from_index(process.keeper.load());
    keeper.some().is_some_and(|keeper| arena.get::<Seat>(keeper).is_ok_and(|seat| seat.life() == Life::Dead))
}

/// Buries every process that has died, so that nothing of theirs causes a refusal or is found.
///
/// # Errors
/// [`crate::Status::ARENA_CORRUPT`].
pub(crate) fn bury_the_dead(current: &Current) -> Result<()> {
    for (reference, process) in process::all(current.arena()) {
        if is_dead(current.arena(), process) {
            bury(current, reference, process)?;
        }
    }
    Ok(())
}

/// Buries what has died of a process: its dead threads, and, when all are dead, the rest. Returns whether all is done.
pub(crate) fn bury(current: &Current, reference: Ref<Process>, process: &Process) -> Result<bool> {
    let arena = current.arena();
    let generation = process.generation.load();
    let mut is_complete = true;
    for (number, seat) in arena.seats() {
        if seat.process() != reference.index() {
            continue;
        }
        match seat.life() {
            Life::Dead if number.index() != process.keeper.load() => end_thread(current, number, process)?,
            Life::Dead | Life::Absent => {}
            Life::Alive => is_complete = false,
        }
    }
    if !is_complete || !is_dead(arena, process) {
        return Ok(is_complete);
    }
    let is_same = || process.generation.load() == generation && process.claim.load() != claim::FREE;
    loop {
        let mut lock = current.begin()?;
        if !is_same() {
            return Ok(true);
        }
        let more = io::drop_requests(&mut lock, process)?;
        lock.commit()?;
        if !more {
            break;
        }
    }
    loop {
        let mut lock = current.begin()?;
        if !is_same() {
            return Ok(true);
        }
        let more = handle::close_some(&mut lock, current, process, HANDLES_AT_A_TIME)?;
        lock.commit()?;
        if !more {
            break;
        }
    }
    let mut lock = current.begin()?;
    if !is_same() {
        return Ok(true);
    }
    process::ended(&mut lock, process)?;
    handle::free_table(&mut lock, process)?;
    // What follows is no part of the transaction: the seats' and the record's claims are free words. Until the keeper's
    // seat and the record are free the burial can be repeated, and nobody else gets them, for that takes the lock.
    process.claim.store(claim::TAKEN);
    lock.commit()?;
    let lock = current.begin()?;
    if is_same() {
        for (number, seat) in arena.seats() {
            if seat.process() == reference.index() && number.index() != process.keeper.load() {
                arena.clear_seat(number);
            }
        }
        arena.clear_seat(Ref::from_index(process.keeper.load()));
        process.keeper.store(0);
        process.claim.store(claim::FREE);
    }
    lock.commit()?;
    Ok(true)
}

/// Clears away what a thread that died leaves, and frees its seat.
pub(crate) fn end_thread(current: &Current, number: Ref<Seat>, process: &Process) -> Result<()> {
    let arena = current.arena();
    let Some(id) = arena.get(number).ok().map(|seat| seat.id(number)) else { return Ok(()) };
    let is_same = |seat: &Seat| seat.id(number) == id && seat.claim.load() != 0 && seat.life() == Life::Dead;
    clear_thread(current, number, process, &is_same)?;
    let lock = current.begin()?;
    if is_same(arena.get(number)?) {
        arena.clear_seat(number);
    }
    lock.commit()
}

/// What [`end_thread`] and [`end_own_thread`] have in common: everything but the seat.
fn clear_thread(
    current: &Current,
    number: Ref<Seat>,
    process: &Process,
    is_same: &dyn Fn(&Seat) -> bool,
) -> Result<()> {
    let arena = current.arena();
    let seat = arena.get(number)?;
    let thread: &Thread = arena.thread_at(number)?;
    let id = seat.id(number);

    let mut lock = current.begin()?;
    if !is_same(seat) {
        return Ok(());
    }
    // What it was given as its own and did not live to enter into its list is abandoned like the rest.
    let taken: Vec<_> = dispatcher::taken_objects(&lock, thread).collect();
    for object in taken {
        mutex::abandon_if_owned(&mut lock, object, id)?;
    }
    dispatcher::revoke(&mut lock, number, thread)?;
    io::thread_ended(&mut lock, process, thread, id)?;
    timer::thread_ended(&mut lock, process, id)?;
    lock.commit()?;

    loop {
        let mut lock = current.begin()?;
        if !is_same(seat) {
            return Ok(());
        }
        let more = mutex::abandon_one(&mut lock, arena, number, thread)?;
        lock.commit()?;
        thread.pending.store(0);
        if !more {
            break;
        }
    }
    loop {
        let mut lock = current.begin()?;
        if !is_same(seat) {
            return Ok(());
        }
        let more = apc::drop_some(&mut lock, thread, CALLS_AT_A_TIME)?;
        lock.commit()?;
        if !more {
            break;
        }
    }
    let mut lock = current.begin()?;
    if is_same(seat) {
        thread::ended(&mut lock, thread)?;
    }
    lock.commit()
}

/// The calling thread ends: it clears itself away and gets up from its seat.
pub(crate) fn end_own_thread(current: Current) {
    let cleared = clear_thread(&current, current.seat, current.process(), &|_| true);
    if cleared.is_ok() {
        current.arena().leave_seat(current.seat);
    }
}

/// The calling process ends normally: what others can notice goes now, the rest when its threads are gone.
pub(crate) fn close_own_process(current: Current) {
    let process = current.process();
    let close = || -> Result<()> {
        clear_thread(&current, current.seat, process, &|_| true)?;
        loop {
            let mut lock = current.begin()?;
            let more = handle::close_some(&mut lock, &current, process, HANDLES_AT_A_TIME)?;
            lock.commit()?;
            if !more {
                return Ok(());
            }
        }
    };
    // An arena that is damaged is left as it is: the process ends all the same.
    let _ = close();
}
