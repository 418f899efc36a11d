//! Files of sections that a process keeps open for itself.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::FILE;
use crate::arena::kept::Kept;
use crate::arena::section::SectionId;
use crate::arena::view::{self, Memory, PAGE};
use crate::arena::{Arena, Ref};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};

/// The file of a section that this process has made.
#[derive(Debug)]
pub(super) struct OwnFile {
    file: Kept,
    /// Bytes in it when the section was made.
    pub(super) length: u64,
    /// All of it, once it has been cleared.
    memory: OnceLock<Memory>,
    /// The address of a view of all of it that is [shut](view::shut); 0 for none.
    shut: AtomicUsize,
}

/// While so many files are kept, none of another small section is: each takes a descriptor.
const MOST_FILES: usize = 16;

impl OwnFile {
    /// The descriptor; none, if the program has closed it.
    pub(super) fn get(&self) -> Result<BorrowedFd<'_>> {
        self.file.get(|| Err(io::ErrorKind::NotFound.into())).map_err(|_| Status::FILE_INVALID)
    }

    /// Maps something of the file.
    pub(super) fn map<T>(&self, mut map: impl FnMut(BorrowedFd<'_>) -> Result<T>) -> Result<T> {
        if let Some(Ok(mapped)) = self.file.get_known().map(&mut map) {
            return Ok(mapped);
        }
        map(self.get()?)
    }

    /// Bytes of a view of all of it.
    pub(super) fn view_length(&self) -> usize {
        (self.length as usize).next_multiple_of(PAGE)
    }

    /// A view of all of it that was given up, to be read and written again.
    pub(super) fn reopen_view(&self) -> Option<usize> {
        let address = self.shut.swap(0, Ordering::AcqRel);
        if address != 0 && !view::reopen(address, self.view_length()) {
            view::unmap_view(address, self.view_length());
            return None;
        }
        (address != 0).then_some(address)
    }

    /// Takes a view of all of it away that nobody uses any more; the first stays for the next who wants one.
    pub(super) fn shut_view(&self, address: usize) {
        let is_kept = view::shut(address, self.view_length())
            && self.shut.compare_exchange(0, address, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if !is_kept {
            view::unmap_view(address, self.view_length());
        }
    }

    fn unmap_shut_view(&self) {
        let address = self.shut.swap(0, Ordering::AcqRel);
        if address != 0 {
            view::unmap_view(address, self.view_length());
        }
    }

    /// Fills the file with zeros, of which nobody uses a view.
    pub(super) fn clear(&self, length: usize) -> Result<()> {
        let memory = match self.memory.get() {
            Some(memory) => memory,
            None => {
                let memory = Memory::map(self.get()?, length)?;
                // What was mapped is the file's, if the descriptor still is.
                self.get()?;
                self.memory.get_or_init(|| memory)
            }
        };
        memory.clear(length);
        Ok(())
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        self.unmap_shut_view();
    }
}

/// Those of sections that this process has made: of those over files, so that it does not need their paths, and of some
/// small ones, so that it does not open them again.
#[derive(Debug, Default)]
pub(crate) struct OwnFiles {
    files: Mutex<HashMap<SectionId, Arc<OwnFile>>>,
    /// Held by who makes a section of the one that the process keeps.
    turn: Mutex<()>,
}

impl OwnFiles {
    /// Has the caller alone make a section of the one that the process keeps.
    pub(super) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Whether the file of another small section can be kept.
    pub(super) fn has_room(&self) -> bool {
        self.lock().len() < MOST_FILES
    }

    /// The file of a section that this process has made, if it is kept.
    pub(super) fn get(&self, section: SectionId) -> Option<Arc<OwnFile>> {
        self.lock().get(&section).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SectionId, Arc<OwnFile>>> {
        self.files.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Closes the files that a forked child has of its parent's.
    pub(super) fn abandon(&self) {
        if let Ok(mut files) = self.files.try_lock() {
            files.clear();
        }
    }

    /// Keeps the file of a section.
    pub(super) fn keep(&self, arena: &Arena, section: SectionId, file: Kept, length: u64) {
        self.forget_gone(arena);
        self.lock().insert(
            section,
            Arc::new(OwnFile { file, length, memory: OnceLock::new(), shut: AtomicUsize::new(0) }),
        );
    }

    /// Gives the addresses back at which there are views that are shut.
    pub(super) fn unmap_shut_views(&self) {
        self.lock().values().for_each(|own| own.unmap_shut_view());
    }

    /// Closes the files of sections that have gone.
    pub(super) fn forget_gone(&self, arena: &Arena) {
        let lives = |id: &SectionId| {
            arena.get::<Object>(Ref::from_index(id.number)).is_ok_and(|object| {
                object.head.tag.peek() == Kind::Section.tag()
                    && object.body[FILE].peek() == id.generation.into()
                    && object.references.peek() != 0
            })
        };
        self.lock().retain(|id, _| lives(id));
    }
}
