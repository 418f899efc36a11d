//! Transactions: the arena's lock as a token. Every change is entered in a [journal](super::journal) first, and can be
//! undone.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::seat::Seat;
use super::slab::Ref;
use super::state::CLAIM;
use super::wake::{After, Ring, Wake};
use super::word::Free64;
use super::{Arena, crash};
use crate::status::{Result, Status};

/// The arena's lock, held. Guarded words are read with `&Txn` and written with `&mut Txn`.
///
/// Dropped without [`Txn::commit`], also by a panic, it undoes everything. Two words, since it is moved about: the rest
/// is in
/// [`OWN`].
pub(crate) struct Txn<'a> {
    arena: &'a Arena,
    seat: &'a Seat,
    /// It stays with the thread that has the seat.
    thread: PhantomData<*const ()>,
}

/// What the calling thread's transaction keeps outside the arena. A thread has one at a time.
struct Own {
    /// Entries in the journal. Others could write to the length in the seat.
    entries: Cell<u32>,
    claims: Cell<u32>,
    /// Steps along lists.
    steps: Cell<u32>,
    /// Why the transaction cannot be committed.
    failure: Cell<Status>,
    /// What is to be done after the commit; nearly always nothing. Not dropped with the thread, and empty by then.
    after: Cell<ManuallyDrop<Option<Box<After>>>>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            entries: Cell::new(0),
            claims: Cell::new(0),
            steps: Cell::new(0),
            failure: Cell::new(Status::SUCCESS),
            after: Cell::new(ManuallyDrop::new(None)),
        }
    };
}

impl Own {
    /// Looks at what is to be done after the commit, or adds to it.
    fn with_after<R>(&self, use_it: impl FnOnce(&mut Option<Box<After>>) -> R) -> R {
        let mut after = self.take_after();
        let result = use_it(&mut after);
        self.after.set(ManuallyDrop::new(after));
        result
    }

    /// What is to be done after the commit, which the caller does or forgets.
    fn take_after(&self) -> Option<Box<After>> {
        ManuallyDrop::into_inner(self.after.replace(ManuallyDrop::new(None)))
    }
}

/// Steps along lists that every transaction may take; beyond them it may take several for each record that there is.
const STEPS: u32 = 1 << 18;
const STEPS_PER_RECORD: usize = 8;

impl<'a> Txn<'a> {
    #[inline(always)]
    pub(super) fn new(arena: &'a Arena, seat: &'a Seat) -> Self {
        OWN.with(|own| {
            own.entries.set(0);
            own.claims.set(0);
            own.steps.set(0);
            own.failure.set(Status::SUCCESS);
        });
        Txn { arena, seat, thread: PhantomData }
    }

