//! Rooms over FIFOs, which carry bytes one way between any processes: a pair of them is a link.
//!
//! The server's door is a FIFO by which clients say that they have come: a random token and a line end. Each client has
//! made two FIFOs that are called after its token, `up` to the server and `down` to the client. The server opens both
//! and greets, and their names are removed. From then on the pair lives in the two processes only, and the kernel tells
//! each of the other's death. All ends are opened without waiting, in an order in which each finds the other's:
//!
//! 1. the client opens `down` to read, `up` to read and write, and then to write only;
//! 2. the server opens `up` to read and then `down` to write, which fails if the client is no longer there;
//! 3. the client, greeted, no longer reads `up`.
//!
//! What a killed process leaves is removed by the next server of the room, or by who [cleans](directory) the place.

use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
use rustix::io::Errno;

use super::directory::Entry;
use super::stream::{StreamReceiver, StreamSender};
use super::{Claim, Link, Listener, Mechanism, Opening, RoomName, Transport, directory, exclusive};
use crate::error::{Error, Result};

pub(super) static MECHANISM: Mechanism = Mechanism {
    name: "fifo",
    how: "Two FIFOs for each member, one for each direction, in winipc's private directory",
    open: Opening::Local(|| Arc::new(Fifo)),
};

/// How long a client waits for the greeting in one attempt: the server may be stopped.
const GREETING_PATIENCE: Duration = Duration::from_secs(1);
const GREETING: u8 = b'!';

struct Fifo;

impl Transport for Fifo {
    fn claim(&self, room: &RoomName, patience: Duration) -> Result<Option<Box<dyn Claim>>> {
        let door = directory::path(room, MECHANISM.name)?;
        exclusive::claim(&MECHANISM, room, patience, move || match Door::open(&door) {
            Ok(door) => Ok(Box::new(door)),
            Err(error) => Err(Error::because("cannot open the room's FIFO", error)),
        })
    }

    fn connect(&self, room: &RoomName) -> Result<Option<Link>> {
        let door = directory::path(room, MECHANISM.name)?;
        match knock(&door) {
            // The server has just gone, and who follows it, or its directory, has taken our FIFOs along.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            entered => {
                entered.map_err(|error| Error::because(format!("cannot enter the room \"{room}\""), error))
            }
        }
    }
}

/// Opens an existing FIFO without waiting for the other end.
fn open_end(path: &Path, access: OFlags) -> rustix::io::Result<File> {
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    open(path, flags, Mode::empty()).map(File::from)
}

fn make(path: &Path) -> io::Result<()> {
    Ok(mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR)?)
}

/// The names of a client's two FIFOs, removed with the value.
struct Pair {
    up: PathBuf,
    down: PathBuf,
}

impl Pair {
    fn new(door: &Path, token: &str) -> Self {
        let with_end = |end| {
            let mut path = door.as_os_str().to_owned();
            path.push(format!(".{token}.{end}"));
            path.into()
        };
        Self { up: with_end("up"), down: with_end("down") }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // The other side may have been quicker.
        let _ = std::fs::remove_file(&self.up);
        let _ = std::fs::remove_file(&self.down);
    }
}

