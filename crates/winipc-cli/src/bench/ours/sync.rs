//! Objects that nobody else uses: what a call costs.

use std::time::Duration;

use winipc::{Event, Mutex, Semaphore, Waitable, wait_all, wait_any};

use super::super::contest::{Contestant, Setting};
use super::{failed, hung};
use crate::error::Result;

/// `WaitForSingleObject` and `ReleaseMutex`.
pub(crate) struct MutexTakeRelease(Mutex);

impl MutexTakeRelease {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self(Mutex::new().map_err(failed("CreateMutex"))?)))
    }
}

impl Contestant for MutexTakeRelease {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let guard = self.0.lock().map_err(|_| hung("mutex"))?;
            guard.release().map_err(failed("ReleaseMutex"))?;
        }
        Ok(())
    }
}

/// `SetEvent` and `ResetEvent`.
pub(crate) struct EventSetReset(Event);

impl EventSetReset {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self(Event::manual_reset().map_err(failed("CreateEvent"))?)))
    }
}

impl Contestant for EventSetReset {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.0.set().map_err(failed("SetEvent"))?;
            self.0.reset().map_err(failed("ResetEvent"))?;
        }
        Ok(())
    }
}

/// `ReleaseSemaphore` and `WaitForSingleObject`.
pub(crate) struct SemaphoreReleaseTake(Semaphore);

impl SemaphoreReleaseTake {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self(Semaphore::new(0, 1).map_err(failed("CreateSemaphore"))?)))
    }
}

impl Contestant for SemaphoreReleaseTake {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.0.release(1).map_err(failed("ReleaseSemaphore"))?;
            if !self.0.wait(Some(Duration::ZERO)).map_err(failed("WaitForSingleObject"))?.is_signaled() {
                return Err(hung("semaphore"));
            }
        }
        Ok(())
    }
}

fn eight_events() -> Result<Vec<Event>> {
    (0..8).map(|_| Event::auto_reset().map_err(failed("CreateEvent"))).collect()
}

fn as_waitables(events: &[Event]) -> [&dyn Waitable; 8] {
    std::array::from_fn(|index| &events[index] as &dyn Waitable)
}

/// One of eight events set, and a wait for any of them.
pub(crate) struct WaitAny(Vec<Event>);

impl WaitAny {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self(eight_events()?)))
    }
}

impl Contestant for WaitAny {
    fn operate(&mut self, count: u64) -> Result<()> {
        let waitables = as_waitables(&self.0);
        for number in 0..count {
            self.0[number as usize % 8].set().map_err(failed("SetEvent"))?;
            let result =
                wait_any(&waitables, Some(Duration::ZERO)).map_err(failed("WaitForMultipleObjects"))?;
            if !result.is_signaled() {
                return Err(hung("wait for any"));
            }
        }
        Ok(())
    }
}

/// Eight events set, and a wait for all of them.
pub(crate) struct WaitAll(Vec<Event>);

impl WaitAll {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self(eight_events()?)))
    }
}

impl Contestant for WaitAll {
    fn operate(&mut self, count: u64) -> Result<()> {
        let waitables = as_waitables(&self.0);
        for _ in 0..count {
            for event in &self.0 {
                event.set().map_err(failed("SetEvent"))?;
            }
            let result =
                wait_all(&waitables, Some(Duration::ZERO)).map_err(failed("WaitForMultipleObjects"))?;
            if !result.is_signaled() {
                return Err(hung("wait for all"));
            }
        }
        Ok(())
    }
}
