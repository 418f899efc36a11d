//! A Unix socket that keeps message boundaries.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, accept, bind, connect, listen, recv,
    send, socket, sockopt,
};

use super::super::contest::{Contestant, Helper, PATIENCE, Setting, repeat, repeat_and_answer};
use super::{Meeting, failed};
use crate::error::{Error, Result};

/// One message there, one back.
pub(crate) struct SeqpacketRoundTrip {
    helper: Helper,
    socket: OwnedFd,
    buffer: Vec<u8>,
    _meeting: Meeting,
}

impl SeqpacketRoundTrip {
    pub(crate) const KIND: &str = "seqpacket-round-trip";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let (meeting, helper, socket) = meet(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, socket, buffer: vec![0; setting.size], _meeting: meeting }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let socket = reach(setting)?;
        let mut buffer = vec![0; setting.size];
        repeat(|| {
            receive_message(&socket, &mut buffer)?;
            send_message(&socket, &buffer)
        })
    }
}

impl Contestant for SeqpacketRoundTrip {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            send_message(&self.socket, &self.buffer)?;
            receive_message(&self.socket, &mut self.buffer)?;
        }
        Ok(())
    }
}

/// Messages in one direction.
pub(crate) struct SeqpacketStream {
    helper: Helper,
    socket: OwnedFd,
    buffer: Vec<u8>,
    _meeting: Meeting,
}

impl SeqpacketStream {
    pub(crate) const KIND: &str = "seqpacket-stream";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let (meeting, helper, socket) = meet(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, socket, buffer: vec![0; setting.size], _meeting: meeting }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let socket = reach(setting)?;
        let mut buffer = vec![0; setting.size];
        repeat_and_answer(|count| (0..count).try_for_each(|_| receive_message(&socket, &mut buffer)))
    }
}

impl Contestant for SeqpacketStream {
    fn operate(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)?;
        for _ in 0..count {
            send_message(&self.socket, &self.buffer)?;
        }
        self.helper.wait_for_answer()
    }
}

fn meet(kind: &str, setting: &Setting) -> Result<(Meeting, Helper, OwnedFd)> {
    let meeting = Meeting::new(setting);
    let door = new_socket()?;
    bind(&door, &address(&meeting.0)?).map_err(failed("bind"))?;
    listen(&door, 1).map_err(failed("listen"))?;
    // It connects before it says that it is ready.
    let helper = Helper::start(kind, setting)?;
    let socket = accept(&door).map_err(failed("accept"))?;
    prepare(&socket, setting)?;
    Ok((meeting, helper, socket))
}

fn reach(setting: &Setting) -> Result<OwnedFd> {
    let socket = new_socket()?;
    connect(&socket, &address(&Meeting::path(&setting.tag))?).map_err(failed("connect"))?;
    prepare(&socket, setting)?;
    Ok(socket)
}

fn new_socket() -> Result<OwnedFd> {
    socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).map_err(failed("socket"))
}

fn address(path: &Path) -> Result<SocketAddrUnix> {
    SocketAddrUnix::new(path).map_err(failed("address"))
}

fn prepare(socket: &OwnedFd, setting: &Setting) -> Result<()> {
    if let Some(quota) = setting.quota {
        // The kernel doubles the number, for its own records.
        sockopt::set_socket_send_buffer_size(socket, quota).map_err(failed("SO_SNDBUF"))?;
    }
    let patience: Option<Duration> = Some(PATIENCE);
    for timeout in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        sockopt::set_socket_timeout(socket, timeout, patience).map_err(failed("socket timeout"))?;
    }
    Ok(())
}

fn send_message(socket: &OwnedFd, message: &[u8]) -> Result<()> {
    let length = send(socket, message, SendFlags::NOSIGNAL).map_err(failed("send"))?;
    whole(length, message.len())
}

fn receive_message(socket: &OwnedFd, buffer: &mut [u8]) -> Result<()> {
    let expected = buffer.len();
    let (length, _) = recv(socket, buffer, RecvFlags::empty()).map_err(failed("recv"))?;
    whole(length, expected)
}

fn whole(length: usize, expected: usize) -> Result<()> {
    if length == expected {
        Ok(())
    } else {
        Err(Error::new("benchmark: the other end of the socket is gone"))
    }
}
