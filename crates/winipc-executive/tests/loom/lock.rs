//! `arena::lock`: taking, sleeping, releasing. Nobody dies here, and nobody spins.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore;
use crate::futex::Word;

const SLEEPERS: u32 = 1 << 31;

/// `Arena::lock` and `Arena::lock_contended`.
fn lock(word: &Word, id: u32) {
    if word.compare_exchange(0, id).is_ok() {
        return;
    }
    let mut bits = 0;
    loop {
        let current = word.load();
        if current & !SLEEPERS == 0 {
            if word.compare_exchange(current, id | bits).is_ok() {
                return;
            }
        } else if current & SLEEPERS == 0 {
            let _ = word.compare_exchange(current, current | SLEEPERS);
        } else {
            bits = SLEEPERS;
            word.wait(current);
        }
    }
}

/// `Arena::unlock`.
fn unlock(word: &Word) {
    if word.swap(0) & SLEEPERS != 0 {
        word.wake_one();
    }
}

fn contend(threads: u32, rounds: u32) {
    explore(move || {
        let shared = Arc::new((Word::new(0), UnsafeCell::new(0_u32)));
        let work = move |id: u32, shared: &(Word, UnsafeCell<u32>)| {
            for _ in 0..rounds {
                lock(&shared.0, id);
                // SAFETY: the lock is held; loom finds it out if that does not keep others away.
                shared.1.with_mut(|count| unsafe { *count += 1 });
                unlock(&shared.0);
            }
        };
        let others: Vec<_> = (2..=threads)
            .map(|id| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || work(id, &shared))
            })
            .collect();
        work(1, &shared);
        others.into_iter().for_each(|other| other.join().unwrap());
        lock(&shared.0, 1);
        // SAFETY: as above.
        assert_eq!(shared.1.with(|count| unsafe { *count }), threads * rounds);
    });
}

#[test]
fn two_threads_exclude_and_wake_each_other() {
    contend(2, 2);
}

#[test]
fn three_threads_exclude_and_wake_each_other() {
    contend(3, 1);
}
