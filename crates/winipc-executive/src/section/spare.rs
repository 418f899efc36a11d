//! The small section that a process has given up last, which it keeps for the next that it makes.
//!
//! To make a file and to remove it is what takes long of a small section. So the section, its object and its file,
//! stays with its process when its last handle and view have gone. Nobody else is ever given memory that was
//! somebody's: a section whose memory another process has mapped, or of which a forked child may have views, goes as
//! any other, and what a process keeps goes with it.

use std::sync::Arc;

use super::own_file::OwnFile;
use super::{FILE, FLAGS, FORKS, MAKER, ON_DISK, Protection, READY, RESERVED, SIZE, VIEWS};
use crate::arena::section::SectionId;
use crate::arena::state::next_generation;
use crate::arena::{Ref, Txn, fork_hooks};
use crate::context::Current;
use crate::handle::Handle;
use crate::object::{self, Attributes, Disposition};
use crate::process::claim;
use crate::quota::Payer;
use crate::records::{Kind, Object, Process};
use crate::status::{Result, Status};

/// Most bytes of a section that is kept.
pub(super) const MOST: u64 = 16 << 10;
/// In `FORKS`: the process was forking.
const UNSETTLED: u64 = u64::MAX;

/// Set in `FLAGS` when another process has mapped the section.
const SHARED: u64 = 1 << 35;
/// Set while its process keeps it.
pub(crate) const SPARE: u64 = 1 << 36;

/// Notes in a section that is being made whose it is, if that process will be able to keep it.
pub(super) fn note_maker(lock: &mut Txn<'static>, object: &Object, can_keep: bool) -> Result<()> {
    let maker = if can_keep { Payer::holder(lock)?.0 } else { 0 };
    object.body[MAKER].set(lock, maker.into());
    object.body[FORKS].set(lock, fork_hooks::settled().map_or(UNSETTLED, u64::from));
    Ok(())
}

/// Notes in a section that the calling process maps it.
pub(super) fn note_view(lock: &mut Txn<'static>, object: &Object) -> Result<()> {
    let flags = object.body[FLAGS].get(lock);
    if flags & (SHARED | ON_DISK) == 0 && object.body[MAKER].get(lock) != Payer::holder(lock)?.0.into() {
        object.body[FLAGS].set(lock, flags | SHARED);
    }
    Ok(())
}

/// Keeps a section to which nothing refers any more, if it is its maker who lets it go, and has none yet.
pub(super) fn keep(lock: &mut Txn<'_>, reference: Ref<Object>, object: &Object) -> Result<bool> {
    let flags = object.body[FLAGS].get(lock);
    let process = lock.arena().get(Ref::<Process>::from_index(lock.process()))?;
    let is_own = flags & (READY | RESERVED | ON_DISK | SHARED) == READY
        && object.body[MAKER].get(lock) == Payer::holder(lock)?.0.into()
        && object.body[SIZE].get(lock) <= MOST;
    let is_alone = fork_hooks::settled().is_some_and(|forks| object.body[FORKS].get(lock) == forks.into());
    // One that leaves makes no other.
    let is_wanted = process.spare_section.get(lock) == 0 && process.claim.load() == claim::ATTACHED;
    if !is_own || !is_alone || !is_wanted {
        return Ok(false);
    }
    process.spare_section.set(lock, reference.index());
    object.references.set(lock, 1);
    object.body[FLAGS].set(lock, flags | SPARE);
    Ok(true)
}

/// Lets go what a process keeps. After the commit [`super::sweep`] is due.
pub(super) fn drop_kept(lock: &mut Txn<'static>, process: &Process) -> Result<()> {
    let kept = kept_by(lock, process);
    process.spare_section.set(lock, 0);
    let Some((reference, object)) = kept else { return Ok(()) };
    // Nobody keeps it again.
    object.body[MAKER].set(lock, 0);
    object::release(lock, reference)
}

/// The section that a process keeps. What else a neighbour has made of the word is nothing.
fn kept_by(lock: &Txn<'static>, process: &Process) -> Option<(Ref<Object>, &'static Object)> {
    let reference = Ref::<Object>::from_index(process.spare_section.get(lock)).some()?;
    let object = lock.arena().get(reference).ok()?;
    let flags = object.body[FLAGS].get(lock);
    let is_kept = object.head.tag.get(lock) == Kind::Section.tag()
        && flags & (READY | RESERVED | ON_DISK | SHARED | SPARE) == READY | SPARE
        && object.references.get(lock) == 1
        && object.handles.get(lock) == 0;
    is_kept.then_some((reference, object))
}

/// Makes a section of the one that the calling process keeps, if that is as large.
pub(super) fn reuse(
    current: &Current,
    attributes: &Attributes<'_>,
    access: u32,
    size: u64,
    protection: Protection,
) -> Result<Option<(Handle, Disposition)>> {
    let process = current.process();
    if process.spare_section.peek() == 0 {
        return Ok(None);
    }
    // Who takes it clears it first, when nobody else can.
    let _turn = current.context.views.own.take_turn();
    let Some((reference, file)) = find(current, size)? else { return Ok(None) };
    if file.clear(size as usize).is_err() {
        let_go(current)?;
        return Ok(None);
    }
    object::create(current, attributes, Kind::Section, access, |lock| {
        let (_, object) =
            kept_by(lock, process).filter(|(kept, _)| *kept == reference).ok_or(Status::ARENA_CORRUPT)?;
        process.spare_section.set(lock, 0);
        object.references.set(lock, 0);
        let state = object.state.claim(lock);
        object.state.set(lock, next_generation(state));
        object.body[FLAGS].set(lock, u64::from(protection as u32) | READY);
        object.body[VIEWS].set(lock, 0);
        note_maker(lock, object, true)?;
        Ok(reference)
    })
    .map(Some)
}

/// The section that the calling process keeps, and its file. If it is of no use, it goes.
fn find(current: &Current, size: u64) -> Result<Option<(Ref<Object>, Arc<OwnFile>)>> {
    let lock = current.begin()?;
    let maker = Payer::holder(&lock)?;
    let kept = kept_by(&lock, current.process()).filter(|(_, object)| {
        object.body[MAKER].get(&lock) == maker.0.into() && object.body[SIZE].get(&lock) == size
    });
    let kept = kept.map(|(reference, object)| {
        let generation = object.body[FILE].get(&lock) as u32;
        (reference, SectionId { number: reference.index(), generation })
    });
    lock.commit()?;
    let found = kept.and_then(|(reference, id)| Some((reference, current.context.views.own.get(id)?)));
    match found.filter(|(_, file)| file.length == size) {
        Some(found) => Ok(Some(found)),
        None => let_go(current).map(|()| None),
    }
}

#[cold]
fn let_go(current: &Current) -> Result<()> {
    let mut lock = current.begin()?;
    drop_kept(&mut lock, current.process())?;
    lock.commit()?;
    super::sweep(current);
    Ok(())
}
