//! Named pipes.

mod call;
mod client;
mod end;
mod info;
mod message;
mod options;
mod server;
mod stream;

pub use call::{PipeTimeout, call_named_pipe, wait_named_pipe};
pub use client::{ClientOptions, PipeClient};
pub use end::PipeEnd;
pub use info::{PipeInfo, PipeState};
pub use message::{Peeked, Received};
pub use server::{PipeServer, ServerOptions, UNLIMITED_INSTANCES};

/// Whether a pipe carries a stream of bytes or messages.
///
/// A pipe has a *type*, which its first instance fixes ([`ServerOptions::pipe_mode`]): it says whether writes keep
/// their boundaries. Each end has a *read mode*: it says whether reads see them. A message pipe can be read either
/// way, a byte pipe as bytes only.
///
/// # Examples
///
/// ```
/// use winipc::{ClientOptions, PipeMode, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-mode-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// // The client reads bytes unless it says otherwise.
/// let client = ClientOptions::new().open(&name)?;
/// assert_eq!(client.state()?.read_mode, PipeMode::Byte);
/// assert_eq!(client.info()?.pipe_type, PipeMode::Message);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PipeMode {
    /// A stream of bytes without boundaries.
    Byte,
    /// Messages: what one write wrote is read as a whole.
    Message,
}
