//! The files that hold the memory of sections.
//!
//! Each section that no file of the caller's backs has a file of its own beside the arena's, so that every process of
//! the namespace can open its memory, whatever has become of the one that made it. The file has the name of the
//! arena's, with the number of the section's object behind it and the generation that this had when the file was made.
//! It is made after the object and removed before the object's slot is free: whoever finds a file without an object
//! knows that nobody uses it.

use core::sync::atomic::{AtomicU64, Ordering};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;

use super::crash;
use super::file::Directory;
use super::kept;
use super::place::{Place, entries, open_at, remove_at};
use crate::status::{Result, Status};

/// What distinguishes the files of sections from the arena's.
const INFIX: &str = ".section-";
/// How a file is opened.
const FLAGS: libc::c_int = libc::O_RDWR | libc::O_NONBLOCK;
/// The part of its file system that sections leave to the arena, so that objects and messages still have room.
const RESERVE: u64 = 8;
/// After so many bytes a process looks what is left.
const ASK_AFTER: u64 = 512 << 10;
/// Bytes that the process has made without having looked.
static UNASKED: AtomicU64 = AtomicU64::new(0);

/// Identifies a section for as long as there is anything of it: the number of its object and the generation of that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct SectionId {
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

/// A file of a section, as somebody who looks on finds it.
#[derive(Debug)]
pub(crate) struct SectionFile {
    pub(crate) id: SectionId,
    /// Bytes.
    pub(crate) size: u64,
}

impl Place {
    fn section_name(&self, id: SectionId) -> CString {
        let name = format!("{}{INFIX}{:x}-{:x}", self.arena(), id.number, id.generation);
        CString::new(name).expect("no NUL in a checked name")
    }

    /// Makes the file of a section, with memory for all of it if it is `committed`.
    ///
    /// # Errors
    /// [`Status::COMMITMENT_LIMIT`]: the file system has no room for it, or not so much that some is left for objects.
    /// [`Status::SECTION_TOO_BIG`]: no file can be so large. [`Status::ARENA_UNAVAILABLE`]: the directory is gone, or
    /// is not to be written to any more.
    pub(crate) fn create_section(&self, id: SectionId, size: u64, committed: bool) -> Result<File> {
        let name = self.section_name(id);
        let open = || {
            crash::point();
            open_at(Some(self.directory()?), &name, FLAGS | libc::O_CREAT | libc::O_EXCL)
        };
        // Nobody but the section with this number and generation can have the name: what has it is debris.
        let opened = match open() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove_section(id);
                open()
            }
            opened => opened,
        };
        let file = opened.map_err(|error| status_of(&error))?;
        if committed {
            commit(&file, 0, size)?;
        } else {
            crash::point();
            file.set_len(size).map_err(|error| status_of(&error))?;
        }
        Ok(file)
    }

    /// Opens the file of a section, of which the first `bytes` are needed.
    ///
    /// # Errors
    /// [`Status::INSUFFICIENT_RESOURCES`]: the process has too many files open. [`Status::ARENA_UNAVAILABLE`]: the file
    /// is not there, or is no file. [`Status::ARENA_CORRUPT`]: it is shorter.
    pub(crate) fn open_section(&self, id: SectionId, bytes: u64) -> Result<File> {
        crash::point();
        let file =
            self.directory().and_then(|directory| open_at(Some(directory), &self.section_name(id), FLAGS));
        let file = file.map_err(|error| status_of(&error))?;
        let length = kept::status_of(file.as_raw_fd()).map_or(0, |status| status.st_size as u64);
        if length < bytes { Err(Status::ARENA_CORRUPT) } else { Ok(file) }
    }

    /// Removes the file of a section. Who has mapped it keeps its memory.
    pub(crate) fn remove_section(&self, id: SectionId) {
        crash::point();
        // It may be gone: whoever removes one may be killed before they can say so.
        if let Ok(directory) = self.directory() {
            remove_at(directory, &self.section_name(id));
        }
    }

    /// The files of all sections of the arena.
    pub(crate) fn section_files(&self) -> Vec<SectionFile> {
        let Ok(directory) = self.directory() else { return Vec::new() };
        entries(directory, prefix(self))
            .filter_map(|(entry, rest)| {
                Some(SectionFile { id: id_from(&rest)?, size: entry.metadata().ok()?.len() })
            })
            .collect()
    }
}

