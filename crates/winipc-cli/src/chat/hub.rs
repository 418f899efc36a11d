//! The serving of a room: threads around [`Room`], which decides. It ends with the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::Queue;
use super::protocol::{Frame, Line, MemberId};
use super::room::{Effect, LinkId, Room};
use crate::error::{Error, Result};
use crate::transport::{FrameReceiver, Link, Listener};

/// How often the room looks for members that do not come back or do not read.
const TICK: Duration = Duration::from_millis(500);
/// After so many ticks without progress a member counts as stuck. It can come back and is told what it missed.
const STUCK_TICKS: u32 = 10;
/// How long a link may say nothing at first: no member takes so long, and a stranger shall not hold it.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long a refused link may take to read why.
const LINGER: Duration = Duration::from_secs(2);

/// Frames of one link that have been read and not been looked at: more wait in the link.
const READ_AHEAD: usize = 4;
/// Bytes of lines from one link that are under way. No member has so many: those of its own are few, and those that it
/// remembers of others are half as much.
const UNDER_WAY_LIMIT: usize = 8 * 1024 * 1024;

enum Event {
    Accepted(Link),
    Received(LinkId, Frame),
    Gone(LinkId),
    /// A line is in the pipes of all that were to get it.
    Delivered {
        author: LinkId,
        accepted: Frame,
        size: usize,
    },
}

/// Reports when the last queue has dropped it.
struct Delivery {
    events: Sender<Event>,
    author: LinkId,
    accepted: Frame,
    size: usize,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let accepted = self.accepted.clone();
        // At the end of the process the receiver may be gone.
        let _ = self.events.send(Event::Delivered { author: self.author, accepted, size: self.size });
    }
}

struct Connection {
    /// When it must have said something; `None` once it has.
    hello_due: Option<Instant>,
    queue: Queue,
    abort: Arc<dyn Fn() + Send + Sync>,
    stuck_ticks: u32,
    /// Holds as much as there are frames that have been read and not been looked at.
    unread: Receiver<()>,
    /// Bytes of lines from here that have not reached everybody.
    under_way: usize,
}

struct Hub {
    room: Room,
    connections: HashMap<LinkId, Connection>,
    /// Lines that count as delivered only when everybody has come back who is expected to: whoever finds out late that
    /// the former server is gone shall not find more lines said than everybody remembers.
    held: Vec<Arc<dyn Send + Sync>>,
    /// Closed by us; aborted when their time is over.
    lingering: Vec<(Instant, Arc<dyn Fn() + Send + Sync>)>,
    events: Sender<Event>,
    last_link: u64,
}

