//! What both ends can do.

use std::sync::Arc;

use super::{Peeked, PipeInfo, PipeMode, PipeState, Received};
use crate::overlapped::{Pending, Read, Transact, Write};
use crate::sys::call::pipe;
use crate::sys::routine;
use crate::sys::{PIPE_NOWAIT, PIPE_READMODE_MESSAGE};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Result, Waitable, Win32Error};

/// One end of a named pipe: what a [`PipeServer`](crate::PipeServer) and a [`PipeClient`](crate::PipeClient) have in
/// common. Both dereference to it.
///
/// Every call takes the end by shared reference, so that one thread can read while another writes. That works as one
/// expects where the end is *overlapped*, which is the default. On an end that was made with `overlapped(false)` the
/// system serializes the calls: a write waits until a read in another thread is done.
///
/// # Reading and writing
///
/// - [`send`](PipeEnd::send) and [`recv`](PipeEnd::recv) are one call of the system each, with its errors as they are.
/// - [`read_message`](PipeEnd::read_message) reads a whole message of any length.
/// - [`std::io::Read`] and [`std::io::Write`] are implemented for both ends and for references to them. As in the
///   standard library, reading from a pipe whose other end was closed is the end of the file, `Ok(0)`, and not
///   `ERROR_BROKEN_PIPE`; an empty message in message-read mode cannot be told from it. A part of a message is read
///   as it comes. Where the end is `nowait`, an empty pipe and a full one give [`WouldBlock`](std::io::ErrorKind).
///   Flushing does nothing: what was written is on its way ([`flush_buffers`](PipeEnd::flush_buffers) waits until it
///   has been read).
/// - [`read_overlapped`](PipeEnd::read_overlapped) and its kin start a request and return.
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, PipeEnd, ServerOptions};
///
/// fn describe(end: &PipeEnd) -> winipc::Result<String> {
///     Ok(format!("{} end", if end.info()?.is_server { "server" } else { "client" }))
/// }
///
/// let name = format!(r"\\.\pipe\winipc-doc-end-{}", std::process::id());
/// let server = ServerOptions::new().create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
/// assert_eq!(describe(&server)?, "server end");
/// assert_eq!(describe(&client)?, "client end");
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct PipeEnd {
    /// Shared with the requests under way.
    handle: Arc<OwnedHandle>,
    /// Whether the handle may be overlapped: then calls on it need an `OVERLAPPED`, which a synchronous handle
    /// bears, too.
    overlapped: bool,
}

impl PipeEnd {
    pub(super) fn new(handle: OwnedHandle, overlapped: bool) -> PipeEnd {
        PipeEnd { handle: Arc::new(handle), overlapped }
    }

    pub(super) fn shared(&self) -> &Arc<OwnedHandle> {
        &self.handle
    }

    pub(super) fn is_overlapped(&self) -> bool {
        self.overlapped
    }

