//! Mailslots, with the victim as the one who reads or as one of those who write.

use winipc_executive::io::{self, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::mailslot::{self, Server, WAIT_FOREVER};
use winipc_executive::wait::{self, Outcome};
use winipc_executive::{Handle, Result, Status, event, handle};

use super::pipes::{read, write};
use crate::harness::{Operation, Stage, Victim, unnamed};
use crate::support::{ALL, Waiter, units};

const WRITE: u32 = 0x4000_0000;
/// Unread messages that are more than one transaction frees.
const MANY: usize = 40;

fn create(name: &str, timeout_ms: u32) -> Handle {
    mailslot::create(&units(name), &Server { max_message: 0, timeout_ms, inherit: false }).unwrap()
}

fn open(name: &str) -> Result<Handle> {
    mailslot::open(&units(name), WRITE, false, false)
}

/// All messages of the survivors' slot.
fn drain(stage: &Stage) -> Vec<Vec<u8>> {
    let slot = stage.extra();
    let messages = std::iter::from_fn(|| read(slot).ok()).collect();
    assert_eq!(read(slot), Err(Status::IO_TIMEOUT));
    assert_eq!(mailslot::info(slot).unwrap().messages, 0);
    messages
}

/// The survivors' slot takes the next message.
fn works(stage: &Stage) {
    let client = open("slot").unwrap();
    write(client, b"question").unwrap();
    assert_eq!(drain(stage), [b"question"]);
    handle::close(client).unwrap();
}

/// An operation of somebody who writes to the survivors' slot.
fn of_writer(victim: fn(&Victim)) -> Operation {
    Operation {
        before: |stage| stage.keep(create("slot", 0)),
        judge: |stage, _, completed| {
            let messages = drain(stage);
            assert!(messages == [b"hello"] || messages.is_empty() && !completed, "{messages:?}");
            works(stage);
        },
        ..Operation::new(victim)
    }
}

/// An operation of the one who reads the slot that a survivor writes to.
fn of_reader(victim: fn(&Victim)) -> Operation {
    Operation {
        audience: |stage| {
            stage.keep(open("new").unwrap());
            Vec::new()
        },
        judge: |stage, _, _| is_gone(stage),
        ..Operation::new(victim)
    }
}

/// A killed server's slot is gone, for who had opened it too, and its name free.
fn is_gone(stage: &Stage) {
    assert_eq!(open("new"), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(write(stage.extra(), b"x"), Err(Status::FILE_FORCED_CLOSED));
    let again = create("new", 0);
    assert_eq!(read(again), Err(Status::IO_TIMEOUT));
    handle::close(again).unwrap();
}

pub(crate) fn create_mailslot() -> Operation {
    Operation {
        judge: |_, _, _| {
            handle::close(create("new", 0)).unwrap();
        },
        ..Operation::new(|victim| {
            victim.arm();
            create("new", WAIT_FOREVER);
        })
    }
}

pub(crate) fn open_mailslot() -> Operation {
    Operation {
        judge: |stage, _, _| works(stage),
        ..of_writer(|victim| {
            victim.arm();
            open("slot").unwrap();
        })
    }
}

pub(crate) fn close_mailslot_client() -> Operation {
    Operation {
        judge: |stage, _, _| works(stage),
        ..of_writer(|victim| {
            let client = open("slot").unwrap();
            victim.arm();
            handle::close(client).unwrap();
        })
    }
}

pub(crate) fn write_to_mailslot() -> Operation {
    of_writer(|victim| {
        let client = open("slot").unwrap();
        victim.arm();
        write(client, b"hello").unwrap();
    })
}

/// What it has staged is freed.
pub(crate) fn write_too_much_for_a_datagram() -> Operation {
    Operation {
        judge: |stage, _, _| works(stage),
        ..of_writer(|victim| {
            let client = mailslot::open_datagram(&units("SLOT"), WRITE, false, false).unwrap();
            victim.arm();
            assert_eq!(write(client, &[1; 100_000]), Err(Status::BAD_NETWORK_PATH));
        })
    }
}

pub(crate) fn send_datagram() -> Operation {
    of_writer(|victim| {
        victim.arm();
        let client = mailslot::open_datagram(&units("SLOT"), WRITE, false, false).unwrap();
        write(client, b"hello").unwrap();
        handle::close(client).unwrap();
    })
}

pub(crate) fn write_to_mailslot_with_a_reader() -> Operation {
    Operation {
        before: |stage| stage.keep(create("slot", WAIT_FOREVER)),
        audience: |stage| {
            let slot = stage.extra();
            vec![Waiter::start(move || read(slot).map(|message| Outcome::Object(message.len())))]
        },
        judge: |stage, readers, completed| {
            if !completed {
                // The reader may still wait: it, or the next, is given this.
                let client = open("slot").unwrap();
                write(client, b"later!").unwrap();
                handle::close(client).unwrap();
            }
            for reader in readers {
                let outcome = reader.thread.join().unwrap();
                assert!(outcome == Ok(Outcome::Object(5)) || outcome == Ok(Outcome::Object(6)) && !completed);
            }
            mailslot::set_timeout(stage.extra(), 0).unwrap();
            drain(stage);
            works(stage);
        },
        ..write_to_mailslot()
    }
}

pub(crate) fn write_to_mailslot_whose_reader_has_too_little_room() -> Operation {
    Operation {
        before: |stage| stage.keep(create("slot", WAIT_FOREVER)),
        audience: |stage| {
            let slot = stage.extra();
            vec![Waiter::start(move || match read_into(slot, 2) {
                Err(Status::BUFFER_TOO_SMALL) => Ok(Outcome::Object(0)),
                Err(Status::CANCELLED) => Ok(Outcome::Timeout),
                other => panic!("read: {other:?}"),
            })]
        },
        judge: |stage, readers, completed| {
            let _ = io::cancel_requests(stage.extra(), None);
            for reader in readers {
                let outcome = reader.thread.join().unwrap();
                assert!(outcome == Ok(Outcome::Object(0)) || outcome == Ok(Outcome::Timeout) && !completed);
            }
            mailslot::set_timeout(stage.extra(), 0).unwrap();
            let messages = drain(stage);
            assert!(messages == [b"hello"] || messages.is_empty() && !completed, "{messages:?}");
            works(stage);
        },
        ..write_to_mailslot()
    }
}

fn read_into(slot: Handle, room: usize) -> Result<usize> {
    let mut bytes = vec![0; room];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match io::read(slot, buffer, None)? {
        io::Outcome::Done { information, .. } => Ok(information),
        io::Outcome::Pending => panic!("a blocking read is never pending"),
    }
}

pub(crate) fn read_from_mailslot() -> Operation {
    Operation {
        audience: |stage| {
            let client = open("new").unwrap();
            write(client, b"hello").unwrap();
            write(client, b"unread").unwrap();
            stage.keep(client);
            Vec::new()
        },
        ..of_reader(|victim| {
            let slot = create("new", WAIT_FOREVER);
            victim.arm();
            assert_eq!(read(slot), Ok(b"hello".to_vec()));
        })
    }
}

/// Writes to a victim that may be dead by then.
fn write_if_there(stage: &Stage) {
    match write(stage.extra(), b"hello") {
        Ok(()) | Err(Status::FILE_FORCED_CLOSED) => {}
        other => panic!("write: {other:?}"),
    }
}

pub(crate) fn read_from_mailslot_asleep() -> Operation {
    Operation {
        meanwhile: write_if_there,
        ..of_reader(|victim| {
            let slot = create("new", WAIT_FOREVER);
            victim.arm();
            assert_eq!(read(slot), Ok(b"hello".to_vec()));
        })
    }
}

pub(crate) fn read_from_mailslot_until_timeout() -> Operation {
    of_reader(|victim| {
        let slot = create("new", 1);
        victim.arm();
        assert_eq!(read(slot), Err(Status::IO_TIMEOUT));
    })
}

/// Starts an overlapped read, and waits for its end.
fn read_overlapped(victim: &Victim, slot: Handle, meanwhile: impl FnOnce()) -> (usize, Vec<u8>) {
    let (done, _) = event::create(&unnamed(), ALL, true, false).unwrap();
    let (mut block, mut bytes) = ([0; 2], vec![0; 10]);
    // SAFETY: both outlive the request, whose end is waited for.
    let (report, buffer) =
        unsafe { (StatusBlock::new(&mut block), ReadBuffer::new(bytes.as_mut_ptr(), bytes.len())) };
    let overlapped = Overlapped { block: report, event: Some(done), routine: None, no_packet: false };
    victim.arm();
    assert_eq!(io::read(slot, buffer, Some(overlapped)), Ok(io::Outcome::Pending));
    meanwhile();
    assert_eq!(wait::one(done, None, false), Ok(Outcome::Object(0)));
    bytes.truncate(block[1]);
    (block[0], bytes)
}

pub(crate) fn read_from_mailslot_overlapped() -> Operation {
    Operation {
        meanwhile: write_if_there,
        ..of_reader(|victim| {
            let slot = create("new", 60_000);
            let read = read_overlapped(victim, slot, || {});
            assert_eq!(read, (0, b"hello".to_vec()));
        })
    }
}

pub(crate) fn read_from_mailslot_overlapped_until_timeout() -> Operation {
    of_reader(|victim| {
        let slot = create("new", 1);
        let (status, _) = read_overlapped(victim, slot, || {});
        assert_eq!(status, Status::IO_TIMEOUT.0 as usize);
    })
}

pub(crate) fn cancel_read_from_mailslot() -> Operation {
    of_reader(|victim| {
        let slot = create("new", WAIT_FOREVER);
        let (status, _) = read_overlapped(victim, slot, || io::cancel_requests(slot, None).unwrap());
        assert_eq!(status, Status::CANCELLED.0 as usize);
    })
}

pub(crate) fn ask_and_set_a_mailslot() -> Operation {
    of_reader(|victim| {
        let slot = create("new", 0);
        victim.arm();
        assert_eq!(mailslot::info(slot).unwrap().timeout_ms, 0);
        mailslot::set_timeout(slot, 5).unwrap();
    })
}

/// More unread messages than one transaction frees, of a survivor's and of the victim's own.
pub(crate) fn close_mailslot_with_unread_messages() -> Operation {
    Operation {
        audience: |stage| {
            stage.keep(open("new").unwrap());
            for number in 0..MANY {
                write(stage.extra(), &[1; 10][..number % 10]).unwrap();
            }
            Vec::new()
        },
        ..of_reader(|victim| {
            let slot = create("new", WAIT_FOREVER);
            write(open("new").unwrap(), b"own").unwrap();
            victim.arm();
            handle::close(slot).unwrap();
        })
    }
}

pub(crate) fn close_mailslot_with_a_pending_read() -> Operation {
    of_reader(|victim| {
        let slot = create("new", WAIT_FOREVER);
        let (status, _) = read_overlapped(victim, slot, || handle::close(slot).unwrap());
        assert_eq!(status, Status::FILE_FORCED_CLOSED.0 as usize);
    })
}
