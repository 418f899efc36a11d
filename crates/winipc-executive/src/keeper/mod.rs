//! The keeper: one sleeping thread in each attached process.
//!
//! It waits for the death of other processes, of those that come after its own in the order of their records, as many
//! as the kernel lets it watch at once, so that each process is watched by several and a stopped watcher hides nobody's
//! death. It waits for the raw end of its own process's threads, with helpers where they are many, runs the routines of
//! timers, ends requests whose time has come, and delivers completed requests for those who only look at memory.

mod watchers;

use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

pub(crate) use watchers::Watchers;

use crate::arena::attach_error::AttachError;
use crate::arena::file::Directory;
use crate::arena::futex::{self, Deadline, Deadlines, MAXIMUM_WORDS, monotonic_now};
use crate::arena::seat::{Life, Seat};
use crate::arena::system;
use crate::arena::wake::Ring;
use crate::arena::{Arena, Ref};
use crate::context::{Context, Current, keeper_current};
use crate::process::{DYING_INTERVAL, claim};
use crate::records::Process;
use crate::status::{Result, Status};
use crate::{death, file, io, process, timer};

/// How many of its own process's threads a keeper watches itself. The others are its [`watchers`]'.
const OWN_THREADS: usize = 60;

/// How long a keeper waits before it looks for itself at threads that nobody watches.
const UNWATCHED_INTERVAL: Duration = Duration::from_secs(1);

/// Stack of the keeper; it is touched only as far as it is used.
const STACK: usize = 128 << 10;

/// The bell that wakes a process's keeper.
pub(crate) fn doorbell(process: &Process) -> Ring<'_> {
    Ring(&process.doorbell)
}

/// Rings again for who died before it could, or between ringing and waking.
pub(crate) fn ring_again(process: &Process) {
    if process.first_completed.peek() != 0 || process.closed_file.peek() != 0 || process.mailbox.load() != 0 {
        doorbell(process).ring();
    }
    if process.doorbell.load() & Ring::RUNG != 0 {
        futex::wake(&process.doorbell, 1);
    }
}

/// A keeper that waits to be told what it keeps. Where nobody tells it, it ends.
pub(crate) struct Starting {
    tell: SyncSender<&'static Context>,
    is_ready: Receiver<Result<()>>,
}

/// Starts the thread of the process's keeper.
pub(crate) fn prepare() -> core::result::Result<Starting, AttachError> {
    let (tell, told) = sync_channel(1);
    let (ready, is_ready) = sync_channel(1);
    let run = move || {
        let Ok(context) = told.recv() else { return };
        let current = keeper_current(context);
        if let Ok(current) = &current {
            current.process().keeper.store(current.seat.index());
        }
        let _ = ready.send(current.as_ref().map(|_| ()).map_err(|status| *status));
        if let Ok(current) = current {
            keep(&current);
        }
    };
    system::start_thread(c"winipc-keeper", STACK, run)
        .map_err(|error| AttachError::system("cannot start the keeper thread", error))?;
    Ok(Starting { tell, is_ready })
}

impl Starting {
    /// Tells the keeper what it keeps, and waits until it watches.
    ///
    /// # Errors
    /// There is no room for the keeper in the arena.
    pub(crate) fn start(self, context: &'static Context) -> Result<()> {
        let told = self.tell.send(context).map_err(|_| Status::UNSUCCESSFUL);
        told.and_then(|()| self.is_ready.recv().map_err(|_| Status::UNSUCCESSFUL)?)?;
        call_all(context.arena);
        Ok(())
    }
}

/// Has all keepers look around, for there is another process, or about to be one.
pub(crate) fn call_all(arena: &Arena) {
    let membership = &arena.header().membership.0;
    membership.fetch_add(1);
    futex::wake(membership, u32::MAX);
}

