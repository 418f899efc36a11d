//! Section 3.2: mutexes.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null;

tests![
    creation_takes_ownership_on_request,
    ex_flag_takes_ownership,
    the_owner_takes_it_again,
    release_by_a_stranger_fails,
    release_of_a_free_mutex_fails,
    a_mutex_is_signaled_exactly_when_unowned,
    release_hands_over_to_a_waiter,
    one_waiter_at_a_time_owns_it,
    ownership_excludes_other_processes,
    an_ended_thread_abandons,
    an_abandoned_mutex_is_owned_once,
    the_abandoned_mark_stays_without_waiters,
    the_abandoned_mark_is_cleared_by_the_wait,
    an_abandoned_mutex_cannot_be_released_by_a_stranger,
    a_waiter_gets_the_abandoned_mutex,
    abandonment_works_with_every_handle_closed,
    a_killed_process_abandons,
    an_ended_process_abandons,
    a_thread_abandons_all_it_owns,
    a_released_mutex_is_not_abandoned,
    a_killed_process_abandons_to_a_waiter;
    alone:
    a_recursive_owner_abandons_at_once,
];

/// 3.2: CreateMutex with initial owner makes the calling thread the owner.
fn creation_takes_ownership_on_request() {
    let (owned, free) = (mutex(true), mutex(false));
    assert_eq!(on_thread(|| wait(&owned, 0)), WAIT_TIMEOUT);
    assert_eq!(wait(&free, 0), WAIT_OBJECT_0);
    quiet!(ReleaseMutex(owned.raw()));
    quiet!(ReleaseMutex(free.raw()));
}

/// 3.2: CreateMutexEx: CREATE_MUTEX_INITIAL_OWNER is 1.
fn ex_flag_takes_ownership() {
    let owned = Handle::own(ok!(CreateMutexExW(null(), null(), 1, MUTEX_ALL_ACCESS)));
    let free = Handle::own(ok!(CreateMutexExW(null(), null(), 0, MUTEX_ALL_ACCESS)));
    ok!(ReleaseMutex(owned.raw()));
    fails!(ReleaseMutex(free.raw()), ERROR_NOT_OWNER);
}

/// 3.2: The owner takes it again without blocking; each take needs one ReleaseMutex.
fn the_owner_takes_it_again() {
    let mutex = mutex(true);
    for _ in 0..100 {
        assert_eq!(call!(WaitForSingleObject(mutex.raw(), INFINITE)).0, WAIT_OBJECT_0);
    }
    for _ in 0..100 {
        ok!(ReleaseMutex(mutex.raw()));
        assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_TIMEOUT);
    }
    ok!(ReleaseMutex(mutex.raw()));
    on_thread(|| {
        assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0);
        ok!(ReleaseMutex(mutex.raw()));
    });
}

/// 3.2: ReleaseMutex by a thread that is not the owner fails ERROR_NOT_OWNER.
fn release_by_a_stranger_fails() {
    let mutex = mutex(true);
    on_thread(|| fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER));
    ok!(ReleaseMutex(mutex.raw()));
}

/// 3.2: ReleaseMutex of a mutex that nobody owns fails ERROR_NOT_OWNER.
fn release_of_a_free_mutex_fails() {
    let mutex = mutex(false);
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
    assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0);
    ok!(ReleaseMutex(mutex.raw()));
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
}

/// 3.2: A mutex is signaled exactly when nobody owns it.
fn a_mutex_is_signaled_exactly_when_unowned() {
    let mutex = mutex(true);
    let signaled_elsewhere = || {
        on_thread(|| {
            let signaled = is_signaled(&mutex);
            if signaled {
                ok!(ReleaseMutex(mutex.raw()));
            }
            signaled
        })
    };
    assert!(!signaled_elsewhere());
    ok!(ReleaseMutex(mutex.raw()));
    assert!(signaled_elsewhere());
    assert!(is_signaled(&mutex));
    assert!(!signaled_elsewhere());
}

/// 3.2: ReleaseMutex lets a waiter own it.
fn release_hands_over_to_a_waiter() {
    let (mutex, started) = (mutex(true), event(true, false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let result = call!(SignalObjectAndWait(started.raw(), mutex.raw(), SOON, FALSE)).0;
            ok!(ReleaseMutex(mutex.raw()));
            result
        });
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        ok!(ReleaseMutex(mutex.raw()));
        assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
    });
}

