//! One page shared by two processes.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::failed;
use crate::error::{Error, Result};

pub(super) struct SharedPage {
    start: NonNull<c_void>,
}

impl SharedPage {
    pub(super) const SIZE: usize = 4096;

    /// # Errors
    /// The file cannot be made.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).map_err(unusable)?;
        file.set_len(Self::SIZE as u64).map_err(unusable)?;
        Self::map(&file)
    }

    /// # Errors
    /// The file cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::map(&OpenOptions::new().read(true).write(true).open(path).map_err(unusable)?)
    }

    /// # Errors
    /// The file cannot be mapped.
    pub(super) fn map(file: &File) -> Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so no memory in use is replaced.
        let start = unsafe { mmap(std::ptr::null_mut(), Self::SIZE, protection, MapFlags::SHARED, file, 0) }
            .map_err(failed("mmap"))?;
        Ok(Self { start: NonNull::new(start).expect("a mapping is not at address zero") })
    }

    pub(super) fn start(&self) -> NonNull<c_void> {
        self.start
    }

    /// The first word of the page.
    pub(super) fn word(&self) -> &AtomicU32 {
        // SAFETY: the page is mapped readable and writable while `self` lives, and aligned; both processes use the word
        // as an atomic only.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().cast()) }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: made by `map` with this length; references to it borrow `self`.
        let _ = unsafe { munmap(self.start.as_ptr(), Self::SIZE) };
    }
}

fn unusable(error: std::io::Error) -> Error {
    Error::because("benchmark: cannot share a page on /dev/shm", error)
}
