//! Section 2.5: pipe handles as objects to wait on.

use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;

tests![
    a_new_pipe_handle_is_signaled,
    starting_io_makes_the_handle_nonsignaled,
    io_without_an_event_signals_the_handle,
    io_with_an_event_leaves_the_handle_nonsignaled,
    immediate_io_without_an_event_leaves_the_handle_signaled,
    immediate_io_with_an_event_leaves_the_handle_nonsignaled,
    a_failed_call_leaves_the_handle_nonsignaled,
    a_wait_takes_nothing_from_the_handle,
];

/// 2.5: A pipe handle is signaled right after it was created or opened.
fn a_new_pipe_handle_is_signaled() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    assert!(is_signaled(&server) && is_signaled(&client));
    let (server, client) = pair(DUPLEX, BYTE);
    assert!(is_signaled(&server) && is_signaled(&client));
}

/// 2.5: Starting an I/O on the handle makes it nonsignaled.
fn starting_io_makes_the_handle_nonsignaled() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let _read = Request::read(&server, 1).pending();
    assert!(!is_signaled(&server));
    assert!(is_signaled(&client), "the other end is another file object");
}

/// 2.5: The handle becomes signaled when an I/O without an event of its own completes.
fn io_without_an_event_signals_the_handle() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let request = Request::without_event(&server, vec![0xEE; 4]).start_read().pending();
    assert!(!is_signaled(&server));
    expect_write(&client, b"data");
    assert_eq!(wait(&server, SOON), WAIT_OBJECT_0);
    assert_eq!(request.result(), (TRUE, UNTOUCHED, 4));
    assert_eq!(request.bytes(), b"data");
}

/// 2.5: The handle stays nonsignaled when an I/O with an event of its own completes.
fn io_with_an_event_leaves_the_handle_nonsignaled() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let request = Request::read(&server, 4).pending();
    expect_write(&client, b"data");
    assert_eq!(request.finish_read(), b"data");
    assert!(!is_signaled(&server));
}

/// 2.5: An I/O without event that completes at once leaves the handle signaled.
fn immediate_io_without_an_event_leaves_the_handle_signaled() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let request = Request::without_event(&server, b"data".to_vec()).start_write();
    assert_eq!(request.started.0, TRUE);
    assert!(is_signaled(&server));
}

/// 2.5: An I/O with an event that completes at once leaves the handle nonsignaled.
fn immediate_io_with_an_event_leaves_the_handle_nonsignaled() {
    let (server, _client) = pair(OVERLAPPED_DUPLEX, BYTE);
    let request = Request::write(&server, b"data");
    assert_eq!(request.started.0, TRUE);
    assert!(is_signaled(&request.event));
    assert!(!is_signaled(&server));
}

/// 2.5: After an I/O that failed at once the handle stays nonsignaled.
fn a_failed_call_leaves_the_handle_nonsignaled() {
    let (server, client) = pair(OVERLAPPED_DUPLEX, BYTE);
    client.close();
    let request = Request::without_event(&server, vec![0xEE; 4]).start_read();
    assert_eq!((request.started.0, request.started.1), (FALSE, ERROR_BROKEN_PIPE));
    assert!(!is_signaled(&server));
}

/// 2.3: A wait on a pipe handle changes nothing.
fn a_wait_takes_nothing_from_the_handle() {
    let (server, _client) = pair(DUPLEX, BYTE);
    assert!(is_signaled(&server) && is_signaled(&server));
}
