//! Real mailslots, driven beside the model.
//!
//! All ends are overlapped, so that nothing waits. After every step each request must be where the model says: pending,
//! or complete with this status, this count and these bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use winipc_executive::io;
use winipc_executive::mailslot::{self, Server, WAIT_FOREVER};
use winipc_executive::{Handle, Result, Status, handle, inspect};

use crate::model::Model;
use crate::request::{Call, Request, data, pick, pick_to_cancel, read_buffer};
use crate::step::Step;

/// Most ends that are open at a time.
const MOST_ENDS: usize = 8;
const READ_WRITE: u32 = 0xC000_0000;

#[derive(Default)]
struct Driver {
    model: Model,
    prefix: String,
    handles: Vec<Handle>,
    requests: Vec<Request>,
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
    let prefix = format!("model {}", RUNS.fetch_add(1, Ordering::Relaxed));
    let mut driver = Driver { prefix, ..Driver::default() };
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

impl Driver {
    fn name(&self, name: u8) -> Vec<u16> {
        format!("{}\\{name}", self.prefix).encode_utf16().collect()
    }

    /// One of the open ends.
    fn pick(&self, number: u8) -> Option<usize> {
        let open: Vec<usize> = (0..self.handles.len()).filter(|end| self.model.is_open(*end)).collect();
        pick(number, &open)
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
    fn issue(&mut self, end: usize, buffer: Vec<u8>, call: &Call<'_>) -> usize {
        self.requests.push(Request::start(end, buffer, call));
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
                let data = data(&mut self.byte, length);
                let request =
                    self.issue(end, Vec::new(), &|_, overlapped| io::write(handle, &data, Some(overlapped)));
                self.model.write(end, request, &data);
            }
            Step::Read { room, .. } => {
                let request = self.issue(end, vec![0; room], &|buffer, overlapped| {
                    io::read(handle, read_buffer(buffer), Some(overlapped))
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
        let pending: Vec<usize> = own.iter().copied().filter(|request| !self.compared[*request]).collect();
        let only = only.and_then(|only| pick_to_cancel(only, &own, &pending));
        let block = only.map(|only| self.requests[only].block());
        assert_eq!(io::cancel_requests(self.handles[end], block), self.model.cancel(end, only));
        assert!(!pending.iter().any(|request| !self.model.is_server(self.requests[*request].end)));
    }
}
