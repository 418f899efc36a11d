//! Channels: what flows one way through a pipe or into a mailslot.

use std::collections::HashSet;

use super::requests::Queue;
use super::{Checker, name_of};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::channel::{OFFSET, PAYER, PINS, QUEUED_TAG, SPARE_TAG, WRITER};
use crate::io::{self, Operation};
use crate::records::{Channel, Request};

/// What is at the two sides of a channel.
pub(super) struct Sides {
    /// The object that reads.
    pub(super) reader: u32,
    /// The object whose requests wait to write; 0 where none does.
    pub(super) writer: u32,
    /// Reads and writes may wait.
    pub(super) is_connected: bool,
}

impl Checker<'_> {
    /// The messages that nobody will read and that are still to be freed.
    pub(super) fn discarded(&mut self) {
        let mut next = BlockRef(self.arena.header().discarded.0.peek());
        if !next.is_none() {
            // Another one next time if somebody is about it.
            self.fault(
                format!("discarded message {}", name_of(next)),
                "freed by who discarded it",
                "not yet",
            );
        }
        while !next.is_none() {
            let message = format!("discarded message {}", name_of(next));
            if !self.own_chain(&message, next, [QUEUED_TAG, SPARE_TAG]) {
                return;
            }
            let Ok(block) = self.arena.block(next) else { return };
            let pins = self.pins.get(&next.0).copied().unwrap_or(0);
            self.same(format!("pins of {message}"), pins, block.words[PINS].peek());
            self.charge(block.words[PAYER].peek(), self.memory_of(next));
            self.same(format!("writer of {message}"), 0, block.words[WRITER].peek());
            next = BlockRef(block.head.link.peek());
        }
    }

    /// One direction: its messages, whether they fit, and who waits for what. Returns how many messages there are.
    pub(super) fn channel(&mut self, place: &str, channel: &Channel, sides: &Sides) -> u32 {
        let Sides { reader, writer, is_connected } = *sides;
        let first_unsettled = channel.first_unsettled.peek();
        let (mut settled, mut unsettled) = (0_u64, 0_u64);
        let mut fits = true;
        let mut memory = 0_u32;
        let mut messages = HashSet::new();
        let mut last = BlockRef::NONE;
        let mut next = BlockRef(channel.first.peek());
        while !next.is_none() {
            let message = format!("message {} in {place}", name_of(next));
            if !self.own_chain(&message, next, [QUEUED_TAG, SPARE_TAG]) {
                return messages.len() as u32;
            }
            let Ok(block) = self.arena.block(next) else { return messages.len() as u32 };
            let (length, offset) = (block.length.peek(), block.words[OFFSET].peek());
            if offset > length {
                self.fault(format!("offset of {message}"), format!("at most {length}"), offset);
            }
            let rest = u64::from(length.saturating_sub(offset));
            if next.0 == first_unsettled {
                fits = false;
                if is_connected && settled + rest <= u64::from(channel.quota.peek()) {
                    self.fault(&message, "let in, as it fits the quota", "kept waiting");
                }
            }
            *if fits { &mut settled } else { &mut unsettled } += rest;
            let taken = self.memory_of(next);
            memory = memory.saturating_add(taken);
            self.charge(block.words[PAYER].peek(), taken);
            messages.insert(next.0);
            let pins = self.pins.get(&next.0).copied().unwrap_or(0);
            self.same(format!("pins of {message}"), pins, block.words[PINS].peek());
            self.writer(&message, next, block.words[WRITER].peek(), writer, fits);
            last = next;
            next = BlockRef(block.head.link.peek());
        }
        self.same(format!("memory of the messages of {place}"), memory, channel.memory.peek());
        let charged = channel.charged.peek();
        if memory > charged {
            self.fault(format!("bytes charged for {place}"), format!("at least {memory}"), charged);
        }
        self.charge(channel.payer.peek(), charged);
        self.same(format!("last message of {place}"), last.0, channel.last.peek());
        self.same(format!("bytes within the quota of {place}"), settled, channel.settled.peek().into());
        self.same(format!("bytes beyond the quota of {place}"), unsettled, channel.unsettled.peek().into());
        if first_unsettled != 0 && fits {
            self.fault(
                format!("first waiting message of {place}"),
                "a message in it",
                format!("block {first_unsettled}"),
            );
        }
        if settled > u64::from(channel.quota.peek()) {
            self.fault(
                format!("unread bytes of {place}"),
                format!("at most {}", channel.quota.peek()),
                settled,
            );
        }
        let readers = Queue {
            first: &channel.first_reader,
            last: &channel.last_reader,
            operation: Operation::Read,
            file: reader,
        };
        let waiting = self.queue(&format!("readers of {place}"), &readers);
        if waiting != 0 && (!last.is_none() || !is_connected) {
            self.fault(format!("readers of {place}"), "none who could go on", waiting);
        }
        let flushes = Queue {
            first: &channel.first_flush,
            last: &channel.last_flush,
            operation: Operation::Flush,
            file: writer,
        };
        let waiting = self.queue(&format!("flushes of {place}"), &flushes);
        if waiting != 0 && !is_connected {
            self.fault(format!("flushes of {place}"), "none that could go on", waiting);
        }
        let mut next = channel.first_flush.peek();
        for _ in 0..waiting {
            let Ok(request) = self.arena.get::<Request>(Ref::from_index(next)) else { break };
            if !messages.contains(&request.message.peek()) {
                let found = format!("block {}", name_of(BlockRef(request.message.peek())));
                self.fault(format!("flush #{next} of {place}"), "to wait for a message in it", found);
            }
            next = request.next.peek();
        }
        messages.len() as u32
    }

    /// The write that waits for a message to be let in.
    fn writer(&mut self, place: &str, message: BlockRef, number: u32, file: u32, fits: bool) {
        if number == 0 {
            return;
        }
        let request = self.arena.get::<Request>(Ref::from_index(number)).ok();
        let is_its = |request: &Request| {
            request.head.tag.peek() == Operation::Write as u32
                && request.state.peek() == io::state::PENDING
                && request.message.peek() == message.0
                && request.file.peek() == file
        };
        if fits || !self.requests.is_used(number) || !request.is_some_and(is_its) {
            let expected = if fits { "none, as it fits the quota" } else { "a pending write of it" };
            self.fault(format!("writer of {place}"), expected, format!("request #{number}"));
            return;
        }
        self.queued[number as usize] += 1;
    }
}
