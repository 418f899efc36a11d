//! Sections and views of them.

use super::*;

/// A section of memory to read and write, without a name.
pub(crate) fn section(size: u64) -> Handle {
    Handle::own(create(PAGE_READWRITE, size, null()).0)
}

/// CreateFileMapping of memory.
pub(crate) fn create(protect: u32, size: u64, name: *const u16) -> (HANDLE, u32) {
    call!(CreateFileMappingW(INVALID_HANDLE_VALUE, null(), protect, (size >> 32) as u32, size as u32, name))
}

/// A section of memory that succeeds, with a name.
pub(crate) fn named(name: &Name, size: u64) -> Handle {
    let (section, error) = create(PAGE_READWRITE, size, name.ptr());
    assert!(!section.is_null(), "{} fails {error}", name.text());
    Handle::own(section)
}

/// What a view is to be.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) access: u32,
    pub(crate) offset: u64,
    pub(crate) length: usize,
    pub(crate) base: usize,
}

/// All of a section, anywhere.
pub(crate) fn whole(access: u32) -> Wish {
    Wish { access, offset: 0, length: 0, base: 0 }
}

/// MapViewOfFileEx: the address, 0 if it fails, and the last error.
pub(crate) fn try_map(section: &Handle, wish: Wish) -> (usize, u32) {
    let (high, low) = ((wish.offset >> 32) as u32, wish.offset as u32);
    let base = wish.base as *const core::ffi::c_void;
    let (address, error) = call!(MapViewOfFileEx(section.raw(), wish.access, high, low, wish.length, base));
    (address.Value as usize, error)
}

/// Fails unless MapViewOfFileEx fails so.
pub(crate) fn map_fails(section: &Handle, wish: Wish, expected: u32) {
    let (address, error) = try_map(section, wish);
    assert_eq!((address, error), (0, expected), "offset {:#x}, {} bytes", wish.offset, wish.length);
}

/// A view, unmapped when dropped.
pub(crate) struct View(pub(crate) usize);

// SAFETY: an address, whose memory is only touched as atomics.
unsafe impl Send for View {}

impl View {
    /// All of a section, by MapViewOfFile.
    pub(crate) fn of(section: &Handle, access: u32) -> Self {
        let (address, error) = call!(MapViewOfFile(section.raw(), access, 0, 0, 0));
        assert!(!address.Value.is_null(), "MapViewOfFile fails {error}");
        View(address.Value as usize)
    }

    pub(crate) fn mapped(section: &Handle, wish: Wish) -> Self {
        let (address, error) = try_map(section, wish);
        assert_ne!(address, 0, "MapViewOfFileEx fails {error}");
        View(address)
    }

    /// One of its words, by the offset in bytes.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4));
        // SAFETY: the tests stay inside their views.
        unsafe { &*((self.0 + offset) as *const AtomicU32) }
    }

    pub(crate) fn read(&self, offset: usize) -> u32 {
        self.word(offset).load(Ordering::SeqCst)
    }

    pub(crate) fn write(&self, offset: usize, value: u32) {
        self.word(offset).store(value, Ordering::SeqCst);
    }
}

/// UnmapViewOfFile.
pub(crate) fn unmap(address: usize) -> (i32, u32) {
    call!(UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: address as *mut core::ffi::c_void }))
}

impl Drop for View {
    fn drop(&mut self) {
        let (value, error) = unmap(self.0);
        if !std::thread::panicking() {
            assert_eq!(value, TRUE, "UnmapViewOfFile fails {error}");
        }
    }
}
