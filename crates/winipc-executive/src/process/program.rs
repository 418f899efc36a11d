//! Programs: where they are, and what keeps one from being run.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::status::Status;

/// Finds a program by its name in the directories of `PATH`. A name with a slash is a path already.
///
/// Where none of the directories has a program of that name, but one a file that cannot be run, that file is the
/// result.
pub fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name));
    }
    if name.is_empty() {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut second_best = None;
    for directory in std::env::split_paths(&path) {
        let file =
            if directory.as_os_str().is_empty() { Path::new(".").join(name) } else { directory.join(name) };
        if is_program(&file) {
            return Some(file);
        }
        if second_best.is_none() && file.is_file() {
            second_best = Some(file);
        }
    }
    second_best
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// What it means that the system refuses to run a file.
pub(super) fn refusal(program: &Path, error: &io::Error) -> Status {
    match error.raw_os_error() {
        Some(libc::ENOENT) => match program.parent() {
            Some(directory) if !directory.as_os_str().is_empty() && !directory.is_dir() => {
                Status::OBJECT_PATH_NOT_FOUND
            }
            _ => Status::OBJECT_NAME_NOT_FOUND,
        },
        Some(libc::ENOTDIR) => Status::OBJECT_PATH_NOT_FOUND,
        // Only files that are programs have the right to be run; on Windows what is in them counts.
        Some(libc::EACCES) if program.is_file() && !is_program(program) => Status::INVALID_IMAGE_FORMAT,
        Some(libc::EACCES | libc::EPERM | libc::EISDIR) => Status::ACCESS_DENIED,
        Some(libc::ENOEXEC | libc::EINVAL | libc::ELIBBAD) => Status::INVALID_IMAGE_FORMAT,
        Some(libc::ETXTBSY) => Status::SHARING_VIOLATION,
        Some(libc::E2BIG | libc::ENAMETOOLONG | libc::ELOOP) => Status::NAME_TOO_LONG,
        Some(libc::ENOMEM) => Status::NO_MEMORY,
        _ => Status::INSUFFICIENT_RESOURCES,
    }
}
