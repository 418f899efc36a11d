//! Section 7.2: results of requests and cancelling.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    a_pending_result_is_incomplete,
    waiting_for_a_result,
    waiting_for_a_result_without_event,
    a_result_of_a_failed_request,
    ex_with_zero_looks,
    ex_times_out,
    ex_runs_apcs_only_when_it_waits,
    ex_returns_the_result,
    cancel_io_without_requests_succeeds,
    cancel_io_cancels_the_threads_requests,
    cancel_io_leaves_other_threads_requests,
    cancel_io_leaves_other_handles_requests,
    cancel_io_ex_cancels_one,
    cancel_io_ex_cancels_all,
    cancel_io_ex_reaches_other_threads_requests,
    cancel_io_ex_of_an_idle_handle_fails,
    cancel_io_ex_finds_nothing,
    cancel_io_ex_twice_finds_nothing,
    a_cancelled_request_is_aborted,
    a_cancelled_connect_leaves_the_instance_listening,
    a_cancelled_read_is_skipped,
    cancel_synchronous_io_ends_a_read,
    cancel_synchronous_io_ends_a_write_and_a_connect,
    cancel_synchronous_io_finds_nothing,
    cancel_synchronous_io_spares_overlapped_requests,
    cancel_synchronous_io_needs_terminate,
    closing_the_last_handle_ends_its_requests,
    a_duplicate_keeps_requests_alive,
    the_end_of_a_thread_cancels_its_requests,
];

fn result_of(file: &Handle, request: &mut Request, wait: bool) -> (i32, u32, u32) {
    let mut count = 0xEEEE;
    let (value, error) = call!(GetOverlappedResult(file.raw(), request.block(), &mut count, wait.into()));
    (value, error, count)
}

/// 7.2: GetOverlappedResult of a pending request without waiting fails ERROR_IO_INCOMPLETE.
fn a_pending_result_is_incomplete() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    assert_eq!(result_of(&server, &mut read, false), (FALSE, ERROR_IO_INCOMPLETE, 0xEEEE));
}

/// 7.2: With wait it waits for the event and gives the bytes.
fn waiting_for_a_result() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| result_of(&server, &mut read, true));
        assert_eq!(Request::write(&client, b"data").started.0, TRUE);
        assert_eq!(waiter.join().unwrap(), (TRUE, UNTOUCHED, 4));
    });
    assert_eq!(read.bytes(), b"data");
}

/// 7.2: Without an event it waits on the file handle.
fn waiting_for_a_result_without_event() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::without_event(&server, vec![0; 4]).start_read().pending();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| result_of(&server, &mut read, true));
        assert_eq!(Request::write(&client, b"data").started.0, TRUE);
        assert_eq!(waiter.join().unwrap(), (TRUE, UNTOUCHED, 4));
    });
}

/// 7.2: The result of a failed request is FALSE with its error, again and again.
fn a_result_of_a_failed_request() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    client.close();
    for _ in 0..2 {
        assert_eq!(result_of(&server, &mut read, true), (FALSE, ERROR_BROKEN_PIPE, 0));
    }
}

fn result_ex(file: &Handle, request: &mut Request, milliseconds: u32, alertable: bool) -> (i32, u32) {
    let mut count = 0;
    call!(GetOverlappedResultEx(file.raw(), request.block(), &mut count, milliseconds, alertable.into()))
}

unsafe extern "system" fn nothing(_: usize) {}

/// 7.2: GetOverlappedResultEx with 0 ms of a pending request fails ERROR_IO_INCOMPLETE.
fn ex_with_zero_looks() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    assert_eq!(result_ex(&server, &mut read, 0, false), (FALSE, ERROR_IO_INCOMPLETE));
}

/// 7.2: When its time is over it fails WAIT_TIMEOUT.
fn ex_times_out() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    assert_eq!(result_ex(&server, &mut read, 2, false), (FALSE, WAIT_TIMEOUT));
    assert_eq!(result_ex(&server, &mut read, 2, true), (FALSE, WAIT_TIMEOUT));
}

/// 7.2: With 0 ms no APC runs even if alertable; a wait that an APC ends fails WAIT_IO_COMPLETION.
fn ex_runs_apcs_only_when_it_waits() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    assert_eq!(call!(QueueUserAPC(Some(nothing), this_thread(), 0)).0, 1);
    assert_eq!(result_ex(&server, &mut read, 0, true), (FALSE, ERROR_IO_INCOMPLETE));
    assert_eq!(result_ex(&server, &mut read, 1, false), (FALSE, WAIT_TIMEOUT));
    assert_eq!(result_ex(&server, &mut read, SOON, true), (FALSE, WAIT_IO_COMPLETION));
    assert_eq!(call!(SleepEx(0, TRUE)).0, 0);
}

/// 7.2: Of a complete request it gives the result, also with 0 ms.
fn ex_returns_the_result() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let mut read = Request::read(&server, 2).pending();
    assert_eq!(Request::write(&client, b"long").started.0, TRUE);
    assert_eq!(result_ex(&server, &mut read, SOON, false), (FALSE, ERROR_MORE_DATA));
    assert_eq!(result_ex(&server, &mut read, 0, true), (FALSE, ERROR_MORE_DATA));
}

