//! A child whose standard streams are anonymous pipes.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use winipc::{OwnedHandle, PipeReader, PipeWriter, anonymous_pipe};

use super::play::Play;
use super::role::Role;
use super::{Lab, Pace, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "anonymous-pipe",
    title: "a child writes ten lines to its parent, which sends them back: its standard streams are three pipes",
    play,
    act: |role| parent(role),
    look_for: &[
        "the child knows nothing of pipes: it reads standard input and writes standard output and standard error",
        "each pipe goes one way, so a conversation takes two; the third carries what the child has to say aside",
        "the parent closes its copies of the child's ends: while it had one, it would not learn of the child's end",
        "when the child has ended, its last lines are still there to be read, and then each pipe is at its end",
    ],
};

/// The name of the process that is started by another, and has its standard streams for something else.
pub(super) const CHILD: &str = "child";
const LINES: usize = 10;

fn play(play: &mut Play) -> Result<()> {
    let mut scene = play.scene("")?;
    scene.enter("parent", &[])?;
    scene.finish()?;
    ensure(scene.values("sent back", None) == [LINES as i64], "not every line went both ways")?;
    ensure(scene.values("aside", None) == [LINES as i64], "the child did not get every line back")?;
    ensure(scene.values("exit code", None) == [0], "the child did not end well")
}

/// What the child has for one of its streams.
fn stream(end: impl Into<OwnedHandle>) -> Result<Stdio> {
    end.into().try_into().map_err(failed)
}

fn parent(role: &Role) -> Result<()> {
    let make = || anonymous_pipe().map_err(failed);
    let ((their_input, input), (output, their_output), (aside, their_aside)) = (make()?, make()?, make()?);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(role.arguments_of(CHILD));
    command.stdin(stream(their_input)?).stdout(stream(their_output)?).stderr(stream(their_aside)?);
    let mut child = command.spawn().map_err(failed)?;
    role.say(format_args!("I have started process {}, whose standard streams are my pipes", child.id()))?;
    // Its ends are in it, and with the command the parent's copies go.
    drop(command);
    thread::scope(|scope| {
        let listener = scope.spawn(|| listen(role, aside));
        let sent_back = echo(role, output, input)?;
        let heard = listener.join().map_err(|_| failed("a thread has panicked"))??;
        role.fact("sent back", sent_back)?;
        role.fact("aside", heard)
    })?;
    let code = child.wait().map_err(failed)?.code();
    role.say("both pipes are at their end, and so is the child")?;
    role.fact("exit code", code.unwrap_or(-1).into())
}

/// Sends back what the child writes to its standard output. Returns how many lines that was.
fn echo(role: &Role, output: PipeReader, mut input: PipeWriter) -> Result<i64> {
    let mut count = 0;
    for line in BufReader::new(output).lines() {
        let line = line.map_err(failed)?;
        role.say(format_args!("the child writes \"{line}\", and I send it back"))?;
        writeln!(input, "{line}").map_err(failed)?;
        count += 1;
    }
    Ok(count)
}

/// Shows what the child writes to its standard error. Returns how many lines that was.
fn listen(role: &Role, aside: PipeReader) -> Result<i64> {
    let mut count = 0;
    for line in BufReader::new(aside).lines() {
        role.say(format_args!("the child says aside: {}", line.map_err(failed)?))?;
        count += 1;
    }
    Ok(count)
}

/// What the child does, as any program could.
pub(super) fn child(pace: Pace) -> Result<()> {
    let mut back = io::stdin().lines();
    for number in 1..=LINES {
        if pace == Pace::Real {
            thread::sleep(Duration::from_millis(500));
        }
        let line = format!("Message num {number}");
        let mut output = io::stdout().lock();
        writeln!(output, "{line}").and_then(|()| output.flush()).map_err(failed)?;
        let received = back.next().transpose().map_err(failed)?;
        ensure(received.as_deref() == Some(&line), format!("{received:?} came back for {line:?}"))?;
        writeln!(io::stderr(), "\"{line}\" came back").map_err(failed)?;
    }
    Ok(())
}
