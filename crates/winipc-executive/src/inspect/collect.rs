//! Reads the arena into plain data, with the lock or without: every reference is checked and every walk is bounded.

use core::time::Duration;
use std::collections::{HashMap, HashSet};

use super::blocked::{self, Blocked};
use super::view::{
    Call, Holder, Listing, ObjectView, PipeState, State, ThreadId, Waiter, thread_at, thread_of,
};
use crate::arena::block::BlockRef;
use crate::arena::futex::{monotonic_now, real_time_now};
use crate::arena::state::value_of;
use crate::arena::{Arena, Ref};
use crate::dispatcher::{BlockId, signal, status};
use crate::handle::{self, Handle};
use crate::io::Operation;
use crate::io::end::{self, SERVER};
use crate::pipe;
use crate::records::{
    Instance, Kind, MAXIMUM_WAIT_OBJECTS, Mailslot, Object, Pipe, Process, Request, Thread,
};
use crate::{file, mailslot, mutex, name, process, section, thread, timer};

/// Everything that is in the arena.
pub(super) fn listing(arena: &Arena) -> Listing {
    let now = monotonic_now();
    let mut objects = Vec::new();
    let mut owners = Vec::new();
    let mut places = HashMap::new();
    let mut records = Vec::new();
    for reference in arena.used::<Object>() {
        let Ok(object) = arena.get(reference) else { continue };
        let Some(kind) = Kind::from_tag(object.head.tag.peek()) else { continue };
        // What a process keeps for its next section is nobody's.
        if kind == Kind::Section && object.body[section::FLAGS].peek() & section::SPARE != 0 {
            continue;
        }
        places.insert(reference.index(), objects.len());
        records.push(object);
        owners.push(owner(arena, kind, object));
        objects.push(ObjectView {
            kind,
            name: name(arena, kind, object),
            state: state(arena, kind, object),
            handle_count: object.handles.peek(),
            holders: Vec::new(),
            waiters: Vec::new(),
        });
    }
    add_holders(arena, &places, &mut objects);
    let mut blocked = blocked_threads(arena, &places, now);
    for thread in &blocked {
        for object in &thread.objects {
            let waiter = Waiter { thread: thread.thread, call: thread.call, blocked_for: thread.blocked_for };
            objects[*object].waiters.push(waiter);
        }
    }
    sort_by_arrival(arena, &records, &mut objects);
    blocked::follow(&mut blocked, &owners);
    Listing { objects, blocked, lock_holder: None }
}

/// The thread that has to act before a wait for the object is satisfied, where it is one thread.
fn owner(arena: &Arena, kind: Kind, object: &Object) -> Option<ThreadId> {
    match kind {
        Kind::Mutex => mutex::owner(object.state.load()).map(|owner| thread_of(arena, owner)),
        Kind::Thread if value_of(object.state.load()) & signal::SET == 0 => {
            Some(thread_of(arena, thread::seat_of(object)))
        }
        _ => None,
    }
}

fn state(arena: &Arena, kind: Kind, object: &Object) -> State {
    let word = object.state.load();
    let value = value_of(word);
    let set = value & signal::SET != 0;
    let manual_reset = value & signal::MANUAL != 0;
    let body = |index: usize| object.body[index].peek();
    let ended_with = |code: usize| set.then(|| body(code) as u32);
    match kind {
        Kind::Event => State::Event { set, manual_reset },
        Kind::Mutex => State::Mutex {
            owner: mutex::owner(word).map(|owner| thread_of(arena, owner)),
            recursion: object.recursion.load(),
            abandoned: mutex::is_abandoned(word),
        },
        Kind::Semaphore => State::Semaphore { count: value, maximum: object.limit.peek() },
        Kind::Timer => {
            let absolute = body(timer::ABSOLUTE) != 0;
            let now = if absolute { real_time_now() } else { monotonic_now() };
            let is_running = value & signal::ARMED != 0;
            State::Timer {
                set,
                manual_reset,
                due: is_running.then(|| Duration::from_nanos(body(timer::DUE).saturating_sub(now))),
                period: Some(Duration::from_nanos(body(timer::PERIOD)))
                    .filter(|period| is_running && !period.is_zero()),
                absolute: is_running && absolute,
            }
        }
        Kind::Process => {
            State::Process { id: body(process::ID) as u32, exit_code: ended_with(process::EXIT_CODE) }
        }
        Kind::Thread => {
            State::Thread { id: body(thread::ID) as u32, exit_code: ended_with(thread::EXIT_CODE) }
        }
        Kind::Mailslot => {
            let slot = slot_of(arena, object);
            let message = slot.and_then(|slot| arena.block(BlockRef(slot.channel.first.peek())).ok());
            State::Mailslot {
                is_server: mailslot::is_server(object),
                messages: slot.map_or(0, |slot| slot.messages.peek()),
                next: message.map(|message| message.length.peek()),
                max_message: slot.map_or(0, |slot| slot.maximum.peek()),
                timeout_ms: slot.map_or(0, |slot| slot.timeout.peek()),
                is_gone: slot.is_some_and(|slot| slot.server.peek() == 0),
            }
        }
        Kind::File => {
            State::File { is: file::type_in(object), is_written: end::side_of(body(end::SIDE)) != SERVER }
        }
        Kind::Section => State::Section {
            size: body(section::SIZE),
            protection: section::protection_of(body(section::FLAGS)),
            reserved: body(section::FLAGS) & section::RESERVED != 0,
            views: body(section::VIEWS) as u32,
        },
        Kind::Pipe => {
            let side = end::side_of(body(end::SIDE));
            let instance = instance_of(arena, object);
            State::Pipe {
                is_server: side == SERVER,
                state: match instance.map(|instance| instance.state.peek()) {
                    Some(pipe::state::LISTENING) => PipeState::Listening,
                    Some(pipe::state::CONNECTED) => PipeState::Connected,
                    Some(pipe::state::CLOSING) => PipeState::Closing,
                    _ => PipeState::Disconnected,
                },
                unread: instance.map_or(0, |instance| {
                    let channel = &instance.channels[side];
                    channel.settled.peek().saturating_add(channel.unsettled.peek())
                }),
            }
        }
    }
}

