//! What the ends of the model read and write.

use std::collections::VecDeque;

use winipc_executive::Status;
use winipc_executive::pipe::Peek;

use crate::channel::Message;
use crate::model::{Model, State};
use crate::request::Ending;

impl Model {
    pub(crate) fn write(&mut self, end: usize, request: usize, data: &[u8]) {
        let refusal = match self.state(end) {
            Some(State::Connected) => None,
            Some(State::Closing) => Some(Status::PIPE_CLOSING),
            Some(State::Listening) => Some(Status::PIPE_LISTENING),
            Some(State::Disconnected) | None => Some(Status::PIPE_DISCONNECTED),
        };
        if let Some(status) = refusal {
            return self.end_all([request], status);
        }
        let (to, is_message_type, nowait) =
            (1 - self.ends[end].side, self.shape.message_type, self.ends[end].nowait);
        let channel = &mut self.instance(end).unwrap().channels[to];
        let mut length = data.len();
        if nowait {
            length = channel.admitted(length, is_message_type);
        }
        let done = Ending { status: Status::SUCCESS, count: length, bytes: Vec::new() };
        if length == 0 && !(is_message_type && data.is_empty()) {
            return self.apply(vec![(request, done)]);
        }
        // An empty message, and a write that must not wait, do not wait.
        let waits = length != 0 && !nowait;
        let endings = channel.push(&data[..length], waits.then_some(request));
        if !waits {
            self.apply(vec![(request, done)]);
        }
        self.apply(endings);
    }

    pub(crate) fn read(&mut self, end: usize, request: usize, room: usize) {
        let (side, by_message, nowait) =
            (self.ends[end].side, self.ends[end].message_read, self.ends[end].nowait);
        let Some(instance) = self.instance(end) else {
            return self.end_all([request], Status::PIPE_DISCONNECTED);
        };
        let channel = &mut instance.channels[side];
        let refusal = match instance.state {
            State::Listening => Some(Status::PIPE_LISTENING),
            State::Disconnected => Some(Status::PIPE_DISCONNECTED),
            _ if channel.is_readable() => {
                let endings = channel.read(request, room, by_message);
                return self.apply(endings);
            }
            State::Closing => Some(Status::PIPE_BROKEN),
            State::Connected => nowait.then_some(Status::PIPE_EMPTY),
        };
        match refusal {
            Some(status) => self.end_all([request], status),
            None => channel.readers.push_back((request, room, by_message)),
        }
    }

    pub(crate) fn transact(&mut self, end: usize, request: usize, input: &[u8], room: usize) {
        let side = self.ends[end].side;
        let refusal = match self.state(end) {
            None => Some(Status::PIPE_DISCONNECTED),
            Some(State::Connected) if !self.ends[end].message_read => Some(Status::INVALID_READ_MODE),
            Some(State::Connected) => {
                let channel = &self.instance(end).unwrap().channels[side];
                (!channel.messages.is_empty()).then_some(Status::PIPE_BUSY)
            }
            Some(_) => Some(Status::INVALID_PIPE_STATE),
        };
        if let Some(status) = refusal {
            return self.end_all([request], status);
        }
        let endings = self.instance(end).unwrap().channels[1 - side].push(input, None);
        self.apply(endings);
        self.read(end, request, room);
    }

    pub(crate) fn flush(&mut self, end: usize, request: usize) {
        let to = 1 - self.ends[end].side;
        let Some(instance) = self.instance(end) else {
            return self.end_all([request], Status::PIPE_DISCONNECTED);
        };
        let last = instance.channels[to].messages.back().map(|message| message.number);
        match last.filter(|_| instance.state == State::Connected) {
            Some(last) => instance.channels[to].flushes.push((request, last)),
            None => self.end_all([request], Status::SUCCESS),
        }
    }

    /// How many reads wait for what an end writes.
    pub(crate) fn readers_of(&self, end: usize) -> usize {
        let place = self.ends[end].place;
        place.map_or(0, |place| self.instances[place].channels[1 - self.ends[end].side].readers.len())
    }

    pub(crate) fn peek(&self, end: usize, room: usize) -> Result<(Peek, Vec<u8>), Status> {
        let side = self.ends[end].side;
        let place = self.ends[end].place.ok_or(Status::PIPE_DISCONNECTED)?;
        let instance = &self.instances[place];
        let messages: &VecDeque<Message> = &instance.channels[side].messages;
        match instance.state {
            State::Connected => {}
            State::Closing if !messages.is_empty() => {}
            State::Closing => return Err(Status::PIPE_BROKEN),
            State::Listening | State::Disconnected => return Err(Status::INVALID_PIPE_STATE),
        }
        let available = instance.channels[side].unread();
        let first = messages.front().map_or(0, |message| message.rest.len());
        let most = if self.shape.message_type { first } else { available };
        let rests = messages.iter().flat_map(|message| &message.rest);
        let bytes: Vec<u8> = rests.copied().take(most.min(room)).collect();
        let left = if self.shape.message_type { first as u32 } else { 0 };
        let left = left.wrapping_sub(bytes.len() as u32);
        Ok((Peek { copied: bytes.len(), available: available as u32, left }, bytes))
    }
}
