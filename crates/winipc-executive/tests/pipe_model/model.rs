//! A named pipe as SEMANTICS 5 describes it, in the simplest words, and the real one driven beside it.
//!
//! Both ends are used overlapped, so that nothing waits. After every step each request must be where the model says:
//! pending, or complete with this status, this count and these bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use winipc_executive::io::{self, Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, Direction, Server};
use winipc_executive::{Handle, Status, handle, inspect};

/// One step. The side is 0 for the server, 1 for the client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Write { side: usize, length: usize },
    Read { side: usize, room: usize },
    Peek { side: usize, room: usize },
    Cancel { side: usize },
    CloseClient,
    Disconnect,
    Reconnect,
}

impl Step {
    /// A step for each three numbers.
    pub(crate) fn decode([what, side, size]: [u8; 3]) -> Self {
        let side = usize::from(side & 1);
        let size = usize::from(size);
        // Mostly small, sometimes more than a block holds.
        let size = if size < 0xF0 { size % 24 } else { (size - 0xEF) * 600 };
        match what % 32 {
            0..=11 => Step::Write { side, length: size },
            12..=23 => Step::Read { side, room: size },
            24..=26 => Step::Peek { side, room: size },
            27 => Step::Cancel { side },
            28 => Step::CloseClient,
            29 => Step::Disconnect,
            _ => Step::Reconnect,
        }
    }
}

/// What the pipe is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) message_type: bool,
    pub(crate) message_read: bool,
    /// Of what flows to the server, and to the client.
    pub(crate) quotas: [u32; 2],
}

