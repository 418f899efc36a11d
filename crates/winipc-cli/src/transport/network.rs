//! Rooms at addresses of the internet protocols. [`Wire`] is what differs between them.
//!
//! Where no address is given the room is on this machine and belongs to the user: its server takes any free port of the
//! loopback interface and leaves its number in the private directory, with a key that keeps other users out. Where
//! one is given, whoever can reach it can come in: nobody is authenticated, and nothing is encrypted.

use std::hash::BuildHasher;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::directory::Entry;
use super::{
    Address, Claim, Link, Listener, Mechanism, RoomName, SILENCE, Transport, already_served, directory,
    exclusive,
};
use crate::error::{Error, Result};

/// How long one attempt to enter a room waits for each step of the server.
pub(super) const DIAL_PATIENCE: Duration = Duration::from_secs(2);
/// How long a client waits between two attempts.
const RETRY_PERIOD: Duration = Duration::from_millis(200);
/// The most members that a server takes at a time.
pub(super) const LINK_LIMIT: usize = 255;
/// The longest pass in bytes.
pub(super) const PASS_LIMIT: usize = 512;

/// What a client shows first, so that only those meet who mean each other: program, version, key and room.
pub(super) type Pass = Vec<u8>;

fn pass(room: &RoomName, key: &str) -> Pass {
    let pass = format!("winipc chat 1\n{key}\n{room}").into_bytes();
    debug_assert!(pass.len() <= PASS_LIMIT);
    pass
}

/// What came of knocking at an address.
pub(super) enum Dialled {
    Link(Link),
    /// No answer, or a refusal by the system.
    Nobody,
    /// Our kind, but not for us.
    Refused,
    /// A program that speaks something else.
    Stranger,
}

/// A protocol.
pub(super) trait Wire: 'static {
    const MECHANISM: &'static Mechanism;
    /// Keeps an address to itself.
    type Socket;

    /// The first of `addresses` that can be had.
    fn bind(addresses: &[SocketAddr]) -> io::Result<Self::Socket>;

    fn address(socket: &Self::Socket) -> io::Result<SocketAddr>;

    /// Takes clients that show `pass`, until the listener is dropped.
    fn listen(socket: &Self::Socket, pass: Pass) -> io::Result<Box<dyn Listener>>;

    fn dial(address: SocketAddr, pass: &[u8]) -> io::Result<Dialled>;
}

enum Place {
    Loopback,
    Listen {
        addresses: Vec<SocketAddr>,
        /// Ours, once we serve.
        bound: Arc<Mutex<Option<SocketAddr>>>,
    },
    Connect(Vec<SocketAddr>),
}

/// Rooms at a place, by a protocol.
pub(super) struct Network<W> {
    place: Place,
    wire: std::marker::PhantomData<fn() -> W>,
}

impl<W: Wire> Network<W> {
    /// # Errors
    /// An address that is none.
    pub(super) fn open(address: Address) -> Result<Arc<dyn Transport>> {
        let place = match address {
            Address::Unsaid => Place::Loopback,
            Address::Listen(text) => Place::Listen { addresses: resolve(&text)?, bound: Arc::default() },
            Address::Connect(text) => Place::Connect(resolve(&text)?),
        };
        Ok(Arc::new(Self { place, wire: std::marker::PhantomData }))
    }
}

fn resolve(text: &str) -> Result<Vec<SocketAddr>> {
    match text.to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            Err(Error::new(format!("\"{text}\" is no address with a port"))
                .advice("write it as 192.0.2.7:7000, [2001:db8::7]:7000 or host.example:7000"))
        }
        Err(error) => Err(Error::because(format!("cannot find the host of \"{text}\""), error)),
    }
}

impl<W: Wire> Transport for Network<W> {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        match &self.place {
            Place::Loopback => {
                let path = directory::path(room, W::MECHANISM.name)?;
                let room_to_open = room.clone();
                exclusive::claim(W::MECHANISM, room, patience, move || {
                    publish::<W>(&room_to_open, &path).map_err(|error| {
                        Error::because("cannot open the room on the loopback interface", error)
                    })
                })
            }
            Place::Listen { addresses, bound } => {
                let end = Instant::now() + patience;
                let socket = loop {
                    match W::bind(addresses) {
                        Ok(socket) => break socket,
                        Err(error) if error.kind() != ErrorKind::AddrInUse => {
                            return Err(cannot_listen(addresses, &error));
                        }
                        Err(_) if Instant::now() >= end => return Ok(None),
                        // Nobody tells when an address becomes free.
                        Err(_) => thread::sleep(Duration::from_millis(5).min(patience)),
                    }
                };
                *bound.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(W::address(&socket).map_err(|error| cannot_listen(addresses, &error))?);
                Ok(Some(Box::new(Bound::<W> { socket, pass: pass(room, "") })))
            }
            Place::Connect(_) => {
                // The next attempt goes over the network.
                thread::sleep(patience.max(RETRY_PERIOD));
                Ok(None)
            }
        }
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        match &self.place {
            Place::Loopback => {
                let Some((address, key)) = published(&directory::path(room, W::MECHANISM.name)?) else {
                    return Ok(None);
                };
                match W::dial(address, &pass(room, &key)) {
                    Ok(Dialled::Link(link)) => Ok(Some(link)),
                    // The port of a server that has died may be another program's by now.
                    Ok(_) => Ok(None),
                    Err(error) => Err(cannot_reach(address, &error)),
                }
            }
            Place::Listen { addresses, bound } => {
                let bound = *bound.lock().unwrap_or_else(PoisonError::into_inner);
                let addresses = bound.map_or_else(|| addresses.clone(), |bound| vec![bound]);
                dial_any::<W>(addresses.into_iter().map(reachable), room)
            }
            Place::Connect(addresses) => dial_any::<W>(addresses.iter().copied(), room),
        }
    }

    fn occupied(&self, room: &RoomName) -> Error {
        let Place::Listen { addresses, .. } = &self.place else { return already_served(room) };
        let advice = "choose another port, or end the program that has it";
        for address in addresses.iter().copied().map(reachable) {
            let what = match W::dial(address, &pass(room, "")) {
                Ok(Dialled::Link(_)) => return already_served(room),
                Ok(Dialled::Refused) => "another room is served there",
                Ok(Dialled::Stranger) => "a program that is no winipc chat has the port",
                Ok(Dialled::Nobody) => continue,
                Err(error) => return cannot_reach(address, &error),
            };
            return Error::new(format!("cannot listen at {address}: {what}")).advice(advice);
        }
        Error::new(format!(
            "{} is taken, and what has it does not answer as winipc chat does",
            told(addresses)
        ))
        .advice(advice)
    }

    fn silence(&self) -> String {
        match &self.place {
            Place::Listen { addresses, bound }
                if bound.lock().unwrap_or_else(PoisonError::into_inner).is_none() =>
            {
                format!(
                    "{} is taken, and what has it does not answer as winipc chat does; waiting until it does, or ends: \
                     if it is another program, choose another port",
                    told(addresses)
                )
            }
            _ => SILENCE.to_string(),
        }
    }
}

