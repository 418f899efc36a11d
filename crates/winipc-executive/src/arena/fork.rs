//! Tells a forked child from its parent.
//!
//! A page that the kernel wipes on fork holds what a child must not inherit. It works for every way to fork, a raw
//! `clone` included, costs one load to look at, and needs no hook.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::futex;
use super::word::{Free32, Free64};

/// All zeros in a child until it writes there itself.
#[repr(C)]
struct Page {
    /// The process's identity, 0 until somebody has asked for it.
    identity: Free64,
    /// The lock of [`Joining`].
    joining: Free32,
}

/// Made by the first who asks, and mapped ever since, in all children too.
static PAGE: AtomicPtr<Page> = AtomicPtr::new(null_mut());

/// The last identity that was given. A child inherits it, and so gives itself another than all whom it descends from.
static LAST_IDENTITY: AtomicU64 = AtomicU64::new(0);

const SIZE: usize = 4096;

fn page() -> io::Result<&'static Page> {
    let known = PAGE.load(Ordering::Acquire);
    if !known.is_null() {
        // SAFETY: a mapping that is never removed, aligned, and atomics throughout.
        return Ok(unsafe { &*known });
    }
    // SAFETY: a fresh anonymous mapping, of which nobody else knows.
    let page = unsafe {
        libc::mmap(
            null_mut(),
            SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping just made.
    if unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } != 0 {
        let error = io::Error::last_os_error();
        // SAFETY: as above, and nobody uses it.
        unsafe { libc::munmap(page, SIZE) };
        return Err(error);
    }
    let own: *mut Page = page.cast();
    match PAGE.compare_exchange(null_mut(), own, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: a mapping that is never removed, aligned, and atomics throughout.
        Ok(_) => Ok(unsafe { &*own }),
        Err(other) => {
            // SAFETY: nobody else knows of it.
            unsafe { libc::munmap(page, SIZE) };
            // SAFETY: as above, the page of who was first.
            Ok(unsafe { &*other })
        }
    }
}

/// A number that the process has in common with none that it descends from.
pub(crate) fn identity() -> io::Result<u64> {
    let word = &page()?.identity;
    let known = word.load();
    if known != 0 {
        return Ok(known);
    }
    let new = LAST_IDENTITY.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(word.compare_exchange(0, new).map_or_else(|other| other, |_| new))
}

/// Tells whether the calling process is the one that made the mark.
pub(crate) struct ForkMark {
    page: &'static Page,
    identity: u64,
}

impl ForkMark {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(ForkMark { page: page()?, identity: identity()? })
    }

    #[inline]
    pub(crate) fn is_same_process(&self) -> bool {
        self.page.identity.load() == self.identity
    }
}

