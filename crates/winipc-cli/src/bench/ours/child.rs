//! The start of a child with redirected streams.

use std::io::Read;

use winipc::{Command, Stdio, Waitable};

use super::super::contest::{Contestant, PROGRAM, Setting};
use super::failed;
use crate::error::{Error, Result};

/// A program that does nothing is started with pipes for its input and output, and its end waited for.
pub(crate) struct ChildStart;

impl ChildStart {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self))
    }
}

impl Contestant for ChildStart {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let mut command = Command::new(PROGRAM);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().map_err(failed("CreateProcess"))?;
            let mut output = Vec::new();
            let read = child.stdout.take().map(|mut stdout| stdout.read_to_end(&mut output)).transpose();
            read.map_err(|error| Error::because("benchmark: ReadFile", error))?;
            let _ = child.wait(None).map_err(failed("WaitForSingleObject"))?;
        }
        Ok(())
    }
}
