//! Creation, opening, closing and duplication; coming and going of threads and processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use winipc_executive::handle::Duplicate;
use winipc_executive::wait::Outcome;
use winipc_executive::{
    Disposition, Handle, Status, event, handle, mutex, namespace, process, semaphore, timer, wait,
};

use crate::harness::{Opened, Operation, Stage, unnamed};
use crate::support::{ALL, MUTEX_ALL, NOW, PROCESS_ALL, State, fork, named, units};

/// Attaches without doing more.
fn attach_first() {
    namespace::attach().unwrap();
}

pub(crate) fn create_unnamed_event() -> Operation {
    Operation::new(|victim| {
        attach_first();
        victim.arm();
        event::create(&unnamed(), ALL, false, false).unwrap();
    })
}

/// Opens what the victim may be creating.
fn look_for_new(stage: &Stage) {
    let name = units("new");
    for result in [
        event::open(&name, ALL, false),
        mutex::open(&name, MUTEX_ALL, false),
        semaphore::open(&name, ALL, false),
        timer::open(&name, ALL, false),
    ] {
        match result {
            Ok(new) => handle::close(new).unwrap(),
            Err(status) => {
                assert!(
                    matches!(status, Status::OBJECT_NAME_NOT_FOUND | Status::OBJECT_TYPE_MISMATCH),
                    "{status}"
                );
            }
        }
    }
    stage.traffic();
}

pub(crate) fn create_named_event() -> Operation {
    Operation {
        meanwhile: look_for_new,
        ..Operation::new(|victim| {
            attach_first();
            victim.arm();
            event::create(&named(&units("new")), ALL, false, false).unwrap();
        })
    }
}

pub(crate) fn create_named_mutex() -> Operation {
    Operation {
        meanwhile: look_for_new,
        ..Operation::new(|victim| {
            attach_first();
            victim.arm();
            mutex::create(&named(&units("new")), MUTEX_ALL, false).unwrap();
        })
    }
}

pub(crate) fn create_owned_mutex() -> Operation {
    Operation {
        // Whoever finds the mutex holds on to it until it can be taken: its owner has died by then.
        meanwhile: |stage| {
            if let Ok(new) = mutex::open(&units("new"), MUTEX_ALL, false) {
                assert_eq!(wait::one(new, None, false), Ok(Outcome::Abandoned(0)));
                mutex::release(new).unwrap();
                handle::close(new).unwrap();
            }
            stage.traffic();
        },
        ..Operation::new(|victim| {
            attach_first();
            victim.arm();
            mutex::create(&named(&units("new")), MUTEX_ALL, true).unwrap();
        })
    }
}

pub(crate) fn create_named_semaphore() -> Operation {
    Operation {
        meanwhile: look_for_new,
        ..Operation::new(|victim| {
            attach_first();
            victim.arm();
            semaphore::create(&named(&units("new")), ALL, 1, 2).unwrap();
        })
    }
}

pub(crate) fn create_named_timer() -> Operation {
    Operation {
        meanwhile: look_for_new,
        ..Operation::new(|victim| {
            attach_first();
            victim.arm();
            timer::create(&named(&units("new")), ALL, true).unwrap();
        })
    }
}

pub(crate) fn open_named_event() -> Operation {
    Operation::new(|victim| {
        attach_first();
        victim.arm();
        event::open(&units("event"), ALL, false).unwrap();
    })
}

pub(crate) fn close_unnamed_event() -> Operation {
    Operation::new(|victim| {
        let (event, _) = event::create(&unnamed(), ALL, false, false).unwrap();
        victim.arm();
        handle::close(event).unwrap();
    })
}

pub(crate) fn close_last_handle_of_a_name() -> Operation {
    Operation {
        meanwhile: look_for_new,
        ..Operation::new(|victim| {
            let (event, _) = event::create(&named(&units("new")), ALL, false, false).unwrap();
            victim.arm();
            handle::close(event).unwrap();
        })
    }
}

pub(crate) fn close_a_handle_of_a_shared_name() -> Operation {
    Operation {
        judge: |stage, _, _| {
            let (again, disposition) = event::create(&named(&units("event")), ALL, false, false).unwrap();
            assert_eq!(disposition, Disposition::Opened);
            assert_eq!(handle::same_object(again, stage.event), Ok(true));
            handle::close(again).unwrap();
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            handle::close(opened.event).unwrap();
        })
    }
}

pub(crate) fn close_owned_mutex() -> Operation {
    Operation::new(|victim| {
        // One more is owned, so that the list is not empty.
        mutex::create(&unnamed(), MUTEX_ALL, true).unwrap();
        let (mutex, _) = mutex::create(&named(&units("new")), MUTEX_ALL, true).unwrap();
        mutex::create(&unnamed(), MUTEX_ALL, true).unwrap();
        victim.arm();
        handle::close(mutex).unwrap();
    })
}

