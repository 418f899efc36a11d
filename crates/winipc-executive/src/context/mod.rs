//! Who is calling: the process's attachment to its namespace, and the calling thread's seat.

mod attachment;
#[cfg(test)]
mod for_test;

use core::time::Duration;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use attachment::{attach, attached, has_members, is_inhabited, leave};
#[cfg(test)]
pub(crate) use for_test::{attach_in_file, attach_in_memory, begin_to_exit, join_in_memory, visit};

use crate::arena::fork::ForkMark;
use crate::arena::place::Place;
use crate::arena::seat::{Seat, SeatId};
use crate::arena::{Arena, Ref, Txn};
use crate::file::Files;
use crate::handle::Untaken;
use crate::io::Deliveries;
use crate::keeper::Watchers;
use crate::process::children::Children;
use crate::records::{Process, Thread};
use crate::routines::Routines;
use crate::section::Views;
use crate::status::{Result, Status};
use crate::thread::Made;
use crate::{death, dispatcher, handle, keeper, process, thread};

/// The process's attachment. Made once and kept until the process ends.
pub(crate) struct Context {
    pub(crate) arena: &'static Arena,
    pub(crate) process: Ref<Process>,
    /// What `process` refers to.
    record: &'static Process,
    /// Where the arena's file is.
    pub(crate) place: Arc<Place>,
    mark: ForkMark,
    /// Number of the seat of the thread that ends the process; 0 while nobody does.
    exiting_seat: AtomicU32,
    pub(crate) deliveries: Deliveries,
    pub(crate) files: Files,
    pub(crate) untaken: Untaken,
    pub(crate) routines: Routines,
    pub(crate) watchers: Watchers,
    pub(crate) views: Views,
    pub(crate) children: Children,
    pub(crate) made: Made,
}

impl Context {
    /// An attachment that lasts as long as the process.
    fn keep(
        arena: &'static Arena,
        process: Ref<Process>,
        place: Arc<Place>,
        mark: ForkMark,
    ) -> Result<&'static Self> {
        Ok(Box::leak(Box::new(Context {
            arena,
            process,
            record: arena.get(process)?,
            place,
            mark,
            exiting_seat: AtomicU32::new(0),
            deliveries: Deliveries::default(),
            files: Files::default(),
            untaken: Untaken::default(),
            routines: Routines::default(),
            watchers: Watchers::default(),
            views: Views::default(),
            children: Children::default(),
            made: Made::default(),
        })))
    }

    pub(crate) fn process_record(&self) -> &'static Process {
        self.record
    }
}

/// The calling thread. The order of the fields matters as that of [`handle::Found`]'s; the record that the fewest calls
/// use comes last, for its address is copied in two pieces.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Current {
    pub(crate) context: &'static Context,
    pub(crate) seat: Ref<Seat>,
    pub(crate) id: SeatId,
    pub(crate) thread: &'static Thread,
    pub(crate) seat_record: &'static Seat,
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
    /// Gets the thread up from its seat when it ends.
    static SEAT_GUARD: SeatGuard = const { SeatGuard };
}

struct SeatGuard;

impl Drop for SeatGuard {
    fn drop(&mut self) {
        let Some(current) = CURRENT.with(Cell::get) else { return };
        // The first thread's locals are destroyed when the process ends, and then its exit code is the thread's: the
        // exit handler does the rest.
        if current.context.mark.is_same_process() && !current.is_first() {
            CURRENT.with(Cell::take);
            death::end_own_thread(current);
        }
    }
}

/// The calling thread, attached if it was not.
///
/// # Errors
/// [`Status::ARENA_UNAVAILABLE`]: the process cannot attach; [`attach`] says why.
#[inline]
pub(crate) fn current() -> Result<Current> {
    match CURRENT.with(Cell::get) {
        Some(current) if current.context.mark.is_same_process() => Ok(current),
        _ => {
            sit_down()?;
            // Not handed over by the call: what only comes from here stays in registers.
            CURRENT.with(Cell::get).ok_or(Status::ARENA_UNAVAILABLE)
        }
    }
}

#[cold]
fn sit_down() -> Result<()> {
    CURRENT.with(|cell| cell.set(None));
    let context = attach().map_err(|error| error.status())?;
    // The thread that attaches its process has sat down already.
    if CURRENT.with(Cell::get).is_none() {
        let current = sit_down_for(context)?;
        thread::take_first(&current)?;
        // The keeper watches this thread too from now on.
        keeper::doorbell(current.process()).ring();
        // Fails while the thread's locals are being destroyed: then the thread's death does what the guard would have.
        let _ = SEAT_GUARD.try_with(|_| ());
    }
    Ok(())
}

fn sit_down_for(context: &'static Context) -> Result<Current> {
    // The thread's record is filled in before the seat says that its thread lives.
    let occupy = |seat: Ref<Seat>| -> Result<()> {
        let thread = context.arena.thread_at(seat)?;
        thread.id.store(process::system_thread_id());
        thread.exit_code.store(0);
        context.arena.get(seat)?.wake.0.store(thread.wait.peek());
        Ok(())
    };
    let seat = context.arena.take_seat(context.process.index(), occupy)?;
    let seat_record = context.arena.get(seat)?;
    let thread = context.arena.thread_at(seat)?;
    let current = Current { context, seat, id: seat_record.id(seat), seat_record, thread };
    handle::forget_recent();
    CURRENT.with(|cell| cell.set(Some(current)));
    Ok(current)
}

