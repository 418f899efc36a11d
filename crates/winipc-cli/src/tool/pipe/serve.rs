//! `winipc pipe serve`.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use winipc::{PipeMode, PipeServer, ServerOptions, Win32Error};

use super::{Traffic, described, name_parser, session};
use crate::error::{Error, Result, complain};
use crate::tool::status::{Status, THERE_ALREADY, failed, help};
use crate::tool::{child, time};

/// Serve a pipe: one client by standard input and output, or all who come by a command
#[derive(clap::Args)]
#[command(after_long_help = help!("\
Without a COMMAND, one client is waited for, and joined with standard input and output as by `winipc pipe connect`. \
With a COMMAND, every client that comes is served, several at a time: by a COMMAND of its own, with the pipe as its \
standard input and output, and the client sees the end of the pipe when COMMAND has ended; or, with --messages, by a \
COMMAND for each message, on its standard input, whose standard output is the reply.\n\nThe time-out is for the wait \
for a client.\n\nExamples:\n  \
  winipc pipe serve backup --receive-only > archive.tar\n  \
  winipc pipe serve date -- date\n  \
  winipc pipe serve upper --messages -- tr a-z A-Z"))]
pub(crate) struct Arguments {
    /// The pipe: a name, or \\.\pipe\ and a name
    #[arg(value_parser = name_parser())]
    name: String,
    #[command(flatten)]
    traffic: Traffic,
    /// Give up after this time: seconds, or a number with ms, s, m or h [default: wait for ever]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time::duration)]
    timeout: Option<Duration>,
    /// Serve one client only, and end as COMMAND ended
    #[arg(long, requires = "command")]
    once: bool,
    /// Who serves the clients
    #[arg(last = true, conflicts_with_all = ["send_only", "receive_only", "end_with_input"])]
    command: Vec<OsString>,
}

impl Arguments {
    pub(in crate::tool) fn has_command(&self) -> bool {
        !self.command.is_empty()
    }
}

/// # Errors
/// The pipe is there already, or cannot be made; as [`session::join`].
pub(super) fn run(arguments: Arguments) -> Result<Status> {
    let Arguments { name, traffic, timeout, once, command } = arguments;
    let mut options = ServerOptions::new();
    options.pipe_mode(traffic.mode());
    options.access_inbound(traffic.receives()).access_outbound(traffic.sends());
    let create = |options: &ServerOptions| {
        options
            .create(&name)
            .map_err(|error| failed(format_args!("cannot serve {}", described(&name)), error))
    };
    let mut pipe = options.clone().first_pipe_instance(true).create(&name).map_err(|error| match error {
        Win32Error::ACCESS_DENIED => {
            Error::new(format!("somebody serves {} already", described(&name))).exit_status(THERE_ALREADY)
        }
        error => failed(format_args!("cannot serve {}", described(&name)), error),
    })?;
    if command.is_empty() {
        if !wait_for_client(&pipe, timeout)? {
            return Ok(Status::TimedOut);
        }
        return session::join(pipe, &traffic).map(|()| Status::Done);
    }
    let serve = match traffic.mode() {
        PipeMode::Byte => serve_bytes,
        PipeMode::Message => serve_messages,
    };
    loop {
        if !wait_for_client(&pipe, timeout)? {
            return Ok(Status::TimedOut);
        }
        if once {
            return serve(&pipe, &command);
        }
        // First the next instance, so that the pipe is there at any time.
        let next = create(&options)?;
        let served = std::mem::replace(&mut pipe, next);
        let command = command.clone();
        thread::Builder::new()
            .name("client".to_string())
            .spawn(move || {
                if let Err(error) = serve(&served, &command) {
                    complain(error);
                }
            })
            .map_err(|error| Error::because("cannot serve a client", error))?;
    }
}

/// False: the time is up.
fn wait_for_client(pipe: &PipeServer, timeout: Option<Duration>) -> Result<bool> {
    let result = match pipe.connect_overlapped() {
        Ok(connection) => match timeout {
            None => connection.wait(),
            Some(timeout) => match connection.wait_timeout(timeout) {
                Ok(result) => result,
                Err(_) => return Ok(false),
            },
        },
        Err(error) => Err(error),
    };
    match result {
        // A client came and has gone again; what it has sent is there.
        Ok(()) | Err(Win32Error::NO_DATA) => Ok(true),
        Err(error) => Err(Error::because("cannot wait for a client", error)),
    }
}

/// Joins a command with the pipe until both have had enough.
fn serve_bytes(pipe: &PipeServer, command: &[OsString]) -> Result<Status> {
    let mut child = child::start(child::prepare(command).stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let mut input = child.stdin.take().expect("its input is piped");
    let mut output = child.stdout.take().expect("its output is piped");
    thread::scope(|scope| {
        // Ends when the client is gone or thrown out, or the command reads no more.
        scope.spawn(move || io::copy(&mut &*pipe, &mut input));
        // A client that does not read on is no failure, and the command notices when its output goes.
        if io::copy(&mut output, &mut &*pipe).is_ok() {
            let _ = pipe.flush_buffers();
        }
        drop(output);
        let _ = pipe.disconnect();
    });
    let status = child.wait().map_err(|error| Error::because("cannot wait for the command", error))?;
    Ok(Status::Of(child::code(status)))
}

/// Has a command answer each message, and gives the status of the last one.
fn serve_messages(pipe: &PipeServer, command: &[OsString]) -> Result<Status> {
    let mut message = Vec::new();
    let mut status = Status::Done;
    loop {
        let result = pipe.read_message(&mut message).map(|_| child::filter(command, &message));
        let (reply, ended) = match result {
            Ok(answer) => answer?,
            Err(error) if session::is_other_end_gone(error) => return Ok(status),
            Err(error) => return Err(Error::because("cannot read from the pipe", error)),
        };
        status = Status::Of(child::code(ended));
        match pipe.send(&reply) {
            Ok(_) => {}
            Err(error) if session::is_other_end_gone(error) => return Ok(status),
            Err(error) => return Err(Error::because("cannot write to the pipe", error)),
        }
    }
}
