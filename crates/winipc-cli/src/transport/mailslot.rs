//! Rooms over mailslots. A slot goes one way, to the one who reads it, and tells nobody of those who write: so a link
//! is a slot at either end, and a mutex that each side holds for as long as it lasts, whose release or abandonment
//! tells the other that it has ended. A semaphore counts the room that is left in each slot, which itself would take
//! everything.
//!
//! The room is a slot too, its door, into which newcomers put the names of their links.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use winipc::{
    Event, Mailslot, MailslotClient, MailslotOptions, Mutex, MutexOptions, Semaphore, SemaphoreOptions,
    Waitable, Win32Error, wait_any,
};

use super::{
    Claim, FRAME_LIMIT, FrameReceiver, FrameSender, Link, Listener, Mechanism, Opening, RoomName, Transport,
    exclusive, explained,
};
use crate::error::{Error, Result};

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "mailslot",
    how: "A mailslot for each direction of each member's link, and one that newcomers write to",
    open: Opening::Local(|| Arc::new(MailslotTransport)),
};

/// Frames that may be unread in one direction of a link.
const WINDOW: u32 = 64;
/// How long a newcomer waits to be let in, in one attempt.
const DOOR_PATIENCE: Duration = Duration::from_millis(900);
/// Room for frames that are not unusually long.
const USUAL_FRAME: usize = 4096;

struct MailslotTransport;

fn door_name(room: &RoomName) -> String {
    format!(r"\\.\mailslot\winipc-chat\{room}")
}

