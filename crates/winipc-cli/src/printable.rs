//! Text that comes from elsewhere, for a terminal.

/// Characters that could move the cursor, change the terminal or reorder the text around them.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// How many bytes [`printable`] makes of one.
pub(crate) const MOST_PER_BYTE: usize = 6;

/// The text with everything in it escaped that must not reach a terminal: `\u{1b}`, `\n`.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// As [`printable`], with its line ends and as JSON: there such characters are only inside of strings.
pub(crate) fn printable_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) && character != '\n' {
            // None of them is beyond the first plane.
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(printable("a\x1b[31mb\tc\r\n\u{9b}d\u{202e}e"), r"a\u{1b}[31mb\tc\r\n\u{9b}d\u{202e}e");
        assert_eq!(printable("grüße \u{1F600} C:\\"), "grüße \u{1F600} C:\\");
        let every: String = ('\0'..=char::MAX).filter(|c| is_unprintable(*c)).collect();
        assert!(every.chars().all(|c| printable(&c.to_string()).len() <= MOST_PER_BYTE * c.len_utf8()));
        let json = serde_json::to_string_pretty(&[&every]).unwrap();
        let shown = printable_json(&json);
        assert!(shown.lines().all(|line| !line.contains(is_unprintable)), "{shown}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [every]);
    }
}