    /// Writes `data`, as one message on a message pipe (`WriteFile`). Waits until the pipe's quota has room for it.
    ///
    /// Returns the number of bytes written: all of them, except where the end is `nowait` and there was no room
    /// (0 on a message pipe).
    ///
    /// # Errors
    ///
    /// - `ERROR_NO_DATA`: the other end has been closed.
    /// - `ERROR_BROKEN_PIPE`: the other end was closed before it read everything.
    /// - `ERROR_PIPE_NOT_CONNECTED`: the server has disconnected.
    /// - `ERROR_PIPE_LISTENING`: no client has come yet.
    /// - `ERROR_ACCESS_DENIED`: this end cannot write.
    /// - `ERROR_INVALID_PARAMETER`: `data` is 4 GiB or more.
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        pipe::write(self.as_handle(), self.overlapped, data)
    }

    /// Reads what there is, and waits for it if there is nothing (`ReadFile`): in message-read mode one message
    /// or the part of it that fits, in byte-read mode at least one byte.
    ///
    /// # Errors
    ///
    /// - `ERROR_BROKEN_PIPE`: the other end has been closed, and everything has been read.
    /// - `ERROR_PIPE_NOT_CONNECTED`: the server has disconnected.
    /// - `ERROR_PIPE_LISTENING`: no client has come yet.
    /// - `ERROR_NO_DATA`: the end is `nowait`, and there is nothing.
    /// - `ERROR_ACCESS_DENIED`: this end cannot read.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<Received> {
        pipe::read(self.as_handle(), self.overlapped, buffer)
    }

    /// Reads one whole message of whatever length into `message`, in place of what was in it, and returns its length.
    /// In byte-read mode, reads what there is, at most `message`'s capacity and at least 4 KiB.
    ///
    /// If several threads read messages of one end, each may get parts of several: use a lock.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`: there is no memory for a message of this length.
    /// - As [`recv`](PipeEnd::recv).
    pub fn read_message(&self, message: &mut Vec<u8>) -> Result<usize> {
        message.clear();
        let mut room = message.capacity().max(4096);
        while !pipe::read_to(self.as_handle(), self.overlapped, message, room)?.is_complete {
            room = message.len();
        }
        Ok(message.len())
    }

    /// Copies what there is without taking it, and without waiting (`PeekNamedPipe`); on a message pipe from the first
    /// message only. With an empty buffer it tells the counts.
    ///
    /// # Errors
    ///
    /// - `ERROR_BROKEN_PIPE`: the other end has been closed, and everything has been read.
    /// - `ERROR_BAD_PIPE`: this is the server's end, and no client is connected.
    /// - `ERROR_PIPE_NOT_CONNECTED`: the server has disconnected.
    /// - `ERROR_ACCESS_DENIED`: this end cannot read.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        let (copied, available, left) = pipe::peek(self.as_handle(), buffer)?;
        // On a byte pipe Windows subtracts what it copied from a message of length 0.
        let left = if left == copied.wrapping_neg() { 0 } else { left };
        Ok(Peeked { bytes: copied as usize, available: available as usize, left_in_message: left as usize })
    }

    /// Sends a message and receives the next one in one call (`TransactNamedPipe`). Where that is longer than `reply`,
    /// the result is not complete, and the next read goes on with it.
    ///
    /// # Errors
    ///
    /// - `ERROR_BAD_PIPE`: the pipe is not a duplex message pipe, this end is not in message-read mode, or nobody is
    ///   connected.
    /// - `ERROR_PIPE_BUSY`: there is unread data. Nothing was sent.
    /// - `ERROR_BROKEN_PIPE`: the other end was closed instead of replying.
    pub fn transact(&self, message: &[u8], reply: &mut [u8]) -> Result<Received> {
        pipe::transact(self.as_handle(), self.overlapped, message, reply)
    }

    /// Waits until the other end has read everything that was written (`FlushFileBuffers`).
    ///
    /// # Errors
    ///
    /// - `ERROR_BROKEN_PIPE`: the other end was closed before it read everything.
    /// - `ERROR_PIPE_NOT_CONNECTED`: the server has disconnected.
    /// - `ERROR_ACCESS_DENIED`: this end cannot write.
    pub fn flush_buffers(&self) -> Result<()> {
        pipe::flush(self.as_handle())
    }

    /// Starts a read of at most `buffer`'s *capacity* into `buffer`, in place of what was in it
    /// ([`recv`](PipeEnd::recv) says what is read). See [`overlapped`](crate::overlapped).
    ///
    /// # Errors
    ///
    /// As [`recv`](PipeEnd::recv), where the read fails at once.
    pub fn read_overlapped(&self, buffer: Vec<u8>) -> Result<Pending<Read>> {
        Pending::new(pipe::start_read(&self.handle, buffer))
    }

    /// Starts a write of `data` ([`send`](PipeEnd::send)). See [`overlapped`](crate::overlapped).
    ///
    /// # Errors
    ///
    /// As [`send`](PipeEnd::send), where the write fails at once.
    pub fn write_overlapped(&self, data: Vec<u8>) -> Result<Pending<Write>> {
        Pending::new(pipe::start_write(&self.handle, data))
    }

    /// Starts a transaction ([`transact`](PipeEnd::transact)), whose reply goes into `reply`, at most its *capacity*,
    /// in place of what was in it. See [`overlapped`](crate::overlapped).
    ///
    /// # Errors
    ///
    /// As [`transact`](PipeEnd::transact), where it fails at once.
    pub fn transact_overlapped(&self, message: Vec<u8>, reply: Vec<u8>) -> Result<Pending<Transact>> {
        Pending::new(pipe::start_transact(&self.handle, message, reply))
    }

    /// Starts a read as [`read_overlapped`](PipeEnd::read_overlapped), and runs `routine` with its outcome and the
    /// buffer when it is complete (`ReadFileEx`): on this thread, in an alertable wait
    /// ([`sleep_alertable`](crate::sleep_alertable), [`Waitable::wait_alertable`] ...). A panic in it ends the process.
    ///
    /// If the thread ends before that, the read is cancelled, and `routine` is leaked.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: this end is not overlapped.
    /// - As [`recv`](PipeEnd::recv), where the read fails at once. `routine` is not run then.
    ///
    /// # Examples
    ///
    /// ```
    /// use winipc::{ClientOptions, ServerOptions, sleep_alertable};
    ///
    /// let name = format!(r"\\.\pipe\winipc-doc-routine-{}", std::process::id());
    /// let server = ServerOptions::new().create(&name)?;
    /// let client = ClientOptions::new().open(&name)?;
    /// server.read_with_routine(Vec::with_capacity(16), |received, buffer| {
    ///     assert_eq!((received.unwrap().bytes, &*buffer), (5, &b"hello"[..]));
    /// })?;
    /// client.send(b"hello")?;
    /// assert!(sleep_alertable(None));
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn read_with_routine(
        &self,
        buffer: Vec<u8>,
        routine: impl FnOnce(Result<Received>, Vec<u8>) + 'static,
    ) -> Result<()> {
        self.check_overlapped()?;
        routine::read(self.as_handle(), buffer, routine)
    }

    /// Starts a write as [`write_overlapped`](PipeEnd::write_overlapped), and runs `routine` with its outcome and the
    /// data when it is complete (`WriteFileEx`), as [`read_with_routine`](PipeEnd::read_with_routine) does.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: this end is not overlapped.
    /// - As [`send`](PipeEnd::send), where the write fails at once. `routine` is not run then.
    pub fn write_with_routine(
        &self,
        data: Vec<u8>,
        routine: impl FnOnce(Result<usize>, Vec<u8>) + 'static,
    ) -> Result<()> {
        self.check_overlapped()?;
        routine::write(self.as_handle(), data, routine)
    }

    /// Windows does not say what a routine on a synchronous handle does.
    fn check_overlapped(&self) -> Result<()> {
        if self.overlapped { Ok(()) } else { Err(Win32Error::INVALID_PARAMETER) }
    }

    /// Cancels every request of this process that is under way on this end, whichever thread started it (`CancelIoEx`):
    /// they fail with `ERROR_OPERATION_ABORTED`. That includes calls in which other threads wait, where the end is
    /// overlapped.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_FOUND`: there is none.
    pub fn cancel_requests(&self) -> Result<()> {
        pipe::cancel(self.as_handle())
    }

    /// Cancels every request that the calling thread has started on this end (`CancelIo`). It is no error if there is
    /// none.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to a file.
    pub fn cancel_requests_of_this_thread(&self) -> Result<()> {
        pipe::cancel_of_this_thread(self.as_handle())
    }

    /// Read mode, wait mode and number of instances (`GetNamedPipeHandleState`).
    ///
    /// # Errors
    ///
    /// - `ERROR_PIPE_NOT_CONNECTED`: this is the client's end, and the server has disconnected.
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `FILE_READ_ATTRIBUTES`.
    pub fn state(&self) -> Result<PipeState> {
        let (flags, instances) = pipe::state(self.as_handle())?;
        Ok(PipeState::new(flags, instances))
    }

    /// Sets read mode and wait mode of this end (`SetNamedPipeHandleState`).
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: a byte pipe cannot be read as messages.
    /// - `ERROR_PIPE_NOT_CONNECTED`: this is the client's end, and the server has disconnected.
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `FILE_WRITE_ATTRIBUTES`, as that of an inbound server does.
    /// - `ERROR_PIPE_BUSY`: `nowait` was asked for while requests are under way.
    pub fn set_mode(&self, read_mode: PipeMode, nowait: bool) -> Result<()> {
        let mut flags = 0;
        if read_mode == PipeMode::Message {
            flags |= PIPE_READMODE_MESSAGE;
        }
        if nowait {
            flags |= PIPE_NOWAIT;
        }
        pipe::set_mode(self.as_handle(), flags)
    }

    /// Type, sizes and limit (`GetNamedPipeInfo`).
    ///
    /// # Errors
    ///
    /// - `ERROR_PIPE_NOT_CONNECTED`: this is the client's end, and the server has disconnected.
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `FILE_READ_ATTRIBUTES`.
    pub fn info(&self) -> Result<PipeInfo> {
        Ok(pipe::info(self.as_handle())?.into())
    }

    /// The id of the process that opened the client end (`GetNamedPipeClientProcessId`), also after that has been
    /// closed.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_FOUND`: no client has come since the server disconnected, or ever.
    /// - `ERROR_PIPE_NOT_CONNECTED`: this is the client's end, and the server has disconnected.
    pub fn client_process_id(&self) -> Result<u32> {
        pipe::client_process_id(self.as_handle())
    }

    /// The id of the process that created this instance (`GetNamedPipeServerProcessId`).
    ///
    /// # Errors
    ///
    /// - `ERROR_PIPE_NOT_CONNECTED`: this is the client's end, and the server has disconnected.
    pub fn server_process_id(&self) -> Result<u32> {
        pipe::server_process_id(self.as_handle())
    }
}

impl AsHandle for PipeEnd {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

/// A pipe's handle tells little: wait for a [`Pending`] request instead.
impl Waitable for PipeEnd {}
