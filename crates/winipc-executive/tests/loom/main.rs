//! Models of the lock-free paths, run through all interleavings that loom finds.
//!
//! The arena's words lie in memory that processes share, where loom's atomics cannot lie. So these are models: each
//! names the code that it repeats, word for word as far as the order of its accesses goes. A wake-up that gets lost is
//! a deadlock here, since no sleep has a time limit.

#![cfg(loom)]

mod futex;
mod lock;
mod mutex;
mod ring;
mod state;
mod wake;

/// Runs a model with a bounded number of preemptions, beyond which faults of this size do not hide.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