/// 3.2: However many threads contend, one owns it at a time.
fn one_waiter_at_a_time_owns_it() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let (mutex, inside, total) = (mutex(false), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    assert_eq!(wait(&mutex, SOON), WAIT_OBJECT_0);
                    assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0);
                    total.fetch_add(1, Ordering::Relaxed);
                    inside.fetch_sub(1, Ordering::AcqRel);
                    ok!(ReleaseMutex(mutex.raw()));
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 1000);
}

/// 3.2: A mutex owned by a thread of one process is not signaled for another process.
fn ownership_excludes_other_processes() {
    let (name, mut child) = (Name::unique(), Child::start());
    let mutex = Handle::own(ok!(CreateMutexW(null(), TRUE, name.ptr())));
    let there = child.handle(&format!("open_mutex {} {MUTEX_ALL_ACCESS}", name.text()));
    assert_eq!(child.ask(&format!("wait {there} 0")).value, WAIT_TIMEOUT.into());
    assert_eq!(child.ask(&format!("release_mutex {there}")).error, ERROR_NOT_OWNER);
    child.send(&format!("wait {there} {SOON}"));
    ok!(ReleaseMutex(mutex.raw()));
    assert_eq!(child.answer().value, WAIT_OBJECT_0.into());
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
    assert_eq!(wait(&mutex, 0), WAIT_TIMEOUT);
    child.ok(&format!("release_mutex {there}"));
    assert_eq!(wait(&mutex, SOON), WAIT_OBJECT_0);
}

/// 3.2: The owner's end abandons the mutex: the next wait returns WAIT_ABANDONED.
fn an_ended_thread_abandons() {
    assert_eq!(call!(WaitForSingleObject(abandoned_mutex().raw(), SOON)), (WAIT_ABANDONED, UNTOUCHED));
}

/// 3.2: Who gets the abandoned mutex owns it with recursion 1.
fn an_abandoned_mutex_is_owned_once() {
    let mutex = abandoned_mutex();
    assert_eq!(wait(&mutex, 0), WAIT_ABANDONED);
    assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_TIMEOUT);
    ok!(ReleaseMutex(mutex.raw()));
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
}

/// 3.2: An owner of many recursions abandons the mutex all the same; the next owner has recursion 1.
fn a_recursive_owner_abandons_at_once() {
    let mutex = mutex(false);
    on_thread(|| (0..5).for_each(|_| assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0)));
    assert_eq!(wait(&mutex, 0), WAIT_ABANDONED);
    ok!(ReleaseMutex(mutex.raw()));
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
}

/// 3.2: The mark stays until the next wait, however many looks for other objects come between.
fn the_abandoned_mark_stays_without_waiters() {
    let (mutex, clear) = (abandoned_mutex(), event(true, false));
    assert_eq!(wait_all(&[&mutex, &clear], 0), WAIT_TIMEOUT);
    assert_eq!(wait_all(&[&mutex, &clear], 1), WAIT_TIMEOUT);
    assert_eq!(wait(&mutex, 0), WAIT_ABANDONED);
}

/// 3.2: The wait that returns WAIT_ABANDONED clears the mark.
fn the_abandoned_mark_is_cleared_by_the_wait() {
    let mutex = abandoned_mutex();
    assert_eq!(wait(&mutex, 0), WAIT_ABANDONED);
    assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0);
    ok!(ReleaseMutex(mutex.raw()));
    ok!(ReleaseMutex(mutex.raw()));
    assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_OBJECT_0);
    assert_eq!(wait(&mutex, 0), WAIT_ABANDONED, "that thread ended as its owner");
}

/// 3.2: An abandoned mutex has no owner: ReleaseMutex fails ERROR_NOT_OWNER.
fn an_abandoned_mutex_cannot_be_released_by_a_stranger() {
    let mutex = abandoned_mutex();
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
    assert_eq!(wait(&mutex, 0), WAIT_ABANDONED);
}

