//! Shell tools: the mechanisms as commands for scripts.
//!
//! One file per kind of object. A further kind is a variant of [`Tool`], an arm of [`run`] and a file; [`hold`] is for
//! its `create`, [`patience`] for what opens it, [`child`] for what runs a command, [`status`] for how it ends.

mod child;
mod event;
mod framing;
mod hold;
mod mailslot;
mod mutex;
mod patience;
mod pipe;
mod section;
mod semaphore;
mod signal;
mod status;
mod time;
mod timer;
mod wait;

use std::process::ExitCode;

use crate::error::complain;
use status::Status;

#[derive(clap::Subcommand)]
pub(crate) enum Tool {
    Wait(wait::Arguments),
    #[command(subcommand)]
    Event(event::Command),
    #[command(subcommand)]
    Mutex(mutex::Command),
    #[command(subcommand)]
    Semaphore(semaphore::Command),
    #[command(subcommand)]
    Timer(timer::Command),
    #[command(subcommand)]
    Pipe(pipe::Command),
    #[command(subcommand)]
    Mailslot(mailslot::Command),
    #[command(subcommand)]
    Section(section::Command),
}

/// Runs a tool and says how the program ends.
pub(crate) fn run(tool: Tool) -> ExitCode {
    let result = match tool {
        Tool::Wait(arguments) => wait::run(&arguments),
        Tool::Event(command) => event::run(command),
        Tool::Mutex(command) => mutex::run(command),
        Tool::Semaphore(command) => semaphore::run(command),
        Tool::Timer(command) => timer::run(command),
        Tool::Pipe(command) => pipe::run(command),
        Tool::Mailslot(command) => mailslot::run(command),
        Tool::Section(command) => section::run(command),
    };
    match result {
        Ok(status) => status.into(),
        Err(error) if error.is_closed_output() => Status::Done.into(),
        Err(error) => {
            complain(&error);
            error.exit_code()
        }
    }
}
