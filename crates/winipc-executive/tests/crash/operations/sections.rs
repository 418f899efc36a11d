//! Making, mapping and leaving sections. What is left of files is found by the checker, which holds them against the
//! objects after each run.

use winipc_executive::section::{self, Access, Parameters, Protection, Unused, View};
use winipc_executive::{Handle, Status, event, handle, namespace};

use crate::harness::{Operation, Stage, unnamed};
use crate::support::{ALL, named, units};

const MEMORY: Parameters = Parameters { size: 100_000, protection: Protection::ReadWrite, reserve: false };
const SMALL: Parameters = Parameters { size: 5000, ..MEMORY };
const WHOLE: View = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };

fn create(name: &str, parameters: &Parameters) -> Handle {
    section::create(&named(&units(name)), section::ALL_RIGHTS, parameters).unwrap().0
}

fn open(name: &str) -> winipc_executive::Result<Handle> {
    section::open(&units(name), section::ALL_RIGHTS, false)
}

fn unmap(address: usize) {
    // SAFETY: no view is used after it is unmapped.
    section::unmap(unsafe { Unused::at(address) }).unwrap();
}

/// Uses a section as far as it is there: whoever can open it can map it.
fn use_section(section: Handle) {
    let address = section::map(section, &WHOLE).unwrap();
    // SAFETY: a view of 100,000 bytes, of which others touch no other.
    unsafe { (address as *mut u8).add(99_999).write_volatile(1) };
    unmap(address);
}

/// Opens and maps what the victim may be making.
fn look_for_new(stage: &Stage) {
    match open("new") {
        Ok(new) => {
            use_section(new);
            handle::close(new).unwrap();
        }
        Err(status) => assert_eq!(status, Status::OBJECT_NAME_NOT_FOUND),
    }
    stage.traffic();
}

/// Nothing of that name is left.
pub(crate) fn assert_gone(name: &str) {
    assert_eq!(open(name), Err(Status::OBJECT_NAME_NOT_FOUND));
}

/// Makes a section with three views, and another that has views and no handle.
pub(crate) fn leave_mapped(name: &str) {
    let named = create(name, &MEMORY);
    let (unnamed, _) = section::create(&unnamed(), section::ALL_RIGHTS, &MEMORY).unwrap();
    for section in [named, unnamed, named, unnamed, named] {
        section::map(section, &WHOLE).unwrap();
    }
    handle::close(unnamed).unwrap();
}

pub(crate) fn create_unnamed_section() -> Operation {
    Operation::new(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        section::create(&unnamed(), section::ALL_RIGHTS, &MEMORY).unwrap();
    })
}

pub(crate) fn create_named_section() -> Operation {
    Operation {
        meanwhile: look_for_new,
        judge: |_, _, _| assert_gone("new"),
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            create("new", &MEMORY);
        })
    }
}

/// The survivor makes one of the same name, which of the two is first.
pub(crate) fn create_section_that_another_makes_too() -> Operation {
    Operation {
        meanwhile: |stage| {
            let section = create("new", &MEMORY);
            use_section(section);
            stage.keep(section);
            stage.traffic();
        },
        judge: |stage, _, _| {
            let section = open("new").unwrap();
            assert_eq!(handle::same_object(section, stage.extra()), Ok(true));
            handle::close(section).unwrap();
        },
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            create("new", &MEMORY);
        })
    }
}

/// A file of the survivors', and a handle to it.
fn file() -> Handle {
    let path = format!("{}-file", std::env::var("WINIPC_DIR").unwrap());
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
    file.set_len(5000).unwrap();
    winipc_executive::file::adopt(file.into(), 0xC000_0000, false).unwrap()
}

/// The file goes with the last operation that uses it.
fn remove_file() {
    let _ = std::fs::remove_file(format!("{}-file", std::env::var("WINIPC_DIR").unwrap()));
}

fn create_over_file() -> Handle {
    let name = units("new");
    let protection = Protection::ReadWrite;
    section::create_over(&named(&name), section::ALL_RIGHTS, file(), 9000, protection).unwrap().0
}

pub(crate) fn create_section_over_a_file() -> Operation {
    Operation {
        before: |_| handle::close(file()).unwrap(),
        meanwhile: |stage| {
            if let Ok(new) = open("new") {
                unmap(section::map(new, &WHOLE).unwrap());
                handle::close(new).unwrap();
            }
            stage.traffic();
        },
        judge: |_, _, _| {
            assert_gone("new");
            remove_file();
        },
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            create_over_file();
        })
    }
}

pub(crate) fn close_section_over_a_file() -> Operation {
    Operation {
        before: |_| handle::close(file()).unwrap(),
        judge: |_, _, _| {
            assert_gone("new");
            remove_file();
        },
        ..Operation::new(|victim| {
            let section = create_over_file();
            let view = section::map(section, &WHOLE).unwrap();
            victim.arm();
            handle::close(section).unwrap();
            unmap(view);
        })
    }
}

pub(crate) fn create_reserved_section() -> Operation {
    Operation {
        judge: |_, _, _| assert_gone("new"),
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            let section = create("new", &Parameters { reserve: true, ..MEMORY });
            let address = section::map(section, &WHOLE).unwrap();
            section::commit(address + 5000, 1).unwrap();
        })
    }
}

/// A section of the survivors', which they keep.
fn shared(stage: &Stage) {
    stage.keep(create("shared", &MEMORY));
}

fn use_shared(stage: &Stage) {
    use_section(stage.extra());
    stage.traffic();
}

