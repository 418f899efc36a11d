//! What a mechanism must offer so that the messenger and the tour can run over it: one room, one server, any number
//! of links that carry frames both ways. One file or folder per mechanism, and one line in [`MECHANISMS`];
//! [`conformance`] then tests it, `chat --over` takes it, and the tour has a row for it.

mod anonymous_pipe;
#[cfg(test)]
mod conformance;
mod directory;
mod exclusive;
#[cfg(target_os = "linux")]
mod fifo;
mod framing;
mod mailslot;
mod named_pipe;
mod network;
mod shared_memory;
mod stream;
mod tcp;
mod udp;
#[cfg(target_os = "linux")]
mod unix_socket;

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use winipc::Win32Error;

use crate::error::{Error, Result};

pub(crate) use directory::{clean, leave};

/// Everything there is on this system.
pub(crate) static MECHANISMS: &[&Mechanism] = &[
    &named_pipe::MECHANISM,
    &anonymous_pipe::MECHANISM,
    &mailslot::MECHANISM,
    &shared_memory::MECHANISM,
    #[cfg(target_os = "linux")]
    &fifo::MECHANISM,
    #[cfg(target_os = "linux")]
    &unix_socket::MECHANISM,
    &tcp::MECHANISM,
    &udp::MECHANISM,
];

/// A row of the table.
pub(crate) struct Mechanism {
    /// As it is typed.
    pub(crate) name: &'static str,
    /// How it makes a conversation, for `--help`: a phrase.
    pub(crate) how: &'static str,
    open: Opening,
}

/// How a mechanism's transport is made.
enum Opening {
    /// Rooms are found by their names alone.
    Local(fn() -> Arc<dyn Transport>),
    /// Rooms can have an address.
    Network(fn(Address) -> Result<Arc<dyn Transport>>),
}

/// Where a room is, as it was typed: `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// On this machine.
    Unsaid,
    /// Here, where others find it.
    Listen(String),
    /// There, and somebody else serves it.
    Connect(String),
}

impl Mechanism {
    /// # Errors
    /// An address that is none, or for a mechanism that has none.
    pub(crate) fn open(&self, address: Address) -> Result<Arc<dyn Transport>> {
        match self.open {
            Opening::Local(open) if address == Address::Unsaid => Ok(open()),
            Opening::Local(_) => Err(Error::new(format!("a room over {} has no address", self.name))
                .advice("leave out --listen and --connect, or use --over tcp or udp")),
            Opening::Network(open) => open(address),
        }
    }
}

impl ValueEnum for &'static Mechanism {
    fn value_variants<'a>() -> &'a [Self] {
        MECHANISMS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.how))
    }
}

/// The longest frame in bytes.
pub(crate) const FRAME_LIMIT: usize = 1024 * 1024;

/// Sends whole frames; used by one thread at a time.
pub(crate) trait FrameSender: Send {
    /// Returns when the frame, of at most [`FRAME_LIMIT`] bytes and possibly of none, has been handed over: the peer
    /// can read it even if this process dies now. May block while the peer does not read.
    ///
    /// # Errors
    /// The peer is gone, or the link has failed.
    fn send(&mut self, frame: &[u8]) -> Result<()>;
}

/// Receives whole frames; used by one thread at a time.
pub(crate) trait FrameReceiver: Send {
    /// Waits for a frame and puts it into `frame`. False: the peer is gone, and everything it sent has been received.
    ///
    /// # Errors
    /// The link has failed; the peer sent a frame above the limit.
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool>;
}

/// Both directions of a link, for a thread each. The peer sees it end when both halves are dropped, or the process
/// ends.
pub(crate) struct Link {
    pub(crate) sender: Box<dyn FrameSender>,
    pub(crate) receiver: Box<dyn FrameReceiver>,
    /// Ends what either half is waiting for, now and later; what is under way may be lost. At the client's end it may
    /// do nothing.
    pub(crate) abort: Arc<dyn Fn() + Send + Sync>,
}

/// The server's end of a room.
pub(crate) trait Listener: Send {
    /// Waits for the next client. From `listen` on, and also between two calls, clients find the room.
    ///
    /// # Errors
    /// No further client can be taken.
    fn accept(&mut self) -> Result<Link>;

    /// Where others find the room, if they have to be told.
    fn place(&self) -> Option<&str> {
        None
    }
}

/// The sole right to serve a room; it ends with the value and what was opened by it, and with its process. It may
/// belong to the thread.
pub(crate) trait Claim {
    /// Opens the room for clients, once.
    ///
    /// # Errors
    /// The room cannot be opened.
    fn listen(&self) -> Result<Box<dyn Listener>>;
}

pub(crate) trait Transport: Send + Sync {
    /// The right to serve `room`, or `None` if after `patience` somebody else still has it, living. No two processes
    /// have it at a time; a dead one never keeps it.
    ///
    /// # Errors
    /// The right cannot be asked for.
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>>;

    /// A link to whoever serves `room`, or `None` if nobody answers at present, which takes a few seconds at most to
    /// find out. A link may be had before the server has accepted it.
    ///
    /// # Errors
    /// Somebody answers, but not to us.
    fn connect(&self, room: &RoomName) -> Result<Option<Link>>;

    /// Why the right to serve `room` cannot be had: somebody else has it.
    fn occupied(&self, room: &RoomName) -> Error {
        already_served(room)
    }

    /// What to tell somebody who has waited for an answer for a while.
    fn silence(&self) -> String {
        SILENCE.to_string()
    }
}

/// What to tell of a server that is there.
const SILENCE: &str = "the room's server does not answer; waiting for it";

fn already_served(room: &RoomName) -> Error {
    Error::new(format!("the room \"{room}\" is already served by another process"))
        .advice("leave out --serve to join it, or choose another room")
}

/// What a failure of a Windows object means for somebody who uses a room.
fn explained(what: &str, error: Win32Error) -> Error {
    let explained = Error::because(what, error);
    match error {
        Win32Error::INVALID_PARAMETER | Win32Error::INVALID_HANDLE => {
            explained.advice("another program uses the room's name; choose another room")
        }
        Win32Error::ACCESS_DENIED => {
            explained.advice("the room belongs to another user; choose another room")
        }
        _ => explained,
    }
}

/// The name of a room: part of the names of system objects.
#[derive(Clone, Debug)]
pub(crate) struct RoomName(String);

impl RoomName {
    const LIMIT: usize = 64;

    /// In lower case, since some mechanisms do not distinguish case and some do.
    ///
    /// # Errors
    /// Names that are empty, too long, or hold a backslash or control characters.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let fault = if name.is_empty() {
            "is empty".to_string()
        } else if name.chars().count() > Self::LIMIT {
            format!("is longer than {} characters", Self::LIMIT)
        } else if name.contains(|c: char| c == '\\' || c.is_control()) {
            "contains a backslash or control characters".to_string()
        } else {
            return Ok(Self(name.to_lowercase()));
        };
        Err(Error::new(format!("the name of the room {fault}")).advice("choose another, such as \"lobby\""))
    }
}

impl std::fmt::Display for RoomName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
