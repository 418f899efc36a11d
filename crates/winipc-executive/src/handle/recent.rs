//! What a thread's last look-ups found: the way from a handle to its object is several dependent loads, and programs
//! use the same few handles again and again.
//!
//! A table entry's word says all about the handle. While it is what it was, and in a page of the table, so is what was
//! found through it; whether the slot still holds that object is asked of the slot each time.

use std::cell::Cell;

use super::Found;
use super::table::{Entry, GENERATION_MASK, look_up_in, page_of, word_in};
use crate::arena::word::Guarded64;
use crate::arena::{Ref, state};
use crate::context::Current;
use crate::records::{HandlePage, Object};
use crate::status::{Result, Status};

/// A handle that was looked up.
#[derive(Clone, Copy)]
struct Recent {
    index: u32,
    page: Ref<HandlePage>,
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
pub(super) fn look_up(current: &Current, index: u32) -> Option<Found> {
    let recent = RECENT.with(|recent| recent[index as usize % PLACES].get())?;
    let state = recent.object.state.load();
    let is_same = recent.index == index
        && recent.word.peek() == recent.entry.0
        && state::generation_of(state) & GENERATION_MASK == recent.entry.generation()
        // Whoever was about to give the table this page may have been undone, and the page be another process's.
        && page_of(current.process(), index) == Some(recent.page);
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
    let place = page_of(process, index).and_then(|page| Some((page, word_in(arena, page, index)?)));
    let (Some((page, word)), Ok((found, entry))) = (place, look_up_in(arena, process, index)) else {
        current.halt_if_exiting();
        return Err(Status::INVALID_HANDLE);
    };
    let recent = Recent { index, page, entry, word, object: found.object };
    RECENT.with(|places| places[index as usize % PLACES].set(Some(recent)));
    Ok(())
}

/// Forgets everything: the thread's handles are another process's from now on.
pub(crate) fn forget() {
    RECENT.with(|recent| recent.iter().for_each(|place| place.set(None)));
}

#[cfg(test)]
mod tests {
    use crate::access::MODIFY_STATE;
    use crate::context::{Current, attach_in_memory, join_in_memory};
    use crate::event;
    use crate::handle::{Handle, close, insert, look_up, set_flags};
    use crate::object::{self, Attributes};
    use crate::process;
    use crate::records::Kind;
    use crate::status::Status;

    fn event_with(access: u32) -> Handle {
        event::create(&Attributes::default(), access, true, false).unwrap().0
    }

    /// Runs in another thread of the process.
    fn elsewhere(current: &Current, work: impl FnOnce() + Send) {
        let context = current.context;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                join_in_memory(context);
                work();
            });
        });
    }

    /// A handle seen in a page that a transaction brought and took back named, once the page was another process's,
    /// that one's object.
    #[test]
    fn what_is_remembered_of_a_page_goes_with_the_page() {
        let current = attach_in_memory();
        let arena = current.arena();
        let mut lock = current.begin().unwrap();
        let object = object::allocate(&mut lock, Kind::Event, 0).unwrap();
        let handle = insert(&mut lock, current.process(), object, MODIFY_STATE, false).unwrap();
        assert!(look_up(&current, handle).is_ok());
        drop(lock);
        // The page and the object's slot are a stranger's now.
        let stranger = arena.get(process::claim_record(arena).unwrap()).unwrap();
        let mut lock = current.begin().unwrap();
        assert_eq!(object::allocate(&mut lock, Kind::Event, 0), Ok(object));
        assert_eq!(insert(&mut lock, stranger, object, MODIFY_STATE, false), Ok(handle));
        lock.commit().unwrap();
        assert_eq!(look_up(&current, handle).err(), Some(Status::INVALID_HANDLE));
    }

    #[test]
    fn what_another_thread_closes_or_makes_anew_is_looked_up_anew() {
        let current = attach_in_memory();
        let handle = event_with(MODIFY_STATE);
        let before = look_up(&current, handle).unwrap();
        elsewhere(&current, || close(handle).unwrap());
        assert_eq!(look_up(&current, handle).err(), Some(Status::INVALID_HANDLE));
        // The number is another object's, in the same slot, with the same rights.
        elsewhere(&current, || assert_eq!(event_with(MODIFY_STATE), handle));
        let after = look_up(&current, handle).unwrap();
        assert_eq!((after.reference, after.access), (before.reference, before.access));
        let is_current = |found: &super::Found| found.is_current(&current.begin().unwrap());
        assert!(!is_current(&before) && is_current(&after));
        // With other rights, and with other attributes, which change none.
        elsewhere(&current, || {
            close(handle).unwrap();
            assert_eq!(event_with(0), handle);
        });
        assert_eq!(event::set(handle), Err(Status::ACCESS_DENIED));
        elsewhere(&current, || set_flags(handle, Some(true), None).unwrap());
        assert_eq!(look_up(&current, handle).unwrap().access, 0);
    }

    #[test]
    fn a_thread_that_joins_as_another_process_remembers_nothing() {
        let current = attach_in_memory();
        let handle = event_with(MODIFY_STATE);
        assert!(look_up(&current, handle).is_ok());
        let other = attach_in_memory();
        assert_eq!(look_up(&other, handle).err(), Some(Status::INVALID_HANDLE));
    }
}
