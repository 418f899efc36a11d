//! What the program says when something went wrong: what, why, and what to do about it.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::printable::printable;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// A failure as a person reads it.
#[derive(Debug)]
pub(crate) struct Error {
    what: String,
    advice: Option<String>,
    /// Standard output is gone: nobody reads on, and nothing is to be said about it.
    is_closed_output: bool,
    exit_status: u8,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, is_closed_output: false, exit_status: 1 }
    }

    /// `what` failed because of `cause`.
    pub(crate) fn because(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::new(format!("{what}: {cause}"))
    }

    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// What the program ends with, if it ends because of this; 1 unless said otherwise.
    pub(crate) fn exit_status(mut self, status: u8) -> Self {
        self.exit_status = status;
        self
    }

    pub(crate) fn status(&self) -> u8 {
        self.exit_status
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit_status)
    }

    /// A failure to write to standard output.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        let is_closed_output = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { is_closed_output, ..Self::because("cannot write to standard output", error) }
    }

    pub(crate) fn is_closed_output(&self) -> bool {
        self.is_closed_output
    }
}

/// Says something on one line of standard error, if anybody listens there.
pub(crate) fn complain(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "winipc: {}", printable(&text.to_string()));
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
