//! Records: type-stable slots, handed out and taken back under the lock.

use core::marker::PhantomData;

use super::Arena;
use super::layout::{EXTENTS, OFFSETS, Region};
use super::transaction::Txn;
use super::word::Guarded32;
use crate::status::{Result, Status};

/// What every record begins with.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Head {
    /// 0 while the slot is free, else what the record is; its owner may use the value.
    pub(crate) tag: Guarded32,
    /// Next in the list of free slots; in use it is the owner's.
    pub(crate) link: Guarded32,
}

/// Tag of a free slot.
pub(crate) const FREE: u32 = 0;

/// A structure that lives in a region of the arena.
///
/// # Safety
/// `Self` is `repr(C)`, consists only of shared words, is exactly as large as its region's extent says and aligned to
/// at most that size and a page.
pub(crate) unsafe trait Record: Sized + 'static {
    const REGION: Region;

    fn head(&self) -> &Head;
}

/// Types of which every bit pattern is valid and that may change under a shared reference.
///
/// # Safety
/// The type consists of atomics only.
pub(crate) unsafe trait Shared {}

// SAFETY: transparent over an atomic.
unsafe impl Shared for Guarded32 {}
// SAFETY: transparent over an atomic.
unsafe impl Shared for super::word::Guarded64 {}
// SAFETY: transparent over an atomic.
unsafe impl Shared for super::word::Free32 {}
// SAFETY: transparent over an atomic.
unsafe impl Shared for super::word::Free64 {}
// SAFETY: two atomics.
unsafe impl Shared for Head {}
// SAFETY: one atomic.
unsafe impl Shared for super::state::State {}
// SAFETY: elements are shared words.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}

