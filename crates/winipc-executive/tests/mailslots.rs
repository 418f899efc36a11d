//! Mailslots: blocking reads, time-outs, and who else sees them.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use winipc_executive::inspect::{self, State as Shown};
use winipc_executive::io::{self, Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::mailslot::{self, Info, Server, WAIT_FOREVER};
use winipc_executive::{Attributes, Handle, Result, Status, event, handle, wait};

use support::{ALL, NOW, fork, units, until};

const WRITE: u32 = 0x4000_0000;

fn namespace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("mailslots-{}", std::process::id())) };
    });
}

fn create(name: &str, timeout_ms: u32) -> Handle {
    namespace();
    mailslot::create(&units(name), &Server { max_message: 0, timeout_ms, inherit: false }).unwrap()
}

fn open(name: &str) -> Handle {
    mailslot::open(&units(name), WRITE, false, false).unwrap()
}

fn read(server: Handle) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 100];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match io::read(server, buffer, None)? {
        Outcome::Done { information, .. } => {
            bytes.truncate(information);
            Ok(bytes)
        }
        Outcome::Pending => panic!("a blocking read is never pending"),
    }
}

fn write(client: Handle, data: &[u8]) -> Result<()> {
    io::write(client, data, None).map(|_| ())
}

#[test]
fn a_blocked_read_is_served_by_the_next_write() {
    let server = create("served", WAIT_FOREVER);
    let client = open("SERVED");
    let reader = std::thread::spawn(move || read(server));
    until(|| is_read(r"\\.\mailslot\served"));
    write(client, b"hello").unwrap();
    assert_eq!(reader.join().unwrap(), Ok(b"hello".to_vec()));
}

/// Whether a thread is blocked in a read of a slot.
fn is_read(name: &str) -> bool {
    let listing = inspect::objects().unwrap();
    listing.objects.iter().any(|object| object.name.as_deref() == Some(name) && !object.waiters.is_empty())
}

#[test]
fn a_blocked_read_ends_with_its_time() {
    let server = create("times out", 20);
    let start = Instant::now();
    assert_eq!(read(server), Err(Status::IO_TIMEOUT));
    assert!(start.elapsed() >= Duration::from_millis(20));
    // The request is gone: the next message is for the next read.
    write(open("times out"), b"late").unwrap();
    assert_eq!(read(server), Ok(b"late".to_vec()));
    assert_eq!(inspect::check(), []);
}

#[test]
fn a_blocked_read_ends_with_the_slot() {
    let server = create("closed", 60_000);
    let reader = std::thread::spawn(move || read(server));
    until(|| is_read(r"\\.\mailslot\closed"));
    handle::close(server).unwrap();
    assert_eq!(reader.join().unwrap(), Err(Status::FILE_FORCED_CLOSED));
}

/// Memory of requests, which may be written to as long as the process lives.
static KEPT: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// The memory of overlapped reads: words that a test looks at without any call, and an event.
struct Reading {
    words: &'static [AtomicUsize; 2],
    bytes: *mut [u8; 8],
    event: Handle,
}

