//! Sections: memory that processes share, under a name or by their handles.
//!
//! A section's memory is a file that every process of the namespace can open (see `arena::section`), and a view is a
//! mapping of a part of it. The object is there before its file is, and its slot is not free before the file is
//! removed: when the last reference goes, the object is put into a list of the arena, and whoever dropped the reference
//! then removes the files of those in the list, without the lock. If they die, whoever buries them goes on. A process
//! keeps one small section that it has given up for the next (see [`spare`]).
//!
//! # References
//! - `docs/conformance.md`, 8

mod disk;
mod own_file;
mod spare;
mod view;

pub use crate::arena::view::{Access, Unused};
pub use disk::create_over;
pub(crate) use disk::{ON_DISK, PATH, PATH_TAG, admit_length};
pub(crate) use spare::SPARE;
#[cfg(test)]
pub(crate) use view::enter;
pub(crate) use view::{RECORD_SIZE as VIEW_RECORD_SIZE, Views, drop_some};
pub use view::{Region, View, commit, flush, map, region, unmap};

use crate::arena::kept::Kept;
use crate::arena::section::SectionId;
use crate::arena::state::{generation_of, next_generation};
use crate::arena::view::PAGE;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::handle::{self, Found, Handle, look_up};
use crate::name::Name;
use crate::object::{self, Attributes, Disposition};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};

/// All rights that sections have.
pub const ALL_RIGHTS: u32 = crate::access::section::ALL;

/// Words of a section's object: its size in bytes, what it allows, how many views of it there are, and the next in the
/// list of those that nothing refers to.
pub(crate) const SIZE: usize = 0;
pub(crate) const FLAGS: usize = 1;
pub(crate) const VIEWS: usize = 2;
pub(crate) const NEXT: usize = 3;

/// Words of the object of a section that no file of the caller's backs: its maker, as who pays, and how often that had
/// forked then (see [`spare`]).
const MAKER: usize = 4;
const FORKS: usize = 5;
/// The generation by which the section's file is found.
pub(crate) const FILE: usize = 7;

/// Set in `FLAGS` when the memory is there; below are the [`Protection`]'s bits.
pub(crate) const READY: u64 = 1 << 32;
/// Memory is committed page by page ([`commit`]).
pub(crate) const RESERVED: u64 = 1 << 33;

/// What views of a section may do, by the number of the page protection (`PAGE_READONLY` and its fellows).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Protection {
    /// PAGE_READONLY: views that read, or copy on write.
    ReadOnly = 0x02,
    /// PAGE_READWRITE: views that write, too.
    ReadWrite = 0x04,
    /// PAGE_WRITECOPY: as `ReadOnly`.
    WriteCopy = 0x08,
    /// PAGE_EXECUTE_READ.
    ExecuteRead = 0x20,
    /// PAGE_EXECUTE_READWRITE.
    ExecuteReadWrite = 0x40,
    /// PAGE_EXECUTE_WRITECOPY.
    ExecuteWriteCopy = 0x80,
}

impl Protection {
    /// The protection with a number.
    ///
    /// # Errors
    /// [`Status::INVALID_PAGE_PROTECTION`]: it is not one of those that sections can have.
    pub fn from_page(number: u32) -> Result<Self> {
        Ok(match number {
            0x02 => Protection::ReadOnly,
            0x04 => Protection::ReadWrite,
            0x08 => Protection::WriteCopy,
            0x20 => Protection::ExecuteRead,
            0x40 => Protection::ExecuteReadWrite,
            0x80 => Protection::ExecuteWriteCopy,
            _ => return Err(Status::INVALID_PAGE_PROTECTION),
        })
    }

    /// Whether views may write to the section itself.
    pub fn is_writable(self) -> bool {
        matches!(self, Protection::ReadWrite | Protection::ExecuteReadWrite)
    }

    /// Whether views may be executed.
    pub fn is_executable(self) -> bool {
        matches!(self, Protection::ExecuteRead | Protection::ExecuteReadWrite | Protection::ExecuteWriteCopy)
    }
}

