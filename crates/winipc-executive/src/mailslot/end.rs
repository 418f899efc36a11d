//! How a slot and its ends come and go.

use crate::access::{self, file};
use crate::arena::block::BlockRef;
use crate::arena::{Ref, Txn};
use crate::channel;
use crate::context::current;
use crate::death;
use crate::dispatcher::signal;
use crate::handle::{self, Handle};
use crate::io::end::{BUSY, CLIENT, IDLE, IS_OVERLAPPED, SERVER, SIDE};
use crate::name::{self, Name};
use crate::object;
use crate::quota::Payer;
use crate::records::{Kind, Mailslot, Object};
use crate::status::{Result, Status};

use super::{DATAGRAM_NAME, SLOT, is_server, slot_behind};

/// Longest message in bytes to a name of another machine or of several.
pub const LONGEST_DATAGRAM: usize = 424;

/// WRITE_DAC.
const WRITE_DAC: u32 = 0x4_0000;

/// How [`create`] makes a slot.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    /// Longest message in bytes; 0 for any.
    pub max_message: u32,
    /// How long a read waits for a message, in milliseconds; [`WAIT_FOREVER`](super::WAIT_FOREVER).
    pub timeout_ms: u32,
    /// Children inherit the handle.
    pub inherit: bool,
}

/// Creates a slot and its server's end, which reads.
///
/// `name` is what follows `\\.\mailslot\`, at least one character.
///
/// # Errors
/// [`Status::OBJECT_NAME_INVALID`]: the name is empty. [`Status::OBJECT_NAME_COLLISION`]: a slot has it.
///
/// # References
/// - `docs/conformance.md`, 6.1
pub fn create(name: &[u16], server: &Server) -> Result<Handle> {
    if name.is_empty() {
        return Err(Status::OBJECT_NAME_INVALID);
    }
    let current = current()?;
    death::bury_the_dead(&current);
    let mut lock = current.begin()?;
    let name = Name::mailslot(name);
    if name::find(&lock, &name)?.is_some() {
        return Err(Status::OBJECT_NAME_COLLISION);
    }
    let reference = lock.allocate::<Mailslot>(1)?;
    let slot: &Mailslot = lock.arena().get(reference)?;
    let block = name::insert(&mut lock, &name, reference.index())?;
    let end = make_end(&mut lock, reference.index(), SERVER, true)?;
    for (word, value) in [
        (&slot.name, block.0),
        (&slot.server, end.index()),
        (&slot.clients, 0),
        (&slot.maximum, server.max_message),
        (&slot.timeout, server.timeout_ms),
        (&slot.messages, 0),
    ] {
        word.set(&mut lock, value);
    }
    // No quota: nobody waits for room. It is less than the most there can be, where the sum of unread bytes stays.
    channel::reset(&mut lock, &slot.channel, u32::MAX - 1);
    let payer = Payer::holder(&lock)?;
    slot.channel.payer.set(&mut lock, payer.0);
    let access = file::GENERIC_READ | WRITE_DAC;
    let handle = handle::insert(&mut lock, current.process(), end, access, server.inherit)?;
    lock.commit()?;
    Ok(handle)
}

/// Opens a client's end of a slot, which writes.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: there is no such slot. [`Status::ACCESS_DENIED`]: a right that no file has.
///
/// # References
/// - `docs/conformance.md`, 6.1
pub fn open(name: &[u16], desired: u32, overlapped: bool, inherit: bool) -> Result<Handle> {
    let current = current()?;
    death::bury_the_dead(&current);
    let mut lock = current.begin()?;
    let target = name::find(&lock, &Name::mailslot(name))?.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
    let access = client_access(desired)?;
    let slot: &Mailslot = lock.arena().get(Ref::from_index(target))?;
    let clients = slot.clients.get(&lock);
    slot.clients.set(&mut lock, clients.wrapping_add(1));
    let end = make_end(&mut lock, target, CLIENT, overlapped)?;
    let handle = handle::insert(&mut lock, current.process(), end, access, inherit)?;
    lock.commit()?;
    Ok(handle)
}

/// Opens a client's end that sends datagrams to whatever slot has a name when each is written, also if there is none.
///
/// # Errors
/// [`Status::OBJECT_NAME_INVALID`]: the name is empty. [`Status::ACCESS_DENIED`]: a right that no file has.
///
/// # References
/// - `docs/conformance.md`, 6.2
pub fn open_datagram(name: &[u16], desired: u32, overlapped: bool, inherit: bool) -> Result<Handle> {
    if name.is_empty() {
        return Err(Status::OBJECT_NAME_INVALID);
    }
    let current = current()?;
    let access = client_access(desired)?;
    let mut lock = current.begin()?;
    let end = make_end(&mut lock, 0, CLIENT, overlapped)?;
    let block = name::store(&mut lock, name)?;
    lock.arena().get(end)?.body[DATAGRAM_NAME].set(&mut lock, u64::from(block.0));
    let handle = handle::insert(&mut lock, current.process(), end, access, inherit)?;
    lock.commit()?;
    Ok(handle)
}

fn client_access(desired: u32) -> Result<u32> {
    access::grant(Kind::Mailslot, desired | file::READ_ATTRIBUTES | access::SYNCHRONIZE)
}

fn make_end(lock: &mut Txn<'static>, slot: u32, side: usize, overlapped: bool) -> Result<Ref<Object>> {
    let end = object::allocate(lock, Kind::Mailslot, signal::MANUAL | signal::SET)?;
    let object: &Object = lock.arena().get(end)?;
    let overlapped = if overlapped { IS_OVERLAPPED } else { 0 };
    for (word, value) in
        [(SLOT, u64::from(slot)), (SIDE, side as u64 | overlapped), (BUSY, 0), (IDLE, 0), (DATAGRAM_NAME, 0)]
    {
        object.body[word].set(lock, value);
    }
    Ok(end)
}

/// The last handle to an end is closed. After the commit [`channel::sweep`] is due.
pub(crate) fn end_closed(lock: &mut Txn<'static>, reference: Ref<Object>, object: &Object) -> Result<()> {
    let datagram_name = BlockRef(object.body[DATAGRAM_NAME].get(lock) as u32);
    if !datagram_name.is_none() {
        object.body[DATAGRAM_NAME].set(lock, 0);
        return name::discard(lock, datagram_name);
    }
    let Some(slot) = slot_behind(lock, object)? else { return Err(Status::ARENA_CORRUPT) };
    let slot_reference = Ref::<Mailslot>::from_index(object.body[SLOT].get(lock) as u32);
    if is_server(object) {
        if slot.server.get(lock) != reference.index() {
            return Err(Status::ARENA_CORRUPT);
        }
        let channel = &slot.channel;
        let status = Status::FILE_FORCED_CLOSED;
        channel::fail_queue(lock, &channel.first_reader, &channel.last_reader, status)?;
        channel::discard(lock, channel)?;
        slot.messages.set(lock, 0);
        slot.server.set(lock, 0);
        let name = BlockRef(slot.name.get(lock));
        slot.name.set(lock, 0);
        name::remove(lock, name)?;
    } else {
        let clients = slot.clients.get(lock);
        slot.clients.set(lock, clients.wrapping_sub(1));
    }
    object.body[SLOT].set(lock, 0);
    let is_over = slot.server.get(lock) == 0 && slot.clients.get(lock) == 0;
    if is_over { lock.free(slot_reference) } else { Ok(()) }
}
