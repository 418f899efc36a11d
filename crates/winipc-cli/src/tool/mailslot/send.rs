//! `winipc mailslot send`.

use std::io::{self, Read};

use winipc::{MailslotClient, Win32Error};

use super::{described, name_parser};
use crate::error::{Error, Result};
use crate::tool::framing::Framing;
use crate::tool::patience::Patience;
use crate::tool::status::{NOT_THERE, Status, failed, help};

/// Send standard input to a mailslot: as one message, or as several
#[derive(clap::Args)]
#[command(after_long_help = help!("\
Nothing waits until a message is read, and nothing tells whether it was. The status is 3 if the mailslot is gone.\n\n\
\\\\*\\mailslot\\NAME sends datagrams: messages of at most 424 bytes, which are lost where there is no such slot.\n\n\
Examples:\n  \
  echo hello | winipc mailslot send news\n  \
  tail -f log | winipc mailslot send news --messages"))]
pub(crate) struct Arguments {
    /// The mailslot: a name, or \\.\mailslot\ and a name
    #[arg(value_parser = name_parser())]
    name: String,
    #[command(flatten)]
    patience: Patience,
    /// Send several messages, and how they look on standard input [default: all of it is one]
    #[arg(long, value_name = "FRAMING", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "lines")]
    messages: Option<Framing>,
}

/// # Errors
/// There is no such slot, or no more; it does not take a message; standard input cannot be read.
pub(super) fn run(Arguments { name, patience, messages }: &Arguments) -> Result<Status> {
    let client = patience.begin().open(&described(name), || MailslotClient::open(name))?;
    let send = |message: &[u8]| {
        client.send(message).map_err(|error| {
            let failure = failed(format_args!("cannot send to {}", described(name)), error);
            match error {
                Win32Error::HANDLE_EOF => {
                    failure.exit_status(NOT_THERE).advice("nobody listens to it any more")
                }
                Win32Error::INVALID_PARAMETER => failure.advice("it takes shorter messages only"),
                Win32Error::BAD_NETPATH => failure.advice("a datagram has at most 424 bytes"),
                _ => failure,
            }
        })
    };
    let unreadable = |error| Error::because("cannot read standard input", error);
    let mut input = io::stdin().lock();
    let mut message = Vec::new();
    match messages {
        None => {
            input.read_to_end(&mut message).map_err(unreadable)?;
            send(&message)?;
        }
        Some(framing) => {
            while framing.read(&mut input, &mut message).map_err(unreadable)? {
                send(&message)?;
            }
        }
    }
    Ok(Status::Done)
}
