//! Crash points: places where the crash suite stops or kills the process.
//!
//! Every store, compare-and-swap and futex call on shared memory passes through [`point`]. Without the feature
//! `crash-points` it is nothing.

#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn point() {}

#[cfg(feature = "crash-points")]
pub(crate) use armed::point;
#[cfg(feature = "crash-points")]
pub use armed::{arm, arm_process, disarm};

#[cfg(feature = "crash-points")]
mod armed {
    use core::cell::Cell;
    use core::sync::atomic::{AtomicI64, Ordering};

    thread_local! {
        /// How many points the calling thread passes before the process stops; `None` while disarmed.
        static REMAINING: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Lets the calling thread pass `points` crash points and stops the whole process (SIGSTOP) at the next one.
    pub fn arm(points: u64) {
        REMAINING.with(|remaining| remaining.set(Some(points)));
    }

    /// Disarms the calling thread and returns how many points were left.
    pub fn disarm() -> Option<u64> {
        REMAINING.with(|remaining| remaining.replace(None))
    }

    /// How many points all threads together pass before the process stops; negative while disarmed.
    static PROCESS_REMAINING: AtomicI64 = AtomicI64::new(-1);

    /// Lets the threads of the process, the keeper too, pass `points` crash points together, and stops the process at
    /// the next one.
    pub fn arm_process(points: u64) {
        PROCESS_REMAINING.store(i64::try_from(points).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn point() {
        if PROCESS_REMAINING.load(Ordering::Relaxed) >= 0
            && PROCESS_REMAINING.fetch_sub(1, Ordering::SeqCst) == 0
        {
            // SAFETY: as below.
            unsafe { libc::raise(libc::SIGSTOP) };
        }
        REMAINING.with(|remaining| match remaining.get() {
            None => {}
            Some(0) => {
                remaining.set(None);
                // SAFETY: raise has no preconditions; SIGSTOP stops the process until somebody continues or kills it.
                unsafe { libc::raise(libc::SIGSTOP) };
            }
            Some(left) => remaining.set(Some(left - 1)),
        });
    }
}
