//! Processes by their descriptors: watching for their end, killing them, and fetching the bodies of children.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::system;

/// A descriptor that stands for one process and never for another that gets its id.
pub(crate) struct ProcessDescriptor(OwnedFd);

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// By itself, with this code.
    Exited(u32),
    /// By a signal, or so that only its parent was told how, which this process is not or somebody else here was told.
    Unknown,
}

impl ProcessDescriptor {
    /// Of the process that has an id now.
    pub(crate) fn open(id: u32) -> io::Result<Self> {
        // SAFETY: a plain system call.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, id as libc::pid_t, 0) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else's.
        Ok(ProcessDescriptor(unsafe { OwnedFd::from_raw_fd(descriptor as i32) }))
    }

    pub(super) fn new(descriptor: OwnedFd) -> Self {
        ProcessDescriptor(descriptor)
    }

    /// Kills the process.
    pub(crate) fn kill(&self) -> bool {
        let information = core::ptr::null::<libc::siginfo_t>();
        // SAFETY: a valid descriptor; no information about the signal is passed.
        unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), libc::SIGKILL, information, 0) == 0
        }
    }

    /// When the process started, in milliseconds since the system did; `None` if it has ended, or nothing tells.
    pub(crate) fn started(&self) -> Option<u64> {
        let number = self.0.as_raw_fd();
        let information = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
        // `/proc` may be that of another process id namespace: only there is this the process's id.
        let id = information.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim();
        system::started(id)
    }

    /// How the process ended, which it has; `None` as long as a debugger keeps the body. A child's body stays.
    pub(crate) fn end(&self) -> Option<End> {
        match self.wait(libc::WNOWAIT | libc::WNOHANG) {
            // No process: it has ended and nobody has been told how.
            Some((0, ..)) => None,
            Some((_, libc::CLD_EXITED, code)) => Some(End::Exited(code as u32)),
            _ => Some(End::Unknown),
        }
    }

    /// Waits for a child's end and fetches its body, so that its id may be another's. Nothing happens for other
    /// processes. A debugger may keep the body for as long as it likes; where [`end`](Self::end) has told how the child
    /// ended, nobody does.
    pub(crate) fn fetch(&self) {
        let _ = self.wait(0);
    }

    /// Which process ended, why and with what; `None` if it is no child, or somebody else has fetched its body.
    fn wait(&self, flags: i32) -> Option<(i32, i32, i32)> {
        let mut information = MaybeUninit::<libc::siginfo_t>::zeroed();
        let descriptor = self.0.as_raw_fd() as libc::id_t;
        loop {
            // SAFETY: a valid descriptor, and a place for the result.
            let result = unsafe {
                libc::waitid(
                    libc::P_PIDFD,
                    descriptor,
                    information.as_mut_ptr(),
                    libc::WEXITED | libc::__WALL | flags,
                )
            };
            if result == 0 {
                // SAFETY: filled by the call, or zeros, which are valid.
                let information = unsafe { information.assume_init() };
                // SAFETY: the fields of a child's end.
                let (id, status) = unsafe { (information.si_pid(), information.si_status()) };
                return Some((id, information.si_code, status));
            }
            if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
                return None;
            }
        }
    }
}

/// Waits for the end of any of several processes.
pub(crate) struct Poll(OwnedFd);

/// Most ends that one wait tells of.
const MOST_EVENTS: usize = 16;

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: a plain system call.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, and nobody else's.
        Ok(Poll(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Adds a process under a key, which is told of once: a child that was forked meanwhile has the descriptor too, and
    /// closing it here would not keep the system from telling again and again.
    pub(crate) fn add(&self, process: &ProcessDescriptor, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLONESHOT) as u32, u64: key };
        // SAFETY: two valid descriptors; the event is copied.
        let result = unsafe {
            libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, process.0.as_raw_fd(), &mut event)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// The keys of processes that have ended, of which there is at least one unless a signal came or the time is over.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Vec<u64> {
        let timeout = timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX));
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MOST_EVENTS];
        // SAFETY: a valid descriptor, and room for as many events as is said.
        let count =
            unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), MOST_EVENTS as i32, timeout) };
        events[..usize::try_from(count).unwrap_or(0)].iter().map(|event| event.u64).collect()
    }

    /// Closes the descriptor of a poll that a forked child has of its parent's and that nobody uses there.
    pub(crate) fn close_copy(&self) {
        // SAFETY: it is closed once, since nobody knows of it after that: the thread that waits is not there, and the
        // value is never dropped.
        unsafe { libc::close(self.0.as_raw_fd()) };
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::process::Command;

    use super::*;

    /// Who was forked meanwhile has the descriptor as well, and the poll told of the end again and again.
    #[test]
    fn an_end_is_told_once() {
        let mut program = Command::new("true").spawn().unwrap();
        let descriptor = ProcessDescriptor::open(program.id()).unwrap();
        let copy = descriptor.0.try_clone().unwrap();
        let poll = Poll::new().unwrap();
        poll.add(&descriptor, 7).unwrap();
        assert_eq!(poll.wait(None), [7]);
        program.wait().unwrap();
        drop(descriptor);
        assert_eq!(poll.wait(Some(Duration::ZERO)), []);
        drop(copy);
    }
}
