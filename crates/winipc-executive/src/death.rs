//! Death: what threads and processes that ended leave behind, and who clears it away.
//!
//! Every step takes the lock for itself and can be repeated: whoever buries may die as well, and several may bury at
//! once. A thread is gone when the mutex of its seat says so, a process when all its threads are.

use crate::arena::seat::{Life, Seat};
use crate::arena::{Arena, Ref, Txn};
use crate::context::Current;
use crate::process::{self, HANDLES_AT_A_TIME, children, claim};
use crate::records::{Process, Thread};
use crate::status::Result;
use crate::{apc, channel, dispatcher, file, handle, io, keeper, mutex, section, thread, timer, wait};

/// Calls dropped under one hold of the lock.
const CALLS_AT_A_TIME: u32 = 64;
/// Views dropped under one hold of the lock.
const VIEWS_AT_A_TIME: u32 = 32;

/// Whether a process's keeper has died, and so all of the process has or is about to.
pub(crate) fn is_dead(arena: &Arena, process: &Process) -> bool {
    let keeper = Ref::from_index(process.keeper.load());
    process.claim.load() == claim::BURIED
        || keeper
            .some()
            .is_some_and(|keeper| arena.get::<Seat>(keeper).is_ok_and(|seat| seat.life() == Life::Dead))
}

/// Whether a process has died while it joined, before it had a keeper.
fn died_joining(arena: &Arena, reference: Ref<Process>, process: &Process) -> bool {
    let is_its_dead =
        |(_, seat): (_, &Seat)| seat.process() == reference.index() && seat.life() == Life::Dead;
    process.keeper.load() == 0 && arena.seats().any(is_its_dead)
}

/// Buries every process that has died, so that nothing of theirs causes a refusal or is found.
///
/// One that cannot be buried, since the arena is damaged or without memory, is no reason to refuse anything to the
/// living: what it has left is in the way by itself, or is not.
pub(crate) fn bury_the_dead(current: &Current) {
    for (reference, process) in process::all(current.arena()) {
        if is_dead(current.arena(), process) || died_joining(current.arena(), reference, process) {
            let _ = bury(current, reference, process);
        }
    }
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
            // The keeper's stays: it tells that the process has died until all is done.
            Life::Dead if process.keeper.load() != 0 && number.index() != process.keeper.load() => {
                end_thread(current, number, process)?;
            }
            Life::Dead | Life::Absent => {}
            Life::Alive => is_complete = false,
        }
    }
    if !is_complete || !is_dead(arena, process) && !died_joining(arena, reference, process) {
        return Ok(is_complete);
    }
    clear_process(current, reference, process, generation)
}

/// Clears away what a process leaves whose threads are dead, and frees its seats and its record.
fn clear_process(
    current: &Current,
    reference: Ref<Process>,
    process: &Process,
    generation: u32,
) -> Result<bool> {
    let arena = current.arena();
    empty_process(current, reference, process, generation)?;
    let is_same = || process.generation.load() == generation && process.claim.load() != claim::FREE;
    children::take_in_orphans(current, reference, &is_same)?;
    // While the record is the process's: who dies here leaves the rest to the next who buries it.
    file::exchange::remove_name(current, reference, generation);
    let lock = current.begin()?;
    if is_same() {
        // No part of a transaction: the claims of seats and records are free words. As long as the record says that it
        // is buried this can be repeated, and nobody else has the record or a seat of its process.
        process.claim.store(claim::BURIED);
        for (number, seat) in arena.seats() {
            if seat.process() == reference.index() {
                arena.clear_seat(number);
            }
        }
        process::free_record(process);
    }
    lock.commit()?;
    Ok(true)
}

/// Clears away what a process leaves, all but its seats and its record.
fn empty_process(
    current: &Current,
    reference: Ref<Process>,
    process: &Process,
    generation: u32,
) -> Result<()> {
    let arena = current.arena();
    // Under the lock the answer stays true: only a burial frees the record, and first it raises the generation.
    let is_same = || process.generation.load() == generation && process.claim.load() != claim::FREE;
    wake_again(current)?;
    channel::sweep(current);
    section::sweep(current);
    for (number, seat) in arena.seats() {
        if seat.process() == reference.index() {
            clear_thread(current, number, process, &|seat| seat.process() == reference.index() && is_same())?;
        }
    }
    let is_over = repeat(current, &is_same, &|lock| {
        if claim::is_there(process.claim.load()) {
            process.claim.store(claim::TAKEN); // from now on nobody gives it a handle
        }
        io::drop_requests(lock, process)
    })?;
    if !is_over {
        return Ok(());
    }
    loop {
        let mut lock = current.begin()?;
        if !is_same() {
            return Ok(());
        }
        let more = handle::close_some(&mut lock, current, process, HANDLES_AT_A_TIME)?;
        lock.commit()?;
        channel::sweep(current);
        section::sweep(current);
        if !more {
            break;
        }
    }
    let is_over = repeat(current, &is_same, &|lock| section::drop_some(lock, process, VIEWS_AT_A_TIME))?;
    section::sweep(current);
    if !is_over {
        return Ok(());
    }
    let mut lock = current.begin()?;
    if !is_same() {
        return Ok(());
    }
    process::ended(&mut lock, process)?;
    handle::free_table(&mut lock, process)?;
    lock.commit()?;
    Ok(())
}

