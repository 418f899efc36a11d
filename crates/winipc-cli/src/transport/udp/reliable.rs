//! Frames over datagrams that may be lost, doubled and overtaken. No input or output happens here: what arrives is
//! given to a [`Conversation`], and what it wants to send is asked of it.
//!
//! A frame is cut into fragments, which are numbered through the whole conversation. The receiver says up to which
//! number it has all, and which of the next 64 it has; the sender repeats what has not been acknowledged in time, or
//! has been overtaken by three others. No more than a window of fragments is under way: it shrinks when something was
//! lost and grows with every acknowledgement. One frame is under way at a time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::transport::FRAME_LIMIT;

/// Payload of a fragment in bytes: with all headers below 1,280, which every IPv6 network carries unfragmented.
pub(super) const PAYLOAD_LIMIT: usize = 1184;
/// The most fragments under way: as many as an acknowledgement can name.
const WINDOW: u64 = 64;
const FIRST_WINDOW: u64 = 16;
/// Received frames that nobody has taken: while there are so many, nothing new is accepted, and the sender repeats it.
const UNTAKEN_LIMIT: usize = 64;
const UNTAKEN_BYTE_LIMIT: usize = 256 * 1024;
/// When nothing has been measured.
const FIRST_TIMEOUT: Duration = Duration::from_millis(250);
const TIMEOUT_MINIMUM: Duration = Duration::from_millis(30);
const TIMEOUT_LIMIT: Duration = Duration::from_secs(1);
/// After so long without a word of ours the peer is told that we are there.
const PING_PERIOD: Duration = Duration::from_millis(500);
/// After so long without a word of the peer's it counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(8);
/// For so long after the end the peer is still told what we have got of it.
const LINGER: Duration = Duration::from_secs(2);

/// What the peers of a conversation say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Fragment {
        number: u64,
        is_last: bool,
        payload: Vec<u8>,
        acknowledgement: Acknowledgement,
    },
    /// Also a sign of life.
    Acknowledgement(Acknowledgement),
}

/// What a receiver has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acknowledgement {
    /// The first number that it lacks.
    pub(super) next: u64,
    /// Bit `n`: it has `next + 1 + n`.
    pub(super) later: u64,
}

impl Acknowledgement {
    fn covers(self, number: u64) -> bool {
        let offset = number.checked_sub(self.next);
        offset.is_none_or(|offset| (1..=WINDOW).contains(&offset) && self.later >> (offset - 1) & 1 == 1)
    }
}

/// Why a conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer has closed it, died, or not been heard for long; or it was closed here.
    Gone,
    /// The peer has sent a frame above the limit.
    TooLong,
}

struct Fragment {
    number: u64,
    is_last: bool,
    payload: Vec<u8>,
    /// `None` if it is to be sent, for the first time or again.
    sent_at: Option<Instant>,
    is_repeated: bool,
    /// How many that were sent later have arrived.
    overtaken: u8,
}

impl Fragment {
    fn lose(&mut self) {
        self.sent_at = None;
        self.is_repeated = true;
        self.overtaken = 0;
    }
}

pub(super) struct Conversation {
    /// Not acknowledged yet, in order.
    outgoing: VecDeque<Fragment>,
    next_number: u64,
    window: u64,
    timeout: Duration,
    /// Smoothed round trip time and its variation, once measured.
    round_trip: Option<(Duration, Duration)>,
    /// The first number that has not been received.
    expected: u64,
    /// Received before what precedes it.
    early: BTreeMap<u64, (bool, Vec<u8>)>,
    partial: Vec<u8>,
    frames: VecDeque<Vec<u8>>,
    owes_acknowledgement: bool,
    heard_at: Instant,
    spoke_at: Instant,
    end: Option<(End, Instant)>,
}

