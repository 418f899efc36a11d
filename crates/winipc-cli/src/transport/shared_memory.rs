//! Rooms over shared memory: two rings of bytes in a section for each member, and events for those who wait.
//!
//! Members knock at a *door*, a small value behind a lock that the server has under the room's name: they leave a token
//! there, by which the server finds the section and the events that they have made. A ring has one who writes and one who
//! reads, so that two positions, each changed by one of them, are all that it needs; a full or empty ring is waited for
//! by an event, together with those that tell of the end: that the link was left, and that the peer's process has died.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use winipc::section::{
    Section, SectionOptions, SharedLockError, SharedMutex, SharedMutexGuard, WritableView,
};
use winipc::{Event, EventOptions, Process, WaitResult, Waitable, Win32Error, wait_any};

use super::stream::{StreamReceiver, StreamSender};
use super::{Claim, Link, Listener, Mechanism, Opening, RoomName, Transport, exclusive, explained};
use crate::error::Result;

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "shared-memory",
    how: "Two rings of bytes in a section of shared memory for each member, with events to wait by",
    open: Opening::Local(|| Arc::new(SharedMemory)),
};

struct SharedMemory;

/// How long a client waits for a server that lives.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// What is at the door: the server's process id, 0 if it is closed; how many have knocked; their tokens.
type Door = [u64; 64];
const SERVER: usize = 0;
const COUNT: usize = 1;
const TOKENS: usize = 2;

fn door_name(room: &RoomName) -> String {
    format!(r"Global\winipc-chat-shared-memory-{room}-door")
}

fn knocking(door: &str) -> EventOptions {
    let mut options = EventOptions::new();
    options.name(format!("{door}.knocking"));
    options
}

fn opened(door: &SharedMutex<Door>) -> winipc::Result<SharedMutexGuard<'_, Door>> {
    // Who died has changed nothing.
    door.lock().or_else(SharedLockError::into_guard)
}

impl Transport for SharedMemory {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        let name = door_name(room);
        exclusive::claim(&MECHANISM, room, patience, move || {
            let listen = || {
                let door = SharedMutex::create(&name, [0; TOKENS + 62])?;
                let knocking = knocking(&name).create()?;
                let mut value = opened(&door)?;
                // Those who knocked at a former server's see that it has died.
                value[SERVER] = std::process::id().into();
                value[COUNT] = 0;
                drop(value);
                Ok(DoorListener { door, knocking, name: name.clone() })
            };
            match listen() {
                Ok(listener) => Ok(Box::new(listener) as Box<dyn Listener>),
                Err(error) => Err(explained("cannot open the room", error)),
            }
        })
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        match knock(&door_name(room)) {
            Ok(link) => Ok(link),
            // Nobody serves, or the server died while we came in.
            Err(Win32Error::FILE_NOT_FOUND) => Ok(None),
            Err(error) => Err(explained(&format!("cannot enter the room \"{room}\""), error)),
        }
    }
}

/// A link to the server behind a door, if there is one that answers.
fn knock(name: &str) -> winipc::Result<Option<Link>> {
    let door = SharedMutex::<Door>::open(name)?;
    let knocking = knocking(name).open()?;
    let token = RandomState::new().build_hasher().finish();
    let mut value = opened(&door)?;
    let Ok(server) = Process::open(value[SERVER] as u32) else { return Ok(None) };
    let count = value[COUNT] as usize;
    if count >= value.len() - TOKENS {
        return Ok(None);
    }
    let parts = Parts::make(name, token)?;
    parts.memory.store(OWNER, &std::process::id())?;
    value[TOKENS + count] = token;
    value[COUNT] += 1;
    drop(value);
    knocking.set()?;
    match wait_any(&[&parts.answered, &server], Some(ANSWER_PATIENCE))? {
        WaitResult::Signaled(0) => Ok(Some(link(parts, server, Side::Client))),
        _ => {
            parts.left[Side::Client as usize].set()?;
            Ok(None)
        }
    }
}

/// The server's side of the door.
struct DoorListener {
    door: SharedMutex<Door>,
    knocking: Event,
    name: String,
}

impl DoorListener {
    /// The first of those who have knocked and are still there. The others go back.
    fn take(&self) -> winipc::Result<Option<Link>> {
        let mut door = opened(&self.door)?;
        let count = (door[COUNT] as usize).min(door.len() - TOKENS);
        let Some(token) = door[TOKENS..TOKENS + count].first().copied() else { return Ok(None) };
        door.copy_within(TOKENS + 1..TOKENS + count, TOKENS);
        door[COUNT] = count as u64 - 1;
        drop(door);
        self.admit(token).map(Some).or_else(|_| self.take())
    }

