//! A value that processes share behind a lock.

mod error;
mod guard;
mod memory;

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use zerocopy::{FromBytes, Immutable, IntoBytes};

pub use error::{SharedLockError, SharedResult};
pub use guard::SharedMutexGuard;
use memory::{MAGIC, Memory, total, word};

use super::SectionOptions;
use crate::sys::call::thread;
use crate::{Disposition, LockError, LockResult, Mutex, MutexGuard, MutexOptions, Result, Win32Error};

/// Plain data: every bit pattern is a value, and there is no padding, no pointer, no reference and nothing that changes
/// behind a shared reference. The derives of [`zerocopy`] check it.
pub trait Plain: FromBytes + IntoBytes + Immutable {}

impl<T: FromBytes + IntoBytes + Immutable> Plain for T {}

/// A value of plain data that processes share, one at a time: a [`Section`](super::Section) and a [`Mutex`].
///
/// Taking the lock gives a guard with a copy of the value. What is changed through the guard becomes the shared value
/// when the guard is dropped, at once and as a whole: somebody who is killed meanwhile leaves the old value or the new
/// one, never a part of each. The next one learns of the death by [`SharedLockError::Abandoned`], which carries the
/// guard. A guard that a panic drops changes nothing.
///
/// With a name, the value is shared with every process that uses the name; the objects behind it are called
/// `NAME.section` and `NAME.mutex`.
///
/// # Examples
///
/// ```
/// use winipc::section::{SharedLockError, SharedMutex};
///
/// let name = format!("winipc-doc-shared-mutex-{}", std::process::id());
/// let counter = SharedMutex::create(&name, 0_u64)?;
/// match counter.lock() {
///     Ok(mut value) => *value += 1,
///     // It is ours, and whole; but the last owner may have meant to do more.
///     Err(SharedLockError::Abandoned(mut value)) => *value += 1,
///     Err(error) => return Err(error.into_guard().unwrap_err()),
/// }
/// // Who need not know takes the guard all the same.
/// let value = counter.lock().or_else(SharedLockError::into_guard)?;
/// assert_eq!(*value, 1);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
///
/// A value that is not plain data cannot be shared:
///
/// ```compile_fail,E0277
/// let text = winipc::section::SharedMutex::new(String::new());
/// ```
pub struct SharedMutex<T> {
    mutex: Mutex,
    memory: Memory,
    disposition: Disposition,
    value: PhantomData<fn() -> T>,
}

