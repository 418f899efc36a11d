//! Both ends of a pipe, for operations with the victim at either.

use winipc_executive::io::{self, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, Server};
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, Result, Status, event, handle};

use crate::harness::{Operation, Stage, Victim, unnamed};
use crate::support::{ALL, Waiter, units, until};

pub(super) const READ_WRITE: u32 = 0xC000_0000;
const QUOTA: u32 = 64;

fn server() -> Server {
    Server { max_instances: 3, ..Server::new(true, QUOTA) }
}

pub(super) fn create(name: &str) -> Handle {
    pipe::create(&units(name), &server()).unwrap().0
}

pub(super) fn open(name: &str) -> Result<Handle> {
    let client = pipe::open(&units(name), READ_WRITE, false, false)?;
    pipe::set_mode(client, true, false)?;
    Ok(client)
}

pub(super) fn read(end: Handle) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 100];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match io::read(end, buffer, None)? {
        io::Outcome::Done { information, .. } => {
            bytes.truncate(information);
            Ok(bytes)
        }
        io::Outcome::Pending => panic!("a blocking read is never pending"),
    }
}

pub(super) fn write(end: Handle, data: &[u8]) -> Result<()> {
    io::write(end, data, None).map(|_| ())
}

/// All messages up to the end, and how that is told.
pub(super) fn drain(end: Handle) -> (Vec<Vec<u8>>, Status) {
    let mut messages = Vec::new();
    loop {
        match read(end) {
            Ok(message) => messages.push(message),
            Err(status) => return (messages, status),
        }
    }
}

/// The survivors' server serves the next client.
pub(super) fn works(stage: &Stage) {
    let server = stage.extra();
    // If no client ever came it listens still.
    let _ = pipe::disconnect(server);
    let listener = std::thread::spawn(move || pipe::listen(server, None));
    let mut client = Err(Status::PIPE_NOT_AVAILABLE);
    until(|| {
        client = open("pipe");
        client != Err(Status::PIPE_NOT_AVAILABLE)
    });
    let client = client.unwrap();
    assert!(matches!(listener.join().unwrap(), Ok(_) | Err(Status::PIPE_CONNECTED)));
    write(client, b"question").unwrap();
    assert_eq!(read(server), Ok(b"question".to_vec()));
    write(server, b"answer").unwrap();
    assert_eq!(read(client), Ok(b"answer".to_vec()));
    handle::close(client).unwrap();
    assert_eq!(read(server), Err(Status::PIPE_BROKEN));
}

/// An operation of a client of the survivors' server.
pub(super) fn of_client(victim: fn(&Victim)) -> Operation {
    Operation {
        before: |stage| stage.keep(create("pipe")),
        judge: |stage, _, _| works(stage),
        ..Operation::new(victim)
    }
}

/// An operation of the server of the survivors' client.
pub(super) fn of_server(victim: fn(&Victim)) -> Operation {
    Operation {
        audience: |stage| {
            stage.keep(open("new").unwrap());
            Vec::new()
        },
        judge: |stage, _, _| {
            let (_, status) = drain(stage.extra());
            assert!(matches!(status, Status::PIPE_BROKEN | Status::PIPE_DISCONNECTED), "{status}");
            is_gone();
        },
        ..Operation::new(victim)
    }
}

/// A killed server's name is free.
pub(super) fn is_gone() {
    assert_gone("new");
}

/// Nothing has the name.
pub(crate) fn assert_gone(name: &str) {
    assert_eq!(open(name), Err(Status::OBJECT_NAME_NOT_FOUND));
}

/// Leaves both ends of a pipe open, with an unread message one way and a pending request the other.
pub(crate) fn leave_open(name: &str) {
    let server = create(name);
    let client = pipe::open(&units(name), READ_WRITE, true, false).unwrap();
    let (done, _) = event::create(&unnamed(), ALL, true, false).unwrap();
    // The memory stays until the process ends.
    let (block, bytes) = (Box::leak(Box::new([0; 2])), Box::leak(Box::new([0; 10])));
    assert_eq!(start_read(client, done, block, bytes), Ok(io::Outcome::Pending));
    io::write(client, b"unread", None).unwrap();
    assert_eq!(pipe::peek(server, &mut []).unwrap().available, 6);
}

/// Waits for a message, of which it gives the length.
pub(super) fn reader(end: Handle) -> Waiter {
    Waiter::start(move || read(end).map(|message| Outcome::Object(message.len())))
}

pub(super) fn start_read(
    client: Handle,
    done: Handle,
    block: &mut [usize; 2],
    bytes: &mut [u8],
) -> Result<io::Outcome> {
    // SAFETY: the caller waits for the end of the request before it lets go of the words and of the bytes.
    let (block, buffer) =
        unsafe { (StatusBlock::new(block), ReadBuffer::new(bytes.as_mut_ptr(), bytes.len())) };
    io::read(client, buffer, Some(Overlapped { block, event: Some(done), routine: None, no_packet: false }))
}
