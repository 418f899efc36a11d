//! The records of the object model: what lies in the arena.

use crate::arena::slab::record;
use crate::arena::state::State;
use crate::arena::word::{Free32, Free64, Guarded32, Guarded64};

/// What kind of object a handle names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum Kind {
    /// An event.
    Event = 1,
    /// A mutex.
    Mutex = 2,
    /// A semaphore.
    Semaphore = 3,
    /// A waitable timer.
    Timer = 4,
    /// A process.
    Process = 5,
    /// A thread.
    Thread = 6,
    /// One end of a named pipe.
    Pipe = 7,
    /// A descriptor of the system's: an end of an anonymous pipe, a file on disk, a terminal.
    File = 8,
    /// One end of a mailslot.
    Mailslot = 9,
    /// A section.
    Section = 10,
}

impl Kind {
    /// All kinds, in the order of their tags.
    pub const ALL: [Kind; 10] = [
        Kind::Event,
        Kind::Mutex,
        Kind::Semaphore,
        Kind::Timer,
        Kind::Process,
        Kind::Thread,
        Kind::Pipe,
        Kind::File,
        Kind::Mailslot,
        Kind::Section,
    ];

    #[inline]
    pub(crate) fn from_tag(tag: u32) -> Option<Kind> {
        Some(match tag {
            1 => Kind::Event,
            2 => Kind::Mutex,
            3 => Kind::Semaphore,
            4 => Kind::Timer,
            5 => Kind::Process,
            6 => Kind::Thread,
            7 => Kind::Pipe,
            8 => Kind::File,
            9 => Kind::Mailslot,
            10 => Kind::Section,
            _ => return None,
        })
    }

    /// Whether objects of the kind are read from and written to.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Kind::Pipe | Kind::File | Kind::Mailslot)
    }

    pub(crate) fn tag(self) -> u32 {
        self as u32
    }
}

record! {
    /// An object. The record's tag is its kind.
    pub(crate) struct Object in Object {
        /// See [`crate::arena::state`]; the value's meaning is the kind's.
        state: State,
        /// A semaphore's maximum; an event's or timer's options.
        limit: Guarded32,
        /// Handles in all processes.
        handles: Guarded32,
        /// Everything that keeps the record: handles, wait blocks, requests, views, a process's or thread's own record.
        references: Guarded32,
        /// Block of the name, 0 if it has none.
        name: Guarded32,
        /// Queue of wait blocks, by arrival.
        first_waiter: Guarded32,
        last_waiter: Guarded32,
        /// Neighbours in the list of mutexes that a thread owns. Only the owner writes them, or who buries it.
        owned_next: Free32,
        owned_previous: Free32,
        /// How often the owner has taken the mutex; only the owner's.
        recursion: Free32,
        /// How often a thread has to be resumed before it starts.
        suspended: Free32,
        /// By kind; see the kind's module.
        body: [Guarded64; 8],
    }
}

/// Entries in a page of a handle table.
pub(crate) const PAGE_ENTRIES: usize = 504;
/// Pages of a handle table.
pub(crate) const TABLE_PAGES: usize = 990;

record! {
    /// A page of a handle table.
    pub(crate) struct HandlePage in HandlePage {
        /// How many of its handles can be inherited, and how many are to objects with descriptors. Who looks for either
        /// in a table passes over the pages that have none.
        inheritable: Guarded32,
        files: Guarded32,
        padding: [Guarded64; 6],
        entries: [Guarded64; PAGE_ENTRIES],
    }
}

record! {
    /// An attached process, or one that its parent has made and that has not attached.
    pub(crate) struct Process in Process {
        /// See [`crate::process::claim`].
        claim: Free32,
        /// Counts the processes that have had the record.
        generation: Free32,
        /// Process id, in the process's own process id namespace.
        id: Free32,
        /// Seat of the keeper. The process lives while the keeper does.
        keeper: Free32,
        /// Set to wake the keeper.
        doorbell: Free32,
        /// The process id namespace in which it has its id (see [`mod@crate::process::identity`]); 0 if nothing tells.
        id_namespace: Free32,
        /// The code the process has said it ends with, and whether it has (see [`mod@crate::process::exit_code`]).
        exit_code: Free64,
        /// Whether the process is being made or was, with which id and when (see [`crate::process::heritage::Birth`]).
        born: Free64,
        /// When it started, in milliseconds since the system did, once it has joined; 0 if nothing tells.
        started: Free64,
        /// The process object.
        object: Guarded32,
        /// The object of the first thread, until that has a seat.
        first_thread: Guarded32,
        /// Free entries of the handle table.
        free_handle: Guarded32,
        /// Entries of the handle table that have ever been used.
        fresh_handle: Guarded32,
        handle_count: Guarded32,
        /// All requests of the process that are not over, and how many they are.
        first_request: Guarded32,
        requests: Guarded32,
        /// Those that are complete and wait to be delivered to the process's memory, in order.
        first_completed: Guarded32,
        last_completed: Guarded32,
        /// Timers whose routine runs in a thread of this process.
        first_timer: Guarded32,
        /// Bytes of the arena that the process pays for (see [`crate::quota`]).
        charge: Guarded32,
        /// Views of sections that the process has mapped.
        first_view: Guarded32,
        /// What the process has not looked at since a handle to a file of its own was closed (see [`crate::file`]).
        closed_file: Guarded32,
        /// Whether others can send it descriptors (see [`crate::file::exchange`]).
        mailbox: Free32,
        /// A section that the process has given up and keeps for the next that it makes.
        spare_section: Guarded32,
        /// The standard handles, input, output and error, where they are known (see [`crate::process::standard`]).
        standard: [Guarded32; 3],
        /// Pages of the handle table.
        pages: [Guarded32; TABLE_PAGES],
    }
}

