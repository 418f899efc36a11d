//! Unix datagram sockets: within one thread, and one at each end between two processes.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::super::contest::{Contestant, Helper, PATIENCE, Setting, repeat};
use super::Meeting;
use crate::error::{Error, Result};

/// A message sent and received by one thread, through a pair of sockets.
pub(crate) struct DatagramSendReceive {
    sender: UnixDatagram,
    receiver: UnixDatagram,
    buffer: Vec<u8>,
}

impl DatagramSendReceive {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let (sender, receiver) = UnixDatagram::pair().map_err(failed("socketpair"))?;
        Ok(Box::new(Self { sender, receiver, buffer: vec![0; setting.size] }))
    }
}

impl Contestant for DatagramSendReceive {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            send(&self.sender, &self.buffer)?;
            receive(&self.receiver, &mut self.buffer)?;
        }
        Ok(())
    }
}

/// One message there, one back.
pub(crate) struct DatagramRoundTrip {
    helper: Helper,
    socket: UnixDatagram,
    buffer: Vec<u8>,
    _meeting: Meeting,
}

impl DatagramRoundTrip {
    pub(crate) const KIND: &str = "datagram-round-trip";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let meeting = Meeting::new(setting);
        std::fs::create_dir(&meeting.0).map_err(failed("mkdir"))?;
        let socket = bind(&meeting.0.join("back"))?;
        // It has its socket before it says that it is ready.
        let helper = Helper::start(Self::KIND, setting)?;
        socket.connect(meeting.0.join("there")).map_err(failed("connect"))?;
        Ok(Box::new(Self { helper, socket, buffer: vec![0; setting.size], _meeting: meeting }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let meeting = Meeting::path(&setting.tag);
        let socket = bind(&meeting.join("there"))?;
        socket.connect(meeting.join("back")).map_err(failed("connect"))?;
        let mut buffer = vec![0; setting.size];
        repeat(|| {
            receive(&socket, &mut buffer)?;
            send(&socket, &buffer)
        })
    }
}

impl Contestant for DatagramRoundTrip {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            send(&self.socket, &self.buffer)?;
            receive(&self.socket, &mut self.buffer)?;
        }
        Ok(())
    }
}

fn bind(path: &Path) -> Result<UnixDatagram> {
    let socket = UnixDatagram::bind(path).map_err(failed("bind"))?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(failed("SO_RCVTIMEO"))?;
    socket.set_write_timeout(Some(PATIENCE)).map_err(failed("SO_SNDTIMEO"))?;
    Ok(socket)
}

fn send(socket: &UnixDatagram, message: &[u8]) -> Result<()> {
    whole(socket.send(message).map_err(failed("send"))?, message.len())
}

fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> Result<()> {
    let expected = buffer.len();
    whole(socket.recv(buffer).map_err(failed("recv"))?, expected)
}

fn whole(length: usize, expected: usize) -> Result<()> {
    if length == expected {
        Ok(())
    } else {
        Err(Error::new("benchmark: a datagram has another length than it was sent with"))
    }
}

fn failed(what: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |error| Error::because(format!("benchmark: {what}"), error)
}
