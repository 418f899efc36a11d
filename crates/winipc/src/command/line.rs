//! Command lines.

use std::ffi::{OsStr, OsString};

use crate::sys::text::wide;
use crate::{Result, Win32Error};

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;

/// The words, each so quoted that it is one when the line is taken apart.
pub(super) fn of(program: &OsStr, arguments: &[OsString]) -> Result<Vec<u16>> {
    let program = wide(program)?;
    if program.contains(&QUOTE) {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let mut line = vec![QUOTE];
    line.extend(program);
    line.push(QUOTE);
    for argument in arguments {
        line.push(u16::from(b' '));
        append_quoted(&mut line, &wide(argument)?);
    }
    line.push(0);
    Ok(line)
}

fn append_quoted(line: &mut Vec<u16>, argument: &[u16]) {
    let needs_quotes = argument.is_empty() || argument.iter().any(|&unit| unit == 32 || unit == 9);
    if needs_quotes {
        line.push(QUOTE);
    }
    let mut backslashes = 0;
    for &unit in argument {
        if unit == QUOTE {
            // Those before it are doubled, and one more takes it literally.
            line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
        }
        backslashes = if unit == BACKSLASH { backslashes + 1 } else { 0 };
        line.push(unit);
    }
    if needs_quotes {
        line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
        line.push(QUOTE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_line(program: &str, arguments: &[&str]) -> Result<Vec<u16>> {
        of(program.as_ref(), &arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn line(arguments: &[&str]) -> String {
        let line = try_line("p", arguments).unwrap();
        String::from_utf16(&line[..line.len() - 1]).unwrap()
    }

    #[test]
    fn words_are_quoted_where_they_need_it() {
        assert_eq!(line(&[]), r#""p""#);
        assert_eq!(line(&["a", "b c", ""]), r#""p" a "b c" """#);
        assert_eq!(line(&[r"a\", r"b c\", r"\\d"]), r#""p" a\ "b c\\" \\d"#);
        assert_eq!(line(&[r#"a"b"#, r#"\"c d\\""#]), r#""p" a\"b "\\\"c d\\\\\"""#);
    }

    #[test]
    fn what_no_line_can_say_is_refused() {
        assert_eq!(try_line("a\"b", &[]), Err(Win32Error::INVALID_PARAMETER));
        assert_eq!(try_line("a", &["b\0c"]), Err(Win32Error::INVALID_PARAMETER));
    }
}
