//! Threads: their seats, waits, owned mutexes and queued calls.

use std::collections::HashSet;

use super::{Checker, Fault, name_of};
use crate::apc::{self, APC_TAG};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::seat::{Life, Seat, SeatId};
use crate::arena::state::generation_of;
use crate::channel::SPARE_TAG;
use crate::dispatcher::{BlockId, status, taken_indexes};
use crate::process::claim;
use crate::quota::Payer;
use crate::records::{Kind, Object, Process, Request, Thread, WaitBlock};
use crate::{io, mutex, thread, timer};

/// How often words that change without the lock are looked at before what they say is believed.
const LOOKS_AT_FREE_WORDS: u32 = 8;

impl Checker<'_> {
    pub(super) fn threads(&mut self) {
        let seats = self.arena.committed(crate::arena::layout::Region::Seat as usize) as u32;
        for number in 1..seats {
            let reference = Ref::<Seat>::from_index(number);
            let Ok(seat) = self.arena.get(reference) else { continue };
            let place = format!("seat #{number}");
            self.seat(&place, reference, seat);
            let Ok(thread) = self.arena.get::<Thread>(Ref::from_index(number)) else { continue };
            let place = format!("{place} (thread {})", thread.id.load());
            if seat.claim.load() == 0 {
                self.vacant(&place, thread);
            }
            self.wait(&place, reference, seat, thread);
            self.owned(&place, seat.id(reference), thread);
            self.calls(&place, seat.id(reference), thread);
            self.input_output(&place, seat.id(reference), thread);
            self.thread_object(&place, seat.id(reference), thread);
            let kept = thread.kept.peek();
            if kept != 0 {
                self.refer(format!("object that {place} keeps"), kept, |tally| &mut tally.records);
            }
        }
    }

    fn seat(&mut self, place: &str, reference: Ref<Seat>, seat: &Seat) {
        let (journal, claims) = seat.unfinished();
        self.same(format!("journal entries of {place}"), 0, journal);
        self.same(format!("claimed words of {place}"), 0, claims);
        let claimed = seat.claim.load();
        if claimed == 0 {
            if seat.life() == Life::Alive {
                self.fault(place, "nobody at a free seat", "a living thread");
            }
            return;
        }
        let process = self.arena.get::<Process>(Ref::from_index(seat.process())).ok();
        let Some(process) = process.filter(|process| process.claim.load() != claim::FREE) else {
            self.fault(place, "a process in use", format!("process record #{}", seat.process()));
            return;
        };
        // A dead keeper stays until all threads of its process are gone; the process's record tells when.
        if seat.life() == Life::Dead && process.keeper.load() != reference.index() {
            self.fault(place, "buried, as its thread is dead", "not yet");
        }
    }

    /// What a thread record that nobody has must not have any more.
    fn vacant(&mut self, place: &str, thread: &Thread) {
        for (what, word) in [
            ("thread object", thread.object.peek()),
            ("owned mutex", thread.owned.load()),
            ("pending mutex", thread.pending.load()),
            ("queued call", thread.first_apc.peek()),
            ("blocking request", thread.synchronous.peek()),
            ("spare block", thread.spare_block.peek()),
            ("message being read", thread.reading.peek()),
            ("message read in part", thread.partial.peek()),
            ("object kept", thread.kept.peek()),
        ] {
            self.same(format!("{what} of free {place}"), 0, word);
        }
        if thread.status.peek() & status::MASK == status::WAITING {
            self.fault(format!("free {place}"), "no wait", "a wait");
        }
    }

    /// The thread's own side of its wait; the objects' side is [`Checker::waiters`].
    fn wait(&mut self, place: &str, reference: Ref<Seat>, seat: &Seat, thread: &Thread) {
        let waiting = thread.status.peek();
        let count = thread.count.peek();
        let may_be_linked = match waiting & status::MASK {
            status::WAITING => true,
            status::SATISFIED => waiting & status::UNLINKED == 0,
            _ => false,
        };
        for (index, block) in thread.blocks.iter().enumerate() {
            let id = BlockId::new(reference, index);
            let place = format!("wait block {} of {place}", id.index());
            let generation = block.generation.peek();
            let is_linked = generation & WaitBlock::LINKED != 0;
            if !is_linked {
                // What had gone before the wait was queued has no number.
                let is_due = block.object.peek() != 0 && (index as u32) < count;
                if waiting & status::MASK == status::WAITING && is_due {
                    self.fault(place, "queued", "not queued");
                }
                continue;
            }
            if !may_be_linked || index as u32 >= count || seat.claim.load() == 0 {
                self.fault(&place, "not queued", "queued");
            }
            let object = block.object.peek();
            if self.refer(&place, object, |tally| &mut tally.wait_blocks)
                && let Ok(object) = self.arena.get::<Object>(Ref::from_index(object))
            {
                let expected = generation_of(object.state.load());
                self.same(format!("generation in {place}"), expected, generation & !WaitBlock::LINKED);
            }
        }
    }

    /// The list of mutexes the thread owns. It changes without the lock, so what looks wrong is looked at again.
    fn owned(&mut self, place: &str, id: SeatId, thread: &Thread) {
        let place = format!("owned mutexes of {place}");
        for looks in (0..LOOKS_AT_FREE_WORDS).rev() {
            match self.walk_owned(&place, id, thread) {
                Ok(owned) => {
                    for object in owned {
                        self.tallies[object as usize].owner_lists += 1;
                    }
                    return;
                }
                Err(Fault { place, expected, found }) if looks == 0 => self.fault(place, expected, found),
                Err(_) => {}
            }
        }
    }

    /// The thread may be changing its list: then it says so in `pending`.
    fn walk_owned(&self, place: &str, id: SeatId, thread: &Thread) -> Result<HashSet<u32>, Fault> {
        let pending = thread.pending.load();
        let mut owned = HashSet::new();
        let mut previous = 0;
        let mut next = thread.owned.load();
        while next != 0 {
            if !self.objects.is_used(next) || !owned.insert(next) {
                return Err(Fault::new(place, "live mutexes, each once", format!("object #{next}")));
            }
            let Ok(object) = self.arena.get::<Object>(Ref::from_index(next)) else { break };
            let is_its =
                object.head.tag.peek() == Kind::Mutex.tag() && mutex::owner(object.state.load()) == Some(id);
            if !is_its && next != pending {
                return Err(Fault::new(place, "mutexes of this thread", format!("object #{next}")));
            }
            if pending == 0 {
                let back = object.owned_previous.load();
                if back != previous {
                    return Err(Fault::new(format!("previous of #{next} in {place}"), previous, back));
                }
                if object.recursion.load() == 0 {
                    return Err(Fault::new(format!("recursion of #{next} in {place}"), "at least 1", 0));
                }
            }
            previous = next;
            next = object.owned_next.load();
        }
        Ok(owned)
    }

    /// Whether a mutex with this owner is in its list or about to be.
    pub(super) fn is_listed(&self, number: u32, object: &Object, owner: SeatId) -> bool {
        let state = object.state.load();
        let Ok(thread) = self.arena.get::<Thread>(Ref::from_index(owner.seat().index())) else {
            return false;
        };
        (0..LOOKS_AT_FREE_WORDS).any(|_| {
            self.is_on_its_way(number, owner)
                || self.walk_owned("", owner, thread).is_ok_and(|owned| owned.contains(&number))
                || object.state.load() != state
        })
    }

    /// The mutexes that a thread is about to enter into its list or take out of it.
    fn is_on_its_way(&self, object: u32, owner: SeatId) -> bool {
        let Ok(thread) = self.arena.get::<Thread>(Ref::from_index(owner.seat().index())) else {
            return false;
        };
        let result = thread.status.peek();
        let is_given = result & status::MASK == status::SATISFIED
            && thread.acknowledged.load() != thread.wait.peek()
            && taken_indexes(result, thread.count.peek())
                .any(|index| thread.blocks[index].object.peek() == object);
        thread.pending.load() == object || is_given
    }

    fn calls(&mut self, place: &str, id: SeatId, thread: &Thread) {
        let place = format!("queued calls of {place}");
        let process = self.arena.get::<Seat>(id.seat()).map_or(0, Seat::process);
        let own = Payer::number(self.arena, process).unwrap_or(Payer::NOBODY);
        let mut last = BlockRef::NONE;
        let mut next = BlockRef(thread.first_apc.peek());
        let mut timers = HashSet::new();
        while !next.is_none() {
            if !self.own_chain(&place, next, [APC_TAG; 2]) {
                return;
            }
            let Ok(block) = self.arena.block(next) else { return };
            for payer in apc::payers_of(block, own) {
                self.charge(payer.0, self.memory_of(next));
            }
            let timer = block.words[apc::TIMER].peek();
            if timer != 0 {
                let before = format!("call before block {} of {place}", name_of(next));
                self.same(before, last.0, block.head.link.peek());
                let object = self.arena.get::<Object>(Ref::from_index(timer)).ok();
                let is_its = |object: &Object| {
                    object.body[timer::THREAD].peek() == u64::from(id.0)
                        && object.body[timer::CALL].peek() == u64::from(next.0)
                };
                if !self.objects.is_used(timer) || !object.is_some_and(is_its) || !timers.insert(timer) {
                    self.fault(
                        &place,
                        "at most one call of each of its timers",
                        format!("one of object #{timer}"),
                    );
                }
            }
            last = next;
            next = BlockRef(block.words[apc::NEXT].peek());
        }
        self.same(format!("last of {place}"), last.0, thread.last_apc.peek());
    }

    /// The request of the blocking call that the thread is in, and the messages that it copies or has at hand.
    fn input_output(&mut self, place: &str, id: SeatId, thread: &Thread) {
        let number = thread.synchronous.peek();
        if number != 0 {
            let request = self.arena.get::<Request>(Ref::from_index(number)).ok();
            let is_its = |request: &Request| {
                request.thread.peek() == id.0 && request.flags.peek() & io::flag::SYNCHRONOUS != 0
            };
            if !self.requests.is_used(number) || !request.is_some_and(is_its) {
                self.fault(place, "a blocking request of its own", format!("request #{number}"));
            }
        }
        let spare = BlockRef(thread.spare_block.peek());
        if !spare.is_none() {
            self.own_chain(&format!("spare block of {place}"), spare, [SPARE_TAG; 2]);
        }
        let reading = format!("messages that {place} copies");
        let mut seen = HashSet::new();
        let mut next = BlockRef(thread.reading.peek());
        while !next.is_none() {
            if !seen.insert(next.0) {
                self.fault(reading, "each message once", format!("block {} again", name_of(next)));
                break;
            }
            if !self.pin(&reading, next) {
                break;
            }
            next = BlockRef(self.arena.block(next).map_or(0, |block| block.head.link.peek()));
        }
        let partial = BlockRef(thread.partial.peek());
        if !partial.is_none() {
            self.pin(&format!("message that {place} copies a part of"), partial);
        }
    }

    fn thread_object(&mut self, place: &str, id: SeatId, thread: &Thread) {
        let object = thread.object.peek();
        let place = format!("thread object of {place}");
        if object == 0 || !self.refer(&place, object, |tally| &mut tally.records) {
            return;
        }
        let Ok(object) = self.arena.get::<Object>(Ref::from_index(object)) else { return };
        self.same(format!("kind of the {place}"), Kind::Thread.tag(), object.head.tag.peek());
        self.same(format!("seat of the {place}"), id.0, thread::seat_of(object).0);
    }
}
