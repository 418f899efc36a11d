//! Named events: what a name costs.

use winipc::{Event, EventOptions};

use super::super::contest::{Contestant, Setting};
use super::super::names::Shuffle;
use super::failed;
use crate::error::Result;

/// `CreateEvent` with a name, and `CloseHandle`.
pub(crate) struct CreateEvent(EventOptions);

impl CreateEvent {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let mut options = EventOptions::new();
        options.name(format!("winipc-bench-{}", setting.tag));
        Ok(Box::new(Self(options)))
    }
}

impl Contestant for CreateEvent {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            drop(self.0.create().map_err(failed("CreateEvent"))?);
        }
        Ok(())
    }
}

/// `OpenEvent` by random name among many, and `CloseHandle`.
pub(crate) struct OpenEvent {
    options: Vec<EventOptions>,
    shuffle: Shuffle,
    _events: Vec<Event>,
}

impl OpenEvent {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let name = |number| format!("winipc-bench-{}-{number:06}", setting.tag);
        let options: Vec<_> =
            (0..setting.population).map(|number| EventOptions::new().name(name(number)).clone()).collect();
        let events: std::result::Result<_, _> = options.iter().map(EventOptions::create).collect();
        let events = events.map_err(failed("CreateEvent"))?;
        Ok(Box::new(Self { options, shuffle: Shuffle::default(), _events: events }))
    }
}

impl Contestant for OpenEvent {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let options = &self.options[self.shuffle.below(self.options.len())];
            drop(options.open().map_err(failed("OpenEvent"))?);
        }
        Ok(())
    }
}
