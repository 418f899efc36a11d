//! The state word of an object: free for fast paths until the lock's holder claims it.
//!
//! ```text
//!  63            34   33        32     31                      0
//! | generation (30) | WAITERS | CLAIM | value, by kind of object |
//! ```
//!
//! Fast paths change the word by compare-and-swap and stand back while `CLAIM` is set. The holder of the lock claims a
//! word before it reads it to decide, and from then on only it writes; its writes are journalled. The claim is lifted
//! after the journal has been cleared. The generation changes when the slot gets another object, so that a
//! compare-and-swap that began before cannot hit a stranger.

use super::transaction::Txn;
use super::word::Free64;

/// Set while the lock's holder decides about the object.
pub(crate) const CLAIM: u64 = 1 << 32;
/// Set while wait blocks are queued: whoever signals must take the lock.
pub(crate) const WAITERS: u64 = 1 << 33;
const GENERATION_SHIFT: u32 = 34;

/// A state word.
#[repr(transparent)]
#[derive(Default)]
pub(crate) struct State(pub(super) Free64);

/// The part of a state word that the object's kind gives a meaning.
pub(crate) const fn value_of(state: u64) -> u32 {
    state as u32
}

/// The word with another value.
pub(crate) const fn with_value(state: u64, value: u32) -> u64 {
    state & !(u32::MAX as u64) | value as u64
}

/// The generation of the object in the slot.
pub(crate) const fn generation_of(state: u64) -> u32 {
    (state >> GENERATION_SHIFT) as u32
}

/// The word of the slot's next object.
pub(crate) const fn next_generation(state: u64) -> u64 {
    (generation_of(state).wrapping_add(1) as u64) << GENERATION_SHIFT | state & CLAIM
}

impl State {
    pub(crate) fn load(&self) -> u64 {
        self.0.load()
    }

    /// A fast path's change. The caller has seen that `current` is not claimed.
    pub(crate) fn exchange(&self, current: u64, new: u64) -> core::result::Result<(), u64> {
        debug_assert!(current & CLAIM == 0);
        self.0.compare_exchange(current, new).map(|_| ())
    }

    /// Claims the word, if this transaction has not yet, and returns it.
    pub(crate) fn claim(&self, lock: &mut Txn<'_>) -> u64 {
        lock.claim(&self.0)
    }

    /// Claims the word and leaves it so, for tests.
    #[cfg(test)]
    pub(crate) fn claim_for_test(&self) {
        self.0.fetch_or(CLAIM);
    }

    /// Changes a word that the transaction has claimed.
    pub(crate) fn set(&self, lock: &mut Txn<'_>, value: u64) {
        lock.write_claimed(&self.0, value | CLAIM);
    }
}
