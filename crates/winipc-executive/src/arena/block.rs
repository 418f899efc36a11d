//! Payload blocks: memory for names and messages.
//!
//! A payload is a chain of blocks; nearly always it is one. The bytes are copied without the lock, by whoever owns the
//! chain at that moment: a writer before it links the chain, a reader after it has unlinked it.

use super::Arena;
use super::layout::{BLOCK_CLASSES, EXTENTS, Region, SMALLEST_BLOCK};
use super::slab::{FREE, Head};
use super::transaction::Txn;
use super::word::Guarded32;
use crate::status::{Result, Status};

/// What a block begins with; the bytes follow.
#[repr(C, align(32))]
#[derive(Default)]
pub(crate) struct Block {
    /// The tag tells what the block is for; the link is its owner's.
    pub(crate) head: Head,
    /// Bytes of the whole chain; in its first block only.
    pub(crate) length: Guarded32,
    /// Next block of the chain.
    pub(crate) more: Guarded32,
    /// The owner's.
    pub(crate) words: [Guarded32; 4],
}

const HEAD_SIZE: usize = size_of::<Block>();
/// Most bytes in one block.
const LARGEST: usize = (SMALLEST_BLOCK << (BLOCK_CLASSES - 1)) - HEAD_SIZE;
const INDEX_BITS: u32 = 24;

const _: () = assert!(EXTENTS[Region::Block as usize].capacity <= 1 << INDEX_BITS);

/// Refers to a block, 0 to none: its size class and its number in that class's region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockRef(pub(crate) u32);

impl BlockRef {
    pub(crate) const NONE: Self = BlockRef(0);

    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn new(class: usize, index: u32) -> Self {
        BlockRef((class as u32) << INDEX_BITS | index)
    }

    pub(crate) fn class(self) -> usize {
        (self.0 >> INDEX_BITS) as usize
    }

    pub(crate) fn index(self) -> u32 {
        self.0 & ((1 << INDEX_BITS) - 1)
    }
}

/// The smallest class whose blocks hold `length` bytes, or the largest there is.
fn class_for(length: usize) -> usize {
    let size = (length.min(LARGEST) + HEAD_SIZE).max(SMALLEST_BLOCK).next_power_of_two();
    (size / SMALLEST_BLOCK).trailing_zeros() as usize
}

fn capacity_of(class: usize) -> usize {
    (SMALLEST_BLOCK << class) - HEAD_SIZE
}

/// Bytes copied at a time: whole cache lines, and less than a page.
const PIECE: usize = 4032;

/// Copies bytes, in pieces that the C library copies through vector registers. From a page on it uses a string
/// instruction, which takes 1.6 times as long where source and target are not aligned alike (64 KiB within the second
/// cache; it was made for memory that is not).
///
/// # Safety
/// As [`core::ptr::copy_nonoverlapping`].
unsafe fn copy(source: *const u8, target: *mut u8, count: usize) {
    let mut done = 0;
    while done < count {
        let piece = PIECE.min(count - done);
        // SAFETY: within the two ranges that the caller vouches for.
        unsafe { core::ptr::copy_nonoverlapping(source.add(done), target.add(done), piece) };
        done += piece;
    }
}

impl Arena {
    pub(crate) fn block(&self, reference: BlockRef) -> Result<&Block> {
        let address = self.block_address(reference)?;
        // SAFETY: inside the mapping; blocks lie at multiples of 128 bytes and begin with atomics.
        Ok(unsafe { &*address.cast::<Block>() })
    }

    fn block_address(&self, reference: BlockRef) -> Result<*mut u8> {
        if reference.is_none() || reference.class() >= BLOCK_CLASSES {
            return Err(Status::ARENA_CORRUPT);
        }
        self.address(Region::Block as usize + reference.class(), reference.index())
    }

    /// Bytes that a block of this reference's class has room for.
    pub(crate) fn block_room(reference: BlockRef) -> usize {
        capacity_of(reference.class().min(BLOCK_CLASSES - 1))
    }

    /// Bytes of the arena that a block takes.
    pub(crate) fn block_size(reference: BlockRef) -> u32 {
        (SMALLEST_BLOCK << reference.class().min(BLOCK_CLASSES - 1)) as u32
    }

    /// Whether `length` bytes would be given one block of this reference's class.
    pub(crate) fn block_fits(reference: BlockRef, length: usize) -> bool {
        length <= LARGEST && class_for(length) == reference.class()
    }

    /// Copies `bytes` to the start of a chain. The caller owns the chain.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: the chain is shorter.
    pub(crate) fn copy_in(&self, chain: BlockRef, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        let mut block = chain;
        while !rest.is_empty() {
            let address = self.block_address(block)?;
            let count = rest.len().min(capacity_of(block.class()));
            super::crash::point();
            // SAFETY: the block has room for `count` bytes behind its head, the caller owns them, and the source is a
            // slice outside the arena's blocks that others may use.
            unsafe { copy(rest.as_ptr(), address.add(HEAD_SIZE), count) };
            rest = &rest[count..];
            block = BlockRef(self.block(block)?.more.peek());
        }
        Ok(())
    }

