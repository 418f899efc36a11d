//! The same text by a mapped file and by a pipe. The third way, by window message, comes with the windows.

use winipc::{ClientOptions, PipeMode, ServerOptions, Waitable, Win32Error};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "three-ways",
    title: "process A sends what is typed to process B by a mapped file and by a pipe (by message: not yet)",
    play,
    act,
    look_for: &[
        "the mapped file is memory of both processes: writing there tells B nothing, so two events go with it",
        "it holds one text: A must wait until B has read before it may write the next",
        "the pipe carries the text and the news that there is one: B simply blocks in its read",
        "the pipe queues: A need not wait until B has read",
        "the end of the pipe tells B that nothing more comes; in the mapped file that takes a sign of its own",
    ],
};

const TEXTS: [&str; 3] = ["Good morning.", "Every byte arrives: ä, ß, €.", "That was all."];
const WAYS: [&str; 2] = ["by a mapped file", "by a pipe"];

/// Size of the mapped file: the text's length, and the text.
const SIZE: u64 = 4096;
const TEXT: usize = 8;
/// In place of a length.
const NO_MORE: u64 = u64::MAX;

fn play(play: &mut Play) -> Result<()> {
    let sent: Vec<_> = TEXTS.iter().map(|text| fingerprint(text.as_bytes())).collect();
    for way in WAYS {
        let mut scene = play.scene(way)?;
        for event in ["written", "read"] {
            scene.event(event, false, false)?;
        }
        scene.section("mapped-file", SIZE)?;
        scene.enter("B", &[way])?;
        scene.until("ready")?;
        scene.enter("A", &[way])?;
        scene.finish()?;
        ensure(
            scene.values("received", Some("B")) == sent,
            format!("{way}, B has not received what A sent"),
        )?;
    }
    Ok(())
}

/// Tells texts apart.
fn fingerprint(text: &[u8]) -> i64 {
    text.iter().fold(text.len() as i64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()))
}

fn act(role: &Role) -> Result<()> {
    match (role.words[0] == WAYS[0], role.name == "A") {
        (true, true) => write_to_file(role),
        (true, false) => read_from_file(role),
        (false, true) => send(role),
        (false, false) => receive(role),
    }
}

fn type_text(role: &Role, text: &str) -> Result<()> {
    role.pause(1500);
    role.say(format_args!("somebody types \"{text}\""))
}

fn take_note(role: &Role, text: &[u8]) -> Result<()> {
    role.say(format_args!("I have received \"{}\"", String::from_utf8_lossy(text)))?;
    role.fact("received", fingerprint(text))
}

fn write_to_file(role: &Role) -> Result<()> {
    let memory = role.memory("mapped-file")?;
    let (written, read) = (role.event("written")?, role.event("read")?);
    for text in TEXTS {
        type_text(role, text)?;
        memory.write(TEXT, text.as_bytes()).map_err(failed)?;
        memory.store(0, &(text.len() as u64)).map_err(failed)?;
        role.say("it is in the mapped file; I tell B, and wait until it has been read")?;
        written.set().map_err(failed)?;
        let _ = read.wait(None).map_err(failed)?;
    }
    memory.store(0, &NO_MORE).map_err(failed)?;
    written.set().map_err(failed)
}

fn read_from_file(role: &Role) -> Result<()> {
    let memory = role.memory("mapped-file")?;
    let (written, read) = (role.event("written")?, role.event("read")?);
    role.fact("ready", 1)?;
    loop {
        let _ = written.wait(None).map_err(failed)?;
        let length: u64 = memory.load(0).map_err(failed)?;
        if length == NO_MORE {
            return role.say("A has nothing more");
        }
        ensure(length <= SIZE - TEXT as u64, "the text does not fit into the mapped file")?;
        let mut text = vec![0; length as usize];
        memory.read(TEXT, &mut text).map_err(failed)?;
        take_note(role, &text)?;
        read.set().map_err(failed)?;
    }
}

fn send(role: &Role) -> Result<()> {
    let pipe = ClientOptions::new().open(&role.pipe_name()).map_err(failed)?;
    for text in TEXTS {
        type_text(role, text)?;
        pipe.send(text.as_bytes()).map_err(failed)?;
        role.say("it is in the pipe")?;
    }
    Ok(())
}

fn receive(role: &Role) -> Result<()> {
    let mut options = ServerOptions::new();
    let pipe = options.pipe_mode(PipeMode::Message).create(&role.pipe_name()).map_err(failed)?;
    role.fact("ready", 1)?;
    pipe.connect().map_err(failed)?;
    let mut text = Vec::new();
    loop {
        match pipe.read_message(&mut text) {
            Ok(_) => take_note(role, &text)?,
            Err(Win32Error::BROKEN_PIPE) => return role.say("A has closed the pipe"),
            Err(error) => return Err(failed(error)),
        }
    }
}
