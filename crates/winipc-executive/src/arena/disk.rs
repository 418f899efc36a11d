//! Calls to the system on files that have places.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use std::io::{self, SeekFrom};
use std::os::fd::{AsRawFd, BorrowedFd};

use super::descriptor::{count, nothing};
use super::user::ReadBuffer;

/// Where a transfer takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Where the file's position is, which moves on.
    Position,
    /// So many bytes from the start. The position stays.
    At(libc::off_t),
    /// At the end, for writing. The position moves there.
    End,
}

impl Place {
    fn offset(self) -> libc::off_t {
        match self {
            Place::At(offset) => offset,
            Place::Position | Place::End => -1,
        }
    }
}

/// Repeats a call that a signal has interrupted.
fn uninterrupted(call: impl Fn() -> isize) -> io::Result<usize> {
    loop {
        match count(call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Reads into a buffer.
pub(crate) fn read(file: BorrowedFd<'_>, buffer: &ReadBuffer, place: Place) -> io::Result<usize> {
    let vector = buffer.vector(0);
    // SAFETY: one vector over memory that the buffer's constructor promised to be writable.
    uninterrupted(|| unsafe { libc::preadv2(file.as_raw_fd(), &vector, 1, place.offset(), 0) })
}

/// Writes once; the system may take less.
pub(crate) fn write(file: BorrowedFd<'_>, data: &[u8], place: Place) -> io::Result<usize> {
    let vector = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let flags = if place == Place::End { libc::RWF_APPEND } else { 0 };
    // SAFETY: one vector over memory that is only read.
    uninterrupted(|| unsafe { libc::pwritev2(file.as_raw_fd(), &vector, 1, place.offset(), flags) })
}

/// Moves a file's position, and returns where it is then.
pub(crate) fn seek(file: BorrowedFd<'_>, to: SeekFrom) -> io::Result<u64> {
    let (whence, distance) = match to {
        SeekFrom::Start(at) => (libc::SEEK_SET, i64::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?),
        SeekFrom::Current(distance) => (libc::SEEK_CUR, distance),
        SeekFrom::End(distance) => (libc::SEEK_END, distance),
    };
    // SAFETY: a valid descriptor; the call takes numbers.
    let at = unsafe { libc::lseek(file.as_raw_fd(), distance, whence) };
    u64::try_from(at).map_err(|_| io::Error::last_os_error())
}

/// A file's size in bytes.
pub(crate) fn size(file: BorrowedFd<'_>) -> io::Result<u64> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a valid descriptor and a place for the result, which is read only after success.
    let size = unsafe {
        nothing(libc::fstat(file.as_raw_fd(), status.as_mut_ptr()))?;
        status.assume_init().st_size
    };
    Ok(u64::try_from(size).unwrap_or(0))
}

/// Gives a file another size.
pub(crate) fn set_size(file: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
    let bytes = libc::off_t::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: a valid descriptor; the call takes a number.
    nothing(unsafe { libc::ftruncate(file.as_raw_fd(), bytes) })
}

/// Has the system write everything to the disk.
pub(crate) fn synchronize(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a valid descriptor.
    nothing(unsafe { libc::fsync(file.as_raw_fd()) })
}

/// Locks a file, alone or together with others, for as long as it is open. [`io::ErrorKind::WouldBlock`]: somebody has
/// it.
pub(crate) fn lock(file: BorrowedFd<'_>, alone: bool) -> io::Result<()> {
    let operation: c_int = if alone { libc::LOCK_EX } else { libc::LOCK_SH };
    // SAFETY: a valid descriptor.
    nothing(unsafe { libc::flock(file.as_raw_fd(), operation | libc::LOCK_NB) })
}
