//! Handle tables: one per process, of pages whose entries are one 64-bit word each.
//!
//! ```text
//!  63    62       61          60..40       39..22              21..0
//! | 1 | protect | inherit | access (21) | generation (18) | object (22) |     in use
//! | 0 |                                  next free entry (32)            |     free
//! ```

use super::{Found, Handle};
use crate::arena::block::BlockRef;
use crate::arena::word::{Guarded32, Guarded64};
use crate::arena::{Arena, Ref, Txn, state};
use crate::context::Current;
use crate::records::{HandlePage, Kind, Object, PAGE_ENTRIES, Process, TABLE_PAGES};
use crate::status::{Result, Status};
use crate::{file, mailslot, mutex, name, object, pipe, quota, timer};

/// A handle-table entry in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u64);

const LIVE: u64 = 1 << 63;
pub(super) const PROTECT: u64 = 1 << 62;
pub(super) const INHERIT: u64 = 1 << 61;
const ACCESS_SHIFT: u32 = 40;
pub(super) const ACCESS_MASK: u32 = 0x1F_FFFF;
const GENERATION_SHIFT: u32 = 22;
pub(crate) const GENERATION_MASK: u32 = (1 << 18) - 1;
const OBJECT_MASK: u32 = (1 << 22) - 1;

impl Entry {
    fn new(object: Ref<Object>, generation: u32, access: u32, inherit: bool) -> Self {
        Entry(
            LIVE | if inherit { INHERIT } else { 0 }
                | u64::from(access & ACCESS_MASK) << ACCESS_SHIFT
                | u64::from(generation & GENERATION_MASK) << GENERATION_SHIFT
                | u64::from(object.index() & OBJECT_MASK),
        )
    }

    pub(crate) fn is_live(self) -> bool {
        self.0 & LIVE != 0
    }

    pub(crate) fn is_inheritable(self) -> bool {
        self.0 & INHERIT != 0
    }

    pub(crate) fn object(self) -> Ref<Object> {
        Ref::from_index(self.0 as u32 & OBJECT_MASK)
    }

    pub(crate) fn access(self) -> u32 {
        (self.0 >> ACCESS_SHIFT) as u32 & ACCESS_MASK
    }

    /// Low bits of the generation of the object that the handle was made for.
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32 & GENERATION_MASK
    }
}

/// The page of a table that has an entry, if the table has one.
#[inline]
pub(super) fn page_of(process: &Process, index: u32) -> Option<Ref<HandlePage>> {
    Ref::from_index(process.pages.get(index as usize / PAGE_ENTRIES)?.peek()).some()
}

/// The word of an entry in its page.
#[inline]
pub(super) fn word_in(arena: &Arena, page: Ref<HandlePage>, index: u32) -> Option<&Guarded64> {
    Some(&arena.get(page).ok()?.entries[index as usize % PAGE_ENTRIES])
}

/// The word of a table's entry; `None` if the table has no such entry.
#[inline]
pub(super) fn entry_word<'a>(arena: &'a Arena, process: &Process, index: u32) -> Option<&'a Guarded64> {
    word_in(arena, page_of(process, index)?, index)
}

#[inline]
pub(super) fn look_up_in(arena: &'static Arena, process: &Process, index: u32) -> Result<(Found, Entry)> {
    let entry = Entry(entry_word(arena, process, index).ok_or(Status::INVALID_HANDLE)?.peek());
    if !entry.is_live() {
        return Err(Status::INVALID_HANDLE);
    }
    let reference = entry.object();
    let object = arena.get(reference)?;
    let state = object.state.load();
    if state::generation_of(state) & GENERATION_MASK != entry.generation() {
        return Err(Status::INVALID_HANDLE);
    }
    Ok((Found { reference, object, state, access: entry.access() }, entry))
}