pub(crate) fn open_section() -> Operation {
    Operation {
        before: shared,
        meanwhile: use_shared,
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            open("shared").unwrap();
        })
    }
}

pub(crate) fn map_view() -> Operation {
    Operation {
        before: shared,
        meanwhile: use_shared,
        ..Operation::new(|victim| {
            let section = open("shared").unwrap();
            victim.arm();
            section::map(section, &WHOLE).unwrap();
        })
    }
}

pub(crate) fn map_view_that_fails() -> Operation {
    Operation {
        before: shared,
        meanwhile: use_shared,
        ..Operation::new(|victim| {
            let section = open("shared").unwrap();
            let base = section::map(section, &WHOLE).unwrap();
            victim.arm();
            let there = View { base: Some(base), ..WHOLE };
            assert_eq!(section::map(section, &there), Err(Status::CONFLICTING_ADDRESSES));
        })
    }
}

pub(crate) fn unmap_view() -> Operation {
    Operation {
        before: shared,
        meanwhile: use_shared,
        ..Operation::new(|victim| {
            let section = open("shared").unwrap();
            let views = [(); 3].map(|()| section::map(section, &WHOLE).unwrap());
            victim.arm();
            unmap(views[1]);
        })
    }
}

/// The file goes with the last view.
pub(crate) fn unmap_last_view() -> Operation {
    Operation::new(|victim| {
        let (section, _) = section::create(&unnamed(), section::ALL_RIGHTS, &MEMORY).unwrap();
        let address = section::map(section, &WHOLE).unwrap();
        handle::close(section).unwrap();
        victim.arm();
        unmap(address);
    })
}

/// The file goes with the last handle.
pub(crate) fn close_section() -> Operation {
    Operation {
        meanwhile: look_for_new,
        judge: |_, _, _| assert_gone("new"),
        ..Operation::new(|victim| {
            let section = create("new", &MEMORY);
            use_section(section);
            victim.arm();
            handle::close(section).unwrap();
        })
    }
}

/// The handle goes and the view stays.
pub(crate) fn close_mapped_section() -> Operation {
    Operation {
        meanwhile: look_for_new,
        judge: |_, _, _| assert_gone("new"),
        ..Operation::new(|victim| {
            let section = create("new", &MEMORY);
            section::map(section, &WHOLE).unwrap();
            victim.arm();
            handle::close(section).unwrap();
        })
    }
}

/// Killed while it holds views, at any instruction of something else.
pub(crate) fn set_event_while_views_are_held() -> Operation {
    Operation {
        before: shared,
        meanwhile: use_shared,
        judge: |_, _, _| assert_gone("new"),
        ..Operation::new(|victim| {
            let (shared, own) = (open("shared").unwrap(), create("new", &MEMORY));
            for section in [shared, own, own] {
                section::map(section, &WHOLE).unwrap();
            }
            handle::close(own).unwrap();
            let event = event::open(&units("event"), ALL, false).unwrap();
            victim.arm();
            event::set(event).unwrap();
        })
    }
}

/// Makes small sections until one has the memory that the victim's had, and finds nothing in it.
fn take_its_memory(stage: &Stage) {
    let (section, _) = section::create(&unnamed(), section::ALL_RIGHTS, &SMALL).unwrap();
    let address = section::map(section, &WHOLE).unwrap();
    for word in (address..address + 8192).step_by(8) {
        // SAFETY: a view of so many bytes.
        assert_eq!(unsafe { (word as *const u64).read_volatile() }, 0);
    }
    unmap(address);
    handle::close(section).unwrap();
    stage.traffic();
}

/// Makes a small section whose memory is not empty, and maps it.
fn create_filled(name: &str) -> (Handle, usize) {
    let section = create(name, &SMALL);
    let address = section::map(section, &WHOLE).unwrap();
    // SAFETY: a view of so many bytes.
    unsafe { (address as *mut u8).write_bytes(0xFF, 8192) };
    (section, address)
}

pub(crate) fn create_small_section() -> Operation {
    Operation {
        before: |_| {
            let (section, address) = create_filled("before");
            unmap(address);
            handle::close(section).unwrap();
        },
        judge: |stage, _, _| {
            assert_gone("new");
            take_its_memory(stage);
        },
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            create("new", &SMALL);
        })
    }
}

pub(crate) fn close_small_section() -> Operation {
    Operation {
        judge: |stage, _, _| {
            assert_gone("new");
            take_its_memory(stage);
        },
        ..Operation::new(|victim| {
            let (section, address) = create_filled("new");
            unmap(address);
            victim.arm();
            handle::close(section).unwrap();
        })
    }
}

/// The memory goes with the last view.
pub(crate) fn unmap_last_view_of_small_section() -> Operation {
    Operation {
        judge: |stage, _, _| take_its_memory(stage),
        ..Operation::new(|victim| {
            let (section, address) = create_filled("new");
            handle::close(section).unwrap();
            victim.arm();
            unmap(address);
        })
    }
}

pub(crate) fn map_view_of_small_section_of_another() -> Operation {
    Operation {
        before: |stage| stage.keep(create("small", &SMALL)),
        meanwhile: |stage| {
            unmap(section::map(stage.extra(), &WHOLE).unwrap());
            stage.traffic();
        },
        ..Operation::new(|victim| {
            let section = open("small").unwrap();
            victim.arm();
            section::map(section, &WHOLE).unwrap();
        })
    }
}
