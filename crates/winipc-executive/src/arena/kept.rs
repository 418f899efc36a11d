//! Descriptors that the process keeps for itself.
//!
//! A program may close descriptors that it does not know, and have others under their numbers then. So whoever uses one
//! that is kept looks first whether it still is what it was: the same file, directory or socket. Events and polls have
//! no inode of their own, and so only what is none of them is told from one.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A file or a directory that is kept open.
#[derive(Debug)]
pub(crate) struct Kept {
    descriptor: AtomicI32,
    /// Device and inode.
    identity: (u64, u64),
    /// Held by who replaces the descriptor.
    replacing: Mutex<()>,
    /// The tick in which somebody has looked last; 0 for none.
    looked: AtomicU64,
}

/// Counts the ticks of the system's clock, from 1 on.
fn tick() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the result. It cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64 + 1
}

impl Kept {
    pub(super) fn new(file: File, metadata: &Metadata) -> Self {
        let identity = (metadata.dev(), metadata.ino());
        Kept {
            descriptor: AtomicI32::new(file.into_raw_fd()),
            identity,
            replacing: Mutex::new(()),
            looked: AtomicU64::new(0),
        }
    }

    /// Keeps a file, or what else has a descriptor.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self::new(file, &metadata))
    }

    /// The descriptor; one that `open_again` gives where the program has closed it.
    ///
    /// # Errors
    /// Of `open_again`; not found, where that opens something else.
    pub(crate) fn get(&self, open_again: impl FnOnce() -> io::Result<File>) -> io::Result<BorrowedFd<'_>> {
        let descriptor = self.descriptor.load(Ordering::Acquire);
        let descriptor = if self.is_own(descriptor) { descriptor } else { self.replace(open_again)? };
        self.looked.store(tick(), Ordering::Relaxed);
        // SAFETY: it was open just now. Who closes what is not theirs makes calls fail here, and nothing else.
        Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
    }

    /// The descriptor, if it was looked at in this tick of the clock: for who asks so often that the look is what takes
    /// long, and asks [`get`](Self::get) where it turns out to be none.
    pub(crate) fn get_known(&self) -> Option<BorrowedFd<'_>> {
        let descriptor = self.descriptor.load(Ordering::Acquire);
        let is_known = descriptor >= 0 && self.looked.load(Ordering::Relaxed) == tick();
        // SAFETY: as above.
        is_known.then(|| unsafe { BorrowedFd::borrow_raw(descriptor) })
    }

    fn is_own(&self, descriptor: RawFd) -> bool {
        status_of(descriptor).is_some_and(|status| self.identity == (status.st_dev, status.st_ino))
    }

    #[cold]
    fn replace(&self, open_again: impl FnOnce() -> io::Result<File>) -> io::Result<RawFd> {
        // One of several threads that have found it closed opens it again.
        let _turn = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptor = self.descriptor.load(Ordering::Acquire);
        if self.is_own(descriptor) {
            return Ok(descriptor);
        }
        let file = open_again()?;
        if !self.is_own(file.as_raw_fd()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let own = file.into_raw_fd();
        self.descriptor.store(own, Ordering::Release);
        Ok(own)
    }

    /// Closes the descriptor: a forked child has another one when it joins.
    pub(super) fn abandon(&self) {
        let descriptor = self.descriptor.swap(-1, Ordering::AcqRel);
        self.looked.store(0, Ordering::Relaxed);
        if self.is_own(descriptor) {
            // SAFETY: the descriptor is the keeper's, and nobody else finds it here now.
            unsafe { libc::close(descriptor) };
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// What the system tells of a descriptor; `None` if it is none.
pub(super) fn status_of(descriptor: RawFd) -> Option<libc::stat> {
    // SAFETY: zero is a valid value of every field.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: a place for the result.
    let result = unsafe { libc::fstat(descriptor, &mut status) };
    (result == 0).then_some(status)
}
