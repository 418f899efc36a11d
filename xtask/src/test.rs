//! `cargo xtask test`: every check and test, in order.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::environment::cargo;
use crate::run::{Counts, Failure, Outcome, counted, plain};
use crate::{analysis, deny, windows};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave out the steps that take long: deny, crash, loom, address, fuzz and windows.
    #[arg(long, conflicts_with = "only")]
    quick: bool,
    /// Run this step only; can be given several times.
    #[arg(long, value_enum, value_name = "STEP")]
    only: Vec<Step>,
}

/// The steps, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting.
    Format,
    /// Lints, all of them errors.
    Clippy,
    /// Documentation, without broken links.
    Docs,
    /// Licences and sources of dependencies.
    Deny,
    /// Unit, property, documentation, conformance and command-line tests.
    Test,
    /// Stops and kills at every access to shared memory.
    Crash,
    /// Models of the lock-free paths.
    Loom,
    /// The tests under AddressSanitizer.
    Address,
    /// Each fuzz target for a few seconds.
    Fuzz,
    /// The conformance suite of the Windows build, under Wine.
    Windows,
}

impl Step {
    fn is_quick(self) -> bool {
        matches!(self, Self::Format | Self::Clippy | Self::Docs | Self::Test)
    }

    fn name(self) -> String {
        self.to_possible_value().expect("no step is hidden").get_name().to_owned()
    }

    fn run(self) -> Result<Outcome, Failure> {
        match self {
            Self::Format => checked(&[
                &["fmt", "--all", "--check"],
                // A workspace of its own, as cargo-fuzz wants it.
                &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
            ]),
            Self::Clippy => {
                checked(&[
                    &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
                    &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
                ])?;
                analysis::lint_fuzz()
            }
            Self::Docs => {
                let mut command = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
                plain(command.env("RUSTDOCFLAGS", "-D warnings")).map(|()| Outcome::Done(Counts::default()))
            }
            Self::Deny => deny::run(),
            Self::Test => tested(&[
                &["test", "--workspace", "--no-fail-fast"],
                // The same functions as symbols, and a program that was written for Windows.
                &["test", "--package", "winipc-win32", "--features", "export", "--no-fail-fast"],
            ]),
            Self::Crash => tested(&[&[
                "test",
                "--package",
                "winipc-executive",
                "--features",
                "crash-points",
                "--test",
                "crash",
                "--test",
                "inspect",
                "--test",
                "inspect_stopped",
                "--no-fail-fast",
            ]]),
            Self::Loom => analysis::loom(&[]),
            Self::Address => analysis::address(&[]),
            Self::Fuzz => analysis::fuzz(None, 10),
            Self::Windows => windows::run(&windows::Action::Test { arguments: Vec::new() }),
        }
    }
}

/// Runs cargo with each list of arguments.
fn checked(commands: &[&[&str]]) -> Result<Outcome, Failure> {
    for arguments in commands {
        plain(&mut cargo(arguments))?;
    }
    Ok(Outcome::Done(Counts::default()))
}

/// Runs cargo with each list of arguments and adds up the tests that it reports.
fn tested(commands: &[&[&str]]) -> Result<Outcome, Failure> {
    let mut all = Counts::default();
    for arguments in commands {
        match counted(&mut cargo(arguments)) {
            Ok(counts) => all += counts,
            Err(mut failure) => {
                failure.counts += all;
                return Err(failure);
            }
        }
    }
    Ok(Outcome::Done(all))
}

/// A step that was begun.
struct Record {
    step: Step,
    took: Duration,
    result: Result<Outcome, Failure>,
}

/// Runs the steps and prints the summary.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let is_wanted = |step: &Step| {
        if arguments.quick {
            step.is_quick()
        } else {
            arguments.only.is_empty() || arguments.only.contains(step)
        }
    };
    let steps: Vec<Step> = Step::value_variants().iter().copied().filter(is_wanted).collect();
    let mut records = Vec::new();
    for (index, &step) in steps.iter().enumerate() {
        eprintln!("\n== {} ({} of {})", step.name(), index + 1, steps.len());
        let start = Instant::now();
        let result = step.run();
        let is_failed = result.is_err();
        records.push(Record { step, took: start.elapsed(), result });
        if is_failed {
            break;
        }
    }
    println!("{}", summary(&steps, &records));
    if records.iter().any(|record| record.result.is_err()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The table of steps, what went wrong or was left out, and the number of tests.
fn summary(steps: &[Step], records: &[Record]) -> String {
    let mut lines = vec![format!("\n{:<8}  {:>7}  {:>6}  result", "step", "time", "tests")];
    let mut remarks = Vec::new();
    let mut total = Counts::default();
    for &step in steps {
        let name = step.name();
        let Some(record) = records.iter().find(|record| record.step == step) else {
            lines.push(format!("{name:<8}  {:>7}  {:>6}  not run", "", ""));
            continue;
        };
        let (counts, result) = match &record.result {
            Ok(Outcome::Done(counts)) => {
                if counts.left_out != 0 {
                    let which = "see the lines above that begin with \"left out: \"";
                    remarks.push(format!("left out: {name}: {} of the tests, {which}", counts.left_out));
                }
                (*counts, "ok")
            }
            Ok(Outcome::LeftOut(why)) => {
                remarks.push(format!("left out: {name}: {why}"));
                (Counts::default(), "left out")
            }
            Err(failure) => {
                remarks.push(format!("failed: {name}: {failure}"));
                (failure.counts, "FAILED")
            }
        };
        total += counts;
        let tests = counts.passed + counts.failed;
        let tests = if tests == 0 { String::new() } else { tests.to_string() };
        lines.push(format!("{name:<8}  {:>5.1} s  {tests:>6}  {result}", record.took.as_secs_f64()));
    }
    if !remarks.is_empty() {
        lines.push(String::new());
        lines.append(&mut remarks);
    }
    lines.push(String::new());
    lines.push(format!("{} passed, {} failed", total.passed, total.failed));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: Step, result: Result<Outcome, Failure>) -> Record {
        Record { step, took: Duration::from_millis(1500), result }
    }

    #[test]
    fn the_summary_ends_with_the_number_of_tests() {
        let records = [
            record(Step::Test, Ok(Outcome::Done(Counts { passed: 40, failed: 0, left_out: 3 }))),
            record(Step::Windows, Ok(Outcome::Done(Counts { passed: 2, failed: 0, left_out: 0 }))),
        ];
        let text = summary(&[Step::Test, Step::Windows], &records);
        assert_eq!(text.lines().last(), Some("42 passed, 0 failed"));
        assert!(text.lines().any(|line| line.starts_with("left out: test: 3 of the tests")), "{text}");
    }

    #[test]
    fn the_summary_names_what_failed_what_was_left_out_and_what_did_not_run() {
        let records = [
            record(Step::Deny, Ok(Outcome::LeftOut("install it".into()))),
            record(Step::Test, Err(Failure::new("it broke"))),
        ];
        let text = summary(&[Step::Deny, Step::Test, Step::Windows], &records);
        for line in ["left out: deny: install it", "failed: test: it broke"] {
            assert!(text.lines().any(|candidate| candidate == line), "{text}");
        }
        assert!(text.lines().any(|line| line.starts_with("windows") && line.ends_with("not run")), "{text}");
    }
}
