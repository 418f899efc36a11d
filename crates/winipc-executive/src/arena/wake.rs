//! Waking sleepers: the words that they sleep on, and what a transaction tells them after its commit.
//!
//! Wakes are no part of a transaction: whoever recovers from a death wakes again everybody whose result is in.

use super::seat::Seat;
use super::slab::Ref;
use super::word::Free32;
use super::{Arena, futex};

/// What is to be done after a commit.
#[derive(Default)]
pub(super) struct After {
    pub(super) wakes: Vec<Wake>,
    /// Where in the arena the words of the doorbells are.
    pub(super) rings: Vec<usize>,
}

/// A sleeper to wake.
pub(super) struct Wake {
    pub(super) seat: Ref<Seat>,
    /// What the word must hold, phase aside, for the wake still to concern the sleeper.
    pub(super) wait: u32,
    pub(super) phase: u32,
}

/// A word on which somebody sleeps for whatever there is to do: it is not lost if nobody sleeps yet.
#[derive(Clone, Copy)]
pub(crate) struct Ring<'a>(pub(crate) &'a Free32);

impl Ring<'_> {
    /// There is something to do.
    pub(crate) const RUNG: u32 = 1;
    /// Somebody sleeps and is to be woken by a system call.
    pub(crate) const ASLEEP: u32 = 2;

    pub(crate) fn ring(self) {
        // Also where somebody has rung already: they may have been stopped before they woke the sleeper.
        if self.0.fetch_or(Self::RUNG) & Self::ASLEEP != 0 {
            futex::wake(self.0, 1);
        }
    }
}

/// Phases of a seat's wake word; the rest of the word is the number of the wait.
pub(crate) mod phase {
    /// The thread prepares to sleep or spins.
    pub(crate) const ARMED: u32 = 0;
    /// The thread sleeps: a system call wakes it.
    pub(crate) const ASLEEP: u32 = 1;
    /// Something the thread must look at under the lock.
    pub(crate) const LOOK: u32 = 2;
    /// The wait is over and its result committed.
    pub(crate) const DONE: u32 = 3;
    /// The bits of a phase.
    pub(crate) const MASK: u32 = 3;
}

impl After {
    #[cold]
    pub(super) fn announce(self, arena: &Arena) {
        for wake in self.wakes {
            if let Ok(seat) = arena.get(wake.seat) {
                announce(seat, wake.wait, wake.phase);
            }
        }
        for offset in self.rings {
            if let Ok(word) = arena.word_at(offset) {
                Ring(word).ring();
            }
        }
    }
}

/// Tells a sleeper. One that has gone on to another wait, or knows more already, is left alone.
pub(crate) fn announce(seat: &Seat, wait: u32, phase: u32) {
    let word = &seat.wake.0;
    let mut current = word.load();
    loop {
        if current & !phase::MASK != wait || current & phase::MASK >= phase {
            return;
        }
        match word.compare_exchange(current, wait | phase) {
            Ok(_) => break,
            Err(now) => current = now,
        }
    }
    if current & phase::MASK == phase::ASLEEP {
        futex::wake(word, 1);
    }
}
