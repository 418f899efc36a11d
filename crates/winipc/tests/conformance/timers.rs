//! Section 3.4: waitable timers.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::null;

tests![
    a_new_timer_is_not_signaled,
    ex_flags,
    due_zero_signals_at_once,
    relative_due_time_passes,
    absolute_due_time_in_the_past_signals_at_once,
    absolute_due_time_soon_signals,
    absolute_due_time_far_away_does_not_signal,
    a_negative_period_fails,
    a_null_due_time_fails,
    setting_makes_it_nonsignaled,
    setting_again_replaces_the_due_time,
    waiters_keep_waiting_when_it_is_set_again,
    a_manual_timer_stays_signaled,
    a_manual_timer_releases_all_waiters,
    a_synchronization_timer_is_taken_once,
    a_periodic_timer_fires_again,
    missed_periods_do_not_accumulate,
    cancel_stops_a_running_timer,
    cancel_keeps_a_signaled_timer_signaled,
    cancel_of_an_inactive_timer_succeeds,
    cancel_stops_a_periodic_timer,
    a_routine_runs_in_an_alertable_wait,
    a_routine_gets_the_time_of_expiry,
    a_routine_needs_an_alertable_wait,
    a_routine_runs_on_the_setting_thread,
    only_one_routine_call_is_outstanding,
    setting_removes_the_queued_routine,
    cancel_removes_the_queued_routine,
    the_end_of_the_setting_thread_cancels_a_timer_with_routine,
    the_end_of_the_setting_thread_keeps_a_timer_without_routine,
    resume_is_accepted,
    set_ex_takes_a_tolerable_delay,
    a_timer_in_a_wait_for_all,
    a_timer_fires_for_another_process,
];

/// 100 ns units in a millisecond.
const MS: i64 = 10_000;

fn set(timer: &Handle, due: i64, period: i32) {
    quiet!(SetWaitableTimer(timer.raw(), &due, period, None, null(), FALSE));
}

/// Now, in 100 ns units since 1601.
fn now() -> i64 {
    let unix =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    (unix.as_nanos() / 100) as i64 + 116_444_736_000_000_000
}

/// 3.4: A new timer is inactive and not signaled.
fn a_new_timer_is_not_signaled() {
    for manual in [true, false] {
        let timer = timer(manual);
        assert_eq!((wait(&timer, 0), wait(&timer, 1)), (WAIT_TIMEOUT, WAIT_TIMEOUT));
    }
}

/// 3.4: CreateWaitableTimerEx: MANUAL_RESET is 1, HIGH_RESOLUTION is 2.
fn ex_flags() {
    for flags in 0..4 {
        let timer = Handle::own(ok!(CreateWaitableTimerExW(null(), null(), flags, TIMER_ALL_ACCESS)));
        assert!(!is_signaled(&timer));
        set(&timer, 0, 0);
        assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
        assert_eq!(is_signaled(&timer), flags & 1 != 0);
    }
}

