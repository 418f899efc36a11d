//! Tells a forked child from its parent.
//!
//! A page that the kernel wipes on fork holds what a child must not inherit. It works for every way to fork, a raw
//! `clone` included, costs one load to look at, and needs no hook.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::io;

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

#[inline]
fn page() -> io::Result<&'static Page> {
    let known = PAGE.load(Ordering::Acquire);
    if known.is_null() {
        return map_page();
    }
    // SAFETY: a mapping that is never removed, aligned, and atomics throughout.
    Ok(unsafe { &*known })
}

#[cold]
fn map_page() -> io::Result<&'static Page> {
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
#[inline]
pub(crate) fn identity() -> io::Result<u64> {
    let word = &page()?.identity;
    let known = word.load();
    Ok(if known != 0 { known } else { give_identity(word) })
}

#[cold]
fn give_identity(word: &Free64) -> u64 {
    let new = LAST_IDENTITY.fetch_add(1, Ordering::Relaxed) + 1;
    word.compare_exchange(0, new).map_or_else(|other| other, |_| new)
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

#[cfg(all(test, not(miri)))]
pub(super) mod tests {
    use super::*;

    /// Runs a check in a forked child.
    pub(in crate::arena) fn holds_in_child(check: impl FnOnce() -> bool) -> bool {
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
}
