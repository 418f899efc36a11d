//! One member of a room: what it does with what it types and what it hears. No input or output happens here.
//!
//! A typed line stays in the outbox until the server has accepted it, that is, written it to the pipe of everybody
//! present. When the link breaks, the member greets the next server with all it has seen; the server answers with
//! what it has seen; and both send each other what the other lacks. Numbers per stream make a line that arrives twice
//! one line.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::journal::{Journal, Record};
use super::protocol::{Frame, LINE_LIMIT, Line, MemberId, Memory, Seen, Stream, VERSION};
use crate::error::{Error, Result};
use crate::printable::printable;

/// Something to tell the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Said {
        name: String,
        text: String,
    },
    Whispered {
        name: String,
        text: String,
    },
    Joined {
        name: String,
    },
    Left {
        name: String,
    },
    /// Lines that nobody present remembers any more.
    Missed {
        name: String,
        count: u64,
    },
    /// So many lines were said while this member was away, and nobody remembers them.
    MissedWhileAway {
        count: u64,
    },
    /// The room has been entered; `server` is who serves it, `others` who is in it.
    Entered {
        server: String,
        others: Vec<String>,
    },
    /// The room is served by another member than before.
    NewServer {
        name: String,
    },
    /// The wished name is taken in this room.
    Renamed {
        name: String,
    },
}

/// What follows from an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub(crate) notices: Vec<Notice>,
    pub(crate) frames: Vec<Frame>,
}

pub(crate) struct Member {
    id: MemberId,
    name: String,
    /// When this member was started: what was said before is not for it.
    started_at: u64,
    server: Option<MemberId>,
    is_connected: bool,
    /// Who is in the room, this member included.
    members: BTreeMap<MemberId, String>,
    journal: Journal,
    outbox: VecDeque<Line>,
    /// The number of the last line typed, for everybody (`None`) and for each recipient.
    typed: HashMap<Option<MemberId>, u64>,
}

impl Member {
    // What one author may have under way. Small beside what a journal remembers, so that nothing falls out of all
    // journals while a room changes hands.
    const OUTBOX_LINE_LIMIT: usize = 64;
    const OUTBOX_BYTE_LIMIT: usize = 256 * 1024;

    pub(crate) fn new(id: MemberId, name: &str, now: u64) -> Self {
        Self {
            id,
            name: name.to_string(),
            started_at: now,
            server: None,
            is_connected: false,
            members: BTreeMap::new(),
            journal: Journal::default(),
            outbox: VecDeque::new(),
            typed: HashMap::new(),
        }
    }

