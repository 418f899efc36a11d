//! What a child's standard streams are.

use crate::sys::call::{handle, standard};
use crate::{AnonymousPipeOptions, AsHandle, OwnedHandle, PipeReader, PipeWriter, Result};

/// What a standard stream of a [`Command`](crate::Command)'s child is.
///
/// From a [`PipeReader`], a [`PipeWriter`] or any other handle to something that is read and written it is made by
/// `into`. On Linux a program that does not use this crate has it as descriptor 0, 1 or 2, which an end of a named pipe
/// or a mailslot cannot be: it reads and writes nothing then.
#[derive(Debug)]
pub struct Stdio(Kind);

#[derive(Debug)]
enum Kind {
    Inherit,
    Null,
    Piped,
    Handle(OwnedHandle),
}

impl Stdio {
    /// The stream of this process. What a stream is unless something else is said.
    pub fn inherit() -> Stdio {
        Stdio(Kind::Inherit)
    }

    /// Nothing: reads find the end, and what is written is dropped.
    pub fn null() -> Stdio {
        Stdio(Kind::Null)
    }

    /// An anonymous pipe, whose other end [`Child`](crate::Child) has.
    pub fn piped() -> Stdio {
        Stdio(Kind::Piped)
    }

    pub(crate) fn is_inherited(&self) -> bool {
        matches!(self.0, Kind::Inherit)
    }

    /// The child's end of a stream that it reads, inheritable, and this process's, if there is one. `None`: this
    /// process has no such stream itself.
    pub(crate) fn input(&self) -> Result<(Option<OwnedHandle>, Option<PipeWriter>)> {
        if let Kind::Piped = self.0 {
            let (reader, writer) = AnonymousPipeOptions::new().create()?;
            return Ok((Some(inheritable(&reader)?), Some(writer)));
        }
        Ok((self.given(0)?, None))
    }

    /// The same of a stream that it writes, 1 for output and 2 for error.
    pub(crate) fn output(&self, which: usize) -> Result<(Option<OwnedHandle>, Option<PipeReader>)> {
        if let Kind::Piped = self.0 {
            let (reader, writer) = AnonymousPipeOptions::new().create()?;
            return Ok((Some(inheritable(&writer)?), Some(reader)));
        }
        Ok((self.given(which)?, None))
    }

    fn given(&self, which: usize) -> Result<Option<OwnedHandle>> {
        match &self.0 {
            Kind::Inherit => match standard::get(which)? {
                // What is there need not be a handle.
                Some(own) => Ok(inheritable(&own).ok()),
                None => Ok(None),
            },
            Kind::Handle(handle) => inheritable(handle).map(Some),
            Kind::Null | Kind::Piped => standard::null().map(Some),
        }
    }
}

fn inheritable(of: &impl AsHandle) -> Result<OwnedHandle> {
    handle::duplicate(of.as_handle(), handle::Duplicate { access: None, inherit: true })
}

impl From<OwnedHandle> for Stdio {
    fn from(handle: OwnedHandle) -> Stdio {
        Stdio(Kind::Handle(handle))
    }
}

impl From<PipeReader> for Stdio {
    fn from(reader: PipeReader) -> Stdio {
        Stdio(Kind::Handle(reader.into()))
    }
}

impl From<PipeWriter> for Stdio {
    fn from(writer: PipeWriter) -> Stdio {
        Stdio(Kind::Handle(writer.into()))
    }
}
