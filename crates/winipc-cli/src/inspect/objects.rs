//! `winipc objects`: every live object, who holds it, who waits for it, and who is deadlocked.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use winipc_executive::Kind;
use winipc_executive::inspect::{self, Blocked, Call, Listing, ObjectView, State, ThreadId};

use crate::error::{Error, Result};
use crate::printable::printable;
use crate::table::{Table, print, print_json};

/// List the live objects of the namespace, and the threads that wait for them
#[derive(clap::Args)]
#[command(after_help = "\
The namespace is that of WINIPC_NAMESPACE, as for every program. Processes are shown with their id, threads as \
process:thread.")]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// # Errors
/// The namespace cannot be read.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let listing = inspect::objects()
        .map_err(|error| Error::because("cannot look at the objects of the namespace", error))?;
    if arguments.json {
        return print_json(&Report::new(&listing));
    }
    print(text(&listing))
}

#[derive(Serialize)]
struct Report {
    objects: Vec<Object>,
    blocked: Vec<BlockedThread>,
    /// The thread that kept the lock all the time, so that the rest may be off.
    lock_holder: Option<Thread>,
}

#[derive(Serialize)]
struct Object {
    kind: String,
    name: Option<String>,
    state: String,
    is_abandoned: bool,
    owner: Option<Thread>,
    handle_count: u32,
    holders: Vec<Holder>,
    waiters: Vec<Waiter>,
}

#[derive(Serialize)]
struct Holder {
    process: u32,
    program: Option<String>,
    handles: Vec<isize>,
}

#[derive(Serialize)]
struct Waiter {
    thread: Thread,
    /// The call it is blocked in: any, all, read, write, connect or flush.
    call: String,
    blocked_seconds: f64,
}

#[derive(Serialize)]
struct Thread {
    process: u32,
    thread: u32,
}

#[derive(Serialize)]
struct BlockedThread {
    thread: Thread,
    call: String,
    is_alertable: bool,
    blocked_seconds: f64,
    /// Indexes into `objects`.
    objects: Vec<usize>,
    chain: Vec<Step>,
    is_deadlocked: bool,
}

#[derive(Serialize)]
struct Step {
    object: usize,
    owner: Thread,
}

impl From<ThreadId> for Thread {
    fn from(id: ThreadId) -> Self {
        Self { process: id.process, thread: id.thread }
    }
}

impl Report {
    fn new(listing: &Listing) -> Self {
        Self {
            objects: listing.objects.iter().map(Object::from).collect(),
            blocked: listing.blocked.iter().map(BlockedThread::from).collect(),
            lock_holder: listing.lock_holder.map(Thread::from),
        }
    }
}

impl From<&ObjectView> for Object {
    fn from(object: &ObjectView) -> Self {
        let (owner, is_abandoned) = match object.state {
            State::Mutex { owner, abandoned, .. } => (owner.map(Thread::from), abandoned),
            _ => (None, false),
        };
        let holders = object.holders.iter().map(|holder| Holder {
            process: holder.process,
            program: program(holder.process),
            handles: holder.handles.iter().map(|handle| handle.raw()).collect(),
        });
        let waiters = object.waiters.iter().map(|waiter| Waiter {
            thread: waiter.thread.into(),
            call: waiter.call.to_string(),
            blocked_seconds: waiter.blocked_for.as_secs_f64(),
        });
        Self {
            kind: kind(object.kind).to_string(),
            name: object.name.clone(),
            state: object.state.to_string(),
            is_abandoned,
            owner,
            handle_count: object.handle_count,
            holders: holders.collect(),
            waiters: waiters.collect(),
        }
    }
}

