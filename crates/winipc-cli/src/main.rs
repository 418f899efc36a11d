//! The `winipc` program: a messenger over Windows interprocess communication, and tools around it.

#![deny(unsafe_code)]

mod bench;
mod chat;
mod completions;
mod error;
#[cfg(target_os = "linux")]
mod inspect;
mod lab;
mod man;
mod number;
mod printable;
mod stage;
mod statistics;
mod table;
mod tool;
mod tour;
mod transport;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::Result;
use printable::printable;

/// Windows interprocess communication: a messenger over it, and tools to watch and compare it
#[derive(Parser)]
#[command(name = "winipc", version, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Chat(chat::Arguments),
    Tour(tour::Arguments),
    Lab(lab::Arguments),
    #[cfg(target_os = "linux")]
    Objects(inspect::ObjectsArguments),
    #[cfg(target_os = "linux")]
    Check(inspect::CheckArguments),
    #[command(flatten)]
    Tool(tool::Tool),
    Bench(bench::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// What this program starts itself as. No subcommands of [`Program`], which suggests and completes those.
#[derive(Parser)]
#[command(name = "winipc")]
enum Internal {
    /// The second process of a benchmark
    BenchHelper(bench::HelperArguments),
    /// One side of a benchmark, measured from outside
    BenchSide(bench::SideArguments),
    /// What being attached costs
    #[cfg(target_os = "linux")]
    BenchCosts,
    /// One process of the tour
    TourActor(tour::ActorArguments),
    /// One process of a lab
    LabActor(lab::ActorArguments),
}

fn main() -> ExitCode {
    let is_internal = |name: OsString| name.to_str().is_some_and(Internal::has_subcommand);
    let result = if std::env::args_os().nth(1).is_some_and(is_internal) {
        run_internal(Internal::parse())
    } else {
        match parse().command {
            Command::Tool(tool) => return tool::run(tool),
            command => run(command),
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads our output has seen enough (`| head`).
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            error::complain(&error);
            error.exit_code()
        }
    }
}

fn parse() -> Program {
    Program::try_parse().unwrap_or_else(|error| {
        // It repeats what was typed, which is to be seen and not to be obeyed by the terminal.
        let typed = std::env::args_os().map(|argument| printable(&argument.to_string_lossy()));
        Program::try_parse_from(typed).err().unwrap_or(error).exit()
    })
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Chat(arguments) => attach().and_then(|()| chat::run(arguments)),
        Command::Tour(arguments) => attach().and_then(|()| tour::run(&arguments)),
        Command::Lab(arguments) => attach().and_then(|()| lab::run(&arguments)),
        #[cfg(target_os = "linux")]
        Command::Objects(arguments) => inspect::objects(&arguments),
        #[cfg(target_os = "linux")]
        Command::Check(arguments) => inspect::check(&arguments),
        Command::Tool(_) => unreachable!("tools have exit statuses of their own"),
        Command::Bench(arguments) => attach().and_then(|()| bench::run(arguments)),
        Command::Completions(arguments) => completions::run::<Program>(&arguments),
        Command::Man(arguments) => man::run::<Program>(&arguments),
    }
}

fn run_internal(command: Internal) -> Result<()> {
    match command {
        Internal::BenchHelper(arguments) => bench::help(arguments),
        Internal::BenchSide(arguments) => bench::side(arguments),
        #[cfg(target_os = "linux")]
        Internal::BenchCosts => bench::print_costs(),
        Internal::TourActor(arguments) => tour::act(&arguments),
        Internal::LabActor(arguments) => lab::act(arguments),
    }
}

/// Attaches to the namespace. A process that cannot has one error number for every call; here the reason is told.
///
/// # Errors
/// The namespace cannot be used.
fn attach() -> Result<()> {
    #[cfg(target_os = "linux")]
    winipc_executive::namespace::attach().map_err(|error| error::Error::new(error.to_string()))?;
    Ok(())
}
