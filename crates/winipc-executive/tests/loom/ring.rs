//! `wake::Ring` and the loop of `keeper::keep`: no ring is lost, whether the keeper sleeps or is about to.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::explore;
use crate::futex::Word;

const RUNG: u32 = 1;
const ASLEEP: u32 = 2;

fn ring(word: &Word) {
    if word.fetch_or(RUNG) == ASLEEP {
        word.wake_one();
    }
}

/// Keeps until it has seen all the work, which only shows if it is told of each piece.
fn keep(word: &Word, work: &AtomicU32, all: u32) {
    loop {
        word.fetch_and(!RUNG);
        if work.load(Ordering::Relaxed) == all {
            return;
        }
        if word.compare_exchange(0, ASLEEP).is_err() {
            continue;
        }
        word.wait(ASLEEP);
        word.fetch_and(!ASLEEP);
    }
}

fn with_ringers(count: u32) {
    explore(move || {
        let shared = Arc::new((Word::new(0), AtomicU32::new(0)));
        let ringers: Vec<_> = (0..count)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    ring(&shared.0);
                })
            })
            .collect();
        keep(&shared.0, &shared.1, count);
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
    });
}

#[test]
fn a_ring_is_heard() {
    with_ringers(1);
}

#[test]
fn two_rings_are_heard() {
    with_ringers(2);
}
