//! Section 1.4: access rights of events, mutexes, semaphores and timers.

use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    creation_gives_all_access,
    creation_with_less_access_gives_less,
    opening_gives_what_was_asked,
    opening_with_no_access_fails,
    access_system_security_needs_a_privilege,
    generic_rights_map_to_specific_ones,
    generic_rights_of_semaphores_and_timers,
    a_generic_read_write_mutex_cannot_be_waited_on,
    a_mutex_knows_its_bits,
    maximum_allowed_gives_all_access,
    waiting_needs_synchronize,
    event_changes_need_modify_state,
    semaphore_release_needs_modify_state,
    timer_changes_need_modify_state,
    releasing_a_mutex_needs_no_right,
];

const ACCESS_SYSTEM_SECURITY: u32 = 0x0100_0000;
const MAXIMUM_ALLOWED: u32 = 0x0200_0000;

fn named_event() -> (Name, Handle) {
    let name = Name::unique();
    let handle = Handle::own(ok!(CreateEventW(null(), TRUE, FALSE, name.ptr())));
    (name, handle)
}

fn open_event(name: &Name, access: u32) -> Handle {
    Handle::own(ok!(OpenEventW(access, FALSE, name.ptr())))
}

fn named_mutex() -> (Name, Handle) {
    let name = Name::unique();
    let handle = Handle::own(ok!(CreateMutexW(null(), FALSE, name.ptr())));
    (name, handle)
}

/// 1.4: Create gives all access: a duplicate may ask for every right of the kind.
fn creation_gives_all_access() {
    for (handle, all) in [
        (event(true, false), 0x1F_0003),
        (mutex(false), 0x1F_0001),
        (semaphore(0, 1), 0x1F_0003),
        (timer(true), 0x1F_0003),
    ] {
        handle.with_access(all);
    }
    assert_eq!((EVENT_ALL_ACCESS, MUTEX_ALL_ACCESS), (0x1F_0003, 0x1F_0001));
    assert_eq!((SEMAPHORE_ALL_ACCESS, TIMER_ALL_ACCESS), (0x1F_0003, 0x1F_0003));
}

/// 1.4: The Ex forms of Create give the access asked for.
fn creation_with_less_access_gives_less() {
    let waitable = Handle::own(ok!(CreateEventExW(null(), null(), 3, SYNCHRONIZE)));
    assert!(is_signaled(&waitable));
    fails!(ResetEvent(waitable.raw()), ERROR_ACCESS_DENIED);
    let settable = Handle::own(ok!(CreateEventExW(null(), null(), 1, EVENT_MODIFY_STATE)));
    ok!(SetEvent(settable.raw()));
    fails!(WaitForSingleObject(settable.raw(), 0), ERROR_ACCESS_DENIED);
}

/// 1.4: Open gives what was asked for and no more.
fn opening_gives_what_was_asked() {
    let (name, event) = named_event();
    let setter = open_event(&name, EVENT_MODIFY_STATE);
    let waiter = open_event(&name, SYNCHRONIZE);
    ok!(SetEvent(setter.raw()));
    assert!(is_signaled(&event) && is_signaled(&waiter));
    fails!(WaitForSingleObject(setter.raw(), 0), ERROR_ACCESS_DENIED);
    fails!(ResetEvent(waiter.raw()), ERROR_ACCESS_DENIED);
}

