//! What the members of a room and its server say to each other: one JSON text per frame.
//!
//! Every line has a number within its [`Stream`], and everybody remembers the highest number seen per stream. So a
//! line can be offered again after the server has died, by its author and by everybody who has seen it, and is
//! still shown once: see [`super::member`] and [`super::room`].

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::printable::{is_unprintable, printable};

/// The version of this protocol; members of another version are refused with a clear text.
pub(crate) const VERSION: u32 = 2;
/// The longest line in bytes that a person may type.
pub(crate) const LINE_LIMIT: usize = 64 * 1024;
/// The longest name of a member in characters.
const NAME_LIMIT: usize = 32;

/// A member for as long as its process lives; the name may change, this does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct MemberId(pub(crate) u64);

impl MemberId {
    /// A number that no other member has, from the standard library's per-process randomness.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        Self(hasher.finish())
    }
}

/// A sequence of numbered lines: what `author` says to all, or privately to one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) author: MemberId,
    pub(crate) recipient: Option<MemberId>,
}

impl Stream {
    /// Whether `member` may be shown these lines.
    pub(crate) fn is_heard_by(&self, member: MemberId) -> bool {
        self.author != member && self.recipient.is_none_or(|recipient| recipient == member)
    }
}

/// One typed line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) stream: Stream,
    /// 1, 2, 3 ... within the stream.
    pub(crate) number: u64,
    /// Milliseconds since 1970 when it was typed.
    pub(crate) at: u64,
    /// The author's name at that time.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The highest number seen of each stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Stream, u64)>", into = "Vec<(Stream, u64)>")]
pub(crate) struct Seen(HashMap<Stream, u64>);

impl From<Vec<(Stream, u64)>> for Seen {
    fn from(pairs: Vec<(Stream, u64)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<Seen> for Vec<(Stream, u64)> {
    fn from(seen: Seen) -> Self {
        seen.0.into_iter().collect()
    }
}

impl Seen {
    /// The most streams remembered; a greeting with all of them still fits a frame.
    const LIMIT: usize = 4096;

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Stream, u64)> {
        self.0.iter().map(|(stream, number)| (*stream, *number))
    }

    /// Those that `member` may be shown.
    pub(crate) fn heard_by(&self, member: MemberId) -> Self {
        Self(self.iter().filter(|(stream, _)| stream.is_heard_by(member)).collect())
    }

    pub(crate) fn get(&self, stream: &Stream) -> Option<u64> {
        self.0.get(stream).copied()
    }

    /// Whether this line, or a later one of its stream, has been seen.
    pub(crate) fn contains(&self, line: &Line) -> bool {
        self.get(&line.stream).is_some_and(|number| number >= line.number)
    }

    pub(crate) fn raise(&mut self, stream: Stream, number: u64) {
        if self.0.len() >= Self::LIMIT && !self.0.contains_key(&stream) {
            // A room that outlives thousands of members: forget one; at worst an old line of it shows once more.
            let forgotten = *self.0.keys().next().expect("the map is full");
            self.0.remove(&forgotten);
        }
        let highest = self.0.entry(stream).or_default();
        *highest = number.max(*highest);
    }

    pub(crate) fn raise_all(&mut self, other: &Self) {
        for (stream, number) in &other.0 {
            self.raise(*stream, *number);
        }
    }
}

/// What a member that was in the room before remembers of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Who served the room when the member lost it.
    pub(crate) server: MemberId,
    pub(crate) members: Vec<(MemberId, String)>,
    pub(crate) seen: Seen,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frame {
    /// Member to server, first frame.
    Hello { version: u32, member: MemberId, name: String, memory: Option<Memory> },
    /// Server to member, the answer to `Hello`: its name here, who serves, who is in the room, what the server has
    /// seen. If it was here before, also what it has missed and nobody can tell it any more.
    Welcome {
        name: String,
        server: MemberId,
        members: Vec<(MemberId, String)>,
        seen: Seen,
        #[serde(default)]
        forgotten: Seen,
    },
    /// Server to member instead of `Welcome`.
    Refused { reason: String },
    /// Both ways.
    Line(Line),
    /// Member to server: after `Welcome` it has sent all lines that it remembers and the server had not seen.
    Told,
    /// Server to author: the line is in the pipe of every member present; the server may die now.
    Accepted { stream: Stream, number: u64 },
    /// Server to member.
    Joined { member: MemberId, name: String },
    /// Server to member.
    Left { member: MemberId },
}

impl Frame {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("frames hold nothing that JSON cannot say")
    }

