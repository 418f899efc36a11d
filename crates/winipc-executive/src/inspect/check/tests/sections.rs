//! Sections, their views, and their files.

use super::world::{World, damaged};
use crate::arena::Ref;
use crate::arena::place::Place;
use crate::arena::section::SectionId;
use crate::context::attach_in_memory;
use crate::handle::{self, look_up};
use crate::inspect::check::files;
use crate::object::Attributes;
use crate::records::View;
use crate::section::{self, FLAGS, Parameters, Protection, VIEWS};

#[test]
fn damage_to_views_is_found() {
    let first = |world: &World| world.current.process().first_view.peek();
    let view = |world: &World| -> &'static View {
        world.current.arena().get(Ref::from_index(first(world))).unwrap()
    };
    damaged("view #1", "found none", |world| world.set(&view(world).next, 0));
    damaged("views, each once", "found view #2", |world| world.set(&view(world).next, first(world)));
    damaged("views, each once", "found view #900", |world| world.set(&view(world).next, 900));
    damaged("previous of view #2", "found 7", |world| world.set(&view(world).previous, 7));
    damaged("process of view #2", "found 7", |world| world.set(&view(world).process, 7));
    damaged("section of view #2", "which is free", |world| world.set(&view(world).section, 900));
    damaged("kind of object", "found 1", |world| {
        let event = world.object(world.event).1;
        world.set(&view(world).section, event.index());
    });
    damaged("bytes charged", "", |world| world.set(&world.current.process().charge, 1));
}

#[test]
fn damage_to_sections_is_found() {
    let set = |world: &World, index: usize, value: u64| {
        let object = world.object(world.section).0;
        let mut lock = world.current.begin().unwrap();
        object.body[index].set(&mut lock, value);
        lock.commit().unwrap();
    };
    damaged("views of Section object", "expected 2, found 5", |world| set(world, VIEWS, 5));
    damaged("protection of Section object", "found 0x3", |world| set(world, FLAGS, 3));
    let keep = |world: &World, number| world.set(&world.current.process().spare_section, number);
    damaged("kept section of process", "which is free", |world| keep(world, 900));
    damaged("is a section to keep", "found false", |world| keep(world, world.object(world.event).1.index()));
    let list = |world: &World| &world.current.arena().header().unused_sections.0;
    damaged("unused sections", "", |world| world.set(list(world), world.object(world.event).1.index()));
    damaged("references to unused section", "found 3", |world| {
        world.set(list(world), world.object(world.section).1.index())
    });
    damaged("a reference", "not freed", |world| world.set(list(world), 0));
}

#[test]
#[cfg(not(miri))]
fn files_without_a_section_and_sections_without_a_file_are_found() {
    let current = attach_in_memory();
    let place: &Place = &current.context.place;
    let faults = || {
        let lock = current.begin().unwrap();
        files(lock.arena(), place).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let parameters = Parameters { size: 50_000, protection: Protection::ReadWrite, reserve: false };
    let (section, _) = section::create(&Attributes::default(), section::ALL_RIGHTS, &parameters).unwrap();
    assert_eq!(faults(), [""; 0]);
    let number = look_up(&current, section).unwrap().reference.index();
    let stranger = SectionId { number: number + 1, generation: 4 };
    place.create_section(stranger, 4096, true).unwrap();
    assert_eq!(
        faults(),
        [format!(
            "file of section #{}, generation 4: expected a section that has it, found none",
            number + 1
        )]
    );
    place.remove_section(stranger);
    for file in place.section_files() {
        place.remove_section(file.id);
    }
    assert_eq!(faults(), [format!("file of section #{number}: expected 53248 bytes, found none")]);
    handle::close(section).unwrap();
    assert_eq!(faults(), [""; 0]);
}
