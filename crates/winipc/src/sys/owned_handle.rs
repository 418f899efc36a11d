//! Handles with an owner.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use super::{CloseHandle, HANDLE, process_identity};

/// A handle that this value owns: dropping it closes the handle.
///
/// What can be done with any handle whatever its object is at [`BorrowedHandle`], which [`AsHandle`](crate::AsHandle)
/// gives: duplicating, inheritance, protection, comparison.
///
/// Where the handle is protected from being closed
/// ([`set_protected_from_close`](BorrowedHandle::set_protected_from_close)), dropping it leaves it open.
///
/// On Linux a child of `fork` is a new process without handles. There, every call on the copy of a handle of its parent
/// fails with `ERROR_INVALID_HANDLE`, and dropping it does nothing.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{AsHandle, Event, OwnedHandle, Waitable};
///
/// let event = Event::manual_reset()?;
/// let handle: OwnedHandle = event.as_handle().try_clone_to_owned()?;
/// event.set()?;
/// drop(event);
/// // The duplicate keeps the object alive.
/// assert!(handle.wait(Some(Duration::ZERO))?.is_signaled());
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub struct OwnedHandle {
    // As a number: a handle is no pointer, and belongs to the process and not to a thread.
    raw: isize,
    /// The process that it belongs to ([`process_identity`]).
    process: u64,
}

/// A handle that something else owns, for as long as `'a`.
///
/// It is a number and free to copy. Everything in this crate that has a handle lends it by
/// [`AsHandle::as_handle`](crate::AsHandle::as_handle).
///
/// # Examples
///
/// ```
/// use winipc::{AsHandle, Semaphore};
///
/// let semaphore = Semaphore::new(0, 1)?;
/// let handle = semaphore.as_handle();
/// assert!(!handle.is_inheritable()?);
/// handle.set_inheritable(true)?;
/// assert!(handle.is_inheritable()?);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct BorrowedHandle<'a> {
    raw: isize,
    owner: PhantomData<&'a OwnedHandle>,
}

impl OwnedHandle {
    /// Takes over a raw handle.
    ///
    /// # Safety
    ///
    /// `raw` is an open handle of this process, nobody else closes it, and it is no pseudo-handle.
    pub unsafe fn from_raw(raw: HANDLE) -> OwnedHandle {
        OwnedHandle { raw: raw as isize, process: process_identity() }
    }

    /// Gives the raw handle away; closing it is up to the caller.
    pub fn into_raw(self) -> HANDLE {
        let raw = self.as_raw();
        std::mem::forget(self);
        raw
    }

    /// The raw handle, for the functions in [`sys`](crate::sys). It stays owned by `self`. In a child of the process,
    /// made by `fork`, it is NULL.
    pub fn as_raw(&self) -> HANDLE {
        if self.is_own() { self.raw as HANDLE } else { ptr::null_mut() }
    }

    pub(crate) fn borrow(&self) -> BorrowedHandle<'_> {
        BorrowedHandle { raw: self.as_raw() as isize, owner: PhantomData }
    }

    /// Whether it is a handle of the calling process, and not of one that forked it.
    pub(crate) fn is_own(&self) -> bool {
        self.process == process_identity()
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        if self.is_own() {
            // SAFETY: the handle is ours and used no more. A failure means that it is protected from being closed.
            unsafe { CloseHandle(self.as_raw()) };
        }
    }
}

impl BorrowedHandle<'_> {
    /// Borrows a raw handle.
    ///
    /// # Safety
    ///
    /// `raw` stays an open handle of this process for as long as the result is used.
    pub unsafe fn borrow_raw(raw: HANDLE) -> Self {
        BorrowedHandle { raw: raw as isize, owner: PhantomData }
    }

    /// The raw handle, for the functions in [`sys`](crate::sys).
    pub fn as_raw(self) -> HANDLE {
        self.raw as HANDLE
    }
}

impl fmt::Debug for OwnedHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedHandle({:#x})", self.raw)
    }
}

impl fmt::Debug for BorrowedHandle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BorrowedHandle({:#x})", self.raw)
    }
}

