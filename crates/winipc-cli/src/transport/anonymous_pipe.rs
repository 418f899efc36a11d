//! Rooms over anonymous pipes, which have no names and go one way: a pair of them is a link.
//!
//! A client makes both pipes and writes to the room's mailslot which of its handles the server is to have. The server
//! takes duplicates of the one end to read from and the other to write to, and greets. Before that it takes the
//! client's permit, a named event: a client that has waited too long takes the permit back and goes, and its handles'
//! numbers may then be those of something else. From then on the pipes live in the two processes only, and the end of
//! either ends them.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use winipc::sys::PROCESS_DUP_HANDLE;
use winipc::{
    AsHandle, Event, EventOptions, Mailslot, MailslotClient, PipeReader, PipeWriter, Process, Waitable,
    Win32Error, anonymous_pipe,
};

use super::stream::{StreamReceiver, StreamSender};
use super::{Claim, Link, Listener, Mechanism, Opening, RoomName, Transport, exclusive, explained};
use crate::error::Result;

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "anonymous-pipe",
    how: "Two anonymous pipes for each member, whose ends the server duplicates from the member's process",
    open: Opening::Local(|| Arc::new(AnonymousPipe)),
};

/// How long a client waits to be greeted in one attempt: the server may be stopped.
const GREETING_PATIENCE: Duration = Duration::from_millis(500);

struct AnonymousPipe;

fn slot_name(room: &RoomName) -> String {
    format!(r"\\.\mailslot\winipc-chat-pipes\{room}")
}

impl Transport for AnonymousPipe {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        let name = slot_name(room);
        exclusive::claim(&MECHANISM, room, patience, move || match Mailslot::create(&name) {
            Ok(slot) => Ok(Box::new(Door { slot })),
            Err(error) => Err(explained("cannot open the room's mailslot", error)),
        })
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        match knock(&slot_name(room)) {
            // Nobody serves, or the server died while we came in.
            Err(Win32Error::FILE_NOT_FOUND | Win32Error::HANDLE_EOF) => Ok(None),
            entered => {
                entered.map_err(|error| explained(&format!("cannot enter the room \"{room}\""), error))
            }
        }
    }
}

/// What a client writes to the mailslot.
struct Letter {
    process: u32,
    attempt: u32,
    /// Its handles to what the server is to read from, and to write to.
    up: isize,
    down: isize,
}

impl Letter {
    fn text(&self) -> String {
        format!("{} {} {} {}", self.process, self.attempt, self.up, self.down)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut words = str::from_utf8(text).ok()?.split(' ');
        let mut word = || words.next();
        let letter = Letter {
            process: word()?.parse().ok()?,
            attempt: word()?.parse().ok()?,
            up: word()?.parse().ok()?,
            down: word()?.parse().ok()?,
        };
        words.next().is_none().then_some(letter)
    }

    /// An event that belongs to the attempt.
    fn event(&self, what: &str) -> EventOptions {
        let mut options = EventOptions::new();
        options.name(format!("winipc-chat-{}-{}-{what}", self.process, self.attempt));
        options
    }
}

fn is_set(event: &Event, patience: Duration) -> winipc::Result<bool> {
    Ok(event.wait(Some(patience))?.is_signaled())
}

/// A link to the server that reads this mailslot, if it answers.
fn knock(slot: &str) -> winipc::Result<Option<Link>> {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
    let slot = MailslotClient::open(slot)?;
    let (their_up, up) = anonymous_pipe()?;
    let (down, their_down) = anonymous_pipe()?;
    let letter = Letter {
        process: Process::current_id(),
        attempt: ATTEMPTS.fetch_add(1, Ordering::Relaxed),
        up: their_up.as_handle().as_raw() as isize,
        down: their_down.as_handle().as_raw() as isize,
    };
    let permit = letter.event("permit").initially_set(true).create()?;
    let greeted = letter.event("greeted").manual_reset(true).create()?;
    slot.send(letter.text().as_bytes())?;
    if is_set(&greeted, GREETING_PATIENCE)? {
        return Ok(Some(link(up, down)));
    }
    // Taken back, it says that the server will take nothing any more.
    if !is_set(&permit, Duration::ZERO)? {
        if is_set(&greeted, GREETING_PATIENCE)? {
            return Ok(Some(link(up, down)));
        }
        // The server has stopped or died before it greeted: what it may still take must stay what it is.
        std::mem::forget((their_up, their_down));
    }
    Ok(None)
}

/// The server's mailslot, to which those write who come.
struct Door {
    slot: Mailslot,
}

