//! Section 2.6: SignalObjectAndWait.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    it_signals_an_event,
    it_releases_a_semaphore_by_one,
    it_releases_a_mutex,
    it_waits_for_the_second,
    other_kinds_cannot_be_signaled,
    bad_handles_fail,
    a_bad_wait_handle_signals_nothing,
    a_full_semaphore_fails,
    a_mutex_not_owned_fails,
    signaling_needs_modify_state,
    one_handle_for_both,
    two_threads_hand_over_to_each_other,
];

fn signal_and_wait(signal: &Handle, waited: &Handle, milliseconds: u32) -> (u32, u32) {
    call!(SignalObjectAndWait(signal.raw(), waited.raw(), milliseconds, FALSE))
}

/// 2.6: An event as first object is set.
fn it_signals_an_event() {
    let (signal, set) = (event(true, false), event(true, true));
    assert_eq!(signal_and_wait(&signal, &set, 0), (WAIT_OBJECT_0, UNTOUCHED));
    assert!(is_signaled(&signal));
}

/// 2.6: A semaphore as first object is released by one.
fn it_releases_a_semaphore_by_one() {
    let (signal, clear) = (semaphore(1, 5), event(true, false));
    assert_eq!(signal_and_wait(&signal, &clear, 0), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(count_of(&signal), 2);
}

/// 2.6: A mutex as first object is released once.
fn it_releases_a_mutex() {
    let (signal, set) = (mutex(true), event(true, true));
    assert_eq!(wait(&signal, 0), WAIT_OBJECT_0);
    assert_eq!(signal_and_wait(&signal, &set, 0), (WAIT_OBJECT_0, UNTOUCHED));
    ok!(ReleaseMutex(signal.raw()));
    fails!(ReleaseMutex(signal.raw()), ERROR_NOT_OWNER);
}

/// 2.6: Then it waits for the second object, takes it, or times out.
fn it_waits_for_the_second() {
    let (signal, automatic) = (event(true, false), event(false, true));
    assert_eq!(signal_and_wait(&signal, &automatic, SOON).0, WAIT_OBJECT_0);
    assert_eq!(signal_and_wait(&signal, &automatic, 1).0, WAIT_TIMEOUT);
    assert_eq!(signal_and_wait(&signal, &abandoned_mutex(), 1).0, WAIT_ABANDONED);
}

/// 2.6: A first object of another kind fails ERROR_INVALID_HANDLE.
fn other_kinds_cannot_be_signaled() {
    let (set, timer, thread) = (event(false, true), timer(true), thread_handle());
    let (pipe, _client) = pair(DUPLEX, BYTE);
    for other in [&timer, &thread, &pipe] {
        assert_eq!(signal_and_wait(other, &set, 0), (WAIT_FAILED, ERROR_INVALID_HANDLE));
    }
    assert!(is_signaled(&set), "no wait happened");
}

/// 2.6: Either handle NULL or bad fails ERROR_INVALID_HANDLE.
fn bad_handles_fail() {
    let set = event(true, true);
    for bad in [null_mut(), NEVER] {
        fails!(SignalObjectAndWait(bad, set.raw(), 0, FALSE), ERROR_INVALID_HANDLE);
        fails!(SignalObjectAndWait(set.raw(), bad, 0, FALSE), ERROR_INVALID_HANDLE);
        fails!(SignalObjectAndWait(bad, bad, 0, FALSE), ERROR_INVALID_HANDLE);
    }
}

/// 2.6: A bad second handle is found before the first object is signaled (?).
fn a_bad_wait_handle_signals_nothing() {
    let (event, mutex) = (event(true, false), mutex(true));
    fails!(SignalObjectAndWait(event.raw(), NEVER, 0, FALSE), ERROR_INVALID_HANDLE);
    fails!(SignalObjectAndWait(mutex.raw(), NEVER, 0, FALSE), ERROR_INVALID_HANDLE);
    assert!(!is_signaled(&event));
    ok!(ReleaseMutex(mutex.raw()));
}

/// 2.6: A semaphore at its maximum fails ERROR_TOO_MANY_POSTS, and no wait happens.
fn a_full_semaphore_fails() {
    let (full, set) = (semaphore(2, 2), event(false, true));
    assert_eq!(signal_and_wait(&full, &set, SOON), (WAIT_FAILED, ERROR_TOO_MANY_POSTS));
    assert_eq!(count_of(&full), 2);
    assert!(is_signaled(&set));
}

/// 2.6: A mutex that the caller does not own fails ERROR_NOT_OWNER, and no wait happens.
fn a_mutex_not_owned_fails() {
    let (mutex, set) = (mutex(false), event(false, true));
    assert_eq!(signal_and_wait(&mutex, &set, SOON), (WAIT_FAILED, ERROR_NOT_OWNER));
    assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0);
    assert_eq!(on_thread(|| signal_and_wait(&mutex, &set, SOON)), (WAIT_FAILED, ERROR_NOT_OWNER));
    ok!(ReleaseMutex(mutex.raw()));
    assert!(is_signaled(&set));
}

/// 1.4: The first object needs its modify right, the second SYNCHRONIZE, else ERROR_ACCESS_DENIED.
fn signaling_needs_modify_state() {
    let (event, set, semaphore) = (event(true, false), event(true, true), semaphore(0, 1));
    let poor = event.with_access(SYNCHRONIZE);
    assert_eq!(signal_and_wait(&poor, &set, 0), (WAIT_FAILED, ERROR_ACCESS_DENIED));
    let poor = semaphore.with_access(SYNCHRONIZE);
    assert_eq!(signal_and_wait(&poor, &set, 0), (WAIT_FAILED, ERROR_ACCESS_DENIED));
    let unwaitable = set.with_access(EVENT_MODIFY_STATE);
    assert_eq!(signal_and_wait(&event, &unwaitable, 0), (WAIT_FAILED, ERROR_ACCESS_DENIED));
}

/// 2.6: One auto-reset event for both is set and then taken: WAIT_OBJECT_0, nonsignaled afterwards.
fn one_handle_for_both() {
    let event = event(false, false);
    assert_eq!(signal_and_wait(&event, &event, SOON), (WAIT_OBJECT_0, UNTOUCHED));
    assert!(!is_signaled(&event));
    let semaphore = semaphore(0, 1);
    assert_eq!(signal_and_wait(&semaphore, &semaphore, SOON), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(count_of(&semaphore), 0);
}

/// 2.6: Two threads that signal each other's event and wait for their own take turns.
fn two_threads_hand_over_to_each_other() {
    let (ping, pong) = (event(false, false), event(false, false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(wait(&ping, SOON), WAIT_OBJECT_0);
            for _ in 1..100 {
                assert_eq!(signal_and_wait(&pong, &ping, SOON).0, WAIT_OBJECT_0);
            }
            ok!(SetEvent(pong.raw()));
        });
        for _ in 0..100 {
            assert_eq!(signal_and_wait(&ping, &pong, SOON).0, WAIT_OBJECT_0);
        }
    });
    assert!(!is_signaled(&ping) && !is_signaled(&pong));
}
