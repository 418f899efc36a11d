//! Requests under way.

mod common;

use std::thread;
use std::time::Duration;

use common::pipe;
use winipc::overlapped::Pending;
use winipc::{
    ClientOptions, Event, PipeClient, PipeMode, PipeServer, Received, ServerOptions, WaitResult, Waitable,
    Win32Error, wait_all, wait_any,
};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn pair(name: &str) -> (PipeServer, PipeClient) {
    let name = pipe(name);
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .in_buffer_size(16)
        .out_buffer_size(16)
        .create(&name)
        .unwrap();
    let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name).unwrap();
    server.connect().unwrap();
    (server, client)
}

#[test]
fn a_connect_completes_when_a_client_comes() {
    let name = pipe("comes");
    let server = ServerOptions::new().create(&name).unwrap();
    let connect = server.connect_overlapped().unwrap();
    assert!(!connect.is_complete());
    assert_eq!(
        connect.wait_timeout(Duration::ZERO).unwrap_err().wait_alertable(NOW),
        Ok(WaitResult::Timeout)
    );
    let connect = server.connect_overlapped().unwrap();
    let _client = ClientOptions::new().open(&name).unwrap();
    assert!(connect.is_complete());
    assert_eq!(Waitable::wait(&connect, None), Ok(WaitResult::Signaled(0)));
    assert_eq!(connect.wait(), Ok(()));
}

#[test]
fn a_connect_is_complete_where_the_client_was_first() {
    let name = pipe("was-first");
    let server = ServerOptions::new().create(&name).unwrap();
    let _client = ClientOptions::new().open(&name).unwrap();
    let connect = server.connect_overlapped().unwrap();
    assert!(connect.is_complete());
    // Its event is set, too, so that it can be waited for with others.
    assert_eq!(wait_any(&[&connect], NOW), Ok(WaitResult::Signaled(0)));
    assert_eq!(connect.wait(), Ok(()));
}

#[test]
fn reads_are_served_in_order() {
    let (server, client) = pair("order");
    let reads: Vec<_> = (0..4).map(|_| server.read_overlapped(Vec::with_capacity(8)).unwrap()).collect();
    for word in ["one", "two", "three", "four"] {
        client.send(word.as_bytes()).unwrap();
    }
    let events: Vec<_> = reads.iter().map(|read| read as &dyn Waitable).collect();
    assert_eq!(wait_all(&events, None), Ok(WaitResult::Signaled(0)));
    let words: Vec<_> = reads.into_iter().map(|read| String::from_utf8(read.wait().1).unwrap()).collect();
    assert_eq!(words, ["one", "two", "three", "four"]);
}

#[test]
fn a_part_of_a_message_is_told_as_such() {
    let (server, client) = pair("part");
    let first = server.read_overlapped(Vec::with_capacity(4)).unwrap();
    client.send(b"abcdef").unwrap();
    let (received, buffer) = first.wait();
    assert_eq!(received, Ok(Received { bytes: 4, is_complete: false }));
    assert_eq!(buffer, b"abcd");
    // Complete at once, and so partial that nothing fits.
    let nothing = server.read_overlapped(Vec::new()).unwrap();
    assert_eq!(nothing.wait(), (Ok(Received { bytes: 0, is_complete: false }), Vec::new()));
    let rest = server.read_overlapped(buffer).unwrap();
    assert_eq!(rest.wait(), (Ok(Received { bytes: 2, is_complete: true }), b"ef".to_vec()));
}

#[test]
fn a_write_is_complete_when_it_fits() {
    let (server, client) = pair("fits");
    let first = client.write_overlapped(vec![1; 16]).unwrap();
    assert!(first.is_complete());
    let second = client.write_overlapped(vec![2; 16]).unwrap();
    assert!(!second.is_complete());
    let mut message = Vec::new();
    server.read_message(&mut message).unwrap();
    assert_eq!(second.wait(), (Ok(16), vec![2; 16]));
    assert_eq!(first.wait(), (Ok(16), vec![1; 16]));
    assert_eq!(message, [1; 16]);
    server.read_message(&mut message).unwrap();
    assert_eq!(message, [2; 16]);
}

#[test]
fn a_transaction_gives_everything_back() {
    let (server, client) = pair("transaction");
    let transaction = client.transact_overlapped(b"question".to_vec(), Vec::with_capacity(16)).unwrap();
    assert!(!transaction.is_complete());
    let mut question = Vec::new();
    server.read_message(&mut question).unwrap();
    server.send(b"answer").unwrap();
    let (received, message, reply) = transaction.wait();
    assert_eq!(received, Ok(Received { bytes: 6, is_complete: true }));
    assert_eq!((&*message, &*reply), (&b"question"[..], &b"answer"[..]));
    assert_eq!(question, message);
}

#[test]
fn dropping_a_request_cancels_it() {
    let (server, client) = pair("dropping");
    drop(server.read_overlapped(Vec::with_capacity(8)).unwrap());
    client.send(b"kept").unwrap();
    // The dropped read did not take it.
    let mut message = Vec::new();
    assert_eq!(server.read_message(&mut message), Ok(4));

    client.send(&[0; 16]).unwrap();
    drop(client.write_overlapped(b"taken back".to_vec()).unwrap());
    client.write_overlapped(b"next".to_vec()).map(drop).unwrap();
    assert_eq!(server.read_message(&mut message), Ok(16));
    assert_eq!(server.peek(&mut []).unwrap().available, 0);
}

