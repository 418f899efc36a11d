//! What a stranger may send to a chat room over the network: datagrams, which are parsed and given to a conversation
//! that also speaks itself, and the words of a connection.
//!
//! The input is pieces between line ends. The first byte of each says how much later it comes; the rest is a datagram,
//! or part of the stream.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/transport/udp/datagram.rs"]
mod datagram;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/transport/framing.rs"]
mod framing;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/transport/udp/reliable.rs"]
mod reliable;
#[allow(dead_code)]
#[path = "../../crates/winipc-cli/src/transport/tcp/word.rs"]
mod word;

/// What the parts above know of the rest.
mod transport {
    pub(crate) use crate::framing;

    pub(crate) const FRAME_LIMIT: usize = 1024 * 1024;
}

use std::time::{Duration, Instant};

use datagram::{DATAGRAM_LIMIT, Datagram};
use libfuzzer_sys::fuzz_target;
use reliable::Conversation;
use transport::FRAME_LIMIT;
use word::Word;

fuzz_target!(|data: &[u8]| {
    let mut now = Instant::now();
    let mut conversation = Conversation::new(now);
    let mut stream = Vec::new();
    for piece in data.split(|byte| *byte == b'\n') {
        let Some((delay, bytes)) = piece.split_first() else { continue };
        now += Duration::from_millis(u64::from(*delay));
        stream.extend(bytes);
        if let Some(datagram) = Datagram::decode(bytes) {
            assert_eq!(datagram.encode(), bytes, "what is understood is all that was said");
            match datagram {
                Datagram::Message { message, .. } => conversation.hear(message, now),
                Datagram::Close { acknowledgement, .. } => conversation.closed(acknowledgement, now),
                Datagram::Begin { .. } => conversation.greet(),
                Datagram::Ask { .. } if conversation.has_delivered() => {
                    conversation.offer(&vec![*delay; 5000])
                }
                Datagram::Answer { .. } => {
                    assert!(conversation.take().is_none_or(|frame| frame.len() <= FRAME_LIMIT));
                }
                _ => {}
            }
        }
        // However it was lied to, it says little at a time, and what it says can be understood.
        for number in 0.. {
            let Some(message) = conversation.speak(now) else { break };
            assert!(number <= 70, "the window has no end");
            let bytes = Datagram::Message { id: 1, message }.encode();
            assert!(bytes.len() <= DATAGRAM_LIMIT);
            assert!(Datagram::decode(&bytes).is_some());
        }
        assert!(conversation.end().is_some() || conversation.due() > now, "it would never sleep");
    }
    let mut input = &stream[..];
    while let Ok(word) = Word::read(&mut input) {
        assert!(!matches!(word, Word::Frame(frame) if frame.len() > stream.len()));
    }
});
