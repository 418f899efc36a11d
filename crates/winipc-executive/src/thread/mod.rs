//! Thread objects. They are made when somebody first asks for one.

mod creation;

use crate::access;
use crate::arena::seat::SeatId;
use crate::arena::{Ref, Txn, futex};
use crate::context::{Current, current};
use crate::dispatcher;
use crate::handle::{self, Handle, resolve};
use crate::object;
use crate::process::{self, STILL_ACTIVE, system_thread_id};
use crate::records::{Kind, Object, Process, Thread};
use crate::status::{Result, Status};

pub use creation::{Body, Creation, create};
pub(crate) use creation::{Made, end_in_place, end_with};

pub use crate::arena::escape::exit_thread as exit;

/// The thread's [`SeatId`].
const SEAT: usize = 0;
pub(crate) const ID: usize = 1;
pub(crate) const EXIT_CODE: usize = 2;

/// Id of the calling thread.
pub fn id() -> u32 {
    system_thread_id()
}

/// Id of the thread that a handle names.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no thread. [`Status::ACCESS_DENIED`]: the handle lacks
/// THREAD_QUERY_LIMITED_INFORMATION.
pub fn id_of(thread: Handle) -> Result<u32> {
    let found = resolve(&current()?, thread)?.require(Kind::Thread, 0)?;
    require_query(found.access)?;
    Ok(found.object.body[ID].peek() as u32)
}

fn require_query(access: u32) -> Result<()> {
    if access & (access::THREAD_QUERY_INFORMATION | access::THREAD_QUERY_LIMITED_INFORMATION) == 0 {
        return Err(Status::ACCESS_DENIED);
    }
    Ok(())
}

/// Opens a thread by its id in the caller's process id namespace: an attached one, or the first one of a process that
/// was made and has not attached.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: no such thread of the namespace has the id. [`Status::ACCESS_DENIED`]: nothing was
/// asked for, or a right that threads do not have.
pub fn open(id: u32, desired: u32, inherit: bool) -> Result<Handle> {
    let current = current()?;
    let mut lock = current.begin()?;
    let arena = lock.arena();
    let is_it = |number: u32| {
        let thread = arena.get::<Thread>(Ref::from_index(number));
        thread.is_ok_and(|thread| thread.id.load() == id && id != 0)
    };
    // The first thread of a process may have a seat and not have taken yet the object that was made for it.
    let namespace = current.process().id_namespace.load();
    let is_near = |process: u32| {
        arena.get::<Process>(Ref::from_index(process)).is_ok_and(|it| it.id_namespace.load() == namespace)
    };
    let prepared = process::with_id(&current, &lock, id)
        .filter(|process| process.id_namespace.load() == namespace)
        .map(|process| process.first_thread.get(&lock));
    let reference = match prepared.and_then(|object| Ref::from_index(object).some()) {
        Some(reference) => reference,
        None => {
            let (number, seat) = arena
                .seats()
                .find(|(number, seat)| seat.is_open() && is_it(number.index()) && is_near(seat.process()))
                .ok_or(Status::INVALID_PARAMETER)?;
            object_for(&mut lock, seat.id(number))?
        }
    };
    let access = access::grant(Kind::Thread, desired)?;
    let handle = handle::insert(&mut lock, current.process(), reference, access, inherit)?;
    lock.commit()?;
    Ok(handle)
}

/// The exit code of the thread that a handle names; 259 while it runs.
///
/// # Errors
/// As [`id_of`].
pub fn exit_code(thread: Handle) -> Result<u32> {
    let found = resolve(&current()?, thread)?.require(Kind::Thread, 0)?;
    require_query(found.access)?;
    Ok(found.object.body[EXIT_CODE].peek() as u32)
}

/// The seat of the thread that an object stands for.
pub(crate) fn seat_of(object: &Object) -> SeatId {
    SeatId(object.body[SEAT].peek() as u32)
}

