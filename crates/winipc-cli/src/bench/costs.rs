//! What being attached and what an object costs in memory and CPU time: measured in a process and a directory of their
//! own, against limits instead of peers.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use winipc::{Event, EventOptions, ServerOptions, Waitable};

use super::contest::PATIENCE;
use super::ours::{failed, hung};
use crate::error::{Error, Result};
use crate::table::print;

/// The variable that names the directory of the arenas.
const DIRECTORY_VARIABLE: &str = "WINIPC_DIR";

const EVENTS: u64 = 4000;
const PIPES: u64 = 1000;

/// How long nothing is done, to see whether that takes CPU time.
const IDLE: Duration = Duration::from_secs(1);
/// For a wait to give up spinning, and a new thread to start.
const SETTLE: Duration = Duration::from_millis(100);

/// A row without a peer.
pub(super) struct Cost {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) limit: f64,
    pub(super) value: fn(&Costs) -> f64,
}

pub(super) const COSTS: &[Cost] = &[
    Cost { name: "cost-of-process", unit: "bytes", limit: 131_072.0, value: |costs| costs.process_bytes },
    Cost { name: "cost-of-named-event", unit: "bytes", limit: 320.0, value: |costs| costs.event_bytes },
    Cost { name: "cost-of-pipe-instance", unit: "bytes", limit: 1024.0, value: |costs| costs.pipe_bytes },
    // Nothing, up to what reading the clock and sleeping vary by.
    Cost { name: "cost-of-idling", unit: "µs/s", limit: 100.0, value: |costs| costs.idle_microseconds },
    Cost { name: "cost-of-waiting", unit: "µs/s", limit: 100.0, value: |costs| costs.wait_microseconds },
];

#[derive(Serialize, Deserialize)]
pub(super) struct Costs {
    /// Private memory that attaching takes, without the arena.
    process_bytes: f64,
    /// Arena memory of an event with a name of 32 characters.
    event_bytes: f64,
    /// Arena memory of a pipe instance that listens.
    pipe_bytes: f64,
    /// CPU time per second of being attached.
    idle_microseconds: f64,
    /// CPU time per second of a blocked wait.
    wait_microseconds: f64,
}

/// Measures in a new process.
pub(super) fn measure() -> Result<Costs> {
    let directory = Directory::new()?;
    let failed = |error| Error::because("cannot start a process of the benchmark", error);
    let output = Command::new(std::env::current_exe().map_err(failed)?)
        .arg("bench-costs")
        .env(DIRECTORY_VARIABLE, &directory.0)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(failed)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| Error::new("the process that measures costs has failed"))
}

struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        let path = PathBuf::from(format!("/dev/shm/winipc-bench-{}-costs", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Error::because(format!("cannot make the directory {}", path.display()), error))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // The last to leave has removed its arena.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The hidden command: measures in this process, which must be new.
///
/// # Errors
/// An object cannot be made.
pub(crate) fn print_costs() -> Result<()> {
    let directory = std::env::var_os(DIRECTORY_VARIABLE)
        .map(PathBuf::from)
        .ok_or_else(|| Error::new(format!("{DIRECTORY_VARIABLE} is not set")))?;
    let idle_before = cpu_time_of(|| thread::sleep(IDLE));
    let private_before = private_bytes(&directory)?;
    let stop = Event::manual_reset().map_err(failed("CreateEvent"))?;
    let process_bytes = private_bytes(&directory)? - private_before;
    let idle_microseconds = cpu_time_of(|| thread::sleep(IDLE)) - idle_before;

    let wait_microseconds = thread::scope(|scope| {
        let waiter = scope.spawn(|| stop.wait(Some(PATIENCE)));
        thread::sleep(SETTLE);
        let time = cpu_time_of(|| thread::sleep(IDLE)) - idle_before;
        stop.set().map_err(failed("SetEvent"))?;
        let result = waiter.join().map_err(|_| Error::new("a waiting thread has panicked"))?;
        if result.map_err(failed("WaitForSingleObject"))?.is_signaled() {
            Ok(time)
        } else {
            Err(hung("wait"))
        }
    })?;

    let event_bytes = arena_growth(&directory, EVENTS, |number| {
        EventOptions::new().name(format!("{number:032}")).create().map_err(failed("CreateEvent"))
    })?;
    let pipe_bytes = arena_growth(&directory, PIPES, |_| {
        ServerOptions::new().create(r"\\.\pipe\winipc-bench-costs").map_err(failed("CreateNamedPipe"))
    })?;
    let costs = Costs { process_bytes, event_bytes, pipe_bytes, idle_microseconds, wait_microseconds };
    print(serde_json::to_string(&costs).expect("costs are plain data"))
}

/// Microseconds that this process computes meanwhile.
fn cpu_time_of(run: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    let start = now();
    run();
    now() - start
}

/// Memory that this process alone has written to, the arena left out.
// Pages of the program that were written to its file a moment ago count as dirty, too, but not as anonymous.
fn private_bytes(directory: &Path) -> Result<f64> {
    let text = fs::read_to_string("/proc/self/smaps")
        .map_err(|error| Error::because("cannot read /proc/self/smaps", error))?;
    let directory = directory.to_string_lossy();
    let mut kibibytes = 0.0;
    let mut is_arena = false;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("Anonymous:") if !is_arena => {
                kibibytes += words.next().and_then(|number| number.parse::<f64>().ok()).unwrap_or_default();
            }
            // The first line of a mapping begins with its addresses.
            Some(word) if !word.ends_with(':') => is_arena = line.contains(directory.as_ref()),
            _ => {}
        }
    }
    Ok(kibibytes * 1024.0)
}

/// By how many bytes the arena grows per object.
fn arena_growth<T>(directory: &Path, count: u64, make: impl Fn(u64) -> Result<T>) -> Result<f64> {
    // What is made once for all is not counted.
    let _first = make(0)?;
    let before = arena_bytes(directory)?;
    let _objects: Vec<_> = (1..=count).map(make).collect::<Result<_>>()?;
    Ok((arena_bytes(directory)? - before) / count as f64)
}

fn arena_bytes(directory: &Path) -> Result<f64> {
    let unreadable = |error| Error::because(format!("cannot read {}", directory.display()), error);
    let mut bytes = 0.0;
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let blocks = entry.and_then(|entry| entry.metadata()).map_err(unreadable)?.blocks();
        bytes += blocks as f64 * 512.0;
    }
    Ok(bytes)
}
