//! `winipc mutex`.

use std::ffi::OsString;

use clap::builder::NonEmptyStringValueParser;
use winipc::{LockError, MutexOptions};

use super::patience::Deadline;
use super::status::{Status, failed, help};
use super::{child, time};
use crate::error::{Result, complain};

/// Use mutexes: one process at a time owns it
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Run(Run),
}

/// Run a command while owning a mutex, which is created if it is not there
#[derive(clap::Args)]
#[command(after_long_help = help!("\
If the last owner died owning the mutex, what it protects may be half done: standard error says so, and COMMAND \
runs, with WINIPC_ABANDONED=1 in its environment. As on Windows, only who was waiting then can be told: with its last \
owner a mutex is gone that nobody else has open, and the next one makes a new one.\n\nSignals that would end winipc go to COMMAND, so that the mutex \
is owned until COMMAND has ended. SIGKILL cannot be passed on: then COMMAND runs on without the mutex, and the next \
owner is told as above.\n\nExamples:\n  \
  winipc mutex run backup -- rsync -a src/ dst/\n  \
  winipc mutex run backup --timeout 0 true || echo 'somebody is at it'"))]
pub(crate) struct Run {
    /// The mutex's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Give up after this time: seconds, or a number with ms, s, m or h [default: wait for ever]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time::duration)]
    timeout: Option<std::time::Duration>,
    /// What to run
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// # Errors
/// The mutex cannot be had; the command cannot be run.
pub(super) fn run(Command::Run(Run { name, timeout, command }): Command) -> Result<Status> {
    let what = format!("the mutex \"{name}\"");
    let failed = |error| failed(format_args!("cannot take {what}"), error);
    let deadline = Deadline::after(timeout);
    let mutex = MutexOptions::new().name(&name).create().map_err(failed)?;
    let result = match deadline.left() {
        None => mutex.lock(),
        Some(left) => mutex.lock_timeout(left),
    };
    let (_guard, environment) = match result {
        Ok(guard) => (guard, &[][..]),
        Err(LockError::Abandoned(guard)) => {
            complain(format_args!("the last owner of {what} died owning it"));
            (guard, &[("WINIPC_ABANDONED", "1")][..])
        }
        Err(LockError::Timeout) => return Ok(Status::TimedOut),
        Err(LockError::Failed(error)) => return Err(failed(error)),
    };
    child::run(&command, environment)
}
