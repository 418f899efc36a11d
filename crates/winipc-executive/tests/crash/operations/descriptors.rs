//! The hand-over of descriptors of anonymous pipes between processes, with the victim at either side of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use winipc_executive::handle::Duplicate;
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, Kind, Result, Status, handle, process, wait};

use super::anonymous_pipes::{
    BEFORE, GIVEN, ID, SAME, give_away, has_only_its_own, introduce, make_pipe, other, take_given,
};
use super::pipes::{read, write};
use crate::harness::{OWN, Operation, Stage, Victim};
use crate::support::{PROCESS_ALL, Waiter, pipe_descriptors, until};

/// Word of the page that says whether something is over.
const OVER: usize = OWN + 2;

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
            until(|| pipe_descriptors() > *BEFORE.lock().unwrap());
            serve(victim);
            until(|| pipe_descriptors() == *BEFORE.lock().unwrap());
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
