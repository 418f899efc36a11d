//! Section 1.1: handle values, wrong handles, pseudo-handles, flags.

use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    values_are_nonzero_multiples_of_four,
    values_have_32_significant_bits,
    low_two_bits_are_ignored,
    unknown_handle_fails_in_every_call,
    null_handle_fails_in_every_call,
    wrong_kind_fails_like_a_bad_handle,
    nameable_objects_fail_with_null,
    files_and_pipes_fail_with_invalid_handle_value,
    pseudo_process_is_waitable,
    pseudo_thread_is_waitable,
    other_pseudo_handles_are_not_waitable,
    pseudo_handles_fail_multiple_waits_at_any_index,
    closing_a_pseudo_handle_does_nothing,
    closing_a_bad_handle_fails,
    protected_handle_cannot_be_closed,
    handle_flags_are_set_by_mask,
    compare_tells_whether_objects_are_the_same;
    alone:
    closed_handle_is_invalid_in_every_call,
];

/// 1.1: Handle values are nonzero multiples of 4.
fn values_are_nonzero_multiples_of_four() {
    let (server, client) = pipe::pair(pipe::DUPLEX, pipe::BYTE);
    for handle in
        [event(true, false), mutex(false), semaphore(0, 1), timer(true), thread_handle(), server, client]
    {
        let value = handle.raw() as usize;
        assert!(value != 0 && value.is_multiple_of(4), "{value:#x}");
    }
}

/// 1.1: Only 32 bits of a handle are significant; it is the sign-extended 32-bit value.
fn values_have_32_significant_bits() {
    let event = event(true, true);
    let value = event.raw() as isize;
    assert_eq!(value as i32 as isize, value);
}

/// 1.1: The two lowest bits are ignored by handle look-up, in waits and other kernel calls.
fn low_two_bits_are_ignored() {
    let event = event(true, false);
    for low in 1..4 {
        let alias = (event.raw() as usize | low) as HANDLE;
        ok!(SetEvent(alias));
        assert_eq!(call!(WaitForSingleObject(alias, 0)).0, WAIT_OBJECT_0);
        assert_eq!(call!(WaitForMultipleObjects(1, &alias, TRUE, 0)).0, WAIT_OBJECT_0);
        ok!(ResetEvent(alias));
        assert!(!is_signaled(&event));
    }
}

/// Every call on a handle fails with ERROR_INVALID_HANDLE.
fn every_call_fails(bad: HANDLE) {
    let (mut number, due, mut block) = (0, -1i64, OVERLAPPED::default());
    let mut buffer = [0u8; 4];
    fails!(SetEvent(bad), ERROR_INVALID_HANDLE);
    fails!(ResetEvent(bad), ERROR_INVALID_HANDLE);
    fails!(PulseEvent(bad), ERROR_INVALID_HANDLE);
    fails!(ReleaseMutex(bad), ERROR_INVALID_HANDLE);
    fails!(ReleaseSemaphore(bad, 1, null_mut()), ERROR_INVALID_HANDLE);
    fails!(SetWaitableTimer(bad, &due, 0, None, null(), FALSE), ERROR_INVALID_HANDLE);
    fails!(CancelWaitableTimer(bad), ERROR_INVALID_HANDLE);
    fails!(WaitForSingleObject(bad, 0), ERROR_INVALID_HANDLE);
    fails!(WaitForSingleObjectEx(bad, 0, TRUE), ERROR_INVALID_HANDLE);
    fails!(CloseHandle(bad), ERROR_INVALID_HANDLE);
    fails!(GetHandleInformation(bad, &mut number), ERROR_INVALID_HANDLE);
    fails!(SetHandleInformation(bad, 1, 1), ERROR_INVALID_HANDLE);
    fails!(ReadFile(bad, buffer.as_mut_ptr(), 4, &mut number, null_mut()), ERROR_INVALID_HANDLE);
    fails!(WriteFile(bad, buffer.as_ptr(), 4, &mut number, null_mut()), ERROR_INVALID_HANDLE);
    fails!(FlushFileBuffers(bad), ERROR_INVALID_HANDLE);
    fails!(ConnectNamedPipe(bad, null_mut()), ERROR_INVALID_HANDLE);
    fails!(DisconnectNamedPipe(bad), ERROR_INVALID_HANDLE);
    fails!(PeekNamedPipe(bad, null_mut(), 0, null_mut(), null_mut(), null_mut()), ERROR_INVALID_HANDLE);
    fails!(GetNamedPipeInfo(bad, null_mut(), null_mut(), null_mut(), null_mut()), ERROR_INVALID_HANDLE);
    fails!(SetNamedPipeHandleState(bad, &0, null(), null()), ERROR_INVALID_HANDLE);
    fails!(GetNamedPipeClientProcessId(bad, &mut number), ERROR_INVALID_HANDLE);
    fails!(GetNamedPipeServerProcessId(bad, &mut number), ERROR_INVALID_HANDLE);
    fails!(CancelIo(bad), ERROR_INVALID_HANDLE);
    fails!(CancelIoEx(bad, null()), ERROR_INVALID_HANDLE);
    fails!(CancelSynchronousIo(bad), ERROR_INVALID_HANDLE);
    fails!(GetExitCodeProcess(bad, &mut number), ERROR_INVALID_HANDLE);
    fails!(GetExitCodeThread(bad, &mut number), ERROR_INVALID_HANDLE);
    fails!(TerminateProcess(bad, 1), ERROR_INVALID_HANDLE);
    fails!(GetProcessId(bad), ERROR_INVALID_HANDLE);
    fails!(ReadFile(bad, buffer.as_mut_ptr(), 4, null_mut(), &mut block), ERROR_INVALID_HANDLE);
}

