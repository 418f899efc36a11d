//! Section 4: anonymous pipes, and what of section 1.6 is about their descriptors.

use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

tests![
    info_tells_the_size_that_was_asked_for,
    a_size_of_0_is_4096,
    the_read_handle_is_the_servers_end,
    the_read_handle_has_its_rights,
    the_write_handle_has_its_rights,
    both_handles_are_inheritable_as_asked,
    it_is_a_file_of_type_pipe,
    a_read_returns_what_there_is,
    a_read_waits_for_the_first_byte,
    a_read_of_nothing_waits_and_takes_nothing,
    a_read_with_a_structure_completes_before_it_returns,
    an_open_but_idle_writer_blocks_the_reader,
    what_is_buffered_is_read_after_the_last_writer_closed,
    every_copy_of_the_write_end_counts,
    writing_without_a_reader_fails,
    a_blocked_write_fails_when_the_reader_closes,
    a_write_of_the_size_and_24_bytes_never_waits,
    a_full_pipe_blocks_the_writer,
    a_write_of_nothing_has_no_effect,
    the_wrong_direction_is_denied,
    blocking_reads_run_no_calls,
    peek_counts_and_copies,
    peek_tells_the_end,
    the_modes_are_those_of_a_byte_pipe,
    an_end_that_does_not_wait,
    flush_waits_for_the_reader,
    a_second_read_waits_for_the_first,
    a_blocked_read_can_be_cancelled_by_its_thread,
    a_blocked_read_can_be_cancelled_by_its_handle,
    a_blocked_write_can_be_cancelled,
    a_new_end_is_signaled,
    the_write_end_reaches_another_process,
    the_read_end_reaches_another_process,
    an_end_comes_from_another_process,
    an_end_goes_from_one_other_process_to_another,
    a_handle_closed_in_another_process_is_the_end,
    a_killed_process_writes_no_more,
    duplicates_share_the_modes;
    alone:
    a_handle_outlives_the_process_that_gave_it,
];

/// The read end and the write end of a new pipe.
fn create(size: u32) -> (Handle, Handle) {
    create_with(null(), size)
}

fn create_with(attributes: *const SECURITY_ATTRIBUTES, size: u32) -> (Handle, Handle) {
    let (mut read, mut write) = (null_mut(), null_mut());
    ok!(CreatePipe(&mut read, &mut write, attributes, size));
    (Handle::own(read), Handle::own(write))
}

/// GetNamedPipeInfo: flags, both sizes, instances.
fn info(pipe: &Handle) -> (u32, u32, u32, u32) {
    let (mut flags, mut out, mut into, mut instances) = (9, 9, 9, 9);
    ok!(GetNamedPipeInfo(pipe.raw(), &mut flags, &mut out, &mut into, &mut instances));
    (flags, out, into, instances)
}

/// 4: GetNamedPipeInfo tells a byte pipe of one instance whose two sizes are the one asked for.
fn info_tells_the_size_that_was_asked_for() {
    for size in [1, 1000, 4096, 70_000] {
        let (read, write) = create(size);
        assert_eq!(info(&read), (PIPE_SERVER_END | PIPE_TYPE_BYTE, size, size, 1));
        assert_eq!(info(&write), (PIPE_CLIENT_END | PIPE_TYPE_BYTE, size, size, 1));
    }
}

/// 4: Where no size is asked for it is 4096.
fn a_size_of_0_is_4096() {
    let (read, write) = create(0);
    assert_eq!((info(&read).1, info(&write).2), (4096, 4096));
}

/// 4: The handle to read from is the server's end, the one to write to the client's.
fn the_read_handle_is_the_servers_end() {
    let (read, write) = create(0);
    assert_eq!((info(&read).0 & 1, info(&write).0 & 1), (PIPE_SERVER_END, PIPE_CLIENT_END));
}

/// A duplicate can have all of `rights` and of the others none.
fn has_exactly(handle: &Handle, rights: u32) {
    handle.with_access(rights).close();
    for bit in (0..9).map(|bit| 1 << bit).filter(|bit| rights & bit == 0) {
        let mut copy = null_mut();
        let source = handle.raw();
        fails!(
            DuplicateHandle(this_process(), source, this_process(), &mut copy, bit, FALSE, 0),
            ERROR_ACCESS_DENIED
        );
    }
}