    pub(crate) fn id(&self) -> MemberId {
        self.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the outbox has room for another line.
    pub(crate) fn may_type(&self) -> bool {
        let bytes: usize = self.outbox.iter().map(|line| line.text.len()).sum();
        self.outbox.len() < Self::OUTBOX_LINE_LIMIT && bytes < Self::OUTBOX_BYTE_LIMIT
    }

    /// Whether everything typed has reached everybody present.
    pub(crate) fn has_delivered_all(&self) -> bool {
        self.outbox.is_empty()
    }

    /// The names in the room in alphabetical order, with a mark for oneself and for the server.
    pub(crate) fn who(&self) -> Vec<String> {
        let describe = |(id, name): (&MemberId, &String)| {
            let mut remarks = Vec::new();
            if *id == self.id {
                remarks.push("you");
            }
            if Some(*id) == self.server {
                remarks.push("serves the room");
            }
            if remarks.is_empty() { name.clone() } else { format!("{name} ({})", remarks.join(", ")) }
        };
        let mut names: Vec<_> = self.members.iter().map(describe).collect();
        names.sort();
        names
    }

    /// The first frame on a new link.
    pub(crate) fn hello(&self) -> Frame {
        let memory = self.server.map(|server| {
            let mut seen = self.journal.seen().clone();
            for (recipient, number) in &self.typed {
                seen.raise(self.stream(*recipient), *number);
            }
            Memory { server, members: self.members.clone().into_iter().collect(), seen }
        });
        Frame::Hello { version: VERSION, member: self.id, name: self.name.clone(), memory }
    }

    /// The link to the server is gone; what is typed now waits for the next one.
    pub(crate) fn disconnected(&mut self) {
        self.is_connected = false;
    }

    /// The person said `text` to everybody, or to the member called `recipient`.
    ///
    /// # Errors
    /// A text above [`LINE_LIMIT`]; a recipient who is not in the room.
    pub(crate) fn say(&mut self, recipient: Option<&str>, text: &str, now: u64) -> Result<Reaction> {
        if text.len() > LINE_LIMIT {
            return Err(line_too_long());
        }
        let recipient = recipient.map(|name| self.find(name)).transpose()?;
        let stream = self.stream(recipient);
        let number = self.typed.entry(recipient).or_default();
        *number += 1;
        // Tabs, which come with what is pasted, are meant as space.
        let text = printable(&text.replace('\t', " "));
        let line = Line { stream, number: *number, at: now, name: self.name.clone(), text };
        let frames = if self.is_connected { vec![Frame::Line(line.clone())] } else { Vec::new() };
        self.outbox.push_back(line);
        Ok(Reaction { notices: Vec::new(), frames })
    }

    /// # Errors
    /// The server refuses this member.
    pub(crate) fn received(&mut self, frame: Frame) -> Result<Reaction> {
        let mut reaction = Reaction::default();
        match frame {
            Frame::Welcome { name, server, members, seen, forgotten } => {
                self.welcome(&mut reaction, name, server, members);
                self.miss(&mut reaction, &forgotten.heard_by(self.id));
                self.settle_outbox(|line| seen.contains(line));
                reaction.frames.extend(self.journal.lines_missing_in(&seen).cloned().map(Frame::Line));
                reaction.frames.extend(self.outbox.iter().cloned().map(Frame::Line));
                reaction.frames.push(Frame::Told);
                if self.journal_is_fresh() {
                    self.journal.skip(&seen);
                }
                self.server = Some(server);
            }
            Frame::Line(line) if line.stream.is_heard_by(self.id) => self.heard(&mut reaction, line),
            Frame::Accepted { stream, number } => {
                self.settle_outbox(|line| line.stream == stream && line.number <= number)
            }
            Frame::Joined { member, name } => self.joined(&mut reaction, member, name),
            Frame::Left { member } => self.left(&mut reaction, member),
            Frame::Refused { reason } => {
                return Err(Error::new(format!("the room's server refuses us: {}", printable(&reason))));
            }
            // A server has no cause to send these; a faulty one shall not end us.
            Frame::Line(_) | Frame::Hello { .. } | Frame::Told => {}
        }
        Ok(reaction)
    }

    fn stream(&self, recipient: Option<MemberId>) -> Stream {
        Stream { author: self.id, recipient }
    }

    fn journal_is_fresh(&self) -> bool {
        self.server.is_none()
    }

    fn find(&self, name: &str) -> Result<MemberId> {
        let found = self.members.iter().find(|(_, known)| *known == name).map(|(id, _)| *id);
        match found {
            Some(id) if id == self.id => Err(Error::new("that is your own name")),
            Some(id) => Ok(id),
            None => Err(Error::new(format!("nobody here is called {}", printable(name)))
                .advice("/who lists the names")),
        }
    }

    fn welcome(
        &mut self,
        reaction: &mut Reaction,
        name: String,
        server: MemberId,
        members: Vec<(MemberId, String)>,
    ) {
        let is_first = self.server.is_none();
        self.is_connected = true;
        if name != self.name {
            reaction.notices.push(Notice::Renamed { name: printable(&name) });
            self.name = name;
        }
        // The server has heard from our greeting whom we knew, and expects those back for a while. The former server is
        // not among them: who serves gives it up only by leaving.
        let gone: Vec<_> =
            self.members.keys().filter(|known| members.iter().all(|(id, _)| id != *known)).copied().collect();
        for member in gone {
            self.left(reaction, member);
        }
        for (member, name) in members {
            if is_first {
                self.members.insert(member, name);
            } else {
                self.joined(reaction, member, name);
            }
        }
        let server_name =
            self.members.get(&server).map_or_else(|| "somebody".to_string(), |name| printable(name));
        if is_first {
            let others =
                self.members.iter().filter(|(id, _)| **id != self.id).map(|(_, name)| printable(name));
            reaction.notices.push(Notice::Entered { server: server_name, others: others.collect() });
        } else if self.server != Some(server) {
            reaction.notices.push(Notice::NewServer { name: server_name });
        }
    }

    /// Takes note of what nobody can tell us any more.
    fn miss(&mut self, reaction: &mut Reaction, forgotten: &Seen) {
        let missed = |(stream, last): (Stream, u64)| {
            last.saturating_sub(self.journal.seen().get(&stream).unwrap_or_default())
        };
        let count = forgotten.iter().map(missed).fold(0, u64::saturating_add);
        self.journal.skip(forgotten);
        if count > 0 {
            reaction.notices.push(Notice::MissedWhileAway { count });
        }
    }

    /// What the server has accepted moves from the outbox to the journal.
    fn settle_outbox(&mut self, is_accepted: impl Fn(&Line) -> bool) {
        let (accepted, waiting) = self.outbox.drain(..).partition(is_accepted);
        self.outbox = waiting;
        for line in Vec::from(accepted) {
            self.journal.record(&line);
        }
    }

    fn heard(&mut self, reaction: &mut Reaction, line: Line) {
        let Record::New { missed } = self.journal.record(&line) else { return };
        if line.at < self.started_at {
            return;
        }
        let name = printable(&line.name);
        if missed > 0 {
            reaction.notices.push(Notice::Missed { name: name.clone(), count: missed });
        }
        let text = printable(&line.text);
        reaction.notices.push(match line.stream.recipient {
            None => Notice::Said { name, text },
            Some(_) => Notice::Whispered { name, text },
        });
    }

    fn joined(&mut self, reaction: &mut Reaction, member: MemberId, name: String) {
        let is_new = self.members.insert(member, name.clone()).is_none();
        if is_new && member != self.id {
            reaction.notices.push(Notice::Joined { name: printable(&name) });
        }
    }

    fn left(&mut self, reaction: &mut Reaction, member: MemberId) {
        if let Some(name) = self.members.remove(&member) {
            reaction.notices.push(Notice::Left { name: printable(&name) });
        }
    }
}

pub(crate) fn line_too_long() -> Error {
    Error::new(format!("the line is longer than {LINE_LIMIT} bytes and was not sent"))
        .advice("send it in parts")
}
