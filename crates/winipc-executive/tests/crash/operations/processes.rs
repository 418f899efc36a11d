//! Making of processes: a parent that dies leaves a child that is whole, or none.

use std::path::Path;
use std::sync::atomic::Ordering;

use winipc_executive::inspect::{self, State};
use winipc_executive::process::{Created, Creation, Inherited};
use winipc_executive::wait::Outcome;
use winipc_executive::{Attributes, Kind, Status, event, handle, namespace, process, thread, wait};

use crate::harness::{OWN, Operation, Stage};
use crate::support::{ALL, PROCESS_ALL, Waiter, is_asleep, units, until};

/// Whether a child starts suspended.
pub(crate) const SUSPENDED: bool = true;

/// Makes a child that sleeps, with a handle to what is named "new".
pub(crate) fn make_sleeper(is_suspended: bool) -> Created {
    let arguments = ["sleep", &marker()].map(Into::into);
    let creation = Creation {
        inherited: Inherited::All,
        is_suspended,
        ..Creation::new(Path::new("/bin/sleep"), &arguments)
    };
    process::create(&creation).unwrap()
}

/// What children of this run of the tests have in their command lines, and nobody else.
fn marker() -> String {
    let directory = std::env::var("WINIPC_DIR").unwrap();
    // A number of seconds, some days, and after the point the world.
    format!(
        "500000.{}",
        directory.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007)
    )
}

/// Programs that children have become, and that run.
fn sleepers() -> Vec<String> {
    let marker = marker();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let is_one = |process: &std::fs::DirEntry| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|argument| argument == marker.as_bytes())
    };
    processes.filter(is_one).map(|process| process.file_name().into_string().unwrap()).collect()
}

/// Leaves a handle to what is named "new" for children.
pub(crate) fn leave_inheritable() {
    let name = units("new");
    let attributes = Attributes { name: Some(&name), inherit: true };
    event::create(&attributes, ALL, false, false).unwrap();
}

/// Ends the children whose parent is buried, as far as there are any: each is a process like others, and holds what it
/// has inherited.
pub(crate) fn end_orphans() {
    let ids = |listing: inspect::Listing| -> Vec<u32> {
        let processes = listing.objects.into_iter().filter_map(|object| match object.state {
            State::Process { id, exit_code: None } => Some(id),
            _ => None,
        });
        processes.filter(|id| *id != process::id()).collect()
    };
    for id in ids(inspect::objects().unwrap()) {
        let orphan = process::open(id, PROCESS_ALL, false).unwrap();
        handle::close(event::open(&units("new"), ALL, false).unwrap()).unwrap();
        process::terminate(orphan, 5).unwrap();
        assert_eq!(wait::one(orphan, None, false), Ok(Outcome::Object(0)));
        assert_eq!(process::exit_code(orphan), Ok(5));
        handle::close(orphan).unwrap();
    }
    assert_eq!(event::open(&units("new"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    // No child runs of which nobody knows.
    until(|| sleepers().is_empty());
}

fn judge(_: &Stage, _: Vec<Waiter>, _: bool) {
    end_orphans();
}

pub(crate) fn create_process() -> Operation {
    Operation {
        judge,
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            leave_inheritable();
            victim.arm();
            make_sleeper(!SUSPENDED);
        })
    }
}

pub(crate) fn create_another_process() -> Operation {
    Operation {
        judge,
        ..Operation::new(|victim| {
            leave_inheritable();
            let first = make_sleeper(!SUSPENDED);
            process::terminate(first.process, 1).unwrap();
            wait::one(first.process, None, false).unwrap();
            victim.arm();
            make_sleeper(!SUSPENDED);
        })
    }
}

/// Nobody can resume it when its parent is dead.
pub(crate) fn create_suspended_process() -> Operation {
    Operation {
        judge: |_, _, _| {
            assert_eq!(event::open(&units("new"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
            let listing = inspect::objects().unwrap();
            let is_process = |object: &&inspect::ObjectView| object.kind == Kind::Process;
            assert_eq!(listing.objects.iter().filter(is_process).count(), 1);
            until(|| sleepers().is_empty());
        },
        ..Operation::new(|victim| {
            leave_inheritable();
            victim.arm();
            make_sleeper(SUSPENDED);
        })
    }
}

pub(crate) fn resume_process() -> Operation {
    Operation {
        judge,
        ..Operation::new(|victim| {
            leave_inheritable();
            let made = make_sleeper(SUSPENDED);
            victim.arm();
            thread::resume(made.thread).unwrap();
        })
    }
}

pub(crate) fn terminate_process() -> Operation {
    Operation {
        judge,
        ..Operation::new(|victim| {
            leave_inheritable();
            let made = make_sleeper(!SUSPENDED);
            victim.arm();
            process::terminate(made.process, 1).unwrap();
        })
    }
}

/// A thread of a survivor's. Whoever finds that it was resumed does not wake it.
pub(crate) fn resume_thread() -> Operation {
    Operation {
        before: |stage| {
            let creation = thread::Creation { is_suspended: true, ..thread::Creation::default() };
            let (thread, id) = thread::create(&creation, Box::new(|| 7)).unwrap();
            until(|| is_asleep(process::id() as i32, id as i32));
            stage.page.word(OWN).store(id.into(), Ordering::Release);
            stage.keep(thread);
        },
        judge: |stage, _, _| {
            let thread = stage.extra();
            thread::resume(thread).unwrap();
            assert_eq!(wait::one(thread, None, false), Ok(Outcome::Object(0)));
            assert_eq!(thread::exit_code(thread), Ok(7));
        },
        ..Operation::new(|victim| {
            let thread = thread::open(victim.told() as u32, PROCESS_ALL, false).unwrap();
            victim.arm();
            assert_eq!(thread::resume(thread), Ok(1));
        })
    }
}

pub(crate) fn create_thread() -> Operation {
    Operation::new(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        let creation = thread::Creation::default();
        let (thread, _) = thread::create(&creation, Box::new(|| 7)).unwrap();
        wait::one(thread, None, false).unwrap();
        assert_eq!(thread::exit_code(thread), Ok(7));
    })
}
