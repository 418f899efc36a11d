//! The checker: recounts every reference and follows every list of the arena.
//!
//! It runs while the arena's lock is held, so that guarded words show one moment. Words that threads change without the
//! lock may be ahead of each other; [`persistent`] sorts out what was wrong for that moment only.

mod channels;
mod mailslots;
mod memory;
mod objects;
mod pipes;
mod processes;
mod requests;
mod sections;
mod threads;

#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;
use std::collections::{HashMap, HashSet};

use crate::arena::block::BlockRef;
use crate::arena::layout::Region;
use crate::arena::{Arena, Ref};
use crate::quota::Payer;
use crate::records::Process;
pub(super) use sections::files;

/// Something in the arena that is not as it has to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// Where: the record, list or word.
    pub place: String,
    /// How it has to be.
    pub expected: String,
    /// How it is.
    pub found: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.place, self.expected, self.found)
    }
}

impl Fault {
    pub(super) fn new(place: impl ToString, expected: impl ToString, found: impl ToString) -> Self {
        Fault { place: place.to_string(), expected: expected.to_string(), found: found.to_string() }
    }
}

/// More faults than these say nothing more.
const MOST_FAULTS: usize = 1000;
/// Looks before what was wrong each time is believed, and the pause after the first; each is twice as long as the last.
const LOOKS: u32 = 11;
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The faults that several looks have in common.
///
/// # Errors
/// What one of them says that makes more of them useless.
pub(super) fn persistent(
    look: impl Fn() -> Result<Vec<Fault>, Vec<Fault>>,
) -> Result<Vec<Fault>, Vec<Fault>> {
    let mut faults = look()?;
    for number in 1..LOOKS {
        if faults.is_empty() {
            break;
        }
        std::thread::sleep(FIRST_PAUSE * (1 << (number - 1)));
        // Numbers may have changed meanwhile: the place is what the looks have in common.
        let now = look()?;
        let places: HashSet<&String> = faults.iter().map(|fault| &fault.place).collect();
        let now: Vec<Fault> = now.into_iter().filter(|fault| places.contains(&fault.place)).collect();
        faults = now;
    }
    Ok(faults)
}

/// Looks once. The caller holds the arena's lock.
pub(super) fn run(arena: &Arena) -> Vec<Fault> {
    let mut checker = Checker {
        arena,
        faults: Vec::new(),
        objects: memory::slots(arena, Region::Object),
        pages: memory::slots(arena, Region::HandlePage),
        requests: memory::slots(arena, Region::Request),
        pipes: memory::slots(arena, Region::Pipe),
        instances: memory::slots(arena, Region::Instance),
        mailslots: memory::slots(arena, Region::Mailslot),
        views: memory::slots(arena, Region::View),
        blocks: memory::blocks(arena),
        tallies: Vec::new(),
        queued: Vec::new(),
        pins: HashMap::new(),
        charges: HashMap::new(),
    };
    checker.tallies = vec![Tally::default(); checker.objects.used.len()];
    checker.queued = vec![0; checker.requests.used.len()];
    checker.slabs();
    checker.processes();
    checker.threads();
    checker.names();
    checker.discarded();
    checker.pipes();
    checker.mailslots();
    checker.unused_sections();
    checker.waiters();
    checker.totals();
    checker.queued_requests();
    checker.pins();
    checker.charges();
    checker.leftovers();
    checker.faults
}

/// References to an object, by what has them.
#[derive(Clone, Copy, Default)]
struct Tally {
    handles: u32,
    wait_blocks: u32,
    /// Records of processes, threads and pipes.
    records: u32,
    /// Requests, on it as a file or for it as an event.
    requests: u32,
    /// Views of it.
    views: u32,
    /// A thread has it in its list of owned mutexes.
    owner_lists: u32,
    /// A process has it in its list of timers.
    timer_lists: u32,
    /// A name leads to it.
    names: u32,
    /// It is a section that is still to be freed.
    is_unused: bool,
}

struct Checker<'a> {
    arena: &'a Arena,
    faults: Vec<Fault>,
    objects: memory::Slots,
    pages: memory::Slots,
    requests: memory::Slots,
    pipes: memory::Slots,
    instances: memory::Slots,
    mailslots: memory::Slots,
    views: memory::Slots,
    blocks: Vec<memory::Slots>,
    /// For each number of an object.
    tallies: Vec<Tally>,
    /// For each number of a request, the queues it is in.
    queued: Vec<u32>,
    /// For each message that somebody copies from, how many do.
    pins: HashMap<u32, u32>,
    /// For each process that pays for memory, for how many bytes.
    charges: HashMap<Payer, u32>,
}

