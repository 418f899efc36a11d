//! `winipc section`.

use std::io::{self, Read, Write};

use clap::builder::NonEmptyStringValueParser;
use winipc::section::{Section, SectionOptions};

use super::hold::{Holding, lifetime};
use super::patience::Patience;
use super::status::{Status, failed, help};
use crate::error::{Error, Result};

/// Use sections: memory that processes share
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Create(Create),
    Read(ReadFrom),
    Write(WriteTo),
    #[cfg(target_os = "linux")]
    List(List),
}

/// Create a section of zeros, or open the one of this name, and hold it
#[derive(clap::Args)]
#[command(after_long_help = lifetime!("  winipc section create board 64K -- sh -c '
      echo hello | winipc section write board
      winipc section read board --length 6'

  holder=$(winipc section create board 1M --background)
  winipc mutex run board-lock -- winipc section write board --offset 4096 < image
  kill \"$holder\""))]
pub(crate) struct Create {
    /// The section's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Its size in bytes, or with K, M or G; it becomes a multiple of 4096. One that is there keeps its own
    #[arg(allow_negative_numbers = true, value_parser = size)]
    size: u64,
    #[command(flatten)]
    pub(super) holding: Holding,
}

/// Print what is in a section
#[derive(clap::Args)]
#[command(name = "read", after_long_help = help!("\
The bytes are printed as they are. Others may write meanwhile: `winipc mutex run` keeps them out, if they use the same \
mutex.\n\nExamples:\n  \
  winipc section read board --length 6\n  \
  winipc section read board --offset 64K | od -c"))]
pub(crate) struct ReadFrom {
    #[command(flatten)]
    place: Place,
    /// How many bytes, at most; otherwise up to the end
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = bytes)]
    length: Option<u64>,
}

/// Copy standard input into a section
#[derive(clap::Args)]
#[command(name = "write", after_long_help = help!("\
Standard input can be any bytes. If it does not fit, nothing is written.\n\nExamples:\n  \
  printf 'hello' | winipc section write board\n  \
  winipc section write board --offset 4096 < image"))]
pub(crate) struct WriteTo {
    #[command(flatten)]
    place: Place,
}

/// List the names of the sections
#[cfg(target_os = "linux")]
#[derive(clap::Args)]
#[command(after_long_help = help!("\
One name a line, in order; on a terminal, characters that it would obey are shown escaped. `winipc objects` also shows those without a name, their sizes and who has them."))]
pub(crate) struct List {
    /// End each name with a NUL character instead of a new line
    #[arg(long, short = '0')]
    null: bool,
}

// Where in which section. No comment of documentation, which would be the help of the commands.
#[derive(clap::Args)]
struct Place {
    /// The section's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Where to begin, in bytes, or with K, M or G
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = bytes, default_value = "0")]
    offset: u64,
    #[command(flatten)]
    patience: Patience,
}

/// Bytes copied at a time.
const PIECE: usize = 1 << 20;

/// # Errors
/// The section is not there or cannot be made; what is to be written does not fit.
pub(super) fn run(command: Command) -> Result<Status> {
    match command {
        Command::Create(Create { name, size, holding }) => holding.hold(&described(&name), || {
            let section = SectionOptions::new().name(name).create(size)?;
            let disposition = section.disposition();
            Ok((section.into(), disposition))
        }),
        Command::Read(arguments) => read(&arguments),
        Command::Write(arguments) => write(&arguments.place),
        #[cfg(target_os = "linux")]
        Command::List(arguments) => list(&arguments),
    }
}

impl Place {
    fn open(&self, options: &mut SectionOptions) -> Result<Section> {
        let options = options.name(&self.name);
        self.patience.begin().open(&described(&self.name), || options.open())
    }

    /// What an error of the section means.
    fn failed(&self, verb: &str, error: winipc::Win32Error) -> Error {
        failed(format_args!("cannot {verb} {}", described(&self.name)), error)
    }

    /// The offset inside a view of so many bytes.
    fn offset_in(&self, length: usize) -> Result<usize> {
        usize::try_from(self.offset).ok().filter(|offset| *offset <= length).ok_or_else(|| {
            Error::new(format!("{} ends at {length} bytes, before the offset", described(&self.name)))
        })
    }
}

fn read(ReadFrom { place, length }: &ReadFrom) -> Result<Status> {
    let section = place.open(SectionOptions::new().read_only())?;
    let view = section.view().map_err(|error| place.failed("read", error))?;
    let start = place.offset_in(view.len())?;
    let rest = view.len() - start;
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(rest).min(rest);
    let mut output = io::stdout().lock();
    let mut piece = vec![0; length.min(PIECE)];
    for offset in (0..length).step_by(PIECE) {
        let part = &mut piece[..PIECE.min(length - offset)];
        view.read(start + offset, part).map_err(|error| place.failed("read", error))?;
        output.write_all(part).map_err(|error| Error::output(&error))?;
    }
    output.flush().map_err(|error| Error::output(&error))?;
    Ok(Status::Done)
}

fn write(place: &Place) -> Result<Status> {
    let section = place.open(&mut SectionOptions::new())?;
    let view = section.writable_view().map_err(|error| place.failed("write to", error))?;
    let start = place.offset_in(view.len())?;
    let room = view.len() - start;
    let mut bytes = Vec::new();
    io::stdin()
        .take(room as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::because("cannot read standard input", error))?;
    if bytes.len() > room {
        let what = described(&place.name);
        return Err(Error::new(format!(
            "standard input has more than the {room} bytes that {what} has there"
        )));
    }
    view.write(start, &bytes).map_err(|error| place.failed("write to", error))?;
    Ok(Status::Done)
}

#[cfg(target_os = "linux")]
fn list(List { null }: &List) -> Result<Status> {
    use winipc_executive::{Kind, inspect};
    let listing = inspect::objects()
        .map_err(|error| Error::because("cannot look at the objects of the namespace", error))?;
    let sections = listing.objects.into_iter().filter(|object| object.kind == Kind::Section);
    let mut names: Vec<_> = sections.filter_map(|object| object.name).collect();
    names.sort();
    crate::table::print_names(&names, if *null { '\0' } else { '\n' })?;
    Ok(Status::Done)
}

/// A number of bytes: "4096", "64K", "1M", "2G".
///
/// # Errors
/// It is something else.
fn bytes(text: &str) -> std::result::Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'K')) => (&text[..at], 1 << 10),
        Some((at, 'M')) => (&text[..at], 1 << 20),
        Some((at, 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "give a number of bytes, or a number with K, M or G, like 64K".to_string())?;
    number.checked_mul(unit).ok_or_else(|| "that is too many bytes".to_string())
}

/// As [`bytes`], for a section, which has some.
///
/// # Errors
/// It is something else.
fn size(text: &str) -> std::result::Result<u64, String> {
    match bytes(text)? {
        0 => Err("a section has one byte at least".to_string()),
        size => Ok(size),
    }
}

fn described(name: &str) -> String {
    format!("the section \"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [("0", 0), ("4096", 4096), ("64K", 65536), ("3M", 3 << 20), ("2G", 2 << 30)] {
            assert_eq!(bytes(text), Ok(expected));
        }
        for text in ["", "K", "1k", "1KB", "-1", "1.5M", "99999999999G"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
