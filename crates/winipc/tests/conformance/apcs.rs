//! Section 2.4: alertable waits and asynchronous procedure calls.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::cell::RefCell;
use std::ptr::null_mut;

tests![
    every_alertable_call_runs_apcs,
    other_waits_run_no_apcs,
    blocking_pipe_calls_run_no_apcs,
    apcs_run_in_order,
    one_wait_runs_all_apcs,
    an_apc_queued_by_an_apc_runs_too,
    the_wait_is_over_after_apcs,
    zero_timeout_with_an_apc_runs_it,
    zero_timeout_without_an_apc_times_out,
    a_signaled_object_wins,
    a_nested_alertable_wait_runs_the_rest,
    an_apc_ends_a_blocked_wait,
    an_apc_goes_to_its_thread_only,
    apcs_left_at_thread_exit_are_dropped,
    an_ended_thread_takes_no_apc,
    queueing_needs_set_context,
    queueing_to_a_bad_handle_fails,
];

thread_local! {
    /// The arguments of the APCs that ran on this thread.
    static RAN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "system" fn note(argument: usize) {
    RAN.with_borrow_mut(|ran| ran.push(argument));
}

fn ran() -> Vec<usize> {
    RAN.take()
}

/// Queues to the calling thread.
fn queue(argument: usize) {
    assert_eq!(call!(QueueUserAPC(Some(note), this_thread(), argument)), (1, UNTOUCHED));
}

/// 2.4: SleepEx, WaitForSingleObjectEx, WaitForMultipleObjectsEx, SignalObjectAndWait, GetOverlappedResultEx run APCs.
fn every_alertable_call_runs_apcs() {
    let (clear, signal) = (event(true, false), event(true, false));
    queue(1);
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    queue(2);
    assert_eq!(call!(WaitForSingleObjectEx(clear.raw(), SOON, TRUE)).0, WAIT_IO_COMPLETION);
    for all in [FALSE, TRUE] {
        queue(3);
        let handle = clear.raw();
        assert_eq!(call!(WaitForMultipleObjectsEx(1, &handle, all, SOON, TRUE)).0, WAIT_IO_COMPLETION);
    }
    queue(4);
    assert_eq!(call!(SignalObjectAndWait(signal.raw(), clear.raw(), SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [1, 2, 3, 3, 4]);
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let mut request = Request::read(&server, 1).pending();
    queue(5);
    let mut count = 0;
    fails!(GetOverlappedResultEx(server.raw(), request.block(), &mut count, SOON, TRUE), WAIT_IO_COMPLETION);
    assert_eq!(ran(), [5]);
}

/// 2.4: Waits that are not alertable run no APCs.
fn other_waits_run_no_apcs() {
    let (clear, signal) = (event(true, false), event(true, false));
    queue(1);
    assert_eq!(wait(&clear, 1), WAIT_TIMEOUT);
    assert_eq!(wait_any(&[&clear], 1), WAIT_TIMEOUT);
    assert_eq!(call!(WaitForSingleObjectEx(clear.raw(), 1, FALSE)).0, WAIT_TIMEOUT);
    assert_eq!(call!(SignalObjectAndWait(signal.raw(), clear.raw(), 1, FALSE)).0, WAIT_TIMEOUT);
    assert_eq!(call!(SleepEx(1, FALSE)).0, 0);
    // SAFETY: has no conditions.
    unsafe { Sleep(1) };
    assert!(ran().is_empty());
    assert_eq!(call!(SleepEx(0, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [1]);
}

/// 2.4: Blocking ReadFile, WriteFile and ConnectNamedPipe run no APCs.
fn blocking_pipe_calls_run_no_apcs() {
    let name = pipe_name();
    let server = server_with(&name, DUPLEX, BYTE, 1, 4, 4);
    queue(1);
    std::thread::scope(|scope| {
        let peer = scope.spawn(|| client(&name, READ_WRITE, 0));
        let (value, error) = call!(ConnectNamedPipe(server.raw(), null_mut()));
        assert!(value == TRUE || error == ERROR_PIPE_CONNECTED, "{error}");
        let client = peer.join().unwrap();
        scope.spawn(move || {
            expect_write(&client, b"x");
            let mut rest = 12;
            while rest > 0 {
                rest -= read(&client, rest).2.len();
            }
            expect_write(&client, b"y");
        });
        expect_read(&server, 1, b"x");
        expect_write(&server, b"twelve bytes");
        expect_read(&server, 1, b"y");
    });
    assert!(ran().is_empty());
    assert_eq!(call!(SleepEx(0, TRUE)).0, WAIT_IO_COMPLETION);
}

/// 2.4: A thread's APCs run in the order in which they were queued.
fn apcs_run_in_order() {
    (0..100).for_each(queue);
    assert_eq!(call!(SleepEx(0, TRUE)).0, WAIT_IO_COMPLETION);
    assert!(ran().into_iter().eq(0..100));
}

/// 2.4: One alertable wait runs all queued APCs and returns WAIT_IO_COMPLETION once.
fn one_wait_runs_all_apcs() {
    (0..3).for_each(queue);
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [0, 1, 2]);
    assert_eq!(call!(SleepEx(0, TRUE)).0, 0);
}

unsafe extern "system" fn queue_another(argument: usize) {
    RAN.with_borrow_mut(|ran| ran.push(argument));
    if argument > 0 {
        call!(QueueUserAPC(Some(queue_another), this_thread(), argument - 1));
    }
}

/// 2.4: An alertable wait also runs the APCs that an APC queues meanwhile.
fn an_apc_queued_by_an_apc_runs_too() {
    assert_eq!(call!(QueueUserAPC(Some(queue_another), this_thread(), 3)).0, 1);
    assert_eq!(call!(SleepEx(0, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [3, 2, 1, 0]);
    assert_eq!(call!(SleepEx(0, TRUE)).0, 0);
}

unsafe extern "system" fn set_event(handle: usize) {
    call!(SetEvent(handle as HANDLE));
}

/// 2.4: After its APCs the wait is over: an object that an APC signals is not taken.
fn the_wait_is_over_after_apcs() {
    let event = event(false, false);
    assert_eq!(call!(QueueUserAPC(Some(set_event), this_thread(), event.raw() as usize)).0, 1);
    assert_eq!(call!(WaitForSingleObjectEx(event.raw(), SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(call!(WaitForSingleObjectEx(event.raw(), 0, TRUE)).0, WAIT_OBJECT_0);
}

/// 2.4: With time-out 0 and an APC queued it runs, and the result is WAIT_IO_COMPLETION.
fn zero_timeout_with_an_apc_runs_it() {
    let clear = event(true, false);
    let handle = clear.raw();
    queue(1);
    assert_eq!(call!(WaitForSingleObjectEx(handle, 0, TRUE)).0, WAIT_IO_COMPLETION);
    queue(2);
    assert_eq!(call!(WaitForMultipleObjectsEx(1, &handle, FALSE, 0, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [1, 2]);
}

/// 2.4: With time-out 0 and no APC SleepEx returns 0 and waits WAIT_TIMEOUT.
fn zero_timeout_without_an_apc_times_out() {
    let clear = event(true, false);
    let handle = clear.raw();
    assert_eq!(call!(SleepEx(0, TRUE)).0, 0);
    assert_eq!(call!(WaitForSingleObjectEx(handle, 0, TRUE)).0, WAIT_TIMEOUT);
    assert_eq!(call!(WaitForMultipleObjectsEx(1, &handle, TRUE, 0, TRUE)).0, WAIT_TIMEOUT);
}

/// 2.4: An object that is already signaled wins: the APC stays queued (?).
fn a_signaled_object_wins() {
    let set = event(false, true);
    queue(1);
    assert_eq!(call!(WaitForSingleObjectEx(set.raw(), SOON, TRUE)).0, WAIT_OBJECT_0);
    assert!(ran().is_empty());
    assert_eq!(call!(WaitForSingleObjectEx(set.raw(), SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [1]);
}

unsafe extern "system" fn nest(argument: usize) {
    RAN.with_borrow_mut(|ran| ran.push(argument));
    let (result, _) = call!(SleepEx(0, TRUE));
    RAN.with_borrow_mut(|ran| ran.push(argument + result as usize));
}

/// 2.4: An alertable wait inside an APC nests: it runs the APCs behind.
fn a_nested_alertable_wait_runs_the_rest() {
    assert_eq!(call!(QueueUserAPC(Some(nest), this_thread(), 1000)).0, 1);
    queue(1);
    queue(2);
    assert_eq!(call!(SleepEx(0, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!(ran(), [1000, 1, 2, 1000 + WAIT_IO_COMPLETION as usize]);
}

/// 2.4: An APC queued by another thread ends an alertable wait in progress.
fn an_apc_ends_a_blocked_wait() {
    let (clear, started) = (event(true, false), event(true, false));
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            sender.send(thread_handle()).unwrap();
            let result = call!(SignalObjectAndWait(started.raw(), clear.raw(), SOON, TRUE)).0;
            (result, ran())
        });
        let thread = receiver.recv().unwrap();
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        assert_eq!(call!(QueueUserAPC(Some(note), thread.raw(), 5)), (1, UNTOUCHED));
        assert_eq!(waiter.join().unwrap(), (WAIT_IO_COMPLETION, vec![5]));
    });
}

/// 2.4: Every thread has a queue of its own.
fn an_apc_goes_to_its_thread_only() {
    queue(1);
    assert_eq!(on_thread(|| (call!(SleepEx(0, TRUE)).0, ran())), (0, vec![]));
    assert_eq!((call!(SleepEx(0, TRUE)).0, ran()), (WAIT_IO_COMPLETION, vec![1]));
}

unsafe extern "system" fn release(semaphore: usize) {
    call!(ReleaseSemaphore(semaphore as HANDLE, 1, null_mut()));
}

/// 2.4: APCs left at the end of a thread are dropped.
fn apcs_left_at_thread_exit_are_dropped() {
    let semaphore = semaphore(0, 1);
    let thread = on_thread(|| {
        assert_eq!(call!(QueueUserAPC(Some(release), this_thread(), semaphore.raw() as usize)).0, 1);
        thread_handle()
    });
    assert_eq!(wait(&thread, SOON), WAIT_OBJECT_0);
    assert!(!is_signaled(&semaphore));
}

/// 2.4: QueueUserAPC to an ended thread returns 0 with ERROR_GEN_FAILURE.
fn an_ended_thread_takes_no_apc() {
    let thread = on_thread(thread_handle);
    assert_eq!(wait(&thread, SOON), WAIT_OBJECT_0);
    assert_eq!(call!(QueueUserAPC(Some(note), thread.raw(), 1)), (0, ERROR_GEN_FAILURE));
}

/// 2.4: QueueUserAPC needs THREAD_SET_CONTEXT, else 0 with ERROR_ACCESS_DENIED.
fn queueing_needs_set_context() {
    let thread = thread_handle();
    let poor = thread.with_access(THREAD_ALL_ACCESS & !THREAD_SET_CONTEXT);
    assert_eq!(call!(QueueUserAPC(Some(note), poor.raw(), 1)), (0, ERROR_ACCESS_DENIED));
    let enough = thread.with_access(THREAD_SET_CONTEXT);
    assert_eq!(call!(QueueUserAPC(Some(note), enough.raw(), 2)).0, 1);
    assert_eq!((call!(SleepEx(0, TRUE)).0, ran()), (WAIT_IO_COMPLETION, vec![2]));
}

/// 1.1: QueueUserAPC to a bad handle or one of another kind returns 0 with ERROR_INVALID_HANDLE.
fn queueing_to_a_bad_handle_fails() {
    let event = event(true, false);
    for bad in [null_mut(), NEVER, event.raw(), this_process()] {
        assert_eq!(call!(QueueUserAPC(Some(note), bad, 1)), (0, ERROR_INVALID_HANDLE));
    }
}
