//! `winipc pipe`.

mod call;
mod connect;
mod list;
mod serve;
mod session;

use clap::builder::TypedValueParser;
use winipc::PipeMode;

use super::framing::Framing;
use super::status::Status;
use super::target::path_parser;
use crate::error::Result;

/// Use named pipes: list, serve, connect to and call them
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    List(list::Arguments),
    Serve(serve::Arguments),
    Connect(connect::Arguments),
    Call(call::Arguments),
}

/// # Errors
/// The pipe is not there or cannot be made; the other end is gone before its time.
pub(super) fn run(command: Command) -> Result<Status> {
    match command {
        Command::List(arguments) => list::run(&arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
    }
}

const PREFIX: &str = r"\\.\pipe\";

fn name_parser() -> impl TypedValueParser<Value = String> {
    path_parser(PREFIX)
}

fn described(name: &str) -> String {
    format!("the pipe \"{name}\"")
}

/// What goes through a pipe, and how.
#[derive(clap::Args)]
struct Traffic {
    /// Only send: standard input, to its end. The pipe is closed when the other end has read everything
    #[arg(long, conflicts_with = "receive_only")]
    send_only: bool,
    /// Only receive, until the other end is closed
    #[arg(long)]
    receive_only: bool,
    /// Messages instead of a stream of bytes, and how they look on standard input and output
    #[arg(long, value_name = "FRAMING", value_enum, num_args = 0..=1, require_equals = true,
        default_missing_value = "lines")]
    messages: Option<Framing>,
    /// Close the pipe when standard input has ended and the other end has read everything; otherwise go on receiving
    #[arg(long, short = 'N', conflicts_with = "receive_only")]
    end_with_input: bool,
}

impl Traffic {
    fn sends(&self) -> bool {
        !self.receive_only
    }

    fn receives(&self) -> bool {
        !self.send_only
    }

    fn mode(&self) -> PipeMode {
        if self.messages.is_some() { PipeMode::Message } else { PipeMode::Byte }
    }

    fn framing(&self) -> Framing {
        self.messages.unwrap_or(Framing::None)
    }
}
