//! Mutexes and their guards.

mod common;

use std::time::Duration;
use std::{mem, thread};

use common::unique;
use winipc::{
    AsHandle, Disposition, Event, LockError, Mutex, MutexOptions, WaitResult, Waitable, Win32Error, wait_any,
};

/// Whether another thread could take the mutex.
fn is_free(mutex: &Mutex) -> bool {
    thread::scope(|scope| scope.spawn(|| mutex.try_lock().is_ok()).join().unwrap())
}

#[test]
fn a_guard_gives_back_what_it_took() {
    let mutex = Mutex::new().unwrap();
    let guard = mutex.lock().unwrap();
    assert!(!is_free(&mutex));
    drop(guard);
    assert!(is_free(&mutex));
    assert_eq!(mutex.adopt().release(), Err(Win32Error::NOT_OWNER));
}

#[test]
fn the_owner_takes_it_again_and_gives_it_back_as_often() {
    let mutex = Mutex::new().unwrap();
    let outer = mutex.lock().unwrap();
    let inner = mutex.try_lock().unwrap();
    drop(outer);
    assert!(!is_free(&mutex));
    drop(inner);
    assert!(is_free(&mutex));
}

#[test]
fn who_comes_too_late_gets_a_time_out() {
    let mutex = Mutex::new().unwrap();
    let _guard = mutex.lock().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(matches!(mutex.try_lock(), Err(LockError::Timeout)));
            let error = mutex.lock_timeout(Duration::from_millis(1)).unwrap_err();
            assert_eq!(error.to_string(), "another thread owns the mutex");
            assert_eq!(error.into_guard().unwrap_err(), Win32Error::WAIT_TIMEOUT);
        });
    });
}

#[test]
fn abandonment_carries_the_guard_and_is_told_once() {
    let mutex = Mutex::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| mem::forget(mutex.lock()));
    });
    // The scope ends before the thread is quite gone, so this may wait for it.
    let guard = match mutex.lock() {
        Err(LockError::Abandoned(guard)) => guard,
        other => panic!("{other:?}"),
    };
    assert!(!is_free(&mutex));
    guard.release().unwrap();
    assert!(mutex.lock().is_ok());
}

#[test]
fn a_waiter_gets_an_abandoned_mutex() {
    let mutex = Mutex::new().unwrap();
    let owned = Event::manual_reset().unwrap();
    let leave = Event::manual_reset().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            mem::forget(mutex.lock());
            owned.set().unwrap();
            assert!(leave.wait(None).unwrap().is_signaled());
        });
        assert!(owned.wait(None).unwrap().is_signaled());
        let waiter = scope.spawn(|| matches!(mutex.lock(), Err(LockError::Abandoned(_))));
        leave.set().unwrap();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn ownership_that_a_wait_took_is_adopted() {
    let mutex = Mutex::new().unwrap();
    let event = Event::manual_reset().unwrap();
    assert_eq!(wait_any(&[&event, &mutex], None), Ok(WaitResult::Signaled(1)));
    assert!(!is_free(&mutex));
    drop(mutex.adopt());
    assert!(is_free(&mutex));
}

#[test]
fn initial_ownership_is_the_creators_only() {
    let mut options = MutexOptions::new();
    options.name(unique("initially-owned")).initially_owned(true);
    let created = options.create().unwrap();
    assert_eq!(created.disposition(), Disposition::Created);
    let opened = options.create().unwrap();
    assert_eq!(opened.disposition(), Disposition::Opened);
    created.adopt().release().unwrap();
    // The second call's wish was ignored, so once is enough.
    assert!(is_free(&opened));
}

#[test]
fn a_failed_wait_is_an_error_and_no_guard() {
    let mutex = Mutex::new().unwrap();
    let handle = mutex.as_handle().try_clone_with_access(winipc::sys::MUTEX_MODIFY_STATE).unwrap();
    match Mutex::from(handle).lock() {
        Err(LockError::Failed(error)) => assert_eq!(error, Win32Error::ACCESS_DENIED),
        other => panic!("{other:?}"),
    }
}
