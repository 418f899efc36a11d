//! What can be done with a handle, whatever its object is.

use crate::sys::call::handle::{self, Duplicate};
use crate::sys::{HANDLE_FLAG_INHERIT, HANDLE_FLAG_PROTECT_FROM_CLOSE};
use crate::{BorrowedHandle, OwnedHandle, Process, Result};

/// Something that has a handle.
///
/// # Examples
///
/// ```
/// use winipc::{AsHandle, Event};
///
/// let event = Event::auto_reset()?;
/// let other = event.try_clone()?;
/// assert!(event.as_handle().is_same_object(other.as_handle()));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub trait AsHandle {
    /// Lends the handle.
    fn as_handle(&self) -> BorrowedHandle<'_>;
}

impl AsHandle for OwnedHandle {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.borrow()
    }
}

impl AsHandle for BorrowedHandle<'_> {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        *self
    }
}

impl<T: AsHandle + ?Sized> AsHandle for &T {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        (**self).as_handle()
    }
}

impl OwnedHandle {
    /// A second handle of this process to the same object, with the same access, not inheritable
    /// (`DuplicateHandle`).
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for a handle.
    pub fn try_clone(&self) -> Result<OwnedHandle> {
        self.as_handle().try_clone_to_owned()
    }
}

impl BorrowedHandle<'_> {
    /// A second handle of this process to the same object, with the same access, not inheritable
    /// (`DuplicateHandle`). A pseudo-handle becomes a real one.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for a handle.
    pub fn try_clone_to_owned(self) -> Result<OwnedHandle> {
        handle::duplicate(self, Duplicate { access: None, inherit: false })
    }

    /// As [`try_clone_to_owned`](Self::try_clone_to_owned), with the rights in the mask `access` instead of the same
    /// ones.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the object does not grant these rights, or it is a pipe, whose handles can only lose
    ///   rights.
    pub fn try_clone_with_access(self, access: u32) -> Result<OwnedHandle> {
        handle::duplicate(self, Duplicate { access: Some(access), inherit: false })
    }

    /// A handle of *another process* to the same object, with the same access. Its number is the result: it means
    /// something in that process only, which must be told it and has to close it.
    ///
    /// `inherit` says whether children of that process inherit it.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: `process` was opened without `PROCESS_DUP_HANDLE`, or has ended.
    pub fn duplicate_into(self, process: &Process, inherit: bool) -> Result<isize> {
        handle::duplicate_into(self, process.as_handle(), Duplicate { access: None, inherit })
    }

    /// Whether both are handles to one object (`CompareObjectHandles`).
    pub fn is_same_object(self, other: BorrowedHandle<'_>) -> bool {
        handle::is_same_object(self, other)
    }

    /// Whether child processes inherit the handle (`HANDLE_FLAG_INHERIT`).
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: it is a pseudo-handle.
    pub fn is_inheritable(self) -> Result<bool> {
        Ok(handle::flags(self)? & HANDLE_FLAG_INHERIT != 0)
    }

    /// Says whether child processes inherit the handle.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: it is a pseudo-handle.
    pub fn set_inheritable(self, inherit: bool) -> Result<()> {
        handle::set_flag(self, HANDLE_FLAG_INHERIT, inherit)
    }

    /// Whether the handle is protected from being closed (`HANDLE_FLAG_PROTECT_FROM_CLOSE`).
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: it is a pseudo-handle.
    pub fn is_protected_from_close(self) -> Result<bool> {
        Ok(handle::flags(self)? & HANDLE_FLAG_PROTECT_FROM_CLOSE != 0)
    }

    /// Protects the handle from being closed, or lifts the protection. An [`OwnedHandle`] that is dropped while it is
    /// protected leaves the handle open.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: it is a pseudo-handle.
    pub fn set_protected_from_close(self, protect: bool) -> Result<()> {
        handle::set_flag(self, HANDLE_FLAG_PROTECT_FROM_CLOSE, protect)
    }
}
