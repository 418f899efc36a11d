//! Our own side of a row, built for Windows and run under Wine: the same program over another implementation of the
//! same interface.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::contest::{Contestant, Factory, Pace, Setting};
use crate::error::{Error, Result};

/// The variable that names the Windows build of this program.
const PROGRAM_VARIABLE: &str = "WINIPC_WINDOWS_PROGRAM";

pub(crate) struct Wine {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Wine {
    pub(crate) const MUTEX: Factory = |setting| Self::start("mutex", setting);
    pub(crate) const EVENT: Factory = |setting| Self::start("event", setting);
    pub(crate) const SEMAPHORE: Factory = |setting| Self::start("semaphore", setting);
    pub(crate) const PING_PONG: Factory = |setting| Self::start("ping-pong", setting);
    pub(crate) const ROUND_TRIP: Factory = |setting| Self::start("round-trip", setting);
    pub(crate) const MAILSLOT: Factory = |setting| Self::start("mailslot", setting);
    pub(crate) const MAILSLOT_ROUND_TRIP: Factory = |setting| Self::start("mailslot-round-trip", setting);

    pub(crate) const SECTION: Factory = |setting| Self::start("section", setting);
    pub(crate) const SHARED_MEMORY: Factory = |setting| Self::start("shared-memory", setting);

    fn start(row: &str, setting: &Setting) -> Result<Box<dyn Contestant>> {
        let program = std::env::var_os(PROGRAM_VARIABLE).ok_or_else(|| {
            Error::new(format!("{PROGRAM_VARIABLE} does not name a Windows build of winipc"))
                .advice("`cargo xtask windows build` makes one")
        })?;
        let wine = wine().ok_or_else(|| Error::new("Wine is not installed"))?;
        let failed = |error| Error::because("cannot start Wine", error);
        let mut child = super::unpinned(|| {
            Command::new(wine)
                .arg(program)
                .args(["bench-side", row, &setting.tag])
                .env("WINEDEBUG", "-all")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
        })?
        .map_err(failed)?;
        let answers = BufReader::new(child.stdout.take().expect("its output is piped"));
        Ok(Box::new(Self { child, answers }))
    }
}

fn wine() -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = std::env::split_paths(&search).collect();
    // Where Debian keeps the one that its `wine` script calls.
    directories.push("/usr/lib/wine".into());
    let candidates =
        directories.iter().flat_map(|directory| ["wine64", "wine"].map(|name| directory.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}

impl Contestant for Wine {
    fn operate(&mut self, _: u64) -> Result<()> {
        unreachable!("time is replaced")
    }

    fn time(&mut self, count: u64, _: Pace) -> Result<Duration> {
        let gone = || Error::new("the benchmark under Wine has ended").advice("see its message above");
        let requests = self.child.stdin.as_mut().expect("its input is piped");
        requests.write_all(format!("{count}\n").as_bytes()).map_err(|_| gone())?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|_| gone())?;
        line.trim().parse().map(Duration::from_nanos).map_err(|_| gone())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // The end of its input ends it, its own helper and, some seconds later, Wine's server. Killing it would leave
        // the helper.
        self.child.stdin = None;
        let _ = self.child.wait();
    }
}