/// 4: The read handle has the access 0x120189.
fn the_read_handle_has_its_rights() {
    has_exactly(&create(0).0, 0x12_0189);
}

/// 4: The write handle has the access 0x120196.
fn the_write_handle_has_its_rights() {
    has_exactly(&create(0).1, 0x12_0196);
}

/// 4: Both handles are inheritable as SECURITY_ATTRIBUTES says, and without it are not.
fn both_handles_are_inheritable_as_asked() {
    let flags = |handle: &Handle| {
        let mut flags = 9;
        ok!(GetHandleInformation(handle.raw(), &mut flags));
        flags
    };
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        bInheritHandle: TRUE,
        ..Default::default()
    };
    let (read, write) = create_with(&attributes, 0);
    assert_eq!((flags(&read), flags(&write)), (HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    attributes.bInheritHandle = FALSE;
    for (read, write) in [create_with(&attributes, 0), create(0)] {
        assert_eq!((flags(&read), flags(&write)), (0, 0));
    }
}

/// 5.11: GetFileType of an end is FILE_TYPE_PIPE.
fn it_is_a_file_of_type_pipe() {
    let (read, write) = create(0);
    assert_eq!((quiet!(GetFileType(read.raw())), quiet!(GetFileType(write.raw()))), (3, 3));
}

/// 4: A read returns what there is, up to what was asked for, and does not wait to fill the buffer.
fn a_read_returns_what_there_is() {
    let (reader, writer) = create(0);
    expect_write(&writer, b"one");
    expect_write(&writer, b"two");
    expect_read(&reader, 2, b"on");
    expect_read(&reader, 100, b"etwo");
}

/// 4: A read of an empty pipe waits until at least one byte is there.
fn a_read_waits_for_the_first_byte() {
    let (reader, writer) = create(0);
    std::thread::scope(|scope| {
        let read = scope.spawn(|| read(&reader, 100));
        patience(20);
        assert!(!read.is_finished());
        expect_write(&writer, b"x");
        let (value, _, bytes) = read.join().unwrap();
        assert_eq!((value, bytes.as_slice()), (TRUE, &b"x"[..]));
    });
}

/// 5.5: A read of size 0 waits until something is there, then succeeds and leaves it.
fn a_read_of_nothing_waits_and_takes_nothing() {
    let (reader, writer) = create(0);
    std::thread::scope(|scope| {
        let read = scope.spawn(|| read(&reader, 0));
        patience(20);
        assert!(!read.is_finished());
        expect_write(&writer, b"data");
        assert_eq!(read.join().unwrap().0, TRUE);
    });
    expect_read(&reader, 0, b"");
    expect_read(&reader, 9, b"data");
}

/// 4: There is no overlapped I/O: a read with an OVERLAPPED completes before it returns.
fn a_read_with_a_structure_completes_before_it_returns() {
    let (reader, writer) = create(0);
    std::thread::scope(|scope| {
        let read = scope.spawn(|| Request::read(&reader, 9));
        patience(20);
        assert!(!read.is_finished());
        expect_write(&writer, b"data");
        let request = read.join().unwrap();
        assert_eq!((request.started.0, request.started.2), (TRUE, 4));
        assert_eq!(request.status(), (0, 4));
        assert!(is_signaled(&request.event));
        assert_eq!(&request.bytes()[..4], b"data");
    });
}

/// 4: A writer that is open and writes nothing blocks the reader, also in another process.
fn an_open_but_idle_writer_blocks_the_reader() {
    let (reader, writer) = create(0);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let theirs = duplicate_into(&writer, &process);
    writer.close();
    std::thread::scope(|scope| {
        let read = scope.spawn(|| read(&reader, 100));
        patience(20);
        assert!(!read.is_finished());
        child.ok(&format!("close {theirs}"));
        assert_eq!(read.join().unwrap(), (FALSE, ERROR_BROKEN_PIPE, Vec::new()));
    });
}

/// 4: What is buffered can be read when all write handles are closed; then a read fails ERROR_BROKEN_PIPE.
fn what_is_buffered_is_read_after_the_last_writer_closed() {
    let (reader, writer) = create(0);
    expect_write(&writer, b"rest");
    writer.close();
    expect_read(&reader, 3, b"res");
    expect_read(&reader, 3, b"t");
    read_fails(&reader, ERROR_BROKEN_PIPE);
    read_fails(&reader, ERROR_BROKEN_PIPE);
}

/// 13.3: The end of the file depends on every copy of the write end.
fn every_copy_of_the_write_end_counts() {
    let (reader, writer) = create(0);
    let copy = writer.duplicate();
    writer.close();
    expect_write(&copy, b"still here");
    expect_read(&reader, 99, b"still here");
    copy.close();
    read_fails(&reader, ERROR_BROKEN_PIPE);
}

/// 4: A write fails ERROR_NO_DATA when the read end is closed, and the process lives on.
fn writing_without_a_reader_fails() {
    let (reader, writer) = create(0);
    expect_write(&writer, b"unread");
    reader.close();
    write_fails(&writer, ERROR_NO_DATA);
    write_fails(&writer, ERROR_NO_DATA);
}

/// 4: A write that waits fails ERROR_BROKEN_PIPE when the read end is closed.
fn a_blocked_write_fails_when_the_reader_closes() {
    let (reader, writer) = create(4096);
    std::thread::scope(|scope| {
        let write = scope.spawn(|| write(&writer, &vec![7; 1 << 20]));
        until("the write has begun", || unread(&reader).0 != 0);
        patience(20);
        assert!(!write.is_finished());
        reader.close();
        let (value, error, _) = write.join().unwrap();
        assert_eq!((value, error), (FALSE, ERROR_BROKEN_PIPE));
    });
}

/// 4: As many bytes as the size and 24 more are written without waiting.
fn a_write_of_the_size_and_24_bytes_never_waits() {
    for size in [0, 1, 100, 4096, 10_000] {
        let (reader, writer) = create(size);
        let length = if size == 0 { 4096 } else { size } as usize + 24;
        expect_write(&writer, &vec![1; length]);
        assert_eq!(unread(&reader).0 as usize, length);
    }
}

/// 4: A write waits until all its bytes are accepted, also for a reader in another process.
fn a_full_pipe_blocks_the_writer() {
    const LENGTH: usize = 300_000;
    let (reader, writer) = create(4096);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let theirs = duplicate_into(&reader, &process);
    std::thread::scope(|scope| {
        let write = scope.spawn(|| write(&writer, &vec![7; LENGTH]));
        until("the pipe is full", || unread(&reader).0 != 0);
        patience(20);
        assert!(!write.is_finished());
        let mut left = LENGTH;
        while left != 0 {
            left -= child.ok(&format!("read {theirs} 65536")).len();
        }
        let (value, _, count) = write.join().unwrap();
        assert_eq!((value, count as usize), (TRUE, LENGTH));
    });
}

/// 4: A write of 0 bytes is TRUE and has no effect on the reader.
fn a_write_of_nothing_has_no_effect() {
    let (reader, writer) = create(0);
    std::thread::scope(|scope| {
        let read = scope.spawn(|| read(&reader, 100));
        patience(20);
        expect_write(&writer, b"");
        patience(20);
        assert!(!read.is_finished());
        expect_write(&writer, b"x");
        assert_eq!(read.join().unwrap().2, b"x");
    });
    expect_write(&writer, b"");
    assert_eq!(unread(&reader).0, 0);
}

/// 4: ReadFile and PeekNamedPipe on the write end and WriteFile on the read end fail ERROR_ACCESS_DENIED.
fn the_wrong_direction_is_denied() {
    let (reader, writer) = create(0);
    read_fails(&writer, ERROR_ACCESS_DENIED);
    write_fails(&reader, ERROR_ACCESS_DENIED);
    peek_fails(&writer, ERROR_ACCESS_DENIED);
}

static CALLS: AtomicU32 = AtomicU32::new(0);

unsafe extern "system" fn count_call(_: usize) {
    CALLS.fetch_add(1, Ordering::SeqCst);
}

/// 4: Reads that wait do not run APCs.
fn blocking_reads_run_no_calls() {
    let (reader, writer) = create(0);
    let is_ready = AtomicBool::new(false);
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let read = scope.spawn(|| {
            send.send(thread_handle()).unwrap();
            is_ready.store(true, Ordering::SeqCst);
            let read = read(&reader, 100);
            (read.2, CALLS.load(Ordering::SeqCst), call!(SleepEx(0, TRUE)).0)
        });
        let thread = receive.recv().unwrap();
        until("the reader is about to read", || is_ready.load(Ordering::SeqCst));
        patience(20);
        ok!(QueueUserAPC(Some(count_call), thread.raw(), 0));
        patience(20);
        assert!(!read.is_finished());
        expect_write(&writer, b"x");
        assert_eq!(read.join().unwrap(), (b"x".to_vec(), 0, WAIT_IO_COMPLETION));
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    });
}

