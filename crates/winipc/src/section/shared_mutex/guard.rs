//! The guard of a value that processes share.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;

use super::memory::word;
use super::{Plain, SharedMutex};
use crate::MutexGuard;

/// A copy of the value of a [`SharedMutex`], which nobody else can take meanwhile. Dropping it makes what was changed
/// the shared value, and gives the lock back.
///
/// It is bound to its thread, as a [`MutexGuard`] is. In a child of `fork`, dropping a copy of it does nothing.
///
/// # Examples
///
/// ```
/// use winipc::section::SharedMutex;
///
/// let shared = SharedMutex::new([0_u32; 100])?;
/// let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
///     let mut numbers = shared.lock().unwrap();
///     numbers[0] = 1;
///     panic!("before it is done");
/// }));
/// assert!(outcome.is_err());
/// assert_eq!(shared.lock().unwrap()[0], 0);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[must_use = "the lock is given back when the guard is dropped"]
pub struct SharedMutexGuard<'a, T: Plain> {
    pub(super) shared: &'a SharedMutex<T>,
    /// Taken out to be given back.
    pub(super) lock: Option<MutexGuard<'a>>,
    pub(super) value: T,
    pub(super) is_changed: bool,
}

impl<T: Plain> Deref for SharedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Plain> DerefMut for SharedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.is_changed = true;
        &mut self.value
    }
}

impl<T: Plain> Drop for SharedMutexGuard<'_, T> {
    fn drop(&mut self) {
        let memory = &self.shared.memory;
        // A forked child has a copy of the guard, and not the lock.
        if memory.view.is_own() {
            if self.is_changed && !std::thread::panicking() {
                let inactive = u32::from(memory.active() == 0);
                if memory.view.store(memory.place(inactive), &self.value).is_ok() {
                    memory.word(word::ACTIVE).store(inactive, Ordering::Release);
                }
            }
            memory.word(word::HOLDER).store(0, Ordering::Relaxed);
        }
        drop(self.lock.take());
    }
}

impl<T: Plain> fmt::Debug for SharedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMutexGuard").finish_non_exhaustive()
    }
}
