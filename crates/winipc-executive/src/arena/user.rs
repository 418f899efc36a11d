//! Memory of the caller's that a request fills or reports into.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::Arena;
use super::block::BlockRef;
use crate::status::{Result, Status};

/// Where a read puts its bytes.
#[derive(Debug)]
pub struct ReadBuffer {
    address: *mut u8,
    length: usize,
}

// SAFETY: the constructor's promise holds in whichever thread the bytes are delivered.
unsafe impl Send for ReadBuffer {}

impl ReadBuffer {
    /// A buffer at an address.
    ///
    /// # Safety
    /// The memory is valid for writes of `length` bytes, by any thread, until the request it is given to is complete.
    pub unsafe fn new(address: *mut u8, length: usize) -> Self {
        ReadBuffer { address, length }
    }

    /// Size of the buffer in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The rest of the buffer from `at` on, as the system's calls take it.
    pub(super) fn vector(&self, at: usize) -> libc::iovec {
        let at = at.min(self.length);
        // SAFETY: within the buffer, or at its end.
        libc::iovec { iov_base: unsafe { self.address.add(at) }.cast(), iov_len: self.length - at }
    }

    /// Copies `count` bytes of a chain into the buffer, from `at` on.
    pub(crate) fn fill(
        &self,
        arena: &Arena,
        chain: BlockRef,
        offset: usize,
        at: usize,
        count: usize,
    ) -> Result<()> {
        if at.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(Status::ARENA_CORRUPT);
        }
        // SAFETY: within the buffer, which the constructor's promise keeps valid.
        unsafe { arena.copy_out_raw(chain, offset, self.address.add(at), count) }
    }
}

/// The two words in which a request reports: its status and how many bytes it moved (`OVERLAPPED.Internal` and
/// `InternalHigh`), and what the caller has written beside them.
#[derive(Debug, Clone, Copy)]
pub struct StatusBlock {
    words: *mut [usize; 2],
    offset: u64,
}

// SAFETY: the constructor's promise holds in whichever thread reports.
unsafe impl Send for StatusBlock {}

impl StatusBlock {
    /// A status block at an address.
    ///
    /// # Safety
    /// The words are valid for reads and writes, aligned, and used by others only as atomics or not at all, until the
    /// request is complete.
    pub unsafe fn new(address: *mut [usize; 2]) -> Self {
        StatusBlock { words: address, offset: 0 }
    }

    /// Says where in the file the transfer takes place, in bytes from the start; `u64::MAX` is its end. Files without
    /// places do not look at it.
    pub fn at(self, offset: u64) -> Self {
        StatusBlock { offset, ..self }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The address, by which a request can be named to be cancelled.
    pub fn address(&self) -> usize {
        self.words as usize
    }

    fn words(&self) -> &[AtomicUsize; 2] {
        // SAFETY: valid and aligned by the constructor's promise; an atomic has the layout of its integer.
        unsafe { &*self.words.cast::<[AtomicUsize; 2]>() }
    }

    /// Says that the request has begun.
    pub(crate) fn begin(&self) {
        self.words()[0].store(Status::PENDING.0 as usize, Ordering::Release);
    }

    /// Says that the request is complete.
    pub(crate) fn complete(&self, status: Status, information: usize) {
        self.words()[1].store(information, Ordering::Relaxed);
        self.words()[0].store(status.0 as usize, Ordering::Release);
    }
}
