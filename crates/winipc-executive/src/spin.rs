//! Looking again before sleep, as long as it pays.
//!
//! A wake-up across cores costs some 10 to 50 µs, a look at a shared word far less than one. So a thread that has to
//! wait looks for a while first. Where the one it waits for shares its processor, looking only keeps that one from
//! running: then the thread gives way, which costs half of a sleep and a wake-up. What pays, each thread learns: a spin
//! in vain halves the next and a success makes it the longest again; a spin in vain is followed by giving way, and
//! while that helps, it comes first. Where neither helps, both are tried again now and then. Two threads that wait for
//! each other in turn both have to spin for either to gain: the trial of one must outlast the wake-up of the other.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use crate::arena::futex::monotonic_now;
use crate::arena::system::online_processors;

/// Longest spin in nanoseconds.
const LONGEST_NS: u64 = 40_000;
/// A spin shorter than this does not pay for its clock.
const SHORTEST_NS: u64 = 1_000;
/// Waits without a spin before a thread that has given it up tries once more. Each trial in vain doubles it.
const FEWEST_WAITS: u32 = 32;
/// And at most this many.
const MOST_WAITS: u32 = 1024;
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;
/// How often a thread gives way before it sleeps.
const TURNS: u32 = 3;
/// Giving way that takes longer, in nanoseconds, has given the processor to a stranger, who does not return it when a
/// wake-up would.
const LONGEST_TURN_NS: u64 = 200_000;
/// Of so many waits by giving way one is timed: the clock is a good part of what such a wait costs.
const WAITS_PER_CLOCK: u32 = 4;
/// Waits by giving way before a thread looks whether a spin would do, and for how many nanoseconds.
const TURNS_BEFORE_SPIN: u32 = 64;
const SPIN_BETWEEN_TURNS_NS: u64 = 5_000;

/// How often a thread that is too late each time looks again before it queues, where its time-out counts and its turn
/// comes.
const MOST_SUCCESSES: u32 = 16;

/// What a thread has learned.
#[derive(Clone, Copy)]
struct Learned {
    /// How long to spin, in nanoseconds.
    length: u64,
    /// Giving way helped last time.
    gives_way: bool,
    /// Waits since the last trial, and how many there are to be between two.
    waits: u32,
    pause: u32,
}

thread_local! {
    static LEARNED: Cell<Learned> = const {
        Cell::new(Learned { length: LONGEST_NS / 2, gives_way: false, waits: 0, pause: FEWEST_WAITS })
    };
}

/// One wait's looking.
pub(crate) struct Spinner {
    allowed: bool,
    end: Option<u64>,
    /// How often it has looked with success. Who calls again was too late.
    successes: u32,
}

impl Spinner {
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Spinner { allowed: timeout != Some(Duration::ZERO), end: None, successes: 0 }
    }

    /// Whether the thread has learned that those it waits for share its processor.
    pub(crate) fn gives_way(&self) -> bool {
        LEARNED.with(Cell::get).gives_way
    }

    /// Looks until `is_ready`, and says whether it came to be. Over all calls it spins no longer than the thread's
    /// length.
    pub(crate) fn spin(&mut self, is_ready: impl Fn() -> bool) -> bool {
        if !self.allowed || self.successes == MOST_SUCCESSES {
            return false;
        }
        let mut learned = LEARNED.with(Cell::get);
        let is_ready = self.wait(&mut learned, is_ready);
        LEARNED.with(|cell| cell.set(learned));
        self.allowed = is_ready;
        self.successes += u32::from(is_ready);
        is_ready
    }

    fn wait(&mut self, learned: &mut Learned, is_ready: impl Fn() -> bool) -> bool {
        let is_first = self.end.is_none();
        if learned.gives_way {
            learned.waits += u32::from(is_first);
            if learned.waits < TURNS_BEFORE_SPIN {
                return give_way(learned, is_ready);
            }
            learned.waits = 0;
            return self.look(SPIN_BETWEEN_TURNS_NS, learned, &is_ready) || give_way(learned, is_ready);
        }
        let is_trial = learned.length < SHORTEST_NS;
        if is_trial && is_first {
            learned.waits += 1;
            if learned.waits < learned.pause {
                return false;
            }
            learned.waits = 0;
        }
        let length = if is_trial { LONGEST_NS } else { learned.length };
        if self.look(length, learned, &is_ready) {
            return true;
        }
        learned.length /= 2;
        if give_way(learned, is_ready) {
            return true;
        }
        if is_trial {
            learned.pause = (learned.pause * 2).min(MOST_WAITS);
        }
        false
    }

    fn look(&mut self, length: u64, learned: &mut Learned, is_ready: impl Fn() -> bool) -> bool {
        // On one processor nobody else runs meanwhile.
        if is_single() {
            return false;
        }
        let now = monotonic_now();
        let end = *self.end.get_or_insert(now + length);
        loop {
            for _ in 0..LOOKS {
                if is_ready() {
                    *learned =
                        Learned { length: LONGEST_NS, gives_way: false, waits: 0, pause: FEWEST_WAITS };
                    return true;
                }
                core::hint::spin_loop();
            }
            if monotonic_now() >= end {
                return false;
            }
        }
    }
}

/// Lets others run on the thread's processor.
fn give_way(learned: &mut Learned, is_ready: impl Fn() -> bool) -> bool {
    let begin = learned.waits.is_multiple_of(WAITS_PER_CLOCK).then(monotonic_now);
    for _ in 0..TURNS {
        std::thread::yield_now();
        if is_ready() {
            learned.gives_way = begin.is_none_or(|begin| monotonic_now() - begin < LONGEST_TURN_NS);
            return true;
        }
    }
    learned.gives_way = false;
    false
}

/// Whether the machine has one processor only. How many this process may use says nothing of where the others run.
fn is_single() -> bool {
    // No `OnceLock`: a child forked while another thread of its parent asks would find it taken for ever.
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    let mut processors = PROCESSORS.load(Ordering::Relaxed);
    if processors == 0 {
        processors = online_processors();
        PROCESSORS.store(processors, Ordering::Relaxed);
    }
    processors == 1
}
