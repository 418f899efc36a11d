//! Command lines: one string on Windows, a list of arguments here.

use std::ffi::OsString;

/// Takes a command line apart as the C runtime of a Windows program does.
///
/// The first argument, which names the program, ends at a space or, where it begins with a quotation mark, at the next
/// one. In the others, spaces between quotation marks are part of the argument; a mark after a backslash is taken
/// literally, and so is the second of two between marks; backslashes before a mark count by pairs, and all others are
/// literal.
///
/// # References
/// - [Microsoft Learn, Parsing C command-line
///   arguments](https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments)
pub(crate) fn split(text: &str) -> Vec<OsString> {
    let is_space = |c: char| c == ' ' || c == '\t';
    let (first, mut rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None => text.split_at(text.find(is_space).unwrap_or(text.len())),
    };
    let mut arguments = vec![OsString::from(first)];
    loop {
        rest = rest.trim_start_matches(is_space);
        if rest.is_empty() {
            return arguments;
        }
        let (argument, after) = next(rest);
        arguments.push(argument.into());
        rest = after;
    }
}

/// The argument at the start, and what follows it.
fn next(text: &str) -> (String, &str) {
    let mut argument = String::new();
    let mut is_quoted = false;
    let mut backslashes = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            backslashes += 1;
            continue;
        }
        let pairs = if c == '"' { backslashes / 2 } else { backslashes };
        argument.extend(core::iter::repeat_n('\\', pairs));
        let is_escaped = backslashes % 2 != 0;
        backslashes = 0;
        match c {
            '"' if is_escaped => argument.push('"'),
            '"' if is_quoted && chars.next_if(|(_, c)| *c == '"').is_some() => argument.push('"'),
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' if !is_quoted => return (argument, &text[at..]),
            c => argument.push(c),
        }
    }
    argument.extend(core::iter::repeat_n('\\', backslashes));
    (argument, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<String> {
        split(line).into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    /// The documented examples.
    #[test]
    fn the_examples() {
        for (line, expected) in [
            (r#""a b c" d e"#, ["a b c", "d", "e"]),
            (r#""ab\"c" "\\" d"#, [r#"ab"c"#, r"\", "d"]),
            (r#"a\\\b d"e f"g h"#, [r"a\\\b", "de fg", "h"]),
            (r#"a\\\"b c d"#, [r#"a\"b"#, "c", "d"]),
            (r#"a\\\\"b c" d e"#, [r"a\\b c", "d", "e"]),
        ] {
            assert_eq!(arguments(&format!("program {line}"))[1..], expected, "{line}");
        }
        assert_eq!(arguments(r#"program a"b"" c d"#)[1..], [r#"ab" c d"#]);
    }

    #[test]
    fn the_first_argument_has_rules_of_its_own() {
        assert_eq!(arguments(r#""a b\"c "#), [r"a b\", "c"]);
        assert_eq!(arguments(r#"a"b c"#), [r#"a"b"#, "c"]);
        assert_eq!(arguments(r#""a b"#), ["a b"]);
        assert_eq!(arguments(" a"), ["", "a"]);
        assert_eq!(arguments(""), [""]);
    }

    #[test]
    fn spaces_tabs_and_empty_arguments() {
        assert_eq!(arguments("p \t a  \"\" b\t"), ["p", "a", "", "b"]);
        assert_eq!(arguments(r#"p "a"#), ["p", "a"]);
        assert_eq!(arguments(r"p a\\"), ["p", r"a\\"]);
        assert_eq!(arguments("p ä\u{1F600}"), ["p", "ä\u{1F600}"]);
    }
}
