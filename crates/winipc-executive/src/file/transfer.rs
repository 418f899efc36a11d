//! Reading and writing: system calls, made without any lock.
//!
//! A call first tries. One that has to wait becomes a request, so that it can be cancelled and seen like any other, and
//! its thread sleeps on the descriptor and on a bell. Who cancels completes the request; the keeper of the process
//! rings.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::{NOWAIT, Type, disk, status_of, table, type_in};
use crate::arena::descriptor::{poll, read_now, unread, write_now};
use crate::arena::wake::phase;
use crate::context::Current;
use crate::dispatcher;
use crate::handle::Found;
use crate::io::end::{BUSY, SIDE, begin_call};
use crate::io::{self as requests, Operation, Outcome, Overlapped, ReadBuffer, Report};
use crate::status::{Result, Status};

/// Reads from a file.
pub(crate) fn read(
    current: &Current,
    file: &Found,
    buffer: ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    if type_in(file.object) == Type::Disk {
        return disk::read(current, file, &buffer, overlapped);
    }
    let descriptor = table::descriptor(current, file)?;
    let descriptor = descriptor.as_fd();
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    wait_for_turn(current, file)?;
    let is_pipe = type_in(file.object) == Type::Pipe;
    let mut attempt = || -> io::Result<usize> {
        if buffer.length() != 0 || !is_pipe {
            return read_now(descriptor, &buffer, 0);
        }
        // Reading nothing waits until there is something, and leaves it.
        match poll([(descriptor, libc::POLLIN)], Some(0))? {
            [0] => Err(io::ErrorKind::WouldBlock.into()),
            [_] => Ok(0),
        }
    };
    let read = match attempt() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            if is_nowait(file) {
                return fail(current, file, Status::PIPE_EMPTY);
            }
            block(
                current,
                file,
                Operation::Read,
                buffer.length(),
                Readiness { descriptor, events: libc::POLLIN },
                &mut attempt,
            )?
        }
        done => done,
    };
    match read {
        Ok(0) if is_pipe && is_at_end(descriptor) => fail(current, file, Status::PIPE_BROKEN),
        Ok(count) => requests::done(current, file, report, Status::SUCCESS, count),
        Err(error) => fail(current, file, status_of(&error)),
    }
}

/// Whether everything has been read from a pipe that nobody can write to.
pub(super) fn is_at_end(pipe: BorrowedFd<'_>) -> bool {
    poll([(pipe, libc::POLLIN)], Some(0)).is_ok_and(|[events]| events & libc::POLLIN == 0 && events != 0)
}

/// Writes to a file.
pub(crate) fn write(
    current: &Current,
    file: &Found,
    data: &[u8],
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    if type_in(file.object) == Type::Disk {
        return disk::write(current, file, data, overlapped);
    }
    let descriptor = table::descriptor(current, file)?;
    let descriptor = descriptor.as_fd();
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    wait_for_turn(current, file)?;
    let is_pipe = type_in(file.object) == Type::Pipe;
    let written = Cell::new(0);
    let mut attempt = || -> io::Result<usize> {
        if data.is_empty() && is_pipe {
            // The system looks at nothing where nothing is to be written.
            return match poll([(descriptor, libc::POLLOUT)], Some(0))? {
                [events] if events & libc::POLLERR != 0 => Err(io::ErrorKind::BrokenPipe.into()),
                [_] => Ok(0),
            };
        }
        while written.get() < data.len() {
            written.set(written.get() + write_now(descriptor, &data[written.get()..])?);
        }
        Ok(written.get())
    };
    let (mut has_waited, mut result) = (false, attempt());
    if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
        if is_nowait(file) {
            return requests::done(current, file, report, Status::SUCCESS, written.get());
        }
        has_waited = true;
        result = block(
            current,
            file,
            Operation::Write,
            data.len(),
            Readiness { descriptor, events: libc::POLLOUT },
            &mut attempt,
        )?;
    }
    match result {
        Ok(count) => requests::done(current, file, report, Status::SUCCESS, count),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !has_waited => {
            fail(current, file, Status::PIPE_CLOSING)
        }
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => fail(current, file, Status::PIPE_BROKEN),
        Err(error) => fail(current, file, status_of(&error)),
    }
}

