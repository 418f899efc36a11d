//! Views of sections.
//!
//! A view is a record of the arena, which keeps the section and goes with the process at the latest, and a mapping, of
//! which only the process itself knows.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard};

use super::own_file::OwnFiles;
use super::{FILE, FLAGS, READY, RESERVED, SIZE, VIEWS, protection_of, spare};
use crate::access;
use crate::arena::backing;
use crate::arena::section::{self, SectionId};
use crate::arena::view::{self, Access, GRANULARITY, PAGE, Request, Unused};
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::handle::{Found, Handle, look_up};
use crate::object;
use crate::quota::{self, Payer};
use crate::records::{self, Kind, Object, Process};
use crate::status::{Result, Status};

/// What of a section to map, and where.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// What the view is for.
    pub access: Access,
    /// The view can be executed, too.
    pub execute: bool,
    /// Where it begins in the section, a multiple of 65536.
    pub offset: u64,
    /// Bytes; 0 for all there are from the offset on.
    pub length: usize,
    /// The address it is to have, a multiple of 65536; any if there is none.
    pub base: Option<usize>,
}

/// The views of the process, by their addresses. They belong to the attachment: a forked child has the memory of its
/// parent's views and no views.
#[derive(Debug, Default)]
pub(crate) struct Views {
    mapped: Mutex<BTreeMap<usize, Mapped>>,
    pub(super) own: OwnFiles,
}

/// A view as its process knows it.
#[derive(Clone, Copy, Debug)]
struct Mapped {
    /// Bytes, whole pages.
    length: usize,
    record: Ref<records::View>,
    section: SectionId,
    /// Where it begins in the section.
    offset: u64,
    access: Access,
    execute: bool,
    /// Memory is committed by [`commit`].
    is_reserved: bool,
    is_on_disk: bool,
    /// The program has said where it is to be. What is there afterwards is the program's to say, too.
    is_placed: bool,
}

impl Mapped {
    /// Whether it is like all that a section is mapped anew for, but for its length.
    fn is_plain(&self) -> bool {
        let is_special = self.execute || self.is_reserved || self.is_on_disk || self.is_placed;
        self.access == Access::Write && self.offset == 0 && !is_special
    }
}

impl Views {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Mapped>> {
        self.mapped.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Closes the files that a forked child has of its parent's.
    pub(crate) fn abandon(&self) {
        self.own.abandon();
    }
}

/// The view that an address lies in, and where it begins.
fn at(views: &BTreeMap<usize, Mapped>, address: usize) -> Result<(usize, Mapped)> {
    let last = views.range(..=address).next_back();
    last.filter(|(base, view)| address - **base < view.length)
        .map(|(base, view)| (*base, *view))
        .ok_or(Status::NOT_MAPPED_VIEW)
}

/// Maps a view of a section, and returns its address.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no section. [`Status::ACCESS_DENIED`]: the section or
/// the handle does not allow such a view. [`Status::MAPPED_ALIGNMENT`]: the offset or the address is no multiple of
/// 65536. [`Status::INVALID_VIEW_SIZE`]: the section ends before the view, or at its start.
/// [`Status::CONFLICTING_ADDRESSES`]: something else is at the address. [`Status::NO_MEMORY`]: no room for it.
/// [`Status::COMMITMENT_LIMIT`]: no memory for copies. [`Status::QUOTA_EXCEEDED`]: the process has too many.
/// [`Status::FILE_INVALID`]: the section is over a file that is not where it was when the section was made, or is
/// shorter than it was then.
///
/// # References
/// - `docs/conformance.md`, 8.3
pub fn map(section: Handle, view: &View) -> Result<usize> {
    let current = current()?;
    let right = match view.access {
        Access::Read | Access::Copy => access::section::MAP_READ,
        Access::Write => access::section::MAP_WRITE,
    } | if view.execute { access::section::MAP_EXECUTE } else { 0 };
    let found = look_up(&current, section)?.require(Kind::Section, right)?;
    let is_aligned =
        view.offset.is_multiple_of(GRANULARITY as u64) && view.base.unwrap_or(0).is_multiple_of(GRANULARITY);
    if !is_aligned {
        return Err(Status::MAPPED_ALIGNMENT);
    }
    let mut lock = current.begin()?;
    let (length, is_reserved) = admit(&lock, &found, view)?;
    let backing = super::disk::backing_of(&lock, found.object)?;
    let end = view.offset + length as u64;
    spare::note_view(&mut lock, found.object)?;
    let record = enter(&mut lock, &current, found.reference)?;
    let generation = found.object.body[FILE].get(&lock) as u32;
    lock.commit()?;
    let id = SectionId { number: found.reference.index(), generation };
    let own = current.context.views.own.get(id);
    let map_of = |file: BorrowedFd<'_>| {
        view::map(&Request {
            file,
            offset: view.offset,
            length,
            access: view.access,
            execute: view.execute,
            base: view.base,
            // So small, and its memory exists.
            populate: length <= GRANULARITY
                && backing.is_none()
                && !is_reserved
                && view.access != Access::Copy,
        })
    };
    if view.base.is_some() {
        current.context.views.own.unmap_shut_views();
    }
    let is_plain = view.access == Access::Write && !view.execute && view.base.is_none() && view.offset == 0;
    let open_and_map = || {
        let file = current.context.place.open_section(id, end)?;
        map_of(file.as_fd())
    };
    let mapped = match (&backing, own) {
        (None, Some(own)) if end <= own.length => {
            let reopened = (is_plain && end == own.length).then(|| own.reopen_view()).flatten();
            reopened.map(Ok).unwrap_or_else(|| own.map(map_of).or_else(|_| open_and_map()))
        }
        (None, _) => open_and_map(),
        (Some(backing), own) => {
            let map_over = |file: BorrowedFd<'_>| {
                backing::require(file, backing, end)?;
                map_of(file)
            };
            // Its maker keeps it open, unless the program has closed it.
            match own.as_ref().and_then(|own| own.get().ok()) {
                Some(file) => map_over(file),
                None => backing::open(backing, view.access == Access::Write)
                    .and_then(|file| map_over(file.as_fd())),
            }
        }
    };
    match mapped {
        Ok(address) => {
            let length = length.next_multiple_of(PAGE);
            let (access, execute) = (view.access, view.execute);
            let mapped = Mapped {
                length,
                record,
                section: id,
                offset: view.offset,
                access,
                execute,
                is_reserved,
                is_on_disk: backing.is_some(),
                is_placed: view.base.is_some(),
            };
            current.context.views.lock().insert(address, mapped);
            Ok(address)
        }
        Err(status) => {
            leave(&current, record)?;
            Err(status)
        }
    }
}

