//! Rooms over UDP: one socket for all members at the server, one for each member at its own end. [`datagram`] is what
//! goes over the wire, [`reliable`] makes whole frames of it.
//!
//! A member asks, is answered with a number that only its address and the server's secret give, and begins with that
//! number: the server keeps nothing for somebody who has not shown that the address is theirs.

mod datagram;
mod reliable;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::network::{DIAL_PATIENCE, Dialled, LINK_LIMIT, Network, Pass, Wire, random};
use super::{FRAME_LIMIT, FrameReceiver, FrameSender, Link, Listener, Mechanism, Opening};
use crate::error::{Error, Result};
use datagram::{DATAGRAM_LIMIT, Datagram};
use reliable::{Conversation, End};

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "udp",
    how: "UDP datagrams, numbered, acknowledged and repeated, between any machines or on this one",
    open: Opening::Network(Network::<Udp>::open),
};

/// How often everybody is looked after who has said nothing.
const TICK: Duration = Duration::from_millis(250);
/// After so long without an answer a client asks once more.
const ASK_PERIOD: Duration = Duration::from_millis(200);

struct Udp;

impl Wire for Udp {
    const MECHANISM: &'static Mechanism = &MECHANISM;
    type Socket = Arc<UdpSocket>;

    fn bind(addresses: &[SocketAddr]) -> io::Result<Self::Socket> {
        UdpSocket::bind(addresses).map(Arc::new)
    }

    fn address(socket: &Self::Socket) -> io::Result<SocketAddr> {
        socket.local_addr()
    }

    fn listen(socket: &Self::Socket, pass: Pass) -> io::Result<Box<dyn Listener>> {
        socket.set_read_timeout(Some(TICK))?;
        let (sender, links) = channel();
        let is_open = Arc::new(AtomicBool::new(true));
        let server = Server {
            socket: Arc::clone(socket),
            pass,
            secret: RandomState::new(),
            peers: HashMap::new(),
            links: sender,
            is_open: Arc::clone(&is_open),
        };
        thread::Builder::new().name("datagrams".into()).spawn(move || server.run())?;
        Ok(Box::new(Door { links, is_open }))
    }

    fn dial(address: SocketAddr, pass: &[u8]) -> io::Result<Dialled> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        match socket.connect(address).and_then(|()| ask(socket, pass)) {
            Err(error) if is_unreachable(&error) => Ok(Dialled::Nobody),
            result => result,
        }
    }
}

/// The peer's system says that nobody is there, or that there is no way to it.
fn is_unreachable(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    [ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable].contains(&error.kind())
}

/// The client's part of the beginning, over a connected socket.
fn ask(socket: UdpSocket, pass: &[u8]) -> io::Result<Dialled> {
    let [nonce, _] = random();
    let mut question = Datagram::Ask { nonce, pass };
    let (mut ours, mut has_heard_noise) = (None, false);
    let mut buffer = [0; DATAGRAM_LIMIT + 1];
    let end = Instant::now() + DIAL_PATIENCE;
    let mut ask_at = Instant::now();
    loop {
        let now = Instant::now();
        if now >= end {
            return Ok(if has_heard_noise { Dialled::Stranger } else { Dialled::Nobody });
        }
        if now >= ask_at {
            socket.send(&question.encode())?;
            ask_at = now + ASK_PERIOD;
        }
        // Zero would be for ever.
        let patience = ask_at.min(end).saturating_duration_since(now).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(patience))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_unreachable(&error) => return Err(error),
            // Nothing, or something that does not fit and is not ours.
            Err(_) => continue,
        };
        match Datagram::decode(&buffer[..length]) {
            Some(Datagram::Answer { nonce: theirs, id }) if theirs == nonce && ours.is_none() => {
                ours = Some(id);
                question = Datagram::Begin { nonce, id };
                ask_at = now;
            }
            Some(Datagram::Refuse { nonce: theirs }) if theirs == nonce => return Ok(Dialled::Refused),
            Some(Datagram::Message { id, message }) if Some(id) == ours => {
                socket.set_read_timeout(Some(TICK))?;
                let peer = Peer::new(Arc::new(socket), None, id);
                peer.heard(|conversation| conversation.hear(message, Instant::now()));
                let ears = Arc::clone(&peer);
                thread::Builder::new().name("datagrams".into()).spawn(move || listen_to(&ears))?;
                return Ok(Dialled::Link(link(peer)));
            }
            None => has_heard_noise = true,
            _ => {}
        }
    }
}

