//! `winipc tour`: every mechanism at work between real processes, in one command.

mod actor;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::number::number;
use crate::stage::Stage;
use crate::statistics::{median, percentile};
use crate::table::{Table, print, print_json};
use crate::transport::{MECHANISMS, Mechanism, clean};

pub(crate) use actor::{ActorArguments, act};

/// Who talks. They take turns.
const CLIENTS: [&str; 3] = ["ann", "bob", "cleo"];

/// Messages that are shown one by one; of the rest, the table tells.
const SHOWN: u64 = 100;

/// Watch several processes talk over each mechanism
#[derive(clap::Args)]
#[command(after_help = "\
A server process and three client processes talk: the clients take turns, and the server passes on what each says to \
the other two. The delivery time is that from one client to another, through the server.\n\nThe exit status is 1 if a \
message was lost.")]
pub(crate) struct Arguments {
    /// How many messages the clients send over each mechanism
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(allow_negative_numbers = true, value_parser = number(1..=1_000_000_u64))]
    messages: u64,
    /// Only this mechanism
    #[arg(long, value_name = "NAME", value_enum)]
    only: Option<&'static Mechanism>,
    /// Print JSON, without the conversation
    #[arg(long)]
    json: bool,
}

/// What an actor tells about itself, one JSON text per line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Report {
    /// The server can be found.
    Ready,
    Said {
        number: u64,
    },
    /// A client has got message `number`, so many nanoseconds after it was sent.
    Heard {
        number: u64,
        by: usize,
        nanoseconds: u64,
    },
}

/// What became of the messages over one mechanism.
#[derive(Debug, PartialEq, Serialize)]
struct Outcome {
    mechanism: &'static str,
    processes: usize,
    sent: u64,
    /// By everybody who was to get them.
    received: u64,
    lost: u64,
    median_microseconds: Option<f64>,
    percentile_99_microseconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// # Errors
/// A mechanism fails; a message was lost.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let is_asked_for = |name| arguments.only.is_none_or(|only| only.name == name);
    let mut outcomes = Vec::new();
    clean();
    for mechanism in MECHANISMS.iter().filter(|mechanism| is_asked_for(mechanism.name)) {
        let outcome = tour(mechanism, arguments);
        // Where it has broken off, its processes have been killed.
        clean();
        outcomes.push(outcome?);
    }
    if arguments.json {
        print_json(&outcomes)?;
    } else {
        print(format_args!("\n{}", table(&outcomes)))?;
    }
    match outcomes.iter().find(|outcome| outcome.lost > 0 || outcome.fault.is_some()) {
        None => Ok(()),
        Some(Outcome { mechanism, fault: Some(fault), .. }) => Err(Error::because(mechanism, fault)),
        Some(Outcome { mechanism, lost, .. }) => {
            Err(Error::new(format!("{mechanism}: {lost} messages were lost")))
        }
    }
}

fn tour(mechanism: &'static Mechanism, arguments: &Arguments) -> Result<Outcome> {
    let mut tally = Tally::default();
    if !arguments.json {
        let names = CLIENTS.join(", ");
        print(format_args!("{}: a server and the clients {names}, four processes\n", mechanism.name))?;
    }
    let mut stage = set(mechanism.name, arguments.messages)?;
    let result = listen(&mut stage, &mut tally, arguments).and_then(|()| close(&mut stage));
    let fault = match result {
        Err(error) if error.is_closed_output() => return Err(error),
        result => result.err().map(|error| error.to_string()),
    };
    Ok(tally.outcome(mechanism.name, fault))
}

/// Starts the server, and the clients when it is ready.
fn set(mechanism: &str, messages: u64) -> Result<Stage<Report>> {
    let room = format!("tour-{}", std::process::id());
    let messages = messages.to_string();
    let words = ["tour-actor", mechanism, &room, &messages];
    let mut stage = Stage::empty();
    stage.enter("server", words)?;
    match next_report(&mut stage)? {
        Report::Ready => {}
        report => return Err(Error::new(format!("the server began with {report:?}"))),
    }
    for (index, name) in CLIENTS.iter().enumerate() {
        stage.enter(name, words.into_iter().chain(["--client", &index.to_string()]))?;
    }
    Ok(stage)
}

fn next_report(stage: &mut Stage<Report>) -> Result<Report> {
    match stage.next()? {
        Some((_, report)) => Ok(report),
        None => Err(Error::new("all processes ended before all messages were received")),
    }
}

