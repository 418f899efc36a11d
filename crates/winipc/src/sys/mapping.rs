//! Mapped memory that others may change at any time: it is copied, or touched as atomics.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize, Ordering,
};

use super::call::last_error;
use super::{
    FlushViewOfFile, MEM_COMMIT, MEMORY_BASIC_INFORMATION, MEMORY_MAPPED_VIEW_ADDRESS, UnmapViewOfFile,
    VirtualQuery, process_identity,
};
use crate::{Result, Win32Error};

/// What a view is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    Read,
    Write,
    Copy,
}

/// A view of a section.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    length: usize,
    /// The process that mapped it ([`process_identity`]).
    process: u64,
}

// SAFETY: the memory is mapped in the whole process, and only touched as atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

/// An integer that processes can share: the atomic types of the standard library.
///
/// # Safety
///
/// The type consists of one atomic integer, for which every bit pattern is valid, and has its size and alignment.
pub unsafe trait Atomic: Sync {}

macro_rules! atomics {
    ($($type:ty)*) => {
        $(
            // SAFETY: an atomic integer.
            unsafe impl Atomic for $type {}
        )*
    };
}
atomics!(AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize);

const WORD: usize = size_of::<usize>();

impl Mapping {
    /// Takes over a view of so many bytes, or of all that are mapped if `length` is 0; where memory is only reserved,
    /// as far as it is committed.
    ///
    /// # Safety
    ///
    /// `base` is where a view of at least `length` bytes begins, and nobody else unmaps it.
    pub(super) unsafe fn new(base: *mut u8, length: usize) -> Result<Mapping> {
        let process = process_identity();
        let base = NonNull::new(base).ok_or(Win32Error::INVALID_ADDRESS)?;
        let mut mapping = Mapping { base, length: 0, process };
        let there = mapping.touchable_length()?;
        mapping.length = if length == 0 { there } else { length.min(there) };
        Ok(mapping)
    }

    /// Bytes from the start to the end of what is mapped, or of what is committed of it.
    fn touchable_length(&self) -> Result<usize> {
        // SAFETY: zero is a valid value of every field.
        let mut region: MEMORY_BASIC_INFORMATION = unsafe { std::mem::zeroed() };
        // SAFETY: a place for the structure. The address is only asked about.
        let known = unsafe {
            VirtualQuery(
                self.base.as_ptr().cast::<c_void>(),
                &mut region,
                size_of::<MEMORY_BASIC_INFORMATION>(),
            )
        };
        if known == 0 {
            return Err(last_error());
        }
        Ok(if region.State == MEM_COMMIT { region.RegionSize } else { 0 })
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The address of a range, if it is inside.
    fn range(&self, offset: usize, length: usize) -> Result<*mut u8> {
        if offset.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // SAFETY: inside the view.
        Ok(unsafe { self.base.as_ptr().add(offset) })
    }

    /// Copies bytes out. What others write meanwhile is seen in part.
    pub(crate) fn copy_out(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        let source = self.range(offset, target.len())?;
        let mut done = 0;
        while done < target.len() {
            let from = source.wrapping_add(done);
            if (from as usize).is_multiple_of(WORD) && target.len() - done >= WORD {
                // SAFETY: inside the view, which is mapped and readable, and aligned.
                let word = unsafe { &*from.cast::<AtomicUsize>() }.load(Ordering::Relaxed);
                target[done..done + WORD].copy_from_slice(&word.to_ne_bytes());
                done += WORD;
            } else {
                // SAFETY: inside the view, which is mapped and readable.
                target[done] = unsafe { &*from.cast::<AtomicU8>() }.load(Ordering::Relaxed);
                done += 1;
            }
        }
        Ok(())
    }

    /// Copies bytes in. The view is not only for reading.
    pub(crate) fn copy_in(&self, offset: usize, source: &[u8]) -> Result<()> {
        let target = self.range(offset, source.len())?;
        let mut done = 0;
        while done < source.len() {
            let to = target.wrapping_add(done);
            let rest = &source[done..];
            match rest.first_chunk::<WORD>() {
                Some(bytes) if (to as usize).is_multiple_of(WORD) => {
                    let word = usize::from_ne_bytes(*bytes);
                    // SAFETY: inside the view, which is mapped and writable, and aligned.
                    unsafe { &*to.cast::<AtomicUsize>() }.store(word, Ordering::Relaxed);
                    done += WORD;
                }
                _ => {
                    // SAFETY: inside the view, which is mapped and writable.
                    unsafe { &*to.cast::<AtomicU8>() }.store(rest[0], Ordering::Relaxed);
                    done += 1;
                }
            }
        }
        Ok(())
    }

    /// Atomic integers, one after the other. The view is not only for reading.
    pub(crate) fn atomics<A: Atomic>(&self, offset: usize, count: usize) -> Result<&[A]> {
        let length = count.checked_mul(size_of::<A>()).ok_or(Win32Error::INVALID_PARAMETER)?;
        let first = self.range(offset, length)?.cast::<A>();
        if !first.is_aligned() {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // SAFETY: inside the view, aligned, and atomic integers, of which every bit pattern is valid. The view is
        // mapped for as long as it is borrowed.
        Ok(unsafe { std::slice::from_raw_parts(first, count) })
    }

    pub(crate) fn flush(&self, offset: usize, length: usize) -> Result<()> {
        let start = self.range(offset, length)?;
        // SAFETY: a range of the view.
        super::call::check(unsafe { FlushViewOfFile(start.cast(), length) })
    }

    /// Whether the calling process has mapped it, and not one that it descends from.
    pub(crate) fn is_own(&self) -> bool {
        self.process == process_identity()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // A forked child has the memory, but no view.
        if self.is_own() {
            // SAFETY: the view is ours, and used no more.
            unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: self.base.as_ptr().cast() }) };
        }
    }
}
