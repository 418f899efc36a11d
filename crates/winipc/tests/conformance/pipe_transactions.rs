//! Sections 5.9 and 5.10: TransactNamedPipe, CallNamedPipe, WaitNamedPipe.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    transact_writes_and_reads,
    transact_needs_message_read_mode,
    transact_needs_a_duplex_pipe,
    transact_with_unread_data_fails,
    a_reply_longer_than_the_buffer,
    empty_requests_and_replies,
    the_request_does_not_wait_for_quota,
    cancelling_keeps_the_request,
    a_reply_may_be_a_transaction,
    a_broken_pipe_ends_a_transaction,
    sixty_four_kibibytes_pass,
    call_opens_transacts_and_closes,
    call_with_too_long_a_reply,
    call_of_a_byte_pipe_fails,
    call_of_an_absent_pipe_fails,
    call_of_a_busy_pipe_fails,
    call_waits_for_an_instance,
    wait_succeeds_while_an_instance_listens,
    wait_for_an_absent_pipe_fails_at_once,
    wait_times_out,
    wait_uses_the_default_timeout,
    wait_ends_with_a_new_instance,
    wait_ends_with_a_connect_after_a_disconnect,
    wait_ends_with_the_last_instance,
    wait_for_a_malformed_name_fails,
];

fn transact(pipe: &Handle, request: &[u8], size: usize) -> (i32, u32, Vec<u8>) {
    let (mut reply, mut count) = (vec![0xEE; size], 0xEEEE);
    let (input, output) = (request.as_ptr().cast(), reply.as_mut_ptr().cast());
    let (length, size) = (request.len() as u32, size as u32);
    let (value, error) =
        call!(TransactNamedPipe(pipe.raw(), input, length, output, size, &mut count, null_mut()));
    reply.truncate(if count == 0xEEEE { 0 } else { count as usize });
    (value, error, reply)
}

/// Answers one request read from `pipe` with `reply`, on a thread of its own, while `body` runs.
fn answering<R>(pipe: &Handle, request: &[u8], reply: &[u8], body: impl FnOnce() -> R) -> R {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            expect_read(pipe, 0x1_0000, request);
            expect_write(pipe, reply);
        });
        body()
    })
}

/// 5.9: TransactNamedPipe writes one message and reads one.
fn transact_writes_and_reads() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let outcome = answering(&server, b"question", b"answer", || transact(&client, b"question", 99));
    assert_eq!(outcome, (TRUE, UNTOUCHED, b"answer".to_vec()));
    let outcome = answering(&client, b"from the server", b"yes", || transact(&server, b"from the server", 3));
    assert_eq!(outcome, (TRUE, UNTOUCHED, b"yes".to_vec()));
}

/// 5.9: It needs the caller's handle in message-read mode, else ERROR_BAD_PIPE.
fn transact_needs_message_read_mode() {
    let (_server, client) = pair(DUPLEX, PIPE_TYPE_MESSAGE);
    let (value, error, _) = transact(&client, b"x", 9);
    assert_eq!((value, error), (FALSE, ERROR_BAD_PIPE));
    let (server, client) = pair(DUPLEX, BYTE);
    let (value, error, _) = transact(&client, b"x", 9);
    assert_eq!((value, error), (FALSE, ERROR_BAD_PIPE));
    assert_eq!(unread(&server).0, 0);
}

/// 5.9: It needs a duplex pipe (ERROR_BAD_PIPE or ERROR_ACCESS_DENIED ?).
fn transact_needs_a_duplex_pipe() {
    let (server, _client) = pair(PIPE_ACCESS_OUTBOUND, MESSAGE);
    let (value, error, _) = transact(&server, b"x", 9);
    assert!(value == FALSE && (error == ERROR_BAD_PIPE || error == ERROR_ACCESS_DENIED), "{error}");
}

/// 5.9: Unread data for the caller: ERROR_PIPE_BUSY, and nothing is written.
fn transact_with_unread_data_fails() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    expect_write(&server, b"unread");
    let (value, error, _) = transact(&client, b"x", 9);
    assert_eq!((value, error), (FALSE, ERROR_PIPE_BUSY));
    assert_eq!(unread(&server).0, 0);
    expect_read(&client, 9, b"unread");
}

/// 5.9: A reply longer than the buffer: ERROR_MORE_DATA, the rest is readable afterwards.
fn a_reply_longer_than_the_buffer() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let outcome = answering(&server, b"q", b"long answer", || transact(&client, b"q", 4));
    assert_eq!((outcome.0, outcome.1), (FALSE, ERROR_MORE_DATA));
    expect_read(&client, 99, b" answer");
}

/// 5.9: Size 0 is allowed in both directions.
fn empty_requests_and_replies() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let outcome = answering(&server, b"", b"", || transact(&client, b"", 9));
    assert_eq!(outcome, (TRUE, UNTOUCHED, Vec::new()));
}

