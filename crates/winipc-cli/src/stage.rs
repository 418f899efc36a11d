//! Processes that play a part: this program again, as often as needed. What they tell comes together here.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// If nothing happens for so long, it has broken off.
const PATIENCE: Duration = Duration::from_secs(10);

enum Event<Report> {
    Report(&'static str, Report),
    /// The actor's output has ended, or is not what it should be.
    Ended {
        name: &'static str,
        fault: Option<String>,
    },
}

/// Ends the process with the value, if it has not ended by then.
struct Actor {
    name: &'static str,
    child: Child,
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Both fail only for a process that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes and what they report.
pub(crate) struct Stage<Report> {
    actors: Vec<Actor>,
    events: Receiver<Event<Report>>,
    sender: Sender<Event<Report>>,
    /// Actors whose output has not ended.
    playing: usize,
}

impl<Report: DeserializeOwned + Send + 'static> Stage<Report> {
    pub(crate) fn empty() -> Self {
        let (sender, events) = channel();
        Self { actors: Vec::new(), events, sender, playing: 0 }
    }

    /// Starts this program with `arguments`, as somebody called `name`, as nobody else on this stage is.
    ///
    /// # Errors
    /// The process cannot be started.
    pub(crate) fn enter(
        &mut self,
        name: &'static str,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> Result<()> {
        let failed = |error| Error::because(format!("cannot start the process of {name}"), error);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        // Its input ends with this process, and that ends it.
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let output = child.stdout.take().expect("its output is piped");
        self.actors.push(Actor { name, child });
        let events = self.sender.clone();
        thread::Builder::new()
            .name(format!("reports of {name}"))
            .spawn(move || {
                let result = pass_on(name, BufReader::new(output), &events);
                let fault = result.err().map(|error| error.to_string());
                let _ = events.send(Event::Ended { name, fault });
            })
            .map_err(failed)?;
        self.playing += 1;
        Ok(())
    }

    /// The next report and who makes it, or `None` when all actors have ended.
    ///
    /// # Errors
    /// An actor has failed, or nothing happens.
    pub(crate) fn next(&mut self) -> Result<Option<(&'static str, Report)>> {
        while self.playing > 0 {
            match self.events.recv_timeout(PATIENCE) {
                Ok(Event::Report(name, report)) => return Ok(Some((name, report))),
                Ok(Event::Ended { name, fault }) => {
                    self.playing -= 1;
                    self.check_end(name, fault)?;
                }
                Err(_) => return Err(Error::new("it broke off: nothing happened for some seconds")),
            }
        }
        Ok(None)
    }

    /// Tells an actor that its report has been dealt with.
    pub(crate) fn answer(&mut self, name: &str) {
        let actor = self.actors.iter_mut().find(|actor| actor.name == name);
        if let Some(input) = actor.and_then(|actor| actor.child.stdin.as_mut()) {
            // If it has ended meanwhile, nobody waits for it.
            let _ = input.write_all(b"\n");
        }
    }

    fn check_end(&mut self, name: &str, fault: Option<String>) -> Result<()> {
        if let Some(fault) = fault {
            return Err(Error::because(format!("{name} reports what nobody understands"), fault));
        }
        let actor = self.actors.iter_mut().find(|actor| actor.name == name).expect("only actors report");
        match wait(&mut actor.child) {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => {
                // It says little, which the pipe has kept.
                let mut complaint = String::new();
                if let Some(mut errors) = actor.child.stderr.take() {
                    let _ = errors.read_to_string(&mut complaint);
                }
                let complaint = complaint.trim().trim_start_matches("winipc: ").replace('\n', " / ");
                Err(Error::new(format!("the process of {name} has failed ({status}) {complaint}")))
            }
            Ok(None) => Err(Error::new(format!("the process of {name} does not end"))),
            Err(error) => Err(Error::because(format!("cannot wait for the process of {name}"), error)),
        }
    }
}

/// Waits for a process that is about to end.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + PATIENCE;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() > end {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn pass_on<Report: DeserializeOwned>(
    name: &'static str,
    output: impl BufRead,
    events: &Sender<Event<Report>>,
) -> std::io::Result<()> {
    for line in output.lines() {
        let report = serde_json::from_str(&line?)?;
        if events.send(Event::Report(name, report)).is_err() {
            break;
        }
    }
    Ok(())
}

/// In an actor: ends it when the process that started it ends. The result hears of each [`Stage::answer`].
pub(crate) fn listen_to_parent() -> Receiver<()> {
    let (sender, answers) = channel();
    thread::spawn(move || {
        // It holds the other end of our input.
        for _ in std::io::stdin().lock().bytes().map_while(std::io::Result::ok) {
            // Not everybody is interested in answers.
            let _ = sender.send(());
        }
        std::process::exit(1);
    });
    answers
}

/// In an actor: tells this to the process that started it.
///
/// # Errors
/// Nobody listens any more.
pub(crate) fn report(report: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(report).expect("a report is plain data");
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    output.write_all(&line).and_then(|()| output.flush()).map_err(|error| Error::output(&error))
}
