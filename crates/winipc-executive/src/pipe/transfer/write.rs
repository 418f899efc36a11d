//! Writing: bytes are staged without the lock and linked under it. And waiting until they are read.

use crate::arena::{Ref, Txn};
use crate::channel;
use crate::context::Current;
use crate::dispatcher;
use crate::handle::Found;
use crate::io::end::{self, begin_call};
use crate::io::{self, Operation, Outcome, Overlapped, Report};
use crate::pipe::{self, Place, end_flag, place_of, state};
use crate::records::Request;
use crate::spin::Spinner;
use crate::status::{Result, Status};

/// Looks for room in the quota for a while before the lock is taken to wait for it. A thread that would give way to its
/// reader does that when its message is queued: there is one more to read at each turn then.
fn spin_for_room(current: &Current, file: &Found, length: usize, spinner: &mut Spinner) {
    let Ok((instance, side)) = pipe::peek_instance(current, file) else { return };
    let channel = &instance.channels[1 - side];
    let is_ready = || channel::has_room(channel, length) || instance.state.peek() != state::CONNECTED;
    let may_wait = instance.ends[side].flags.peek() & end_flag::NOWAIT == 0;
    // What is longer than the quota has to wait for its reader in any case.
    if may_wait && length <= channel.quota.peek() as usize && !is_ready() {
        current.arena().rest();
        if !spinner.gives_way() {
            spinner.spin(is_ready);
        }
    }
}

/// Writes to an end.
pub(crate) fn write(
    current: &Current,
    file: &Found,
    data: &[u8],
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let is_overlapped = end::is_overlapped(file.object);
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    if u32::try_from(data.len()).is_err() {
        return Err(Status::INVALID_PARAMETER);
    }
    let message = channel::stage(current, data)?;
    let mut spinner = Spinner::new(None);
    if report.is_none() || !is_overlapped {
        spin_for_room(current, file, data.len(), &mut spinner);
    }
    let mut lock = begin_call(current, file)?;
    channel::reclaim(&mut lock, current.thread)?;
    let place = place_of(&lock, file)?;
    if let Err(status) = writable(&lock, &place) {
        return io::fail(lock, file, status);
    }
    let outgoing = place.outgoing();
    let is_message_type = place.is_message_type(&lock)?;
    if data.is_empty() && !is_message_type {
        lock.commit()?;
        return io::done(current, file, report, Status::SUCCESS, 0);
    }
    let mut length = data.len();
    if place.own_flags(&lock) & end_flag::NOWAIT != 0 {
        length = admitted(&lock, &place, length, is_message_type)?;
        if length == 0 && !data.is_empty() {
            lock.commit()?;
            channel::unstage(current);
            return io::done(current, file, report, Status::SUCCESS, 0);
        }
    }
    current.thread.spare_block.set(&mut lock, 0);
    channel::prepare(&mut lock, message, length)?;
    channel::append(&mut lock, outgoing, message)?;
    channel::serve_readers(&mut lock, outgoing)?;
    channel::settle(&mut lock, outgoing)?;
    if data.is_empty() || !channel::is_last_unsettled(&lock, outgoing) {
        channel::restock(&mut lock, current, message, data.len())?;
        lock.commit()?;
        return io::done(current, file, report, Status::SUCCESS, length);
    }
    let (reference, request) = io::issue(&mut lock, current, Operation::Write, file.reference, length)?;
    channel::set_writer(&mut lock, message, reference, request)?;
    dispatcher::set_signal(&mut lock, file.object, false)?;
    if is_overlapped && let Some(report) = report {
        return io::pend(lock, current, request, report, None, None);
    }
    io::wait_for(
        lock,
        current,
        reference,
        request,
        io::Wait { spinner: Some(spinner), ..io::Wait::default() },
    )?;
    let mut lock = current.begin()?;
    let (status, count) = io::result_of(&mut lock, current, request);
    io::forget(&mut lock, reference, request)?;
    lock.commit()?;
    if io::is_failure(status) { Err(status) } else { io::done(current, file, report, status, count) }
}

/// Whether an end can be written to now.
fn writable(lock: &Txn<'_>, place: &Place) -> Result<()> {
    match place.instance.state.get(lock) {
        state::CONNECTED => Ok(()),
        state::CLOSING => Err(Status::PIPE_CLOSING),
        state::LISTENING => Err(Status::PIPE_LISTENING),
        _ => Err(Status::PIPE_DISCONNECTED),
    }
}

/// How many bytes of a write a pipe takes that must not wait.
///
/// # References
/// - `docs/conformance.md`, 5.4
fn admitted(lock: &Txn<'_>, place: &Place, length: usize, is_message_type: bool) -> Result<usize> {
    let channel = place.outgoing();
    let free = channel.quota.get(lock).saturating_sub(channel::unread(lock, channel)) as usize;
    let reader = match Ref::<Request>::from_index(channel.first_reader.get(lock)).some() {
        Some(reader) => lock.arena().get(reader)?.length.get(lock) as usize,
        None => 0,
    };
    Ok(if length.saturating_sub(reader) <= free {
        length
    } else if is_message_type {
        0
    } else {
        reader
    })
}

/// Waits until everything written before has been read.
pub(crate) fn flush(current: &Current, file: &Found) -> Result<()> {
    let mut lock = begin_call(current, file)?;
    let place = place_of(&lock, file)?;
    match place.instance.state.get(&lock) {
        state::CONNECTED => {}
        state::DISCONNECTED if !place.is_server() => return Err(Status::PIPE_DISCONNECTED),
        _ => return Ok(()),
    }
    let outgoing = place.outgoing();
    if outgoing.first.get(&lock) == 0 {
        return Ok(());
    }
    let last = outgoing.last.get(&lock);
    let (reference, request) = io::issue(&mut lock, current, Operation::Flush, file.reference, 0)?;
    request.message.set(&mut lock, last);
    io::enqueue(&mut lock, &outgoing.first_flush, &outgoing.last_flush, reference, request)?;
    io::wait_for(lock, current, reference, request, io::Wait::default())?;
    let mut lock = current.begin()?;
    let (status, _) = io::result_of(&mut lock, current, request);
    io::forget(&mut lock, reference, request)?;
    lock.commit()?;
    if status == Status::SUCCESS { Ok(()) } else { Err(status) }
}