/// 1.1: An unknown handle fails ERROR_INVALID_HANDLE in every call.
fn unknown_handle_fails_in_every_call() {
    every_call_fails(NEVER);
    every_call_fails(0x7FFF_FFF0 as HANDLE);
}

/// 1.1: NULL as a handle fails ERROR_INVALID_HANDLE in every call.
fn null_handle_fails_in_every_call() {
    every_call_fails(null_mut());
}

/// 1.1: A closed handle fails ERROR_INVALID_HANDLE in every call.
fn closed_handle_is_invalid_in_every_call() {
    let event = event(true, false);
    let stale = event.raw();
    event.close();
    every_call_fails(stale);
}

/// 1.1: A live handle of the wrong kind fails ERROR_INVALID_HANDLE.
fn wrong_kind_fails_like_a_bad_handle() {
    let (event, mutex, semaphore, timer) = (event(true, false), mutex(true), semaphore(1, 2), timer(true));
    let (thread, process) =
        (thread_handle(), Handle::own(ok!(OpenProcess(PROCESS_ALL_ACCESS, FALSE, std::process::id()))));
    let (server, _client) = pipe::pair(pipe::DUPLEX, pipe::BYTE);
    let (due, mut number) = (-1i64, 0);
    for other in [&mutex, &semaphore, &timer, &thread, &process, &server] {
        fails!(SetEvent(other.raw()), ERROR_INVALID_HANDLE);
        fails!(ResetEvent(other.raw()), ERROR_INVALID_HANDLE);
        fails!(PulseEvent(other.raw()), ERROR_INVALID_HANDLE);
    }
    for other in [&event, &semaphore, &timer, &thread, &process, &server] {
        fails!(ReleaseMutex(other.raw()), ERROR_INVALID_HANDLE);
    }
    for other in [&event, &mutex, &timer, &thread, &process, &server] {
        fails!(ReleaseSemaphore(other.raw(), 1, null_mut()), ERROR_INVALID_HANDLE);
    }
    for other in [&event, &mutex, &semaphore, &thread, &process, &server] {
        fails!(SetWaitableTimer(other.raw(), &due, 0, None, null(), FALSE), ERROR_INVALID_HANDLE);
        fails!(CancelWaitableTimer(other.raw()), ERROR_INVALID_HANDLE);
    }
    for other in [&event, &mutex, &semaphore, &timer, &thread, &process] {
        let mut buffer = [0u8; 4];
        fails!(ReadFile(other.raw(), buffer.as_mut_ptr(), 4, &mut number, null_mut()), ERROR_INVALID_HANDLE);
        fails!(WriteFile(other.raw(), buffer.as_ptr(), 4, &mut number, null_mut()), ERROR_INVALID_HANDLE);
        fails!(ConnectNamedPipe(other.raw(), null_mut()), ERROR_INVALID_HANDLE);
        fails!(DisconnectNamedPipe(other.raw()), ERROR_INVALID_HANDLE);
        fails!(
            PeekNamedPipe(other.raw(), null_mut(), 0, null_mut(), null_mut(), null_mut()),
            ERROR_INVALID_HANDLE
        );
        fails!(FlushFileBuffers(other.raw()), ERROR_INVALID_HANDLE);
    }
    for other in [&event, &mutex, &semaphore, &timer, &thread, &server] {
        fails!(GetExitCodeProcess(other.raw(), &mut number), ERROR_INVALID_HANDLE);
        fails!(TerminateProcess(other.raw(), 1), ERROR_INVALID_HANDLE);
    }
    assert_eq!(count_of(&semaphore), 1);
    ok!(ReleaseMutex(mutex.raw()));
}

/// 1.1: Functions that create or open events, mutexes, semaphores, timers, processes and threads fail with NULL.
fn nameable_objects_fail_with_null() {
    let name = Name::new(r"no-such-directory\x");
    fails!(CreateEventW(null(), TRUE, TRUE, name.ptr()), ERROR_PATH_NOT_FOUND);
    fails!(CreateMutexW(null(), TRUE, name.ptr()), ERROR_PATH_NOT_FOUND);
    fails!(CreateSemaphoreW(null(), 1, 1, name.ptr()), ERROR_PATH_NOT_FOUND);
    fails!(CreateWaitableTimerW(null(), TRUE, name.ptr()), ERROR_PATH_NOT_FOUND);
    fails!(OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0), ERROR_INVALID_PARAMETER);
    fails!(OpenThread(THREAD_ALL_ACCESS, FALSE, 0), ERROR_INVALID_PARAMETER);
}

