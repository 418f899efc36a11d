//! Sections 2.1 to 2.3: waits for one, any and all, and what they do to the objects.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;

tests![
    results_have_their_documented_values,
    a_count_out_of_range_fails,
    sixty_four_objects_are_allowed,
    a_bad_handle_fails_whatever_its_index,
    the_same_object_twice_fails_for_all,
    the_same_object_twice_works_for_any,
    zero_timeout_only_looks,
    a_timeout_ends_the_wait,
    timeouts_are_unsigned,
    every_kind_can_be_waited_on,
    any_takes_the_lowest_signaled,
    any_counts_up_through_sixty_four,
    any_changes_only_what_it_returns,
    any_returns_the_index_of_an_abandoned_mutex,
    any_wakes_for_an_object_set_later,
    all_changes_nothing_until_complete,
    all_takes_everything_together,
    all_counts_an_owned_mutex_as_signaled,
    all_returns_zero,
    all_returns_abandoned,
    all_leaves_objects_to_others_meanwhile,
    a_wait_for_all_wakes_when_complete,
    effects_of_a_satisfied_wait,
    a_semaphore_taken_twice_by_all_is_refused,
];

/// 2.1: WAIT_OBJECT_0 is 0, WAIT_ABANDONED_0 0x80, WAIT_IO_COMPLETION 0xC0, WAIT_TIMEOUT 258, WAIT_FAILED 0xFFFFFFFF.
fn results_have_their_documented_values() {
    let (set, clear, abandoned) = (event(true, true), event(true, false), abandoned_mutex());
    assert_eq!(wait(&set, 0), 0);
    assert_eq!(wait(&abandoned, 0), 0x80);
    assert_eq!(wait(&clear, 0), 258);
    assert_eq!(call!(WaitForSingleObject(NEVER, 0)).0, 0xFFFF_FFFF);
}

/// 2.1: A count of 0 or of more than 64 fails ERROR_INVALID_PARAMETER.
fn a_count_out_of_range_fails() {
    let events: Vec<Handle> = (0..65).map(|_| event(true, true)).collect();
    let handles: Vec<HANDLE> = events.iter().map(Handle::raw).collect();
    for all in [FALSE, TRUE] {
        for count in [0, 65, 0x8000_0000, u32::MAX] {
            fails!(WaitForMultipleObjects(count, handles.as_ptr(), all, 0), ERROR_INVALID_PARAMETER);
        }
    }
}

/// 2.1: 64 objects are allowed, any and all.
fn sixty_four_objects_are_allowed() {
    let events: Vec<Handle> = (0..64).map(|_| event(true, true)).collect();
    let events: Vec<&Handle> = events.iter().collect();
    assert_eq!(wait_any(&events, 0), WAIT_OBJECT_0);
    assert_eq!(wait_all(&events, 0), WAIT_OBJECT_0);
    ok!(ResetEvent(events[63].raw()));
    assert_eq!(wait_all(&events, 0), WAIT_TIMEOUT);
}

/// 2.1: A bad handle fails the wait with ERROR_INVALID_HANDLE whatever its index, although others are signaled.
fn a_bad_handle_fails_whatever_its_index() {
    let set = event(false, true);
    for all in [FALSE, TRUE] {
        for bad in [std::ptr::null_mut(), NEVER] {
            for handles in [[set.raw(), bad], [bad, set.raw()]] {
                fails!(WaitForMultipleObjects(2, handles.as_ptr(), all, 0), ERROR_INVALID_HANDLE);
            }
        }
    }
    assert!(is_signaled(&set));
}

/// 2.1: A wait for all with one object twice fails ERROR_INVALID_PARAMETER, also through two handles (?).
fn the_same_object_twice_fails_for_all() {
    let event = event(true, true);
    let copy = event.duplicate();
    for other in [&event, &copy] {
        let handles = [event.raw(), other.raw()];
        fails!(WaitForMultipleObjects(2, handles.as_ptr(), TRUE, 0), ERROR_INVALID_PARAMETER);
    }
}

/// 2.1: A wait for any with one object twice works (?).
fn the_same_object_twice_works_for_any() {
    let event = event(false, true);
    assert_eq!(wait_any(&[&event, &event], 0), WAIT_OBJECT_0);
    assert_eq!(wait_any(&[&event, &event], 0), WAIT_TIMEOUT);
}

/// 2.1: A time-out of 0 tests and returns.
fn zero_timeout_only_looks() {
    let event = event(false, false);
    assert_eq!(wait(&event, 0), WAIT_TIMEOUT);
    ok!(SetEvent(event.raw()));
    assert_eq!(wait(&event, 0), WAIT_OBJECT_0);
    assert_eq!(wait(&event, 0), WAIT_TIMEOUT);
}

/// 2.1: A wait that nobody satisfies ends with WAIT_TIMEOUT after its time.
fn a_timeout_ends_the_wait() {
    let (one, other) = (event(false, false), event(true, true));
    assert_eq!(wait(&one, 2), WAIT_TIMEOUT);
    assert_eq!(wait_any(&[&one], 2), WAIT_TIMEOUT);
    assert_eq!(wait_all(&[&one, &other], 2), WAIT_TIMEOUT);
    ok!(SetEvent(one.raw()));
    assert!(is_signaled(&one), "a wait that timed out takes nothing later");
}

