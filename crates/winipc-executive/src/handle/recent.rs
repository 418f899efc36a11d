//! What a thread's last look-ups found: the way from a handle to its object is several dependent loads, and programs use
//! the same few handles again and again.
//!
//! A table entry's word says all about the handle. While it is what it was, so is what was found through it; whether the
//! slot still holds that object is asked of the slot each time.

use std::cell::Cell;

use super::Found;
use super::table::{Entry, GENERATION_MASK, entry_word, look_up_in};
use crate::arena::state;
use crate::arena::word::Guarded64;
use crate::context::Current;
use crate::records::Object;
use crate::status::{Result, Status};

/// A handle that was looked up.
#[derive(Clone, Copy)]
struct Recent {
    index: u32,
    entry: Entry,
    word: &'static Guarded64,
    object: &'static Object,
}

/// How many handles a thread remembers, by the low bits of their numbers.
const PLACES: usize = 16;

thread_local! {
    static RECENT: [Cell<Option<Recent>>; PLACES] = const { [const { Cell::new(None) }; PLACES] };
}

/// What a handle that was looked up before names; `None` if it was not, or if that is no longer so.
#[inline]
pub(super) fn look_up(index: u32) -> Option<Found> {
    let recent = RECENT.with(|recent| recent[index as usize % PLACES].get())?;
    let state = recent.object.state.load();
    let is_same = recent.index == index
        && recent.word.peek() == recent.entry.0
        && state::generation_of(state) & GENERATION_MASK == recent.entry.generation();
    is_same.then_some(Found {
        reference: recent.entry.object(),
        object: recent.object,
        state,
        access: recent.entry.access(),
    })
}

/// Finds what a handle of the calling process names the long way, and remembers it.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: no such handle.
#[cold]
pub(super) fn find(current: &Current, index: u32) -> Result<()> {
    let (arena, process) = (current.arena(), current.process());
    let (Some(word), Ok((found, entry))) =
        (entry_word(arena, process, index), look_up_in(arena, process, index))
    else {
        current.stay_if_leaving();
        return Err(Status::INVALID_HANDLE);
    };
    let recent = Recent { index, entry, word, object: found.object };
    RECENT.with(|places| places[index as usize % PLACES].set(Some(recent)));
    Ok(())
}

/// Forgets everything: the thread's handles are another process's from now on.
pub(crate) fn forget() {
    RECENT.with(|recent| recent.iter().for_each(|place| place.set(None)));
}
