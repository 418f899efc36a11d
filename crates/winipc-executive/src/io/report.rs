//! How an overlapped call reports: its status block, its event and its routine.

use crate::access;
use crate::apc::{self, Queued};
use crate::arena::state::generation_of;
use crate::arena::{Ref, Txn};
use crate::context::Current;
use crate::dispatcher;
use crate::handle::{Found, Handle, look_up};
use crate::object;
use crate::records::{Kind, Request};
use crate::status::{Result, Status};

use super::delivery::Local;
use super::request::flag;
use super::{ReadBuffer, StatusBlock};

/// How an overlapped call reports.
#[derive(Debug)]
pub struct Overlapped {
    /// Where the result is written.
    pub block: StatusBlock,
    /// An event, reset at the start and set at completion; without one the file itself is signaled.
    pub event: Option<Handle>,
    /// Address of a completion routine, run as an asynchronous procedure call of the issuing thread.
    pub routine: Option<usize>,
    /// No packet goes to the file's completion port.
    pub no_packet: bool,
}

/// What a call reports through, ready for use: the event resolved.
pub(crate) struct Report {
    pub(crate) block: StatusBlock,
    event: Option<Found>,
    routine: Option<usize>,
    no_packet: bool,
}

impl Report {
    /// Resolves the event and begins: the status block says pending, the event is reset.
    pub(crate) fn begin(current: &Current, overlapped: Overlapped) -> Result<Self> {
        let event = match overlapped.event {
            Some(handle) => Some(look_up(current, handle)?.require(Kind::Event, access::MODIFY_STATE)?),
            None => None,
        };
        if let Some(handle) = overlapped.event {
            crate::event::reset(handle)?;
        }
        overlapped.block.begin();
        Ok(Report {
            block: overlapped.block,
            event,
            routine: overlapped.routine,
            no_packet: overlapped.no_packet,
        })
    }

    /// Reports a request that was done at once.
    pub(crate) fn finish(
        &self,
        current: &Current,
        file: &Found,
        status: Status,
        information: usize,
    ) -> Result<()> {
        self.block.complete(status, information);
        let mut lock = current.begin()?;
        // Starting made the file nonsignaled; with an event of the call's own it stays so. Another thread may have closed
        // it since, and its slot be a stranger's.
        if file.is_current(&lock) {
            dispatcher::set_signal(&mut lock, file.object, self.event.is_none())?;
        }
        if let Some(event) = &self.event
            && event.is_current(&lock)
        {
            dispatcher::set_signal(&mut lock, event.object, true)?;
        }
        if let Some(address) = self.routine {
            let routines = &current.context.routines;
            let number = routines.keep_io(current.id, address, self.block.address());
            routines.complete_io(current.id, number, status, information);
            let queued = apc::append(&mut lock, current.id, Queued::Kept(number), Ref::NONE);
            let queued = queued.and_then(|()| lock.commit());
            if queued.is_err() {
                routines.take(current.id, number);
            }
            return queued;
        }
        lock.commit()
    }
}

/// Gives a request an asynchronous way to report. What was resolved for the call is counted for the request.
pub(crate) fn make_overlapped(
    lock: &mut Txn<'static>,
    current: &Current,
    request: &Request,
    report: Report,
    buffer: Option<ReadBuffer>,
) -> Result<()> {
    if let Some(event) = &report.event {
        if !event.is_current(lock) {
            return Err(Status::INVALID_HANDLE);
        }
        request.event.set(lock, event.reference.index());
        request.event_generation.set(lock, generation_of(event.state));
        object::retain(lock, event.object);
    }
    let routines = &current.context.routines;
    let address = report.block.address();
    let routine = report.routine.map(|routine| routines.keep_io(current.id, routine, address));
    request.routine.set(lock, routine.unwrap_or(0));
    request.block.set(lock, report.block.address() as u64);
    request.flags.set(lock, if report.no_packet { flag::NO_PACKET } else { 0 });
    let routine = routine.map(|number| (current.id, number));
    let local = current.context.deliveries.keep(Local { buffer, block: report.block, routine });
    request.local.set(lock, local);
    Ok(())
}
