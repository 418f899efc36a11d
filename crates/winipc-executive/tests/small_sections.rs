//! Small sections, which a process uses again: what is in one never reaches another that somebody still has.

mod support;
#[macro_use]
#[path = "support/roles.rs"]
mod declaration;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use support::{State, bury, fork, named, units};
use winipc_executive::section::{self, Access, Parameters, Protection, Unused, View};
use winipc_executive::{Attributes, Handle, handle, namespace};

const WHOLE: View = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };

fn create(size: u64) -> Handle {
    let parameters = Parameters { size, protection: Protection::ReadWrite, reserve: false };
    section::create(&Attributes::default(), section::ALL_RIGHTS, &parameters).unwrap().0
}

/// The path of the only section's file.
fn file() -> PathBuf {
    let files = std::fs::read_dir(std::env::var_os("WINIPC_DIR").unwrap()).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.find(|path| path.to_string_lossy().contains(".section-")).unwrap()
}

/// Numbers of the descriptors that lead to a file.
fn descriptors_of(path: &PathBuf) -> Vec<i32> {
    let inode = std::fs::metadata(path).unwrap().ino();
    let leads_there =
        |entry: &std::fs::DirEntry| std::fs::metadata(entry.path()).is_ok_and(|file| file.ino() == inode);
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap).filter(leads_there);
    entries.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// The memory of a view of whole pages.
fn words(view: usize, size: usize) -> &'static [std::sync::atomic::AtomicU64] {
    // SAFETY: a view of so many bytes, of which nobody has references any more when it is unmapped.
    unsafe { std::slice::from_raw_parts(view as *const _, size / 8) }
}

fn fill(view: usize, size: usize, value: u64) {
    words(view, size).iter().for_each(|word| word.store(value, std::sync::atomic::Ordering::SeqCst));
}

fn is_all(view: usize, size: usize, value: u64) -> bool {
    words(view, size).iter().all(|word| word.load(std::sync::atomic::Ordering::SeqCst) == value)
}

fn unmap(view: usize) {
    // SAFETY: no view is used after it is unmapped.
    section::unmap(unsafe { Unused::at(view) }).unwrap();
}

/// What of which file a view is mapped of, as the kernel tells it: the offset, the device, the inode and the path.
fn mapped_of(view: usize) -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let own = maps.lines().find(|line| line.starts_with(&format!("{view:x}-"))).unwrap();
    own.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
}

roles! {
    memory_that_is_used_again_is_empty,
    a_forked_child_keeps_the_memory_that_it_has,
    who_has_forked_before_uses_memory_again,
    many_small_sections_keep_few_descriptors_open,
    what_another_process_has_mapped_is_not_used_again,
    a_program_that_closes_descriptors_maps_no_other_file,
    a_forked_child_that_joins_closes_its_parents_file,
    a_view_that_is_given_up_lets_nobody_in,
    another_view_can_be_where_one_was_given_up,
    where_the_program_has_placed_a_view_it_may_map_what_it_wants,
}

mod roles {
    use super::*;

    pub(super) fn memory_that_is_used_again_is_empty() {
        let mut last = String::new();
        for size in [4096, 1, 4095, 4096] {
            let section = create(size);
            let view = section::map(section, &WHOLE).unwrap();
            let length = (size as usize).next_multiple_of(4096);
            assert!(is_all(view, length, 0), "{size}");
            fill(view, length, u64::MAX);
            let place = mapped_of(view);
            assert!(last.is_empty() || place == last, "{place} is not used again: {last}");
            last = place;
            unmap(view);
            handle::close(section).unwrap();
        }
        let (first, second) = (create(4096), create(4096));
        let views = [first, second].map(|section| section::map(section, &WHOLE).unwrap());
        fill(views[0], 4096, 1);
        assert!(is_all(views[1], 4096, 0));
        // The memory is the view's as long as there is one.
        handle::close(first).unwrap();
        let third = create(4096);
        assert!(is_all(views[0], 4096, 1));
        for view in views {
            unmap(view);
        }
        handle::close(second).unwrap();
        handle::close(third).unwrap();
    }

