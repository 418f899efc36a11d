//! Development tasks: `cargo xtask --help` lists them.

#![forbid(unsafe_code)]

mod analysis;
mod deny;
mod environment;
mod package;
mod run;
mod test;
mod windows;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use run::Outcome;

/// Development tasks of winipc.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check and test, and stop at the first step that fails.
    Test(test::Arguments),
    /// Build for Windows, or run the conformance suite of that build under Wine.
    Windows {
        #[command(subcommand)]
        action: windows::Action,
    },
    /// Build the program, and pack it with its manual, completions and licences.
    Package(package::Arguments),
    /// Check licences, duplicate and banned crates, and sources of all dependencies.
    Deny,
    /// Run the loom models of the lock-free paths.
    Loom {
        /// Passed on to the test runner.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run the executive's tests of arena and journal under Miri, where Miri is installed.
    Miri {
        /// Passed on to the test runner.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run the tests under a sanitizer.
    Sanitize {
        /// The sanitizer.
        sanitizer: Sanitizer,
        /// Passed on to the test runner.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run the fuzz targets for a bounded time each.
    Fuzz {
        /// The target to run; all of them without it.
        target: Option<String>,
        /// Time for each target, in seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Sanitizer {
    /// AddressSanitizer with its leak detector.
    Address,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(arguments) => return test::run(&arguments),
        Task::Windows { action } => windows::run(&action),
        Task::Package(arguments) => package::run(&arguments),
        Task::Deny => deny::run(),
        Task::Loom { arguments } => analysis::loom(&arguments),
        Task::Miri { arguments } => analysis::miri(&arguments),
        Task::Sanitize { sanitizer: Sanitizer::Address, arguments } => analysis::address(&arguments),
        Task::Fuzz { target, seconds } => analysis::fuzz(target.as_deref(), seconds),
    };
    match outcome {
        Ok(Outcome::Done(_)) => ExitCode::SUCCESS,
        // Asked for by name and not done is a failure, unlike in the list of `test`.
        Ok(Outcome::LeftOut(why)) => {
            eprintln!("cargo xtask: {why}");
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("cargo xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
