//! Looking on: every live object of the namespace, who holds it, who waits for it; and the proof that the arena is
//! whole.
//!
//! Both work within a bounded time, also while a stopped or traced thread holds the arena's lock, and name that thread
//! then.

mod blocked;
mod check;
mod collect;
mod view;

use core::cell::Cell;
use core::time::Duration;
use std::sync::mpsc;

pub use blocked::{Blocked, Link};
pub use check::Fault;
pub use view::{Call, Holder, Listing, ObjectView, PipeState, State, ThreadId, Waiter};

use crate::arena::attach_error::AttachError;
use crate::arena::file::Directory;
use crate::arena::{Arena, Txn};
use crate::context;

/// How long a look waits for the arena's lock. It is held for less than a microsecond, unless its holder is stopped.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the lock of an arena is looked at before the process attaches to it.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Lists every live object of the namespace, and every blocked thread with the chain of owners it waits for.
///
/// The listing shows one moment. Only if a thread held the arena's lock for half a second on end, because it is stopped
/// or traced, it is put together without the lock, and [`Listing::lock_holder`] names that thread: then it may be off
/// where others were changing something. A namespace in which no process lives is empty and stays so.
///
/// # Errors
/// The process cannot attach to its namespace, for the reasons that [`crate::namespace::attach`] gives.
pub fn objects() -> Result<Listing, AttachError> {
    Ok(match Moment::now()? {
        Moment::Uninhabited => Listing::default(),
        Moment::Locked(lock) => collect::listing(lock.arena()),
        Moment::Refused(_, error) => return Err(error),
        Moment::Unlocked(onlooker) => {
            let arena = onlooker.arena();
            Listing { lock_holder: view::lock_holder(arena), ..collect::listing(arena) }
        }
    })
}

/// Walks the arena and proves counts, lists, queues and free space consistent. A whole arena has no fault.
///
/// It looks several times, for up to a second, and reports what was wrong each time: words that threads change without
/// the lock may disagree for a moment, and whoever has just died is not buried yet.
pub fn check() -> Vec<Fault> {
    try_check().unwrap_or_else(|error| vec![Fault::new("namespace", "attached", error)])
}

/// As [`check()`], where the process may be kept from looking at all.
///
/// # Errors
/// As [`attach`](crate::namespace::attach): the directory belongs to somebody else or is open to others, the
/// environment names none that can be. That says nothing of what is in the arena.
pub fn try_check() -> Result<Vec<Fault>, AttachError> {
    let refusal = Cell::new(None);
    let faults = check::persistent(|| match Moment::now() {
        Ok(Moment::Uninhabited) => Ok(Vec::new()),
        Ok(Moment::Locked(lock)) => {
            let mut faults = check::run(lock.arena());
            if let Some(context) = context::attached() {
                faults.extend(check::files(lock.arena(), &context.place));
            }
            Ok(faults)
        }
        // More looks would be more attempts to attach.
        Ok(Moment::Refused(arena, error)) => {
            let mut faults = check::run(&arena);
            faults.push(Fault::new("namespace", "attached", error));
            arena.unmap();
            Err(faults)
        }
        Ok(Moment::Unlocked(onlooker)) => {
            let holder = view::lock_holder(onlooker.arena());
            let holder = holder.map_or_else(|| "an unknown thread".to_owned(), |thread| thread.to_string());
            let found = format!("held by {holder}, which may be stopped");
            Err(vec![Fault::new("lock", "free within half a second", found)])
        }
        Err(error) => {
            refusal.set(Some(error));
            Err(Vec::new())
        }
    });
    match refusal.into_inner() {
        Some(error) => Err(error),
        None => Ok(faults.unwrap_or_else(|faults| faults)),
    }
}

/// Checks an arena once, for tests of others.
#[cfg(test)]
pub(crate) fn check_arena(current: &crate::context::Current) -> Vec<Fault> {
    let lock = current.begin().unwrap();
    check::run(lock.arena())
}

/// A view of the arena.
enum Moment {
    /// There is no arena, or nobody in it.
    Uninhabited,
    /// The lock is held: nothing that it guards changes.
    Locked(Txn<'static>),
    /// There is an arena, but it cannot be attached to.
    Refused(Arena, AttachError),
    /// Somebody else holds the lock and does not let it go.
    Unlocked(Onlooker),
}

/// Somebody who reads the arena without the lock.
enum Onlooker {
    Attached(&'static Arena),
    /// The process has not attached, since that takes the lock.
    Stranger(Arena),
}

impl Onlooker {
    fn arena(&self) -> &Arena {
        match self {
            Onlooker::Attached(arena) => arena,
            Onlooker::Stranger(arena) => arena,
        }
    }
}

impl Moment {
    fn now() -> Result<Self, AttachError> {
        if context::attached().is_none() {
            let directory = Directory::unlocked()?;
            let Some(arena) = directory.open()? else { return Ok(Moment::Uninhabited) };
            if !arena.is_of_this_boot() || !context::is_inhabited(&arena) {
                arena.unmap();
                return Ok(Moment::Uninhabited);
            }
            let attaches = if becomes_free(&arena) { attaches_in_time() } else { Ok(false) };
            match attaches {
                Ok(true) => {}
                Ok(false) => return Ok(Moment::Unlocked(Onlooker::Stranger(arena))),
                Err(error) => return Ok(Moment::Refused(arena, error)),
            }
            arena.unmap();
        }
        let refuse =
            |status: crate::Status| AttachError::new(format!("cannot take the arena's lock ({status})"));
        let current = context::current().map_err(refuse)?;
        match current.begin_within(PATIENCE).map_err(refuse)? {
            Some(lock) => Ok(Moment::Locked(lock)),
            None => Ok(Moment::Unlocked(Onlooker::Attached(current.arena()))),
        }
    }
}

/// Whether the lock is seen free.
fn becomes_free(arena: &Arena) -> bool {
    let looks = PATIENCE.as_millis() / LOOK_INTERVAL.as_millis();
    (0..looks).any(|look| {
        if look != 0 {
            std::thread::sleep(LOOK_INTERVAL);
        }
        arena.lock_holder().is_none_or(|holder| arena.is_gone(holder).unwrap_or(false))
    })
}

/// Attaches the process. False if that does not come to an end: somebody was stopped just now with the lock in hand.
fn attaches_in_time() -> Result<bool, AttachError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(context::attach().map(|_| ()));
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(result) => result.map(|()| true),
        Err(_) => Ok(false),
    }
}
