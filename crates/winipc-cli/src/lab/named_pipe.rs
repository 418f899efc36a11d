//! A server with a thread for each of its clients.

use std::thread;

use winipc::{ClientOptions, PipeMode, PipeServer, ServerOptions, Waitable};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::{Error, Result};

pub(super) const LAB: Lab = Lab {
    name: "named-pipe",
    title: "a server with a thread for each client sends back what it receives, until \"exit\"",
    play,
    act,
    look_for: &[
        "the server makes the next instance of its pipe as soon as one is taken: all have the same name",
        "all three clients are connected at a time, and each has a thread of its own, which blocks in its read alone",
        "what a client sends comes back to that client, and to no other",
        "\"exit\" ends one client's thread; the server ends when it has joined all three",
    ],
};

const CLIENTS: [&str; 3] = ["ann", "bob", "cleo"];
const LINES: [&str; 3] = ["hello", "how are you?", "exit"];

fn play(play: &mut Play) -> Result<()> {
    let mut scene = play.scene("")?;
    scene.event("all-here", true, false)?;
    scene.enter("server", &["server"])?;
    scene.until("ready")?;
    for client in CLIENTS {
        scene.enter(client, &["client"])?;
    }
    scene.finish()?;
    ensure(scene.values("connected", None) == [3], "the three clients were not connected at one time")?;
    ensure(scene.values("exit", None).len() == CLIENTS.len(), "not every client has said \"exit\"")?;
    let echoes = CLIENTS.map(|client| scene.values("echoed", Some(client)));
    ensure(echoes == [[2], [2], [2]], "not every line came back")
}

fn act(role: &Role) -> Result<()> {
    if role.words == ["server"] { serve(role) } else { talk(role) }
}

fn serve(role: &Role) -> Result<()> {
    let create =
        || ServerOptions::new().pipe_mode(PipeMode::Message).create(&role.pipe_name()).map_err(failed);
    let all_here = role.event("all-here")?;
    let mut listening = Some(create()?);
    role.say("the pipe is there; waiting for clients")?;
    role.fact("ready", 1)?;
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 1..=CLIENTS.len() {
            let pipe = listening.take().expect("there is one for each client");
            pipe.connect().map_err(failed)?;
            if number < CLIENTS.len() {
                listening = Some(create()?);
            }
            let client = pipe.client_process_id().map_err(failed)?;
            role.say(format_args!("process {client} has connected: thread {number} serves it"))?;
            threads.push(scope.spawn(move || echo(role, number, &pipe)));
        }
        role.fact("connected", threads.len() as i64)?;
        all_here.set().map_err(failed)?;
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(Error::new("a thread has panicked"))))
    })?;
    role.say("all threads have ended, and so do I")
}

/// What a thread of the server does.
fn echo(role: &Role, number: usize, pipe: &PipeServer) -> Result<()> {
    let mut line = Vec::new();
    loop {
        pipe.read_message(&mut line).map_err(failed)?;
        role.say(format_args!("thread {number} has received \"{}\"", String::from_utf8_lossy(&line)))?;
        if line == b"exit" {
            return role.fact("exit", number as i64);
        }
        pipe.send(&line).map_err(failed)?;
    }
}

fn talk(role: &Role) -> Result<()> {
    let mut options = ClientOptions::new();
    let pipe = options.pipe_mode(PipeMode::Message).open_within(&role.pipe_name(), None).map_err(failed)?;
    let _ = role.event("all-here")?.wait(None).map_err(failed)?;
    let mut echoed = 0;
    let mut answer = Vec::new();
    for line in LINES {
        let line = if line == "hello" { format!("hello from {}", role.name) } else { line.to_string() };
        role.pause(1000);
        role.say(format_args!("I send \"{line}\""))?;
        pipe.send(line.as_bytes()).map_err(failed)?;
        if line == "exit" {
            break;
        }
        pipe.read_message(&mut answer).map_err(failed)?;
        role.say(format_args!("it came back: \"{}\"", String::from_utf8_lossy(&answer)))?;
        echoed += i64::from(answer == line.as_bytes());
    }
    role.fact("echoed", echoed)
}