impl Directory {
    /// Removes the files of all sections of the arena that has the name, or had it. The caller knows that nobody uses
    /// it.
    pub(super) fn remove_sections(&self) {
        let directory = self.as_fd();
        for (entry, _) in entries(directory, prefix(&self.place())) {
            crash::point();
            if let Ok(name) = CString::new(entry.file_name().into_vec()) {
                remove_at(directory, &name);
            }
        }
    }
}

/// How the files of sections begin.
fn prefix(place: &Place) -> String {
    format!("{}{INFIX}", place.arena())
}

/// Which section's file has a name, of which this follows the prefix.
fn id_from(rest: &[u8]) -> Option<SectionId> {
    let (number, generation) = core::str::from_utf8(rest).ok()?.split_once('-')?;
    let hexadecimal = |digits| u32::from_str_radix(digits, 16).ok();
    Some(SectionId { number: hexadecimal(number)?, generation: hexadecimal(generation)? })
}

/// Gives a range of a file memory, so that a full file system is an error now and no signal later.
///
/// # Errors
/// [`Status::COMMITMENT_LIMIT`]: there is no room. [`Status::SECTION_TOO_BIG`]: no file can be so large.
pub(crate) fn commit(file: &File, offset: u64, length: u64) -> Result<()> {
    let (Ok(start), Ok(bytes)) = (i64::try_from(offset), i64::try_from(length)) else {
        return Err(Status::SECTION_TOO_BIG);
    };
    // To ask takes as long as to make a page. What many small ones leave is known well enough.
    if UNASKED.fetch_add(length.min(ASK_AFTER), Ordering::Relaxed).saturating_add(length) >= ASK_AFTER {
        UNASKED.store(0, Ordering::Relaxed);
        if length > free_in(file) {
            UNASKED.store(ASK_AFTER, Ordering::Relaxed);
            return Err(Status::COMMITMENT_LIMIT);
        }
    }
    loop {
        crash::point();
        // SAFETY: a valid descriptor.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, start, bytes) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINTR) {
            return Err(status_of(&error));
        }
    }
}

/// Bytes that sections may still take of a file's file system.
fn free_in(file: &File) -> u64 {
    // SAFETY: zero is a valid value of every field.
    let mut system: libc::statvfs = unsafe { core::mem::zeroed() };
    // SAFETY: a valid descriptor and a place for the result.
    let is_known = unsafe { libc::fstatvfs(file.as_raw_fd(), &mut system) } == 0;
    // A tmpfs without a limit says 0.
    if !is_known || system.f_blocks == 0 {
        return u64::MAX;
    }
    system.f_bavail.saturating_sub(system.f_blocks / RESERVE).saturating_mul(system.f_frsize)
}

fn status_of(error: &io::Error) -> Status {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::ENOMEM) => Status::COMMITMENT_LIMIT,
        Some(libc::EFBIG | libc::EINVAL) => Status::SECTION_TOO_BIG,
        Some(libc::EMFILE | libc::ENFILE) => Status::INSUFFICIENT_RESOURCES,
        _ => Status::ARENA_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(miri))]
    fn files_are_found_by_their_arena() {
        let place = Place::for_test("section-files");
        let other = Place::for_test("section-files-2");
        let id = SectionId { number: 0x1F, generation: 3 };
        place.create_section(id, 8192, true).unwrap();
        other.create_section(id, 4096, false).unwrap();
        let found = place.section_files();
        assert_eq!(found.iter().map(|file| (file.id, file.size)).collect::<Vec<_>>(), [(id, 8192)]);
        // What has the name is debris, and nobody follows a link.
        place.create_section(id, 4096, true).unwrap();
        assert_eq!(place.section_files()[0].size, 4096);
        place.remove_section(id);
        std::os::unix::fs::symlink(
            "/etc/passwd",
            place.path().join(place.section_name(id).to_str().unwrap()),
        )
        .unwrap();
        assert_eq!(place.open_section(id, 0).map(|_| ()), Err(Status::ARENA_UNAVAILABLE));
        for place in [place, other] {
            place.remove_section(id);
            assert!(place.section_files().is_empty());
        }
    }

    #[test]
    #[cfg(not(miri))]
    fn more_than_there_is_fails() {
        let place = Place::for_test("section-limit");
        let id = SectionId { number: 1, generation: 1 };
        assert_eq!(place.create_section(id, 1 << 50, true).map(drop), Err(Status::COMMITMENT_LIMIT));
        assert_eq!(place.create_section(id, u64::MAX, true).map(drop), Err(Status::SECTION_TOO_BIG));
        place.remove_section(id);
    }
}
