//! Shell tools: the mechanisms as commands for scripts.
//!
//! One file per kind of object. A further kind is a variant of [`Tool`], an arm of [`run`] and a file; [`hold`] is for
//! its `create`, [`target`] and [`patience`] for what opens it, [`child`] for what runs a command, [`status`] for how
//! it ends.

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
mod target;
mod time;
mod timer;
mod wait;

use std::process::ExitCode;

use crate::error::{Result, complain};
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
    let has_command = tool.has_command();
    match crate::attach().and_then(|()| tool.run()) {
        Ok(status) => status.into(),
        Err(error) if error.is_closed_output() => Status::Done.into(),
        Err(error) => {
            complain(&error);
            if has_command { status::with_command(error) } else { error }.exit_code()
        }
    }
}

impl Tool {
    /// Whether it runs a COMMAND, whose exit status is then that of the program.
    fn has_command(&self) -> bool {
        match self {
            Tool::Mutex(mutex::Command::Run(_)) | Tool::Semaphore(semaphore::Command::Run(_)) => true,
            Tool::Event(event::Command::Create(event::Create { holding, .. }))
            | Tool::Semaphore(semaphore::Command::Create(semaphore::Create { holding, .. }))
            | Tool::Timer(timer::Command::Create(timer::Create { holding, .. }))
            | Tool::Section(section::Command::Create(section::Create { holding, .. })) => {
                holding.has_command()
            }
            Tool::Pipe(pipe::Command::Serve(serve)) => serve.has_command(),
            _ => false,
        }
    }

    fn run(self) -> Result<Status> {
        match self {
            Tool::Wait(arguments) => wait::run(&arguments),
            Tool::Event(command) => event::run(command),
            Tool::Mutex(command) => mutex::run(command),
            Tool::Semaphore(command) => semaphore::run(command),
            Tool::Timer(command) => timer::run(command),
            Tool::Pipe(command) => pipe::run(command),
            Tool::Mailslot(command) => mailslot::run(command),
            Tool::Section(command) => section::run(command),
        }
    }
}
