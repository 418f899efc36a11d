//! Where an arena and what belongs to it lies: a directory of the user's, which nobody else can open.

use std::ffi::{CStr, CString, OsString};
use std::fs::{DirEntry, File, Metadata};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::attach_error::AttachError;
use super::environment;
use super::kept::Kept;
use super::layout::fingerprint;

/// The variables that name the directory and the namespace.
pub(crate) const DIRECTORY_VARIABLE: &str = "WINIPC_DIR";
const NAMESPACE_VARIABLE: &str = "WINIPC_NAMESPACE";
/// Longest name of a namespace in bytes.
const LONGEST_NAMESPACE: usize = 64;

/// A directory and a namespace in it.
///
/// What is in the directory is reached by its descriptor and not by its path, so that it does not matter what somebody
/// puts into its place when it is removed.
pub(crate) struct Place {
    path: PathBuf,
    namespace: String,
    arena: String,
    kept: Kept,
}

/// Names the directory and the namespace that the environment asks for.
fn configured() -> Result<(PathBuf, String), AttachError> {
    let directory = match environment::variable(DIRECTORY_VARIABLE) {
        Some(directory) if !directory.is_empty() => absolute(directory.into())?,
        // SAFETY: geteuid cannot fail.
        _ => PathBuf::from(format!("/dev/shm/winipc-{}", unsafe { libc::geteuid() })),
    };
    let namespace = match environment::variable(NAMESPACE_VARIABLE).map(OsString::into_string) {
        Some(Ok(name)) if !name.is_empty() => name,
        Some(Ok(_)) | None => "default".to_owned(),
        Some(Err(_)) => return Err(AttachError::new("WINIPC_NAMESPACE is not valid UTF-8")),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if namespace.len() > LONGEST_NAMESPACE || !namespace.bytes().all(is_plain) {
        return Err(AttachError::new(format!(
            "WINIPC_NAMESPACE is {namespace:?}: use at most {LONGEST_NAMESPACE} letters, digits, '-' and '_'"
        )));
    }
    Ok((directory, namespace))
}

/// A relative path means what it meant when the process first asked, also if it has gone elsewhere since.
pub(crate) fn absolute(path: PathBuf) -> Result<PathBuf, AttachError> {
    static START: OnceLock<PathBuf> = OnceLock::new();
    if path.is_absolute() {
        return Ok(path);
    }
    let start = match START.get() {
        Some(start) => start,
        None => {
            let here = std::env::current_dir().map_err(|error| {
                AttachError::system(
                    format!("WINIPC_DIR is {}, and there is no current directory", path.display()),
                    error,
                )
            })?;
            START.get_or_init(|| here)
        }
    };
    Ok(start.join(path))
}

/// The directory of the caller's arenas, made if it is missing and checked to be private, and the namespace.
pub(crate) fn private_directory() -> Result<(PathBuf, String), AttachError> {
    let (path, namespace) = configured()?;
    open_directory(&path)?;
    Ok((path, namespace))
}

impl Place {
    /// The place that the environment names. The directory is made if it is missing.
    pub(super) fn configured() -> Result<Self, AttachError> {
        let (path, namespace) = configured()?;
        Self::open(path, namespace)
    }

    pub(super) fn open(path: PathBuf, namespace: String) -> Result<Self, AttachError> {
        let (directory, metadata) = open_directory(&path)?;
        Ok(Self::new(directory, &metadata, path, namespace))
    }

    fn new(directory: File, metadata: &Metadata, path: PathBuf, namespace: String) -> Self {
        let arena = format!("{namespace}.{:016x}", fingerprint());
        Place { path, namespace, arena, kept: Kept::new(directory, metadata) }
    }

    /// A place of a test's.
    #[cfg(test)]
    pub(crate) fn for_test(name: &str) -> Self {
        let namespace = format!("winipc-test-{name}-{}", std::process::id());
        let path = PathBuf::from("/dev/shm");
        let directory = File::open(&path).unwrap();
        let metadata = directory.metadata().unwrap();
        Place::new(directory, &metadata, path, namespace)
    }

    /// Path of the directory, for who reads it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Name of the arena's file.
    pub(super) fn arena(&self) -> &str {
        &self.arena
    }

    /// The environment variables that name it.
    pub(crate) fn variables(&self) -> [(&'static str, OsString); 2] {
        [(DIRECTORY_VARIABLE, self.path.clone().into()), (NAMESPACE_VARIABLE, self.namespace.clone().into())]
    }

    /// The directory.
    ///
    /// # Errors
    /// It has been removed, and the program has closed the descriptor.
    pub(crate) fn directory(&self) -> io::Result<BorrowedFd<'_>> {
        self.kept.get(|| {
            open_directory(&self.path)
                .map(|(directory, _)| directory)
                .map_err(|_| io::ErrorKind::NotFound.into())
        })
    }

    /// Closes the descriptor: a forked child has another one when it joins.
    pub(crate) fn abandon(&self) {
        self.kept.abandon();
    }
}

/// Opens a directory, makes it if it is missing, and makes sure that it is private.
fn open_directory(path: &Path) -> Result<(File, Metadata), AttachError> {
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| AttachError::new("WINIPC_DIR has a NUL character in it"))?;
    // SAFETY: a NUL-terminated path.
    if unsafe { libc::mkdir(name.as_ptr(), 0o700) } != 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EEXIST) {
            return Err(AttachError::system(format!("cannot make the directory {}", path.display()), error));
        }
    }
    let directory = open_at(None, &name, libc::O_RDONLY | libc::O_DIRECTORY).map_err(|error| {
        AttachError::system(format!("cannot open the directory {}", path.display()), error)
    })?;
    let metadata = directory
        .metadata()
        .map_err(|error| AttachError::system(format!("cannot examine {}", path.display()), error))?;
    check_private(&metadata, path)?;
    Ok((directory, metadata))
}

/// Refuses what others could have made or could open.
pub(super) fn check_private(metadata: &Metadata, path: &Path) -> Result<(), AttachError> {
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

/// Opens a file in a directory, or by its path, without following a link. One that is made is its user's alone.
pub(super) fn open_at(
    directory: Option<BorrowedFd<'_>>,
    name: &CStr,
    flags: libc::c_int,
) -> io::Result<File> {
    let directory = directory.map_or(libc::AT_FDCWD, |directory| directory.as_raw_fd());
    let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    loop {
        // SAFETY: a directory and a NUL-terminated path.
        let descriptor = unsafe { libc::openat(directory, name.as_ptr(), flags, 0o600) };
        if descriptor >= 0 {
            // SAFETY: the descriptor was just opened and belongs to nobody else.
            return Ok(unsafe { File::from_raw_fd(descriptor) });
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Removes a name from a directory, if it is there.
pub(super) fn remove_at(directory: BorrowedFd<'_>, name: &CStr) {
    // SAFETY: a directory and a NUL-terminated name.
    unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) };
}

/// What is in a directory whose names begin so, with the rest of their names.
pub(super) fn entries(
    directory: BorrowedFd<'_>,
    prefix: String,
) -> impl Iterator<Item = (DirEntry, Vec<u8>)> {
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    std::fs::read_dir(path).into_iter().flatten().filter_map(move |entry| {
        let entry = entry.ok()?;
        let rest = entry.file_name().as_bytes().strip_prefix(prefix.as_bytes())?.to_vec();
        Some((entry, rest))
    })
}
