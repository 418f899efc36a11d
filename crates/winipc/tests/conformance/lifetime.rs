//! Section 1.5: how long objects and their names live.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    a_name_vanishes_with_the_last_handle,
    a_duplicate_keeps_the_name,
    a_new_object_of_a_freed_name_starts_afresh,
    a_freed_name_may_be_of_another_kind,
    another_process_keeps_the_object,
    a_killed_process_loses_its_handles,
    an_ended_process_loses_its_handles,
    closing_a_mutex_handle_does_not_release_it,
    closing_a_semaphore_handle_gives_nothing_back;
    alone:
    closing_every_handle_does_not_end_a_wait,
];

fn create(name: &Name) -> Handle {
    let (handle, error) = call!(CreateEventW(null(), TRUE, TRUE, name.ptr()));
    assert_eq!(error, ERROR_SUCCESS, "{} exists", name.text());
    Handle::own(handle)
}

fn absent(name: &Name) {
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.5: An object and its name vanish when the last handle is closed; a later Open fails ERROR_FILE_NOT_FOUND.
fn a_name_vanishes_with_the_last_handle() {
    let name = Name::unique();
    let first = create(&name);
    let second = Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr())));
    first.close();
    Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr())));
    second.close();
    absent(&name);
}

/// 1.5: A duplicate is a handle like any other: it keeps the object and its name.
fn a_duplicate_keeps_the_name() {
    let name = Name::unique();
    let first = create(&name);
    let copy = first.duplicate();
    first.close();
    Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr())));
    copy.close();
    absent(&name);
}

/// 1.5: A name created again after its object vanished is a new object with the state asked for.
fn a_new_object_of_a_freed_name_starts_afresh() {
    let name = Name::unique();
    create(&name).close();
    let (event, error) = call!(CreateEventW(null(), TRUE, FALSE, name.ptr()));
    assert_eq!(error, ERROR_SUCCESS);
    assert!(!is_signaled(&Handle::own(event)));
}

/// 1.5: A name whose object vanished is free for every kind.
fn a_freed_name_may_be_of_another_kind() {
    let name = Name::unique();
    create(&name).close();
    Handle::own(ok!(CreateMutexW(null(), FALSE, name.ptr())));
    Handle::own(ok!(CreateSemaphoreW(null(), 0, 1, name.ptr())));
}

/// 1.5: A handle in another process keeps the object and its state.
fn another_process_keeps_the_object() {
    let (name, mut child) = (Name::unique(), Child::start());
    let first = create(&name);
    let copy = child.handle(&format!("open_event {} {EVENT_ALL_ACCESS}", name.text()));
    ok!(ResetEvent(first.raw()));
    first.close();
    let again = Handle::own(ok!(OpenEventW(EVENT_ALL_ACCESS, FALSE, name.ptr())));
    assert!(!is_signaled(&again));
    again.close();
    child.ok(&format!("close {copy}"));
    absent(&name);
}

/// 1.5: All handles of a killed process are closed: its names are free when it is seen to have ended.
fn a_killed_process_loses_its_handles() {
    let (name, mut child) = (Name::unique(), Child::start());
    child.handle(&format!("create_event {} 1 1", name.text()));
    let process = child.open(SYNCHRONIZE);
    Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr())));
    child.kill();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    absent(&name);
}

/// 1.5: All handles of a process that ends by itself are closed.
fn an_ended_process_loses_its_handles() {
    let (name, mut child) = (Name::unique(), Child::start());
    child.handle(&format!("create_mutex {} 1", name.text()));
    let process = child.open(SYNCHRONIZE);
    child.send("exit 0");
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    fails!(OpenMutexW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.5: A blocked wait keeps the object alive: closing the handle it waits on does not end it.
fn closing_every_handle_does_not_end_a_wait() {
    let (name, started) = (Name::unique(), event(true, false));
    let waited = Handle::own(ok!(CreateMutexW(null(), TRUE, name.ptr())));
    std::thread::scope(|scope| {
        // SignalObjectAndWait holds the mutex by the time it signals.
        let waiter = scope.spawn(|| call!(SignalObjectAndWait(started.raw(), waited.raw(), SOON, FALSE)));
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        let other = Handle::own(ok!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, name.ptr())));
        ok!(CloseHandle(waited.raw()));
        ok!(ReleaseMutex(other.raw()));
        assert_eq!(waiter.join().unwrap(), (WAIT_OBJECT_0, UNTOUCHED));
    });
    std::mem::forget(waited);
}

/// 1.5: Closing a mutex handle does not release ownership.
fn closing_a_mutex_handle_does_not_release_it() {
    let mutex = mutex(false);
    let copy = mutex.duplicate();
    assert_eq!(wait(&copy, 0), WAIT_OBJECT_0);
    copy.close();
    assert_eq!(on_thread(|| wait(&mutex, 0)), WAIT_TIMEOUT);
    ok!(ReleaseMutex(mutex.raw()));
}

/// 1.5: Closing a semaphore handle does not give the count back.
fn closing_a_semaphore_handle_gives_nothing_back() {
    let semaphore = semaphore(2, 2);
    let copy = semaphore.duplicate();
    assert_eq!(wait(&copy, 0), WAIT_OBJECT_0);
    copy.close();
    let mut previous = 9;
    ok!(ReleaseSemaphore(semaphore.raw(), 1, &mut previous));
    assert_eq!(previous, 1);
    fails!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()), ERROR_TOO_MANY_POSTS);
}
