//! The descriptors of the calling process, and its threads that wait for them.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use super::exchange::{self, Identity, Mailbox};
use crate::arena::descriptor::Bell;
use crate::arena::seat::Seat;
use crate::arena::state::generation_of;
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
    pub(super) fn keep(&self, object: Ref<Object>, generation: u32, descriptor: OwnedFd) -> Option<OwnedFd> {
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

    pub(super) fn get(&self, object: Ref<Object>, generation: u32) -> Option<Arc<OwnedFd>> {
        let held = locked(&self.held);
        let found = held.get(&object.index()).filter(|held| held.generation == generation)?;
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
    let generation = generation_of(file.state);
    if let Some(descriptor) = files.get(file.reference, generation) {
        return Ok(descriptor);
    }
    // Who sent it did so before the handle could be used; it may not have been looked at yet.
    exchange::receive(current);
    if let Some(descriptor) = files.get(file.reference, generation) {
        return Ok(descriptor);
    }
    exchange::fetch(current, Identity { object: file.reference, generation })?;
    files.get(file.reference, generation).ok_or(Status::FILE_INVALID)
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
    // Closed without the locks.
    let mut gone = Vec::new();
    if noted == SEVERAL {
        let live: HashSet<_> = handle::objects_of(current.arena(), process).map(Ref::index).collect();
        gone.extend(held.extract_if(|number, _| !live.contains(number)).map(|(_, held)| held));
    } else if held.contains_key(&noted) && !has_handle(&lock, current, Ref::from_index(noted)) {
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
    is_any && handle::objects_of(current.arena(), current.process()).any(|other| other == object)
}
