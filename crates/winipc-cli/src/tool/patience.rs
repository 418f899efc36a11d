//! Opening objects by name, and waiting for them.

use std::thread;
use std::time::{Duration, Instant};

use winipc::{WaitResult, Waitable, Win32Error};

use super::status::{Status, TIMED_OUT, failed};
use super::time;
use crate::error::{Error, Result};

/// How often an object that is not there is looked for: nothing tells that a name appears.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// How long a tool goes on trying.
#[derive(clap::Args)]
pub(super) struct Patience {
    /// Give up after this time: seconds, or a number with ms, s, m or h [default: wait for ever]
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time::duration)]
    timeout: Option<Duration>,
    /// If there is no such object yet, look for it until there is, or the time is up
    #[arg(long)]
    retry: bool,
}

/// [`Patience`] that is running out.
pub(super) struct Deadline {
    /// Never, without it.
    end: Option<Instant>,
    retry: bool,
}

impl Patience {
    pub(super) fn begin(&self) -> Deadline {
        Deadline { retry: self.retry, ..Deadline::after(self.timeout) }
    }
}

impl Deadline {
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        // What the clock cannot count is never.
        Self { end: timeout.and_then(|timeout| Instant::now().checked_add(timeout)), retry: false }
    }

    /// What is left of the time; without a limit, none.
    pub(super) fn left(&self) -> Option<Duration> {
        self.end.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Why what is called `what` could not be opened.
    pub(super) fn not_opened(&self, what: &str, error: Win32Error) -> Error {
        let failure = failed(format_args!("cannot open {what}"), error);
        if error == Win32Error::FILE_NOT_FOUND && self.retry {
            failure.exit_status(TIMED_OUT).advice("it was not there before the time was up")
        } else {
            failure
        }
    }

    /// Opens what is called `what`, if need be again and again.
    ///
    /// # Errors
    /// Those of `open`.
    pub(super) fn open<T>(&self, what: &str, open: impl FnMut() -> winipc::Result<T>) -> Result<T> {
        self.retry(open).map_err(|error| self.not_opened(what, error))
    }

    /// # Errors
    /// Those of `open`.
    pub(super) fn retry<T>(&self, mut open: impl FnMut() -> winipc::Result<T>) -> winipc::Result<T> {
        loop {
            match open() {
                Err(Win32Error::FILE_NOT_FOUND) if self.retry && self.left() != Some(Duration::ZERO) => {
                    thread::sleep(self.left().map_or(LOOK_INTERVAL, |left| left.min(LOOK_INTERVAL)));
                }
                result => return result,
            }
        }
    }

    /// Waits for one object.
    ///
    /// # Errors
    /// The wait fails.
    pub(super) fn wait(&self, what: &str, object: &dyn Waitable) -> Result<Status> {
        match object.wait(self.left()) {
            Ok(WaitResult::Abandoned(_)) => Ok(Status::Abandoned),
            Ok(WaitResult::Timeout) => Ok(Status::TimedOut),
            Ok(WaitResult::Signaled(_) | WaitResult::IoCompletion) => Ok(Status::Done),
            Err(error) => Err(failed(format_args!("cannot wait for {what}"), error)),
        }
    }
}
