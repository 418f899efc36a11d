//! Objects: names, queues of waiters, counts.

use std::collections::HashSet;

use super::{Checker, Tally, name_of};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::layout::NAME_BUCKETS;
use crate::arena::seat::Life;
use crate::arena::state::{CLAIM, WAITERS, value_of};
use crate::dispatcher::{self, BlockId, signal, status};
use crate::name::{self, Directory, Name};
use crate::records::{Kind, MAXIMUM_WAIT_OBJECTS, Object, WaitBlock};
use crate::{mutex, timer};

impl Checker<'_> {
    pub(super) fn names(&mut self) {
        let mut known = HashSet::new();
        for bucket in 0..NAME_BUCKETS {
            let mut next = BlockRef(self.arena.header().names[bucket].peek());
            while !next.is_none() {
                let place = format!("name {}", name_of(next));
                if !self.own_chain(&place, next, [name::NAME_TAG; 2]) {
                    break;
                }
                let Ok(block) = self.arena.block(next) else { break };
                self.charge(block.head.link.peek(), self.memory_of(next));
                self.name(&place, next, bucket, &mut known);
                next = BlockRef(block.words[name::NEXT].peek());
            }
        }
    }

    fn name(
        &mut self,
        place: &str,
        reference: BlockRef,
        bucket: usize,
        known: &mut HashSet<(u32, Vec<u16>)>,
    ) {
        let Ok(block) = self.arena.block(reference) else { return };
        let mut bytes = vec![0; block.length.peek() as usize];
        if self.arena.copy_out(reference, 0, &mut bytes).is_err() {
            return;
        }
        let units: Vec<u16> =
            bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect();
        let word = block.words[name::DIRECTORY].peek();
        let Some(directory) = Directory::from_word(word) else {
            self.fault(format!("directory of {place}"), "0 to 3", word);
            return;
        };
        let hash = Name { directory, units: &units }.hash();
        self.same(format!("hash of {place}"), hash, block.words[name::HASH].peek());
        self.same(format!("bucket of {place}"), hash as usize % NAME_BUCKETS, bucket);
        if !known.insert((word, units.iter().map(|unit| directory.fold()(*unit)).collect())) {
            self.fault(place, "a name that nothing else has", String::from_utf16_lossy(&units));
        }
        let target = block.words[name::TARGET].peek();
        if directory == Directory::Pipe {
            self.pipe_name(place, reference, target);
        } else if directory == Directory::Mailslot {
            self.mailslot_name(place, reference, target);
        } else if self.refer(place, target, |tally| &mut tally.names) {
            let back =
                self.arena.get::<Object>(Ref::from_index(target)).map_or(0, |object| object.name.peek());
            self.same(format!("name of object #{target}, which {place} leads to"), reference.0, back);
        }
    }

    pub(super) fn waiters(&mut self) {
        let mut seen = HashSet::new();
        for number in self.arena.used::<Object>() {
            let Ok(object) = self.arena.get(number) else { continue };
            if self.objects.is_used(number.index()) {
                self.wait_queue(&format!("waiters of object #{}", number.index()), number, object, &mut seen);
            }
        }
    }

    fn wait_queue(&mut self, place: &str, number: Ref<Object>, object: &Object, seen: &mut HashSet<u32>) {
        let mut count = 0;
        let mut previous = 0;
        let mut next = object.first_waiter.peek();
        while next != 0 {
            let Ok(block) = BlockId(next).block(self.arena) else {
                self.fault(place, "wait blocks", format!("block {next}"));
                return;
            };
            let is_its =
                block.object.peek() == number.index() && block.generation.peek() & WaitBlock::LINKED != 0;
            if !is_its || !seen.insert(next) {
                self.fault(place, "blocks queued here, each once", format!("block {next}"));
                return;
            }
            self.same(format!("previous of block {next} of {place}"), previous, block.previous.peek());
            self.lost_wake(place, object, BlockId(next));
            count += 1;
            previous = next;
            next = block.next.peek();
        }
        self.same(format!("last of {place}"), previous, object.last_waiter.peek());
        self.same(place, self.tallies[number.index() as usize].wait_blocks, count);
        let is_noted = object.state.load() & WAITERS != 0;
        if is_noted != (count != 0) {
            self.fault(format!("{place}, in its state"), format!("noted: {}", count != 0), is_noted);
        }
    }

    /// Nobody sleeps who could go on. Timers are left out: who waits for one looks at the clock itself.
    fn lost_wake(&mut self, place: &str, object: &Object, id: BlockId) {
        let Ok(thread) = id.thread(self.arena) else { return };
        let Ok(seat) = self.arena.get(id.seat()) else { return };
        let waiting = thread.status.peek();
        if waiting & status::MASK != status::WAITING || seat.life() != Life::Alive {
            return;
        }
        let waiter = seat.id(id.seat());
        let is_signaled = |object: &Object| match Kind::from_tag(object.head.tag.peek()) {
            Some(Kind::Timer) | None => false,
            Some(kind) => dispatcher::is_signaled(kind, object.state.load(), waiter),
        };
        let count = (thread.count.peek() as usize).min(MAXIMUM_WAIT_OBJECTS);
        let mut objects = thread.blocks[..count]
            .iter()
            .filter_map(|block| self.arena.get::<Object>(Ref::from_index(block.object.peek())).ok());
        let could_go_on =
            if waiting & status::ALL != 0 { objects.all(is_signaled) } else { is_signaled(object) };
        if could_go_on {
            self.fault(place, "nobody who could go on", format!("thread {}", thread.id.load()));
        }
    }

    /// Holds what was counted against what the objects say.
    pub(super) fn totals(&mut self) {
        for number in self.arena.used::<Object>() {
            let Ok(object) = self.arena.get(number) else { continue };
            if self.objects.is_used(number.index()) {
                self.object(number, object);
            }
        }
    }

    fn object(&mut self, number: Ref<Object>, object: &Object) {
        let tag = object.head.tag.peek();
        let place = format!("object #{}", number.index());
        let Some(kind) = Kind::from_tag(tag) else {
            self.fault(place, "a kind of object", format!("tag {tag}"));
            return;
        };
        let place = format!("{kind:?} {place}");
        let state = object.state.load();
        let tally = self.tallies[number.index() as usize];
        if state & CLAIM != 0 {
            self.fault(&place, "not claimed while nobody decides about it", "claimed");
        }
        self.same(format!("handles to {place}"), tally.handles, object.handles.peek());
        let Tally { handles, wait_blocks, records, requests, views, .. } = tally;
        let references = object.references.peek();
        if references != handles + wait_blocks + records + requests + views {
            let expected = format!(
                "{handles} handles + {wait_blocks} wait blocks + {records} records + {requests} requests + {views} \
                 views"
            );
            self.fault(format!("references to {place}"), expected, references);
        }
        let is_kept = kind == Kind::Mutex && mutex::is_owned(state) || tally.is_unused;
        if references == 0 && !is_kept {
            self.fault(&place, "a reference", "none, and it was not freed");
        }
        let name = object.name.peek();
        if (name != 0) != (tally.names == 1) {
            self.fault(
                format!("name of {place}"),
                format!("{} in the table", tally.names),
                name_of(BlockRef(name)),
            );
        }
        if name != 0 && object.handles.peek() == 0 {
            self.fault(format!("name of {place}"), "gone with the last handle", "still there");
        }
        self.by_kind(&place, number, object, kind, state, tally);
    }

    fn by_kind(
        &mut self,
        place: &str,
        number: Ref<Object>,
        object: &Object,
        kind: Kind,
        state: u64,
        tally: Tally,
    ) {
        let value = value_of(state);
        let bits = match kind {
            Kind::Event => signal::SET | signal::MANUAL | signal::PULSED,
            Kind::Timer => signal::SET | signal::MANUAL | signal::ARMED,
            Kind::Process | Kind::Thread | Kind::Pipe | Kind::File | Kind::Mailslot => {
                signal::SET | signal::MANUAL
            }
            Kind::Mutex | Kind::Semaphore => u32::MAX,
            Kind::Section => 0,
        };
        if value & !bits != 0 {
            self.fault(format!("state of {place}"), format!("bits {bits:#x} at most"), format!("{value:#x}"));
        }
        if kind == Kind::Semaphore && value > object.limit.peek() {
            self.fault(format!("count of {place}"), format!("at most {}", object.limit.peek()), value);
        }
        if kind == Kind::Section {
            self.section(place, object, tally.views);
        }
        if kind == Kind::Timer {
            let has_routine = u32::from(object.body[timer::THREAD].peek() != 0);
            self.same(format!("lists of timers that have {place}"), has_routine, tally.timer_lists);
        }
        if kind != Kind::Mutex {
            return;
        }
        let Some(owner) = mutex::owner(state) else {
            return;
        };
        let seat = self.arena.get(owner.seat()).ok();
        if seat.is_none_or(|seat| seat.id(owner.seat()) != owner || seat.claim.load() == 0) {
            self.fault(format!("owner of {place}"), "a thread", format!("nobody ({:#x})", owner.0));
        } else if tally.owner_lists == 0 && !self.is_listed(number.index(), object, owner) {
            self.fault(
                format!("owner of {place}"),
                "a thread that has it in its list",
                format!("seat #{}", owner.seat().index()),
            );
        }
    }
}