    fn admit(&self, token: u64) -> winipc::Result<Link> {
        let parts = Parts::find(&self.name, token)?;
        let client = Process::open(parts.memory.load(OWNER)?)?;
        parts.answered.set()?;
        Ok(link(parts, client, Side::Server))
    }
}

impl Listener for DoorListener {
    fn accept(&mut self) -> Result<Link> {
        let failed = |error| explained("cannot wait for members", error);
        loop {
            if let Some(link) = self.take().map_err(failed)? {
                return Ok(link);
            }
            let _ = self.knocking.wait(None).map_err(failed)?;
        }
    }
}

impl Drop for DoorListener {
    fn drop(&mut self) {
        // Who has knocked, and nobody has opened to, gives up after a while.
        if let Ok(mut door) = opened(&self.door) {
            door[SERVER] = 0;
            door[COUNT] = 0;
        }
    }
}

/// The sides of a link. Each reads from its own ring.
#[derive(Clone, Copy)]
enum Side {
    Server = 0,
    Client = 1,
}

/// Where the client's process id is.
const OWNER: usize = 0;
/// Bytes that a ring holds, a power of two.
const CAPACITY: usize = 256 << 10;

/// Where a ring has how much was ever written to it, and how much was read. Each has a cache line of its own.
fn written_at(ring: usize) -> usize {
    64 + ring * 128
}

fn read_at(ring: usize) -> usize {
    128 + ring * 128
}

/// Where a ring's bytes are.
fn bytes_at(ring: usize) -> usize {
    4096 + ring * CAPACITY
}

const SIZE: usize = 4096 + 2 * CAPACITY;

/// What a link consists of, in the order of [`Side`] where it is two of a kind.
struct Parts {
    /// Its name lasts as long as this.
    _section: Section,
    memory: WritableView,
    answered: Event,
    /// That there is something in a ring that was empty, and room in one that was full.
    filled: [Event; 2],
    emptied: [Event; 2],
    /// That a side has left the link.
    left: [Event; 2],
}

impl Parts {
    /// # Errors
    /// There is no room for them.
    fn make(door: &str, token: u64) -> winipc::Result<Self> {
        let section = SectionOptions::new().name(format!("{door}.{token:016x}")).create(SIZE as u64)?;
        Self::around(door, token, section, |options| options.create())
    }

    /// # Errors
    /// The client is gone.
    fn find(door: &str, token: u64) -> winipc::Result<Self> {
        let section = SectionOptions::new().name(format!("{door}.{token:016x}")).open()?;
        Self::around(door, token, section, |options| options.open())
    }

    fn around(
        door: &str,
        token: u64,
        section: Section,
        have: fn(&EventOptions) -> winipc::Result<Event>,
    ) -> winipc::Result<Self> {
        let event = |name: &str, manual: bool| {
            have(EventOptions::new().name(format!("{door}.{token:016x}.{name}")).manual_reset(manual))
        };
        Ok(Self {
            memory: section.writable_view()?,
            _section: section,
            answered: event("answered", true)?,
            filled: [event("filled-0", false)?, event("filled-1", false)?],
            emptied: [event("emptied-0", false)?, event("emptied-1", false)?],
            left: [event("left-0", true)?, event("left-1", true)?],
        })
    }
}

