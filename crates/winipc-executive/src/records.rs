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
    /// One end of a pipe.
    Pipe = 7,
}

impl Kind {
    /// All kinds, in the order of their tags.
    pub const ALL: [Kind; 7] =
        [Kind::Event, Kind::Mutex, Kind::Semaphore, Kind::Timer, Kind::Process, Kind::Thread, Kind::Pipe];

    pub(crate) fn from_tag(tag: u32) -> Option<Kind> {
        Kind::ALL.get((tag as usize).checked_sub(1)?).copied()
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
        /// Everything that keeps the record: handles, wait blocks, requests, a process's or thread's own record.
        references: Guarded32,
        /// Block of the name, 0 if it has none.
        name: Guarded32,
        /// Queue of wait blocks, by arrival.
        first_waiter: Guarded32,
        last_waiter: Guarded32,
        /// Neighbours in the list of mutexes that a thread owns. Only the owner writes them, or who buries it.
        owned_next: Free32,
        owned_previous: Free32,
        /// How often the owner has taken the mutex. Only the owner's.
        recursion: Free32,
        padding: Guarded32,
        /// By kind; see the kind's module.
        body: [Guarded64; 8],
    }
}

/// Entries in a page of a handle table.
pub(crate) const PAGE_ENTRIES: usize = 504;
/// Pages of a handle table.
pub(crate) const TABLE_PAGES: usize = 1000;

record! {
    /// A page of a handle table.
    pub(crate) struct HandlePage in HandlePage {
        padding: [Guarded64; 7],
        entries: [Guarded64; PAGE_ENTRIES],
    }
}

record! {
    /// An attached process.
    pub(crate) struct Process in Process {
        /// 0 free, 1 while it joins or is buried, 2 attached.
        claim: Free32,
        /// Counts the processes that have had the record.
        generation: Free32,
        /// Process id, in the process's own process id namespace.
        id: Free32,
        /// Seat of the keeper. The process lives while the keeper does.
        keeper: Free32,
        /// Set to wake the keeper.
        doorbell: Free32,
        /// Completed requests that wait to be delivered to the process's memory.
        deliveries: Free32,
        /// The code the process has said it ends with, plus 1 << 32; 0 if it has not said.
        exit_code: Free64,
        /// The process object.
        object: Guarded32,
        /// Free entries of the handle table.
        free_handle: Guarded32,
        /// Entries of the handle table that have ever been used.
        fresh_handle: Guarded32,
        handle_count: Guarded32,
        /// Requests that are pending or not delivered.
        first_request: Guarded32,
        last_request: Guarded32,
        /// Timers whose routine runs in a thread of this process.
        first_timer: Guarded32,
        /// What the process's payload occupies, in bytes.
        charged: Guarded32,
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
        padding: [Guarded32; 2],
        blocks: [WaitBlock; MAXIMUM_WAIT_OBJECTS],
        more_padding: [Guarded64; 120],
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
