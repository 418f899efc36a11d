//! Section 1.2: who writes the last error.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

tests![
    last_error_belongs_to_the_thread,
    creation_writes_zero_for_a_new_object,
    creation_writes_already_exists_for_an_existing_object,
    opening_leaves_the_last_error,
    signalling_leaves_the_last_error,
    waits_leave_the_last_error,
    create_file_writes_zero,
    pipe_io_leaves_the_last_error,
];

/// 1.2: The last error is per thread.
fn last_error_belongs_to_the_thread() {
    let (ours_is_set, theirs_is_set) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            spin_until(&ours_is_set);
            fails!(OpenEventW(SYNCHRONIZE, FALSE, Name::unique().ptr()), ERROR_FILE_NOT_FOUND);
            theirs_is_set.store(true, Ordering::Release);
        });
        fails!(SetEvent(NEVER), ERROR_INVALID_HANDLE);
        ours_is_set.store(true, Ordering::Release);
        spin_until(&theirs_is_set);
        assert_eq!(last_error(), ERROR_INVALID_HANDLE);
    });
}

/// Waits without a system call, which might write the last error.
fn spin_until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        std::hint::spin_loop();
    }
}

fn last_error() -> u32 {
    // SAFETY: reads a number of this thread.
    unsafe { GetLastError() }
}

/// 1.2: A successful Create writes 0 for a new object, also for an unnamed one.
fn creation_writes_zero_for_a_new_object() {
    for named in [true, false] {
        let names: Vec<Name> = (0..8).map(|_| Name::unique()).collect();
        let name = |at: usize| if named { names[at].ptr() } else { null() };
        for (handle, error) in [
            call!(CreateEventW(null(), TRUE, TRUE, name(0))),
            call!(CreateEventExW(null(), name(1), 0, EVENT_ALL_ACCESS)),
            call!(CreateMutexW(null(), FALSE, name(2))),
            call!(CreateMutexExW(null(), name(3), 0, MUTEX_ALL_ACCESS)),
            call!(CreateSemaphoreW(null(), 1, 1, name(4))),
            call!(CreateSemaphoreExW(null(), 1, 1, name(5), 0, SEMAPHORE_ALL_ACCESS)),
            call!(CreateWaitableTimerW(null(), TRUE, name(6))),
            call!(CreateWaitableTimerExW(null(), name(7), 0, TIMER_ALL_ACCESS)),
        ] {
            Handle::own(handle);
            assert_eq!(error, ERROR_SUCCESS);
        }
    }
}

/// 1.2: A Create that opens an existing object writes ERROR_ALREADY_EXISTS.
fn creation_writes_already_exists_for_an_existing_object() {
    let names: Vec<Name> = (0..4).map(|_| Name::unique()).collect();
    let mut kept = Vec::new();
    for expected in [ERROR_SUCCESS, ERROR_ALREADY_EXISTS, ERROR_ALREADY_EXISTS] {
        for (handle, error) in [
            call!(CreateEventW(null(), TRUE, TRUE, names[0].ptr())),
            call!(CreateMutexW(null(), FALSE, names[1].ptr())),
            call!(CreateSemaphoreW(null(), 1, 1, names[2].ptr())),
            call!(CreateWaitableTimerW(null(), TRUE, names[3].ptr())),
        ] {
            kept.push(Handle::own(handle));
            assert_eq!(error, expected);
        }
    }
}

