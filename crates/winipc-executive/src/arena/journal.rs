//! The journal of a thread's transaction, in its seat: old values to write back, and claims to lift.
//!
//! Order of every write: the journal entry, a release fence, the journal's length, a release fence, the word. A process
//! killed at any instruction leaves a journal that brings back the state before. Rolling back goes from the newest
//! entry to the oldest, keeps the length until it is done, and is not journalled itself: it can be repeated if the
//! recoverer dies too.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::layout::{EXTENTS, OFFSETS, Region};
use super::seat::{Entry, LOCAL_CLAIMS, LOCAL_ENTRIES, Seat};
use super::state::CLAIM;
use super::word::{Free32, Free64};
use super::{Arena, crash};
use crate::status::Result;

/// Most entries and claims of one transaction.
pub(crate) const LONGEST_JOURNAL: usize = LOCAL_ENTRIES
    + EXTENTS[Region::JournalOverflow as usize].capacity
    + LOCAL_CLAIMS
    + EXTENTS[Region::ClaimOverflow as usize].capacity;

impl Arena {
    pub(super) fn journal_slot<'a>(&'a self, seat: &'a Seat, index: usize) -> Result<&'a Entry> {
        match seat.journal.get(index) {
            Some(entry) => Ok(entry),
            None => self.overflow(Region::JournalOverflow, index - LOCAL_ENTRIES),
        }
    }

    pub(super) fn claim_slot<'a>(&'a self, seat: &'a Seat, index: usize) -> Result<&'a Free32> {
        match seat.claims.get(index) {
            Some(claim) => Ok(claim),
            None => self.overflow(Region::ClaimOverflow, index - LOCAL_CLAIMS),
        }
    }

    fn overflow<T>(&self, region: Region, index: usize) -> Result<&T> {
        let region = region as usize;
        self.commit(region, index + 1)?;
        let offset = OFFSETS[region] + index * size_of::<T>();
        self.word_at(offset)
    }

    /// Writes the old values back, newest first, and empties the journal.
    pub(super) fn undo(&self, seat: &Seat, entries: usize) {
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

    pub(super) fn lift_claims(&self, seat: &Seat, claims: usize) {
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
