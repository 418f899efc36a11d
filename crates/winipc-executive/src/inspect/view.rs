//! What a look at the namespace gives: plain data, with a wording of its own.

use core::fmt;
use core::time::Duration;

use super::blocked::Blocked;
use crate::arena::seat::{Seat, SeatId};
use crate::arena::{Arena, Ref};
use crate::file::Type;
use crate::handle::Handle;
use crate::records::{Kind, Process, Thread};
use crate::section::Protection;

/// Everything there is in a namespace at one moment.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The live objects.
    pub objects: Vec<ObjectView>,
    /// The threads that are blocked in a wait.
    pub blocked: Vec<Blocked>,
    /// The thread that did not let go of the arena's lock, so that the listing had to be made without it.
    pub lock_holder: Option<ThreadId>,
}

/// An object.
#[derive(Clone, Debug)]
pub struct ObjectView {
    /// What it is.
    pub kind: Kind,
    /// Its name, with `Global\`, `\\.\pipe\` or `\\.\mailslot\` where that belongs to it; `None` if it has none.
    pub name: Option<String>,
    /// The state it is in.
    pub state: State,
    /// Handles to it in all processes.
    pub handle_count: u32,
    /// The processes that have handles to it.
    pub holders: Vec<Holder>,
    /// The threads that wait for it.
    pub waiters: Vec<Waiter>,
}

/// A process with handles to an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// Its process id.
    pub process: u32,
    /// The handles, which mean something in that process only.
    pub handles: Vec<Handle>,
}

/// A thread that waits for an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiter {
    /// Who waits.
    pub thread: ThreadId,
    /// The call that it is blocked in.
    pub call: Call,
    /// For how long it has been blocked.
    pub blocked_for: Duration,
}

/// A call that blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// A wait for one object, or any of several.
    WaitAny,
    /// A wait for all of several objects.
    WaitAll,
    /// A read from a file.
    Read,
    /// A write to a file.
    Write,
    /// A server's wait for its client.
    Connect,
    /// A wait until all that was written has been read.
    Flush,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Call::WaitAny => "any",
            Call::WaitAll => "all",
            Call::Read => "read",
            Call::Write => "write",
            Call::Connect => "connect",
            Call::Flush => "flush",
        })
    }
}

/// The state of an instance of a pipe, as one of its ends sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PipeState {
    /// A client may connect.
    Listening,
    /// Both ends are open.
    Connected,
    /// The other end has been closed.
    Closing,
    /// The server has sent the client away.
    Disconnected,
}

impl fmt::Display for PipeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PipeState::Listening => "listening",
            PipeState::Connected => "connected",
            PipeState::Closing => "closing",
            PipeState::Disconnected => "disconnected",
        })
    }
}

/// A thread of a process, by the ids that the system gives them; 0 where that is not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ThreadId {
    /// The process's id.
    pub process: u32,
    /// The thread's id.
    pub thread: u32,
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.process, self.thread)
    }
}