/// Declares a record: its region, and its fields, each of which must be a shared word or an array of them.
macro_rules! record {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident in $region:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[repr(C, align(64))]
        $visibility struct $name {
            pub(crate) head: $crate::arena::Head,
            $($(#[$field_meta])* pub(crate) $field: $type,)*
        }

        const _: () = {
            const fn shared<T: $crate::arena::slab::Shared>() {}
            $(shared::<$type>();)*
            let extent = $crate::arena::layout::EXTENTS[$crate::arena::layout::Region::$region as usize];
            assert!(extent.size == core::mem::size_of::<$name>());
        };

        #[allow(unsafe_code)]
        // SAFETY: the checks above.
        unsafe impl $crate::arena::Record for $name {
            const REGION: $crate::arena::layout::Region = $crate::arena::layout::Region::$region;

            fn head(&self) -> &$crate::arena::Head {
                &self.head
            }
        }
    };
}
pub(crate) use record;

/// A reference to a record, as it is stored in the arena: its number in the region, 0 for none.
pub(crate) struct Ref<T>(u32, PhantomData<fn() -> T>);

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ref<T> {}
impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Ref<T> {}
impl<T> core::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl<T> Ref<T> {
    /// Points to nothing.
    pub(crate) const NONE: Self = Ref(0, PhantomData);

    pub(crate) const fn from_index(index: u32) -> Self {
        Ref(index, PhantomData)
    }

    pub(crate) const fn index(self) -> u32 {
        self.0
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The reference, unless it is none.
    pub(crate) fn some(self) -> Option<Self> {
        (self.0 != 0).then_some(self)
    }
}

/// Memory is committed in steps of at least this many bytes.
const SMALLEST_STEP: usize = 16 << 10;
/// And at most this many.
const LARGEST_STEP: usize = 4 << 20;

impl Arena {
    /// Gives a region memory for `count` records.
    ///
    /// Memory is made to exist here, so that a full file system is an error now and no SIGBUS later. Needs no lock:
    /// populating twice is harmless and the count only grows.
    ///
    /// # Errors
    /// [`Status::INSUFFICIENT_RESOURCES`]: the region is full. [`Status::NO_MEMORY`]: the file system is.
    pub(crate) fn commit(&self, region: usize, count: usize) -> Result<()> {
        let extent = EXTENTS[region];
        if count > extent.capacity {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        let committed = self.committed(region);
        if count <= committed {
            return Ok(());
        }
        let step = (committed * extent.size / 2).clamp(SMALLEST_STEP, LARGEST_STEP);
        let wanted = (committed * extent.size + step).max(count * extent.size);
        let target = (wanted.next_multiple_of(4096) / extent.size).min(extent.capacity);
        let start = OFFSETS[region] + committed * extent.size / 4096 * 4096;
        let end = OFFSETS[region] + (target * extent.size).next_multiple_of(4096);
        self.populate(start, end - start)?;
        let slab = self.slab_at(region);
        let mut current = slab.committed.load();
        while (current as usize) < target {
            match slab.committed.compare_exchange(current, target as u32) {
                Ok(_) => break,
                Err(now) => current = now,
            }
        }
        Ok(())
    }

    /// Makes the pages of a range of the arena exist.
    pub(super) fn populate(&self, offset: usize, length: usize) -> Result<()> {
        super::crash::point();
        if cfg!(miri) {
            return Ok(()); // plain memory exists
        }
        loop {
            // SAFETY: the range lies in the mapping; populating changes no byte.
            let result =
                unsafe { libc::madvise(self.base.add(offset).cast(), length, libc::MADV_POPULATE_WRITE) };
            if result == 0 {
                return Ok(());
            }
            match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR | libc::EAGAIN) => {}
                _ => return Err(Status::NO_MEMORY),
            }
        }
    }

    /// What the record with a number begins with, in any region that hands out records.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: there is no such record.
    pub(crate) fn head_at(&self, region: usize, index: u32) -> Result<&Head> {
        let address = self.address(region, index)?;
        // SAFETY: inside the mapping; records lie at multiples of 16 bytes or more, and a head consists of atomics.
        Ok(unsafe { &*address.cast::<Head>() })
    }

    /// Numbers of all records of a region that have been handed out at some time.
    pub(crate) fn used<T: Record>(&self) -> impl Iterator<Item = Ref<T>> + use<T> {
        let fresh = self.slab(T::REGION).fresh.peek().min(self.committed(T::REGION as usize) as u32);
        (1..fresh).map(Ref::from_index)
    }
}

impl<'a> Txn<'a> {
    /// Takes a free record of type `T`. The caller sets its fields, which hold what the last owner left.
    ///
    /// # Errors
    /// [`Status::INSUFFICIENT_RESOURCES`], [`Status::NO_MEMORY`]: there is no room.
    pub(crate) fn allocate<T: Record>(&mut self, tag: u32) -> Result<Ref<T>> {
        let index = self.allocate_slot(T::REGION as usize, |arena, index| {
            Ok(arena.get(Ref::<T>::from_index(index))?.head())
        })?;
        let reference = Ref::from_index(index);
        let arena = self.arena();
        arena.get::<T>(reference)?.head().tag.set(self, tag);
        arena.get::<T>(reference)?.head().link.set(self, 0);
        Ok(reference)
    }

    /// Gives a record back.
    pub(crate) fn free<T: Record>(&mut self, reference: Ref<T>) -> Result<()> {
        let arena = self.arena();
        let head = arena.get(reference)?.head();
        if reference.is_none() || head.tag.get(self) == FREE {
            return Err(Status::ARENA_CORRUPT);
        }
        head.tag.set(self, FREE);
        self.free_slot(T::REGION as usize, reference.index(), &head.link);
        Ok(())
    }

    pub(super) fn allocate_slot(
        &mut self,
        region: usize,
        head: impl Fn(&'a Arena, u32) -> Result<&'a Head>,
    ) -> Result<u32> {
        let arena = self.arena();
        let slab = arena.slab_at(region);
        let free = slab.free.get(self);
        let index = if free != 0 {
            let head = head(arena, free)?;
            if head.tag.get(self) != FREE {
                return Err(Status::ARENA_CORRUPT);
            }
            let next = head.link.get(self);
            slab.free.set(self, next);
            free
        } else {
            // Number 0 means none and is never handed out.
            let fresh = slab.fresh.get(self).max(1);
            arena.commit(region, fresh as usize + 1)?;
            slab.fresh.set(self, fresh + 1);
            fresh
        };
        Ok(index)
    }

    pub(super) fn free_slot(&mut self, region: usize, index: u32, link: &Guarded32) {
        let slab = self.arena().slab_at(region);
        let next = slab.free.get(self);
        link.set(self, next);
        slab.free.set(self, index);
    }
}
