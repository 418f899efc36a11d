//! The arena's file: how it comes and goes.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Arena;
use super::attach_error::AttachError;
use super::fork_hooks::{self, CloseOnFork};
use super::layout::{ARENA_SIZE, MAGIC, fingerprint};
use super::mailbox;
use super::mapping::map;
use super::place::{Place, check_private, entries, open_at, remove_at};
use crate::quota;

/// How long joining waits for others who join or leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait until no thread forks. One that does may wait, in a hook of the program's, for what the caller has;
/// and a hook that runs in the child may call before ours has run there.
const FORK_PATIENCE: Duration = Duration::from_secs(1);

/// The directory of a user's arenas, locked: nobody else joins or leaves meanwhile.
pub(crate) struct Directory {
    /// The lock's descriptor is no child's. Given up before that is closed.
    close_on_fork: Option<CloseOnFork>,
    /// The directory, opened for the lock alone.
    directory: File,
    place: Arc<Place>,
    /// The arena's file in the directory.
    file: CString,
}

impl Directory {
    /// Opens the directory that the environment names, makes it if it is missing, and locks it.
    pub(crate) fn lock() -> Result<Self, AttachError> {
        Self::lock_at(&Arc::new(Place::configured()?))
    }

    /// Locks the directory at a place. The environment does not matter: it may say something else than when the process
    /// joined there.
    pub(crate) fn lock_at(place: &Arc<Place>) -> Result<Self, AttachError> {
        let begin = Instant::now();
        loop {
            let waited = begin.elapsed();
            match Self::try_lock(place, waited < FORK_PATIENCE)? {
                Some(directory) => return Ok(directory),
                None if waited < PATIENCE => std::thread::sleep(Duration::from_millis(1)),
                None => return Err(cannot("lock", place, io::Error::from_raw_os_error(libc::EWOULDBLOCK))),
            }
        }
    }

    /// Locks the directory at a place if nobody has locked it; `None` if somebody has, or another thread forks just
    /// now.
    pub(crate) fn try_lock_at(place: &Arc<Place>) -> Result<Option<Self>, AttachError> {
        Self::try_lock(place, true)
    }

