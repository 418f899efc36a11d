//! A room under the worst of luck: servers die at any moment, frames are lost with them, members come back in any
//! order. Whatever happens, every line of a surviving author is shown to every other survivor once and in order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::member::{Member, Notice};
use super::protocol::{Frame, MemberId};
use super::room::{Effect, LinkId, Room};

/// Random numbers that a seed repeats (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

enum Queued {
    Frame(Frame),
    /// The line, and where to report that it is in the pipe.
    Line {
        frame: Frame,
        delivery: usize,
    },
}

/// A duplex pipe between one member and the server.
#[derive(Default)]
struct Link {
    member: usize,
    to_server: VecDeque<Frame>,
    /// Waiting in the server process: dies with it.
    queued: VecDeque<Queued>,
    /// Written to the pipe: survives the server.
    to_member: VecDeque<Frame>,
    is_closed: bool,
}

struct Server {
    member: usize,
    room: Room,
    /// For each broadcast line: links that have not got it yet, the author's link, the frame that tells it.
    deliveries: Vec<(usize, LinkId, Frame)>,
}

struct World {
    random: Random,
    now: Instant,
    members: Vec<Option<Member>>,
    has_come: Vec<bool>,
    link_of: Vec<Option<LinkId>>,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    server: Option<Server>,
    /// For each member: the lines shown, by the author's name and whether they were private.
    shown: Vec<BTreeMap<(String, bool), Vec<u64>>>,
    /// Who was told of lines that it has missed.
    has_missed: Vec<bool>,
    /// The number of lines typed, by author and recipient.
    typed: BTreeMap<(usize, Option<usize>), u64>,
}

impl World {
    /// The first `early` of `count` members are there from the beginning.
    fn new(seed: u64, count: usize, early: usize) -> Self {
        Self {
            random: Random(seed),
            now: Instant::now(),
            has_come: (0..count).map(|n| n < early).collect(),
            members: (0..count).map(|n| Some(Member::new(MemberId(n as u64), &format!("m{n}"), 0))).collect(),
            link_of: vec![None; count],
            links: BTreeMap::new(),
            next_link: 0,
            server: None,
            shown: vec![BTreeMap::new(); count],
            has_missed: vec![false; count],
            typed: BTreeMap::new(),
        }
    }

    fn connect(&mut self, member: usize) {
        if self.members[member].is_none() || self.link_of[member].is_some() || !self.has_come[member] {
            return;
        }
        if self.server.is_none() {
            let room = Room::new(MemberId(member as u64), &format!("m{member}"), self.now);
            self.server = Some(Server { member, room, deliveries: Vec::new() });
        }
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let hello = self.members[member].as_ref().unwrap().hello();
        self.links.insert(id, Link { member, to_server: [hello].into(), ..Link::default() });
        self.link_of[member] = Some(id);
    }

    fn type_line(&mut self, member: usize) {
        let recipient = Some(self.random.below(2 * self.members.len())).filter(|n| *n < self.members.len());
        let Some(typist) = &mut self.members[member] else { return };
        if !typist.may_type() || !self.has_come[member] {
            return;
        }
        let number = self.typed.get(&(member, recipient)).map_or(1, |number| number + 1);
        let name = recipient.map(|recipient| format!("m{recipient}"));
        // Nobody talks to oneself, or to somebody who is known to have gone.
        let Ok(reaction) = typist.say(name.as_deref(), &number.to_string(), 1) else { return };
        self.typed.insert((member, recipient), number);
        if let Some(link) = self.link_of[member] {
            self.links.get_mut(&link).unwrap().to_server.extend(reaction.frames);
        }
    }

