//! Files of the caller's that sections are over.
//!
//! A process that maps a section over a file opens the file itself, by the path that it had when the section was made,
//! and makes sure that it is the same: whoever made the section may be gone.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::crash;
use super::kept::{self, Kept};
use crate::status::{Result, Status};

/// A file on disk, as long as it is not renamed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Backing {
    /// Bytes of its path.
    pub(crate) path: Vec<u8>,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Bytes in it.
    pub(crate) length: u64,
}

/// Tells what file a descriptor is of.
///
/// # Errors
/// [`Status::INVALID_FILE_FOR_SECTION`]: it is no file on disk. [`Status::FILE_INVALID`]: it has no path.
pub(crate) fn examine(file: BorrowedFd<'_>) -> Result<Backing> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let metadata = std::fs::metadata(&path).map_err(|_| Status::FILE_INVALID)?;
    if !metadata.is_file() {
        return Err(Status::INVALID_FILE_FOR_SECTION);
    }
    let path = std::fs::read_link(path).map_err(|_| Status::FILE_INVALID)?.into_os_string().into_vec();
    Ok(Backing { path, device: metadata.dev(), inode: metadata.ino(), length: metadata.len() })
}

/// Opens a file again.
///
/// # Errors
/// [`Status::FILE_INVALID`]: there is none at its path. [`Status::ACCESS_DENIED`]: the process may not open it so.
/// [`Status::INSUFFICIENT_RESOURCES`]: it has too many files open.
pub(crate) fn open(backing: &Backing, write: bool) -> Result<File> {
    crash::point();
    let path = Path::new(OsStr::from_bytes(&backing.path));
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().read(true).write(write).custom_flags(flags).open(path);
    file.map_err(|error| match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS | libc::ETXTBSY) => Status::ACCESS_DENIED,
        Some(libc::EMFILE | libc::ENFILE) => Status::INSUFFICIENT_RESOURCES,
        _ => Status::FILE_INVALID,
    })
}

/// Makes sure that an open file is the one that a section is over, and that it still has so many bytes: to touch memory
/// that is mapped of what is behind its end kills the process.
///
/// # Errors
/// [`Status::FILE_INVALID`]: it is another, or it is shorter by now.
pub(crate) fn require(file: BorrowedFd<'_>, backing: &Backing, bytes: u64) -> Result<()> {
    let status = kept::status_of(file.as_raw_fd()).ok_or(Status::FILE_INVALID)?;
    let is_same = (status.st_dev, status.st_ino) == (backing.device, backing.inode);
    if is_same && status.st_size as u64 >= bytes { Ok(()) } else { Err(Status::FILE_INVALID) }
}

/// Opens a file anew by a descriptor, whatever has become of its path.
///
/// # Errors
/// [`Status::FILE_INVALID`]: it cannot be opened so.
pub(crate) fn reopen(file: BorrowedFd<'_>, write: bool) -> Result<Kept> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    crash::point();
    let opened = File::options().read(true).write(write).open(path);
    opened.and_then(Kept::of).map_err(|_| Status::FILE_INVALID)
}

/// Makes a file longer, with room on the disk for all of it.
///
/// # Errors
/// [`Status::DISK_FULL`]: there is no room. [`Status::SECTION_TOO_BIG`]: no file can be so long.
pub(crate) fn extend(file: BorrowedFd<'_>, from: u64, to: u64) -> Result<()> {
    let (Ok(offset), Ok(end)) = (i64::try_from(from), i64::try_from(to)) else {
        return Err(Status::SECTION_TOO_BIG);
    };
    let failed = |error: &io::Error| match error.raw_os_error() {
        Some(libc::EFBIG | libc::EINVAL) => Status::SECTION_TOO_BIG,
        _ => Status::DISK_FULL,
    };
    loop {
        crash::point();
        // SAFETY: a valid descriptor.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, offset, end - offset) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP) => break,
            _ => return Err(failed(&error)),
        }
    }
    // A file system that cannot say beforehand.
    // SAFETY: as above.
    let result = unsafe { libc::ftruncate(file.as_raw_fd(), end) };
    if result == 0 { Ok(()) } else { Err(failed(&io::Error::last_os_error())) }
}
