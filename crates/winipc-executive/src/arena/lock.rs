//! The arena's lock: one word that names the thread that holds it.
//!
//! The word holds the holder's [`SeatId`], and a bit that says that others sleep. Whoever finds it taken spins, then
//! sleeps for a bounded time, and looks whether the holder still lives. The lock of a dead holder is taken over, and
//! its journal rolled back, by whoever notices first.

use core::time::Duration;

use super::seat::{Life, Seat, SeatId};
use super::transaction::{LONGEST_JOURNAL, Txn};
use super::{Arena, futex};
use crate::status::{Result, Status};

/// Set while somebody sleeps on the lock.
const SLEEPERS: u32 = 1 << 31;
/// A waiter looks closely for so many nanoseconds, in which a holder nearly always ends its call. If it does not, others
/// hold the lock by turns, and looking only takes its cache line from them. So from then on it looks away for longer than
/// a call takes: a holder does its next few calls with everything at hand, and all get more done.
const CLOSE_LOOK_NS: u64 = 400;
/// Nanoseconds between two looks, first and later.
const SHORT_PAUSE_NS: u64 = 50;
const LONG_PAUSE_NS: u64 = 5_000;
/// Nanoseconds of spinning before a waiter sleeps.
const LONGEST_SPIN_NS: u64 = 60_000;
/// How long a waiter sleeps before it asks whether the holder lives.
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
/// Later than any time of the monotonic clock.
const NEVER: u64 = u64::MAX;

/// Passes some nanoseconds without touching shared memory.
fn spin_for(nanoseconds: u64) {
    let end = futex::monotonic_now() + nanoseconds;
    while futex::monotonic_now() < end {
        core::hint::spin_loop();
    }
}

impl Arena {
    /// Takes the lock for the thread that has a seat, if it is free, and begins a transaction.
    #[inline(always)]
    pub(crate) fn try_lock<'a>(&'a self, seat: &'a Seat, id: SeatId) -> Option<Txn<'a>> {
        self.header().lock.0.compare_exchange(0, id.0).is_ok().then(|| Txn::new(self, seat))
    }

    /// Takes the lock for the calling thread and begins a transaction, unless a living thread holds it for longer than
    /// `patience`: then `None`.
    ///
    /// The second result says that the last holder died and was rolled back: what it had committed may not have been
    /// announced to those who sleep.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: the calling thread holds the lock already, or the lock names no seat.
    #[cold]
    pub(crate) fn lock<'a>(
        &'a self,
        seat: &'a Seat,
        id: SeatId,
        patience: Option<Duration>,
    ) -> Result<Option<(Txn<'a>, bool)>> {
        let end = patience.map_or(NEVER, |patience| {
            futex::monotonic_now().saturating_add(u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX))
        });
        let Some(recovered) = self.lock_contended(id, end)? else { return Ok(None) };
        let transaction = Txn::new(self, seat);
        if recovered {
            self.recover();
        }
        Ok(Some((transaction, recovered)))
    }

    /// Waits for the lock until `end` on the monotonic clock. `Some(true)`: it was a dead holder's.
    fn lock_contended(&self, id: SeatId, end: u64) -> Result<Option<bool>> {
        let word = &self.header().lock.0;
        let mut spun = 0;
        let mut bits = 0;
        loop {
            let current = word.load();
            let holder = SeatId(current & SeatId::MASK);
            if holder.0 == 0 {
                if word.compare_exchange(current, id.0 | bits).is_ok() {
                    return Ok(Some(false));
                }
            } else if holder == id {
                return Err(Status::ARENA_CORRUPT);
            } else if spun < LONGEST_SPIN_NS {
                let pause = if spun < CLOSE_LOOK_NS { SHORT_PAUSE_NS } else { LONG_PAUSE_NS };
                spun += pause;
                spin_for(pause);
            } else if self.is_nobody(holder)? {
                if word.load() == current {
                    return Err(Status::ARENA_CORRUPT);
                }
            } else if self.is_gone(holder)? {
                if word.compare_exchange(current, id.0 | SLEEPERS).is_ok() {
                    return Ok(Some(true));
                }
            } else if end != NEVER && futex::monotonic_now() >= end {
                return Ok(None);
            } else if current & SLEEPERS == 0 {
                let _ = word.compare_exchange(current, current | SLEEPERS);
            } else {
                // Who has slept cannot know whether others still do, so it takes the lock with the bit set.
                bits = SLEEPERS;
                futex::wait_for(word, current, PROBE_INTERVAL);
            }
        }
    }

    /// Whether the lock names a thread that there is not. One that released it and left meanwhile was there before, and
    /// then the lock does not name it any more.
    fn is_nobody(&self, holder: SeatId) -> Result<bool> {
        let seat = self.get(holder.seat())?;
        Ok(holder.seat().is_none() || seat.id(holder.seat()) != holder || seat.life() == Life::Absent)
    }

    /// Whether the holder of the lock has died. Its seat cannot have another thread: that takes the lock.
    pub(crate) fn is_gone(&self, holder: SeatId) -> Result<bool> {
        let seat = self.get(holder.seat())?;
        Ok(seat.id(holder.seat()) == holder && seat.life() == Life::Dead)
    }

    pub(super) fn unlock(&self) {
        let word = &self.header().lock.0;
        if word.swap(0) & SLEEPERS != 0 {
            futex::wake(word, 1);
        }
    }

    /// Wakes those who sleep on the lock, in case somebody died between releasing it and waking them.
    pub(crate) fn wake_lock_sleepers(&self) {
        futex::wake(&self.header().lock.0, u32::MAX);
    }

    /// The thread that holds the lock at this moment.
    pub(crate) fn lock_holder(&self) -> Option<SeatId> {
        let holder = self.header().lock.0.load() & SeatId::MASK;
        (holder != 0).then_some(SeatId(holder))
    }

    /// Rolls back what dead holders left. The caller holds the lock, so every journal that is not empty is one of theirs.
    ///
    /// One of them at most was in the middle of a transaction of any length, and the others of one that rolled back. What
    /// claims to be longer in sum is noise, and is not followed for ever.
    fn recover(&self) {
        let mut budget = LONGEST_JOURNAL * 2;
        for (_, seat) in self.seats() {
            budget -= self.roll_back(seat, budget);
        }
    }
}
