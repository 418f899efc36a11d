//! What the C library tells of forks: how many there were, and the one descriptor that no child keeps. Children made by
//! `_Fork` or a raw `clone` are not told of.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::fork::identity;

/// How many forks the process has begun, and how many of them are over.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);
static ARE_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Has the process count its forks from now on, and its children close what is [`CloseOnFork`].
pub(crate) fn install() {
    extern "C" fn prepare() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        CloseOnFork::forget_inherited_entry();
    }
    extern "C" fn in_parent() {
        // Some C libraries call this also for a fork that had begun before.
        let end = |ended: u32| (ended != BEGUN.load(Ordering::SeqCst)).then(|| ended.wrapping_add(1));
        let _ = ENDED.fetch_update(Ordering::SeqCst, Ordering::SeqCst, end);
    }
    extern "C" fn in_child() {
        BEGUN.store(0, Ordering::SeqCst);
        ENDED.store(0, Ordering::SeqCst);
        let entry = CLOSE_ON_FORK.swap(0, Ordering::SeqCst);
        if entry != 0 {
            // SAFETY: the child's copy of a descriptor that was open when it was forked, and whose thread is not there.
            unsafe { libc::close(entry as u32 as i32) };
        }
    }
    // A child has what its parent has installed.
    if !ARE_INSTALLED.load(Ordering::Relaxed) {
        // SAFETY: functions that may be called at any time.
        let result = unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
        ARE_INSTALLED.store(result == 0, Ordering::Relaxed);
    }
}

/// How many forks the process has made; `None` if it makes one just now, or nobody counts them. Where the number is the
/// same later, no child has what came into being and went in between.
pub(crate) fn settled() -> Option<u32> {
    let ended = ENDED.load(Ordering::SeqCst);
    let begun = BEGUN.load(Ordering::SeqCst);
    (begun == ended && ARE_INSTALLED.load(Ordering::Relaxed)).then_some(begun)
}

/// The descriptor of [`CloseOnFork`], and above it the identity of its process; 0 for none.
static CLOSE_ON_FORK: AtomicU64 = AtomicU64::new(0);

/// A descriptor that forked children close at once, those that the C library tells of: what its open file holds is held
/// for as long as anybody has it open. A process has one at a time.
pub(super) struct CloseOnFork(());

impl CloseOnFork {
    /// Takes a descriptor that the caller has just opened, and closes after this is dropped. `forks` is what
    /// [`settled`] said before that.
    ///
    /// `None`: the process has another; or it has forked meanwhile a child that does not know of this one, and
    /// `for_certain` says that this matters.
    pub(super) fn new(
        descriptor: BorrowedFd<'_>,
        forks: Option<u32>,
        for_certain: bool,
    ) -> io::Result<Option<Self>> {
        let own = identity()? as u32;
        let entry = u64::from(own) << 32 | descriptor.as_raw_fd() as u64;
        let known = CLOSE_ON_FORK.load(Ordering::SeqCst);
        let is_free = owner_of(known) != own;
        if !is_free
            || CLOSE_ON_FORK.compare_exchange(known, entry, Ordering::SeqCst, Ordering::SeqCst).is_err()
        {
            return Ok(None);
        }
        // If it is refused after all, the entry goes again with this. It is entered first: a fork that begins after the
        // look below closes it in the child.
        let entered = CloseOnFork(());
        // Where nobody counts forks, no child is told either.
        let is_known = !ARE_INSTALLED.load(Ordering::Relaxed) || forks.is_some() && settled() == forks;
        Ok((is_known || !for_certain).then_some(entered))
    }

    /// A child that was made by other means has its parent's entry, and may have something else under the number.
    fn forget_inherited_entry() {
        let entry = CLOSE_ON_FORK.load(Ordering::SeqCst);
        if identity().is_ok_and(|own| owner_of(entry) != own as u32) {
            let _ = CLOSE_ON_FORK.compare_exchange(entry, 0, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

fn owner_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl Drop for CloseOnFork {
    fn drop(&mut self) {
        CLOSE_ON_FORK.store(0, Ordering::SeqCst);
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::os::fd::AsFd;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::arena::file::Directory;
    use crate::arena::fork::tests::holds_in_child;
    use crate::arena::place::Place;

    /// Makes a descriptor that is no child's, once no other test has one or forks.
    fn make_close_on_fork() -> (CloseOnFork, io::PipeReader) {
        install();
        loop {
            let forks = settled();
            let (reader, _) = io::pipe().unwrap();
            if let Some(close_on_fork) = CloseOnFork::new(reader.as_fd(), forks, true).unwrap() {
                return (close_on_fork, reader);
            }
            std::thread::yield_now();
        }
    }

    /// Where the C library calls the parent's hook also for a fork that had begun before, as musl does, there was one
    /// that never ended.
    #[test]
    fn the_end_of_a_fork_that_was_not_counted_counts_for_nothing() {
        extern "C" fn count_not() {
            BEGUN.fetch_sub(1, Ordering::SeqCst);
        }
        assert!(holds_in_child(|| {
            install();
            // SAFETY: a function that may be called at any time.
            unsafe { libc::pthread_atfork(Some(count_not), None, None) };
            holds_in_child(|| true) && settled().is_some()
        }));
    }

    /// A hook of the program's may wait, in the middle of a fork, for a thread that wants to join.
    #[test]
    fn a_fork_that_does_not_end_keeps_nobody_from_joining() {
        let path = PathBuf::from(format!("/dev/shm/winipc-lock-forking-{}", std::process::id()));
        let place = Arc::new(Place::open(path.clone(), "test".to_owned()).unwrap());
        assert!(holds_in_child(|| {
            install();
            BEGUN.fetch_add(1, Ordering::SeqCst);
            Directory::lock_at(&place).is_ok()
        }));
        std::fs::remove_dir(path).unwrap();
    }

    fn is_open(descriptor: i32) -> bool {
        // SAFETY: the call takes numbers.
        unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
    }

    #[test]
    fn a_forked_child_closes_what_is_its_parents_alone() {
        let (close_on_fork, reader) = make_close_on_fork();
        let number = reader.as_raw_fd();
        assert!(holds_in_child(|| {
            let is_closed = !is_open(number);
            // The child has its own, which its own child closes.
            let (_close_on_fork, reader) = make_close_on_fork();
            is_closed && is_open(reader.as_raw_fd()) && holds_in_child(|| !is_open(reader.as_raw_fd()))
        }));
        assert!(is_open(number));
        drop(close_on_fork);
        assert!(holds_in_child(|| is_open(number)), "it is nobody's alone any more");
    }

    #[test]
    fn what_a_child_has_that_does_not_know_of_it_is_refused() {
        install();
        let forks = loop {
            match settled() {
                None => std::thread::yield_now(),
                forks => break forks,
            }
        };
        let (reader, _) = io::pipe().unwrap();
        assert!(holds_in_child(|| is_open(reader.as_raw_fd())));
        assert!(CloseOnFork::new(reader.as_fd(), forks, true).unwrap().is_none());
    }

    /// A child of a raw system call is told of nothing, and may have something else under the number by now.
    #[test]
    fn an_entry_of_an_ancestors_is_in_nobodys_way() {
        install();
        let (reader, _) = io::pipe().unwrap();
        let number = reader.as_raw_fd();
        let entry = 1 << 63 | number as u64;
        let inherit = || {
            while CLOSE_ON_FORK.compare_exchange(0, entry, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                std::thread::yield_now();
            }
        };
        inherit();
        assert!(holds_in_child(|| is_open(number)));
        inherit();
        drop(make_close_on_fork());
    }
}