/// 1.4: Asking for access 0 fails ERROR_ACCESS_DENIED on an existing object, ERROR_FILE_NOT_FOUND on an absent name.
fn opening_with_no_access_fails() {
    let (name, _mutex) = named_mutex();
    fails!(OpenMutexW(0, FALSE, name.ptr()), ERROR_ACCESS_DENIED);
    fails!(OpenMutexW(0, FALSE, Name::unique().ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.4: ACCESS_SYSTEM_SECURITY without the privilege fails ERROR_PRIVILEGE_NOT_HELD.
fn access_system_security_needs_a_privilege() {
    let (name, _mutex) = named_mutex();
    fails!(OpenMutexW(ACCESS_SYSTEM_SECURITY, FALSE, name.ptr()), ERROR_PRIVILEGE_NOT_HELD);
    fails!(CreateMutexExW(null(), null(), 0, ACCESS_SYSTEM_SECURITY), ERROR_PRIVILEGE_NOT_HELD);
}

/// 1.4: GENERIC_READ is READ_CONTROL and query, GENERIC_WRITE modify, GENERIC_EXECUTE SYNCHRONIZE, GENERIC_ALL all.
fn generic_rights_map_to_specific_ones() {
    let (name, event) = named_event();
    let can = |access: u32| {
        let opened = open_event(&name, access);
        let (set, set_error) = call!(SetEvent(opened.raw()));
        let (waited, wait_error) = call!(WaitForSingleObject(opened.raw(), 0));
        assert!(set == TRUE || set_error == ERROR_ACCESS_DENIED);
        assert!(waited != WAIT_FAILED || wait_error == ERROR_ACCESS_DENIED);
        (set == TRUE, waited != WAIT_FAILED)
    };
    assert_eq!(can(GENERIC_READ), (false, false));
    assert_eq!(can(GENERIC_WRITE), (true, false));
    assert_eq!(can(GENERIC_EXECUTE), (false, true));
    assert_eq!(can(GENERIC_ALL), (true, true));
    ok!(ResetEvent(event.raw()));
}

/// 1.4: The same mapping for semaphores and timers.
fn generic_rights_of_semaphores_and_timers() {
    let (semaphore, timer) = (semaphore(1, 1000), timer(true));
    for (access, may_change, may_wait) in
        [(GENERIC_READ, false, false), (GENERIC_WRITE, true, false), (GENERIC_EXECUTE, false, true)]
    {
        let (opened, armed) = (semaphore.with_access(access), timer.with_access(access));
        for (value, error) in
            [call!(ReleaseSemaphore(opened.raw(), 1, null_mut())), call!(CancelWaitableTimer(armed.raw()))]
        {
            assert_eq!(
                (value == TRUE, value == FALSE && error == ERROR_ACCESS_DENIED),
                (may_change, !may_change)
            );
        }
        for handle in [&opened, &armed] {
            let (value, error) = call!(WaitForSingleObject(handle.raw(), 0));
            assert_eq!(value == WAIT_FAILED && error == ERROR_ACCESS_DENIED, !may_wait);
        }
    }
}

/// 1.4: A mutex opened GENERIC_READ and GENERIC_WRITE cannot be waited on, one opened GENERIC_EXECUTE can.
fn a_generic_read_write_mutex_cannot_be_waited_on() {
    let (name, mutex) = named_mutex();
    let opened = Handle::own(ok!(OpenMutexW(GENERIC_READ | GENERIC_WRITE, FALSE, name.ptr())));
    fails!(WaitForSingleObject(opened.raw(), 0), ERROR_ACCESS_DENIED);
    let opened = Handle::own(ok!(OpenMutexW(GENERIC_EXECUTE, FALSE, name.ptr())));
    assert_eq!(wait(&opened, 0), WAIT_OBJECT_0);
    ok!(ReleaseMutex(mutex.raw()));
}

/// 1.4: Of the single bits a mutex grants 0, 16-20, 25 and 28-31; bit 24 fails ERROR_PRIVILEGE_NOT_HELD, others fail 5.
fn a_mutex_knows_its_bits() {
    let (name, _mutex) = named_mutex();
    for bit in 0..32 {
        let (handle, error) = call!(OpenMutexW(1 << bit, FALSE, name.ptr()));
        match bit {
            0 | 16..=20 | 25 | 28..=31 => {
                assert!(!handle.is_null(), "bit {bit} fails {error}");
                Handle::own(handle);
            }
            24 => assert_eq!((handle, error), (null_mut(), ERROR_PRIVILEGE_NOT_HELD)),
            _ => assert_eq!((handle, error), (null_mut(), ERROR_ACCESS_DENIED), "bit {bit}"),
        }
    }
}

/// 1.4: MAXIMUM_ALLOWED gives all that the object's security allows.
fn maximum_allowed_gives_all_access() {
    let (name, _event) = named_event();
    let opened = open_event(&name, MAXIMUM_ALLOWED);
    ok!(SetEvent(opened.raw()));
    assert!(is_signaled(&opened));
}

/// 1.4: Waiting needs SYNCHRONIZE, else WAIT_FAILED with ERROR_ACCESS_DENIED.
fn waiting_needs_synchronize() {
    let set = event(true, true);
    for handle in [
        event(true, true).with_access(EVENT_MODIFY_STATE),
        mutex(false).with_access(1),
        semaphore(1, 1).with_access(SEMAPHORE_MODIFY_STATE),
        timer(true).with_access(TIMER_MODIFY_STATE),
        thread_handle().with_access(1),
    ] {
        fails!(WaitForSingleObject(handle.raw(), 0), ERROR_ACCESS_DENIED);
        fails!(WaitForMultipleObjects(2, [set.raw(), handle.raw()].as_ptr(), FALSE, 0), ERROR_ACCESS_DENIED);
        fails!(WaitForMultipleObjects(2, [handle.raw(), set.raw()].as_ptr(), TRUE, 0), ERROR_ACCESS_DENIED);
    }
}

/// 1.4: SetEvent, ResetEvent and PulseEvent need EVENT_MODIFY_STATE, else ERROR_ACCESS_DENIED.
fn event_changes_need_modify_state() {
    let event = event(true, true);
    let poor = event.with_access(EVENT_ALL_ACCESS & !EVENT_MODIFY_STATE);
    fails!(SetEvent(poor.raw()), ERROR_ACCESS_DENIED);
    fails!(ResetEvent(poor.raw()), ERROR_ACCESS_DENIED);
    fails!(PulseEvent(poor.raw()), ERROR_ACCESS_DENIED);
    assert!(is_signaled(&event));
    ok!(ResetEvent(event.with_access(EVENT_MODIFY_STATE).raw()));
}

/// 1.4: ReleaseSemaphore needs SEMAPHORE_MODIFY_STATE, else ERROR_ACCESS_DENIED.
fn semaphore_release_needs_modify_state() {
    let semaphore = semaphore(1, 9);
    let poor = semaphore.with_access(SEMAPHORE_ALL_ACCESS & !SEMAPHORE_MODIFY_STATE);
    let mut previous = 77;
    fails!(ReleaseSemaphore(poor.raw(), 1, &mut previous), ERROR_ACCESS_DENIED);
    assert_eq!((previous, count_of(&semaphore)), (77, 1));
}

/// 1.4: SetWaitableTimer and CancelWaitableTimer need TIMER_MODIFY_STATE, else ERROR_ACCESS_DENIED.
fn timer_changes_need_modify_state() {
    let poor = timer(true).with_access(TIMER_ALL_ACCESS & !TIMER_MODIFY_STATE);
    let due = -1;
    fails!(SetWaitableTimer(poor.raw(), &due, 0, None, null(), FALSE), ERROR_ACCESS_DENIED);
    fails!(CancelWaitableTimer(poor.raw()), ERROR_ACCESS_DENIED);
}

/// 1.4: ReleaseMutex needs no particular right.
fn releasing_a_mutex_needs_no_right() {
    let mutex = mutex(true);
    let poor = mutex.with_access(READ_CONTROL);
    ok!(ReleaseMutex(poor.raw()));
    fails!(ReleaseMutex(poor.raw()), ERROR_NOT_OWNER);
}