    /// Copies `length` bytes of a chain, from `offset` on, to `target`. The caller owns the chain.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: the chain is shorter; what was there is copied.
    ///
    /// # Safety
    /// `target` is valid for writes of `length` bytes.
    pub(super) unsafe fn copy_out_raw(
        &self,
        chain: BlockRef,
        offset: usize,
        target: *mut u8,
        length: usize,
    ) -> Result<()> {
        let mut block = chain;
        let mut skip = offset;
        let mut done = 0;
        while done < length {
            let address = self.block_address(block)?;
            let room = capacity_of(block.class());
            if skip < room {
                let count = (room - skip).min(length - done);
                // SAFETY: the block holds `room` bytes behind its head; the caller vouches for the target.
                unsafe { copy(address.add(HEAD_SIZE + skip), target.add(done), count) };
                done += count;
            }
            skip = skip.saturating_sub(room);
            block = BlockRef(self.block(block)?.more.peek());
        }
        Ok(())
    }

    /// Copies bytes of a chain, from `offset` on, into a slice.
    ///
    /// # Errors
    /// As [`Arena::copy_in`].
    pub(crate) fn copy_out(&self, chain: BlockRef, offset: usize, target: &mut [u8]) -> Result<()> {
        // SAFETY: a slice is valid for writes of its length.
        unsafe { self.copy_out_raw(chain, offset, target.as_mut_ptr(), target.len()) }
    }

    /// Whether a chain begins with `units`, as UTF-16 code units.
    pub(crate) fn equals_units(
        &self,
        block: BlockRef,
        length: usize,
        units: &[u16],
        fold: fn(u16) -> u16,
    ) -> Result<bool> {
        if length != units.len() * 2 {
            return Ok(false);
        }
        let mut buffer = [0_u8; 256];
        for (number, chunk) in units.chunks(buffer.len() / 2).enumerate() {
            let bytes = &mut buffer[..chunk.len() * 2];
            self.copy_out(block, number * 256, bytes)?;
            let same = bytes
                .chunks_exact(2)
                .zip(chunk)
                .all(|(pair, unit)| fold(u16::from_ne_bytes([pair[0], pair[1]])) == fold(*unit));
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<'a> Txn<'a> {
    /// Takes blocks for `length` bytes, chained.
    ///
    /// # Errors
    /// [`Status::INSUFFICIENT_RESOURCES`], [`Status::NO_MEMORY`]: there is no room; then the transaction is to be
    /// dropped.
    pub(crate) fn allocate_chain(&mut self, length: usize, tag: u32) -> Result<BlockRef> {
        let first = self.allocate_block(length, tag)?;
        let arena = self.arena();
        arena
            .block(first)?
            .length
            .set(self, u32::try_from(length).map_err(|_| Status::INSUFFICIENT_RESOURCES)?);
        let mut room = Arena::block_room(first);
        let mut last = first;
        while room < length {
            let next = self.allocate_block(length - room, tag)?;
            arena.block(last)?.more.set(self, next.0);
            room += Arena::block_room(next);
            last = next;
        }
        Ok(first)
    }

    fn allocate_block(&mut self, length: usize, tag: u32) -> Result<BlockRef> {
        let class = class_for(length);
        let index = self.allocate_slot(Region::Block as usize + class, |arena, index| {
            Ok(&arena.block(BlockRef::new(class, index))?.head)
        })?;
        let reference = BlockRef::new(class, index);
        let block = self.arena().block(reference)?;
        block.head.tag.set(self, tag);
        block.head.link.set(self, 0);
        block.more.set(self, 0);
        Ok(reference)
    }

    /// Bytes of the arena that a chain takes.
    #[inline]
    pub(crate) fn memory_of(&self, chain: BlockRef) -> Result<u32> {
        let mut memory = Arena::block_size(chain);
        let mut next = BlockRef(self.arena().block(chain)?.more.get(self));
        while !next.is_none() {
            self.step()?;
            memory = memory.saturating_add(Arena::block_size(next));
            next = BlockRef(self.arena().block(next)?.more.get(self));
        }
        Ok(memory)
    }

    /// Gives all blocks of a chain back.
    pub(crate) fn free_chain(&mut self, chain: BlockRef) -> Result<()> {
        let mut next = chain;
        while !next.is_none() {
            self.step()?;
            let block = self.arena().block(next)?;
            if block.head.tag.get(self) == FREE {
                return Err(Status::ARENA_CORRUPT);
            }
            let current = next;
            next = BlockRef(block.more.get(self));
            block.head.tag.set(self, FREE);
            self.free_slot(Region::Block as usize + current.class(), current.index(), &block.head.link);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_the_smallest_that_fits() {
        assert_eq!(class_for(0), 0);
        assert_eq!(class_for(96), 0);
        assert_eq!(class_for(97), 1);
        assert_eq!(class_for(LARGEST), BLOCK_CLASSES - 1);
        assert_eq!(class_for(LARGEST * 3), BLOCK_CLASSES - 1);
        for length in 0..LARGEST {
            assert!(capacity_of(class_for(length)) >= length);
        }
    }
}
