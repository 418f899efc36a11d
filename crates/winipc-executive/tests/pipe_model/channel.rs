//! What flows one way through an instance of the modelled pipe.

use std::collections::VecDeque;

use winipc_executive::Status;

use crate::request::Ending;

pub(crate) struct Message {
    pub(crate) rest: VecDeque<u8>,
    pub(crate) length: usize,
    /// The write that waits until it is read or fits the quota.
    pub(crate) writer: Option<usize>,
    /// Counts the messages of the channel.
    pub(crate) number: usize,
}

pub(crate) struct Channel {
    pub(crate) quota: usize,
    pub(crate) messages: VecDeque<Message>,
    /// Waiting reads: the request, its room, and whether it wants a message.
    pub(crate) readers: VecDeque<(usize, usize, bool)>,
    /// Waiting flushes: the request, and the message after which it is done.
    pub(crate) flushes: Vec<(usize, usize)>,
    written: usize,
}

/// What came of something: how requests ended.
type Endings = Vec<(usize, Ending)>;

fn success(count: usize) -> Ending {
    Ending { count, ..Ending::with(Status::SUCCESS) }
}

impl Channel {
    pub(crate) fn new(quota: usize) -> Self {
        let (messages, readers) = (VecDeque::new(), VecDeque::new());
        Channel { quota, messages, readers, flushes: Vec::new(), written: 0 }
    }

    pub(crate) fn unread(&self) -> usize {
        self.messages.iter().map(|message| message.rest.len()).sum()
    }

    /// Whether a read gets something at once.
    pub(crate) fn is_readable(&self) -> bool {
        !self.messages.is_empty() && self.readers.is_empty()
    }

    /// How much of a write is taken that must not wait.
    pub(crate) fn admitted(&self, length: usize, is_message_type: bool) -> usize {
        let free = self.quota.saturating_sub(self.unread());
        let reader = self.readers.front().map_or(0, |(_, room, _)| *room);
        match length.saturating_sub(reader) {
            rest if rest <= free => length,
            _ if is_message_type => 0,
            _ => reader,
        }
    }

    /// Queues a message and serves those who wait for one.
    pub(crate) fn push(&mut self, data: &[u8], writer: Option<usize>) -> Endings {
        self.written += 1;
        let rest = data.iter().copied().collect();
        self.messages.push_back(Message { rest, length: data.len(), writer, number: self.written });
        let mut endings = Vec::new();
        while !self.messages.is_empty() {
            let Some((reader, room, by_message)) = self.readers.pop_front() else { break };
            let rest = self.messages[0].rest.len();
            let status = if by_message && rest > room { Status::BUFFER_OVERFLOW } else { Status::SUCCESS };
            // One without room only waited for something to come.
            let bytes = if room == 0 && rest != 0 { Vec::new() } else { self.bite(room, &mut endings) };
            endings.push((reader, Ending { status, count: bytes.len(), bytes }));
        }
        self.settle(&mut endings);
        endings
    }

    /// Takes up to `room` bytes of the first message, which goes when it is empty.
    fn bite(&mut self, room: usize, endings: &mut Endings) -> Vec<u8> {
        let message = &mut self.messages[0];
        let count = room.min(message.rest.len());
        let bytes = message.rest.drain(..count).collect();
        if message.rest.is_empty() {
            let message = self.messages.pop_front().unwrap();
            endings.extend(message.writer.map(|writer| (writer, success(message.length))));
        }
        bytes
    }

    /// Ends the writes whose messages fit the quota now, and the flushes that have nothing left to wait for.
    fn settle(&mut self, endings: &mut Endings) {
        let mut sum = 0;
        for message in &mut self.messages {
            sum += message.rest.len();
            if sum > self.quota {
                break;
            }
            endings.extend(message.writer.take().map(|writer| (writer, success(message.length))));
        }
        let messages = &self.messages;
        let is_done = |(_, last): &mut (usize, usize)| messages.iter().all(|message| message.number > *last);
        endings.extend(self.flushes.extract_if(.., is_done).map(|(request, _)| (request, success(0))));
    }

    pub(crate) fn read(&mut self, request: usize, room: usize, by_message: bool) -> Endings {
        let mut endings = Vec::new();
        let mut bytes = Vec::new();
        let mut status = Status::SUCCESS;
        while !self.messages.is_empty() {
            let rest = self.messages[0].rest.len();
            let left = room - bytes.len();
            if rest > left {
                if left != 0 {
                    bytes.extend(self.bite(left, &mut endings));
                }
                if by_message {
                    status = Status::BUFFER_OVERFLOW;
                }
                break;
            }
            bytes.extend(self.bite(left, &mut endings));
            if by_message || bytes.len() == room && room != 0 {
                break;
            }
        }
        endings.push((request, Ending { status, count: bytes.len(), bytes }));
        self.settle(&mut endings);
        endings
    }

    /// Takes out everything that waits; the messages stay.
    pub(crate) fn fail(&mut self) -> Vec<usize> {
        let readers = self.readers.drain(..).map(|(request, ..)| request);
        let flushes = self.flushes.drain(..).map(|(request, _)| request);
        let writers = self.messages.iter_mut().filter_map(|message| message.writer.take());
        readers.chain(flushes).chain(writers).collect()
    }

    pub(crate) fn cancel_reads(&mut self, is_meant: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let (cancelled, kept): (VecDeque<_>, _) =
            self.readers.drain(..).partition(|(request, ..)| is_meant(*request));
        self.readers = kept;
        cancelled.into_iter().map(|(request, ..)| request).collect()
    }

    /// Cancels writes and flushes. The unread rest of a write goes with it, which may let others go on.
    pub(crate) fn cancel_writes(&mut self, is_meant: &dyn Fn(usize) -> bool) -> (Vec<usize>, Endings) {
        let flushes = self.flushes.extract_if(.., |(request, _)| is_meant(*request));
        let mut cancelled: Vec<usize> = flushes.map(|(request, _)| request).collect();
        self.messages.retain(|message| {
            let writer = message.writer.filter(|writer| is_meant(*writer));
            cancelled.extend(writer);
            writer.is_none()
        });
        let mut endings = Vec::new();
        if !cancelled.is_empty() {
            self.settle(&mut endings);
        }
        (cancelled, endings)
    }
}