impl Transport for MailslotTransport {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        let served = room.clone();
        exclusive::claim(&MECHANISM, room, patience, move || {
            let failed = |error| explained("cannot open the room's mailslot", error);
            let mut options = MailslotOptions::new();
            let door = options.max_message(NAME_LIMIT).create(&door_name(&served)).map_err(failed)?;
            Ok(Box::new(Door { room: served.clone(), door }))
        })
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        let failed = |error| explained(&format!("cannot enter the room \"{room}\""), error);
        let door = match MailslotClient::open(&door_name(room)) {
            Ok(door) => door,
            Err(Win32Error::FILE_NOT_FOUND) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (name, own) = newcomer(room).map_err(failed)?;
        match door.send(name.as_bytes()) {
            Ok(()) => {}
            Err(Win32Error::HANDLE_EOF) => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        // Who is let in gets an empty message.
        match own.slot.read_message_timeout(&mut Vec::new(), DOOR_PATIENCE) {
            Ok(_) => {}
            Err(Win32Error::SEM_TIMEOUT) => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        match Other::find(room, &name, SERVER).map_err(failed)? {
            Some(other) => link(own, other).map(Some).map_err(failed),
            None => Ok(None),
        }
    }
}

/// The longest name of a link in bytes.
const NAME_LIMIT: u32 = 64;

/// Sides of a link.
const SERVER: &str = "server";
const CLIENT: &str = "client";

/// The client's side of a new link, and its name.
fn newcomer(room: &RoomName) -> winipc::Result<(String, Side)> {
    static LINKS: AtomicU32 = AtomicU32::new(0);
    loop {
        let name = format!("{}-{}", std::process::id(), LINKS.fetch_add(1, Ordering::Relaxed));
        match Side::create(room, &name, CLIENT) {
            // Elsewhere another process may have the same id.
            Err(Win32Error::ALREADY_EXISTS) => {}
            result => return result.map(|side| (name, side)),
        }
    }
}

struct Door {
    room: RoomName,
    door: Mailslot,
}

impl Listener for Door {
    fn accept(&mut self) -> Result<Link> {
        let failed = |error| explained("cannot wait for members", error);
        let mut name = Vec::new();
        loop {
            self.door.read_message(&mut name).map_err(failed)?;
            let Ok(name) = std::str::from_utf8(&name) else { continue };
            match self.let_in(name) {
                Ok(Some(link)) => return Ok(link),
                // Gone again, or nobody of ours.
                Ok(None) | Err(Win32Error::ALREADY_EXISTS | Win32Error::INVALID_NAME) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

impl Door {
    /// The server's side of a newcomer's link; `None` if nobody waits for it any more.
    fn let_in(&self, name: &str) -> winipc::Result<Option<Link>> {
        if name.contains('\\') {
            return Ok(None);
        }
        let own = Side::create(&self.room, name, SERVER)?;
        let Some(other) = Other::find(&self.room, name, CLIENT)? else { return Ok(None) };
        match other.slot.send(&[]) {
            Ok(()) => link(own, other).map(Some),
            Err(Win32Error::HANDLE_EOF) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn slot_name(room: &RoomName, link: &str, side: &str) -> String {
    format!(r"{}\{link}-{side}", door_name(room))
}

fn object_name(room: &RoomName, link: &str, side: &str, what: &str) -> String {
    format!(r"Global\winipc-chat-mailslot-{room}-{link}-{side}-{what}")
}

fn space(room: &RoomName, link: &str, side: &str) -> SemaphoreOptions {
    let mut options = SemaphoreOptions::new(WINDOW, WINDOW);
    options.name(object_name(room, link, side, "space"));
    options
}

fn presence(room: &RoomName, link: &str, side: &str) -> MutexOptions {
    let mut options = MutexOptions::new();
    options.name(object_name(room, link, side, "presence"));
    options
}

/// Our side of a link: what is read from, how much may still be written there, and what tells the other side of us.
struct Side {
    slot: Mailslot,
    space: Semaphore,
    presence: Presence,
}

impl Side {
    fn create(room: &RoomName, link: &str, side: &str) -> winipc::Result<Self> {
        let mut options = MailslotOptions::new();
        options.max_message(FRAME_LIMIT as u32);
        Ok(Side {
            slot: options.create(&slot_name(room, link, side))?,
            space: space(room, link, side).create()?,
            presence: Presence::show(presence(room, link, side))?,
        })
    }
}

/// The other side, as we see it.
struct Other {
    slot: MailslotClient,
    space: Semaphore,
    presence: Mutex,
}

impl Other {
    /// `None` if it is gone.
    fn find(room: &RoomName, link: &str, side: &str) -> winipc::Result<Option<Self>> {
        let find = || {
            let slot = MailslotClient::open(&slot_name(room, link, side))?;
            Ok(Other {
                slot,
                space: space(room, link, side).open()?,
                presence: presence(room, link, side).open()?,
            })
        };
        match find() {
            Ok(other) => Ok(Some(other)),
            Err(Win32Error::FILE_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A mutex that a thread of its own holds until the value goes, or the process dies.
struct Presence {
    _end: mpsc::Sender<()>,
}

impl Presence {
    fn show(mut options: MutexOptions) -> winipc::Result<Self> {
        let (end, ended) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let hold = move || match options.initially_owned(true).create() {
            Ok(mutex) => {
                let _guard = mutex.adopt();
                let _ = tell.send(Ok(()));
                let _ = ended.recv();
            }
            Err(error) => _ = tell.send(Err(error)),
        };
        let started = thread::Builder::new().name("presence".into()).spawn(hold);
        started.map_err(|_| Win32Error::NO_SYSTEM_RESOURCES)?;
        told.recv().unwrap_or(Err(Win32Error::GEN_FAILURE))?;
        Ok(Presence { _end: end })
    }
}

/// What both halves of a link look at.
struct State {
    /// The other side's presence.
    other: Mutex,
    aborted: Arc<Event>,
    _presence: Presence,
}

enum Woken {
    Ready,
    Aborted,
    /// The other side has ended the link, or died.
    Alone,
}

impl State {
    fn wait_for(&self, object: &dyn Waitable) -> winipc::Result<Woken> {
        Ok(match wait_any(&[self.aborted.as_ref(), object, &self.other], None)?.index() {
            Some(0) => Woken::Aborted,
            Some(1) => Woken::Ready,
            _ => {
                drop(self.other.adopt());
                Woken::Alone
            }
        })
    }
}

fn link(own: Side, other: Other) -> winipc::Result<Link> {
    let aborted = Arc::new(Event::manual_reset()?);
    let state = State { other: other.presence, aborted: Arc::clone(&aborted), _presence: own.presence };
    let state = Arc::new(state);
    let sender = Sender { slot: other.slot, space: other.space, state: Arc::clone(&state) };
    let receiver = Receiver { slot: own.slot, space: own.space, state, is_alone: false };
    // To set an event of one's own never fails.
    let abort = move || _ = aborted.set();
    Ok(Link { sender: Box::new(sender), receiver: Box::new(receiver), abort: Arc::new(abort) })
}

struct Sender {
    slot: MailslotClient,
    space: Semaphore,
    state: Arc<State>,
}

impl FrameSender for Sender {
    fn send(&mut self, frame: &[u8]) -> Result<()> {
        let failed = |error| explained("cannot write to the mailslot", error);
        match self.state.wait_for(&self.space).map_err(failed)? {
            Woken::Ready => self.slot.send(frame).map_err(failed),
            Woken::Aborted | Woken::Alone => Err(Error::new("the link has ended")),
        }
    }
}

struct Receiver {
    slot: Mailslot,
    space: Semaphore,
    state: Arc<State>,
    /// Nothing more is written.
    is_alone: bool,
}

impl Receiver {
    /// Waits for a message and puts it into `frame`; `None` if the link was aborted.
    fn read(&mut self, frame: &mut Vec<u8>, room: usize) -> winipc::Result<Option<()>> {
        let mut buffer = std::mem::take(frame);
        buffer.clear();
        buffer.reserve(room);
        let read = self.slot.read_overlapped(buffer)?;
        match self.state.wait_for(&read)? {
            Woken::Ready => {}
            Woken::Aborted => return Ok(None),
            Woken::Alone => {
                self.is_alone = true;
                self.slot.set_read_timeout(Some(Duration::ZERO))?;
                // If a message has come meanwhile nothing is cancelled.
                let _ = read.cancel();
            }
        }
        let (received, buffer) = read.wait();
        *frame = buffer;
        received.map(|_| Some(()))
    }

    fn receive(&mut self, frame: &mut Vec<u8>) -> winipc::Result<bool> {
        let mut room = USUAL_FRAME;
        while !self.is_alone {
            match self.read(frame, room) {
                Ok(None) => return Ok(false),
                Ok(Some(())) => {
                    self.space.release(1)?;
                    return Ok(true);
                }
                Err(Win32Error::INSUFFICIENT_BUFFER) => {
                    room = self.slot.info()?.next.unwrap_or(room).max(room)
                }
                Err(Win32Error::OPERATION_ABORTED) if self.is_alone => {}
                Err(error) => return Err(error),
            }
        }
        match self.slot.read_message(frame) {
            Ok(_) => Ok(true),
            Err(Win32Error::SEM_TIMEOUT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl FrameReceiver for Receiver {
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        self.receive(frame).map_err(|error| explained("cannot read from the mailslot", error))
    }
}
