//! Requests: the lists and queues they are in, and the messages that are being copied for them.

use super::{Checker, name_of};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::seat::SeatId;
use crate::arena::word::Guarded32;
use crate::channel::{LOOSE_TAG, PINS, QUEUED_TAG, SPARE_TAG};
use crate::io::{self, Operation};
use crate::records::{Kind, Object, Process, Request, Thread};

/// What the requests of one queue have in common.
pub(super) struct Queue<'a> {
    pub(super) first: &'a Guarded32,
    pub(super) last: &'a Guarded32,
    pub(super) operation: Operation,
    /// The object on which they were issued.
    pub(super) file: u32,
}

impl<'a> Checker<'a> {
    /// The list of a process's requests, and that of those that are complete.
    pub(super) fn requests_of(&mut self, place: &str, reference: Ref<Process>, process: &Process) {
        let all = format!("requests of {place}");
        let (mut previous, mut count) = (0, 0);
        let mut next = process.first_request.peek();
        while next != 0 {
            if !self.requests.is_used(next) || !self.requests.own(next) {
                self.fault(&all, "live requests, each once", format!("request #{next}"));
                break;
            }
            let Ok(request) = self.arena.get::<Request>(Ref::from_index(next)) else { return };
            self.same(format!("process of request #{next}"), reference.index(), request.process.peek());
            self.same(format!("previous of #{next} in {all}"), previous, request.process_previous.peek());
            self.request(next, request);
            previous = next;
            next = request.process_next.peek();
            count += 1;
        }
        self.same(format!("count of {all}"), count, process.requests.peek());

        let completed = format!("completed requests of {place}");
        let mut previous = 0;
        let mut next = process.first_completed.peek();
        while next != 0 {
            let Some(request) = self.enter_queue(&completed, next, previous) else { return };
            let is_its = request.process.peek() == reference.index();
            let is_synchronous = request.flags.peek() & io::flag::SYNCHRONOUS != 0;
            if request.state.peek() != io::state::COMPLETED || !is_its || is_synchronous {
                self.fault(&completed, "completed overlapped requests of the process", format!("#{next}"));
            }
            previous = next;
            next = request.next.peek();
        }
        self.same(format!("last of {completed}"), previous, process.last_completed.peek());
    }

