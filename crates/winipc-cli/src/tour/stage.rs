//! The processes of a tour: this program again, once as the server and three times as a client.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{CLIENTS, Report};
use crate::error::{Error, Result};

enum Event {
    Report(Report),
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

pub(super) struct Stage {
    actors: Vec<Actor>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// Actors whose output has not ended.
    playing: usize,
}

impl Stage {
    /// Starts the server, and the clients when it is ready.
    pub(super) fn set(mechanism: &str, messages: u64) -> Result<Self> {
        let (sender, events) = channel();
        let mut stage = Self { actors: Vec::new(), events, sender, playing: 0 };
        stage.enter("server", mechanism, messages, None)?;
        match stage.next_report(super::PATIENCE)? {
            Report::Ready => {}
            report => return Err(Error::new(format!("the server began with {report:?}"))),
        }
        for (index, name) in CLIENTS.iter().enumerate() {
            stage.enter(name, mechanism, messages, Some(index))?;
        }
        Ok(stage)
    }

    fn enter(
        &mut self,
        name: &'static str,
        mechanism: &str,
        messages: u64,
        client: Option<usize>,
    ) -> Result<()> {
        let failed = |error| Error::because(format!("cannot start the process of {name}"), error);
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.args([
            "tour-actor",
            mechanism,
            &format!("tour-{}", std::process::id()),
            &messages.to_string(),
        ]);
        if let Some(index) = client {
            command.arg("--client").arg(index.to_string());
        }
        // Its input ends with this process, and that ends it.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let output = child.stdout.take().expect("its output is piped");
        self.actors.push(Actor { name, child });
        let events = self.sender.clone();
        thread::Builder::new()
            .name(format!("reports of {name}"))
            .spawn(move || {
                let fault = pass_on(BufReader::new(output), &events).err().map(|error| error.to_string());
                let _ = events.send(Event::Ended { name, fault });
            })
            .map_err(failed)?;
        self.playing += 1;
        Ok(())
    }

    /// # Errors
    /// An actor has ended before its time; nothing has happened for `patience`.
    pub(super) fn next_report(&mut self, patience: Duration) -> Result<Report> {
        loop {
            match self.events.recv_timeout(patience) {
                Ok(Event::Report(report)) => return Ok(report),
                Ok(Event::Ended { name, fault }) => {
                    self.playing -= 1;
                    self.check_end(name, fault)?;
                    if self.playing == 0 {
                        return Err(Error::new("all processes ended before all messages were received"));
                    }
                }
                Err(_) => {
                    return Err(Error::new("the conversation broke off: nothing happened for some seconds"));
                }
            }
        }
    }

    /// Waits until all actors have ended.
    ///
    /// # Errors
    /// One has failed, or does not end.
    pub(super) fn close(&mut self, patience: Duration) -> Result<()> {
        while self.playing > 0 {
            match self.events.recv_timeout(patience) {
                Ok(Event::Report(_)) => {}
                Ok(Event::Ended { name, fault }) => {
                    self.playing -= 1;
                    self.check_end(name, fault)?;
                }
                Err(_) => return Err(Error::new("a process does not end")),
            }
        }
        Ok(())
    }

    fn check_end(&mut self, name: &str, fault: Option<String>) -> Result<()> {
        if let Some(fault) = fault {
            return Err(Error::because(format!("{name} reports what nobody understands"), fault));
        }
        let actor = self.actors.iter_mut().find(|actor| actor.name == name).expect("only actors report");
        match wait(&mut actor.child, super::PATIENCE) {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => {
                // It says little, which the pipe has kept.
                let mut complaint = String::new();
                if let Some(mut errors) = actor.child.stderr.take() {
                    let _ = errors.read_to_string(&mut complaint);
                }
                let complaint = complaint.trim().trim_start_matches("winipc: ");
                Err(Error::new(format!("the process of {name} has failed ({status}) {complaint}")))
            }
            Ok(None) => Err(Error::new(format!("the process of {name} does not end"))),
            Err(error) => Err(Error::because(format!("cannot wait for the process of {name}"), error)),
        }
    }
}

/// Waits for a process that is about to end.
fn wait(child: &mut Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + patience;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() > end {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn pass_on(output: impl BufRead, events: &Sender<Event>) -> std::io::Result<()> {
    for line in output.lines() {
        let report = serde_json::from_str(&line?)?;
        if events.send(Event::Report(report)).is_err() {
            break;
        }
    }
    Ok(())
}
