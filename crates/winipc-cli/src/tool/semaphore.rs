//! `winipc semaphore`.

use std::ffi::OsString;

use clap::builder::NonEmptyStringValueParser;
use winipc::{Semaphore, SemaphoreOptions};

use super::child;
use super::hold::{Holding, lifetime};
use super::status::{Status, help};
use super::target::{Target, described};
use crate::error::{Result, complain};
use crate::number::number;
use crate::table::print;

/// Use semaphores: a count that waits take from and others give to
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Create(Create),
    /// Take one from a semaphore, and wait for it if there is none
    #[command(after_long_help = help!("\
    Nobody owns what was taken: `winipc semaphore release` gives it back, whoever calls it."))]
    Wait(Target),
    Release(Release),
    Run(Run),
}

/// Create a semaphore, or open the one of this name, and hold it
#[derive(clap::Args)]
#[command(after_long_help = lifetime!("  winipc semaphore create slots --maximum 4 -- sh -c '
      for file in *.wav; do winipc semaphore run slots -- encode \"$file\" & done
      wait'"))]
pub(crate) struct Create {
    /// The semaphore's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The most that the count can be
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = number(1..=MOST))]
    maximum: u32,
    /// What the count is at first, at most the maximum [default: the maximum]
    #[arg(long, value_name = "N", visible_alias = "count")]
    #[arg(allow_negative_numbers = true, value_parser = number(0..=MOST))]
    initial: Option<u32>,
    #[command(flatten)]
    pub(super) holding: Holding,
}

/// Give to a semaphore, and print what its count was
#[derive(clap::Args)]
#[command(after_long_help = help!("Beyond the maximum nothing is given, and the status is 1."))]
pub(crate) struct Release {
    #[command(flatten)]
    target: Target,
    /// How many to give
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true, value_parser = number(1..=MOST))]
    count: u32,
}

/// Take one from a semaphore, run a command, and give it back
#[derive(clap::Args)]
#[command(after_long_help = help!("\
Signals that would end winipc go to COMMAND. If winipc is killed by SIGKILL, nobody gives back what it took."))]
pub(crate) struct Run {
    #[command(flatten)]
    target: Target,
    /// What to run
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// The most that a count can be.
const MOST: u32 = i32::MAX as u32;

/// # Errors
/// The semaphore is not there, cannot be made, or its maximum would be passed; the command cannot be run.
pub(super) fn run(command: Command) -> Result<Status> {
    match command {
        Command::Create(Create { name, maximum, initial, holding }) => {
            let initial = initial.unwrap_or(maximum);
            if initial > maximum {
                let what = format!("--initial {initial} is more than --maximum {maximum}\n");
                // Not an `Error`: with a COMMAND that would end with 125, and this is wrong usage.
                clap::Error::raw(clap::error::ErrorKind::ValueValidation, what).exit();
            }
            holding.hold(&described::<Semaphore>(&name), || {
                let mut options = SemaphoreOptions::new(initial, maximum);
                let semaphore = options.name(name).create()?;
                let disposition = semaphore.disposition();
                Ok((semaphore.into(), disposition))
            })
        }
        Command::Wait(target) => target.wait::<Semaphore>().map(|(_, status)| status),
        Command::Release(Release { target, count }) => {
            let before = give(&target, &target.open()?, count)?;
            print(format_args!("{before}\n"))?;
            Ok(Status::Done)
        }
        Command::Run(Run { target, command }) => {
            let (semaphore, status) = target.wait::<Semaphore>()?;
            if status == Status::TimedOut {
                return Ok(status);
            }
            let result = child::run(&command, &[]);
            if let Err(error) = give(&target, &semaphore, 1) {
                // Somebody has given too many; how the command ended matters more.
                complain(error);
            }
            result
        }
    }
}

/// # Errors
/// The semaphore's maximum would be passed.
fn give(target: &Target, semaphore: &Semaphore, count: u32) -> Result<u32> {
    target.call(semaphore, &format!("cannot give {count} to"), |semaphore| semaphore.release(count))
}
