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
mod stage;
mod statistics;
mod table;
mod tool;
mod tour;
mod transport;

use std::process::ExitCode;

use clap::Parser;

/// Windows interprocess communication: a messenger over it, and tools to watch and compare it
#[derive(Parser)]
#[command(name = "winipc", version, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
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
    /// The second process of a benchmark
    #[command(hide = true)]
    BenchHelper(bench::HelperArguments),
    /// One side of a benchmark, measured from outside
    #[command(hide = true)]
    BenchSide(bench::SideArguments),
    /// What being attached costs
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    BenchCosts,
    /// One process of the tour
    #[command(hide = true)]
    TourActor(tour::ActorArguments),
    /// One process of a lab
    #[command(hide = true)]
    LabActor(lab::ActorArguments),
}

fn main() -> ExitCode {
    let command = Program::parse().command;
    // A process that cannot attach has one error number for every call; here the reason is told.
    #[cfg(target_os = "linux")]
    if let Command::Chat(_) | Command::Tour(_) | Command::Lab(_) | Command::Tool(_) | Command::Bench(_) =
        &command
        && let Err(error) = winipc_executive::namespace::attach()
    {
        error::complain(error);
        return ExitCode::FAILURE;
    }
    let result = match command {
        Command::Chat(arguments) => chat::run(arguments),
        Command::Tour(arguments) => tour::run(&arguments),
        Command::Lab(arguments) => lab::run(&arguments),
        #[cfg(target_os = "linux")]
        Command::Objects(arguments) => inspect::objects(&arguments),
        #[cfg(target_os = "linux")]
        Command::Check(arguments) => inspect::check(&arguments),
        Command::Tool(tool) => return tool::run(tool),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Completions(arguments) => completions::run::<Program>(&arguments),
        Command::Man(arguments) => man::run::<Program>(&arguments),
        Command::BenchHelper(arguments) => bench::help(arguments),
        Command::BenchSide(arguments) => bench::side(arguments),
        #[cfg(target_os = "linux")]
        Command::BenchCosts => bench::print_costs(),
        Command::TourActor(arguments) => tour::act(&arguments),
        Command::LabActor(arguments) => lab::act(arguments),
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
