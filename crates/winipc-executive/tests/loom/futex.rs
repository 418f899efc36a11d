//! `arena::futex`, as the kernel does it: looking at the word and falling asleep are one step.

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Condvar, Mutex};

/// A word that can be slept on.
pub(crate) struct Word {
    value: AtomicU32,
    bucket: Mutex<()>,
    sleepers: Condvar,
}

impl Word {
    pub(crate) fn new(value: u32) -> Self {
        Word { value: AtomicU32::new(value), bucket: Mutex::new(()), sleepers: Condvar::new() }
    }

    pub(crate) fn load(&self) -> u32 {
        self.value.load(Ordering::Acquire)
    }

    pub(crate) fn store(&self, value: u32) {
        self.value.store(value, Ordering::Release);
    }

    pub(crate) fn swap(&self, value: u32) -> u32 {
        self.value.swap(value, Ordering::AcqRel)
    }

    pub(crate) fn compare_exchange(&self, current: u32, new: u32) -> Result<u32, u32> {
        self.value.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
    }

    pub(crate) fn fetch_or(&self, bits: u32) -> u32 {
        self.value.fetch_or(bits, Ordering::AcqRel)
    }

    pub(crate) fn fetch_and(&self, bits: u32) -> u32 {
        self.value.fetch_and(bits, Ordering::AcqRel)
    }

    pub(crate) fn wait(&self, expected: u32) {
        let bucket = self.bucket.lock().unwrap();
        if self.value.load(Ordering::SeqCst) == expected {
            drop(self.sleepers.wait(bucket).unwrap());
        }
    }

    pub(crate) fn wake_one(&self) {
        let _bucket = self.bucket.lock().unwrap();
        self.sleepers.notify_one();
    }
}
