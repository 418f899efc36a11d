//! Views of sections.

use std::ops::Deref;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::Result;
use crate::sys::mapping::{Atomic, Mapping};

/// Memory of a [`Section`](super::Section) in this process, to read. It stays until it is dropped, also when the
/// section's handle is closed.
///
/// Others may change it at any time, so what is read is a copy; of what another writes at the same moment it may have a
/// part. A [`Mutex`](crate::Mutex) keeps them apart, or the atomics of a [`WritableView`].
///
/// On Linux a child of `fork` can read and write the memory of its parent's views, and dropping one there does nothing.
///
/// # Examples
///
/// ```
/// use winipc::section::SectionOptions;
///
/// let section = SectionOptions::new().create(4096)?;
/// section.writable_view()?.store_slice(8, &[1_u16, 2, 3])?;
/// let view = section.view()?;
/// let mut numbers = [0_u16; 3];
/// view.load_slice(8, &mut numbers)?;
/// assert_eq!(numbers, [1, 2, 3]);
/// assert!(view.load::<u64>(4090).is_err());
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct View {
    mapping: Mapping,
}

impl View {
    pub(super) fn new(mapping: Mapping) -> View {
        View { mapping }
    }

    /// Its size in bytes: as many as were asked for, or whole pages of 4096. Memory that its maker has only reserved
    /// (`SEC_RESERVE`) is left out.
    #[allow(clippy::len_without_is_empty)] // no view is empty
    pub fn len(&self) -> usize {
        self.mapping.length()
    }

    /// Copies bytes from an offset on into a buffer.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: they are not all inside the view.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        self.mapping.copy_out(offset, buffer)
    }

    /// Copies a value out. It need not be aligned.
    ///
    /// # Errors
    ///
    /// As [`read`](View::read).
    pub fn load<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let mut value = T::new_zeroed();
        self.mapping.copy_out(offset, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Copies values out, one after the other.
    ///
    /// # Errors
    ///
    /// As [`read`](View::read).
    pub fn load_slice<T: FromBytes + IntoBytes>(&self, offset: usize, values: &mut [T]) -> Result<()> {
        self.mapping.copy_out(offset, values.as_mut_bytes())
    }

    /// Whether the calling process has mapped it, and not one that it descends from.
    pub(super) fn is_own(&self) -> bool {
        self.mapping.is_own()
    }
}

/// A [`View`] that can be written, too.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use winipc::section::SectionOptions;
///
/// let section = SectionOptions::new().create(4096)?;
/// let view = section.writable_view()?;
/// let counters = view.atomics::<AtomicU64>(0, 8)?;
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| counters[3].fetch_add(1, Ordering::Relaxed));
///     }
/// });
/// assert_eq!(view.load::<u64>(24)?, 4);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct WritableView {
    view: View,
}

impl Deref for WritableView {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl WritableView {
    pub(super) fn new(mapping: Mapping) -> WritableView {
        WritableView { view: View { mapping } }
    }

    /// Copies bytes in, from an offset on. Others may see a part of them before the rest.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: they are not all inside the view.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.mapping.copy_in(offset, bytes)
    }

    /// Copies a value in. It need not be aligned.
    ///
    /// # Errors
    ///
    /// As [`write`](WritableView::write).
    pub fn store<T: IntoBytes + Immutable>(&self, offset: usize, value: &T) -> Result<()> {
        self.mapping.copy_in(offset, value.as_bytes())
    }

    /// Copies values in, one after the other.
    ///
    /// # Errors
    ///
    /// As [`write`](WritableView::write).
    pub fn store_slice<T: IntoBytes + Immutable>(&self, offset: usize, values: &[T]) -> Result<()> {
        self.mapping.copy_in(offset, values.as_bytes())
    }

    /// An atomic integer in the memory, which all processes share.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: it is not inside the view, or not aligned.
    pub fn atomic<A: Atomic>(&self, offset: usize) -> Result<&A> {
        Ok(&self.mapping.atomics(offset, 1)?[0])
    }

    /// Atomic integers in the memory, one after the other.
    ///
    /// # Errors
    ///
    /// As [`atomic`](WritableView::atomic).
    pub fn atomics<A: Atomic>(&self, offset: usize, count: usize) -> Result<&[A]> {
        self.mapping.atomics(offset, count)
    }

    /// Starts writing a range to the file behind the section (`FlushViewOfFile`), or all from the offset on if the
    /// length is 0. Of memory without a file there is nothing to write.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: the range is not inside the view.
    pub fn flush(&self, offset: usize, length: usize) -> Result<()> {
        self.mapping.flush(offset, length)
    }
}
