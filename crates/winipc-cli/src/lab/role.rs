//! The processes of a lab.

use std::fmt;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use winipc::section::{Monitor, Plain, SectionOptions, WritableView};
use winipc::{Event, EventOptions, MutexOptions, Semaphore, SemaphoreOptions};

use super::board::Board;
use super::{Lab, Pace, anonymous_pipe, failed};
use crate::error::Result;
use crate::stage::{listen_to_parent, report};

/// What the hidden command takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    lab: &'static Lab,
    name: String,
    /// Part of the names of all objects of this run
    tag: String,
    pace: Pace,
    words: Vec<String>,
}

/// What a process of a lab tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Line {
    Say(String),
    /// Something that the lab checks.
    Fact {
        name: String,
        value: i64,
    },
}

/// One process of a lab.
pub(super) struct Role {
    pub(super) name: String,
    lab: &'static Lab,
    tag: String,
    pace: Pace,
    /// What the lab tells it.
    pub(super) words: Vec<String>,
    /// One for each line that has been shown.
    answers: Mutex<Receiver<()>>,
}

/// # Errors
/// Those of the lab.
pub(crate) fn act(arguments: Arguments) -> Result<()> {
    if arguments.name == anonymous_pipe::CHILD {
        // Its standard streams are not for the lab.
        return anonymous_pipe::child(arguments.pace);
    }
    let answers = Mutex::new(listen_to_parent());
    let Arguments { lab, name, tag, pace, words } = arguments;
    (lab.act)(&Role { name, lab, tag, pace, words, answers })
}

/// The arguments with which this program plays the process of a lab called `name`.
pub(super) fn actor_arguments<'a>(lab: &'a str, name: &'a str, tag: &'a str, pace: Pace) -> [&'a str; 5] {
    let pace = match pace {
        Pace::Quick => "quick",
        Pace::Real => "real",
    };
    ["lab-actor", lab, name, tag, pace]
}

/// The name of an object of a run.
pub(super) fn object_name(tag: &str, name: &str) -> String {
    format!("winipc-lab-{tag}-{name}")
}

/// All of a section of a run.
///
/// # Errors
/// It is not there.
pub(super) fn memory(tag: &str, name: &str) -> Result<WritableView> {
    let section = SectionOptions::new().name(object_name(tag, name)).open();
    section.and_then(|section| section.writable_view()).map_err(failed)
}

impl Role {
    /// Says this, and returns when it has been shown: what this process does next, and whatever that leads to
    /// elsewhere, is shown after it.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub(super) fn say(&self, text: impl fmt::Display) -> Result<()> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        report(&Line::Say(text.to_string()))?;
        answers.recv().map_err(failed)
    }

    /// # Errors
    /// Nobody listens any more.
    pub(super) fn fact(&self, name: &str, value: i64) -> Result<()> {
        report(&Line::Fact { name: name.to_string(), value })
    }

    /// The arguments with which this program plays another process of the lab.
    pub(super) fn arguments_of(&self, name: &str) -> [String; 5] {
        actor_arguments(self.lab.name, name, &self.tag, self.pace).map(str::to_owned)
    }

    /// Takes its time, in real tempo.
    pub(super) fn pause(&self, milliseconds: u64) {
        match self.pace {
            Pace::Quick => {}
            Pace::Real => thread::sleep(Duration::from_millis(milliseconds)),
        }
    }

    pub(super) fn pipe_name(&self) -> String {
        format!(r"\\.\pipe\{}", self.object("pipe"))
    }

    pub(super) fn mailslot_name(&self) -> String {
        format!(r"\\.\mailslot\{}", self.object("slot"))
    }

    /// The name of an object of this run.
    pub(super) fn object(&self, name: &str) -> String {
        object_name(&self.tag, name)
    }

    /// An event that the lab has made, and so on.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn event(&self, name: &str) -> Result<Event> {
        EventOptions::new().name(self.object(name)).open().map_err(failed)
    }

    /// # Errors
    /// It is not there.
    pub(super) fn mutex(&self, name: &str) -> Result<winipc::Mutex> {
        MutexOptions::new().name(self.object(name)).open().map_err(failed)
    }

    /// # Errors
    /// It is not there.
    pub(super) fn semaphore(&self, name: &str) -> Result<Semaphore> {
        // One that is there has its counts.
        SemaphoreOptions::new(0, 1).name(self.object(name)).open().map_err(failed)
    }

    /// # Errors
    /// It is not there.
    pub(super) fn monitor<T: Plain>(&self, name: &str, conditions: usize) -> Result<Monitor<T>> {
        Monitor::open(&self.object(name), conditions).map_err(failed)
    }

    /// # Errors
    /// It is not there.
    pub(super) fn memory(&self, name: &str) -> Result<WritableView> {
        memory(&self.tag, name)
    }

    /// # Errors
    /// It is not there.
    pub(super) fn board(&self) -> Result<Board> {
        Board::open(&self.tag)
    }
}
