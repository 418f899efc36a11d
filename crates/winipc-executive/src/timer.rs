//! Waitable timers.
//!
//! No thread watches a timer: whoever waits for it sleeps until it is due, and whoever looks at a running one asks the
//! clock. Only routines, which must run although nobody waits for the timer, are the keeper's.

use std::collections::HashSet;

use crate::access;
use crate::apc::{self, Queued};
use crate::arena::futex::{Deadline, Deadlines, monotonic_now, real_time_now};
use crate::arena::seat::SeatId;
use crate::arena::state::{value_of, with_value};
use crate::arena::word::Guarded64;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::{self, signal};
use crate::handle::{Handle, look_up};
use crate::keeper;
use crate::object::{self, Attributes, Disposition};
use crate::records::{Kind, Object, Process};
use crate::status::{Result, Status};

/// When a timer is due next, in nanoseconds of its clock.
pub(crate) const DUE: usize = 0;
/// Nanoseconds between one time and the next, 0 for once.
pub(crate) const PERIOD: usize = 1;
/// 1 if the timer follows the real-time clock.
pub(crate) const ABSOLUTE: usize = 2;
/// Under which number the process of the thread that runs the routine keeps it.
const ROUTINE: usize = 3;
/// The block of the routine's queued call; 0 if none is queued.
pub(crate) const CALL: usize = 4;
/// The thread that runs the routine; 0 if there is none.
pub(crate) const THREAD: usize = 5;
/// Next timer in the list of the thread's process.
pub(crate) const NEXT: usize = 6;
/// When the routine is due; 0 if it is not to run any more.
const ROUTINE_DUE: usize = 7;

/// 1 January 1970 in units of 100 ns since 1601.
const UNIX_EPOCH: i64 = 116_444_736_000_000_000;

/// How [`set`] sets a timer.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// When the timer is due first, in units of 100 ns: since 1601 UTC, or, negative, from now.
    pub due: i64,
    /// Milliseconds from one time to the next; 0 for once.
    pub period_ms: u32,
    /// An asynchronous procedure call for the calling thread.
    pub routine: Option<apc::Routine>,
}

/// Creates or opens a timer. A new one is not running and not signaled.
///
/// # Errors
/// As [`event::create`](crate::event::create).
///
/// # References
/// - `docs/conformance.md`, 3.4
pub fn create(attributes: &Attributes<'_>, access: u32, manual_reset: bool) -> Result<(Handle, Disposition)> {
    let value = if manual_reset { signal::MANUAL } else { 0 };
    object::create(&current()?, attributes, Kind::Timer, access, |lock| {
        let reference = object::allocate(lock, Kind::Timer, value)?;
        for word in &lock.arena().get(reference)?.body {
            word.set(lock, 0);
        }
        Ok(reference)
    })
}

/// Opens a timer by name.
///
/// # Errors
/// As [`event::open`](crate::event::open).
pub fn open(name: &[u16], access: u32, inherit: bool) -> Result<Handle> {
    object::open(&current()?, name, Kind::Timer, access, inherit)
}

/// Sets a timer anew: stops it, makes it nonsignaled, takes back its queued routine. Those who wait go on waiting.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no timer. [`Status::ACCESS_DENIED`]: the handle lacks
/// TIMER_MODIFY_STATE.
pub fn set(handle: Handle, setting: &Setting) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, handle)?.require(Kind::Timer, access::MODIFY_STATE)?;
    let mut lock = current.begin()?;
    let object = found.object;
    stop(&mut lock, found.reference, object)?;
    let absolute = setting.due > 0;
    let due = if absolute {
        (setting.due.saturating_sub(UNIX_EPOCH).max(0) as u64).saturating_mul(100)
    } else {
        monotonic_now().saturating_add(setting.due.unsigned_abs().saturating_mul(100))
    };
    let body = &object.body;
    body[DUE].set(&mut lock, due);
    body[PERIOD].set(&mut lock, u64::from(setting.period_ms) * 1_000_000);
    body[ABSOLUTE].set(&mut lock, u64::from(absolute));
    let state = found.claim(&mut lock)?;
    object.state.set(&mut lock, with_value(state, value_of(state) & !signal::SET | signal::ARMED));
    if let Some(routine) = setting.routine {
        // Where this transaction fails, the keeper forgets it.
        let number = current.context.routines.keep_timer(current.id, routine);
        body[ROUTINE].set(&mut lock, number);
        body[THREAD].set(&mut lock, u64::from(current.id.0));
        body[ROUTINE_DUE].set(&mut lock, due.max(1));
        let process = current.process();
        let first = process.first_timer.get(&lock);
        body[NEXT].set(&mut lock, u64::from(first));
        process.first_timer.set(&mut lock, found.reference.index());
    }
    refresh(&mut lock, object);
    dispatcher::dispatch(&mut lock, object)?;
    dispatcher::poke_waiters(&mut lock, object)?;
    lock.commit()?;
    if setting.routine.is_some() {
        keeper::doorbell(current.process()).ring();
    }
    Ok(())
}

