//! One process of a tour.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CLIENTS, Report};
use crate::error::{Error, Result};
use crate::stage::{listen_to_parent, report};
use crate::transport::{Address, FrameReceiver, FrameSender, Mechanism, RoomName, Transport};

/// What the hidden command takes.
#[derive(clap::Args)]
pub(crate) struct ActorArguments {
    #[arg(value_enum)]
    mechanism: &'static Mechanism,
    room: String,
    messages: u64,
    /// Which client this is; without it, the server.
    #[arg(long)]
    client: Option<usize>,
}

#[derive(Serialize, Deserialize)]
enum Frame {
    /// Client to server: which client it is.
    Here(usize),
    /// Server to client: everybody is here.
    Begin,
    Message {
        number: u64,
        /// When the client sent it, by [`now`].
        sent_at: u64,
        text: String,
    },
}

/// Whose turn a message is.
pub(super) fn speaker(number: u64) -> usize {
    ((number - 1) % CLIENTS.len() as u64) as usize
}

/// What is said.
pub(super) fn text(number: u64) -> &'static str {
    const TEXTS: [&str; 12] = [
        "Good morning, is anybody there?",
        "Yes, I hear you, Ann. And you, Cleo?",
        "I hear you both. Where does the server run?",
        "In a process of its own; so do the three of us.",
        "So each line crosses two process borders.",
        "And what is it that carries them?",
        "The mechanism that this row of the table names.",
        "What if the server were killed just now?",
        "We would read what it wrote, then that it is gone.",
        "Whoever waits is told; nobody waits for ever.",
        "Shall we go on until the table is full?",
        "By all means. Whose turn is it?",
    ];
    TEXTS[((number - 1) % TEXTS.len() as u64) as usize]
}

/// # Errors
/// The mechanism fails, or another process of the tour is gone.
pub(crate) fn act(arguments: &ActorArguments) -> Result<()> {
    listen_to_parent();
    let room = RoomName::new(&arguments.room)?;
    let transport = arguments.mechanism.open(Address::Unsaid)?;
    match arguments.client {
        None => serve(transport.as_ref(), &room),
        Some(index) => talk(transport.as_ref(), &room, index, arguments.messages),
    }
}

fn encode(frame: &Frame) -> Vec<u8> {
    serde_json::to_vec(frame).expect("a frame is plain data")
}

fn decode(bytes: &[u8]) -> Result<Frame> {
    serde_json::from_slice(bytes).map_err(|error| Error::because("received something unexpected", error))
}

fn serve(transport: &dyn Transport, room: &RoomName) -> Result<()> {
    let claim = transport
        .claim(room, Duration::ZERO)?
        .ok_or_else(|| Error::new(format!("the room \"{room}\" is served by another process")))?;
    let mut listener = claim.listen()?;
    report(&Report::Ready)?;
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    let mut bytes = Vec::new();
    for _ in CLIENTS {
        let mut link = listener.accept()?;
        if !link.receiver.receive(&mut bytes)? {
            return Err(Error::new("a client has gone before it said who it is"));
        }
        let Frame::Here(index) = decode(&bytes)? else {
            return Err(Error::new("a client does not say who it is"));
        };
        senders.push((index, Mutex::new(link.sender)));
        receivers.push((index, link.receiver));
    }
    let senders = Arc::new(senders);
    for (_, sender) in senders.iter() {
        lock(sender).send(&encode(&Frame::Begin))?;
    }
    let threads: Vec<_> = receivers
        .into_iter()
        .map(|(index, mut receiver)| {
            let senders = Arc::clone(&senders);
            thread::spawn(move || relay(receiver.as_mut(), index, &senders))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| Error::new("a thread of the server has panicked"))??;
    }
    Ok(())
}

type SharedSender = Mutex<Box<dyn FrameSender>>;

fn lock(sender: &SharedSender) -> std::sync::MutexGuard<'_, Box<dyn FrameSender>> {
    sender.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what one client says to the others, until it goes.
fn relay(receiver: &mut dyn FrameReceiver, from: usize, senders: &[(usize, SharedSender)]) -> Result<()> {
    let mut bytes = Vec::new();
    while receiver.receive(&mut bytes)? {
        for (_, sender) in senders.iter().filter(|(index, _)| *index != from) {
            lock(sender).send(&bytes)?;
        }
    }
    Ok(())
}

fn talk(transport: &dyn Transport, room: &RoomName, index: usize, messages: u64) -> Result<()> {
    let mut link = loop {
        // The server is ready, but between two clients all its instances may be taken.
        if let Some(link) = transport.connect(room)? {
            break link;
        }
    };
    link.sender.send(&encode(&Frame::Here(index)))?;
    let mut say = |number| -> Result<()> {
        link.sender.send(&encode(&Frame::Message { number, sent_at: now(), text: text(number).into() }))?;
        report(&Report::Said { number })
    };
    let mut bytes = Vec::new();
    // The last message known, and how many of them were said and heard here: relayed by different threads of the
    // server, one can overtake another.
    let (mut last, mut said, mut heard) = (0, 0, 0);
    while said + heard < messages {
        if !link.receiver.receive(&mut bytes)? {
            return Err(Error::new("the server has gone before the end of the conversation"));
        }
        let arrived_at = now();
        let mut news = None;
        match decode(&bytes)? {
            Frame::Begin => {}
            Frame::Message { number, sent_at, text: line } if line == text(number) => {
                last = number.max(last);
                heard += 1;
                news = Some(Report::Heard {
                    number,
                    by: index,
                    nanoseconds: arrived_at.saturating_sub(sent_at),
                });
            }
            _ => return Err(Error::new("received what nobody said")),
        }
        if last < messages && speaker(last + 1) == index {
            last += 1;
            said += 1;
            say(last)?;
        }
        if let Some(news) = news {
            report(&news)?;
        }
    }
    Ok(())
}

/// Nanoseconds by a clock that all processes share.
#[cfg(unix)]
fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Nanoseconds by a clock that all processes share.
#[cfg(not(unix))]
fn now() -> u64 {
    let since =
        std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn() {
        assert_eq!([1, 2, 3, 4].map(speaker), [0, 1, 2, 0]);
    }
}