/// Checks a view against its section. Returns its length, and whether its memory is committed page by page.
fn admit(lock: &Txn<'static>, found: &Found, view: &View) -> Result<(usize, bool)> {
    let flags = found.object.body[FLAGS].get(lock);
    // One that is not complete has only just been made, and nobody was told of its handle.
    if !found.is_current(lock) || flags & READY == 0 {
        return Err(Status::INVALID_HANDLE);
    }
    let protection = protection_of(flags).ok_or(Status::ARENA_CORRUPT)?;
    if view.access == Access::Write && !protection.is_writable()
        || view.execute && !protection.is_executable()
    {
        return Err(Status::ACCESS_DENIED);
    }
    let rest = found.object.body[SIZE].get(lock).checked_sub(view.offset).filter(|rest| *rest != 0);
    let rest = usize::try_from(rest.ok_or(Status::INVALID_VIEW_SIZE)?).map_err(|_| Status::NO_MEMORY)?;
    match view.length {
        0 => Ok((rest, flags & RESERVED != 0)),
        length if length <= rest => Ok((length, flags & RESERVED != 0)),
        _ => Err(Status::INVALID_VIEW_SIZE),
    }
}

/// Makes the record of a view, for which the process pays.
pub(crate) fn enter(
    lock: &mut Txn<'static>,
    current: &Current,
    section: Ref<Object>,
) -> Result<Ref<records::View>> {
    let reference = lock.allocate::<records::View>(1)?;
    quota::charge(lock, Payer::holder(lock)?, RECORD_SIZE)?;
    let arena = lock.arena();
    let record = arena.get(reference)?;
    let list = &current.process().first_view;
    let next = list.get(lock);
    record.process.set(lock, current.context.process.index());
    record.section.set(lock, section.index());
    record.next.set(lock, next);
    record.previous.set(lock, 0);
    if let Some(next) = Ref::<records::View>::from_index(next).some() {
        arena.get(next)?.previous.set(lock, reference.index());
    }
    list.set(lock, reference.index());
    let object = arena.get(section)?;
    let views = object.body[VIEWS].get(lock);
    object.body[VIEWS].set(lock, views.wrapping_add(1));
    object::retain(lock, object);
    Ok(reference)
}

/// What a record takes of the arena, in bytes.
pub(crate) const RECORD_SIZE: u32 = size_of::<records::View>() as u32;

/// Takes the record of a view of the calling process away.
fn leave(current: &Current, record: Ref<records::View>) -> Result<()> {
    // The process's leaving takes all records of its views away; this number may be another process's by now.
    if current.exits_process() {
        return Ok(());
    }
    let mut lock = current.begin()?;
    forget(&mut lock, current.process(), record)?;
    lock.commit()?;
    super::sweep(current);
    Ok(())
}

