//! Calls to the system on descriptors.
//!
//! None of them changes what a descriptor's other users see: nothing here sets `O_NONBLOCK`, which belongs to the open
//! file and would reach every child that has it. A call that is not to wait says so itself.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::crash;
use super::kept::Kept;
use super::user::ReadBuffer;

/// The result of a system call that returns a count.
pub(super) fn count(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The result of a system call that returns 0.
pub(super) fn nothing(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A new pipe: what is read from, and what is written to. Programs that are executed do not get them.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: a place for two descriptors.
    nothing(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the two were just opened and belong to nobody else.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// What is always at its end and takes everything.
pub(crate) fn null() -> io::Result<OwnedFd> {
    let file = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    Ok(file.into())
}

/// Another descriptor to what is under a number, if anything is; programs that are executed do not get it.
pub(crate) fn duplicate(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: the call takes numbers.
    let duplicate = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    // SAFETY: just made, and nobody else's.
    (duplicate >= 0).then(|| unsafe { OwnedFd::from_raw_fd(duplicate) })
}

/// A descriptor that the process has from its parent; programs that are executed do not get it. Those of the standard
/// streams stay where they are, and this is another.
///
/// The number alone tells nothing: whatever ran in this process before may have closed the descriptor, and what is
/// there now be its own. It is left alone unless it is what the parent said.
pub(crate) fn inherited(number: RawFd, said: &Nature) -> Option<OwnedFd> {
    if nature_of(number).ok()? != *said {
        return None;
    }
    if (0..3).contains(&number) {
        return duplicate(number);
    }
    // SAFETY: the call takes numbers.
    let is_open = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
    // SAFETY: the parent left it under this number, where it still is, and nothing else in this process knows of it.
    is_open.then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

/// Has a pipe hold at least so many bytes, as far as the system allows.
pub(crate) fn set_pipe_size(pipe: BorrowedFd<'_>, bytes: usize) {
    /// What any user may ask for, unless the system's settings say otherwise.
    const ALLOWED: usize = 1 << 20;
    for size in [bytes, bytes.min(ALLOWED)] {
        let size = c_int::try_from(size).unwrap_or(c_int::MAX);
        // SAFETY: a valid descriptor; the call takes a number.
        if unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, size) } >= 0 {
            return;
        }
    }
}

/// What a descriptor leads to and is open for, as far as the system tells: it is the same in all processes that have
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Nature {
    /// Which file it is: the two ends of a pipe are one.
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// `S_IFMT` of its mode.
    pub(crate) format: u32,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

/// Tells what a descriptor is.
pub(crate) fn nature(descriptor: BorrowedFd<'_>) -> io::Result<Nature> {
    nature_of(descriptor.as_raw_fd())
}

fn nature_of(number: RawFd) -> io::Result<Nature> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a number and a place for the result, which is read only after success.
    let status = unsafe {
        nothing(libc::fstat(number, status.as_mut_ptr()))?;
        status.assume_init()
    };
    // SAFETY: the call takes numbers.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFL) };
    nothing(flags)?;
    let access = flags & libc::O_ACCMODE;
    Ok(Nature {
        device: status.st_dev,
        inode: status.st_ino,
        format: status.st_mode & libc::S_IFMT,
        reads: access != libc::O_WRONLY,
        writes: access != libc::O_RDONLY,
    })
}

/// Whether the kernel takes `RWF_NOWAIT` for pipes (Linux 6.4). Before that a call looks first, and waits in the rare
/// case that another process was quicker.
static HAS_NOWAIT: AtomicBool = AtomicBool::new(true);

/// Reads what there is into a buffer, from `at` on. [`io::ErrorKind::WouldBlock`]: nothing is there.
pub(crate) fn read_now(descriptor: BorrowedFd<'_>, buffer: &ReadBuffer, at: usize) -> io::Result<usize> {
    let vector = buffer.vector(at);
    now(descriptor, libc::POLLIN, |flags| {
        // SAFETY: one vector over memory that the buffer's constructor promised to be writable.
        count(unsafe { libc::preadv2(descriptor.as_raw_fd(), &vector, 1, -1, flags) })
    })
}

/// Writes what fits. [`io::ErrorKind::WouldBlock`]: nothing does. [`io::ErrorKind::BrokenPipe`] comes without a signal.
pub(crate) fn write_now(descriptor: BorrowedFd<'_>, data: &[u8]) -> io::Result<usize> {
    now(descriptor, libc::POLLOUT, |flags| {
        // A pipe that has room has it for so much.
        let length = if flags == 0 { data.len().min(libc::PIPE_BUF) } else { data.len() };
        let vector = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: length };
        let write = |flags| {
            // SAFETY: one vector over memory that is only read.
            count(unsafe { libc::pwritev2(descriptor.as_raw_fd(), &vector, 1, -1, flags) })
        };
        if has_nosignal() { write(flags | RWF_NOSIGNAL) } else { without_signal(|| write(flags)) }
    })
}

fn now(
    descriptor: BorrowedFd<'_>,
    event: i16,
    transfer: impl Fn(c_int) -> io::Result<usize>,
) -> io::Result<usize> {
    crash::point();
    let transfer = |flags| {
        let done = transfer(flags);
        crash::point();
        done
    };
    if HAS_NOWAIT.load(Ordering::Relaxed) {
        match transfer(libc::RWF_NOWAIT) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {
                // Of a pipe it says that the kernel is old; of a terminal, nothing.
                if nature(descriptor).is_ok_and(|nature| nature.format == libc::S_IFIFO) {
                    HAS_NOWAIT.store(false, Ordering::Relaxed);
                }
            }
            done => return done,
        }
    }
    if poll([(descriptor, event)], Some(0))? == [0] {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    transfer(0)
}

/// Waits until one of the events that are asked for has come, or an end or error that nobody has to ask for, and
/// returns those that have; for so many milliseconds at the most.
pub(crate) fn poll<const N: usize>(
    descriptors: [(BorrowedFd<'_>, i16); N],
    timeout: Option<u32>,
) -> io::Result<[i16; N]> {
    let mut polled = descriptors.map(|(descriptor, events)| libc::pollfd {
        fd: descriptor.as_raw_fd(),
        events,
        revents: 0,
    });
    let timeout = timeout.map_or(-1, |timeout| c_int::try_from(timeout).unwrap_or(c_int::MAX));
    loop {
        // SAFETY: an array of so many elements.
        match nothing(unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, timeout) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done.map(|()| polled.map(|descriptor| descriptor.revents)),
        }
    }
}

/// Bytes that can be read without waiting.
pub(crate) fn unread(descriptor: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: c_int = 0;
    // SAFETY: a valid descriptor and a place for the number.
    nothing(unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::FIONREAD, &mut bytes) })?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// Copies what can be read from a pipe and leaves it there. Returns how many bytes it was.
pub(crate) fn look_into_pipe(pipe: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<usize> {
    // The kernel duplicates what lies in one pipe into another, which is as large.
    let (from, to) = self::pipe()?;
    // SAFETY: a valid descriptor.
    let size = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_GETPIPE_SZ) };
    // SAFETY: a valid descriptor; the call takes a number.
    unsafe { libc::fcntl(to.as_raw_fd(), libc::F_SETPIPE_SZ, size) };
    let most = bytes.len();
    // SAFETY: two pipes.
    let duplicated =
        count(unsafe { libc::tee(pipe.as_raw_fd(), to.as_raw_fd(), most, libc::SPLICE_F_NONBLOCK) })?;
    drop(to);
    let mut copied = 0;
    while copied < duplicated {
        let rest = &mut bytes[copied..duplicated];
        // SAFETY: a valid descriptor and a buffer of so many bytes.
        match count(unsafe { libc::read(from.as_raw_fd(), rest.as_mut_ptr().cast(), rest.len()) })? {
            0 => break,
            more => copied += more,
        }
    }
    Ok(copied)
}

