//! Seats: one for each attached thread, with what tells others that it lives.
//!
//! The thread locks the robust mutex of its seat when it sits down and holds it until it gets up. The kernel marks the
//! mutex when the thread ends in any other way: with its process, by `exec`, by a raw exit. Nothing is ever asked by
//! process id, which is reused, differs between containers and survives `exec`.

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicU32, Ordering};

use super::layout::Region;
use super::slab::{Head, Record, Ref};
use super::system::system_thread_id;
use super::word::{Free32, Free64};
use super::{Arena, crash};
use crate::quota::MOST_THREADS;
use crate::status::{Result, Status};

/// Claims a transaction can make before it needs the overflow region.
pub(super) const LOCAL_CLAIMS: usize = 96;
/// Journal entries before the overflow region.
pub(super) const LOCAL_ENTRIES: usize = 212;

#[repr(C)]
pub(super) struct Entry {
    /// Twice the word's offset in the arena divided by four, plus one if it is 64 bits wide.
    pub(super) word: Free64,
    /// What the word held.
    pub(super) old: Free64,
}

/// A thread's place at the arena: its sign of life, its sleep, and its journal.
#[repr(C, align(64))]
pub(crate) struct Seat {
    head: Head,
    /// 0 free; else twice the process's number, plus one while the thread sits and does not end.
    pub(crate) claim: Free32,
    /// Counts the threads that have had the seat.
    generation: Free32,
    mutex: RobustMutex,
    /// What the thread sleeps on while it waits: the number of the wait and a phase (see [`crate::dispatcher`]).
    pub(crate) wake: super::layout::Lone<Free32>,
    pub(super) journal_length: super::layout::Lone<Free32>,
    pub(super) claims_length: Free32,
    pub(super) claims: [Free32; LOCAL_CLAIMS],
    pub(super) journal: [Entry; LOCAL_ENTRIES],
}

const _: () = assert!(size_of::<Seat>() == super::layout::EXTENTS[Region::Seat as usize].size);

// SAFETY: of the right size; atomics, and a mutex that only its own functions touch.
unsafe impl Record for Seat {
    const REGION: Region = Region::Seat;

    fn head(&self) -> &Head {
        &self.head
    }
}

/// Identifies a thread for as long as anybody can ask: the number of its seat (18 bits) and the seat's generation (13).
/// As the lock's or a mutex's owner it is never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SeatId(pub(crate) u32);

impl SeatId {
    const NUMBER_BITS: u32 = 18;
    /// The bits an identity may use.
    pub(crate) const MASK: u32 = (1 << 31) - 1;

    fn new(number: u32, generation: u32) -> Self {
        SeatId((generation << Self::NUMBER_BITS | number) & Self::MASK)
    }

    pub(crate) fn seat(self) -> Ref<Seat> {
        Ref::from_index(self.0 & ((1 << Self::NUMBER_BITS) - 1))
    }
}

/// Whether a thread that took a seat is still there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// Nobody sits there, or not yet.
    Absent,
    Alive,
    /// The thread ended without getting up.
    Dead,
}

impl Seat {
    /// The word that the kernel marks, for [`super::futex::wait_many`].
    pub(crate) fn life_word(&self) -> &AtomicU32 {
        self.mutex.word()
    }

    pub(crate) fn life(&self) -> Life {
        life_of(self.life_word().load(Ordering::Acquire))
    }

    /// Asks the kernel for a wake-up at the thread's death. Returns the value to sleep on, `None` if it is not alive.
    pub(crate) fn watch(&self) -> Option<u32> {
        crash::point();
        let word = self.life_word();
        let mut value = word.load(Ordering::Acquire);
        loop {
            if life_of(value) != Life::Alive {
                return None;
            }
            let watched = value | libc::FUTEX_WAITERS;
            if value == watched {
                return Some(watched);
            }
            match word.compare_exchange(value, watched, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(watched),
                Err(now) => value = now,
            }
        }
    }

