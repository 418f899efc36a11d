//! Messages left for somebody who looks now and then.

use std::time::Duration;

use winipc::{Mailslot, MailslotClient, MailslotOptions, Waitable, Win32Error};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "mailslot",
    title: "two messages, a pause, a third; the reader looks now and then, and numbers what it finds",
    play,
    act,
    look_for: &[
        "the writer does not wait: both messages lie in the slot before the first is read",
        "GetMailslotInfo tells how many there are, so that the reader can say \"#1 of 2\" before it reads the second",
        "messages come whole, one for each read, in the order in which they were written",
        "nothing tells the writer that its messages were read; and the slot is gone with its reader",
    ],
};

const MESSAGES: [&str; 3] = ["the first message", "the second message", "a third, after a pause"];

fn play(play: &mut Play) -> Result<()> {
    let mut scene = play.scene("")?;
    for event in ["looked", "written", "gone"] {
        scene.event(event, false, false)?;
    }
    scene.enter("reader", &["reader"])?;
    scene.until("ready")?;
    scene.enter("writer", &["writer"])?;
    scene.finish()?;
    ensure(scene.values("of", None) == [2, 2, 1], "the messages did not wait as they were to")?;
    ensure(scene.values("number", None) == [1, 2, 1], "not every message was read, or not in order")?;
    ensure(scene.values("absent", None) == [1], "the slot was not gone with its reader")
}

fn act(role: &Role) -> Result<()> {
    if role.words == ["reader"] { read(role) } else { write(role) }
}

fn read(role: &Role) -> Result<()> {
    let mut options = MailslotOptions::new();
    // A read that finds nothing fails at once: whoever looks first never meets that.
    let slot = options.read_timeout(Some(Duration::ZERO)).create(&role.mailslot_name()).map_err(failed)?;
    role.say("the mailslot is there")?;
    role.fact("ready", 1)?;
    let looked = role.event("looked")?;
    let written = role.event("written")?;
    let mut left = MESSAGES.len();
    while left > 0 {
        ensure(look(role, &slot)? == 0, "a message came out of turn")?;
        looked.set().map_err(failed)?;
        let _ = written.wait(None).map_err(failed)?;
        role.pause(1000);
        left -= look(role, &slot)?.min(left);
    }
    drop(slot);
    role.say("I close the slot")?;
    role.event("gone")?.set().map_err(failed)
}

/// Reads what there is, and says how many that was.
fn look(role: &Role, slot: &Mailslot) -> Result<usize> {
    let count = slot.info().map_err(failed)?.messages;
    if count == 0 {
        role.say("I look: no message waits")?;
    }
    let mut message = Vec::new();
    for number in 1..=count {
        let length = slot.read_message(&mut message).map_err(failed)?;
        let text = String::from_utf8_lossy(&message);
        role.say(format_args!("Message #{number} of {count}, {length} bytes: \"{text}\""))?;
        role.fact("number", number as i64)?;
        role.fact("of", count as i64)?;
    }
    Ok(count)
}

fn write(role: &Role) -> Result<()> {
    let client = MailslotClient::open(&role.mailslot_name()).map_err(failed)?;
    let looked = role.event("looked")?;
    let written = role.event("written")?;
    let send = |message: &str| {
        role.say(format_args!("I write \"{message}\""))?;
        client.send(message.as_bytes()).map_err(failed)
    };
    let [first, second, third] = MESSAGES;
    let _ = looked.wait(None).map_err(failed)?;
    send(first)?;
    send(second)?;
    role.say("and make a pause")?;
    written.set().map_err(failed)?;
    role.pause(5000);
    let _ = looked.wait(None).map_err(failed)?;
    send(third)?;
    written.set().map_err(failed)?;
    let _ = role.event("gone")?.wait(None).map_err(failed)?;
    match MailslotClient::open(&role.mailslot_name()) {
        Err(Win32Error::FILE_NOT_FOUND) => {
            role.say("I look for the mailslot again: there is none")?;
            role.fact("absent", 1)
        }
        Err(error) => Err(failed(error)),
        Ok(_) => role.say("I look for the mailslot again: it is still there"),
    }
}