/// What section to make.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    /// Bytes, more than 0; rounded up to a multiple of 4096.
    pub size: u64,
    /// What views of it may do.
    pub protection: Protection,
    /// Memory is committed by [`commit`] only (`SEC_RESERVE`), else at once.
    pub reserve: bool,
}

/// Creates a section of memory, all zeros, or opens the one that has the name. An existing one keeps its size.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: the size is 0. [`Status::SECTION_TOO_BIG`]: no file can be so large.
/// [`Status::COMMITMENT_LIMIT`]: there is not so much memory. Of names, and of an object that exists, as
/// [`event::create`](crate::event::create).
///
/// # References
/// - `docs/conformance.md`, 8.1
pub fn create(
    attributes: &Attributes<'_>,
    access: u32,
    parameters: &Parameters,
) -> Result<(Handle, Disposition)> {
    if parameters.size == 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    let size = parameters.size.checked_next_multiple_of(PAGE as u64).ok_or(Status::SECTION_TOO_BIG)?;
    let current = current()?;
    // Memory is not made for one that is there.
    if let Some(handle) = open_existing(&current, attributes, access)? {
        return Ok((handle, Disposition::Opened));
    }
    let is_small = size <= spare::MOST && !parameters.reserve;
    if is_small && let Some(made) = spare::reuse(&current, attributes, access, size, parameters.protection)? {
        return Ok(made);
    }
    let views = &current.context.views;
    let can_keep = is_small && views.own.has_room();
    let begin = |lock: &mut Txn<'static>| {
        let section = allocate(lock, size, parameters.protection, parameters.reserve)?;
        spare::note_maker(lock, lock.arena().get(section)?, can_keep)?;
        Ok(section)
    };
    make(&current, attributes, access, begin, |found| {
        let id = id_of(found);
        let file = current.context.place.create_section(id, size, !parameters.reserve)?;
        // To keep it only saves time.
        if can_keep && let Ok(kept) = Kept::of(file) {
            views.own.keep(current.arena(), id, kept, size);
        }
        Ok(())
    })
}

/// Opens the section that has the name, if there is one.
fn open_existing(current: &Current, attributes: &Attributes<'_>, access: u32) -> Result<Option<Handle>> {
    let Some(name) = attributes.name.filter(|name| !name.is_empty()) else { return Ok(None) };
    match object::open(current, name, Kind::Section, access, attributes.inherit) {
        Err(Status::OBJECT_NAME_NOT_FOUND) => Ok(None),
        opened => opened.map(Some),
    }
}

