//! Conversations over a simulated link, by a clock of its own, that loses, doubles and disorders datagrams.

use super::*;

/// Random numbers that a seed repeats (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

/// Two conversations and what is under way between them, by a clock of their own.
struct Link {
    random: Random,
    now: Instant,
    ends: [Conversation; 2],
    /// By the moment of arrival; the second number keeps keys apart.
    under_way: BTreeMap<(Instant, u64), (usize, Message)>,
    sent: u64,
    /// Of 100 messages, how many are lost and doubled.
    lost: u64,
    doubled: u64,
    /// The longest time on the way.
    delay: Duration,
    /// Messages that the way holds; others are lost, many at once.
    room: usize,
}

impl Link {
    fn new(seed: u64, lost: u64, doubled: u64, delay: Duration) -> Self {
        let now = Instant::now();
        let ends = [Conversation::new(now), Conversation::new(now)];
        Self {
            random: Random(seed),
            now,
            ends,
            under_way: BTreeMap::new(),
            sent: 0,
            lost,
            doubled,
            delay,
            room: usize::MAX,
        }
    }

    fn speak(&mut self) {
        for index in 0..2 {
            while let Some(message) = self.ends[index].speak(self.now) {
                if self.random.below(100) < self.lost || self.under_way.len() >= self.room {
                    continue;
                }
                for _ in 0..1 + u64::from(self.random.below(100) < self.doubled) {
                    self.sent += 1;
                    let delay = self.random.below(self.delay.as_micros() as u64 + 1);
                    let at = self.now + Duration::from_micros(delay);
                    self.under_way.insert((at, self.sent), (1 - index, message.clone()));
                }
            }
        }
    }

    /// To the next moment when something happens.
    fn step(&mut self) {
        self.speak();
        let due = self.ends.iter().filter(|end| end.end().is_none()).map(Conversation::due).min();
        let arrival = self.under_way.keys().next().map(|(at, _)| *at);
        self.now = self.now.max(due.into_iter().chain(arrival).min().unwrap_or(self.now));
        while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, message) = entry.remove();
            self.ends[to].hear(message, self.now);
        }
    }
}

fn frame(seed: u64, number: u64) -> Vec<u8> {
    let mut random = Random(seed ^ (number << 32));
    let length = match number % 8 {
        0 => 0,
        1 => PAYLOAD_LIMIT as u64,
        2 => 2 * PAYLOAD_LIMIT as u64 + 1,
        3 => 64 * 1024,
        _ => random.below(3000),
    };
    (0..length).map(|_| random.below(256) as u8).collect()
}

#[test]
fn frames_survive_any_loss_doubling_and_disorder() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let (lost, doubled) = (random.below(50), random.below(50));
        let delay = Duration::from_millis([0, 1, 30, 400][random.below(4) as usize]);
        let mut link = Link::new(seed, lost, doubled, delay);
        link.room = [8, 40, usize::MAX][random.below(3) as usize];
        let (mut offered, mut received) = ([0; 2], [0; 2]);
        while received != [24; 2] {
            for end in 0..2 {
                if link.ends[end].has_delivered() && offered[end] < 24 {
                    offered[end] += 1;
                    link.ends[end].offer(&frame(seed, offered[end]));
                }
                // Whoever does not take frames for a while gets them later.
                while link.random.below(3) > 0
                    && let Some(taken) = link.ends[end].take()
                {
                    received[end] += 1;
                    assert!(taken == frame(seed, received[end]), "seed {seed}: frame {}", received[end]);
                }
            }
            link.step();
            for end in &link.ends {
                assert_eq!(end.end(), None, "seed {seed}: {lost} lost, {doubled} doubled, {delay:?}");
                assert!(end.early.len() <= WINDOW as usize);
            }
        }
        // What is delivered has arrived.
        while !link.ends.iter().all(Conversation::has_delivered) {
            link.step();
        }
        assert_eq!(link.ends.each_mut().map(|end| end.take()), [None, None]);
    }
}

#[test]
fn a_peer_that_is_not_heard_is_gone() {
    let mut link = Link::new(1, 100, 0, Duration::ZERO);
    link.ends[0].offer(b"anybody?");
    while link.ends.iter().any(|end| end.end().is_none()) {
        link.step();
    }
    assert_eq!(link.ends.each_ref().map(Conversation::end), [Some(End::Gone); 2]);
}

#[test]
fn a_quiet_conversation_goes_on() {
    let mut link = Link::new(1, 20, 0, Duration::from_millis(10));
    let end = link.now + 10 * SILENCE_LIMIT;
    while link.now < end {
        link.step();
    }
    assert_eq!(link.ends.each_ref().map(Conversation::end), [None; 2]);
}

#[test]
fn whoever_is_not_read_does_not_fill_the_memory() {
    let mut link = Link::new(1, 0, 0, Duration::ZERO);
    let mut offered = 0;
    let end = link.now + 2 * SILENCE_LIMIT;
    while link.now < end {
        if link.ends[0].has_delivered() {
            offered += 1;
            link.ends[0].offer(&vec![0; 10_000]);
        }
        link.step();
    }
    assert!((20..40).contains(&offered), "{offered}");
    // All of them come, and those that waited as well.
    let mut taken = 0;
    while taken < offered {
        taken += u32::from(link.ends[1].take().is_some());
        link.step();
    }
    assert!(link.ends[0].has_delivered());
}

#[test]
fn a_frame_above_the_limit_ends_the_conversation() {
    let mut link = Link::new(1, 0, 0, Duration::ZERO);
    link.ends[0].offer(&vec![0; FRAME_LIMIT + 1]);
    while link.ends[1].end().is_none() {
        link.step();
    }
    assert_eq!((link.ends[1].end(), link.ends[1].take()), (Some(End::TooLong), None));
}

#[test]
fn lies_are_not_believed() {
    let now = Instant::now();
    let mut liar = Random(7);
    let mut conversation = Conversation::new(now);
    conversation.offer(b"not sent yet");
    for _ in 0..100_000 {
        let acknowledgement = Acknowledgement { next: liar.below(100), later: liar.below(u64::MAX) };
        let number = [liar.below(200), u64::MAX - liar.below(70)][liar.below(2) as usize];
        let payload = vec![0; liar.below(PAYLOAD_LIMIT as u64) as usize];
        let fragment = Message::Fragment { number, is_last: false, payload, acknowledgement };
        conversation.hear(fragment, now);
        assert!(conversation.early.len() <= WINDOW as usize);
    }
    assert!(!conversation.has_delivered(), "nothing has been sent");
}
