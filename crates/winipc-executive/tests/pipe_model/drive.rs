//! The real pipe, driven beside the model.
//!
//! All ends are overlapped, so that nothing waits but flushes, which have threads of their own. After every step each
//! request must be where the model says: pending, or complete with this status, this count and these bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use winipc_executive::inspect::{self, Call as Blocking};
use winipc_executive::io;
use winipc_executive::pipe::{self, PipeTimeout, Server};
use winipc_executive::{Disposition, Handle, Result, Status, handle, thread};

use crate::model::{Model, SERVER, Shape};
use crate::request::{Call, Ending, Request, data, pick, pick_to_cancel, read_buffer};
use crate::step::Step;

/// Most ends that are open at a time.
const MOST_ENDS: usize = 8;

/// What the model has an ending of.
enum Real {
    Overlapped(Request),
    Flush(Option<JoinHandle<Result<()>>>),
}

impl Real {
    /// How it ended; a flush that should have is waited for.
    fn ending(&mut self, is_expected: bool) -> Option<Ending> {
        match self {
            Real::Flush(thread) => {
                let thread = thread.take_if(|thread| is_expected || thread.is_finished())?;
                Some(Ending::with(thread.join().unwrap().err().unwrap_or(Status::SUCCESS)))
            }
            Real::Overlapped(request) => request.ending(),
        }
    }
}

struct Driver {
    model: Model,
    name: Vec<u16>,
    handles: Vec<Handle>,
    requests: Vec<Real>,
    /// How many requests have been seen to end as the model says: those are done with.
    compared: Vec<bool>,
    byte: u8,
}

/// Drives a pipe and the model through the steps.
///
/// # Panics
/// They differ, or something is left behind.
pub(crate) fn run(shape: Shape, steps: &[Step]) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let name = format!("model {}", RUNS.fetch_add(1, Ordering::Relaxed));
    let mut driver = Driver {
        model: Model::new(shape),
        name: name.encode_utf16().collect(),
        handles: Vec::new(),
        requests: Vec::new(),
        compared: Vec::new(),
        byte: 0,
    };
    driver.create(u8::from(shape.message_read));
    driver.open();
    driver.set_mode(1, shape.message_read, false);
    for (number, step) in steps.iter().enumerate() {
        driver.step(*step);
        driver.compare(&format!("step {number}, {step:?} of {shape:?}"));
    }
    while let Some(end) = driver.pick(0) {
        driver.close(end);
        driver.compare("closing everything");
    }
    assert!(driver.compared.iter().all(|is_over| *is_over), "a closed pipe leaves nothing pending");
    assert_eq!(pipe::open(&driver.name, 0xC000_0000, true, false), Err(Status::OBJECT_NAME_NOT_FOUND));
}

/// Proves the arena whole.
pub(crate) fn check() {
    assert_eq!(inspect::check(), []);
}

impl Driver {
    /// One of the open ends.
    fn pick(&self, number: u8) -> Option<usize> {
        let open: Vec<usize> = (0..self.handles.len()).filter(|end| self.model.ends[*end].is_open).collect();
        pick(number, &open)
    }

    fn compare(&mut self, context: &str) {
        io::deliver();
        for (request, real) in self.requests.iter_mut().enumerate() {
            if !self.compared[request] {
                let expected = &self.model.endings[request];
                assert_eq!(real.ending(expected.is_some()), *expected, "request {request} after {context}");
                self.compared[request] = expected.is_some();
            }
        }
    }

    /// Starts a request on an end; its number.
    fn issue(&mut self, end: usize, buffer: Vec<u8>, call: &Call<'_>) -> usize {
        self.add(Real::Overlapped(Request::start(end, buffer, call)))
    }

    fn add(&mut self, real: Real) -> usize {
        self.requests.push(real);
        self.compared.push(false);
        self.model.endings.push(None);
        self.requests.len() - 1
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Create { flags } => return self.create(flags),
            Step::Open => return self.open(),
            _ => {}
        }
        let (Step::Write { end, .. }
        | Step::Read { end, .. }
        | Step::Peek { end, .. }
        | Step::Transact { end, .. }
        | Step::Flush { end }
        | Step::Cancel { end, .. }
        | Step::Listen { end }
        | Step::Disconnect { end }
        | Step::Close { end }
        | Step::SetMode { end, .. }
        | Step::Look { end }) = step
        else {
            return;
        };
        let Some(end) = self.pick(end) else { return };
        let handle = self.handles[end];
        match step {
            Step::Write { length, .. } => {
                // It is known what one waiting read makes of a write that must not wait, but not what several do.
                if self.model.ends[end].nowait && self.model.readers_of(end) > 1 {
                    return;
                }
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
            Step::Transact { length, room, .. } => {
                // Nothing says what a call that waits for an answer is on an end that never waits.
                if self.model.ends[end].nowait {
                    return;
                }
                let input = data(&mut self.byte, length);
                let request = self.issue(end, vec![0; room], &|buffer, overlapped| {
                    pipe::transact(handle, &input, read_buffer(buffer), Some(overlapped))
                });
                self.model.transact(end, request, &input, room);
            }
            Step::Peek { room, .. } => {
                let mut buffer = vec![0; room];
                let result =
                    pipe::peek(handle, &mut buffer).map(|peek| (peek, buffer[..peek.copied].to_vec()));
                assert_eq!(result, self.model.peek(end, room), "{step:?}");
            }
            Step::Flush { .. } => self.flush(end),
            Step::Cancel { only, .. } => self.cancel(end, only),
            Step::Listen { .. } => {
                let request =
                    self.issue(end, Vec::new(), &|_, overlapped| pipe::listen(handle, Some(overlapped)));
                self.model.listen(end, request);
            }
            Step::Disconnect { .. } => {
                assert_eq!(pipe::disconnect(handle), self.model.disconnect(end), "{step:?}");
            }
            Step::Close { .. } => self.close(end),
            Step::SetMode { flags, .. } => self.set_mode(end, flags & 1 != 0, flags & 6 == 0),
            _ => self.look(end),
        }
    }

