//! `winipc event`.

use clap::builder::NonEmptyStringValueParser;
use winipc::{Event, EventOptions};

use super::hold::{Holding, lifetime};
use super::status::{Status, help};
use super::target::{Target, described};
use crate::error::Result;

/// Use events: something that is set or not, and that processes wait for
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Create(Create),
    /// Set an event: one of those who wait for it goes on, with a manual-reset event all
    #[command(after_long_help = help!("Setting an event that is set changes nothing: sets are not counted."))]
    Set(Target),
    /// Reset an event
    #[command(after_long_help = help!("Resetting an event that is not set changes nothing."))]
    Reset(Target),
    /// Let those go on who wait for an event at this moment, and leave it reset
    #[command(after_long_help = help!("\
    Who is about to wait misses the pulse. As Microsoft does, we advise to use something else."))]
    Pulse(Target),
    /// Wait until an event is set
    #[command(after_long_help = help!("\
    The wait resets an event that was not created with --manual.\n\nExamples:\n  \
  winipc event wait go --timeout 5s\n  \
  winipc event wait go --timeout 0 && echo 'it is set'"))]
    Wait(Target),
}

/// Create an event, or open the one of this name, and hold it
#[derive(clap::Args)]
#[command(after_long_help = lifetime!("  winipc event create go --manual -- sh -c '
      for n in 1 2 3; do worker \"$n\" & done    # each one begins with: winipc event wait go
      winipc event set go
      wait'

  holder=$(winipc event create go --background)
  winipc event wait go --timeout 5s || echo 'nobody has set it'
  kill \"$holder\""))]
pub(crate) struct Create {
    /// The event's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The event stays set until it is reset; otherwise one wait that it lets through resets it
    #[arg(long)]
    manual: bool,
    /// The event is set from the start
    #[arg(long)]
    set: bool,
    #[command(flatten)]
    pub(super) holding: Holding,
}

/// # Errors
/// The event is not there or cannot be made.
pub(super) fn run(command: Command) -> Result<Status> {
    match command {
        Command::Create(Create { name, manual, set, holding }) => {
            holding.hold(&described::<Event>(&name), || {
                let event =
                    EventOptions::new().name(name).manual_reset(manual).initially_set(set).create()?;
                let disposition = event.disposition();
                Ok((event.into(), disposition))
            })
        }
        Command::Set(target) => target.change("cannot set", Event::set),
        Command::Reset(target) => target.change("cannot reset", Event::reset),
        Command::Pulse(target) => target.change("cannot pulse", Event::pulse),
        Command::Wait(target) => target.wait::<Event>().map(|(_, status)| status),
    }
}
