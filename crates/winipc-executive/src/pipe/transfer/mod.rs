//! What the ends of a pipe exchange: how a call is done, and the messages that its thread holds meanwhile.

mod peek;
mod read;
mod transact;
mod write;

pub use peek::{Peek, peek};
pub(crate) use read::read;
pub use transact::transact;
pub(crate) use write::{flush, write};

use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::context::Current;
use crate::dispatcher;
use crate::handle::Found;
use crate::io::{Outcome, Report};
use crate::records::Thread;
use crate::status::{Result, Status};

use super::channel;

/// Longest message that a thread keeps the memory of for its next one.
const LARGEST_SPARE: usize = 8192;

fn is_failure(status: Status) -> bool {
    status != Status::SUCCESS && status != Status::BUFFER_OVERFLOW
}

/// Ends a call that failed at once: the file stays nonsignaled.
fn fail(mut lock: Txn<'static>, file: &Found, status: Status) -> Result<Outcome> {
    dispatcher::set_signal(&mut lock, file.object, false)?;
    lock.commit()?;
    Err(status)
}

/// Ends a call that is done.
fn done(
    current: &Current,
    file: &Found,
    report: Option<Report>,
    status: Status,
    information: usize,
) -> Result<Outcome> {
    match report {
        Some(report) => report.finish(current, file, status, information)?,
        None => signal_file(current, file)?,
    }
    Ok(Outcome::Done { status, information })
}

/// A file is signaled when a call on it is done. Nearly always it is already.
fn signal_file(current: &Current, file: &Found) -> Result<()> {
    let is_set = |state: u64| crate::arena::state::value_of(state) & dispatcher::signal::SET != 0;
    if is_set(file.object.state.load()) {
        return Ok(());
    }
    let mut lock = current.begin()?;
    if file.is_current(&lock) {
        dispatcher::set_signal(&mut lock, file.object, true)?;
    }
    lock.commit()
}

/// Lets go of the messages that a thread has copied.
pub(super) fn reclaim(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    let arena = lock.arena();
    let mut next = BlockRef(thread.reading.get(lock));
    if !next.is_none() {
        thread.reading.set(lock, 0);
        while !next.is_none() {
            lock.step()?;
            let message = next;
            next = BlockRef(arena.block(message)?.head.link.get(lock));
            channel::unpin(lock, message)?;
        }
    }
    let partial = BlockRef(thread.partial.get(lock));
    if !partial.is_none() {
        thread.partial.set(lock, 0);
        channel::unpin(lock, partial)?;
    }
    Ok(())
}

/// What a thread that has ended was copying or had at hand goes.
pub(crate) fn thread_ended(lock: &mut Txn<'_>, thread: &Thread) -> Result<()> {
    reclaim(lock, thread)?;
    let spare = BlockRef(thread.spare_block.get(lock));
    thread.spare_block.set(lock, 0);
    if spare.is_none() { Ok(()) } else { lock.free_chain(spare) }
}
