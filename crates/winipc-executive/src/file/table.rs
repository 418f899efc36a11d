//! The descriptors of the calling process, and its threads that wait for them.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use super::exchange::{self, Identity, Mailbox};
use crate::arena::descriptor::Bell;
use crate::arena::seat::Seat;
use crate::arena::wake::phase;
use crate::arena::{Ref, Txn};
use crate::context::Current;
use crate::handle::{self, Found};
use crate::records::Object;
use crate::status::{Result, Status};

/// In [`closed_file`](crate::records::Process::closed_file): handles to several objects were closed.
const SEVERAL: u32 = u32::MAX;

/// What a process keeps of files outside the arena. It belongs to the attachment, so that a forked child does not find
/// these locks taken for ever.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// By the numbers of the objects. Where the arena's lock is needed, too, that comes first.
    held: Mutex<HashMap<u32, Held>>,
    /// Threads that wait for a descriptor, by their seats.
    blocked: Mutex<HashMap<u32, Arc<Bell>>>,
    /// Bells that nobody uses.
    bells: Mutex<Vec<Arc<Bell>>>,
    pub(super) mailbox: Mailbox,
}

#[derive(Debug)]
struct Held {
    generation: u32,
    descriptor: Arc<OwnedFd>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

impl Files {
    /// Keeps the descriptor of an object. One that is kept already is of the same open file, and stays: the other comes
    /// back.
    pub(super) fn keep(&self, object: Identity, descriptor: OwnedFd) -> Option<OwnedFd> {
        let Identity { object, generation } = object;
        let mut all = locked(&self.held);
        if all.get(&object.index()).is_some_and(|held| held.generation == generation) {
            return Some(descriptor);
        }
        let held = Held { generation, descriptor: Arc::new(descriptor) };
        all.insert(object.index(), held).and_then(|stale| Arc::into_inner(stale.descriptor))
    }

    pub(super) fn forget(&self, object: Ref<Object>) {
        let held = locked(&self.held).remove(&object.index());
        drop(held);
    }

    pub(super) fn get(&self, object: Identity) -> Option<Arc<OwnedFd>> {
        let held = locked(&self.held);
        let found = held.get(&object.object.index()).filter(|held| held.generation == object.generation)?;
        Some(Arc::clone(&found.descriptor))
    }

    /// Closes the descriptors that a forked child has of its parent, as far as nothing there was using them.
    pub(crate) fn abandon(&self) {
        if let Ok(mut held) = self.held.try_lock() {
            held.clear();
        }
        if let Ok(mut bells) = self.bells.try_lock() {
            bells.clear();
        }
        self.mailbox.abandon();
    }

    /// Says that a thread waits for a descriptor or for the bell that it is given.
    pub(super) fn block(&self, seat: Ref<Seat>) -> Result<Arc<Bell>> {
        let spare = locked(&self.bells).pop();
        let bell = match spare {
            Some(bell) => bell,
            None => Arc::new(Bell::new().map_err(|error| super::status_of(&error))?),
        };
        locked(&self.blocked).insert(seat.index(), Arc::clone(&bell));
        Ok(bell)
    }

