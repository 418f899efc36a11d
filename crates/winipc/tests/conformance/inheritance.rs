//! Sections 1.5 and 1.6: what children inherit.

use crate::support::pipe::{BYTE, DUPLEX, MESSAGE, expect_read, pair};
use crate::support::process::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    ;
    alone:
    inheritable_handles_are_inherited,
    four_ways_to_inherit,
    every_kind_is_inherited,
    a_handle_is_inherited_with_its_access,
    inherited_handles_are_inheritable,
    without_inheritance_there_are_no_handles,
    what_is_not_inheritable_is_not_inherited,
    pseudo_handles_are_not_inherited,
    a_list_restricts_inheritance,
    a_list_needs_inheritance,
    a_list_takes_inheritable_handles_only,
    an_inherited_handle_keeps_its_object,
    an_inherited_handle_keeps_its_object_until_it_is_closed,
    an_inherited_pipe_end_stays_open,
    handles_to_a_new_process_can_be_inherited,
    grandchildren_inherit_too,
];

/// 1.6: bInheritHandles copies inheritable handles to the child, under the same value.
fn inheritable_handles_are_inherited() {
    let event = inheritable_event();
    assert_eq!(Creation::script(&format!("set_event {}", number(&event))).inheriting().run(), 1);
    assert!(is_signaled(&event));
}

