//! The words of shared memory.
//!
//! Every word that processes share has one fixed width and is of one of two kinds. A *free* word is changed with
//! atomic operations by anybody at any time and is never journalled: to undo it by value would bring back a past that
//! others have already changed. A *guarded* word is read and written under the arena's lock, through a [`Txn`], which
//! journals it; it may be peeked at without the lock where a stale value does no harm.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::crash;
use super::transaction::Txn;

macro_rules! words {
    ($free:ident, $guarded:ident, $atomic:ident, $int:ident, $write:ident) => {
        /// A word that is never journalled.
        #[repr(transparent)]
        #[derive(Default)]
        pub(crate) struct $free($atomic);

        impl $free {
            pub(crate) fn load(&self) -> $int {
                self.0.load(Ordering::Acquire)
            }

            pub(crate) fn store(&self, value: $int) {
                crash::point();
                self.0.store(value, Ordering::Release);
            }

            /// A store that is ordered before nothing: for words that a later release publishes.
            pub(crate) fn store_relaxed(&self, value: $int) {
                crash::point();
                self.0.store(value, Ordering::Relaxed);
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $int,
                new: $int,
            ) -> core::result::Result<$int, $int> {
                crash::point();
                self.0.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
            }

            pub(crate) fn fetch_or(&self, bits: $int) -> $int {
                crash::point();
                self.0.fetch_or(bits, Ordering::AcqRel)
            }

            pub(super) fn atomic(&self) -> &$atomic {
                &self.0
            }
        }

        /// A word that the arena's lock guards and its journal restores.
        #[repr(transparent)]
        #[derive(Default)]
        pub(crate) struct $guarded($atomic);

        impl $guarded {
            pub(crate) fn get(&self, _lock: &Txn<'_>) -> $int {
                self.0.load(Ordering::Relaxed)
            }

            pub(crate) fn set(&self, lock: &mut Txn<'_>, value: $int) {
                lock.$write(&self.0, value);
            }

            /// Reads without the lock. What it returns may belong to a transaction that is never committed.
            pub(crate) fn peek(&self) -> $int {
                self.0.load(Ordering::Acquire)
            }
        }
    };
}

words!(Free32, Guarded32, AtomicU32, u32, write32);
words!(Free64, Guarded64, AtomicU64, u64, write64);

impl Free32 {
    pub(crate) fn swap(&self, value: u32) -> u32 {
        crash::point();
        self.0.swap(value, Ordering::AcqRel)
    }

    pub(crate) fn fetch_and(&self, bits: u32) -> u32 {
        crash::point();
        self.0.fetch_and(bits, Ordering::AcqRel)
    }

    pub(crate) fn fetch_add(&self, value: u32) -> u32 {
        crash::point();
        self.0.fetch_add(value, Ordering::AcqRel)
    }

    /// The word as [`super::futex::wait_many`] takes it.
    pub(crate) fn for_futex(&self) -> &AtomicU32 {
        &self.0
    }
}