impl Listener for Door {
    fn accept(&mut self) -> Result<Link> {
        let mut letter = Vec::new();
        loop {
            self.slot
                .read_message(&mut letter)
                .map_err(|error| explained("cannot wait for members", error))?;
            // Anything else, somebody has written by hand. Where it fails, the client has given up or died.
            if let Some(letter) = Letter::parse(&letter)
                && let Ok(Some(link)) = admit(&letter)
            {
                return Ok(link);
            }
        }
    }
}

/// The server's end of the link to a client, unless that has gone.
fn admit(letter: &Letter) -> winipc::Result<Option<Link>> {
    if !is_set(&letter.event("permit").open()?, Duration::ZERO)? {
        return Ok(None);
    }
    let client = Process::open_with_access(letter.process, PROCESS_DUP_HANDLE)?;
    let up = PipeReader::from(client.duplicate_from(letter.up)?);
    let down = PipeWriter::from(client.duplicate_from(letter.down)?);
    letter.event("greeted").open()?.set()?;
    Ok(Some(link(down, up)))
}

/// Whether a link has been aborted, and which of its halves are in a call.
#[derive(Default)]
struct Abort {
    is_set: AtomicBool,
    is_busy: [AtomicBool; 2],
}

/// One direction of a link.
struct End<P> {
    pipe: Arc<P>,
    abort: Arc<Abort>,
    half: usize,
}

impl<P> End<P> {
    /// Makes a call that an abort ends.
    fn call<T>(&self, call: impl FnOnce(&P) -> io::Result<T>) -> io::Result<T> {
        let is_busy = &self.abort.is_busy[self.half];
        is_busy.store(true, Ordering::SeqCst);
        let result = if self.abort.is_set.load(Ordering::SeqCst) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            call(&self.pipe)
        };
        is_busy.store(false, Ordering::SeqCst);
        result
    }
}

impl Read for End<PipeReader> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(|mut pipe| pipe.read(buffer))
    }
}

impl Write for End<PipeWriter> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call(|mut pipe| pipe.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn link(outgoing: PipeWriter, incoming: PipeReader) -> Link {
    let (outgoing, incoming, abort) = (Arc::new(outgoing), Arc::new(incoming), Arc::new(Abort::default()));
    let sender = End { pipe: Arc::clone(&outgoing), abort: Arc::clone(&abort), half: 0 };
    let receiver = End { pipe: Arc::clone(&incoming), abort: Arc::clone(&abort), half: 1 };
    let (outgoing, incoming) = (Arc::downgrade(&outgoing), Arc::downgrade(&incoming));
    Link {
        sender: Box::new(StreamSender(sender)),
        receiver: Box::new(StreamReceiver::new(receiver)),
        abort: Arc::new(move || {
            abort.is_set.store(true, Ordering::SeqCst);
            // A call that is just about to wait cannot be cancelled yet.
            while abort.is_busy.iter().any(|half| half.load(Ordering::SeqCst)) {
                let _ = outgoing.upgrade().map(|pipe| pipe.cancel_requests());
                let _ = incoming.upgrade().map(|pipe| pipe.cancel_requests());
                thread::sleep(Duration::from_millis(1));
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::conformance::pair;

    #[test]
    fn only_a_whole_letter_is_one() {
        let letter = Letter { process: 1, attempt: 2, up: 12, down: 16 }.text();
        assert_eq!(Letter::parse(letter.as_bytes()).unwrap().down, 16);
        for text in ["", "1", "1 2 3", "1 2 3 4 5", "1 2 3 x", "1  2 3 4"] {
            assert!(Letter::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn what_others_write_to_the_mailslot_stops_nobody() {
        let room = RoomName::new(&format!("letters-{}", std::process::id())).unwrap();
        let claim = AnonymousPipe.claim(&room, Duration::ZERO).unwrap().unwrap();
        let mut listener = claim.listen().unwrap();
        let slot = MailslotClient::open(&slot_name(&room)).unwrap();
        let stranger = Letter { process: Process::current_id(), attempt: u32::MAX, up: 4, down: 8 };
        for text in ["", "hello", &stranger.text()] {
            slot.send(text.as_bytes()).unwrap();
        }
        let (mut server, mut client) = pair(&AnonymousPipe, &room, listener.as_mut());
        server.sender.send(b"welcome").unwrap();
        let mut frame = Vec::new();
        assert!(client.receiver.receive(&mut frame).unwrap());
        assert_eq!(frame, b"welcome");
        drop(server);
        assert!(!client.receiver.receive(&mut frame).unwrap(), "the server's end is gone");
    }
}
