//! Rooms over Unix domain sockets: a stream socket in the private directory, a connection for each member.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use super::directory::Entry;
use super::stream::{StreamReceiver, StreamSender};
use super::{Claim, Link, Listener, Mechanism, Opening, RoomName, Transport, directory, exclusive};
use crate::error::{Error, Result};

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "unix-socket",
    how: "A Unix domain stream socket in winipc's private directory, with a connection for each member",
    open: Opening::Local(|| Arc::new(UnixSocket)),
};

struct UnixSocket;

impl Transport for UnixSocket {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        let path = directory::path(room, MECHANISM.name)?;
        exclusive::claim(&MECHANISM, room, patience, move || {
            // What a former server has left there has nobody behind it: the claim is ours.
            directory::remove(&path)
                .and_then(|()| directory::put(&path, |path| UnixListener::bind(path)))
                .map(|(listener, entry)| Box::new(Socket { listener, _entry: entry }) as Box<dyn Listener>)
                .map_err(|error| explained("cannot open the room's socket", &error))
        })
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        let path = directory::path(room, MECHANISM.name)?;
        match UnixStream::connect(path).and_then(link) {
            Ok(link) => Ok(Some(link)),
            // Nobody has served yet, or the server has died.
            Err(error) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind()) => {
                Ok(None)
            }
            Err(error) => Err(explained(&format!("cannot enter the room \"{room}\""), &error)),
        }
    }
}

fn explained(what: &str, error: &std::io::Error) -> Error {
    let explained = Error::because(what, error);
    // The path of a socket may have 107 bytes.
    if error.kind() == ErrorKind::InvalidInput {
        return explained.advice("choose a shorter name for the room, or a shorter directory by WINIPC_DIR");
    }
    explained
}

/// The server's socket, which has a name.
struct Socket {
    listener: UnixListener,
    _entry: Entry,
}

impl Listener for Socket {
    fn accept(&mut self) -> Result<Link> {
        loop {
            match self.listener.accept().and_then(|(stream, _)| link(stream)) {
                Ok(link) => return Ok(link),
                // A client came and has gone again.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(Error::because("cannot wait for members", error)),
            }
        }
    }
}

fn link(stream: UnixStream) -> std::io::Result<Link> {
    let sender = StreamSender(stream.try_clone()?);
    let receiver = StreamReceiver::new(stream.try_clone()?);
    // It fails only where the peer has gone, too.
    let abort = move || _ = stream.shutdown(Shutdown::Both);
    Ok(Link { sender: Box::new(sender), receiver: Box::new(receiver), abort: Arc::new(abort) })
}
