//! Named pipes.

use std::sync::Once;

use winipc_executive::io::{self, Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, Server};
use winipc_executive::{Handle, Status, handle};

const READ_WRITE: u32 = 0xC000_0000;

fn namespace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("pipes-{}", std::process::id())) };
    });
}

fn server(message: bool, quota: u32) -> Server {
    Server { max_instances: 3, ..Server::new(message, quota) }
}

fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

fn pair(name: &str, message: bool, quota: u32) -> (Handle, Handle) {
    namespace();
    let (end, _) = pipe::create(&units(name), &server(message, quota)).unwrap();
    let client = pipe::open(&units(&name.to_uppercase()), READ_WRITE, false, false).unwrap();
    pipe::set_mode(client, message, false).unwrap();
    assert_eq!(pipe::listen(end, None), Err(Status::PIPE_CONNECTED));
    (end, client)
}

fn read(end: Handle, room: usize) -> Result<(Vec<u8>, Status), Status> {
    let mut bytes = vec![0; room];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match io::read(end, buffer, None)? {
        Outcome::Done { status, information } => {
            bytes.truncate(information);
            Ok((bytes, status))
        }
        Outcome::Pending => panic!("a blocking read is never pending"),
    }
}

fn write(end: Handle, data: &[u8]) -> Result<usize, Status> {
    match io::write(end, data, None)? {
        Outcome::Done { information, .. } => Ok(information),
        Outcome::Pending => panic!("a blocking write is never pending"),
    }
}

#[test]
fn messages_stay_apart() {
    let (end, client) = pair("apart", true, 4096);
    assert_eq!(write(client, b"one"), Ok(3));
    assert_eq!(write(client, b""), Ok(0));
    assert_eq!(write(client, b"three"), Ok(5));
    assert_eq!(read(end, 2), Ok((b"on".to_vec(), Status::BUFFER_OVERFLOW)));
    assert_eq!(read(end, 9), Ok((b"e".to_vec(), Status::SUCCESS)));
    assert_eq!(read(end, 9), Ok((b"".to_vec(), Status::SUCCESS)));
    assert_eq!(read(end, 9), Ok((b"three".to_vec(), Status::SUCCESS)));
    handle::close(client).unwrap();
    assert_eq!(read(end, 9), Err(Status::PIPE_BROKEN));
    assert_eq!(write(end, b"x"), Err(Status::PIPE_CLOSING));
    handle::close(end).unwrap();
    assert_eq!(pipe::open(&units("apart"), READ_WRITE, false, false), Err(Status::OBJECT_NAME_NOT_FOUND));
}

#[test]
fn bytes_run_together() {
    let (end, client) = pair("together", false, 4096);
    for piece in [&b"one"[..], b"two", b"three"] {
        write(client, piece).unwrap();
    }
    assert_eq!(read(end, 7), Ok((b"onetwot".to_vec(), Status::SUCCESS)));
    assert_eq!(read(end, 100), Ok((b"hree".to_vec(), Status::SUCCESS)));
}

#[test]
fn a_writer_waits_for_the_quota_and_a_reader_for_data() {
    let (end, client) = pair("waits", true, 100);
    let total = 2000;
    let writer = std::thread::spawn(move || {
        for number in 0..total {
            let length = number % 300;
            assert_eq!(write(client, &vec![number as u8; length]), Ok(length));
        }
        handle::close(client).unwrap();
    });
    for number in 0..total {
        let (bytes, status) = read(end, 300).unwrap();
        assert_eq!((bytes, status), (vec![number as u8; number % 300], Status::SUCCESS));
    }
    assert_eq!(read(end, 300), Err(Status::PIPE_BROKEN));
    writer.join().unwrap();
}

#[test]
fn a_long_message_comes_through_whole() {
    let (end, client) = pair("long", true, 0);
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number / 7) as u8).collect();
    let expected = bytes.clone();
    let writer = std::thread::spawn(move || write(client, &bytes));
    let mut got = Vec::new();
    loop {
        let (part, status) = read(end, 70_000).unwrap();
        got.extend(part);
        if status == Status::SUCCESS {
            break;
        }
    }
    assert!(got == expected);
    assert_eq!(writer.join().unwrap(), Ok(1_000_000));
}

#[test]
fn requests_and_answers_alternate() {
    let (end, client) = pair("alternate", true, 4096);
    let echo = std::thread::spawn(move || {
        for _ in 0..20_000 {
            let (bytes, _) = read(end, 64).unwrap();
            write(end, &bytes).unwrap();
        }
    });
    for number in 0..20_000_u64 {
        write(client, &number.to_ne_bytes()).unwrap();
        assert_eq!(read(client, 64).unwrap().0, number.to_ne_bytes());
    }
    echo.join().unwrap();
}

fn transact(end: Handle, request: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    // SAFETY: the buffer outlives the call, which returns when the answer is there.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match pipe::transact(end, request, buffer, None).unwrap() {
        Outcome::Done { information, .. } => bytes.truncate(information),
        Outcome::Pending => panic!("a blocking call is never pending"),
    }
    bytes
}

/// Between the write and the read of one thread's transaction came another's, which took its answer.
#[test]
fn threads_that_transact_on_one_end_get_their_own_answers() {
    let (end, client) = pair("transactions", true, 4096);
    let echo = std::thread::spawn(move || {
        while let Ok((bytes, _)) = read(end, 64) {
            write(end, &bytes).unwrap();
        }
    });
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            scope.spawn(move || {
                for number in 0..3000_u64 {
                    let request = (thread << 32 | number).to_ne_bytes();
                    assert_eq!(transact(client, &request), request);
                }
            });
        }
    });
    handle::close(client).unwrap();
    echo.join().unwrap();
}

/// The event was looked up after the message had gone.
#[test]
fn a_transaction_with_a_bad_event_writes_nothing() {
    let (end, client) = pair("bad event", true, 4096);
    let (mut words, mut byte) = ([0_usize; 2], 0_u8);
    // SAFETY: nothing else uses them while the call, which fails at once, lasts.
    let (block, buffer) = unsafe { (StatusBlock::new(&mut words), ReadBuffer::new(&mut byte, 1)) };
    let event = Some(Handle::from_raw(0x7FFF_0000));
    let overlapped = Overlapped { block, event, routine: None, no_packet: false };
    assert_eq!(pipe::transact(client, b"x", buffer, Some(overlapped)), Err(Status::INVALID_HANDLE));
    assert_eq!(transact_later(end, client), b"y");
}

/// Transacts with `y` and says what came at the other end, which echoes it.
fn transact_later(end: Handle, client: Handle) -> Vec<u8> {
    let echo = std::thread::spawn(move || {
        let (bytes, _) = read(end, 64).unwrap();
        write(end, &bytes).unwrap();
        bytes
    });
    assert_eq!(transact(client, b"y").len(), 1);
    echo.join().unwrap()
}
