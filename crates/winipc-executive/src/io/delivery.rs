//! Delivery: the bytes and results of completed requests reach the caller's memory, in the caller's process.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::futex::{Deadline, monotonic_now};
use crate::arena::seat::SeatId;
use crate::context::{Current, current};
use crate::records::Request;
use crate::status::{Result, Status};

use super::cancel::expire;
use super::request::{dequeue, forget};
use super::{ReadBuffer, StatusBlock};

/// What only the issuing process may know of a request.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) buffer: Option<ReadBuffer>,
    pub(super) block: StatusBlock,
    /// The thread that runs its routine, and the routine's number.
    pub(super) routine: Option<(SeatId, u64)>,
    /// When the keeper ends it with [`Status::IO_TIMEOUT`], in nanoseconds of the monotonic clock.
    pub(super) deadline: Option<u64>,
}

/// What a process keeps of its requests outside the arena. It belongs to the attachment, so that a child forked while a
/// thread of its parent delivers does not find these locks taken for ever.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// Addresses of pending requests: who scribbles over the arena must not make us write anywhere.
    locals: Mutex<Locals>,
    /// Held while somebody delivers, so that others wait until the bytes are there.
    one_at_a_time: Mutex<()>,
}

#[derive(Debug, Default)]
struct Locals {
    next: u32,
    entries: HashMap<u32, Local>,
    /// The deadlines of those that have one, each with its number.
    deadlines: BTreeSet<(u64, u32)>,
    /// When the keeper looks at them next; `None` if it need not.
    next_look: Option<u64>,
}

impl Deliveries {
    fn locals(&self) -> MutexGuard<'_, Locals> {
        self.locals.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Keeps what belongs to a request, and says under which number, and whether the keeper has to be told of its
    /// deadline.
    pub(super) fn keep(&self, local: Local) -> (u32, bool) {
        let mut locals = self.locals();
        loop {
            let number = locals.next.wrapping_add(1).max(1);
            locals.next = number;
            if let std::collections::hash_map::Entry::Vacant(place) = locals.entries.entry(number) {
                let deadline = local.deadline;
                place.insert(local);
                locals.deadlines.extend(deadline.map(|deadline| (deadline, number)));
                let is_news = |deadline| locals.next_look.is_none_or(|next| deadline < next);
                return (number, deadline.is_some_and(is_news));
            }
        }
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.locals().entries.is_empty()
    }

    pub(super) fn take(&self, number: u32) -> Option<Local> {
        let mut locals = self.locals();
        let local = locals.entries.remove(&number)?;
        if let Some(deadline) = local.deadline {
            locals.deadlines.remove(&(deadline, number));
        }
        Some(local)
    }

    /// The numbers of those whose time has come by `now`, and when that of the next comes, at which the keeper looks
    /// again.
    fn due(&self, now: u64) -> (HashSet<u32>, Option<u64>) {
        let mut locals = self.locals();
        let due = locals.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        let due: HashSet<u32> = due.map(|(_, number)| *number).collect();
        locals.next_look = locals.deadlines.iter().nth(due.len()).map(|(deadline, _)| *deadline);
        (due, locals.next_look)
    }
}

/// Ends the calling process's requests whose time has come, and says when that of the next comes. For the keeper: a
/// blocking call looks at the clock itself.
pub(crate) fn run_deadlines(current: &Current) -> Result<Option<Deadline>> {
    let (due, next) = current.context.deliveries.due(monotonic_now());
    if !due.is_empty() {
        expire(current, &due)?;
    }
    Ok(next.map(Deadline::Monotonic))
}

/// Delivers all completed requests of the calling process to their buffers and status blocks. Cheap when there are
/// none, and does nothing in a process that is not attached.
pub fn deliver() {
    if let Ok(current) = current() {
        deliver_for(&current);
    }
}

#[inline]
pub(crate) fn deliver_for(current: &Current) {
    // What is being delivered stays in the list until it is.
    if current.process().first_completed.peek() != 0 {
        deliver_all(current);
    }
}

#[cold]
fn deliver_all(current: &Current) {
    // Whoever delivers may have been halted for good when this thread began to end the process.
    if current.exits_process() {
        return;
    }
    let one_at_a_time = &current.context.deliveries.one_at_a_time;
    let _guard = one_at_a_time.lock().unwrap_or_else(|poison| poison.into_inner());
    while current.process().first_completed.peek() != 0 {
        if deliver_first(current).is_err() {
            break;
        }
    }
}

fn deliver_first(current: &Current) -> Result<()> {
    let lock = current.begin()?;
    // What the end of the process cancels may be for memory that is gone by now.
    if current.is_process_exiting() {
        return Err(Status::PROCESS_IS_TERMINATING);
    }
    let arena = lock.arena();
    let process = current.process();
    let Some(reference) = Ref::<Request>::from_index(process.first_completed.get(&lock)).some() else {
        return Ok(());
    };
    let request: &'static Request = arena.get(reference)?;
    let local = current.context.deliveries.take(request.local.get(&lock));
    let message = BlockRef(request.message.get(&lock));
    let offset = request.offset.get(&lock) as usize;
    let (result, count) = (Status(request.status.get(&lock)), request.information.get(&lock) as usize);
    lock.commit()?;
    // The request stays in the list meanwhile: it keeps the message, and others wait until it is delivered.
    if let Some(local) = &local {
        // The caller takes a read's count at its word, so it must have been copied. Only a read has a buffer.
        let copied = match &local.buffer {
            Some(buffer) if count != 0 => buffer.fill(arena, message, offset, 0, count),
            _ => Ok(()),
        };
        let (result, count) = match copied {
            Ok(()) => (result, count),
            Err(status) => (status, 0),
        };
        local.block.complete(result, count);
        if let Some((thread, number)) = local.routine {
            current.context.routines.complete_io(thread, number, result, count);
        }
    }
    let mut lock = current.begin()?;
    dequeue(&mut lock, &process.first_completed, &process.last_completed, request)?;
    forget(&mut lock, reference, request)?;
    lock.commit()
}
