//! How a shared value lies in its section.

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{Section, WritableView};
use crate::{Result, Win32Error};

/// What is shared: a header, how many threads wait for each condition of a [`Monitor`](crate::section::Monitor), and
/// two places for the value.
pub(super) struct Memory {
    /// Others find the section by its name as long as somebody has a handle.
    _section: Section,
    pub(super) view: WritableView,
    conditions: usize,
    size: usize,
}

/// Words of the header.
pub(super) mod word {
    /// [`super::MAGIC`] when there is a value.
    pub(in super::super) const MAGIC: usize = 0;
    /// The value's size, and the number of conditions.
    pub(in super::super) const SIZE: usize = 1;
    pub(in super::super) const CONDITIONS: usize = 2;
    /// Which of the two places has the value.
    pub(in super::super) const ACTIVE: usize = 3;
    /// Id of the thread that has a guard, 0 if nobody has.
    pub(in super::super) const HOLDER: usize = 4;
    /// Those of the conditions are behind these.
    pub(in super::super) const COUNT: usize = 16;
}

/// In place of the id of a thread that ended while it had a guard.
const DEAD: u32 = u32::MAX;

pub(super) const MAGIC: u32 = u32::from_le_bytes(*b"shm1");
/// The two places of the value begin at multiples of so many bytes.
const ALIGNMENT: usize = 64;

/// Bytes of a value's place.
fn stride(size: usize) -> Result<usize> {
    size.checked_next_multiple_of(ALIGNMENT).ok_or(Win32Error::NOT_ENOUGH_MEMORY)
}

/// Where the places begin.
fn places(conditions: usize) -> usize {
    ((word::COUNT + conditions) * size_of::<u32>()).next_multiple_of(ALIGNMENT)
}

/// Bytes of the whole section.
pub(super) fn total<T>(conditions: usize) -> Result<usize> {
    let places_size = stride(size_of::<T>())?.checked_mul(2);
    places_size.and_then(|size| size.checked_add(places(conditions))).ok_or(Win32Error::NOT_ENOUGH_MEMORY)
}

impl Memory {
    pub(super) fn map<T>(section: Section, conditions: usize) -> Result<Memory> {
        let view = section.writable_view()?;
        if view.len() < total::<T>(conditions)? {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        Ok(Memory { _section: section, view, conditions, size: size_of::<T>() })
    }

    /// One of the words before the places.
    pub(super) fn word(&self, index: usize) -> &AtomicU32 {
        self.view.atomic(index * size_of::<u32>()).expect("the view is large enough")
    }

    /// Where a place of the value is.
    pub(super) fn place(&self, number: u32) -> usize {
        let stride = self.size.next_multiple_of(ALIGNMENT);
        places(self.conditions) + if number == 0 { 0 } else { stride }
    }

    pub(super) fn active(&self) -> u32 {
        self.word(word::ACTIVE).load(Ordering::Acquire)
    }

    /// Makes sure that the value is of the right kind, as far as that can be seen. The caller has the lock.
    pub(super) fn check(&self, was_abandoned: bool) -> Result<()> {
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