/// Most objects in one wait (MAXIMUM_WAIT_OBJECTS).
pub(crate) const MAXIMUM_WAIT_OBJECTS: usize = 64;

record! {
    /// An attached thread. It has the number of its seat.
    pub(crate) struct Thread in Thread {
        /// Thread id, in the thread's own process id namespace.
        id: Free32,
        /// What became of the wait (see [`crate::dispatcher::status`]).
        status: Guarded32,
        /// Number of the current or last wait, shifted past the phase.
        wait: Guarded32,
        /// The last wait whose result the thread has taken.
        acknowledged: Free32,
        /// How many wait blocks are in use.
        count: Guarded32,
        /// The thread object; 0 while nobody has asked for it.
        object: Guarded32,
        /// A mutex that the thread is taking or giving up.
        pending: Free32,
        /// First of the mutexes it owns.
        owned: Free32,
        /// Queue of asynchronous procedure calls: blocks.
        first_apc: Guarded32,
        last_apc: Guarded32,
        /// The request of the blocking call the thread is in.
        synchronous: Guarded32,
        /// A message block that the thread has at hand, for its next write.
        spare_block: Guarded32,
        /// Messages that the thread has taken out of a pipe and copies: a list.
        reading: Guarded32,
        /// A message that the thread copies a part of.
        partial: Guarded32,
        blocks: [WaitBlock; MAXIMUM_WAIT_OBJECTS],
        /// When the current or last blocking wait began, in nanoseconds of the monotonic clock. For those who look on.
        blocked_since: Free64,
        /// The object that a SignalObjectAndWait is about to wait for: a reference keeps it while the signaling lets
        /// others go on.
        kept: Guarded32,
        /// The code the thread ends with, should its process go on.
        exit_code: Free32,
        more_padding: [Guarded64; 118],
    }
}

/// One object's part in a thread's wait.
#[repr(C)]
#[derive(Default)]
pub(crate) struct WaitBlock {
    pub(crate) object: Guarded32,
    /// Low bits of the object's generation, and [`WaitBlock::LINKED`].
    pub(crate) generation: Guarded32,
    pub(crate) next: Guarded32,
    pub(crate) previous: Guarded32,
}

impl WaitBlock {
    /// Set in `generation` while the block is in the object's queue.
    pub(crate) const LINKED: u32 = 1 << 31;
}

#[allow(unsafe_code)]
// SAFETY: atomics only.
unsafe impl crate::arena::slab::Shared for WaitBlock {}

record! {
    /// A request for input or output. The tag is its operation.
    pub(crate) struct Request in Request {
        /// See [`crate::io`].
        state: Guarded32,
        /// Who issued it.
        process: Guarded32,
        thread: Guarded32,
        /// The object on which it was issued.
        file: Guarded32,
        /// Number of the wait in which the issuing thread sleeps for it, plus one; 0 if nobody does.
        wait: Guarded32,
        status: Guarded32,
        information: Guarded32,
        /// Size of a read's buffer; what a flush waits for.
        length: Guarded32,
        /// The message that a write waits to be taken of, or of which a read was given a part.
        message: Guarded32,
        offset: Guarded32,
        /// The event to set, and its generation.
        event: Guarded32,
        event_generation: Guarded32,
        /// Where the issuing process keeps what only it may know: addresses.
        local: Guarded32,
        /// Neighbours in the queue the request is in: a pipe's, or that of completed ones.
        next: Guarded32,
        previous: Guarded32,
        /// Neighbours in the list of the process's requests.
        process_next: Guarded32,
        process_previous: Guarded32,
        flags: Guarded32,
        /// Under which number the issuing process keeps the completion routine; 0 if there is none.
        routine: Guarded64,
        /// Address of the status block, by which the issuing process names the request to cancel it.
        block: Guarded64,
        spare: [Guarded32; 8],
    }
}