fn told(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" or ")
}

fn dial_any<W: Wire>(addresses: impl Iterator<Item = SocketAddr>, room: &RoomName) -> Result<Option<Link>> {
    // Port 0 is any that is free: nobody has it yet.
    for address in addresses.filter(|address| address.port() != 0) {
        match W::dial(address, &pass(room, "")).map_err(|error| cannot_reach(address, &error))? {
            Dialled::Link(link) => return Ok(Some(link)),
            Dialled::Nobody => {}
            Dialled::Refused => {
                return Err(Error::new(format!(
                    "the server at {address} does not serve the room \"{room}\""
                ))
                .advice("use the same name for the room, and the same version of winipc, at both ends"));
            }
            Dialled::Stranger => {
                return Err(Error::new(format!("a program that is no winipc chat answers at {address}"))
                    .advice("choose another port"));
            }
        }
    }
    Ok(None)
}

/// Where a server that listens at `address` is found on its own machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

fn cannot_listen(addresses: &[SocketAddr], error: &io::Error) -> Error {
    let explained = Error::because(format!("cannot listen at {}", told(addresses)), error);
    match error.kind() {
        ErrorKind::AddrNotAvailable => {
            explained.advice("name an address that this machine has, or 0.0.0.0 or [::] for all of them")
        }
        ErrorKind::PermissionDenied => explained.advice("choose a port above 1023"),
        _ => explained,
    }
}

fn cannot_reach(address: SocketAddr, error: &io::Error) -> Error {
    Error::because(format!("cannot reach {address}"), error)
}

/// The right to serve is the address.
struct Bound<W: Wire> {
    socket: W::Socket,
    pass: Pass,
}

impl<W: Wire> Claim for Bound<W> {
    fn listen(&self) -> Result<Box<dyn Listener>> {
        let opened = W::listen(&self.socket, self.pass.clone()).and_then(|listener| {
            let place = format!("{} {}", W::MECHANISM.name, W::address(&self.socket)?);
            Ok(Box::new(Placed { listener, place }))
        });
        opened
            .map(|listener| listener as Box<dyn Listener>)
            .map_err(|error| Error::because("cannot open the room", error))
    }
}

/// A listener whose place must be told.
struct Placed {
    listener: Box<dyn Listener>,
    place: String,
}

impl Listener for Placed {
    fn accept(&mut self) -> Result<Link> {
        self.listener.accept()
    }

    fn place(&self) -> Option<&str> {
        Some(&self.place)
    }
}

/// A listener whose place lies in a file.
struct Published {
    listener: Box<dyn Listener>,
    _entry: Entry,
}

impl Listener for Published {
    fn accept(&mut self) -> Result<Link> {
        self.listener.accept()
    }
}

/// Opens `room` at a free port and leaves its number and a new key at `path`.
fn publish<W: Wire>(room: &RoomName, path: &Path) -> io::Result<Box<dyn Listener>> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let socket = W::bind(&loopback.map(|address| SocketAddr::new(address, 0)))?;
    let [high, low] = random();
    let key = format!("{high:016x}{low:016x}");
    let listener = W::listen(&socket, pass(room, &key))?;
    // So that nobody reads half of it.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let text = format!("{} {key}\n", W::address(&socket)?);
    let publish = |path: &Path| std::fs::write(&new, &text).and_then(|()| std::fs::rename(&new, path));
    let ((), entry) = directory::put(path, publish)?;
    Ok(Box::new(Published { listener, _entry: entry }))
}

fn published(path: &Path) -> Option<(SocketAddr, String)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (address, key) = text.strip_suffix('\n')?.split_once(' ')?;
    Some((address.parse().ok()?, key.to_string()))
}

/// Numbers that nobody can guess, from the standard library's per-process randomness.
pub(super) fn random() -> [u64; 2] {
    let state = std::hash::RandomState::new();
    [state.hash_one(0), state.hash_one(1)]
}