/// 5.9: The write part never waits for quota: the whole call pends for the reply only.
fn the_request_does_not_wait_for_quota() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, MESSAGE, 4, 4);
    let call = Request::transact(&client, b"longer than the quota", 9).pending();
    assert_eq!(unread(&server).0, 21);
    // A reply before the request is read completes the call.
    assert_eq!(Request::write(&server, b"hi").started.0, TRUE);
    assert_eq!(call.finish_read(), b"hi");
    assert_eq!(Request::read(&server, 99).finish_read(), b"longer than the quota");
}

/// 5.9: Cancelling keeps the written request in the pipe.
fn cancelling_keeps_the_request() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let mut call = Request::transact(&client, b"question", 9).pending();
    ok!(CancelIoEx(client.raw(), call.block()));
    call.finish_fails(ERROR_OPERATION_ABORTED);
    assert_eq!(Request::read(&server, 99).finish_read(), b"question");
}

/// 5.9: A reply may itself be a transaction.
fn a_reply_may_be_a_transaction() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let first = Request::transact(&client, b"1", 9).pending();
    assert_eq!(Request::read(&server, 9).finish_read(), b"1");
    let second = Request::transact(&server, b"2", 9).pending();
    assert_eq!(first.finish_read(), b"2");
    assert_eq!(Request::write(&client, b"3").started.0, TRUE);
    assert_eq!(second.finish_read(), b"3");
}

/// 5.3: A transaction in progress fails ERROR_BROKEN_PIPE when the peer closes.
fn a_broken_pipe_ends_a_transaction() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let call = Request::transact(&client, b"question", 9).pending();
    server.close();
    call.finish_fails(ERROR_BROKEN_PIPE);
}

/// 5.9: 64 KiB pass in both directions.
fn sixty_four_kibibytes_pass() {
    let (server, client) = pair(DUPLEX, MESSAGE);
    let (request, reply) = (vec![1; 0x1_0000], vec![2; 0x1_0000]);
    let outcome = answering(&server, &request, &reply, || transact(&client, &request, 0x1_0000));
    assert!(outcome == (TRUE, UNTOUCHED, reply));
}

fn call_pipe(name: &Name, request: &[u8], size: usize, timeout: u32) -> (i32, u32, Vec<u8>) {
    let (mut reply, mut count) = (vec![0xEE; size], 0xEEEE);
    let (input, output) = (request.as_ptr().cast(), reply.as_mut_ptr().cast());
    let (length, size) = (request.len() as u32, size as u32);
    let (value, error) = call!(CallNamedPipeW(name.ptr(), input, length, output, size, &mut count, timeout));
    reply.truncate(if count == 0xEEEE { 0 } else { count as usize });
    (value, error, reply)
}

/// 5.9: CallNamedPipe opens, transacts in message-read mode and closes.
fn call_opens_transacts_and_closes() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, MESSAGE);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| call_pipe(&name, b"question", 99, NMPWAIT_WAIT_FOREVER));
        let (value, error) = call!(ConnectNamedPipe(server.raw(), null_mut()));
        assert!(value == TRUE || error == ERROR_PIPE_CONNECTED, "{error}");
        expect_read(&server, 99, b"question");
        expect_write(&server, b"answer");
        let (value, _, reply) = caller.join().unwrap();
        assert_eq!((value, reply.as_slice()), (TRUE, &b"answer"[..]));
    });
    read_fails(&server, ERROR_BROKEN_PIPE);
}

/// 5.9: Too long a reply to CallNamedPipe: FALSE with ERROR_MORE_DATA, count = buffer size, the rest is lost.
fn call_with_too_long_a_reply() {
    let name = pipe_name();
    let server = server(&name, DUPLEX, MESSAGE);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| call_pipe(&name, b"q", 4, NMPWAIT_WAIT_FOREVER));
        call!(ConnectNamedPipe(server.raw(), null_mut()));
        expect_read(&server, 99, b"q");
        expect_write(&server, b"long answer");
        assert_eq!(caller.join().unwrap(), (FALSE, ERROR_MORE_DATA, b"long".to_vec()));
    });
}

/// 5.9: CallNamedPipe on a byte pipe fails ERROR_INVALID_PARAMETER (?).
fn call_of_a_byte_pipe_fails() {
    let name = pipe_name();
    let _server = server(&name, DUPLEX, BYTE);
    let (value, error, _) = call_pipe(&name, b"q", 9, NMPWAIT_NOWAIT);
    assert_eq!((value, error), (FALSE, ERROR_INVALID_PARAMETER));
}

/// 5.9: CallNamedPipe of an absent pipe fails ERROR_FILE_NOT_FOUND.
fn call_of_an_absent_pipe_fails() {
    for timeout in [NMPWAIT_NOWAIT, NMPWAIT_WAIT_FOREVER, NMPWAIT_USE_DEFAULT_WAIT] {
        let (value, error, _) = call_pipe(&pipe_name(), b"q", 9, timeout);
        assert_eq!((value, error), (FALSE, ERROR_FILE_NOT_FOUND));
    }
}

