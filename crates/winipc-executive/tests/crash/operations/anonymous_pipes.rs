//! Anonymous pipes, of which the victim has been given an end.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use winipc_executive::handle::Duplicate;
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, Status, file, handle, io, namespace, process, thread};

use super::pipes::{read, write};
use crate::harness::{OWN, Operation, Stage, Victim};
use crate::support::{PROCESS_ALL, Waiter, pipe_descriptors, until};

const THREAD_ALL: u32 = 0x1F_FFFF;
pub(super) const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };
/// Words of the page: the victim's id, and a handle that it was given or gives.
pub(super) const ID: usize = OWN;
pub(super) const GIVEN: usize = OWN + 1;

/// The survivors' own end of the pipe that is not kept for the operation, until somebody has taken it.
static OTHER: Mutex<Option<Handle>> = Mutex::new(None);

pub(super) fn other() -> Handle {
    OTHER.lock().unwrap().take().unwrap()
}

/// How many pipes there were before.
pub(super) static BEFORE: Mutex<usize> = Mutex::new(0);

/// Makes a pipe of which the operation is given the end to read from, or the one to write to, and the other kept.
pub(super) fn make_pipe(stage: &Stage, keep_reader: bool) {
    *BEFORE.lock().unwrap() = pipe_descriptors();
    let (reader, writer) = file::create_pipe(0, false).unwrap();
    stage.keep(if keep_reader { reader } else { writer });
    *OTHER.lock().unwrap() = Some(if keep_reader { writer } else { reader });
}

pub(super) fn open_victim(stage: &Stage) -> Handle {
    let id = stage.page.word(ID).load(Ordering::Acquire);
    process::open(id as u32, PROCESS_ALL, false).unwrap()
}

/// Gives the end that is not kept to the victim.
pub(super) fn give_away(stage: &Stage) -> Vec<Waiter> {
    let (victim, end) = (open_victim(stage), other());
    let options = Duplicate { close_source: true, ..SAME };
    let given = handle::duplicate(Handle::CURRENT_PROCESS, end, Some(victim), &options).unwrap();
    handle::close(victim).unwrap();
    stage.page.word(GIVEN).store(given.raw() as u64, Ordering::Release);
    Vec::new()
}

/// Comes before the audience, and takes what that gives.
pub(super) fn take_given(victim: &Victim) -> Handle {
    introduce(victim);
    victim.prepared();
    given(victim)
}

pub(super) fn introduce(victim: &Victim) {
    namespace::attach().unwrap();
    victim.word(ID).store(std::process::id().into(), Ordering::Release);
}

pub(super) fn given(victim: &Victim) -> Handle {
    Handle::from_raw(victim.word(GIVEN).load(Ordering::Acquire) as isize)
}

/// The survivors have their own end, and no other descriptor: what the victim had, wherever it was, is closed.
pub(super) fn has_only_its_own(stage: &Stage, is_reader: bool) {
    let before = *BEFORE.lock().unwrap();
    until(|| pipe_descriptors() == before + 1);
    if is_reader {
        while !matches!(read(stage.extra()), Err(Status::PIPE_BROKEN)) {}
    } else {
        assert_eq!(write(stage.extra(), b"x"), Err(Status::PIPE_CLOSING));
    }
}

pub(crate) fn create_anonymous_pipe() -> Operation {
    Operation::new(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        file::create_pipe(0, false).unwrap();
    })
}

pub(crate) fn write_anonymous_pipe() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            let writer = take_given(victim);
            victim.arm();
            write(writer, b"message").unwrap();
        })
    }
}

pub(crate) fn write_anonymous_pipe_asleep() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        meanwhile: |stage| {
            let mut left = 1 << 15;
            while left != 0 {
                match read(stage.extra()) {
                    Ok(bytes) => left -= bytes.len(),
                    Err(_) => return,
                }
            }
        },
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            let writer = take_given(victim);
            victim.arm();
            write(writer, &vec![1; 1 << 15]).unwrap();
        })
    }
}

pub(crate) fn read_anonymous_pipe_asleep() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, false),
        audience: give_away,
        meanwhile: |stage| {
            let _ = write(stage.extra(), b"message");
        },
        judge: |stage, _, _| has_only_its_own(stage, false),
        ..Operation::new(|victim| {
            let reader = take_given(victim);
            victim.arm();
            read(reader).unwrap();
        })
    }
}

pub(crate) fn flush_anonymous_pipe() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        meanwhile: |stage| drop(read(stage.extra())),
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            let writer = take_given(victim);
            write(writer, b"message").unwrap();
            victim.arm();
            io::flush(writer).unwrap();
        })
    }
}

pub(crate) fn close_anonymous_pipe() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            let writer = take_given(victim);
            victim.arm();
            handle::close(writer).unwrap();
        })
    }
}

/// Cancels the read of a survivor, who has to learn of it also if who cancelled could not tell.
pub(crate) fn cancel_read_of_anonymous_pipe() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: |stage| {
            let reader = stage.extra();
            let (tell, told) = std::sync::mpsc::channel();
            let waiter = Waiter::start(move || {
                let own = handle::duplicate(
                    Handle::CURRENT_PROCESS,
                    Handle::CURRENT_THREAD,
                    Some(Handle::CURRENT_PROCESS),
                    &SAME,
                );
                let own = own.unwrap();
                tell.send(thread::id_of(own).unwrap()).unwrap();
                handle::close(own).unwrap();
                match read(reader) {
                    Err(Status::CANCELLED) => Ok(Outcome::Object(1)),
                    Err(Status::PIPE_BROKEN) => Ok(Outcome::Object(0)),
                    other => panic!("{other:?}"),
                }
            });
            stage.page.word(GIVEN).store(told.recv().unwrap().into(), Ordering::Release);
            vec![waiter]
        },
        judge: |_, audience, completed| {
            handle::close(other()).unwrap();
            for waiter in audience {
                let outcome = waiter.outcome();
                assert!(outcome == Outcome::Object(1) || !completed, "{outcome:?}");
            }
        },
        ..Operation::new(|victim| {
            introduce(victim);
            victim.prepared();
            let id = victim.word(GIVEN).load(Ordering::Acquire);
            let reader = thread::open(id as u32, THREAD_ALL, false).unwrap();
            victim.arm();
            while io::cancel_synchronous(reader) == Err(Status::NOT_FOUND) {}
        })
    }
}