/// The client's end hears its server until nothing more can come of the conversation.
fn listen_to(server: &Peer) {
    let mut buffer = [0; DATAGRAM_LIMIT + 1];
    while !server.conversation().is_forgettable(Instant::now()) {
        match server.socket.recv(&mut buffer) {
            Ok(length) => match Datagram::decode(&buffer[..length]) {
                Some(datagram) => server.hears(datagram),
                None => server.speaks(),
            },
            Err(error) if is_unreachable(&error) => server.close(End::Gone),
            Err(_) => server.speaks(),
        }
    }
}

/// One end of a conversation.
struct Peer {
    socket: Arc<UdpSocket>,
    /// `None` for a socket that knows its peer.
    address: Option<SocketAddr>,
    id: u64,
    conversation: Mutex<Conversation>,
    /// Something was heard, or the conversation is over.
    changed: Condvar,
}

impl Peer {
    fn new(socket: Arc<UdpSocket>, address: Option<SocketAddr>, id: u64) -> Arc<Self> {
        let conversation = Mutex::new(Conversation::new(Instant::now()));
        Arc::new(Self { socket, address, id, conversation, changed: Condvar::new() })
    }

    fn conversation(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, datagram: &Datagram) -> io::Result<usize> {
        let bytes = datagram.encode();
        match self.address {
            Some(address) => self.socket.send_to(&bytes, address),
            None => self.socket.send(&bytes),
        }
    }

    /// Says what there is to say.
    fn speak(&self, conversation: &mut Conversation) {
        while let Some(message) = conversation.speak(Instant::now()) {
            // Where it fails the datagram counts as lost; but only a client's socket can tell that nobody is there.
            if let Err(error) = self.send(&Datagram::Message { id: self.id, message })
                && self.address.is_none()
                && is_unreachable(&error)
            {
                conversation.close(End::Gone, Instant::now());
            }
        }
        if conversation.end().is_some() {
            self.changed.notify_all();
        }
    }

    fn speaks(&self) {
        self.speak(&mut self.conversation());
    }

    /// Takes in what `change` says was heard, and answers.
    fn heard(&self, change: impl FnOnce(&mut Conversation)) {
        let mut conversation = self.conversation();
        change(&mut conversation);
        self.speak(&mut conversation);
        self.changed.notify_all();
    }

    fn hears(&self, datagram: Datagram) {
        match datagram {
            Datagram::Message { id, message } if id == self.id => {
                self.heard(|conversation| conversation.hear(message, Instant::now()));
                if self.conversation().end().is_some() {
                    self.send_close();
                }
            }
            Datagram::Close { id, acknowledgement } if id == self.id => {
                self.heard(|conversation| conversation.closed(acknowledgement, Instant::now()));
            }
            Datagram::Unknown { id } if id == self.id => self.close(End::Gone),
            _ => {}
        }
    }

    fn close(&self, end: End) {
        self.heard(|conversation| conversation.close(end, Instant::now()));
    }

    fn send_close(&self) {
        let acknowledgement = self.conversation().acknowledgement();
        // It may be lost: then the peer hears it when it next says something.
        let _ = self.send(&Datagram::Close { id: self.id, acknowledgement });
    }

    /// Closes and says so.
    fn leave(&self) {
        let is_over = self.conversation().end().is_some();
        if !is_over {
            self.close(End::Gone);
            self.send_close();
        }
    }
}

/// What both halves of a link hold; the conversation is over when they are gone.
struct Halves(Arc<Peer>);

impl Drop for Halves {
    fn drop(&mut self) {
        self.0.leave();
    }
}

struct Outgoing(Arc<Halves>);
struct Incoming(Arc<Halves>);

fn link(peer: Arc<Peer>) -> Link {
    let halves = Arc::new(Halves(Arc::clone(&peer)));
    Link {
        sender: Box::new(Outgoing(Arc::clone(&halves))),
        receiver: Box::new(Incoming(halves)),
        abort: Arc::new(move || peer.leave()),
    }
}

