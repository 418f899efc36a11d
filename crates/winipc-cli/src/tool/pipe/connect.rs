//! `winipc pipe connect`.

use winipc::{ClientOptions, PipeClient, PipeMode, Win32Error};

use super::{Traffic, described, name_parser, session};
use crate::error::Result;
use crate::tool::patience::{Deadline, Patience};
use crate::tool::status::{Status, help};

/// Join standard input and output with a pipe that somebody serves
#[derive(clap::Args)]
#[command(after_long_help = help!("\
What comes in on standard input goes to the server, what the server sends to standard output. It is over when the \
server closes the pipe. A pipe cannot be closed in one direction only: a server that waits for the end of what is sent \
to it sees that only if --end-with-input or --send-only closes the pipe, and then it can answer no more. For one \
question and its answer there is `winipc pipe call`.\n\nThe time-out is for the wait for a free instance.\n\nExamples:\n  \
  winipc pipe connect backup --send-only < archive.tar\n  \
  winipc pipe connect log --receive-only --messages --retry | grep error"))]
pub(crate) struct Arguments {
    /// The pipe: a name, or \\.\pipe\ and a name
    #[arg(value_parser = name_parser())]
    name: String,
    #[command(flatten)]
    traffic: Traffic,
    #[command(flatten)]
    patience: Patience,
}

/// # Errors
/// There is no such pipe; it does not offer what is asked for; as [`session::join`].
pub(super) fn run(arguments: &Arguments) -> Result<Status> {
    let Arguments { name, traffic, patience } = arguments;
    let mut options = ClientOptions::new();
    options.read(traffic.receives()).write(traffic.sends());
    if traffic.receives() && traffic.mode() == PipeMode::Message {
        options.pipe_mode(PipeMode::Message);
    }
    match open(name, &options, &patience.begin())? {
        None => Ok(Status::TimedOut),
        Some(client) => session::join(client, traffic).map(|()| Status::Done),
    }
}

/// The client's end, or `None` when the time is up.
pub(super) fn open(name: &str, options: &ClientOptions, deadline: &Deadline) -> Result<Option<PipeClient>> {
    match deadline.retry(|| options.open_within(name, deadline.left())) {
        Ok(client) => Ok(Some(client)),
        Err(Win32Error::SEM_TIMEOUT) => Ok(None),
        Err(error) => {
            let failure = deadline.not_opened(&described(name), error);
            Err(match error {
                Win32Error::INVALID_PARAMETER => failure.advice("it carries bytes, not messages"),
                Win32Error::ACCESS_DENIED => failure.advice("data goes one way only in it"),
                _ => failure,
            })
        }
    }
}