/// Stops a timer and takes back its queued routine. Whether it is signaled does not change.
///
/// # Errors
/// As [`set`].
pub fn cancel(handle: Handle) -> Result<()> {
    let current = current()?;
    let found = look_up(&current, handle)?.require(Kind::Timer, access::MODIFY_STATE)?;
    let mut lock = current.begin()?;
    found.claim(&mut lock)?;
    refresh(&mut lock, found.object);
    stop(&mut lock, found.reference, found.object)?;
    dispatcher::dispatch(&mut lock, found.object)?;
    lock.commit()
}

/// Stops a timer and detaches its routine.
fn stop(lock: &mut Txn<'_>, reference: Ref<Object>, object: &Object) -> Result<()> {
    let state = object.state.claim(lock);
    object.state.set(lock, with_value(state, value_of(state) & !signal::ARMED));
    detach_routine(lock, reference, object)
}

/// Takes a timer out of its thread's process's list and its routine out of the thread's queue.
pub(crate) fn detach_routine(lock: &mut Txn<'_>, reference: Ref<Object>, object: &Object) -> Result<()> {
    let thread = SeatId(object.body[THREAD].get(lock) as u32);
    if thread.0 == 0 {
        return Ok(());
    }
    let arena = lock.arena();
    apc::take_back(lock, thread, reference)?;
    let process: &Process = arena.get(Ref::from_index(arena.get(thread.seat())?.process()))?;
    let after = object.body[NEXT].get(lock);
    if process.first_timer.get(lock) == reference.index() {
        process.first_timer.set(lock, after as u32);
    } else {
        let mut next = process.first_timer.get(lock);
        while let Some(other) = Ref::<Object>::from_index(next).some() {
            lock.step()?;
            let link = &arena.get(other)?.body[NEXT];
            next = link.get(lock) as u32;
            if next == reference.index() {
                link.set(lock, after);
                break;
            }
        }
    }
    object.body[THREAD].set(lock, 0);
    object.body[ROUTINE_DUE].set(lock, 0);
    // The process may be another: its keeper forgets the routine.
    lock.ring_after(keeper::doorbell(process));
    Ok(())
}

/// Brings a timer up to the clock. The transaction has claimed its state, and serves those who wait afterwards.
pub(crate) fn refresh(lock: &mut Txn<'_>, object: &Object) {
    let state = object.state.claim(lock);
    let value = value_of(state);
    if value & signal::ARMED == 0 {
        return;
    }
    let due = object.body[DUE].get(lock);
    let now = now_for(lock, object);
    if now < due {
        return;
    }
    let mut value = value | signal::SET;
    match advance(due, object.body[PERIOD].get(lock), now) {
        0 => value &= !signal::ARMED,
        next => object.body[DUE].set(lock, next),
    }
    object.state.set(lock, with_value(state, value));
}

/// The first time after `now` at which a timer is due, 0 for never again.
fn advance(due: u64, period: u64, now: u64) -> u64 {
    match (now - due).checked_div(period) {
        None => 0,
        // The time of one that is damaged may lie beyond the end of time.
        Some(missed) => due.saturating_add((missed + 1).saturating_mul(period)),
    }
}

fn now_for(lock: &Txn<'_>, object: &Object) -> u64 {
    if object.body[ABSOLUTE].get(lock) != 0 { real_time_now() } else { monotonic_now() }
}

