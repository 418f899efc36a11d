//! Inheritance: the handles of a parent in the table of a child that is being made, under the same numbers, and which
//! of its own a process has got so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Handle;
use super::table::{Entry, add, count_in_page, entries, entry_word, look_up_in, pages};
use crate::arena::Arena;
use crate::context::{Current, current};
use crate::object;
use crate::process::standard;
use crate::records::{HandlePage, Kind, Object, PAGE_ENTRIES, Process, TABLE_PAGES};
use crate::status::{Result, Status};

/// The entries of handles that a child is to inherit, in order.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: one of them is no inheritable handle.
pub(crate) fn inheritable(current: &Current, handles: &[Handle]) -> Result<Vec<u32>> {
    let mut chosen = Vec::with_capacity(handles.len());
    for handle in handles {
        let index = handle.index().ok_or(Status::INVALID_PARAMETER)?;
        match look_up_in(current.arena(), current.process(), index) {
            Ok((_, entry)) if entry.is_inheritable() => chosen.push(index),
            _ => return Err(Status::INVALID_PARAMETER),
        }
    }
    chosen.sort_unstable();
    Ok(chosen)
}

/// Puts the inheritable handles of the calling process, or those of them that are `chosen`, into the empty table of a
/// child that it is making. They keep their numbers and rights. Returns the objects among them that stand for
/// descriptors.
///
/// # Errors
/// [`Status::INSUFFICIENT_RESOURCES`], [`Status::NO_MEMORY`]: there is no room for the table.
pub(crate) fn inherit(current: &Current, child: &Process, chosen: Option<&[u32]>) -> Result<BTreeSet<u32>> {
    let is_chosen = |index: u32| chosen.is_none_or(|chosen| chosen.binary_search(&index).is_ok());
    let parent = current.process();
    let is_inherited = |index: u32| {
        let entry = Entry(entry_word(current.arena(), parent, index)?.peek());
        (entry.is_live() && entry.is_inheritable() && is_chosen(index)).then_some(entry)
    };
    // Looked for without the lock: what is made inheritable meanwhile may or may not be inherited.
    let entries = parent.fresh_handle.peek().min((PAGE_ENTRIES * TABLE_PAGES) as u32);
    let searched = pages(current.arena(), parent).filter(|(_, _, page)| page.inheritable.peek() != 0);
    let searched: Vec<_> = searched.map(|(first, ..)| first).collect();
    let indexes = |first: u32| first.max(1)..(first + PAGE_ENTRIES as u32).min(entries);
    let find_last = |&first: &u32| indexes(first).rev().find(|&index| is_inherited(index).is_some());
    let mut files = BTreeSet::new();
    let Some(last) = searched.iter().rev().find_map(find_last) else {
        return Ok(files);
    };
    for first in searched {
        let indexes = indexes(first).start..indexes(first).end.min(last + 1);
        if !indexes.clone().any(|index| is_inherited(index).is_some()) {
            continue; // the table has a gap there
        }
        let mut lock = current.begin()?;
        let new = lock.allocate::<HandlePage>(1)?;
        child.pages[first as usize / PAGE_ENTRIES].set(&mut lock, new.index());
        let table = lock.arena().get(new)?;
        let end = indexes.end;
        // From the last on, so that the free entry with the least number is the first to be used.
        for index in indexes.rev() {
            let word = &table.entries[index as usize % PAGE_ENTRIES];
            if let Some(entry) = is_inherited(index) {
                let object: &Object = lock.arena().get(entry.object())?;
                word.set(&mut lock, entry.0);
                count_in_page(&mut lock, child, index, object, true, 1)?;
                add(&mut lock, &child.handle_count, 1);
                add(&mut lock, &object.handles, 1);
                object::retain(&mut lock, object);
                if object.head.tag.get(&lock) == Kind::File.tag() {
                    files.insert(entry.object().index());
                }
            } else {
                let next = child.free_handle.get(&lock);
                word.set(&mut lock, u64::from(next));
                child.free_handle.set(&mut lock, index);
            }
        }
        child.fresh_handle.set(&mut lock, end);
        lock.commit()?;
    }
    Ok(files)
}

/// The handles that a process has inherited and nobody has [taken](take_inherited).
#[derive(Default)]
pub(crate) struct Untaken {
    entries: Mutex<BTreeMap<u32, Entry>>,
    /// Whether there are any: nearly no process inherits handles, and all close some.
    are_there: AtomicBool,
}

impl Untaken {
    /// Notes what a process that joins has inherited, but for its standard handles: whoever asks for those shares them.
    pub(crate) fn note(&self, arena: &Arena, process: &Process) {
        let standard = process.standard.each_ref().map(|word| standard::from_word(word.peek()).index());
        let inherited = entries(arena, process, |page| page.inheritable.peek() != 0)
            .filter(|(index, entry)| entry.is_inheritable() && !standard.contains(&Some(*index)));
        let mut untaken = self.lock();
        untaken.extend(inherited);
        self.are_there.store(!untaken.is_empty(), Ordering::Release);
    }

    /// Closes a handle, and forgets it if it is closed: what has its number then was not inherited.
    #[inline]
    pub(super) fn close<T>(
        &self,
        current: &Current,
        index: u32,
        close: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        // Who has the lock may have been halted for good when this thread began to end the process.
        if !self.are_there.load(Ordering::Acquire) || current.exits_process() {
            return close();
        }
        let mut untaken = self.lock();
        let closed = close()?;
        self.take(&mut untaken, index);
        Ok(closed)
    }