/// Waits until all processes have ended.
fn close(stage: &mut Stage<Report>) -> Result<()> {
    while stage.next()?.is_some() {}
    Ok(())
}

/// Shows the conversation until everything has been received.
fn listen(stage: &mut Stage<Report>, tally: &mut Tally, arguments: &Arguments) -> Result<()> {
    while tally.received < arguments.messages {
        let text = tally.count(next_report(stage)?);
        if !arguments.json && !text.is_empty() {
            print(text)?;
        }
    }
    Ok(())
}

/// Counts the reports.
#[derive(Default)]
struct Tally {
    sent: u64,
    /// For each message under way, who has got it after how many nanoseconds.
    heard: BTreeMap<u64, Vec<(usize, u64)>>,
    received: u64,
    /// How to show messages that everybody has got, before one of which somebody has not.
    lines: BTreeMap<u64, String>,
    shown: u64,
    microseconds: Vec<f64>,
}

impl Tally {
    /// What there is to show after this report: messages that everybody has got, in order.
    fn count(&mut self, report: Report) -> String {
        match report {
            Report::Ready => {}
            Report::Said { .. } => self.sent += 1,
            Report::Heard { number, by, nanoseconds } => {
                self.microseconds.push(nanoseconds as f64 / 1e3);
                let heard = self.heard.entry(number).or_default();
                heard.push((by, nanoseconds));
                if heard.len() == CLIENTS.len() - 1 {
                    self.received += 1;
                    heard.sort_unstable();
                    self.lines.insert(number, line(number, heard));
                    self.heard.remove(&number);
                }
            }
        }
        let mut text = String::new();
        while let Some(line) = self.lines.remove(&(self.shown + 1)) {
            self.shown += 1;
            text.push_str(&line);
        }
        text
    }

    fn outcome(mut self, mechanism: &'static str, fault: Option<String>) -> Outcome {
        Outcome {
            mechanism,
            processes: CLIENTS.len() + 1,
            sent: self.sent,
            received: self.received,
            lost: self.sent.saturating_sub(self.received),
            median_microseconds: median(&mut self.microseconds),
            percentile_99_microseconds: percentile(&mut self.microseconds, 99.0),
            fault,
        }
    }
}

/// How a message is shown that has arrived everywhere.
fn line(number: u64, heard: &[(usize, u64)]) -> String {
    if number > SHOWN {
        return if number == SHOWN + 1 { "  ... and so on\n".to_string() } else { String::new() };
    }
    let receivers: Vec<_> = heard
        .iter()
        .map(|(by, nanoseconds)| format!("{} {:.1} µs", CLIENTS[*by], *nanoseconds as f64 / 1e3))
        .collect();
    let (speaker, text) = (CLIENTS[actor::speaker(number)], actor::text(number));
    format!("  {speaker:>4}: {text:<52} ({})\n", receivers.join(", "))
}

fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(["mechanism", "processes", "sent", "received", "lost", "median", "99 %"]);
    let time =
        |microseconds: Option<f64>| microseconds.map_or("-".to_string(), |value| format!("{value:.1} µs"));
    for outcome in outcomes {
        table.row([
            outcome.mechanism.to_string(),
            outcome.processes.to_string(),
            outcome.sent.to_string(),
            outcome.received.to_string(),
            outcome.lost.to_string(),
            time(outcome.median_microseconds),
            time(outcome.percentile_99_microseconds),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_when_everybody_else_has_got_it() {
        let mut tally = Tally::default();
        let mut heard = |number, by, nanoseconds| tally.count(Report::Heard { number, by, nanoseconds });
        // The second arrives before the first, and is shown after it.
        assert_eq!(heard(2, 0, 2000), "");
        assert_eq!(heard(2, 2, 2000), "");
        assert_eq!(heard(1, 2, 3000), "");
        let text = heard(1, 1, 1000);
        let (first, second) = text.split_once('\n').unwrap();
        assert!(first.contains("ann: ") && first.contains("bob 1.0 µs, cleo 3.0 µs"), "{first}");
        assert!(second.contains("bob: "), "{second}");
        assert_eq!(heard(3, 0, 2000), "");
        for number in 1..=3 {
            tally.count(Report::Said { number });
        }
        let outcome = tally.outcome("x", None);
        assert_eq!((outcome.sent, outcome.received, outcome.lost), (3, 2, 1));
        assert_eq!(outcome.median_microseconds, Some(2.0));
        assert_eq!(outcome.percentile_99_microseconds, Some(3.0));
    }
}
