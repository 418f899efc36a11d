//! `winipc lab`: the classic teaching experiments, as real processes with logs.
//!
//! One file per lab, with what its processes do ([`Lab::act`]) and how they are brought together and checked
//! ([`Lab::play`]). A further lab is a file and a line in [`LABS`].

mod anonymous_pipe;
mod board;
mod bounded_buffer;
mod mailslot;
mod named_pipe;
mod play;
mod race;
mod readers_writers;
mod role;
mod shared_memory;
mod three_ways;
mod winsock;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::error::{Error, Result};
use crate::table::{Table, print};
use play::Play;
use role::Role;

pub(crate) use role::{Arguments as ActorArguments, act};

/// One experiment.
struct Lab {
    name: &'static str,
    title: &'static str,
    /// Starts the processes, and checks that what they are to show has happened.
    play: fn(&mut Play) -> Result<()>,
    /// What each of the processes does.
    act: fn(&Role) -> Result<()>,
    look_for: &'static [&'static str],
}

static LABS: &[&Lab] = &[
    &anonymous_pipe::LAB,
    &named_pipe::LAB,
    &mailslot::LAB,
    &shared_memory::LAB,
    &winsock::LAB,
    &race::LAB,
    &readers_writers::LAB,
    &bounded_buffer::LAB,
    &three_ways::LAB,
];

impl ValueEnum for &'static Lab {
    fn value_variants<'a>() -> &'a [Self] {
        LABS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.title))
    }
}

/// How fast a lab goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Pace {
    /// Without pauses
    Quick,
    /// In the tempo of the experiment, for people who watch
    Real,
}

/// Watch a classic experiment with processes, or list them
#[derive(clap::Args)]
#[command(after_long_help = "\
Without a NAME, the labs are listed. Each runs as several processes, whose lines bear their names, and says in the end \
what to look for in them.\n\nThe exit status is 0 if what the lab shows has happened.")]
pub(crate) struct Arguments {
    /// Which one
    #[arg(value_enum)]
    name: Option<&'static Lab>,
    /// How fast it goes
    #[arg(long, value_enum, default_value = "quick")]
    pace: Pace,
}

/// # Errors
/// What the lab shows has not happened.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Some(lab) = arguments.name else {
        let mut table = Table::new(["lab", "what happens"]);
        LABS.iter().for_each(|lab| table.row([lab.name.to_string(), lab.title.to_string()]));
        return print(table);
    };
    print(format_args!("{}: {}\n", lab.name, lab.title))?;
    (lab.play)(&mut Play::new(lab.name, arguments.pace)).map_err(|error| {
        // Whoever has closed standard output need not be told.
        if error.is_closed_output() { error } else { Error::because(lab.name, error) }
    })?;
    print("\nwhat to look for\n")?;
    lab.look_for.iter().try_for_each(|line| print(format_args!("  - {line}\n")))
}

/// # Errors
/// `is_so` is false: the lab does not show what it is to show.
fn ensure(is_so: bool, otherwise: impl Into<String>) -> Result<()> {
    if is_so { Ok(()) } else { Err(Error::new(otherwise)) }
}

/// A call of a lab has failed.
fn failed(error: impl std::fmt::Display) -> Error {
    Error::because("a call has failed", error)
}