fn name(arena: &Arena, kind: Kind, object: &Object) -> Option<String> {
    let block = match kind {
        Kind::Pipe => {
            let pipe = Ref::<Pipe>::from_index(instance_of(arena, object)?.pipe.peek()).some()?;
            arena.get(pipe).ok()?.name.peek()
        }
        Kind::Mailslot => match slot_of(arena, object) {
            Some(slot) => slot.name.peek(),
            None => return datagram_name(arena, object),
        },
        _ => object.name.peek(),
    };
    name::text(arena, BlockRef(block))
}

/// The name that a client of mailslots sends datagrams to.
fn datagram_name(arena: &Arena, object: &Object) -> Option<String> {
    let name = BlockRef(u32::try_from(object.body[mailslot::DATAGRAM_NAME].peek()).ok()?);
    let units = name::stored_units(arena, name)?;
    Some(format!("\\\\*\\mailslot\\{}", String::from_utf16_lossy(&units)))
}

/// The slot that an end of a mailslot belongs to.
fn slot_of<'a>(arena: &'a Arena, object: &Object) -> Option<&'a Mailslot> {
    let number = u32::try_from(object.body[mailslot::SLOT].peek()).ok()?;
    arena.get(Ref::<Mailslot>::from_index(number).some()?).ok()
}

/// The instance that an end of a pipe belongs to.
fn instance_of<'a>(arena: &'a Arena, object: &Object) -> Option<&'a Instance> {
    let number = u32::try_from(object.body[pipe::INSTANCE].peek()).ok()?;
    arena.get(Ref::<Instance>::from_index(number).some()?).ok()
}

/// Enters the handles of all processes.
fn add_holders(arena: &Arena, places: &HashMap<u32, usize>, objects: &mut [ObjectView]) {
    let mut pages = HashSet::new();
    for (_, process) in process::all(arena) {
        let id = process.id.load();
        for (index, entry) in handles(arena, process, &mut pages) {
            let Some(place) = places.get(&entry.object().index()) else { continue };
            let holders = &mut objects[*place].holders;
            let handle = Handle::from_index(index);
            match holders.last_mut() {
                Some(last) if last.process == id => last.handles.push(handle),
                _ => holders.push(Holder { process: id, handles: vec![handle] }),
            }
        }
    }
}

/// The live entries of a process's handle table, on pages that are not in `pages` yet: a page belongs to one table.
fn handles<'a>(
    arena: &'a Arena,
    process: &'a Process,
    pages: &mut HashSet<u32>,
) -> impl Iterator<Item = (u32, handle::Entry)> + use<'a> {
    let own: Vec<_> = handle::pages(arena, process).filter(|(_, number, _)| pages.insert(*number)).collect();
    own.into_iter().flat_map(|(first, _, page)| {
        let entries = page.entries.iter().map(|word| handle::Entry(word.peek()));
        (first..).zip(entries).filter(|(_, entry)| entry.is_live())
    })
}

fn blocked_threads(arena: &Arena, places: &HashMap<u32, usize>, now: u64) -> Vec<Blocked> {
    let mut blocked = Vec::new();
    for (seat, _) in arena.seats() {
        let Ok(thread) = arena.get::<Thread>(Ref::from_index(seat.index())) else { continue };
        let waiting = thread.status.peek();
        if waiting & status::MASK != status::WAITING {
            continue;
        }
        let count = (thread.count.peek() as usize).min(MAXIMUM_WAIT_OBJECTS);
        let waited = thread.blocks[..count].iter().map(|block| block.object.peek());
        let request = Ref::<Request>::from_index(thread.synchronous.peek()).some();
        let request = request.and_then(|request| arena.get(request).ok());
        let call = match request.and_then(|request| Operation::from_tag(request.head.tag.peek())) {
            Some(Operation::Read) => Call::Read,
            Some(Operation::Write) => Call::Write,
            Some(Operation::Connect) => Call::Connect,
            Some(Operation::Flush) => Call::Flush,
            None if waiting & status::ALL != 0 => Call::WaitAll,
            None => Call::WaitAny,
        };
        let file = request.map(|request| request.file.peek());
        blocked.push(Blocked {
            thread: thread_at(arena, seat),
            call,
            alertable: waiting & status::ALERTABLE != 0,
            blocked_for: Duration::from_nanos(now.saturating_sub(thread.blocked_since.load())),
            objects: waited.chain(file).filter_map(|object| places.get(&object).copied()).collect(),
            chain: Vec::new(),
            is_deadlocked: false,
        });
    }
    blocked
}

/// Puts the waiters of each object in the order in which they will be served.
fn sort_by_arrival(arena: &Arena, records: &[&Object], objects: &mut [ObjectView]) {
    let mut seen = HashSet::new();
    for (record, object) in records.iter().zip(objects) {
        let mut order = HashMap::new();
        let mut next = record.first_waiter.peek();
        while next != 0 && seen.insert(next) {
            let id = BlockId(next);
            let Ok(block) = id.block(arena) else { break };
            order.insert(thread_at(arena, id.seat()), order.len());
            next = block.next.peek();
        }
        object.waiters.sort_by_key(|waiter| order.get(&waiter.thread).copied().unwrap_or(usize::MAX));
    }
}
