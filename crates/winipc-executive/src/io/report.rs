//! How an overlapped call reports: its status block, its event and its routine.

use crate::access;
use crate::apc::{self, Queued};
use crate::arena::state::generation_of;
use crate::arena::{Ref, Txn};
use crate::context::Current;
use crate::dispatcher;
use crate::handle::{Found, Handle, look_up};
use crate::keeper;
use crate::object;
use crate::quota;
use crate::records::{Kind, Request};
use crate::status::{Result, Status};

use super::delivery::Local;
use super::request::flag;
use super::{Outcome, ReadBuffer, StatusBlock};

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
    ///
    /// # Errors
    /// As for the event. [`Status::QUOTA_EXCEEDED`]: there is a routine, and too many of the process's have not run.
    pub(crate) fn begin(current: &Current, overlapped: Overlapped) -> Result<Self> {
        if overlapped.routine.is_some() {
            quota::require(current.arena(), current.process())?;
        }
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
        // Starting made the file nonsignaled; with an event of the call's own it stays so. Another thread may have
        // closed it since, and its slot be a stranger's.
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

/// Gives a request an asynchronous way to report, and commits it to be completed later. What was resolved for the call
/// is counted for the request. With a deadline, in nanoseconds of the monotonic clock, it fails with
/// [`Status::IO_TIMEOUT`] when that has come.
pub(crate) fn pend(
    mut lock: Txn<'static>,
    current: &Current,
    request: &Request,
    report: Report,
    buffer: Option<ReadBuffer>,
    deadline: Option<u64>,
) -> Result<Outcome> {
    if let Some(event) = &report.event {
        if !event.is_current(&lock) {
            return Err(Status::INVALID_HANDLE);
        }
        request.event.set(&mut lock, event.reference.index());
        request.event_generation.set(&mut lock, generation_of(event.state));
        object::retain(&mut lock, event.object);
    }
    let routines = &current.context.routines;
    let address = report.block.address();
    let routine = report.routine.map(|routine| (current.id, routines.keep_io(current.id, routine, address)));
    request.routine.set(&mut lock, routine.map_or(0, |(_, number)| number));
    request.block.set(&mut lock, address as u64);
    if report.no_packet {
        let flags = request.flags.get(&lock) | flag::NO_PACKET;
        request.flags.set(&mut lock, flags);
    }
    // It has to be there as soon as somebody can complete the request.
    let deliveries = &current.context.deliveries;
    let (local, is_news) = deliveries.keep(Local { buffer, block: report.block, routine, deadline });
    request.local.set(&mut lock, local);
    let committed = lock.commit();
    if committed.is_err() {
        deliveries.take(local);
        if let Some((thread, number)) = routine {
            routines.forget(thread, number);
        }
    }
    if is_news {
        keeper::doorbell(current.process()).ring();
    }
    committed.map(|()| Outcome::Pending)
}

pub(crate) fn is_failure(status: Status) -> bool {
    status != Status::SUCCESS && status != Status::BUFFER_OVERFLOW
}

/// Ends a call that failed at once: the file stays nonsignaled.
pub(crate) fn fail(mut lock: Txn<'static>, file: &Found, status: Status) -> Result<Outcome> {
    dispatcher::set_signal(&mut lock, file.object, false)?;
    lock.commit()?;
    Err(status)
}

/// Ends a call that is done.
pub(crate) fn done(
    current: &Current,
    file: &Found,
    report: Option<Report>,
    status: Status,
    information: usize,
) -> Result<Outcome> {
    match report {
        Some(report) => report.finish(current, file, status, information)?,
        None => signal_file(current, file)?,
    }
    Ok(Outcome::Done { status, information })
}

/// A file is signaled when a call on it is done. Nearly always it is already.
fn signal_file(current: &Current, file: &Found) -> Result<()> {
    let is_set = |state: u64| crate::arena::state::value_of(state) & dispatcher::signal::SET != 0;
    if is_set(file.object.state.load()) {
        return Ok(());
    }
    let mut lock = current.begin()?;
    if file.is_current(&lock) {
        dispatcher::set_signal(&mut lock, file.object, true)?;
    }
    lock.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::journal::LONGEST_JOURNAL;
    use crate::context::attach_in_memory;
    use crate::io::{Operation, issue};

    /// What the process keeps of a request stayed when the request was not committed.
    #[test]
    fn a_request_that_is_not_committed_leaves_nothing() {
        let current = attach_in_memory();
        let file = Ref::from_index(current.process().object.peek());
        let words = Box::leak(Box::new([0_usize; 2]));
        // SAFETY: the words are never freed and nothing else uses them.
        #[allow(unsafe_code)]
        let block = unsafe { StatusBlock::new(words) };
        let report = Report { block, event: None, routine: Some(1), no_packet: false };
        let mut lock = current.begin().unwrap();
        let (_, request) = issue(&mut lock, &current, Operation::Read, file, 0).unwrap();
        for number in 1..=LONGEST_JOURNAL as u32 {
            request.offset.set(&mut lock, number);
        }
        assert_eq!(pend(lock, &current, request, report, None, None), Err(Status::INSUFFICIENT_RESOURCES));
        assert!(current.context.deliveries.is_empty());
        assert_eq!(current.context.routines.count(), (0, 0));
    }
}