/// 4: PeekNamedPipe on the read end counts what is unread and copies it without taking it.
fn peek_counts_and_copies() {
    let (reader, writer) = create(0);
    assert_eq!(unread(&reader), (0, 0));
    expect_write(&writer, b"abc");
    expect_write(&writer, b"defg");
    let mut buffer = [0xEE_u8; 5];
    let (mut count, mut available, mut left) = (7, 8, 9);
    ok!(PeekNamedPipe(reader.raw(), buffer.as_mut_ptr().cast(), 5, &mut count, &mut available, &mut left));
    assert_eq!((&buffer, count, available), (b"abcde", 5, 7));
    assert_eq!(left, 5_u32.wrapping_neg());
    let mut buffer = [0xEE_u8; 9];
    ok!(PeekNamedPipe(reader.raw(), buffer.as_mut_ptr().cast(), 9, &mut count, &mut available, null_mut()));
    assert_eq!((&buffer[..], count, available), (&b"abcdefg\xEE\xEE"[..], 7, 7));
    expect_read(&reader, 9, b"abcdefg");
}

/// 5.3: PeekNamedPipe works while there is something left, and then fails ERROR_BROKEN_PIPE.
fn peek_tells_the_end() {
    let (reader, writer) = create(0);
    expect_write(&writer, b"rest");
    writer.close();
    assert_eq!(unread(&reader).0, 4);
    expect_read(&reader, 9, b"rest");
    peek_fails(&reader, ERROR_BROKEN_PIPE);
}