/// Waits until everything that was written has been read from a pipe. The system does not say when that is: it is
/// asked.
pub(crate) fn flush(current: &Current, file: &Found) -> Result<()> {
    match type_in(file.object) {
        Type::Pipe => {}
        Type::Disk => return disk::flush(current, file),
        Type::Character | Type::Socket => return Ok(()),
    }
    let descriptor = table::descriptor(current, file)?;
    let descriptor = descriptor.as_fd();
    wait_for_turn(current, file)?;
    let mut attempt = || -> io::Result<usize> {
        match unread(descriptor)? {
            0 => Ok(0),
            _ if poll([(descriptor, 0)], Some(0))? != [0] => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    };
    match attempt() {
        Ok(_) => return Ok(()),
        // What nobody can read any more is not waited for.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(status_of(&error)),
    }
    let done = block(current, file, Operation::Flush, 0, Readiness { descriptor, events: 0 }, &mut attempt)?;
    done.map(|_| ()).map_err(|error| status_of(&error))
}

/// What a blocked call waits for.
#[derive(Clone, Copy)]
struct Readiness<'a> {
    descriptor: BorrowedFd<'a>,
    /// None of its own: the call is tried again every now and then.
    events: i16,
}

/// How long it is between two tries where nothing tells, in milliseconds.
const INTERVAL_MS: u32 = 1;

pub(super) fn is_nowait(file: &Found) -> bool {
    file.object.body[SIDE].peek() & NOWAIT != 0
}

/// Waits until the call before, which waits on the same file, has ended.
pub(super) fn wait_for_turn(current: &Current, file: &Found) -> Result<()> {
    if file.object.body[BUSY].peek() != 0 { begin_call(current, file).map(drop) } else { Ok(()) }
}

/// Ends a call that failed: the file is not signaled.
pub(super) fn fail(current: &Current, file: &Found, status: Status) -> Result<Outcome> {
    let mut lock = current.begin()?;
    if file.is_current(&lock) {
        dispatcher::set_signal(&mut lock, file.object, false)?;
    }
    lock.commit()?;
    Err(status)
}

/// Tries a call again whenever the descriptor is ready, until it is done or the request for it cancelled.
fn block(
    current: &Current,
    file: &Found,
    operation: Operation,
    length: usize,
    until: Readiness<'_>,
    attempt: &mut dyn FnMut() -> io::Result<usize>,
) -> Result<io::Result<usize>> {
    let files = &current.context.files;
    let mut lock = begin_call(current, file)?;
    if !file.is_current(&lock) {
        return Err(Status::INVALID_HANDLE);
    }
    let (reference, request) = requests::issue(&mut lock, current, operation, file.reference, length)?;
    dispatcher::set_signal(&mut lock, file.object, false)?;
    let bell = files.block(current.seat)?;
    let begun = requests::begin_wait(lock, current, reference, request);
    let mut result = begun.map(|_| None);
    let word = &current.seat_record.wake.0;
    let interval = (until.events == 0).then_some(INTERVAL_MS);
    while let Ok(None) = result {
        if word.load() & phase::MASK == phase::DONE {
            result = Err(Status::CANCELLED);
            break;
        }
        match bell.wait_or(until.descriptor, until.events, interval) {
            Ok(false) if interval.is_none() => continue,
            Ok(_) => {}
            Err(error) => {
                result = Ok(Some(Err(error)));
                break;
            }
        }
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => result = Ok(Some(done)),
        }
    }
    files.unblock(current.seat);
    if let Ok(number) = begun {
        requests::end_wait(current, number, reference, request)?;
    }
    result.and_then(|done| done.ok_or(Status::UNSUCCESSFUL))
}