    fn create(&mut self, flags: u8) {
        let is_full = self.model.ends.iter().filter(|end| end.is_open).count() >= MOST_ENDS;
        if is_full {
            return;
        }
        let shape = self.model.shape;
        let server = Server {
            overlapped: true,
            first_instance: flags & 0x38 == 0x38,
            message_type: shape.message_type,
            message_read: flags & 1 != 0,
            nowait: flags & 6 == 6,
            max_instances: shape.max_instances,
            out_quota: shape.quotas[1],
            in_quota: shape.quotas[0],
            ..Server::new(true, 0)
        };
        let is_new = self.model.count() == 0;
        let result = pipe::create(&self.name, &server);
        match self.model.create(server.first_instance, server.message_read, server.nowait) {
            Ok(end) => {
                let (handle, disposition) = result.expect("the model creates an instance");
                assert_eq!(disposition == Disposition::Created, is_new);
                assert_eq!(end, self.handles.len());
                self.handles.push(handle);
            }
            Err(status) => assert_eq!(result, Err(status)),
        }
    }

    fn open(&mut self) {
        let is_full = self.model.ends.iter().filter(|end| end.is_open).count() >= MOST_ENDS;
        if is_full {
            return;
        }
        let result = pipe::open(&self.name, 0xC000_0000, true, false);
        match self.model.open() {
            Ok(end) => {
                assert_eq!(end, self.handles.len());
                self.handles.push(result.expect("the model opens an end"));
            }
            Err(status) => assert_eq!(result, Err(status)),
        }
    }

    fn close(&mut self, end: usize) {
        handle::close(self.handles[end]).unwrap();
        self.model.close(end);
    }

    fn set_mode(&mut self, end: usize, message_read: bool, nowait: bool) {
        let (waits, flushes) = self.model.waits(end);
        // Nothing says whether a waiting read or flush minds.
        let changes_read = message_read != self.model.ends[end].message_read;
        if flushes || waits && changes_read {
            return;
        }
        let result = pipe::set_mode(self.handles[end], message_read, nowait);
        assert_eq!(
            result,
            self.model.set_mode(end, message_read, nowait),
            "message {message_read}, nowait {nowait}"
        );
    }

    fn cancel(&mut self, end: usize, only: Option<u8>) {
        let overlapped = |request: usize| match &self.requests[request] {
            Real::Overlapped(request) => Some(request),
            Real::Flush(_) => None,
        };
        let is_own = |request: &usize| overlapped(*request).is_some_and(|request| request.end == end);
        let own: Vec<usize> = (0..self.requests.len()).filter(is_own).collect();
        let pending: Vec<usize> = own.iter().copied().filter(|request| !self.compared[*request]).collect();
        let only = only.and_then(|only| pick_to_cancel(only, &own, &pending));
        let block = only.and_then(overlapped).map(Request::block);
        assert_eq!(io::cancel_requests(self.handles[end], block), self.model.cancel(end, only));
    }

    /// Starts a flush in a thread, and returns when it waits or has ended.
    fn flush(&mut self, end: usize) {
        let handle = self.handles[end];
        let (tell, told) = mpsc::channel();
        let flusher = std::thread::spawn(move || {
            tell.send(thread::id()).unwrap();
            io::flush(handle)
        });
        let id = told.recv().unwrap();
        let is_waiting = || {
            let blocked = inspect::objects().unwrap().blocked;
            blocked.iter().any(|blocked| blocked.thread.thread == id && blocked.call == Blocking::Flush)
        };
        while !flusher.is_finished() && !is_waiting() {
            std::thread::yield_now();
        }
        let request = self.add(Real::Flush(Some(flusher)));
        self.model.flush(end, request);
    }

    fn look(&self, end: usize) {
        let (handle, model) = (self.handles[end], &self.model.ends[end]);
        let client = self.model.client(end);
        let own = std::process::id();
        assert_eq!(pipe::client_process_id(handle), client.map(|()| own));
        let is_away = client == Err(Status::PIPE_DISCONNECTED);
        let expected = pipe::State {
            message_read: model.message_read,
            nowait: model.nowait,
            instances: self.model.count() as u32,
            is_server: model.side == SERVER,
        };
        let or_away = |state| if is_away { Err(Status::PIPE_DISCONNECTED) } else { Ok(state) };
        assert_eq!(pipe::state(handle), or_away(expected));
        assert_eq!(
            pipe::wait_available(&self.name, PipeTimeout::Milliseconds(0)),
            self.model.wait_available()
        );
    }
}
