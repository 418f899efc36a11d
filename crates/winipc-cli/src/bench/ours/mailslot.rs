//! Mailslots: within one thread, and one for each direction between two processes.

use winipc::{Mailslot, MailslotClient};

use super::super::contest::{Contestant, Helper, Setting, repeat};
use super::failed;
use crate::error::{Error, Result};

/// A message written and read by one thread.
pub(crate) struct MailslotWriteRead {
    slot: Mailslot,
    client: MailslotClient,
    buffer: Vec<u8>,
}

impl MailslotWriteRead {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let name = name(setting, "alone");
        Ok(Box::new(Self { slot: create(&name)?, client: open(&name)?, buffer: vec![0; setting.size] }))
    }
}

impl Contestant for MailslotWriteRead {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.client.send(&self.buffer).map_err(failed("WriteFile"))?;
            receive(&self.slot, &mut self.buffer)?;
        }
        Ok(())
    }
}

/// One message there, one back, through a slot at each end.
pub(crate) struct MailslotRoundTrip {
    helper: Helper,
    slot: Mailslot,
    client: MailslotClient,
    buffer: Vec<u8>,
}

impl MailslotRoundTrip {
    pub(crate) const KIND: &str = "mailslot-round-trip";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let slot = create(&name(setting, "back"))?;
        // It has its slot before it says that it is ready.
        let helper = Helper::start(Self::KIND, setting)?;
        let client = open(&name(setting, "there"))?;
        Ok(Box::new(Self { helper, slot, client, buffer: vec![0; setting.size] }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let slot = create(&name(setting, "there"))?;
        let client = open(&name(setting, "back"))?;
        let mut buffer = vec![0; setting.size];
        repeat(|| {
            receive(&slot, &mut buffer)?;
            client.send(&buffer).map_err(failed("WriteFile"))
        })
    }
}

impl Contestant for MailslotRoundTrip {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.client.send(&self.buffer).map_err(failed("WriteFile"))?;
            receive(&self.slot, &mut self.buffer)?;
        }
        Ok(())
    }
}

fn name(setting: &Setting, which: &str) -> String {
    format!(r"\\.\mailslot\winipc-bench-{}\{which}", setting.tag)
}

fn create(name: &str) -> Result<Mailslot> {
    Mailslot::create(name).map_err(failed("CreateMailslot"))
}

fn open(name: &str) -> Result<MailslotClient> {
    MailslotClient::open(name).map_err(failed("CreateFile"))
}

fn receive(slot: &Mailslot, buffer: &mut [u8]) -> Result<()> {
    let length = slot.recv(buffer).map_err(failed("ReadFile"))?;
    if length == buffer.len() {
        return Ok(());
    }
    Err(Error::new("benchmark: a message has another length than it was sent with"))
}
