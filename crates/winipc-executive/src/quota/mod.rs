//! Quotas: what one process may take of the arena, so that one that leaks does not fill the world for all.
//!
//! Handles, threads and requests are limited in number, and the memory of names, queued calls and unread messages in
//! sum. Who makes something pays for it until it is gone, or until the process is.

use crate::arena::layout::{EXTENTS, Region};
use crate::arena::{Arena, Ref, Txn};
use crate::process::claim;
use crate::records::{Channel, Process};
use crate::status::{Result, Status};

/// Most requests of a process that are not over. A file's can all end in one transaction, so the journal must hold
/// them.
pub(crate) const MOST_REQUESTS: u32 = 1 << 14;
/// Most threads of a process: half of all.
pub(crate) const MOST_THREADS: usize = EXTENTS[Region::Seat as usize].capacity / 2;
/// Most bytes for the names, calls and messages of a process: half a region of blocks.
pub(crate) const MOST_MEMORY: u32 = 512 << 20;
/// The part of its file system that a process may fill with them.
pub(crate) const SHARE: u64 = 4;
/// The part of its quota that the messages of others leave to the process that pays for them.
const OWN_SHARE: u32 = 8;
/// What a handle is reckoned to take, with its object.
const BYTES_PER_HANDLE: u32 = 160;

/// Most handles of a process, if its table has room for more.
pub(crate) fn most_handles(arena: &Arena) -> u32 {
    arena.header().quota.load() / BYTES_PER_HANDLE
}

/// Who pays for memory, as it is stored beside it: the number of a process's record, and its generation. 0 is nobody.
///
/// A process that is not attached any more pays nothing, and is given nothing back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Payer(pub(crate) u32);

impl Payer {
    pub(crate) const NOBODY: Payer = Payer(0);
    const NUMBER_BITS: u32 = 12;

    pub(crate) fn of(reference: Ref<Process>, process: &Process) -> Self {
        Payer(process.generation.load() << Self::NUMBER_BITS | reference.index())
    }

    /// The process whose record has a number.
    pub(crate) fn number(arena: &Arena, number: u32) -> Result<Self> {
        let reference = Ref::from_index(number);
        Ok(Payer::of(reference, arena.get(reference)?))
    }

    /// The process whose thread has the lock.
    pub(crate) fn holder(lock: &Txn<'_>) -> Result<Self> {
        Payer::number(lock.arena(), lock.process())
    }

    fn process(self, arena: &Arena) -> Option<&Process> {
        let reference = Ref::from_index(self.0 & ((1 << Self::NUMBER_BITS) - 1));
        let process = arena.get(reference.some()?).ok()?;
        let is_it = Payer::of(reference, process) == self && process.claim.load() == claim::ATTACHED;
        is_it.then_some(process)
    }
}

const _: () = assert!(EXTENTS[Region::Process as usize].capacity <= 1 << Payer::NUMBER_BITS);

/// Has a process pay for memory.
///
/// # Errors
/// [`Status::QUOTA_EXCEEDED`]: it has too much already.
pub(crate) fn charge(lock: &mut Txn<'_>, payer: Payer, bytes: u32) -> Result<()> {
    charge_up_to(lock, payer, bytes, lock.arena().header().quota.load())
}

fn charge_up_to(lock: &mut Txn<'_>, payer: Payer, bytes: u32, most: u32) -> Result<()> {
    let Some(process) = payer.process(lock.arena()) else { return Ok(()) };
    let sum = process.charge.get(lock).saturating_add(bytes);
    if sum > most {
        return Err(Status::QUOTA_EXCEEDED);
    }
    process.charge.set(lock, sum);
    Ok(())
}

/// Most bytes of a process's for which others may have it pay.
fn left_to_others(lock: &Txn<'_>) -> u32 {
    let quota = lock.arena().header().quota.load();
    quota - quota / OWN_SHARE
}

/// Has a process pay for what another has made for it. A part of its quota is left to it, so that it can go on.
///
/// # Errors
/// [`Status::QUOTA_EXCEEDED`]: it has too much already.
pub(crate) fn charge_for_others(lock: &mut Txn<'_>, payer: Payer, bytes: u32) -> Result<()> {
    let most = left_to_others(lock);
    charge_up_to(lock, payer, bytes, most)
}

