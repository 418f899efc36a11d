//! `winipc mailslot`.

mod info;
mod listen;
mod send;

use clap::builder::TypedValueParser;

use super::status::Status;
use super::target::path_parser;
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

fn name_parser() -> impl TypedValueParser<Value = String> {
    path_parser(r"\\.\mailslot\")
}

fn described(name: &str) -> String {
    format!("the mailslot \"{name}\"")
}
