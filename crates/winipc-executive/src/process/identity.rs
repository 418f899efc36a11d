//! Which process of the system's a record is of.
//!
//! An id alone does not tell: it means something in its process id namespace only, and is another's when the process
//! has ended. So the record says in which namespace the id is, and when the process started. Who does something to a
//! process pins it by a descriptor first, and compares then.

use super::{claim, heritage};
use crate::arena::child::ProcessDescriptor;
use crate::arena::system;
use crate::context::Current;
use crate::records::Process;

/// Has a record tell that it is the calling process's.
pub(crate) fn note(process: &Process) {
    process.started.store(system::started("self").unwrap_or(0));
    process.id_namespace.store(own_namespace());
}

/// The process id namespace of the calling process.
pub(super) fn own_namespace() -> u32 {
    system::process_id_namespace()
}

/// Whether a process has its id where the calling process has its.
pub(super) fn is_near(process: &Process) -> bool {
    let own = own_namespace();
    own != 0 && process.id_namespace.load() == own
}

/// The process that a record is of; `None` if it has ended, or its id tells nothing here.
pub(super) fn find(current: &Current, process: &Process) -> Option<ProcessDescriptor> {
    if core::ptr::eq(process, current.process()) {
        return ProcessDescriptor::open(super::id()).ok();
    }
    if claim::is_heir(process.claim.load()) {
        return heritage::find(process);
    }
    if !is_near(process) {
        return None;
    }
    let found = ProcessDescriptor::open(process.id.load()).ok()?;
    (found.started()? == process.started.load()).then_some(found)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::access;
    use crate::context::attach_in_memory;
    use crate::handle::{self, Handle};
    use crate::process::{claim_record, exit_code, make_object, terminate};
    use crate::records::Kind;
    use crate::status::Status;

    /// A program that runs, killed at the end.
    struct Program(Child);

    impl Program {
        fn start() -> Self {
            Program(Command::new("sleep").arg("1000").spawn().unwrap())
        }

        fn is_alive(&mut self) -> bool {
            self.0.try_wait().unwrap().is_none()
        }
    }

    impl Drop for Program {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A record that says of itself that it is a process's, and a handle to it.
    fn record_of(current: &Current, program: &Program) -> (&'static Process, Handle) {
        let arena = current.arena();
        let reference = claim_record(arena).unwrap();
        let process: &'static Process = arena.get(reference).unwrap();
        let keeper = arena.take_seat(reference.index(), |_| Ok(())).unwrap();
        process.keeper.store(keeper.index());
        process.id.store(program.0.id());
        process.id_namespace.store(own_namespace());
        process.started.store(system::started(&program.0.id().to_string()).unwrap());
        let mut lock = current.begin().unwrap();
        let object = make_object(&mut lock, reference, process).unwrap();
        let access = access::all(Kind::Process);
        let handle = handle::insert(&mut lock, current.process(), object, access, false).unwrap();
        lock.commit().unwrap();
        process.claim.store(claim::ATTACHED);
        (process, handle)
    }

    /// The process that has the number here was killed instead.
    #[test]
    fn a_process_of_another_namespace_is_not_terminated() {
        let current = attach_in_memory();
        let mut program = Program::start();
        let (process, handle) = record_of(&current, &program);
        let own = own_namespace();
        for namespace in [0, own + 1] {
            process.id_namespace.store(namespace);
            assert_eq!(terminate(handle, 7), Err(Status::ACCESS_DENIED));
            assert!(program.is_alive() && exit_code::of(process).is_none());
        }
        process.id_namespace.store(own);
        assert_eq!(terminate(handle, 7), Ok(()));
        assert!(!program.0.wait().unwrap().success());
    }

    /// The id is in our namespace, and another's by now.
    #[test]
    fn a_process_that_started_at_another_time_is_not_terminated() {
        let current = attach_in_memory();
        let mut program = Program::start();
        let (process, handle) = record_of(&current, &program);
        process.started.store(process.started.load() + 1);
        assert_eq!(terminate(handle, 7), Err(Status::ACCESS_DENIED));
        assert!(program.is_alive() && exit_code::of(process).is_none());
    }
}
