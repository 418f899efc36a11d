//! Attachments of tests, to arenas of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::attachment::take_back_join;
use super::{Context, Current, sit_down_for};
use crate::arena::file::Directory;
use crate::arena::fork::ForkMark;
use crate::arena::place::Place;
use crate::arena::{Arena, fork_hooks};
use crate::process;

/// Attaches the calling thread to an arena of its own on plain memory. Another seat plays the keeper.
pub(crate) fn attach_in_memory() -> Current {
    // Files of sections have names of their own; there is none of the arena.
    attach_to(Arena::in_memory(), Arc::new(own_place()))
}

/// The same, to an arena with a file, which stays until the caller removes it.
pub(crate) fn attach_in_file() -> Current {
    let place = Arc::new(own_place());
    let arena = Directory::lock_at(&place).unwrap().create().unwrap();
    attach_to(arena, place)
}

fn own_place() -> Place {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    Place::for_test(&format!("own-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn attach_to(arena: Arena, place: Arc<Place>) -> Current {
    let arena: &'static Arena = Box::leak(Box::new(arena));
    let process = process::claim_record(arena).unwrap();
    let context = Context::keep(arena, process, place, ForkMark::new().unwrap()).unwrap();
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