    fn take(&self, untaken: &mut BTreeMap<u32, Entry>, index: u32) -> Option<Entry> {
        let entry = untaken.remove(&index);
        self.are_there.store(!untaken.is_empty(), Ordering::Release);
        entry
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a handle which the process has inherited belongs to the caller from now on. That can be said once of each,
/// so that the caller may rely on it.
///
/// # Errors
/// [`Status::NOT_FOUND`]: the process has not inherited it, it was taken before or has been closed, it was made a
/// standard handle by who made the process, or the process is ending.
pub fn take_inherited(handle: Handle) -> Result<()> {
    let current = current()?;
    // As in `Untaken::close`: who has the table may be halted. All handles are closed by then.
    if current.exits_process() {
        return Err(Status::NOT_FOUND);
    }
    let index = handle.index().ok_or(Status::NOT_FOUND)?;
    let untaken = &current.context.untaken;
    let inherited = untaken.take(&mut untaken.lock(), index).ok_or(Status::NOT_FOUND)?;
    // Another process may have closed it.
    let (_, entry) = look_up_in(current.arena(), current.process(), index).map_err(|_| Status::NOT_FOUND)?;
    let is_same = entry.object() == inherited.object() && entry.generation() == inherited.generation();
    if is_same { Ok(()) } else { Err(Status::NOT_FOUND) }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::context::{attach_in_memory, begin_to_exit, join_in_memory};
    use crate::handle::{insert, look_up, set_flags};
    use crate::inspect::check_arena;
    use crate::object::Attributes;
    use crate::{death, event, process};

    #[test]
    fn a_handle_with_the_number_of_one_that_was_inherited_is_not() {
        let current = attach_in_memory();
        let (event, _) =
            event::create(&Attributes { name: None, inherit: true }, 0x1F_0003, false, false).unwrap();
        let own = Handle::CURRENT_PROCESS;
        let duplicate = || {
            let options = crate::handle::Duplicate { access: None, inherit: true, close_source: false };
            crate::handle::duplicate(own, event, Some(own), &options).unwrap()
        };
        let inherited = duplicate();
        current.context.untaken.note(current.arena(), current.process());
        crate::handle::close(inherited).unwrap();
        assert_eq!(duplicate(), inherited, "the number is used again");
        assert_eq!(take_inherited(inherited), Err(Status::NOT_FOUND));
        assert_eq!(take_inherited(event), Ok(()));
        assert_eq!(take_inherited(event), Err(Status::NOT_FOUND));
        let are_there = current.context.untaken.are_there.load(Ordering::Acquire);
        assert!(!are_there, "closing takes the lock of a table that has nothing");
    }

    /// A thread that closes a handle when another begins to end the process is halted, and has the table.
    #[test]
    fn who_ends_the_process_waits_for_nobody_who_is_halted() {
        let current = attach_in_memory();
        let (event, _) =
            event::create(&Attributes { name: None, inherit: true }, 0x1F_0003, false, false).unwrap();
        current.context.untaken.note(current.arena(), current.process());
        begin_to_exit(&current);
        let (tell_held, is_held) = channel();
        let (release, released) = channel();
        std::thread::scope(|scope| {
            let halted = scope.spawn(move || {
                let _table = current.context.untaken.lock();
                tell_held.send(()).unwrap();
                released.recv_timeout(Duration::from_secs(20)).is_ok()
            });
            is_held.recv().unwrap();
            crate::handle::close(event).unwrap();
            let _ = release.send(());
            assert!(halted.join().unwrap(), "the handle was closed only when the table was free");
        });
    }

    /// The handle behind the first page was looked for, and was none to inherit when its page was to be made: the
    /// child's next handle came into the middle of that page, and the entries before it were neither used nor free.
    #[test]
    fn a_handle_that_is_not_inheritable_any_more_leaves_no_gap() {
        let current = attach_in_memory();
        let make = |inherit| {
            let attributes = Attributes { name: None, inherit };
            event::create(&attributes, 0x1F_0003, false, false).unwrap().0
        };
        // All of the first page, so that a child has no free entry there, and one that is not the first of the second.
        let first = look_up(&current, make(true)).unwrap();
        for _ in 2..PAGE_ENTRIES {
            make(true);
        }
        make(false);
        let last = make(true);
        let (context, is_over) = (current.context, AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let current = join_in_memory(context);
                while !is_over.load(Ordering::Relaxed) {
                    for inherit in [false, true] {
                        set_flags(last, Some(inherit), None).unwrap();
                    }
                }
                death::end_own_thread(current);
            });
            let mut faults = Vec::new();
            for _ in 0..200 {
                let record = process::claim_record(current.arena()).unwrap();
                let child: &Process = current.arena().get(record).unwrap();
                inherit(&current, child, None).unwrap();
                let mut lock = current.begin().unwrap();
                insert(&mut lock, child, first.reference, first.access, false).unwrap();
                lock.commit().unwrap();
                faults = check_arena(&current);
                faults.retain(|fault| fault.to_string().contains("handle"));
                if !faults.is_empty() {
                    break;
                }
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(faults, []);
        });
    }
}