/// 2.1: Time-outs are unsigned: one with the highest bit set waits, and INFINITE is 0xFFFFFFFF.
fn timeouts_are_unsigned() {
    assert_eq!(INFINITE, 0xFFFF_FFFF);
    let (started, released) = (event(false, false), event(false, false));
    for milliseconds in [0x8000_0000, 0xFFFF_FFFE, INFINITE].into_iter().cycle().take(30) {
        std::thread::scope(|scope| {
            let (signal, waited) = (started.duplicate(), released.duplicate());
            let waiter = scope
                .spawn(move || call!(SignalObjectAndWait(signal.raw(), waited.raw(), milliseconds, FALSE)).0);
            assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
            patience(1);
            ok!(SetEvent(released.raw()));
            assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
        });
    }
}

/// 2.1: Events, mutexes, semaphores, timers, processes, threads and pipes can be waited on.
fn every_kind_can_be_waited_on() {
    let timer = timer(true);
    set_timer(&timer, 0);
    let thread = on_thread(thread_handle);
    let process = Handle::own(ok!(OpenProcess(SYNCHRONIZE, FALSE, std::process::id())));
    let (pipe, _client) = pair(DUPLEX, BYTE);
    for handle in [&event(true, true), &mutex(false), &semaphore(1, 1), &timer, &thread, &pipe] {
        assert_eq!(wait(handle, SOON), WAIT_OBJECT_0);
    }
    assert_eq!(wait(&process, 0), WAIT_TIMEOUT);
}

/// 2.2: A wait for any returns the lowest signaled index.
fn any_takes_the_lowest_signaled() {
    let (clear, one, two) = (event(true, false), event(false, true), event(false, true));
    let handles = [&clear, &one, &two];
    assert_eq!(wait_any(&handles, 0), WAIT_OBJECT_0 + 1);
    assert_eq!(wait_any(&handles, 0), WAIT_OBJECT_0 + 2);
    assert_eq!(wait_any(&handles, 0), WAIT_TIMEOUT);
}

/// 2.2: 64 signaled events, the first manual: index 0 each time until it is reset, then 1, 2, 3 ...
fn any_counts_up_through_sixty_four() {
    let events: Vec<Handle> = (0..64).map(|index| event(index == 0, true)).collect();
    let handles: Vec<&Handle> = events.iter().collect();
    assert_eq!(wait_any(&handles, 0), WAIT_OBJECT_0);
    assert_eq!(wait_any(&handles, 0), WAIT_OBJECT_0);
    ok!(ResetEvent(events[0].raw()));
    for index in 1..64 {
        assert_eq!(wait_any(&handles, 0), WAIT_OBJECT_0 + index);
    }
    assert_eq!(wait_any(&handles, 0), WAIT_TIMEOUT);
}

/// 2.2: A wait for any changes only the object whose index it returns.
fn any_changes_only_what_it_returns() {
    let (semaphore, event, mutex) = (semaphore(1, 1), event(false, true), mutex(false));
    assert_eq!(wait_any(&[&semaphore, &event, &mutex], 0), WAIT_OBJECT_0);
    assert!(!is_signaled(&semaphore));
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
    assert!(is_signaled(&event));
}

/// 2.2: An abandoned mutex taken by a wait for any gives WAIT_ABANDONED_0 plus its index.
fn any_returns_the_index_of_an_abandoned_mutex() {
    let (clear, abandoned) = (event(true, false), abandoned_mutex());
    let handles = [&clear, &clear, &abandoned];
    assert_eq!(wait_any(&handles, 0), WAIT_ABANDONED_0 + 2);
    assert_eq!(wait_any(&handles, 0), WAIT_OBJECT_0 + 2);
    ok!(ReleaseMutex(abandoned.raw()));
    ok!(ReleaseMutex(abandoned.raw()));
}

/// 2.2: A wait for any in progress ends when one of its objects is signaled, with that one's index.
fn any_wakes_for_an_object_set_later() {
    let events: Vec<Handle> = (0..5).map(|_| event(false, false)).collect();
    let handles: Vec<&Handle> = events.iter().collect();
    for index in [3, 0, 4] {
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| wait_any(&handles, SOON));
            ok!(SetEvent(events[index].raw()));
            assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0 + index as u32);
        });
        assert!(!is_signaled(&events[index]));
    }
}

/// 2.2: A wait for all changes nothing while one object is missing.
fn all_changes_nothing_until_complete() {
    let (event, semaphore, mutex, missing) =
        (event(false, true), semaphore(2, 2), mutex(false), semaphore(0, 1));
    assert_eq!(wait_all(&[&event, &semaphore, &mutex, &missing], 0), WAIT_TIMEOUT);
    assert_eq!(wait_all(&[&event, &semaphore, &mutex, &missing], 2), WAIT_TIMEOUT);
    assert_eq!(count_of(&semaphore), 2);
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
    assert!(is_signaled(&event));
}