fn forget(lock: &mut Txn<'static>, process: &Process, reference: Ref<records::View>) -> Result<()> {
    let arena = lock.arena();
    let record = arena.get(reference)?;
    let (next, previous) = (record.next.get(lock), record.previous.get(lock));
    match Ref::<records::View>::from_index(previous).some() {
        Some(previous) => arena.get(previous)?.next.set(lock, next),
        None => process.first_view.set(lock, next),
    }
    if let Some(next) = Ref::<records::View>::from_index(next).some() {
        arena.get(next)?.previous.set(lock, previous);
    }
    let payer = Payer::number(arena, record.process.get(lock))?;
    quota::give_back(lock, payer, RECORD_SIZE);
    let section = Ref::<Object>::from_index(record.section.get(lock));
    lock.free(reference)?;
    let object = arena.get(section)?;
    let views = object.body[VIEWS].get(lock);
    object.body[VIEWS].set(lock, views.wrapping_sub(1));
    object::release(lock, section)
}

/// Drops up to `most` views of a process that ends, and then the section that it keeps. Returns whether there is more.
/// After the commit [`super::sweep`] is due.
pub(crate) fn drop_some(lock: &mut Txn<'static>, process: &Process, most: u32) -> Result<bool> {
    for _ in 0..most {
        let Some(first) = Ref::from_index(process.first_view.get(lock)).some() else {
            return spare::drop_kept(lock, process).map(|()| false);
        };
        lock.step()?;
        forget(lock, process, first)?;
    }
    Ok(true)
}

/// Unmaps a view, of which any address will do.
///
/// # Errors
/// [`Status::NOT_MAPPED_VIEW`]: the address lies in no view of the process.
///
/// # References
/// - `docs/conformance.md`, 8.4
pub fn unmap(view: Unused) -> Result<()> {
    let current = current()?;
    // Who takes it out of the table unmaps it, and until it is unmapped nothing else can be there.
    let (base, mapped) = {
        let mut views = current.context.views.lock();
        let (base, mapped) = at(&views, view.address())?;
        views.remove(&base);
        (base, mapped)
    };
    match current.context.views.own.get(mapped.section) {
        Some(own) if mapped.is_plain() && mapped.length == own.view_length() => own.shut_view(base),
        _ => view::unmap_view(base, mapped.length),
    }
    leave(&current, mapped.record)
}

/// The view that a range of addresses lies in, and where it begins.
fn range(current: &Current, address: usize, length: usize) -> Result<(usize, Mapped)> {
    let (base, mapped) = at(&current.context.views.lock(), address)?;
    if length > mapped.length - (address - base) {
        return Err(Status::NOT_MAPPED_VIEW);
    }
    Ok((base, mapped))
}

/// What is known of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// Where it begins.
    pub base: usize,
    /// Bytes, whole pages.
    pub length: usize,
    /// What it is for.
    pub access: Access,
    /// It can be executed, too.
    pub execute: bool,
}

/// The view that an address lies in.
///
/// # Errors
/// [`Status::NOT_MAPPED_VIEW`]: it lies in no view of the process.
pub fn region(address: usize) -> Result<Region> {
    let (base, Mapped { length, access, execute, .. }) = range(&current()?, address, 0)?;
    Ok(Region { base, length, access, execute })
}

/// Starts writing what a view has changed to its file: `length` bytes from an address in it, or all from there if it is
/// 0. The memory of a section without a file has nowhere to be written to, and so there is nothing to do.
///
/// # Errors
/// [`Status::NOT_MAPPED_VIEW`]: the range lies in no view of the process.
///
/// # References
/// - `docs/conformance.md`, 8.4
pub fn flush(address: usize, length: usize) -> Result<()> {
    let (base, mapped) = range(&current()?, address, length)?;
    if mapped.is_on_disk {
        let end = if length == 0 { base + mapped.length } else { address + length };
        let start = address / PAGE * PAGE;
        view::flush(start, end - start);
    }
    Ok(())
}

/// Commits memory of a section that was only reserved, for all its views: the pages in which `length` bytes from an
/// address in a view lie. Returns the address of the first of them. Where a section has all its memory there is nothing
/// to do.
///
/// # Errors
/// [`Status::NOT_MAPPED_VIEW`]: the range lies in no view of the process.
/// [`Status::INVALID_PARAMETER`]: the length is 0. [`Status::COMMITMENT_LIMIT`]: there is not so much memory.
///
/// # References
/// - `docs/conformance.md`, 8.1
pub fn commit(address: usize, length: usize) -> Result<usize> {
    if length == 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    let current = current()?;
    let (base, mapped) = range(&current, address, length)?;
    let start = (address - base) / PAGE * PAGE;
    let end = (address - base + length).next_multiple_of(PAGE);
    if mapped.is_reserved {
        let file = current.context.place.open_section(mapped.section, 0)?;
        section::commit(&file, mapped.offset + start as u64, (end - start) as u64)?;
    }
    Ok(base + start)
}