    /// Without a word of it nobody could know that the child still has the memory.
    pub(super) fn a_forked_child_keeps_the_memory_that_it_has() {
        let section = create(4096);
        let view = section::map(section, &WHOLE).unwrap();
        fill(view, 4096, 1);
        let place = mapped_of(view);
        let (go, mut told) = std::io::pipe().unwrap();
        let (mut answer, done) = std::io::pipe().unwrap();
        let mut child = fork(move || {
            use std::io::{Read, Write};
            let (mut go, mut done) = (go, done);
            go.read_exact(&mut [0]).unwrap();
            assert!(is_all(view, 4096, 1), "somebody else has it");
            fill(view, 4096, 2);
            done.write_all(b"x").unwrap();
        });
        unmap(view);
        handle::close(section).unwrap();
        let others: Vec<_> = (0..100)
            .map(|_| {
                let section = create(4096);
                let view = section::map(section, &WHOLE).unwrap();
                assert_ne!(mapped_of(view), place);
                fill(view, 4096, 3);
                (section, view)
            })
            .collect();
        std::io::Write::write_all(&mut told, b"x").unwrap();
        std::io::Read::read_exact(&mut answer, &mut [0]).unwrap();
        assert_eq!(child.wait_for_end(), State::Exited(0));
        for (section, view) in others {
            assert!(is_all(view, 4096, 3), "the child has written there");
            unmap(view);
            handle::close(section).unwrap();
        }
    }

    pub(super) fn who_has_forked_before_uses_memory_again() {
        assert_eq!(fork(|| {}).wait_for_end(), State::Exited(0));
        let mut places = (0..10).map(|_| {
            let section = create(4096);
            let view = section::map(section, &WHOLE).unwrap();
            let place = mapped_of(view);
            unmap(view);
            handle::close(section).unwrap();
            place
        });
        let first = places.next().unwrap();
        assert!(places.all(|place| place == first));
    }

    pub(super) fn many_small_sections_keep_few_descriptors_open() {
        let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = descriptors();
        let sections: Vec<_> = (0..1000).map(|_| create(1)).collect();
        assert!(descriptors() <= before + 20);
        for section in sections {
            let view = section::map(section, &WHOLE).unwrap();
            assert!(is_all(view, 4096, 0));
            unmap(view);
            handle::close(section).unwrap();
        }
        assert!(descriptors() <= before + 2);
    }

    pub(super) fn what_another_process_has_mapped_is_not_used_again() {
        let (go, mut told) = std::io::pipe().unwrap();
        let (mut answer, done) = std::io::pipe().unwrap();
        let (mut go, mut done) = (go, done);
        let mut child = fork(|| {
            use std::io::{Read, Write};
            go.read_exact(&mut [0]).unwrap();
            let section = section::open(&units("shared"), section::ALL_RIGHTS, false).unwrap();
            let view = section::map(section, &WHOLE).unwrap();
            done.write_all(b"x").unwrap();
            go.read_exact(&mut [0]).unwrap();
            assert!(is_all(view, 4096, 1), "somebody else has it");
            fill(view, 4096, 2);
        });
        let parameters = Parameters { size: 4096, protection: Protection::ReadWrite, reserve: false };
        let (section, _) =
            section::create(&named(&units("shared")), section::ALL_RIGHTS, &parameters).unwrap();
        let view = section::map(section, &WHOLE).unwrap();
        fill(view, 4096, 1);
        std::io::Write::write_all(&mut told, b"x").unwrap();
        std::io::Read::read_exact(&mut answer, &mut [0]).unwrap();
        unmap(view);
        handle::close(section).unwrap();
        let other = create(4096);
        let view = section::map(other, &WHOLE).unwrap();
        fill(view, 4096, 3);
        std::io::Write::write_all(&mut told, b"x").unwrap();
        assert_eq!(child.wait_for_end(), State::Exited(0));
        bury();
        assert!(is_all(view, 4096, 3), "the child has written there");
        unmap(view);
        handle::close(other).unwrap();
    }

