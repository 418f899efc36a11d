//! Real mailslots, driven beside the model.
//!
//! All ends are overlapped, so that nothing waits. After every step each request must be where the model says: pending, or
//! complete with this status, this count and these bytes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use winipc_executive::io::{self, Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::mailslot::{self, Server, WAIT_FOREVER};
use winipc_executive::{Handle, Result, Status, handle, inspect};

use crate::model::{Ending, Model};
use crate::step::Step;

/// Most ends that are open at a time.
const MOST_ENDS: usize = 8;
const READ_WRITE: u32 = 0xC000_0000;

/// A request of a real slot, with the memory that it reports into.
struct Real {
    end: usize,
    block: Box<[usize; 2]>,
    buffer: Vec<u8>,
    at_once: Option<Result<(Status, usize)>>,
}

impl Real {
    fn ending(&mut self) -> Option<Ending> {
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
}

#[derive(Default)]
struct Driver {
    model: Model,
    prefix: String,
    handles: Vec<Handle>,
    requests: Vec<Real>,
    /// How many requests have been seen to end as the model says: those are done with.
    compared: Vec<bool>,
    byte: u8,
}

/// Drives mailslots and the model through the steps.
///
/// # Panics
/// They differ, or something is left behind.
pub(crate) fn run(steps: &[Step]) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let mut driver = Driver::default();
    driver.prefix = format!("model {}", RUNS.fetch_add(1, Ordering::Relaxed));
    driver.create(0, 0);
    driver.open(0);
    for (number, step) in steps.iter().enumerate() {
        driver.step(*step);
        driver.compare(&format!("step {number}, {step:?}"));
    }
    while let Some(end) = driver.pick(0) {
        driver.close(end);
        driver.compare("closing everything");
    }
    assert!(driver.compared.iter().all(|is_over| *is_over), "a closed slot leaves nothing pending");
    for name in 0..2 {
        let opened = mailslot::open(&driver.name(name), READ_WRITE, true, false);
        assert_eq!(opened, Err(Status::OBJECT_NAME_NOT_FOUND));
    }
}

/// Proves the arena whole.
pub(crate) fn check() {
    assert_eq!(inspect::check(), []);
}

impl Drop for Driver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Requests may still report into this memory.
            std::mem::forget(std::mem::take(&mut self.requests));
        }
    }
}

impl Driver {
    fn name(&self, name: u8) -> Vec<u16> {
        format!("{}\\{name}", self.prefix).encode_utf16().collect()
    }

    /// One of the open ends.
    fn pick(&self, number: u8) -> Option<usize> {
        let open: Vec<usize> = (0..self.handles.len()).filter(|end| self.model.is_open(*end)).collect();
        open.get(usize::from(number).checked_rem(open.len())?).copied()
    }

    fn compare(&mut self, context: &str) {
        io::deliver();
        for (request, real) in self.requests.iter_mut().enumerate() {
            if !self.compared[request] {
                let expected = &self.model.endings[request];
                assert_eq!(real.ending(), *expected, "request {request} after {context}");
                self.compared[request] = expected.is_some();
            }
        }
    }

    /// Starts a request on an end; its number.
    fn issue(
        &mut self,
        end: usize,
        mut buffer: Vec<u8>,
        call: &dyn Fn(&mut [u8], Overlapped) -> Result<Outcome>,
    ) -> usize {
        let mut block = Box::new([0; 2]);
        // SAFETY: the words are boxed and live until the end is closed, which ends the request.
        let words = unsafe { StatusBlock::new(&raw mut *block) };
        let overlapped = Overlapped { block: words, event: None, routine: None, no_packet: true };
        let at_once = match call(&mut buffer, overlapped) {
            Ok(Outcome::Done { status, information }) => Some(Ok((status, information))),
            Ok(Outcome::Pending) => None,
            Err(status) => Some(Err(status)),
        };
        self.requests.push(Real { end, block, buffer, at_once });
        self.compared.push(false);
        self.model.endings.push(None);
        self.requests.len() - 1
    }