#[cfg(windows)]
mod standard {
    use std::fs::File;
    use std::marker::PhantomData;
    use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle};
    use std::os::windows::io::{BorrowedHandle as BorrowedStandardHandle, OwnedHandle as StandardHandle};
    use std::process::Stdio;

    use super::{BorrowedHandle, OwnedHandle};

    impl<'a> From<BorrowedStandardHandle<'a>> for BorrowedHandle<'a> {
        fn from(handle: BorrowedStandardHandle<'a>) -> BorrowedHandle<'a> {
            BorrowedHandle { raw: handle.as_raw_handle() as isize, owner: PhantomData }
        }
    }

    impl From<OwnedHandle> for StandardHandle {
        fn from(handle: OwnedHandle) -> StandardHandle {
            // SAFETY: the handle is open and its ownership goes over.
            unsafe { StandardHandle::from_raw_handle(handle.into_raw()) }
        }
    }

    impl From<OwnedHandle> for Stdio {
        fn from(handle: OwnedHandle) -> Stdio {
            Stdio::from(StandardHandle::from(handle))
        }
    }

    impl From<OwnedHandle> for File {
        fn from(handle: OwnedHandle) -> File {
            File::from(StandardHandle::from(handle))
        }
    }

    impl From<File> for OwnedHandle {
        fn from(file: File) -> OwnedHandle {
            OwnedHandle::from(StandardHandle::from(file))
        }
    }

    impl From<StandardHandle> for OwnedHandle {
        fn from(handle: StandardHandle) -> OwnedHandle {
            // SAFETY: the handle is open and its ownership goes over.
            unsafe { OwnedHandle::from_raw(handle.into_raw_handle()) }
        }
    }
}

#[cfg(target_os = "linux")]
mod standard {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::process::Stdio;

    use super::super::{descriptor_from_handle, handle_from_descriptor};
    use super::{BorrowedHandle, OwnedHandle};
    use crate::{Result, Win32Error};

    impl BorrowedHandle<'_> {
        /// A descriptor for what the handle stands for: an end of an anonymous pipe, a file on disk. Linux only.
        ///
        /// # Errors
        ///
        /// - `ERROR_INVALID_HANDLE`: there is no descriptor behind it. Named pipes, events and their like have none.
        /// - `ERROR_TOO_MANY_OPEN_FILES`: the process has too many descriptors.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::process::{Command, Stdio};
        /// use winipc::AsHandle;
        ///
        /// let (reader, writer) = winipc::anonymous_pipe()?;
        /// let output = Stdio::from(writer.as_handle().try_clone_to_owned_fd()?);
        /// drop(writer);
        /// let mut child = Command::new("echo").arg("hello").stdout(output).spawn()?;
        /// assert_eq!(std::io::read_to_string(reader)?, "hello\n");
        /// child.wait()?;
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn try_clone_to_owned_fd(self) -> Result<OwnedFd> {
            descriptor_from_handle(self.as_raw()).map_err(Win32Error)
        }
    }

    /// The handle takes the descriptor over. Linux only.
    impl TryFrom<OwnedFd> for OwnedHandle {
        type Error = Win32Error;

        fn try_from(descriptor: OwnedFd) -> Result<OwnedHandle> {
            let raw = handle_from_descriptor(descriptor).map_err(Win32Error)?;
            // SAFETY: the handle is new, so nobody else closes it.
            Ok(unsafe { OwnedHandle::from_raw(raw) })
        }
    }

    impl TryFrom<File> for OwnedHandle {
        type Error = Win32Error;

        fn try_from(file: File) -> Result<OwnedHandle> {
            OwnedFd::from(file).try_into()
        }
    }

    /// Linux only.
    impl TryFrom<OwnedHandle> for OwnedFd {
        type Error = Win32Error;

        fn try_from(handle: OwnedHandle) -> Result<OwnedFd> {
            handle.borrow().try_clone_to_owned_fd()
        }
    }

    impl TryFrom<OwnedHandle> for Stdio {
        type Error = Win32Error;

        fn try_from(handle: OwnedHandle) -> Result<Stdio> {
            OwnedFd::try_from(handle).map(Stdio::from)
        }
    }

    impl TryFrom<OwnedHandle> for File {
        type Error = Win32Error;

        fn try_from(handle: OwnedHandle) -> Result<File> {
            OwnedFd::try_from(handle).map(File::from)
        }
    }
}
