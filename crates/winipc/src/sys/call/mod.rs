//! The functions of the seam with owned and borrowed handles, slices and results, one file per family.
//!
//! All of these are safe: a [`BorrowedHandle`](super::owned_handle::BorrowedHandle) is open while it is borrowed,
//! and the system checks that its object is of the right kind.

pub(crate) mod anonymous_pipe;
pub(crate) mod apc;
pub(crate) mod event;
pub(crate) mod handle;
pub(crate) mod mailslot;
pub(crate) mod mutex;
pub(crate) mod pipe;
pub(crate) mod process;
pub(crate) mod section;
pub(crate) mod semaphore;
pub(crate) mod standard;
pub(crate) mod thread;
pub(crate) mod timer;
pub(crate) mod wait;

use std::ptr;

use super::owned_handle::OwnedHandle;
use super::{ERROR_ALREADY_EXISTS, GetLastError, HANDLE, INVALID_HANDLE_VALUE, SECURITY_ATTRIBUTES};
use crate::{Disposition, Result, Win32Error};

/// The calling thread's last error.
pub(crate) fn last_error() -> Win32Error {
    // SAFETY: it takes nothing.
    Win32Error(unsafe { GetLastError() })
}

/// The result of a function that returns a `BOOL`.
pub(super) fn check(succeeded: i32) -> Result<()> {
    if succeeded != 0 { Ok(()) } else { Err(last_error()) }
}

/// The result of a function that returns a new handle.
///
/// # Safety
///
/// `raw` comes straight from such a function, whose last error still stands.
unsafe fn opened(raw: HANDLE) -> Result<OwnedHandle> {
    if raw.is_null() || raw == INVALID_HANDLE_VALUE {
        return Err(last_error());
    }
    // SAFETY: the handle is new, so nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw(raw) })
}

/// As [`opened`], for a function that creates an object or opens the one that has its name.
///
/// # Safety
///
/// As for [`opened`].
unsafe fn created(raw: HANDLE) -> Result<(OwnedHandle, Disposition)> {
    let existed = last_error().0 == ERROR_ALREADY_EXISTS;
    // SAFETY: as the caller says.
    let handle = unsafe { opened(raw) }?;
    Ok((handle, if existed { Disposition::Opened } else { Disposition::Created }))
}

/// A name in UTF-16 with its terminator, or none.
pub(crate) struct Name(Option<Vec<u16>>);

impl Name {
    /// # Errors
    ///
    /// `ERROR_INVALID_NAME`: the name contains a NUL, at which Windows would silently cut it.
    pub(crate) fn new(name: Option<&str>) -> Result<Name> {
        let Some(name) = name else { return Ok(Name(None)) };
        if name.contains('\0') {
            return Err(Win32Error::INVALID_NAME);
        }
        Ok(Name(Some(name.encode_utf16().chain([0]).collect())))
    }

    /// Null where there is no name.
    fn as_ptr(&self) -> *const u16 {
        self.0.as_ref().map_or(ptr::null(), |units| units.as_ptr())
    }
}

/// What creating and opening takes for every object that can have a name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
    pub(crate) access: u32,
    pub(crate) inherit: bool,
}

impl Named {
    /// Without a name, not inherited.
    pub(crate) fn new(access: u32) -> Named {
        Named { name: None, access, inherit: false }
    }

    fn utf16(&self) -> Result<Name> {
        Name::new(self.name.as_deref())
    }
}

/// What a creating call says about the handle to make.
fn attributes(inherit: bool) -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: ptr::null_mut(),
        bInheritHandle: inherit.into(),
    }
}

/// A buffer's length for a function that takes 32 bits of it.
///
/// # Errors
///
/// `ERROR_INVALID_PARAMETER`: 4 GiB or more.
fn length(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| Win32Error::INVALID_PARAMETER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_nul_is_invalid_and_not_cut() {
        assert_eq!(Name::new(Some("a\0b")).err(), Some(Win32Error::INVALID_NAME));
        assert!(Name::new(None).unwrap().as_ptr().is_null());
        assert_eq!(Name::new(Some("aß")).unwrap().0.unwrap(), [97, 0xDF, 0]);
    }
}