    pub(super) fn unblock(&self, seat: Ref<Seat>) {
        if let Some(bell) = locked(&self.blocked).remove(&seat.index()) {
            locked(&self.bells).push(bell);
        }
    }
}

/// Rings the threads of the calling process that wait for a descriptor though their calls are over.
pub(crate) fn wake_blocked(current: &Current) {
    for (seat, bell) in locked(&current.context.files.blocked).iter() {
        let seat = current.arena().get(Ref::<Seat>::from_index(*seat));
        if seat.is_ok_and(|seat| seat.wake.0.load() & phase::MASK == phase::DONE) {
            bell.ring();
        }
    }
}

/// The calling process's descriptor for an object.
///
/// # Errors
/// [`Status::FILE_INVALID`]: it did not get one.
pub(super) fn descriptor(current: &Current, file: &Found) -> Result<Arc<OwnedFd>> {
    let files = &current.context.files;
    let object = Identity::of_found(file);
    if let Some(descriptor) = files.get(object) {
        return Ok(descriptor);
    }
    // Who sent it did so before the handle could be used; it may not have been looked at yet.
    exchange::receive(current);
    if let Some(descriptor) = files.get(object) {
        return Ok(descriptor);
    }
    exchange::fetch(current, object)?;
    files.get(object).ok_or(Status::FILE_INVALID)
}

/// Notes that a handle to a file was closed, for the process that it was of.
pub(crate) fn handle_closed(lock: &mut Txn<'_>, process: &crate::records::Process, object: Ref<Object>) {
    let noted = process.closed_file.get(lock);
    let several = noted != 0 && noted != object.index();
    process.closed_file.set(lock, if several { SEVERAL } else { object.index() });
}

/// Closes the descriptors to whose objects the calling process has no handle any more. What is being read or written is
/// closed when that is over.
pub(crate) fn sweep(current: &Current) {
    if current.process().closed_file.peek() != 0 {
        sweep_noted(current);
    }
}

#[cold]
fn sweep_noted(current: &Current) {
    let process = current.process();
    let Ok(mut lock) = current.begin() else { return };
    let noted = process.closed_file.get(&lock);
    process.closed_file.set(&mut lock, 0);
    let mut held = locked(&current.context.files.held);
    // The slot may be another object's by now, to which there is a handle.
    let is_others = |number: u32, held: &Held| {
        let object = Identity::of(current.arena(), Ref::from_index(number));
        !object.is_ok_and(|object| object.generation == held.generation)
    };
    // Closed without the locks.
    let mut gone = Vec::new();
    if noted == SEVERAL {
        let live: HashSet<_> = handle::files_of(current.arena(), process).map(Ref::index).collect();
        let is_gone = |number: &u32, held: &mut Held| !live.contains(number) || is_others(*number, held);
        gone.extend(held.extract_if(is_gone).map(|(_, held)| held));
    } else if let Some(kept) = held.get(&noted)
        && (is_others(noted, kept) || !has_handle(&lock, current, Ref::from_index(noted)))
    {
        gone.extend(held.remove(&noted));
    }
    drop(held);
    // A failure has undone nothing that matters: what is gone has no handle.
    let _ = lock.commit();
    drop(gone);
}

/// Whether the calling process has a handle to an object.
pub(super) fn has_handle(lock: &Txn<'static>, current: &Current, object: Ref<Object>) -> bool {
    let is_any = lock.arena().get(object).is_ok_and(|object| object.handles.get(lock) != 0);
    is_any && handle::files_of(current.arena(), current.process()).any(|other| other == object)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::access::file::GENERIC_WRITE;
    use crate::context::attach_in_memory;
    use crate::file::{Description, Type, create_pipe, duplicate_descriptor, insert, peek};
    use crate::handle::look_up;

    /// Who closed the last handle made another object in the slot, gave the process a handle to it, and was killed
    /// before the descriptor of that was sent: the first one's stayed open, and whoever read waited on.
    #[test]
    fn a_descriptor_is_closed_though_the_slot_is_anothers_by_now() {
        let current = attach_in_memory();
        let files = &current.context.files;
        for is_one_of_several in [false, true] {
            let (reader, writer) = create_pipe(0, false).unwrap();
            let first = look_up(&current, writer).unwrap();
            // It is still there, and the close noted, where another process has closed the handle.
            let descriptor = duplicate_descriptor(writer).unwrap();
            handle::close(writer).unwrap();
            assert!(files.keep(Identity::of_found(&first), descriptor).is_none());
            let mut lock = current.begin().unwrap();
            handle_closed(&mut lock, current.process(), first.reference);
            if is_one_of_several {
                handle_closed(&mut lock, current.process(), look_up(&current, reader).unwrap().reference);
            }
            let description = Description { is: Type::Pipe, side: 0, size: 0 };
            let (_, reused) = insert(&mut lock, &current, &description, GENERIC_WRITE, false).unwrap();
            lock.commit().unwrap();
            assert_eq!(reused.object, first.reference);
            assert_eq!(current.process().closed_file.peek() == SEVERAL, is_one_of_several);
            sweep(&current);
            let reader = look_up(&current, reader).unwrap();
            assert_eq!(peek(&current, &reader, &mut []).map(drop), Err(Status::PIPE_BROKEN));
        }
    }
}
