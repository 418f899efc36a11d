//! Rooms over named pipes: a message pipe whose instances are the links, and a mutex that says who serves.
//!
//! The right to serve is not the first pipe instance: while a former server's clients have not all closed their ends,
//! the pipe still exists.

use std::sync::Arc;
use std::time::Duration;

use winipc::{
    ClientOptions, PipeClient, PipeEnd, PipeMode, PipeServer, PipeTimeout, ServerOptions, Win32Error,
    wait_named_pipe,
};

use super::{
    Claim, FRAME_LIMIT, FrameReceiver, FrameSender, Link, Listener, Mechanism, Opening, RoomName, Transport,
    exclusive, explained,
};
use crate::error::{Error, Result};

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "named-pipe",
    how: "A duplex message pipe whose instances are the members' links",
    open: Opening::Local(|| Arc::new(NamedPipe)),
};

/// How long a client waits for a free instance in one attempt.
const INSTANCE_PATIENCE: u32 = 50;

struct NamedPipe;

fn pipe_name(room: &RoomName) -> String {
    format!(r"\\.\pipe\winipc-chat-{room}")
}

impl Transport for NamedPipe {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        let name = pipe_name(room);
        exclusive::claim(&MECHANISM, room, patience, move || {
            let next = instance(&name)?;
            Ok(Box::new(PipeListener { name: name.clone(), next }))
        })
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        let name = pipe_name(room);
        match ClientOptions::new().pipe_mode(PipeMode::Message).open(&name) {
            Ok(pipe) => Ok(Some(link(Arc::new(pipe), |_| {}))),
            Err(Win32Error::PIPE_BUSY) => {
                // Somebody else was quicker; the server makes a new instance at once. Whatever this says, the next
                // attempt finds out.
                let _ = wait_named_pipe(
                    &name,
                    PipeTimeout::After(Duration::from_millis(INSTANCE_PATIENCE.into())),
                );
                Ok(None)
            }
            // Nobody serves, or the server died while we came in.
            Err(error) if error == Win32Error::FILE_NOT_FOUND || is_peer_gone(error) => Ok(None),
            Err(error) => Err(explained(&format!("cannot enter the room \"{room}\""), error)),
        }
    }
}

struct PipeListener {
    name: String,
    /// Listens already.
    next: PipeServer,
}

fn instance(name: &str) -> Result<PipeServer> {
    ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .create(name)
        .map_err(|error| explained("cannot open the room's pipe", error))
}

impl Listener for PipeListener {
    fn accept(&mut self) -> Result<Link> {
        let failed = |error| explained("cannot wait for members", error);
        while let Err(error) = self.next.connect() {
            if error != Win32Error::NO_DATA {
                return Err(failed(error));
            }
            // A client came and has gone again.
            self.next.disconnect().map_err(failed)?;
        }
        // First the next instance, so that the room can be found at any time.
        let next = instance(&self.name)?;
        let pipe = Arc::new(std::mem::replace(&mut self.next, next));
        // It fails only where the client has gone, too.
        let abort = |pipe: &PipeServer| _ = pipe.disconnect();
        Ok(link(pipe, abort))
    }
}

/// A server's or a client's end.
trait End: Send + Sync + 'static {
    fn end(&self) -> &PipeEnd;
}

impl End for PipeServer {
    fn end(&self) -> &PipeEnd {
        self
    }
}

impl End for PipeClient {
    fn end(&self) -> &PipeEnd {
        self
    }
}

struct Sender<E>(Arc<E>);
struct Receiver<E>(Arc<E>);

fn link<E: End>(pipe: Arc<E>, abort: fn(&E)) -> Link {
    Link {
        sender: Box::new(Sender(Arc::clone(&pipe))),
        receiver: Box::new(Receiver(Arc::clone(&pipe))),
        abort: Arc::new(move || abort(&pipe)),
    }
}

impl<E: End> FrameSender for Sender<E> {
    fn send(&mut self, frame: &[u8]) -> Result<()> {
        self.0.end().send(frame).map(drop).map_err(|error| explained("cannot write to the pipe", error))
    }
}

impl<E: End> FrameReceiver for Receiver<E> {
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        frame.resize(frame.capacity().clamp(4096, FRAME_LIMIT), 0);
        let mut length = 0;
        loop {
            match self.0.end().recv(&mut frame[length..]) {
                Ok(received) => {
                    length += received.bytes;
                    if received.is_complete {
                        frame.truncate(length);
                        return Ok(true);
                    }
                }
                Err(error) if is_peer_gone(error) => return Ok(false),
                Err(error) => return Err(explained("cannot read from the pipe", error)),
            }
            if length == FRAME_LIMIT {
                return Err(Error::new(format!("received a message above {FRAME_LIMIT} bytes"))
                    .advice("another program uses the room's name"));
            }
            frame.resize((2 * length).min(FRAME_LIMIT), 0);
        }
    }
}

/// The other end was closed, or the server has thrown us out.
fn is_peer_gone(error: Win32Error) -> bool {
    [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA, Win32Error::PIPE_NOT_CONNECTED].contains(&error)
}