/// Has a process pay for what can no longer be refused.
pub(crate) fn charge_anyway(lock: &mut Txn<'_>, payer: Payer, bytes: u32) {
    if let Some(process) = payer.process(lock.arena()) {
        let sum = process.charge.get(lock).saturating_add(bytes);
        process.charge.set(lock, sum);
    }
}

/// Makes sure that a process may begin what will be charged to it later.
///
/// # Errors
/// [`Status::QUOTA_EXCEEDED`]: it has too much already.
pub(crate) fn require(arena: &Arena, process: &Process) -> Result<()> {
    if process.charge.peek() >= arena.header().quota.load() { Err(Status::QUOTA_EXCEEDED) } else { Ok(()) }
}

/// Gives back what was charged.
pub(crate) fn give_back(lock: &mut Txn<'_>, payer: Payer, bytes: u32) {
    if let Some(process) = payer.process(lock.arena()) {
        let sum = process.charge.get(lock).saturating_sub(bytes);
        process.charge.set(lock, sum);
    }
}

/// A channel that has once been charged this much keeps it: most are never charged again.
const KEPT: u32 = 16 << 10;
/// The least that a channel is charged, and the step above which what it is charged no longer doubles.
const LEAST: u32 = 512;
const STEP: u32 = 64 << 10;

/// What is charged for so many bytes of messages.
fn reserve_for(memory: u32) -> u32 {
    if memory <= STEP {
        memory.next_power_of_two().max(LEAST)
    } else {
        memory.checked_next_multiple_of(STEP).unwrap_or(u32::MAX)
    }
}

/// Messages take more memory of a channel's now. What is charged for them is a reserve, so that this nearly never
/// touches the process's record: it is raised when they outgrow it, and lowered when they take less than a quarter.
///
/// # Errors
/// [`Status::QUOTA_EXCEEDED`]: the process that pays for the channel has too much already.
#[inline]
pub(crate) fn add_message(lock: &mut Txn<'_>, channel: &Channel, bytes: u32) -> Result<()> {
    add(lock, channel, bytes, |lock| lock.arena().header().quota.load())
}

/// As [`add_message`], where others write at the expense of the process. They leave it a part of its quota, so that it
/// can go on, and read what they have written.
///
/// # Errors
/// As [`add_message`].
#[inline]
pub(crate) fn add_message_of_others(lock: &mut Txn<'_>, channel: &Channel, bytes: u32) -> Result<()> {
    add(lock, channel, bytes, left_to_others)
}

#[inline(always)]
fn add(lock: &mut Txn<'_>, channel: &Channel, bytes: u32, most: impl FnOnce(&Txn<'_>) -> u32) -> Result<()> {
    let memory = channel.memory.get(lock).saturating_add(bytes);
    if memory > channel.charged.get(lock) {
        let most = most(lock);
        raise(lock, channel, memory, most)?;
    }
    channel.memory.set(lock, memory);
    Ok(())
}

/// They take less.
#[inline]
pub(crate) fn remove_message(lock: &mut Txn<'_>, channel: &Channel, bytes: u32) {
    let memory = channel.memory.get(lock).saturating_sub(bytes);
    channel.memory.set(lock, memory);
    let charged = channel.charged.get(lock);
    if charged > KEPT && memory < charged / 4 {
        let less = reserve_for(memory).max(KEPT);
        give_back(lock, Payer(channel.payer.get(lock)), charged - less);
        channel.charged.set(lock, less);
    }
}

/// They take nothing any more.
pub(crate) fn remove_messages(lock: &mut Txn<'_>, channel: &Channel) {
    let charged = channel.charged.get(lock);
    give_back(lock, Payer(channel.payer.get(lock)), charged);
    for word in [&channel.memory, &channel.charged, &channel.payer] {
        word.set(lock, 0);
    }
}

#[cold]
fn raise(lock: &mut Txn<'_>, channel: &Channel, memory: u32, most: u32) -> Result<()> {
    let mut payer = Payer(channel.payer.get(lock));
    let mut charged = channel.charged.get(lock);
    if payer.process(lock.arena()).is_none() {
        // The first who writes, or the next after the one who paid has ended.
        payer = Payer::holder(lock)?;
        charged = 0;
        channel.payer.set(lock, payer.0);
    }
    let more = reserve_for(memory);
    charge_up_to(lock, payer, more.saturating_sub(charged), most)?;
    channel.charged.set(lock, more);
    Ok(())
}

#[cfg(test)]
mod tests;