fn keep(current: &Current) {
    let process = current.process();
    let membership = &current.arena().header().membership.0;
    // The members after whose coming nothing of one that failed to come is left.
    let mut settled = None;
    loop {
        let members = membership.load();
        process.doorbell.fetch_and(!Ring::RUNG);
        let mut watched: Vec<(&AtomicU32, u32)> = Vec::with_capacity(MAXIMUM_WORDS);
        watched.push((membership.for_futex(), members));
        // First: a death wakes one keeper, and what follows may be for ever where the process ends.
        let seen = look_around(current, &mut watched);
        if matches!(seen, Ok(Seen::SomeoneDied)) {
            continue;
        }
        let timers = match current.is_process_exiting() {
            false => serve(current),
            // It buries others until it is gone.
            true => Ok(Deadlines::default()),
        };
        if settled != Some(members) && has_settled(current) {
            settled = Some(members);
        }
        let deadlines = next_look(timers, seen, settled == Some(members));
        if process.doorbell.compare_exchange(0, Ring::ASLEEP).is_err() {
            continue;
        }
        watched.push((process.doorbell.for_futex(), Ring::ASLEEP));
        futex::wait_many(&watched, deadlines.sleep());
        process.doorbell.fetch_and(!Ring::ASLEEP);
    }
}

/// Does what the process itself and others have for it to do, and says when there is more.
fn serve(current: &Current) -> Result<Deadlines> {
    io::deliver_for(current);
    file::attend(current);
    run_deadlines(current)
}

/// When to look again if nothing wakes the keeper. What has failed is tried again, but not at once: where memory was
/// short there may be some later, and in an arena that a neighbour has damaged it would burn the processor.
fn next_look(timers: Result<Deadlines>, seen: Result<Seen>, has_settled: bool) -> Deadlines {
    let interval = match seen {
        _ if timers.is_err() || !has_settled => Some(DYING_INTERVAL),
        Ok(Seen::Dying) | Err(_) => Some(DYING_INTERVAL),
        Ok(Seen::TooMany) => Some(UNWATCHED_INTERVAL),
        Ok(Seen::Quiet | Seen::SomeoneDied) => None,
    };
    let mut deadlines = timers.unwrap_or_default();
    if let Some(interval) = interval {
        deadlines.add(Deadline::Monotonic(monotonic_now() + nanoseconds(interval)));
    }
    deadlines
}

