//! Rooms over TCP: a connection for each member.
//!
//! What was written to a connection can get lost when the writer dies: the kernel throws it away if the dead process
//! had something to read, and the network may take the rest. So every frame is acknowledged by the process that has got
//! it, and one is under way at a time: see [`connection`].

mod connection;
mod word;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::network::{DIAL_PATIENCE, Dialled, LINK_LIMIT, Network, PASS_LIMIT, Pass, Wire};
use super::{Link, Listener, Mechanism, Opening};
use crate::error::{Error, Result};
use connection::link;

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "tcp",
    how: "A TCP connection for each member, between any machines or on this one",
    open: Opening::Network(Network::<Tcp>::open),
};

/// How long a client may take to show its pass.
const PASS_PATIENCE: Duration = Duration::from_secs(5);
/// The most clients that are asked for their pass at a time; the oldest has to go for the next.
const PASSING_LIMIT: usize = 64;

type Answer = [u8; 8];
const WELCOME: Answer = *b"winipc+\n";
const REFUSED: Answer = *b"winipc-\n";

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