/// What wakes a thread that waits for a descriptor.
#[derive(Debug)]
pub(crate) struct Bell(Kept);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Self::open().and_then(Kept::of).map(Bell)
    }

    fn open() -> io::Result<File> {
        // SAFETY: has no preconditions.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        nothing(descriptor)?;
        // SAFETY: just opened, and nobody else's.
        Ok(unsafe { File::from_raw_fd(descriptor) })
    }

    /// Has who waits look, now or when it next waits.
    pub(crate) fn ring(&self) {
        if let Ok(own) = self.0.get(Self::open) {
            // SAFETY: eight bytes, of which an event descriptor takes a number. That it is full does no harm.
            unsafe { libc::write(own.as_raw_fd(), (&raw const ONE).cast(), size_of::<u64>()) };
        }
    }

    /// Waits for the bell, or for one of `events` on a descriptor, for so many milliseconds at the most. Returns
    /// whether the descriptor is what it was.
    pub(crate) fn wait_or(
        &self,
        descriptor: BorrowedFd<'_>,
        events: i16,
        timeout: Option<u32>,
    ) -> io::Result<bool> {
        let own = self.0.get(Self::open)?;
        let [rung, ready] = poll([(own, libc::POLLIN), (descriptor, events)], timeout)?;
        if rung != 0 {
            let mut number = 0_u64;
            // SAFETY: a place for eight bytes.
            unsafe { libc::read(own.as_raw_fd(), (&raw mut number).cast(), size_of::<u64>()) };
        }
        Ok(ready != 0)
    }
}

