//! Durations as the Win32 functions count them.

use std::time::{Duration, SystemTime};

use crate::sys::INFINITE;

/// Milliseconds for a wait: `None` waits for ever. Rounded up, so that no wait ends early; what does not fit
/// (49.7 days and more) is for ever.
pub(crate) fn milliseconds(timeout: Option<Duration>) -> u32 {
    // Without dividing 128 bits, which takes as long as taking a mutex.
    let counted = |timeout: Duration| {
        let rest = timeout.subsec_nanos().div_ceil(1_000_000);
        u32::try_from(timeout.as_secs().checked_mul(1000)?.checked_add(rest.into())?).ok()
    };
    timeout.and_then(counted).unwrap_or(INFINITE)
}

/// Units of 100 ns, rounded up; what does not fit is the most that does.
pub(crate) fn hundred_nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(100)).unwrap_or(i64::MAX)
}

/// From 1601-01-01, where Windows counts from, to 1970-01-01.
const EPOCH_DIFFERENCE: Duration = Duration::from_secs(11_644_473_600);

/// A point in time as a `FILETIME` number: units of 100 ns since 1601-01-01 UTC, rounded up, 0 for what lies before.
pub(crate) fn file_time(time: SystemTime) -> i64 {
    let since_1601 = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.saturating_add(EPOCH_DIFFERENCE),
        Err(before) => EPOCH_DIFFERENCE.saturating_sub(before.duration()),
    };
    hundred_nanoseconds(since_1601)
}

/// The point in time that a `FILETIME` number means. A number with the highest bit set means none; it counts as the
/// latest that there is.
pub(crate) fn system_time(file_time: u64) -> SystemTime {
    let file_time = file_time.min(i64::MAX as u64);
    let since_1601 = Duration::new(file_time / 10_000_000, (file_time % 10_000_000) as u32 * 100);
    match since_1601.checked_sub(EPOCH_DIFFERENCE) {
        Some(after) => SystemTime::UNIX_EPOCH + after,
        None => SystemTime::UNIX_EPOCH - (EPOCH_DIFFERENCE - since_1601),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_round_up_and_saturate() {
        assert_eq!(milliseconds(None), INFINITE);
        assert_eq!(milliseconds(Some(Duration::ZERO)), 0);
        assert_eq!(milliseconds(Some(Duration::from_nanos(1))), 1);
        assert_eq!(milliseconds(Some(Duration::from_millis(7))), 7);
        assert_eq!(milliseconds(Some(Duration::from_micros(7_001))), 8);
        assert_eq!(milliseconds(Some(Duration::from_millis(0xFFFF_FFFE))), 0xFFFF_FFFE);
        assert_eq!(milliseconds(Some(Duration::from_millis(0x1_0000_0000))), INFINITE);
        assert_eq!(milliseconds(Some(Duration::MAX)), INFINITE);
    }

    #[test]
    fn file_times_count_from_1601() {
        assert_eq!(file_time(SystemTime::UNIX_EPOCH), 116_444_736_000_000_000);
        assert_eq!(file_time(SystemTime::UNIX_EPOCH - EPOCH_DIFFERENCE), 0);
        assert_eq!(system_time(116_444_736_000_000_000), SystemTime::UNIX_EPOCH);
        assert_eq!(system_time(0), SystemTime::UNIX_EPOCH - EPOCH_DIFFERENCE);
        assert_eq!(system_time(u64::MAX), system_time(i64::MAX as u64));
        let now = SystemTime::now();
        let there_and_back = system_time(file_time(now) as u64);
        assert!(there_and_back.duration_since(now).unwrap() < Duration::from_nanos(100));
    }

    #[test]
    fn relative_times_saturate() {
        assert_eq!(hundred_nanoseconds(Duration::from_nanos(101)), 2);
        assert_eq!(hundred_nanoseconds(Duration::MAX), i64::MAX);
    }
}