    /// Counts that a request is in a queue, behind `previous`. `None`: there the queue is broken off.
    fn enter_queue(&mut self, place: &str, number: u32, previous: u32) -> Option<&'a Request> {
        let queued = self.queued.get_mut(number as usize);
        if !self.requests.is_used(number) || queued.is_none_or(|queued| core::mem::replace(queued, 1) != 0) {
            self.fault(place, "live requests that are in no other queue", format!("request #{number}"));
            return None;
        }
        let request = self.arena.get::<Request>(Ref::from_index(number)).ok()?;
        self.same(format!("previous of #{number} in {place}"), previous, request.previous.peek());
        Some(request)
    }

    fn request(&mut self, number: u32, request: &Request) {
        let place = format!("request #{number}");
        let tag = request.head.tag.peek();
        let Some(operation) = Operation::from_tag(tag) else {
            self.fault(place, "an operation", tag);
            return;
        };
        let place = format!("{operation:?} {place}");
        for (what, object, kind) in
            [("file", request.file.peek(), None), ("event", request.event.peek(), Some(Kind::Event))]
        {
            let what = format!("{what} of {place}");
            if (object != 0 || kind.is_none()) && self.refer(&what, object, |tally| &mut tally.requests) {
                let object = self.arena.get::<Object>(Ref::from_index(object));
                let tag = object.map_or(0, |object| object.head.tag.peek());
                match kind {
                    Some(kind) => self.same(format!("kind of the {what}"), kind.tag(), tag),
                    None if Kind::from_tag(tag).is_some_and(Kind::is_file) => {}
                    None => self.fault(format!("kind of the {what}"), "a file", tag),
                }
            }
        }
        let message = BlockRef(request.message.peek());
        if operation == Operation::Read && !message.is_none() {
            self.pin(&format!("message of {place}"), message);
        }
        let issuer = SeatId(request.thread.peek());
        match request.state.peek() {
            io::state::PENDING => {
                let seat = self.arena.get(issuer.seat()).ok();
                if seat.is_none_or(|seat| seat.id(issuer.seat()) != issuer) {
                    self.fault(format!("issuer of {place}"), "a thread", format!("nobody ({:#x})", issuer.0));
                }
                let thread = self.arena.get::<Thread>(Ref::from_index(issuer.seat().index())).ok();
                let blocks = thread.is_some_and(|thread| thread.synchronous.peek() == number);
                if request.flags.peek() & io::flag::SYNCHRONOUS != 0 && !blocks {
                    self.fault(format!("issuer of {place}"), "blocked in it", "not");
                }
            }
            io::state::COMPLETED => {}
            other => self.fault(format!("state of {place}"), "1 or 2", other),
        }
    }

    /// A queue of pending requests. Returns how many there are.
    pub(super) fn queue(&mut self, place: &str, queue: &Queue<'_>) -> u32 {
        let mut count = 0;
        let mut previous = 0;
        let mut next = queue.first.peek();
        while next != 0 {
            let Some(request) = self.enter_queue(place, next, previous) else { return count };
            let is_right = request.state.peek() == io::state::PENDING
                && request.head.tag.peek() == queue.operation as u32
                && request.file.peek() == queue.file;
            if !is_right {
                let expected = format!("pending {:?} requests on object #{}", queue.operation, queue.file);
                self.fault(place, expected, format!("request #{next}"));
            }
            count += 1;
            previous = next;
            next = request.next.peek();
        }
        self.same(format!("last of {place}"), previous, queue.last.peek());
        count
    }

    /// Every request is in the queues it has to be in. A write is by its message.
    pub(super) fn queued_requests(&mut self) {
        for number in 1..self.requests.used.len() {
            let Ok(request) = self.arena.get::<Request>(Ref::from_index(number as u32)) else { continue };
            if !self.requests.used[number] {
                continue;
            }
            // One on a descriptor waits in no queue of the arena's.
            let file = self.arena.get::<Object>(Ref::from_index(request.file.peek()));
            let is_taken = request.flags.peek() & io::flag::SYNCHRONOUS != 0
                && (request.state.peek() == io::state::COMPLETED
                    || file.is_ok_and(|file| file.head.tag.peek() == Kind::File.tag()));
            let place = format!("queues that request #{number} is in");
            self.same(place, if is_taken { 0 } else { 1 }, self.queued[number]);
        }
    }

    /// Counts that somebody copies from a message.
    pub(super) fn pin(&mut self, place: &str, message: BlockRef) -> bool {
        let slots = self.blocks.get(message.class());
        let tag = match self.arena.block(message) {
            Ok(block) if slots.is_some_and(|slots| slots.is_used(message.index())) => block.head.tag.peek(),
            _ => 0,
        };
        if tag != QUEUED_TAG && tag != LOOSE_TAG {
            self.fault(place, "a message", format!("block {} with tag {tag}", name_of(message)));
            return false;
        }
        let pins = self.pins.entry(message.0).or_default();
        *pins += 1;
        // One that is in no queue is kept by those who copy from it alone.
        if *pins == 1 && tag == LOOSE_TAG {
            self.own_chain(place, message, [LOOSE_TAG, SPARE_TAG])
        } else {
            true
        }
    }

    pub(super) fn pins(&mut self) {
        let mut pins: Vec<_> =
            self.pins.iter().map(|(message, count)| (BlockRef(*message), *count)).collect();
        pins.sort_by_key(|(message, _)| message.0);
        for (message, count) in pins {
            let Ok(block) = self.arena.block(message) else { continue };
            self.same(format!("pins of message {}", name_of(message)), count, block.words[PINS].peek());
        }
    }
}
