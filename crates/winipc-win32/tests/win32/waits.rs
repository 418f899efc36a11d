//! Waits, sleeps and APCs.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::thread;

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::System::Threading::*;
use winipc_win32::{
    CloseHandle, CreateEventW, CreateMutexW, CreateSemaphoreW, CreateWaitableTimerW, GetCurrentProcess,
    GetCurrentThread, GetLastError, QueueUserAPC, QueueUserAPC2, ReleaseMutex, SetEvent, SetLastError,
    SetWaitableTimer, SignalObjectAndWait, Sleep, SleepEx, WaitForMultipleObjects, WaitForMultipleObjectsEx,
    WaitForSingleObject, WaitForSingleObjectEx,
};

use crate::common::{BAD, UNTOUCHED, world};

thread_local! {
    /// What the APCs of this thread have been called with.
    static RAN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "system" fn record(argument: usize) {
    RAN.with_borrow_mut(|ran| ran.push(argument));
}

unsafe extern "system" fn record_and_queue_another(argument: usize) {
    run!({
        record(argument);
        assert_eq!(QueueUserAPC(Some(record), GetCurrentThread(), argument + 1), 1);
    });
}

unsafe extern "system" fn record_time(argument: *const c_void, low: u32, high: u32) {
    RAN.with_borrow_mut(|ran| {
        ran.extend([argument.addr(), usize::from(low != 0 || high != 0), usize::from(high != 0)])
    });
}

fn ran() -> Vec<usize> {
    RAN.take()
}

#[test]
fn the_last_error_belongs_to_the_thread() {
    let _world = world();
    run!(SetLastError(5));
    thread::spawn(|| assert_eq!(run!(GetLastError()), ERROR_SUCCESS)).join().unwrap();
    assert_eq!(run!(GetLastError()), 5);
}

#[test]
fn waits_for_what_cannot_be_waited_for() {
    let _world = world();
    let event = succeed!(CreateEventW(null(), 1, 1, null()));
    for bad in [null_mut(), BAD] {
        let failed = (WAIT_FAILED, ERROR_INVALID_HANDLE);
        assert_eq!(call!(WaitForSingleObject(bad, 0)), failed);
        assert_eq!(call!(WaitForSingleObjectEx(bad, 0, 1)), failed);
        for objects in [[event, bad], [bad, event]] {
            assert_eq!(call!(WaitForMultipleObjects(2, objects.as_ptr(), 0, 0)), failed);
            assert_eq!(call!(WaitForMultipleObjects(2, objects.as_ptr(), 1, 0)), failed);
        }
        assert_eq!(call!(SignalObjectAndWait(bad, event, 0, 0)), failed);
        assert_eq!(call!(SignalObjectAndWait(event, bad, 0, 0)), failed);
    }
    for pseudo in [GetCurrentProcess, GetCurrentThread] {
        let pseudo = run!(pseudo());
        assert_eq!(call!(WaitForSingleObject(pseudo, 0)), (WAIT_TIMEOUT, UNTOUCHED));
        assert_eq!(call!(WaitForMultipleObjects(1, &pseudo, 0, 0)), (WAIT_FAILED, ERROR_INVALID_HANDLE));
    }
    succeed!(CloseHandle(event));
}

#[test]
fn how_many_objects() {
    let _world = world();
    let refused = (WAIT_FAILED, ERROR_INVALID_PARAMETER);
    for count in [0, 65, u32::MAX] {
        assert_eq!(call!(WaitForMultipleObjects(count, null(), 0, 0)), refused);
        assert_eq!(call!(WaitForMultipleObjectsEx(count, null(), 1, 0, 1)), refused);
    }
    assert_eq!(call!(WaitForMultipleObjects(1, null(), 0, 0)), (WAIT_FAILED, ERROR_NOACCESS));

    let events: Vec<HANDLE> = (0..64).map(|_| succeed!(CreateEventW(null(), 0, 1, null()))).collect();
    for expected in 0..63 {
        assert_eq!(
            call!(WaitForMultipleObjects(64, events.as_ptr(), 0, 0)),
            (WAIT_OBJECT_0 + expected, UNTOUCHED)
        );
    }
    assert_eq!(call!(WaitForMultipleObjects(64, events.as_ptr(), 1, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(call!(WaitForMultipleObjects(64, events.as_ptr(), 0, 0)), (WAIT_OBJECT_0 + 63, UNTOUCHED));
    for &event in &events {
        succeed!(SetEvent(event));
    }
    assert_eq!(call!(WaitForMultipleObjects(64, events.as_ptr(), 1, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
    let twice = [events[0], events[0]];
    assert_eq!(call!(WaitForMultipleObjects(2, twice.as_ptr(), 1, 0)), refused);
    for event in events {
        succeed!(CloseHandle(event));
    }
}

#[test]
fn an_abandoned_mutex() {
    let _world = world();
    let mutex = succeed!(CreateMutexW(null(), 0, null()));
    let address = mutex.addr();
    let own = move || {
        assert_eq!(call!(WaitForSingleObject(address as HANDLE, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED))
    };
    thread::spawn(own).join().unwrap();
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    let objects = [event, mutex];
    assert_eq!(
        call!(WaitForMultipleObjects(2, objects.as_ptr(), 0, INFINITE)),
        (WAIT_ABANDONED_0 + 1, UNTOUCHED)
    );
    succeed!(ReleaseMutex(mutex));
    assert_eq!(call!(WaitForSingleObject(mutex, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
    succeed!(ReleaseMutex(mutex));
    succeed!(CloseHandle(mutex));
    succeed!(CloseHandle(event));
}

#[test]
fn signal_and_wait() {
    let _world = world();
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    let mutex = succeed!(CreateMutexW(null(), 0, null()));
    let semaphore = succeed!(CreateSemaphoreW(null(), 1, 1, null()));
    let timer = succeed!(CreateWaitableTimerW(null(), 0, null()));
    assert_eq!(call!(SignalObjectAndWait(event, event, INFINITE, 0)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(call!(SignalObjectAndWait(mutex, event, 0, 0)), (WAIT_FAILED, ERROR_NOT_OWNER));
    assert_eq!(call!(SignalObjectAndWait(semaphore, event, 0, 0)), (WAIT_FAILED, ERROR_TOO_MANY_POSTS));
    assert_eq!(call!(SignalObjectAndWait(timer, event, 0, 0)), (WAIT_FAILED, ERROR_INVALID_HANDLE));
    assert_eq!(call!(SignalObjectAndWait(event, mutex, INFINITE, 0)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(call!(SignalObjectAndWait(mutex, event, INFINITE, 0)), (WAIT_OBJECT_0, UNTOUCHED));
    for object in [event, mutex, semaphore, timer] {
        succeed!(CloseHandle(object));
    }
}

#[test]
fn apcs_run_in_alertable_waits_only() {
    let _world = world();
    let me = run!(GetCurrentThread());
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    assert_eq!(call!(QueueUserAPC(None, me, 1)), (0, ERROR_NOACCESS));
    assert_eq!(call!(QueueUserAPC(Some(record), event, 1)), (0, ERROR_INVALID_HANDLE));
    assert_eq!(call!(QueueUserAPC2(Some(record), me, 1, 1)), (FALSE, ERROR_NOT_SUPPORTED));
    assert_eq!(call!(QueueUserAPC2(Some(record), me, 1, 4)), (FALSE, ERROR_INVALID_PARAMETER));
    assert_eq!(call!(SleepEx(0, 1)), (0, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObjectEx(event, 0, 1)), (WAIT_TIMEOUT, UNTOUCHED));

    assert_eq!(call!(QueueUserAPC(Some(record), me, 1)), (1, UNTOUCHED));
    assert_eq!(call!(QueueUserAPC2(Some(record_and_queue_another), me, 2, 0)), (TRUE, UNTOUCHED));
    assert_eq!(call!(SleepEx(0, 0)), (0, UNTOUCHED));
    call!(Sleep(0));
    assert_eq!(call!(WaitForSingleObject(event, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(ran(), []);
    assert_eq!(call!(SleepEx(INFINITE, 1)), (WAIT_IO_COMPLETION, UNTOUCHED));
    assert_eq!(ran(), [1, 2, 3]);

    let signal = succeed!(CreateEventW(null(), 0, 0, null()));
    let waits: [fn(HANDLE, HANDLE) -> u32; 3] = [
        |_, event| run!(WaitForSingleObjectEx(event, INFINITE, 1)),
        |_, event| run!(WaitForMultipleObjectsEx(1, &event, 0, INFINITE, 1)),
        |signal, event| run!(SignalObjectAndWait(signal, event, INFINITE, 1)),
    ];
    for wait in waits {
        succeed!(QueueUserAPC(Some(record), me, 4));
        assert_eq!(call!(wait(signal, event)), (WAIT_IO_COMPLETION, UNTOUCHED));
        assert_eq!(ran(), [4]);
    }

    // An object that is signaled already wins.
    succeed!(SetEvent(event));
    succeed!(QueueUserAPC(Some(record), me, 5));
    assert_eq!(call!(WaitForSingleObjectEx(event, INFINITE, 1)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(ran(), []);
    assert_eq!(call!(SleepEx(0, 1)), (WAIT_IO_COMPLETION, UNTOUCHED));
    assert_eq!(ran(), [5]);
    succeed!(CloseHandle(signal));
    succeed!(CloseHandle(event));
}

#[test]
fn a_timer_routine_gets_its_argument_and_the_time() {
    let _world = world();
    let timer = succeed!(CreateWaitableTimerW(null(), 1, null()));
    let due = -1;
    let argument = &raw const due;
    succeed!(SetWaitableTimer(timer, &due, 0, Some(record_time), argument.cast(), 0));
    assert_eq!(call!(SleepEx(INFINITE, 1)), (WAIT_IO_COMPLETION, UNTOUCHED));
    assert_eq!(ran(), [argument.addr(), 1, 1]);
    succeed!(CloseHandle(timer));
}
