//! Section 1.6, of anonymous pipes: their ends in other processes.

use crate::support::anonymous_pipe::*;
use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    the_write_end_reaches_another_process,
    the_read_end_reaches_another_process,
    an_end_comes_from_another_process,
    an_end_goes_from_one_other_process_to_another,
    a_handle_closed_in_another_process_is_the_end,
    a_killed_process_writes_no_more;
    alone:
    a_handle_outlives_the_process_that_gave_it,
];

/// A handle of this process to what a handle of another names.
fn duplicate_from(process: &Handle, handle: i64, options: u32) -> Handle {
    let mut copy = null_mut();
    let options = options | DUPLICATE_SAME_ACCESS;
    ok!(DuplicateHandle(
        process.raw(),
        handle as isize as HANDLE,
        this_process(),
        &mut copy,
        0,
        FALSE,
        options
    ));
    Handle::own(copy)
}

/// 1.6: DuplicateHandle gives another process the end to write to.
fn the_write_end_reaches_another_process() {
    let (reader, writer) = create(0);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let theirs = duplicate_into(&writer, &process);
    child.ok(&format!("write {theirs} hello"));
    expect_read(&reader, 99, b"hello");
    child.ok(&format!("close {theirs}"));
    expect_write(&writer, b"mine stays");
    expect_read(&reader, 99, b"mine stays");
}

/// 1.6: DuplicateHandle gives another process the end to read from.
fn the_read_end_reaches_another_process() {
    let (reader, writer) = create(0);
    expect_write(&writer, b"before");
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let theirs = duplicate_into(&reader, &process);
    reader.close();
    assert_eq!(child.ok(&format!("read {theirs} 9")), b"before");
    expect_write(&writer, b"after");
    assert_eq!(child.ok(&format!("read {theirs} 9")), b"after");
    child.ok(&format!("close {theirs}"));
    write_fails(&writer, ERROR_NO_DATA);
}

/// 1.6: DuplicateHandle takes an end from another process that does nothing for it, and closes its handle if asked to.
fn an_end_comes_from_another_process() {
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let (read, write) = child.anonymous_pipe();
    let reader = duplicate_from(&process, read, 0);
    child.ok(&format!("write {write} theirs"));
    expect_read(&reader, 99, b"theirs");
    let writer = duplicate_from(&process, write, DUPLICATE_CLOSE_SOURCE);
    expect_write(&writer, b"ours");
    expect_read(&reader, 99, b"ours");
    writer.close();
    read_fails(&reader, ERROR_BROKEN_PIPE);
}

/// 1.6: DuplicateHandle copies an end from one other process to another.
fn an_end_goes_from_one_other_process_to_another() {
    let (mut giver, mut taker) = (Child::start(), Child::start());
    let (from, to) = (giver.open(PROCESS_DUP_HANDLE), taker.open(PROCESS_DUP_HANDLE));
    let (read, write) = giver.anonymous_pipe();
    let mut theirs = null_mut();
    ok!(DuplicateHandle(
        from.raw(),
        write as isize as HANDLE,
        to.raw(),
        &mut theirs,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    taker.ok(&format!("write {} hello", theirs as isize));
    assert_eq!(giver.ok(&format!("read {read} 9")), b"hello");
}

/// 1.6: A handle that is closed in another process by DUPLICATE_CLOSE_SOURCE holds the pipe no more.
fn a_handle_closed_in_another_process_is_the_end() {
    let (reader, writer) = create(0);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let theirs = duplicate_into(&writer, &process);
    writer.close();
    duplicate_from(&process, theirs as i64, DUPLICATE_CLOSE_SOURCE).close();
    read_fails(&reader, ERROR_BROKEN_PIPE);
}

/// 5.13: A process that is killed has closed its ends.
fn a_killed_process_writes_no_more() {
    let (reader, writer) = create(0);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let theirs = duplicate_into(&writer, &process);
    writer.close();
    child.ok(&format!("write {theirs} last"));
    child.kill();
    expect_read(&reader, 99, b"last");
    read_fails(&reader, ERROR_BROKEN_PIPE);
}

/// 1.6: A duplicate in a process that does nothing works after the end of the process that made it.
fn a_handle_outlives_the_process_that_gave_it() {
    drop(event(false, false)); // Natively a process is one only from its first use of an object on.
    let mut child = Child::start();
    let (read, _) = child.anonymous_pipe();
    let mut giver = Child::start();
    giver.ask("pid");
    let (_, write) = giver.anonymous_pipe();
    let theirs = giver.ask(&format!("duplicate {} {write}", child.id())).value;
    assert!(theirs > 0);
    let ours = giver.ask(&format!("duplicate {} {write}", std::process::id())).value;
    giver.kill();
    let writer = Handle::own(ours as isize as HANDLE);
    // Its reader went with the giver.
    write_fails(&writer, ERROR_NO_DATA);
    let answer = child.ask(&format!("write {theirs} x"));
    assert_eq!((answer.value, answer.error), (0, ERROR_NO_DATA));
    child.ok(&format!("close {read}"));
}