/// The calling thread's object.
pub(crate) fn own_object(current: &Current) -> Result<Ref<Object>> {
    // Not peeked at: somebody else may be making it, and not come to commit it.
    let mut lock = current.begin()?;
    let reference = object_for(&mut lock, current.id)?;
    lock.commit()?;
    Ok(reference)
}

/// The object of a thread, made if there is none.
fn object_for(lock: &mut Txn<'_>, id: SeatId) -> Result<Ref<Object>> {
    let arena = lock.arena();
    let thread: &Thread = arena.get(Ref::from_index(id.seat().index()))?;
    if let Some(reference) = Ref::from_index(thread.object.get(lock)).some() {
        return Ok(reference);
    }
    let reference = object::allocate(lock, Kind::Thread, dispatcher::signal::MANUAL)?;
    let object: &Object = arena.get(reference)?;
    object.suspended.store(0);
    object.body[SEAT].set(lock, u64::from(id.0));
    object.body[ID].set(lock, u64::from(thread.id.load()));
    object.body[EXIT_CODE].set(lock, u64::from(STILL_ACTIVE));
    object::retain(lock, object);
    thread.object.set(lock, reference.index());
    Ok(reference)
}

/// Makes the object of the first thread of a process that is being made, which has to be resumed `suspended` times.
pub(crate) fn prepare_first(lock: &mut Txn<'_>, process: &Process, suspended: u32) -> Result<Ref<Object>> {
    let reference = object::allocate(lock, Kind::Thread, dispatcher::signal::MANUAL)?;
    let object: &Object = lock.arena().get(reference)?;
    object.suspended.store(suspended);
    object.body[SEAT].set(lock, 0);
    object.body[ID].set(lock, 0);
    object.body[EXIT_CODE].set(lock, u64::from(STILL_ACTIVE));
    object::retain(lock, object);
    process.first_thread.set(lock, reference.index());
    Ok(reference)
}

/// Gives the calling thread the object that its process's parent made for it, if it is the first thread.
pub(crate) fn take_first(current: &Current) -> Result<()> {
    let process = current.process();
    if process.first_thread.peek() == 0 || system_thread_id() != process.id.load() {
        return Ok(());
    }
    let mut lock = current.begin()?;
    let Some(reference) = Ref::<Object>::from_index(process.first_thread.get(&lock)).some() else {
        return Ok(());
    };
    lock.arena().get(reference)?.body[SEAT].set(&mut lock, u64::from(current.id.0));
    process.first_thread.set(&mut lock, 0);
    current.thread.object.set(&mut lock, reference.index());
    lock.commit()
}

/// Set in the word that counts how often a thread is to be resumed, while it may sleep for that.
const ASLEEP: u32 = 1 << 31;

/// Lets a thread run that was made suspended. Returns how often it had to be resumed before this call; 0 if it runs.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no thread. [`Status::ACCESS_DENIED`]: the handle lacks
/// THREAD_SUSPEND_RESUME.
pub fn resume(thread: Handle) -> Result<u32> {
    let current = current()?;
    let found = resolve(&current, thread)?.require(Kind::Thread, access::THREAD_SUSPEND_RESUME)?;
    let lock = current.begin()?;
    if !found.is_current(&lock) {
        return Err(Status::INVALID_HANDLE);
    }
    let suspended = &found.object.suspended;
    let word = suspended.load();
    let count = word & !ASLEEP;
    if count != 0 {
        suspended.store(word - 1);
    }
    lock.commit()?;
    if count != 0 {
        futex::wake(suspended, u32::MAX);
    }
    Ok(count)
}

/// Wakes a thread that was resumed by one who may have died before waking it.
pub(crate) fn wake_again(lock: &Txn<'_>, thread: &Thread) {
    let object = Ref::<Object>::from_index(thread.object.get(lock)).some();
    if let Some(object) = object.and_then(|object| lock.arena().get(object).ok())
        && object.suspended.load() == ASLEEP
    {
        futex::wake(&object.suspended, u32::MAX);
    }
}

