//! `winipc timer`.

use std::time::{Duration, SystemTime};

use clap::ArgGroup;
use clap::builder::NonEmptyStringValueParser;
use winipc::{Disposition, Due, WaitableTimer, WaitableTimerOptions};

use super::hold::{Holding, lifetime};
use super::status::{Status, help};
use super::target::{Target, described};
use super::time;
use crate::error::Result;

/// Use waitable timers: signaled at a time, and again after each period
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Create(Create),
    Set(Set),
    /// Wait until a timer is due
    #[command(after_long_help = help!("\
    The wait takes a timer that was not created with --manual. A timer that is not set is never due."))]
    Wait(Target),
    /// Stop a timer
    #[command(after_long_help = help!("A timer that is signaled stays so. Stopping one that does not run is no error."))]
    Cancel(Target),
}

/// Create a timer, or open the one of this name, and hold it
#[derive(clap::Args)]
#[command(after_long_help = lifetime!("  winipc timer create tick --every 10s -- sh -c '
      while winipc timer wait tick; do date; done'"))]
pub(crate) struct Create {
    /// The timer's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The timer stays signaled until it is set again; otherwise until one wait takes it
    #[arg(long)]
    manual: bool,
    #[command(flatten)]
    schedule: Option<Schedule>,
    #[command(flatten)]
    pub(super) holding: Holding,
}

/// When a timer is due.
#[derive(clap::Args)]
struct Schedule {
    /// Due so long from now: seconds, or a number with ms, s, m or h
    #[arg(long, value_name = "TIME", conflicts_with = "at")]
    #[arg(allow_negative_numbers = true, value_parser = time::duration)]
    after: Option<Duration>,
    /// Due when the clock shows this: 2030-01-31T12:00:00, or with Z or +01:00
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    at: Option<SystemTime>,
    /// Due again and again after this time, which is also when it is first due if nothing else says so
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time::period)]
    every: Option<Duration>,
}

/// Set a timer: it is not signaled until it is due
#[derive(clap::Args)]
#[command(after_long_help = help!("\
Examples:\n  winipc timer set alarm --after 90s\n  winipc timer set alarm --at 2030-01-31T12:00:00 --every 24h"))]
#[command(group = ArgGroup::new("when").args(["after", "at", "every"]).required(true).multiple(true))]
pub(crate) struct Set {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    schedule: Schedule,
}

/// # Errors
/// The timer is not there or cannot be made or set.
pub(super) fn run(command: Command) -> Result<Status> {
    match command {
        Command::Create(Create { name, manual, schedule, holding }) => {
            holding.hold(&described::<WaitableTimer>(&name), || {
                let timer = WaitableTimerOptions::new().name(name).manual_reset(manual).create()?;
                let disposition = timer.disposition();
                if let (Some(schedule), Disposition::Created) = (schedule, disposition) {
                    schedule.set(&timer)?;
                }
                Ok((timer.into(), disposition))
            })
        }
        Command::Set(Set { target, schedule }) => target.change("cannot set", |timer| schedule.set(timer)),
        Command::Cancel(target) => target.change("cannot stop", WaitableTimer::cancel),
        Command::Wait(target) => target.wait::<WaitableTimer>().map(|(_, status)| status),
    }
}

impl Schedule {
    fn set(&self, timer: &WaitableTimer) -> winipc::Result<()> {
        let due = match self.at {
            Some(time) => Due::At(time),
            None => Due::After(self.after.or(self.every).unwrap_or_default()),
        };
        timer.set(due, self.every)
    }
}
