//! The server's side of a room: who is present, and who must hear what. No input or output happens here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::journal::{Journal, Record};
use super::protocol::{Frame, LINE_LIMIT, Line, MemberId, Memory, Seen, VERSION, check_name};
use crate::printable::MOST_PER_BYTE;

/// Numbers the links of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// What the server must do next, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Send {
        link: LinkId,
        frame: Frame,
    },
    /// Write `line` to all `links`; when it is in all of their pipes, tell `author` that it is accepted.
    Broadcast {
        links: Vec<LinkId>,
        line: Line,
        author: LinkId,
    },
    /// Send what is queued and close.
    Close {
        link: LinkId,
    },
}

struct Present {
    member: MemberId,
    name: String,
    seen: Seen,
}

pub(crate) struct Room {
    server: MemberId,
    present: BTreeMap<LinkId, Present>,
    /// Members of the room under its previous server that have not come back yet, with the moment when they count as
    /// gone.
    expected: BTreeMap<MemberId, (String, Instant)>,
    /// Until when somebody may be expected.
    expecting_until: Instant,
    /// Those who have come back and may still bring lines, with the moment until which that is waited for.
    telling: BTreeMap<LinkId, Instant>,
    journal: Journal,
    /// Lines of which others of the same stream are missing that somebody expected may bring, and who has sent them.
    /// Who came late to the room remembers no others.
    early: Vec<(LinkId, Line)>,
    early_bytes: usize,
}

impl Room {
    /// How long a member may take to come back after the room has changed hands before others are told that it left.
    pub(crate) const RETURN_TIME: Duration = Duration::from_secs(2);

    /// The most members that are expected back: all that a room has, as far as greetings and frames are honest.
    const EXPECTED_LIMIT: usize = 256;
    /// How long who has come back may take to bring the lines that it remembers.
    const TELLING_TIME: Duration = Duration::from_secs(10);
    /// What early lines may have together: enough for all that members remember.
    const EARLY_BYTE_LIMIT: usize = 16 * 1024 * 1024;
    /// The longest line that is passed on: what is typed becomes longer where characters in it are escaped.
    const LINE_LIMIT: usize = MOST_PER_BYTE * LINE_LIMIT;

    /// A room whose first member will be `server`, called `name`: whoever comes before it learns of it.
    pub(crate) fn new(server: MemberId, name: &str, now: Instant) -> Self {
        let expecting_until = now + Self::RETURN_TIME;
        Self {
            server,
            present: BTreeMap::new(),
            expected: [(server, (name.to_string(), expecting_until))].into(),
            expecting_until,
            telling: BTreeMap::new(),
            journal: Journal::default(),
            early: Vec::new(),
            early_bytes: 0,
        }
    }

    pub(crate) fn received(&mut self, link: LinkId, frame: Frame, now: Instant) -> Vec<Effect> {
        match frame {
            Frame::Hello { version, member, name, memory } if !self.present.contains_key(&link) => {
                let refusal = if version == VERSION {
                    check_name(&name).err().map(|error| error.to_string())
                } else {
                    Some(format!("it speaks version {VERSION} of the chat protocol, we speak {version}"))
                };
                match refusal {
                    Some(reason) => {
                        vec![Effect::Send { link, frame: Frame::Refused { reason } }, Effect::Close { link }]
                    }
                    None => self.hello(link, member, &name, memory, now),
                }
            }
            Frame::Line(line) if self.present.contains_key(&link) && line.text.len() <= Self::LINE_LIMIT => {
                if self.is_early(&line) {
                    self.early_bytes += line.text.len() + size_of::<Line>();
                    self.early.push((link, line));
                    return Vec::new();
                }
                let mut effects = self.line(link, line);
                effects.extend(self.take_early());
                effects
            }
            Frame::Told if self.present.contains_key(&link) => {
                self.telling.remove(&link);
                self.take_early()
            }
            // A member has no cause to send anything else, and nobody says anything before `Hello`.
            _ => {
                let mut effects = vec![Effect::Close { link }];
                effects.extend(self.gone(link));
                effects
            }
        }
    }

    /// The link has broken or was closed.
    pub(crate) fn gone(&mut self, link: LinkId) -> Vec<Effect> {
        let Some(present) = self.present.remove(&link) else { return Vec::new() };
        self.telling.remove(&link);
        let mut effects = self.tell_all(Frame::Left { member: present.member });
        effects.extend(self.take_early());
        effects
    }

    /// Whether somebody may still come back and bring lines.
    pub(crate) fn has_expected(&self) -> bool {
        !self.expected.is_empty() || !self.telling.is_empty()
    }

