//! The arena's mapping: how a file becomes memory, and what a new arena holds.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use super::Arena;
use super::attach_error::AttachError;
use super::layout::{ARENA_SIZE, EXTENTS, HEADER_SIZE, Header, MAGIC, REGIONS, Region, fingerprint};
#[cfg(test)]
use super::word::Free64;

pub(super) fn map(file: &File) -> Result<Arena, AttachError> {
    let metadata = file.metadata().map_err(|error| AttachError::system("cannot examine the arena", error))?;
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            ARENA_SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_NORESERVE,
            file.as_raw_fd(),
            0,
        )
    };
    if base == libc::MAP_FAILED {
        let error = io::Error::last_os_error();
        return Err(AttachError::system(
            format!(
                "cannot map the arena, which takes {} GiB of addresses (see ulimit -v)",
                ARENA_SIZE >> 30
            ),
            error,
        ));
    }
    // Dumping the arena would take long, and a process only counts as dead when its dump is written.
    // SAFETY: the mapping just made.
    unsafe { libc::madvise(base, ARENA_SIZE, libc::MADV_DONTDUMP) };
    // SAFETY: the mapping is page-aligned, readable, writable and never removed.
    Ok(unsafe { Arena::from_mapping(base.cast(), (metadata.dev(), metadata.ino())) })
}

/// The boot's identity, so that an arena that outlived a reboot is not taken for a living one.
fn boot_id() -> [u64; 2] {
    if cfg!(miri) {
        return [0; 2]; // there is no file system
    }
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range: core::ops::Range<usize>| {
        digits.get(range).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    };
    [half(0..16), half(16..32)]
}

impl Arena {
    /// Gives a new arena its header and first memory. `quota` is what each process may have of it, in bytes.
    pub(super) fn initialise(&self, quota: u32) -> crate::status::Result<()> {
        debug_assert!(size_of::<Header>() <= HEADER_SIZE);
        self.populate(0, HEADER_SIZE)?;
        for region in 0..REGIONS {
            if region < Region::Block as usize && region != Region::JournalOverflow as usize {
                self.commit(region, 2)?;
            }
        }
        // Room for transactions that outgrow a thread's own journal without asking for memory in the middle.
        for region in [Region::JournalOverflow as usize, Region::ClaimOverflow as usize] {
            self.commit(region, EXTENTS[region].capacity.min(4096))?;
        }
        let header = self.header();
        header.quota.store(quota);
        header.fingerprint.store(fingerprint());
        for (word, half) in header.boot.iter().zip(boot_id()) {
            word.store(half);
        }
        header.magic.store(MAGIC);
        Ok(())
    }

    /// Whether the arena was made since the machine last started.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.header().boot.iter().zip(boot_id()).all(|(word, half)| word.load() == half)
    }

    /// Gives the mapping up.
    pub(crate) fn unmap(self) {
        // SAFETY: the value is consumed, and nothing that borrows from it is left.
        unsafe { libc::munmap(self.base.cast(), ARENA_SIZE) };
    }

    /// An arena on plain memory, for tests.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Arena {
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        #[cfg(not(miri))]
        let base = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                ARENA_SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        // SAFETY: the layout's size is not 0.
        #[cfg(miri)]
        let base = unsafe {
            let layout = std::alloc::Layout::from_size_align(ARENA_SIZE, 1 << 16).unwrap();
            std::alloc::alloc_zeroed(layout).cast::<libc::c_void>()
        };
        assert_ne!(base, libc::MAP_FAILED);
        assert!(!base.is_null());
        // SAFETY: the mapping is page-aligned, readable, writable and never removed.
        let arena = unsafe { Arena::from_mapping(base.cast(), (0, 0)) };
        arena.initialise(crate::quota::MOST_MEMORY).unwrap();
        arena
    }

    /// Overwrites about one in `sparsity` words of a region's records with what `noise` gives, for tests.
    #[cfg(test)]
    pub(crate) fn scribble(&self, region: usize, sparsity: u64, noise: &mut dyn FnMut() -> u64) {
        let length = self.committed(region) * super::layout::EXTENTS[region].size;
        for offset in (0..length).step_by(8) {
            if noise().is_multiple_of(sparsity) {
                let word: &Free64 = self.word_at(super::layout::OFFSETS[region] + offset).unwrap();
                word.store(noise());
            }
        }
    }
}
