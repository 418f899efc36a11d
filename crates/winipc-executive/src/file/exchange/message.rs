//! What processes tell each other when a descriptor is to go from one to the other.

use crate::arena::mailbox::{self, Words};
use crate::arena::state::generation_of;
use crate::arena::{Arena, Ref};
use crate::handle::Found;
use crate::records::Object;
use crate::status::{Result, Status};

/// A process at one time: the number of its record and the generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Address {
    pub(super) process: u32,
    pub(super) generation: u32,
}

impl Address {
    pub(super) fn name(self, arena: &Arena) -> String {
        mailbox::name(arena.identity().1, self.process, self.generation)
    }
}

/// An object at one time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) object: Ref<Object>,
    pub(crate) generation: u32,
}

impl Identity {
    /// The object that a reference leads to now.
    pub(crate) fn of(arena: &Arena, object: Ref<Object>) -> Result<Self> {
        Ok(Identity { object, generation: generation_of(arena.get(object)?.state.load()) })
    }

    /// The object that was found by a handle.
    pub(crate) fn of_found(file: &Found) -> Self {
        Identity { object: file.reference, generation: generation_of(file.state) }
    }
}

/// Messages: the first word says what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Message {
    /// A descriptor for an object comes with it.
    Descriptor(Identity),
    /// The descriptor for an object is to be sent to somebody, and somebody wants to know when it is.
    Request { object: Identity, to: Address, number: u32, answer_to: Address },
    /// How a request ended.
    Answer { number: u32, status: Status },
}

impl Message {
    pub(super) fn words(self) -> Words {
        match self {
            Message::Descriptor(object) => [1, object.object.index(), object.generation, 0, 0, 0, 0, 0],
            Message::Request { object, to, number, answer_to } => [
                2,
                object.object.index(),
                object.generation,
                to.process,
                to.generation,
                number,
                answer_to.process,
                answer_to.generation,
            ],
            Message::Answer { number, status } => [3, number, status.0, 0, 0, 0, 0, 0],
        }
    }

    pub(super) fn from_words(words: Words) -> Option<Self> {
        let [kind, a, b, c, d, e, f, g] = words;
        let object = Identity { object: Ref::from_index(a), generation: b };
        Some(match kind {
            1 => Message::Descriptor(object),
            2 => Message::Request {
                object,
                to: Address { process: c, generation: d },
                number: e,
                answer_to: Address { process: f, generation: g },
            },
            3 => Message::Answer { number: a, status: Status(b) },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let object = Identity { object: Ref::from_index(7), generation: 8 };
        let (to, answer_to) = (Address { process: 1, generation: 2 }, Address { process: 3, generation: 4 });
        for message in [
            Message::Descriptor(object),
            Message::Request { object, to, number: 5, answer_to },
            Message::Answer { number: 6, status: Status::FILE_INVALID },
        ] {
            assert_eq!(Message::from_words(message.words()), Some(message));
        }
        assert_eq!(Message::from_words([0; 8]), None);
        assert_eq!(Message::from_words([4; 8]), None);
    }
}
