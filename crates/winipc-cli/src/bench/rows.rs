//! The rows: what is compared with what, and what is to be reached.

use super::contest::{Factory, Pace};
use super::ours::*;
use super::peer::*;
use super::wine::Wine;

/// Where the two processes of a row run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is one process only.
    Alone,
    /// One CPU each.
    Free,
    /// Both on one CPU.
    Pinned,
}

/// What a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds per operation; less is better.
    Nanoseconds,
    /// Messages per second; more is better.
    Messages,
    /// Megabytes per second; more is better.
    Megabytes,
}

/// What our number divided by the peer's must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// At most this where the peer, which sleeps and is woken, takes [`SLOW_WAKE_NS`] or longer.
    SlowWakeAtMost(f64),
}

/// Nanoseconds of a round trip with two wake-ups across cores on the machine that the targets were set for.
pub(crate) const SLOW_WAKE_NS: f64 = 50_000.0;

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) factory: Factory,
    pub(crate) target: Target,
}

pub(crate) struct Row {
    /// For `--only`.
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) pace: Pace,
    pub(crate) unit: Unit,
    /// Bytes per message.
    pub(crate) size: usize,
    /// Messages that may be unread; `None`: what each mechanism has by itself.
    pub(crate) quota: Option<usize>,
    /// Objects beside the one in use.
    pub(crate) population: usize,
    pub(crate) ours: Factory,
    pub(crate) peers: &'static [Peer],
}

const fn at_most(name: &'static str, factory: Factory, ratio: f64) -> Peer {
    Peer { name, factory, target: Target::AtMost(ratio) }
}

const fn at_least(name: &'static str, factory: Factory, ratio: f64) -> Peer {
    Peer { name, factory, target: Target::AtLeast(ratio) }
}

/// What most rows share: time of one operation within one process.
const LOCAL: Row = Row {
    name: "",
    place: Place::Alone,
    pace: Pace::Hot,
    unit: Unit::Nanoseconds,
    size: 64,
    quota: None,
    population: 0,
    ours: MutexTakeRelease::set_up,
    peers: &[],
};
const FREE: Row = Row { place: Place::Free, ..LOCAL };
const PINNED: Row = Row { place: Place::Pinned, ..LOCAL };
const COLD: Row = Row { pace: Pace::Cold, ..FREE };
const MESSAGES: Row = Row { unit: Unit::Messages, ours: PipeStream::set_up, ..FREE };
const MEGABYTES: Row = Row { unit: Unit::Megabytes, quota: Some(4), ..MESSAGES };

