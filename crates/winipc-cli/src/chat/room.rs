//! The server's side of a room: who is present, and who must hear what. No input or output happens here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::journal::{Journal, Record};
use super::protocol::{Frame, Line, MemberId, Memory, Seen, VERSION, check_name};

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
    journal: Journal,
}

impl Room {
    /// How long a member may take to come back after the room has changed hands before others are told that it left.
    pub(crate) const RETURN_TIME: Duration = Duration::from_secs(2);

    pub(crate) fn new(server: MemberId) -> Self {
        Self { server, present: BTreeMap::new(), expected: BTreeMap::new(), journal: Journal::default() }
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
            Frame::Line(line) if self.present.contains_key(&link) => self.line(link, line),
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
        match self.present.remove(&link) {
            Some(present) => self.tell_all(Frame::Left { member: present.member }),
            None => Vec::new(),
        }
    }

    /// Tells who did not come back in time.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Effect> {
        let late: Vec<_> = self
            .expected
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= now)
            .map(|(member, _)| *member)
            .collect();
        let mut effects = Vec::new();
        for member in late {
            self.expected.remove(&member);
            effects.extend(self.tell_all(Frame::Left { member }));
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
            effects.push(Effect::Close { link: former });
        }
        self.expected.remove(&member);
        let mut seen = match memory {
            Some(memory) => {
                for (other, name) in memory.members {
                    if other != memory.server && other != member && !self.is_present(other) {
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
        };
        effects.push(Effect::Send { link, frame: welcome });
        effects.extend(missing);
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