/// When a running timer is due.
pub(crate) fn deadline(lock: &Txn<'_>, object: &Object) -> Option<Deadline> {
    if value_of(object.state.load()) & signal::ARMED == 0 {
        return None;
    }
    Some(deadline_at(lock, object, &object.body[DUE]))
}

fn deadline_at(lock: &Txn<'_>, object: &Object, word: &Guarded64) -> Deadline {
    let at = word.get(lock);
    if object.body[ABSOLUTE].get(lock) != 0 { Deadline::RealTime(at) } else { Deadline::Monotonic(at) }
}

/// Queues the routines of a process that are due, forgets those whose timers have none any more, and says when the next
/// ones are due. For the keeper.
pub(crate) fn run_routines(lock: &mut Txn<'static>, current: &Current) -> Result<Deadlines> {
    let arena = lock.arena();
    let process = current.process();
    let mut set = HashSet::new();
    let mut deadlines = Deadlines::default();
    let mut next = process.first_timer.get(lock);
    while let Some(reference) = Ref::<Object>::from_index(next).some() {
        lock.step()?;
        let object = arena.get(reference)?;
        next = object.body[NEXT].get(lock) as u32;
        set.insert(object.body[ROUTINE].get(lock));
        let due = object.body[ROUTINE_DUE].get(lock);
        if due == 0 {
            continue;
        }
        let now = now_for(lock, object);
        if now >= due {
            queue_routine(lock, reference, object, due)?;
            object.body[ROUTINE_DUE].set(lock, advance(due, object.body[PERIOD].get(lock), now));
        }
        if object.body[ROUTINE_DUE].get(lock) != 0 {
            deadlines.add(deadline_at(lock, object, &object.body[ROUTINE_DUE]));
        }
    }
    // Who sets a timer keeps its routine while it holds the lock: none is missed that is about to come into the list.
    current.context.routines.retain_timers(&set);
    Ok(deadlines)
}

fn queue_routine(lock: &mut Txn<'static>, reference: Ref<Object>, object: &Object, due: u64) -> Result<()> {
    let thread = SeatId(object.body[THREAD].get(lock) as u32);
    // Times are told as UTC in units of 100 ns since 1601, whichever clock the timer follows.
    let real = if object.body[ABSOLUTE].get(lock) != 0 {
        due
    } else {
        real_time_now().saturating_sub(monotonic_now().saturating_sub(due))
    };
    let time = (real / 100).saturating_add(UNIX_EPOCH as u64);
    let number = object.body[ROUTINE].get(lock);
    let routine = Queued::Timer { number, low: time as u32, high: (time >> 32) as u32 };
    apc::take_back(lock, thread, reference)?; // only one is outstanding
    match apc::append(lock, thread, routine, reference) {
        // The thread is about to end, and its timers with it: those of others go on.
        Err(Status::UNSUCCESSFUL) => Ok(()),
        result => result,
    }
}

/// Timers stopped under one hold of the lock when a thread ends: each may be the last of a list, of which a transaction
/// takes eight steps for each record.
const TIMERS_AT_A_TIME: u32 = 4;

/// Detaches some of the routines that a thread which ends has set. Their timers stop; whether they are signaled stays.
/// Returns whether there are more.
pub(crate) fn thread_ended(lock: &mut Txn<'_>, process: &Process, thread: SeatId) -> Result<bool> {
    let arena = lock.arena();
    let mut ended = 0;
    let mut next = process.first_timer.get(lock);
    while let Some(reference) = Ref::<Object>::from_index(next).some() {
        lock.step()?;
        let object = arena.get(reference)?;
        next = object.body[NEXT].get(lock) as u32;
        if object.body[THREAD].get(lock) == u64::from(thread.0) {
            if ended == TIMERS_AT_A_TIME {
                return Ok(true);
            }
            ended += 1;
            refresh(lock, object);
            stop(lock, reference, object)?;
            dispatcher::dispatch(lock, object)?;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::advance;

    #[test]
    fn missed_periods_are_not_made_up_for() {
        assert_eq!(advance(100, 0, 150), 0);
        assert_eq!(advance(100, 10, 100), 110);
        assert_eq!(advance(100, 10, 109), 110);
        assert_eq!(advance(100, 10, 155), 160);
    }
}