/// 2.2: A wait for all that is satisfied takes every object.
fn all_takes_everything_together() {
    let (event, semaphore, mutex) = (event(false, true), semaphore(2, 2), mutex(false));
    assert_eq!(wait_all(&[&event, &semaphore, &mutex], 0), WAIT_OBJECT_0);
    assert!(!is_signaled(&event));
    assert_eq!(count_of(&semaphore), 1);
    ok!(ReleaseMutex(mutex.raw()));
}

/// 2.2: A mutex that the caller owns counts as signaled for all; its recursion grows by one.
fn all_counts_an_owned_mutex_as_signaled() {
    let (owned, event) = (mutex(true), event(true, true));
    assert_eq!(wait_all(&[&owned, &event], 0), WAIT_OBJECT_0);
    ok!(ReleaseMutex(owned.raw()));
    ok!(ReleaseMutex(owned.raw()));
    fails!(ReleaseMutex(owned.raw()), ERROR_NOT_OWNER);
}

/// 2.2: A satisfied wait for all returns WAIT_OBJECT_0 (exactly 0 ?).
fn all_returns_zero() {
    let events = [event(true, true), event(false, true), event(true, true)];
    assert_eq!(wait_all(&[&events[0], &events[1], &events[2]], 0), WAIT_OBJECT_0);
}

/// 2.2: A wait for all that takes an abandoned mutex returns WAIT_ABANDONED_0 (exactly 0x80 ?), once.
fn all_returns_abandoned() {
    let (set, abandoned) = (event(true, true), abandoned_mutex());
    assert_eq!(wait_all(&[&set, &abandoned], 0), WAIT_ABANDONED_0);
    assert_eq!(wait_all(&[&set, &abandoned], 0), WAIT_OBJECT_0);
}

/// 2.2: While a wait for all is not complete, others may take its objects.
fn all_leaves_objects_to_others_meanwhile() {
    let (semaphore, missing, go) = (semaphore(1, 1), event(true, false), event(true, false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            ok!(SetEvent(go.raw()));
            wait_all(&[&semaphore, &missing], SOON)
        });
        assert_eq!(wait(&go, SOON), WAIT_OBJECT_0);
        assert_eq!(wait(&semaphore, 0), WAIT_OBJECT_0, "the wait for all holds nothing back");
        ok!(SetEvent(missing.raw()));
        ok!(ReleaseSemaphore(semaphore.raw(), 1, std::ptr::null_mut()));
        assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
    });
    assert_eq!(count_of(&semaphore), 0);
}

/// 2.2: A wait for all in progress ends when the last missing object is signaled, in any order.
fn a_wait_for_all_wakes_when_complete() {
    let (event, semaphore, mutex) = (event(false, false), semaphore(0, 1), mutex(true));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let result = wait_all(&[&event, &semaphore, &mutex], SOON);
            ok!(ReleaseMutex(mutex.raw()));
            result
        });
        ok!(SetEvent(event.raw()));
        ok!(ReleaseMutex(mutex.raw()));
        ok!(ReleaseSemaphore(semaphore.raw(), 1, std::ptr::null_mut()));
        assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
    });
    assert!(!is_signaled(&event) && !is_signaled(&semaphore));
}

/// 2.3: A wait leaves manual-reset objects, processes and threads, resets automatic ones, counts semaphores down, owns
/// mutexes.
fn effects_of_a_satisfied_wait() {
    let (manual_timer, automatic_timer) = (timer(true), timer(false));
    set_timer(&manual_timer, 0);
    set_timer(&automatic_timer, 0);
    let thread = on_thread(thread_handle);
    for stays in [&event(true, true), &manual_timer, &thread] {
        assert_eq!((wait(stays, SOON), wait(stays, 0)), (WAIT_OBJECT_0, WAIT_OBJECT_0));
    }
    for resets in [&event(false, true), &automatic_timer, &semaphore(1, 3)] {
        assert_eq!((wait(resets, SOON), wait(resets, 0)), (WAIT_OBJECT_0, WAIT_TIMEOUT));
    }
    let mutex = mutex(false);
    assert_eq!((wait(&mutex, 0), wait(&mutex, 0)), (WAIT_OBJECT_0, WAIT_OBJECT_0));
    assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_TIMEOUT);
    ok!(ReleaseMutex(mutex.raw()));
    assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_TIMEOUT);
    ok!(ReleaseMutex(mutex.raw()));
    assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_OBJECT_0);
}

/// 2.1: A semaphore of count 2 named twice in a wait for all is refused all the same (?).
fn a_semaphore_taken_twice_by_all_is_refused() {
    let semaphore = semaphore(2, 2);
    let handles = [semaphore.raw(), semaphore.raw()];
    fails!(WaitForMultipleObjects(2, handles.as_ptr(), TRUE, 0), ERROR_INVALID_PARAMETER);
    assert_eq!(count_of(&semaphore), 2);
}
