//! Calls by a pipe's name.

use std::time::Duration;

use super::Received;
use crate::Result;
use crate::sys::call::{Name, pipe};
use crate::sys::{NMPWAIT_NOWAIT, NMPWAIT_USE_DEFAULT_WAIT, NMPWAIT_WAIT_FOREVER};
use crate::timeout::milliseconds;

/// How long to wait for an instance of a pipe.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{PipeTimeout, ServerOptions, Win32Error, wait_named_pipe};
///
/// let name = format!(r"\\.\pipe\winipc-doc-timeout-{}", std::process::id());
/// let mut options = ServerOptions::new();
/// let _server = options.default_timeout(Duration::from_millis(1)).create(&name)?;
/// wait_named_pipe(&name, PipeTimeout::Forever)?;
/// let _client = winipc::ClientOptions::new().open(&name)?;
/// // The server said how long.
/// assert_eq!(wait_named_pipe(&name, PipeTimeout::Default), Err(Win32Error::SEM_TIMEOUT));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PipeTimeout {
    /// As long as the server said ([`ServerOptions::default_timeout`](crate::ServerOptions::default_timeout)).
    #[default]
    Default,
    /// For ever.
    Forever,
    /// This long, rounded up to milliseconds. Zero is one: Windows has no shorter wait.
    After(Duration),
}

impl PipeTimeout {
    fn milliseconds(self) -> u32 {
        match self {
            PipeTimeout::Default => NMPWAIT_USE_DEFAULT_WAIT,
            PipeTimeout::Forever => NMPWAIT_WAIT_FOREVER,
            PipeTimeout::After(timeout) => milliseconds(Some(timeout)).max(NMPWAIT_NOWAIT),
        }
    }
}

/// Waits until an instance of the pipe `name` listens for a client (`WaitNamedPipe`).
///
/// This reserves nothing: somebody else may be faster.
/// [`ClientOptions::open_within`](crate::ClientOptions::open_within) waits and opens until it succeeds.
///
/// # Errors
///
/// - `ERROR_FILE_NOT_FOUND`: there is no such pipe, whatever the time-out.
/// - `ERROR_SEM_TIMEOUT`: the time is up.
/// - `ERROR_INVALID_NAME`, `ERROR_BAD_PATHNAME`, `ERROR_PATH_NOT_FOUND`: the name is malformed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{ClientOptions, PipeTimeout, ServerOptions, Win32Error, wait_named_pipe};
///
/// let name = format!(r"\\.\pipe\winipc-doc-wait-{}", std::process::id());
/// let soon = PipeTimeout::After(Duration::from_millis(1));
/// assert_eq!(wait_named_pipe(&name, soon), Err(Win32Error::FILE_NOT_FOUND));
/// let server = ServerOptions::new().create(&name)?;
/// wait_named_pipe(&name, PipeTimeout::Forever)?;
/// let client = ClientOptions::new().open(&name)?;
/// assert_eq!(wait_named_pipe(&name, soon), Err(Win32Error::SEM_TIMEOUT));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub fn wait_named_pipe(name: &str, timeout: PipeTimeout) -> Result<()> {
    pipe::wait(&Name::new(Some(name))?, timeout.milliseconds())
}

/// Opens the message pipe `name`, sends `request`, receives the reply into `reply` and closes the pipe
/// (`CallNamedPipe`). `timeout` is for the wait for an instance only; a millisecond or less is no wait at all.
///
/// Where the reply is longer than `reply`, the result is not complete, and the rest is lost.
///
/// # Errors
///
/// - `ERROR_FILE_NOT_FOUND`: there is no such pipe.
/// - `ERROR_SEM_TIMEOUT`, `ERROR_PIPE_BUSY`: no instance became free in time.
/// - `ERROR_INVALID_PARAMETER`: it is a byte pipe.
/// - `ERROR_BROKEN_PIPE`: the server closed the pipe instead of replying.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use winipc::{PipeMode, PipeTimeout, ServerOptions, call_named_pipe};
///
/// let name = format!(r"\\.\pipe\winipc-doc-call-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// let answering = thread::spawn(move || {
///     let mut request = Vec::new();
///     server.connect()?;
///     server.read_message(&mut request)?;
///     request.make_ascii_uppercase();
///     server.send(&request)
/// });
/// let mut reply = [0; 16];
/// let received = call_named_pipe(&name, b"louder", &mut reply, PipeTimeout::Forever)?;
/// assert_eq!(&reply[..received.bytes], b"LOUDER");
/// assert_eq!(answering.join().unwrap()?, 6);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
pub fn call_named_pipe(
    name: &str,
    request: &[u8],
    reply: &mut [u8],
    timeout: PipeTimeout,
) -> Result<Received> {
    pipe::call(&Name::new(Some(name))?, request, reply, timeout.milliseconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_duration_turns_into_a_time_out_with_another_meaning() {
        assert_eq!(PipeTimeout::After(Duration::ZERO).milliseconds(), NMPWAIT_NOWAIT);
        assert_eq!(PipeTimeout::After(Duration::from_nanos(1)).milliseconds(), 1);
        assert_eq!(PipeTimeout::After(Duration::MAX).milliseconds(), NMPWAIT_WAIT_FOREVER);
        assert_eq!(PipeTimeout::Default.milliseconds(), NMPWAIT_USE_DEFAULT_WAIT);
    }
}
