//! Waiting: for one object, any or all of several, alertably, or for time alone.

use core::time::Duration;

use crate::access::SYNCHRONIZE;
use crate::arena::futex::{self, Deadline, monotonic_now, real_time_now};
use crate::arena::state::{CLAIM, generation_of, value_of};
use crate::arena::transaction::phase;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::dispatcher::{self, signal, status};
use crate::handle::{self, Found, Handle, resolve};
use crate::records::{Kind, MAXIMUM_WAIT_OBJECTS, Object};
use crate::spin::Spinner;
use crate::status::{Result, Status};
use crate::{access, apc, event, io, mutex, semaphore, timer};

/// What has to be there for a wait to be satisfied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One of the objects; with several, the one with the lowest index.
    Any,
    /// All objects at one instant.
    All,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The object with this index was taken; for all objects the index is 0.
    Object(usize),
    /// The same, and a mutex that was taken had been abandoned.
    Abandoned(usize),
    /// The time passed.
    Timeout,
    /// An asynchronous procedure call is due: [`crate::apc::take`] gives it.
    Apc,
}

/// Waits for one object. `None` waits for ever; zero looks and returns.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle. [`Status::ACCESS_DENIED`]: it lacks SYNCHRONIZE.
///
/// # References
/// - SEMANTICS 2
#[inline]
pub fn one(handle: Handle, timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    let current = current()?;
    let found = resolve(&current, handle)?;
    access::require(found.access, SYNCHRONIZE)?;
    one_found(&current, &found, timeout, alertable, Gone::NeverSignaled)
}

/// What becomes of a wait for an object that goes before the wait is queued, with its last handle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The wait goes on: a thread that waits keeps what it waits for, and nobody is left to signal it.
    NeverSignaled,
    /// It fails with [`Status::INVALID_HANDLE`].
    Fails,
}

/// Waits for an object that has been found.
#[inline]
pub(crate) fn one_found(
    current: &Current,
    found: &Found,
    timeout: Option<Duration>,
    alertable: bool,
    gone: Gone,
) -> Result<Outcome> {
    let mut spinner = Spinner::new(timeout);
    loop {
        io::deliver_for(current);
        match try_one(current, found, 0)? {
            Look::Taken(outcome) => {
                // A request may have been completed since the delivery, and this be its event.
                io::deliver_for(current);
                return Ok(outcome);
            }
            // Who decides may have stopped: looking again and again would go on past the time.
            Look::Unclear => break,
            Look::NotSignaled => {}
        }
        if alertable && apc::is_pending(current) {
            return Ok(Outcome::Apc);
        }
        if may_not_spin(found) || !spinner.spin(|| is_changed(found)) {
            break;
        }
    }
    slow(current, &[*found], Mode::Any, timeout, alertable, gone)
}

/// Waits for any or all of 1 to 64 objects.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: another number of objects; the same object twice in a wait for all.
/// [`Status::INVALID_HANDLE`]: one of the handles is none; pseudo-handles are none here. [`Status::ACCESS_DENIED`]: one
/// lacks SYNCHRONIZE.
///
/// # References
/// - SEMANTICS 2.1, 2.2
pub fn many(handles: &[Handle], mode: Mode, timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    if handles.is_empty() || handles.len() > MAXIMUM_WAIT_OBJECTS {
        return Err(Status::INVALID_PARAMETER);
    }
    let current = current()?;
    let look_up = |handle: &Handle| {
        let found = handle::look_up(&current, *handle)?;
        access::require(found.access, SYNCHRONIZE).map(|()| found)
    };
    // Few objects, as nearly always, need no memory of their own.
    let mut few = [look_up(&handles[0])?; FEW];
    let mut many = Vec::new();
    let objects = if handles.len() <= FEW {
        for (object, handle) in few.iter_mut().zip(handles) {
            *object = look_up(handle)?;
        }
        &few[..handles.len()]
    } else {
        many.reserve_exact(handles.len());
        for handle in handles {
            many.push(look_up(handle)?);
        }
        &many[..]
    };
    if mode == Mode::All {
        let is_twice =
            |index: usize| objects[..index].iter().any(|other| other.reference == objects[index].reference);
        if (1..objects.len()).any(is_twice) {
            return Err(Status::INVALID_PARAMETER);
        }
        return slow_after_spin(&current, objects, mode, timeout, alertable);
    }
    any(&current, objects, timeout, alertable)
}

