//! Handles: the entries of a process's handle table, each one 64-bit word.
//!
//! ```text
//!  63    62       61          60..40       39..22              21..0
//! | 1 | protect | inherit | access (21) | generation (18) | object (22) |     in use
//! | 0 |                                  next free entry (32)            |     free
//! ```
//!
//! A look-up takes no lock: it reads the word, and the object's state word, whose generation must be the one the handle
//! was made for.

use crate::access;
use crate::arena::block::BlockRef;
use crate::arena::state;
use crate::arena::word::{Guarded32, Guarded64};
use crate::arena::{Arena, Ref, Txn};
use crate::context::{Current, current};
use crate::name;
use crate::records::{HandlePage, Kind, Object, PAGE_ENTRIES, Process, TABLE_PAGES};
use crate::status::{Result, Status};
use crate::{death, io, mutex, object, pipe, process, thread, timer};

/// A handle as callers know it: a multiple of four, whose two low bits are ignored; negative values are pseudo-handles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Handle(i32);

impl Handle {
    /// No handle.
    pub const NULL: Handle = Handle(0);
    /// Stands for the calling process.
    pub const CURRENT_PROCESS: Handle = Handle(-1);
    /// Stands for the calling thread.
    pub const CURRENT_THREAD: Handle = Handle(-2);

    /// The handle with a value as the ABI passes it. Only 32 bits count.
    pub const fn from_raw(value: isize) -> Self {
        Handle(value as i32)
    }

    /// The value as the ABI passes it, sign-extended.
    pub const fn raw(self) -> isize {
        self.0 as isize
    }

    fn index(self) -> Option<u32> {
        (self.0 > 3).then_some(self.0 as u32 >> 2)
    }

    pub(crate) fn from_index(index: u32) -> Self {
        Handle((index << 2) as i32)
    }
}

/// A handle-table entry in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) u64);

const LIVE: u64 = 1 << 63;
const PROTECT: u64 = 1 << 62;
const INHERIT: u64 = 1 << 61;
const ACCESS_SHIFT: u32 = 40;
const ACCESS_MASK: u32 = 0x1F_FFFF;
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

/// What a handle names.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) reference: Ref<Object>,
    pub(crate) object: &'static Object,
    /// The state word as it was found.
    pub(crate) state: u64,
    pub(crate) access: u32,
}

impl Found {
    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::from_tag(self.object.head.tag.peek())
    }

    /// Checks the kind and the rights.
    ///
    /// # Errors
    /// [`Status::OBJECT_TYPE_MISMATCH`], [`Status::ACCESS_DENIED`].
    #[inline]
    pub(crate) fn require(self, kind: Kind, access: u32) -> Result<Self> {
        if self.object.head.tag.peek() != kind.tag() {
            return Err(Status::OBJECT_TYPE_MISMATCH);
        }
        access::require(self.access, access)?;
        Ok(self)
    }

    /// An object that the transaction knows, with all rights.
    pub(crate) fn of(lock: &Txn<'static>, reference: Ref<Object>) -> Result<Self> {
        let object: &'static Object = lock.arena().get(reference)?;
        Ok(Found { reference, object, state: object.state.load(), access: ACCESS_MASK })
    }

    /// Whether the slot still holds the object that was found. Under the lock the answer stays true.
    pub(crate) fn is_current(&self, _lock: &Txn<'_>) -> bool {
        state::generation_of(self.object.state.load()) == state::generation_of(self.state)
    }

    /// Claims the object's state word.
    ///
    /// # Errors
    /// [`Status::INVALID_HANDLE`]: the object is gone.
    pub(crate) fn claim(&self, lock: &mut Txn<'_>) -> Result<u64> {
        if !self.is_current(lock) {
            return Err(Status::INVALID_HANDLE);
        }
        Ok(self.object.state.claim(lock))
    }
}

/// The word of a table's entry; `None` if the table has no such entry.
#[inline]
fn entry_word<'a>(arena: &'a Arena, process: &Process, index: u32) -> Option<&'a Guarded64> {
    let page = process.pages.get(index as usize / PAGE_ENTRIES)?.peek();
    let page: &HandlePage = arena.get(Ref::from_index(page).some()?).ok()?;
    Some(&page.entries[index as usize % PAGE_ENTRIES])
}

/// Finds what a handle of the calling process names. Pseudo-handles name nothing here.
///
/// # Errors
/// [`Status::INVALID_HANDLE`].
#[inline]
pub(crate) fn look_up(current: &Current, handle: Handle) -> Result<Found> {
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    match look_up_in(current.arena(), current.process(), index) {
        Ok((found, _)) => Ok(found),
        Err(status) => {
            current.stay_if_leaving();
            Err(status)
        }
    }
}

