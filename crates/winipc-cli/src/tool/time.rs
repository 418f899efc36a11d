//! Times on the command line.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, civil, tz::TimeZone};

const WANTED: &str = "give a number of seconds, or a number with ms, s, m or h, like 1.5 or 200ms";

/// A number with or without a unit: "5", "0.5s", "200ms", "2m", "1h".
///
/// # Errors
/// It is something else.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(WANTED.to_string()),
    };
    let number: f64 = number.parse().map_err(|_| WANTED)?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "that is too long".to_string())
}

/// The time from one due time of a timer to the next.
///
/// # Errors
/// It is none, or longer than a timer takes.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_millis(i32::MAX as u64);
    match duration(text)? {
        period if period > MOST => Err("a period has at most 2147483647 ms, some 24 days".to_string()),
        period => Ok(period),
    }
}

/// A time of the clock: "2030-01-31T12:00:00" here, or with "Z" or an offset like "+01:00" elsewhere.
///
/// # Errors
/// It is something else.
pub(super) fn moment(text: &str) -> Result<SystemTime, String> {
    let here = || text.parse::<civil::DateTime>()?.to_zoned(TimeZone::system()).map(|time| time.timestamp());
    let moment = text.parse::<Timestamp>().or_else(|_| here());
    moment.map(SystemTime::from).map_err(|_| {
        "give a date and a time like 2030-01-31T12:00:00, and Z or +01:00 after it if it is not that of here".to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in
            [("5", 5000), ("0.5s", 500), ("200ms", 200), ("2m", 120_000), ("1h", 3_600_000), ("0", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "1 s", "1d", "1e99", "1.2.3", "inf"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_here_or_elsewhere() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(12 * 3600);
        assert_eq!(moment("1970-01-01T12:00:00Z"), Ok(noon));
        assert_eq!(moment("1970-01-01T13:00:00+01:00"), Ok(noon));
        assert!(moment("1970-01-01T12:00:00").is_ok());
        for text in ["", "noon", "12"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