/// The right to join a namespace, which one thread of a process has at a time. A child that is forked meanwhile finds
/// it free: the thread that has it is not there.
pub(crate) struct Joining(&'static Page);

/// Values of the lock.
const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody sleeps until it is free.
const AWAITED: u32 = 2;

impl Joining {
    pub(crate) fn begin() -> io::Result<Self> {
        let page = page()?;
        if page.joining.compare_exchange(FREE, HELD).is_err() {
            while page.joining.swap(AWAITED) != FREE {
                futex::wait(&page.joining, AWAITED, None);
            }
        }
        Ok(Joining(page))
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        if self.0.joining.swap(FREE) == AWAITED {
            futex::wake(&self.0.joining, 1);
        }
    }
}

/// How many forks the process has begun, and how many of them are over.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);
static IS_HOOKED: AtomicBool = AtomicBool::new(false);

/// Has the process count its forks from now on, those that the C library tells of.
pub(crate) fn count() {
    extern "C" fn begin() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        Unshared::forget_ancestors();
    }
    extern "C" fn end() {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
    extern "C" fn forget() {
        BEGUN.store(0, Ordering::SeqCst);
        ENDED.store(0, Ordering::SeqCst);
        let entry = UNSHARED.swap(0, Ordering::SeqCst);
        if entry != 0 {
            // SAFETY: the child's copy of a descriptor that was open when it was forked, and whose thread is not there.
            unsafe { libc::close(entry as u32 as i32) };
        }
    }
    // A child has what its parent has hooked.
    if !IS_HOOKED.load(Ordering::Relaxed) {
        // SAFETY: functions that may be called at any time.
        let result = unsafe { libc::pthread_atfork(Some(begin), Some(end), Some(forget)) };
        IS_HOOKED.store(result == 0, Ordering::Relaxed);
    }
}

/// How many forks the process has made; `None` if it makes one just now, or nobody counts them. Where the number is the
/// same later, no child has what came into being and went in between.
pub(crate) fn settled() -> Option<u32> {
    let ended = ENDED.load(Ordering::SeqCst);
    let begun = BEGUN.load(Ordering::SeqCst);
    (begun == ended && IS_HOOKED.load(Ordering::Relaxed)).then_some(begun)
}

/// The descriptor of [`Unshared`], and above it the identity of its process; 0 for none.
static UNSHARED: AtomicU64 = AtomicU64::new(0);

/// A descriptor that forked children close at once, those that the C library tells of: what its open file holds is held
/// for as long as anybody has it open. A process has one at a time.
pub(super) struct Unshared(());

impl Unshared {
    /// Takes a descriptor that the caller has just opened, and closes after this is dropped. `forks` is what
    /// [`settled`] said before that.
    ///
    /// `None`: the process has another, or has forked meanwhile a child that does not know of this one.
    pub(super) fn new(descriptor: BorrowedFd<'_>, forks: Option<u32>) -> io::Result<Option<Self>> {
        let own = identity()? as u32;
        let entry = u64::from(own) << 32 | descriptor.as_raw_fd() as u64;
        let known = UNSHARED.load(Ordering::SeqCst);
        let is_free = owner_of(known) != own;
        if !is_free || UNSHARED.compare_exchange(known, entry, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Ok(None);
        }
        let unshared = Unshared(());
        // Where nobody counts forks, no child is told either.
        let is_known = !IS_HOOKED.load(Ordering::Relaxed) || forks.is_some() && settled() == forks;
        Ok(is_known.then_some(unshared))
    }

    /// A child that was made by other means has its parent's entry, and may have something else under the number.
    fn forget_ancestors() {
        let entry = UNSHARED.load(Ordering::SeqCst);
        if identity().is_ok_and(|own| owner_of(entry) != own as u32) {
            let _ = UNSHARED.compare_exchange(entry, 0, Ordering::SeqCst, Ordering::SeqCst);
        }
    }
}

fn owner_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl Drop for Unshared {
    fn drop(&mut self) {
        UNSHARED.store(0, Ordering::SeqCst);
    }
}

/// A place for a reference that is set under a lock and read without one.
pub(crate) struct Published<T: 'static>(AtomicPtr<T>);

impl<T: Sync> Published<T> {
    pub(crate) const fn nothing() -> Self {
        Published(AtomicPtr::new(null_mut()))
    }

    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or from a reference that lasts for ever.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    pub(crate) fn set(&self, value: &'static T) {
        self.0.store((value as *const T).cast_mut(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(not(miri))]
    use std::os::fd::AsFd;

    use super::*;

    /// Runs a check in a forked child.
    #[cfg(not(miri))]
    fn holds_in_child(check: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls nothing that needs another thread, and leaves with _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: a child that hangs is killed. It ends at once when it has looked.
            unsafe {
                libc::alarm(60);
                libc::_exit(if check() { 0 } else { 1 });
            }
        }
        let mut status = 0;
        // SAFETY: waits for the child just made.
        unsafe { libc::waitpid(child, &mut status, 0) };
        status == 0
    }

    #[test]
    #[cfg(not(miri))]
    fn a_forked_child_does_not_have_the_mark() {
        let mark = ForkMark::new().unwrap();
        assert!(mark.is_same_process());
        assert!(holds_in_child(|| !mark.is_same_process()));
        // Nor when it has one of its own, nor its own child that of either.
        assert!(holds_in_child(|| {
            let own = ForkMark::new().unwrap();
            let is_told = own.is_same_process() && !mark.is_same_process();
            is_told
                && holds_in_child(|| {
                    let grandchild = ForkMark::new().unwrap();
                    grandchild.is_same_process() && !own.is_same_process() && !mark.is_same_process()
                })
        }));
        assert!(mark.is_same_process());
    }

    /// A child that was forked while another thread joined waited for that thread for ever.
    #[test]
    #[cfg(not(miri))]
    fn a_child_forked_while_somebody_joins_can_join() {
        let joining = Joining::begin().unwrap();
        let waiter = std::thread::spawn(|| drop(Joining::begin().unwrap()));
        while joining.0.joining.load() != AWAITED {
            std::thread::yield_now();
        }
        assert!(holds_in_child(|| Joining::begin().is_ok()));
        drop(joining);
        waiter.join().unwrap();
        assert_eq!(page().unwrap().joining.load(), FREE);
    }

    /// Makes a descriptor that is no child's, once no other test has one or forks.
    #[cfg(not(miri))]
    fn unshared() -> (Unshared, io::PipeReader) {
        count();
        loop {
            let forks = settled();
            let (reader, _) = io::pipe().unwrap();
            if let Some(unshared) = Unshared::new(reader.as_fd(), forks).unwrap() {
                return (unshared, reader);
            }
            std::thread::yield_now();
        }
    }

    #[cfg(not(miri))]
    fn is_open(descriptor: i32) -> bool {
        // SAFETY: the call takes numbers.
        unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
    }

    #[test]
    #[cfg(not(miri))]
    fn a_forked_child_closes_what_is_its_parents_alone() {
        let (unshared, reader) = unshared();
        let number = reader.as_raw_fd();
        assert!(holds_in_child(|| {
            let is_closed = !is_open(number);
            // The child has its own, which its own child closes.
            let (_unshared, reader) = super::tests::unshared();
            is_closed && is_open(reader.as_raw_fd()) && holds_in_child(|| !is_open(reader.as_raw_fd()))
        }));
        assert!(is_open(number));
        drop(unshared);
        assert!(holds_in_child(|| is_open(number)), "it is nobody's alone any more");
    }

    #[test]
    #[cfg(not(miri))]
    fn what_a_child_has_that_does_not_know_of_it_is_refused() {
        count();
        let forks = loop {
            match settled() {
                None => std::thread::yield_now(),
                forks => break forks,
            }
        };
        let (reader, _) = io::pipe().unwrap();
        assert!(holds_in_child(|| is_open(reader.as_raw_fd())));
        assert!(Unshared::new(reader.as_fd(), forks).unwrap().is_none());
    }

    /// A child of a raw system call is told of nothing, and may have something else under the number by now.
    #[test]
    #[cfg(not(miri))]
    fn an_entry_of_an_ancestors_is_in_nobodys_way() {
        count();
        let (reader, _) = io::pipe().unwrap();
        let number = reader.as_raw_fd();
        let entry = 1 << 63 | number as u64;
        let inherit = || {
            while UNSHARED.compare_exchange(0, entry, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                std::thread::yield_now();
            }
        };
        inherit();
        assert!(holds_in_child(|| is_open(number)));
        inherit();
        drop(unshared());
    }
}
