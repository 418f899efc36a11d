//! What takes part in a comparison: something that repeats one operation, often with a second process at the other
//! end, which is this program again.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Nothing here takes so long; whoever waits longer reports that the other end hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Idle time before each operation of a cold row.
const COLD_PAUSE: Duration = Duration::from_micros(300);

/// Operations before a hot measurement starts, so that both ends are awake.
const WARM_UP: u64 = 8;

/// A program that does nothing.
pub(crate) const PROGRAM: &str = if cfg!(windows) { "hostname" } else { "/bin/true" };

/// How operations follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Back to back.
    Hot,
    /// With [`COLD_PAUSE`] before each.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the rows ask for it"))]
    Cold,
}

/// One side of a comparison, set up and ready.
pub(crate) trait Contestant {
    /// Makes the other end ready for `count` operations.
    ///
    /// # Errors
    /// The other end is gone.
    fn prepare(&mut self, _count: u64) -> Result<()> {
        Ok(())
    }

    /// Does `count` operations.
    ///
    /// # Errors
    /// An operation fails, or the other end does not answer.
    fn operate(&mut self, count: u64) -> Result<()>;

    /// The time that `count` operations take.
    ///
    /// # Errors
    /// As `prepare` and `operate`.
    fn time(&mut self, count: u64, pace: Pace) -> Result<Duration> {
        match pace {
            Pace::Hot => {
                self.prepare(count + WARM_UP)?;
                self.operate(WARM_UP)?;
                let start = Instant::now();
                self.operate(count)?;
                Ok(start.elapsed())
            }
            Pace::Cold => {
                self.prepare(count)?;
                let mut total = Duration::ZERO;
                for _ in 0..count {
                    thread::sleep(COLD_PAUSE);
                    let start = Instant::now();
                    self.operate(1)?;
                    total += start.elapsed();
                }
                Ok(total)
            }
        }
    }
}

/// Sets a contestant up.
pub(crate) type Factory = fn(&Setting) -> Result<Box<dyn Contestant>>;

/// Where and how a contestant is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The CPU of the second process.
    pub(crate) helper_cpu: Option<usize>,
    /// Bytes per message.
    pub(crate) size: usize,
    /// Bytes that may be unread, where the row says so.
    pub(crate) quota: Option<usize>,
    /// Objects beside the one in use.
    pub(crate) population: usize,
    /// Makes the names of one contestant unlike those of all others.
    pub(crate) tag: String,
}

/// The second process of a contestant: this program, asked over its standard input to do so many operations.
pub(crate) struct Helper {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts the helper called `kind` and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, or fails before it is ready.
    pub(crate) fn start(kind: &str, setting: &Setting) -> Result<Self> {
        let failed = |error| Error::because("cannot start the second process of the benchmark", error);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("bench-helper").arg(kind).arg(&setting.tag).arg(setting.size.to_string());
        if let Some(quota) = setting.quota {
            command.arg("--quota").arg(quota.to_string());
        }
        if let Some(cpu) = setting.helper_cpu {
            command.arg("--cpu").arg(cpu.to_string());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut helper = Self { child, requests, answers };
        helper.wait_for_answer()?;
        Ok(helper)
    }

    /// Asks for `count` operations.
    ///
    /// # Errors
    /// The helper is gone.
    pub(crate) fn request(&mut self, count: u64) -> Result<()> {
        let requests = self.requests.as_mut().expect("taken only by drop");
        // One write, one wake.
        requests
            .write_all(format!("{count}\n").as_bytes())
            .map_err(|error| Error::because("the second process of the benchmark is gone", error))
    }

    /// Waits until the helper says that it is done, for operations that do not show it themselves.
    ///
    /// # Errors
    /// The helper is gone.
    pub(crate) fn wait_for_answer(&mut self) -> Result<()> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(length) if length > 0 => Ok(()),
            _ => {
                Err(Error::new("the second process of the benchmark has failed")
                    .advice("see its message above"))
            }
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // The end of its input ends it, unless it waits for an operation that will never come.
        self.requests = None;
        let end = Instant::now() + Duration::from_secs(1);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a helper whose operations are each seen by the first process: `operate` as often as is asked for.
///
/// # Errors
/// Those of `operate`, and of talking to the first process.
pub(crate) fn repeat(mut operate: impl FnMut() -> Result<()>) -> Result<()> {
    serve(|count| (0..count).try_for_each(|_| operate()), false)
}

/// Runs a helper whose operations are not seen by the first process: `operate` with each number that is asked for, and
/// then an answer.
///
/// # Errors
/// Those of `operate`, and of talking to the first process.
pub(crate) fn repeat_and_answer(operate: impl FnMut(u64) -> Result<()>) -> Result<()> {
    serve(operate, true)
}

fn serve(mut operate: impl FnMut(u64) -> Result<()>, answers: bool) -> Result<()> {
    answer()?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::because("cannot read requests", error))?;
        let count = line.parse().map_err(|_| Error::new(format!("\"{line}\" is no number of operations")))?;
        operate(count)?;
        if answers {
            answer()?;
        }
    }
    Ok(())
}

fn answer() -> Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(b"\n").and_then(|()| output.flush()).map_err(|error| Error::output(&error))
}
