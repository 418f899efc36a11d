//! `winipc mailslot`.

mod info;
mod listen;
mod send;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};

use super::status::Status;
use crate::error::Result;

/// Use mailslots: listen, send to them, and look at what waits
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Listen(listen::Arguments),
    Send(send::Arguments),
    Info(info::Arguments),
}

/// # Errors
/// The slot is not there or cannot be made; it does not take a message.
pub(super) fn run(command: Command) -> Result<Status> {
    match command {
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
    }
}

/// A mailslot's name as one types it: what has no backslashes in front is that of a slot of this machine.
fn name_parser() -> impl TypedValueParser<Value = String> {
    NonEmptyStringValueParser::new()
        .map(|name| if name.starts_with(r"\\") { name } else { format!(r"\\.\mailslot\{name}") })
}

fn described(name: &str) -> String {
    format!("the mailslot \"{name}\"")
}