    pub(crate) fn arena(&self) -> &'a Arena {
        self.arena
    }

    pub(super) fn write32(&mut self, word: &AtomicU32, value: u32) {
        let old = word.load(Ordering::Relaxed);
        if old != value && self.record(self.arena.offset_of(word), u64::from(old), false) {
            crash::point();
            word.store(value, Ordering::Relaxed);
        }
    }

    pub(super) fn write64(&mut self, word: &AtomicU64, value: u64) {
        let old = word.load(Ordering::Relaxed);
        if old != value && self.record(self.arena.offset_of(word), old, true) {
            crash::point();
            word.store(value, Ordering::Relaxed);
        }
    }

    pub(super) fn write_claimed(&mut self, word: &Free64, value: u64) {
        // Where there was no room to note the claim, nothing is written either.
        debug_assert!(word.load() & CLAIM != 0 || self.outcome().is_err());
        self.write64(word.atomic(), value);
    }

    pub(super) fn claim(&mut self, word: &Free64) -> u64 {
        let state = word.load();
        if state & CLAIM != 0 {
            return state; // only the holder of the lock sets it
        }
        let claims = OWN.with(|own| own.claims.get());
        let place = match self.arena.claim_slot(self.seat, claims as usize) {
            Ok(place) => place,
            Err(status) => {
                self.fail(status);
                return state;
            }
        };
        place.store_relaxed((self.arena.offset_of(word) / 8) as u32);
        fence(Ordering::Release);
        OWN.with(|own| own.claims.set(claims + 1));
        self.seat.claims_length.store_relaxed(claims + 1);
        fence(Ordering::Release);
        word.fetch_or(CLAIM) | CLAIM
    }

    /// To be called at each step along a list of the arena, so that no damaged list and no failed transaction, whose
    /// writes do nothing, goes on for ever.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: there are too few records for so many steps. Why the transaction cannot be committed.
    #[inline]
    pub(crate) fn step(&self) -> Result<()> {
        let steps = OWN.with(|own| {
            own.steps.set(own.steps.get() + 1);
            own.steps.get()
        });
        if steps > STEPS { self.step_far(steps) } else { Ok(()) }
    }

    /// A step of a transaction that has made many, or has failed.
    #[cold]
    fn step_far(&self, steps: u32) -> Result<()> {
        self.outcome()?;
        let is_due = steps.is_multiple_of(STEPS);
        if is_due && (steps - STEPS) as usize > self.arena.records() * STEPS_PER_RECORD {
            return Err(Status::ARENA_CORRUPT);
        }
        Ok(())
    }

    fn outcome(&self) -> Result<()> {
        match OWN.with(|own| own.failure.get()) {
            Status::SUCCESS => Ok(()),
            failure => Err(failure),
        }
    }

    /// The transaction cannot be committed. The first reason counts.
    #[cold]
    fn fail(&mut self, status: Status) {
        if self.outcome().is_ok() {
            OWN.with(|own| {
                own.failure.set(status);
                own.steps.set(STEPS); // the next step is to learn of it
            });
        }
    }

    /// Adds a journal entry. False if there is no room for it, and then the word must not be written.
    fn record(&mut self, offset: usize, old: u64, wide: bool) -> bool {
        if self.outcome().is_err() {
            return false;
        }
        let entries = OWN.with(|own| own.entries.get());
        let entry = match self.arena.journal_slot(self.seat, entries as usize) {
            Ok(entry) => entry,
            Err(status) => {
                self.fail(status);
                return false;
            }
        };
        entry.word.store_relaxed((offset as u64 / 4) << 1 | u64::from(wide));
        entry.old.store_relaxed(old);
        fence(Ordering::Release);
        OWN.with(|own| own.entries.set(entries + 1));
        self.seat.journal_length.0.store_relaxed(entries + 1);
        fence(Ordering::Release);
        true
    }

    /// Wakes the thread at `seat` after the commit, if it still is in the wait with this number.
    pub(crate) fn wake_after(&mut self, seat: Ref<Seat>, wait: u32, phase: u32) {
        let wake = Wake { seat, wait, phase };
        OWN.with(|own| own.with_after(|after| after.get_or_insert_default().wakes.push(wake)));
    }

    /// Whether a thread of a process is woken after the commit.
    pub(crate) fn wakes_thread_of<T>(&self, process: Ref<T>) -> bool {
        let is_of = |seat: &Seat| seat.process() == process.index();
        let is_woken = |after: &mut Option<Box<After>>| {
            let mut wakes = after.iter().flat_map(|after| &after.wakes);
            wakes.any(|wake| self.arena.get(wake.seat).is_ok_and(is_of))
        };
        OWN.with(|own| own.with_after(is_woken))
    }

    /// Number of the process whose thread holds the lock.
    pub(crate) fn process(&self) -> u32 {
        self.seat.process()
    }

    /// Rings a doorbell after the commit.
    pub(crate) fn ring_after(&mut self, ring: Ring<'a>) {
        let offset = self.arena.offset_of(ring.0);
        OWN.with(|own| own.with_after(|after| after.get_or_insert_default().rings.push(offset)));
    }

    /// Makes the changes last, gives the lock back, and wakes whom they concern.
    ///
    /// # Errors
    /// The transaction was too large for the journal, whose memory could not grow; all is undone.
    pub(crate) fn commit(self) -> Result<()> {
        self.outcome()?;
        // Committed, it has nothing left to undo.
        let this = ManuallyDrop::new(self);
        if OWN.with(|own| own.entries.get()) != 0 {
            this.seat.journal_length.0.store(0);
        }
        this.finish();
        if let Some(after) = OWN.with(Own::take_after) {
            after.announce(this.arena);
        }
        Ok(())
    }

    /// Lifts the claims and gives the lock back.
    fn finish(&self) {
        let claims = OWN.with(|own| own.claims.get());
        if claims != 0 {
            self.arena.lift_claims(self.seat, claims as usize);
        }
        self.arena.unlock();
    }
}

impl Drop for Txn<'_> {
    fn drop(&mut self) {
        self.arena.undo(self.seat, OWN.with(|own| own.entries.get()) as usize);
        self.finish();
        OWN.with(Own::take_after);
    }
}
