//! Handles: how a process names the objects that it has opened.
//!
//! A look-up takes no lock: it reads the entry's word, and the object's state word, whose generation must be the one
//! the handle was made for.

mod duplication;
mod inheritance;
mod recent;
mod table;

pub use duplication::{Duplicate, duplicate};
pub use inheritance::take_inherited;
pub(crate) use inheritance::{Untaken, inherit, inheritable};
pub(crate) use recent::forget as forget_recent;
use table::{ACCESS_MASK, INHERIT, PROTECT, close_in, look_up_in};
pub(crate) use table::{Entry, GENERATION_MASK, close_some, files_of, free_table, insert, pages};

use crate::arena::{Ref, Txn, state};
use crate::context::{Current, current};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};
use crate::{access, channel, file, io, section, thread};

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

/// What a handle names.
///
/// In this order a [`Status`] in its place falls together with one field. Laid over the half of a wider one it has the
/// compiler write that in two pieces and read it in one, for which the processor waits: some 4 ns in each call.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Found {
    pub(crate) object: &'static Object,
    pub(crate) reference: Ref<Object>,
    pub(crate) access: u32,
    /// The state word as it was found.
    pub(crate) state: u64,
}

impl Found {
    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::from_tag(self.object.head.tag.peek())
    }

    /// Checks the kind and the rights.
    ///
    /// # Errors
    /// [`Status::OBJECT_TYPE_MISMATCH`]: it is of another kind. [`Status::ACCESS_DENIED`]: a right is missing.
    #[inline]
    pub(crate) fn require(self, kind: Kind, access: u32) -> Result<Self> {
        if self.object.head.tag.peek() != kind.tag() {
            return Err(Status::OBJECT_TYPE_MISMATCH);
        }
        access::require(self.access, access)?;
        Ok(self)
    }

    /// Checks that it is a file, and the rights.
    ///
    /// # Errors
    /// As [`Found::require`].
    #[inline]
    pub(crate) fn require_file(self, access: u32) -> Result<(Kind, Self)> {
        let kind = self.kind().filter(|kind| kind.is_file()).ok_or(Status::OBJECT_TYPE_MISMATCH)?;
        access::require(self.access, access)?;
        Ok((kind, self))
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

/// Finds what a handle of the calling process names. Pseudo-handles name nothing here.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle.
#[inline]
pub(crate) fn look_up(current: &Current, handle: Handle) -> Result<Found> {
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    loop {
        if let Some(found) = recent::look_up(current, index) {
            return Ok(found);
        }
        // Another time only if another thread has changed the entry meanwhile.
        recent::find(current, index)?;
    }
}

/// Finds what a handle names, with the pseudo-handles of the calling process and thread.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle. [`Status::INSUFFICIENT_RESOURCES`], [`Status::NO_MEMORY`]: no room for
/// the object of the calling thread.
pub(crate) fn resolve(current: &Current, handle: Handle) -> Result<Found> {
    let reference = match handle {
        Handle::CURRENT_PROCESS => Ref::from_index(current.process().object.peek()),
        Handle::CURRENT_THREAD => thread::own_object(current)?,
        _ => return look_up(current, handle),
    };
    let object: &'static Object = current.arena().get(reference)?;
    Ok(Found { reference, object, state: object.state.load(), access: ACCESS_MASK })
}

/// Closes a handle. Closing the pseudo-handle of the process or thread does nothing.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle. [`Status::HANDLE_NOT_CLOSABLE`]: it is protected from being closed.
///
/// # References
/// - `docs/conformance.md`, 1.1, 1.5
pub fn close(handle: Handle) -> Result<()> {
    if handle == Handle::CURRENT_PROCESS || handle == Handle::CURRENT_THREAD {
        return Ok(());
    }
    let current = current()?;
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    current.context.untaken.close(&current, index, || {
        let mut lock = current.begin()?;
        close_in(&mut lock, &current, current.process(), index)?;
        lock.commit()
    })?;
    channel::sweep(&current);
    section::sweep(&current);
    file::sweep(&current);
    io::deliver_for(&current);
    Ok(())
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
/// [`Status::INVALID_HANDLE`]: no such handle.
pub fn flags(handle: Handle) -> Result<Flags> {
    let current = current()?;
    let index = handle.index().ok_or(Status::INVALID_HANDLE)?;
    let (_, entry) = look_up_in(current.arena(), current.process(), index)?;
    Ok(Flags { inherit: entry.0 & INHERIT != 0, protect_from_close: entry.0 & PROTECT != 0 })
}

/// Changes the attributes for which a value is given.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle.
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
    table::set_bits(&mut lock, current.process(), index, entry, bits)?;
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
/// [`Status::INVALID_HANDLE`]: no such handle.
pub fn kind(handle: Handle) -> Result<Kind> {
    resolve(&current()?, handle)?.kind().ok_or(Status::INVALID_HANDLE)
}

/// The rights that a handle gives.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle.
pub fn granted_access(handle: Handle) -> Result<u32> {
    Ok(resolve(&current()?, handle)?.access)
}