/// 3.2: A waiter that is blocked when the owner ends gets WAIT_ABANDONED; one waiter only.
fn a_waiter_gets_the_abandoned_mutex() {
    let (mutex, owned, end) = (mutex(false), event(true, false), event(true, false));
    let results: Vec<u32> = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0);
            ok!(SetEvent(owned.raw()));
            wait(&end, SOON);
        });
        assert_eq!(wait(&owned, SOON), WAIT_OBJECT_0);
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let result = call!(SignalObjectAndWait(end.raw(), mutex.raw(), SOON, FALSE)).0;
                    ok!(ReleaseMutex(mutex.raw()));
                    result
                })
            })
            .collect();
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|&&result| result == WAIT_ABANDONED).count(), 1, "{results:?}");
    assert_eq!(results.iter().filter(|&&result| result == WAIT_OBJECT_0).count(), 2, "{results:?}");
}

/// 3.2: Abandonment reaches a blocked waiter although every handle of its process was closed meanwhile.
fn abandonment_works_with_every_handle_closed() {
    let (name, mut child) = (Name::unique(), Child::start());
    let there = child.handle(&format!("create_mutex {} 1", name.text()));
    let (started, mutex) = (event(true, false), Handle::own(ok!(CreateMutexW(null(), FALSE, name.ptr()))));
    let raw = mutex.raw() as usize;
    std::thread::scope(|scope| {
        let started = &started;
        let waiter =
            scope.spawn(move || call!(SignalObjectAndWait(started.raw(), raw as HANDLE, SOON, FALSE)).0);
        assert_eq!(wait(started, SOON), WAIT_OBJECT_0);
        mutex.close();
        child.ok(&format!("close {there}"));
        child.kill();
        assert_eq!(waiter.join().unwrap(), WAIT_ABANDONED);
    });
}

/// 3.2: The end of a killed process abandons its mutexes.
fn a_killed_process_abandons() {
    let (name, mut child) = (Name::unique(), Child::start());
    child.handle(&format!("create_mutex {} 1", name.text()));
    let mutex = Handle::own(ok!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, name.ptr())));
    assert_eq!(wait(&mutex, 0), WAIT_TIMEOUT);
    child.kill();
    assert_eq!(wait(&mutex, SOON), WAIT_ABANDONED);
    ok!(ReleaseMutex(mutex.raw()));
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
}

/// 3.2: A waiter blocked on the mutex of a killed process gets WAIT_ABANDONED.
fn a_killed_process_abandons_to_a_waiter() {
    let (name, mut child) = (Name::unique(), Child::start());
    child.handle(&format!("create_mutex {} 1", name.text()));
    let mutex = Handle::own(ok!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, name.ptr())));
    let (clear, started) = (event(true, false), event(true, false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            ok!(SetEvent(started.raw()));
            wait_any(&[&clear, &mutex], SOON)
        });
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        child.kill();
        assert_eq!(waiter.join().unwrap(), WAIT_ABANDONED_0 + 1);
    });
}

/// 3.2: A process that ends by ExitProcess abandons its mutexes.
fn an_ended_process_abandons() {
    let (name, mut child) = (Name::unique(), Child::start());
    child.handle(&format!("create_mutex {} 1", name.text()));
    let mutex = Handle::own(ok!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, name.ptr())));
    child.send("exit 0");
    assert_eq!(wait(&mutex, SOON), WAIT_ABANDONED);
    ok!(ReleaseMutex(mutex.raw()));
}

/// 3.2: A thread abandons every mutex it owns when it ends.
fn a_thread_abandons_all_it_owns() {
    let mutexes: Vec<Handle> = (0..20).map(|_| mutex(false)).collect();
    on_thread(|| mutexes.iter().for_each(|mutex| assert_eq!(wait(mutex, 0), WAIT_OBJECT_0)));
    for mutex in &mutexes {
        assert_eq!(wait(mutex, 0), WAIT_ABANDONED);
    }
}

/// 3.2: A mutex that its owner released before it ended is not abandoned.
fn a_released_mutex_is_not_abandoned() {
    let mutex = mutex(false);
    on_thread(|| {
        assert_eq!((wait(&mutex, 0), wait(&mutex, 0)), (WAIT_OBJECT_0, WAIT_OBJECT_0));
        ok!(ReleaseMutex(mutex.raw()));
        ok!(ReleaseMutex(mutex.raw()));
    });
    assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0);
}