    /// Who sits there.
    pub(crate) fn id(&self, number: Ref<Seat>) -> SeatId {
        SeatId::new(number.index(), self.generation.load())
    }

    /// Entries in the thread's journal and words it has claimed. Both are 0 while the thread does not hold the lock.
    pub(crate) fn unfinished(&self) -> (u32, u32) {
        (self.journal_length.0.load(), self.claims_length.load())
    }

    /// Pretends a transaction of the thread's is unfinished, for tests.
    #[cfg(test)]
    pub(crate) fn set_unfinished(&self, journal: u32, claims: u32) {
        self.journal_length.0.store(journal);
        self.claims_length.store(claims);
    }

    /// Whether a living thread has the seat and is not about to leave it.
    pub(crate) fn is_open(&self) -> bool {
        self.claim.load() & 1 != 0 && self.life() == Life::Alive
    }

    /// Marks the seat of a thread that ends.
    pub(crate) fn close(&self) {
        self.claim.fetch_and(!1);
    }

    /// The process whose thread has the seat.
    pub(crate) fn process(&self) -> u32 {
        self.claim.load() >> 1
    }
}

fn life_of(word: u32) -> Life {
    if word & libc::FUTEX_OWNER_DIED != 0 {
        Life::Dead
    } else if word & libc::FUTEX_TID_MASK != 0 {
        Life::Alive
    } else {
        Life::Absent
    }
}