fn any(current: &Current, objects: &[Found], timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    let mut spinner = Spinner::new(timeout);
    loop {
        io::deliver_for(current);
        match try_any(current, objects)? {
            Look::Taken(outcome) => {
                io::deliver_for(current);
                return Ok(outcome);
            }
            Look::Unclear => break,
            Look::NotSignaled => {}
        }
        if alertable && apc::is_pending(current) {
            return Ok(Outcome::Apc);
        }
        if objects.iter().any(may_not_spin) || !spinner.spin(|| objects.iter().any(is_changed)) {
            break;
        }
    }
    slow(current, objects, Mode::Any, timeout, alertable, Gone::NeverSignaled)
}

fn slow_after_spin(
    current: &Current,
    objects: &[Found],
    mode: Mode,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<Outcome> {
    io::deliver_for(current);
    slow(current, objects, mode, timeout, alertable, Gone::NeverSignaled)
}

/// Objects that fit without an allocation.
const FEW: usize = 8;

/// What a look without the lock tells.
enum Look {
    Taken(Outcome),
    NotSignaled,
    /// Somebody is deciding, the clock must be asked, or the object is gone.
    Unclear,
}

/// Takes one object if it is signaled, by a compare-and-swap.
#[inline]
fn try_one(current: &Current, found: &Found, index: usize) -> Result<Look> {
    let object = found.object;
    let mut state = object.state.load();
    let Some(kind) = found.kind() else { return Ok(Look::Unclear) };
    loop {
        let is_gone = generation_of(state) != generation_of(found.state);
        if is_gone || state & CLAIM != 0 || kind == Kind::Timer && value_of(state) & signal::ARMED != 0 {
            return Ok(Look::Unclear);
        }
        if !dispatcher::is_signaled(kind, state, current.id) {
            return Ok(Look::NotSignaled);
        }
        if kind == Kind::Mutex {
            let found = Found { state, ..*found };
            return Ok(match mutex::try_take(current, &found)? {
                Some(false) => Look::Taken(Outcome::Object(index)),
                Some(true) => Look::Taken(Outcome::Abandoned(index)),
                None => Look::Unclear,
            });
        }
        let (new, _) = dispatcher::consumed(kind, state, current.id);
        if new == state {
            return Ok(Look::Taken(Outcome::Object(index)));
        }
        match object.state.exchange(state, new) {
            Ok(()) => return Ok(Look::Taken(Outcome::Object(index))),
            Err(now) => state = now,
        }
    }
}

/// Takes the signaled object with the lowest index.
///
/// That those before it are not signaled must hold at one instant: their words are read twice, and when nothing changed
/// between, it did.
fn try_any(current: &Current, objects: &[Found]) -> Result<Look> {
    let mut seen = [0; MAXIMUM_WAIT_OBJECTS];
    for (index, found) in objects.iter().enumerate() {
        let state = found.object.state.load();
        seen[index] = state;
        let is_gone = generation_of(state) != generation_of(found.state);
        let Some(kind) = found.kind() else { return Ok(Look::Unclear) };
        if is_gone || state & CLAIM != 0 || kind == Kind::Timer && value_of(state) & signal::ARMED != 0 {
            return Ok(Look::Unclear);
        }
        if dispatcher::is_signaled(kind, state, current.id) {
            let is_same = |(found, seen): (&Found, &u64)| found.object.state.load() == *seen;
            if !objects[..=index].iter().zip(&seen).all(is_same) {
                return Ok(Look::Unclear);
            }
            return try_one(current, found, index);
        }
    }
    Ok(Look::NotSignaled)
}

/// Whether a spinning thread should look at an object again.
#[inline]
fn is_changed(found: &Found) -> bool {
    let state = found.object.state.load();
    let value = value_of(state);
    match Kind::from_tag(found.object.head.tag.peek()) {
        Some(Kind::Mutex) => !mutex::is_owned(state),
        Some(Kind::Semaphore) => value != 0,
        Some(_) => value & signal::SET != 0,
        None => true,
    }
}

/// Events that are pulsed must find those who wait for them in the queue; a running timer needs the clock.
#[inline]
fn may_not_spin(found: &Found) -> bool {
    let value = value_of(found.object.state.load());
    match Kind::from_tag(found.object.head.tag.peek()) {
        Some(Kind::Event) => value & signal::PULSED != 0,
        Some(Kind::Timer) => true,
        _ => false,
    }
}

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

    /// The earlier of the wait's own end and of the times its timers are due.
    fn deadline(&self, timers: Option<Deadline>) -> Option<Deadline> {
        let remaining = |deadline: Deadline| match deadline {
            Deadline::Monotonic(at) => at.saturating_sub(monotonic_now()),
            Deadline::RealTime(at) => at.saturating_sub(real_time_now()),
        };
        let own = self.end.map(Deadline::Monotonic);
        match (own, timers) {
            (Some(own), Some(timers)) => Some(if remaining(own) <= remaining(timers) { own } else { timers }),
            (own, timers) => own.or(timers),
        }
    }
}

