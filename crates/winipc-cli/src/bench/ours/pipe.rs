//! Two processes at the ends of a named pipe of message type, by synchronous calls.

use winipc::{ClientOptions, PipeEnd, PipeMode, PipeServer, ServerOptions};

use super::super::contest::{Contestant, Helper, Setting, repeat, repeat_and_answer};
use super::failed;
use crate::error::{Error, Result};

/// One message there, one back.
pub(crate) struct PipeRoundTrip {
    helper: Helper,
    pipe: PipeServer,
    buffer: Vec<u8>,
}

impl PipeRoundTrip {
    pub(crate) const KIND: &str = "pipe-round-trip";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let (helper, pipe) = meet(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, pipe, buffer: vec![0; setting.size] }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let pipe = reach(setting)?;
        let mut buffer = vec![0; setting.size];
        repeat(|| {
            receive(&pipe, &mut buffer)?;
            send(&pipe, &buffer)
        })
    }
}

impl Contestant for PipeRoundTrip {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            send(&self.pipe, &self.buffer)?;
            receive(&self.pipe, &mut self.buffer)?;
        }
        Ok(())
    }
}

/// Messages in one direction.
pub(crate) struct PipeStream {
    helper: Helper,
    pipe: PipeServer,
    buffer: Vec<u8>,
}

impl PipeStream {
    pub(crate) const KIND: &str = "pipe-stream";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let (helper, pipe) = meet(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, pipe, buffer: vec![0; setting.size] }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let pipe = reach(setting)?;
        let mut buffer = vec![0; setting.size];
        repeat_and_answer(|count| (0..count).try_for_each(|_| receive(&pipe, &mut buffer)))
    }
}

impl Contestant for PipeStream {
    fn operate(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)?;
        for _ in 0..count {
            send(&self.pipe, &self.buffer)?;
        }
        self.helper.wait_for_answer()
    }
}

fn name(setting: &Setting) -> String {
    format!(r"\\.\pipe\winipc-bench-{}", setting.tag)
}

fn meet(kind: &str, setting: &Setting) -> Result<(Helper, PipeServer)> {
    let mut options = ServerOptions::new();
    options.pipe_mode(PipeMode::Message).overlapped(false).max_instances(1);
    if let Some(quota) = setting.quota {
        let quota = quota.try_into().map_err(|_| Error::new("a quota above 4 GiB"))?;
        options.out_buffer_size(quota).in_buffer_size(quota);
    }
    let pipe = options.create(&name(setting)).map_err(failed("CreateNamedPipe"))?;
    let helper = Helper::start(kind, setting)?;
    pipe.connect().map_err(failed("ConnectNamedPipe"))?;
    Ok((helper, pipe))
}

fn reach(setting: &Setting) -> Result<winipc::PipeClient> {
    let mut options = ClientOptions::new();
    options.pipe_mode(PipeMode::Message).overlapped(false);
    options.open(&name(setting)).map_err(failed("CreateFile"))
}

fn send(pipe: &PipeEnd, message: &[u8]) -> Result<()> {
    pipe.send(message).map(drop).map_err(failed("WriteFile"))
}

fn receive(pipe: &PipeEnd, buffer: &mut [u8]) -> Result<()> {
    let received = pipe.recv(buffer).map_err(failed("ReadFile"))?;
    if received.is_complete && received.bytes == buffer.len() {
        return Ok(());
    }
    Err(Error::new("benchmark: a message has another length than it was sent with"))
}
