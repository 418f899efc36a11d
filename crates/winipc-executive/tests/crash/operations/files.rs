//! Anonymous pipes, and the hand-over of their descriptors, with the victim at either side of it.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use winipc_executive::handle::Duplicate;
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, Kind, Result, Status, file, handle, io, namespace, process, thread, wait};

use super::pipes::{read, write};
use crate::harness::{OWN, Operation, Stage, Victim};
use crate::support::{PROCESS_ALL, Waiter, until};

const THREAD_ALL: u32 = 0x1F_FFFF;
const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };
/// Words of the page: the victim's id, a handle that it was given or gives, and whether something is over.
const ID: usize = OWN;
const GIVEN: usize = OWN + 1;
const OVER: usize = OWN + 2;

/// The survivors' own end of the pipe that is not kept for the operation, until somebody has taken it.
static OTHER: Mutex<Option<Handle>> = Mutex::new(None);

fn other() -> Handle {
    OTHER.lock().unwrap().take().unwrap()
}

/// Descriptors of pipes that the process has.
fn pipes() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count()
}

/// How many pipes there were before.
static BEFORE: Mutex<usize> = Mutex::new(0);

/// Makes a pipe of which the operation is given the end to read from, or the one to write to, and the other kept.
fn make_pipe(stage: &Stage, keep_reader: bool) {
    *BEFORE.lock().unwrap() = pipes();
    let (reader, writer) = file::create_pipe(0, false).unwrap();
    stage.keep(if keep_reader { reader } else { writer });
    *OTHER.lock().unwrap() = Some(if keep_reader { writer } else { reader });
}

fn open_victim(stage: &Stage) -> Handle {
    let id = stage.page.word(ID).load(Ordering::Acquire);
    process::open(id as u32, PROCESS_ALL, false).unwrap()
}

/// Gives the end that is not kept to the victim.
fn give_away(stage: &Stage) -> Vec<Waiter> {
    let (victim, end) = (open_victim(stage), other());
    let options = Duplicate { close_source: true, ..SAME };
    let given = handle::duplicate(Handle::CURRENT_PROCESS, end, Some(victim), &options).unwrap();
    handle::close(victim).unwrap();
    stage.page.word(GIVEN).store(given.raw() as u64, Ordering::Release);
    Vec::new()
}

/// Comes before the audience, and takes what that gives.
fn take_given(victim: &Victim) -> Handle {
    introduce(victim);
    victim.prepared();
    given(victim)
}

fn introduce(victim: &Victim) {
    namespace::attach().unwrap();
    victim.word(ID).store(std::process::id().into(), Ordering::Release);
}

fn given(victim: &Victim) -> Handle {
    Handle::from_raw(victim.word(GIVEN).load(Ordering::Acquire) as isize)
}

/// Closes the handles to files that the victim has put into the survivors' table.
fn close_foreign(stage: &Stage) -> u32 {
    let mut closed = 0;
    for value in 1..2000 {
        let handle = Handle::from_raw(value * 4);
        if handle != stage.extra() && handle::kind(handle) == Ok(Kind::File) {
            handle::close(handle).unwrap();
            closed += 1;
        }
    }
    closed
}

/// The survivors have their own end, and no other descriptor: what the victim had, wherever it was, is closed.
fn has_only_its_own(stage: &Stage, is_reader: bool) {
    let before = *BEFORE.lock().unwrap();
    until(|| pipes() == before + 1);
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

fn open_parent() -> Handle {
    // SAFETY: getppid cannot fail.
    process::open(unsafe { libc::getppid() } as u32, PROCESS_ALL, false).unwrap()
}

pub(crate) fn give_descriptor_to_a_survivor() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        judge: |stage, _, completed| {
            let closed = close_foreign(stage);
            assert!(closed == 1 || closed == 0 && !completed, "{closed} handles");
            has_only_its_own(stage, true);
        },
        ..Operation::new(|victim| {
            let writer = take_given(victim);
            let parent = open_parent();
            victim.arm();
            handle::duplicate(Handle::CURRENT_PROCESS, writer, Some(parent), &SAME).unwrap();
        })
    }
}

pub(crate) fn move_descriptor_to_a_survivor() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        judge: |stage, _, _| {
            close_foreign(stage);
            has_only_its_own(stage, true);
        },
        ..Operation::new(|victim| {
            let writer = take_given(victim);
            let parent = open_parent();
            victim.arm();
            let options = Duplicate { close_source: true, ..SAME };
            handle::duplicate(Handle::CURRENT_PROCESS, writer, Some(parent), &options).unwrap();
        })
    }
}

