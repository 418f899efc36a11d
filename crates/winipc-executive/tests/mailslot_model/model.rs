//! What mailslots should do, as simply as it can be said.

use std::collections::VecDeque;

use winipc_executive::mailslot::Info;
use winipc_executive::{Result, Status};

use crate::request::Ending;

/// A slot, with its server or after it.
struct Slot {
    name: u8,
    is_served: bool,
    maximum: u32,
    waits: bool,
    messages: VecDeque<Vec<u8>>,
    /// Requests that wait, and the room each has.
    readers: VecDeque<(usize, usize)>,
}

/// An end that has been opened, by what it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Server(usize),
    Client(usize),
    /// Sends to whoever has a name.
    Datagram(u8),
}

#[derive(Default)]
pub(crate) struct Model {
    slots: Vec<Slot>,
    ends: Vec<(End, bool)>,
    /// How each request has ended.
    pub(crate) endings: Vec<Option<Ending>>,
}

impl Model {
    pub(crate) fn is_open(&self, end: usize) -> bool {
        self.ends[end].1
    }

    pub(crate) fn is_server(&self, end: usize) -> bool {
        matches!(self.ends[end].0, End::Server(_))
    }

    fn served(&self, name: u8) -> Option<usize> {
        self.slots.iter().position(|slot| slot.is_served && slot.name == name)
    }

    pub(crate) fn create(&mut self, name: u8, maximum: u32) -> Result<()> {
        if self.served(name).is_some() {
            return Err(Status::OBJECT_NAME_COLLISION);
        }
        let (messages, readers) = Default::default();
        self.slots.push(Slot { name, is_served: true, maximum, waits: true, messages, readers });
        self.ends.push((End::Server(self.slots.len() - 1), true));
        Ok(())
    }

    pub(crate) fn open(&mut self, name: u8) -> Result<()> {
        let slot = self.served(name).ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
        self.ends.push((End::Client(slot), true));
        Ok(())
    }

    pub(crate) fn open_datagram(&mut self, name: u8) {
        self.ends.push((End::Datagram(name), true));
    }

    pub(crate) fn write(&mut self, end: usize, request: usize, data: &[u8]) {
        let fits = |slot: &Slot| slot.maximum == 0 || data.len() <= slot.maximum as usize;
        let ending = match self.ends[end].0 {
            End::Server(_) => Ending::with(Status::ACCESS_DENIED),
            End::Client(slot) if !fits(&self.slots[slot]) => Ending::with(Status::INVALID_PARAMETER),
            End::Client(slot) if !self.slots[slot].is_served => Ending::with(Status::FILE_FORCED_CLOSED),
            End::Client(slot) => {
                self.put(slot, data);
                written(data.len())
            }
            End::Datagram(_) if data.len() > 424 => Ending::with(Status::BAD_NETWORK_PATH),
            End::Datagram(name) => {
                if let Some(slot) = self.served(name).filter(|slot| fits(&self.slots[*slot])) {
                    self.put(slot, data);
                }
                written(data.len())
            }
        };
        self.endings[request] = Some(ending);
    }

    fn put(&mut self, slot: usize, data: &[u8]) {
        let slot = &mut self.slots[slot];
        // Who has too little room has waited in vain, and the next is asked.
        while let Some((request, room)) = slot.readers.pop_front() {
            if data.len() <= room {
                self.endings[request] = Some(read(data.to_vec()));
                return;
            }
            self.endings[request] = Some(Ending::with(Status::BUFFER_TOO_SMALL));
        }
        slot.messages.push_back(data.to_vec());
    }

    pub(crate) fn read(&mut self, end: usize, request: usize, room: usize) {
        let End::Server(slot) = self.ends[end].0 else {
            self.endings[request] = Some(Ending::with(Status::INVALID_PARAMETER));
            return;
        };
        let slot = &mut self.slots[slot];
        self.endings[request] = match slot.messages.front() {
            Some(message) if message.len() > room => Some(Ending::with(Status::BUFFER_TOO_SMALL)),
            Some(_) => slot.messages.pop_front().map(read),
            None if slot.waits => {
                slot.readers.push_back((request, room));
                None
            }
            None => Some(Ending::with(Status::IO_TIMEOUT)),
        };
    }

    pub(crate) fn cancel(&mut self, end: usize, only: Option<usize>) -> Result<()> {
        let End::Server(slot) = self.ends[end].0 else { return Err(Status::NOT_FOUND) };
        let readers = &mut self.slots[slot].readers;
        let is_meant = |(request, _): &(usize, usize)| only.is_none_or(|only| *request == only);
        let meant: Vec<usize> = readers.iter().filter(|reader| is_meant(reader)).map(|(it, _)| *it).collect();
        readers.retain(|reader| !is_meant(reader));
        for request in &meant {
            self.endings[*request] = Some(Ending::with(Status::CANCELLED));
        }
        if meant.is_empty() { Err(Status::NOT_FOUND) } else { Ok(()) }
    }

    pub(crate) fn set_timeout(&mut self, end: usize, waits: bool) -> Result<()> {
        let End::Server(slot) = self.ends[end].0 else { return Err(Status::INVALID_PARAMETER) };
        self.slots[slot].waits = waits;
        Ok(())
    }

    pub(crate) fn info(&self, end: usize) -> Result<Info> {
        let End::Server(slot) = self.ends[end].0 else { return Err(Status::INVALID_PARAMETER) };
        let slot = &self.slots[slot];
        Ok(Info {
            max_message: slot.maximum,
            next: slot.messages.front().map(|message| message.len() as u32),
            messages: slot.messages.len() as u32,
            timeout_ms: if slot.waits { u32::MAX } else { 0 },
        })
    }

    pub(crate) fn close(&mut self, end: usize) {
        self.ends[end].1 = false;
        if let End::Server(slot) = self.ends[end].0 {
            let slot = &mut self.slots[slot];
            slot.is_served = false;
            slot.messages.clear();
            for (request, _) in slot.readers.drain(..) {
                self.endings[request] = Some(Ending::with(Status::FILE_FORCED_CLOSED));
            }
        }
    }
}

fn written(count: usize) -> Ending {
    Ending { status: Status::SUCCESS, count, bytes: Vec::new() }
}

fn read(bytes: Vec<u8>) -> Ending {
    Ending { status: Status::SUCCESS, count: bytes.len(), bytes }
}
