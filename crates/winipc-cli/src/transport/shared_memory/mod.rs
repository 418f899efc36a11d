//! Rooms over shared memory: [links](link) of two rings of bytes in a section for each member, and events for those who
//! wait.
//!
//! Members knock at a *door*, a small value behind a lock that the server has under the room's name: they leave a token
//! there, by which the server finds the section and the events that they have made.

mod link;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use winipc::section::{SharedLockError, SharedMutex, SharedMutexGuard};
use winipc::{Event, EventOptions, Process, WaitResult, Waitable, Win32Error, wait_any};

use super::{Claim, Link, Listener, Mechanism, Opening, RoomName, Transport, exclusive, explained};
use crate::error::Result;
use link::{Parts, Side, link};

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
    value[TOKENS + count] = token;
    value[COUNT] += 1;
    drop(value);
    knocking.set()?;
    match wait_any(&[&parts.answered, &server], Some(ANSWER_PATIENCE))? {
        WaitResult::Signaled(0) => Ok(Some(link(parts, server, Side::Client))),
        _ => {
            parts.leave(Side::Client);
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
        let client = parts.owner()?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::conformance::pair;

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
        let (mut server, mut client) = pair(&SharedMemory, &room, listener.as_mut());
        server.sender.send(b"welcome").unwrap();
        let mut frame = Vec::new();
        assert!(client.receiver.receive(&mut frame).unwrap());
        assert_eq!(frame, b"welcome");
    }
}
