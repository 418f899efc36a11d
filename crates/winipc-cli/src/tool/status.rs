//! What the tools end with.

use std::fmt;
use std::process::ExitCode;

use winipc::Win32Error;

use crate::error::Error;

pub(super) const USAGE: u8 = 2;
pub(super) const NOT_THERE: u8 = 3;
const ABANDONED: u8 = 4;
pub(super) const THERE_ALREADY: u8 = 5;
pub(super) const TIMED_OUT: u8 = 124;
/// With a COMMAND: the failure is not the COMMAND's.
const FAILED: u8 = 125;
pub(super) const COMMAND_NOT_RUNNABLE: u8 = 126;
pub(super) const COMMAND_NOT_FOUND: u8 = 127;

/// Text for `--help`, followed by the table of exit statuses, which is the same for all tools.
macro_rules! help {
    ($text:expr) => {
        concat!(
            $text,
            "\n\nExit status, for all tools:\n",
            "    0  done; a wait was satisfied; who reads standard output had enough\n",
            "    1  failed for another reason, which standard error tells\n",
            "    2  wrong usage, or a name that cannot be\n",
            "    3  there is no object of this name\n",
            "    4  a wait was satisfied, by a mutex whose last owner died owning it\n",
            "    5  there is an object of this name already (create --new, create if it is of another kind, pipe serve, \
             mailslot listen)\n",
            "  124  the time was up\n",
            "With a COMMAND, the status is the COMMAND's, 128 + N if signal N ended it, or\n",
            "    2  wrong usage\n",
            "  124  the time was up before it could be run\n",
            "  125  winipc failed, which standard error tells: the name cannot be, there is no such object, ...\n",
            "  126  it cannot be run\n",
            "  127  it was not found"
        )
    };
}

pub(super) use help;

/// How a tool ended that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Status {
    Done,
    Abandoned,
    TimedOut,
    /// The exit status of a command.
    Of(i32),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        match status {
            Status::Done => ExitCode::SUCCESS,
            Status::Abandoned => ExitCode::from(ABANDONED),
            Status::TimedOut => ExitCode::from(TIMED_OUT),
            Status::Of(status) => match u8::try_from(status) {
                Ok(status) => ExitCode::from(status),
                // Windows has more of them.
                Err(_) => std::process::exit(status),
            },
        }
    }
}

/// `what` could not be done to an object because of `error`.
pub(super) fn failed(what: impl fmt::Display, error: Win32Error) -> Error {
    let failure = Error::because(what, error);
    match error {
        Win32Error::FILE_NOT_FOUND => {
            failure.exit_status(NOT_THERE).advice("an object is there only while some process holds it")
        }
        // Of pipes and mailslots, which may have backslashes, and of other objects where nothing follows the prefix.
        Win32Error::INVALID_NAME => failure.exit_status(USAGE).advice(
            "a pipe is called NAME or \\\\.\\pipe\\NAME, a mailslot NAME or \\\\.\\mailslot\\NAME, anything else NAME or \
             Global\\NAME",
        ),
        Win32Error::PATH_NOT_FOUND | Win32Error::BAD_PATHNAME => failure
            .exit_status(USAGE)
            .advice("a name has no backslash but that of Global\\ or Local\\ in front: leave it out, or write - or /"),
        Win32Error::BAD_NETPATH => failure.advice(r"what is on other computers cannot be reached: \\.\ in front is this one"),
        Win32Error::FILENAME_EXCED_RANGE => failure.exit_status(USAGE).advice("choose a shorter name"),
        Win32Error::INVALID_HANDLE => failure.advice("choose another name, or the command for that kind of object"),
        _ => failure,
    }
}

/// A failure of a tool that has a COMMAND, whose own failures must be told from it.
pub(super) fn with_command(failure: Error) -> Error {
    match failure.status() {
        TIMED_OUT | COMMAND_NOT_RUNNABLE | COMMAND_NOT_FOUND => failure,
        _ => failure.exit_status(FAILED),
    }
}
