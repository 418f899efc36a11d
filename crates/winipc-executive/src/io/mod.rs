//! Requests: all input and output.
//!
//! A call that can be done at once is done. Every other becomes a request, which somebody completes: who brings what it
//! waits for, who cancels it, or who buries its issuer. A blocking call is a request and a wait for it. An overlapped
//! one is delivered: its bytes and its result reach the caller's memory in the caller's process, before any call
//! returns through which the caller could learn that it is complete.
//!
//! What the files of all kinds have in common is in `end`, a request's life is in `request`, how it tells the caller in
//! `report` and `delivery`, how it ends early in `cancel`.

mod cancel;
mod delivery;
pub(crate) mod end;
mod report;
mod request;

pub use crate::arena::user::{ReadBuffer, StatusBlock};
pub use cancel::{cancel_requests, cancel_synchronous, cancel_thread_requests};
pub(crate) use cancel::{drop_requests, thread_ended};
pub use delivery::deliver;
pub(crate) use delivery::{Deliveries, deliver_for, run_deadlines};
pub use report::Overlapped;
pub(crate) use report::{Report, done, fail, is_failure, pend};
pub(crate) use request::{
    Operation, Wait, begin_wait, complete, dequeue, end_wait, enqueue, flag, forget, issue, result_of, state,
    wait_for,
};

use crate::access;
use crate::channel;
use crate::context::current;
use crate::file;
use crate::handle::{Handle, look_up};
use crate::mailslot;
use crate::pipe;
use crate::records::Kind;
use crate::status::{Result, Status};

/// What a call that starts a request returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The request is complete.
    Done {
        /// [`Status::SUCCESS`], or [`Status::BUFFER_OVERFLOW`] if a message was longer than the buffer.
        status: Status,
        /// Bytes moved.
        information: usize,
    },
    /// It will be complete later.
    Pending,
}

impl Outcome {
    pub(crate) const fn done(information: usize) -> Self {
        Outcome::Done { status: Status::SUCCESS, information }
    }
}

/// Reads from a file.
///
/// On a file for blocking use, or without `overlapped`, the call returns when the request is complete.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file. [`Status::ACCESS_DENIED`]: the handle may not
/// read. [`Status::PIPE_BROKEN`]: the other end is closed and everything has been read. [`Status::PIPE_DISCONNECTED`],
/// [`Status::PIPE_LISTENING`]: no client is there. [`Status::PIPE_EMPTY`]: there is nothing and the end does not wait.
/// [`Status::CANCELLED`]: the request was cancelled. [`Status::NO_MEMORY`]: too many requests of the process are not
/// over. Of a mailslot: [`Status::BUFFER_TOO_SMALL`]: the next message is longer than the buffer, and stays.
/// [`Status::IO_TIMEOUT`]: no message came in time. [`Status::INVALID_PARAMETER`]: it is a client's end.
/// [`Status::FILE_FORCED_CLOSED`]: the end was closed meanwhile.
///
/// # References
/// - `docs/conformance.md`, 5.5, 6.1, 7.1
pub fn read(file: Handle, buffer: ReadBuffer, overlapped: Option<Overlapped>) -> Result<Outcome> {
    let current = current()?;
    let (kind, found) = look_up(&current, file)?.require_file(access::file::READ_DATA)?;
    let outcome = match kind {
        Kind::Mailslot => mailslot::read(&current, &found, buffer, overlapped),
        Kind::File => file::read(&current, &found, buffer, overlapped),
        _ => pipe::read(&current, &found, buffer, overlapped),
    };
    deliver_for(&current);
    outcome
}

/// Writes to a file. The bytes are copied before the call returns.
///
/// # Errors
/// As [`read`], except that [`Status::PIPE_CLOSING`] says that the other end is closed, and [`Status::PIPE_BROKEN`]
/// that it was closed while the write waited. There is no [`Status::PIPE_EMPTY`].
/// [`Status::QUOTA_EXCEEDED`]: the unread messages that the process has written take too much memory, or what lies in
/// mailslots of the one that made the slot.
/// Of a mailslot: [`Status::INVALID_PARAMETER`]: the message is longer than the slot takes.
/// [`Status::FILE_FORCED_CLOSED`]: the slot is gone. [`Status::BAD_NETWORK_PATH`]: it is longer than a datagram.
///
/// # References
/// - `docs/conformance.md`, 5.7, 6.1, 7.1
pub fn write(file: Handle, data: &[u8], overlapped: Option<Overlapped>) -> Result<Outcome> {
    let current = current()?;
    let (kind, found) = look_up(&current, file)?.require_file(0)?;
    if found.access & (access::file::WRITE_DATA | access::file::APPEND_DATA) == 0 {
        return Err(Status::ACCESS_DENIED);
    }
    let outcome = match kind {
        Kind::Mailslot => mailslot::write(&current, &found, data, overlapped),
        Kind::File => file::write(&current, &found, data, overlapped),
        _ => pipe::write(&current, &found, data, overlapped),
    };
    if outcome.is_err() {
        channel::unstage(&current);
    }
    deliver_for(&current);
    outcome
}

/// Waits until the other side has read everything written before the call.
///
/// # Errors
/// As [`write()`]. [`Status::ILLEGAL_FUNCTION`]: of a mailslot.
///
/// # References
/// - `docs/conformance.md`, 5.8
pub fn flush(file: Handle) -> Result<()> {
    let current = current()?;
    let (kind, found) = look_up(&current, file)?.require_file(access::file::WRITE_DATA)?;
    match kind {
        Kind::Mailslot => Err(Status::ILLEGAL_FUNCTION),
        Kind::File => file::flush(&current, &found),
        _ => pipe::flush(&current, &found),
    }
}

/// Whether calls on a file with a status block may return before they are done.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file.
pub fn is_overlapped(file: Handle) -> Result<bool> {
    let (_, found) = look_up(&current()?, file)?.require_file(0)?;
    Ok(end::is_overlapped(found.object))
}
