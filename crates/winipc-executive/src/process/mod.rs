//! Processes: their records and objects.

pub(crate) mod children;
mod creation;
pub(crate) mod exit_code;
pub(crate) mod heritage;
pub(crate) mod identity;
mod program;
pub mod standard;

use core::time::Duration;

use crate::arena::seat::Life;
use crate::arena::{Arena, Ref, Txn};
use crate::context::{self, Current, current};
use crate::dispatcher::{self, signal};
use crate::handle::{self, Handle, resolve};
use crate::object;
use crate::records::{Kind, Object, Process};
use crate::status::{Result, Status};
use crate::{access, death, thread};

pub use creation::{Console, Created, Creation, Inherited, create};
pub use program::find as find_program;
pub(crate) use standard::from_word as standard_from_word;

/// Exit code of what has not ended.
pub(crate) const STILL_ACTIVE: u32 = 259;

/// The process's record and its generation.
pub(crate) const RECORD: usize = 0;
pub(crate) const GENERATION: usize = 1;
pub(crate) const ID: usize = 2;
pub(crate) const EXIT_CODE: usize = 3;

/// Values of a record's claim.
pub(crate) mod claim {
    /// Nobody's.
    pub(crate) const FREE: u32 = 0;
    /// A process is joining or leaving with it, or being buried.
    pub(crate) const TAKEN: u32 = 1;
    /// A process has joined with it.
    pub(crate) const ATTACHED: u32 = 2;
    /// The process is dead, and buried or about to be; its seats and the record itself are still to be freed.
    pub(crate) const BURIED: u32 = 3;
    /// A process was made, or is being made, and has not joined. The number of its parent's record is above.
    const PREPARED: u32 = 4;
    /// A process joins with the record that its parent has made for it.
    pub(crate) const JOINING: u32 = 5;
    const PARENT_SHIFT: u32 = 8;

    /// The claim of a process that another has made, or whose end that one watches for.
    pub(crate) fn prepared(parent: Ref<Process>) -> u32 {
        PREPARED | parent.index() << PARENT_SHIFT
    }

    /// Who made a process that has not joined, or watches for its end.
    pub(crate) fn parent(claim: u32) -> Option<Ref<Process>> {
        let state = claim & ((1 << PARENT_SHIFT) - 1);
        (state == PREPARED).then(|| Ref::from_index(claim >> PARENT_SHIFT))
    }

    /// Whether a process can be found and given handles.
    pub(crate) fn is_there(claim: u32) -> bool {
        claim == ATTACHED || is_heir(claim)
    }

    /// Whether a process has been made, or is being made, and has not joined.
    pub(crate) fn is_heir(claim: u32) -> bool {
        claim == JOINING || parent(claim).is_some()
    }

    use super::{Process, Ref};
}

/// Id of the calling process.
pub fn id() -> u32 {
    std::process::id()
}

/// Tells the calling process from those that it descends from by `fork`, whose handles are none of its: they have other
/// numbers. 0 where the system has no room for a page that tells.
#[inline]
pub fn identity() -> u64 {
    crate::arena::fork::identity().unwrap_or(0)
}

/// Id of the calling thread as the system knows it.
pub(crate) fn system_thread_id() -> u32 {
    crate::arena::system::system_thread_id()
}

/// Takes a free process record for the calling process. The caller holds the directory's lock.
pub(crate) fn claim_record(arena: &Arena) -> Result<Ref<Process>> {
    let reference = claim_free_record(arena, claim::TAKEN)?;
    arena.get(reference)?.id.store(id());
    Ok(reference)
}

/// Takes a free process record, whose words say nothing of a process yet.
fn claim_free_record(arena: &Arena, claim: u32) -> Result<Ref<Process>> {
    for number in 1.. {
        arena.ensure_processes(number)?;
        let reference = Ref::from_index(number as u32);
        let process: &Process = arena.get(reference)?;
        if process.claim.load() == claim::FREE && process.claim.compare_exchange(claim::FREE, claim).is_ok() {
            let generation = process.generation.fetch_add(1).wrapping_add(1);
            process.exit_code.store(exit_code::unsaid(generation));
            return Ok(reference);
        }
    }
    Err(Status::INSUFFICIENT_RESOURCES)
}

/// Gives a record up that has nothing any more.
pub(crate) fn free_record(process: &Process) {
    for word in [&process.keeper, &process.id, &process.id_namespace, &process.doorbell, &process.mailbox] {
        word.store(0);
    }
    for word in [&process.exit_code, &process.born, &process.started] {
        word.store(0);
    }
    process.generation.fetch_add(1);
    process.claim.store(claim::FREE);
}

