//! The arena: the memory that all processes of a namespace share.
//!
//! Together with the ABI crate the only place with `unsafe`: what is above it sees words, records and blocks through
//! safe functions that check every reference, so that a neighbour that scribbles over the arena causes errors and not
//! undefined behaviour.

#![allow(unsafe_code)]

pub(crate) mod attach_error;
pub(crate) mod backing;
pub(crate) mod block;
pub(crate) mod child;
#[cfg(feature = "crash-points")]
pub mod crash;
#[cfg(not(feature = "crash-points"))]
mod crash;
pub(crate) mod descriptor;
pub(crate) mod disk;
pub(crate) mod environment;
pub(crate) mod escape;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod fork_hooks;
pub(crate) mod futex;
pub(crate) mod journal;
#[cfg(test)]
mod journal_tests;
pub(crate) mod kept;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod mailbox;
mod mapping;
pub(crate) mod place;
pub(crate) mod seat;
pub(crate) mod section;
pub(crate) mod slab;
pub(crate) mod spawn;
pub(crate) mod state;
pub(crate) mod system;
pub(crate) mod transaction;
pub(crate) mod user;
pub(crate) mod view;
pub(crate) mod wake;
pub(crate) mod word;

use layout::{ARENA_SIZE, EXTENTS, Header, OFFSETS, Region, SlabHead};
pub(crate) use slab::{Head, Record, Ref};
pub(crate) use transaction::Txn;

use crate::status::{Result, Status};

/// One mapped arena. It stays mapped until the process ends.
pub(crate) struct Arena {
    base: *mut u8,
    /// Device and inode of the file.
    identity: (u64, u64),
}

// SAFETY: the mapping is valid in every thread, and all access to it goes through atomics or owned payload blocks.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena over a mapping of [`ARENA_SIZE`] bytes.
    ///
    /// # Safety
    /// `base` is aligned to a page and the mapping stays valid, readable and writable while the value lives.
    unsafe fn from_mapping(base: *mut u8, identity: (u64, u64)) -> Self {
        Arena { base, identity }
    }

    /// Device and inode of the file.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// The number of a record of this arena.
    pub(crate) fn index_of<T: Record>(&self, record: &T) -> Ref<T> {
        let start = OFFSETS[T::REGION as usize];
        Ref::from_index(((self.offset_of(record) - start) / size_of::<T>()) as u32)
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the header lies at the start of the mapping; it consists of atomics, for which every bit pattern is
        // valid, and the base is aligned to a page.
        unsafe { &*self.base.cast::<Header>() }
    }

    pub(crate) fn slab(&self, region: Region) -> &SlabHead {
        self.slab_at(region as usize)
    }

    pub(crate) fn slab_at(&self, region: usize) -> &SlabHead {
        &self.header().slabs[region].0
    }

    /// How many records of a region have memory, never more than it can have.
    pub(crate) fn committed(&self, region: usize) -> usize {
        (self.slab_at(region).committed.load() as usize).min(EXTENTS[region].capacity)
    }

    /// How many objects have memory.
    pub(crate) fn objects(&self) -> usize {
        self.committed(Region::Object as usize)
    }

    /// How many records of all regions have memory.
    fn records(&self) -> usize {
        (0..layout::REGIONS).map(|region| self.committed(region)).sum()
    }

    /// Address of a record, if it has memory.
    fn address(&self, region: usize, index: u32) -> Result<*mut u8> {
        if index as usize >= self.committed(region) {
            return Err(Status::ARENA_CORRUPT);
        }
        // SAFETY: the index is below the region's capacity, so the result is inside the mapping.
        Ok(unsafe { self.base.add(OFFSETS[region] + index as usize * EXTENTS[region].size) })
    }

    /// The record behind a reference.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: the reference points to no record.
    pub(crate) fn get<T: Record>(&self, reference: Ref<T>) -> Result<&T> {
        let address = self.address(T::REGION as usize, reference.index())?;
        // SAFETY: the address is inside the mapping, aligned (records of a region are as large as its extent says, a
        // multiple of their alignment, and regions start at multiples of 64 KiB), and T consists of atomics.
        Ok(unsafe { &*address.cast::<T>() })
    }

    /// Offset of a word of the arena.
    fn offset_of<T>(&self, word: &T) -> usize {
        let offset = (word as *const T as usize).wrapping_sub(self.base as usize);
        debug_assert!(offset < ARENA_SIZE);
        offset
    }

    /// A word by its offset, as the journal holds it.
    fn word_at<T>(&self, offset: usize) -> Result<&T> {
        if offset.checked_add(size_of::<T>()).is_none_or(|end| end > ARENA_SIZE)
            || !offset.is_multiple_of(align_of::<T>())
        {
            return Err(Status::ARENA_CORRUPT);
        }
        // SAFETY: inside the mapping and aligned; T is an atomic integer in all uses, valid for every bit pattern.
        Ok(unsafe { &*self.base.add(offset).cast::<T>() })
    }
}