/// A side's hold of a link; its halves and whoever may abort it have it together.
struct Hold {
    parts: Parts,
    peer: Process,
    side: Side,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Hold {
    fn leave(&self) {
        // It fails only where the event is gone, with everybody who could wait for it.
        let _ = self.parts.left[self.side as usize].set();
    }

    /// Waits until an event of the ring is set, or looks whether the link has ended. True: the peer has left, or died.
    ///
    /// # Errors
    /// The link was aborted on this side, or a wait fails.
    fn wait(&self, ring: &Event, timeout: Option<Duration>) -> io::Result<bool> {
        let [ours, theirs] = [self.side as usize, 1 - self.side as usize].map(|side| &self.parts.left[side]);
        match wait_any(&[ours, ring, theirs, &self.peer], timeout)? {
            WaitResult::Signaled(0) => Err(ErrorKind::ConnectionAborted.into()),
            WaitResult::Signaled(2 | 3) => Ok(true),
            _ => Ok(false),
        }
    }

    /// A ring's positions: how much was written, and how much of it was read.
    fn positions(&self, ring: usize) -> io::Result<(&AtomicU32, &AtomicU32)> {
        Ok((self.parts.memory.atomic(written_at(ring))?, self.parts.memory.atomic(read_at(ring))?))
    }
}

/// Bytes between the two positions, which only go up.
fn filling(written: u32, read: u32) -> io::Result<usize> {
    let filling = written.wrapping_sub(read) as usize;
    if filling > CAPACITY {
        return Err(io::Error::new(ErrorKind::InvalidData, "the shared memory is damaged"));
    }
    Ok(filling)
}

/// The parts of so many bytes of a ring, from a position on: up to its end, and from its start.
fn spans(ring: usize, position: u32, length: usize) -> [(usize, usize); 2] {
    let start = position as usize % CAPACITY;
    let first = length.min(CAPACITY - start);
    [(bytes_at(ring) + start, first), (bytes_at(ring), length - first)]
}

/// The half that writes to the peer's ring.
struct Outgoing(Arc<Hold>);
/// The half that reads from its own.
struct Incoming(Arc<Hold>);

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let hold = &self.0;
        let ring = 1 - hold.side as usize;
        let (written, read) = hold.positions(ring)?;
        let position = written.load(Ordering::Relaxed);
        // A look first: what is written to the dead is not to be taken.
        let mut timeout = Some(Duration::ZERO);
        loop {
            if hold.wait(&hold.parts.emptied[ring], timeout)? {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let room = CAPACITY - filling(position, read.load(Ordering::Acquire))?;
            if room == 0 {
                timeout = None;
                continue;
            }
            let count = room.min(bytes.len());
            let mut rest = &bytes[..count];
            for (offset, length) in spans(ring, position, count) {
                let (part, after) = rest.split_at(length);
                hold.parts.memory.write(offset, part)?;
                rest = after;
            }
            written.store(position.wrapping_add(count as u32), Ordering::Release);
            hold.parts.filled[ring].set()?;
            return Ok(count);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let hold = &self.0;
        let ring = hold.side as usize;
        let (written, read) = hold.positions(ring)?;
        let position = read.load(Ordering::Relaxed);
        if buffer.is_empty() {
            return Ok(0);
        }
        // There may always be something to read.
        if hold.parts.left[ring].wait(Some(Duration::ZERO))?.is_signaled() {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let mut is_over = false;
        loop {
            let count = filling(written.load(Ordering::Acquire), position)?.min(buffer.len());
            if count == 0 {
                // What the peer wrote before its end is there by the time that its end is seen.
                if is_over {
                    return Ok(0);
                }
                is_over = hold.wait(&hold.parts.filled[ring], None)?;
                continue;
            }
            let mut rest = &mut buffer[..count];
            for (offset, length) in spans(ring, position, count) {
                let (part, after) = rest.split_at_mut(length);
                hold.parts.memory.read(offset, part)?;
                rest = after;
            }
            read.store(position.wrapping_add(count as u32), Ordering::Release);
            hold.parts.emptied[ring].set()?;
            return Ok(count);
        }
    }
}

fn link(parts: Parts, peer: Process, side: Side) -> Link {
    let hold = Arc::new(Hold { parts, peer, side });
    // Whoever may abort the link is not to keep it.
    let weak = Arc::downgrade(&hold);
    Link {
        sender: Box::new(StreamSender(Outgoing(Arc::clone(&hold)))),
        receiver: Box::new(StreamReceiver::new(Incoming(hold))),
        abort: Arc::new(move || {
            if let Some(hold) = weak.upgrade() {
                hold.leave();
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_goes_round() {
        let whole = |spans: [(usize, usize); 2]| spans[0].1 + spans[1].1;
        for position in [0, 1, CAPACITY as u32 - 1, CAPACITY as u32, u32::MAX] {
            for length in [0, 1, 2, CAPACITY - 1, CAPACITY] {
                for (offset, length) in spans(1, position, length) {
                    assert!(offset >= bytes_at(1) && offset + length <= SIZE);
                }
                assert_eq!(whole(spans(1, position, length)), length);
            }
        }
        assert_eq!(filling(3, u32::MAX).unwrap(), 4);
        assert!(filling(3, 4).is_err());
    }

    /// Clients that have died, and what nobody understands, keep nobody out.
    #[test]
    fn tokens_that_lead_nowhere_are_passed_over() {
        let room = RoomName::new(&format!("tokens-{}", std::process::id())).unwrap();
        let claim = SharedMemory.claim(&room, Duration::ZERO).unwrap().unwrap();
        let mut listener = claim.listen().unwrap();
        let door = SharedMutex::<Door>::open(&door_name(&room)).unwrap();
        {
            let mut value = door.lock().unwrap();
            value[COUNT] = 3;
            value[TOKENS..TOKENS + 3].copy_from_slice(&[0, 1, u64::MAX]);
        }
        let mut client = std::thread::scope(|scope| {
            let client = scope.spawn(|| SharedMemory.connect(&room).unwrap().unwrap());
            listener.accept().unwrap().sender.send(b"welcome").unwrap();
            client.join().unwrap()
        });
        let mut frame = Vec::new();
        assert!(client.receiver.receive(&mut frame).unwrap());
        assert_eq!(frame, b"welcome");
    }
}
