//! The arena's file: where it lies, who may use it, how it comes and goes.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Arena;
use super::layout::{ARENA_SIZE, MAGIC, fingerprint};
use super::mailbox;
use super::mapping::map;
use crate::quota;
use crate::status::Status;

/// Why a process cannot attach to its namespace.
#[derive(Debug)]
pub struct AttachError {
    what: String,
    source: Option<io::Error>,
}

impl AttachError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        AttachError { what: what.into(), source: None }
    }

    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        AttachError { what: what.into(), source: Some(source) }
    }

    /// The status with which every other call fails.
    pub fn status(&self) -> Status {
        Status::ARENA_UNAVAILABLE
    }
}

impl core::fmt::Display for AttachError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl core::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn core::error::Error + 'static))
    }
}

/// How long joining waits for others who join or leave.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest name of a namespace in bytes.
const LONGEST_NAMESPACE: usize = 64;

/// The directory of a user's arenas, locked: nobody else joins or leaves meanwhile.
pub(crate) struct Directory {
    directory: File,
    path: PathBuf,
    /// The arena's file in the directory.
    file: CString,
    namespace: String,
}

/// A directory and a namespace in it.
#[derive(Default)]
pub(crate) struct Place {
    path: PathBuf,
    namespace: String,
}

impl Place {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Names the directory and the namespace that the environment asks for.
fn configured() -> Result<(PathBuf, String), AttachError> {
    let directory = match std::env::var_os("WINIPC_DIR") {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory),
        // SAFETY: geteuid cannot fail.
        _ => PathBuf::from(format!("/dev/shm/winipc-{}", unsafe { libc::geteuid() })),
    };
    let namespace = match std::env::var("WINIPC_NAMESPACE") {
        Ok(name) if !name.is_empty() => name,
        Ok(_) | Err(std::env::VarError::NotPresent) => "default".to_owned(),
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(AttachError::new("WINIPC_NAMESPACE is not valid UTF-8"));
        }
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if namespace.len() > LONGEST_NAMESPACE || !namespace.bytes().all(is_plain) {
        return Err(AttachError::new(format!(
            "WINIPC_NAMESPACE is {namespace:?}: use at most {LONGEST_NAMESPACE} letters, digits, '-' and '_'"
        )));
    }
    Ok((directory, namespace))
}

/// The directory of the caller's arenas, made if it is missing and checked to be private, and the namespace.
pub(crate) fn private_directory() -> Result<(PathBuf, String), AttachError> {
    let (path, namespace) = configured()?;
    open_directory(&path)?;
    Ok((path, namespace))
}

/// Name of a namespace's arena.
fn file_name(namespace: &str) -> String {
    format!("{namespace}.{:016x}", fingerprint())
}

impl Place {
    /// Path of the arena's file.
    pub(super) fn arena_path(&self) -> PathBuf {
        self.path.join(file_name(&self.namespace))
    }

    /// A place of a test's.
    #[cfg(test)]
    pub(crate) fn for_test(name: &str) -> Self {
        let namespace = format!("winipc-test-{name}-{}", std::process::id());
        Place { path: PathBuf::from("/dev/shm"), namespace }
    }

    /// The environment variables that name it.
    pub(crate) fn variables(&self) -> [(&'static str, OsString); 2] {
        [("WINIPC_DIR", self.path.clone().into()), ("WINIPC_NAMESPACE", self.namespace.clone().into())]
    }
}

impl Directory {
    /// Opens the directory, makes it if it is missing, and locks it.
    pub(crate) fn lock() -> Result<Self, AttachError> {
        let (path, namespace) = configured()?;
        let directory = open_directory(&path)?;
        lock_file(&directory, &path)?;
        Ok(Self::new(directory, path, namespace))
    }

    /// Locks a directory that the process has joined in. The environment does not matter: it may say something else by now.
    pub(crate) fn lock_again(place: &Place) -> Result<Self, AttachError> {
        let directory = open_directory(&place.path)?;
        lock_file(&directory, &place.path)?;
        Ok(Self::new(directory, place.path.clone(), place.namespace.clone()))
    }

