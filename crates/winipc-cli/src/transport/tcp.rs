//! Rooms over TCP: a connection for each member.
//!
//! What was written to a connection can get lost when the writer dies: the kernel throws it away if the dead process had
//! something to read, and the network may take the rest. So every frame is acknowledged by the process that has got it,
//! and one is under way at a time. A silent peer is asked for a sign of life.

use std::collections::VecDeque;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::network::{DIAL_PATIENCE, Dialled, LINK_LIMIT, Network, PASS_LIMIT, Pass, Wire};
use super::{FRAME_LIMIT, FrameReceiver, FrameSender, Link, Listener, Mechanism, Opening};
use crate::error::{Error, Result};

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "tcp",
    how: "A TCP connection for each member, between any machines or on this one",
    open: Opening::Network(Network::<Tcp>::open),
};

/// After so long without a word of the peer's it is asked for one.
const PING_PERIOD: Duration = Duration::from_secs(2);
/// After so long without a word of the peer's, or without it taking one of ours, it counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(8);
/// How long a client may take to show its pass.
const PASS_PATIENCE: Duration = Duration::from_secs(5);
/// The most clients that are asked for their pass at a time; the oldest has to go for the next.
const PASSING_LIMIT: usize = 64;
/// Received frames that nobody has taken: while there are so many, none is acknowledged.
const UNTAKEN_LIMIT: usize = 64;
const UNTAKEN_BYTE_LIMIT: usize = 256 * 1024;

type Answer = [u8; 8];
const WELCOME: Answer = *b"winipc+\n";
const REFUSED: Answer = *b"winipc-\n";

/// What goes over a connection after the pass; a frame is followed by its length in four bytes, the lowest first, and
/// the bytes.
mod word {
    pub(super) const FRAME: u8 = b'F';
    pub(super) const ACKNOWLEDGEMENT: u8 = b'A';
    /// Are you there?
    pub(super) const PING: u8 = b'P';
    /// I am.
    pub(super) const PONG: u8 = b'O';
}

struct Tcp;

impl Wire for Tcp {
    const MECHANISM: &'static Mechanism = &MECHANISM;
    type Socket = TcpListener;

    fn bind(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
        TcpListener::bind(addresses)
    }

    fn address(socket: &TcpListener) -> io::Result<SocketAddr> {
        socket.local_addr()
    }

    fn listen(socket: &TcpListener, pass: Pass) -> io::Result<Box<dyn Listener>> {
        let (sender, links) = channel();
        let entrance = Arc::new(Entrance {
            listener: socket.try_clone()?,
            pass,
            links: Mutex::new(sender),
            is_open: AtomicBool::new(true),
            passing: Mutex::default(),
            link_count: Arc::default(),
        });
        let porter = Arc::clone(&entrance);
        thread::Builder::new().name("connections".into()).spawn(move || porter.run())?;
        Ok(Box::new(Door { links, entrance }))
    }

    fn dial(address: SocketAddr, pass: &[u8]) -> io::Result<Dialled> {
        use ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
            NetworkUnreachable, TimedOut, UnexpectedEof, WouldBlock,
        };
        let connected = TcpStream::connect_timeout(&address, DIAL_PATIENCE);
        match connected.and_then(|stream| show(stream, pass)) {
            // Also a server that dies meanwhile, or is stopped.
            Err(error)
                if [
                    BrokenPipe,
                    ConnectionAborted,
                    ConnectionRefused,
                    ConnectionReset,
                    HostUnreachable,
                    NetworkUnreachable,
                    TimedOut,
                    UnexpectedEof,
                    WouldBlock,
                ]
                .contains(&error.kind()) =>
            {
                Ok(Dialled::Nobody)
            }
            result => result,
        }
    }
}

/// The client's part of the beginning.
fn show(mut stream: TcpStream, pass: &[u8]) -> io::Result<Dialled> {
    let length = u16::try_from(pass.len()).expect("passes are short");
    stream.write_all(&[&length.to_le_bytes(), pass].concat())?;
    let mut answer = Answer::default();
    read_until(&mut stream, &mut answer, Instant::now() + DIAL_PATIENCE)?;
    match answer {
        WELCOME => link(stream, None).map(Dialled::Link),
        REFUSED => Ok(Dialled::Refused),
        _ => Ok(Dialled::Stranger),
    }
}

