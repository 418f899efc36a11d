//! A link over shared memory: two rings of bytes in a section.
//!
//! A ring has one who writes and one who reads, so that two positions, each changed by one of them, are all that it
//! needs; a full or empty ring is waited for by an event, together with those that tell of the end: that the link was
//! left, and that the peer's process has died.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use winipc::section::{Section, SectionOptions, WritableView};
use winipc::{Event, EventOptions, Process, WaitResult, Waitable, wait_any};

use crate::transport::Link;
use crate::transport::stream::{StreamReceiver, StreamSender};

/// The sides of a link. Each reads from its own ring.
#[derive(Clone, Copy)]
pub(super) enum Side {
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
pub(super) struct Parts {
    /// Its name lasts as long as this.
    _section: Section,
    memory: WritableView,
    /// That the server has found them.
    pub(super) answered: Event,
    /// That there is something in a ring that was empty, and room in one that was full.
    filled: [Event; 2],
    emptied: [Event; 2],
    /// That a side has left the link.
    left: [Event; 2],
}

impl Parts {
    /// Those of a link of this process's.
    ///
    /// # Errors
    /// There is no room for them.
    pub(super) fn make(door: &str, token: u64) -> winipc::Result<Self> {
        let section = SectionOptions::new().name(format!("{door}.{token:016x}")).create(SIZE as u64)?;
        let parts = Self::around(door, token, section, |options| options.create())?;
        parts.memory.store(OWNER, &std::process::id())?;
        Ok(parts)
    }

    /// # Errors
    /// The client is gone.
    pub(super) fn find(door: &str, token: u64) -> winipc::Result<Self> {
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

    /// The process that has made them.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn owner(&self) -> winipc::Result<Process> {
        Process::open(self.memory.load(OWNER)?)
    }

    pub(super) fn leave(&self, side: Side) {
        // It fails only where the event is gone, with everybody who could wait for it.
        let _ = self.left[side as usize].set();
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
        self.parts.leave(self.side);
    }
}

impl Hold {
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

pub(super) fn link(parts: Parts, peer: Process, side: Side) -> Link {
    let hold = Arc::new(Hold { parts, peer, side });
    // Whoever may abort the link is not to keep it.
    let weak = Arc::downgrade(&hold);
    Link {
        sender: Box::new(StreamSender(Outgoing(Arc::clone(&hold)))),
        receiver: Box::new(StreamReceiver::new(Incoming(hold))),
        abort: Arc::new(move || {
            if let Some(hold) = weak.upgrade() {
                hold.parts.leave(hold.side);
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
}