    fn try_lock(place: &Arc<Place>, minds_forks: bool) -> Result<Option<Self>, AttachError> {
        let forks = fork_hooks::settled();
        let mut directory = Self::unlocked_at(place)?;
        // A child would have the lock, too, and keep it where its parent is killed before it gives it back.
        let close_on_fork = CloseOnFork::new(directory.as_fd(), forks, minds_forks);
        directory.close_on_fork = close_on_fork.map_err(|error| cannot("lock", place, error))?;
        if directory.close_on_fork.is_none() {
            return Ok(None);
        }
        // SAFETY: a valid descriptor.
        if unsafe { libc::flock(directory.directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(Some(directory));
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(cannot("lock", place, error)),
        }
    }

    /// By what the directory is found again.
    pub(crate) fn place(&self) -> Arc<Place> {
        Arc::clone(&self.place)
    }

    /// Opens the directory that the environment names without locking it, for those who only look: somebody may join or
    /// leave meanwhile.
    pub(crate) fn unlocked() -> Result<Self, AttachError> {
        Self::unlocked_at(&Arc::new(Place::configured()?))
    }

    fn unlocked_at(place: &Arc<Place>) -> Result<Self, AttachError> {
        let open = |place: BorrowedFd<'_>| open_at(Some(place), c".", libc::O_RDONLY | libc::O_DIRECTORY);
        let directory = place.directory().and_then(open).map_err(|error| cannot("open", place, error))?;
        let file = CString::new(place.arena()).expect("no NUL in a checked name");
        Ok(Directory { close_on_fork: None, directory, place: Arc::clone(place), file })
    }

    /// Opens the arena that has the name, if there is one.
    pub(crate) fn open(&self) -> Result<Option<Arena>, AttachError> {
        let flags = libc::O_RDWR | libc::O_NONBLOCK;
        let file = match open_at(Some(self.as_fd()), &self.file, flags) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(AttachError::system(
                    format!("cannot open the arena {}", self.arena_path().display()),
                    error,
                ));
            }
        };
        let metadata =
            file.metadata().map_err(|error| AttachError::system("cannot examine the arena", error))?;
        check_private(&metadata, &self.arena_path())?;
        if !metadata.is_file() || metadata.len() != ARENA_SIZE as u64 {
            return Err(AttachError::new(format!(
                "{} is not an arena of this version (remove it if no program uses it)",
                self.arena_path().display()
            )));
        }
        let arena = map(&file)?;
        let header = arena.header();
        if header.magic.load() != MAGIC || header.fingerprint.load() != fingerprint() {
            arena.unmap();
            return Err(AttachError::new(format!(
                "{} is damaged: it does not begin as an arena does (remove it if no program uses it)",
                self.arena_path().display()
            )));
        }
        Ok(Some(arena))
    }

    /// Makes a new arena and gives it the name. It is built unnamed, so that nobody ever sees half of one.
    pub(crate) fn create(&self) -> Result<Arena, AttachError> {
        // There is no arena: who removed the last may have been killed before they were done.
        self.remove_sections();
        let directory = self.place.path().display();
        let fail = |what: &str, error| AttachError::system(format!("cannot {what} in {directory}"), error);
        let flags = libc::O_TMPFILE | libc::O_RDWR;
        let file = open_at(Some(self.as_fd()), c".", flags).map_err(|error| fail("make a file", error))?;
        file.set_len(ARENA_SIZE as u64).map_err(|error| fail("size the arena", error))?;
        let arena = map(&file)?;
        if let Err(status) = arena.initialise(quota_in(&file)) {
            arena.unmap();
            return Err(AttachError::new(format!("no memory for an arena in {directory} ({status})")));
        }
        let source =
            CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("no NUL in a path of digits");
        // SAFETY: valid directory and NUL-terminated paths.
        let linked = unsafe {
            libc::linkat(
                libc::AT_FDCWD,
                source.as_ptr(),
                self.directory.as_raw_fd(),
                self.file.as_ptr(),
                libc::AT_SYMLINK_FOLLOW,
            )
        };
        if linked != 0 {
            let error = fail("name the arena", io::Error::last_os_error());
            arena.unmap();
            return Err(error);
        }
        Ok(arena)
    }

    /// Removes the arena's name, and what those who died in it have left beside it.
    pub(crate) fn remove(&self) {
        let directory = self.as_fd();
        if let Some(arena) = self.status() {
            entries(directory, mailbox::prefix(arena.st_ino))
                .for_each(|(entry, _)| mailbox::remove(directory, &entry.file_name()));
        }
        remove_at(directory, &self.file);
        self.remove_sections();
    }

    /// What the arena's name is of.
    fn status(&self) -> Option<libc::stat> {
        // SAFETY: zero is a valid value of every field.
        let mut status: libc::stat = unsafe { core::mem::zeroed() };
        let (directory, flags) = (self.directory.as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
        // SAFETY: a valid directory, a NUL-terminated name, and a place for the result.
        let result = unsafe { libc::fstatat(directory, self.file.as_ptr(), &mut status, flags) };
        (result == 0).then_some(status)
    }

    /// Whether the name still is this arena's: somebody may have made another.
    pub(crate) fn names(&self, arena: &Arena) -> bool {
        self.status().is_some_and(|status| arena.identity == (status.st_dev, status.st_ino))
    }

    /// Arenas of the same namespace that another version of winipc made.
    pub(crate) fn siblings(&self) -> Vec<PathBuf> {
        // An arena's name, and not that of one of its sections.
        let is_fingerprint = |rest: &[u8]| rest.len() == 16 && rest.iter().all(u8::is_ascii_hexdigit);
        entries(self.as_fd(), format!("{}.", self.place.namespace()))
            .filter(|(_, rest)| is_fingerprint(rest))
            .map(|(entry, _)| self.place.path().join(entry.file_name()))
            .filter(|path| *path != self.arena_path())
            .collect()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Path of the arena's file.
    pub(crate) fn arena_path(&self) -> PathBuf {
        self.place.path().join(self.place.arena())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing would not do: a child of which the C library does not tell has the descriptor, too, and the lock is
        // given back with the last.
        // SAFETY: a valid descriptor.
        unsafe { libc::flock(self.directory.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Says that a directory cannot be opened or locked.
fn cannot(what: &str, place: &Place, error: io::Error) -> AttachError {
    AttachError::system(format!("cannot {what} the directory {}", place.path().display()), error)
}

/// What one process may have of an arena in the file's file system, in bytes.
fn quota_in(file: &File) -> u32 {
    // SAFETY: zero is a valid value of every field.
    let mut status: libc::statvfs = unsafe { core::mem::zeroed() };
    // SAFETY: a valid descriptor and a place for the result.
    let result = unsafe { libc::fstatvfs(file.as_raw_fd(), &mut status) };
    // A tmpfs without a limit says 0.
    if result != 0 || status.f_blocks == 0 {
        return quota::MOST_MEMORY;
    }
    let size = status.f_blocks.saturating_mul(status.f_frsize);
    (size / quota::SHARE).min(quota::MOST_MEMORY.into()) as u32
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::arena::fork::tests::holds_in_child;

    fn place_of(name: &str) -> Arc<Place> {
        let path = PathBuf::from(format!("/dev/shm/winipc-lock-{name}-{}", std::process::id()));
        Arc::new(Place::open(path, "test".to_owned()).unwrap())
    }

    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_directory_locked() {
        let place = place_of("copy");
        let directory = Directory::lock_at(&place).unwrap();
        assert!(Directory::try_lock_at(&place).unwrap().is_none());
        // As a child has it that was made by a raw system call.
        let copy = directory.directory.try_clone().unwrap();
        drop(directory);
        drop(Directory::lock_at(&place).unwrap());
        drop(copy);
        std::fs::remove_dir(place.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_opened_is_said_to_be_so() {
        let place = place_of("unopened");
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        assert!(holds_in_child(|| {
            // SAFETY: a valid limit, for a process that ends soon.
            let is_limited = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) } == 0;
            let error = Directory::lock_at(&place).err().map(|error| error.to_string());
            is_limited && error.is_some_and(|text| text.starts_with("cannot open the directory "))
        }));
        std::fs::remove_dir(place.path()).unwrap();
    }

    /// The child shares the lock, and nobody could join until it ended.
    #[test]
    fn a_child_of_one_that_is_killed_does_not_keep_the_directory_locked() {
        let place = place_of("killed");
        fork_hooks::install();
        let (until_over, over) = std::io::pipe().unwrap();
        // SAFETY: the child makes the calls below, takes memory, which the C library keeps in order, and leaves with
        // _exit.
        let victim = unsafe { libc::fork() };
        if victim == 0 {
            let directory = Directory::lock_at(&place);
            let code = if directory.is_ok() { 0 } else { 1 };
            // SAFETY: calls that a child may make; a descriptor of its own, a byte that is its own.
            unsafe {
                if libc::fork() == 0 {
                    let mut byte = 0_u8;
                    libc::close(over.as_raw_fd());
                    libc::alarm(60);
                    libc::read(until_over.as_raw_fd(), (&raw mut byte).cast(), 1);
                    libc::_exit(0);
                }
                // As by a signal: nothing is given back.
                libc::_exit(code);
            }
        }
        let mut status = 0;
        // SAFETY: waits for the child just made.
        assert_eq!(unsafe { libc::waitpid(victim, &raw mut status, 0) }, victim);
        assert_eq!(status, 0, "the victim has locked the directory");
        drop(Directory::lock_at(&place).unwrap());
        drop(over);
        std::fs::remove_dir(place.path()).unwrap();
    }
}
