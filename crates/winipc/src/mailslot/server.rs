//! The slot and its server's end, which reads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::overlapped::{Pending, Read};
use crate::sys::call::mailslot::READS_ARE_OVERLAPPED;
use crate::sys::call::{Name, mailslot, pipe};
use crate::sys::{MAILSLOT_NO_MESSAGE, MAILSLOT_WAIT_FOREVER, routine};
use crate::timeout::milliseconds;
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Received, Result, Waitable, Win32Error};

/// A mailslot: its server's end, which reads what any number of [clients](crate::MailslotClient) write.
///
/// Messages are read whole, one by one, in the order in which they were written. They stay in the slot until they are
/// read, and go with it: it lasts as long as a handle to this end is open in any process.
///
/// Every call takes the slot by shared reference; several threads can read, each its own messages. The handle is
/// overlapped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{MailslotClient, MailslotOptions, Win32Error};
///
/// let name = format!(r"\\.\mailslot\winipc-doc-slot-{}", std::process::id());
/// let slot = MailslotOptions::new().read_timeout(Some(Duration::ZERO)).create(&name)?;
/// let mut message = Vec::new();
/// assert_eq!(slot.read_message(&mut message), Err(Win32Error::SEM_TIMEOUT));
///
/// for text in ["one", "", "three"] {
///     MailslotClient::open(&name)?.send(text.as_bytes())?;
/// }
/// assert_eq!((slot.info()?.messages, slot.info()?.next), (3, Some(3)));
/// for text in ["one", "", "three"] {
///     slot.read_message(&mut message)?;
///     assert_eq!(message, text.as_bytes());
/// }
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Mailslot {
    /// Shared with the requests under way.
    handle: Arc<OwnedHandle>,
}

impl Mailslot {
    /// Creates the slot `name`, `\\.\mailslot\[path\]name`, for messages of any length, whose reads wait for ever.
    /// [`MailslotOptions`] has other choices.
    ///
    /// # Errors
    ///
    /// As [`MailslotOptions::create`].
    pub fn create(name: &str) -> Result<Mailslot> {
        MailslotOptions::new().create(name)
    }

    /// Reads the next message into `buffer`, and returns its length (`ReadFile`). Waits for one as long as the read
    /// time-out says.
    ///
    /// # Errors
    ///
    /// - `ERROR_SEM_TIMEOUT`: no message came in time.
    /// - `ERROR_INSUFFICIENT_BUFFER`: the next message is longer than `buffer`. It stays in the slot;
    ///   [`info`](Mailslot::info) tells its length.
    /// - `ERROR_OPERATION_ABORTED`: the read was cancelled.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<usize> {
        pipe::read(self.as_handle(), READS_ARE_OVERLAPPED, buffer).map(|received| received.bytes)
    }

    /// Reads the next message, of whatever length, into `message`, in place of what was in it, and returns its length.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_ENOUGH_MEMORY`: there is no memory for a message of this length. It stays in the slot.
    /// - As [`recv`](Mailslot::recv), without `ERROR_INSUFFICIENT_BUFFER`.
    pub fn read_message(&self, message: &mut Vec<u8>) -> Result<usize> {
        message.clear();
        let mut room = message.capacity().max(FIRST_ROOM);
        loop {
            match pipe::read_to(self.as_handle(), READS_ARE_OVERLAPPED, message, room) {
                Err(Win32Error::INSUFFICIENT_BUFFER) => room = self.room_for_next(room)?,
                result => return result.map(|received| received.bytes),
            }
        }
    }

    /// As [`read_message`](Mailslot::read_message), and waits for at most `timeout`, or for the slot's own read
    /// time-out where that is shorter.
    ///
    /// # Errors
    ///
    /// As [`read_message`](Mailslot::read_message).
    pub fn read_message_timeout(&self, message: &mut Vec<u8>, timeout: Duration) -> Result<usize> {
        let start = Instant::now();
        let mut room = message.capacity().max(FIRST_ROOM);
        loop {
            let mut buffer = std::mem::take(message);
            buffer.clear();
            buffer.try_reserve(room).map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
            let (received, buffer) = match self.read_overlapped(buffer) {
                Ok(read) => {
                    read.wait_timeout(timeout.saturating_sub(start.elapsed())).unwrap_or_else(|read| {
                        // It may be complete by now: then nothing is cancelled, and the message is not lost.
                        let is_cancelled = read.cancel().is_ok();
                        match read.wait() {
                            (Err(Win32Error::OPERATION_ABORTED), buffer) if is_cancelled => {
                                (Err(Win32Error::SEM_TIMEOUT), buffer)
                            }
                            ended => ended,
                        }
                    })
                }
                Err(error) => (Err(error), Vec::new()),
            };
            *message = buffer;
            match received {
                Err(Win32Error::INSUFFICIENT_BUFFER) => room = self.room_for_next(room)?,
                received => return received.map(|received| received.bytes),
            }
        }
    }

    /// Room for the next message, for which `room` was too little. Somebody else may have taken it since.
    fn room_for_next(&self, room: usize) -> Result<usize> {
        Ok(self.info()?.next.unwrap_or(0).max(room))
    }

    /// Starts a read of a message of at most `buffer`'s *capacity* into `buffer`, in place of what was in it
    /// ([`recv`](Mailslot::recv)). The next message completes it. See [`overlapped`](crate::overlapped).
    ///
    /// # Errors
    ///
    /// As [`recv`](Mailslot::recv), where the read fails at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use winipc::{Event, Mailslot, MailslotClient, WaitResult, wait_any};
    ///
    /// let name = format!(r"\\.\mailslot\winipc-doc-overlapped-{}", std::process::id());
    /// let stop = Event::manual_reset()?;
    /// let slot = Mailslot::create(&name)?;
    /// let read = slot.read_overlapped(Vec::with_capacity(100))?;
    /// MailslotClient::open(&name)?.send(b"hello")?;
    /// assert_eq!(wait_any(&[&stop, &read], None)?, WaitResult::Signaled(1));
    /// let (received, message) = read.wait();
    /// assert_eq!((received?.bytes, &*message), (5, &b"hello"[..]));
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn read_overlapped(&self, buffer: Vec<u8>) -> Result<Pending<Read>> {
        Pending::new(pipe::start_read(&self.handle, buffer))
    }

    /// Starts a read as [`read_overlapped`](Mailslot::read_overlapped), and runs `routine` with its outcome and the
    /// buffer when it is complete (`ReadFileEx`): on this thread, in an alertable wait. A panic in it ends the process.
    /// If the thread ends before that, the read is cancelled, and `routine` is leaked.
    ///
    /// # Errors
    ///
    /// As [`recv`](Mailslot::recv), where the read fails at once. `routine` is not run then.
    pub fn read_with_routine(
        &self,
        buffer: Vec<u8>,
        routine: impl FnOnce(Result<Received>, Vec<u8>) + 'static,
    ) -> Result<()> {
        routine::read(self.as_handle(), buffer, routine)
    }

    /// Cancels every read of this process that is under way on the slot, whichever thread started it (`CancelIoEx`):
    /// they fail with `ERROR_OPERATION_ABORTED`.
    ///
    /// # Errors
    ///
    /// - `ERROR_NOT_FOUND`: there is none.
    pub fn cancel_requests(&self) -> Result<()> {
        pipe::cancel(self.as_handle())
    }

    /// What lies in the slot, and what it is like (`GetMailslotInfo`).
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: the value is a copy in a forked child.
    pub fn info(&self) -> Result<MailslotInfo> {
        Ok(mailslot::info(self.as_handle())?.into())
    }

    /// Sets how long later reads wait for a message, whoever reads: `None` for ever (`SetMailslotInfo`). Rounded up to
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// As [`info`](Mailslot::info).
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        mailslot::set_read_timeout(self.as_handle(), milliseconds(timeout))
    }
}

