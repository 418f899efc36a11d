//! Named pipes, with the victim at either end.

use winipc_executive::io::{self, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, Direction, PipeTimeout, Server};
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, Result, Status, event, handle, namespace, wait};

use crate::harness::{Operation, Stage, unnamed};
use crate::support::{ALL, Waiter, units, until};

const READ_WRITE: u32 = 0xC000_0000;
const QUOTA: u32 = 64;

fn server() -> Server {
    Server {
        direction: Direction::Duplex,
        extra_access: 0,
        overlapped: false,
        first_instance: false,
        message_type: true,
        message_read: true,
        nowait: false,
        reject_remote: false,
        max_instances: 3,
        out_quota: QUOTA,
        in_quota: QUOTA,
        default_timeout_ms: 50,
        inherit: false,
    }
}

fn create(name: &str) -> Handle {
    pipe::create(&units(name), &server()).unwrap().0
}

fn open(name: &str) -> Result<Handle> {
    let client = pipe::open(&units(name), READ_WRITE, false, false)?;
    pipe::set_mode(client, true, false)?;
    Ok(client)
}

fn read(end: Handle) -> Result<Vec<u8>> {
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

fn write(end: Handle, data: &[u8]) -> Result<()> {
    io::write(end, data, None).map(|_| ())
}

/// All messages up to the end, and how that is told.
fn drain(end: Handle) -> (Vec<Vec<u8>>, Status) {
    let mut messages = Vec::new();
    loop {
        match read(end) {
            Ok(message) => messages.push(message),
            Err(status) => return (messages, status),
        }
    }
}

/// The survivors' server serves the next client.
fn works(stage: &Stage) {
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
fn of_client(victim: fn(&crate::harness::Victim)) -> Operation {
    Operation {
        before: |stage| stage.keep(create("pipe")),
        judge: |stage, _, _| works(stage),
        ..Operation::new(victim)
    }
}

/// An operation of the server of the survivors' client.
fn of_server(victim: fn(&crate::harness::Victim)) -> Operation {
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
fn is_gone() {
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
fn reader(end: Handle) -> Waiter {
    Waiter::start(move || read(end).map(|message| Outcome::Object(message.len())))
}

pub(crate) fn create_pipe() -> Operation {
    Operation {
        meanwhile: |stage| {
            if let Ok(client) = open("new") {
                handle::close(client).unwrap();
            }
            stage.traffic();
        },
        judge: |_, _, _| is_gone(),
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            create("new");
        })
    }
}

pub(crate) fn create_another_instance() -> Operation {
    of_client(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        create("pipe");
    })
}

pub(crate) fn open_pipe() -> Operation {
    of_client(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        open("pipe").unwrap();
    })
}

pub(crate) fn open_pipe_of_a_listener() -> Operation {
    Operation {
        audience: |stage| {
            let server = stage.extra();
            vec![Waiter::start(move || pipe::listen(server, None).map(|_| Outcome::Object(0)))]
        },
        judge: |stage, listeners, completed| {
            if !completed && let Ok(client) = open("pipe") {
                handle::close(client).unwrap();
            }
            for listener in listeners {
                listener.outcome();
            }
            works(stage);
        },
        ..open_pipe()
    }
}

pub(crate) fn listen() -> Operation {
    Operation {
        meanwhile: |_| {
            // The victim listens, or will be dead.
            match open("new") {
                Ok(client) => handle::close(client).unwrap(),
                Err(status) => assert_eq!(status, Status::OBJECT_NAME_NOT_FOUND),
            }
        },
        judge: |_, _, _| is_gone(),
        ..Operation::new(|victim| {
            let server = create("new");
            victim.arm();
            assert!(matches!(pipe::listen(server, None), Ok(_) | Err(Status::PIPE_CONNECTED)));
        })
    }
}

