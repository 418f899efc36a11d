//! What can be asked about a slot, and its read time-out.

use crate::arena::Txn;
use crate::arena::block::BlockRef;
use crate::channel;
use crate::context::current;
use crate::handle::{Handle, look_up};
use crate::records::{Kind, Mailslot};
use crate::status::{Result, Status};

use super::{is_server, slot_of};

/// What a slot is like and what lies in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// Longest message in bytes, 0 for any, as its creator said.
    pub max_message: u32,
    /// Bytes of the next message; `None` if there is none.
    pub next: Option<u32>,
    /// Unread messages, empty ones included.
    pub messages: u32,
    /// How long a read waits, in milliseconds; [`WAIT_FOREVER`](super::WAIT_FOREVER).
    pub timeout_ms: u32,
}

/// Tells what a slot is like.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no mailslot. [`Status::INVALID_PARAMETER`]: a client's
/// end.
///
/// # References
/// - `docs/conformance.md`, 6.1
pub fn info(mailslot: Handle) -> Result<Info> {
    with_slot(mailslot, |lock, slot| {
        let next = match BlockRef(slot.channel.first.get(lock)) {
            BlockRef::NONE => None,
            message => Some(channel::rest_of(lock, lock.arena().block(message)?)),
        };
        Ok(Info {
            max_message: slot.maximum.get(lock),
            next,
            messages: slot.messages.get(lock),
            timeout_ms: slot.timeout.get(lock),
        })
    })
}

/// Sets how long later reads wait, through any handle to the slot: milliseconds, or
/// [`WAIT_FOREVER`](super::WAIT_FOREVER).
///
/// # Errors
/// As [`info`].
///
/// # References
/// - `docs/conformance.md`, 6.1
pub fn set_timeout(mailslot: Handle, timeout_ms: u32) -> Result<()> {
    with_slot(mailslot, |lock, slot| {
        slot.timeout.set(lock, timeout_ms);
        Ok(())
    })
}

fn with_slot<T>(mailslot: Handle, call: impl FnOnce(&mut Txn<'static>, &Mailslot) -> Result<T>) -> Result<T> {
    let current = current()?;
    let found = look_up(&current, mailslot)?.require(Kind::Mailslot, 0)?;
    if !is_server(found.object) {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut lock = current.begin()?;
    let slot = slot_of(&lock, &found)?.ok_or(Status::INVALID_HANDLE)?;
    let result = call(&mut lock, slot)?;
    lock.commit()?;
    Ok(result)
}