/// GetNamedPipeHandleState: modes and instances.
fn state(pipe: &Handle) -> (u32, u32) {
    let (mut state, mut instances) = (9, 9);
    ok!(GetNamedPipeHandleStateW(
        pipe.raw(),
        &mut state,
        &mut instances,
        null_mut(),
        null_mut(),
        null_mut(),
        0
    ));
    (state, instances)
}

/// 4: Get- and SetNamedPipeHandleState work on either end; reading messages fails ERROR_INVALID_PARAMETER.
fn the_modes_are_those_of_a_byte_pipe() {
    let (read, write) = create(0);
    for end in [&read, &write] {
        assert_eq!(state(end), (PIPE_WAIT | PIPE_READMODE_BYTE, 1));
        fails!(
            SetNamedPipeHandleState(end.raw(), &PIPE_READMODE_MESSAGE, null(), null()),
            ERROR_INVALID_PARAMETER
        );
        set_mode(end, PIPE_NOWAIT);
        assert_eq!(state(end), (PIPE_NOWAIT, 1));
        set_mode(end, PIPE_WAIT);
        assert_eq!(state(end), (PIPE_WAIT, 1));
    }
}

/// 5.4: An end with PIPE_NOWAIT: reading an empty pipe fails ERROR_NO_DATA, writing to a full one is TRUE with 0 bytes.
fn an_end_that_does_not_wait() {
    let (reader, writer) = create(4096);
    set_mode(&reader, PIPE_NOWAIT);
    set_mode(&writer, PIPE_NOWAIT);
    read_fails(&reader, ERROR_NO_DATA);
    let mut written = 0;
    loop {
        let (value, _, count) = write(&writer, &[3; 1024]);
        assert_eq!(value, TRUE);
        if count == 0 {
            break;
        }
        written += count;
    }
    assert!(written >= 4096, "{written}");
    assert_eq!(unread(&reader).0, written);
    expect_read(&reader, 9, &[3; 9]);
}

