//! Sections: what one costs, and two processes that exchange what is in one.

use winipc::section::{SectionOptions, WritableView};
use winipc::{Event, EventOptions, LockError, Mutex, MutexOptions, Waitable};

use super::super::contest::{Contestant, Helper, PATIENCE, Setting, repeat};
use super::{failed, hung};
use crate::error::Result;

/// `CreateFileMapping` of a page, `MapViewOfFile`, a word written, `UnmapViewOfFile`, `CloseHandle`.
pub(crate) struct SectionMapUnmap;

impl SectionMapUnmap {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self))
    }
}

impl Contestant for SectionMapUnmap {
    fn operate(&mut self, count: u64) -> Result<()> {
        for number in 0..count {
            let section = SectionOptions::new().create(4096).map_err(failed("CreateFileMapping"))?;
            let view = section.writable_view().map_err(failed("MapViewOfFile"))?;
            view.store(0, &number).map_err(failed("a view"))?;
        }
        Ok(())
    }
}

/// A message in shared memory under a mutex, and an event for each direction.
pub(crate) struct SharedPingPong {
    helper: Helper,
    end: End,
}

/// What both processes have.
struct End {
    view: WritableView,
    mutex: Mutex,
    ours: Event,
    theirs: Event,
    message: Vec<u8>,
}

impl SharedPingPong {
    pub(crate) const KIND: &str = "shared-ping-pong";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let end = End::new(setting, ["pong", "ping"])?;
        let helper = Helper::start(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, end }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let mut end = End::new(setting, ["ping", "pong"])?;
        repeat(|| {
            end.take()?;
            end.put()
        })
    }
}

impl End {
    fn new(setting: &Setting, [ours, theirs]: [&str; 2]) -> Result<Self> {
        let name = |what: &str| format!("winipc-bench-{}-{what}", setting.tag);
        let event = |what| EventOptions::new().name(name(what)).create().map_err(failed("CreateEvent"));
        let section = SectionOptions::new().name(name("section")).create(4096);
        // The other process opens it by its name while this one has the handle, which the process keeps to its end.
        let section = std::mem::ManuallyDrop::new(section.map_err(failed("CreateFileMapping"))?);
        Ok(Self {
            view: section.writable_view().map_err(failed("MapViewOfFile"))?,
            mutex: MutexOptions::new().name(name("mutex")).create().map_err(failed("CreateMutex"))?,
            ours: event(ours)?,
            theirs: event(theirs)?,
            message: vec![0; setting.size],
        })
    }

    fn put(&mut self) -> Result<()> {
        let guard = self.mutex.lock().or_else(LockError::into_guard).map_err(failed("a mutex"))?;
        self.view.write(0, &self.message).map_err(failed("a view"))?;
        guard.release().map_err(failed("ReleaseMutex"))?;
        self.theirs.set().map_err(failed("SetEvent"))
    }

    fn take(&mut self) -> Result<()> {
        let result = self.ours.wait(Some(PATIENCE)).map_err(failed("WaitForSingleObject"))?;
        if !result.is_signaled() {
            return Err(hung("shared memory"));
        }
        let guard = self.mutex.lock().or_else(LockError::into_guard).map_err(failed("a mutex"))?;
        self.view.read(0, &mut self.message).map_err(failed("a view"))?;
        guard.release().map_err(failed("ReleaseMutex"))
    }
}

impl Contestant for SharedPingPong {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.end.put()?;
            self.end.take()?;
        }
        Ok(())
    }
}
