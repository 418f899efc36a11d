//! How the process comes to its namespace, and how it leaves.

use std::sync::atomic::Ordering;

use super::{CURRENT, Context, SEAT_GUARD, current, sit_down_for};
use crate::arena::attach_error::AttachError;
use crate::arena::file::Directory;
use crate::arena::fork::{ForkMark, Joining, Published};
use crate::arena::seat::{Life, Seat};
use crate::arena::{Arena, Ref, fork_hooks, futex};
use crate::process::heritage;
use crate::records::Process;
use crate::status::Status;
use crate::{death, file, keeper, process, thread};

/// The attachment of this process, or of one that it descends from.
static CONTEXT: Published<Context> = Published::nothing();

/// Attaches the process to its namespace, if it is not yet.
///
/// # Errors
/// The directory belongs to somebody else or is open to others; the kernel or a sandbox refuses `futex_waitv`; there is
/// no memory.
pub(crate) fn attach() -> core::result::Result<&'static Context, AttachError> {
    if let Some(context) = attached() {
        return Ok(context);
    }
    let cannot_mark = |error| AttachError::system("cannot mark the process", error);
    let _joining = Joining::begin().map_err(cannot_mark)?;
    if let Some(context) = attached() {
        return Ok(context);
    }
    if let Some(parent) = CONTEXT.get() {
        parent.files.abandon();
        parent.views.abandon();
        parent.children.abandon();
        parent.place.abandon();
    }
    let context = join(ForkMark::new().map_err(cannot_mark)?)?;
    CONTEXT.set(context);
    Ok(context)
}

/// The process's attachment, if it has one.
pub(crate) fn attached() -> Option<&'static Context> {
    CONTEXT.get().filter(|context| context.mark.is_same_process())
}

/// Joins the namespace: finds or makes its arena, takes a process record, and starts the keeper.
fn join(mark: ForkMark) -> core::result::Result<&'static Context, AttachError> {
    futex::wait_many_works().map_err(|error| {
        AttachError::system(
            "the kernel or a sandbox refuses futex_waitv, which winipc needs (Linux 5.16 or later)",
            error,
        )
    })?;
    // Before anything is in the arena: that there can be no more threads is what fails most.
    let keeper = keeper::prepare()?;
    // Before there is anything that no child is to have.
    fork_hooks::install();
    let directory = Directory::lock()?;
    let arena = match directory.open()? {
        Some(arena) if arena.is_of_this_boot() && is_inhabited(&arena) => arena,
        Some(abandoned) => {
            abandoned.unmap();
            directory.remove();
            directory.create()?
        }
        None => directory.create()?,
    };
    for sibling in directory.siblings() {
        eprintln!(
            "winipc: another version of winipc uses this namespace ({}); the two do not see each other's objects",
            sibling.display()
        );
    }
    let no_room = |status: Status| match status {
        Status::NOT_SUPPORTED => AttachError::new(
            "the process was made by a raw clone system call, so that the C library does not know its thread",
        ),
        _ => AttachError::new(format!("no room for the process in the arena ({status})")),
    };
    let arena: &'static Arena = Box::leak(Box::new(arena));
    // From now on there may be something left of the process, should it be killed: the keepers see to it.
    keeper::call_all(arena);
    process::free_unborn(arena);
    let heritage = heritage::take_over(arena);
    let process = match &heritage {
        Some(heritage) => heritage.record,
        None => process::claim_record(arena).map_err(no_room)?,
    };
    let context = Context::keep(arena, process, directory.place(), mark).map_err(no_room)?;
    process::identity::note(context.process_record());
    let mut redirected = Vec::new();
    if let Some(heritage) = heritage {
        redirected = file::inheritance::take_over(context, &heritage.belongings);
        context.untaken.note(arena, context.record);
    }
    // The thread that attaches sits down before the directory is unlocked: from then on the arena is inhabited.
    let joined = sit_down_for(context)
        .and_then(|current| {
            let _ = SEAT_GUARD.try_with(|_| ());
            process::join(current)?;
            process::standard::forget(&current, &redirected)?;
            thread::take_first(&current)
        })
        .and_then(|()| keeper.start(context));
    if let Err(status) = joined {
        take_back_join(context);
        // What it has from its parent goes with the handles.
        context.files.abandon();
        context.place.abandon();
        if !is_inhabited(arena) && directory.names(arena) {
            directory.remove();
        }
        return Err(no_room(status));
    }
    process::leave_at_exit();
    drop(directory);
    Ok(context)
}

/// Clears away what a join that has failed has left.
pub(super) fn take_back_join(context: &'static Context) {
    match CURRENT.take() {
        Some(current) => death::take_back_join(current),
        None => process::free_record(context.process_record()),
    }
}

/// Leaves the namespace at the process's normal end.
pub(crate) fn leave() {
    let Some(context) = attached() else { return };
    let Ok(current) = current() else { return };
    let Ok(directory) = Directory::lock_at(&context.place) else { return };
    context.exiting_seat.store(current.seat.index(), Ordering::Relaxed);
    death::close_own_process(current);
    // A process that has left before and not ended yet is none.
    let is_member = |seat: &Seat| {
        let process = context.arena.get::<Process>(Ref::from_index(seat.process()));
        seat.life() == Life::Alive
            && process.is_ok_and(|process| process.claim.load() == process::claim::ATTACHED)
    };
    let others = context.arena.seats().any(|(_, seat)| is_member(seat));
    if !others && !heritage::has_heir(context.arena) && directory.names(context.arena) {
        directory.remove();
    }
}

/// Whether any process that has joined the arena lives, or one that is to find there what it inherits.
pub(crate) fn is_inhabited(arena: &Arena) -> bool {
    has_members(arena) || heritage::has_heir(arena)
}

/// Whether any process that has joined the arena lives.
pub(crate) fn has_members(arena: &Arena) -> bool {
    arena.seats().any(|(_, seat)| seat.life() == Life::Alive)
}
