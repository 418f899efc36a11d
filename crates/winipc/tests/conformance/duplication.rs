//! Section 1.6: the inheritance flag and DuplicateHandle.

use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    handles_are_not_inheritable_by_default,
    four_ways_make_a_handle_inheritable,
    duplicates_are_inheritable_only_on_request,
    same_access_ignores_the_access_asked_for,
    a_duplicate_may_have_less_access,
    a_duplicate_may_have_more_access,
    a_pipe_duplicate_cannot_gain_access,
    duplicates_share_the_object,
    duplicates_of_a_pipe_share_its_end,
    a_handle_reaches_another_process,
    a_handle_comes_from_another_process,
    a_pipe_end_reaches_another_process,
    both_processes_need_dup_handle,
    close_source_closes_the_source,
    close_source_closes_even_when_it_fails,
    close_source_closes_even_with_a_bad_target,
    close_source_without_target_only_closes,
    pseudo_handles_become_real,
    pseudo_process_of_another_process,
    a_bad_source_fails,
    a_bad_process_fails;
    alone:
    a_moved_handle_is_gone,
];

fn flags(handle: HANDLE) -> u32 {
    let mut flags = 9;
    ok!(GetHandleInformation(handle, &mut flags));
    flags
}

fn inheritable() -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        bInheritHandle: TRUE,
        ..Default::default()
    }
}

/// DuplicateHandle within this process.
fn duplicate(source: HANDLE, access: u32, inherit: bool, options: u32) -> (i32, u32, HANDLE) {
    let mut copy = null_mut();
    let (value, error) = call!(DuplicateHandle(
        this_process(),
        source,
        this_process(),
        &mut copy,
        access,
        inherit.into(),
        options
    ));
    (value, error, copy)
}

/// 1.6: A handle is not inheritable unless that was asked for.
fn handles_are_not_inheritable_by_default() {
    let (server, client) = pair(DUPLEX, BYTE);
    for handle in [event(true, true), mutex(false), semaphore(0, 1), timer(true), server, client] {
        assert_eq!(flags(handle.raw()), 0);
    }
}

