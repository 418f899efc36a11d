//! Processes: their records, handle tables and timers.

use super::Checker;
use crate::arena::Ref;
use crate::arena::seat::Life;
use crate::arena::state::generation_of;
use crate::handle::{self, Entry};
use crate::process::{self, claim};
use crate::quota::Payer;
use crate::records::{Kind, Object, PAGE_ENTRIES, Process};
use crate::timer;

impl Checker<'_> {
    pub(super) fn processes(&mut self) {
        for number in 1..self.arena.process_limit() {
            let reference = Ref::<Process>::from_index(number);
            let Ok(process) = self.arena.get(reference) else { continue };
            let place = format!("process record #{number} (process {})", process.id.load());
            self.record(&place, reference, process);
            self.table(&place, process);
            self.timers(&place, reference, process);
            self.requests_of(&place, reference, process);
            self.views_of(&place, reference, process);
        }
    }

    /// What each process pays for, once all that anybody pays for is counted.
    pub(super) fn charges(&mut self) {
        for (reference, process) in process::all(self.arena) {
            if process.claim.load() == claim::ATTACHED {
                let place = format!("bytes charged to process record #{}", reference.index());
                let charged = self.charges.get(&Payer::of(reference, process)).copied().unwrap_or(0);
                self.same(place, charged, process.charge.peek());
            }
        }
    }

    fn record(&mut self, place: &str, reference: Ref<Process>, process: &Process) {
        let seats = || self.arena.seats().filter(|(_, seat)| seat.process() == reference.index());
        let is_alive = seats().any(|(_, seat)| seat.life() == Life::Alive);
        let keeper = process.keeper.load();
        let has_keeper = keeper == 0 || seats().any(|(number, _)| number.index() == keeper);
        match process.claim.load() {
            claim::FREE => {
                for (what, word) in [
                    ("object", &process.object),
                    ("first thread", &process.first_thread),
                    ("handle count", &process.handle_count),
                    ("first request", &process.first_request),
                    ("count of requests", &process.requests),
                    ("charge", &process.charge),
                    ("first completed request", &process.first_completed),
                    ("first timer", &process.first_timer),
                    ("first view", &process.first_view),
                ] {
                    self.same(format!("{what} of free {place}"), 0, word.peek());
                }
            }
            claim if claim::parent(claim).is_some() => {
                let parent = claim::parent(claim).and_then(|parent| self.arena.get(parent).ok());
                if parent.is_none_or(|parent| parent.claim.load() == claim::FREE) {
                    self.fault(format!("parent of {place}"), "a process", "none");
                }
            }
            claim::TAKEN | claim::ATTACHED | claim::BURIED | claim::JOINING if !is_alive => {
                self.fault(place, "buried, as its threads are dead", "not yet")
            }
            claim::TAKEN | claim::BURIED | claim::JOINING => {}
            claim::ATTACHED => {
                if process.object.peek() == 0 {
                    self.fault(place, "a process object", "none");
                }
                if !has_keeper {
                    self.fault(
                        format!("keeper of {place}"),
                        "a seat of the process",
                        format!("seat #{keeper}"),
                    );
                }
            }
            other => self.fault(format!("claim of {place}"), "one of those there are", other),
        }
        let thread = process.first_thread.peek();
        let what = format!("first thread of {place}");
        if thread != 0
            && self.refer(&what, thread, |tally| &mut tally.records)
            && let Ok(object) = self.arena.get::<Object>(Ref::from_index(thread))
        {
            self.same(format!("kind of the {what}"), Kind::Thread.tag(), object.head.tag.peek());
        }
        let object = process.object.peek();
        if object == 0 || !self.refer(format!("object of {place}"), object, |tally| &mut tally.records) {
            return;
        }
        let Ok(object) = self.arena.get::<Object>(Ref::from_index(object)) else { return };
        self.same(format!("kind of the object of {place}"), Kind::Process.tag(), object.head.tag.peek());
        let body = |index: usize| object.body[index].peek();
        let stands_for = (u64::from(reference.index()), u64::from(process.generation.load()));
        if (body(process::RECORD), body(process::GENERATION)) != stands_for {
            self.fault(
                format!("process object of {place}"),
                format!("to stand for record {}, generation {}", stands_for.0, stands_for.1),
                format!("record {}, generation {}", body(process::RECORD), body(process::GENERATION)),
            );
        }
    }

    fn table(&mut self, place: &str, process: &Process) {
        let pages: Vec<_> = handle::pages(self.arena, process).collect();
        let mut mine = Vec::new();
        for (first, number, page) in pages {
            if !self.pages.is_used(number) || !self.pages.own(number) {
                self.fault(format!("handle table of {place}"), "pages of its own", format!("page #{number}"));
                continue;
            }
            mine.push((first, page));
        }
        let listed = process.pages.iter().filter(|page| page.peek() != 0).count();
        if listed != mine.len() {
            self.fault(format!("handle table of {place}"), format!("{listed} pages"), mine.len());
        }
        let fresh = process.fresh_handle.peek();
        let (mut live, mut free) = (0, std::collections::HashMap::new());
        for (first, page) in mine {
            let (mut inheritable, mut files) = (0, 0);
            for (index, word) in (first..first + PAGE_ENTRIES as u32).zip(&page.entries) {
                let entry = Entry(word.peek());
                if !entry.is_live() {
                    if index != 0 && index < fresh {
                        free.insert(index, entry.0 as u32);
                    }
                    continue;
                }
                live += 1;
                if index == 0 || index >= fresh {
                    self.fault(format!("handle table of {place}"), format!("handles in 1..{fresh}"), index);
                }
                inheritable += u32::from(entry.is_inheritable());
                let object = self.arena.get::<Object>(entry.object());
                files += u32::from(object.is_ok_and(|object| object.head.tag.peek() == Kind::File.tag()));
                self.entry(&format!("handle {:#x} of {place}", index << 2), entry);
            }
            let counts = format!("from {:#x} of {place}", first << 2);
            self.same(format!("inheritable handles {counts}"), inheritable, page.inheritable.peek());
            self.same(format!("handles to files {counts}"), files, page.files.peek());
        }
        self.same(format!("handle count of {place}"), live, process.handle_count.peek());
        let mut next = process.free_handle.peek();
        while next != 0 {
            match free.remove(&next) {
                Some(after) => next = after,
                None => {
                    let found = format!("entry {next}, which is not free or listed twice");
                    self.fault(format!("free handles of {place}"), "free entries of the table", found);
                    return;
                }
            }
        }
        if !free.is_empty() {
            self.fault(
                format!("free handles of {place}"),
                "all free entries",
                format!("{} missing", free.len()),
            );
        }
    }

    fn entry(&mut self, place: &str, entry: Entry) {
        let number = entry.object();
        if !self.refer(place, number.index(), |tally| &mut tally.handles) {
            return;
        }
        if let Ok(object) = self.arena.get(number) {
            let generation = generation_of(object.state.load()) & handle::GENERATION_MASK;
            self.same(format!("generation in {place}"), generation, entry.generation());
        }
    }

    fn timers(&mut self, place: &str, reference: Ref<Process>, process: &Process) {
        let place = format!("timers of {place}");
        let mut next = process.first_timer.peek();
        while next != 0 {
            if !self.objects.is_used(next) || self.tallies[next as usize].timer_lists != 0 {
                self.fault(place, "live timers, each once", format!("object #{next}"));
                return;
            }
            self.tallies[next as usize].timer_lists += 1;
            let Ok(object) = self.arena.get::<Object>(Ref::from_index(next)) else { return };
            self.same(
                format!("kind of object #{next} in {place}"),
                Kind::Timer.tag(),
                object.head.tag.peek(),
            );
            let thread = crate::arena::seat::SeatId(object.body[timer::THREAD].peek() as u32);
            let seat = self.arena.get(thread.seat()).ok().filter(|seat| seat.id(thread.seat()) == thread);
            if seat.is_none_or(|seat| seat.process() != reference.index()) {
                let found = format!("seat #{}", thread.seat().index());
                self.fault(format!("thread of timer #{next} in {place}"), "a thread of the process", found);
            }
            next = object.body[timer::NEXT].peek() as u32;
        }
    }
}