/// Frees the records of processes that died so early in joining that they have no thread whose death can be seen. The
/// caller holds the directory's lock, so nobody is joining.
pub(crate) fn free_unborn(arena: &Arena) {
    for (reference, process) in all(arena) {
        let own_seats = || arena.seats().filter(|(_, seat)| seat.process() == reference.index());
        if process.claim.load() != claim::TAKEN
            || process.keeper.load() != 0
            || process.object.peek() != 0
            || own_seats().any(|(_, seat)| seat.life() != Life::Absent)
        {
            continue;
        }
        for (number, _) in own_seats() {
            arena.clear_seat(number);
        }
        free_record(process);
    }
}

/// Makes the calling process's object, unless its parent has.
pub(crate) fn join(current: Current) -> Result<()> {
    let process = current.process();
    let mut lock = current.begin()?;
    if process.object.get(&lock) == 0 {
        make_object(&mut lock, current.context.process, process)?;
    }
    name_object(&mut lock, process)?;
    lock.commit()?;
    process.claim.store(claim::ATTACHED);
    Ok(())
}

/// Makes the object of a process.
fn make_object(lock: &mut Txn<'_>, record: Ref<Process>, process: &Process) -> Result<Ref<Object>> {
    let reference = object::allocate(lock, Kind::Process, signal::MANUAL)?;
    let object: &Object = lock.arena().get(reference)?;
    object.body[RECORD].set(lock, u64::from(record.index()));
    object.body[GENERATION].set(lock, u64::from(process.generation.load()));
    object.body[ID].set(lock, 0);
    object.body[EXIT_CODE].set(lock, u64::from(STILL_ACTIVE));
    object::retain(lock, object);
    process.object.set(lock, reference.index());
    Ok(reference)
}

/// Has the objects of a process, and of its first thread if that is here already, tell its id.
fn name_object(lock: &mut Txn<'_>, process: &Process) -> Result<()> {
    let id = u64::from(process.id.load());
    let object: &Object = lock.arena().get(Ref::from_index(process.object.get(lock)))?;
    object.body[ID].set(lock, id);
    if let Some(thread) = Ref::<Object>::from_index(process.first_thread.get(lock)).some() {
        // The id of a process's first thread is the process's.
        lock.arena().get(thread)?.body[thread::ID].set(lock, id);
    }
    Ok(())
}

/// Signals the object of a process that has ended and lets go of it.
pub(crate) fn ended(lock: &mut Txn<'_>, process: &Process) -> Result<()> {
    let code = exit_code::of_dead(process);
    if let Some(thread) = Ref::<Object>::from_index(process.first_thread.get(lock)).some() {
        process.first_thread.set(lock, 0);
        thread::object_ended(lock, thread, code)?;
    }
    let Some(reference) = Ref::<Object>::from_index(process.object.get(lock)).some() else { return Ok(()) };
    let object = lock.arena().get(reference)?;
    object.body[EXIT_CODE].set(lock, u64::from(code));
    process.object.set(lock, 0);
    for word in &process.standard {
        word.set(lock, 0);
    }
    process.charge.set(lock, 0);
    process.closed_file.set(lock, 0);
    dispatcher::set_signal(lock, object, true)?;
    object::release(lock, reference)
}

/// The exit code of a process that ends or has ended; `None` while it goes on.
pub(crate) fn exit_code_if_over(arena: &Arena, process: &Process) -> Option<u32> {
    let has_said = exit_code::of(process).is_some();
    let is_over = has_said || process.claim.load() != claim::ATTACHED || death::is_dead(arena, process);
    is_over.then(|| exit_code::of_dead(process))
}

/// The record of the process that an object stands for.
///
/// # Errors
/// [`Status::PROCESS_IS_TERMINATING`]: the process is gone and buried.
pub(crate) fn record_of<'a>(arena: &'a Arena, object: &Object) -> Result<&'a Process> {
    let process: &Process = arena.get(Ref::from_index(object.body[RECORD].peek() as u32))?;
    if u64::from(process.generation.load()) == object.body[GENERATION].peek()
        && claim::is_there(process.claim.load())
    {
        Ok(process)
    } else {
        Err(Status::PROCESS_IS_TERMINATING)
    }
}

/// All records with a process.
pub(crate) fn all(arena: &Arena) -> impl Iterator<Item = (Ref<Process>, &Process)> {
    (1..arena.process_limit()).filter_map(|number| {
        let reference = Ref::from_index(number);
        let process: &Process = arena.get(reference).ok()?;
        (process.claim.load() != claim::FREE).then_some((reference, process))
    })
}

/// Id of the process that a handle names.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no process. [`Status::ACCESS_DENIED`]: the handle
/// lacks PROCESS_QUERY_LIMITED_INFORMATION.
pub fn id_of(process: Handle) -> Result<u32> {
    let found = resolve(&current()?, process)?.require(Kind::Process, 0)?;
    require_query(found.access)?;
    Ok(found.object.body[ID].peek() as u32)
}