impl<T: Plain> SharedMutex<T> {
    /// Shares a value under a name, or opens the one that is shared under it, which is kept;
    /// [`disposition`](SharedMutex::disposition) tells which.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: what is shared under the name has another size.
    /// - `ERROR_COMMITMENT_LIMIT`: there is no memory for it.
    /// - `ERROR_INVALID_HANDLE`: an object of another kind has the name of the section or the mutex.
    /// - `ERROR_PATH_NOT_FOUND`: the name has a backslash after the prefix, or an unknown prefix.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn create(name: &str, initial: T) -> Result<SharedMutex<T>> {
        SharedMutex::make(Some(name), 0, &initial)
    }

    /// Shares a value without a name, between the threads of the process.
    ///
    /// # Errors
    ///
    /// - `ERROR_COMMITMENT_LIMIT`: there is no memory for it.
    pub fn new(initial: T) -> Result<SharedMutex<T>> {
        SharedMutex::make(None, 0, &initial)
    }

    /// Opens the value that is shared under a name.
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_NOT_FOUND`: there is none, or it is only being made.
    /// - `ERROR_INVALID_PARAMETER`: it has another size.
    pub fn open(name: &str) -> Result<SharedMutex<T>> {
        SharedMutex::find(name, 0)
    }

    /// Takes the lock, and waits for it for as long as it takes.
    ///
    /// # Errors
    ///
    /// - [`SharedLockError::Abandoned`]: it is taken, and its last owner's thread ended owning it.
    /// - [`SharedLockError::Failed`]: `ERROR_POSSIBLE_DEADLOCK` where the thread has a guard of it already.
    pub fn lock(&self) -> SharedResult<SharedMutexGuard<'_, T>> {
        self.take(self.mutex.lock())
    }

    /// Takes the lock if that is possible at once.
    ///
    /// # Errors
    ///
    /// - [`SharedLockError::Timeout`]: another thread owns it.
    /// - As [`lock`](SharedMutex::lock).
    pub fn try_lock(&self) -> SharedResult<SharedMutexGuard<'_, T>> {
        self.take(self.mutex.try_lock())
    }

    /// Takes the lock, and waits for it for at most `timeout`, rounded up to milliseconds.
    ///
    /// # Errors
    ///
    /// - [`SharedLockError::Timeout`]: another thread still owns it.
    /// - As [`lock`](SharedMutex::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> SharedResult<SharedMutexGuard<'_, T>> {
        self.take(self.mutex.lock_timeout(timeout))
    }

    /// Whether this value's call began to share the value or found it shared.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    fn take<'a>(&'a self, taken: LockResult<'a>) -> SharedResult<SharedMutexGuard<'a, T>> {
        let (lock, was_abandoned) = match taken {
            Ok(lock) => (lock, false),
            Err(LockError::Abandoned(lock)) => (lock, true),
            Err(LockError::Timeout) => return Err(SharedLockError::Timeout),
            Err(LockError::Failed(error)) => return Err(SharedLockError::Failed(error)),
        };
        let own = thread::current_id();
        let holder = self.memory.word(word::HOLDER);
        let before = holder.load(Ordering::Relaxed);
        // Its owner can take a mutex again, and then there would be two guards.
        if before == own && !was_abandoned {
            return Err(SharedLockError::Failed(Win32Error::POSSIBLE_DEADLOCK));
        }
        let value = self.memory.view.load(self.memory.place(self.memory.active()));
        let value = value.map_err(SharedLockError::Failed)?;
        holder.store(own, Ordering::Relaxed);
        let guard = SharedMutexGuard { shared: self, lock: Some(lock), value, is_changed: false };
        // Somebody may have learnt of the owner's end who only looked.
        if was_abandoned || before != 0 { Err(SharedLockError::Abandoned(guard)) } else { Ok(guard) }
    }

    pub(super) fn make(name: Option<&str>, conditions: usize, initial: &T) -> Result<SharedMutex<T>> {
        let (mut mutex, mut section) = (MutexOptions::new(), SectionOptions::new());
        if let Some(name) = name {
            mutex.name(format!("{name}.mutex"));
            section.name(format!("{name}.section"));
        }
        let mutex = mutex.create()?;
        let lock = look(&mutex)?;
        let section = section.create(total::<T>(conditions)? as u64)?;
        let memory = Memory::map::<T>(section, conditions)?;
        // Not the section's disposition tells: somebody may have been killed before there was a value.
        let is_new = memory.word(word::MAGIC).load(Ordering::Acquire) != MAGIC;
        if is_new {
            memory.view.store(memory.place(0), initial)?;
            for (index, value) in
                [(word::SIZE, size_of::<T>()), (word::CONDITIONS, conditions), (word::ACTIVE, 0)]
            {
                memory.word(index).store(value as u32, Ordering::Relaxed);
            }
            memory.word(word::MAGIC).store(MAGIC, Ordering::Release);
        }
        memory.check(lock.1)?;
        drop(lock);
        let disposition = if is_new { Disposition::Created } else { Disposition::Opened };
        Ok(SharedMutex { mutex, memory, disposition, value: PhantomData })
    }

    pub(super) fn find(name: &str, conditions: usize) -> Result<SharedMutex<T>> {
        let mutex = MutexOptions::new().name(format!("{name}.mutex")).open()?;
        let section = SectionOptions::new().name(format!("{name}.section")).open()?;
        let lock = look(&mutex)?;
        let memory = Memory::map::<T>(section, conditions)?;
        if memory.word(word::MAGIC).load(Ordering::Acquire) != MAGIC {
            return Err(Win32Error::FILE_NOT_FOUND);
        }
        memory.check(lock.1)?;
        drop(lock);
        Ok(SharedMutex { mutex, memory, disposition: Disposition::Opened, value: PhantomData })
    }

    /// How many threads wait for a condition. To be changed by who has the lock.
    pub(super) fn waiting(&self, condition: usize) -> &AtomicU32 {
        self.memory.word(word::COUNT + condition)
    }
}

/// Takes a mutex to look at what it protects, and says whether it was abandoned.
fn look(mutex: &Mutex) -> Result<(MutexGuard<'_>, bool)> {
    match mutex.lock() {
        Ok(guard) => Ok((guard, false)),
        Err(LockError::Abandoned(guard)) => Ok((guard, true)),
        Err(error) => Err(error.into_guard().err().unwrap_or(Win32Error::GEN_FAILURE)),
    }
}

impl<T> fmt::Debug for SharedMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMutex").field("mutex", &self.mutex).finish_non_exhaustive()
    }
}