/// 7.2: CancelIo is TRUE also when there is nothing to cancel.
fn cancel_io_without_requests_succeeds() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    quiet!(CancelIo(server.raw()));
}

/// 7.2: CancelIo cancels the calling thread's requests on the handle.
fn cancel_io_cancels_the_threads_requests() {
    let (server, _client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let read = Request::read(&server, 4).pending();
    let write = Request::write(&server, b"longer").pending();
    quiet!(CancelIo(server.raw()));
    read.finish_fails(ERROR_OPERATION_ABORTED);
    write.finish_fails(ERROR_OPERATION_ABORTED);
}

/// 7.2: CancelIo leaves the requests of other threads.
fn cancel_io_leaves_other_threads_requests() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 4).pending();
    on_thread(|| ok!(CancelIo(server.raw())));
    assert!(read.is_pending());
    assert_eq!(Request::write(&client, b"data").started.0, TRUE);
    assert_eq!(read.finish_read(), b"data");
}

/// 7.2: CancelIo leaves requests on other files.
fn cancel_io_leaves_other_handles_requests() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let (ours, theirs) = (Request::read(&server, 4).pending(), Request::read(&client, 4).pending());
    ok!(CancelIo(server.raw()));
    ours.finish_fails(ERROR_OPERATION_ABORTED);
    assert!(theirs.is_pending());
}

/// 7.2: CancelIoEx with an OVERLAPPED cancels that request only.
fn cancel_io_ex_cancels_one() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut reads = [(); 3].map(|()| Request::read(&server, 4).pending());
    quiet!(CancelIoEx(server.raw(), reads[1].block()));
    reads[1].finish_fails(ERROR_OPERATION_ABORTED);
    assert!(reads[0].is_pending() && reads[2].is_pending());
    assert_eq!(Request::write(&client, b"datamore").started.0, TRUE);
    assert_eq!((reads[0].finish_read(), reads[2].finish_read()), (&b"data"[..], &b"more"[..]));
}

/// 7.2: CancelIoEx with NULL cancels all requests on the handle.
fn cancel_io_ex_cancels_all() {
    let (server, _client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let reads = [(); 3].map(|()| Request::read(&server, 4).pending());
    let write = Request::write(&server, b"longer").pending();
    quiet!(CancelIoEx(server.raw(), null()));
    for request in reads.iter().chain([&write]) {
        request.finish_fails(ERROR_OPERATION_ABORTED);
    }
}

/// 7.2: CancelIoEx reaches requests of any thread of the process, also through a duplicate of the handle.
fn cancel_io_ex_reaches_other_threads_requests() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = Request::read(&server, 4).pending();
    on_thread(|| ok!(CancelIoEx(server.raw(), null())));
    read.finish_fails(ERROR_OPERATION_ABORTED);
}

/// 7.2: CancelIoEx with NULL on a handle without requests fails ERROR_NOT_FOUND.
fn cancel_io_ex_of_an_idle_handle_fails() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    fails!(CancelIoEx(server.raw(), null()), ERROR_NOT_FOUND);
}

/// 7.2: CancelIoEx that does not find the request fails ERROR_NOT_FOUND.
fn cancel_io_ex_finds_nothing() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    let mut other = Request::new(&server, Vec::new());
    fails!(CancelIoEx(server.raw(), other.block()), ERROR_NOT_FOUND);
    fails!(CancelIoEx(client.raw(), read.block()), ERROR_NOT_FOUND);
    assert!(read.is_pending());
    assert_eq!(Request::write(&client, b"data").started.0, TRUE);
    assert_eq!(read.finish_read(), b"data");
    fails!(CancelIoEx(server.raw(), read.block()), ERROR_NOT_FOUND);
}

/// 7.2: A request that is already cancelled is not found.
fn cancel_io_ex_twice_finds_nothing() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    ok!(CancelIoEx(server.raw(), read.block()));
    read.finish_fails(ERROR_OPERATION_ABORTED);
    fails!(CancelIoEx(server.raw(), read.block()), ERROR_NOT_FOUND);
}

/// 7.2: A cancelled request completes with ERROR_OPERATION_ABORTED and 0 bytes, the event set.
fn a_cancelled_request_is_aborted() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Request::read(&server, 4).pending();
    ok!(CancelIoEx(server.raw(), read.block()));
    assert_eq!(wait(&read.event, SOON), WAIT_OBJECT_0);
    assert_eq!(read.status(), (0xC000_0120, 0));
    assert_eq!(read.bytes(), [0xEE; 4]);
}

/// 7.2: After a cancelled ConnectNamedPipe the instance listens as before.
fn a_cancelled_connect_leaves_the_instance_listening() {
    let name = pipe_name();
    let server = server(&name, OVERLAPPED_DUPLEX, BYTE);
    let mut connect = Request::connect(&server).pending();
    ok!(CancelIoEx(server.raw(), connect.block()));
    connect.finish_fails(ERROR_OPERATION_ABORTED);
    let _client = client(&name, READ_WRITE, 0);
    assert_eq!(Request::connect(&server).started.1, ERROR_PIPE_CONNECTED);
}