#[test]
fn a_cancelled_request_says_so_once() {
    let (server, _client) = pair("cancelled");
    let read = server.read_overlapped(vec![9; 8]).unwrap();
    read.cancel().unwrap();
    assert_eq!(Waitable::wait(&read, None), Ok(WaitResult::Signaled(0)));
    assert_eq!(read.cancel(), Err(Win32Error::NOT_FOUND));
    let (received, buffer) = read.wait();
    assert_eq!(received, Err(Win32Error::OPERATION_ABORTED));
    assert!(buffer.is_empty(), "no stale bytes");
}

#[test]
fn an_unfinished_request_is_given_back() {
    let (server, client) = pair("unfinished");
    let mut read = server.read_overlapped(Vec::with_capacity(8)).unwrap();
    for _ in 0..3 {
        read = read.try_finish().unwrap_err();
        read = read.wait_timeout(Duration::from_millis(1)).unwrap_err();
    }
    client.send(b"now").unwrap();
    let (received, buffer) = read.wait_timeout(Duration::from_secs(600)).unwrap();
    assert_eq!((received.unwrap().bytes, &*buffer), (3, &b"now"[..]));
}

#[test]
fn a_request_outlives_its_pipe() {
    let (server, client) = pair("outlives");
    let read = server.read_overlapped(Vec::with_capacity(8)).unwrap();
    drop(server);
    client.send(b"still here").unwrap_or_default();
    let (received, _) = read.wait();
    assert_eq!(received, Ok(Received { bytes: 8, is_complete: false }));
    // With the last request the end is closed.
    assert_eq!(client.send(b"x"), Err(Win32Error::NO_DATA));
}

#[test]
fn a_request_fails_when_the_other_end_closes() {
    let (server, client) = pair("closes");
    let read = server.read_overlapped(Vec::with_capacity(8)).unwrap();
    drop(client);
    assert_eq!(read.wait().0, Err(Win32Error::BROKEN_PIPE));
    assert_eq!(server.read_overlapped(Vec::with_capacity(8)).unwrap_err(), Win32Error::BROKEN_PIPE);
}

#[test]
fn a_request_ends_with_the_thread_that_started_it() {
    let (server, client) = pair("thread");
    let read = thread::scope(|scope| {
        scope.spawn(|| server.read_overlapped(Vec::with_capacity(8)).unwrap()).join().unwrap()
    });
    assert_eq!(read.wait().0, Err(Win32Error::OPERATION_ABORTED));
    client.send(b"kept").unwrap();
    assert_eq!(server.recv(&mut [0; 8]).unwrap().bytes, 4);
}

#[test]
fn requests_go_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    let (server, client) = pair("send");
    let read = server.read_overlapped(Vec::with_capacity(8)).unwrap();
    is_send_and_sync(&read);
    thread::scope(|scope| {
        scope.spawn(move || assert_eq!(read.wait().1, b"x"));
        client.send(b"x").unwrap();
    });
}

#[test]
fn one_thread_serves_many() {
    const CLIENTS: usize = 8;
    let name = pipe("many");
    let stop = Event::manual_reset().unwrap();
    let mut options = ServerOptions::new();
    options.pipe_mode(PipeMode::Message);
    let servers: Vec<_> = (0..CLIENTS).map(|_| options.create(&name).unwrap()).collect();
    let start = |server: &PipeServer| server.read_overlapped(Vec::with_capacity(64)).unwrap();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let name = &name;
                scope.spawn(move || {
                    let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(name).unwrap();
                    let mut echo = Vec::new();
                    for round in 0..50 {
                        let text = format!("{number}/{round}");
                        client.send(text.as_bytes()).unwrap();
                        client.read_message(&mut echo).unwrap();
                        assert_eq!(echo, text.as_bytes());
                    }
                })
            })
            .collect();
        servers.iter().for_each(|server| server.connect().unwrap());
        let serving = scope.spawn(|| {
            let mut reads: Vec<Option<Pending<_>>> = Vec::new();
            reads.extend(servers.iter().map(|server| Some(start(server))));
            let mut served = 0;
            loop {
                let (indexes, mut objects): (Vec<_>, Vec<&dyn Waitable>) = reads
                    .iter()
                    .enumerate()
                    .filter_map(|(index, read)| Some((index, read.as_ref()? as &dyn Waitable)))
                    .unzip();
                objects.push(&stop);
                let Some(signaled) = wait_any(&objects, None).unwrap().index() else { continue };
                let Some(&index) = indexes.get(signaled) else { return served };
                let (received, message) = reads[index].take().unwrap().wait();
                if received.is_ok() {
                    served += 1;
                    // Both ends may close at once here, which ends this one's service.
                    servers[index].send(&message).unwrap();
                    reads[index] = servers[index].read_overlapped(Vec::with_capacity(64)).ok();
                }
            }
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        stop.set().unwrap();
        assert_eq!(serving.join().unwrap(), CLIENTS * 50);
    });
}
