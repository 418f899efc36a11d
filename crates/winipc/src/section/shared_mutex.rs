//! A value that processes share behind a lock.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Section, SectionOptions, WritableView};
use crate::sys::call::thread;
use crate::{Disposition, LockError, LockResult, Mutex, MutexGuard, MutexOptions, Result, Win32Error};

/// Plain data: every bit pattern is a value, and there is no padding, no pointer, no reference and nothing that changes
/// behind a shared reference. The derives of [`zerocopy`] check it.
pub trait Plain: FromBytes + IntoBytes + Immutable {}

impl<T: FromBytes + IntoBytes + Immutable> Plain for T {}

/// A value of plain data that processes share, one at a time: a [`Section`] and a
/// [`Mutex`].
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

/// What is shared: a header, how many threads wait for each condition of a [`Monitor`](super::Monitor), and two places
/// for the value.
struct Memory {
    /// Others find the section by its name as long as somebody has a handle.
    _section: Section,
    view: WritableView,
    conditions: usize,
    size: usize,
}

/// Words of the header.
mod word {
    /// [`super::MAGIC`] when there is a value.
    pub(super) const MAGIC: usize = 0;
    /// The value's size, and the number of conditions.
    pub(super) const SIZE: usize = 1;
    pub(super) const CONDITIONS: usize = 2;
    /// Which of the two places has the value.
    pub(super) const ACTIVE: usize = 3;
    /// Id of the thread that has a guard, 0 if nobody has.
    pub(super) const HOLDER: usize = 4;
    /// Those of the conditions are behind these.
    pub(super) const COUNT: usize = 16;
}

/// In place of the id of a thread that ended while it had a guard.
const DEAD: u32 = u32::MAX;

const MAGIC: u32 = u32::from_le_bytes(*b"shm1");
/// The two places of the value begin at multiples of so many bytes.
const ALIGNMENT: usize = 64;

/// What a lock that processes share gives: a guard, or why there is none, or not simply one.
pub type SharedResult<G> = std::result::Result<G, SharedLockError<G>>;

/// Why a [`SharedMutex`] or [`Monitor`](super::Monitor) was not simply taken.
#[derive(Debug)]
pub enum SharedLockError<G> {
    /// It *is* taken, and this is the guard; but the thread that had it before ended without giving it back. The value is
    /// as one of them left it whole; what that thread was about to change it has not.
    Abandoned(G),
    /// Another thread had it all the time (`WAIT_TIMEOUT`).
    Timeout,
    /// It failed. `ERROR_POSSIBLE_DEADLOCK`: the calling thread has a guard of it already.
    Failed(Win32Error),
}

impl<G> SharedLockError<G> {
    /// The guard of what was abandoned.
    ///
    /// # Errors
    ///
    /// - `WAIT_TIMEOUT` for [`Timeout`](SharedLockError::Timeout).
    /// - The error of [`Failed`](SharedLockError::Failed).
    pub fn into_guard(self) -> Result<G> {
        match self {
            SharedLockError::Abandoned(guard) => Ok(guard),
            SharedLockError::Timeout => Err(Win32Error::WAIT_TIMEOUT),
            SharedLockError::Failed(error) => Err(error),
        }
    }

    pub(super) fn map<H>(self, change: impl FnOnce(G) -> H) -> SharedLockError<H> {
        match self {
            SharedLockError::Abandoned(guard) => SharedLockError::Abandoned(change(guard)),
            SharedLockError::Timeout => SharedLockError::Timeout,
            SharedLockError::Failed(error) => SharedLockError::Failed(error),
        }
    }
}

impl<G> fmt::Display for SharedLockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SharedLockError::Abandoned(_) => {
                f.write_str("the lock is taken, but its last owner ended owning it")
            }
            SharedLockError::Timeout => f.write_str("another thread owns the lock"),
            SharedLockError::Failed(error) => write!(f, "the lock cannot be taken: {error}"),
        }
    }
}

impl<G: fmt::Debug> std::error::Error for SharedLockError<G> {}

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

/// Bytes of a value's place.
fn stride(size: usize) -> Result<usize> {
    size.checked_next_multiple_of(ALIGNMENT).ok_or(Win32Error::NOT_ENOUGH_MEMORY)
}

/// Where the places begin.
fn places(conditions: usize) -> usize {
    ((word::COUNT + conditions) * size_of::<u32>()).next_multiple_of(ALIGNMENT)
}

/// Bytes of the whole section.
fn total<T>(conditions: usize) -> Result<usize> {
    let places_size = stride(size_of::<T>())?.checked_mul(2);
    places_size.and_then(|size| size.checked_add(places(conditions))).ok_or(Win32Error::NOT_ENOUGH_MEMORY)
}

impl Memory {
    fn map<T>(section: Section, conditions: usize) -> Result<Memory> {
        let view = section.writable_view()?;
        if view.len() < total::<T>(conditions)? {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        Ok(Memory { _section: section, view, conditions, size: size_of::<T>() })
    }

    /// One of the words before the places.
    fn word(&self, index: usize) -> &AtomicU32 {
        self.view.atomic(index * size_of::<u32>()).expect("the view is large enough")
    }

    /// Where a place of the value is.
    fn place(&self, number: u32) -> usize {
        let stride = self.size.next_multiple_of(ALIGNMENT);
        places(self.conditions) + if number == 0 { 0 } else { stride }
    }

    fn active(&self) -> u32 {
        self.word(word::ACTIVE).load(Ordering::Acquire)
    }

    /// Makes sure that the value is of the right kind, as far as that can be seen. The caller has the lock.
    fn check(&self, was_abandoned: bool) -> Result<()> {
        let has = |index, expected: usize| self.word(index).load(Ordering::Relaxed) == expected as u32;
        if !has(word::SIZE, self.size) || !has(word::CONDITIONS, self.conditions) {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // Who takes the lock next is to learn of it, also if its thread has the id of the one that has ended.
        if was_abandoned && self.word(word::HOLDER).load(Ordering::Relaxed) != 0 {
            self.word(word::HOLDER).store(DEAD, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl<T> fmt::Debug for SharedMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMutex").field("mutex", &self.mutex).finish_non_exhaustive()
    }
}

/// A copy of the value of a [`SharedMutex`], which nobody else can take meanwhile. Dropping it makes what was changed the
/// shared value, and gives the lock back.
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
    shared: &'a SharedMutex<T>,
    /// Taken out to be given back.
    lock: Option<MutexGuard<'a>>,
    value: T,
    is_changed: bool,
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