/// 3.4: A due time of 0 signals at once.
fn due_zero_signals_at_once() {
    let timer = timer(true);
    set(&timer, 0, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
}

/// 3.4: A negative due time is relative, in units of 100 ns.
fn relative_due_time_passes() {
    let timer = timer(true);
    let start = std::time::Instant::now();
    set(&timer, -50 * MS, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    // Never early, but for the coarseness of the clocks.
    assert!(start.elapsed().as_millis() >= 30, "{:?}", start.elapsed());
    set(&timer, FAR, 0);
    assert_eq!(wait(&timer, 2), WAIT_TIMEOUT);
}

/// 3.4: A positive due time is absolute UTC since 1601; a past one signals at once.
fn absolute_due_time_in_the_past_signals_at_once() {
    for due in [1, now() - 3600 * 1000 * MS, now()] {
        let timer = timer(true);
        set(&timer, due, 0);
        assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    }
}

/// 3.4: An absolute due time is reached.
fn absolute_due_time_soon_signals() {
    let timer = timer(true);
    set(&timer, now() + 20 * MS, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
}

/// 3.4: An absolute due time in the future does not signal before.
fn absolute_due_time_far_away_does_not_signal() {
    for due in [now() + 3600 * 1000 * MS, i64::MAX] {
        let timer = timer(true);
        set(&timer, due, 0);
        assert_eq!(wait(&timer, 2), WAIT_TIMEOUT);
    }
}

/// 3.4: A negative period fails ERROR_INVALID_PARAMETER.
fn a_negative_period_fails() {
    let timer = timer(true);
    let due = 0;
    for period in [-1, i32::MIN] {
        let none = null();
        fails!(SetWaitableTimer(timer.raw(), &due, period, None, none, FALSE), ERROR_INVALID_PARAMETER);
    }
    assert!(!is_signaled(&timer));
}

/// 3.4: A NULL due time fails ERROR_NOACCESS (?).
fn a_null_due_time_fails() {
    let timer = timer(true);
    fails!(SetWaitableTimer(timer.raw(), null(), 0, None, null(), FALSE), ERROR_NOACCESS);
}

/// 3.4: Setting a timer always makes it nonsignaled.
fn setting_makes_it_nonsignaled() {
    let timer = timer(true);
    set(&timer, 0, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    set(&timer, FAR, 0);
    assert!(!is_signaled(&timer));
}

/// 3.4: Setting a running timer replaces its due time.
fn setting_again_replaces_the_due_time() {
    let timer = timer(true);
    set(&timer, FAR, 0);
    set(&timer, 0, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    set(&timer, -20 * MS, 0);
    set(&timer, FAR, 0);
    assert_eq!(wait(&timer, 40), WAIT_TIMEOUT);
}

/// 3.4: Waiters keep waiting when the timer is set again, and see the new due time.
fn waiters_keep_waiting_when_it_is_set_again() {
    let (timer, started) = (timer(true), event(true, false));
    set(&timer, FAR, 0);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| call!(SignalObjectAndWait(started.raw(), timer.raw(), SOON, FALSE)).0);
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        set(&timer, 2 * FAR, 0);
        set(&timer, -MS, 0);
        assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
    });
}

/// 3.4: A manual-reset timer stays signaled until it is set again.
fn a_manual_timer_stays_signaled() {
    let timer = timer(true);
    set(&timer, 0, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    assert!(is_signaled(&timer) && is_signaled(&timer));
}

/// 3.4: A manual-reset timer releases all waiters.
fn a_manual_timer_releases_all_waiters() {
    let timer = timer(true);
    set(&timer, FAR, 0);
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..3).map(|_| scope.spawn(|| wait(&timer, SOON))).collect();
        set(&timer, -MS, 0);
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == WAIT_OBJECT_0));
    });
}