const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };

pub(crate) fn duplicate_within() -> Operation {
    Operation::new(|victim| {
        let opened = Opened::new();
        victim.arm();
        let options = Duplicate { close_source: true, ..SAME };
        handle::duplicate(Handle::CURRENT_PROCESS, opened.event, Some(Handle::CURRENT_PROCESS), &options)
            .unwrap();
    })
}

/// Closes the handles that a dead victim has put into the survivor's table.
fn close_foreign(stage: &Stage) -> u32 {
    let mut closed = 0;
    for value in 1..2000 {
        let handle = Handle::from_raw(value * 4);
        if handle != stage.event && handle::same_object(handle, stage.event) == Ok(true) {
            handle::close(handle).unwrap();
            closed += 1;
        }
    }
    closed
}

pub(crate) fn duplicate_to_a_survivor() -> Operation {
    Operation {
        judge: |stage, _, completed| {
            let closed = close_foreign(stage);
            assert!(closed == 1 || closed == 0 && !completed, "{closed} handles");
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            // SAFETY: getppid cannot fail.
            let parent = process::open(unsafe { libc::getppid() } as u32, PROCESS_ALL, false).unwrap();
            victim.arm();
            handle::duplicate(Handle::CURRENT_PROCESS, opened.event, Some(parent), &SAME).unwrap();
        })
    }
}

pub(crate) fn duplicate_from_a_survivor() -> Operation {
    Operation::new(|victim| {
        attach_first();
        // SAFETY: getppid cannot fail.
        let parent = process::open(unsafe { libc::getppid() } as u32, PROCESS_ALL, false).unwrap();
        let source = (1..2000)
            .map(|value| Handle::from_raw(value * 4))
            .find(|source| {
                let copied = handle::duplicate(parent, *source, Some(Handle::CURRENT_PROCESS), &SAME);
                copied.is_ok_and(|copied| handle::kind(copied) == Ok(winipc_executive::Kind::Event))
            })
            .unwrap();
        victim.arm();
        handle::duplicate(parent, source, Some(Handle::CURRENT_PROCESS), &SAME).unwrap();
    })
}

pub(crate) fn set_handle_flags() -> Operation {
    Operation::new(|victim| {
        let opened = Opened::new();
        victim.arm();
        handle::set_flags(opened.event, Some(true), Some(true)).unwrap();
    })
}

pub(crate) fn attach() -> Operation {
    Operation {
        // Who died before it had a thread whose death can be seen is found by the next who joins.
        judge: |_, _, _| {
            let mut next = fork(attach_first);
            assert_eq!(next.wait_for_end(), State::Exited(0));
            assert_eq!(event::open(&units("nobody"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
        },
        ..Operation::new(|victim| {
            victim.arm();
            namespace::attach().unwrap();
        })
    }
}

pub(crate) fn end_of_a_thread() -> Operation {
    Operation {
        judge: |stage, _, completed| {
            let abandoned = stage.is_abandoned();
            assert!(abandoned || !completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    let (other, _) = mutex::create(&unnamed(), MUTEX_ALL, true).unwrap();
                    assert_eq!(wait::one(opened.mutex, None, false), Ok(Outcome::Object(0)));
                    assert_eq!(wait::one(other, None, false), Ok(Outcome::Object(0)));
                    let thread = handle::duplicate(
                        Handle::CURRENT_PROCESS,
                        Handle::CURRENT_THREAD,
                        Some(Handle::CURRENT_PROCESS),
                        &SAME,
                    );
                    assert_eq!(wait::one(thread.unwrap(), NOW, false), Ok(Outcome::Timeout));
                    victim.arm();
                });
                // Joined, it has run its destructors too.
                thread.join().unwrap();
            });
        })
    }
}

pub(crate) fn exit() -> Operation {
    Operation {
        judge: |stage, _, _| assert!(stage.is_abandoned()),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            event::create(&named(&units("new")), ALL, false, false).unwrap();
            assert_eq!(wait::one(opened.mutex, None, false), Ok(Outcome::Object(0)));
            // Another thread waits, and never ends.
            let is_waiting = Arc::new(AtomicBool::new(false));
            let tells = is_waiting.clone();
            std::thread::spawn(move || {
                tells.store(true, Ordering::Release);
                wait::one(opened.manual, None, false)
            });
            crate::support::until(|| is_waiting.load(Ordering::Acquire));
            victim.arm();
            process::exit(0);
        })
    }
}
