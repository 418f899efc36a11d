//! `winipc mailslot listen`.

use std::io;
use std::time::Duration;

use winipc::{MailslotOptions, Win32Error};

use super::{described, name_parser};
use crate::error::{Error, Result};
use crate::number::number;
use crate::tool::framing::Framing;
use crate::tool::status::{Status, THERE_ALREADY, failed, help};
use crate::tool::time;

/// Create a mailslot, and print the messages that are sent to it
#[derive(clap::Args)]
#[command(after_long_help = help!("\
The slot is there for as long as this runs; messages that wait when it ends are lost. Each message is printed as soon as \
it has come: by itself as a line, whatever is in it; --messages=length is for any bytes.\n\nExamples:\n  \
  winipc mailslot listen news &\n  \
  echo hello | winipc mailslot send news --retry\n  \
  winipc mailslot listen backup --count 1 --raw > archive.tar"))]
pub(crate) struct Arguments {
    /// The mailslot: a name, or \\.\mailslot\ and a name
    #[arg(value_parser = name_parser())]
    name: String,
    /// How messages look on standard output
    #[arg(long, value_name = "FRAMING", value_enum, default_value = "lines")]
    messages: Framing,
    /// Print the bytes of the messages and nothing else
    #[arg(long, conflicts_with = "messages")]
    raw: bool,
    /// End after so many messages [default: go on]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number(0..=u64::MAX))]
    count: Option<u64>,
    /// Take no message of more bytes [default: any]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, value_parser = number(1..=u32::MAX))]
    max_message: Option<u32>,
    /// Give up if no message comes within this time: seconds, or a number with ms, s, m or h [default: wait for ever]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time::duration)]
    timeout: Option<Duration>,
}

/// # Errors
/// The slot is there already, or cannot be made; standard output fails.
pub(super) fn run(arguments: &Arguments) -> Result<Status> {
    let Arguments { name, messages, raw, count, max_message, timeout } = arguments;
    let mut options = MailslotOptions::new();
    let slot = options.max_message(max_message.unwrap_or(0)).read_timeout(*timeout).create(name);
    let slot = slot.map_err(|error| match error {
        Win32Error::ALREADY_EXISTS => {
            Error::new(format!("somebody listens to {} already", described(name))).exit_status(THERE_ALREADY)
        }
        error => failed(format_args!("cannot listen to {}", described(name)), error),
    })?;
    let framing = if *raw { Framing::None } else { *messages };
    let mut output = io::stdout().lock();
    let mut message = Vec::new();
    let mut received = 0;
    while count.is_none_or(|count| received < count) {
        match slot.read_message(&mut message) {
            Ok(_) => framing.write(&mut output, &message).map_err(|error| Error::output(&error))?,
            Err(Win32Error::SEM_TIMEOUT) => return Ok(Status::TimedOut),
            Err(error) => return Err(failed(format_args!("cannot read from {}", described(name)), error)),
        }
        received += 1;
    }
    Ok(Status::Done)
}
