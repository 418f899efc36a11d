//! Duplication of handles, within a process and between two.

use super::table::{close_in, insert, look_up_in};
use super::{Found, Handle, look_up};
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::file::exchange::{self, Identity, Party};
use crate::records::{Kind, Process};
use crate::status::{Result, Status};
use crate::{access, channel, death, file, io, keeper, process, section, thread};

/// How [`duplicate`] makes the new handle.
#[derive(Clone, Copy, Debug)]
pub struct Duplicate {
    /// Rights of the new handle; `None` for those of the source.
    pub access: Option<u32>,
    /// Whether children inherit the new handle.
    pub inherit: bool,
    /// Whether the source is closed, also if duplication fails.
    pub close_source: bool,
}

/// Makes another handle to an object, from one process's table into another's.
///
/// Without a target process only `close_source` has an effect, and the result is [`Handle::NULL`].
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: the source, or one of the processes, is no handle. [`Status::ACCESS_DENIED`]: a process
/// handle lacks PROCESS_DUP_HANDLE, or more access is asked for than the object gives.
/// [`Status::PROCESS_IS_TERMINATING`]: a process has ended. Where there is a descriptor behind the handle,
/// [`Status::FILE_INVALID`]: the source does not have it; [`Status::INSUFFICIENT_RESOURCES`]: it cannot be passed.
///
/// # References
/// - `docs/conformance.md`, 1.6
pub fn duplicate(
    source_process: Handle,
    source: Handle,
    target_process: Option<Handle>,
    options: &Duplicate,
) -> Result<Handle> {
    let current = current()?;
    let from = Side::behind(&current, source_process)?;
    let result = match target_process {
        None => Ok(Handle::NULL),
        Some(target_process) => copy(&current, &from, source, target_process, options),
    };
    // Closing a pseudo-handle does nothing, as in `close`.
    if options.close_source && ![Handle::CURRENT_PROCESS, Handle::CURRENT_THREAD].contains(&source) {
        let close = |index| {
            let mut lock = current.begin()?;
            from.is_there(&lock)?;
            close_in(&mut lock, &current, from.process, index)?;
            lock.commit()
        };
        let is_own = core::ptr::eq(from.process, current.process());
        let closed = source.index().ok_or(Status::INVALID_HANDLE).and_then(|index| match is_own {
            true => current.context.untaken.close(&current, index, || close(index)),
            false => close(index),
        });
        if closed.is_ok() {
            channel::sweep(&current);
            section::sweep(&current);
            file::sweep(&current);
            if from.process.closed_file.peek() != 0 {
                keeper::doorbell(from.process).ring();
            }
            io::deliver_for(&current);
        } else if target_process.is_none() {
            return closed.map(|()| Handle::NULL);
        }
    }
    result
}

fn copy(
    current: &Current,
    from: &Side,
    source: Handle,
    target_process: Handle,
    options: &Duplicate,
) -> Result<Handle> {
    let to = Side::behind(current, target_process)?;
    let is_own = core::ptr::eq(from.process, current.process());
    // A thread object is made where it is first asked for, in a transaction of its own.
    let own_thread = match source {
        Handle::CURRENT_THREAD if is_own => Some(thread::own_object(current)?),
        _ => None,
    };
    let arena = current.arena();
    // Where a descriptor has to go from one to the other, the way is made ready before there is a handle.
    let parties = (Party::new(arena, from.process), Party::new(arena, to.process));
    let is_elsewhere = !core::ptr::eq(from.process, to.process);
    let is_file = || {
        look_up_in(arena, from.process, source.index()?).ok().filter(|(found, _)| file::has_descriptor(found))
    };
    if is_elsewhere && is_file().is_some() {
        exchange::prepare(current, &parties.1)?;
    }
    let mut lock = current.begin()?;
    from.is_there(&lock)?;
    to.is_there(&lock)?;
    let (reference, granted) = match source {
        // From another process, -1 is a handle to that process.
        Handle::CURRENT_PROCESS => {
            (Ref::from_index(from.process.object.get(&lock)), access::all(Kind::Process))
        }
        Handle::CURRENT_THREAD => (own_thread.ok_or(Status::INVALID_HANDLE)?, access::all(Kind::Thread)),
        _ => {
            let index = source.index().ok_or(Status::INVALID_HANDLE)?;
            let (found, _) = look_up_in(arena, from.process, index)?;
            (found.reference, found.access)
        }
    };
    let object = arena.get(reference)?;
    let kind = Kind::from_tag(object.head.tag.get(&lock)).ok_or(Status::INVALID_HANDLE)?;
    let access = match options.access {
        None => granted,
        Some(desired) => {
            let mapped = access::map_generic(kind, desired);
            if mapped & !access::all(kind) != 0 || kind.is_file() && mapped & !granted != 0 {
                return Err(Status::ACCESS_DENIED);
            }
            mapped
        }
    };
    let handle = insert(&mut lock, to.process, reference, access, options.inherit)?;
    let object = Identity::of(arena, reference)?;
    lock.commit()?;
    if kind == Kind::File && is_elsewhere {
        let passed = exchange::hand_over(current, &parties.0, &parties.1, object);
        passed.inspect_err(|_| take_back(current, &to, handle, object))?;
    }
    Ok(handle)
}