    fn server_reads(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.is_closed {
            return;
        }
        let Some(frame) = link.to_server.pop_front() else { return };
        let Some(server) = &mut self.server else { return };
        let effects = server.room.received(id, frame, self.now);
        self.apply(effects);
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let server = self.server.as_mut().unwrap();
            match effect {
                Effect::Send { link, frame } => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.queued.push_back(Queued::Frame(frame));
                    }
                }
                Effect::Broadcast { links, line, author } => {
                    let accepted = Frame::Accepted { stream: line.stream, number: line.number };
                    let delivery = server.deliveries.len();
                    server.deliveries.push((links.len(), author, accepted));
                    for link in &links {
                        let frame = Frame::Line(line.clone());
                        let link = self.links.get_mut(link).expect("the room knows who is present");
                        link.queued.push_back(Queued::Line { frame, delivery });
                    }
                    if links.is_empty() {
                        self.report(delivery);
                    }
                }
                Effect::Close { link } => self.links.get_mut(&link).unwrap().is_closed = true,
            }
        }
    }

    fn report(&mut self, delivery: usize) {
        let server = self.server.as_ref().unwrap();
        let (_, author, frame) = &server.deliveries[delivery];
        let (author, frame) = (*author, frame.clone());
        if let Some(link) = self.links.get_mut(&author) {
            link.queued.push_back(Queued::Frame(frame));
        }
    }

    fn server_writes(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        match link.queued.pop_front() {
            None => {}
            Some(Queued::Frame(frame)) => link.to_member.push_back(frame),
            Some(Queued::Line { frame, delivery }) => {
                link.to_member.push_back(frame);
                self.delivered(delivery);
            }
        }
    }

    fn delivered(&mut self, delivery: usize) {
        let outstanding = &mut self.server.as_mut().unwrap().deliveries[delivery].0;
        *outstanding -= 1;
        if *outstanding == 0 {
            self.report(delivery);
        }
    }

    fn member_reads(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let index = link.member;
        match link.to_member.pop_front() {
            Some(frame) => {
                let member = self.members[index].as_mut().expect("a dead member's link is removed");
                let reaction = member.received(frame).unwrap();
                link.to_server.extend(reaction.frames);
                for notice in reaction.notices {
                    let (name, is_private, text) = match notice {
                        Notice::Said { name, text } => (name, false, text),
                        Notice::Whispered { name, text } => (name, true, text),
                        Notice::Missed { .. } | Notice::MissedWhileAway { .. } => {
                            self.has_missed[index] = true;
                            continue;
                        }
                        _ => continue,
                    };
                    self.shown[index].entry((name, is_private)).or_default().push(text.parse().unwrap());
                }
            }
            // What was in the pipe has been read: now the member learns that the server is gone.
            None if link.is_closed => {
                self.links.remove(&id);
                self.link_of[index] = None;
                self.members[index].as_mut().unwrap().disconnected();
            }
            None => {}
        }
    }

    fn kill(&mut self, member: usize) {
        if self.members[member].take().is_none() {
            return;
        }
        let id = self.link_of[member].take();
        let link = id.and_then(|id| self.links.remove(&id));
        if self.server.as_ref().is_some_and(|server| server.member == member) {
            self.server = None;
            for link in self.links.values_mut() {
                link.queued.clear();
                link.to_server.clear();
                link.is_closed = true;
            }
        } else if let (Some(id), Some(link), true) = (id, link, self.server.is_some()) {
            // Nobody waits for what can no longer be delivered.
            for item in link.queued {
                if let Queued::Line { delivery, .. } = item {
                    self.delivered(delivery);
                }
            }
            let effects = self.server.as_mut().unwrap().room.gone(id);
            self.apply(effects);
        }
    }

    fn step(&mut self) {
        let member = self.random.below(self.members.len());
        let link = self.link_of[member];
        match (self.random.below(8), link) {
            (0, _) => self.type_line(member),
            (1, _) => self.connect(member),
            (2 | 3, Some(link)) => self.server_reads(link),
            (4 | 5, Some(link)) => self.server_writes(link),
            (6 | 7, Some(link)) => self.member_reads(link),
            _ => {}
        }
    }

    fn settle(&mut self) {
        for _ in 0..60 {
            for member in 0..self.members.len() {
                self.connect(member);
                for _ in 0..20 {
                    if let Some(link) = self.link_of[member] {
                        self.server_reads(link);
                        self.server_writes(link);
                        self.member_reads(link);
                    }
                }
            }
        }
    }
}

/// Plays on until so many have been killed, the server more often than not, and everybody has heard everything. The
/// number of servers among them.
fn kill_some(world: &mut World, kills: usize, mut before: impl FnMut(&mut World)) -> usize {
    // Everybody is in the room before anybody speaks.
    world.settle();
    let mut takeovers = 0;
    for _ in 0..kills {
        before(world);
        for _ in 0..world.random.below(400) {
            world.step();
        }
        let serving = world.server.as_ref().map(|server| server.member);
        let count = world.members.len();
        let victim = serving.filter(|_| world.random.below(4) > 0).unwrap_or(world.random.below(count));
        takeovers += usize::from(serving == Some(victim));
        world.kill(victim);
    }
    world.settle();
    takeovers
}

/// The lines of `author` that `reader` was shown, and all of them.
fn lines(world: &mut World, reader: usize, author: usize, is_private: bool) -> (Vec<u64>, Vec<u64>) {
    let shown = world.shown[reader].remove(&(format!("m{author}"), is_private)).unwrap_or_default();
    let typed = world.typed.get(&(author, is_private.then_some(reader))).copied().unwrap_or_default();
    (shown, (1..=typed).collect())
}

#[test]
fn no_line_of_a_survivor_is_lost_or_shown_twice() {
    let mut takeovers = 0;
    for seed in 0..300 {
        let mut world = World::new(seed, 6, 6);
        takeovers += kill_some(&mut world, 3, |_| ());
        let survivors: Vec<_> = (0..6).filter(|n| world.members[*n].is_some()).collect();
        for &author in &survivors {
            assert!(world.members[author].as_ref().unwrap().has_delivered_all(), "seed {seed}");
        }
        for &reader in &survivors {
            assert!(!world.has_missed[reader], "seed {seed}");
            for author in (0..6).filter(|author| *author != reader) {
                for is_private in [false, true] {
                    let (shown, mut complete) = lines(&mut world, reader, author, is_private);
                    if !survivors.contains(&author) {
                        complete.truncate(shown.len());
                    }
                    assert_eq!(shown, complete, "seed {seed}: m{author}'s lines at m{reader}");
                }
            }
        }
    }
    assert!(takeovers > 300, "only {takeovers} servers died");
}

/// Who has come late remembers no more than the end of what was said, and may be the first to tell the next server.
#[test]
fn who_comes_late_makes_nobody_miss_a_line() {
    const EARLY: usize = 4;
    for seed in 0..600 {
        let mut world = World::new(seed, 10, EARLY);
        kill_some(&mut world, 5, |world| {
            let late = EARLY + world.random.below(6);
            world.has_come[late] = true;
        });
        let survivors: Vec<_> = (0..EARLY).filter(|n| world.members[*n].is_some()).collect();
        for &reader in &survivors {
            for &author in survivors.iter().filter(|author| **author != reader) {
                for is_private in [false, true] {
                    let (shown, complete) = lines(&mut world, reader, author, is_private);
                    assert_eq!(shown, complete, "seed {seed}: m{author}'s lines at m{reader}");
                }
            }
        }
    }
}