/// Looks whether the victim's message has come, whole and once.
fn hello_or_nothing(stage: &Stage, completed: bool) {
    let (messages, status) = drain(stage.extra());
    assert_eq!(status, Status::PIPE_BROKEN);
    assert!(messages == [b"hello"] || messages.is_empty() && !completed, "{messages:?}");
}

pub(crate) fn write_message() -> Operation {
    Operation {
        judge: |stage, _, completed| {
            hello_or_nothing(stage, completed);
            works(stage);
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            victim.arm();
            write(client, b"hello").unwrap();
        })
    }
}

pub(crate) fn write_message_to_a_reader() -> Operation {
    Operation {
        audience: |stage| vec![reader(stage.extra())],
        judge: |stage, readers, completed| {
            for reader in readers {
                match reader.thread.join().unwrap() {
                    Ok(outcome) => assert_eq!(outcome, Outcome::Object(5)),
                    Err(status) => assert!(status == Status::PIPE_BROKEN && !completed, "{status}"),
                }
            }
            assert_eq!(drain(stage.extra()), (Vec::new(), Status::PIPE_BROKEN));
            works(stage);
        },
        ..write_message()
    }
}

pub(crate) fn write_beyond_the_quota() -> Operation {
    Operation {
        meanwhile: |stage| assert_eq!(read(stage.extra()), Ok(vec![1; 60])),
        judge: |stage, _, completed| {
            let (messages, status) = drain(stage.extra());
            assert_eq!(status, Status::PIPE_BROKEN);
            assert!(messages == [vec![2; 60]] || messages.is_empty() && !completed, "{messages:?}");
            works(stage);
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            write(client, &[1; 60]).unwrap();
            victim.arm();
            write(client, &[2; 60]).unwrap();
        })
    }
}

pub(crate) fn read_message() -> Operation {
    Operation {
        audience: |stage| {
            write(stage.extra(), b"hello").unwrap();
            Vec::new()
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            victim.arm();
            assert_eq!(read(client), Ok(b"hello".to_vec()));
        })
    }
}

/// Writes to a victim that may be dead by then.
fn write_if_there(stage: &Stage) {
    match write(stage.extra(), b"hello") {
        Ok(()) | Err(Status::PIPE_CLOSING | Status::PIPE_BROKEN) => {}
        other => panic!("write: {other:?}"),
    }
}

pub(crate) fn read_message_asleep() -> Operation {
    Operation {
        meanwhile: write_if_there,
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            victim.arm();
            assert_eq!(read(client), Ok(b"hello".to_vec()));
        })
    }
}

pub(crate) fn read_overlapped() -> Operation {
    Operation {
        meanwhile: write_if_there,
        ..of_client(|victim| {
            let (client, done) = overlapped_client();
            victim.arm();
            let mut block = [0; 2];
            let mut bytes = [0; 10];
            assert_eq!(start_read(client, done, &mut block, &mut bytes), Ok(io::Outcome::Pending));
            assert_eq!(wait::one(done, None, false), Ok(Outcome::Object(0)));
            assert_eq!((block, &bytes[..5]), ([0, 5], &b"hello"[..]));
        })
    }
}

pub(crate) fn cancel_read() -> Operation {
    of_client(|victim| {
        let (client, done) = overlapped_client();
        let mut block = [0; 2];
        let mut bytes = [0; 10];
        assert_eq!(start_read(client, done, &mut block, &mut bytes), Ok(io::Outcome::Pending));
        victim.arm();
        io::cancel_requests(client, None).unwrap();
        assert_eq!(wait::one(done, None, false), Ok(Outcome::Object(0)));
        assert_eq!(block[0], Status::CANCELLED.0 as usize);
    })
}

/// A client that reads without blocking, and an event.
fn overlapped_client() -> (Handle, Handle) {
    let client = pipe::open(&units("pipe"), READ_WRITE, true, false).unwrap();
    (client, event::create(&unnamed(), ALL, true, false).unwrap().0)
}

