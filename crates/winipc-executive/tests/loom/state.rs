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