    fn step(&mut self, step: Step) {
        let is_full = || self.handles.iter().enumerate().filter(|(end, _)| self.model.is_open(*end)).count();
        let (Step::Write { end, .. }
        | Step::Read { end, .. }
        | Step::Cancel { end, .. }
        | Step::SetTimeout { end, .. }
        | Step::Look { end }
        | Step::Close { end }) = step
        else {
            if is_full() >= MOST_ENDS {
                return;
            }
            return match step {
                Step::Create { name, maximum } => self.create(name, maximum),
                Step::Open { name } => self.open(name),
                Step::OpenDatagram { name } => self.open_datagram(name),
                _ => {}
            };
        };
        let Some(end) = self.pick(end) else { return };
        let handle = self.handles[end];
        match step {
            Step::Write { length, .. } => {
                let data: Vec<u8> = (0..length)
                    .map(|_| {
                        self.byte = self.byte.wrapping_add(1);
                        self.byte
                    })
                    .collect();
                let request =
                    self.issue(end, Vec::new(), &|_, overlapped| io::write(handle, &data, Some(overlapped)));
                self.model.write(end, request, &data);
            }
            Step::Read { room, .. } => {
                let request = self.issue(end, vec![0; room], &|buffer, overlapped| {
                    // SAFETY: the bytes are on the heap and live until the end is closed, which ends the request.
                    let buffer = unsafe { ReadBuffer::new(buffer.as_mut_ptr(), buffer.len()) };
                    io::read(handle, buffer, Some(overlapped))
                });
                self.model.read(end, request, room);
            }
            Step::Cancel { only, .. } => self.cancel(end, only),
            Step::SetTimeout { forever, .. } => {
                let timeout = if forever { WAIT_FOREVER } else { 0 };
                assert_eq!(mailslot::set_timeout(handle, timeout), self.model.set_timeout(end, forever));
            }
            Step::Close { .. } => self.close(end),
            _ => assert_eq!(mailslot::info(handle), self.model.info(end)),
        }
    }

    fn create(&mut self, name: u8, max_message: u32) {
        let server = Server { max_message, timeout_ms: WAIT_FOREVER, inherit: false };
        let result = mailslot::create(&self.name(name), &server);
        self.add(result, |model| model.create(name, max_message));
    }

    fn open(&mut self, name: u8) {
        let result = mailslot::open(&self.name(name), READ_WRITE, true, false);
        self.add(result, |model| model.open(name));
    }

    fn open_datagram(&mut self, name: u8) {
        let result = mailslot::open_datagram(&self.name(name), READ_WRITE, true, false);
        self.add(result, |model| {
            model.open_datagram(name);
            Ok(())
        });
    }

    fn add(&mut self, result: Result<Handle>, open: impl FnOnce(&mut Model) -> Result<()>) {
        match open(&mut self.model) {
            Ok(()) => self.handles.push(result.expect("the model opens an end")),
            Err(status) => assert_eq!(result, Err(status)),
        }
    }

    fn close(&mut self, end: usize) {
        handle::close(self.handles[end]).unwrap();
        self.model.close(end);
    }

    fn cancel(&mut self, end: usize, only: Option<u8>) {
        let is_own = |request: &usize| self.requests[*request].end == end;
        let own: Vec<usize> = (0..self.requests.len()).filter(is_own).collect();
        // Mostly one that is pending, sometimes any.
        let pending: Vec<usize> = own.iter().copied().filter(|request| !self.compared[*request]).collect();
        let choice = |only: u8| if pending.is_empty() || only < 16 { &own } else { &pending };
        let only = only
            .and_then(|only| choice(only).get(usize::from(only).checked_rem(choice(only).len())?).copied());
        let block = only.map(|only| (&raw const *self.requests[only].block).addr());
        assert_eq!(io::cancel_requests(self.handles[end], block), self.model.cancel(end, only));
        assert!(!pending.iter().any(|request| !self.model.is_server(self.requests[*request].end)));
    }
}