/// 5.9: CallNamedPipe of a pipe that stays busy fails ERROR_PIPE_BUSY or ERROR_SEM_TIMEOUT (?).
fn call_of_a_busy_pipe_fails() {
    let name = pipe_name();
    let _server = server(&name, DUPLEX, MESSAGE);
    let _client = client(&name, READ_WRITE, 0);
    for timeout in [NMPWAIT_NOWAIT, 5] {
        let (value, error, _) = call_pipe(&name, b"q", 9, timeout);
        assert!(value == FALSE && (error == ERROR_PIPE_BUSY || error == ERROR_SEM_TIMEOUT), "{error}");
    }
}

/// 5.9: CallNamedPipe waits for an instance within its time-out.
fn call_waits_for_an_instance() {
    let name = pipe_name();
    let _busy = server(&name, DUPLEX, MESSAGE);
    let _client = client(&name, READ_WRITE, 0);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| call_pipe(&name, b"q", 9, SOON));
        let server = server(&name, DUPLEX, MESSAGE);
        call!(ConnectNamedPipe(server.raw(), null_mut()));
        expect_read(&server, 9, b"q");
        expect_write(&server, b"a");
        let (value, _, reply) = caller.join().unwrap();
        assert_eq!((value, reply.as_slice()), (TRUE, &b"a"[..]));
    });
}

/// 5.10: WaitNamedPipe is TRUE at once while an instance listens, and reserves nothing.
fn wait_succeeds_while_an_instance_listens() {
    let name = pipe_name();
    let _server = server(&name, DUPLEX, BYTE);
    for timeout in [NMPWAIT_USE_DEFAULT_WAIT, 1, NMPWAIT_WAIT_FOREVER] {
        quiet!(WaitNamedPipeW(name.ptr(), timeout));
    }
    client(&name, READ_WRITE, 0);
}

/// 5.10: No such pipe: fails ERROR_FILE_NOT_FOUND at once, whatever the time-out.
fn wait_for_an_absent_pipe_fails_at_once() {
    let name = pipe_name();
    for timeout in [NMPWAIT_USE_DEFAULT_WAIT, 1, NMPWAIT_WAIT_FOREVER] {
        fails!(WaitNamedPipeW(name.ptr(), timeout), ERROR_FILE_NOT_FOUND);
    }
}

/// 5.10: A busy pipe: fails ERROR_SEM_TIMEOUT after the time-out.
fn wait_times_out() {
    let name = pipe_name();
    let _server = server(&name, DUPLEX, BYTE);
    let _client = client(&name, READ_WRITE, 0);
    fails!(WaitNamedPipeW(name.ptr(), 2), ERROR_SEM_TIMEOUT);
}

/// 5.10: Time-out 0 is the pipe's default, which is 50 ms where the creator gave 0.
fn wait_uses_the_default_timeout() {
    for default in [0, 5] {
        let name = pipe_name();
        let server =
            Handle::own(ok!(CreateNamedPipeW(name.ptr(), DUPLEX, BYTE, 1, 0, 0, default, std::ptr::null())));
        let _client = client(&name, READ_WRITE, 0);
        fails!(WaitNamedPipeW(name.ptr(), NMPWAIT_USE_DEFAULT_WAIT), ERROR_SEM_TIMEOUT);
        server.close();
    }
}

/// 5.10: A wait in progress ends with TRUE when a new instance appears.
fn wait_ends_with_a_new_instance() {
    let name = pipe_name();
    let _busy = server(&name, DUPLEX, BYTE);
    let _client = client(&name, READ_WRITE, 0);
    std::thread::scope(|scope| {
        let waiters: Vec<_> =
            (0..3).map(|_| scope.spawn(|| call!(WaitNamedPipeW(name.ptr(), SOON)))).collect();
        let _second = server(&name, DUPLEX, BYTE);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), (TRUE, UNTOUCHED));
        }
    });
}

/// 5.10: A wait in progress ends with TRUE when a disconnected instance listens again.
fn wait_ends_with_a_connect_after_a_disconnect() {
    let name = pipe_name();
    let server = server(&name, OVERLAPPED_DUPLEX, BYTE);
    let _client = client(&name, READ_WRITE, 0);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| call!(WaitNamedPipeW(name.ptr(), SOON)));
        ok!(DisconnectNamedPipe(server.raw()));
        let _connect = Request::connect(&server).pending();
        assert_eq!(waiter.join().unwrap(), (TRUE, UNTOUCHED));
    });
}

/// 5.10: When the last instance is removed meanwhile the wait fails ERROR_FILE_NOT_FOUND (?).
fn wait_ends_with_the_last_instance() {
    // Often enough that some of the waits have begun when the instance goes.
    for milliseconds in [1, 5, 20, 50] {
        let name = pipe_name();
        let server = server(&name, DUPLEX, BYTE);
        let _client = client(&name, READ_WRITE, 0);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| call!(WaitNamedPipeW(name.ptr(), 5000)));
            patience(milliseconds);
            server.close();
            assert_eq!(waiter.join().unwrap(), (FALSE, ERROR_FILE_NOT_FOUND));
        });
    }
}

/// 5.10: A malformed name fails (the code, 161 or 3, ?).
fn wait_for_a_malformed_name_fails() {
    for name in ["x", r"\\.\pipe\"] {
        assert_eq!(call!(WaitNamedPipeW(Name::new(name).ptr(), 1)).0, FALSE, "{name}");
    }
}