impl Reading {
    fn start(server: Handle) -> Self {
        let words: &'static [AtomicUsize; 2] = Box::leak(Box::default());
        let bytes = Box::into_raw(Box::new([0_u8; 8]));
        KEPT.lock().unwrap().push((words.as_ptr() as usize, bytes as usize));
        let (event, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
        // SAFETY: neither the words nor the bytes are ever freed; the words are atomics.
        let (block, buffer) =
            unsafe { (StatusBlock::new(words.as_ptr().cast_mut().cast()), ReadBuffer::new(bytes.cast(), 8)) };
        let overlapped = Overlapped { block, event: Some(event), routine: None, no_packet: false };
        assert_eq!(io::read(server, buffer, Some(overlapped)), Ok(Outcome::Pending));
        Reading { words, bytes, event }
    }

    fn status(&self) -> Status {
        Status(self.words[0].load(Ordering::Acquire) as u32)
    }
}

/// Nobody makes a call meanwhile: the keeper looks at the time, also when it has slept for a later one.
#[test]
fn overlapped_reads_end_with_their_times() {
    let server = create("overlapped", 60_000);
    let patient = Reading::start(server);
    mailslot::set_timeout(server, 30).unwrap();
    let first = Reading::start(server);
    let second = Reading::start(server);
    until(|| second.status() != Status::PENDING && first.status() != Status::PENDING);
    for reading in [&first, &second] {
        assert_eq!(reading.status(), Status::IO_TIMEOUT);
        assert_eq!(reading.words[1].load(Ordering::Relaxed), 0);
        assert_eq!(wait::one(reading.event, NOW, false), Ok(wait::Outcome::Object(0)));
    }
    assert_eq!(patient.status(), Status::PENDING);
    write(open("overlapped"), b"hello").unwrap();
    assert_eq!(wait::one(patient.event, None, false), Ok(wait::Outcome::Object(0)));
    assert_eq!((patient.status(), patient.words[1].load(Ordering::Relaxed)), (Status::SUCCESS, 5));
    // SAFETY: the request is complete: nobody writes there any more.
    assert_eq!(unsafe { patient.bytes.read() }[..5], *b"hello");
    assert_eq!(inspect::check(), []);
}

/// A message that comes in time is delivered, and nothing of the read ends later.
#[test]
fn a_read_that_is_served_does_not_time_out() {
    let server = create("in time", 50);
    let client = open("in time");
    for _ in 0..20 {
        let reading = Reading::start(server);
        write(client, b"x").unwrap();
        assert_eq!(wait::one(reading.event, None, false), Ok(wait::Outcome::Object(0)));
        assert_eq!(reading.status(), Status::SUCCESS);
    }
    mailslot::set_timeout(server, WAIT_FOREVER).unwrap();
    let last = Reading::start(server);
    // By the end of one that begins later the times of all those before have come.
    let later = Reading::start(create("later", 50));
    until(|| later.status() == Status::IO_TIMEOUT);
    assert_eq!(last.status(), Status::PENDING);
    handle::close(server).unwrap();
    assert_eq!(last.status(), Status::FILE_FORCED_CLOSED);
}

#[test]
fn a_slot_dies_with_the_process_that_serves_it() {
    namespace();
    let mut child = fork(|| {
        let server = mailslot::create(
            &units("mortal"),
            &Server { max_message: 0, timeout_ms: WAIT_FOREVER, inherit: false },
        )
        .unwrap();
        let _ = read(server);
        loop {
            // SAFETY: has no preconditions.
            unsafe { libc::pause() };
        }
    });
    let mut client = Err(Status::OBJECT_NAME_NOT_FOUND);
    until(|| {
        client = mailslot::open(&units("mortal"), WRITE, false, false);
        client != Err(Status::OBJECT_NAME_NOT_FOUND)
    });
    let client = client.unwrap();
    write(client, b"served").unwrap();
    write(client, b"unread").unwrap();
    child.kill();
    until(|| write(client, b"x") == Err(Status::FILE_FORCED_CLOSED));
    let again = create("mortal", 0);
    assert_eq!(read(again), Err(Status::IO_TIMEOUT));
    // Who had opened the one before writes to none.
    assert_eq!(write(client, b"x"), Err(Status::FILE_FORCED_CLOSED));
    assert_eq!(inspect::check(), []);
}

#[test]
fn a_listing_shows_what_lies_in_a_slot() {
    let server = create(r"shown\here", 5);
    let client = open(r"shown\here");
    let datagrams = mailslot::open_datagram(&units(r"shown\here"), WRITE, false, false).unwrap();
    write(client, b"hello").unwrap();
    write(datagrams, b"").unwrap();
    let listing = inspect::objects().unwrap();
    let shown = |name: &str| {
        let all = listing.objects.iter().filter(|object| object.name.as_deref() == Some(name));
        all.map(|object| object.state.to_string()).collect::<Vec<_>>()
    };
    let expected = ["server, 2 unread, next of 5 bytes", "client, 2 unread, next of 5 bytes"];
    assert_eq!(shown(r"\\.\mailslot\shown\here"), expected);
    assert_eq!(shown(r"\\*\mailslot\shown\here"), ["client, 0 unread"]);
    assert_eq!(
        mailslot::info(server),
        Ok(Info { max_message: 0, next: Some(5), messages: 2, timeout_ms: 5 })
    );
    handle::close(server).unwrap();
    let listing = inspect::objects().unwrap();
    let is_gone = |state: &Shown| matches!(state, Shown::Mailslot { is_server: false, is_gone: true, .. });
    assert!(listing.objects.iter().any(|object| is_gone(&object.state)));
}

#[test]
fn a_slot_is_no_pipe() {
    let server = create("kinds", 0);
    let (event, _) = event::create(&Attributes::default(), ALL, false, false).unwrap();
    assert_eq!(mailslot::info(event), Err(Status::OBJECT_TYPE_MISMATCH));
    assert_eq!(winipc_executive::pipe::disconnect(server), Err(Status::OBJECT_TYPE_MISMATCH));
    assert_eq!(io::flush(open("kinds")), Err(Status::ILLEGAL_FUNCTION));
    assert_eq!(wait::one(server, NOW, false), Ok(wait::Outcome::Object(0)));
}