pub(crate) fn take_descriptor_from_a_survivor() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: |stage| {
            let writer = other();
            stage.page.word(GIVEN).store(writer.raw() as u64, Ordering::Release);
            Vec::new()
        },
        judge: |stage, _, _| {
            assert_eq!(close_foreign(stage), 1, "the one that the victim took another handle to");
            has_only_its_own(stage, true);
        },
        ..Operation::new(|victim| {
            let source = take_given(victim);
            let parent = open_parent();
            victim.arm();
            handle::duplicate(parent, source, Some(Handle::CURRENT_PROCESS), &SAME).unwrap();
        })
    }
}

/// What may come of a duplication whose other side dies.
fn may_fail(result: Result<Handle>) -> Option<Handle> {
    match result {
        Ok(handle) => Some(handle),
        Err(Status::PROCESS_IS_TERMINATING | Status::FILE_INVALID | Status::INVALID_HANDLE) => None,
        Err(other) => panic!("{other}"),
    }
}

/// Waits until the survivors are done with the victim, whose keeper does what they ask of it.
fn serve(victim: &Victim) {
    victim.arm_all();
    until(|| victim.word(OVER).load(Ordering::Acquire) != 0);
}

pub(crate) fn be_given_a_descriptor() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        meanwhile: |stage| {
            let id = stage.page.word(ID).load(Ordering::Acquire);
            let writer = other();
            if let Ok(victim) = process::open(id as u32, PROCESS_ALL, false) {
                may_fail(handle::duplicate(Handle::CURRENT_PROCESS, writer, Some(victim), &SAME));
                handle::close(victim).unwrap();
            }
            handle::close(writer).unwrap();
            stage.page.word(OVER).store(1, Ordering::Release);
        },
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            introduce(victim);
            victim.prepared();
            serve(victim);
        })
    }
}

pub(crate) fn be_asked_for_a_descriptor() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        meanwhile: |stage| {
            let given = Handle::from_raw(stage.page.word(GIVEN).load(Ordering::Acquire) as isize);
            let id = stage.page.word(ID).load(Ordering::Acquire);
            if let Ok(victim) = process::open(id as u32, PROCESS_ALL, false) {
                let copy = handle::duplicate(victim, given, Some(Handle::CURRENT_PROCESS), &SAME);
                if let Some(copy) = may_fail(copy) {
                    write(copy, b"message").unwrap();
                    handle::close(copy).unwrap();
                }
                handle::close(victim).unwrap();
            }
            stage.page.word(OVER).store(1, Ordering::Release);
        },
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            take_given(victim);
            serve(victim);
        })
    }
}

pub(crate) fn have_a_descriptor_taken() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: give_away,
        meanwhile: |stage| {
            let given = Handle::from_raw(stage.page.word(GIVEN).load(Ordering::Acquire) as isize);
            let id = stage.page.word(ID).load(Ordering::Acquire);
            if let Ok(victim) = process::open(id as u32, PROCESS_ALL, false) {
                let options = Duplicate { close_source: true, ..SAME };
                let _ = handle::duplicate(victim, given, None, &options);
                handle::close(victim).unwrap();
            }
            stage.page.word(OVER).store(1, Ordering::Release);
        },
        judge: |stage, _, _| has_only_its_own(stage, true),
        ..Operation::new(|victim| {
            take_given(victim);
            // The descriptor may come a little after the handle.
            until(|| pipes() > *BEFORE.lock().unwrap());
            serve(victim);
            until(|| pipes() == *BEFORE.lock().unwrap());
        })
    }
}

/// A process that does nothing gets a descriptor, and one that is gone has left none.
pub(crate) fn wait_for_the_end_of_a_writer() -> Operation {
    Operation {
        before: |stage| make_pipe(stage, true),
        audience: |stage| {
            let reader = stage.extra();
            give_away(stage);
            let waiter = Waiter::start(move || match read(reader) {
                Err(Status::PIPE_BROKEN) => Ok(Outcome::Object(0)),
                other => panic!("{other:?}"),
            });
            vec![waiter]
        },
        judge: |stage, audience, _| {
            for waiter in audience {
                assert_eq!(waiter.outcome(), Outcome::Object(0));
            }
            has_only_its_own(stage, true);
        },
        ..Operation::new(|victim| {
            take_given(victim);
            victim.arm();
            let own = wait::one(Handle::CURRENT_PROCESS, Some(Duration::from_micros(1)), false);
            assert_eq!(own, Ok(Outcome::Timeout));
        })
    }
}
