//! Section 7.3: ReadFileEx and WriteFileEx.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::cell::RefCell;

tests![
    a_read_completes_by_its_routine,
    a_write_completes_by_its_routine,
    the_routine_runs_only_in_an_alertable_wait,
    the_routine_runs_on_the_issuing_thread,
    the_routine_never_runs_inside_the_call,
    the_event_of_the_block_is_not_used,
    an_immediate_failure_runs_no_routine,
    a_partial_message_reports_more_data,
    a_cancelled_request_reports_aborted,
    a_broken_pipe_reports_to_the_routine,
    several_routines_run_in_order,
    a_blocked_alertable_wait_runs_the_routine,
    a_routine_may_start_the_next_request,
];

thread_local! {
    /// Error, bytes and block of the routine calls on this thread.
    static CALLS: RefCell<Vec<(u32, u32, usize)>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "system" fn routine(error: u32, bytes: u32, block: *mut OVERLAPPED) {
    CALLS.with_borrow_mut(|calls| calls.push((error, bytes, block as usize)));
}

/// A block with its buffer; kept until its routine ran.
struct Extended {
    block: Box<OVERLAPPED>,
    buffer: Vec<u8>,
}

impl Extended {
    fn new(buffer: &[u8]) -> Self {
        Self { block: Box::default(), buffer: buffer.to_vec() }
    }

    fn read(&mut self, file: &Handle) -> (i32, u32) {
        let size = self.buffer.len() as u32;
        call!(ReadFileEx(file.raw(), self.buffer.as_mut_ptr(), size, &mut *self.block, Some(routine)))
    }

    fn write(&mut self, file: &Handle) -> (i32, u32) {
        let size = self.buffer.len() as u32;
        call!(WriteFileEx(file.raw(), self.buffer.as_ptr(), size, &mut *self.block, Some(routine)))
    }

    fn address(&self) -> usize {
        &raw const *self.block as usize
    }
}

fn run_routines() -> Vec<(u32, u32, usize)> {
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    CALLS.take()
}

/// 7.3: ReadFileEx returns TRUE when queued; the routine gets 0, the bytes and the block.
fn a_read_completes_by_its_routine() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Extended::new(&[0; 9]);
    assert_eq!(read.read(&server).0, TRUE);
    assert_eq!((call!(SleepEx(0, TRUE)).0, CALLS.take().len()), (0, 0));
    assert_eq!(Request::write(&client, b"data").started.0, TRUE);
    assert_eq!(run_routines(), [(0, 4, read.address())]);
    assert_eq!(&read.buffer[..4], b"data");
    assert_eq!((read.block.Internal, read.block.InternalHigh), (0, 4));
}

/// 7.3: WriteFileEx likewise.
fn a_write_completes_by_its_routine() {
    let (server, client) = pair_with(OVERLAPPED_DUPLEX, BYTE, 2, 2);
    let mut write = Extended::new(b"data");
    assert_eq!(write.write(&server).0, TRUE);
    assert_eq!(Request::read(&client, 9).finish_read(), b"data");
    assert_eq!(run_routines(), [(0, 4, write.address())]);
}

/// 7.3: The routine runs in an alertable wait of the thread only.
fn the_routine_runs_only_in_an_alertable_wait() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut write = Extended::new(b"data");
    assert_eq!(write.write(&server).0, TRUE);
    assert_eq!(wait(&event(true, false), 1), WAIT_TIMEOUT);
    assert_eq!(call!(SleepEx(0, FALSE)).0, 0);
    assert!(CALLS.take().is_empty());
    assert_eq!(run_routines().len(), 1);
}

/// 7.3: The routine runs on the thread that issued the request.
fn the_routine_runs_on_the_issuing_thread() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut write = Extended::new(b"data");
    assert_eq!(write.write(&server).0, TRUE);
    on_thread(|| assert_eq!((call!(SleepEx(0, TRUE)).0, CALLS.take().len()), (0, 0)));
    assert_eq!(run_routines().len(), 1);
}

/// 7.3: The routine never runs inside the call, also if the data was ready.
fn the_routine_never_runs_inside_the_call() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    assert_eq!(Request::write(&client, b"ready").started.0, TRUE);
    let mut read = Extended::new(&[0; 9]);
    assert_eq!(read.read(&server).0, TRUE);
    assert!(CALLS.take().is_empty());
    assert_eq!(run_routines(), [(0, 5, read.address())]);
}

/// 7.3: hEvent is not used; the caller may keep anything in it.
fn the_event_of_the_block_is_not_used() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut write = Extended::new(b"data");
    let set = event(true, true);
    write.block.hEvent = set.raw();
    assert_eq!(write.write(&server).0, TRUE);
    assert!(is_signaled(&set), "not reset");
    assert_eq!(run_routines().len(), 1);
    write.block.hEvent = 0x1234_5678 as HANDLE;
    assert_eq!(write.write(&server).0, TRUE);
    assert_eq!(run_routines().len(), 1);
    assert_eq!(write.block.hEvent, 0x1234_5678 as HANDLE);
}

