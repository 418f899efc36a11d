//! Who is calling: the process's attachment to its namespace, and the calling thread's seat.

use core::time::Duration;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::arena::file::{AttachError, Directory, Place};
use crate::arena::fork::{ForkMark, Joining, Published};
use crate::arena::seat::{Life, Seat, SeatId};
use crate::arena::{Arena, Ref, Txn, futex};
use crate::file::Files;
use crate::handle::Untaken;
use crate::io::Deliveries;
use crate::keeper::Watchers;
use crate::process::children::Children;
use crate::process::heritage;
use crate::records::{Process, Thread};
use crate::routines::Routines;
use crate::section::Views;
use crate::status::{Result, Status};
use crate::thread::Made;
use crate::{death, dispatcher, file, handle, keeper, process, thread};

/// The process's attachment. Made once and kept until the process ends.
pub(crate) struct Context {
    pub(crate) arena: &'static Arena,
    pub(crate) process: Ref<Process>,
    /// What `process` refers to.
    record: &'static Process,
    /// Where the arena's file is.
    pub(crate) place: Place,
    mark: ForkMark,
    /// Number of the seat of the thread that ends the process; 0 while nobody does.
    leaver: AtomicU32,
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
        place: Place,
        mark: ForkMark,
    ) -> Result<&'static Self> {
        Ok(Box::leak(Box::new(Context {
            arena,
            process,
            record: arena.get(process)?,
            place,
            mark,
            leaver: AtomicU32::new(0),
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

/// The calling thread.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    pub(crate) context: &'static Context,
    pub(crate) seat: Ref<Seat>,
    pub(crate) id: SeatId,
    pub(crate) seat_record: &'static Seat,
    pub(crate) thread: &'static Thread,
}

/// The attachment of this process, or of one that it descends from.
static CONTEXT: Published<Context> = Published::nothing();

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
    /// Gets the thread up from its seat when it ends.
    static LEAVER: Leaver = const { Leaver };
}

struct Leaver;

impl Drop for Leaver {
    fn drop(&mut self) {
        let Some(current) = CURRENT.with(Cell::get) else { return };
        // The first thread's locals are destroyed when the process ends, and then its exit code is the thread's: the exit
        // handler does the rest.
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
        // Fails while the thread's locals are being destroyed: then the thread's death does what the leaver would have.
        let _ = LEAVER.try_with(|_| ());
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
    /// Windows ends the other threads of a process before it closes its handles. Here they cannot be ended, but they can
    /// be kept from seeing what is closed.
    #[inline]
    pub(crate) fn stay_if_leaving(&self) {
        let leaver = self.context.leaver.load(Ordering::Relaxed);
        if leaver != 0 && leaver != self.seat.index() {
            loop {
                std::thread::park();
            }
        }
    }

    /// Whether this is the thread that ends the process.
    pub(crate) fn is_leaver(&self) -> bool {
        self.context.leaver.load(Ordering::Relaxed) == self.seat.index()
    }

    /// Takes the arena's lock.
    #[inline(always)]
    pub(crate) fn begin(&self) -> Result<Txn<'static>> {
        self.stay_if_leaving();
        match self.arena().try_lock(self.seat_record, self.id) {
            Some(transaction) => Ok(transaction),
            None => self.begin_contended(),
        }
    }

    #[cold]
    fn begin_contended(&self) -> Result<Txn<'static>> {
        let taken = self.arena().lock(self.seat_record, self.id, None)?;
        let (transaction, recovered) = taken.ok_or(Status::ARENA_CORRUPT)?;
        Ok(self.begun(transaction, recovered))
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

/// Attaches the process to its namespace, if it is not yet.
///
/// # Errors
/// The directory belongs to somebody else or is open to others; the kernel or a sandbox refuses `futex_waitv`; there is
/// no memory.
pub(crate) fn attach() -> core::result::Result<&'static Context, AttachError> {
    if let Some(context) = attached() {
        return Ok(context);
    }
    let cannot_mark = |error| AttachError::system("cannot mark the process", error);
    let _joining = Joining::begin().map_err(cannot_mark)?;
    if let Some(context) = attached() {
        return Ok(context);
    }
    if let Some(parent) = CONTEXT.get() {
        parent.files.abandon();
    }
    let context = join(ForkMark::new().map_err(cannot_mark)?)?;
    CONTEXT.set(context);
    Ok(context)
}

/// The process's attachment, if it has one.
pub(crate) fn attached() -> Option<&'static Context> {
    CONTEXT.get().filter(|context| context.mark.is_same_process())
}

/// Joins the namespace: finds or makes its arena, takes a process record, and starts the keeper.
fn join(mark: ForkMark) -> core::result::Result<&'static Context, AttachError> {
    futex::wait_many_works().map_err(|error| {
        AttachError::system(
            "the kernel or a sandbox refuses futex_waitv, which winipc needs (Linux 5.16 or later)",
            error,
        )
    })?;
    // Before anything is in the arena: that there can be no more threads is what fails most.
    let keeper = keeper::prepare()?;
    let directory = Directory::lock()?;
    let arena = match directory.open()? {
        Some(arena) if arena.is_of_this_boot() && is_inhabited(&arena) => arena,
        Some(abandoned) => {
            abandoned.unmap();
            directory.remove();
            directory.create()?
        }
        None => directory.create()?,
    };
    for sibling in directory.siblings() {
        eprintln!(
            "winipc: another version of winipc uses this namespace ({}); the two do not see each other's objects",
            sibling.display()
        );
    }
    let no_room = |status: Status| match status {
        Status::NOT_SUPPORTED => AttachError::new(
            "the process was made by a raw clone system call, so that the C library does not know its thread",
        ),
        _ => AttachError::new(format!("no room for the process in the arena ({status})")),
    };
    let arena: &'static Arena = Box::leak(Box::new(arena));
    // From now on there may be something left of the process, should it be killed: the keepers see to it.
    keeper::call_all(arena);
    process::free_unborn(arena);
    let heritage = heritage::take_over(arena);
    let process = match &heritage {
        Some(heritage) => heritage.record,
        None => process::claim_record(arena).map_err(no_room)?,
    };
    let context = Context::keep(arena, process, directory.place(), mark).map_err(no_room)?;
    if let Some(heritage) = heritage {
        file::inheritance::take_over(context, &heritage.belongings);
        context.untaken.note(arena, context.record);
    }
    // The thread that attaches sits down before the directory is unlocked: from then on the arena is inhabited.
    let joined = sit_down_for(context)
        .and_then(|current| {
            let _ = LEAVER.try_with(|_| ());
            process::join(current)?;
            thread::take_first(&current)
        })
        .and_then(|()| keeper.start(context));
    if let Err(status) = joined {
        take_back_join(context);
        // What it has from its parent goes with the handles.
        context.files.abandon();
        if !is_inhabited(arena) && directory.names(arena) {
            directory.remove();
        }
        return Err(no_room(status));
    }
    process::leave_at_exit();
    drop(directory);
    Ok(context)
}