fn start_read(client: Handle, done: Handle, block: &mut [usize; 2], bytes: &mut [u8]) -> Result<io::Outcome> {
    // SAFETY: the caller waits for the end of the request before it lets go of the words and of the bytes.
    let (block, buffer) =
        unsafe { (StatusBlock::new(block), ReadBuffer::new(bytes.as_mut_ptr(), bytes.len())) };
    io::read(client, buffer, Some(Overlapped { block, event: Some(done), routine: None, no_packet: false }))
}

pub(crate) fn peek() -> Operation {
    Operation {
        audience: |stage| {
            write(stage.extra(), b"hello").unwrap();
            Vec::new()
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            victim.arm();
            let mut bytes = [0; 5];
            assert_eq!(pipe::peek(client, &mut bytes).unwrap().copied, 5);
        })
    }
}

pub(crate) fn transact() -> Operation {
    Operation {
        meanwhile: |stage| match read(stage.extra()) {
            Ok(question) => {
                assert_eq!(question, b"hello");
                write_if_there(stage);
            }
            Err(status) => assert_eq!(status, Status::PIPE_BROKEN),
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            victim.arm();
            let mut bytes = [0; 10];
            // SAFETY: the buffer outlives the call, which returns when the request is complete.
            let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
            pipe::transact(client, b"hello", buffer, None).unwrap();
            assert_eq!(&bytes[..5], b"hello");
        })
    }
}

pub(crate) fn flush() -> Operation {
    Operation {
        meanwhile: |stage| assert_eq!(read(stage.extra()), Ok(b"hello".to_vec())),
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            write(client, b"hello").unwrap();
            victim.arm();
            io::flush(client).unwrap();
        })
    }
}

pub(crate) fn set_mode() -> Operation {
    of_client(|victim| {
        let client = open("pipe").unwrap();
        victim.arm();
        pipe::set_mode(client, false, true).unwrap();
    })
}

pub(crate) fn wait_for_an_instance() -> Operation {
    of_client(|victim| {
        // The only instance is taken.
        open("pipe").unwrap();
        victim.arm();
        assert_eq!(
            pipe::wait_available(&units("pipe"), PipeTimeout::Milliseconds(1)),
            Err(Status::IO_TIMEOUT)
        );
    })
}

pub(crate) fn close_client_end() -> Operation {
    Operation {
        judge: |stage, _, _| {
            // What was written comes through, whoever dies.
            assert_eq!(drain(stage.extra()), (vec![b"hello".to_vec()], Status::PIPE_BROKEN));
            works(stage);
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            write(client, b"hello").unwrap();
            victim.arm();
            handle::close(client).unwrap();
        })
    }
}

pub(crate) fn close_server_end() -> Operation {
    Operation {
        judge: |stage, _, _| {
            assert_eq!(drain(stage.extra()), (vec![b"hello".to_vec()], Status::PIPE_BROKEN));
            is_gone();
        },
        ..of_server(|victim| {
            let server = create("new");
            victim.prepared();
            assert_eq!(pipe::listen(server, None), Err(Status::PIPE_CONNECTED));
            write(server, b"hello").unwrap();
            victim.arm();
            handle::close(server).unwrap();
        })
    }
}

pub(crate) fn disconnect() -> Operation {
    Operation {
        audience: |stage| {
            let client = open("new").unwrap();
            stage.keep(client);
            vec![reader(client)]
        },
        judge: |stage, readers, _| {
            for reader in readers {
                let status = reader.thread.join().unwrap().unwrap_err();
                assert!(matches!(status, Status::PIPE_BROKEN | Status::PIPE_DISCONNECTED), "{status}");
            }
            let (messages, status) = drain(stage.extra());
            assert!(messages.is_empty());
            assert!(matches!(status, Status::PIPE_BROKEN | Status::PIPE_DISCONNECTED), "{status}");
            is_gone();
        },
        ..of_server(|victim| {
            let server = create("new");
            victim.arm();
            pipe::disconnect(server).unwrap();
        })
    }
}
