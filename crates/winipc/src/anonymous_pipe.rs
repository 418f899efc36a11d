//! Anonymous pipes.

use std::io;

use crate::sys::call::{anonymous_pipe as call, pipe};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Peeked, Result, Waitable, Win32Error};

/// Makes an anonymous pipe (`CreatePipe`): bytes that are written to one end are read from the other. It has the size
/// that the system gives a pipe for which none is asked for, and children inherit neither end;
/// [`AnonymousPipeOptions`] says otherwise.
///
/// On Linux it is a pipe of the kernel's: any program can be at its other end.
///
/// # Errors
///
/// - `ERROR_TOO_MANY_OPEN_FILES`, `ERROR_NO_SYSTEM_RESOURCES`: there are too many descriptors or handles.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
///
/// let (mut reader, mut writer) = winipc::anonymous_pipe()?;
/// writer.write_all(b"to whom it may concern")?;
/// drop(writer);
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "to whom it may concern");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn anonymous_pipe() -> Result<(PipeReader, PipeWriter)> {
    AnonymousPipeOptions::new().create()
}

/// How [`anonymous_pipe`] makes a pipe.
///
/// # Examples
///
/// ```
/// use winipc::{AnonymousPipeOptions, AsHandle};
///
/// let (reader, writer) = AnonymousPipeOptions::new().size(16).inheritable(true).create()?;
/// assert!(reader.as_handle().is_inheritable()?);
/// // So much never waits for a reader.
/// writer.send(b"sixteen letters.")?;
/// assert_eq!(reader.peek(&mut [])?.available, 16);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AnonymousPipeOptions {
    size: u32,
    inherit: bool,
}

impl AnonymousPipeOptions {
    /// The size that the system gives, 4096 bytes; not inheritable.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes may lie unread before writers wait. It is a wish: the system may take more.
    pub fn size(&mut self, bytes: u32) -> &mut Self {
        self.size = bytes;
        self
    }

    /// Whether children inherit both ends. To have them inherit one,
    /// [`set_inheritable`](BorrowedHandle::set_inheritable) is better.
    pub fn inheritable(&mut self, inherit: bool) -> &mut Self {
        self.inherit = inherit;
        self
    }

    /// Makes the pipe.
    ///
    /// # Errors
    ///
    /// As [`anonymous_pipe`].
    pub fn create(&self) -> Result<(PipeReader, PipeWriter)> {
        let (reader, writer) = call::create(self.size, self.inherit)?;
        Ok((PipeReader(reader), PipeWriter(writer)))
    }
}

/// The end of an anonymous pipe that is read from.
///
/// As [`std::io::Read`] it tells by `Ok(0)` that all writers are gone and everything has been read. Calls of several
/// threads go one after the other.
#[derive(Debug)]
pub struct PipeReader(OwnedHandle);

/// The end of an anonymous pipe that is written to.
///
/// Writing fails with `ERROR_NO_DATA` where all readers are gone, and with `ERROR_BROKEN_PIPE` where they went while it
/// waited; there is no signal. Calls of several threads go one after the other.
#[derive(Debug)]
pub struct PipeWriter(OwnedHandle);

impl PipeReader {
    /// Reads what there is, and waits for it if there is nothing (`ReadFile`). Returns how many bytes it was.
    ///
    /// # Errors
    ///
    /// - `ERROR_BROKEN_PIPE`: all writers are gone, and everything has been read.
    /// - `ERROR_OPERATION_ABORTED`: somebody has cancelled it.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        Ok(pipe::read(self.as_handle(), false, buffer)?.bytes)
    }

    /// Copies what there is without taking it, and without waiting (`PeekNamedPipe`). With an empty buffer it tells how
    /// much there is.
    ///
    /// # Errors
    ///
    /// - `ERROR_BROKEN_PIPE`: all writers are gone, and everything has been read.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        let (copied, available, _) = pipe::peek(self.as_handle(), buffer)?;
        Ok(Peeked { bytes: copied as usize, available: available as usize, left_in_message: 0 })
    }
}

impl PipeWriter {
    /// Writes all of `data` (`WriteFile`), and waits until there is room.
    ///
    /// # Errors
    ///
    /// - `ERROR_NO_DATA`: all readers are gone.
    /// - `ERROR_BROKEN_PIPE`: they went while it waited.
    /// - `ERROR_OPERATION_ABORTED`: somebody has cancelled it.
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        pipe::write(self.as_handle(), false, data)
    }

    /// Waits until everything that was written has been read (`FlushFileBuffers`).
    ///
    /// # Errors
    ///
    /// - `ERROR_BROKEN_PIPE`: all readers went before.
    pub fn flush_buffers(&self) -> Result<()> {
        pipe::flush(self.as_handle())
    }
}

impl io::Read for &PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.recv(buffer) {
            Err(Win32Error::BROKEN_PIPE) => Ok(0),
            Err(error @ Win32Error::NO_DATA) => Err(io::Error::new(io::ErrorKind::WouldBlock, error)),
            read => Ok(read?),
        }
    }
}

impl io::Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl io::Write for &PipeWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.send(data)? {
            // There is no room, and the end does not wait. The system calls that a success.
            0 if !data.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Write for PipeWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! ends {
    ($($end:ident),*) => {$(
        impl $end {
            /// Cancels the calls of this process that wait on this end, whichever threads they are of (`CancelIoEx`):
            /// they fail with `ERROR_OPERATION_ABORTED`.
            ///
            /// # Errors
            ///
            /// - `ERROR_NOT_FOUND`: there is none.
            pub fn cancel_requests(&self) -> Result<()> {
                pipe::cancel(self.as_handle())
            }
        }

        impl AsHandle for $end {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.0.as_handle()
            }
        }

        /// The handle tells little of a pipe.
        impl Waitable for $end {}

        /// Takes a handle, for example one that was inherited or duplicated, for such an end.
        impl From<OwnedHandle> for $end {
            fn from(handle: OwnedHandle) -> Self {
                Self(handle)
            }
        }

        impl From<$end> for OwnedHandle {
            fn from(end: $end) -> OwnedHandle {
                end.0
            }
        }
    )*};
}

ends!(PipeReader, PipeWriter);
