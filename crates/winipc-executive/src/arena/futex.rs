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

/// The earliest deadline by each of the two clocks.
///
/// The kernel lets a sleep end by one clock, and the clocks part when somebody sets the real-time one. So while there
/// are both, a sleep goes by the monotonic clock, which no one can set, and is short: if the real-time clock was set
/// forward meanwhile, its deadline is noticed late, by no more than it was set forward and no more than
/// [`LONGEST_SLEEP_NS`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Deadlines {
    monotonic: Option<u64>,
    real_time: Option<u64>,
}

/// Longest sleep in nanoseconds while there are deadlines by both clocks.
const LONGEST_SLEEP_NS: u64 = 1_000_000_000;

impl Deadlines {
    pub(crate) fn add(&mut self, deadline: Deadline) {
        let (clock, at) = match deadline {
            Deadline::Monotonic(at) => (&mut self.monotonic, at),
            Deadline::RealTime(at) => (&mut self.real_time, at),
        };
        *clock = Some(clock.map_or(at, |earliest| earliest.min(at)));
    }

    /// Whether one of them has come.
    pub(crate) fn have_passed(self) -> bool {
        self.monotonic.is_some_and(|end| monotonic_now() >= end)
            || self.real_time.is_some_and(|due| real_time_now() >= due)
    }

    /// When to look at the clocks again. Where none of them has come by then, the answer is to be asked for again.
    pub(crate) fn sleep(self) -> Option<Deadline> {
        self.sleep_at(monotonic_now(), real_time_now())
    }

    fn sleep_at(self, monotonic_now: u64, real_time_now: u64) -> Option<Deadline> {
        match (self.monotonic, self.real_time) {
            (Some(end), Some(due)) => {
                let remaining = due.saturating_sub(real_time_now).min(LONGEST_SLEEP_NS);
                Some(Deadline::Monotonic(end.min(monotonic_now.saturating_add(remaining))))
            }
            (end, due) => end.map(Deadline::Monotonic).or(due.map(Deadline::RealTime)),
        }
    }
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
///
/// May return early.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a sleep through on two clocks, of which the real-time one is set once, after `set_after` nanoseconds of
    /// the monotonic one, by `step`. Returns how long it was until a deadline had come and was noticed.
    fn sleep_through(end: Option<u64>, due: Option<u64>, set_after: u64, step: i64) -> u64 {
        const REAL_TIME: u64 = 1_000_000 * SECOND;
        let real_time = |now: u64| {
            let real_time = REAL_TIME + now;
            if now >= set_after { real_time.saturating_add_signed(step) } else { real_time }
        };
        let mut deadlines = Deadlines::default();
        let due_at = due.map(|due| Deadline::RealTime(REAL_TIME + due));
        end.map(Deadline::Monotonic).into_iter().chain(due_at).for_each(|deadline| deadlines.add(deadline));
        let mut now = 0;
        loop {
            if end.is_some_and(|end| now >= end) || due.is_some_and(|due| real_time(now) >= REAL_TIME + due) {
                return now;
            }
            // What the kernel does: a sleep by the real-time clock follows its changes.
            let wake = match deadlines.sleep_at(now, real_time(now)).unwrap() {
                Deadline::Monotonic(at) => at,
                Deadline::RealTime(at) => {
                    let before = at - REAL_TIME;
                    let after = (at - REAL_TIME).saturating_add_signed(-step).max(set_after);
                    if before < set_after { before } else { after }
                }
            };
            assert!(wake > now, "it would not sleep");
            now = wake;
        }
    }

    const SECOND: u64 = 1_000_000_000;
    const HOUR: i64 = 3600 * SECOND as i64;

    /// The wait slept by the clock of the nearer deadline only: one that was set back held up the time-out.
    #[test]
    fn a_clock_that_is_set_back_holds_up_no_time_out() {
        assert_eq!(sleep_through(Some(10 * SECOND), Some(5 * SECOND), SECOND, -HOUR), 10 * SECOND);
    }

    /// And one that was set forward was noticed at the time-out only.
    #[test]
    fn a_clock_that_is_set_forward_is_noticed_while_there_is_a_time_out() {
        let (end, due) = (Some(1000 * SECOND), Some(2000 * SECOND));
        let noticed = sleep_through(end, due, SECOND / 2, HOUR);
        assert!((SECOND / 2..=SECOND / 2 + LONGEST_SLEEP_NS).contains(&noticed), "{noticed}");
        // Set by less, it is late by no more than that.
        let noticed = sleep_through(end, Some(900 * SECOND), SECOND / 2, 1000);
        assert!((900 * SECOND - 1000..=900 * SECOND).contains(&noticed), "{noticed}");
    }

    #[test]
    fn without_a_change_the_nearer_deadline_is_met_exactly() {
        for (end, due) in [(5, 10), (10, 5), (7, 7)] {
            let (end, due) = (end * SECOND + 1, due * SECOND + 2);
            assert_eq!(sleep_through(Some(end), Some(due), 0, 0), end.min(due));
        }
    }

    #[test]
    fn one_clock_alone_is_slept_by() {
        assert_eq!(sleep_through(None, Some(5 * SECOND), SECOND, HOUR), SECOND);
        assert_eq!(sleep_through(None, Some(5 * SECOND), SECOND, -HOUR), 5 * SECOND + HOUR as u64);
        assert_eq!(sleep_through(Some(5 * SECOND), None, SECOND, HOUR), 5 * SECOND);
        assert_eq!(Deadlines::default().sleep_at(0, 0), None);
    }
}
