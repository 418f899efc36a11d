//! Commands that tools run.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use super::signal::Forwarding;
use super::status::{COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, Status};
use crate::error::{Error, Result, complain};

/// Runs a command to its end, with our standard streams. Signals that would end this process go to the command.
///
/// # Errors
/// It cannot be run.
pub(super) fn run(command: &[OsString], environment: &[(&str, &str)]) -> Result<Status> {
    let forwarding = Forwarding::begin()?;
    let mut child = start(prepare(command).envs(environment.iter().copied()))?;
    if let Err(error) = forwarding.to(&child) {
        // It runs, and what is held for it must be held until it has ended.
        complain(error);
    }
    let status = child.wait().map_err(|error| Error::because("cannot wait for the command", error))?;
    Ok(Status::Of(code(status)))
}

/// A command of a tool's command line, which has one word at least.
pub(super) fn prepare(command: &[OsString]) -> Command {
    let mut prepared = Command::new(&command[0]);
    prepared.args(&command[1..]);
    prepared
}

/// # Errors
/// The command cannot be run.
pub(super) fn start(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|error| {
        let status = match error.kind() {
            io::ErrorKind::NotFound => COMMAND_NOT_FOUND,
            _ => COMMAND_NOT_RUNNABLE,
        };
        let name = command.get_program().to_string_lossy().into_owned();
        Error::because(format_args!("cannot run \"{name}\""), error).exit_status(status)
    })
}

/// What `command` makes of `input`, from its standard input to its standard output, and how it ends.
///
/// # Errors
/// It cannot be run.
pub(super) fn filter(command: &[OsString], input: &[u8]) -> Result<(Vec<u8>, ExitStatus)> {
    let mut child = start(prepare(command).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let mut pipe = child.stdin.take().expect("its input is piped");
    let mut output = Vec::new();
    thread::scope(|scope| {
        // A command need not read all of its input.
        scope.spawn(move || pipe.write_all(input));
        child.stdout.take().expect("its output is piped").read_to_end(&mut output)
    })
    .and_then(|_| child.wait())
    .map(|status| (output, status))
    .map_err(|error| Error::because("cannot talk with the command", error))
}

/// As a shell has it.
pub(super) fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    status.code().or(signal.map(|signal: i32| 128 + signal)).unwrap_or(1)
}