impl Checker<'_> {
    fn fault(&mut self, place: impl ToString, expected: impl ToString, found: impl ToString) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault::new(place, expected, found));
        }
    }

    /// Reports unless the two are the same.
    fn same<T: PartialEq + fmt::Display>(&mut self, place: impl fmt::Display, expected: T, found: T) {
        if expected != found {
            self.fault(place, expected, found);
        }
    }

    /// Counts a reference to an object; reports one that leads to none.
    fn refer(
        &mut self,
        place: impl fmt::Display,
        object: u32,
        count: impl Fn(&mut Tally) -> &mut u32,
    ) -> bool {
        if !self.objects.is_used(object) {
            self.fault(place, "a live object", format!("object #{object}, which is free"));
            return false;
        }
        *count(&mut self.tallies[object as usize]) += 1;
        true
    }

    /// Takes note that a chain of blocks belongs to somebody; reports one that has an owner already, or whose blocks do
    /// not have the tags that they should: the first and the rest.
    fn own_chain(&mut self, place: &str, chain: BlockRef, [first, rest]: [u32; 2]) -> bool {
        let mut next = chain;
        let mut room = 0;
        while !next.is_none() {
            let Some(slots) = self.blocks.get_mut(next.class()).filter(|slots| slots.is_used(next.index()))
            else {
                self.fault(place, "an allocated block", format!("block {}, which is free", name_of(next)));
                return false;
            };
            if !slots.own(next.index()) {
                self.fault(
                    place,
                    "a block of its own",
                    format!("block {}, which something else owns too", name_of(next)),
                );
                return false;
            }
            let Ok(block) = self.arena.block(next) else { return false };
            let tag = if next == chain { first } else { rest };
            self.same(format!("tag of block {} of {place}", name_of(next)), tag, block.head.tag.peek());
            room += Arena::block_room(next);
            next = BlockRef(block.more.peek());
        }
        let length = self.arena.block(chain).map_or(0, |block| block.length.peek() as usize);
        if length > room {
            self.fault(place, format!("blocks for {length} bytes"), format!("blocks for {room}"));
            return false;
        }
        true
    }

    /// Counts what a process pays for.
    fn charge(&mut self, payer: u32, bytes: u32) {
        let sum = self.charges.entry(Payer(payer)).or_default();
        *sum = sum.saturating_add(bytes);
    }

    fn charge_process(&mut self, reference: Ref<Process>, process: &Process, bytes: u32) {
        self.charge(Payer::of(reference, process).0, bytes);
    }

    /// Bytes of the arena that a chain takes, of which it is known that it ends.
    fn memory_of(&self, chain: BlockRef) -> u32 {
        let mut memory = 0_u32;
        let mut next = chain;
        while let Ok(block) = self.arena.block(next) {
            memory = memory.saturating_add(Arena::block_size(next));
            next = BlockRef(block.more.peek());
        }
        memory
    }

    /// What nothing has turned out to own.
    fn leftovers(&mut self) {
        for page in self.pages.unowned() {
            self.fault(format!("handle page #{page}"), "a process that has it", "none");
        }
        for request in self.requests.unowned() {
            self.fault(format!("request #{request}"), "a process that has it", "none");
        }
        for pipe in self.pipes.unowned() {
            self.fault(format!("pipe #{pipe}"), "a name", "none");
        }
        for slot in self.mailslots.unowned() {
            self.fault(format!("mailslot #{slot}"), "a name or a client", "none");
        }
        for view in self.views.unowned() {
            self.fault(format!("view #{view}"), "a process that has it", "none");
        }
        for class in 0..self.blocks.len() {
            for index in self.blocks[class].unowned() {
                let block = BlockRef::new(class, index);
                let tag = self.arena.block(block).map_or(0, |block| block.head.tag.peek());
                self.fault(
                    format!("block {} with tag {tag}", name_of(block)),
                    "something that has it",
                    "nothing",
                );
            }
        }
    }
}

fn name_of(block: BlockRef) -> String {
    format!("#{}.{}", block.class(), block.index())
}
