//! Running programs and counting the tests they report.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// How many of those that passed have said that they could not run here.
    pub(crate) left_out: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.left_out += other.left_out;
    }
}

/// What became of a task that did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran and all is well.
    Done(Counts),
    /// It could not run here: why, and what would change that.
    LeftOut(String),
}

/// A task that failed, with the tests counted until then.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) counts: Counts,
    message: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { counts: Counts::default(), message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// How long output may stay open after the program that was run has ended.
const OUTPUT_GRACE: Duration = Duration::from_secs(20);

/// Runs `command`, passes its output on as it comes and counts the tests it reports.
///
/// A process that outlives `command` and holds its output open is a failure: no test may leave one behind.
pub(crate) fn counted(command: &mut Command) -> Result<Counts, Failure> {
    announce(command);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(command, &error))?;
    let output = child.stdout.take().expect("standard output is piped");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(pass_on(BufReader::new(output), std::io::stdout())));
    let status =
        child.wait().map_err(|error| Failure::new(format!("cannot wait for {}: {error}", text(command))))?;
    let Ok(counts) = receiver.recv_timeout(OUTPUT_GRACE) else {
        return Err(Failure::new(format!(
            "{} ended with {status}, but a process it started still runs and holds its output",
            text(command)
        )));
    };
    if status.success() {
        Ok(counts)
    } else {
        Err(Failure { counts, message: format!("{} ended with {status}", text(command)) })
    }
}

/// Copies lines from `input` to `output` and counts the tests they report.
fn pass_on(input: impl BufRead, mut output: impl Write) -> Counts {
    let mut counts = Counts::default();
    // Bytes, since a test may print what is not UTF-8.
    for line in input.split(b'\n').map_while(Result::ok) {
        // Nobody may be reading our own output any more; the tests' verdict stands all the same.
        let _ = output.write_all(&line).and_then(|()| output.write_all(b"\n"));
        let line = String::from_utf8_lossy(&line);
        counts += result_line(&line).unwrap_or_default();
        counts.left_out += u64::from(line.starts_with("left out: "));
    }
    counts
}

/// Runs `command`, which reports no tests, with its output going where ours goes.
pub(crate) fn plain(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{} ended with {status}", text(command))))
    }
}

/// Whether `command` can be run and succeeds, without showing anything of it.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The text that `command` prints on its standard output, if it succeeds.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn announce(command: &Command) {
    eprintln!("$ {}", text(command));
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start {}: {error}", command.get_program().display()))
}

/// The command line, with the variables set for it, as one would type it.
fn text(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.display(), quoted(&value?.to_string_lossy())))
    });
    let program = std::iter::once(command.get_program()).map(|program| program.to_string_lossy());
    let program = program.map(|program| match program.rsplit_once('/') {
        Some((_, "cargo")) => "cargo".to_owned(),
        _ => quoted(&program),
    });
    let arguments = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    variables.chain(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '"', '$', ';', '&']) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// Reads the line with which a Rust test binary ends.
fn result_line(line: &str) -> Option<Counts> {
    let line = line.trim_end().strip_prefix("test result: ")?;
    let (_, numbers) = line.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split("; ") {
        match part.split_once(' ') {
            Some((number, "passed")) => counts.passed = number.parse().ok()?,
            Some((number, "failed")) => counts.failed = number.parse().ok()?,
            _ => {}
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(result_line(line), Some(Counts { passed: 12, failed: 3, left_out: 0 }));
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in
            ["", "test a::b ... ok", "running 3 tests", "test result: ok", "the test result: ok. 1 passed"]
        {
            assert_eq!(result_line(line), None, "{line}");
        }
    }

    #[test]
    fn lines_are_passed_on_and_counts_summed() {
        let input = b"\xff\ntest result: ok. 2 passed; 0 failed\n\nleft out: a test needs root\n\
            test result: FAILED. 1 passed; 4 failed\n";
        let mut output = Vec::new();
        assert_eq!(pass_on(input.as_slice(), &mut output), Counts { passed: 3, failed: 4, left_out: 1 });
        assert_eq!(output, input);
    }

    #[test]
    fn the_status_decides() {
        assert!(counted(&mut Command::new("true")).is_ok());
        let failure = counted(Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert!(failure.to_string().contains("exit status: 7"), "{failure}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = plain(&mut Command::new("no-such-program")).unwrap_err();
        assert!(failure.to_string().contains("no-such-program"), "{failure}");
    }
}