/// 1.1: CreateFile and CreateNamedPipe fail with INVALID_HANDLE_VALUE.
fn files_and_pipes_fail_with_invalid_handle_value() {
    let name = pipe::pipe_name();
    assert_eq!(pipe::try_client(&name, GENERIC_READ, 0), (INVALID_HANDLE_VALUE, ERROR_FILE_NOT_FOUND));
    let (handle, error) = call!(CreateNamedPipeW(null(), PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, null()));
    assert_eq!((handle, error), (INVALID_HANDLE_VALUE, ERROR_PATH_NOT_FOUND));
}

/// 1.1: The pseudo-handle of the process can be waited on: WAIT_TIMEOUT while it lives.
fn pseudo_process_is_waitable() {
    assert_eq!(call!(WaitForSingleObject(this_process(), 0)), (WAIT_TIMEOUT, UNTOUCHED));
}

/// 1.1: The pseudo-handle of the thread can be waited on: WAIT_TIMEOUT while it lives.
fn pseudo_thread_is_waitable() {
    assert_eq!(call!(WaitForSingleObject(this_thread(), 0)), (WAIT_TIMEOUT, UNTOUCHED));
}

/// 1.1: The pseudo-handles -3 to -6 cannot be waited on: ERROR_INVALID_HANDLE.
fn other_pseudo_handles_are_not_waitable() {
    for value in -6..=-3 {
        fails!(WaitForSingleObject(value as HANDLE, 0), ERROR_INVALID_HANDLE);
    }
}

/// 1.1: In a multiple wait a pseudo-handle -1 to -6 fails the call whatever its index, any and all, count 1 too.
fn pseudo_handles_fail_multiple_waits_at_any_index() {
    let event = event(true, true);
    for value in -6isize..=-1 {
        for all in [FALSE, TRUE] {
            let pseudo = value as HANDLE;
            fails!(WaitForMultipleObjects(1, &pseudo, all, 0), ERROR_INVALID_HANDLE);
            for handles in [[event.raw(), pseudo], [pseudo, event.raw()]] {
                fails!(WaitForMultipleObjects(2, handles.as_ptr(), all, 0), ERROR_INVALID_HANDLE);
                fails!(WaitForMultipleObjectsEx(2, handles.as_ptr(), all, 0, TRUE), ERROR_INVALID_HANDLE);
            }
        }
    }
}

/// 1.1: CloseHandle of -1 or -2 does nothing (and returns TRUE ?).
fn closing_a_pseudo_handle_does_nothing() {
    for pseudo in [this_process(), this_thread(), INVALID_HANDLE_VALUE] {
        assert_eq!(call!(CloseHandle(pseudo)).0, TRUE);
        assert_eq!(call!(WaitForSingleObject(pseudo, 0)).0, WAIT_TIMEOUT);
    }
}

/// 1.1: CloseHandle of a bad handle is FALSE with ERROR_INVALID_HANDLE.
fn closing_a_bad_handle_fails() {
    for bad in [null_mut(), NEVER] {
        fails!(CloseHandle(bad), ERROR_INVALID_HANDLE);
    }
}

/// 1.1: HANDLE_FLAG_PROTECT_FROM_CLOSE makes CloseHandle fail ERROR_INVALID_HANDLE, and the handle stays open.
fn protected_handle_cannot_be_closed() {
    let event = event(true, false);
    let flag = HANDLE_FLAG_PROTECT_FROM_CLOSE;
    quiet!(SetHandleInformation(event.raw(), flag, flag));
    fails!(CloseHandle(event.raw()), ERROR_INVALID_HANDLE);
    ok!(SetEvent(event.raw()));
    assert!(is_signaled(&event));
    ok!(SetHandleInformation(event.raw(), flag, 0));
}

/// 1.1: HANDLE_FLAG_INHERIT is 1, PROTECT_FROM_CLOSE is 2; SetHandleInformation changes those of its mask only.
fn handle_flags_are_set_by_mask() {
    let event = event(true, false);
    let flags = || {
        let mut flags = 0xEE;
        quiet!(GetHandleInformation(event.raw(), &mut flags));
        flags
    };
    assert_eq!(flags(), 0);
    for (mask, value, result) in [(1, 1, 1), (2, 1, 1), (2, 2, 3), (1, 0, 2), (0, 3, 2), (3, 1, 1), (3, 0, 0)]
    {
        ok!(SetHandleInformation(event.raw(), mask, value));
        assert_eq!(flags(), result, "mask {mask}, flags {value}");
    }
}

/// 1.6: CompareObjectHandles is TRUE for two handles to one object, also with different access, else FALSE.
fn compare_tells_whether_objects_are_the_same() {
    let (one, other) = (event(true, false), event(true, false));
    let (copy, narrow) = (one.duplicate(), one.with_access(SYNCHRONIZATION_SYNCHRONIZE));
    for same in [&one, &copy, &narrow] {
        assert_eq!(call!(CompareObjectHandles(one.raw(), same.raw())).0, TRUE);
    }
    assert_eq!(call!(CompareObjectHandles(one.raw(), other.raw())).0, FALSE);
}