/// Least room for a message in bytes, as much as a datagram has.
const FIRST_ROOM: usize = 424;

impl AsHandle for Mailslot {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

/// A mailslot's handle tells little: wait for a [`Pending`] read instead.
impl Waitable for Mailslot {}

/// What lies in a mailslot, and what it is like ([`Mailslot::info`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MailslotInfo {
    /// The longest message in bytes; `None` for any length.
    pub max_message: Option<u32>,
    /// The length of the next message in bytes; `None` if there is none.
    pub next: Option<usize>,
    /// The number of unread messages, empty ones included.
    pub messages: usize,
    /// How long reads wait; `None` for ever.
    pub read_timeout: Option<Duration>,
}

impl From<mailslot::Info> for MailslotInfo {
    fn from(info: mailslot::Info) -> MailslotInfo {
        let is_finite = info.read_timeout != MAILSLOT_WAIT_FOREVER;
        MailslotInfo {
            max_message: (info.max_message != 0).then_some(info.max_message),
            next: (info.next != MAILSLOT_NO_MESSAGE).then_some(info.next as usize),
            messages: info.messages as usize,
            read_timeout: is_finite.then(|| Duration::from_millis(info.read_timeout.into())),
        }
    }
}

/// How to create a mailslot.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{MailslotClient, MailslotOptions, Win32Error};
///
/// let name = format!(r"\\.\mailslot\winipc-doc-options-{}", std::process::id());
/// let mut options = MailslotOptions::new();
/// options.max_message(5).read_timeout(Some(Duration::from_millis(100)));
/// let slot = options.create(&name)?;
/// assert_eq!(options.create(&name).unwrap_err(), Win32Error::ALREADY_EXISTS);
/// let client = MailslotClient::open(&name)?;
/// assert_eq!(client.send(b"longer"), Err(Win32Error::INVALID_PARAMETER));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MailslotOptions {
    max_message: u32,
    read_timeout: Option<Duration>,
    inherit: bool,
}

impl MailslotOptions {
    /// A slot for messages of any length, whose reads wait for ever.
    pub fn new() -> MailslotOptions {
        MailslotOptions { max_message: 0, read_timeout: None, inherit: false }
    }

    /// The longest message in bytes; 0 is any length.
    pub fn max_message(&mut self, bytes: u32) -> &mut Self {
        self.max_message = bytes;
        self
    }

    /// How long reads wait for a message, rounded up to milliseconds; `None` is for ever.
    pub fn read_timeout(&mut self, timeout: Option<Duration>) -> &mut Self {
        self.read_timeout = timeout;
        self
    }

    /// Whether child processes inherit the handle.
    pub fn inherit(&mut self, inherit: bool) -> &mut Self {
        self.inherit = inherit;
        self
    }

    /// Creates the slot `name`, `\\.\mailslot\[path\]name` (`CreateMailslot`).
    ///
    /// # Errors
    ///
    /// - `ERROR_ALREADY_EXISTS`: there is a slot of that name.
    /// - `ERROR_INVALID_NAME`: the name has another form, or contains a NUL.
    pub fn create(&self, name: &str) -> Result<Mailslot> {
        let name = Name::new(Some(name))?;
        let read_timeout = milliseconds(self.read_timeout);
        let handle = mailslot::create(&name, self.max_message, read_timeout, self.inherit)?;
        Ok(Mailslot { handle: Arc::new(handle) })
    }
}

impl Default for MailslotOptions {
    fn default() -> MailslotOptions {
        MailslotOptions::new()
    }
}
