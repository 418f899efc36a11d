//! Mailslots through the safe interface.

mod common;

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use common::unique;
use winipc::{
    AsHandle, Event, Mailslot, MailslotClient, MailslotOptions, Received, WaitResult, Waitable, Win32Error,
    sleep_alertable, wait_any,
};

fn name(name: &str) -> String {
    format!(r"\\.\mailslot\{}", unique(name))
}

fn pair(what: &str) -> (Mailslot, MailslotClient) {
    let name = name(what);
    (Mailslot::create(&name).unwrap(), MailslotClient::open(&name).unwrap())
}

#[test]
fn messages_of_any_length_come_whole() {
    let (slot, client) = pair("whole");
    let mut message = Vec::new();
    for length in [0, 1, 424, 425, 5000, 300_000] {
        let sent: Vec<u8> = (0..length).map(|number: u32| (number / 3) as u8).collect();
        client.send(&sent).unwrap();
        assert_eq!(slot.read_message(&mut message), Ok(sent.len()));
        assert!(message == sent, "{length} bytes");
        client.send(&sent).unwrap();
        let read = slot.read_message_timeout(&mut message, Duration::from_secs(60));
        assert_eq!(read, Ok(sent.len()));
        assert!(message == sent, "{length} bytes");
    }
}

#[test]
fn too_small_a_buffer_leaves_the_message() {
    let (slot, client) = pair("small");
    client.send(b"hello").unwrap();
    assert_eq!(slot.recv(&mut [0; 4]), Err(Win32Error::INSUFFICIENT_BUFFER));
    assert_eq!(slot.info().unwrap().next, Some(5));
    let mut buffer = [0; 9];
    assert_eq!(slot.recv(&mut buffer), Ok(5));
    assert_eq!(&buffer[..5], b"hello");
}

#[test]
fn every_write_is_a_message() {
    let (slot, mut client) = pair("write");
    (&client).write_all(b"one").unwrap();
    client.write_all(b"two").unwrap();
    client.flush().unwrap();
    let mut message = Vec::new();
    for expected in [b"one", b"two"] {
        slot.read_message(&mut message).unwrap();
        assert_eq!(message, expected);
    }
}

#[test]
fn reads_end_with_the_shorter_time() {
    let (slot, client) = pair("times");
    let mut message = vec![1, 2, 3];
    let short = Duration::from_millis(5);
    let start = Instant::now();
    assert_eq!(slot.read_message_timeout(&mut message, short), Err(Win32Error::SEM_TIMEOUT));
    assert!(start.elapsed() >= short && message.is_empty());
    slot.set_read_timeout(Some(short)).unwrap();
    let long = Duration::from_secs(3600);
    assert_eq!(slot.read_message_timeout(&mut message, long), Err(Win32Error::SEM_TIMEOUT));
    assert_eq!(slot.read_message(&mut message), Err(Win32Error::SEM_TIMEOUT));
    // What was given up took nothing with it.
    client.send(b"late").unwrap();
    assert_eq!(slot.read_message_timeout(&mut message, Duration::ZERO), Ok(4));
}

#[test]
fn a_message_at_the_last_moment_is_not_lost() {
    let (slot, client) = pair("moment");
    let writer = thread::spawn(move || {
        for number in 0..2000_u32 {
            client.send(&number.to_le_bytes()).unwrap();
            if number % 7 == 0 {
                thread::sleep(Duration::from_micros(100));
            }
        }
    });
    let mut message = Vec::new();
    for number in 0..2000_u32 {
        while slot.read_message_timeout(&mut message, Duration::from_micros(10)).is_err() {}
        assert_eq!(message, number.to_le_bytes());
    }
    writer.join().unwrap();
}

