//! The wake word of a seat: a waiter falls asleep while others announce.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::explore;
use crate::futex::Word;

const ARMED: u32 = 0;
const ASLEEP: u32 = 1;
const LOOK: u32 = 2;
const DONE: u32 = 3;
const MASK: u32 = 3;

/// `wake::announce`.
fn announce(word: &Word, wait: u32, phase: u32) {
    let mut current = word.load();
    loop {
        if current & !MASK != wait || current & MASK >= phase {
            return;
        }
        match word.compare_exchange(current, wait | phase) {
            Ok(_) => break,
            Err(now) => current = now,
        }
    }
    if current & MASK == ASLEEP {
        word.wake_one();
    }
}

/// `wait::sleep_until_done` and `wait::look_again`, with a flag for what is looked at under the lock.
fn sleep_until_done(word: &Word, number: u32, looked_for: &AtomicU32) {
    loop {
        let seen = word.load();
        match seen & MASK {
            DONE => return,
            ARMED => {
                let _ = word.compare_exchange(seen, number | ASLEEP);
            }
            ASLEEP => word.wait(seen),
            _ => {
                // Under the lock of the arena: whoever announces has committed before.
                if looked_for.load(Ordering::Acquire) != 0 {
                    return;
                }
                word.store(number | ARMED);
            }
        }
    }
}

#[test]
fn a_result_wakes_its_waiter() {
    explore(|| {
        let shared = Arc::new((Word::new(4 | ARMED), AtomicU32::new(0)));
        let signaller = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || announce(&shared.0, 4, DONE))
        };
        sleep_until_done(&shared.0, 4, &shared.1);
        signaller.join().unwrap();
        assert_eq!(shared.0.load(), 4 | DONE);
    });
}

#[test]
fn a_call_to_look_is_not_lost_and_hides_no_result() {
    explore(|| {
        let shared = Arc::new((Word::new(4 | ARMED), AtomicU32::new(0)));
        let looker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1.store(1, Ordering::Release);
                announce(&shared.0, 4, LOOK);
            })
        };
        let late = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || announce(&shared.0, 0, DONE)) // of an earlier wait: it concerns nobody
        };
        sleep_until_done(&shared.0, 4, &shared.1);
        assert_eq!(shared.1.load(Ordering::Acquire), 1, "woken by what concerned another wait");
        looker.join().unwrap();
        late.join().unwrap();
    });
}

/// `io::wait_for`: whatever makes it look, it sleeps until it is done.
#[test]
fn a_blocking_request_sleeps_through_calls_to_look() {
    explore(|| {
        let word = Arc::new(Word::new(4 | ARMED));
        let others: Vec<_> = [LOOK, DONE]
            .into_iter()
            .map(|phase| {
                let word = Arc::clone(&word);
                thread::spawn(move || announce(&word, 4, phase))
            })
            .collect();
        loop {
            let seen = word.load();
            match seen & MASK {
                DONE => break,
                ARMED | LOOK => {
                    let _ = word.compare_exchange(seen, 4 | ASLEEP);
                }
                _ => word.wait(seen),
            }
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}
