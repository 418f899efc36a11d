//! What a stranger may say in a chat room: frames that are parsed, then a server and a member that hear them.
//!
//! The input is lines. The first byte of each says who hears it, the server by one of eight links or the member; the
//! rest is the frame. As in the program, whoever sends what is no frame is cut off.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/error.rs"]
mod error;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/chat/journal.rs"]
mod journal;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/chat/member.rs"]
mod member;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/printable.rs"]
mod printable;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/chat/protocol.rs"]
mod protocol;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/chat/room.rs"]
mod room;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use member::{Member, Notice};
use printable::printable;
use protocol::{Frame, MemberId};
use room::{Effect, LinkId, Room};

fuzz_target!(|data: &[u8]| {
    let now = Instant::now();
    let mut server = Server { room: Room::new(MemberId(1), "server", now), now, present: BTreeSet::new() };
    let mut member = Member::new(MemberId(2), "ann", 5);
    for line in data.split(|byte| *byte == b'\n') {
        let Some((who, bytes)) = line.split_first() else { continue };
        let frame = Frame::decode(bytes).ok();
        if let Some(frame) = &frame {
            assert_eq!(Frame::decode(&frame.encode()).unwrap(), *frame, "what is sent on says the same");
        }
        if who & 8 == 0 {
            server.hears(LinkId(u64::from(who & 7)), frame);
        } else {
            hears(&mut member, frame);
        }
    }
    // Whatever it has heard, it can still greet another server and be heard.
    let greeting = Frame::decode(&member.hello().encode()).unwrap();
    let now = server.now;
    let mut next = Server { room: Room::new(MemberId(3), "next", now), now, present: BTreeSet::new() };
    next.hears(LinkId(0), Some(greeting));
});

/// The server's side, with what it must know of its links.
struct Server {
    room: Room,
    now: Instant,
    /// Links whose members have been greeted and not closed.
    present: BTreeSet<LinkId>,
}

impl Server {
    fn hears(&mut self, link: LinkId, frame: Option<Frame>) {
        self.now += Duration::from_millis(300);
        let late = self.room.tick(self.now);
        self.obeys(late);
        let effects = match frame {
            Some(frame) => self.room.received(link, frame, self.now),
            None => {
                self.present.remove(&link);
                self.room.gone(link)
            }
        };
        self.obeys(effects);
    }

    /// Does what the room says, and fails if it speaks to somebody who is not there.
    fn obeys(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { frame: Frame::Refused { .. }, link } => assert!(!self.present.contains(&link)),
                Effect::Send { link, frame } => {
                    if let Frame::Welcome { .. } = frame {
                        self.present.insert(link);
                    }
                    assert!(self.present.contains(&link), "{frame:?} to {link:?}");
                }
                Effect::Broadcast { links, line, author } => {
                    assert!(self.present.contains(&author));
                    assert!(!links.contains(&author), "the author knows {line:?}");
                    assert!(links.iter().all(|link| self.present.contains(link)));
                }
                Effect::Close { link } => {
                    self.present.remove(&link);
                }
            }
        }
    }
}

/// The member's side: nothing that it shows may reach the terminal as more than text.
fn hears(member: &mut Member, frame: Option<Frame>) {
    let Some(frame) = frame else { return member.disconnected() };
    let Ok(reaction) = member.received(frame) else { return };
    for notice in reaction.notices {
        let shown = match notice {
            Notice::Said { name, text } | Notice::Whispered { name, text } => vec![name, text],
            Notice::Joined { name }
            | Notice::Left { name }
            | Notice::Missed { name, .. }
            | Notice::NewServer { name }
            | Notice::Renamed { name } => vec![name],
            Notice::MissedWhileAway { .. } => Vec::new(),
            Notice::Entered { server, mut others } => {
                others.push(server);
                others
            }
        };
        for text in shown {
            assert_eq!(printable(&text), text);
        }
    }
    let _ = member.say(None, "hello", 6);
}
