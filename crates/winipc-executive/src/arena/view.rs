//! Views: how the memory of a section comes into a process and out of it.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{crash, kept};
use crate::status::{Result, Status};

/// Views begin at multiples of so many bytes, in memory and in the section.
pub(crate) const GRANULARITY: usize = 64 << 10;
/// The size of a section, and the memory that a view takes, are multiples of so many bytes.
pub(crate) const PAGE: usize = 4096;

/// What a view lets its process do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read.
    Read,
    /// Read and write.
    Write,
    /// Read, and write copies of pages that are the view's own.
    Copy,
}

/// What is to be mapped.
pub(crate) struct Request<'a> {
    pub(crate) file: BorrowedFd<'a>,
    /// A multiple of [`GRANULARITY`].
    pub(crate) offset: u64,
    /// Bytes, not 0.
    pub(crate) length: usize,
    pub(crate) access: Access,
    pub(crate) execute: bool,
    /// Where, a multiple of [`GRANULARITY`]; anywhere if there is none.
    pub(crate) base: Option<usize>,
    /// Its pages are mapped now and not when they are touched.
    pub(crate) populate: bool,
}

/// Where the last view was unmapped, or below the last that was mapped: there is often room. Only a guess, which the
/// kernel checks.
static GUESS: AtomicUsize = AtomicUsize::new(0);

/// Maps a range of a file.
///
/// # Errors
/// [`Status::CONFLICTING_ADDRESSES`]: the addresses are in use, or are none. [`Status::NO_MEMORY`]: there are not so
/// many addresses, or the process has too many mappings. [`Status::COMMITMENT_LIMIT`]: no memory for a view that
/// copies.
/// [`Status::ACCESS_DENIED`]: the file system does not let its files be executed, or the file cannot be mapped so.
pub(crate) fn map(request: &Request<'_>) -> Result<usize> {
    let address = match request.base {
        Some(base) => request.map_at(base).map_err(|error| match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) if base >= GRANULARITY => Status::ACCESS_DENIED,
            _ => Status::CONFLICTING_ADDRESSES,
        })?,
        None => map_anywhere(request).map_err(|error| match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => Status::ACCESS_DENIED,
            _ if request.access == Access::Copy => Status::COMMITMENT_LIMIT,
            _ => Status::NO_MEMORY,
        })?,
    };
    GUESS.store(address.saturating_sub(request.length.next_multiple_of(GRANULARITY)), Ordering::Relaxed);
    Ok(address)
}

