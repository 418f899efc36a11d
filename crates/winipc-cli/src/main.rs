//! The `winipc` program: a messenger over Windows interprocess communication, and tools around it.

mod chat;
mod error;
mod transport;

use std::process::ExitCode;

use clap::Parser;

/// Windows interprocess communication: a messenger over it, and tools to watch and compare it
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Chat(chat::Arguments),
}

fn main() -> ExitCode {
    let result = match Program::parse().command {
        Command::Chat(arguments) => chat::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads our output has seen enough (`| head`).
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("winipc: {error}");
            ExitCode::FAILURE
        }
    }
}
