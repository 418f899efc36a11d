//! The person's side: typed lines in, notices out. With a terminal on both sides there is line editing with history,
//! and notices appear above the line being typed; otherwise input and output are plain lines.

use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};

use super::Event;
use super::protocol::LINE_LIMIT;
use crate::error::{Error, Result};

const PROMPT: &str = "> ";

/// Where notices go, and how the next line is asked for.
pub(crate) struct Console {
    /// To a thread that prints above the line being typed. The editor takes notices only while it reads a line: who
    /// asks for lines must not wait for that.
    printer: Option<Printer>,
    requests: Sender<()>,
    _terminal: Option<TerminalMode>,
}

impl Console {
    /// Starts a thread that reads lines on request and reports them as `Typed`, `TooLong`, `EndOfInput` and
    /// `Interrupted`.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn start(events: Sender<Event>) -> Result<Self> {
        let (requests, inbox) = channel();
        let terminal = TerminalMode::save();
        // A terminal that cannot edit still does lines.
        let Some((mut editor, printer)) = line_editor() else {
            spawn("input", move || read_plain(&inbox, &events, &mut io::stdin().lock()))?;
            return Ok(Self { printer: None, requests, _terminal: None });
        };
        let printer = Printer::start(events.clone(), printer)?;
        spawn("input", move || read_edited(&inbox, &events, &mut editor))?;
        Ok(Self { printer: Some(printer), requests, _terminal: terminal })
    }

    /// Whether a person edits lines at it.
    pub(crate) fn is_edited(&self) -> bool {
        self.printer.is_some()
    }

    /// Asks for one line; it comes as an event.
    pub(crate) fn request_line(&self) {
        // If the reader has ended it has said so.
        let _ = self.requests.send(());
    }

    /// # Errors
    /// Standard output is closed or does not take the text.
    pub(crate) fn show(&mut self, text: &str) -> Result<()> {
        match &mut self.printer {
            Some(printer) => {
                // If the printer has ended it has said so.
                let _ = printer.notices.send(format!("{text}\n"));
                Ok(())
            }
            None => {
                let mut output = io::stdout().lock();
                writeln!(output, "{text}")
                    .and_then(|()| output.flush())
                    .map_err(|error| Error::output(&error))
            }
        }
    }
}

/// `None` unless there is a terminal on both sides that can edit.
fn line_editor() -> Option<(DefaultEditor, Box<dyn ExternalPrinter + Send>)> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return None;
    }
    let config = Config::builder().max_history_size(1000).ok()?.build();
    let mut editor = DefaultEditor::with_config(config).ok()?;
    let printer = editor.create_external_printer().ok()?;
    Some((editor, Box::new(printer)))
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.into()).spawn(run);
    thread.map(drop).map_err(|error| Error::because("cannot start a thread for the terminal", error))
}

/// How long the last notices may take when the program ends.
const LAST_NOTICES: Duration = Duration::from_millis(200);

/// A thread that prints notices, and reports `Failed` when it cannot.
struct Printer {
    notices: Sender<String>,
    /// Ends when all are printed.
    ended: Receiver<()>,
}

impl Printer {
    fn start(failures: Sender<Event>, mut printer: Box<dyn ExternalPrinter + Send>) -> Result<Self> {
        let (notices, inbox) = channel();
        let (end, ended) = channel::<()>();
        spawn("printer", move || {
            let _end = end;
            for notice in inbox {
                if let Err(error) = printer.print(notice) {
                    let error = Error::because("cannot write to the terminal", error);
                    let _ = failures.send(Event::Failed(error));
                    return;
                }
            }
        })?;
        Ok(Self { notices, ended })
    }

    fn finish(self) {
        drop(self.notices);
        // The editor may have taken one that it only shows with the next prompt.
        let _ = self.ended.recv_timeout(LAST_NOTICES);
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(printer) = self.printer.take() {
            printer.finish();
        }
    }
}