    /// Locks the directory again if it is still there and nobody has locked it; `None` if somebody has. The environment
    /// does not matter here either.
    pub(crate) fn try_lock_again(place: &Place) -> io::Result<Option<Self>> {
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let directory = File::options().read(true).custom_flags(flags).open(&place.path)?;
        // SAFETY: a valid descriptor.
        if unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(libc::EWOULDBLOCK) { Ok(None) } else { Err(error) };
        }
        Ok(Some(Self::new(directory, place.path.clone(), place.namespace.clone())))
    }

    /// By what the directory is found again.
    pub(crate) fn place(&self) -> Place {
        Place { path: self.path.clone(), namespace: self.namespace.clone() }
    }

    /// Opens the directory without locking it, for those who only look: somebody may join or leave meanwhile.
    pub(crate) fn unlocked() -> Result<Self, AttachError> {
        let (path, namespace) = configured()?;
        let directory = open_directory(&path)?;
        Ok(Self::new(directory, path, namespace))
    }

    fn new(directory: File, path: PathBuf, namespace: String) -> Self {
        let file = CString::new(file_name(&namespace)).expect("no NUL in a checked name");
        Directory { directory, path, file, namespace }
    }

    /// Opens the arena that has the name, if there is one.
    pub(crate) fn open(&self) -> Result<Option<Arena>, AttachError> {
        // SAFETY: a valid directory and a NUL-terminated name.
        let descriptor = unsafe {
            libc::openat(
                self.directory.as_raw_fd(),
                self.file.as_ptr(),
                libc::O_RDWR | libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK,
            )
        };
        if descriptor < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::ENOENT) => Ok(None),
                _ => Err(AttachError::system(
                    format!("cannot open the arena {}", self.arena_path().display()),
                    error,
                )),
            };
        }
        // SAFETY: the descriptor was just opened and belongs to nobody else.
        let file = unsafe { File::from_raw_fd(descriptor) };
        let metadata =
            file.metadata().map_err(|error| AttachError::system("cannot examine the arena", error))?;
        check_private(&metadata, &self.arena_path())?;
        if !metadata.is_file() || metadata.len() != ARENA_SIZE as u64 {
            return Err(AttachError::new(format!(
                "{} is not an arena of this version (remove it if no program uses it)",
                self.arena_path().display()
            )));
        }
        let arena = map(file)?;
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
        let fail = |what: &str| {
            let error = io::Error::last_os_error();
            AttachError::system(format!("cannot {what} in {}", self.path.display()), error)
        };
        // SAFETY: a valid directory and a constant NUL-terminated path.
        let descriptor = unsafe {
            libc::openat(
                self.directory.as_raw_fd(),
                c".".as_ptr(),
                libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC,
                0o600,
            )
        };
        if descriptor < 0 {
            return Err(fail("make a file"));
        }
        // SAFETY: the descriptor was just opened and belongs to nobody else.
        let file = unsafe { File::from_raw_fd(descriptor) };
        file.set_len(ARENA_SIZE as u64).map_err(|error| {
            AttachError::system(format!("cannot size the arena in {}", self.path.display()), error)
        })?;
        let quota = quota_in(&file);
        let source =
            CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("no NUL in a path of digits");
        let arena = map(file)?;
        if let Err(status) = arena.initialise(quota) {
            arena.unmap();
            let directory = self.path.display();
            return Err(AttachError::new(format!("no memory for an arena in {directory} ({status})")));
        }
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
            let error = fail("name the arena");
            arena.unmap();
            return Err(error);
        }
        Ok(arena)
    }

    /// Removes the arena's name, and what those who died in it have left beside it.
    pub(crate) fn remove(&self) {
        let own = std::fs::symlink_metadata(self.arena_path());
        if let (Ok(own), Ok(entries)) = (own, std::fs::read_dir(&self.path)) {
            let prefix = mailbox::prefix(own.ino());
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names
                .filter(|name| name.starts_with(&prefix))
                .for_each(|name| mailbox::remove(&self.path, &name));
        }
        // SAFETY: a valid directory and a NUL-terminated name.
        unsafe { libc::unlinkat(self.directory.as_raw_fd(), self.file.as_ptr(), 0) };
        self.remove_sections();
    }

    /// Whether the name still is this arena's: somebody may have made another.
    pub(crate) fn names(&self, arena: &Arena) -> bool {
        // SAFETY: zero is a valid value of every field.
        let mut status: libc::stat = unsafe { core::mem::zeroed() };
        // SAFETY: a valid directory, a NUL-terminated name, and a place for the result.
        let result = unsafe {
            libc::fstatat(
                self.directory.as_raw_fd(),
                self.file.as_ptr(),
                &mut status,
                libc::AT_SYMLINK_NOFOLLOW,
            )
        };
        result == 0 && arena.identity == (status.st_dev, status.st_ino)
    }

    /// Arenas of the same namespace that another version of winipc made.
    pub(crate) fn siblings(&self) -> Vec<PathBuf> {
        let prefix = format!("{}.", self.namespace);
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Vec::new() };
        entries
            .filter_map(|entry| Some(entry.ok()?.file_name()))
            .filter(|name| {
                // An arena's name, and not that of one of its sections.
                let is_fingerprint = |rest: &[u8]| rest.len() == 16 && rest.iter().all(u8::is_ascii_hexdigit);
                let bytes = name.as_bytes();
                bytes.strip_prefix(prefix.as_bytes()).is_some_and(is_fingerprint)
                    && bytes != self.file.as_bytes()
            })
            .map(|name| self.path.join(name))
            .collect()
    }

    /// Path of the arena's file.
    pub(crate) fn arena_path(&self) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(self.file.as_bytes()))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Closing would not do: a child that another thread forked meanwhile has the descriptor too, and the lock is
        // given back with the last.
        // SAFETY: a valid descriptor.
        unsafe { libc::flock(self.directory.as_raw_fd(), libc::LOCK_UN) };
    }
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

