//! `winipc pipe call`.

use std::io::{self, Read, Write};

use winipc::{ClientOptions, PipeMode};

use super::{connect, described, name_parser, session};
use crate::error::{Error, Result};
use crate::tool::patience::Patience;
use crate::tool::status::{Status, failed, help};

/// Send standard input as one message, and print the reply
#[derive(clap::Args)]
#[command(after_long_help = help!("\
The pipe must carry messages. Message and reply can be any bytes; the reply is printed as it is. The time-out is for \
everything that comes after the end of standard input.\n\nExamples:\n  \
  winipc pipe serve upper --messages -- tr a-z A-Z &\n  \
  echo hello | winipc pipe call upper --retry"))]
pub(crate) struct Arguments {
    /// The pipe: a name, or \\.\pipe\ and a name
    #[arg(value_parser = name_parser())]
    name: String,
    #[command(flatten)]
    patience: Patience,
}

/// # Errors
/// There is no such pipe, or it does not carry messages; the server closes it instead of replying.
pub(super) fn run(Arguments { name, patience }: &Arguments) -> Result<Status> {
    let mut message = Vec::new();
    io::stdin()
        .read_to_end(&mut message)
        .map_err(|error| Error::because("cannot read standard input", error))?;
    let deadline = patience.begin();
    let mut options = ClientOptions::new();
    let Some(client) = connect::open(name, options.pipe_mode(PipeMode::Message), &deadline)? else {
        return Ok(Status::TimedOut);
    };
    let failed = |error| {
        let failure = failed(format_args!("cannot call {}", described(name)), error);
        if session::is_other_end_gone(error) { failure.advice("the server does not reply") } else { failure }
    };
    let transaction =
        client.transact_overlapped(message, Vec::with_capacity(session::ROOM)).map_err(failed)?;
    let (result, _, mut reply) = match deadline.left() {
        None => transaction.wait(),
        Some(left) => match transaction.wait_timeout(left) {
            Ok(output) => output,
            Err(_) => return Ok(Status::TimedOut),
        },
    };
    // The rest of a reply that is longer is there already.
    let mut received = result.map_err(failed)?;
    while !received.is_complete {
        let mut more = vec![0; reply.len().max(1)];
        received = client.recv(&mut more).map_err(failed)?;
        reply.extend_from_slice(&more[..received.bytes]);
    }
    let mut output = io::stdout().lock();
    output.write_all(&reply).and_then(|()| output.flush()).map_err(|error| Error::output(&error))?;
    Ok(Status::Done)
}
