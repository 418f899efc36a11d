//! The arena's lock: one word that names the thread that holds it.
//!
//! The word holds the holder's [`SeatId`], and a bit that says that others sleep. Whoever finds it taken spins, then
//! sleeps for a bounded time, and looks whether the holder still lives. The lock of a dead holder is taken over, and
//! its journal rolled back, by whoever notices first. A waiter that others overtake for too long is let pass.

use core::time::Duration;

use super::journal::LONGEST_JOURNAL;
use super::seat::{Life, Seat, SeatId};
use super::transaction::Txn;
use super::{Arena, futex};
use crate::status::{Result, Status};

/// Set while somebody sleeps on the lock.
const SLEEPERS: u32 = 1 << 31;
/// A waiter looks closely for so many nanoseconds, in which a holder nearly always ends its call. If it does not,
/// others hold the lock by turns, and looking only takes its cache line from them. So from then on it looks away for
/// longer than a call takes: a holder does its next few calls with everything at hand, and all get more done.
const CLOSE_LOOK_NS: u64 = 400;
/// Nanoseconds between two looks, first and later.
const SHORT_PAUSE_NS: u64 = 50;
const LONG_PAUSE_NS: u64 = 5_000;
/// Nanoseconds of spinning before a waiter sleeps.
const LONGEST_SPIN_NS: u64 = 60_000;
/// A waiter that has slept on and off for so many nanoseconds is hungry, and says so: from then on others let it pass.
const HUNGER_NS: u64 = 1_000_000;
/// They do that for at most so many nanoseconds, since it may be stopped or dead.
const COURTESY_NS: u64 = 4_000_000;
/// How long a waiter sleeps before it asks whether the holder lives.
const PROBE_INTERVAL: Duration = Duration::from_millis(2);
/// Later than any time of the monotonic clock.
const NEVER: u64 = u64::MAX;

impl Arena {
    /// Passes some nanoseconds without a look at the lock, or fewer if another thread goes to rest meanwhile. The word
    /// that tells is written to but then, so looking at it takes nothing from the holder.
    fn look_away(&self, nanoseconds: u64) {
        let rest = &self.header().rest.0;
        let before = rest.load();
        let end = futex::monotonic_now() + nanoseconds;
        while futex::monotonic_now() < end && rest.load() == before {
            core::hint::spin_loop();
        }
    }

    /// The calling thread has nothing to do until others have done something: who waits for the lock, which this thread
    /// took again and again, need not look away any longer.
    pub(crate) fn rest(&self) {
        let rest = &self.header().rest.0;
        rest.store_relaxed(rest.load().wrapping_add(1));
    }

    /// Takes the lock for the thread that has a seat, if it is free, and begins a transaction.
    #[inline(always)]
    pub(crate) fn try_lock<'a>(&'a self, seat: &'a Seat, id: SeatId) -> Option<Txn<'a>> {
        let lock = &self.header().lock.0;
        let is_taken = lock.hungry.load() == 0 && lock.holder.compare_exchange(0, id.0).is_ok();
        is_taken.then(|| Txn::new(self, seat))
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
        let taken = self.lock_contended(id, end);
        let hungry = &self.header().lock.0.hungry;
        if hungry.load() == id.0 {
            let _ = hungry.compare_exchange(id.0, 0);
        }
        let Some(recovered) = taken? else { return Ok(None) };
        let transaction = Txn::new(self, seat);
        if recovered {
            self.recover();
        }
        Ok(Some((transaction, recovered)))
    }

    /// Waits for the lock until `end` on the monotonic clock. `Some(true)`: it was a dead holder's.
    fn lock_contended(&self, id: SeatId, end: u64) -> Result<Option<bool>> {
        let lock = &self.header().lock.0;
        let word = &lock.holder;
        let mut spun = 0;
        let mut bits = 0;
        let mut slept_since = None;
        let mut polite_until = None;
        loop {
            let current = word.load();
            let holder = SeatId(current & SeatId::MASK);
            let hungry = lock.hungry.load();
            if holder.0 == 0 && hungry != 0 && hungry != id.0 {
                let now = futex::monotonic_now();
                if now >= *polite_until.get_or_insert(now + COURTESY_NS) {
                    let _ = lock.hungry.compare_exchange(hungry, 0);
                    polite_until = None;
                } else if now >= end {
                    return Ok(None);
                } else {
                    std::thread::yield_now();
                }
            } else if holder.0 == 0 {
                if word.compare_exchange(current, id.0 | bits).is_ok() {
                    return Ok(Some(false));
                }
            } else if holder == id {
                return Err(Status::ARENA_CORRUPT);
            } else if spun < LONGEST_SPIN_NS {
                let pause = if spun < CLOSE_LOOK_NS { SHORT_PAUSE_NS } else { LONG_PAUSE_NS };
                spun += pause;
                self.look_away(pause);
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
                let now = futex::monotonic_now();
                if hungry == 0 && now - *slept_since.get_or_insert(now) >= HUNGER_NS {
                    let _ = lock.hungry.compare_exchange(0, id.0);
                }
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
        let lock = &self.header().lock.0;
        if lock.holder.swap(0) & SLEEPERS != 0 {
            // Whoever is hungry may be any of them.
            let count = if lock.hungry.load() == 0 { 1 } else { u32::MAX };
            futex::wake(&lock.holder, count);
        }
    }

    /// Wakes those who sleep on the lock, in case somebody died between releasing it and waking them.
    pub(crate) fn wake_lock_sleepers(&self) {
        futex::wake(&self.header().lock.0.holder, u32::MAX);
    }

    /// The thread that holds the lock at this moment.
    pub(crate) fn lock_holder(&self) -> Option<SeatId> {
        let holder = self.header().lock.0.holder.load() & SeatId::MASK;
        (holder != 0).then_some(SeatId(holder))
    }

    /// Rolls back what dead holders left. The caller holds the lock, so every journal that is not empty is one of
    /// theirs.
    ///
    /// One of them at most was in the middle of a transaction of any length, and the others of one that rolled back.
    /// What claims to be longer in sum is noise, and is not followed for ever.
    fn recover(&self) {
        let mut budget = LONGEST_JOURNAL * 2;
        for (_, seat) in self.seats() {
            budget -= self.roll_back(seat, budget);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::context::{attach_in_memory, join_in_memory};

    /// Threads that took the lock without pause kept others from it for half a second and longer.
    #[test]
    fn the_hungry_are_let_pass() {
        let current = attach_in_memory();
        let lock = &current.arena().header().lock.0;
        // Somebody hungry who never comes keeps nobody for ever.
        lock.hungry.store(current.id.0 ^ 1);
        assert!(current.arena().try_lock(current.seat_record, current.id).is_none());
        current.begin().unwrap().commit().unwrap();
        assert_eq!(lock.hungry.load(), 0);
        // Who is hungry passes, and is not hungry any more.
        lock.hungry.store(current.id.0);
        current.begin().unwrap().commit().unwrap();
        assert_eq!(lock.hungry.load(), 0);
    }

    #[test]
    fn who_waits_long_becomes_hungry() {
        let current = attach_in_memory();
        let hungry = &current.arena().header().lock.0.hungry;
        let held = current.begin().unwrap();
        let context = current.context;
        let waiter = std::thread::spawn(move || {
            let current = join_in_memory(context);
            current.begin().unwrap().commit().unwrap();
            current.id
        });
        while hungry.load() == 0 {
            std::thread::yield_now();
        }
        let is_hungry = hungry.load();
        held.commit().unwrap();
        assert_eq!(waiter.join().unwrap().0, is_hungry);
        assert_eq!(hungry.load(), 0);
    }
}
