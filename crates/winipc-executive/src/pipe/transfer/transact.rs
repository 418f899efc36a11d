//! Writing a message and reading its answer in one call.

use crate::access;
use crate::channel;
use crate::context::{Current, current};
use crate::handle::{Found, Handle, look_up};
use crate::io::end::begin_call;
use crate::io::{self, Outcome, Overlapped, ReadBuffer, Report};
use crate::pipe::{end_flag, place_of, state};
use crate::records::Kind;
use crate::spin::Spinner;
use crate::status::{Result, Status};

use super::read::read_in;

/// Writes a message and waits for the one that answers it. Both are one step: no other call on the end comes between.
///
/// # Errors
/// [`Status::INVALID_PIPE_STATE`]: not a connected message pipe of both directions. [`Status::INVALID_READ_MODE`]: the
/// end does not read messages. [`Status::PIPE_BUSY`]: there is unread data. Else as [`io::read`].
///
/// # References
/// - `docs/conformance.md`, 5.9
pub fn transact(
    pipe: Handle,
    input: &[u8],
    output: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let current = current()?;
    let file = look_up(&current, pipe)?
        .require(Kind::Pipe, access::file::READ_DATA)
        .and_then(|file| access::require(file.access, access::file::WRITE_DATA).map(|()| file))?;
    if u32::try_from(input.len()).is_err() {
        return Err(Status::INVALID_PARAMETER);
    }
    let outcome = write_and_read(&current, &file, input, output, overlapped);
    if outcome.is_err() {
        channel::unstage(&current);
    }
    io::deliver_for(&current);
    outcome
}

fn write_and_read(
    current: &Current,
    file: &Found,
    input: &[u8],
    output: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    let message = channel::stage(current, input)?;
    let mut lock = begin_call(current, file)?;
    channel::reclaim(&mut lock, current.thread)?;
    let place = place_of(&lock, file)?;
    match place.instance.state.get(&lock) {
        state::CONNECTED => {}
        state::DISCONNECTED if !place.is_server() => return Err(Status::PIPE_DISCONNECTED),
        _ => return Err(Status::INVALID_PIPE_STATE),
    }
    if !place.is_message_type(&lock)? || place.own_flags(&lock) & end_flag::MESSAGE_READ == 0 {
        return Err(Status::INVALID_READ_MODE);
    }
    if place.incoming().first.get(&lock) != 0 {
        return Err(Status::PIPE_BUSY);
    }
    let outgoing = place.outgoing();
    current.thread.spare_block.set(&mut lock, 0);
    channel::prepare(&mut lock, message, input.len())?;
    channel::append(&mut lock, outgoing, message)?;
    channel::serve_readers(&mut lock, outgoing)?;
    channel::settle(&mut lock, outgoing)?;
    read_in(lock, current, file, &place, output, report, Some(Spinner::new(None)))
}