impl Request<'_> {
    fn map_at(&self, address: usize) -> io::Result<usize> {
        let kind = if self.access == Access::Copy { libc::MAP_PRIVATE } else { libc::MAP_SHARED };
        let write = if self.access == Access::Read { 0 } else { libc::PROT_WRITE };
        let execute = if self.execute { libc::PROT_EXEC } else { 0 };
        let populate = if self.populate { libc::MAP_POPULATE } else { 0 };
        let offset = i64::try_from(self.offset).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        crash::point();
        // SAFETY: the kernel maps over nothing (MAP_FIXED_NOREPLACE).
        let mapped = unsafe {
            libc::mmap(
                address as *mut libc::c_void,
                self.length,
                libc::PROT_READ | write | execute,
                kind | populate | libc::MAP_FIXED_NOREPLACE,
                self.file.as_raw_fd(),
                offset,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        if mapped as usize != address {
            // A kernel that does not know MAP_FIXED_NOREPLACE takes the address for a wish.
            unmap(mapped as usize, self.length);
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        Ok(address)
    }
}

/// How often addresses are looked for that other threads take first.
const MOST_TRIES: u32 = 100;

fn map_anywhere(request: &Request<'_>) -> io::Result<usize> {
    let guess = GUESS.load(Ordering::Relaxed);
    if guess != 0
        && let Ok(address) = request.map_at(guess)
    {
        return Ok(address);
    }
    // Addresses enough for a multiple of the granularity to be among them. They are given back before the view is
    // mapped: if that fails, nobody could say whether they still are ours.
    let whole =
        request.length.checked_next_multiple_of(PAGE).and_then(|length| length.checked_add(GRANULARITY));
    let whole = whole.ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let mut tries = 0;
    loop {
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(null_mut(), whole, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        unmap(start as usize, whole);
        tries += 1;
        match request.map_at((start as usize).next_multiple_of(GRANULARITY)) {
            // Another thread was quicker to map something there.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) && tries < MOST_TRIES => {}
            mapped => return mapped,
        }
    }
}

fn unmap(address: usize, length: usize) {
    crash::point();
    // SAFETY: a mapping that was made here: its user has given it up.
    unsafe { libc::munmap(address as *mut libc::c_void, length) };
}

/// A view that its user has given up.
#[derive(Clone, Copy, Debug)]
pub struct Unused(usize);

impl Unused {
    /// The view that an address lies in.
    ///
    /// # Safety
    /// Nobody uses the memory of the view any more.
    pub unsafe fn at(address: usize) -> Self {
        Unused(address)
    }

    pub(crate) fn address(self) -> usize {
        self.0
    }
}

/// Takes the mapping of a view away that nobody uses any more, and remembers that there is room.
pub(crate) fn unmap_view(address: usize, length: usize) {
    unmap(address, length);
    GUESS.store(address, Ordering::Relaxed);
}

/// Lets nobody into a view that its user has given up. The mapping stays: to make another takes twice as long as to let
/// somebody in again. False: that cannot be.
pub(crate) fn shut(address: usize, length: usize) -> bool {
    protect(address, length, libc::PROT_NONE)
}

/// Lets who gets a view that was [`shut`] read and write in it. False: that cannot be.
pub(crate) fn reopen(address: usize, length: usize) -> bool {
    protect(address, length, libc::PROT_READ | libc::PROT_WRITE)
}

fn protect(address: usize, length: usize, access: libc::c_int) -> bool {
    crash::point();
    // SAFETY: whole pages of a mapping that was made here, which nobody uses.
    unsafe { libc::mprotect(address as *mut libc::c_void, length, access) == 0 }
}

/// Has the system begin to write what was changed in whole pages of a view.
pub(crate) fn flush(address: usize, length: usize) {
    // SAFETY: pages of a mapping that was made here; the call changes no byte. It fails only where they are not mapped.
    unsafe { libc::msync(address as *mut libc::c_void, length, libc::MS_ASYNC) };
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// Each such call kept as many addresses as the view has.
    #[test]
    #[cfg(not(miri))]
    fn a_view_that_cannot_be_mapped_takes_no_addresses() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let request = Request {
            file: file.as_fd(),
            offset: 0,
            length: 8 << 40,
            // It is open for reading only.
            access: Access::Write,
            execute: false,
            base: None,
            populate: false,
        };
        // More than there are addresses in sum.
        for _ in 0..20 {
            assert_eq!(map(&request), Err(Status::ACCESS_DENIED));
        }
    }
}

/// A file's memory, mapped for the executive itself.
#[derive(Debug)]
pub(crate) struct Memory {
    start: usize,
    length: usize,
}

impl Memory {
    /// Maps the first bytes of a file.
    ///
    /// # Errors
    /// [`Status::NO_MEMORY`]: the process has too many mappings. [`Status::ARENA_CORRUPT`]: the file is shorter.
    pub(crate) fn map(file: BorrowedFd<'_>, length: usize) -> Result<Self> {
        let status = kept::status_of(file.as_raw_fd()).ok_or(Status::ARENA_CORRUPT)?;
        if (status.st_size as u64) < length as u64 {
            return Err(Status::ARENA_CORRUPT);
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        crash::point();
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(null_mut(), length, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(Status::NO_MEMORY);
        }
        Ok(Memory { start: start as usize, length })
    }

    /// Fills the first bytes with zeros, of which nobody uses a view.
    pub(crate) fn clear(&self, length: usize) {
        crash::point();
        // SAFETY: the mapping is the value's own, so long at least, and nobody has references into it.
        unsafe { core::ptr::write_bytes(self.start as *mut u8, 0, length.min(self.length)) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        unmap(self.start, self.length);
    }
}
