//! What a read or a look brings.

/// What a read brought.
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, PipeMode, Received, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-received-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
/// client.send(b"hello")?;
/// let mut buffer = [0; 3];
/// assert_eq!(server.recv(&mut buffer)?, Received { bytes: 3, is_complete: false });
/// assert_eq!(server.recv(&mut buffer)?, Received { bytes: 2, is_complete: true });
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Received {
    /// The number of bytes that were read.
    pub bytes: usize,
    /// Whether the message ends here. If not (`ERROR_MORE_DATA`), the next read goes on with it. In byte-read mode
    /// this is always true.
    pub is_complete: bool,
}

/// What a look at a pipe brought ([`PipeEnd::peek`](crate::PipeEnd::peek)).
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, Peeked, PipeMode, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-peeked-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// let client = ClientOptions::new().open(&name)?;
/// client.send(b"hello")?;
/// client.send(b"there")?;
/// let peeked = server.peek(&mut [0; 3])?;
/// assert_eq!(peeked, Peeked { bytes: 3, available: 10, left_in_message: 2 });
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peeked {
    /// The number of bytes that were copied, on a message pipe from the first message only.
    pub bytes: usize,
    /// The number of unread bytes in the pipe, those included.
    pub available: usize,
    /// On a message pipe, the number of unread bytes of the first message beyond those copied. On a byte pipe 0.
    pub left_in_message: usize,
}
