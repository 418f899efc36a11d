//! `mutex`: taken and given up without the lock, by a thread that dies at any instruction. Whoever buries it finds the
//! mutex by the pending word or by the list.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::thread;

use crate::explore;

const MUTEX: u32 = 7;
const ABANDONED: u64 = 1 << 31;

struct Shared {
    state: AtomicU64,
    /// Of the thread that dies.
    pending: AtomicU32,
    owned: AtomicU32,
}

/// Goes through `mutex::try_take` and `mutex::release`, and dies after so many accesses.
fn take_and_release(shared: &Shared, id: u64, lives: u32) -> Option<()> {
    let left = std::cell::Cell::new(lives);
    let step = || {
        left.set(left.get().checked_sub(1)?);
        Some(())
    };
    step()?;
    shared.pending.store(MUTEX, Ordering::Release);
    step()?;
    if shared.state.compare_exchange(0, id, Ordering::AcqRel, Ordering::Acquire).is_err() {
        step()?;
        shared.pending.store(0, Ordering::Release);
        return Some(());
    }
    step()?;
    shared.owned.store(MUTEX, Ordering::Release);
    step()?;
    shared.pending.store(0, Ordering::Relaxed);
    step()?;
    shared.pending.store(MUTEX, Ordering::Release);
    step()?;
    shared.owned.store(0, Ordering::Release);
    step()?;
    shared.state.compare_exchange(id, 0, Ordering::AcqRel, Ordering::Acquire).unwrap();
    step()?;
    shared.pending.store(0, Ordering::Release);
    Some(())
}

/// `mutex::abandon_one`, with the lock held.
fn bury(shared: &Shared, dead: u64) {
    let number = match shared.pending.load(Ordering::Acquire) {
        0 => shared.owned.load(Ordering::Acquire),
        pending => pending,
    };
    if number == MUTEX && shared.state.load(Ordering::Acquire) & !ABANDONED == dead {
        shared.state.store(ABANDONED, Ordering::Release);
    }
}

#[test]
fn a_mutex_never_stays_with_a_thread_that_died() {
    for lives in 0..=8 {
        explore(move || {
            let shared = Arc::new(Shared {
                state: AtomicU64::new(0),
                pending: AtomicU32::new(0),
                owned: AtomicU32::new(0),
            });
            let other = {
                let shared = Arc::clone(&shared);
                // Another takes it for good, if it is free.
                thread::spawn(move || {
                    shared.state.compare_exchange(0, 2, Ordering::AcqRel, Ordering::Acquire).is_ok()
                })
            };
            let mortal = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || take_and_release(&shared, 1, lives))
            };
            mortal.join().unwrap(); // the kernel tells of the death after the last access
            bury(&shared, 1);
            let is_others = other.join().unwrap();
            let state = shared.state.load(Ordering::Acquire);
            assert_ne!(state & !ABANDONED, 1, "after {lives} accesses");
            assert_eq!(state == 2, is_others, "what another owns stays its own");
        });
    }
}
