//! A second process: this binary again, which executes one command a line and answers each with one line.
//!
//! An answer is `VALUE ERROR [BYTES]`: the return value, the last error, and bytes read in hexadecimal.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// The argument that makes this binary a child.
pub(crate) const ROLE: &str = "--conformance-child";

/// The argument that makes this binary run the commands after it, which commas part, and end with what the last
/// returns.
pub(crate) const SCRIPT: &str = "--conformance-script";

/// The argument that makes this binary end with 1 if those after it are the ones that the next one tells, else with 0.
pub(crate) const ARGUMENTS: &str = "--conformance-arguments";

/// ERROR_INTERNAL_ERROR.
const INTERNAL_ERROR: i32 = 1359;

pub(crate) struct Child {
    process: std::process::Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What the child's call returned.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) value: i64,
    pub(crate) error: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Child {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("path of the test binary");
        let mut command = Command::new(program);
        command.arg(ROLE).stdin(Stdio::piped()).stdout(Stdio::piped());
        let process = match command.spawn() {
            // Wine 8 fails to start one now and then, with an error that documented Windows does not give.
            Err(error) if error.raw_os_error() == Some(INTERNAL_ERROR) => command.spawn(),
            started => started,
        };
        let mut process = process.expect("start of a child");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, input, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a command without waiting for its answer.
    pub(crate) fn send(&mut self, command: &str) {
        let input = self.input.as_mut().expect("open input");
        writeln!(input, "{command}").and_then(|()| input.flush()).expect("a listening child");
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer");
        let mut words = line.split_whitespace();
        let value = words.next().unwrap_or_else(|| panic!("the child ended")).parse().expect("a value");
        let error = words.next().expect("an error").parse().expect("a number");
        Answer { value, error, bytes: words.next().map(from_hexadecimal).unwrap_or_default() }
    }

    pub(crate) fn ask(&mut self, command: &str) -> Answer {
        self.send(command);
        self.answer()
    }

    /// Asks for a call that returns a handle, and expects one.
    pub(crate) fn handle(&mut self, command: &str) -> i64 {
        let answer = self.ask(command);
        assert!(answer.value != 0 && answer.value != -1, "{command}: {answer:?}");
        answer.value
    }

    /// Asks for a call that succeeds with TRUE.
    pub(crate) fn ok(&mut self, command: &str) -> Vec<u8> {
        let answer = self.ask(command);
        assert_eq!(answer.value, 1, "{command}: {answer:?}");
        answer.bytes
    }

    /// Both ends of a new anonymous pipe of the child's.
    pub(crate) fn anonymous_pipe(&mut self) -> (i64, i64) {
        let ends = self.ok("anonymous_pipe");
        let end = |at: usize| i64::from_be_bytes(ends[at..at + 8].try_into().expect("a number"));
        (end(0), end(8))
    }

    /// A handle to the child.
    pub(crate) fn open(&mut self, access: u32) -> Handle {
        self.ask("pid"); // By the answer it uses objects.
        Handle::own(ok!(OpenProcess(access, FALSE, self.id())))
    }

    /// Kills the child and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("kill");
        self.process.wait().expect("end of the child");
    }

    /// Waits until the child is gone.
    pub(crate) fn wait(&mut self) {
        self.process.wait().expect("end of the child");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.input.take()); // The end of its input ends the child.
        if std::thread::panicking() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

pub(super) fn from_hexadecimal(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}