/// Clears away what is left of those who were killed while they joined. False while somebody joins or leaves.
fn has_settled(current: &Current) -> bool {
    match Directory::try_lock_at(&current.context.place) {
        Ok(None) => return false,
        Ok(Some(directory)) if directory.names(current.arena()) => {
            process::free_unborn(current.arena());
            process::children::bury_unborn(current);
        }
        // The directory is gone, or the file: nobody can join any more.
        Ok(Some(_)) | Err(_) => {}
    }
    // Nor does anybody watch one that has a thread and no keeper yet. A damaged arena is left as it is.
    death::bury_the_dead(current);
    true
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// Does what is due, and says when there is more.
fn run_deadlines(current: &Current) -> Result<Deadlines> {
    let mut deadlines = run_timers(current)?;
    if let Some(next) = io::run_deadlines(current)? {
        deadlines.add(next);
    }
    Ok(deadlines)
}

fn run_timers(current: &Current) -> Result<Deadlines> {
    if current.process().first_timer.peek() == 0 && !current.context.routines.has_timers() {
        return Ok(Deadlines::default());
    }
    let mut lock = current.begin()?;
    let deadlines = timer::run_routines(&mut lock, current)?;
    lock.commit()?;
    Ok(deadlines)
}

/// What a keeper sees when it looks around.
enum Seen {
    /// All whom it watches live.
    Quiet,
    /// There are threads of its own process that nobody watches.
    TooMany,
    /// A process has begun to die and some of its threads still run.
    Dying,
    /// Somebody had died and is buried now: look again.
    SomeoneDied,
}

/// Collects the words to sleep on, and buries whom it finds dead.
fn look_around(current: &Current, watched: &mut Vec<(&AtomicU32, u32)>) -> Result<Seen> {
    let arena = current.arena();
    let own = current.context.process;
    let mut seen = Seen::Quiet;
    let mut others = Vec::new();
    for (number, seat) in arena.seats() {
        if seat.process() != own.index() || number == current.seat {
            continue;
        }
        match (seat.life(), seat.watch()) {
            (Life::Dead, _) => {
                death::end_thread(current, number, current.process())?;
                seen = Seen::SomeoneDied;
            }
            (_, Some(value)) if watched.len() <= OWN_THREADS => watched.push((seat.life_word(), value)),
            (_, Some(_)) => others.push(number),
            _ => {}
        }
    }
    if !current.context.watchers.watch(current.context, others) && matches!(seen, Seen::Quiet) {
        seen = Seen::TooMany;
    }
    // Those after the own record first, then from the start: a ring.
    let limit = arena.process_limit();
    for number in (own.index() + 1..limit).chain(1..own.index()) {
        let reference = Ref::from_index(number);
        let process: &Process = arena.get(reference)?;
        if process.claim.load() == claim::FREE {
            continue;
        }
        if death::is_dead(arena, process) {
            match death::bury(current, reference, process) {
                Ok(true) => seen = Seen::SomeoneDied,
                // One that cannot be buried now is no reason not to look at the others.
                Ok(false) | Err(_) if !matches!(seen, Seen::SomeoneDied) => seen = Seen::Dying,
                Ok(false) | Err(_) => {}
            }
        } else if watched.len() < MAXIMUM_WORDS - 1
            && let Some(keeper) = Ref::<Seat>::from_index(process.keeper.load()).some()
            && let Ok(keeper) = arena.get(keeper)
            && let Some(value) = keeper.watch()
        {
            watched.push((keeper.life_word(), value));
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::attach_in_memory;
    #[cfg(not(miri))]
    use crate::context::{attach_in_file, begin_to_exit, join_in_memory};

    /// A routine that was due when memory was short ran only after the next death or ring.
    #[test]
    fn timers_that_failed_are_looked_at_again_soon() {
        let current = attach_in_memory();
        let mut lock = current.begin().unwrap();
        current.process().first_timer.set(&mut lock, u32::MAX);
        lock.commit().unwrap();
        let timers = run_timers(&current);
        assert!(timers.is_err());
        assert!(next_look(timers, Ok(Seen::Quiet), true).sleep().is_some());
    }

    /// It was halted when it wanted to bury, and kept the directory's lock: nobody could join.
    #[test]
    #[cfg(not(miri))]
    fn a_keeper_of_a_process_that_exits_leaves_the_directory_free() {
        let current = attach_in_file();
        // One that was killed while it joined, whom keepers bury with the directory's lock.
        let dead = process::claim_record(current.arena()).unwrap();
        let dead: &Process = current.arena().get(dead).unwrap();
        dead.claim.store(claim::JOINING);
        begin_to_exit(&current);
        let (tell, told) = sync_channel(1);
        let context = current.context;
        std::thread::spawn(move || {
            let keeper = join_in_memory(context);
            keeper.process().keeper.store(keeper.seat.index());
            // It looks often, for the directory is not free at times: other tests lock it.
            while !has_settled(&keeper) {
                std::thread::yield_now();
            }
            tell.send(())
        });
        told.recv_timeout(Duration::from_secs(20)).expect("the keeper is halted");
        Directory::lock_at(&context.place).unwrap().remove();
        assert_eq!(dead.claim.load(), claim::FREE);
    }

    /// A keeper stopped at the record, and saw no death of those behind it.
    #[test]
    fn a_record_that_names_no_keeper_there_can_be_hides_no_death() {
        let current = attach_in_memory();
        let claim =
            || -> &Process { current.arena().get(process::claim_record(current.arena()).unwrap()).unwrap() };
        let (damaged, dead) = (claim(), claim());
        damaged.keeper.store(u32::MAX);
        dead.claim.store(claim::BURIED);
        assert!(matches!(look_around(&current, &mut Vec::new()), Ok(Seen::SomeoneDied)));
        assert_eq!(dead.claim.load(), claim::FREE);
    }
}