impl Conversation {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            outgoing: VecDeque::new(),
            next_number: 0,
            window: FIRST_WINDOW,
            timeout: FIRST_TIMEOUT,
            round_trip: None,
            expected: 0,
            early: BTreeMap::new(),
            partial: Vec::new(),
            frames: VecDeque::new(),
            // So that the peer learns that the conversation has begun.
            owes_acknowledgement: true,
            heard_at: now,
            spoke_at: now,
            end: None,
        }
    }

    /// Takes a frame to send. The one before is [delivered](Self::has_delivered).
    pub(super) fn offer(&mut self, frame: &[u8]) {
        let mut rest = frame;
        loop {
            let (payload, after) = rest.split_at(rest.len().min(PAYLOAD_LIMIT));
            rest = after;
            self.outgoing.push_back(Fragment {
                number: self.next_number,
                is_last: rest.is_empty(),
                payload: payload.to_vec(),
                sent_at: None,
                is_repeated: false,
                overtaken: 0,
            });
            self.next_number += 1;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Whether the peer has everything that was offered.
    pub(super) fn has_delivered(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// The next frame received.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    /// Says something at once, so that the peer knows of the conversation.
    pub(super) fn greet(&mut self) {
        self.owes_acknowledgement = true;
    }

    /// What ended the conversation; what was received before can still be taken.
    pub(super) fn end(&self) -> Option<End> {
        self.end.map(|(end, _)| end)
    }

    /// Whether the conversation is over for so long that the peer has nothing more to ask.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        self.end.is_some_and(|(_, since)| since + LINGER <= now)
    }

    pub(super) fn close(&mut self, end: End, now: Instant) {
        self.end.get_or_insert((end, now));
    }

    /// The peer has closed the conversation, and had this by then.
    pub(super) fn closed(&mut self, acknowledgement: Acknowledgement, now: Instant) {
        self.acknowledged(acknowledgement, now);
        self.close(End::Gone, now);
    }

    /// The peer has said something.
    pub(super) fn hear(&mut self, message: Message, now: Instant) {
        if self.end.is_some() {
            return;
        }
        self.heard_at = now;
        match message {
            Message::Acknowledgement(acknowledgement) => self.acknowledged(acknowledgement, now),
            Message::Fragment { number, is_last, payload, acknowledgement } => {
                self.acknowledged(acknowledgement, now);
                self.owes_acknowledgement = true;
                // Known, or from a sender that does not keep to the window.
                if number >= self.expected && number - self.expected <= WINDOW && !self.is_full() {
                    self.early.entry(number).or_insert((is_last, payload));
                    self.assemble(now);
                }
            }
        }
    }

    fn assemble(&mut self, now: Instant) {
        while let Some((is_last, payload)) = self.early.remove(&self.expected) {
            self.expected += 1;
            if self.partial.len() + payload.len() > FRAME_LIMIT {
                return self.close(End::TooLong, now);
            }
            self.partial.extend(payload);
            if is_last {
                self.frames.push_back(std::mem::take(&mut self.partial));
            }
        }
    }

    fn is_full(&self) -> bool {
        let bytes: usize = self.frames.iter().map(Vec::len).sum();
        self.frames.len() >= UNTAKEN_LIMIT || bytes > UNTAKEN_BYTE_LIMIT
    }

    fn acknowledged(&mut self, acknowledgement: Acknowledgement, now: Instant) {
        let mut arrived = Vec::new();
        let mut index = 0;
        // Only these can have been sent, and what was never sent cannot have arrived.
        while index <= WINDOW as usize
            && let Some(fragment) = self.outgoing.get(index)
            && (fragment.sent_at.is_some() || fragment.is_repeated)
        {
            if acknowledgement.covers(fragment.number) {
                arrived.push((fragment.sent_at, fragment.is_repeated));
                self.outgoing.remove(index);
            } else {
                index += 1;
            }
        }
        let Some(last_sent) = arrived.iter().filter_map(|(sent_at, _)| *sent_at).max() else { return };
        self.window = (self.window + arrived.len() as u64).min(WINDOW);
        // Of a repeated one nobody knows which has arrived.
        if arrived.contains(&(Some(last_sent), false)) {
            self.measured(now - last_sent);
        }
        self.timeout = self.base_timeout();
        let mut has_lost = false;
        for fragment in self.outgoing.iter_mut().take(index) {
            if fragment.sent_at.is_some_and(|sent_at| sent_at < last_sent) {
                fragment.overtaken = fragment.overtaken.saturating_add(arrived.len().min(3) as u8);
                if fragment.overtaken >= 3 {
                    fragment.lose();
                    has_lost = true;
                }
            }
        }
        if has_lost {
            self.window = (self.window / 2).max(1);
        }
    }

    /// As TCP does (RFC 6298).
    fn measured(&mut self, sample: Duration) {
        self.round_trip = Some(match self.round_trip {
            None => (sample, sample / 2),
            Some((mean, variation)) => ((mean * 7 + sample) / 8, (variation * 3 + mean.abs_diff(sample)) / 4),
        });
    }

    fn base_timeout(&self) -> Duration {
        self.round_trip.map_or(FIRST_TIMEOUT, |(mean, variation)| {
            (mean + variation * 4).clamp(TIMEOUT_MINIMUM, TIMEOUT_LIMIT)
        })
    }

    /// What to send now; to be asked until there is nothing.
    pub(super) fn speak(&mut self, now: Instant) -> Option<Message> {
        if self.end.is_some() {
            return None;
        }
        if now.saturating_duration_since(self.heard_at) > SILENCE_LIMIT {
            self.close(End::Gone, now);
            return None;
        }
        let acknowledgement = self.acknowledgement();
        if let Some(index) = self.next_fragment(now) {
            let fragment = &mut self.outgoing[index];
            fragment.sent_at = Some(now);
            let Fragment { number, is_last, ref payload, .. } = *fragment;
            let payload = payload.clone();
            self.said(now);
            return Some(Message::Fragment { number, is_last, payload, acknowledgement });
        }
        if self.owes_acknowledgement || now.saturating_duration_since(self.spoke_at) >= PING_PERIOD {
            self.said(now);
            return Some(Message::Acknowledgement(acknowledgement));
        }
        None
    }

    fn said(&mut self, now: Instant) {
        self.owes_acknowledgement = false;
        self.spoke_at = now;
    }

    /// What we have.
    pub(super) fn acknowledgement(&self) -> Acknowledgement {
        let bits = self.early.keys().map(|number| 1 << (number - self.expected - 1));
        Acknowledgement { next: self.expected, later: bits.fold(0, |all, bit: u64| all | bit) }
    }

    /// The fragment to send now, if the window has room for it.
    fn next_fragment(&mut self, now: Instant) -> Option<usize> {
        // Nothing beyond what the receiver can keep while the first is missing.
        let limit = self.outgoing.front()?.number + WINDOW;
        let is_late = |sent_at: Instant| sent_at + self.timeout <= now;
        let mut has_lost = false;
        let (mut under_way, mut next) = (0, None);
        for (index, fragment) in self.outgoing.iter_mut().enumerate() {
            if fragment.number > limit {
                break;
            }
            if fragment.sent_at.is_some_and(is_late) {
                fragment.lose();
                has_lost = true;
            }
            match fragment.sent_at {
                Some(_) => under_way += 1,
                None => next = next.or(Some(index)),
            }
        }
        if has_lost {
            self.timeout = (self.timeout * 2).min(TIMEOUT_LIMIT);
            self.window = (self.window / 2).max(1);
        }
        next.filter(|_| under_way < self.window)
    }

    /// When [`Self::speak`] has something to say, if nothing is heard before.
    pub(super) fn due(&self) -> Instant {
        let ping = self.spoke_at + PING_PERIOD;
        let sent = self.outgoing.iter().take(WINDOW as usize + 1).filter_map(|fragment| fragment.sent_at);
        let repeat = sent.min().map(|sent_at| sent_at + self.timeout);
        repeat.map_or(ping, |repeat| repeat.min(ping))
    }
}

#[cfg(test)]
#[path = "simulation.rs"]
mod simulation;