/// Makes the object of a section, completes it while only its handle refers to it, and gives it the name. It is its
/// maker's then, or goes, for it cannot be completed, or somebody else was faster.
fn make(
    current: &Current,
    attributes: &Attributes<'_>,
    access: u32,
    begin: impl FnOnce(&mut Txn<'static>) -> Result<Ref<Object>>,
    complete: impl FnOnce(&Found) -> Result<()>,
) -> Result<(Handle, Disposition)> {
    let unnamed = Attributes { name: None, inherit: attributes.inherit };
    let (handle, _) = object::create(current, &unnamed, Kind::Section, access, begin)?;
    let published = look_up(current, handle).and_then(|found| {
        complete(&found)?;
        publish(current, &found, attributes, access)
    });
    match published {
        Ok(None) => Ok((handle, Disposition::Created)),
        other => {
            handle::close(handle)?;
            Ok((other?.unwrap_or(Handle::NULL), Disposition::Opened))
        }
    }
}

/// Makes the object of a section.
pub(crate) fn allocate(
    lock: &mut Txn<'static>,
    size: u64,
    protection: Protection,
    reserve: bool,
) -> Result<Ref<Object>> {
    let reference = object::allocate(lock, Kind::Section, 0)?;
    let object = lock.arena().get(reference)?;
    let flags = u64::from(protection as u32) | if reserve { RESERVED } else { 0 };
    let generation = generation_of(object.state.load());
    for (index, value) in
        [(SIZE, size), (FLAGS, flags), (VIEWS, 0), (NEXT, 0), (MAKER, 0), (FILE, generation.into())]
    {
        object.body[index].set(lock, value);
    }
    Ok(reference)
}

/// Gives a section that is complete the name, or, if that has been given away meanwhile, opens the one that has it.
fn publish(
    current: &Current,
    found: &Found,
    attributes: &Attributes<'_>,
    desired: u32,
) -> Result<Option<Handle>> {
    let mut lock = current.begin()?;
    found.claim(&mut lock)?;
    if let Some(name) = attributes.name.filter(|name| !name.is_empty()) {
        let name = Name::parse(name)?;
        if let Some(handle) =
            object::open_named(&mut lock, current, &name, Kind::Section, desired, attributes.inherit)?
        {
            lock.commit()?;
            return Ok(Some(handle));
        }
        object::set_name(&mut lock, &name, found.reference)?;
    }
    let flags = found.object.body[FLAGS].get(&lock);
    found.object.body[FLAGS].set(&mut lock, flags | READY);
    lock.commit()?;
    Ok(None)
}

/// Opens a section by name.
///
/// # Errors
/// As [`event::open`](crate::event::open).
///
/// # References
/// - `docs/conformance.md`, 8.2
pub fn open(name: &[u16], access: u32, inherit: bool) -> Result<Handle> {
    object::open(&current()?, name, Kind::Section, access, inherit)
}

/// By what the file of a section that is being made is found.
pub(crate) fn id_of(found: &Found) -> SectionId {
    SectionId { number: found.reference.index(), generation: generation_of(found.state) }
}

/// What a section allows; `None` if the word is noise.
pub(crate) fn protection_of(flags: u64) -> Option<Protection> {
    Protection::from_page(flags as u32).ok()
}

/// Nothing refers to a section any more. After the commit [`sweep`] is due.
pub(crate) fn gone(lock: &mut Txn<'_>, reference: Ref<Object>, object: &Object) -> Result<()> {
    // Whoever has looked its handle up before finds that it has gone.
    let state = object.state.claim(lock);
    object.state.set(lock, next_generation(state));
    if spare::keep(lock, reference, object)? {
        return Ok(());
    }
    let list = &lock.arena().header().unused_sections.0;
    let next = list.get(lock);
    object.body[NEXT].set(lock, u64::from(next));
    list.set(lock, reference.index());
    Ok(())
}

/// Removes the files of sections that nothing refers to, and frees their objects.
pub(crate) fn sweep(current: &Current) {
    if current.arena().header().unused_sections.0.peek() != 0 {
        // In an arena that is damaged they stay.
        let _ = sweep_all(current);
        current.context.views.own.forget_gone(current.arena());
    }
}

#[cold]
fn sweep_all(current: &Current) -> Result<()> {
    let arena = current.arena();
    let list = &arena.header().unused_sections.0;
    // A list that a neighbour has damaged may go round in a circle.
    for _ in 0..arena.objects() {
        let lock = current.begin()?;
        let Some(reference) = Ref::<Object>::from_index(list.get(&lock)).some() else { return Ok(()) };
        let object = arena.get(reference)?;
        if object.head.tag.get(&lock) != Kind::Section.tag() || object.references.get(&lock) != 0 {
            return Err(Status::ARENA_CORRUPT);
        }
        let generation = generation_of(object.state.load());
        let is_on_disk = object.body[FLAGS].get(&lock) & ON_DISK != 0;
        let file = SectionId { number: reference.index(), generation: object.body[FILE].get(&lock) as u32 };
        lock.commit()?;
        if !is_on_disk {
            current.context.place.remove_section(file);
        }
        let mut lock = current.begin()?;
        let state = object.state.claim(&mut lock);
        // Else somebody else has freed it.
        if list.get(&lock) == reference.index() && generation_of(state) == generation {
            let next = object.body[NEXT].get(&lock);
            list.set(&mut lock, next as u32);
            disk::forget(&mut lock, object)?;
            object.state.set(&mut lock, next_generation(state));
            lock.free(reference)?;
        }
        lock.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