fn read_edited(requests: &Receiver<()>, events: &Sender<Event>, editor: &mut DefaultEditor) {
    // What was pasted may be several lines.
    let mut rest = VecDeque::new();
    for () in requests {
        if let Some(line) = rest.pop_front() {
            if events.send(Event::Typed(line)).is_err() {
                return;
            }
            continue;
        }
        let event = match editor.readline(PROMPT) {
            Ok(text) => {
                // A history that does not take the line is no cause not to send it.
                let _ = editor.add_history_entry(&text);
                rest = lines_of(&text);
                Event::Typed(rest.pop_front().unwrap_or_default())
            }
            Err(ReadlineError::Interrupted) => Event::Interrupted,
            Err(ReadlineError::Eof) => Event::EndOfInput,
            Err(error) => Event::Failed(Error::because("cannot read from the terminal", error)),
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

fn lines_of(text: &str) -> VecDeque<String> {
    text.replace("\r\n", "\n").split(['\n', '\r']).map(str::to_owned).collect()
}

fn read_plain(requests: &Receiver<()>, events: &Sender<Event>, input: &mut dyn BufRead) {
    for () in requests {
        let event = match read_line(input) {
            Ok(Some(Ok(line))) => Event::Typed(line),
            Ok(Some(Err(TooLong))) => Event::TooLong,
            Ok(None) => Event::EndOfInput,
            Err(error) => Event::Failed(Error::because("cannot read from standard input", error)),
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

#[derive(Debug, PartialEq)]
struct TooLong;

/// The next line without its end, or `None` at the end of the input. A line above the limit is skipped, in bounded
/// memory. Bytes that are no UTF-8 become replacement characters.
fn read_line(input: &mut dyn BufRead) -> io::Result<Option<std::result::Result<String, TooLong>>> {
    // Room for the longest line and its end.
    let limit = LINE_LIMIT as u64 + 2;
    let mut bytes = Vec::new();
    if input.take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let is_cut = bytes.last() != Some(&b'\n') && bytes.len() as u64 == limit;
    if is_cut {
        loop {
            let rest = input.fill_buf()?;
            let (length, is_end) = match rest.iter().position(|byte| *byte == b'\n') {
                Some(position) => (position + 1, true),
                None => (rest.len(), rest.is_empty()),
            };
            input.consume(length);
            if is_end {
                return Ok(Some(Err(TooLong)));
            }
        }
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(Some(if bytes.len() > LINE_LIMIT {
        Err(TooLong)
    } else {
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }))
}

/// The terminal's mode before the line editor changed it. A signal ends the program while a line is being edited; the
/// shell must get its terminal back as it was.
struct TerminalMode {
    #[cfg(unix)]
    mode: rustix::termios::Termios,
}

#[cfg(unix)]
impl TerminalMode {
    fn save() -> Option<Self> {
        rustix::termios::tcgetattr(io::stdin()).ok().map(|mode| Self { mode })
    }
}

#[cfg(unix)]
impl Drop for TerminalMode {
    fn drop(&mut self) {
        // The terminal may be gone by now.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Drain, &self.mode);
    }
}

#[cfg(not(unix))]
impl TerminalMode {
    /// No signal ends the program there while a line is being edited.
    fn save() -> Option<Self> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_is_one_line_after_the_other() {
        assert_eq!(lines_of("a\nb\r\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(lines_of("a"), ["a"]);
    }

    #[test]
    fn plain_lines_are_bounded() {
        let longest = "x".repeat(LINE_LIMIT);
        let text = format!("one\r\n\n{longest}\r\n{longest}y\nlast\n{longest}{longest}");
        let mut input = text.as_bytes();
        let mut next = || read_line(&mut input).unwrap();
        assert_eq!(next(), Some(Ok("one".into())));
        assert_eq!(next(), Some(Ok(String::new())));
        assert_eq!(next(), Some(Ok(longest.clone())));
        assert_eq!(next(), Some(Err(TooLong)));
        assert_eq!(next(), Some(Ok("last".into())));
        assert_eq!(next(), Some(Err(TooLong)));
        assert_eq!(next(), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(read_line(&mut &b"a\xffb"[..]).unwrap(), Some(Ok("a\u{fffd}b".into())));
    }
}