/// 5.8: FlushFileBuffers on the write end returns when everything has been read.
fn flush_waits_for_the_reader() {
    let (reader, writer) = create(0);
    ok!(FlushFileBuffers(writer.raw()));
    expect_write(&writer, b"data");
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| call!(FlushFileBuffers(writer.raw())));
        patience(20);
        assert!(!flush.is_finished());
        expect_read(&reader, 9, b"data");
        assert_eq!(flush.join().unwrap().0, TRUE);
    });
}

/// 7.1: Calls on one synchronous file go one after the other: a second read waits for the first.
fn a_second_read_waits_for_the_first() {
    let (reader, writer) = create(0);
    std::thread::scope(|scope| {
        let reads = [scope.spawn(|| read(&reader, 1)), scope.spawn(|| read(&reader, 1))];
        patience(20);
        assert!(reads.iter().all(|read| !read.is_finished()));
        expect_write(&writer, b"ab");
        let mut bytes: Vec<u8> = reads.into_iter().flat_map(|read| read.join().unwrap().2).collect();
        bytes.sort();
        assert_eq!(bytes, b"ab");
    });
}

/// Runs a call that blocks in a thread, and cancels it when it can be.
fn cancelled(blocked: impl FnOnce() -> (i32, u32) + Send, cancel: impl Fn(&Handle) -> (i32, u32)) {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let blocked = scope.spawn(move || {
            send.send(thread_handle()).unwrap();
            blocked()
        });
        let thread = receive.recv().unwrap();
        until("there is something to cancel", || {
            match cancel(&thread) {
                (TRUE, UNTOUCHED) | (FALSE, ERROR_NOT_FOUND) => {}
                other => panic!("{other:?}"),
            }
            blocked.is_finished()
        });
        assert_eq!(blocked.join().unwrap(), (FALSE, ERROR_OPERATION_ABORTED));
    });
}

/// 7.2: CancelSynchronousIo cancels a read that waits, which fails ERROR_OPERATION_ABORTED; the pipe goes on.
fn a_blocked_read_can_be_cancelled_by_its_thread() {
    let (reader, writer) = create(0);
    let blocked = || {
        let (value, error, _) = read(&reader, 9);
        (value, error)
    };
    cancelled(blocked, |thread| call!(CancelSynchronousIo(thread.raw())));
    expect_write(&writer, b"data");
    expect_read(&reader, 9, b"data");
}

/// 7.2: CancelIoEx from another thread cancels a read that waits.
fn a_blocked_read_can_be_cancelled_by_its_handle() {
    let (reader, writer) = create(0);
    let blocked = || {
        let (value, error, _) = read(&reader, 9);
        (value, error)
    };
    cancelled(blocked, |_| call!(CancelIoEx(reader.raw(), null())));
    expect_write(&writer, b"data");
    expect_read(&reader, 9, b"data");
}

/// 7.2: CancelSynchronousIo cancels a write that waits.
fn a_blocked_write_can_be_cancelled() {
    let (_reader, writer) = create(4096);
    let blocked = || {
        let (value, error, _) = write(&writer, &vec![7; 1 << 20]);
        (value, error)
    };
    cancelled(blocked, |thread| call!(CancelSynchronousIo(thread.raw())));
}

/// 2.5: An end is signaled right after creation, and not while a read waits.
fn a_new_end_is_signaled() {
    let (reader, writer) = create(0);
    assert!(is_signaled(&reader) && is_signaled(&writer));
    std::thread::scope(|scope| {
        let read = scope.spawn(|| read(&reader, 9));
        until("the read waits", || !is_signaled(&reader));
        expect_write(&writer, b"x");
        read.join().unwrap();
    });
    assert!(is_signaled(&reader));
}

/// A handle of another process to the same object, with the same access.
fn duplicate_into(handle: &Handle, process: &Handle) -> isize {
    let mut copy = null_mut();
    ok!(DuplicateHandle(
        this_process(),
        handle.raw(),
        process.raw(),
        &mut copy,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    copy as isize
}

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

/// 1.6: Duplicates share the modes of the end.
fn duplicates_share_the_modes() {
    let (reader, _writer) = create(0);
    let copy = reader.duplicate();
    set_mode(&copy, PIPE_NOWAIT);
    assert_eq!(state(&reader).0, PIPE_NOWAIT);
    read_fails(&reader, ERROR_NO_DATA);
    ok!(CompareObjectHandles(reader.raw(), copy.raw()));
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
