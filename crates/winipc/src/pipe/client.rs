//! The client's end.

use std::time::{Duration, Instant};

use super::options::end_options;
use super::{PipeEnd, PipeMode, PipeTimeout, wait_named_pipe};
use crate::sys::call::{Name, pipe};
use crate::sys::{
    FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH, FILE_WRITE_ATTRIBUTES, GENERIC_READ, GENERIC_WRITE,
    SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use crate::{Result, Win32Error};

/// The client's end of a named pipe, made by [`ClientOptions::open`].
///
/// [`PipeEnd`] has what both ends can do. Dropping the value closes the end, as far as no
/// [`Pending`](crate::overlapped::Pending) request uses it; the server still reads what was sent to it.
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-client-{}", std::process::id());
/// let server = ServerOptions::new().create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
/// assert_eq!(client.server_process_id()?, std::process::id());
/// client.send(b"ping")?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct PipeClient {
    pub(super) end: PipeEnd,
}

/// How to open the client's end of a named pipe.
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, ServerOptions, Win32Error};
///
/// let name = format!(r"\\.\pipe\winipc-doc-open-{}", std::process::id());
/// assert_eq!(ClientOptions::new().open(&name).unwrap_err(), Win32Error::FILE_NOT_FOUND);
/// let server = ServerOptions::new().access_outbound(false).create(&name)?;
/// // This pipe cannot be read from.
/// assert_eq!(ClientOptions::new().open(&name).unwrap_err(), Win32Error::ACCESS_DENIED);
/// let client = ClientOptions::new().read(false).open(&name)?;
/// // Its only instance is taken.
/// assert_eq!(ClientOptions::new().read(false).open(&name).unwrap_err(), Win32Error::PIPE_BUSY);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    read: bool,
    write: bool,
    access: u32,
    read_mode: PipeMode,
    nowait: bool,
    flags: u32,
    inherit: bool,
}

impl ClientOptions {
    /// An end that reads bytes and writes, overlapped, and lets the server identify but not impersonate its user.
    pub fn new() -> ClientOptions {
        ClientOptions {
            read: true,
            write: true,
            access: 0,
            read_mode: PipeMode::Byte,
            nowait: false,
            flags: FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
            inherit: false,
        }
    }

    /// Whether this end reads (`GENERIC_READ`). True unless said otherwise.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// Whether this end writes (`GENERIC_WRITE`). True unless said otherwise.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// Rights beside those to read and write, a mask of `FILE_*` and standard rights in [`sys`](crate::sys).
    pub fn access(&mut self, access: u32) -> &mut Self {
        self.access = access;
        self
    }

    /// How this end reads. Message mode needs a message pipe.
    pub fn pipe_mode(&mut self, read_mode: PipeMode) -> &mut Self {
        self.read_mode = read_mode;
        self
    }

    /// What the server may do in the name of this client's user: a combination of the `SECURITY_*` flags in
    /// [`sys`](crate::sys). Identification unless said otherwise.
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut Self {
        let transport = FILE_FLAG_OVERLAPPED | FILE_FLAG_WRITE_THROUGH;
        self.flags = self.flags & transport | SECURITY_SQOS_PRESENT | flags & !transport;
        self
    }

    /// Opens the instance of the pipe `name`, `\\.\pipe\...`, that has listened longest (`CreateFile`).
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_NOT_FOUND`: there is no such pipe.
    /// - `ERROR_PIPE_BUSY`: no instance listens. [`open_within`](ClientOptions::open_within) waits for one.
    /// - `ERROR_ACCESS_DENIED`: data does not flow in a direction that was asked for.
    /// - `ERROR_INVALID_PARAMETER`: a byte pipe cannot be read as messages.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn open(&self, name: &str) -> Result<PipeClient> {
        let set_mode = self.read_mode == PipeMode::Message || self.nowait;
        let mut access = self.access;
        if self.read {
            access |= GENERIC_READ;
        }
        if self.write {
            access |= GENERIC_WRITE;
        }
        if set_mode {
            // Contained in the right to write, but an end that only reads lacks it.
            access |= FILE_WRITE_ATTRIBUTES;
        }
        let handle = pipe::open(&Name::new(Some(name))?, access, self.flags, self.inherit)?;
        let client = PipeClient { end: PipeEnd::new(handle, self.is_overlapped()) };
        if set_mode {
            client.set_mode(self.read_mode, self.nowait)?;
        }
        Ok(client)
    }

    /// As [`open`](ClientOptions::open), and where no instance listens, waits for one for at most `timeout`; `None` is
    /// for ever.
    ///
    /// # Errors
    ///
    /// - `ERROR_SEM_TIMEOUT`: no instance became free in time.
    /// - `ERROR_FILE_NOT_FOUND`: there is no such pipe, or its last instance was closed meanwhile.
    /// - As [`open`](ClientOptions::open).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use winipc::{ClientOptions, ServerOptions};
    ///
    /// let name = format!(r"\\.\pipe\winipc-doc-within-{}", std::process::id());
    /// let server = ServerOptions::new().create(&name)?;
    /// let first = ClientOptions::new().open(&name)?;
    /// let second = thread::spawn(move || ClientOptions::new().open_within(&name, None));
    /// drop(first);
    /// server.disconnect()?;
    /// server.connect()?;
    /// second.join().unwrap()?;
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn open_within(&self, name: &str, timeout: Option<Duration>) -> Result<PipeClient> {
        // A time-out beyond what the clock can count is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            match self.open(name) {
                Err(Win32Error::PIPE_BUSY) => {}
                result => return result,
            }
            let wait = match deadline {
                None => PipeTimeout::Forever,
                Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => return Err(Win32Error::SEM_TIMEOUT),
                    left => PipeTimeout::After(left),
                },
            };
            wait_named_pipe(name, wait)?;
        }
    }
}

end_options!(ClientOptions);