/// Clears away what a join that has failed has left.
fn take_back_join(context: &'static Context) {
    match CURRENT.with(Cell::take) {
        Some(current) => death::take_back_join(current),
        None => process::free_record(context.process_record()),
    }
}

/// Attaches the calling thread to an arena of its own on plain memory, for tests. Another seat plays the keeper.
#[cfg(test)]
pub(crate) fn attach_in_memory() -> Current {
    let arena: &'static Arena = Box::leak(Box::new(Arena::in_memory()));
    let process = process::claim_record(arena).unwrap();
    // Files of sections have names of their own; there is none of the arena.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let place = Place::for_test(&format!("memory-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    let context = Context::keep(arena, process, place, ForkMark::new().unwrap()).unwrap();
    let current = sit_down_for(context).unwrap();
    process::join(current).unwrap();
    let keeper = context.arena.take_seat(process.index(), |_| Ok(())).unwrap();
    context.process_record().keeper.store(keeper.index());
    current
}

/// Has another process begin to join the arena and fail before it has a keeper, for tests.
#[cfg(test)]
pub(crate) fn fail_to_join(arena: &'static Arena) {
    let process = process::claim_record(arena).unwrap();
    let context = Context::keep(arena, process, Place::default(), ForkMark::new().unwrap()).unwrap();
    let current = sit_down_for(context).unwrap();
    process::join(current).unwrap();
    take_back_join(context);
}

/// Attaches the calling thread to the arena that another thread of the test has made.
#[cfg(test)]
pub(crate) fn join_in_memory(context: &'static Context) -> Current {
    sit_down_for(context).unwrap()
}

/// Whether any process that has joined the arena lives, or one that is to find there what it inherits.
pub(crate) fn is_inhabited(arena: &Arena) -> bool {
    has_members(arena) || heritage::has_heir(arena)
}

/// Whether any process that has joined the arena lives.
pub(crate) fn has_members(arena: &Arena) -> bool {
    arena.seats().any(|(_, seat)| seat.life() == Life::Alive)
}

/// Ends what others can see of the calling thread. It makes no more calls.
pub(crate) fn get_up() {
    if let Ok(current) = current() {
        CURRENT.with(|cell| cell.set(None));
        death::end_own_thread(current);
    }
}

/// Leaves the namespace at the process's normal end.
pub(crate) fn leave() {
    let Some(context) = attached() else { return };
    let Ok(current) = current() else { return };
    let Ok(directory) = Directory::lock_again(&context.place) else { return };
    context.leaver.store(current.seat.index(), Ordering::Relaxed);
    death::close_own_process(current);
    // A process that has left before and not ended yet does not stay.
    let stays = |seat: &Seat| {
        let process = context.arena.get::<Process>(Ref::from_index(seat.process()));
        seat.life() == Life::Alive
            && process.is_ok_and(|process| process.claim.load() == process::claim::ATTACHED)
    };
    let others = context.arena.seats().any(|(_, seat)| stays(seat));
    if !others && !heritage::has_heir(context.arena) && directory.names(context.arena) {
        directory.remove();
    }
}

/// The keeper's own seat, taken by the keeper when it starts.
pub(crate) fn keeper_current(context: &'static Context) -> Result<Current> {
    sit_down_for(context)
}
