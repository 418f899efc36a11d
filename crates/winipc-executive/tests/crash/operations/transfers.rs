//! What a victim writes to a survivor's pipe and reads from it.

use winipc_executive::io::{self, ReadBuffer};
use winipc_executive::pipe;
use winipc_executive::wait::{self, Outcome};
use winipc_executive::{Handle, Status, event};

use super::pipes::{READ_WRITE, drain, of_client, open, read, reader, start_read, works, write};
use crate::harness::{Operation, Stage, unnamed};
use crate::support::{ALL, units};

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