/// 7.3: An immediate failure is FALSE with its error, and no routine runs.
fn an_immediate_failure_runs_no_routine() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    client.close();
    let (mut read, mut write) = (Extended::new(&[0; 9]), Extended::new(b"x"));
    assert_eq!(read.read(&server), (FALSE, ERROR_BROKEN_PIPE));
    assert_eq!(write.write(&server), (FALSE, ERROR_NO_DATA));
    assert_eq!((call!(SleepEx(0, TRUE)).0, CALLS.take().len()), (0, 0));
}

/// 7.3: A partial message: TRUE with last error ERROR_MORE_DATA; the routine gets that error and the count.
fn a_partial_message_reports_more_data() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    assert_eq!(Request::write(&client, b"message").started.0, TRUE);
    let mut read = Extended::new(&[0; 3]);
    assert_eq!(read.read(&server), (TRUE, ERROR_MORE_DATA));
    assert_eq!(run_routines(), [(ERROR_MORE_DATA, 3, read.address())]);
    assert_eq!(read.buffer, b"mes");
}

/// 7.3: A cancelled request: the routine gets ERROR_OPERATION_ABORTED and 0 bytes.
fn a_cancelled_request_reports_aborted() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Extended::new(&[0; 9]);
    assert_eq!(read.read(&server).0, TRUE);
    ok!(CancelIoEx(server.raw(), &*read.block));
    assert_eq!(run_routines(), [(ERROR_OPERATION_ABORTED, 0, read.address())]);
}

/// 7.3: When the peer closes the routine gets ERROR_BROKEN_PIPE and 0 bytes.
fn a_broken_pipe_reports_to_the_routine() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut read = Extended::new(&[0; 9]);
    assert_eq!(read.read(&server).0, TRUE);
    client.close();
    assert_eq!(run_routines(), [(ERROR_BROKEN_PIPE, 0, read.address())]);
}

/// 7.3: The routines of several requests run in the order of their completions.
fn several_routines_run_in_order() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, MESSAGE);
    let mut reads = [(); 3].map(|()| Extended::new(&[0; 9]));
    for read in &mut reads {
        assert_eq!(read.read(&server).0, TRUE);
    }
    for message in [&b"a"[..], b"bc", b"def"] {
        assert_eq!(Request::write(&client, message).started.0, TRUE);
    }
    let mut calls = Vec::new();
    while calls.len() < 3 {
        calls.extend(run_routines());
    }
    let expected: Vec<_> = reads.iter().zip(1..).map(|(read, bytes)| (0, bytes, read.address())).collect();
    assert_eq!(calls, expected);
}

/// 7.3: A completion ends an alertable wait in progress, in any of its forms.
fn a_blocked_alertable_wait_runs_the_routine() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let clear = event(true, false);
    std::thread::scope(|scope| {
        let mut read = Extended::new(&[0; 9]);
        assert_eq!(read.read(&server).0, TRUE);
        scope.spawn(|| assert_eq!(Request::write(&client, b"data").started.0, TRUE));
        assert_eq!(call!(WaitForSingleObjectEx(clear.raw(), SOON, TRUE)).0, WAIT_IO_COMPLETION);
        assert_eq!(CALLS.take(), [(0, 4, read.address())]);
    });
}

/// A request that issues itself again from its routine, as long as bytes are left to count.
#[repr(C)]
struct Chain {
    block: OVERLAPPED,
    file: HANDLE,
    buffer: [u8; 1],
    seen: Vec<u8>,
}

unsafe extern "system" fn next(error: u32, bytes: u32, block: *mut OVERLAPPED) {
    // SAFETY: the block is the first field of the chain that outlives its requests.
    let chain = unsafe { &mut *block.cast::<Chain>() };
    assert_eq!((error, bytes), (0, 1));
    chain.seen.push(chain.buffer[0]);
    if chain.seen.len() < 4 {
        call!(ReadFileEx(chain.file, chain.buffer.as_mut_ptr(), 1, block, Some(next)));
    }
}

/// 7.3: A routine may start the next request on the same block.
fn a_routine_may_start_the_next_request() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut owned =
        Box::new(Chain { block: OVERLAPPED::default(), file: server.raw(), buffer: [0], seen: Vec::new() });
    let chain = &raw mut *owned;
    // The chain lives to the end of the test; the routines run on this thread.
    call!(ReadFileEx((*chain).file, (*chain).buffer.as_mut_ptr(), 1, chain.cast(), Some(next)));
    assert_eq!(Request::write(&client, b"four").started.0, TRUE);
    until("the chain is done", || {
        call!(SleepEx(100, TRUE));
        // SAFETY: no routine runs now.
        unsafe { (*chain).seen.len() == 4 }
    });
    // SAFETY: as above.
    assert_eq!(unsafe { &(*chain).seen }, b"four");
}