impl Shape {
    pub(crate) fn decode([kind, first, second]: [u8; 3]) -> Self {
        let message_type = kind & 1 != 0;
        let quota = |byte: u8| if byte < 200 { u32::from(byte) % 40 } else { 5000 };
        Shape {
            message_type,
            message_read: message_type && kind & 2 != 0,
            quotas: [quota(first), quota(second)],
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Connected,
    Closing,
    Disconnected,
}

/// How a request ended.
#[derive(Clone, PartialEq, Debug)]
struct Ending {
    status: Status,
    count: usize,
    bytes: Vec<u8>,
}

struct Message {
    rest: VecDeque<u8>,
    length: usize,
    writer: Option<usize>,
}

#[derive(Default)]
struct Channel {
    quota: usize,
    messages: VecDeque<Message>,
    readers: VecDeque<(usize, usize)>,
}

impl Channel {
    fn unread(&self) -> usize {
        self.messages.iter().map(|message| message.rest.len()).sum()
    }
}

/// The model. Requests have numbers.
struct Model {
    shape: Shape,
    state: State,
    has_client: bool,
    channels: [Channel; 2],
    endings: Vec<Option<Ending>>,
}

impl Model {
    fn by_message(&self) -> bool {
        self.shape.message_read
    }

    fn end(&mut self, request: usize, status: Status, count: usize, bytes: Vec<u8>) {
        assert!(self.endings[request].is_none(), "the model ends a request twice");
        self.endings[request] = Some(Ending { status, count, bytes });
    }

    /// Completes the writes whose messages fit the quota now.
    fn settle(&mut self, to: usize) {
        let mut sum = 0;
        let quota = self.channels[to].quota;
        let mut done = Vec::new();
        for message in &mut self.channels[to].messages {
            sum += message.rest.len();
            if sum > quota {
                break;
            }
            done.extend(message.writer.take().map(|writer| (writer, message.length)));
        }
        for (writer, length) in done {
            self.end(writer, Status::SUCCESS, length, Vec::new());
        }
    }

    /// Takes up to `room` bytes of the first message. The message goes when it is empty.
    fn bite(&mut self, to: usize, room: usize) -> Vec<u8> {
        let message = &mut self.channels[to].messages[0];
        let count = room.min(message.rest.len());
        let bytes = message.rest.drain(..count).collect();
        if message.rest.is_empty() {
            let message = self.channels[to].messages.remove(0).unwrap();
            if let Some(writer) = message.writer {
                self.end(writer, Status::SUCCESS, message.length, Vec::new());
            }
        }
        bytes
    }

    fn write(&mut self, side: usize, request: usize, data: &[u8]) {
        let to = 1 - side;
        let refusal = match self.state {
            State::Connected => None,
            State::Closing => Some(Status::PIPE_CLOSING),
            State::Disconnected => Some(Status::PIPE_DISCONNECTED),
        };
        if let Some(status) = refusal {
            return self.end(request, status, 0, Vec::new());
        }
        if data.is_empty() && !self.shape.message_type {
            return self.end(request, Status::SUCCESS, 0, Vec::new());
        }
        let mut writer = Some(request);
        if data.is_empty() {
            writer = None; // never waits
            self.end(request, Status::SUCCESS, 0, Vec::new());
        }
        let rest = data.iter().copied().collect();
        self.channels[to].messages.push_back(Message { rest, length: data.len(), writer });
        while !self.channels[to].messages.is_empty() {
            let Some((reader, room)) = self.channels[to].readers.pop_front() else { break };
            let rest = self.channels[to].messages[0].rest.len();
            let status =
                if self.by_message() && rest > room { Status::BUFFER_OVERFLOW } else { Status::SUCCESS };
            let bytes = if room == 0 && rest != 0 { Vec::new() } else { self.bite(to, room) };
            self.end(reader, status, bytes.len(), bytes);
        }
        self.settle(to);
    }

    fn read(&mut self, side: usize, request: usize, room: usize) {
        if self.state == State::Disconnected {
            return self.end(request, Status::PIPE_DISCONNECTED, 0, Vec::new());
        }
        if self.channels[side].messages.is_empty() || !self.channels[side].readers.is_empty() {
            if self.state == State::Closing {
                return self.end(request, Status::PIPE_BROKEN, 0, Vec::new());
            }
            return self.channels[side].readers.push_back((request, room));
        }
        let mut bytes = Vec::new();
        let mut status = Status::SUCCESS;
        while !self.channels[side].messages.is_empty() {
            let rest = self.channels[side].messages[0].rest.len();
            let left = room - bytes.len();
            if rest > left {
                if left != 0 {
                    bytes.extend(self.bite(side, left));
                }
                if self.by_message() {
                    status = Status::BUFFER_OVERFLOW;
                }
                break;
            }
            bytes.extend(self.bite(side, left));
            if self.by_message() || bytes.len() == room && room != 0 {
                break;
            }
        }
        self.end(request, status, bytes.len(), bytes);
        self.settle(side);
    }

    fn fail_all(&mut self, status: Status) {
        for to in 0..2 {
            let readers: Vec<_> = self.channels[to].readers.drain(..).map(|(request, _)| request).collect();
            let writers = self.channels[to].messages.iter_mut().filter_map(|message| message.writer.take());
            for request in readers.into_iter().chain(writers.collect::<Vec<_>>()) {
                self.end(request, status, 0, Vec::new());
            }
        }
    }

    fn cancel(&mut self, side: usize) -> bool {
        let mut cancelled: Vec<usize> =
            self.channels[side].readers.drain(..).map(|(request, _)| request).collect();
        // The unread rest of a write that is cancelled goes with it.
        let messages = std::mem::take(&mut self.channels[1 - side].messages);
        for message in messages {
            match message.writer {
                Some(writer) => cancelled.push(writer),
                None => self.channels[1 - side].messages.push_back(message),
            }
        }
        for request in &cancelled {
            self.end(*request, Status::CANCELLED, 0, Vec::new());
        }
        !cancelled.is_empty()
    }
}

/// A request of the real pipe, with the memory that it reports into.
struct Real {
    block: Box<[usize; 2]>,
    buffer: Vec<u8>,
    at_once: Option<Result<(Status, usize), Status>>,
}

impl Real {
    fn ending(&self) -> Option<Ending> {
        let (status, count) = match self.at_once {
            Some(Ok(done)) => done,
            Some(Err(status)) => (status, 0),
            None => {
                // SAFETY: the executive writes the words as atomics or not at all.
                let word = |index: usize| unsafe {
                    AtomicUsize::from_ptr(std::ptr::from_ref(&self.block[index]).cast_mut())
                        .load(Ordering::Acquire)
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

/// Drives a pipe and the model through the steps.
///
/// # Panics
/// They differ, or the arena is not whole afterwards.
pub(crate) fn run(shape: Shape, steps: &[Step]) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let name = format!("model {}", RUNS.fetch_add(1, Ordering::Relaxed));
    let name: Vec<u16> = name.encode_utf16().collect();
    let server = Server {
        direction: Direction::Duplex,
        extra_access: 0,
        overlapped: true,
        first_instance: true,
        message_type: shape.message_type,
        message_read: shape.message_read,
        nowait: false,
        reject_remote: false,
        max_instances: 1,
        out_quota: shape.quotas[1],
        in_quota: shape.quotas[0],
        default_timeout_ms: 50,
        inherit: false,
    };
    let connect = || {
        let client = pipe::open(&name, 0xC000_0000, true, false).unwrap();
        pipe::set_mode(client, shape.message_read, false).unwrap();
        client
    };
    let (end, _) = pipe::create(&name, &server).unwrap();
    let mut handles = [end, connect()];
    let channel = |quota| Channel { quota, ..Channel::default() };
    let mut model = Model {
        shape,
        state: State::Connected,
        has_client: true,
        channels: shape.quotas.map(|quota| channel(quota as usize)),
        endings: Vec::new(),
    };
    let mut requests: Vec<Real> = Vec::new();
    let mut byte = 0_u8;
    for (number, step) in steps.iter().enumerate() {
        one_step(*step, &mut model, &mut requests, &mut handles, &connect, &mut byte);
        io::deliver();
        for (request, (real, expected)) in requests.iter().zip(&model.endings).enumerate() {
            assert_eq!(
                real.ending(),
                *expected,
                "request {request} after step {number}, {step:?} of {shape:?}"
            );
        }
    }
    if model.has_client {
        handle::close(handles[1]).unwrap();
    }
    handle::close(handles[0]).unwrap();
    io::deliver();
    assert!(requests.iter().all(|real| real.ending().is_some()), "a closed pipe leaves nothing pending");
    assert_eq!(pipe::open(&name, 0xC000_0000, true, false), Err(Status::OBJECT_NAME_NOT_FOUND));
}

/// Proves the arena whole.
pub(crate) fn check() {
    assert_eq!(inspect::check(), []);
}

/// A call that starts a request.
type Call<'c> = dyn Fn(&mut [u8], Overlapped) -> Result<Outcome, Status> + 'c;

fn one_step(
    step: Step,
    model: &mut Model,
    requests: &mut Vec<Real>,
    handles: &mut [Handle; 2],
    connect: &dyn Fn() -> Handle,
    byte: &mut u8,
) {
    let number = requests.len();
    let issue = |buffer: Vec<u8>, call: &Call<'_>| {
        let mut real = Real { block: Box::new([0; 2]), buffer, at_once: None };
        // SAFETY: the words are boxed and live until the pipe is closed, which ends the request.
        let block = unsafe { StatusBlock::new(&raw mut *real.block) };
        real.at_once =
            match call(&mut real.buffer, Overlapped { block, event: None, routine: None, no_packet: true }) {
                Ok(Outcome::Done { status, information }) => Some(Ok((status, information))),
                Ok(Outcome::Pending) => None,
                Err(status) => Some(Err(status)),
            };
        real
    };
    match step {
        Step::Write { side, length } if side == 0 || model.has_client => {
            let data: Vec<u8> = (0..length)
                .map(|_| {
                    *byte = byte.wrapping_add(1);
                    *byte
                })
                .collect();
            model.endings.push(None);
            requests
                .push(issue(Vec::new(), &|_, overlapped| io::write(handles[side], &data, Some(overlapped))));
            model.write(side, number, &data);
        }
        Step::Read { side, room } if side == 0 || model.has_client => {
            model.endings.push(None);
            requests.push(issue(vec![0; room], &|buffer, overlapped| {
                // SAFETY: the bytes are on the heap and live until the pipe is closed, which ends the request.
                let buffer = unsafe { ReadBuffer::new(buffer.as_mut_ptr(), buffer.len()) };
                io::read(handles[side], buffer, Some(overlapped))
            }));
            model.read(side, number, room);
        }
        Step::Peek { side, room } if side == 0 || model.has_client => peek(model, handles[side], side, room),
        Step::Cancel { side } if side == 0 || model.has_client => {
            let expected = if model.cancel(side) { Ok(()) } else { Err(Status::NOT_FOUND) };
            assert_eq!(io::cancel_requests(handles[side], None), expected);
            model.settle(1 - side);
        }
        Step::CloseClient if model.has_client => {
            handle::close(handles[1]).unwrap();
            model.has_client = false;
            if model.state == State::Connected {
                model.fail_all(Status::PIPE_BROKEN);
                model.channels[1].messages.clear();
                model.state = State::Closing;
            }
        }
        Step::Disconnect => {
            let expected =
                if model.state == State::Disconnected { Err(Status::PIPE_DISCONNECTED) } else { Ok(()) };
            assert_eq!(pipe::disconnect(handles[0]), expected);
            model.fail_all(Status::PIPE_DISCONNECTED);
            model.channels.iter_mut().for_each(|channel| channel.messages.clear());
            model.state = State::Disconnected;
        }
        Step::Reconnect if model.state == State::Disconnected => {
            if model.has_client {
                handle::close(handles[1]).unwrap();
            }
            requests.push(issue(Vec::new(), &|_, overlapped| pipe::listen(handles[0], Some(overlapped))));
            assert_eq!(requests[number].ending(), None, "it waits for a client");
            handles[1] = connect();
            model.endings.push(Some(Ending { status: Status::SUCCESS, count: 0, bytes: Vec::new() }));
            model.has_client = true;
            model.state = State::Connected;
        }
        _ => {}
    }
}

fn peek(model: &Model, handle: Handle, side: usize, room: usize) {
    let channel = &model.channels[side];
    let mut buffer = vec![0; room];
    let result = pipe::peek(handle, &mut buffer);
    let refusal = match model.state {
        State::Connected => None,
        State::Closing if !channel.messages.is_empty() => None,
        State::Closing => Some(Status::PIPE_BROKEN),
        State::Disconnected if side == 0 => Some(Status::INVALID_PIPE_STATE),
        State::Disconnected => Some(Status::PIPE_DISCONNECTED),
    };
    if let Some(status) = refusal {
        return assert_eq!(result, Err(status));
    }
    let first = channel.messages.front().map_or(0, |message| message.rest.len());
    let most = if model.shape.message_type { first } else { channel.unread() };
    let bytes: Vec<u8> =
        channel.messages.iter().flat_map(|message| &message.rest).copied().take(most.min(room)).collect();
    let left = if model.shape.message_type { first as u32 } else { 0 };
    let left = left.wrapping_sub(bytes.len() as u32);
    let expected = pipe::Peek { copied: bytes.len(), available: channel.unread() as u32, left };
    assert_eq!(result, Ok(expected));
    assert_eq!(buffer[..bytes.len()], bytes[..]);
}