impl From<&Blocked> for BlockedThread {
    fn from(blocked: &Blocked) -> Self {
        let chain = blocked.chain.iter().map(|link| Step { object: link.object, owner: link.owner.into() });
        Self {
            thread: blocked.thread.into(),
            call: blocked.call.to_string(),
            is_alertable: blocked.alertable,
            blocked_seconds: blocked.blocked_for.as_secs_f64(),
            objects: blocked.objects.clone(),
            chain: chain.collect(),
            is_deadlocked: blocked.is_deadlocked,
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Event => "event",
        Kind::Mutex => "mutex",
        Kind::Semaphore => "semaphore",
        Kind::Timer => "timer",
        Kind::Process => "process",
        Kind::Thread => "thread",
        Kind::Pipe => "pipe",
        Kind::File => "file",
        Kind::Mailslot => "mailslot",
        Kind::Section => "section",
    }
}

/// What the system calls the program of a process.
fn program(process: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    Some(name.trim_end().to_string())
}

fn text(listing: &Listing) -> String {
    let mut text = String::new();
    if let Some(holder) = listing.lock_holder {
        text.push_str(&format!(
            "thread {holder} holds the namespace's lock and does not go on, perhaps because it is stopped; \
             what follows may be off\n\n"
        ));
    }
    if listing.objects.is_empty() {
        text.push_str("there are no objects\n");
        return text;
    }
    let mut table = Table::new(["type", "name", "state", "handles", "held by", "waited for by"]);
    for object in &listing.objects {
        let holders = object.holders.iter().map(|holder| match program(holder.process) {
            Some(program) => format!("{} {}", holder.process, program),
            None => holder.process.to_string(),
        });
        let waiters = object.waiters.iter().map(|waiter| waiter.thread.to_string());
        table.row([
            kind(object.kind).to_string(),
            object.name.clone().unwrap_or_else(|| "-".to_string()),
            object.state.to_string(),
            object.handle_count.to_string(),
            holders.collect::<Vec<_>>().join(", "),
            waiters.collect::<Vec<_>>().join(", "),
        ]);
    }
    text.push_str(&table.to_string());
    if !listing.blocked.is_empty() {
        text.push_str("\nwaiting threads\n");
    }
    for blocked in &listing.blocked {
        let _ = writeln!(text, "  {}", sentence(blocked, &listing.objects));
    }
    text
}

/// What one blocked thread waits for, and whom.
fn sentence(blocked: &Blocked, objects: &[ObjectView]) -> String {
    let describe = |index: usize| match objects.get(index) {
        Some(ObjectView { kind: of, name: Some(name), .. }) => {
            format!("{} \"{}\"", kind(*of), printable(name))
        }
        Some(object) => format!("a nameless {}", kind(object.kind)),
        None => "an object".to_string(),
    };
    let names: Vec<_> = blocked.objects.iter().map(|index| describe(*index)).collect();
    let first = names.first().map_or("an object", String::as_str);
    let which = match (names.len(), blocked.call) {
        (_, Call::Read) => format!("to read from {first}"),
        (_, Call::Write) => format!("to write to {first}"),
        (_, Call::Connect) => format!("for the client of {first}"),
        (_, Call::Flush) => format!("until all is read from {first}"),
        (0, _) if blocked.alertable => "for a procedure call".to_string(),
        (0, _) => "for time to pass".to_string(),
        (1, _) => format!("for {first}"),
        (_, Call::WaitAny) => format!("for any of {}", names.join(", ")),
        (_, Call::WaitAll) => format!("for all of {}", names.join(", ")),
    };
    let mut text = format!("{} has waited {which} for {}", blocked.thread, seconds(blocked.blocked_for));
    for (number, link) in blocked.chain.iter().enumerate() {
        let joint = if number == 0 { ": " } else { ", which waits for " };
        let _ = write!(text, "{joint}{} of {}", describe(link.object), link.owner);
    }
    if blocked.is_deadlocked {
        text.push_str(": DEADLOCK");
    }
    text
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_is_told_as_a_chain() {
        let mutex = |name: &str, process| ObjectView {
            kind: Kind::Mutex,
            name: Some(name.into()),
            state: State::Mutex {
                owner: Some(ThreadId { process, thread: process }),
                recursion: 1,
                abandoned: false,
            },
            handle_count: 2,
            holders: Vec::new(),
            waiters: Vec::new(),
        };
        let thread = |process| ThreadId { process, thread: process };
        let link = |object, process| inspect::Link { object, owner: thread(process) };
        let blocked = Blocked {
            thread: thread(7),
            call: Call::WaitAny,
            alertable: false,
            blocked_for: Duration::from_millis(2500),
            objects: vec![1],
            chain: vec![link(1, 8), link(0, 7)],
            is_deadlocked: true,
        };
        let objects = vec![mutex("left", 7), mutex("ri\x1bght", 8)];
        let listing = Listing { objects, blocked: vec![blocked], lock_holder: None };
        let text = text(&listing);
        let sentence = "7:7 has waited for mutex \"ri\\u{1b}ght\" for 2.5 s: mutex \"ri\\u{1b}ght\" of 8:8, \
                        which waits for mutex \"left\" of 7:7: DEADLOCK";
        assert!(text.contains(sentence), "{text}");
        let report = serde_json::to_value(Report::new(&listing)).unwrap();
        assert_eq!(report["blocked"][0]["is_deadlocked"], true);
        assert_eq!(report["objects"][0]["owner"]["process"], 7);
    }
}
