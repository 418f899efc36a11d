//! Transactions: the arena's lock as a token, and the journal that makes every change undoable.
//!
//! Order of every write: the journal entry, a release fence, the journal's length, a release fence, the word. A process
//! killed at any instruction leaves a journal that brings back the state before. Rolling back goes from the newest
//! entry to the oldest, keeps the length until it is done, and is not journalled itself: it can be repeated if the
//! recoverer dies too.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::layout::Region;
use super::seat::{Entry, LOCAL_CLAIMS, LOCAL_ENTRIES, Seat};
use super::slab::Ref;
use super::state::CLAIM;
use super::word::{Free32, Free64};
use super::{Arena, crash, futex};
use crate::status::{Result, Status};

/// The arena's lock, held. Guarded words are read with `&Txn` and written with `&mut Txn`.
///
/// Dropped without [`Txn::commit`], also by a panic, it undoes everything. Two words, since it is moved about: the rest is in
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

/// Steps along lists that every transaction may take; beyond them it may take several for each record that there is.
const STEPS: u32 = 1 << 18;
const STEPS_PER_RECORD: usize = 8;

/// What is to be done after a commit.
#[derive(Default)]
struct After {
    wakes: Vec<Wake>,
    /// Where in the arena the words of the doorbells are.
    rings: Vec<usize>,
}

/// A sleeper to wake.
struct Wake {
    seat: Ref<Seat>,
    /// What the word must hold, phase aside, for the wake still to concern the sleeper.
    wait: u32,
    phase: u32,
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

/// Most entries and claims of one transaction.
pub(crate) const LONGEST_JOURNAL: usize = LOCAL_ENTRIES
    + super::layout::EXTENTS[Region::JournalOverflow as usize].capacity
    + LOCAL_CLAIMS
    + super::layout::EXTENTS[Region::ClaimOverflow as usize].capacity;

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
        After::with(|after| after.get_or_insert_default().wakes.push(Wake { seat, wait, phase }));
    }

    /// Whether a thread of a process is woken after the commit.
    pub(crate) fn wakes_thread_of<T>(&self, process: Ref<T>) -> bool {
        let is_of = |seat: &Seat| seat.process() == process.index();
        After::with(|after| {
            let mut wakes = after.iter().flat_map(|after| &after.wakes);
            wakes.any(|wake| self.arena.get(wake.seat).is_ok_and(is_of))
        })
    }

    /// Number of the process whose thread holds the lock.
    pub(crate) fn process(&self) -> u32 {
        self.seat.process()
    }

    /// Rings a doorbell after the commit.
    pub(crate) fn ring_after(&mut self, ring: Ring<'a>) {
        let offset = self.arena.offset_of(ring.0);
        After::with(|after| after.get_or_insert_default().rings.push(offset));
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
        if let Some(after) = After::take() {
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
        After::take();
    }
}

impl After {
    /// Looks at what the calling thread's transaction has to do, or adds to it.
    fn with<R>(use_it: impl FnOnce(&mut Option<Box<After>>) -> R) -> R {
        let mut after = After::take();
        let result = use_it(&mut after);
        OWN.with(|own| own.after.set(ManuallyDrop::new(after)));
        result
    }

    /// What is to be done, which the caller does or forgets.
    fn take() -> Option<Box<After>> {
        OWN.with(|own| ManuallyDrop::into_inner(own.after.replace(ManuallyDrop::new(None))))
    }

    #[cold]
    fn announce(self, arena: &Arena) {
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

impl Arena {
    fn journal_slot<'a>(&'a self, seat: &'a Seat, index: usize) -> Result<&'a Entry> {
        match seat.journal.get(index) {
            Some(entry) => Ok(entry),
            None => self.overflow(Region::JournalOverflow, index - LOCAL_ENTRIES),
        }
    }

    fn claim_slot<'a>(&'a self, seat: &'a Seat, index: usize) -> Result<&'a Free32> {
        match seat.claims.get(index) {
            Some(claim) => Ok(claim),
            None => self.overflow(Region::ClaimOverflow, index - LOCAL_CLAIMS),
        }
    }

    fn overflow<T>(&self, region: Region, index: usize) -> Result<&T> {
        let region = region as usize;
        self.commit(region, index + 1)?;
        let offset = super::layout::OFFSETS[region] + index * size_of::<T>();
        self.word_at(offset)
    }

    /// Writes the old values back, newest first, and empties the journal.
    fn undo(&self, seat: &Seat, entries: usize) {
        for index in (0..entries).rev() {
            let Ok(entry) = self.journal_slot(seat, index) else { continue };
            let (word, old) = (entry.word.load(), entry.old.load());
            let offset = ((word >> 1) as usize).saturating_mul(4);
            crash::point();
            if word & 1 != 0 {
                if let Ok(target) = self.word_at::<AtomicU64>(offset) {
                    target.store(old, Ordering::Relaxed);
                }
            } else if let Ok(target) = self.word_at::<AtomicU32>(offset) {
                target.store(old as u32, Ordering::Relaxed);
            }
        }
        fence(Ordering::Release);
        seat.journal_length.0.store(0);
    }

    fn lift_claims(&self, seat: &Seat, claims: usize) {
        for index in 0..claims {
            let Ok(claim) = self.claim_slot(seat, index) else { continue };
            // A thread that died may have noted a claim that it did not make: then the word is not ours to store to.
            if let Ok(word) = self.word_at::<Free64>(claim.load() as usize * 8)
                && word.load() & CLAIM != 0
            {
                word.store(word.load() & !CLAIM);
            }
        }
        if claims != 0 {
            seat.claims_length.store(0);
        }
    }

    /// Undoes what a dead holder of the lock left. The caller holds the lock.
    ///
    /// Follows `most` entries and claims at the most, and says how many it was.
    pub(super) fn roll_back(&self, seat: &Seat, most: usize) -> usize {
        // What has no memory was never written: a length that is noise is not to make memory exist.
        let written = LOCAL_ENTRIES + self.committed(Region::JournalOverflow as usize);
        let entries = (seat.journal_length.0.load() as usize).min(most).min(written);
        if seat.journal_length.0.load() != 0 {
            self.undo(seat, entries);
        }
        let written = LOCAL_CLAIMS + self.committed(Region::ClaimOverflow as usize);
        let claims = (seat.claims_length.load() as usize).min(most - entries).min(written);
        if seat.claims_length.load() != 0 {
            self.lift_claims(seat, claims);
            seat.claims_length.store(0);
        }
        entries + claims
    }
}
