//! Both ends as streams of bytes, with the conventions of the standard library.

use std::io;
use std::ops::Deref;

use super::{PipeClient, PipeEnd, PipeServer};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Waitable, Win32Error};

fn read(end: &PipeEnd, buffer: &mut [u8]) -> io::Result<usize> {
    match end.recv(buffer) {
        Ok(received) => Ok(received.bytes),
        Err(Win32Error::BROKEN_PIPE) => Ok(0),
        // Reads give this for one reason only: the pipe is empty and the end is `nowait`.
        Err(error @ Win32Error::NO_DATA) => Err(io::Error::new(io::ErrorKind::WouldBlock, error)),
        Err(error) => Err(error.into()),
    }
}

fn write(end: &PipeEnd, data: &[u8]) -> io::Result<usize> {
    match end.send(data)? {
        // There is no room, and the end is `nowait`. The system calls that a success.
        0 if !data.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
        written => Ok(written),
    }
}

macro_rules! stream {
    ($($stream:ty),*) => {$(
        impl io::Read for $stream {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                read(self, buffer)
            }
        }

        impl io::Write for $stream {
            fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                write(self, data)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )*};
}

stream!(PipeServer, &PipeServer, PipeClient, &PipeClient, &PipeEnd);

macro_rules! end {
    ($($end:ident),*) => {$(
        impl Deref for $end {
            type Target = PipeEnd;

            fn deref(&self) -> &PipeEnd {
                &self.end
            }
        }

        impl AsHandle for $end {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.end.as_handle()
            }
        }

        impl Waitable for $end {}

        /// Takes a handle, for example one that was inherited or duplicated, for such an end, overlapped or not.
        /// Where it is none, calls on it fail with `ERROR_INVALID_HANDLE` or `ERROR_INVALID_FUNCTION`.
        impl From<OwnedHandle> for $end {
            fn from(handle: OwnedHandle) -> $end {
                $end { end: PipeEnd::new(handle, true) }
            }
        }
    )*};
}

end!(PipeServer, PipeClient);
