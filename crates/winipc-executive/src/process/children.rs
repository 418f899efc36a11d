//! Children that have not joined: who learns that they have ended, and what becomes of them when their parent ends.
//!
//! A program that knows nothing of this library never joins, and one that does may take its time. So the parent watches
//! each of its children by a descriptor, in a thread that it starts with the first. Of a child that has joined the
//! seats of its threads tell, as of any process, and the parent only fetches the body.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, MutexGuard};

use super::heritage::{self, Birth};
use super::{DYING_INTERVAL, all, claim, exit_code, name_object};
use crate::arena::child::{End, Poll, ProcessDescriptor};
use crate::arena::seat::{Life, Seat};
use crate::arena::system;
use crate::arena::{Arena, Ref, Txn};
use crate::context::{Context, Current, keeper_current};
use crate::death;
use crate::records::{Object, Process};
use crate::status::{Result, Status};

/// Stack of the thread that watches.
const STACK: usize = 128 << 10;

/// The children that a process watches.
#[derive(Default)]
pub(crate) struct Children {
    watched: Mutex<Watched>,
    /// Number of the seat of the thread that watches them.
    watcher: AtomicU32,
}

#[derive(Default)]
struct Watched {
    /// The thread's; none while there is no thread.
    poll: Option<&'static Poll>,
    descriptors: HashMap<u64, ProcessDescriptor>,
}

/// A child's name: the number of its record and the generation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) record: Ref<Process>,
    pub(super) generation: u32,
}

impl Child {
    pub(super) fn of(record: Ref<Process>, process: &Process) -> Self {
        Child { record, generation: process.generation.load() }
    }

    fn key(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.record.index())
    }

    fn from_key(key: u64) -> Self {
        Child { record: Ref::from_index(key as u32), generation: (key >> 32) as u32 }
    }
}

impl Children {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Makes sure that there is a thread that watches.
    ///
    /// # Errors
    /// There can be no more threads or descriptors, or there is no seat.
    pub(super) fn prepare(&self, context: &'static Context) -> Result<()> {
        let mut watched = self.watched();
        if watched.poll.is_some() {
            return Ok(());
        }
        let poll = Poll::new().map_err(|_| Status::INSUFFICIENT_RESOURCES)?;
        let (ready, is_ready) = sync_channel(1);
        let run = move || {
            let current = keeper_current(context);
            match current {
                Ok(current) => {
                    let poll: &'static Poll = Box::leak(Box::new(poll));
                    let _ = ready.send(Ok(poll));
                    watch(&current, poll);
                }
                Err(status) => {
                    let _ = ready.send(Err(status));
                }
            }
        };
        system::start_thread(c"winipc-children", STACK, run).map_err(|_| Status::INSUFFICIENT_RESOURCES)?;
        watched.poll = Some(is_ready.recv().map_err(|_| Status::UNSUCCESSFUL)??);
        Ok(())
    }

    /// Watches a child, if `is_own` then says that it is this process's. Should it end before, that is noticed only
    /// after. The descriptor is taken if the child is watched.
    ///
    /// # Errors
    /// There is no memory for it. What `is_own` fails with.
    pub(super) fn watch(
        &self,
        child: Child,
        descriptor: &mut Option<ProcessDescriptor>,
        is_own: impl FnOnce() -> Result<bool>,
    ) -> Result<()> {
        let mut watched = self.watched();
        let (Some(poll), Some(process)) = (watched.poll, &*descriptor) else {
            return Err(Status::UNSUCCESSFUL);
        };
        poll.add(process, child.key()).map_err(|_| Status::INSUFFICIENT_RESOURCES)?;
        if is_own()? {
            watched.descriptors.extend(descriptor.take().map(|process| (child.key(), process)));
        }
        Ok(())
    }

    /// Closes what a forked child has of its parent's.
    pub(crate) fn abandon(&self) {
        if let Ok(mut watched) = self.watched.try_lock() {
            watched.descriptors.clear();
            if let Some(poll) = watched.poll.take() {
                poll.close_copy();
            }
        }
    }

    /// Whether the thread that watches has this seat.
    pub(crate) fn are_watched_by(&self, seat: Ref<Seat>) -> bool {
        self.watcher.load(Ordering::Relaxed) == seat.index()
    }

    fn take(&self, child: Child) -> Option<ProcessDescriptor> {
        self.watched().descriptors.remove(&child.key())
    }
}

/// The thread: waits until children end.
fn watch(current: &Current, poll: &Poll) {
    let own = claim::prepared(current.context.process);
    current.context.children.watcher.store(current.seat.index(), Ordering::Relaxed);
    // Those that have ended. One that a debugger traces stays until that lets go of it.
    let mut dead: Vec<(Child, ProcessDescriptor)> = Vec::new();
    loop {
        let keys = poll.wait((!dead.is_empty()).then_some(DYING_INTERVAL));
        let children = keys.into_iter().map(Child::from_key);
        dead.extend(children.filter_map(|child| Some((child, current.context.children.take(child)?))));
        dead.retain(|(child, descriptor)| {
            let Some(end) = descriptor.end() else { return true };
            // A damaged arena is left as it is; who is buried by halves the keepers bury.
            let _ = ended(current, *child, own, end);
            // From now on another may have its id.
            descriptor.fetch();
            false
        });
    }
}