/// Signals the object of a thread that has ended, if it has one, and lets go of it. Where the whole process has ended,
/// its exit code is the thread's.
pub(crate) fn ended(lock: &mut Txn<'_>, thread: &Thread, process: &Process) -> Result<()> {
    let Some(reference) = Ref::<Object>::from_index(thread.object.get(lock)).some() else { return Ok(()) };
    thread.object.set(lock, 0);
    let code = match process::exit_code_if_over(lock.arena(), process) {
        Some(code) => code,
        None => thread.exit_code.load(),
    };
    object_ended(lock, reference, code)
}

/// Signals the object of a thread that has ended and lets go of it.
pub(crate) fn object_ended(lock: &mut Txn<'_>, reference: Ref<Object>, code: u32) -> Result<()> {
    let object = lock.arena().get(reference)?;
    object.body[EXIT_CODE].set(lock, u64::from(code));
    dispatcher::set_signal(lock, object, true)?;
    object::release(lock, reference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{attach_in_memory, join_in_memory};
    use crate::death;
    use crate::inspect::check_arena;

    /// Who opened it then had an object that nobody signaled, and that was never freed.
    #[test]
    fn a_first_thread_that_is_joining_has_one_object() {
        let current = attach_in_memory();
        let process = current.process();
        process.id.store(id());
        let mut lock = current.begin().unwrap();
        let prepared = prepare_first(&mut lock, process, 0).unwrap();
        lock.commit().unwrap();
        let opened = open(id(), access::all(Kind::Thread), false).unwrap();
        take_first(&current).unwrap();
        assert_eq!(own_object(&current), Ok(prepared));
        assert_eq!(resolve(&current, opened).unwrap().reference, prepared);
        assert_eq!(check_arena(&current), []);
    }

    /// The thread that had the object's place by then was resumed.
    #[test]
    #[cfg(not(miri))]
    fn a_thread_that_is_gone_is_not_resumed() {
        let current = attach_in_memory();
        let make = |lock: &mut Txn<'_>| {
            let object = prepare_first(lock, current.process(), 1).unwrap();
            current.process().first_thread.set(lock, 0);
            object
        };
        let mut lock = current.begin().unwrap();
        let gone = make(&mut lock);
        let handle = handle::insert(&mut lock, current.process(), gone, access::all(Kind::Thread), false);
        let handle = handle.unwrap();
        lock.commit().unwrap();
        let mut lock = current.begin().unwrap();
        let context = current.context;
        let (tell, told) = std::sync::mpsc::channel();
        let resuming = std::thread::spawn(move || {
            let current = join_in_memory(context);
            tell.send(system_thread_id()).unwrap();
            let resumed = resume(handle);
            death::end_own_thread(current);
            resumed
        });
        let id = told.recv().unwrap();
        // It has found the object, and now waits for the lock.
        let is_asleep = || {
            let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
        };
        while !is_asleep() && !resuming.is_finished() {
            std::thread::yield_now();
        }
        object_ended(&mut lock, gone, 0).unwrap();
        handle::close_some(&mut lock, &current, current.process(), 1).unwrap();
        let next = make(&mut lock);
        lock.commit().unwrap();
        assert_eq!(resuming.join().unwrap(), Err(Status::INVALID_HANDLE));
        assert_eq!(next, gone);
        assert_eq!(current.arena().get(next).unwrap().suspended.load(), 1);
    }

    /// The object of a transaction that is rolled back later was taken for the thread's.
    #[test]
    fn an_object_that_is_not_committed_is_nobodys() {
        let current = attach_in_memory();
        let mut lock = current.begin().unwrap();
        object_for(&mut lock, current.id).unwrap();
        // The lock is asked for, which here is held already.
        assert_eq!(own_object(&current), Err(Status::ARENA_CORRUPT));
        drop(lock);
        let own = own_object(&current).unwrap();
        assert_eq!(own_object(&current), Ok(own));
    }
}
