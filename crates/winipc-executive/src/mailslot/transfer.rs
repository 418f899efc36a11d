//! What is written to a slot and read from it.

use core::time::Duration;

use crate::arena::Ref;
use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::arena::futex::monotonic_now;
use crate::channel::{self, Mode, PAYER};
use crate::context::Current;
use crate::dispatcher;
use crate::handle::Found;
use crate::io::{self, Operation, Outcome, Overlapped, ReadBuffer, Report};
use crate::name::{self, Name};
use crate::quota::{self, Payer};
use crate::records::{Mailslot, Object, Request};
use crate::spin::Spinner;
use crate::status::{Result, Status};

use super::{DATAGRAM_NAME, LONGEST_DATAGRAM, SLOT, WAIT_FOREVER, is_server, slot_behind, slot_of};

/// Reads a message from the server's end.
pub(crate) fn read(
    current: &Current,
    file: &Found,
    buffer: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    if !is_server(file.object) {
        return Err(Status::INVALID_PARAMETER);
    }
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    if report.is_none() {
        spin_for_message(current, file);
    }
    let mut lock = current.begin()?;
    channel::reclaim(&mut lock, current.thread)?;
    let slot = slot_of(&lock, file)?.ok_or(Status::INVALID_HANDLE)?;
    let channel = &slot.channel;
    if let Some(taken) = channel::take(&mut lock, channel, buffer.length(), Mode::WholeMessage)? {
        if taken.status != Status::SUCCESS {
            return io::fail(lock, file, taken.status);
        }
        let count = taken.count;
        let messages = slot.messages.get(&lock);
        slot.messages.set(&mut lock, messages.wrapping_sub(1));
        let payer = Payer(lock.arena().block(taken.whole)?.words[PAYER].get(&lock));
        if payer != Payer::NOBODY {
            let memory = lock.memory_of(taken.whole)?;
            quota::give_back(&mut lock, payer, memory);
        }
        channel::copy_taken(lock, current, taken, &buffer)?;
        return io::done(current, file, report, Status::SUCCESS, count);
    }
    let timeout_ms = slot.timeout.get(&lock);
    if timeout_ms == 0 {
        return io::fail(lock, file, Status::IO_TIMEOUT);
    }
    let deadline = (timeout_ms != WAIT_FOREVER).then(|| monotonic_now() + u64::from(timeout_ms) * 1_000_000);
    let length = buffer.length();
    let (reference, request) = io::issue(&mut lock, current, Operation::Read, file.reference, length)?;
    io::enqueue(&mut lock, &channel.first_reader, &channel.last_reader, reference, request)?;
    dispatcher::set_signal(&mut lock, file.object, false)?;
    request.flags.set(&mut lock, Mode::WholeMessage.flags());
    if let Some(report) = report {
        return io::pend(lock, current, request, report, Some(buffer), deadline);
    }
    // Whoever has spun in vain sleeps now.
    let wait = io::Wait { spinner: None, deadline };
    channel::wait_for_message(lock, current, file, (reference, request), &buffer, report, wait)
}

/// Looks for a message for a while before the lock is taken to wait for one.
fn spin_for_message(current: &Current, file: &Found) {
    let Some(slot) = peek_slot(current, file) else { return };
    let is_ready = || channel::has_data(&slot.channel) || slot.server.peek() == 0;
    if !is_ready() {
        Spinner::new(Some(Duration::from_millis(slot.timeout.peek().into()))).spin(is_ready);
    }
}

/// The slot, without the lock: for those who only look whether there is anything to do.
fn peek_slot(current: &Current, file: &Found) -> Option<&'static Mailslot> {
    let slot = Ref::<Mailslot>::from_index(file.object.body[SLOT].peek() as u32).some()?;
    current.arena().get(slot).ok()
}

/// Writes a message to a client's end.
pub(crate) fn write(
    current: &Current,
    file: &Found,
    data: &[u8],
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    // The longest message of a slot never changes, and a slot stays as long as its clients.
    let may_be = match peek_slot(current, file) {
        Some(slot) => fits(slot.maximum.peek(), data.len()),
        None => Ok(()),
    };
    let message = match may_be {
        Ok(()) => channel::stage(current, data)?,
        Err(status) => {
            let lock = current.begin()?;
            slot_of(&lock, file)?;
            return io::fail(lock, file, status);
        }
    };
    let mut lock = current.begin()?;
    channel::reclaim(&mut lock, current.thread)?;
    let slot = match slot_of(&lock, file)? {
        Some(slot) if slot.server.get(&lock) == 0 => {
            return io::fail(lock, file, Status::FILE_FORCED_CLOSED);
        }
        Some(slot) => Some(slot),
        None if data.len() > LONGEST_DATAGRAM => return io::fail(lock, file, Status::BAD_NETWORK_PATH),
        None => receiver(&lock, file.object, data.len())?,
    };
    if let Some(slot) = slot {
        current.thread.spare_block.set(&mut lock, 0);
        channel::prepare(&mut lock, message, data.len())?;
        deliver(&mut lock, slot, message)?;
        channel::restock(&mut lock, current, message, data.len())?;
    }
    lock.commit()?;
    io::done(current, file, report, Status::SUCCESS, data.len())
}

/// Whether a slot takes messages of a length.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: it does not.
fn fits(maximum: u32, length: usize) -> Result<()> {
    let is_too_long = maximum != 0 && length > maximum as usize || u32::try_from(length).is_err();
    if is_too_long { Err(Status::INVALID_PARAMETER) } else { Ok(()) }
}

/// The slot that takes a datagram, if there is one.
fn receiver(lock: &Txn<'static>, file: &Object, length: usize) -> Result<Option<&'static Mailslot>> {
    let units = name::units(lock, BlockRef(file.body[DATAGRAM_NAME].get(lock) as u32))?;
    let Some(target) = name::find(lock, &Name::mailslot(&units))? else { return Ok(None) };
    let slot: &Mailslot = lock.arena().get(Ref::from_index(target))?;
    Ok(fits(slot.maximum.get(lock), length).is_ok().then_some(slot))
}

/// Gives a message to who waits for one, or leaves it in the slot, at the expense of the slot's payer and of the
/// calling process: the one bounds what writers leave behind that have ended, the other what one writer leaves in many
/// slots.
fn deliver(lock: &mut Txn<'static>, slot: &Mailslot, message: BlockRef) -> Result<()> {
    let channel = &slot.channel;
    channel::link(lock, channel, message)?;
    channel::serve_readers(lock, channel)?;
    if channel.last.get(lock) != message.0 {
        return Ok(());
    }
    let memory = lock.memory_of(message)?;
    quota::add_message_of_others(lock, channel, memory)?;
    let payer = Payer::holder(lock)?;
    if payer.0 != channel.payer.get(lock) {
        quota::charge(lock, payer, memory)?;
        lock.arena().block(message)?.words[PAYER].set(lock, payer.0);
    }
    let messages = slot.messages.get(lock);
    slot.messages.set(lock, messages.wrapping_add(1));
    Ok(())
}

/// Takes a pending read out of the queue it waits in.
pub(crate) fn withdraw(lock: &mut Txn<'static>, file: &Object, request: &Request) -> Result<()> {
    let Some(slot) = slot_behind(lock, file)? else { return Err(Status::ARENA_CORRUPT) };
    let channel = &slot.channel;
    io::dequeue(lock, &channel.first_reader, &channel.last_reader, request)
}
