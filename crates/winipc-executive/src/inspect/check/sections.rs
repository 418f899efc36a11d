//! Sections: the views that processes have, what nothing refers to any more, and the files.

use std::collections::HashMap;

use super::{Checker, Fault};
use crate::arena::block::BlockRef;
use crate::arena::place::Place;
use crate::arena::{Arena, Ref};
use crate::records::{Kind, Object, Process, View};
use crate::section;

impl Checker<'_> {
    /// The views of a process.
    pub(super) fn views_of(&mut self, place: &str, reference: Ref<Process>, process: &Process) {
        let spare = process.spare_section.peek();
        if spare != 0
            && self.refer(format!("kept section of {place}"), spare, |tally| &mut tally.records)
            && let Ok(object) = self.arena.get::<Object>(Ref::from_index(spare))
        {
            let is_kept = object.head.tag.peek() == Kind::Section.tag()
                && object.body[section::FLAGS].peek() & section::SPARE != 0;
            self.same(format!("object #{spare}, which {place} keeps, is a section to keep"), true, is_kept);
        }
        let place = format!("views of {place}");
        let mut previous = 0;
        let mut next = process.first_view.peek();
        while next != 0 {
            if !self.views.is_used(next) || !self.views.own(next) {
                self.fault(place, "views, each once", format!("view #{next}"));
                return;
            }
            let Ok(view) = self.arena.get::<View>(Ref::from_index(next)) else { return };
            self.same(format!("previous of view #{next} in {place}"), previous, view.previous.peek());
            self.same(format!("process of view #{next} in {place}"), reference.index(), view.process.peek());
            self.charge_process(reference, process, section::VIEW_RECORD_SIZE);
            let number = view.section.peek();
            if self.refer(format!("section of view #{next} in {place}"), number, |tally| &mut tally.views)
                && let Ok(object) = self.arena.get::<Object>(Ref::from_index(number))
            {
                self.same(
                    format!("kind of object #{number} of view #{next}"),
                    Kind::Section.tag(),
                    object.head.tag.peek(),
                );
            }
            previous = next;
            next = view.next.peek();
        }
    }

    /// Sections that nothing refers to and that are still to be freed.
    pub(super) fn unused_sections(&mut self) {
        let mut next = self.arena.header().unused_sections.0.peek();
        while next != 0 {
            let is_new = self.objects.is_used(next)
                && !core::mem::replace(&mut self.tallies[next as usize].is_unused, true);
            let object = self.arena.get::<Object>(Ref::from_index(next));
            let Some(object) =
                object.ok().filter(|object| is_new && object.head.tag.peek() == Kind::Section.tag())
            else {
                self.fault("unused sections", "sections, each once", format!("object #{next}"));
                return;
            };
            self.same(format!("references to unused section #{next}"), 0, object.references.peek());
            next = object.body[section::NEXT].peek() as u32;
        }
    }

    /// A section's own words.
    pub(super) fn section(&mut self, place: &str, object: &Object, views: u32) {
        self.same(format!("views of {place}"), u64::from(views), object.body[section::VIEWS].peek());
        let flags = object.body[section::FLAGS].peek();
        if section::protection_of(flags).is_none() {
            self.fault(format!("protection of {place}"), "a page protection", format!("{flags:#x}"));
        }
        if flags & section::ON_DISK != 0 {
            let path = BlockRef(object.body[section::PATH].peek() as u32);
            if self.own_chain(&format!("path of {place}"), path, [section::PATH_TAG; 2])
                && let Ok(block) = self.arena.block(path)
            {
                self.charge(block.head.link.peek(), self.memory_of(path));
            }
        }
    }
}

/// Holds the files of the sections against their objects. The caller holds the arena's lock.
pub(in crate::inspect) fn files(arena: &Arena, place: &Place) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut files: HashMap<_, _> =
        place.section_files().into_iter().map(|file| (file.id, file.size)).collect();
    for number in arena.used::<Object>() {
        let Ok(object) = arena.get(number) else { continue };
        if object.head.tag.peek() != Kind::Section.tag() {
            continue;
        }
        let id = crate::arena::section::SectionId {
            number: number.index(),
            generation: object.body[section::FILE].peek() as u32,
        };
        let size = files.remove(&id);
        let flags = object.body[section::FLAGS].peek();
        // One that is being made may not have it yet, one that goes not any more.
        // One over a file of somebody's has none of its own.
        let is_complete =
            flags & (section::READY | section::ON_DISK) == section::READY && object.references.peek() != 0;
        let expected = object.body[section::SIZE].peek();
        if is_complete && size != Some(expected) {
            let found = size.map_or_else(|| "none".to_owned(), |size| format!("{size} bytes"));
            faults.push(Fault::new(
                format!("file of section #{}", number.index()),
                format!("{expected} bytes"),
                found,
            ));
        }
    }
    for id in files.into_keys() {
        let place = format!("file of section #{}, generation {}", id.number, id.generation);
        faults.push(Fault::new(place, "a section that has it", "none"));
    }
    faults
}
