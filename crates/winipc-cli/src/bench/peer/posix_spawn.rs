//! The start of a child by the standard library, which calls `posix_spawn`.

use std::io::Read;
use std::process::{Command, Stdio};

use super::super::contest::{Contestant, PROGRAM, Setting};
use crate::error::{Error, Result};

/// A program that does nothing is started with pipes for its input and output, and its end waited for.
pub(crate) struct PosixSpawn;

impl PosixSpawn {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self))
    }
}

impl Contestant for PosixSpawn {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let mut command = Command::new(PROGRAM);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
            let mut output = Vec::new();
            child
                .stdout
                .take()
                .map(|mut stdout| stdout.read_to_end(&mut output))
                .transpose()
                .map_err(failed)?;
            child.wait().map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::because("benchmark: posix_spawn", error)
}
