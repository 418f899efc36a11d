//! The server's end.

use std::time::Duration;

use super::options::end_options;
use super::{PipeEnd, PipeMode};
use crate::overlapped::{Connect, Pending};
use crate::sys::call::{Name, pipe};
use crate::sys::{
    ACCESS_SYSTEM_SECURITY, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_INBOUND,
    PIPE_ACCESS_OUTBOUND, PIPE_NOWAIT, PIPE_READMODE_MESSAGE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_MESSAGE,
    PIPE_UNLIMITED_INSTANCES, WRITE_DAC, WRITE_OWNER,
};
use crate::timeout::milliseconds;
use crate::{AsHandle, Result};

/// What [`ServerOptions::max_instances`] takes for no limit: 255 (`PIPE_UNLIMITED_INSTANCES`).
pub const UNLIMITED_INSTANCES: u32 = PIPE_UNLIMITED_INSTANCES;

/// The server's end of one instance of a named pipe, made by [`ServerOptions::create`].
///
/// An instance serves one client at a time. It listens from its creation on; the client that has opened it is
/// found by [`connect`](PipeServer::connect). When the client has gone, [`disconnect`](PipeServer::disconnect) and
/// another `connect` make the instance listen again. To serve several clients, create several instances.
///
/// [`PipeEnd`] has what both ends can do. Dropping the value closes the end, as far as no [`Pending`] request uses
/// it; the client still reads what was sent to it.
///
/// # Examples
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::thread;
/// use winipc::{ClientOptions, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-server-{}", std::process::id());
/// let mut server = ServerOptions::new().create(&name)?;
/// let client = thread::spawn(move || {
///     let pipe = ClientOptions::new().open(&name)?;
///     BufReader::new(pipe).lines().collect::<std::io::Result<Vec<_>>>()
/// });
/// server.connect()?;
/// writeln!(server, "one")?;
/// writeln!(server, "two")?;
/// drop(server);
/// assert_eq!(client.join().unwrap()?, ["one", "two"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PipeServer {
    pub(super) end: PipeEnd,
}

impl PipeServer {
    /// Waits until a client has opened this instance (`ConnectNamedPipe`). One that did so before counts, so this
    /// returns at once where `ConnectNamedPipe` would fail with `ERROR_PIPE_CONNECTED`.
    ///
    /// # Errors
    ///
    /// - `ERROR_NO_DATA`: the last client has gone, and the instance has not been
    ///   [disconnected](PipeServer::disconnect) since.
    /// - `ERROR_PIPE_LISTENING`: the end is `nowait`, and no client is there.
    pub fn connect(&self) -> Result<()> {
        pipe::connect(self.as_handle(), self.end.is_overlapped())
    }

    /// Starts waiting for a client. See [`overlapped`](crate::overlapped). The request is complete at once if a
    /// client is there.
    ///
    /// # Errors
    ///
    /// As [`connect`](PipeServer::connect), where it fails at once.
    pub fn connect_overlapped(&self) -> Result<Pending<Connect>> {
        Pending::new(pipe::start_connect(self.end.shared()))
    }

    /// Throws the client out and discards what neither side has read (`DisconnectNamedPipe`). The client's calls fail
    /// with `ERROR_PIPE_NOT_CONNECTED` from then on. [`flush_buffers`](PipeEnd::flush_buffers) before makes sure that
    /// it has read everything.
    ///
    /// # Errors
    ///
    /// - `ERROR_PIPE_NOT_CONNECTED`: the instance is disconnected already.
    /// - `ERROR_PIPE_LISTENING`: the instance is listening; not on every version of Windows.
    pub fn disconnect(&self) -> Result<()> {
        pipe::disconnect(self.as_handle())
    }
}

/// How to create an instance of a named pipe.
///
/// The first instance fixes for all: direction, pipe type, number of instances and default time-out. The rest is each
/// instance's own.
///
/// # Examples
///
/// ```
/// use winipc::{PipeMode, ServerOptions, Win32Error};
///
/// let name = format!(r"\\.\pipe\winipc-doc-options-{}", std::process::id());
/// let mut options = ServerOptions::new();
/// options.pipe_mode(PipeMode::Message).max_instances(2);
/// let first = options.clone().first_pipe_instance(true).create(&name)?;
/// let second = options.create(&name)?;
/// assert_eq!(options.create(&name).unwrap_err(), Win32Error::PIPE_BUSY);
/// assert_eq!(first.state()?.instances, 2);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerOptions {
    inbound: bool,
    outbound: bool,
    pipe_mode: PipeMode,
    read_mode: Option<PipeMode>,
    nowait: bool,
    /// What takes a bit of the open mode.
    flags: u32,
    reject_remote_clients: bool,
    max_instances: u32,
    out_buffer_size: u32,
    in_buffer_size: u32,
    default_timeout: Duration,
    inherit: bool,
}

impl ServerOptions {
    /// A duplex byte pipe of any number of instances with buffers of 64 KiB, overlapped, for local clients only.
    pub fn new() -> ServerOptions {
        ServerOptions {
            inbound: true,
            outbound: true,
            pipe_mode: PipeMode::Byte,
            read_mode: None,
            nowait: false,
            flags: FILE_FLAG_OVERLAPPED,
            reject_remote_clients: true,
            max_instances: UNLIMITED_INSTANCES,
            out_buffer_size: 65_536,
            in_buffer_size: 65_536,
            default_timeout: Duration::ZERO,
            inherit: false,
        }
    }