impl Arena {
    /// Sits the calling thread down at a free seat, for the process with the given number. `occupy` readies what
    /// belongs to the seat, before the thread can be seen there.
    ///
    /// # Errors
    /// As [`Arena::commit`]; no seat is free, or the process has too many.
    pub(crate) fn take_seat(
        &self,
        process: u32,
        occupy: impl Fn(Ref<Seat>) -> Result<()>,
    ) -> Result<Ref<Seat>> {
        let region = Region::Seat as usize;
        let is_its = |(_, seat): &(_, &Seat)| seat.process() == process;
        if self.committed(region) > MOST_THREADS && self.seats().filter(is_its).count() >= MOST_THREADS {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        let mut number = 1;
        loop {
            if number as usize >= self.committed(region) {
                self.commit(region, number as usize + 1)?;
            }
            let reference = Ref::from_index(number);
            let seat: &Seat = self.get(reference)?;
            if seat.claim.load() == 0 && seat.claim.compare_exchange(0, process << 1).is_ok() {
                seat.generation.fetch_add(1);
                if let Err(status) = occupy(reference).and_then(|()| seat.mutex.lock_new()) {
                    seat.claim.store(0);
                    return Err(status);
                }
                seat.claim.store(process << 1 | 1);
                return Ok(reference);
            }
            number += 1;
        }
    }

    /// Makes sure that the records of threads up to this number have memory.
    pub(crate) fn ensure_threads(&self, number: usize) -> Result<()> {
        let region = Region::Thread as usize;
        if number < self.committed(region) { Ok(()) } else { self.commit(region, number + 1) }
    }

    /// Makes sure that the records of processes up to this number have memory.
    pub(crate) fn ensure_processes(&self, number: usize) -> Result<()> {
        let region = Region::Process as usize;
        if number < self.committed(region) { Ok(()) } else { self.commit(region, number + 1) }
    }

    /// The number above those of all process records.
    pub(crate) fn process_limit(&self) -> u32 {
        self.committed(Region::Process as usize) as u32
    }

    /// Gets the calling thread up from its seat, which becomes free.
    pub(crate) fn leave_seat(&self, reference: Ref<Seat>) {
        if let Ok(seat) = self.get(reference)
            && seat.mutex.unlock()
        {
            seat.claim.store(0);
        }
    }

    /// Frees the seat of a thread that ended without getting up.
    pub(crate) fn clear_seat(&self, reference: Ref<Seat>) {
        if let Ok(seat) = self.get(reference) {
            seat.mutex.word().store(0, Ordering::Release);
            seat.claim.store(0);
        }
    }

    /// All seats that have memory, with who sits there.
    pub(crate) fn seats(&self) -> impl Iterator<Item = (Ref<Seat>, &Seat)> {
        (1..self.committed(Region::Seat as usize) as u32).filter_map(|number| {
            let reference = Ref::from_index(number);
            let seat: &Seat = self.get(reference).ok()?;
            (seat.claim.load() != 0).then_some((reference, seat))
        })
    }
}

/// A robust process-shared mutex of the C library.
#[repr(C, align(64))]
struct RobustMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: the C library's functions may be called on it by any thread.
unsafe impl Sync for RobustMutex {}

const MUTEX_WORDS: usize = size_of::<libc::pthread_mutex_t>() / 4;
type MutexWords = [u32; MUTEX_WORDS];

thread_local! {
    /// What the mutex of the calling thread's seat held when the thread had locked it.
    static LOCKED: Cell<MutexWords> = const { Cell::new([0; MUTEX_WORDS]) };
}

/// Where the C library keeps the word that the kernel marks.
#[cfg(target_env = "gnu")]
const WORD_OFFSET: usize = 0;
#[cfg(target_env = "musl")]
const WORD_OFFSET: usize = 4;

impl RobustMutex {
    /// Makes the mutex anew and locks it. Nobody else holds it or waits for it.
    fn lock_new(&self) -> Result<()> {
        crash::point();
        let mut attributes = core::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        // SAFETY: the attributes are initialised first and destroyed last; the mutex is not in use, since its seat has
        // just been claimed by this thread and its last user is gone.
        let result = unsafe {
            let attributes = attributes.as_mut_ptr();
            libc::pthread_mutexattr_init(attributes);
            libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST);
            let result = libc::pthread_mutex_init(self.0.get(), attributes);
            libc::pthread_mutexattr_destroy(attributes);
            if result == 0 { libc::pthread_mutex_lock(self.0.get()) } else { result }
        };
        if result != 0 {
            return Err(Status::INSUFFICIENT_RESOURCES);
        }
        // Where a raw clone made the process, the C library takes the thread for its parent's, and the kernel does not
        // know the list of its mutexes: nobody would learn of its end.
        if self.word().load(Ordering::Acquire) & libc::FUTEX_TID_MASK != system_thread_id() {
            // SAFETY: locked above; to the C library this thread is the one that did.
            unsafe { libc::pthread_mutex_unlock(self.0.get()) };
            return Err(Status::NOT_SUPPORTED);
        }
        LOCKED.with(|locked| locked.set(self.words()));
        Ok(())
    }

    /// Unlocks the mutex, which the calling thread holds, if it is as it was when it was locked.
    ///
    /// The C library keeps addresses in it, which it follows. Where something has changed them, by another robust mutex
    /// that the thread still holds or by a neighbour's writing, the mutex is left to the kernel, which marks it at the
    /// thread's end. Returns whether it is unlocked.
    fn unlock(&self) -> bool {
        crash::point();
        if LOCKED.with(Cell::get) != self.words() {
            return false;
        }
        // SAFETY: the caller is the thread that locked it, and nobody has changed it.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) == 0 }
    }

    /// What the mutex holds, but for the word that changes with those who watch.
    fn words(&self) -> MutexWords {
        let mut words = [0; MUTEX_WORDS];
        for (number, word) in words.iter_mut().enumerate() {
            if number != WORD_OFFSET / 4 {
                // SAFETY: inside the mutex and aligned; read atomically, since a neighbour may write.
                *word = unsafe { &*self.0.get().cast::<AtomicU32>().add(number) }.load(Ordering::Relaxed);
            }
        }
        words
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: the C library only ever changes this word atomically, as the kernel does; the offset is its layout's,
        // which is part of the arena's fingerprint.
        unsafe { &*self.0.get().cast::<u8>().add(WORD_OFFSET).cast::<AtomicU32>() }
    }
}
