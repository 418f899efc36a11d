//! Sleeping on shared words and waking sleepers.

use core::sync::atomic::AtomicU32;
use core::time::Duration;

use super::crash;
use super::word::Free32;

/// When a sleep ends at the latest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Deadline {
    /// Nanoseconds of the monotonic clock.
    Monotonic(u64),
    /// Nanoseconds since 1970 of the real-time clock, whose changes the sleep follows.
    RealTime(u64),
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn monotonic_now() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds since 1970.
pub(crate) fn real_time_now() -> u64 {
    clock(libc::CLOCK_REALTIME)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result; the two clocks used here exist on every Linux.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn timespec(nanoseconds: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (nanoseconds / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanoseconds % 1_000_000_000) as libc::c_long,
    }
}

/// Sleeps while `word` holds `expected`, until woken, until the deadline, or until a signal comes.
///
/// May return early: the caller looks at its condition again.
pub(crate) fn wait(word: &Free32, expected: u32, deadline: Option<Deadline>) {
    crash::point();
    let (clock, time) = match deadline {
        Some(Deadline::Monotonic(at)) => (0, Some(timespec(at))),
        Some(Deadline::RealTime(at)) => (libc::FUTEX_CLOCK_REALTIME, Some(timespec(at))),
        None => (0, None),
    };
    let timeout = time.as_ref().map_or(core::ptr::null(), |time| time as *const libc::timespec);
    let address: *const AtomicU32 = word.atomic();
    // SAFETY: the word is mapped for the life of the process; the kernel only reads it. The timeout, where there is
    // one, outlives the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            address,
            libc::FUTEX_WAIT_BITSET | clock,
            expected,
            timeout,
            core::ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
}

/// Sleeps like [`wait`] for at most `duration`.
pub(crate) fn wait_for(word: &Free32, expected: u32, duration: Duration) {
    let end = monotonic_now().saturating_add(duration.as_nanos() as u64);
    wait(word, expected, Some(Deadline::Monotonic(end)));
}

/// Wakes up to `count` sleepers.
pub(crate) fn wake(word: &Free32, count: u32) {
    crash::point();
    let address: *const AtomicU32 = word.atomic();
    // SAFETY: FUTEX_WAKE does not access the word's memory beyond looking up its mapping.
    unsafe { libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAKE, count.min(i32::MAX as u32)) };
}

/// Most words that [`wait_many`] takes, the kernel's own limit.
pub(crate) const MAXIMUM_WORDS: usize = 128;

#[repr(C)]
#[derive(Clone, Copy)]
struct Waiter {
    expected: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

const FUTEX_32: u32 = 2;

/// Sleeps while every word holds the value given with it, until one is woken or the deadline passes.
pub(crate) fn wait_many(words: &[(&AtomicU32, u32)], deadline: Option<Deadline>) {
    crash::point();
    let mut waiters = [Waiter { expected: 0, address: 0, flags: 0, reserved: 0 }; MAXIMUM_WORDS];
    let count = words.len().min(MAXIMUM_WORDS);
    for (waiter, (word, expected)) in waiters.iter_mut().zip(words) {
        let address: *const AtomicU32 = *word;
        *waiter =
            Waiter { expected: u64::from(*expected), address: address as u64, flags: FUTEX_32, reserved: 0 };
    }
    let (clock, time) = match deadline {
        Some(Deadline::Monotonic(at)) => (libc::CLOCK_MONOTONIC, Some(timespec(at))),
        Some(Deadline::RealTime(at)) => (libc::CLOCK_REALTIME, Some(timespec(at))),
        None => (libc::CLOCK_MONOTONIC, None),
    };
    let timeout = time.as_ref().map_or(core::ptr::null(), |time| time as *const libc::timespec);
    // SAFETY: the array holds `count` valid waiters whose words are mapped; the kernel only reads all of it.
    unsafe { libc::syscall(libc::SYS_futex_waitv, waiters.as_ptr(), count, 0, timeout, clock) };
}

/// Whether the kernel lets this process call `futex_waitv`: older kernels and some sandboxes do not.
pub(crate) fn wait_many_works() -> std::io::Result<()> {
    let word = AtomicU32::new(0);
    let waiter = Waiter { expected: 1, address: (&raw const word) as u64, flags: FUTEX_32, reserved: 0 };
    let none: *const libc::timespec = core::ptr::null();
    // SAFETY: one valid waiter, whose value differs from the expected one, so the call returns at once.
    unsafe { libc::syscall(libc::SYS_futex_waitv, &raw const waiter, 1, 0, none, libc::CLOCK_MONOTONIC) };
    let error = std::io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EAGAIN) { Ok(()) } else { Err(error) }
}