/// 1.6: SECURITY_ATTRIBUTES, Open's argument, DuplicateHandle's argument and SetHandleInformation have a child inherit.
fn four_ways_to_inherit() {
    let name = Name::unique();
    let first = Handle::own(ok!(CreateEventW(&inheritable(), TRUE, FALSE, name.ptr())));
    let opened = Handle::own(ok!(OpenEventW(EVENT_ALL_ACCESS, TRUE, name.ptr())));
    let mut copy = null_mut();
    let options = DUPLICATE_SAME_ACCESS;
    ok!(DuplicateHandle(this_process(), first.raw(), this_process(), &mut copy, 0, TRUE, options));
    let copy = Handle::own(copy);
    let set = first.duplicate();
    ok!(SetHandleInformation(set.raw(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    for handle in [&first, &opened, &copy, &set] {
        ok!(ResetEvent(first.raw()));
        assert_eq!(Creation::script(&format!("set_event {}", number(handle))).inheriting().run(), 1);
        assert!(is_signaled(&first));
    }
}

/// 1.6: Handles to every kind of object are inherited.
fn every_kind_is_inherited() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let thread = thread_handle();
    let mut process = null_mut();
    let options = DUPLICATE_SAME_ACCESS;
    ok!(DuplicateHandle(this_process(), this_process(), this_process(), &mut process, 0, FALSE, options));
    let process = Handle::own(process);
    let (event, mutex, semaphore, timer) = (event(true, true), mutex(false), semaphore(1, 5), timer(true));
    set_timer(&timer, -1);
    assert_eq!(wait(&timer, SOON), WAIT_OBJECT_0);
    for handle in [&server, &client, &thread, &process, &event, &mutex, &semaphore, &timer] {
        ok!(SetHandleInformation(handle.raw(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    }
    let waits = |handle: &Handle| Creation::script(&format!("wait {} 0", number(handle))).inheriting().run();
    for signaled in [&event, &mutex, &semaphore, &timer] {
        assert_eq!(waits(signaled), WAIT_OBJECT_0);
    }
    for running in [&process, &thread] {
        assert_eq!(waits(running), WAIT_TIMEOUT);
    }
    // Taken in the child: the semaphore's count is gone, the mutex was abandoned.
    assert_eq!((wait(&semaphore, 0), wait(&mutex, 0)), (WAIT_TIMEOUT, WAIT_ABANDONED));
    assert_eq!(Creation::script(&format!("write {} hello", number(&client))).inheriting().run(), 1);
    expect_read(&server, 10, b"hello");
}

/// 1.6: An inherited handle has the access that the parent's has.
fn a_handle_is_inherited_with_its_access() {
    let event = event(true, false);
    let poor = event.with_access(SYNCHRONIZE);
    ok!(SetHandleInformation(poor.raw(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    let script = format!("error set_event {}", number(&poor));
    assert_eq!(Creation::script(&script).inheriting().run(), ERROR_ACCESS_DENIED);
    let script = format!("wait {} 0", number(&poor));
    assert_eq!(Creation::script(&script).inheriting().run(), WAIT_TIMEOUT);
}

/// 1.6: A handle that was inherited is inheritable (?).
fn inherited_handles_are_inheritable() {
    let event = inheritable_event();
    let script = format!("flag_bits {}", number(&event));
    assert_eq!(Creation::script(&script).inheriting().run(), HANDLE_FLAG_INHERIT);
}

/// 1.6: Without bInheritHandles nothing is inherited.
fn without_inheritance_there_are_no_handles() {
    // More handles than a new process has of its own.
    let events: Vec<_> = (0..300).map(|_| inheritable_event()).collect();
    let last = events.last().unwrap();
    let script = format!("error set_event {}", number(last));
    assert_eq!(Creation::script(&script).run(), ERROR_INVALID_HANDLE);
    assert!(!is_signaled(last));
}

/// 1.6: A handle that is not inheritable is not inherited.
fn what_is_not_inheritable_is_not_inherited() {
    let events: Vec<_> = (0..300).map(|_| event(true, false)).collect();
    let last = events.last().unwrap();
    let script = format!("error set_event {}", number(last));
    assert_eq!(Creation::script(&script).inheriting().run(), ERROR_INVALID_HANDLE);
    assert!(!is_signaled(last));
}

/// 1.6: Pseudo-handles are not inherited: in the child they stand for the child.
fn pseudo_handles_are_not_inherited() {
    assert_eq!(Creation::script("own_process_id").inheriting().run(), 1);
}

/// 1.6: PROC_THREAD_ATTRIBUTE_HANDLE_LIST restricts what is inherited.
fn a_list_restricts_inheritance() {
    let events: Vec<_> = (0..300).map(|_| inheritable_event()).collect();
    let (one, other) = (&events[298], &events[299]);
    let list = [one.raw()];
    let run = |script: String| Creation { list: Some(&list), ..Creation::script(&script) }.inheriting().run();
    assert_eq!(run(format!("set_event {}", number(one))), 1);
    assert_eq!(run(format!("error set_event {}", number(other))), ERROR_INVALID_HANDLE);
    assert!(is_signaled(one) && !is_signaled(other));
}

/// 1.6: The list needs bInheritHandles, else ERROR_INVALID_PARAMETER.
fn a_list_needs_inheritance() {
    let event = inheritable_event();
    let list = [event.raw()];
    let creation = Creation { list: Some(&list), ..Creation::script("exit 0") };
    assert_eq!(creation.try_make().unwrap_err(), ERROR_INVALID_PARAMETER);
}

/// 1.6: Each handle of the list must be inheritable, else ERROR_INVALID_PARAMETER.
fn a_list_takes_inheritable_handles_only() {
    let (event, other) = (inheritable_event(), event(true, false));
    let list = [event.raw(), other.raw()];
    let creation = Creation { list: Some(&list), ..Creation::script("exit 0") }.inheriting();
    assert_eq!(creation.try_make().unwrap_err(), ERROR_INVALID_PARAMETER);
}

/// 1.5: An inherited handle keeps its object, and the name, until the child ends.
fn an_inherited_handle_keeps_its_object() {
    let name = Name::unique();
    let event = Handle::own(ok!(CreateEventW(&inheritable(), TRUE, FALSE, name.ptr())));
    let made = Creation::script(&stay()).inheriting().make();
    event.close();
    Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()))).close();
    ok!(TerminateProcess(made.process.raw(), 0));
    made.end();
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.5: When the child closes an inherited handle it no longer keeps the object.
fn an_inherited_handle_keeps_its_object_until_it_is_closed() {
    let name = Name::unique();
    let event = Handle::own(ok!(CreateEventW(&inheritable(), TRUE, FALSE, name.ptr())));
    let closed = inheritable_event();
    let script = format!("close {}, set_event {}, {}", number(&event), number(&closed), stay());
    let made = Creation::script(&script).inheriting().make();
    event.close();
    assert_eq!(wait(&closed, SOON), WAIT_OBJECT_0);
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    ok!(TerminateProcess(made.process.raw(), 0));
    made.end();
}

/// 13.3: An inherited copy of a pipe's end keeps the pipe open; it breaks when the last copy is closed.
fn an_inherited_pipe_end_stays_open() {
    let (server, client) = pair(DUPLEX, BYTE);
    ok!(SetHandleInformation(client.raw(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    let made = Creation::script(&stay()).inheriting().make();
    client.close();
    let peek = || call!(PeekNamedPipe(server.raw(), null_mut(), 0, null_mut(), null_mut(), null_mut()));
    assert_eq!(peek(), (TRUE, UNTOUCHED));
    ok!(TerminateProcess(made.process.raw(), 0));
    made.end();
    assert_eq!(peek(), (FALSE, ERROR_BROKEN_PIPE));
}

/// 1.6: CreateProcess's own attributes make the handle to the process inheritable.
fn handles_to_a_new_process_can_be_inherited() {
    let attributes = inheritable();
    let creation = Creation { process_attributes: Some(&attributes), ..Creation::script(&stay()) };
    let made = creation.make();
    let mut flags = 9;
    ok!(GetHandleInformation(made.process.raw(), &mut flags));
    assert_eq!(flags, HANDLE_FLAG_INHERIT);
    ok!(GetHandleInformation(made.thread.raw(), &mut flags));
    assert_eq!(flags, 0);
    let script = format!("terminate_other {} 11", number(&made.process));
    assert_eq!(Creation::script(&script).inheriting().run(), 1);
    assert_eq!(made.end(), 11);
}

/// 1.6: What a child has inherited its own children inherit.
fn grandchildren_inherit_too() {
    let event = inheritable_event();
    let script = format!("child set_event {}", number(&event));
    let id = Creation::script(&script).inheriting().run();
    assert_ne!(id, 0);
    assert_eq!(wait(&event, SOON), WAIT_OBJECT_0);
}
