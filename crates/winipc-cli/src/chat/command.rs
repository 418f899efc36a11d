//! What a typed line means.

/// A typed line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Nothing,
    Say(&'a str),
    Tell {
        name: &'a str,
        text: &'a str,
    },
    Who,
    Help,
    Quit,
    /// Not understood; the text says what is.
    Wrong(String),
}

pub(crate) const HELP: &str = "\
/who             lists who is in the room
/msg NICK text   says something to one member only
/quit            leaves; so do the lines `exit` and `QUIT`, and the end of input
/help            shows this
//text           says `/text`: a line that begins with a slash";

/// Understands one line without its line end.
pub(crate) fn parse(line: &str) -> Command<'_> {
    if line.trim().is_empty() {
        return Command::Nothing;
    }
    if matches!(line, "exit" | "QUIT") {
        return Command::Quit;
    }
    let Some(command) = line.strip_prefix('/') else { return Command::Say(line) };
    if command.starts_with('/') {
        return Command::Say(command);
    }
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    match (word, rest.is_empty()) {
        ("who", true) => Command::Who,
        ("help", true) => Command::Help,
        ("quit", true) => Command::Quit,
        ("msg", _) => match rest.split_once(char::is_whitespace) {
            Some((name, text)) => Command::Tell { name, text: text.trim_start() },
            None => Command::Wrong("/msg needs a name and a text: /msg NICK text".into()),
        },
        ("who" | "help" | "quit", false) => Command::Wrong(format!("/{word} stands alone on its line")),
        _ => Command::Wrong(format!(
            "there is no command /{word}; /help lists the commands, and //{word} says \"/{word}\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        assert_eq!(parse("hello all"), Command::Say("hello all"));
        assert_eq!(parse(" indented"), Command::Say(" indented"));
        assert_eq!(parse("  "), Command::Nothing);
        assert_eq!(parse("//who"), Command::Say("/who"));
        assert_eq!(parse("/who"), Command::Who);
        assert_eq!(parse("/msg bob  how are you"), Command::Tell { name: "bob", text: "how are you" });
        for quit in ["/quit", "exit", "QUIT", "/quit "] {
            assert_eq!(parse(quit), Command::Quit, "{quit}");
        }
        for say in ["quit", "Exit", "exit now", "EXIT"] {
            assert_eq!(parse(say), Command::Say(say));
        }
        for wrong in ["/", "/nick x", "/msg", "/msg bob", "/who x", "/\u{1F600}"] {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }
}