/// Takes a handle back whose descriptor did not come, unless something else has been done with it.
fn take_back(current: &Current, to: &Side, handle: Handle, object: Identity) {
    let attempt = || -> Result<()> {
        let mut lock = current.begin()?;
        to.is_there(&lock)?;
        let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
        let (found, _) = look_up_in(lock.arena(), to.process, index)?;
        if Identity::of(lock.arena(), found.reference)? == object {
            close_in(&mut lock, current, to.process, index)?;
        }
        lock.commit()
    };
    // Where that fails there is nothing to take back, or the process ends.
    let _ = attempt();
    file::sweep(current);
    // It may have got the descriptor all the same, from somebody who was killed before they could say so.
    if to.process.closed_file.peek() != 0 {
        keeper::doorbell(to.process).ring();
    }
}

/// One of the two processes of a duplication.
struct Side {
    process: &'static Process,
    /// Its object, unless it is the calling process.
    object: Option<Found>,
}

impl Side {
    /// The attached process that a handle names.
    fn behind(current: &Current, handle: Handle) -> Result<Side> {
        if handle == Handle::CURRENT_PROCESS {
            return Ok(Side { process: current.process(), object: None });
        }
        let found = look_up(current, handle)?.require(Kind::Process, access::PROCESS_DUP_HANDLE)?;
        let process = process::record_of(current.arena(), found.object)?;
        if death::is_dead(current.arena(), process) {
            return Err(Status::PROCESS_IS_TERMINATING);
        }
        Ok(Side { process, object: Some(found) })
    }

    /// Makes sure that the record still is that of the process which was found, and nobody is closing its handles: a
    /// handle put into its table after that would never be closed.
    fn is_there(&self, lock: &Txn<'static>) -> Result<()> {
        let Some(found) = self.object else { return Ok(()) };
        let is_same = |record| core::ptr::eq(record, self.process);
        if found.is_current(lock) && is_same(process::record_of(lock.arena(), found.object)?) {
            Ok(())
        } else {
            Err(Status::PROCESS_IS_TERMINATING)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::state::next_generation;
    use crate::context::attach_in_memory;
    use crate::process::open;

    /// Between its look-up and the lock a process can be buried, and both its object's slot and its record be
    /// another's: the handle went to that one.
    #[test]
    fn a_process_whose_object_is_another_now_is_given_no_handle() {
        let current = attach_in_memory();
        let own = open(std::process::id(), access::PROCESS_DUP_HANDLE, false).unwrap();
        let side = Side::behind(&current, own).unwrap();
        let mut lock = current.begin().unwrap();
        assert_eq!(side.is_there(&lock), Ok(()));
        let object = side.object.unwrap().object;
        let state = object.state.claim(&mut lock);
        object.state.set(&mut lock, next_generation(state));
        assert_eq!(side.is_there(&lock), Err(Status::PROCESS_IS_TERMINATING));
    }

    /// The record that the object stands for was not compared with the one that the handle goes into.
    #[test]
    fn a_handle_goes_into_the_record_that_was_found() {
        let current = attach_in_memory();
        let own = open(std::process::id(), access::PROCESS_DUP_HANDLE, false).unwrap();
        let other = process::claim_record(current.arena()).unwrap();
        let side =
            Side { process: current.arena().get(other).unwrap(), ..Side::behind(&current, own).unwrap() };
        let lock = current.begin().unwrap();
        assert_eq!(side.is_there(&lock), Err(Status::PROCESS_IS_TERMINATING));
    }

    /// It may have the descriptor already, from somebody who was killed before they could say so, and kept it open.
    #[test]
    #[cfg(not(miri))]
    fn a_process_is_rung_for_a_handle_that_is_taken_back() {
        let current = attach_in_memory();
        let (reader, _) = file::create_pipe(0, false).unwrap();
        let found = look_up(&current, reader).unwrap();
        let record = process::claim_record(current.arena()).unwrap();
        let to = Side { process: current.arena().get(record).unwrap(), object: None };
        let mut lock = current.begin().unwrap();
        let handle = insert(&mut lock, to.process, found.reference, found.access, false).unwrap();
        lock.commit().unwrap();
        let object = Identity::of(current.arena(), found.reference).unwrap();
        take_back(&current, &to, handle, object);
        assert_eq!(
            (to.process.handle_count.peek(), to.process.closed_file.peek()),
            (0, found.reference.index())
        );
        assert_ne!(to.process.doorbell.load(), 0);
    }
}