    /// As a daemon does that closes all that it has not opened itself.
    pub(super) fn a_program_that_closes_descriptors_maps_no_other_file() {
        let path = std::env::temp_dir().join(format!("winipc-small-sections-{}", std::process::id()));
        std::fs::write(&path, [7; 4096]).unwrap();
        let other = File::options().read(true).write(true).open(&path).unwrap();
        let mut section = create(4096);
        for _ in 0..2 {
            let kept = descriptors_of(&file());
            assert_eq!(kept.len(), 1);
            // SAFETY: a descriptor of nobody's who relies on it.
            assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), kept[0]) }, kept[0]);
            let view = section::map(section, &WHOLE).unwrap();
            let inode = format!(" {} ", std::fs::metadata(file()).unwrap().ino());
            assert!(mapped_of(view).contains(&inode));
            fill(view, 4096, 1);
            unmap(view);
            let next = create(4096);
            handle::close(section).unwrap();
            handle::close(next).unwrap();
            // The one that is kept cannot be cleared, and goes.
            section = create(4096);
        }
        handle::close(section).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [7; 4096]);
        assert!(descriptors_of(&path).len() >= 2, "the program's own are not closed");
        std::fs::remove_file(&path).unwrap();
    }

    pub(super) fn a_forked_child_that_joins_closes_its_parents_file() {
        let section = create(4096);
        assert_eq!(descriptors_of(&file()).len(), 1);
        let mut child = fork(|| {
            namespace::attach().unwrap();
            assert_eq!(descriptors_of(&file()), []);
        });
        assert_eq!(child.wait_for_end(), State::Exited(0));
        bury();
        handle::close(section).unwrap();
    }

    pub(super) fn a_view_that_is_given_up_lets_nobody_in() {
        let section = create(4096);
        let view = section::map(section, &WHOLE).unwrap();
        let (_reader, writer) = std::io::pipe().unwrap();
        // SAFETY: a call that reads memory by an address, and fails where there is none.
        let write = || unsafe { libc::write(writer.as_raw_fd(), view as *const _, 1) };
        assert_eq!(write(), 1);
        unmap(view);
        assert_eq!(write(), -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EFAULT));
        let again = section::map(section, &WHOLE).unwrap();
        fill(again, 4096, 7);
        let other = section::map(section, &WHOLE).unwrap();
        assert!(other != again && is_all(other, 4096, 7));
        unmap(other);
        unmap(again);
        handle::close(section).unwrap();
    }

    pub(super) fn another_view_can_be_where_one_was_given_up() {
        let sections = [create(4096), create(4096)];
        for section in sections {
            let view = section::map(section, &WHOLE).unwrap();
            fill(view, 4096, 7);
            unmap(view);
            for section in sections {
                let there = View { base: Some(view), ..WHOLE };
                assert_eq!(section::map(section, &there), Ok(view));
                unmap(view);
            }
            let reading = section::map(section, &View { access: Access::Read, ..WHOLE }).unwrap();
            assert!(is_all(reading, 4096, 7));
            unmap(reading);
        }
        sections.into_iter().for_each(|section| handle::close(section).unwrap());
    }

    /// The next view was the program's own memory.
    pub(super) fn where_the_program_has_placed_a_view_it_may_map_what_it_wants() {
        let section = create(4096);
        let base = section::map(section, &WHOLE).unwrap();
        unmap(base);
        let placed = section::map(section, &View { base: Some(base), ..WHOLE }).unwrap();
        unmap(placed);
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: maps over nothing.
        let own =
            unsafe { libc::mmap(base as *mut _, 4096, access, flags | libc::MAP_FIXED_NOREPLACE, -1, 0) };
        assert_eq!(own as usize, base);
        let view = section::map(section, &WHOLE).unwrap();
        assert_ne!(view, base);
        unmap(view);
        handle::close(section).unwrap();
    }
}