fn require_query(access: u32) -> Result<()> {
    if access & (access::PROCESS_QUERY_INFORMATION | access::PROCESS_QUERY_LIMITED_INFORMATION) == 0 {
        return Err(Status::ACCESS_DENIED);
    }
    Ok(())
}

/// The process with an id; of several, each in a process id namespace of its own, the one in the caller's.
pub(crate) fn with_id<'a>(current: &Current, lock: &Txn<'a>, id: u32) -> Option<&'a Process> {
    let own = current.process().id_namespace.load();
    all(lock.arena())
        .map(|(_, process)| process)
        .filter(|process| claim::is_there(process.claim.load()) && process.id.load() == id && id != 0)
        .min_by_key(|process| process.id_namespace.load() != own)
}

/// Opens a process by its id, if it is attached to the namespace or was made by one that is. Of several that have the
/// id, each in a process id namespace of its own, it is the one in the caller's.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: no such living process has the id. [`Status::ACCESS_DENIED`]:
/// nothing was asked for, or a right that processes do not have.
///
/// # References
/// - `docs/conformance.md`, 13.2
pub fn open(id: u32, desired: u32, inherit: bool) -> Result<Handle> {
    let current = current()?;
    death::bury_the_dead(&current);
    let mut lock = current.begin()?;
    let reference = with_id(&current, &lock, id)
        .map(|process| Ref::from_index(process.object.get(&lock)))
        .filter(|object: &Ref<Object>| !object.is_none())
        .ok_or(Status::INVALID_PARAMETER)?;
    let access = access::grant(Kind::Process, desired)?;
    let handle = handle::insert(&mut lock, current.process(), reference, access, inherit)?;
    lock.commit()?;
    Ok(handle)
}

/// The exit code of the process that a handle names; 259 while it runs.
///
/// A process that was killed without saying how it ends has the exit code 1.
///
/// # Errors
/// As [`id_of`].
pub fn exit_code(process: Handle) -> Result<u32> {
    let current = current()?;
    death::bury_the_dead(&current);
    let found = resolve(&current, process)?.require(Kind::Process, 0)?;
    require_query(found.access)?;
    Ok(found.object.body[EXIT_CODE].peek() as u32)
}

/// Ends the calling process with an exit code, of which the system keeps the low eight bits and winipc all.
pub fn exit(code: u32) -> ! {
    if let Ok(current) = current() {
        exit_code::say(current.process(), code);
    }
    std::process::exit(code as i32)
}

/// Ends a process, with an exit code for those who ask. It is gone a little later.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no process. [`Status::ACCESS_DENIED`]: the handle
/// lacks PROCESS_TERMINATE, the process has ended already, it has its id in another process id namespace than the
/// caller, or the system refuses.
pub fn terminate(process: Handle, code: u32) -> Result<()> {
    let current = current()?;
    let arena = current.arena();
    let found = resolve(&current, process)?.require(Kind::Process, access::PROCESS_TERMINATE)?;
    let record = record_of(arena, found.object).map_err(|_| Status::ACCESS_DENIED)?;
    let target = identity::find(&current, record).ok_or(Status::ACCESS_DENIED)?;
    let before = record.exit_code.load();
    // It still is what the handle names, and so is what was found.
    if death::is_dead(arena, record) || record_of(arena, found.object).is_err() {
        return Err(Status::ACCESS_DENIED);
    }
    // Without the lock: a thread of the process may be stopped with that in hand.
    let code = exit_code::with_code(before, code);
    let has_said = record.exit_code.compare_exchange(before, code).is_ok();
    if target.kill() {
        return Ok(());
    }
    if has_said {
        // What it says itself when it ends is its exit code.
        let _ = record.exit_code.compare_exchange(code, before);
    }
    Err(Status::ACCESS_DENIED)
}

/// Has the process leave its namespace when it ends normally.
pub(crate) fn leave_at_exit() {
    crate::arena::system::at_exit(|code| {
        // A forked child that has not joined has nothing to leave, and is not to join now.
        if context::attached().is_none() {
            return;
        }
        if let Ok(current) = current() {
            // What the process said itself has more bits than what it told the system.
            exit_code::say_if_unsaid(current.process(), code.map_or(0, |code| code as u32));
        }
        context::leave();
    });
}

/// How many handles are closed under one hold of the lock when a process ends.
pub(crate) const HANDLES_AT_A_TIME: u32 = 32;

/// How long a keeper waits before it looks again at a process that is dying.
pub(crate) const DYING_INTERVAL: Duration = Duration::from_millis(10);
