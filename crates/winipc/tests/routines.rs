//! Requests that end in a closure, and cancelling by end and by thread.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::pipe;
use winipc::{
    ClientOptions, PipeClient, PipeMode, PipeServer, Received, Result, ServerOptions, Thread, Win32Error,
    sleep_alertable,
};

fn pair(name: &str) -> (PipeServer, PipeClient) {
    let name = pipe(name);
    let mut options = ServerOptions::new();
    let server = options.pipe_mode(PipeMode::Message).in_buffer_size(8).create(&name).unwrap();
    let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name).unwrap();
    server.connect().unwrap();
    (server, client)
}

type Log = Rc<RefCell<Vec<(Result<Received>, Vec<u8>)>>>;

/// Starts a read whose outcome goes into the log.
fn read_into(server: &PipeServer, log: &Log, capacity: usize) -> Result<()> {
    let log = Rc::clone(log);
    server.read_with_routine(Vec::with_capacity(capacity), move |received, buffer| {
        log.borrow_mut().push((received, buffer));
    })
}

#[test]
fn a_routine_gets_what_was_read() {
    let (server, client) = pair("gets");
    let log = Log::default();
    read_into(&server, &log, 4).unwrap();
    assert!(!sleep_alertable(Some(Duration::ZERO)));
    client.send(b"abcdef").unwrap();
    assert!(sleep_alertable(None));
    // Also where the data is there already, the routine waits for an alertable wait.
    read_into(&server, &log, 4).unwrap();
    assert_eq!(log.borrow().len(), 1);
    assert!(sleep_alertable(None));
    let parts = [
        (Ok(Received { bytes: 4, is_complete: false }), b"abcd".to_vec()),
        (Ok(Received { bytes: 2, is_complete: true }), b"ef".to_vec()),
    ];
    assert_eq!(log.take(), parts);
}

#[test]
fn a_routine_hears_of_cancelling_and_closing() {
    let (server, client) = pair("hears");
    let log = Log::default();
    read_into(&server, &log, 4).unwrap();
    server.cancel_requests().unwrap();
    assert!(sleep_alertable(None));
    read_into(&server, &log, 4).unwrap();
    server.cancel_requests_of_this_thread().unwrap();
    assert!(sleep_alertable(None));
    read_into(&server, &log, 4).unwrap();
    drop(client);
    assert!(sleep_alertable(None));
    let errors = [Win32Error::OPERATION_ABORTED, Win32Error::OPERATION_ABORTED, Win32Error::BROKEN_PIPE];
    assert_eq!(log.take(), errors.map(|error| (Err(error), Vec::new())));
    assert_eq!(read_into(&server, &log, 4), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(Rc::strong_count(&log), 1, "the routine of a read that failed is dropped");
    server.cancel_requests_of_this_thread().unwrap();
}

#[test]
fn a_write_routine_runs_when_there_is_room() {
    let (server, client) = pair("room");
    let written = Rc::new(RefCell::new(None));
    let own = Rc::clone(&written);
    client
        .write_with_routine(vec![7; 12], move |count, data| *own.borrow_mut() = Some((count, data)))
        .unwrap();
    assert!(!sleep_alertable(Some(Duration::ZERO)));
    assert_eq!(server.recv(&mut [0; 16]).unwrap().bytes, 12);
    assert!(sleep_alertable(None));
    assert_eq!(written.take(), Some((Ok(12), vec![7; 12])));
}

#[test]
fn a_synchronous_end_takes_no_routine() {
    let server = ServerOptions::new().overlapped(false).create(&pipe("no-routine")).unwrap();
    let read = server.read_with_routine(Vec::new(), |_, _| unreachable!());
    assert_eq!(read, Err(Win32Error::INVALID_PARAMETER));
    let written = server.write_with_routine(Vec::new(), |_, _| unreachable!());
    assert_eq!(written, Err(Win32Error::INVALID_PARAMETER));
}

/// Calls `cancel` until the other thread is done: at first it may not be in its call yet.
fn until_done<T>(thread: &thread::ScopedJoinHandle<'_, T>, cancel: impl Fn() -> Result<()>) {
    while !thread.is_finished() {
        let _ = cancel();
        thread::yield_now();
    }
}

#[test]
fn a_waiting_read_is_cancelled_from_outside() {
    let (server, _client) = pair("outside");
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.recv(&mut [0; 4]));
        until_done(&reader, || server.cancel_requests());
        assert_eq!(reader.join().unwrap(), Err(Win32Error::OPERATION_ABORTED));
    });
}

#[test]
fn a_synchronous_read_is_cancelled_by_its_thread() {
    let name = pipe("by-thread");
    let server = ServerOptions::new().overlapped(false).create(&name).unwrap();
    let _client = ClientOptions::new().open(&name).unwrap();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let server = &server;
        let reader = scope.spawn(move || {
            sender.send(Thread::current().unwrap()).unwrap();
            server.recv(&mut [0; 4])
        });
        let thread = receiver.recv().unwrap();
        until_done(&reader, || thread.cancel_synchronous_io());
        assert_eq!(reader.join().unwrap(), Err(Win32Error::OPERATION_ABORTED));
    });
}