/// A link to the server behind `door`, if there is one that answers.
fn knock(door: &Path) -> io::Result<Option<Link>> {
    let mut knocker = match open_end(door, OFlags::WRONLY) {
        Ok(knocker) => knocker,
        // Nobody has served yet, or nobody reads any more.
        Err(Errno::NOENT | Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let token = format!("{:016x}", std::collections::hash_map::RandomState::new().build_hasher().finish());
    let pair = Pair::new(door, &token);
    let _entries = [directory::put(&pair.up, make)?, directory::put(&pair.down, make)?];
    let mut down = open_end(&pair.down, OFlags::RDONLY)?;
    let both_ends = open_end(&pair.up, OFlags::RDWR)?;
    let up = open_end(&pair.up, OFlags::WRONLY)?;
    match knocker.write(format!("{token}\n").as_bytes()) {
        Ok(_) => {}
        // Too many wait before us, or the server has just died.
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::BrokenPipe].contains(&error.kind()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    // Also ends when the server does: nobody reads at the door then.
    wait(&[(&down, PollFlags::IN), (&knocker, PollFlags::empty())], Some(GREETING_PATIENCE))?;
    let mut greeting = [0];
    match down.read(&mut greeting) {
        Ok(1) => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    }
    // Or else writing would never fail.
    drop(both_ends);
    link(up, down).map(Some)
}

/// The server's end of the door.
struct Door {
    path: PathBuf,
    /// It is open to write as well, so that it does not end when the last client has gone.
    tokens: BufReader<File>,
    _entry: Entry,
}

impl Door {
    /// Whoever calls this has the sole right to.
    fn open(path: &Path) -> io::Result<Self> {
        // The door and the pairs of a former server. A client that is just coming makes another pair.
        directory::remove(path)?;
        let ((), entry) = directory::put(path, make)?;
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let tokens = BufReader::new(File::from(open(path, flags, Mode::empty())?));
        Ok(Self { path: path.to_path_buf(), tokens, _entry: entry })
    }

    /// The link to the client that `token` names, if that is there.
    fn open_pair(&self, token: &str) -> io::Result<Link> {
        let pair = Pair::new(&self.path, token);
        let up = open_end(&pair.up, OFlags::RDONLY)?;
        let mut down = open_end(&pair.down, OFlags::WRONLY)?;
        down.write_all(&[GREETING])?;
        link(down, up)
    }
}

impl Listener for Door {
    fn accept(&mut self) -> Result<Link> {
        loop {
            let mut token = Vec::new();
            (&mut self.tokens)
                .take(17)
                .read_until(b'\n', &mut token)
                .map_err(|error| Error::because("cannot wait for members", error))?;
            // Anything else, somebody has written by hand.
            let Some(token) = token.strip_suffix(b"\n").and_then(|token| str::from_utf8(token).ok()) else {
                continue;
            };
            if token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                // If it fails, the client has given up or died.
                if let Ok(link) = self.open_pair(token) {
                    return Ok(link);
                }
            }
        }
    }
}

/// One direction, and by what it is ended.
struct End {
    fifo: File,
    abort: Arc<Abort>,
}

/// Whether a link has been aborted, for those who look and for those who wait.
struct Abort {
    is_set: AtomicBool,
    event: OwnedFd,
}

fn link(outgoing: File, incoming: File) -> io::Result<Link> {
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let abort = Arc::new(Abort { is_set: AtomicBool::new(false), event });
    let end = |fifo| End { fifo, abort: Arc::clone(&abort) };
    Ok(Link {
        sender: Box::new(StreamSender(end(outgoing))),
        receiver: Box::new(StreamReceiver::new(end(incoming))),
        abort: Arc::new(move || {
            abort.is_set.store(true, Ordering::Relaxed);
            // It fails only after very many aborts.
            let _ = rustix::io::write(&abort.event, &1_u64.to_ne_bytes());
        }),
    })
}

impl End {
    /// Does `transfer` when it need not wait, or fails after an abort.
    fn when_ready<T>(
        &mut self,
        readiness: PollFlags,
        mut transfer: impl FnMut(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        while !self.abort.is_set.load(Ordering::Relaxed) {
            match transfer(&mut self.fifo) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(&[(&self.fifo, readiness), (&self.abort.event, PollFlags::IN)], None)?;
                }
                result => return result,
            }
        }
        Err(ErrorKind::ConnectionAborted.into())
    }
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::IN, |fifo| fifo.read(buffer))
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when_ready(PollFlags::OUT, |fifo| fifo.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until one of two can do what it is asked for, or has failed, or `patience` is over.
fn wait(ends: &[(&dyn AsFd, PollFlags); 2], patience: Option<Duration>) -> io::Result<()> {
    let timeout = patience.map(|patience| Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: patience.subsec_nanos().into(),
    });
    let mut ends = ends.map(|(end, flags)| PollFd::from_borrowed_fd(end.as_fd(), flags));
    loop {
        match poll(&mut ends, timeout.as_ref()) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::conformance;

    fn room(name: &str) -> (RoomName, PathBuf) {
        let room = RoomName::new(&format!("fifo-{}-{name}", std::process::id())).unwrap();
        let door = directory::path(&room, MECHANISM.name).unwrap();
        (room, door)
    }

    /// The listener first, as it is to be dropped.
    fn open_door(room: &RoomName) -> (Box<dyn Listener>, Box<dyn Claim>) {
        let claim = Fifo.claim(room, Duration::ZERO).unwrap().unwrap();
        let listener = claim.listen().unwrap();
        (listener, claim)
    }

    #[test]
    fn what_the_killed_have_left_is_removed() {
        let (room, door) = room("left");
        let (_, other) = self::room("left.over");
        for path in [&door, &other] {
            let pair = std::mem::ManuallyDrop::new(Pair::new(path, "0123456789abcdef"));
            for path in [path, &pair.up, &pair.down] {
                std::mem::forget(directory::put(path, make).unwrap());
            }
        }
        let _open = open_door(&room);
        let names = std::fs::read_dir(door.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let prefix = format!("fifo-{}-left", std::process::id());
        let mut left: Vec<_> =
            names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix)).collect();
        left.sort();
        drop(Pair::new(&other, "0123456789abcdef"));
        std::fs::remove_file(&other).unwrap();
        assert_eq!(left.len(), 4, "{left:?}");
        assert!(left.contains(&door), "{left:?}");
    }

    #[test]
    fn noise_at_the_door_and_clients_that_are_gone_stop_nobody() {
        let (room, door) = room("noise");
        let (mut listener, _claim) = open_door(&room);
        let mut noise = open_end(&door, OFlags::WRONLY).unwrap();
        // A client that died after it had knocked.
        let pair = Pair::new(&door, "0000000000000001");
        make(&pair.up).unwrap();
        make(&pair.down).unwrap();
        let lines = ["hello\n", "\n\n", "0000000000000000\n", "../../../etc/pass\n", "0000000000000001\n"];
        noise.write_all(lines.concat().as_bytes()).unwrap();
        noise.write_all(&[b'x'; 1000]).unwrap();
        noise.write_all(b"\n").unwrap();
        let (mut server, mut client) = conformance::pair(&Fifo, &room, listener.as_mut());
        server.sender.send(b"welcome").unwrap();
        let mut frame = Vec::new();
        assert!(client.receiver.receive(&mut frame).unwrap());
        assert_eq!(frame, b"welcome");
        assert!(!pair.up.exists() && !pair.down.exists(), "the dead client's FIFOs are gone");
    }
}