fn open_directory(path: &Path) -> Result<File, AttachError> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| AttachError::new("WINIPC_DIR has a NUL character in it"))?;
    // SAFETY: a NUL-terminated path.
    if unsafe { libc::mkdir(name.as_ptr(), 0o700) } != 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EEXIST) {
            return Err(AttachError::system(format!("cannot make the directory {}", path.display()), error));
        }
    }
    // SAFETY: a NUL-terminated path.
    let descriptor = unsafe {
        libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC)
    };
    if descriptor < 0 {
        let error = io::Error::last_os_error();
        return Err(AttachError::system(format!("cannot open the directory {}", path.display()), error));
    }
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let directory = unsafe { File::from_raw_fd(descriptor) };
    let metadata = directory
        .metadata()
        .map_err(|error| AttachError::system(format!("cannot examine {}", path.display()), error))?;
    check_private(&metadata, path)?;
    Ok(directory)
}

/// Refuses what others could have made or could open.
fn check_private(metadata: &std::fs::Metadata, path: &Path) -> Result<(), AttachError> {
    // SAFETY: geteuid cannot fail.
    let user = unsafe { libc::geteuid() };
    if metadata.uid() != user {
        return Err(AttachError::new(format!(
            "{} belongs to user {}, not to user {user} who runs this program",
            path.display(),
            metadata.uid()
        )));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(AttachError::new(format!(
            "{} is open to other users (mode {:04o}); winipc needs a directory of your own: name another by WINIPC_DIR, or \
             close this one if nobody else uses it (chmod go-rwx)",
            path.display(),
            metadata.mode() & 0o7777
        )));
    }
    Ok(())
}

fn lock_file(directory: &File, path: &Path) -> Result<(), AttachError> {
    let end = Instant::now() + PATIENCE;
    loop {
        // SAFETY: a valid descriptor.
        if unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EWOULDBLOCK) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
            _ => {
                return Err(AttachError::system(
                    format!("cannot lock the directory {}", path.display()),
                    error,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_forked_while_the_directory_is_locked_does_not_keep_it_locked() {
        let path = PathBuf::from(format!("/dev/shm/winipc-lock-{}", std::process::id()));
        let lock = || {
            let directory = open_directory(&path)?;
            // SAFETY: a valid descriptor.
            let locked = unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0;
            Ok::<_, AttachError>((Directory::new(directory, path.clone(), "test".to_owned()), locked))
        };
        let (directory, is_locked) = lock().unwrap();
        assert!(is_locked);
        // What the child of a fork has.
        let copy = directory.directory.try_clone().unwrap();
        drop(directory);
        assert!(lock().unwrap().1, "nobody holds it");
        drop(copy);
        std::fs::remove_dir(&path).unwrap();
    }
}
