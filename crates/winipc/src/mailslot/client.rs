//! A client's end, which writes.

use std::io;

use crate::sys::GENERIC_WRITE;
use crate::sys::call::{Name, mailslot, pipe};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Result};

/// A client's end of a mailslot, which writes messages.
///
/// Any number of clients can write to one slot; the server reads their messages in the order in which they were
/// written. Nobody waits for room, and nothing tells whether a message has been read.
///
/// [`std::io::Write`] is implemented for it and for references to it: each write is one message.
///
/// # Examples
///
/// ```
/// use winipc::{Mailslot, MailslotClient, Win32Error};
///
/// let name = format!(r"\\.\mailslot\winipc-doc-client-{}", std::process::id());
/// assert_eq!(MailslotClient::open(&name).unwrap_err(), Win32Error::FILE_NOT_FOUND);
/// let slot = Mailslot::create(&name)?;
/// let client = MailslotClient::open(&name)?;
/// client.send(b"hello")?;
/// let mut message = Vec::new();
/// slot.read_message(&mut message)?;
/// assert_eq!(message, b"hello");
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct MailslotClient {
    handle: OwnedHandle,
}

impl MailslotClient {
    /// Opens a client's end of the slot `name`, `\\.\mailslot\[path\]name` (`CreateFile`).
    ///
    /// `\\*\mailslot\[path\]name`, or with a computer's or a domain's name for `*`, sends datagrams of at most 424
    /// bytes to every slot of that name there: nothing checks that there is one. On Linux they go to the slots of the
    /// calling user on this machine.
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_NOT_FOUND`: there is no such slot.
    /// - `ERROR_BAD_NETPATH`: the computer or domain cannot be reached; on Linux every other than this one.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn open(name: &str) -> Result<MailslotClient> {
        Ok(MailslotClient { handle: mailslot::open(&Name::new(Some(name))?, GENERIC_WRITE, false)? })
    }

    /// Writes `message` (`WriteFile`), which may be empty.
    ///
    /// # Errors
    ///
    /// - `ERROR_HANDLE_EOF`: the slot is gone.
    /// - `ERROR_INVALID_PARAMETER`: the message is longer than the slot takes, or 4 GiB or more.
    /// - `ERROR_BAD_NETPATH`: it is too long for a datagram.
    /// - `ERROR_NOT_ENOUGH_QUOTA`: too many messages of this process are unread, or in slots of the one that made the
    ///   slot.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        pipe::write(self.as_handle(), false, message).map(|_| ())
    }
}

impl AsHandle for MailslotClient {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

impl io::Write for &MailslotClient {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        self.send(message)?;
        Ok(message.len())
    }

    /// Does nothing: what was written is in the slot.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Write for MailslotClient {
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        (&*self).write(message)
    }

    /// Does nothing: what was written is in the slot.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
