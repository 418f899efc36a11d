//! Section 4: what goes through anonymous pipes: reading, writing, peeking, waiting for each other.

use crate::support::anonymous_pipe::*;
use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

tests![
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
    blocking_reads_run_no_calls,
    peek_counts_and_copies,
    peek_tells_the_end,
    an_end_that_does_not_wait,
    flush_waits_for_the_reader,
    a_second_read_waits_for_the_first,
    a_blocked_read_can_be_cancelled_by_its_thread,
    a_blocked_read_can_be_cancelled_by_its_handle,
    a_blocked_write_can_be_cancelled,
];

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