/// 7.2: A cancelled read takes nothing: what is written later goes to the next read.
fn a_cancelled_read_is_skipped() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let mut first = Request::read(&server, 9).pending();
    let second = Request::read(&server, 9).pending();
    ok!(CancelIoEx(server.raw(), first.block()));
    assert_eq!(Request::write(&client, b"data").started.0, TRUE);
    assert_eq!(second.finish_read(), b"data");
    first.finish_fails(ERROR_OPERATION_ABORTED);
}

/// Runs a blocking call on a thread of its own and cancels it as soon as there is something to cancel.
fn cancelled(call: impl FnOnce() -> (i32, u32) + Send) -> (i32, u32) {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| {
            sender.send(thread_handle()).unwrap();
            call()
        });
        let thread = receiver.recv().unwrap();
        until("there is a call to cancel", || {
            let (value, error) = call!(CancelSynchronousIo(thread.raw()));
            let expected = if value == TRUE { UNTOUCHED } else { ERROR_NOT_FOUND };
            assert_eq!(error, expected);
            value == TRUE
        });
        blocked.join().unwrap()
    })
}

/// 7.2: CancelSynchronousIo ends a blocking read with ERROR_OPERATION_ABORTED, and leaves the last error alone.
fn cancel_synchronous_io_ends_a_read() {
    let (server, client) = pair(DUPLEX, BYTE);
    let outcome = cancelled(|| {
        let (value, error, bytes) = read(&server, 4);
        assert!(bytes.is_empty());
        (value, error)
    });
    assert_eq!(outcome, (FALSE, ERROR_OPERATION_ABORTED));
    expect_write(&client, b"data");
    expect_read(&server, 4, b"data");
}

/// 7.2: CancelSynchronousIo ends a blocking write and a blocking connect.
fn cancel_synchronous_io_ends_a_write_and_a_connect() {
    let (writer, client) = pair_with(DUPLEX, BYTE, 4, 4);
    let outcome = cancelled(|| {
        let (value, error, _) = write(&writer, b"longer than four");
        (value, error)
    });
    assert_eq!((outcome, unread(&client).0), ((FALSE, ERROR_OPERATION_ABORTED), 0));
    let listener = server(&pipe_name(), DUPLEX, BYTE);
    let outcome = cancelled(|| call!(ConnectNamedPipe(listener.raw(), null_mut())));
    assert_eq!(outcome, (FALSE, ERROR_OPERATION_ABORTED));
}

/// 7.2: CancelSynchronousIo with nothing to cancel fails ERROR_NOT_FOUND.
fn cancel_synchronous_io_finds_nothing() {
    let thread = thread_handle();
    fails!(CancelSynchronousIo(thread.raw()), ERROR_NOT_FOUND);
}

/// 7.2: Overlapped requests are nothing to cancel for CancelSynchronousIo.
fn cancel_synchronous_io_spares_overlapped_requests() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let (read, thread) = (Request::read(&server, 4).pending(), thread_handle());
    fails!(CancelSynchronousIo(thread.raw()), ERROR_NOT_FOUND);
    assert!(read.is_pending());
}

/// 7.2: CancelSynchronousIo needs THREAD_TERMINATE; another kind of handle fails ERROR_INVALID_HANDLE.
fn cancel_synchronous_io_needs_terminate() {
    let (thread, event) = (thread_handle(), event(true, false));
    let poor = thread.with_access(THREAD_ALL_ACCESS & !THREAD_TERMINATE);
    fails!(CancelSynchronousIo(poor.raw()), ERROR_ACCESS_DENIED);
    fails!(CancelSynchronousIo(event.raw()), ERROR_INVALID_HANDLE);
}

/// 7.2: Closing the last handle to a file object completes its pending requests with an error, events set.
fn closing_the_last_handle_ends_its_requests() {
    let (server, _client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 4, 4);
    let read = Request::read(&server, 4).pending();
    let write = Request::write(&server, b"longer").pending();
    server.close();
    for request in [&read, &write] {
        assert_eq!(wait(&request.event, SOON), WAIT_OBJECT_0);
        assert_ne!(request.status().0, 0);
        assert_eq!(request.result().0, FALSE);
    }
}

/// 7.2: While a duplicate is open, pending requests go on.
fn a_duplicate_keeps_requests_alive() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let _copy = server.duplicate();
    let read = Request::read(&server, 4).pending();
    server.close();
    assert_eq!(Request::write(&client, b"data").started.0, TRUE);
    assert_eq!(read.finish_read(), b"data");
}

/// 7.2: The end of a thread cancels its pending requests (?).
fn the_end_of_a_thread_cancels_its_requests() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let read = on_thread(|| Request::read(&server, 4).pending());
    read.finish_fails(ERROR_OPERATION_ABORTED);
}
