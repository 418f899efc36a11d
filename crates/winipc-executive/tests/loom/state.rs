//! `arena::state`: fast paths change an object's word by compare-and-swap, the lock's holder by claiming it.

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore;

const CLAIM: u64 = 1 << 32;

/// `semaphore::release` without the lock. False: the word is claimed.
fn fast(word: &AtomicU64) -> bool {
    let mut state = word.load(Ordering::Acquire);
    while state & CLAIM == 0 {
        match word.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return true,
            Err(now) => state = now,
        }
    }
    false
}

/// `Txn::claim`, `State::set` or its being undone, and `Arena::lift_claims`.
fn slow(word: &AtomicU64, lock: &Mutex<()>, add: u64, is_undone: bool) {
    let _lock = lock.lock().unwrap();
    let state = word.fetch_or(CLAIM, Ordering::AcqRel) | CLAIM;
    word.store(state + add, Ordering::Relaxed);
    if is_undone {
        word.store(state, Ordering::Relaxed);
    }
    word.store(word.load(Ordering::Acquire) & !CLAIM, Ordering::Release);
}

fn mix(is_undone: bool) {
    explore(move || {
        let shared = Arc::new((AtomicU64::new(0), Mutex::new(())));
        let fast_one = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || u64::from(fast(&shared.0)) + u64::from(fast(&shared.0)))
        };
        let slow_one = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || slow(&shared.0, &shared.1, 100, is_undone))
        };
        slow(&shared.0, &shared.1, 1000, false);
        slow_one.join().unwrap();
        let counted = fast_one.join().unwrap();
        let slow_sum = 1000 + if is_undone { 0 } else { 100 };
        assert_eq!(shared.0.load(Ordering::Acquire), counted + slow_sum);
    });
}

#[test]
fn no_change_of_a_fast_path_is_overwritten() {
    mix(false);
}

#[test]
fn undoing_brings_back_no_past() {
    mix(true);
}

const SET: u64 = 1;

/// `event::set` without the lock.
fn set(word: &AtomicU64) {
    let mut state = word.load(Ordering::Acquire);
    while let Err(now) = word.compare_exchange(state, state | SET, Ordering::AcqRel, Ordering::Acquire) {
        state = now;
    }
}

/// What is written before an event is set is seen by whoever takes the signal, also where the event was set already:
/// else both go on, one sure that it has told the other, who waits for ever.
#[test]
fn setting_a_set_event_publishes_what_was_written_before() {
    explore(|| {
        let shared = Arc::new((AtomicU64::new(SET), AtomicU64::new(0)));
        let setter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1.store(1, Ordering::Relaxed);
                set(&shared.0);
            })
        };
        let taken = shared.0.compare_exchange(SET, 0, Ordering::AcqRel, Ordering::Acquire).is_ok();
        let seen = shared.1.load(Ordering::Relaxed);
        setter.join().unwrap();
        let is_set_again = shared.0.load(Ordering::Acquire) & SET != 0;
        assert!(!taken || seen == 1 || is_set_again);
    });
}
