//! Shared memory: sections, views of them, and values behind a lock.
//!
//! | to | use |
//! | --- | --- |
//! | share a value between processes, one at a time | [`SharedMutex`] |
//! | and wait for what others make of it | [`Monitor`] |
//! | share memory itself | [`Section`], [`View`], [`WritableView`] |
//!
//! [`SharedMutex`] and [`Monitor`] are the easy way: no two processes change the value at once, and whoever is killed
//! leaves it as it was before or after, never half done. A [`View`] is memory that others may change at any time, so it
//! gives out copies and atomics, and no references to plain data.
//!
//! What is shared is *plain data*: types of which every bit pattern is a value and that have no padding, no pointers
//! and no references. The traits of the crate [`zerocopy`] say which do, and its derives check it:
//!
//! ```
//! use winipc::section::SharedMutex;
//! use zerocopy::{FromBytes, Immutable, IntoBytes};
//!
//! #[derive(FromBytes, IntoBytes, Immutable)]
//! #[repr(C)]
//! struct Account {
//!     owner: [u8; 16],
//!     balance: i64,
//! }
//!
//! let name = format!("winipc-doc-account-{}", std::process::id());
//! let account = SharedMutex::create(&name, Account { owner: *b"ann             ", balance: 100 })?;
//! // This could as well be another process.
//! SharedMutex::<Account>::open(&name)?.lock().unwrap().balance -= 30;
//! assert_eq!(account.lock().unwrap().balance, 70);
//! # Ok::<(), winipc::Win32Error>(())
//! ```

mod monitor;
mod options;
mod shared_mutex;
mod view;

pub use crate::sys::mapping::Atomic;
pub use monitor::{Monitor, MonitorGuard, MonitorResult};
pub use options::{Protection, SectionOptions};
pub use shared_mutex::{Plain, SharedLockError, SharedMutex, SharedMutexGuard, SharedResult};
pub use view::{View, WritableView};
pub use zerocopy;

use crate::named::handle_object;
use crate::sys::call::section;
use crate::sys::mapping::Access;
use crate::{AsHandle, Disposition, OwnedHandle, Result};

/// Memory that processes share, all zeros at first, or a file of the caller's
/// ([`create_over`](SectionOptions::create_over)). It lasts as long as a handle or a view of it, in any process.
///
/// A section is not waited for. It is used through its views: [`view`](Section::view) to read,
/// [`writable_view`](Section::writable_view) to read and write, [`copy_view`](Section::copy_view) for pages that
/// become the view's own when they are written.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use winipc::section::SectionOptions;
///
/// let name = format!("winipc-doc-section-{}", std::process::id());
/// let section = SectionOptions::new().name(&name).create(100_000)?;
/// let memory = section.writable_view()?;
/// memory.write(4096, b"hello")?;
/// memory.atomic::<AtomicU32>(0)?.store(1, Ordering::Release);
///
/// // This could as well be another process.
/// let other = SectionOptions::new().name(&name).open()?.view()?;
/// assert_eq!(other.load::<u32>(0)?, 1);
/// let mut text = [0; 5];
/// other.read(4096, &mut text)?;
/// assert_eq!(&text, b"hello");
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Section {
    handle: OwnedHandle,
    disposition: Disposition,
}

handle_object!(Section);

impl Section {
    /// A view of all of the section, to read.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle does not have the right.
    /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for it.
    pub fn view(&self) -> Result<View> {
        self.view_at(0, 0)
    }

    /// A view to read of `length` bytes from an offset on, a multiple of 65536, or of all from there on if it is 0.
    ///
    /// # Errors
    ///
    /// - `ERROR_MAPPED_ALIGNMENT`: the offset is no multiple of 65536.
    /// - `ERROR_ACCESS_DENIED`: the view would end behind the section, or the handle does not have the right.
    /// - As [`view`](Section::view).
    pub fn view_at(&self, offset: u64, length: usize) -> Result<View> {
        Ok(View::new(section::map(self.as_handle(), Access::Read, offset, length)?))
    }

    /// A view of all of the section, to read and write.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the section was made to be read only, or the handle does not have the right.
    /// - As [`view`](Section::view).
    pub fn writable_view(&self) -> Result<WritableView> {
        self.writable_view_at(0, 0)
    }

    /// A view to read and write of a part, as [`view_at`](Section::view_at) has it.
    ///
    /// # Errors
    ///
    /// As [`view_at`](Section::view_at) and [`writable_view`](Section::writable_view).
    pub fn writable_view_at(&self, offset: u64, length: usize) -> Result<WritableView> {
        Ok(WritableView::new(section::map(self.as_handle(), Access::Write, offset, length)?))
    }

    /// A view of all of the section whose pages become its own when it writes to them: nobody else sees that, and what
    /// others write to such a page it does not see any more. What was written is lost with the view.
    ///
    /// # Errors
    ///
    /// - `ERROR_COMMITMENT_LIMIT`: there is no memory for the copies.
    /// - As [`view`](Section::view).
    pub fn copy_view(&self) -> Result<WritableView> {
        Ok(WritableView::new(section::map(self.as_handle(), Access::Copy, 0, 0)?))
    }
}
