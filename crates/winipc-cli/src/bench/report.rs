//! Runs the rows and prints what came of them.

use std::io::{IsTerminal, Write};

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use super::Arguments;
use super::contest::Setting;
use super::costs::{COSTS, Cost, Costs};
use super::measure::{Comparison, Effort, compare};
use super::rows::{Peer, Place, ROWS, Row, SLOW_WAKE_NS, Target, Unit};
use crate::error::{Error, Result};
use crate::table::{Table, print, print_json};

#[derive(Serialize)]
struct Report {
    row: &'static str,
    place: String,
    unit: &'static str,
    /// `None` where the row could not be run here.
    ours: Option<f64>,
    peers: Vec<PeerReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

#[derive(Serialize)]
struct PeerReport {
    name: &'static str,
    value: Option<f64>,
    ratio: Option<f64>,
    target: String,
    is_met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
}

/// # Errors
/// A row of that name does not exist; a contestant fails.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let names: Vec<_> = ROWS.iter().map(|row| row.name).chain(COSTS.iter().map(|cost| cost.name)).collect();
    let is_unknown = |only: &&String| names.iter().all(|name| !name.starts_with(only.as_str()));
    if let Some(only) = arguments.only.iter().find(is_unknown) {
        return Err(Error::new(format!("there is no row \"{only}\""))
            .advice(format!("there are {}", names.join(", "))));
    }
    let is_asked_for =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| name.starts_with(only));
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    let cpus = Cpus::take()?;
    let mut reports = Vec::new();
    for row in ROWS.iter().filter(|row| is_asked_for(row.name)) {
        show_progress(row.name);
        reports.push(report(row, &cpus, effort)?);
    }
    let costs: Vec<_> = COSTS.iter().filter(|cost| is_asked_for(cost.name)).collect();
    if !costs.is_empty() {
        show_progress("costs");
        let measured = super::costs::measure()?;
        reports.extend(costs.into_iter().map(|cost| cost_report(cost, &measured)));
    }
    show_progress("");
    if arguments.json {
        return print_json(&reports);
    }
    print(table(&reports))?;
    let mut reasons: Vec<_> = reports.iter().flat_map(Report::reasons).collect();
    reasons.sort();
    reasons.dedup();
    reasons.iter().try_for_each(|reason| print(format_args!("left out: {reason}\n")))
}

/// Names what is going on in a line of the terminal that the next one overwrites.
fn show_progress(name: &str) {
    if std::io::stderr().is_terminal() {
        // Who cannot see it misses nothing.
        let _ = write!(std::io::stderr(), "{name:<24}\r");
    }
}

impl Report {
    /// Why something was left out.
    fn reasons(&self) -> impl Iterator<Item = &String> {
        self.skipped.iter().chain(self.peers.iter().filter_map(|peer| peer.skipped.as_ref()))
    }
}

/// The CPUs that all contestants run on. The calling thread runs on `first` from now on.
struct Cpus {
    first: usize,
    second: Option<usize>,
}

impl Cpus {
    fn take() -> Result<Self> {
        let allowed = sched_getaffinity(None).map_err(unpinnable)?;
        // From the end, since the first CPU often serves the devices.
        let mut cpus = (0..CpuSet::MAX_CPU).rev().filter(|cpu| allowed.is_set(*cpu));
        let first = cpus.next().ok_or_else(|| Error::new("there is no CPU to run on"))?;
        let cpus = Self { first, second: cpus.next() };
        pin(cpus.first)?;
        Ok(cpus)
    }
}

fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(unpinnable)
}

fn unpinnable(error: rustix::io::Errno) -> Error {
    Error::because("cannot choose the CPU to run on", std::io::Error::from(error))
}

/// Runs `start` on all CPUs, so that a process started by it may do so too.
pub(super) fn unpinned<T>(start: impl FnOnce() -> T) -> Result<T> {
    let own = sched_getaffinity(None).map_err(unpinnable)?;
    let mut all = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|cpu| all.set(cpu));
    sched_setaffinity(None, &all).map_err(unpinnable)?;
    let result = start();
    sched_setaffinity(None, &own).map_err(unpinnable)?;
    Ok(result)
}

/// Puts a helper on its CPU and makes it end with the process that started it.
pub(super) fn settle_helper(cpu: Option<usize>) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(unpinnable)?;
    cpu.map_or(Ok(()), pin)
}

