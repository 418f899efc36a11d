//! Small sections, whose memory is a part of the arena.
//!
//! A file of its own costs more system calls than a small section is worth. Its memory is a span of the arena, and its
//! views are mapped of the arena's file. A span is handed out again when its section goes, unless a child was forked
//! while it was mapped: nobody can tell when such a child has done with the memory it has in common with its parent, and
//! so the span is retired.

use super::{FLAGS, FORKED, IN_ARENA, SPAN};
use crate::arena::layout::SPAN_SIZE;
use crate::arena::{Arena, Ref, Txn, fork};
use crate::records::{Object, Process, Span};
use crate::status::{Result, Status};

/// Most bytes of a section whose memory is in the arena.
pub(super) const MOST: u64 = SPAN_SIZE as u64;

/// Tags of spans: of one that a section has, and of one that nobody is to have again.
pub(crate) const TAKEN: u32 = 1;
pub(crate) const RETIRED: u32 = 2;

/// Gives a section that is being made a span, if there is one left.
pub(crate) fn take(lock: &mut Txn<'static>, section: Ref<Object>) -> Result<()> {
    let span = match lock.allocate::<Span>(TAKEN) {
        // There are files.
        Err(Status::INSUFFICIENT_RESOURCES | Status::NO_MEMORY) => return Ok(()),
        span => span?,
    };
    let arena = lock.arena();
    arena.get(span)?.section.set(lock, section.index());
    let object = arena.get(section)?;
    let flags = object.body[FLAGS].get(lock);
    object.body[FLAGS].set(lock, flags | IN_ARENA);
    object.body[SPAN].set(lock, span.index().into());
    Ok(())
}

/// The span of a section that has one.
pub(super) fn of(object: &Object) -> Ref<Span> {
    Ref::from_index(object.body[SPAN].peek() as u32)
}

/// Offset of a section's memory in the arena's file. The first `bytes` of it are needed.
pub(super) fn offset(arena: &Arena, section: Ref<Object>, object: &Object, bytes: u64) -> Result<u64> {
    let span = of(object);
    let record = arena.get(span)?;
    // Else a neighbour has damaged it.
    let has_all = bytes <= u64::from(record.populated.load()).min(MOST);
    if record.section.peek() != section.index() || !has_all {
        return Err(Status::ARENA_CORRUPT);
    }
    arena.span_offset(span)
}

/// Takes the span away from a section that goes.
pub(super) fn give_back(lock: &mut Txn<'_>, object: &Object) -> Result<()> {
    let span = of(object);
    if object.body[FLAGS].get(lock) & FORKED == 0 {
        return lock.free(span);
    }
    lock.arena().get(span)?.head.tag.set(lock, RETIRED);
    Ok(())
}

/// What a view notes, so that a fork while it is mapped is noticed when it goes.
pub(super) fn forks_at_start(process: &Process) -> u32 {
    fork::settled(&process.forks)
}

/// Notes in a section that a view of it goes, and that there may be a forked child that has it too.
pub(super) fn note_forks(lock: &mut Txn<'_>, process: &Process, object: &Object, at_start: u32) {
    let flags = object.body[FLAGS].get(lock);
    if flags & IN_ARENA != 0 && fork::begun(&process.forks) != at_start {
        object.body[FLAGS].set(lock, flags | FORKED);
    }
}
