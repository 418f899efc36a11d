//! What an end tells about itself.

use super::PipeMode;
use crate::sys::call::pipe::Info;
use crate::sys::{PIPE_NOWAIT, PIPE_READMODE_MESSAGE, PIPE_SERVER_END, PIPE_TYPE_MESSAGE};

/// What stays as it is for as long as an end lasts (`GetNamedPipeInfo`).
///
/// # Examples
///
/// ```
/// use winipc::{PipeMode, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-info-{}", std::process::id());
/// let info = ServerOptions::new().max_instances(2).out_buffer_size(512).create(&name)?.info()?;
/// assert!(info.is_server);
/// assert_eq!(info.pipe_type, PipeMode::Byte);
/// assert_eq!((info.max_instances, info.out_buffer_size), (2, 512));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PipeInfo {
    /// Whether this is the server's end.
    pub is_server: bool,
    /// The pipe's type.
    pub pipe_type: PipeMode,
    /// The quota in bytes for what the server writes, as it was asked for.
    pub out_buffer_size: u32,
    /// The quota in bytes for what the client writes, as it was asked for.
    pub in_buffer_size: u32,
    /// The most instances, [`UNLIMITED_INSTANCES`](crate::UNLIMITED_INSTANCES) for no limit.
    pub max_instances: u32,
}

/// What can change (`GetNamedPipeHandleState`).
///
/// # Examples
///
/// ```
/// use winipc::{PipeMode, ServerOptions};
///
/// let name = format!(r"\\.\pipe\winipc-doc-state-{}", std::process::id());
/// let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
/// server.set_mode(PipeMode::Byte, false)?;
/// let state = server.state()?;
/// assert_eq!((state.read_mode, state.nowait, state.instances), (PipeMode::Byte, false, 1));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PipeState {
    /// How this end reads.
    pub read_mode: PipeMode,
    /// Whether calls on this end return at once where they would wait (`PIPE_NOWAIT`).
    pub nowait: bool,
    /// How many instances of the pipe there are.
    pub instances: u32,
}

impl From<Info> for PipeInfo {
    fn from(info: Info) -> PipeInfo {
        PipeInfo {
            is_server: info.flags & PIPE_SERVER_END != 0,
            pipe_type: mode(info.flags & PIPE_TYPE_MESSAGE != 0),
            out_buffer_size: info.out_buffer_size,
            in_buffer_size: info.in_buffer_size,
            max_instances: info.max_instances,
        }
    }
}

impl PipeState {
    pub(super) fn new(flags: u32, instances: u32) -> PipeState {
        PipeState {
            read_mode: mode(flags & PIPE_READMODE_MESSAGE != 0),
            nowait: flags & PIPE_NOWAIT != 0,
            instances,
        }
    }
}

fn mode(message: bool) -> PipeMode {
    if message { PipeMode::Message } else { PipeMode::Byte }
}