/// 1.6: SECURITY_ATTRIBUTES, Open's argument, DuplicateHandle's argument and SetHandleInformation make it inheritable.
fn four_ways_make_a_handle_inheritable() {
    let (name, attributes) = (Name::unique(), inheritable());
    let pipe = pipe_name();
    let handles = [
        Handle::own(ok!(CreateEventW(&attributes, TRUE, FALSE, name.ptr()))),
        Handle::own(ok!(OpenEventW(SYNCHRONIZE, TRUE, name.ptr()))),
        Handle::own(ok!(OpenProcess(SYNCHRONIZE, TRUE, std::process::id()))),
        Handle::own(ok!(CreateMutexW(&attributes, FALSE, null()))),
        Handle::own(ok!(CreateSemaphoreW(&attributes, 0, 1, null()))),
        Handle::own(ok!(CreateWaitableTimerW(&attributes, FALSE, null()))),
        Handle::own(ok!(CreateNamedPipeW(pipe.ptr(), DUPLEX, BYTE, 1, 0, 0, 0, &attributes))),
        Handle::own(ok!(CreateFileW(pipe.ptr(), READ_WRITE, 0, &attributes, OPEN_EXISTING, 0, null_mut()))),
    ];
    for handle in &handles {
        assert_eq!(flags(handle.raw()), HANDLE_FLAG_INHERIT);
    }
    let plain = event(true, true);
    let copy = Handle::own(duplicate(plain.raw(), 0, true, DUPLICATE_SAME_ACCESS).2);
    ok!(SetHandleInformation(plain.raw(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    assert_eq!((flags(copy.raw()), flags(plain.raw())), (HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
}

/// 1.6: A duplicate of an inheritable handle is inheritable only if DuplicateHandle was asked for it.
fn duplicates_are_inheritable_only_on_request() {
    let source = Handle::own(ok!(CreateEventW(&inheritable(), TRUE, FALSE, null())));
    assert_eq!(flags(source.duplicate().raw()), 0);
}

/// 1.6: DUPLICATE_SAME_ACCESS ignores the access asked for.
fn same_access_ignores_the_access_asked_for() {
    let waiter = event(true, true).with_access(SYNCHRONIZE);
    let (value, _, copy) = duplicate(waiter.raw(), EVENT_ALL_ACCESS, false, DUPLICATE_SAME_ACCESS);
    let copy = Handle::own(copy);
    assert_eq!(value, TRUE);
    fails!(ResetEvent(copy.raw()), ERROR_ACCESS_DENIED);
    assert!(is_signaled(&copy));
}

/// 1.6: A duplicate gets the access asked for when it is less than the source's.
fn a_duplicate_may_have_less_access() {
    let setter = event(true, false).with_access(EVENT_MODIFY_STATE);
    ok!(SetEvent(setter.raw()));
    fails!(WaitForSingleObject(setter.raw(), 0), ERROR_ACCESS_DENIED);
}

/// 1.6: More access than the source has is given when the object's security allows it.
fn a_duplicate_may_have_more_access() {
    let waiter = event(true, false).with_access(SYNCHRONIZE);
    let all = waiter.with_access(EVENT_ALL_ACCESS);
    ok!(SetEvent(all.raw()));
    assert!(is_signaled(&waiter));
}

/// 1.6: A duplicate of a pipe handle can lose access but not gain it.
fn a_pipe_duplicate_cannot_gain_access() {
    let (server, client) = pair(DUPLEX, BYTE);
    let reader = client.with_access(FILE_READ_DATA | SYNCHRONIZE);
    assert_eq!(write(&reader, b"x").1, ERROR_ACCESS_DENIED);
    expect_write(&server, b"data");
    expect_read(&reader, 4, b"data");
    let (value, error, _) = duplicate(reader.raw(), FILE_READ_DATA | FILE_WRITE_DATA | SYNCHRONIZE, false, 0);
    assert_eq!((value, error), (FALSE, ERROR_ACCESS_DENIED));
}

/// 1.6: Duplicates share the object: state, count, owner.
fn duplicates_share_the_object() {
    let (event, semaphore, mutex) = (event(true, false), semaphore(0, 3), mutex(true));
    ok!(SetEvent(event.duplicate().raw()));
    assert!(is_signaled(&event));
    ok!(ReleaseSemaphore(semaphore.duplicate().raw(), 2, null_mut()));
    assert_eq!(count_of(&semaphore), 2);
    ok!(ReleaseMutex(mutex.duplicate().raw()));
    fails!(ReleaseMutex(mutex.raw()), ERROR_NOT_OWNER);
}

/// 1.6: Duplicates of a pipe handle share its end: data, read mode, and the end closes with the last one.
fn duplicates_of_a_pipe_share_its_end() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let copy = client.duplicate();
    expect_write(&server, b"message");
    assert_eq!(read(&client, 3), (FALSE, ERROR_MORE_DATA, b"mes".to_vec()));
    expect_read(&copy, 9, b"sage");
    set_mode(&copy, PIPE_READMODE_BYTE);
    let mut state = 9;
    ok!(GetNamedPipeHandleStateW(
        client.raw(),
        &mut state,
        null_mut(),
        null_mut(),
        null_mut(),
        null_mut(),
        0
    ));
    assert_eq!(state, 0);
    client.close();
    expect_write(&server, b"more");
    expect_read(&copy, 9, b"more");
    copy.close();
    write_fails(&server, ERROR_NO_DATA);
}

/// 1.6: DuplicateHandle makes a handle in another process, valid there.
fn a_handle_reaches_another_process() {
    let (event, mut child) = (event(true, false), Child::start());
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut there = null_mut();
    quiet!(DuplicateHandle(
        this_process(),
        event.raw(),
        process.raw(),
        &mut there,
        0,
        TRUE,
        DUPLICATE_SAME_ACCESS
    ));
    assert_eq!(child.ok(&format!("flags {}", there as isize)), [HANDLE_FLAG_INHERIT as u8]);
    child.ok(&format!("set_event {}", there as isize));
    assert!(is_signaled(&event));
}

/// 1.6: DuplicateHandle makes a handle here from one of another process.
fn a_handle_comes_from_another_process() {
    let (name, mut child) = (Name::unique(), Child::start());
    let there = child.handle(&format!("create_mutex {} 1", name.text()));
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut here = null_mut();
    ok!(DuplicateHandle(
        process.raw(),
        there as HANDLE,
        this_process(),
        &mut here,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    let here = Handle::own(here);
    assert_eq!(wait(&here, 0), WAIT_TIMEOUT);
    child.ok(&format!("release_mutex {there}"));
    assert_eq!(wait(&here, SOON), WAIT_OBJECT_0);
    ok!(ReleaseMutex(here.raw()));
}

/// 1.6: A pipe handle duplicated into another process reads and writes there.
fn a_pipe_end_reaches_another_process() {
    let ((server, client), mut child) = (pair(DUPLEX, MESSAGE), Child::start());
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut there = null_mut();
    let options = DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE;
    ok!(DuplicateHandle(this_process(), client.raw(), process.raw(), &mut there, 0, FALSE, options));
    std::mem::forget(client);
    let there = there as isize;
    expect_write(&server, b"to the child");
    assert_eq!(child.ok(&format!("read {there} 64")), b"to the child");
    child.ok(&format!("write {there} back"));
    expect_read(&server, 64, b"back");
    child.ok(&format!("close {there}"));
    read_fails(&server, ERROR_BROKEN_PIPE);
}

/// 1.6: Both process handles need PROCESS_DUP_HANDLE, else ERROR_ACCESS_DENIED.
fn both_processes_need_dup_handle() {
    let (event, mut child) = (event(true, false), Child::start());
    let there = child.handle(&format!("create_event {} 1 1", Name::unique().text()));
    let poor = child.open(PROCESS_QUERY_INFORMATION | SYNCHRONIZE);
    let mut copy = 7 as HANDLE;
    let (this, same) = (this_process(), DUPLICATE_SAME_ACCESS);
    fails!(DuplicateHandle(this, event.raw(), poor.raw(), &mut copy, 0, FALSE, same), ERROR_ACCESS_DENIED);
    fails!(
        DuplicateHandle(poor.raw(), there as HANDLE, this, &mut copy, 0, FALSE, same),
        ERROR_ACCESS_DENIED
    );
}

/// 1.6: DUPLICATE_CLOSE_SOURCE closes the source.
fn close_source_closes_the_source() {
    let name = Name::unique();
    let source = ok!(CreateEventW(null(), TRUE, TRUE, name.ptr()));
    let (value, _, copy) = duplicate(source, 0, false, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE);
    assert_eq!(value, TRUE);
    let copy = Handle::own(copy);
    assert!(is_signaled(&copy));
    copy.close();
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.6: DUPLICATE_CLOSE_SOURCE closes the source even if the call then fails.
fn close_source_closes_even_when_it_fails() {
    let name = Name::unique();
    let source = ok!(CreateEventW(null(), TRUE, TRUE, name.ptr()));
    let bit_without_meaning = 0x100;
    let (value, error, _) = duplicate(source, bit_without_meaning, false, DUPLICATE_CLOSE_SOURCE);
    assert_eq!((value, error), (FALSE, ERROR_ACCESS_DENIED));
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.6: DUPLICATE_CLOSE_SOURCE closes the source even if the target process is a bad handle.
fn close_source_closes_even_with_a_bad_target() {
    let name = Name::unique();
    let source = ok!(CreateEventW(null(), TRUE, TRUE, name.ptr()));
    let (mut copy, options) = (null_mut(), DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE);
    fails!(
        DuplicateHandle(this_process(), source, NEVER, &mut copy, 0, FALSE, options),
        ERROR_INVALID_HANDLE
    );
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.6: DUPLICATE_CLOSE_SOURCE with NULL as target process just closes a handle of another process.
fn close_source_without_target_only_closes() {
    let (name, mut child) = (Name::unique(), Child::start());
    let there = child.handle(&format!("create_event {} 1 1", name.text())) as HANDLE;
    let process = child.open(PROCESS_DUP_HANDLE);
    ok!(DuplicateHandle(process.raw(), there, null_mut(), null_mut(), 0, FALSE, DUPLICATE_CLOSE_SOURCE));
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    assert_eq!(child.ask(&format!("set_event {}", there as isize)).error, ERROR_INVALID_HANDLE);
}

/// 1.6: The pseudo-handles -1 and -2 become real handles to the process and the thread.
fn pseudo_handles_become_real() {
    let process = Handle::own(duplicate(this_process(), 0, false, DUPLICATE_SAME_ACCESS).2);
    let thread = thread_handle();
    assert_eq!(ok!(GetProcessId(process.raw())), std::process::id());
    assert_eq!(ok!(GetThreadId(thread.raw())), call!(GetCurrentThreadId()).0);
    assert_eq!(wait_any(&[&process, &thread], 0), WAIT_TIMEOUT);
    let thread = on_thread(thread_handle);
    assert_eq!(wait(&thread, SOON), WAIT_OBJECT_0);
}

/// 1.6: -1 with another process as source gives a handle with full access to that process.
fn pseudo_process_of_another_process() {
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut full = null_mut();
    let source = this_process();
    ok!(DuplicateHandle(process.raw(), source, this_process(), &mut full, 0, FALSE, DUPLICATE_SAME_ACCESS));
    let full = Handle::own(full);
    assert_eq!(ok!(GetProcessId(full.raw())), child.id());
    ok!(TerminateProcess(full.raw(), 77));
    assert_eq!(wait(&full, SOON), WAIT_OBJECT_0);
    child.wait();
}

/// 1.6: A bad source handle fails ERROR_INVALID_HANDLE.
fn a_bad_source_fails() {
    for bad in [null_mut(), NEVER] {
        let (value, error, _) = duplicate(bad, 0, false, DUPLICATE_SAME_ACCESS);
        assert_eq!((value, error), (FALSE, ERROR_INVALID_HANDLE));
    }
}

/// 1.6: A bad process handle, or one of another kind, fails ERROR_INVALID_HANDLE.
fn a_bad_process_fails() {
    let event = event(true, false);
    let mut copy = null_mut();
    for bad in [null_mut(), NEVER, event.raw()] {
        let (source, this, same) = (event.raw(), this_process(), DUPLICATE_SAME_ACCESS);
        fails!(DuplicateHandle(bad, source, this, &mut copy, 0, FALSE, same), ERROR_INVALID_HANDLE);
        fails!(DuplicateHandle(this, source, bad, &mut copy, 0, FALSE, same), ERROR_INVALID_HANDLE);
    }
    assert_eq!(copy, null_mut());
}

/// 1.6: After DUPLICATE_CLOSE_SOURCE into another process the source value is no handle any more.
fn a_moved_handle_is_gone() {
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let source = ok!(CreateEventW(null(), TRUE, FALSE, null()));
    let mut there = null_mut();
    let options = DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE;
    ok!(DuplicateHandle(this_process(), source, process.raw(), &mut there, 0, FALSE, options));
    fails!(SetEvent(source), ERROR_INVALID_HANDLE);
    child.ok(&format!("set_event {}", there as isize));
}