    /// # Errors
    /// Bytes that are no frame: the peer is no `winipc chat`, or of another version.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let no_frame = |why: &dyn std::fmt::Display| {
            Error::new(format!("received something that is no chat frame: {why}"))
                .advice("another program, or another version of winipc, uses the room's name")
        };
        match serde_json::from_slice(bytes).map_err(|error| no_frame(&error))? {
            Frame::Line(Line { number: 0, .. }) => Err(no_frame(&"a line has no number")),
            frame => Ok(frame),
        }
    }
}

/// Checks a name that a member wishes to have.
///
/// # Errors
/// Empty or too long names, names with white space or control characters, and those that could be taken for a notice
/// ("* bob has left"), for a command or for the end of another name ("bob: hello").
pub(crate) fn check_name(name: &str) -> Result<()> {
    let whole = printable(name);
    let (shown, fault) = if name.is_empty() {
        (whole, "is empty".to_string())
    } else if let Some((end, _)) = name.char_indices().nth(NAME_LIMIT) {
        (printable(&name[..end]) + "...", format!("is longer than {NAME_LIMIT} characters"))
    } else if name.chars().any(|c| c.is_whitespace() || is_unprintable(c)) {
        (whole, "contains white space or control characters".to_string())
    } else if name.starts_with(['*', '/']) || name.contains(':') {
        (whole, "begins with * or / or contains a colon".to_string())
    } else {
        return Ok(());
    };
    Err(Error::new(format!("the name \"{shown}\" {fault}")).advice("choose another with --name NICK"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::FRAME_LIMIT;

    #[test]
    fn frames_survive_the_wire() {
        let stream = Stream { author: MemberId(u64::MAX), recipient: Some(MemberId(2)) };
        let mut seen = Seen::default();
        seen.raise(stream, 7);
        let line =
            Line { stream, number: 8, at: 9, name: "ann".into(), text: "a \"quoted\" \u{1F600} line".into() };
        let memory = Some(Memory { server: MemberId(1), members: vec![(MemberId(1), "bob".into())], seen });
        let hello = Frame::Hello { version: VERSION, member: MemberId(3), name: "ann".into(), memory };
        for frame in [hello, Frame::Line(line), Frame::Accepted { stream, number: 8 }] {
            assert_eq!(Frame::decode(&frame.encode()).unwrap(), frame);
        }
    }

    #[test]
    fn the_longest_line_fits_a_frame() {
        let stream = Stream { author: MemberId(u64::MAX), recipient: Some(MemberId(u64::MAX)) };
        let text = printable(&"\x1b".repeat(LINE_LIMIT));
        let line = Line { stream, number: u64::MAX, at: u64::MAX, name: "n".repeat(NAME_LIMIT), text };
        assert!(Frame::Line(line).encode().len() <= FRAME_LIMIT);
    }

    #[test]
    fn a_full_memory_fits_a_frame() {
        let mut seen = Seen::default();
        for number in 0..2 * Seen::LIMIT as u64 {
            let stream = Stream { author: MemberId(u64::MAX - number), recipient: Some(MemberId(u64::MAX)) };
            seen.raise(stream, u64::MAX);
        }
        let members = (0..255).map(|n| (MemberId(u64::MAX - n), "\u{1}".repeat(NAME_LIMIT))).collect();
        let members: Vec<_> = members;
        let memory = Memory { server: MemberId(u64::MAX), members: members.clone(), seen: seen.clone() };
        let (member, name) = (MemberId(3), "ann".to_string());
        let hello = Frame::Hello { version: VERSION, member, name: name.clone(), memory: Some(memory) };
        assert!(hello.encode().len() <= FRAME_LIMIT, "{}", hello.encode().len());
        let forgotten = seen.clone();
        let welcome = Frame::Welcome { name, server: MemberId(u64::MAX), members, seen, forgotten };
        assert!(welcome.encode().len() <= FRAME_LIMIT, "{}", welcome.encode().len());
    }

    #[test]
    fn noise_is_an_error() {
        for noise in [&b""[..], b"\xff\xff", b"{", b"{\"Line\":{}}", b"[[[[[[[["] {
            assert!(Frame::decode(noise).is_err());
        }
        let stream = Stream { author: MemberId(1), recipient: None };
        let line = |number| Line { stream, number, at: 0, name: "ann".into(), text: String::new() };
        assert!(Frame::decode(&Frame::Line(line(1)).encode()).is_ok());
        assert!(Frame::decode(&Frame::Line(line(0)).encode()).is_err());
    }

    #[test]
    fn names_are_checked() {
        check_name("Ann-2").unwrap();
        check_name(&"ß".repeat(NAME_LIMIT)).unwrap();
        for bad in ["", "two words", "esc\x1b", "*", "/quit", "a:b"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        let complaint = check_name(&"ß".repeat(1000)).unwrap_err().to_string();
        assert!(
            complaint.starts_with(&format!("the name \"{}...\" is longer", "ß".repeat(NAME_LIMIT))),
            "{complaint}"
        );
    }
}