    /// Tells who did not come back in time.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Effect> {
        let late: Vec<_> = self
            .expected
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= now)
            .map(|(member, _)| *member)
            .collect();
        self.telling.retain(|_, deadline| *deadline > now);
        let mut effects = Vec::new();
        for member in late {
            self.expected.remove(&member);
            effects.extend(self.tell_all(Frame::Left { member }));
        }
        effects.extend(self.take_early());
        effects
    }

    /// Whether somebody who is expected may bring what comes before the line.
    fn is_early(&self, line: &Line) -> bool {
        let next = self.journal.seen().get(&line.stream).unwrap_or_default().saturating_add(1);
        line.number > next && self.has_expected() && self.early_bytes < Self::EARLY_BYTE_LIMIT
    }

    /// Those of the early lines whose time has come.
    fn take_early(&mut self) -> Vec<Effect> {
        let mut early = std::mem::take(&mut self.early);
        early.sort_by_key(|(_, line)| (line.stream, line.number));
        let mut effects = Vec::new();
        for (link, line) in early {
            if self.is_early(&line) {
                self.early.push((link, line));
            } else {
                self.early_bytes -= line.text.len() + size_of::<Line>();
                effects.extend(self.line(link, line));
            }
        }
        effects
    }

    fn hello(
        &mut self,
        link: LinkId,
        member: MemberId,
        wish: &str,
        memory: Option<Memory>,
        now: Instant,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        // The member is back before its former link was seen to break.
        let former = self.present.iter().find(|(_, present)| present.member == member).map(|(link, _)| *link);
        if let Some(former) = former {
            self.present.remove(&former);
            self.telling.remove(&former);
            effects.push(Effect::Close { link: former });
        }
        self.expected.remove(&member);
        let mut forgotten = Seen::default();
        let mut seen = match memory {
            Some(memory) => {
                if now < self.expecting_until {
                    self.telling.insert(link, now + Self::TELLING_TIME);
                }
                forgotten = self.journal.forgotten_since(&memory.seen).heard_by(member);
                // Later greetings are those of members that were late, or invent some: nobody is made to wait for that.
                let members = memory.members.into_iter().filter(|_| now < self.expecting_until);
                for (other, name) in members {
                    let is_away = other != memory.server && other != member && !self.is_present(other);
                    if is_away && self.expected.len() < Self::EXPECTED_LIMIT && check_name(&name).is_ok() {
                        self.expected.entry(other).or_insert((name, now + Self::RETURN_TIME));
                    }
                }
                memory.seen
            }
            None => self.journal.seen().clone(),
        };
        let name = self.free_name(wish);
        // Who knows the member already makes nothing of it.
        effects.extend(self.tell_all(Frame::Joined { member, name: name.clone() }));
        let missing: Vec<_> = self
            .journal
            .lines_missing_in(&seen)
            .filter(|line| line.stream.is_heard_by(member))
            .map(|line| Effect::Send { link, frame: Frame::Line(line.clone()) })
            .collect();
        seen.raise_all(self.journal.seen());
        self.present.insert(link, Present { member, name: name.clone(), seen });
        let welcome = Frame::Welcome {
            name,
            server: self.server,
            members: self.members(),
            seen: self.journal.seen().clone(),
            forgotten,
        };
        effects.push(Effect::Send { link, frame: welcome });
        effects.extend(missing);
        effects.extend(self.take_early());
        effects
    }

    fn line(&mut self, author: LinkId, line: Line) -> Vec<Effect> {
        if self.journal.record(&line) == Record::Known {
            let frame = Frame::Accepted { stream: line.stream, number: line.number };
            return vec![Effect::Send { link: author, frame }];
        }
        let mut links = Vec::new();
        for (link, present) in &mut self.present {
            if line.stream.is_heard_by(present.member) && !present.seen.contains(&line) && *link != author {
                links.push(*link);
            }
            present.seen.raise(line.stream, line.number);
        }
        vec![Effect::Broadcast { links, line, author }]
    }

    fn is_present(&self, member: MemberId) -> bool {
        self.present.values().any(|present| present.member == member)
    }

    /// Everybody who is here or expected back.
    fn members(&self) -> Vec<(MemberId, String)> {
        let present = self.present.values().map(|present| (present.member, present.name.clone()));
        let expected = self.expected.iter().map(|(member, (name, _))| (*member, name.clone()));
        present.chain(expected).collect()
    }

    /// The wished name, or with the first free number after it.
    fn free_name(&self, wish: &str) -> String {
        let members = self.members();
        let is_free = |name: &str| members.iter().all(|(_, taken)| taken != name);
        let numbered = (2..).map(|number| format!("{wish}-{number}"));
        std::iter::once(wish.to_string())
            .chain(numbered)
            .find(|name| is_free(name))
            .expect("the numbers do not end")
    }

    fn tell_all(&self, frame: Frame) -> Vec<Effect> {
        self.present.keys().map(|link| Effect::Send { link: *link, frame: frame.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Stream;
    use super::*;

    fn hello(member: u64, name: &str, memory: Option<Memory>) -> Frame {
        Frame::Hello { version: VERSION, member: MemberId(member), name: name.into(), memory }
    }

    fn sent(effects: &[Effect], to: u64) -> Vec<&Frame> {
        let is_for = |effect| match effect {
            &Effect::Send { link, ref frame } if link == LinkId(to) => Some(frame),
            _ => None,
        };
        effects.iter().filter_map(is_for).collect()
    }

    #[test]
    fn who_does_not_come_back_has_left() {
        let now = Instant::now();
        let mut room = Room::new(MemberId(1), "ann", now);
        let members = [(0, "old-server"), (1, "ann"), (2, "bob"), (3, "cleo")];
        let members = members.map(|(id, name)| (MemberId(id), name.to_string())).to_vec();
        let memory = Some(Memory { server: MemberId(0), members, seen: Seen::default() });
        let effects = room.received(LinkId(1), hello(1, "ann", memory.clone()), now);
        let [Frame::Welcome { members, .. }] = sent(&effects, 1)[..] else { panic!("{effects:?}") };
        let ids: Vec<_> = members.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [1, 2, 3], "all but the former server are expected");
        room.received(LinkId(2), hello(2, "bob", memory), now);
        assert_eq!(room.tick(now), []);
        let effects = room.tick(now + Room::RETURN_TIME);
        assert_eq!(sent(&effects, 1), [&Frame::Left { member: MemberId(3) }]);
        assert_eq!(sent(&effects, 2), [&Frame::Left { member: MemberId(3) }]);
        assert_eq!(room.tick(now + 2 * Room::RETURN_TIME), []);
        // All have brought what they remember.
        assert!(room.has_expected());
        room.received(LinkId(1), Frame::Told, now);
        room.received(LinkId(2), Frame::Told, now);
        assert!(!room.has_expected());
        // Nobody makes the others wait for members that are only invented.
        let later = now + 2 * Room::RETURN_TIME;
        let memory =
            Memory { server: MemberId(0), members: vec![(MemberId(5), "eve".into())], seen: Seen::default() };
        room.received(LinkId(4), hello(4, "dan", Some(memory)), later);
        assert!(!room.has_expected());
    }

    #[test]
    fn names_are_unique() {
        let now = Instant::now();
        let mut room = Room::new(MemberId(1), "ann", now);
        let names: Vec<_> = (1..=3)
            .map(|number| {
                let effects = room.received(LinkId(number), hello(number, "ann", None), now);
                let Some(Frame::Welcome { name, .. }) = sent(&effects, number).pop() else {
                    panic!("{effects:?}")
                };
                name.clone()
            })
            .collect();
        assert_eq!(names, ["ann", "ann-2", "ann-3"]);
        // Who comes back by another link keeps the name, and loses the former link.
        let effects = room.received(LinkId(9), hello(2, "ann-2", None), now);
        assert!(effects.contains(&Effect::Close { link: LinkId(2) }));
        assert!(matches!(sent(&effects, 9)[..], [Frame::Welcome { name, .. }] if name == "ann-2"));
    }

    #[test]
    fn who_is_quicker_than_the_server_knows_its_name() {
        let now = Instant::now();
        let mut room = Room::new(MemberId(1), "ann", now);
        let effects = room.received(LinkId(2), hello(2, "bob", None), now);
        let [Frame::Welcome { members, .. }] = sent(&effects, 2)[..] else { panic!("{effects:?}") };
        assert!(members.contains(&(MemberId(1), "ann".to_string())), "{members:?}");
        let effects = room.received(LinkId(1), hello(1, "ann", None), now);
        assert!(matches!(sent(&effects, 1)[..], [Frame::Welcome { name, .. }] if name == "ann"));
        assert!(!room.has_expected());
    }

    #[test]
    fn strangers_are_refused() {
        let now = Instant::now();
        let mut room = Room::new(MemberId(1), "ann", now);
        let old =
            Frame::Hello { version: VERSION + 1, member: MemberId(2), name: "bob".into(), memory: None };
        for (link, frame) in [(1, old), (2, hello(3, "two words", None))] {
            let effects = room.received(LinkId(link), frame, now);
            assert!(matches!(sent(&effects, link)[..], [Frame::Refused { .. }]), "{effects:?}");
            assert_eq!(effects.last(), Some(&Effect::Close { link: LinkId(link) }));
        }
        // Nobody speaks before `Hello`.
        let stream = Stream { author: MemberId(4), recipient: None };
        let line = Line { stream, number: 1, at: 0, name: "eve".into(), text: "boo".into() };
        assert_eq!(
            room.received(LinkId(3), Frame::Line(line.clone()), now),
            [Effect::Close { link: LinkId(3) }]
        );
        // And nobody says more than a person may type.
        room.received(LinkId(4), hello(4, "eve", None), now);
        let line = Line { text: "x".repeat(Room::LINE_LIMIT + 1), ..line };
        assert_eq!(room.received(LinkId(4), Frame::Line(line), now)[0], Effect::Close { link: LinkId(4) });
    }
}