/// 3.4: A synchronization timer stays signaled until one wait takes it.
fn a_synchronization_timer_is_taken_once() {
    let timer = timer(false);
    set(&timer, 0, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    assert!(!is_signaled(&timer));
}

/// 3.4: A periodic timer fires at its due time and then every period.
fn a_periodic_timer_fires_again() {
    let timer = timer(false);
    set(&timer, 0, 1);
    for _ in 0..5 {
        assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    }
}

/// 3.4: A periodic synchronization timer does not accumulate missed periods.
fn missed_periods_do_not_accumulate() {
    let (fast, slow) = (timer(false), timer(true));
    set(&fast, 0, 1);
    set(&slow, -60 * MS, 0);
    assert_eq!(wait(&slow, SOON), WAIT_OBJECT_0);
    // Some 60 periods have passed; stopping the timer leaves one signal at most.
    quiet!(CancelWaitableTimer(fast.raw()));
    assert!(is_signaled(&fast));
    assert!(!is_signaled(&fast));
}

/// 3.4: CancelWaitableTimer stops a running timer.
fn cancel_stops_a_running_timer() {
    let timer = timer(true);
    set(&timer, -20 * MS, 0);
    quiet!(CancelWaitableTimer(timer.raw()));
    assert_eq!(wait(&timer, 40), WAIT_TIMEOUT);
}

/// 3.4: CancelWaitableTimer does not change the signaled state.
fn cancel_keeps_a_signaled_timer_signaled() {
    let timer = timer(true);
    set(&timer, 0, 0);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    quiet!(CancelWaitableTimer(timer.raw()));
    assert!(is_signaled(&timer));
}

/// 3.4: CancelWaitableTimer of an inactive timer is TRUE.
fn cancel_of_an_inactive_timer_succeeds() {
    let timer = timer(true);
    quiet!(CancelWaitableTimer(timer.raw()));
    quiet!(CancelWaitableTimer(timer.raw()));
    assert!(!is_signaled(&timer));
}

/// 3.4: CancelWaitableTimer ends the periods.
fn cancel_stops_a_periodic_timer() {
    let timer = timer(false);
    set(&timer, 0, 1);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    quiet!(CancelWaitableTimer(timer.raw()));
    wait(&timer, 0); // A period that came in between.
    assert_eq!(wait(&timer, 20), WAIT_TIMEOUT);
}

thread_local! {
    /// Argument and time of the routine calls on this thread.
    static CALLS: RefCell<Vec<(usize, i64)>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "system" fn routine(argument: *const c_void, low: u32, high: u32) {
    CALLS.with_borrow_mut(|calls| calls.push((argument as usize, i64::from(high) << 32 | i64::from(low))));
}

fn set_with_routine(timer: &Handle, due: i64, period: i32, argument: usize) {
    ok!(SetWaitableTimer(timer.raw(), &due, period, Some(routine), argument as *const c_void, FALSE));
}

/// 3.4: The routine is a user APC: an alertable wait runs it, with the argument given.
fn a_routine_runs_in_an_alertable_wait() {
    let timer = timer(true);
    set_with_routine(&timer, -5 * MS, 0, 4711);
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    let calls = CALLS.take();
    assert!(matches!(calls.as_slice(), [(4711, _)]), "{calls:?}");
    assert!(is_signaled(&timer));
}

/// 3.4: The routine gets the time of expiry, UTC since 1601, as its low and high half.
fn a_routine_gets_the_time_of_expiry() {
    let (timer, before) = (timer(true), now());
    set_with_routine(&timer, -5 * MS, 0, 0);
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    let time = CALLS.take()[0].1;
    // A tick of coarse clocks either way.
    assert!(before - 20 * MS <= time && time <= now() + 20 * MS, "expired at {time}, set at {before}");
}

/// 3.4: The routine runs only in an alertable wait.
fn a_routine_needs_an_alertable_wait() {
    let timer = timer(true);
    set_with_routine(&timer, 0, 0, 1);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    assert_eq!(wait(&event(true, false), 1), WAIT_TIMEOUT);
    assert!(CALLS.take().is_empty());
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(CALLS.take().len(), 1);
}

/// 3.4: The routine runs on the thread that set the timer, not on one that waits for it.
fn a_routine_runs_on_the_setting_thread() {
    let timer = timer(true);
    set_with_routine(&timer, 0, 0, 1);
    on_thread(|| {
        assert_eq!(call!(WaitForSingleObjectEx(timer.raw(), SOON, TRUE)).0, WAIT_OBJECT_0);
        assert_eq!((call!(SleepEx(0, TRUE)).0, CALLS.take().len()), (0, 0));
    });
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(CALLS.take().len(), 1);
}

/// 3.4: Only one call of a periodic timer's routine is outstanding.
fn only_one_routine_call_is_outstanding() {
    let (fast, slow) = (timer(false), timer(true));
    set_with_routine(&fast, 0, 1, 1);
    set(&slow, -60 * MS, 0);
    assert_eq!(wait(&slow, SOON), WAIT_OBJECT_0);
    let start = std::time::Instant::now();
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    // Each further one needs a period of 1 ms that passed meanwhile; some 60 were missed before.
    let (calls, passed) = (CALLS.take().len(), start.elapsed().as_millis() as usize);
    assert!((1..=3 + passed).contains(&calls), "{calls} calls in {passed} ms");
    ok!(CancelWaitableTimer(fast.raw()));
}

/// 3.4: Setting the timer again removes its queued routine.
fn setting_removes_the_queued_routine() {
    let timer = timer(true);
    set_with_routine(&timer, 0, 0, 1);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    set_with_routine(&timer, FAR, 0, 2);
    assert_eq!((call!(SleepEx(0, TRUE)).0, CALLS.take().len()), (0, 0));
}

/// 3.4: CancelWaitableTimer removes the queued routine.
fn cancel_removes_the_queued_routine() {
    let timer = timer(true);
    set_with_routine(&timer, 0, 0, 1);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    ok!(CancelWaitableTimer(timer.raw()));
    assert_eq!((call!(SleepEx(0, TRUE)).0, CALLS.take().len()), (0, 0));
}

/// 3.4: The end of the thread that set it cancels a timer with routine; its state stays.
fn the_end_of_the_setting_thread_cancels_a_timer_with_routine() {
    let (running, fired) = (timer(true), timer(true));
    on_thread(|| {
        set_with_routine(&running, -20 * MS, 0, 1);
        set_with_routine(&fired, 0, 0, 1);
        assert_eq!(wait(&fired, SOON), WAIT_OBJECT_0);
    });
    assert_eq!(wait(&running, 60), WAIT_TIMEOUT);
    assert!(is_signaled(&fired));
}

/// 3.4: A timer without routine goes on after the end of the thread that set it.
fn the_end_of_the_setting_thread_keeps_a_timer_without_routine() {
    let timer = timer(true);
    on_thread(|| set(&timer, -5 * MS, 0));
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
}

/// 3.4: resume=TRUE is TRUE, with last error ERROR_NOT_SUPPORTED where it is not supported.
fn resume_is_accepted() {
    let (timer, due) = (timer(true), 0);
    let (value, error) = call!(SetWaitableTimer(timer.raw(), &due, 0, None, null(), TRUE));
    assert_eq!(value, TRUE);
    assert!(error == UNTOUCHED || error == ERROR_SUCCESS || error == ERROR_NOT_SUPPORTED, "{error}");
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
}

/// 3.4: SetWaitableTimerEx adds a tolerable delay in milliseconds.
fn set_ex_takes_a_tolerable_delay() {
    let (timer, due) = (timer(true), -MS);
    ok!(SetWaitableTimerEx(timer.raw(), &due, 0, None, null(), null(), 5));
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
}

/// 3.4: A timer completes a wait for all and for any in progress.
fn a_timer_in_a_wait_for_all() {
    let (timer, set_event, clear) = (timer(false), event(false, true), event(true, false));
    set(&timer, -5 * MS, 0);
    assert_eq!(wait_all(&[&timer, &set_event], SOON), WAIT_OBJECT_0);
    assert!(!is_signaled(&timer) && !is_signaled(&set_event));
    set(&timer, -5 * MS, 0);
    assert_eq!(wait_any(&[&clear, &timer], SOON), WAIT_OBJECT_0 + 1);
}

/// 3.4: A named timer set in one process fires for a waiter in another.
fn a_timer_fires_for_another_process() {
    let (name, mut child) = (Name::unique(), Child::start());
    let timer = Handle::own(ok!(CreateWaitableTimerW(null(), FALSE, name.ptr())));
    let there = child.handle(&format!("create_timer {} 1", name.text()));
    child.send(&format!("wait {there} {SOON}"));
    set(&timer, -5 * MS, 0);
    assert_eq!(child.answer().value, WAIT_OBJECT_0.into());
    assert!(!is_signaled(&timer));
}