/// The state of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Of an event.
    Event {
        /// Waits are satisfied.
        set: bool,
        /// It stays set until it is reset.
        manual_reset: bool,
    },
    /// Of a mutex.
    Mutex {
        /// The thread that owns it.
        owner: Option<ThreadId>,
        /// How often the owner has taken it. 0 for the moment in which it is handed over.
        recursion: u32,
        /// The last owner ended without giving it up.
        abandoned: bool,
    },
    /// Of a semaphore.
    Semaphore {
        /// Waits that can be satisfied now.
        count: u32,
        /// The most the count can be.
        maximum: u32,
    },
    /// Of a waitable timer.
    Timer {
        /// Waits are satisfied.
        set: bool,
        /// It stays set until it is set anew.
        manual_reset: bool,
        /// Time until it is due next, zero if it is overdue; `None` if it is not running.
        due: Option<Duration>,
        /// Time from one due time to the next; `None` for once.
        period: Option<Duration>,
        /// It follows the clock of the day.
        absolute: bool,
    },
    /// Of a process.
    Process {
        /// Its process id.
        id: u32,
        /// The code it ended with; `None` while it runs.
        exit_code: Option<u32>,
    },
    /// Of a thread.
    Thread {
        /// Its thread id.
        id: u32,
        /// The code it ended with; `None` while it runs.
        exit_code: Option<u32>,
    },
    /// Of a descriptor.
    File {
        /// What the descriptor is.
        is: Type,
        /// It is the end of an anonymous pipe that is written to.
        is_written: bool,
    },
    /// Of an end of a named pipe.
    Pipe {
        /// The server's end.
        is_server: bool,
        /// The state of its instance.
        state: PipeState,
        /// Bytes that it can read, those of waiting writers included.
        unread: u32,
    },
    /// Of a section.
    Section {
        /// Bytes.
        size: u64,
        /// What views of it may do; `None` if a neighbour has damaged it.
        protection: Option<Protection>,
        /// Memory is committed page by page.
        reserved: bool,
        /// Views that processes have mapped.
        views: u32,
    },
    /// Of an end of a mailslot.
    Mailslot {
        /// The server's end, which reads.
        is_server: bool,
        /// Unread messages in the slot.
        messages: u32,
        /// Bytes of the next one; `None` if there is none.
        next: Option<u32>,
        /// Longest message in bytes, 0 for any.
        max_message: u32,
        /// Milliseconds that a read waits; `u32::MAX` for ever.
        timeout_ms: u32,
        /// The server's end is closed: nothing can be written any more.
        is_gone: bool,
    },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |set: &bool| if *set { "set" } else { "not set" };
        let reset = |manual: &bool| if *manual { "manual" } else { "automatic" };
        match self {
            State::Event { set: is_set, manual_reset } => {
                write!(f, "{}, {}", set(is_set), reset(manual_reset))
            }
            State::Mutex { owner: Some(owner), recursion, .. } => {
                write!(f, "owned by {owner}, taken {recursion} times")
            }
            State::Mutex { abandoned: true, .. } => f.write_str("free, abandoned"),
            State::Mutex { .. } => f.write_str("free"),
            State::Semaphore { count, maximum } => write!(f, "{count} of {maximum}"),
            State::Timer { set: is_set, manual_reset, due, period, absolute } => {
                write!(f, "{}, {}, ", set(is_set), reset(manual_reset))?;
                match due {
                    Some(due) => write!(f, "due in {}", in_seconds(*due))?,
                    None => f.write_str("not running")?,
                }
                if let Some(period) = period {
                    write!(f, ", every {}", in_seconds(*period))?;
                }
                if *absolute { f.write_str(", by the clock") } else { Ok(()) }
            }
            State::Process { id, exit_code } | State::Thread { id, exit_code } => match exit_code {
                Some(code) => write!(f, "{id}, ended with {code}"),
                None => write!(f, "{id}, running"),
            },
            State::Mailslot { is_gone: true, .. } => f.write_str("client, slot gone"),
            State::Mailslot { is_server, messages, next, .. } => {
                write!(f, "{}, {messages} unread", if *is_server { "server" } else { "client" })?;
                next.map_or(Ok(()), |length| write!(f, ", next of {length} bytes"))
            }
            State::File { is: Type::Pipe, is_written: false } => f.write_str("anonymous pipe, read end"),
            State::File { is: Type::Pipe, is_written: true } => f.write_str("anonymous pipe, write end"),
            State::File { is: Type::Disk, .. } => f.write_str("on disk"),
            State::File { is: Type::Character, .. } => f.write_str("character device"),
            State::File { is: Type::Socket, .. } => f.write_str("socket"),
            State::Pipe { is_server, state, unread } => {
                write!(f, "{}, {state}, {unread} bytes to read", if *is_server { "server" } else { "client" })
            }
            State::Section { size, protection, reserved, views } => {
                let access = match protection {
                    Some(protection) if protection.is_writable() => "read and write",
                    Some(_) => "read only",
                    None => "damaged",
                };
                let reserved = if *reserved { ", reserved" } else { "" };
                let plural = if *views == 1 { "" } else { "s" };
                write!(f, "{size} bytes, {access}{reserved}, {views} view{plural}")
            }
        }
    }
}

fn in_seconds(duration: Duration) -> impl fmt::Display {
    struct Seconds(Duration);
    impl fmt::Display for Seconds {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}.{:03} s", self.0.as_secs(), self.0.subsec_millis())
        }
    }
    Seconds(duration)
}

/// The ids of the thread at a seat. Needs no lock.
pub(super) fn thread_at(arena: &Arena, seat: Ref<Seat>) -> ThreadId {
    let process = arena.get(seat).map_or(0, |seat| seat.process());
    let process = Ref::<Process>::from_index(process).some();
    let process = process.and_then(|process| arena.get(process).ok()).map_or(0, |process| process.id.load());
    let thread = arena.get::<Thread>(Ref::from_index(seat.index())).map_or(0, |thread| thread.id.load());
    ThreadId { process, thread }
}

/// The ids of a thread, if it still has its seat.
pub(super) fn thread_of(arena: &Arena, id: SeatId) -> ThreadId {
    let is_there = arena.get(id.seat()).is_ok_and(|seat| seat.id(id.seat()) == id);
    if is_there { thread_at(arena, id.seat()) } else { ThreadId { process: 0, thread: 0 } }
}

/// The thread that holds the lock.
pub(super) fn lock_holder(arena: &Arena) -> Option<ThreadId> {
    arena.lock_holder().map(|holder| thread_of(arena, holder))
}
