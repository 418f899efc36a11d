//! Why a process cannot attach.

use std::io;

use crate::status::Status;

/// Why a process cannot attach to its namespace.
#[derive(Debug)]
pub struct AttachError {
    what: String,
    source: Option<io::Error>,
}

impl AttachError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        AttachError { what: what.into(), source: None }
    }

    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        AttachError { what: what.into(), source: Some(source) }
    }

    /// The status with which every other call fails.
    pub fn status(&self) -> Status {
        Status::ARENA_UNAVAILABLE
    }
}

impl core::fmt::Display for AttachError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl core::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn core::error::Error + 'static))
    }
}
