//! Two processes that wake each other by `SetEvent` and `WaitForSingleObject`.

use winipc::{Event, EventOptions, Waitable};

use super::super::contest::{Contestant, Helper, PATIENCE, Setting, repeat};
use super::{failed, hung};
use crate::error::Result;

pub(crate) struct PingPong {
    helper: Helper,
    ping: Event,
    pong: Event,
}

impl PingPong {
    pub(crate) const KIND: &str = "event-ping-pong";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let (ping, pong) = events(setting)?;
        let helper = Helper::start(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, ping, pong }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let (ping, pong) = events(setting)?;
        repeat(|| {
            wait(&ping)?;
            pong.set().map_err(failed("SetEvent"))
        })
    }
}

impl Contestant for PingPong {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.ping.set().map_err(failed("SetEvent"))?;
            wait(&self.pong)?;
        }
        Ok(())
    }
}

fn events(setting: &Setting) -> Result<(Event, Event)> {
    let event = |end: &str| {
        EventOptions::new()
            .name(format!("winipc-bench-{}-{end}", setting.tag))
            .create()
            .map_err(failed("CreateEvent"))
    };
    Ok((event("ping")?, event("pong")?))
}

fn wait(event: &Event) -> Result<()> {
    let result = event.wait(Some(PATIENCE)).map_err(failed("WaitForSingleObject"))?;
    if result.is_signaled() { Ok(()) } else { Err(hung("event ping-pong")) }
}
