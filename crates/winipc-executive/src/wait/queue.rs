//! Waiting under the lock: deciding at one instant, queueing at the objects, and sleeping until the wait is over.

use core::time::Duration;

use super::{Gone, Mode, Outcome};
use crate::arena::futex::{self, Deadline, Deadlines, monotonic_now};
use crate::arena::wake::phase;
use crate::arena::{Ref, Txn};
use crate::context::Current;
use crate::dispatcher::{self, status};
use crate::handle::Found;
use crate::records::{Kind, Object};
use crate::status::{Result, Status};
use crate::{apc, io, mutex, timer};

/// When a wait gives up.
#[derive(Clone, Copy)]
struct Limit {
    /// Nanoseconds of the monotonic clock; `None` for never.
    end: Option<u64>,
}

impl Limit {
    fn new(timeout: Option<Duration>) -> Self {
        let end = timeout.map(|timeout| {
            monotonic_now().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        Limit { end }
    }

    fn has_passed(&self) -> bool {
        self.end.is_some_and(|end| monotonic_now() >= end)
    }

    /// The wait's own end and the times its timers are due.
    fn deadlines(&self, lock: &Txn<'_>, objects: &[Found]) -> Deadlines {
        let mut deadlines = Deadlines::default();
        if let Some(end) = self.end {
            deadlines.add(Deadline::Monotonic(end));
        }
        for found in timers(lock, objects) {
            if let Some(due) = timer::deadline(lock, found.object) {
                deadlines.add(due);
            }
        }
        deadlines
    }
}

/// Waits under the lock: decides at one instant, or queues and sleeps.
#[cold]
pub(super) fn slow(
    current: &Current,
    objects: &[Found],
    mode: Mode,
    timeout: Option<Duration>,
    alertable: bool,
    gone: Gone,
) -> Result<Outcome> {
    let limit = if timeout == Some(Duration::ZERO) { Limit { end: Some(0) } } else { Limit::new(timeout) };
    let mut lock = current.begin()?;
    if gone == Gone::Fails && !objects.iter().all(|found| found.is_current(&lock)) {
        return Err(Status::INVALID_HANDLE);
    }
    for found in objects {
        if found.is_current(&lock) {
            found.claim(&mut lock)?;
        }
    }
    refresh_timers(&mut lock, objects)?;
    let thread = current.thread;
    let number = thread.wait.get(&lock).wrapping_add(phase::MASK + 1);
    if let Some(result) = take_now(&mut lock, current, objects, mode)? {
        thread.wait.set(&mut lock, number);
        thread.count.set(&mut lock, objects.len() as u32);
        thread.status.set(&mut lock, result);
        lock.commit()?;
        return Ok(finish(current, objects, result, number));
    }
    let is_due = limit.has_passed();
    if alertable && apc::is_pending(current) {
        lock.commit()?;
        return Ok(Outcome::Apc);
    }
    if is_due {
        lock.commit()?;
        return Ok(Outcome::Timeout);
    }
    // With one object gone, all are never there at once: only time or a call ends the wait.
    let objects =
        if mode == Mode::All && !objects.iter().all(|found| found.is_current(&lock)) { &[] } else { objects };
    for (index, found) in objects.iter().enumerate() {
        if found.is_current(&lock) {
            dispatcher::enqueue(&mut lock, current.seat, index, found.reference, found.object)?;
        } else {
            thread.blocks[index].object.set(&mut lock, 0); // it waits for nothing
        }
    }
    let mut waiting = status::WAITING;
    if mode == Mode::All {
        waiting |= status::ALL;
    }
    if alertable {
        waiting |= status::ALERTABLE;
    }
    thread.wait.set(&mut lock, number);
    thread.count.set(&mut lock, objects.len() as u32);
    thread.status.set(&mut lock, waiting);
    thread.blocked_since.store_relaxed(monotonic_now());
    current.seat_record.wake.0.store(number | phase::ARMED);
    let deadlines = limit.deadlines(&lock, objects);
    lock.commit()?;
    sleep_until_done(current, objects, number, limit, deadlines, alertable)
}

/// Takes what the wait is for, if it is there, and says with which result.
fn take_now(
    lock: &mut Txn<'static>,
    current: &Current,
    objects: &[Found],
    mode: Mode,
) -> Result<Option<u32>> {
    let is_signaled = |found: &Found| {
        let kind = found.kind().filter(|_| found.is_current(lock));
        kind.is_some_and(|kind| dispatcher::is_signaled(kind, found.object.state.load(), current.id))
    };
    let taken = match mode {
        Mode::Any => match objects.iter().position(is_signaled) {
            Some(index) => index..index + 1,
            None => return Ok(None),
        },
        Mode::All if !objects.is_empty() && objects.iter().all(is_signaled) => 0..objects.len(),
        Mode::All => return Ok(None),
    };
    let mut result = status::SATISFIED | status::UNLINKED;
    result |= match mode {
        Mode::Any => (taken.start as u32) << status::INDEX_SHIFT,
        Mode::All => status::ALL,
    };
    for index in taken {
        let Found { reference, object, .. } = objects[index];
        let kind = objects[index].kind().ok_or(Status::ARENA_CORRUPT)?;
        let state = object.state.claim(lock);
        dispatcher::note(lock, current.thread, index, reference, object);
        let (new, abandoned) = dispatcher::consumed(kind, state, current.id);
        object.state.set(lock, new);
        if abandoned {
            result |= status::ABANDONED;
        }
    }
    Ok(Some(result))
}

/// Takes possession of what a satisfied wait was given, and acknowledges it.
fn finish(current: &Current, objects: &[Found], result: u32, number: u32) -> Outcome {
    let index = if result & status::ALL != 0 { 0 } else { (result >> status::INDEX_SHIFT) as usize };
    let taken =
        if result & status::ALL != 0 { objects } else { objects.get(index..index + 1).unwrap_or(&[]) };
    for found in taken {
        if found.kind() == Some(Kind::Mutex) {
            own(current, found.reference, found.object);
        }
    }
    current.thread.acknowledged.store(number);
    io::deliver_for(current);
    if result & status::ABANDONED != 0 { Outcome::Abandoned(index) } else { Outcome::Object(index) }
}

/// Enters a mutex into the thread's list, or counts it once more if it is there already.
fn own(current: &Current, reference: Ref<Object>, object: &Object) {
    if mutex::owner(object.state.load()) != Some(current.id) {
        return;
    }
    if object.recursion.load() == 0 {
        mutex::adopt(current, reference, object);
    } else {
        // A count at its limit stays there: a wait for all cannot fail half-way.
        let _ = mutex::take_again(object);
    }
}

/// The timers among the objects of a wait.
fn timers<'o>(lock: &Txn<'_>, objects: &'o [Found]) -> impl Iterator<Item = &'o Found> {
    objects.iter().filter(|found| found.kind() == Some(Kind::Timer) && found.is_current(lock))
}

/// Brings the timers of a wait up to the clock, and serves those who wait for them.
fn refresh_timers(lock: &mut Txn<'static>, objects: &[Found]) -> Result<()> {
    let timers: Vec<_> = timers(lock, objects).map(|found| found.object).collect();
    for timer in timers {
        timer::refresh(lock, timer);
        dispatcher::dispatch(lock, timer)?;
    }
    Ok(())
}

/// Sleeps until the wait with this number is over.
fn sleep_until_done(
    current: &Current,
    objects: &[Found],
    number: u32,
    limit: Limit,
    mut deadlines: Deadlines,
    alertable: bool,
) -> Result<Outcome> {
    let word = &current.seat_record.wake.0;
    loop {
        let seen = word.load();
        match seen & phase::MASK {
            phase::DONE => {
                let result = current.thread.status.peek();
                if result & status::UNLINKED == 0 {
                    let mut lock = current.begin()?;
                    dispatcher::unlink_all(&mut lock, current.seat, current.thread)?;
                    lock.commit()?;
                }
                return Ok(finish(current, objects, result, number));
            }
            phase::ARMED => {
                let _ = word.compare_exchange(seen, number | phase::ASLEEP);
            }
            phase::ASLEEP if !deadlines.have_passed() => futex::wait(word, seen, deadlines.sleep()),
            _ => match look_again(current, objects, number, limit, alertable)? {
                Decision::Over(outcome) => return Ok(outcome),
                Decision::SleepUntil(new) => deadlines = new,
            },
        }
    }
}

enum Decision {
    Over(Outcome),
    SleepUntil(Deadlines),
}

/// Decides under the lock whether a queued wait goes on: a time has come, or somebody asked to look.
fn look_again(
    current: &Current,
    objects: &[Found],
    number: u32,
    limit: Limit,
    alertable: bool,
) -> Result<Decision> {
    let mut lock = current.begin()?;
    let thread = current.thread;
    refresh_timers(&mut lock, objects)?;
    let result = thread.status.get(&lock);
    if result & status::MASK == status::SATISFIED {
        dispatcher::unlink_all(&mut lock, current.seat, thread)?;
        lock.commit()?;
        return Ok(Decision::Over(finish(current, objects, result, number)));
    }
    let outcome = if alertable && apc::is_pending(current) {
        Some(Outcome::Apc)
    } else if limit.has_passed() {
        Some(Outcome::Timeout)
    } else {
        None
    };
    if let Some(outcome) = outcome {
        dispatcher::unlink_all(&mut lock, current.seat, thread)?;
        thread.status.set(&mut lock, status::IDLE);
        lock.commit()?;
        io::deliver_for(current);
        return Ok(Decision::Over(outcome));
    }
    let deadlines = limit.deadlines(&lock, objects);
    current.seat_record.wake.0.store(number | phase::ARMED);
    lock.commit()?;
    Ok(Decision::SleepUntil(deadlines))
}