    /// Whether data flows from the client to the server (`PIPE_ACCESS_INBOUND`). True unless said otherwise.
    pub fn access_inbound(&mut self, inbound: bool) -> &mut Self {
        self.inbound = inbound;
        self
    }

    /// Whether data flows from the server to the client (`PIPE_ACCESS_OUTBOUND`). True unless said otherwise.
    pub fn access_outbound(&mut self, outbound: bool) -> &mut Self {
        self.outbound = outbound;
        self
    }

    /// The pipe's type, and this end's read mode unless [`read_mode`](ServerOptions::read_mode) says otherwise.
    pub fn pipe_mode(&mut self, pipe_mode: PipeMode) -> &mut Self {
        self.pipe_mode = pipe_mode;
        self
    }

    /// How this end reads.
    pub fn read_mode(&mut self, read_mode: PipeMode) -> &mut Self {
        self.read_mode = Some(read_mode);
        self
    }

    /// Whether this must be the first instance (`FILE_FLAG_FIRST_PIPE_INSTANCE`).
    pub fn first_pipe_instance(&mut self, first: bool) -> &mut Self {
        self.flag(FILE_FLAG_FIRST_PIPE_INSTANCE, first)
    }

    /// Whether the handle may change the access list (`WRITE_DAC`).
    pub fn write_dac(&mut self, write_dac: bool) -> &mut Self {
        self.flag(WRITE_DAC, write_dac)
    }

    /// Whether the handle may change the owner (`WRITE_OWNER`).
    pub fn write_owner(&mut self, write_owner: bool) -> &mut Self {
        self.flag(WRITE_OWNER, write_owner)
    }

    /// Whether the handle may change the audit list (`ACCESS_SYSTEM_SECURITY`), which takes a privilege.
    pub fn access_system_security(&mut self, access: bool) -> &mut Self {
        self.flag(ACCESS_SYSTEM_SECURITY, access)
    }

    /// Whether clients on other machines are turned away (`PIPE_REJECT_REMOTE_CLIENTS`). True unless said otherwise.
    pub fn reject_remote_clients(&mut self, reject: bool) -> &mut Self {
        self.reject_remote_clients = reject;
        self
    }

    /// The most instances of the pipe at a time, 1 to 254, or [`UNLIMITED_INSTANCES`].
    pub fn max_instances(&mut self, instances: u32) -> &mut Self {
        self.max_instances = instances;
        self
    }

    /// The quota for what the server writes, in bytes: a write that does not fit into it beside what is unread waits.
    /// With 0, every write waits until it has been read.
    pub fn out_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.out_buffer_size = bytes;
        self
    }

    /// The quota for what the client writes, in bytes, as [`out_buffer_size`](ServerOptions::out_buffer_size).
    pub fn in_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.in_buffer_size = bytes;
        self
    }

    /// How long [`wait_named_pipe`](crate::wait_named_pipe) waits where it says
    /// [`PipeTimeout::Default`](crate::PipeTimeout::Default), rounded up to milliseconds. Zero is 50 ms.
    pub fn default_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.default_timeout = timeout;
        self
    }

    /// Creates an instance of the pipe `name`, `\\.\pipe\...` (`CreateNamedPipe`). It listens at once.
    ///
    /// # Errors
    ///
    /// - `ERROR_PIPE_BUSY`: there are as many instances as the first one allowed.
    /// - `ERROR_ACCESS_DENIED`: the pipe exists and this should be the first instance, or has another direction.
    /// - `ERROR_INVALID_NAME`: the name is not of the form `\\.\pipe\...`, or contains a NUL.
    /// - `ERROR_INVALID_PARAMETER`: a byte pipe cannot be read as messages; neither direction was left; the number of
    ///   instances is 0 or above 255.
    pub fn create(&self, name: &str) -> Result<PipeServer> {
        let direction = [(self.inbound, PIPE_ACCESS_INBOUND), (self.outbound, PIPE_ACCESS_OUTBOUND)];
        let modes = [
            (self.pipe_mode == PipeMode::Message, PIPE_TYPE_MESSAGE),
            (self.read_mode.unwrap_or(self.pipe_mode) == PipeMode::Message, PIPE_READMODE_MESSAGE),
            (self.nowait, PIPE_NOWAIT),
            (self.reject_remote_clients, PIPE_REJECT_REMOTE_CLIENTS),
        ];
        let creation = pipe::Creation {
            open_mode: self.flags | bits(&direction),
            pipe_mode: bits(&modes),
            max_instances: self.max_instances,
            out_buffer_size: self.out_buffer_size,
            in_buffer_size: self.in_buffer_size,
            default_timeout: milliseconds(Some(self.default_timeout)),
            inherit: self.inherit,
        };
        let handle = pipe::create(&Name::new(Some(name))?, &creation)?;
        Ok(PipeServer { end: PipeEnd::new(handle, self.is_overlapped()) })
    }
}

end_options!(ServerOptions);

/// The flags whose condition holds.
fn bits(flags: &[(bool, u32)]) -> u32 {
    flags.iter().filter(|(on, _)| *on).fold(0, |bits, (_, flag)| bits | flag)
}
