//! Attachments of tests, to arenas on plain memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::attachment::take_back_join;
use super::{Context, Current, sit_down_for};
use crate::arena::fork::ForkMark;
use crate::arena::place::Place;
use crate::arena::{Arena, fork_hooks};
use crate::process;

/// Attaches the calling thread to an arena of its own on plain memory. Another seat plays the keeper.
pub(crate) fn attach_in_memory() -> Current {
    let arena: &'static Arena = Box::leak(Box::new(Arena::in_memory()));
    let process = process::claim_record(arena).unwrap();
    // Files of sections have names of their own; there is none of the arena.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let place = Place::for_test(&format!("memory-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    let context = Context::keep(arena, process, Arc::new(place), ForkMark::new().unwrap()).unwrap();
    fork_hooks::install();
    let current = sit_down_for(context).unwrap();
    process::join(current).unwrap();
    let keeper = context.arena.take_seat(process.index(), |_| Ok(())).unwrap();
    context.process_record().keeper.store(keeper.index());
    current
}

/// Has another process begin to join the arena, do something there, and end before it has a keeper.
pub(crate) fn visit<T>(arena: &'static Arena, call: impl FnOnce() -> T) -> T {
    let process = process::claim_record(arena).unwrap();
    let place = Arc::new(Place::for_test("visit"));
    let context = Context::keep(arena, process, place, ForkMark::new().unwrap()).unwrap();
    let current = sit_down_for(context).unwrap();
    process::join(current).unwrap();
    let result = call();
    take_back_join(context);
    result
}

/// Attaches the calling thread to the arena that another thread of the test has made.
pub(crate) fn join_in_memory(context: &'static Context) -> Current {
    sit_down_for(context).unwrap()
}

/// Has the process of a test be about to end, by the calling thread.
pub(crate) fn begin_to_exit(current: &Current) {
    current.context.exiting_seat.store(current.seat.index(), Ordering::Relaxed);
}
