//! What models of pipes and mailslots have in common: overlapped requests beside what a model says of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use winipc_executive::io::{Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::{Result, Status};

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ending {
    pub(crate) status: Status,
    pub(crate) count: usize,
    /// What a read was given.
    pub(crate) bytes: Vec<u8>,
}

impl Ending {
    pub(crate) fn with(status: Status) -> Self {
        Ending { status, count: 0, bytes: Vec::new() }
    }
}

/// A call that starts a request.
pub(crate) type Call<'c> = dyn Fn(&mut [u8], Overlapped) -> Result<Outcome> + 'c;

/// A real request, with the memory that it reports into. It lives until the end is closed, which ends the request.
pub(crate) struct Request {
    pub(crate) end: usize,
    block: Box<[usize; 2]>,
    buffer: Vec<u8>,
    at_once: Option<Result<(Status, usize)>>,
}

impl Request {
    /// Starts a request on an end.
    pub(crate) fn start(end: usize, mut buffer: Vec<u8>, call: &Call<'_>) -> Self {
        let mut block = Box::new([0; 2]);
        // SAFETY: the words are boxed and live until the end is closed.
        let words = unsafe { StatusBlock::new(&raw mut *block) };
        let overlapped = Overlapped { block: words, event: None, routine: None, no_packet: true };
        let at_once = match call(&mut buffer, overlapped) {
            Ok(Outcome::Done { status, information }) => Some(Ok((status, information))),
            Ok(Outcome::Pending) => None,
            Err(status) => Some(Err(status)),
        };
        Request { end, block, buffer, at_once }
    }

    pub(crate) fn ending(&mut self) -> Option<Ending> {
        let (status, count) = match self.at_once {
            Some(Ok(done)) => done,
            Some(Err(status)) => (status, 0),
            None => {
                // SAFETY: the executive writes the words as atomics or not at all.
                let mut word = |index: usize| unsafe {
                    AtomicUsize::from_ptr(&raw mut self.block[index]).load(Ordering::Acquire)
                };
                let status = Status(word(0) as u32);
                if status == Status::PENDING {
                    return None;
                }
                (status, word(1))
            }
        };
        Some(Ending { status, count, bytes: self.buffer[..count.min(self.buffer.len())].to_vec() })
    }

    /// By what it is cancelled.
    pub(crate) fn block(&self) -> usize {
        (&raw const *self.block).addr()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // It may still report into this memory.
            std::mem::forget((std::mem::take(&mut self.block), std::mem::take(&mut self.buffer)));
        }
    }
}

/// The buffer of a call, for a read.
pub(crate) fn read_buffer(buffer: &mut [u8]) -> ReadBuffer {
    // SAFETY: a request's bytes are on the heap and live until the end is closed.
    unsafe { ReadBuffer::new(buffer.as_mut_ptr(), buffer.len()) }
}

/// One of a list, by a number; `None` if it is empty.
pub(crate) fn pick(number: u8, of: &[usize]) -> Option<usize> {
    of.get(usize::from(number).checked_rem(of.len())?).copied()
}

/// Which of an end's own requests is cancelled, by a number: mostly one that is pending, sometimes any.
pub(crate) fn pick_to_cancel(number: u8, own: &[usize], pending: &[usize]) -> Option<usize> {
    pick(number, if pending.is_empty() || number < 16 { own } else { pending })
}

/// Bytes that differ from those before them.
pub(crate) fn data(last: &mut u8, length: usize) -> Vec<u8> {
    let mut next = || {
        *last = last.wrapping_add(1);
        *last
    };
    (0..length).map(|_| next()).collect()
}
