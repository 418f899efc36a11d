//! Spinning before sleep, as long as it pays.
//!
//! A wake-up across cores costs some 50 µs, a look at a shared word far less than one. So a thread that has to wait looks
//! for a while first. Whether that pays it learns: each failure shortens its spin, a success makes it the longest again,
//! and now and then it tries that, too. Two threads that wait for each other in turn both have to spin for either to gain:
//! the trial of one must outlast the wake-up of the other. On one processor nobody else runs meanwhile, and it does not
//! spin at all.

use core::cell::Cell;
use core::time::Duration;
use std::sync::OnceLock;

use crate::arena::futex::monotonic_now;
use crate::arena::system::online_processors;

/// Longest spin in nanoseconds.
const LONGEST: u64 = 40_000;
/// A spin shorter than this does not pay for its clock.
const SHORTEST: u64 = 1_000;
/// Waits without a spin before a thread that has given it up tries once more. Each trial in vain doubles it.
const SHORTEST_PAUSE: u32 = 32;
/// And at most this many.
const LONGEST_PAUSE: u32 = 1024;
/// Looks between two readings of the clock.
const LOOKS: u32 = 16;

thread_local! {
    static LENGTH: Cell<u64> = const { Cell::new(LONGEST / 2) };
    static SKIPPED: Cell<u32> = const { Cell::new(0) };
    static PAUSE: Cell<u32> = const { Cell::new(SHORTEST_PAUSE) };
}

/// One wait's spin.
pub(crate) struct Spinner {
    allowed: bool,
    end: Option<u64>,
}

impl Spinner {
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Spinner { allowed: timeout != Some(Duration::ZERO), end: None }
    }

    /// Spins until `is_ready`, and says whether it came to be. Over all calls it spins no longer than the thread's length.
    pub(crate) fn spin(&mut self, is_ready: impl Fn() -> bool) -> bool {
        if !self.allowed || is_single() {
            return false;
        }
        let length = LENGTH.with(Cell::get);
        let is_trial = length < SHORTEST;
        if is_trial && self.end.is_none() {
            let skipped = SKIPPED.with(Cell::get) + 1;
            let pause = PAUSE.with(Cell::get);
            SKIPPED.with(|cell| cell.set(skipped % pause));
            if skipped < pause {
                self.allowed = false;
                return false;
            }
        }
        let now = monotonic_now();
        let end = *self.end.get_or_insert(now + if is_trial { LONGEST } else { length });
        loop {
            for _ in 0..LOOKS {
                if is_ready() {
                    LENGTH.with(|cell| cell.set(LONGEST));
                    PAUSE.with(|cell| cell.set(SHORTEST_PAUSE));
                    return true;
                }
                core::hint::spin_loop();
            }
            if monotonic_now() >= end {
                LENGTH.with(|cell| cell.set(length / 2));
                if is_trial {
                    PAUSE.with(|cell| cell.set((cell.get() * 2).min(LONGEST_PAUSE)));
                }
                self.allowed = false;
                return false;
            }
        }
    }
}

/// Whether the machine has one processor only. How many this process may use says nothing of where the others run.
fn is_single() -> bool {
    static SINGLE: OnceLock<bool> = OnceLock::new();
    *SINGLE.get_or_init(|| online_processors() == 1)
}