/// The calling thread's process cannot join after all: it clears itself away, with all that others have put there.
pub(crate) fn take_back_join(current: Current) {
    let process = current.process();
    if empty_process(&current, current.context.process, process, process.generation.load()).is_ok() {
        current.arena().leave_seat(current.seat);
        process::free_record(process);
    }
}

/// Clears away what a thread that died leaves, and frees its seat.
pub(crate) fn end_thread(current: &Current, number: Ref<Seat>, process: &Process) -> Result<()> {
    let arena = current.arena();
    let Some(id) = arena.get(number).ok().map(|seat| seat.id(number)) else { return Ok(()) };
    let is_same = |seat: &Seat| seat.id(number) == id && seat.claim.load() != 0 && seat.life() == Life::Dead;
    wake_again(current)?;
    channel::sweep(current);
    section::sweep(current);
    clear_thread(current, number, process, &is_same)?;
    if core::ptr::eq(process, current.process()) {
        current.context.routines.thread_ended(id);
    }
    let lock = current.begin()?;
    if is_same(arena.get(number)?) {
        arena.clear_seat(number);
    }
    lock.commit()
}

/// Wakes whom a thread that died may have meant to wake, even if it held nothing.
fn wake_again(current: &Current) -> Result<()> {
    let lock = current.begin()?;
    dispatcher::announce_again(&lock);
    lock.commit()?;
    current.arena().wake_lock_sleepers();
    for (_, process) in process::all(current.arena()) {
        keeper::ring_again(process);
    }
    Ok(())
}

/// Clears some of a kind away, and says whether there is more.
type Step<'a> = &'a dyn Fn(&mut Txn<'static>) -> Result<bool>;

/// Repeats a step, under the lock each time anew, until there is no more. False: somebody else has done the rest.
fn repeat(current: &Current, is_same: &dyn Fn() -> bool, step: Step<'_>) -> Result<bool> {
    loop {
        let mut lock = current.begin()?;
        if !is_same() {
            return Ok(false);
        }
        let more = step(&mut lock)?;
        lock.commit()?;
        if !more {
            return Ok(true);
        }
    }
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

    let lock = current.begin()?;
    if !is_same(seat) {
        return Ok(());
    }
    // From now on nobody can queue a call to it or open it.
    seat.close();
    lock.commit()?;

    // As many as there can be, and no more: a list that a neighbour has damaged may go round in a circle.
    for _ in 0..arena.objects() {
        let mut lock = current.begin()?;
        if !is_same(seat) {
            return Ok(());
        }
        let more = mutex::abandon_one(&mut lock, arena, number, thread)?;
        lock.commit()?;
        if !more {
            break;
        }
    }
    let mut lock = current.begin()?;
    if !is_same(seat) {
        return Ok(());
    }
    // What it was given as its own and did not live to enter into its list is abandoned like the rest. The list was
    // first: in it a mutex may not have another owner, who uses the same links.
    let taken: Vec<_> = dispatcher::taken_objects(&lock, thread).collect();
    for object in taken {
        mutex::abandon_if_owned(&mut lock, object, id)?;
    }
    dispatcher::revoke(&mut lock, number, thread)?;
    wait::let_go(&mut lock, thread)?;
    lock.commit()?;

    let steps: [Step<'_>; 3] = [
        &|lock| timer::thread_ended(lock, process, id),
        &|lock| io::thread_ended(lock, process, thread, id),
        &|lock| apc::drop_some(lock, thread, CALLS_AT_A_TIME),
    ];
    for step in steps {
        if !repeat(current, &|| is_same(seat), step)? {
            return Ok(());
        }
    }
    let mut lock = current.begin()?;
    if is_same(seat) {
        thread::ended(&mut lock, thread, process)?;
    }
    lock.commit()
}

/// The calling thread ends: it clears itself away and gets up from its seat.
pub(crate) fn end_own_thread(current: Current) {
    let cleared = clear_thread(&current, current.seat, current.process(), &|_| true);
    // What it had begun may report into its own stack, which is another thread's soon.
    io::deliver_for(&current);
    current.context.routines.thread_ended(current.id);
    if cleared.is_ok() {
        current.arena().leave_seat(current.seat);
    }
}

/// The calling process ends normally: what others can notice goes now, the rest when its threads are gone.
pub(crate) fn close_own_process(current: Current) {
    let process = current.process();
    file::exchange::remove_name(&current, current.context.process, process.generation.load());
    // Others count it as gone: of several that leave, one is the last.
    process.claim.store(claim::TAKEN);
    let close = || -> Result<()> {
        clear_thread(&current, current.seat, process, &|_| true)?;
        loop {
            let mut lock = current.begin()?;
            let more = handle::close_some(&mut lock, &current, process, HANDLES_AT_A_TIME)?;
            lock.commit()?;
            channel::sweep(&current);
            section::sweep(&current);
            file::sweep(&current);
            if !more {
                break;
            }
        }
        // Their memory stays until the process is gone, but no other process needs to find it any more.
        repeat(&current, &|| true, &|lock| section::drop_some(lock, process, VIEWS_AT_A_TIME))?;
        section::sweep(&current);
        Ok(())
    };
    // An arena that is damaged is left as it is: the process ends all the same.
    let _ = close();
}
