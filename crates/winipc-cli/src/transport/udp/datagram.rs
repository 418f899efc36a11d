//! What a datagram of the UDP transport says, byte for byte. Everything here comes from strangers.
//!
//! A datagram begins with four bytes that no other protocol begins with, and the kind. Numbers have the lowest byte
//! first.

use super::reliable::{Acknowledgement, Message, PAYLOAD_LIMIT};

const MAGIC: [u8; 4] = *b"wipc";
/// The longest datagram in bytes.
pub(super) const DATAGRAM_LIMIT: usize = PAYLOAD_LIMIT + 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Datagram<'a> {
    /// Client to server: may I come in? Longer than the answer, so that nobody can have a victim flooded by us.
    Ask {
        nonce: u64,
        pass: &'a [u8],
    },
    /// Server to client: then call our conversation `id`. The server remembers nothing of it yet.
    Answer {
        nonce: u64,
        id: u64,
    },
    /// Server to client instead of `Answer`.
    Refuse {
        nonce: u64,
    },
    /// Client to server: the answer has arrived here, so the address is not forged. Answered by a message.
    Begin {
        nonce: u64,
        id: u64,
    },
    Message {
        id: u64,
        message: Message,
    },
    /// The conversation is over, and this is what has arrived of it. Also the answer to whatever comes later.
    Close {
        id: u64,
        acknowledgement: Acknowledgement,
    },
    /// There is no such conversation (any more).
    Unknown {
        id: u64,
    },
}

/// The first byte after the magic.
mod kind {
    pub(super) const ASK: u8 = 1;
    pub(super) const ANSWER: u8 = 2;
    pub(super) const REFUSE: u8 = 3;
    pub(super) const BEGIN: u8 = 4;
    pub(super) const FRAGMENT: u8 = 5;
    pub(super) const LAST_FRAGMENT: u8 = 6;
    pub(super) const ACKNOWLEDGEMENT: u8 = 7;
    pub(super) const CLOSE: u8 = 8;
    pub(super) const UNKNOWN: u8 = 9;
}

impl<'a> Datagram<'a> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, numbers, rest): (u8, &[u64], &[u8]) = match self {
            Self::Ask { nonce, pass } => (kind::ASK, &[*nonce], pass),
            Self::Answer { nonce, id } => (kind::ANSWER, &[*nonce, *id], &[]),
            Self::Refuse { nonce } => (kind::REFUSE, &[*nonce], &[]),
            Self::Begin { nonce, id } => (kind::BEGIN, &[*nonce, *id], &[]),
            Self::Message {
                id,
                message: Message::Fragment { number, is_last, payload, acknowledgement },
            } => {
                let kind = if *is_last { kind::LAST_FRAGMENT } else { kind::FRAGMENT };
                (kind, &[*id, acknowledgement.next, acknowledgement.later, *number], payload)
            }
            Self::Message { id, message: Message::Acknowledgement(acknowledgement) } => {
                (kind::ACKNOWLEDGEMENT, &[*id, acknowledgement.next, acknowledgement.later], &[])
            }
            Self::Close { id, acknowledgement } => {
                (kind::CLOSE, &[*id, acknowledgement.next, acknowledgement.later], &[])
            }
            Self::Unknown { id } => (kind::UNKNOWN, &[*id], &[]),
        };
        let mut bytes = Vec::with_capacity(DATAGRAM_LIMIT);
        bytes.extend(MAGIC);
        bytes.push(kind);
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(rest);
        bytes
    }

    /// `None` if it is none.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.strip_prefix(&MAGIC)?.split_first()?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u64::from_le_bytes(*number))
        };
        let datagram = match *kind {
            kind::ASK => {
                let nonce = number()?;
                return Some(Self::Ask { nonce, pass: rest });
            }
            kind::ANSWER => Self::Answer { nonce: number()?, id: number()? },
            kind::REFUSE => Self::Refuse { nonce: number()? },
            kind::BEGIN => Self::Begin { nonce: number()?, id: number()? },
            kind::FRAGMENT | kind::LAST_FRAGMENT => {
                let id = number()?;
                let acknowledgement = Acknowledgement { next: number()?, later: number()? };
                let number = number()?;
                if rest.len() > PAYLOAD_LIMIT {
                    return None;
                }
                let (is_last, payload) = (*kind == kind::LAST_FRAGMENT, rest.to_vec());
                let message = Message::Fragment { number, is_last, payload, acknowledgement };
                return Some(Self::Message { id, message });
            }
            kind::ACKNOWLEDGEMENT => {
                let id = number()?;
                let acknowledgement = Acknowledgement { next: number()?, later: number()? };
                Self::Message { id, message: Message::Acknowledgement(acknowledgement) }
            }
            kind::CLOSE => {
                let id = number()?;
                let acknowledgement = Acknowledgement { next: number()?, later: number()? };
                Self::Close { id, acknowledgement }
            }
            kind::UNKNOWN => Self::Unknown { id: number()? },
            _ => return None,
        };
        rest.is_empty().then_some(datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_survive_the_wire() {
        let acknowledgement = Acknowledgement { next: 3, later: 1 << 63 };
        let fragment = |is_last, length| Datagram::Message {
            id: 9,
            message: Message::Fragment {
                number: u64::MAX,
                is_last,
                payload: vec![1; length],
                acknowledgement,
            },
        };
        for datagram in [
            Datagram::Ask { nonce: 1, pass: b"a pass" },
            Datagram::Answer { nonce: 1, id: 2 },
            Datagram::Refuse { nonce: 1 },
            Datagram::Begin { nonce: 1, id: 2 },
            fragment(false, PAYLOAD_LIMIT),
            fragment(true, 0),
            Datagram::Message { id: 9, message: Message::Acknowledgement(acknowledgement) },
            Datagram::Close { id: 7, acknowledgement },
            Datagram::Unknown { id: 7 },
        ] {
            let bytes = datagram.encode();
            assert!(bytes.len() <= DATAGRAM_LIMIT);
            assert_eq!(Datagram::decode(&bytes), Some(datagram.clone()));
            if !matches!(datagram, Datagram::Ask { .. } | Datagram::Message { .. }) {
                assert_eq!(Datagram::decode(&[&bytes[..], b"x"].concat()), None, "{datagram:?} and more");
            }
            assert_eq!(Datagram::decode(&bytes[..bytes.len().min(12)]), None, "{datagram:?} cut off");
        }
    }

    #[test]
    fn noise_is_no_datagram() {
        for noise in [&b""[..], b"wipc", b"wipc\x00", b"wipc\x0a12345678", b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(Datagram::decode(noise), None);
        }
        let fragment = [&b"wipc\x05"[..], &[0; 32], &[0; PAYLOAD_LIMIT + 1]].concat();
        assert_eq!(Datagram::decode(&fragment), None);
    }
}
