//! The process that shows a lab.

use std::any::Any;
use std::fmt;
use std::io::IsTerminal;

use winipc::section::{Monitor, Plain, SectionOptions};
use winipc::{EventOptions, MutexOptions, SemaphoreOptions};

use super::board::Board;
use super::role::{Line, actor_arguments, object_name};
use super::{Pace, failed};
use crate::error::Result;
use crate::printable::printable;
use crate::stage::Stage;
use crate::table::print;

/// Columns that names take.
const WIDTH: usize = 9;

/// Something that a process of the lab has established.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) by: &'static str,
    pub(super) name: String,
    pub(super) value: i64,
}

pub(super) struct Play {
    lab: &'static str,
    pace: Pace,
    /// How many scenes there have been.
    scenes: u32,
    is_coloured: bool,
}

/// Processes that do something together, and the objects that they share.
pub(super) struct Scene<'a> {
    play: &'a Play,
    tag: String,
    stage: Stage<Line>,
    cast: Vec<&'static str>,
    facts: Vec<Fact>,
    /// Objects are there while somebody holds them, and the processes come and go.
    held: Vec<Box<dyn Any>>,
}

impl Play {
    pub(super) fn new(lab: &'static str, pace: Pace) -> Self {
        let is_coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { lab, pace, scenes: 0, is_coloured }
    }

    /// Begins anew, with this line, if there is one.
    ///
    /// # Errors
    /// Nobody reads it.
    pub(super) fn scene(&mut self, title: &str) -> Result<Scene<'_>> {
        if !title.is_empty() {
            print(format_args!("\n{title}\n"))?;
        }
        self.scenes += 1;
        let tag = format!("{}-{}", std::process::id(), self.scenes);
        let (cast, facts, held) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Scene { play: self, tag, stage: Stage::empty(), cast, facts, held })
    }
}

impl Scene<'_> {
    /// Makes an event for the processes, and so on.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn event(&mut self, name: &str, manual_reset: bool, initially_set: bool) -> Result<()> {
        let mut options = EventOptions::new();
        options.name(object_name(&self.tag, name)).manual_reset(manual_reset).initially_set(initially_set);
        self.held.push(Box::new(options.create().map_err(failed)?));
        Ok(())
    }

    /// # Errors
    /// It cannot be made.
    pub(super) fn mutex(&mut self, name: &str) -> Result<()> {
        let mutex = MutexOptions::new().name(object_name(&self.tag, name)).create();
        self.held.push(Box::new(mutex.map_err(failed)?));
        Ok(())
    }

    /// # Errors
    /// It cannot be made.
    pub(super) fn semaphore(&mut self, name: &str, initial: u32, maximum: u32) -> Result<()> {
        let semaphore = SemaphoreOptions::new(initial, maximum).name(object_name(&self.tag, name)).create();
        self.held.push(Box::new(semaphore.map_err(failed)?));
        Ok(())
    }

    /// # Errors
    /// It cannot be made.
    pub(super) fn section(&mut self, name: &str, size: u64) -> Result<()> {
        let section = SectionOptions::new().name(object_name(&self.tag, name)).create(size);
        self.held.push(Box::new(section.map_err(failed)?));
        Ok(())
    }

    /// Makes the numbers that the processes share.
    ///
    /// # Errors
    /// They cannot be made.
    pub(super) fn board(&mut self, numbers: &[i64]) -> Result<Board> {
        self.section("board", size_of_val(numbers) as u64)?;
        let board = Board::open(&self.tag)?;
        numbers.iter().enumerate().try_for_each(|(place, number)| board.write(place, *number))?;
        Ok(board)
    }

    /// Makes a monitor of a value of zeros.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn monitor<T: Plain + 'static>(&mut self, name: &str, conditions: usize) -> Result<()> {
        let monitor = Monitor::create(&object_name(&self.tag, name), conditions, T::new_zeroed());
        self.held.push(Box::new(monitor.map_err(failed)?));
        Ok(())
    }

    /// Starts a process of the lab.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn enter(&mut self, name: &'static str, words: &[&str]) -> Result<()> {
        self.cast.push(name);
        let arguments = actor_arguments(self.play.lab, name, &self.tag, self.play.pace);
        self.stage.enter(name, arguments.iter().chain(words))
    }

    /// Shows what the processes say until one of them establishes this, and gives its value.
    ///
    /// # Errors
    /// A process fails; they end before that.
    pub(super) fn until(&mut self, name: &str) -> Result<i64> {
        while self.show_next()? {
            if let Some(fact) = self.facts.last().filter(|fact| fact.name == name) {
                return Ok(fact.value);
            }
        }
        Err(failed(format_args!("the processes ended before it was told: {name}")))
    }

    /// Shows what the processes say until they have ended.
    ///
    /// # Errors
    /// A process fails.
    pub(super) fn finish(&mut self) -> Result<&[Fact]> {
        while self.show_next()? {}
        Ok(&self.facts)
    }

    /// The values that a process, or with `None` all of them, have established under this name, in order.
    pub(super) fn values(&self, name: &str, by: Option<&str>) -> Vec<i64> {
        let facts = self.facts.iter().filter(|fact| fact.name == name && by.is_none_or(|by| fact.by == by));
        facts.map(|fact| fact.value).collect()
    }

    /// False: all processes have ended.
    fn show_next(&mut self) -> Result<bool> {
        let Some((by, line)) = self.stage.next()? else { return Ok(false) };
        match line {
            Line::Say(text) => {
                self.show(by, printable(&text))?;
                self.stage.answer(by);
            }
            Line::Fact { name, value } => self.facts.push(Fact { by, name, value }),
        }
        Ok(true)
    }

    /// A line of one of the processes.
    fn show(&self, by: &'static str, text: impl fmt::Display) -> Result<()> {
        // Red to cyan.
        let colour = 31 + self.cast.iter().position(|name| *name == by).unwrap_or(0) % 6;
        if self.play.is_coloured {
            print(format_args!("\x1b[{colour}m{by:>WIDTH$} |\x1b[0m {text}\n"))
        } else {
            print(format_args!("{by:>WIDTH$} | {text}\n"))
        }
    }
}