/// Waits under the lock: decides at one instant, or queues and sleeps.
#[cold]
fn slow(
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
    let deadline = limit.deadline(earliest_timer(&lock, objects));
    lock.commit()?;
    sleep_until_done(current, objects, number, limit, deadline, alertable)
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

fn earliest_timer(lock: &Txn<'_>, objects: &[Found]) -> Option<Deadline> {
    timers(lock, objects).filter_map(|found| timer::deadline(lock, found.object)).min_by_key(|deadline| {
        match deadline {
            Deadline::Monotonic(at) => at.saturating_sub(monotonic_now()),
            Deadline::RealTime(at) => at.saturating_sub(real_time_now()),
        }
    })
}

/// Sleeps until the wait with this number is over.
fn sleep_until_done(
    current: &Current,
    objects: &[Found],
    number: u32,
    limit: Limit,
    mut deadline: Option<Deadline>,
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
            phase::ASLEEP if !has_passed(deadline) => futex::wait(word, seen, deadline),
            _ => match look_again(current, objects, number, limit, alertable)? {
                Decision::Over(outcome) => return Ok(outcome),
                Decision::SleepUntil(new) => deadline = new,
            },
        }
    }
}

fn has_passed(deadline: Option<Deadline>) -> bool {
    match deadline {
        Some(Deadline::Monotonic(at)) => monotonic_now() >= at,
        Some(Deadline::RealTime(at)) => real_time_now() >= at,
        None => false,
    }
}

enum Decision {
    Over(Outcome),
    SleepUntil(Option<Deadline>),
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
    let deadline = limit.deadline(earliest_timer(&lock, objects));
    current.seat_record.wake.0.store(number | phase::ARMED);
    lock.commit()?;
    Ok(Decision::SleepUntil(deadline))
}

/// Signals one object (sets an event, releases a semaphore or mutex once) and waits for another.
///
/// The two are not one step. A bad `wait` handle is found before `signal` is changed.
///
/// # Errors
/// [`Status::OBJECT_TYPE_MISMATCH`]: `signal` is of another kind. Else as the signaling call and [`one`].
///
/// # References
/// - SEMANTICS 2.6
pub fn signal_and_wait(
    signal: Handle,
    wait: Handle,
    timeout: Option<Duration>,
    alertable: bool,
) -> Result<Outcome> {
    let current = current()?;
    let signaled = handle::look_up(&current, signal)?;
    let waited = resolve(&current, wait)?;
    access::require(waited.access, SYNCHRONIZE)?;
    // Whoever is let go on may close every handle to what is waited for: one of this call's own keeps it.
    let mut lock = current.begin()?;
    if !waited.is_current(&lock) {
        return Err(Status::INVALID_HANDLE);
    }
    let own = handle::insert(&mut lock, current.process(), waited.reference, SYNCHRONIZE, false)?;
    lock.commit()?;
    let outcome = match signaled.kind() {
        Some(Kind::Event) => event::set(signal),
        Some(Kind::Semaphore) => semaphore::release(signal, 1).map(|_| ()),
        Some(Kind::Mutex) => mutex::release(signal),
        _ => Err(Status::OBJECT_TYPE_MISMATCH),
    };
    let outcome =
        outcome.and_then(|()| one_found(&current, &waited, timeout, alertable, Gone::NeverSignaled));
    handle::close(own)?;
    outcome
}

/// Waits for time to pass, or alertably for an asynchronous procedure call.
///
/// # Errors
/// [`Status::ARENA_UNAVAILABLE`]: an alertable wait, and the process cannot attach.
pub fn sleep(timeout: Option<Duration>, alertable: bool) -> Result<Outcome> {
    if !alertable {
        match timeout {
            Some(Duration::ZERO) => std::thread::yield_now(),
            Some(timeout) => std::thread::sleep(timeout),
            None => loop {
                std::thread::park();
            },
        }
        return Ok(Outcome::Timeout);
    }
    let current = current()?;
    io::deliver_for(&current);
    if apc::is_pending(&current) {
        return Ok(Outcome::Apc);
    }
    slow(&current, &[], Mode::Any, timeout, true, Gone::NeverSignaled)
}
