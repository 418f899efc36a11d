//! Where everything lies in an arena.
//!
//! The arena is one sparse file, mapped whole. Each kind of record has a region of its own at a fixed offset, so that
//! a record is found by multiplication and a slot only ever holds one kind. Pages come into being as a region grows
//! (see [`super::slab`]); the rest of the file is a hole that costs nothing but addresses.

use super::word::{Free32, Free64, Guarded32};

/// Identifies a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Region {
    Seat,
    Process,
    Thread,
    Object,
    HandlePage,
    Request,
    Pipe,
    Instance,
    Mailslot,
    View,
    JournalOverflow,
    ClaimOverflow,
    /// The smallest payload block; the other sizes follow, each twice the one before.
    Block,
}

/// Sizes of payload blocks: 128 bytes to 64 KiB.
pub(crate) const BLOCK_CLASSES: usize = 10;
/// Bytes of a block of the smallest class, its head included.
pub(crate) const SMALLEST_BLOCK: usize = 128;
/// Number of regions.
pub(crate) const REGIONS: usize = Region::Block as usize + BLOCK_CLASSES;

/// The size of a region's records and how many it can have.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) size: usize,
    pub(crate) capacity: usize,
}

/// Under Miri memory is dear: regions are this many times smaller.
const SHRINK: usize = if cfg!(miri) { 1 << 10 } else { 1 };

const fn extent(size: usize, capacity: usize) -> Extent {
    let shrunk = capacity / SHRINK;
    Extent { size, capacity: if shrunk < 16 { 16 } else { shrunk } }
}

pub(crate) const EXTENTS: [Extent; REGIONS] = {
    let mut extents = [extent(0, 0); REGIONS];
    extents[Region::Seat as usize] = extent(4096, 1 << 14);
    extents[Region::Process as usize] = extent(4096, 1 << 12);
    extents[Region::Thread as usize] = extent(2048, 1 << 14);
    extents[Region::Object as usize] = extent(128, 1 << 22);
    extents[Region::HandlePage as usize] = extent(4096, 1 << 16);
    extents[Region::Request as usize] = extent(128, 1 << 20);
    extents[Region::Pipe as usize] = extent(64, 1 << 20);
    extents[Region::Instance as usize] = extent(192, 1 << 20);
    extents[Region::Mailslot as usize] = extent(128, 1 << 20);
    extents[Region::View as usize] = extent(64, 1 << 20);
    extents[Region::JournalOverflow as usize] = extent(16, 1 << 20);
    extents[Region::ClaimOverflow as usize] = extent(4, 1 << 17);
    let mut class = 0;
    while class < BLOCK_CLASSES {
        let size = SMALLEST_BLOCK << class;
        extents[Region::Block as usize + class] = extent(size, (1 << 30) / size);
        class += 1;
    }
    extents
};

/// Offset of each region; the last entry is the arena's size.
pub(crate) const OFFSETS: [usize; REGIONS + 1] = {
    let mut offsets = [0; REGIONS + 1];
    offsets[0] = HEADER_SIZE;
    let mut region = 0;
    while region < REGIONS {
        let length = EXTENTS[region].size * EXTENTS[region].capacity;
        offsets[region + 1] = offsets[region] + length.next_multiple_of(1 << 16);
        region += 1;
    }
    offsets
};

/// Bytes of address space that an arena takes.
pub(crate) const ARENA_SIZE: usize = OFFSETS[REGIONS];
/// Bytes set aside for the header.
pub(crate) const HEADER_SIZE: usize = core::mem::size_of::<Header>().next_multiple_of(1 << 16);

// A journal entry holds a word's offset in units of four bytes, shifted by one, in 64 bits; a claim one in units of
// eight bytes in 32.
const _: () = assert!(ARENA_SIZE / 8 <= u32::MAX as usize);

/// Buckets of the name table.
pub(crate) const NAME_BUCKETS: usize = 1 << 16;

/// What a region has in use.
#[repr(C)]
#[derive(Default)]
pub(crate) struct SlabHead {
    /// Records whose memory exists. Only grows.
    pub(crate) committed: Free32,
    /// Records that have ever been handed out; the next fresh one has this number.
    pub(crate) fresh: Guarded32,
    /// First of the list of freed records.
    pub(crate) free: Guarded32,
}

/// A word with a cache line of its own.
#[repr(C, align(64))]
#[derive(Default)]
pub(crate) struct Lone<T>(pub(crate) T);

/// The first bytes of an arena.
#[repr(C, align(64))]
pub(crate) struct Header {
    /// [`MAGIC`], stored when everything else is in place.
    pub(crate) magic: Free64,
    /// Tells layouts apart, the C library's included.
    pub(crate) fingerprint: Free64,
    /// The boot in which the arena was made.
    pub(crate) boot: [Free64; 2],
    /// Who holds the arena's lock (see [`super::lock`]).
    pub(crate) lock: Lone<LockWords>,
    /// Changes whenever a thread has nothing to do but to wait for others (see [`super::lock`]).
    pub(crate) rest: Lone<Free32>,
    /// Counts the processes that have come; keepers sleep on it.
    pub(crate) membership: Lone<Free32>,
    /// What each region has in use.
    pub(crate) slabs: [Lone<SlabHead>; REGIONS],
    /// Bytes of names, calls and messages that a process may have.
    pub(crate) quota: Free32,
    /// First of the messages that nobody will read and that are still to be freed.
    pub(crate) discarded: Lone<Guarded32>,
    /// First of the sections that nothing refers to and whose file is still to be removed.
    pub(crate) unused_sections: Lone<Guarded32>,
    /// First name of each bucket of the name table.
    pub(crate) names: [Guarded32; NAME_BUCKETS],
}

/// The words of the arena's lock (see [`super::lock`]).
#[repr(C)]
#[derive(Default)]
pub(crate) struct LockWords {
    /// Who holds it.
    pub(crate) holder: Free32,
    /// Who has waited so long that others let them pass; 0 nearly always.
    pub(crate) hungry: Free32,
}

#[allow(unsafe_code)]
// SAFETY: atomics only.
unsafe impl super::slab::Shared for LockWords {}

/// The first word of an arena.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"winipc\0\x01");

/// Tells arenas apart whose records differ.
pub(crate) const fn fingerprint() -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let words = [
        8, // raise it when a record's meaning changes and its size does not
        core::mem::size_of::<Header>() as u64,
        core::mem::size_of::<libc::pthread_mutex_t>() as u64,
        if cfg!(target_env = "musl") { 1 } else { 0 },
        if cfg!(target_arch = "aarch64") { 1 } else { 0 },
    ];
    let mut index = 0;
    while index < words.len() {
        hash = (hash ^ words[index]).wrapping_mul(0x0100_0000_01B3);
        index += 1;
    }
    let mut region = 0;
    while region < REGIONS {
        hash = (hash ^ EXTENTS[region].size as u64).wrapping_mul(0x0100_0000_01B3);
        hash = (hash ^ EXTENTS[region].capacity as u64).wrapping_mul(0x0100_0000_01B3);
        region += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::HEADER_SIZE;

    #[test]
    fn the_noise_tests_know_where_the_records_begin() {
        assert_eq!(HEADER_SIZE, 0x5_0000, "say so in tests/bad_input/noise.rs too");
    }
}