#[inline]
fn look_up_in(arena: &'static Arena, process: &Process, index: u32) -> Result<(Found, Entry)> {
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

/// Finds what a handle names, with the pseudo-handles of the calling process and thread.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]; what making a thread object costs.
pub(crate) fn resolve(current: &Current, handle: Handle) -> Result<Found> {
    let reference = match handle {
        Handle::CURRENT_PROCESS => Ref::from_index(current.process().object.peek()),
        Handle::CURRENT_THREAD => thread::own_object(current)?,
        _ => return look_up(current, handle),
    };
    let object: &'static Object = current.arena().get(reference)?;
    Ok(Found { reference, object, state: object.state.load(), access: ACCESS_MASK })
}

/// Puts a handle to an object into a process's table and counts it.
///
/// # Errors
/// [`Status::INSUFFICIENT_RESOURCES`]: the table is full. [`Status::NO_MEMORY`].
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
        if page >= TABLE_PAGES {
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
    word.set(lock, Entry::new(reference, generation, access, inherit).0);
    add(lock, &process.handle_count, 1);
    add(lock, &object.handles, 1);
    object::retain(lock, object);
    Ok(Handle::from_index(index))
}

fn add(lock: &mut Txn<'_>, word: &Guarded32, count: u32) {
    let value = word.get(lock).wrapping_add(count);
    word.set(lock, value);
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
    let handles = object.handles.get(lock);
    object.handles.set(lock, handles.wrapping_sub(1));
    if handles == 1 {
        last_handle_closed(lock, current, reference, object)?;
    }
    object::release(lock, reference)
}

/// What happens when nobody has a handle any more: the name goes, an end of a pipe is closed.
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
        Some(Kind::Mutex) => {
            mutex::forget_if_own(lock, current, reference, object);
            Ok(())
        }
        Some(Kind::Timer) => timer::detach_routine(lock, reference, object),
        Some(_) => Ok(()),
        None => Err(Status::ARENA_CORRUPT),
    }
}

/// Closes a handle. Closing the pseudo-handle of the process or thread does nothing.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle. [`Status::HANDLE_NOT_CLOSABLE`]: it is protected from being closed.
///
/// # References
/// - SEMANTICS 1.1, 1.5
pub fn close(handle: Handle) -> Result<()> {
    if handle == Handle::CURRENT_PROCESS || handle == Handle::CURRENT_THREAD {
        return Ok(());
    }
    let current = current()?;
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    let mut lock = current.begin()?;
    close_in(&mut lock, &current, current.process(), index)?;
    lock.commit()?;
    io::deliver_for(&current);
    Ok(())
}

fn close_in(lock: &mut Txn<'static>, current: &Current, process: &Process, index: u32) -> Result<()> {
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
    loop {
        let index = process.fresh_handle.get(lock).saturating_sub(1);
        if index == 0 {
            process.free_handle.set(lock, 0);
            return Ok(false);
        }
        lock.step()?;
        let word = entry_word(lock.arena(), process, index).ok_or(Status::ARENA_CORRUPT)?;
        let entry = Entry(word.get(lock));
        if entry.is_live() {
            if closed == most {
                // Its entries are behind the range's end now, where nothing that is made meanwhile would be closed.
                process.free_handle.set(lock, 0);
                return Ok(true);
            }
            remove(lock, current, process, index, entry)?;
            closed += 1;
        }
        process.fresh_handle.set(lock, index);
    }
}

/// Gives the pages of an empty table back.
pub(crate) fn free_table(lock: &mut Txn<'_>, process: &Process) -> Result<()> {
    for page in &process.pages {
        let Some(reference) = Ref::<HandlePage>::from_index(page.get(lock)).some() else { break };
        page.set(lock, 0);
        lock.free(reference)?;
    }
    process.handle_count.set(lock, 0);
    Ok(())
}

/// How [`duplicate`] makes the new handle.
#[derive(Clone, Copy, Debug)]
pub struct Duplicate {
    /// Rights of the new handle; `None` for those of the source.
    pub access: Option<u32>,
    /// Whether children inherit the new handle.
    pub inherit: bool,
    /// Whether the source is closed, also if duplication fails.
    pub close_source: bool,
}

/// Makes another handle to an object, from one process's table into another's.
///
/// Without a target process only `close_source` has an effect, and the result is [`Handle::NULL`].
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: the source, or one of the processes, is no handle. [`Status::ACCESS_DENIED`]: a process
/// handle lacks PROCESS_DUP_HANDLE, or more access is asked for than the object gives.
/// [`Status::PROCESS_IS_TERMINATING`]: a process has ended.
///
/// # References
/// - SEMANTICS 1.6
pub fn duplicate(
    source_process: Handle,
    source: Handle,
    target_process: Option<Handle>,
    options: &Duplicate,
) -> Result<Handle> {
    let current = current()?;
    let from = Side::behind(&current, source_process)?;
    let result = match target_process {
        None => Ok(Handle::NULL),
        Some(target_process) => copy(&current, &from, source, target_process, options),
    };
    if options.close_source
        && let Some(index) = source.index()
    {
        let mut lock = current.begin()?;
        let closed = from.is_there(&lock).and_then(|()| close_in(&mut lock, &current, from.process, index));
        if closed.is_ok() {
            lock.commit()?;
            io::deliver_for(&current);
        } else if target_process.is_none() {
            return closed.map(|()| Handle::NULL);
        }
    }
    result
}

