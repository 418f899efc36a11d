//! Section 3.3: semaphores.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    creation_checks_its_counts,
    creation_sets_the_count,
    a_wait_counts_down,
    release_counts_up_and_tells_the_count_before,
    release_without_a_place_for_the_count,
    release_of_nothing_fails,
    release_past_the_maximum_fails,
    release_cannot_overflow,
    release_satisfies_as_many_waiters,
    any_thread_may_release,
    another_process_may_release,
    the_end_of_a_taker_gives_nothing_back,
];

/// 3.3: CreateSemaphore needs a maximum of at least 1 and 0 <= initial <= maximum, else ERROR_INVALID_PARAMETER.
fn creation_checks_its_counts() {
    for (initial, maximum) in [(0, 0), (0, -1), (-1, 1), (2, 1), (1, 0), (i32::MIN, i32::MAX), (0, i32::MIN)]
    {
        fails!(CreateSemaphoreW(null(), initial, maximum, null()), ERROR_INVALID_PARAMETER);
        let all = SEMAPHORE_ALL_ACCESS;
        fails!(CreateSemaphoreExW(null(), initial, maximum, null(), 0, all), ERROR_INVALID_PARAMETER);
    }
    for (initial, maximum) in [(0, 1), (1, 1), (0, i32::MAX), (i32::MAX, i32::MAX)] {
        semaphore(initial, maximum);
    }
}

/// 3.3: The count starts as given: that many waits succeed.
fn creation_sets_the_count() {
    for initial in [0, 1, 3] {
        assert_eq!(count_of(&semaphore(initial, 3)), initial);
    }
}

/// 3.3: Each satisfied wait takes one; at 0 it is not signaled.
fn a_wait_counts_down() {
    let semaphore = semaphore(2, 2);
    assert_eq!([(); 3].map(|()| wait(&semaphore, 0)), [WAIT_OBJECT_0, WAIT_OBJECT_0, WAIT_TIMEOUT]);
}

/// 3.3: ReleaseSemaphore adds to the count and reports the count before.
fn release_counts_up_and_tells_the_count_before() {
    let semaphore = semaphore(1, 10);
    for (release, before) in [(1, 1), (3, 2), (5, 5)] {
        let mut previous = 99;
        quiet!(ReleaseSemaphore(semaphore.raw(), release, &mut previous));
        assert_eq!(previous, before);
    }
    assert_eq!(count_of(&semaphore), 10);
}

/// 3.3: The place for the previous count may be NULL.
fn release_without_a_place_for_the_count() {
    let semaphore = semaphore(0, 1);
    quiet!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()));
    assert_eq!(count_of(&semaphore), 1);
}

/// 3.3: A release of 0 or less fails ERROR_INVALID_PARAMETER, count and previous unchanged.
fn release_of_nothing_fails() {
    let semaphore = semaphore(1, 2);
    for release in [0, -1, i32::MIN] {
        let mut previous = 99;
        fails!(ReleaseSemaphore(semaphore.raw(), release, &mut previous), ERROR_INVALID_PARAMETER);
        assert_eq!(previous, 99);
    }
    assert_eq!(count_of(&semaphore), 1);
}

/// 3.3: A release that would pass the maximum fails ERROR_TOO_MANY_POSTS, count and previous unchanged.
fn release_past_the_maximum_fails() {
    let semaphore = semaphore(1, 3);
    for release in [3, 4, i32::MAX] {
        let mut previous = 99;
        fails!(ReleaseSemaphore(semaphore.raw(), release, &mut previous), ERROR_TOO_MANY_POSTS);
        assert_eq!(previous, 99);
    }
    assert_eq!(count_of(&semaphore), 1);
    ok!(ReleaseSemaphore(semaphore.raw(), 2, null_mut()));
}

/// 3.3: A release that would overflow 32 bits fails ERROR_TOO_MANY_POSTS.
fn release_cannot_overflow() {
    let semaphore = semaphore(i32::MAX, i32::MAX);
    fails!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()), ERROR_TOO_MANY_POSTS);
    fails!(ReleaseSemaphore(semaphore.raw(), i32::MAX, null_mut()), ERROR_TOO_MANY_POSTS);
    assert!(is_signaled(&semaphore));
    ok!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()));
}

/// 3.3: A release of n satisfies up to n waiters.
fn release_satisfies_as_many_waiters() {
    let (semaphore, done) = (semaphore(0, 8), semaphore(0, 8));
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                assert_eq!(wait(&semaphore, SOON), WAIT_OBJECT_0);
                ok!(ReleaseSemaphore(done.raw(), 1, null_mut()));
            });
        }
        ok!(ReleaseSemaphore(semaphore.raw(), 3, null_mut()));
        (0..3).for_each(|_| assert_eq!(wait(&done, SOON), WAIT_OBJECT_0));
        assert!(!is_signaled(&semaphore) && !is_signaled(&done));
        ok!(ReleaseSemaphore(semaphore.raw(), 2, null_mut()));
        (0..2).for_each(|_| assert_eq!(wait(&done, SOON), WAIT_OBJECT_0));
    });
    assert_eq!(count_of(&semaphore), 0);
}

/// 3.3: Any thread may release, not only one that took.
fn any_thread_may_release() {
    let semaphore = semaphore(1, 1);
    assert_eq!(wait(&semaphore, 0), WAIT_OBJECT_0);
    on_thread(|| ok!(ReleaseSemaphore(semaphore.raw(), 1, null_mut())));
    assert_eq!(count_of(&semaphore), 1);
}

/// 3.3: A wait in one process is satisfied by a release in another.
fn another_process_may_release() {
    let (name, mut child) = (Name::unique(), Child::start());
    let semaphore = Handle::own(ok!(CreateSemaphoreW(null(), 0, 2, name.ptr())));
    let answer = child.ask(&format!("create_semaphore {} 1 1", name.text()));
    assert_eq!(answer.error, ERROR_ALREADY_EXISTS);
    child.send(&format!("wait {} {SOON}", answer.value));
    ok!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()));
    assert_eq!(child.answer().value, WAIT_OBJECT_0.into());
    assert_eq!(count_of(&semaphore), 0);
}

/// 3.3: A process that ends gives back nothing that it took.
fn the_end_of_a_taker_gives_nothing_back() {
    let (name, mut child) = (Name::unique(), Child::start());
    let semaphore = Handle::own(ok!(CreateSemaphoreW(null(), 2, 2, name.ptr())));
    let there = child.handle(&format!("create_semaphore {} 1 1", name.text()));
    assert_eq!(child.ask(&format!("wait {there} 0")).value, WAIT_OBJECT_0.into());
    let process = child.open(SYNCHRONIZE);
    child.kill();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    assert_eq!(count_of(&semaphore), 1);
}