record! {
    /// A named pipe: what all its instances have in common.
    pub(crate) struct Pipe in Pipe {
        name: Guarded32,
        /// Instances of which an end is open.
        count: Guarded32,
        /// Instances of which the server's end is open.
        servers: Guarded32,
        maximum: Guarded32,
        flags: Guarded32,
        /// Milliseconds.
        default_timeout: Guarded32,
        first_listening: Guarded32,
        last_listening: Guarded32,
        /// An event that is set while an instance listens; 0 until somebody waits for that.
        available: Guarded32,
        spare: [Guarded32; 5],
    }
}

/// What flows one way through an instance of a pipe, or into a mailslot. It has a cache line of its own.
#[repr(C, align(64))]
#[derive(Default)]
pub(crate) struct Channel {
    /// Bytes that may lie unread before writers wait.
    pub(crate) quota: Guarded32,
    /// Unread bytes of the messages that fit the quota, and of those from `first_unsettled` on.
    pub(crate) settled: Guarded32,
    pub(crate) unsettled: Guarded32,
    /// Queue of messages.
    pub(crate) first: Guarded32,
    pub(crate) last: Guarded32,
    /// The first message that does not fit the quota.
    pub(crate) first_unsettled: Guarded32,
    /// Queue of waiting reads.
    pub(crate) first_reader: Guarded32,
    pub(crate) last_reader: Guarded32,
    /// Queue of waiting flushes.
    pub(crate) first_flush: Guarded32,
    pub(crate) last_flush: Guarded32,
    /// Bytes of the arena that the messages take, those that are charged for them, and who pays (see [`crate::quota`]).
    pub(crate) memory: Guarded32,
    pub(crate) charged: Guarded32,
    pub(crate) payer: Guarded32,
}

#[allow(unsafe_code)]
// SAFETY: atomics only.
unsafe impl crate::arena::slab::Shared for Channel {}

/// One end of an instance of a pipe.
#[repr(C)]
#[derive(Default)]
pub(crate) struct End {
    /// The object of the end; 0 when it is closed or was disconnected.
    pub(crate) object: Guarded32,
    /// Modes of the end.
    pub(crate) flags: Guarded32,
    /// The process that opened it.
    pub(crate) process_id: Guarded32,
    pub(crate) spare: Guarded32,
}

#[allow(unsafe_code)]
// SAFETY: atomics only.
unsafe impl crate::arena::slab::Shared for End {}

record! {
    /// An instance of a pipe.
    pub(crate) struct Instance in Instance {
        pipe: Guarded32,
        state: Guarded32,
        /// Neighbours among those that listen.
        next_listening: Guarded32,
        previous_listening: Guarded32,
        /// Queue of waiting connects.
        first_connect: Guarded32,
        last_connect: Guarded32,
        /// The server's and the client's end.
        ends: [End; 2],
        /// What flows to the server, and to the client.
        channels: [Channel; 2],
    }
}

record! {
    /// A mailslot: what its server's end and its clients' have in common.
    pub(crate) struct Mailslot in Mailslot {
        /// Block of the name; 0 once the server's end is closed.
        name: Guarded32,
        /// The object of the server's end; 0 when it is closed.
        server: Guarded32,
        /// Clients' ends that are open.
        clients: Guarded32,
        /// Longest message in bytes, 0 for any.
        maximum: Guarded32,
        /// Milliseconds that a read waits; all bits for ever.
        timeout: Guarded32,
        /// Unread messages.
        messages: Guarded32,
        spare: [Guarded32; 8],
        channel: Channel,
    }
}

record! {
    /// A view of a section that a process has mapped. Where, only that process knows.
    pub(crate) struct View in View {
        /// Number of the process's record.
        process: Guarded32,
        /// Number of the section's object.
        section: Guarded32,
        /// Neighbours in the list of the process's views.
        next: Guarded32,
        previous: Guarded32,
        spare: [Guarded32; 10],
    }
}

#[cfg(test)]
mod tests {
    use super::Process;

    #[test]
    fn the_tests_of_children_know_where_a_records_words_are() {
        let offsets = [
            core::mem::offset_of!(Process, id),
            core::mem::offset_of!(Process, born),
            core::mem::offset_of!(Process, object),
        ];
        assert_eq!(offsets, [16, 40, 56], "say so in tests/children.rs too");
    }
}