fn copy(
    current: &Current,
    from: &Side,
    source: Handle,
    target_process: Handle,
    options: &Duplicate,
) -> Result<Handle> {
    let to = Side::behind(current, target_process)?;
    let is_own = core::ptr::eq(from.process, current.process());
    // A thread object is made where it is first asked for, in a transaction of its own.
    let own_thread = match source {
        Handle::CURRENT_THREAD if is_own => Some(thread::own_object(current)?),
        _ => None,
    };
    let mut lock = current.begin()?;
    from.is_there(&lock)?;
    to.is_there(&lock)?;
    let arena = lock.arena();
    let (reference, granted) = match source {
        // From another process, -1 is a handle to that process.
        Handle::CURRENT_PROCESS => {
            (Ref::from_index(from.process.object.get(&lock)), access::all(Kind::Process))
        }
        Handle::CURRENT_THREAD => (own_thread.ok_or(Status::INVALID_HANDLE)?, access::all(Kind::Thread)),
        _ => {
            let index = source.index().ok_or(Status::INVALID_HANDLE)?;
            let (found, _) = look_up_in(arena, from.process, index)?;
            (found.reference, found.access)
        }
    };
    let object = arena.get(reference)?;
    let kind = Kind::from_tag(object.head.tag.get(&lock)).ok_or(Status::INVALID_HANDLE)?;
    let access = match options.access {
        None => granted,
        Some(desired) => {
            let mapped = access::map_generic(kind, desired);
            if mapped & !access::all(kind) != 0 || kind == Kind::Pipe && mapped & !granted != 0 {
                return Err(Status::ACCESS_DENIED);
            }
            mapped
        }
    };
    let handle = insert(&mut lock, to.process, reference, access, options.inherit)?;
    lock.commit()?;
    Ok(handle)
}

/// One of the two processes of a duplication.
struct Side {
    process: &'static Process,
    /// Its object, unless it is the calling process.
    object: Option<&'static Object>,
}

impl Side {
    /// The attached process that a handle names.
    fn behind(current: &Current, handle: Handle) -> Result<Side> {
        if handle == Handle::CURRENT_PROCESS {
            return Ok(Side { process: current.process(), object: None });
        }
        let found = look_up(current, handle)?.require(Kind::Process, access::PROCESS_DUP_HANDLE)?;
        let process = process::record_of(current.arena(), found.object)?;
        if death::is_dead(current.arena(), process) {
            return Err(Status::PROCESS_IS_TERMINATING);
        }
        Ok(Side { process, object: Some(found.object) })
    }

    /// Makes sure that the record still is the process's, and nobody is closing its handles: a handle put into its
    /// table after that would never be closed.
    fn is_there(&self, lock: &Txn<'static>) -> Result<()> {
        match self.object {
            Some(object) => process::record_of(lock.arena(), object).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// Attributes of one handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags {
    /// Children inherit the handle.
    pub inherit: bool,
    /// The handle cannot be closed.
    pub protect_from_close: bool,
}

/// Reads a handle's attributes.
///
/// # Errors
/// [`Status::INVALID_HANDLE`].
pub fn flags(handle: Handle) -> Result<Flags> {
    let current = current()?;
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    let (_, entry) = look_up_in(current.arena(), current.process(), index)?;
    Ok(Flags { inherit: entry.0 & INHERIT != 0, protect_from_close: entry.0 & PROTECT != 0 })
}

/// Changes the attributes for which a value is given.
///
/// # Errors
/// [`Status::INVALID_HANDLE`].
pub fn set_flags(handle: Handle, inherit: Option<bool>, protect_from_close: Option<bool>) -> Result<()> {
    let current = current()?;
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    let mut lock = current.begin()?;
    let (_, entry) = look_up_in(lock.arena(), current.process(), index)?;
    let mut bits = entry.0;
    for (flag, value) in [(INHERIT, inherit), (PROTECT, protect_from_close)] {
        match value {
            Some(true) => bits |= flag,
            Some(false) => bits &= !flag,
            None => {}
        }
    }
    entry_word(lock.arena(), current.process(), index).ok_or(Status::INVALID_HANDLE)?.set(&mut lock, bits);
    lock.commit()
}

/// Whether two handles name the same object.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: one of them names nothing.
pub fn same_object(a: Handle, b: Handle) -> Result<bool> {
    let current = current()?;
    Ok(resolve(&current, a)?.reference == resolve(&current, b)?.reference)
}

/// What kind of object a handle names.
///
/// # Errors
/// [`Status::INVALID_HANDLE`].
pub fn kind(handle: Handle) -> Result<Kind> {
    resolve(&current()?, handle)?.kind().ok_or(Status::INVALID_HANDLE)
}

/// The rights that a handle gives.
///
/// # Errors
/// [`Status::INVALID_HANDLE`].
pub fn granted_access(handle: Handle) -> Result<u32> {
    Ok(resolve(&current()?, handle)?.access)
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