/// Serves a room in threads of its own until the process ends; `server` is the member in this process, with its name.
/// `failed` hears why no further members can join.
///
/// # Errors
/// The threads cannot be started.
pub(crate) fn start(
    mut listener: Box<dyn Listener>,
    (server, name): (MemberId, &str),
    failed: impl Fn(Error) + Send + 'static,
) -> Result<()> {
    let (events, inbox) = channel();
    let hub = Hub {
        room: Room::new(server, name, Instant::now()),
        connections: HashMap::new(),
        held: Vec::new(),
        lingering: Vec::new(),
        events: events.clone(),
        last_link: 0,
    };
    spawn("room", move || hub.run(&inbox))?;
    spawn("room door", move || {
        loop {
            match listener.accept() {
                Ok(link) => {
                    let _ = events.send(Event::Accepted(link));
                }
                Err(error) => return failed(error),
            }
        }
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.into()).spawn(run);
    thread.map(drop).map_err(|error| Error::because("cannot start a thread to serve the room", error))
}

impl Hub {
    fn run(mut self, inbox: &Receiver<Event>) {
        let mut next_tick = Instant::now() + TICK;
        loop {
            // A room where nothing is under way does not wake up.
            let event = if self.has_deadlines() {
                inbox.recv_timeout(next_tick.saturating_duration_since(Instant::now()))
            } else {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match event {
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => {
                    next_tick = Instant::now() + TICK;
                    self.tick();
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("the hub holds a sender of its own"),
            }
        }
    }

    /// Whether something becomes due by time alone.
    fn has_deadlines(&self) -> bool {
        self.room.has_expected()
            || !self.lingering.is_empty()
            || self
                .connections
                .values()
                .any(|connection| connection.hello_due.is_some() || connection.queue.has_waiting())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Accepted(link) => self.accepted(link),
            Event::Received(link, frame) => {
                if let Some(connection) = self.connections.get_mut(&link) {
                    connection.hello_due = None;
                    // The reader has put one there, or has ended.
                    let _ = connection.unread.try_recv();
                    if connection.under_way > UNDER_WAY_LIMIT {
                        // Its reader then reports it gone.
                        return (connection.abort)();
                    }
                    let effects = self.room.received(link, frame, Instant::now());
                    self.apply(effects);
                }
            }
            Event::Gone(link) => {
                self.connections.remove(&link);
                let effects = self.room.gone(link);
                self.apply(effects);
            }
            Event::Delivered { author, accepted, size } => {
                if let Some(connection) = self.connections.get_mut(&author) {
                    connection.under_way -= size;
                    connection.queue.send(&accepted);
                }
            }
        }
    }

    fn accepted(&mut self, link: Link) {
        self.last_link += 1;
        let id = LinkId(self.last_link);
        let events = self.events.clone();
        // Without threads for it the link is dropped, and the member tries again.
        let Ok(queue) = Queue::start(link.sender) else { return };
        let (permits, unread) = sync_channel(READ_AHEAD);
        if spawn("link reader", move || read(link.receiver, id, &permits, &events)).is_ok() {
            let hello_due = Some(Instant::now() + HELLO_PATIENCE);
            self.connections.insert(
                id,
                Connection { hello_due, queue, abort: link.abort, stuck_ticks: 0, unread, under_way: 0 },
            );
        }
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        if !self.room.has_expected() {
            self.held.clear();
        }
        for effect in effects {
            match effect {
                Effect::Send { link, frame } => {
                    if let Some(connection) = self.connections.get_mut(&link) {
                        connection.queue.send(&frame);
                    }
                }
                Effect::Broadcast { links, line, author } => self.broadcast(&links, line, author),
                Effect::Close { link } => {
                    if let Some(connection) = self.connections.remove(&link) {
                        self.lingering.push((Instant::now() + LINGER, connection.abort));
                    }
                }
            }
        }
    }

    fn broadcast(&mut self, links: &[LinkId], line: Line, author: LinkId) {
        let accepted = Frame::Accepted { stream: line.stream, number: line.number };
        let bytes: Arc<[u8]> = Frame::Line(line).encode().into();
        let size = bytes.len();
        if let Some(connection) = self.connections.get_mut(&author) {
            connection.under_way += size;
        }
        let delivery: Arc<dyn Send + Sync> =
            Arc::new(Delivery { events: self.events.clone(), author, accepted, size });
        if self.room.has_expected() {
            self.held.push(Arc::clone(&delivery));
        }
        for link in links {
            if let Some(connection) = self.connections.get_mut(link) {
                connection.queue.send_encoded(Arc::clone(&bytes), Some(Arc::clone(&delivery)));
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let effects = self.room.tick(now);
        self.apply(effects);
        for connection in self.connections.values_mut() {
            connection.stuck_ticks = if connection.queue.is_stuck() { connection.stuck_ticks + 1 } else { 0 };
            let is_mute = connection.hello_due.is_some_and(|due| due <= now);
            if connection.stuck_ticks == STUCK_TICKS || is_mute {
                // Its reader then reports it gone.
                (connection.abort)();
            }
        }
        self.lingering.retain(|(end, abort)| {
            if *end <= now {
                abort();
            }
            *end > now
        });
    }
}

/// Passes on what arrives until the peer is gone or sends what is no frame.
fn read(
    mut receiver: Box<dyn FrameReceiver>,
    link: LinkId,
    permits: &SyncSender<()>,
    events: &Sender<Event>,
) {
    let mut bytes = Vec::new();
    while let Ok(true) = receiver.receive(&mut bytes) {
        let Ok(frame) = Frame::decode(&bytes) else { break };
        // Waits while the room has enough to do; fails when it has closed the link.
        if permits.send(()).is_err() || events.send(Event::Received(link, frame)).is_err() {
            break;
        }
    }
    let _ = events.send(Event::Gone(link));
}
