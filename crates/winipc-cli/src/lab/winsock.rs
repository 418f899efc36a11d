//! An echo server over TCP.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "winsock",
    title: "a server sends back over TCP what it receives, until \"QUIT\"",
    play,
    act,
    look_for: &[
        "the server binds a port before the client connects; the system has chosen its number",
        "a connection is two addresses with a port each: the server sees that of the client",
        "after \"QUIT\" the server closes the connection, which the client sees as the end of what it reads",
    ],
};

const LINES: [&str; 3] = ["hello", "is anybody there?", "QUIT"];

fn play(play: &mut Play) -> Result<()> {
    let mut scene = play.scene("")?;
    scene.enter("server", &["server"])?;
    let port = scene.until("port")?;
    scene.enter("client", &["client", &port.to_string()])?;
    scene.finish()?;
    ensure(scene.values("received", None) == [LINES.len() as i64], "the server has not received every line")?;
    ensure(scene.values("echoed", None) == [LINES.len() as i64 - 1], "not every line came back")?;
    ensure(scene.values("closed", None) == [1], "the client has not seen the end of the connection")
}

fn act(role: &Role) -> Result<()> {
    match &role.words[..] {
        [_, port] => talk(role, port.parse().map_err(failed)?),
        _ => serve(role),
    }
}

fn serve(role: &Role) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    role.say(format_args!("bound to {address}, listening"))?;
    role.fact("port", address.port().into())?;
    let (mut stream, client) = listener.accept().map_err(failed)?;
    role.say(format_args!("connection from {client}"))?;
    let mut lines = BufReader::new(stream.try_clone().map_err(failed)?).lines();
    let mut received = 0;
    while let Some(line) = lines.next().transpose().map_err(failed)? {
        role.say(format_args!("received \"{line}\""))?;
        received += 1;
        if line == "QUIT" {
            role.say("closing the connection")?;
            break;
        }
        stream.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
    }
    role.fact("received", received)
}

fn talk(role: &Role, port: u16) -> Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let (mine, server) = (stream.local_addr().map_err(failed)?, stream.peer_addr().map_err(failed)?);
    role.say(format_args!("connected from {mine} to {server}"))?;
    let mut answers = BufReader::new(stream.try_clone().map_err(failed)?).lines();
    let mut echoed = 0;
    for line in LINES {
        role.pause(1000);
        role.say(format_args!("I send \"{line}\""))?;
        stream.write_all(format!("{line}\n").as_bytes()).map_err(failed)?;
        match answers.next().transpose().map_err(failed)? {
            Some(answer) => {
                role.say(format_args!("it came back: \"{answer}\""))?;
                echoed += i64::from(answer == line);
            }
            None => {
                role.say("the server has closed the connection")?;
                role.fact("closed", i64::from(line == "QUIT"))?;
            }
        }
    }
    role.fact("echoed", echoed)
}