/// Puts a handle to an object into a process's table and counts it.
///
/// # Errors
/// [`Status::INSUFFICIENT_RESOURCES`]: the table is full, or the process has too many. [`Status::NO_MEMORY`].
pub(crate) fn insert(
    lock: &mut Txn<'static>,
    process: &'static Process,
    reference: Ref<Object>,
    access: u32,
    inherit: bool,
) -> Result<Handle> {
    let arena = lock.arena();
    let object = arena.get(reference)?;
    let free = process.free_handle.get(lock);
    let index = if free != 0 {
        let word = entry_word(arena, process, free).ok_or(Status::ARENA_CORRUPT)?;
        let next = word.get(lock);
        process.free_handle.set(lock, next as u32);
        free
    } else {
        let fresh = process.fresh_handle.get(lock).max(1);
        let page = fresh as usize / PAGE_ENTRIES;
        if page >= TABLE_PAGES || fresh > quota::most_handles(arena) {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        if process.pages[page].get(lock) == 0 {
            let new = lock.allocate::<HandlePage>(1)?;
            process.pages[page].set(lock, new.index());
        }
        process.fresh_handle.set(lock, fresh + 1);
        fresh
    };
    let generation = state::generation_of(object.state.load());
    let word = entry_word(arena, process, index).ok_or(Status::ARENA_CORRUPT)?;
    let entry = Entry::new(reference, generation, access, inherit);
    word.set(lock, entry.0);
    count_in_page(lock, process, index, object, inherit, 1)?;
    add(lock, &process.handle_count, 1);
    add(lock, &object.handles, 1);
    object::retain(lock, object);
    Ok(Handle::from_index(index))
}

pub(super) fn add(lock: &mut Txn<'_>, word: &Guarded32, count: u32) {
    let value = word.get(lock).wrapping_add(count);
    word.set(lock, value);
}

/// Counts a handle that comes or goes, if it is one that tables are searched for.
pub(super) fn count_in_page(
    lock: &mut Txn<'static>,
    process: &Process,
    index: u32,
    object: &Object,
    is_inheritable: bool,
    count: u32,
) -> Result<()> {
    let is_file = object.head.tag.get(lock) == Kind::File.tag();
    if is_file || is_inheritable {
        let page = lock.arena().get(page_of(process, index).ok_or(Status::ARENA_CORRUPT)?)?;
        for (word, is_counted) in [(&page.files, is_file), (&page.inheritable, is_inheritable)] {
            if is_counted {
                add(lock, word, count);
            }
        }
    }
    Ok(())
}

/// Changes the flags of a handle.
pub(super) fn set_bits(
    lock: &mut Txn<'static>,
    process: &Process,
    index: u32,
    before: Entry,
    bits: u64,
) -> Result<()> {
    let page = lock.arena().get(page_of(process, index).ok_or(Status::INVALID_HANDLE)?)?;
    match (before.is_inheritable(), Entry(bits).is_inheritable()) {
        (false, true) => add(lock, &page.inheritable, 1),
        (true, false) => add(lock, &page.inheritable, u32::MAX),
        _ => {}
    }
    page.entries[index as usize % PAGE_ENTRIES].set(lock, bits);
    Ok(())
}

/// Takes an entry out of a table and uncounts it.
fn remove(
    lock: &mut Txn<'static>,
    current: &Current,
    process: &Process,
    index: u32,
    entry: Entry,
) -> Result<()> {
    let arena = lock.arena();
    let word = entry_word(arena, process, index).ok_or(Status::ARENA_CORRUPT)?;
    let next = process.free_handle.get(lock);
    word.set(lock, u64::from(next));
    process.free_handle.set(lock, index);
    add(lock, &process.handle_count, u32::MAX);
    let reference = entry.object();
    let object = arena.get(reference)?;
    count_in_page(lock, process, index, object, entry.is_inheritable(), u32::MAX)?;
    if object.head.tag.get(lock) == Kind::File.tag() {
        file::handle_closed(lock, process, reference);
    }
    let handles = object.handles.get(lock);
    object.handles.set(lock, handles.wrapping_sub(1));
    if handles == 1 {
        last_handle_closed(lock, current, reference, object)?;
    }
    object::release(lock, reference)
}

/// What happens when nobody has a handle any more: the name goes, an end of a pipe or mailslot is closed.
fn last_handle_closed(
    lock: &mut Txn<'static>,
    current: &Current,
    reference: Ref<Object>,
    object: &'static Object,
) -> Result<()> {
    let name = object.name.get(lock);
    if name != 0 {
        object.name.set(lock, 0);
        name::remove(lock, BlockRef(name))?;
    }
    match Kind::from_tag(object.head.tag.get(lock)) {
        Some(Kind::Pipe) => pipe::end_closed(lock, reference, object),
        Some(Kind::Mailslot) => mailslot::end_closed(lock, reference, object),
        Some(Kind::Mutex) => {
            mutex::forget_if_own(lock, current, reference, object);
            Ok(())
        }
        Some(Kind::Timer) => timer::detach_routine(lock, reference, object),
        Some(_) => Ok(()),
        None => Err(Status::ARENA_CORRUPT),
    }
}

pub(super) fn close_in(
    lock: &mut Txn<'static>,
    current: &Current,
    process: &Process,
    index: u32,
) -> Result<()> {
    let (_, entry) = look_up_in(lock.arena(), process, index)?;
    if entry.0 & PROTECT != 0 {
        return Err(Status::HANDLE_NOT_CLOSABLE);
    }
    remove(lock, current, process, index, entry)
}

/// Closes up to `most` handles of a process that ends. Returns whether there are more.
pub(crate) fn close_some(
    lock: &mut Txn<'static>,
    current: &Current,
    process: &Process,
    most: u32,
) -> Result<bool> {
    let mut closed = 0;
    // From the newest on, and what is closed leaves the range: the search does not begin anew each time.
    let mut end = process.fresh_handle.get(lock);
    let more = loop {
        if end <= 1 {
            break false;
        }
        lock.step()?;
        let index = end - 1;
        let Some(word) = entry_word(lock.arena(), process, index) else {
            end = index - index % PAGE_ENTRIES as u32;
            continue;
        };
        let entry = Entry(word.get(lock));
        if entry.is_live() {
            if closed == most {
                break true;
            }
            remove(lock, current, process, index, entry)?;
            closed += 1;
        }
        end = index;
    };
    process.fresh_handle.set(lock, end);
    // Its entries are behind the range's end now, where nothing that is made meanwhile would be closed.
    process.free_handle.set(lock, 0);
    Ok(more)
}

/// Gives the pages of an empty table back.
pub(crate) fn free_table(lock: &mut Txn<'_>, process: &Process) -> Result<()> {
    for page in &process.pages {
        let Some(reference) = Ref::<HandlePage>::from_index(page.get(lock)).some() else { continue };
        page.set(lock, 0);
        lock.free(reference)?;
    }
    process.handle_count.set(lock, 0);
    Ok(())
}

/// The pages of a process's handle table, as somebody who looks on sees them: index of the first entry, number, page.
pub(crate) fn pages<'a>(
    arena: &'a Arena,
    process: &'a Process,
) -> impl Iterator<Item = (u32, u32, &'a HandlePage)> + use<'a> {
    process.pages.iter().enumerate().filter_map(|(place, page)| {
        let number = Ref::<HandlePage>::from_index(page.peek()).some()?;
        Some(((place * PAGE_ENTRIES) as u32, number.index(), arena.get(number).ok()?))
    })
}

/// A process's entries in use, by index, of the pages for which `is_searched`.
pub(super) fn entries<'a>(
    arena: &'a Arena,
    process: &'a Process,
    is_searched: fn(&HandlePage) -> bool,
) -> impl Iterator<Item = (u32, Entry)> + use<'a> {
    let fresh = process.fresh_handle.peek();
    pages(arena, process)
        .filter(move |(_, _, page)| is_searched(page))
        .flat_map(|(first, _, page)| (first..).zip(&page.entries))
        .filter(move |&(index, _)| index < fresh)
        .map(|(index, word)| (index, Entry(word.peek())))
        .filter(|(_, entry)| entry.is_live())
}

/// The objects with descriptors that a process's handles name, and some others.
pub(crate) fn files_of<'a>(
    arena: &'a Arena,
    process: &'a Process,
) -> impl Iterator<Item = Ref<Object>> + use<'a> {
    entries(arena, process, |page| page.files.peek() != 0).map(|(_, entry)| entry.object())
}