/// A child has ended. If it has not joined it is buried; if it has the keepers do that.
fn ended(current: &Current, child: Child, claim: u32, end: End) -> Result<()> {
    let process: &Process = current.arena().get(child.record)?;
    let lock = current.begin()?;
    let is_it = process.generation.load() == child.generation && process.claim.load() == claim;
    if is_it {
        if let End::Exited(code) = end {
            exit_code::say(process, code);
        }
        if process.claim.compare_exchange(claim, claim::BURIED).is_err() {
            return lock.commit(); // it had joined before
        }
    }
    lock.commit()?;
    if is_it {
        death::bury(current, child.record, process)?;
    }
    Ok(())
}

/// Gives up a process that could not be made after all.
pub(super) fn give_up(current: &Current, child: Child) -> Result<()> {
    ended(current, child, claim::prepared(current.context.process), End::Unknown)
}

/// Takes over the children of a process that has ended, whose handles are closed: those that live are watched from now
/// on, the others buried. `is_same` says under the lock that the process's record still is its.
pub(crate) fn take_in_orphans(
    current: &Current,
    parent: Ref<Process>,
    is_same: &dyn Fn() -> bool,
) -> Result<()> {
    let orphaned = claim::prepared(parent);
    for (record, process) in all(current.arena()) {
        if process.claim.load() != orphaned {
            continue;
        }
        let child = Child::of(record, process);
        // Whoever is about to be made is not made any more.
        let expected = Birth::Expected(child.generation).word();
        let lock = current.begin()?;
        if is_same() && process.generation.load() == child.generation {
            let _ = process.born.compare_exchange(expected, Birth::None.word());
        }
        lock.commit()?;
        let descriptor = match heritage::find(process) {
            Some(descriptor) if cannot_be_resumed(current.arena(), process).unwrap_or(false) => {
                descriptor.kill();
                None
            }
            other => other,
        };
        let take = |lock: Txn<'static>, claim: u32| -> Result<bool> {
            let is_taken = is_same()
                && process.generation.load() == child.generation
                && process.claim.compare_exchange(orphaned, claim).is_ok();
            lock.commit()?;
            Ok(is_taken)
        };
        match descriptor {
            Some(descriptor) => {
                let children = &current.context.children;
                children.prepare(current.context)?;
                let own = claim::prepared(current.context.process);
                // Before the children's table: who waits for the lock may be halted for good.
                let lock = current.begin()?;
                children.watch(child, &mut Some(descriptor), || take(lock, own))?;
                // A damaged one has none, which is no reason to leave the others.
                let _ = name(current, child, None);
            }
            None if take(current.begin()?, claim::BURIED)? => {
                death::bury(current, record, process)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Has the objects of a child that was made tell its id, and notes where that id means nothing in the caller's process
/// id namespace. `spawned` is the id by which the caller has made it, if it has.
pub(super) fn name(current: &Current, child: Child, spawned: Option<u32>) -> Result<()> {
    let process: &Process = current.arena().get(child.record)?;
    let mut lock = current.begin()?;
    let is_it = process.generation.load() == child.generation;
    if is_it && claim::parent(process.claim.load()).is_some() {
        let id = heritage::id_of(process);
        if spawned.is_some_and(|spawned| spawned != id) {
            // The caller has its children made in another process id namespace: nobody finds it by its id.
            let _ = process.id_namespace.compare_exchange(current.process().id_namespace.load(), 0);
        }
        process.id.store(id);
        name_object(&mut lock, process)?;
    }
    lock.commit()
}

/// Whether a process waits to be resumed, and nobody has a handle to its thread.
pub(super) fn cannot_be_resumed(arena: &Arena, process: &Process) -> Result<bool> {
    let thread = Ref::<Object>::from_index(process.first_thread.peek());
    if thread.is_none() {
        return Ok(false);
    }
    let thread = arena.get(thread)?;
    Ok(thread.suspended.load() != 0 && thread.handles.peek() == 0)
}

/// Buries the processes that died when they had taken over what their parents prepared and had no thread yet whose
/// death can be seen. The caller holds the directory's lock, so nobody is joining.
pub(crate) fn bury_unborn(current: &Current) {
    for (record, process) in all(current.arena()) {
        let is_theirs = |seat: u32| seat == record.index();
        if process.claim.load() == claim::JOINING
            && process.keeper.load() == 0
            && !current
                .arena()
                .seats()
                .any(|(_, seat)| is_theirs(seat.process()) && seat.life() != Life::Absent)
            && process.claim.compare_exchange(claim::JOINING, claim::BURIED).is_ok()
        {
            let _ = death::bury(current, record, process);
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::context::attach_in_memory;
    use crate::process::{claim_free_record, claim_record, identity};

    /// The parent was not buried, and its other children not taken in.
    #[test]
    fn a_child_that_names_no_thread_there_can_be_is_taken_in() {
        let current = attach_in_memory();
        let arena = current.arena();
        let parent = claim_record(arena).unwrap();
        let record = claim_free_record(arena, claim::prepared(parent)).unwrap();
        let child: &Process = arena.get(record).unwrap();
        // It is this process, as far as it says.
        identity::note(child);
        let born = Birth::Made { id: crate::process::id(), at_ms: child.started.load() };
        child.born.store(born.word());
        let mut lock = current.begin().unwrap();
        child.first_thread.set(&mut lock, u32::MAX);
        lock.commit().unwrap();
        assert_eq!(take_in_orphans(&current, parent, &|| true), Ok(()));
        assert_eq!(child.claim.load(), claim::prepared(current.context.process));
    }
}