fn report(row: &'static Row, cpus: &Cpus, effort: Effort) -> Result<Report> {
    let place = match row.place {
        Place::Alone => "one process".to_string(),
        place => format!("{place:?} {:?}", row.pace).to_lowercase(),
    };
    let mut report =
        Report { row: row.name, place, unit: row.unit.name(), ours: None, peers: Vec::new(), skipped: None };
    let helper_cpu = match row.place {
        Place::Alone => None,
        Place::Pinned => Some(cpus.first),
        Place::Free if cpus.second.is_none() => {
            report.skipped = Some("needs two CPUs".to_string());
            return Ok(report);
        }
        Place::Free => cpus.second,
    };
    let setting = |number: usize| Setting {
        helper_cpu,
        size: row.size,
        quota: row.quota.map(|messages| messages * row.size),
        population: row.population,
        tag: format!("{}-{}-{number}", std::process::id(), row.name),
    };
    let mut ours = (row.ours)(&setting(0))?;
    let mut peers = Vec::new();
    let mut skipped = Vec::new();
    for (number, peer) in row.peers.iter().enumerate() {
        match (peer.factory)(&setting(number + 1)) {
            Ok(contestant) => {
                peers.push(contestant);
                skipped.push(None);
            }
            Err(error) => skipped.push(Some(error.to_string())),
        }
    }
    let (ours, comparisons) = compare(ours.as_mut(), &mut peers, row.pace, effort)?;
    report.ours = Some(row.unit.value(ours, row.size));
    let mut comparisons = comparisons.into_iter();
    for (peer, skipped) in row.peers.iter().zip(skipped) {
        let comparison = if skipped.is_none() { comparisons.next() } else { None };
        report.peers.push(peer_report(row, peer, comparison.as_ref(), skipped));
    }
    Ok(report)
}

fn cost_report(cost: &Cost, costs: &Costs) -> Report {
    let value = (cost.value)(costs);
    let limit = PeerReport {
        name: "",
        value: None,
        ratio: None,
        target: format!("at most {} {}", cost.limit, cost.unit),
        is_met: Some(value <= cost.limit),
        skipped: None,
    };
    Report {
        row: cost.name,
        place: "one process".to_string(),
        unit: cost.unit,
        ours: Some(value),
        peers: vec![limit],
        skipped: None,
    }
}

fn peer_report(
    row: &Row,
    peer: &Peer,
    comparison: Option<&Comparison>,
    skipped: Option<String>,
) -> PeerReport {
    let ratio = comparison.map(|comparison| row.unit.ratio(comparison.ratio));
    let wakes_are_slow = comparison.is_some_and(|comparison| comparison.peer >= SLOW_WAKE_NS);
    let (target, is_met) = match peer.target {
        Target::AtMost(limit) => (format!("at most {}", short(limit)), ratio.map(|ratio| ratio <= limit)),
        Target::AtLeast(limit) => (format!("at least {}", short(limit)), ratio.map(|ratio| ratio >= limit)),
        Target::SlowWakeAtMost(limit) => (
            format!("at most {} where its is {} µs", short(limit), short(SLOW_WAKE_NS / 1000.0)),
            ratio.filter(|_| wakes_are_slow).map(|ratio| ratio <= limit),
        ),
    };
    let value = comparison.map(|comparison| row.unit.value(comparison.peer, row.size));
    PeerReport { name: peer.name, value, ratio, target, is_met, skipped }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Messages => "messages/s",
            Self::Megabytes => "MB/s",
        }
    }

    /// From nanoseconds per operation.
    fn value(self, nanoseconds: f64, size: usize) -> f64 {
        match self {
            Self::Nanoseconds => nanoseconds,
            Self::Messages => 1e9 / nanoseconds,
            Self::Megabytes => size as f64 * 1e3 / nanoseconds,
        }
    }

    /// From the ratio of times.
    fn ratio(self, times: f64) -> f64 {
        match self {
            Self::Nanoseconds => times,
            Self::Messages | Self::Megabytes => 1.0 / times,
        }
    }
}

/// Three digits that count.
fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).max(0) as usize };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

fn table(reports: &[Report]) -> Table {
    let mut table = Table::new(["row", "place", "ours", "peer", "its", "ratio", "target", ""]);
    for report in reports {
        let unit = report.unit;
        let with_unit =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{} {unit}", short(value)));
        if report.skipped.is_some() {
            let mut cells: [String; 8] = Default::default();
            (cells[0], cells[1], cells[7]) = (report.row.into(), report.place.clone(), "left out".into());
            table.row(cells);
        }
        for (number, peer) in report.peers.iter().enumerate() {
            let head = if number == 0 {
                [report.row.to_string(), report.place.clone(), with_unit(report.ours)]
            } else {
                Default::default()
            };
            let outcome = match peer.is_met {
                None if peer.ratio.is_some() => "not here",
                None => "left out",
                Some(true) => "met",
                Some(false) => "missed",
            };
            let [row, place, ours] = head;
            let ratio = peer.ratio.map(short).unwrap_or_default();
            table.row([
                row,
                place,
                ours,
                peer.name.into(),
                with_unit(peer.value),
                ratio,
                peer.target.clone(),
                outcome.into(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.0025, "0.0025"),
            (1.0, "1"),
            (1.3, "1.3"),
            (12.345, "12.3"),
            (123456.7, "123457"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn rates_are_the_other_way_round() {
        assert_eq!(Unit::Megabytes.value(1000.0, 4096), 4096.0);
        assert_eq!(Unit::Messages.value(500.0, 64), 2e6);
        assert_eq!(Unit::Messages.ratio(0.5), 2.0);
        assert_eq!(Unit::Nanoseconds.ratio(0.5), 0.5);
    }

    #[test]
    fn names_of_rows_are_unique() {
        let mut names: Vec<_> =
            ROWS.iter().map(|row| row.name).chain(COSTS.iter().map(|cost| cost.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(ROWS.iter().all(|row| !row.peers.is_empty()));
    }
}
