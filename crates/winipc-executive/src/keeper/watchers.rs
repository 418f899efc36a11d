//! Watchers: the keeper's helpers in a process with more threads than it can watch itself.
//!
//! The kernel lets a thread sleep on [`MAXIMUM_WORDS`] words. Each watcher sleeps on as many as that for the threads
//! whose signs of life the keeper has no room for, and rings it when one ends. A process with few threads has no
//! watchers.

use std::sync::{Mutex, MutexGuard};

use super::doorbell;
use crate::arena::Ref;
use crate::arena::futex::{self, MAXIMUM_WORDS};
use crate::arena::seat::Seat;
use crate::arena::system;
use crate::arena::word::Free32;
use crate::context::Context;

/// Seats that one watcher watches; the last word is that by which it learns of changes.
const SHARE: usize = MAXIMUM_WORDS - 1;

/// Stack of a watcher; it is touched only as far as it is used.
const STACK: usize = 64 << 10;

/// The watchers of a process.
#[derive(Default)]
pub(crate) struct Watchers {
    watched: Mutex<Watched>,
    /// Counts the changes of what is watched; the watchers sleep on it.
    changes: Free32,
}

#[derive(Default)]
struct Watched {
    seats: Vec<Ref<Seat>>,
    /// How many watchers there are.
    started: usize,
}

impl Watchers {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Has these seats of the process watched, and no others. False: there is no room for another thread to do it.
    pub(super) fn watch(&self, context: &'static Context, seats: Vec<Ref<Seat>>) -> bool {
        let mut watched = self.watched();
        if watched.seats != seats {
            watched.seats = seats;
            self.changes.fetch_add(1);
            futex::wake(&self.changes, u32::MAX);
        }
        while watched.started * SHARE < watched.seats.len() {
            let number = watched.started;
            let run = move || context.watchers.run(context, number);
            if system::start_thread(c"winipc-watcher", STACK, run).is_err() {
                return false;
            }
            watched.started += 1;
        }
        true
    }

    fn run(&self, context: &Context, number: usize) {
        loop {
            let seen = self.changes.load();
            let share: Vec<_> =
                self.watched().seats.iter().skip(number * SHARE).take(SHARE).copied().collect();
            let mut words = Vec::with_capacity(MAXIMUM_WORDS);
            words.push((self.changes.for_futex(), seen));
            let living = share.iter().filter_map(|seat| {
                let seat = context.arena.get(*seat).ok()?;
                Some((seat.life_word(), seat.watch()?))
            });
            words.extend(living);
            if words.len() <= share.len() {
                // Whatever comes of it, the keeper says anew what to watch.
                self.watched().seats.clear();
                doorbell(context.process_record()).ring();
            }
            futex::wait_many(&words, None);
        }
    }
}