static ONE: u64 = 1;

/// Keeps a write from sending the signal of a broken pipe (Linux 6.18).
const RWF_NOSIGNAL: c_int = 0x100;

/// Whether the kernel knows `RWF_NOSIGNAL`: 0 as long as nobody has asked, 1 if it does, 2 if not.
static HAS_NOSIGNAL: AtomicU8 = AtomicU8::new(0);

fn has_nosignal() -> bool {
    match HAS_NOSIGNAL.load(Ordering::Relaxed) {
        0 => {
            let byte = libc::iovec { iov_base: (&raw const ONE).cast_mut().cast(), iov_len: 1 };
            let knows = pipe().is_ok_and(|(_reader, writer)| {
                // SAFETY: one vector over a byte that is only read; the pipe has a reader, so no signal comes.
                unsafe { libc::pwritev2(writer.as_raw_fd(), &byte, 1, -1, RWF_NOSIGNAL) == 1 }
            });
            HAS_NOSIGNAL.store(if knows { 1 } else { 2 }, Ordering::Relaxed);
            knows
        }
        known => known == 1,
    }
}

/// Writes without the signal of a broken pipe, which goes to the thread that writes: it is blocked meanwhile, and taken
/// back if the write brought it. One that the thread had pending before, since it blocks the signal itself, stays.
fn without_signal(write: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    let mut only = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    let mut pending = MaybeUninit::uninit();
    // SAFETY: each set is filled before it is read.
    let (only, before, was_pending) = unsafe {
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), libc::SIGPIPE);
        let only = only.assume_init();
        libc::pthread_sigmask(libc::SIG_BLOCK, &only, before.as_mut_ptr());
        let before: libc::sigset_t = before.assume_init();
        // What was not blocked is not pending either.
        let was_pending = libc::sigismember(&before, libc::SIGPIPE) == 1 && {
            libc::sigpending(pending.as_mut_ptr());
            libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
        };
        (only, before, was_pending)
    };
    let written = write();
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: sets that are initialised, and a valid time.
    unsafe {
        if !was_pending && matches!(&written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            libc::sigtimedwait(&only, core::ptr::null_mut(), &at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, core::ptr::null_mut());
    }
    written
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// On a kernel that keeps the signal back by itself, the other way is not taken otherwise.
    #[test]
    fn a_broken_pipe_sends_no_signal() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        // SAFETY: the default ends the process. Nothing else here writes to a broken pipe.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let write = || {
            // SAFETY: one byte that is only read.
            count(unsafe { libc::write(writer.as_raw_fd(), (&raw const ONE).cast(), 1) })
        };
        for _ in 0..2 {
            assert_eq!(without_signal(write).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(write_now(writer.as_fd(), b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn looking_takes_nothing() {
        let (reader, writer) = pipe().unwrap();
        write_now(writer.as_fd(), b"abc").unwrap();
        let mut bytes = [0; 2];
        for _ in 0..2 {
            assert_eq!(look_into_pipe(reader.as_fd(), &mut bytes).unwrap(), 2);
            assert_eq!((&bytes, unread(reader.as_fd()).unwrap()), (b"ab", 3));
        }
    }
}
