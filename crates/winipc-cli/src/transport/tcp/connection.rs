//! A connection whose peer has shown its pass: frames and their acknowledgements, one under way at a time in each
//! direction, and signs of life.

use std::collections::VecDeque;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::word::Word;
use super::{Counted, lock};
use crate::error::{Error, Result};
use crate::transport::framing::prefix;
use crate::transport::{FrameReceiver, FrameSender, Link};

/// After so long without a word of the peer's it is asked for one.
const PING_PERIOD: Duration = Duration::from_secs(2);
/// After so long without a word of the peer's, or without it taking one of ours, it counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(8);
/// Received frames that nobody has taken: while there are so many, none is acknowledged.
const UNTAKEN_LIMIT: usize = 64;
const UNTAKEN_BYTE_LIMIT: usize = 256 * 1024;

/// What the two halves of a link and the thread that reads share.
struct Connection {
    stream: TcpStream,
    /// For whoever writes.
    output: Mutex<()>,
    /// Words of one byte that are to be written, each once. Whoever has `output` writes them, so that the reader never
    /// waits for a frame of ours that the peer does not read.
    owed: Mutex<Vec<u8>>,
    state: Mutex<State>,
    changed: Condvar,
    _place: Option<Counted>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Vec<u8>>,
    /// The last frame received has not been acknowledged yet.
    owes_acknowledgement: bool,
    /// Our last frame has not been acknowledged yet.
    is_waiting: bool,
    /// Why the link is over, if it is; without a text the peer is gone.
    end: Option<Option<String>>,
}

impl State {
    fn is_full(&self) -> bool {
        let bytes: usize = self.frames.iter().map(Vec::len).sum();
        self.frames.len() >= UNTAKEN_LIMIT || bytes > UNTAKEN_BYTE_LIMIT
    }
}

pub(super) fn link(stream: TcpStream, place: Option<Counted>) -> io::Result<Link> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PING_PERIOD))?;
    stream.set_write_timeout(Some(SILENCE_LIMIT))?;
    let connection = Arc::new(Connection {
        stream,
        output: Mutex::new(()),
        owed: Mutex::default(),
        state: Mutex::default(),
        changed: Condvar::new(),
        _place: place,
    });
    let reader = Arc::clone(&connection);
    thread::Builder::new().name("connection".into()).spawn(move || reader.read())?;
    let halves = Arc::new(Halves(Arc::clone(&connection)));
    Ok(Link {
        sender: Box::new(Outgoing(Arc::clone(&halves))),
        receiver: Box::new(Incoming(halves)),
        abort: Arc::new(move || connection.close(None)),
    })
}

impl Connection {
    /// Reads until the peer is gone.
    fn read(&self) {
        let mut input = BufReader::new(Patient { connection: self, heard_at: Instant::now() });
        loop {
            match Word::read(&mut input).and_then(|word| self.hear(word)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return self.close(Some(error.to_string()));
                }
                Err(_) => return self.close(None),
            }
        }
    }

    fn hear(&self, word: Word) -> io::Result<()> {
        let invalid = |text: &str| Err(io::Error::new(ErrorKind::InvalidData, text));
        match word {
            Word::Ping => self.say(Word::PONG),
            Word::Pong => Ok(()),
            Word::Acknowledgement => {
                let mut state = lock(&self.state);
                if !std::mem::take(&mut state.is_waiting) {
                    return invalid("received an acknowledgement of nothing");
                }
                self.changed.notify_all();
                Ok(())
            }
            Word::Frame(frame) => {
                let state = lock(&self.state);
                if state.owes_acknowledgement {
                    return invalid("received a message before its time");
                }
                let is_room = !state.is_full();
                drop(state);
                // First, since who has got the frame may leave. It may have been said also where this fails.
                let said = if is_room { self.say(Word::ACKNOWLEDGEMENT) } else { Ok(()) };
                let mut state = lock(&self.state);
                state.owes_acknowledgement = !is_room;
                state.frames.push_back(frame);
                self.changed.notify_all();
                said
            }
        }
    }

    /// Writes `word`, or leaves it to whoever is writing.
    fn say(&self, word: u8) -> io::Result<()> {
        let mut owed = lock(&self.owed);
        if !owed.contains(&word) {
            owed.push(word);
        }
        drop(owed);
        self.pay()
    }

    fn pay(&self) -> io::Result<()> {
        while !lock(&self.owed).is_empty() {
            let _output = match self.output.try_lock() {
                Ok(output) => output,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Whoever has it pays when it has written.
                Err(TryLockError::WouldBlock) => return Ok(()),
            };
            let words = std::mem::take(&mut *lock(&self.owed));
            (&self.stream).write_all(&words)?;
        }
        Ok(())
    }

    fn write_frame(&self, frame: &[u8]) -> io::Result<()> {
        let bytes = [&[Word::FRAME][..], &prefix(frame), frame].concat();
        let output = lock(&self.output);
        (&self.stream).write_all(&bytes)?;
        drop(output);
        self.pay()
    }

    fn close(&self, why: Option<String>) {
        lock(&self.state).end.get_or_insert(why);
        self.changed.notify_all();
        // It fails only where the peer has gone, too.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Reads a connection whose peer may be silent, but not for too long.
struct Patient<'a> {
    connection: &'a Connection,
    heard_at: Instant,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.connection.stream).read(buffer) {
                // On Windows and elsewhere.
                Err(error) if [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind()) => {
                    if self.heard_at.elapsed() > SILENCE_LIMIT {
                        return Err(error);
                    }
                    self.connection.say(Word::PING)?;
                }
                result => {
                    self.heard_at = Instant::now();
                    return result;
                }
            }
        }
    }
}

/// What both halves of a link hold; the connection is over when they are gone.
struct Halves(Arc<Connection>);

impl Drop for Halves {
    fn drop(&mut self) {
        self.0.close(None);
    }
}

struct Outgoing(Arc<Halves>);
struct Incoming(Arc<Halves>);

impl FrameSender for Outgoing {
    fn send(&mut self, frame: &[u8]) -> Result<()> {
        let connection = &self.0.0;
        lock(&connection.state).is_waiting = true;
        connection.write_frame(frame).map_err(|error| Error::because("cannot write to the peer", error))?;
        let mut state = lock(&connection.state);
        while state.is_waiting {
            if state.end.is_some() {
                return Err(Error::new("cannot write to the peer: it is gone"));
            }
            state = connection.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }
}

impl FrameReceiver for Incoming {
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        let connection = &self.0.0;
        let mut state = lock(&connection.state);
        loop {
            if let Some(taken) = state.frames.pop_front() {
                *frame = taken;
                let is_room = state.owes_acknowledgement && !state.is_full();
                if is_room {
                    state.owes_acknowledgement = false;
                }
                drop(state);
                if is_room && connection.say(Word::ACKNOWLEDGEMENT).is_err() {
                    connection.close(None);
                }
                return Ok(true);
            }
            match &state.end {
                Some(None) => return Ok(false),
                Some(Some(why)) => return Err(Error::new(why.clone())),
                None => {}
            }
            state = connection.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