impl Arena {
    /// The record of the thread that has a seat.
    pub(crate) fn thread_at(&self, seat: Ref<Seat>) -> Result<&Thread> {
        self.ensure_threads(seat.index() as usize)?;
        self.get(Ref::from_index(seat.index()))
    }
}

impl Current {
    pub(crate) fn arena(&self) -> &'static Arena {
        self.context.arena
    }

    pub(crate) fn process(&self) -> &'static Process {
        self.context.process_record()
    }

    /// Whether it is the process's first thread.
    fn is_first(&self) -> bool {
        self.thread.id.load() == self.process().id.load()
    }

    /// Returns only while the process goes on, or to the thread that ends it.
    ///
    /// Windows ends the other threads of a process before it closes its handles. Here they cannot be ended, but they
    /// can be kept from seeing what is closed.
    #[inline]
    pub(crate) fn halt_if_exiting(&self) {
        if self.is_process_exiting() && !self.exits_process() {
            halt();
        }
    }

    /// Whether the process ends.
    #[inline]
    pub(crate) fn is_process_exiting(&self) -> bool {
        self.context.exiting_seat.load(Ordering::Relaxed) != 0
    }

    /// Whether this is the thread that ends the process.
    #[inline]
    pub(crate) fn exits_process(&self) -> bool {
        self.context.exiting_seat.load(Ordering::Relaxed) == self.seat.index()
    }

    /// Takes the arena's lock.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Result<Txn<'static>> {
        match self.arena().try_lock(self.seat_record, self.id) {
            // With the lock: who ends the process closes nothing meanwhile, and has closed nothing before.
            Some(transaction) if !self.is_process_exiting() => Ok(transaction),
            Some(transaction) => Ok(self.begin_exiting(transaction)),
            None => self.begin_contended(),
        }
    }

    #[cold]
    fn begin_contended(&self) -> Result<Txn<'static>> {
        let taken = self.arena().lock(self.seat_record, self.id, None)?;
        let (transaction, recovered) = taken.ok_or(Status::ARENA_CORRUPT)?;
        let transaction = self.begun(transaction, recovered);
        Ok(if self.is_process_exiting() { self.begin_exiting(transaction) } else { transaction })
    }

    /// Lets those go on with a transaction who end the process, or bury others for it: they look at no handle of its.
    #[cold]
    fn begin_exiting(&self, transaction: Txn<'static>) -> Txn<'static> {
        let is_keeper = self.process().keeper.load() == self.seat.index();
        if !is_keeper && !self.exits_process() && !self.context.children.are_watched_by(self.seat) {
            drop(transaction);
            halt();
        }
        transaction
    }

    /// Takes the arena's lock, unless a living thread holds it for longer than `patience`.
    pub(crate) fn begin_within(&self, patience: Duration) -> Result<Option<Txn<'static>>> {
        let taken = self.arena().lock(self.seat_record, self.id, Some(patience))?;
        Ok(taken.map(|(transaction, recovered)| self.begun(transaction, recovered)))
    }

    fn begun(&self, transaction: Txn<'static>, recovered: bool) -> Txn<'static> {
        if recovered {
            dispatcher::announce_again(&transaction);
            self.arena().wake_lock_sleepers();
        }
        transaction
    }
}

/// The calling thread does nothing more: its process ends.
#[cold]
fn halt() -> ! {
    loop {
        std::thread::park();
    }
}

/// The keeper's own seat, taken by the keeper when it starts.
pub(crate) fn keeper_current(context: &'static Context) -> Result<Current> {
    sit_down_for(context)
}

/// Ends what others can see of the calling thread. It makes no more calls.
pub(crate) fn get_up() {
    if let Ok(current) = current() {
        CURRENT.with(|cell| cell.set(None));
        death::end_own_thread(current);
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// It did what it wanted to do with the process's handles closed.
    #[test]
    fn who_waits_for_the_lock_when_the_process_exits_does_nothing_more() {
        let current = attach_in_memory();
        let context = current.context;
        let lock = current.begin().unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let current = join_in_memory(context);
            tell.send(process::system_thread_id()).unwrap();
            drop(current.begin());
            tell.send(0).unwrap();
        });
        let stat = format!("/proc/self/task/{}/stat", told.recv().unwrap());
        let is_asleep = || {
            let stat = std::fs::read_to_string(&stat).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
        };
        while !is_asleep() {
            std::thread::yield_now();
        }
        begin_to_exit(&current);
        lock.commit().unwrap();
        // For so long that it has been woken and is halted, or has gone on.
        let mut looks = 0;
        while looks < 1000 && told.try_recv().is_err() {
            looks = if is_asleep() { looks + 1 } else { 0 };
        }
        assert_eq!(looks, 1000, "it went on");
    }
}
