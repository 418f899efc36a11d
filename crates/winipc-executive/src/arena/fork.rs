//! Tells a forked child from its parent.
//!
//! A page that the kernel wipes on fork holds a mark. It works for every way to fork, a raw `clone` included, costs one
//! load to look at, and needs no hook.

use core::sync::atomic::{AtomicU64, Ordering};

/// A mark that a forked child does not inherit.
pub(crate) struct ForkMark(*const AtomicU64);

// SAFETY: points to an atomic in a mapping that is never removed.
unsafe impl Send for ForkMark {}
// SAFETY: as above.
unsafe impl Sync for ForkMark {}

impl ForkMark {
    pub(crate) fn new() -> std::io::Result<Self> {
        // SAFETY: a fresh anonymous mapping, of which nobody else knows.
        let page = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the mapping just made.
        if unsafe { libc::madvise(page, 4096, libc::MADV_WIPEONFORK) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        let mark = ForkMark(page.cast());
        mark.word().store(1, Ordering::Relaxed);
        Ok(mark)
    }

    /// Whether the calling process is still the one that made the mark.
    #[inline]
    pub(crate) fn is_same_process(&self) -> bool {
        self.word().load(Ordering::Relaxed) != 0
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped for the life of the process and aligned.
        unsafe { &*self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::ForkMark;

    #[test]
    #[cfg_attr(miri, ignore = "Miri cannot fork")]
    fn a_forked_child_does_not_have_the_mark() {
        let mark = ForkMark::new().unwrap();
        assert!(mark.is_same_process());
        // SAFETY: the child only reads its own memory and leaves with _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = if mark.is_same_process() { 1 } else { 0 };
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: waits for the child just made.
        unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!(libc::WEXITSTATUS(status), 0);
    }
}