/// 1.2: A successful Open leaves the last error.
fn opening_leaves_the_last_error() {
    let names: Vec<Name> = (0..4).map(|_| Name::unique()).collect();
    let _kept = [
        Handle::own(ok!(CreateEventW(null(), TRUE, TRUE, names[0].ptr()))),
        Handle::own(ok!(CreateMutexW(null(), FALSE, names[1].ptr()))),
        Handle::own(ok!(CreateSemaphoreW(null(), 1, 1, names[2].ptr()))),
        Handle::own(ok!(CreateWaitableTimerW(null(), TRUE, names[3].ptr()))),
    ];
    Handle::own(quiet!(OpenEventW(EVENT_ALL_ACCESS, FALSE, names[0].ptr())));
    Handle::own(quiet!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, names[1].ptr())));
    Handle::own(quiet!(OpenSemaphoreW(SEMAPHORE_ALL_ACCESS, FALSE, names[2].ptr())));
    Handle::own(quiet!(OpenWaitableTimerW(TIMER_ALL_ACCESS, FALSE, names[3].ptr())));
    Handle::own(quiet!(OpenProcess(SYNCHRONIZE, FALSE, std::process::id())));
}

/// 1.2: SetEvent, ResetEvent, PulseEvent, ReleaseMutex, ReleaseSemaphore, timers and CloseHandle leave it.
fn signalling_leaves_the_last_error() {
    let (event, mutex, semaphore, timer) = (event(true, false), mutex(true), semaphore(0, 2), timer(true));
    quiet!(SetEvent(event.raw()));
    quiet!(ResetEvent(event.raw()));
    quiet!(PulseEvent(event.raw()));
    quiet!(ReleaseMutex(mutex.raw()));
    let mut previous = 0;
    quiet!(ReleaseSemaphore(semaphore.raw(), 1, &mut previous));
    quiet!(SetWaitableTimer(timer.raw(), &FAR, 0, None, null(), FALSE));
    quiet!(CancelWaitableTimer(timer.raw()));
    let mut copy = null_mut();
    quiet!(DuplicateHandle(this_process(), event.raw(), this_process(), &mut copy, 0, FALSE, 2));
    quiet!(CloseHandle(copy));
}

/// 1.2: Waits that return WAIT_OBJECT_0, WAIT_ABANDONED or WAIT_TIMEOUT leave the last error.
fn waits_leave_the_last_error() {
    let (set, clear, abandoned) = (event(true, true), event(true, false), abandoned_mutex());
    assert_eq!(call!(WaitForSingleObject(set.raw(), 0)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(clear.raw(), 0)), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(clear.raw(), 1)), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(abandoned.raw(), 0)), (WAIT_ABANDONED, UNTOUCHED));
    let handles = [clear.raw(), set.raw()];
    assert_eq!(call!(WaitForMultipleObjects(2, handles.as_ptr(), FALSE, 0)), (WAIT_OBJECT_0 + 1, UNTOUCHED));
    assert_eq!(call!(WaitForMultipleObjects(2, handles.as_ptr(), TRUE, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(call!(SleepEx(0, TRUE)), (0, UNTOUCHED));
}

/// 1.2: A successful CreateFile writes 0.
fn create_file_writes_zero() {
    let name = pipe_name();
    let _server = server(&name, DUPLEX, BYTE);
    let (handle, error) = try_client(&name, READ_WRITE, 0);
    Handle::own(handle);
    assert_eq!(error, ERROR_SUCCESS);
}

/// 1.2: Successful calls on pipes leave the last error.
fn pipe_io_leaves_the_last_error() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let (mut count, mut buffer) = (0, [0u8; 4]);
    quiet!(WriteFile(server.raw(), buffer.as_ptr(), 4, &mut count, null_mut()));
    quiet!(PeekNamedPipe(client.raw(), null_mut(), 0, null_mut(), &mut count, null_mut()));
    quiet!(ReadFile(client.raw(), buffer.as_mut_ptr(), 4, &mut count, null_mut()));
    quiet!(SetNamedPipeHandleState(client.raw(), &PIPE_READMODE_BYTE, null(), null()));
    quiet!(GetNamedPipeInfo(client.raw(), &mut count, null_mut(), null_mut(), null_mut()));
    quiet!(FlushFileBuffers(client.raw()));
    quiet!(DisconnectNamedPipe(server.raw()));
}
