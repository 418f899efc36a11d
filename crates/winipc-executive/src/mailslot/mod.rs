//! Mailslots: one who reads, many who write, and whole messages between them.
//!
//! A slot is a [channel](crate::channel) without a quota of its own: the server's end reads from it, and every client's
//! end writes to it. For what lies there unread its creator pays, and each writer for its own messages, too. It goes
//! with the last handle to the server's end, and its messages with it; clients that are still open are told so when
//! they write.
//!
//! A client that was opened for a name as datagrams are sent to it belongs to no slot: each of its messages goes to the
//! slot that has the name then, or is lost.
//!
//! # References
//! - `docs/conformance.md`, 6

mod end;
mod information;
mod transfer;

pub use crate::name::is_here;
pub(crate) use end::end_closed;
pub use end::{LONGEST_DATAGRAM, Server, create, open, open_datagram};
pub use information::{Info, info, set_timeout};
pub(crate) use transfer::{read, withdraw, write};

use crate::arena::{Ref, Txn};
use crate::handle::Found;
use crate::io::end::{SERVER, SIDE, side_of};
use crate::records::{Mailslot, Object};
use crate::status::{Result, Status};

/// Words of an end's object, beside those of every [file's end](crate::io::end). No end has a blocking request.
/// The slot; 0 of a client that sends datagrams.
pub(crate) const SLOT: usize = 0;
/// The block with the name to which a client sends datagrams; 0 of every other end.
pub(crate) const DATAGRAM_NAME: usize = 4;

/// A read time-out that never ends, in milliseconds.
pub const WAIT_FOREVER: u32 = u32::MAX;

pub(crate) fn is_server(file: &Object) -> bool {
    side_of(file.body[SIDE].peek()) == SERVER
}

/// The slot that an end belongs to; `None` for a client that sends datagrams.
///
/// # Errors
/// [`Status::INVALID_HANDLE`]: the end has been closed.
fn slot_of(lock: &Txn<'static>, file: &Found) -> Result<Option<&'static Mailslot>> {
    if !file.is_current(lock) {
        return Err(Status::INVALID_HANDLE);
    }
    match slot_behind(lock, file.object)? {
        None if file.object.body[DATAGRAM_NAME].get(lock) == 0 => Err(Status::INVALID_HANDLE),
        slot => Ok(slot),
    }
}

fn slot_behind(lock: &Txn<'static>, file: &Object) -> Result<Option<&'static Mailslot>> {
    match Ref::from_index(file.body[SLOT].get(lock) as u32).some() {
        Some(slot) => Ok(Some(lock.arena().get(slot)?)),
        None => Ok(None),
    }
}
