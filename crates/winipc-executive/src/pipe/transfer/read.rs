//! Reading: what is there is taken at once, else the reader waits.

use crate::arena::Txn;
use crate::channel::{self, Mode};
use crate::context::Current;
use crate::dispatcher;
use crate::handle::Found;
use crate::io::end::{self, begin_call};
use crate::io::{self, Operation, Outcome, Overlapped, ReadBuffer, Report};
use crate::pipe::{self, Place, end_flag, place_of, state};
use crate::spin::Spinner;
use crate::status::{Result, Status};

/// What to do with a read that finds nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Wait,
    Fail(Status),
}

/// Reads from an end.
pub(crate) fn read(
    current: &Current,
    file: &Found,
    buffer: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    if report.is_none() || !end::is_overlapped(file.object) {
        spin_for_data(current, file);
    }
    let mut lock = begin_call(current, file)?;
    channel::reclaim(&mut lock, current.thread)?;
    let place = place_of(&lock, file)?;
    // Whoever has spun in vain sleeps now.
    read_in(lock, current, file, &place, buffer, report, None)
}

/// Reads in a transaction that is under way and may have done more. A wait for data begins with `spinner`.
pub(super) fn read_in(
    mut lock: Txn<'static>,
    current: &Current,
    file: &Found,
    place: &Place,
    buffer: ReadBuffer,
    report: Option<Report>,
    spinner: Option<Spinner>,
) -> Result<Outcome> {
    let by_message = place.own_flags(&lock) & end_flag::MESSAGE_READ != 0;
    let mode = if by_message { Mode::Message } else { Mode::Bytes };
    let empty = match readable(&lock, place) {
        Ok(empty) => empty,
        Err(status) => return io::fail(lock, file, status),
    };
    let incoming = place.incoming();
    let has_earlier_readers = incoming.first_reader.get(&lock) != 0;
    if !has_earlier_readers && let Some(taken) = channel::take(&mut lock, incoming, buffer.length(), mode)? {
        let (status, count) = (taken.status, taken.count);
        channel::copy_taken(lock, current, taken, &buffer)?;
        return io::done(current, file, report, status, count);
    }
    if let Empty::Fail(status) = empty {
        return io::fail(lock, file, status);
    }
    let length = buffer.length();
    let (reference, request) = io::issue(&mut lock, current, Operation::Read, file.reference, length)?;
    io::enqueue(&mut lock, &incoming.first_reader, &incoming.last_reader, reference, request)?;
    dispatcher::set_signal(&mut lock, file.object, false)?;
    request.flags.set(&mut lock, mode.flags());
    if end::is_overlapped(file.object)
        && let Some(report) = report
    {
        return io::pend(lock, current, request, report, Some(buffer), None);
    }
    let wait = io::Wait { spinner, deadline: None };
    channel::wait_for_message(lock, current, file, (reference, request), &buffer, report, wait)
}

/// Looks for data for a while before the lock is taken to wait for it.
fn spin_for_data(current: &Current, file: &Found) {
    let Ok((instance, side)) = pipe::peek_instance(current, file) else { return };
    let channel = &instance.channels[side];
    let is_ready = || channel::has_data(channel) || instance.state.peek() != state::CONNECTED;
    if !is_ready() {
        current.arena().rest();
        Spinner::new(None).spin(is_ready);
    }
}

/// Whether an end can be read from now, and what an empty pipe means for the read.
fn readable(lock: &Txn<'_>, place: &Place) -> Result<Empty> {
    match place.instance.state.get(lock) {
        state::CONNECTED if place.own_flags(lock) & end_flag::NOWAIT != 0 => {
            Ok(Empty::Fail(Status::PIPE_EMPTY))
        }
        state::CONNECTED => Ok(Empty::Wait),
        state::CLOSING => Ok(Empty::Fail(Status::PIPE_BROKEN)),
        state::LISTENING => Err(Status::PIPE_LISTENING),
        _ => Err(Status::PIPE_DISCONNECTED),
    }
}