/// Fills `buffer`, whatever the pieces in which it comes, before `end`.
fn read_until(stream: &mut TcpStream, buffer: &mut [u8], end: Instant) -> io::Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        let patience = end.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(patience))?;
        match stream.read(rest) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => rest = &mut rest[length..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The server's end of the room.
struct Door {
    links: Receiver<Link>,
    entrance: Arc<Entrance>,
}

impl Listener for Door {
    fn accept(&mut self) -> Result<Link> {
        self.links.recv().map_err(|_| Error::new("cannot wait for members: the thread for it has ended"))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.entrance.is_open.store(false, Ordering::Relaxed);
        // The thread waits for connections: here is one.
        if let Ok(mut address) = self.entrance.listener.local_addr() {
            if address.ip().is_unspecified() {
                address.set_ip(match address {
                    SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                });
            }
            let _ = TcpStream::connect_timeout(&address, DIAL_PATIENCE);
        }
    }
}

/// Where clients come in. Those who do not show their pass in time keep nobody else waiting.
struct Entrance {
    listener: TcpListener,
    pass: Pass,
    links: Mutex<Sender<Link>>,
    is_open: AtomicBool,
    /// Clients that have not shown their pass, with a number each; the oldest first.
    passing: Mutex<VecDeque<(u64, TcpStream)>>,
    link_count: Arc<AtomicUsize>,
}

impl Entrance {
    fn run(self: Arc<Self>) {
        for number in 0.. {
            let accepted = self.listener.accept();
            if !self.is_open.load(Ordering::Relaxed) {
                return;
            }
            let Ok((stream, _)) = accepted else {
                // A client that has gone again; or no descriptor is free, until somebody goes.
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let Ok(copy) = stream.try_clone() else { continue };
            let mut passing = lock(&self.passing);
            passing.push_back((number, copy));
            if passing.len() > PASSING_LIMIT
                && let Some((_, oldest)) = passing.pop_front()
            {
                let _ = oldest.shutdown(Shutdown::Both);
            }
            drop(passing);
            let entrance = Arc::clone(&self);
            let examination = thread::Builder::new().name("pass".into()).spawn(move || {
                let link = entrance.examine(stream);
                lock(&entrance.passing).retain(|(other, _)| *other != number);
                if let Ok(Some(link)) = link {
                    // If the door has been closed meanwhile the link ends here.
                    let _ = lock(&entrance.links).send(link);
                }
            });
            if examination.is_err() {
                lock(&self.passing).retain(|(other, _)| *other != number);
            }
        }
    }

    /// The server's part of the beginning.
    fn examine(&self, mut stream: TcpStream) -> io::Result<Option<Link>> {
        let end = Instant::now() + PASS_PATIENCE;
        let mut length = [0; 2];
        read_until(&mut stream, &mut length, end)?;
        let length: usize = u16::from_le_bytes(length).into();
        if length > PASS_LIMIT {
            return Ok(None);
        }
        let mut pass = vec![0; length];
        read_until(&mut stream, &mut pass, end)?;
        if pass != self.pass {
            stream.write_all(&REFUSED)?;
            return Ok(None);
        }
        let place = Counted::new(&self.link_count);
        if self.link_count.load(Ordering::Relaxed) > LINK_LIMIT {
            return Ok(None);
        }
        stream.write_all(&WELCOME)?;
        link(stream, Some(place)).map(Some)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of so many.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

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

fn link(stream: TcpStream, place: Option<Counted>) -> io::Result<Link> {
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
            let word = self.read_word(&mut input);
            match word {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return self.close(Some(error.to_string()));
                }
                Err(_) => return self.close(None),
            }
        }
    }

    fn read_word(&self, input: &mut impl Read) -> io::Result<()> {
        let invalid = |text: &str| io::Error::new(ErrorKind::InvalidData, text);
        let mut word = [0];
        input.read_exact(&mut word)?;
        match word[0] {
            word::PING => self.say(word::PONG),
            word::PONG => Ok(()),
            word::ACKNOWLEDGEMENT => {
                let mut state = lock(&self.state);
                if !std::mem::take(&mut state.is_waiting) {
                    return Err(invalid("received an acknowledgement of nothing"));
                }
                self.changed.notify_all();
                Ok(())
            }
            word::FRAME => {
                let mut length = [0; 4];
                input.read_exact(&mut length)?;
                let length = u32::from_le_bytes(length) as usize;
                if length > FRAME_LIMIT {
                    return Err(invalid("received a message above the limit"));
                }
                let mut frame = Vec::new();
                // Memory for what comes, not for what was announced.
                if input.take(length as u64).read_to_end(&mut frame)? < length {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                let state = lock(&self.state);
                if state.owes_acknowledgement {
                    return Err(invalid("received a message before its time"));
                }
                let is_room = !state.is_full();
                drop(state);
                // First, since who has got the frame may leave.
                if is_room {
                    self.say(word::ACKNOWLEDGEMENT)?;
                }
                let mut state = lock(&self.state);
                state.owes_acknowledgement = !is_room;
                state.frames.push_back(frame);
                self.changed.notify_all();
                Ok(())
            }
            _ => Err(invalid("received something that is no word of winipc chat")),
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
        let length = u32::try_from(frame.len()).expect("frames are short");
        let bytes = [&[word::FRAME][..], &length.to_le_bytes(), frame].concat();
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
                    self.connection.say(word::PING)?;
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
                if is_room && connection.say(word::ACKNOWLEDGEMENT).is_err() {
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