#[test]
fn information_in_terms_of_rust() {
    let mut options = MailslotOptions::default();
    let slot = options.create(&name("information")).unwrap();
    let told = |slot: &Mailslot| {
        let info = slot.info().unwrap();
        (info.max_message, info.next, info.messages, info.read_timeout)
    };
    assert_eq!(told(&slot), (None, None, 0, None));
    options.max_message(7).read_timeout(Some(Duration::from_micros(1500)));
    let slot = options.create(&name("limited")).unwrap();
    assert_eq!(told(&slot), (Some(7), None, 0, Some(Duration::from_millis(2))));
    slot.set_read_timeout(None).unwrap();
    assert_eq!(told(&slot), (Some(7), None, 0, None));
}

#[test]
fn waiting_for_a_message_or_something_else() {
    let (slot, client) = pair("either");
    let stop = Event::auto_reset().unwrap();
    let read = slot.read_overlapped(Vec::with_capacity(8)).unwrap();
    stop.set().unwrap();
    assert_eq!(wait_any(&[&read, &stop], None), Ok(WaitResult::Signaled(1)));
    client.send(b"hello").unwrap();
    assert_eq!(wait_any(&[&read, &stop], None), Ok(WaitResult::Signaled(0)));
    assert_eq!(read.wait(), (Ok(Received { bytes: 5, is_complete: true }), b"hello".to_vec()));
    // One that is dropped takes no message.
    drop(slot.read_overlapped(Vec::with_capacity(8)).unwrap());
    client.send(b"again").unwrap();
    assert_eq!(slot.recv(&mut [0; 8]), Ok(5));
    let read = slot.read_overlapped(Vec::new()).unwrap();
    slot.cancel_requests().unwrap();
    assert_eq!(read.wait().0, Err(Win32Error::OPERATION_ABORTED));
    assert_eq!(slot.cancel_requests(), Err(Win32Error::NOT_FOUND));
}

/// Nobody calls anything meanwhile but to wait.
#[test]
fn pending_reads_and_routines_end_in_time() {
    let (slot, client) = pair("end");
    slot.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let read = slot.read_overlapped(Vec::with_capacity(8)).unwrap();
    assert_eq!(Waitable::wait(&read, None), Ok(WaitResult::Signaled(0)));
    assert_eq!(read.wait().0, Err(Win32Error::SEM_TIMEOUT));
    let log = Rc::new(RefCell::new(Vec::new()));
    let start = || {
        let log = Rc::clone(&log);
        let note = move |received, buffer| log.borrow_mut().push((received, buffer));
        slot.read_with_routine(Vec::with_capacity(8), note).unwrap();
    };
    start();
    assert!(sleep_alertable(None));
    slot.set_read_timeout(None).unwrap();
    start();
    client.send(b"hello").unwrap();
    assert!(sleep_alertable(None));
    let expected = [
        (Err(Win32Error::SEM_TIMEOUT), Vec::new()),
        (Ok(Received { bytes: 5, is_complete: true }), b"hello".to_vec()),
    ];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_slot_goes_with_its_last_handle() {
    let name = name("last");
    let slot = Mailslot::create(&name).unwrap();
    let client = MailslotClient::open(&name).unwrap();
    let other = slot.as_handle().try_clone_to_owned().unwrap();
    let read = slot.read_overlapped(Vec::with_capacity(8)).unwrap();
    drop(slot);
    client.send(b"hello").unwrap();
    // The request has a share of the handle.
    assert_eq!(read.wait().1, b"hello");
    client.send(b"unread").unwrap();
    assert_eq!(Mailslot::create(&name).unwrap_err(), Win32Error::ALREADY_EXISTS);
    drop(other);
    assert_eq!(client.send(b"x"), Err(Win32Error::HANDLE_EOF));
    assert_eq!(MailslotClient::open(&name).unwrap_err(), Win32Error::FILE_NOT_FOUND);
    assert_eq!(Mailslot::create(&name).unwrap().info().unwrap().messages, 0);
}

#[test]
fn names_that_cannot_be() {
    assert_eq!(Mailslot::create("name").unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(Mailslot::create("\\\\.\\mailslot\\a\0b").unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(MailslotClient::open("\\\\.\\mailslot\\a\0b").unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(MailslotClient::open(r"\\elsewhere\mailslot\a").unwrap_err(), Win32Error::BAD_NETPATH);
}
