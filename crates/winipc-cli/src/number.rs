//! Whole numbers on the command line.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// Understands a whole number in this range.
pub(crate) fn number<T: TryFrom<u64> + Display + Copy + Into<u64> + Send + Sync>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    let (least, most) = (*range.start(), *range.end());
    move |text| {
        let number = text.parse().ok().filter(|number| (least.into()..=most.into()).contains(number));
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| format!("give a whole number from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_in_range() {
        assert_eq!(number(1..=3_u32)("3"), Ok(3));
        for text in ["", "0", "4", "-1", "x", "1.5", " 1", "99999999999999999999"] {
            let error = number(1..=3_u32)(text).unwrap_err();
            assert_eq!(error, "give a whole number from 1 to 3", "{text}");
        }
    }
}