const SPIN: Factory = Spin::set_up;
const FUTEX: Factory = Futex::set_up;
const ROBUST: Factory = RobustMutex::set_up;
const SEQPACKET: Factory = SeqpacketRoundTrip::set_up;
const DATAGRAM: Factory = DatagramRoundTrip::set_up;
const WINE: &str = "the same under Wine";

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "mutex",
        ours: MutexTakeRelease::set_up,
        peers: &[at_most("robust mutex", ROBUST, 3.0), at_most(WINE, Wine::MUTEX, 1.0 / 400.0)],
        ..LOCAL
    },
    Row {
        name: "event",
        ours: EventSetReset::set_up,
        peers: &[at_most("robust mutex", ROBUST, 3.0), at_most(WINE, Wine::EVENT, 1.0 / 400.0)],
        ..LOCAL
    },
    Row {
        name: "semaphore",
        ours: SemaphoreReleaseTake::set_up,
        peers: &[at_most("robust mutex", ROBUST, 3.0), at_most(WINE, Wine::SEMAPHORE, 1.0 / 400.0)],
        ..LOCAL
    },
    Row {
        name: "wait-any-8",
        ours: WaitAny::set_up,
        peers: &[at_most("robust mutex", ROBUST, 12.0)],
        ..LOCAL
    },
    Row {
        name: "wait-all-8",
        ours: WaitAll::set_up,
        peers: &[at_most("robust mutex", ROBUST, 40.0)],
        ..LOCAL
    },
    Row {
        name: "create-named",
        ours: CreateEvent::set_up,
        peers: &[at_most("tmpfs file", TmpfsCreate::set_up, 0.5)],
        ..LOCAL
    },
    Row {
        name: "open-among-100",
        ours: OpenEvent::set_up,
        population: 100,
        peers: &[at_most("tmpfs file", TmpfsOpen::set_up, 0.5)],
        ..LOCAL
    },
    Row {
        name: "open-among-100000",
        ours: OpenEvent::set_up,
        population: 100_000,
        peers: &[at_most("tmpfs file", TmpfsOpen::set_up, 0.5)],
        ..LOCAL
    },
    Row {
        name: "ping-pong-free-hot",
        ours: PingPong::set_up,
        peers: &[at_most("spin", SPIN, 6.0), at_most(WINE, Wine::PING_PONG, 1.0 / 50.0)],
        ..FREE
    },
    Row {
        name: "ping-pong-pinned",
        ours: PingPong::set_up,
        peers: &[at_most("futex", FUTEX, 1.3)],
        ..PINNED
    },
    Row { name: "ping-pong-cold", ours: PingPong::set_up, peers: &[at_most("futex", FUTEX, 1.3)], ..COLD },
    Row {
        name: "round-trip-free-hot",
        ours: PipeRoundTrip::set_up,
        peers: &[
            at_most("spin", SPIN, 12.0),
            Peer { name: "seqpacket", factory: SEQPACKET, target: Target::SlowWakeAtMost(1.0 / 40.0) },
            at_most(WINE, Wine::ROUND_TRIP, 1.0 / 100.0),
        ],
        ..FREE
    },
    Row {
        name: "round-trip-pinned",
        ours: PipeRoundTrip::set_up,
        peers: &[at_most("seqpacket", SEQPACKET, 1.0)],
        ..PINNED
    },
    Row {
        name: "round-trip-cold",
        ours: PipeRoundTrip::set_up,
        peers: &[at_most("seqpacket", SEQPACKET, 1.0)],
        ..COLD
    },
    Row {
        name: "mailslot",
        ours: MailslotWriteRead::set_up,
        peers: &[
            at_most("datagram", DatagramSendReceive::set_up, 0.5),
            at_most(WINE, Wine::MAILSLOT, 1.0 / 5.0),
        ],
        ..LOCAL
    },
    Row {
        name: "mailslot-free-hot",
        ours: MailslotRoundTrip::set_up,
        peers: &[at_most("spin", SPIN, 12.0), at_most(WINE, Wine::MAILSLOT_ROUND_TRIP, 1.0 / 20.0)],
        ..FREE
    },
    Row {
        name: "mailslot-pinned",
        ours: MailslotRoundTrip::set_up,
        peers: &[at_most("datagram", DATAGRAM, 1.0)],
        ..PINNED
    },
    Row {
        name: "mailslot-cold",
        ours: MailslotRoundTrip::set_up,
        peers: &[at_most("datagram", DATAGRAM, 1.0)],
        ..COLD
    },
    Row {
        name: "section",
        ours: SectionMapUnmap::set_up,
        peers: &[at_most("memfd", MemfdMapUnmap::set_up, 1.3), at_most(WINE, Wine::SECTION, 1.0 / 20.0)],
        ..LOCAL
    },
    Row {
        name: "shared-memory-free-hot",
        ours: SharedPingPong::set_up,
        peers: &[at_most("spin", SPIN, 12.0), at_most(WINE, Wine::SHARED_MEMORY, 1.0 / 20.0)],
        ..FREE
    },
    Row {
        name: "shared-memory-pinned",
        ours: SharedPingPong::set_up,
        peers: &[at_most("futex", FUTEX, 1.0)],
        ..PINNED
    },
    Row {
        name: "shared-memory-cold",
        ours: SharedPingPong::set_up,
        peers: &[at_most("futex", FUTEX, 1.0)],
        ..COLD
    },
    Row {
        name: "child",
        ours: ChildStart::set_up,
        peers: &[at_most("posix_spawn", PosixSpawn::set_up, 1.3)],
        ..LOCAL
    },
    Row {
        name: "messages",
        peers: &[
            at_least("kernel pipe", KernelPipe::set_up, 1.2),
            at_least("seqpacket", SeqpacketStream::set_up, 3.0),
        ],
        ..MESSAGES
    },
    Row { name: "bytes-4k-free", size: 4 << 10, peers: STREAMS_FREE, ..MEGABYTES },
    Row { name: "bytes-64k-free", size: 64 << 10, peers: STREAMS_FREE, ..MEGABYTES },
    Row { name: "bytes-4k-pinned", size: 4 << 10, peers: STREAMS_PINNED, place: Place::Pinned, ..MEGABYTES },
    Row {
        name: "bytes-64k-pinned",
        size: 64 << 10,
        peers: STREAMS_PINNED,
        place: Place::Pinned,
        ..MEGABYTES
    },
];

// At least both is at least the better of both.
const STREAMS_FREE: &[Peer] =
    &[at_least("kernel pipe", KernelPipe::set_up, 1.0), at_least("seqpacket", SeqpacketStream::set_up, 1.0)];
const STREAMS_PINNED: &[Peer] =
    &[at_least("kernel pipe", KernelPipe::set_up, 2.0), at_least("seqpacket", SeqpacketStream::set_up, 2.0)];