impl FrameSender for Outgoing {
    fn send(&mut self, frame: &[u8]) -> Result<()> {
        let peer = &self.0.0;
        let mut conversation = peer.conversation();
        let has_offered = conversation.end().is_none();
        if has_offered {
            conversation.offer(frame);
        }
        loop {
            peer.speak(&mut conversation);
            if has_offered && conversation.has_delivered() {
                return Ok(());
            }
            if conversation.end().is_some() {
                return Err(Error::new("cannot write to the peer: it is gone"));
            }
            let patience = conversation.due().saturating_duration_since(Instant::now());
            let waited = peer.changed.wait_timeout(conversation, patience);
            conversation = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl FrameReceiver for Incoming {
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        let peer = &self.0.0;
        let mut conversation = peer.conversation();
        loop {
            if let Some(taken) = conversation.take() {
                *frame = taken;
                return Ok(true);
            }
            match conversation.end() {
                Some(End::Gone) => return Ok(false),
                Some(End::TooLong) => {
                    return Err(Error::new(format!("received a message above {FRAME_LIMIT} bytes")));
                }
                None => {}
            }
            conversation = peer.changed.wait(conversation).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The server's end of the room.
struct Door {
    links: Receiver<Link>,
    is_open: Arc<AtomicBool>,
}

impl Listener for Door {
    fn accept(&mut self) -> Result<Link> {
        self.links.recv().map_err(|_| Error::new("cannot wait for members: the thread for it has ended"))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::Relaxed);
    }
}

/// The thread that hears all members.
struct Server {
    socket: Arc<UdpSocket>,
    pass: Pass,
    /// With it an address gives the number of a conversation.
    secret: RandomState,
    peers: HashMap<SocketAddr, Arc<Peer>>,
    links: Sender<Link>,
    is_open: Arc<AtomicBool>,
}

impl Server {
    fn run(mut self) {
        let mut buffer = [0; DATAGRAM_LIMIT + 1];
        let mut tick_at = Instant::now() + TICK;
        while self.is_open.load(Ordering::Relaxed) || !self.peers.is_empty() {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    if let Some(datagram) = Datagram::decode(&buffer[..length]) {
                        self.hear(from, datagram);
                    }
                }
                Err(error) if [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind()) => {}
                // News that a member cannot be reached, or something worse that lasts.
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
            let now = Instant::now();
            if now >= tick_at {
                tick_at = now + TICK;
                self.peers.values().for_each(|peer| peer.speaks());
                self.peers.retain(|_, peer| !peer.conversation().is_forgettable(now));
            }
        }
    }

    fn hear(&mut self, from: SocketAddr, datagram: Datagram) {
        let number = |nonce| self.secret.hash_one((from, nonce));
        let is_open = self.is_open.load(Ordering::Relaxed);
        let answer = match datagram {
            // Never more than was received.
            Datagram::Ask { nonce, pass } if is_open && pass.len() >= size_of::<u64>() => {
                if *pass == self.pass {
                    Datagram::Answer { nonce, id: number(nonce) }
                } else {
                    Datagram::Refuse { nonce }
                }
            }
            Datagram::Begin { nonce, id } if is_open && id == number(nonce) => return self.begin(from, id),
            Datagram::Message { id, .. } | Datagram::Close { id, .. } | Datagram::Unknown { id } => {
                match self.peers.get(&from) {
                    Some(peer) if peer.id == id => return peer.hears(datagram),
                    _ if matches!(datagram, Datagram::Message { .. }) => Datagram::Unknown { id },
                    _ => return,
                }
            }
            _ => return,
        };
        // If it gets lost, it is asked for again.
        let _ = self.socket.send_to(&answer.encode(), from);
    }

    fn begin(&mut self, from: SocketAddr, id: u64) {
        if let Some(former) = self.peers.get(&from) {
            if former.id == id {
                // Our first word was lost.
                return former.heard(Conversation::greet);
            }
            former.close(End::Gone);
        } else if self.peers.len() >= LINK_LIMIT {
            return;
        }
        let peer = Peer::new(Arc::clone(&self.socket), Some(from), id);
        if self.links.send(link(Arc::clone(&peer))).is_ok() {
            peer.speaks();
            self.peers.insert(from, peer);
        }
    }
}
