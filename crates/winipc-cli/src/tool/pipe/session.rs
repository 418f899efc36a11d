//! Standard input and output joined with one end of a pipe.

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use winipc::{Event, PipeEnd, Win32Error, wait_any};

use super::Traffic;
use crate::error::{Error, Result};
use crate::tool::framing::Framing;

/// What is read from the pipe at once.
pub(super) const ROOM: usize = 65_536;

/// An end that several threads use.
pub(super) trait End: Deref<Target = PipeEnd> + Send + Sync + 'static {}
impl<T: Deref<Target = PipeEnd> + Send + Sync + 'static> End for T {}

/// Passes on what comes in, both ways, until there is nothing more to come.
///
/// # Errors
/// Standard input or output fail; the other end was closed before it had read everything.
pub(super) fn join(end: impl End, traffic: &Traffic) -> Result<()> {
    let end = Arc::new(end);
    let framing = traffic.framing();
    // Locked while something is being sent.
    let failure = Arc::new(Mutex::new(None));
    if traffic.receives() {
        let failed = |error| Error::because("cannot join the pipe with standard input and output", error);
        let is_over = Arc::new(Event::manual_reset().map_err(failed)?);
        if traffic.sends() {
            let (end, failure, is_over) = (Arc::clone(&end), Arc::clone(&failure), Arc::clone(&is_over));
            let ends_with_input = traffic.end_with_input;
            thread::spawn(move || {
                send(&end, framing, ends_with_input, &failure);
                if ends_with_input || lock(&failure).is_some() {
                    // It fails for handles only that are not to events.
                    let _ = is_over.set();
                }
            });
        }
        receive(&end, framing, &is_over)?;
    } else {
        send(&end, framing, true, &failure);
    }
    // If the other end is gone, what is just being sent fails soon.
    let failure = lock(&failure).take();
    failure.map_or(Ok(()), Err)
}

type Failure = Mutex<Option<Error>>;

fn lock(failure: &Failure) -> MutexGuard<'_, Option<Error>> {
    failure.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends standard input, to its end. If the pipe is closed then, it waits until the other end has read everything.
fn send(end: &PipeEnd, framing: Framing, is_last: bool, failure: &Failure) {
    let undelivered = |error| {
        Error::because("the other end may not have read all of standard input before it was closed", error)
    };
    let mut input = io::stdin().lock();
    let mut message = Vec::new();
    loop {
        let result = framing.read(&mut input, &mut message);
        let mut failure = lock(failure);
        let result = match result {
            Ok(true) => end.send(&message).map(|_| true).map_err(undelivered),
            Ok(false) if !is_last => Ok(false),
            Ok(false) => end.flush_buffers().map(|()| false).map_err(undelivered),
            Err(error) => Err(Error::because("cannot read standard input", error)),
        };
        match result {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                *failure = Some(error);
                return;
            }
        }
    }
}

/// Receives until the other end is closed and everything has been read, or `is_over` is set and nothing is there.
fn receive(end: &PipeEnd, framing: Framing, is_over: &Event) -> Result<()> {
    let failed = |error| Error::because("cannot read from the pipe", error);
    let mut output = io::stdout().lock();
    let mut message = Vec::new();
    let mut buffer = Vec::with_capacity(ROOM);
    loop {
        let read = match end.read_overlapped(buffer) {
            Err(error) if is_other_end_gone(error) => return Ok(()),
            result => result.map_err(failed)?,
        };
        if wait_any(&[&read, is_over], None).map_err(failed)?.index() == Some(1) {
            return Ok(());
        }
        let (result, bytes) = read.wait();
        buffer = bytes;
        let received = match result {
            Err(error) if is_other_end_gone(error) => return Ok(()),
            result => result.map_err(failed)?,
        };
        message.extend_from_slice(&buffer);
        if received.is_complete {
            framing.write(&mut output, &message).map_err(|error| Error::output(&error))?;
            message.clear();
        }
    }
}

pub(super) fn is_other_end_gone(error: Win32Error) -> bool {
    [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA, Win32Error::PIPE_NOT_CONNECTED].contains(&error)
}
