//! How descriptors get from process to process when handles are duplicated: over Unix sockets.
//!
//! A process that is sent a descriptor has a mailbox: a datagram socket with a name in the namespace's directory. It
//! opens it when somebody asks for it, by a word of its record and its keeper's doorbell, and its keeper looks into it
//! when the bell rings. So the target of a duplication need not do anything for it, and what lies in its mailbox
//! outlives its sender.
//!
//! The handle is entered first, and the descriptor sent then: whoever finds a descriptor in a mailbox sees by its own
//! table whether it is to keep it, and nothing is left open in a process that has no handle to it, whenever who sent it
//! was killed.
//!
//! A process that has a handle and no descriptor, since it had not joined when it was given the handle, or since who
//! gave it was killed in the middle, asks the others that have a handle when it first needs it.
//!
//! Nobody waits for longer than the process lives that it waits for. Words of a process's record say what it has to do,
//! and whoever buries the dead rings for them again.

mod message;

use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

pub(crate) use message::Identity;
use message::{Address, Message};

use super::{status_of, table};
use crate::arena::kept::Kept;
use crate::arena::mailbox;
use crate::arena::{Arena, Ref, futex};
use crate::context::Current;
use crate::process::claim;
use crate::records::Process;
use crate::status::{Result, Status};
use crate::{death, handle, keeper, process};

/// Values of [`Process::mailbox`](crate::records::Process::mailbox).
mod state {
    /// Nobody has asked for it.
    pub(super) const NONE: u32 = 0;
    /// Somebody waits until it is open.
    pub(super) const WANTED: u32 = 1;
    pub(super) const OPEN: u32 = 2;
    /// It could not be opened. Whoever asks next has it tried again.
    pub(super) const FAILED: u32 = 3;
}

/// How long who waits for another process sleeps before it looks whether that still lives.
const INTERVAL: Duration = Duration::from_millis(10);
/// Intervals after which a request that was not answered is sent again, to another that may answer it if there is one.
const PATIENCE: u32 = 10;

/// The calling process's mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Held while messages are taken, so that who finds none knows that all are seen to.
    socket: Mutex<Option<Kept>>,
    last_number: AtomicU32,
    /// The requests that threads of this process wait for, and what they were answered.
    answers: Mutex<HashMap<u32, Option<Status>>>,
    answered: Condvar,
}

impl Mailbox {
    fn socket(&self) -> MutexGuard<'_, Option<Kept>> {
        self.socket.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<u32, Option<Status>>> {
        self.answers.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Closes what a forked child has of it.
    pub(super) fn abandon(&self) {
        if let Ok(mut socket) = self.socket.try_lock() {
            *socket = None;
        }
    }
}

/// A process that takes part in a duplication.
#[derive(Clone, Copy)]
pub(crate) struct Party {
    process: &'static Process,
    address: Address,
}

impl Party {
    /// The process that has a record now.
    pub(crate) fn new(arena: &Arena, process: &'static Process) -> Self {
        let generation = process.generation.load();
        Party { process, address: Address { process: arena.index_of(process).index(), generation } }
    }

    fn is_own(&self, current: &Current) -> bool {
        core::ptr::eq(self.process, current.process())
    }

    /// Whether it is there to be asked: a process that its parent has made, and that has not called the library yet, is
    /// not.
    fn has_joined(&self) -> bool {
        self.process.keeper.load() != 0
    }

    /// Whether it can still do what it is asked for: one that ends does not.
    fn lives(&self, arena: &Arena) -> bool {
        self.process.generation.load() == self.address.generation
            && claim::is_there(self.process.claim.load())
            && !death::is_dead(arena, self.process)
    }
}

/// Does what others have asked of the calling process. Its keeper does so when its bell rings.
pub(super) fn attend(current: &Current) {
    if current.process().mailbox.load() == state::WANTED {
        let _ = open(current);
    }
    receive(current);
}

/// Opens the calling process's mailbox.
fn open(current: &Current) -> Result<()> {
    // Who has it may have been halted for good when this thread began to end the process.
    if current.exits_process() {
        return Err(Status::PROCESS_IS_TERMINATING);
    }
    let word = &current.process().mailbox;
    let mut socket = current.context.files.mailbox.socket();
    if socket.is_some() {
        return Ok(());
    }
    // Whoever buries the process removes the name if this says that there may be one.
    word.store(state::WANTED);
    let own = Party::new(current.arena(), current.process());
    let directory = current.context.place.directory();
    let opened = directory.and_then(|directory| mailbox::open(directory, &own.address.name(current.arena())));
    let opened = opened.and_then(|socket| Kept::of(socket.into()));
    word.store(if opened.is_ok() { state::OPEN } else { state::FAILED });
    futex::wake(word, u32::MAX);
    *socket = Some(opened.map_err(|error| status_of(&error))?);
    Ok(())
}

/// Removes the name of a dead or leaving process's mailbox. Nobody else's has the name, so it does not matter who else
/// does it, or when. Not under the lock: a file system may be slow.
pub(crate) fn remove_name(current: &Current, process: Ref<Process>, generation: u32) {
    debug_assert_ne!(current.arena().lock_holder(), Some(current.id), "everybody waits for the file system");
    let address = Address { process: process.index(), generation };
    if current.arena().get(process).is_ok_and(|process| process.mailbox.load() != state::NONE)
        && let Ok(directory) = current.context.place.directory()
    {
        mailbox::remove(directory, address.name(current.arena()).as_ref());
    }
}

/// Has a process open its mailbox, and waits until it has.
fn ask(current: &Current, party: &Party) -> Result<()> {
    while !ask_patiently(current, party)? {}
    Ok(())
}

/// The same, for so long as a process that runs may take. False: it has not opened it yet.
fn ask_patiently(current: &Current, party: &Party) -> Result<bool> {
    if party.is_own(current) {
        return open(current).map(|()| true);
    }
    let word = &party.process.mailbox;
    let mut intervals = 0;
    while intervals < PATIENCE {
        if !party.lives(current.arena()) {
            return Err(Status::PROCESS_IS_TERMINATING);
        }
        match word.load() {
            state::OPEN => return Ok(true),
            state::FAILED => {
                let _ = word.compare_exchange(state::FAILED, state::NONE);
                return Err(Status::INSUFFICIENT_RESOURCES);
            }
            state::NONE => {
                let _ = word.compare_exchange(state::NONE, state::WANTED);
            }
            state::WANTED => {
                keeper::doorbell(party.process).ring();
                futex::wait_for(word, state::WANTED, INTERVAL);
                intervals += 1;
            }
            _ => return Err(Status::ARENA_CORRUPT),
        }
    }
    Ok(false)
}

/// Makes sure that a process can be sent descriptors. One that has not joined cannot: it fetches what it needs when it
/// has.
///
/// # Errors
/// [`Status::PROCESS_IS_TERMINATING`]: it has ended. [`Status::INSUFFICIENT_RESOURCES`]: a mailbox cannot be opened.
pub(crate) fn prepare(current: &Current, to: &Party) -> Result<()> {
    if to.has_joined() { ask(current, to) } else { Ok(()) }
}

/// Passes the descriptor of an object to a process that has just been given a handle: the calling process's own, or
/// that of the process from which the handle was duplicated, or of any other that has a handle.
///
/// # Errors
/// As [`prepare`]. [`Status::FILE_INVALID`]: nobody has the descriptor.
pub(crate) fn hand_over(current: &Current, from: &Party, to: &Party, object: Identity) -> Result<()> {
    if !to.has_joined() {
        return Ok(());
    }
    ask(current, to)?;
    let files = &current.context.files;
    let find = || files.get(object);
    let own = find().or_else(|| {
        receive(current);
        find()
    });
    match own {
        Some(descriptor) => push(current, to, object, &descriptor),
        None => request_from(current, Some(*from), to, object),
    }
}

/// Gets the descriptor of an object to which the calling process has a handle from another that has one.
///
/// # Errors
/// As [`hand_over`].
pub(super) fn fetch(current: &Current, object: Identity) -> Result<()> {
    request_from(current, None, &Party::new(current.arena(), current.process()), object)
}

/// Sends a descriptor.
fn push(current: &Current, to: &Party, object: Identity, descriptor: &OwnedFd) -> Result<()> {
    while let Err(error) = send(current, to.address, Message::Descriptor(object), Some(descriptor)) {
        if !is_for_later(&error) {
            return Err(failed_to_send(&error));
        }
        keeper::doorbell(to.process).ring();
        std::thread::sleep(INTERVAL);
        // It may have none open any more, and be asked for one again.
        ask_patiently(current, to)?;
    }
    keeper::doorbell(to.process).ring();
    Ok(())
}

/// Has one of those send a descriptor who may have it: one of whom that is known, and then the others. Waits as long as
/// one of them lives and does not answer, which may be stopped; another that has it does not wait for that.
fn request_from(current: &Current, known: Option<Party>, to: &Party, object: Identity) -> Result<()> {
    let arena = current.arena();
    let has_handle = |process: &Process| handle::files_of(arena, process).any(|other| other == object.object);
    let is_asked = |party: &Party| party.has_joined() && !party.is_own(current);
    // Also when it is buried meanwhile: that it has ended is the answer then.
    let known = known.filter(is_asked);
    loop {
        let holders = process::all(arena).filter(|(_, process)| has_handle(process));
        let holders = holders.map(|(_, process)| Party::new(arena, process)).filter(is_asked);
        let (mut result, mut may_answer) = (Err(Status::FILE_INVALID), false);
        for from in known.into_iter().chain(holders) {
            match request(current, &from, to, object) {
                Ok(true) => return Ok(()),
                Ok(false) => may_answer = true,
                Err(status) if !to.lives(arena) => return Err(status),
                Err(status) => result = Err(status),
            }
        }
        if !may_answer {
            return result;
        }
    }
}

/// Has another process send a descriptor, and waits for so long as one that runs may take. False: it has not answered.
fn request(current: &Current, from: &Party, to: &Party, object: Identity) -> Result<bool> {
    if !ask_patiently(current, from)? {
        return Ok(false);
    }
    open(current)?;
    let own = &current.context.files.mailbox;
    let number = own.last_number.fetch_add(1, Ordering::Relaxed);
    let answer_to = Party::new(current.arena(), current.process()).address;
    let message = Message::Request { object, to: to.address, number, answer_to };
    own.answers().insert(number, None);
    let answer = match send(current, from.address, message, None) {
        Err(error) if !is_for_later(&error) => Err(failed_to_send(&error)),
        _ => {
            keeper::doorbell(from.process).ring();
            wait_for_answer(current, number, from, to)
        }
    };
    own.answers().remove(&number);
    answer
}

fn wait_for_answer(current: &Current, number: u32, from: &Party, to: &Party) -> Result<bool> {
    let own = &current.context.files.mailbox;
    for _ in 0..PATIENCE {
        let mut answers = own.answers();
        if answers.get(&number).copied().flatten().is_none() {
            let waited = own.answered.wait_timeout(answers, INTERVAL);
            answers = waited.unwrap_or_else(|poison| poison.into_inner()).0;
        }
        if let Some(status) = answers.get(&number).copied().flatten() {
            return if status == Status::SUCCESS { Ok(true) } else { Err(status) };
        }
        drop(answers);
        if !from.lives(current.arena()) || !to.lives(current.arena()) {
            return Err(Status::PROCESS_IS_TERMINATING);
        }
    }
    Ok(false)
}

fn send(current: &Current, to: Address, message: Message, descriptor: Option<&OwnedFd>) -> io::Result<()> {
    let descriptor = descriptor.map(AsFd::as_fd);
    let directory = current.context.place.directory()?;
    mailbox::send(directory, &to.name(current.arena()), &message.words(), descriptor)
}

/// Whether there is no room in the mailbox now, or nobody has it open: its process has ended, or its program has closed
/// it, and it is opened again when the bell rings.
fn is_for_later(error: &io::Error) -> bool {
    [io::ErrorKind::WouldBlock, io::ErrorKind::ConnectionRefused].contains(&error.kind())
        || error.raw_os_error() == Some(libc::ETOOMANYREFS)
}

fn failed_to_send(error: &io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::NotFound => Status::PROCESS_IS_TERMINATING,
        _ => status_of(error),
    }
}

/// Takes all messages out of the calling process's mailbox.
pub(super) fn receive(current: &Current) {
    if current.process().mailbox.load() != state::OPEN || current.exits_process() {
        return;
    }
    let mut own = current.context.files.mailbox.socket();
    let Some(kept) = &*own else { return };
    let Ok(socket) = kept.get(|| Err(io::ErrorKind::NotFound.into())) else {
        // The program has closed it. What was in it is asked for again.
        *own = None;
        drop(own);
        let _ = open(current);
        return;
    };
    while let Ok(Some((words, descriptor))) = mailbox::receive(socket) {
        match (Message::from_words(words), descriptor) {
            (Some(Message::Descriptor(object)), Some(descriptor)) => {
                keep_if_wanted(current, object, descriptor);
            }
            (Some(Message::Request { object, to, number, answer_to }), _) => {
                // Where there is no room now, for the descriptor or the answer, the request comes again.
                if let Some(status) = serve(current, object, to)
                    && send(current, answer_to, Message::Answer { number, status }, None).is_ok()
                {
                    ring(current, answer_to);
                }
            }
            (Some(Message::Answer { number, status }), _) => {
                let own = &current.context.files.mailbox;
                if let Some(answer) = own.answers().get_mut(&number) {
                    *answer = Some(status);
                }
                own.answered.notify_all();
            }
            _ => {}
        }
    }
}

/// Keeps a descriptor if the calling process has a handle to its object, and closes it otherwise.
pub(crate) fn keep_if_wanted(current: &Current, object: Identity, descriptor: OwnedFd) {
    let Ok(lock) = current.begin() else { return };
    let is_same = Identity::of(current.arena(), object.object) == Ok(object);
    let surplus = if is_same && table::has_handle(&lock, current, object.object) {
        current.context.files.keep(object, descriptor)
    } else {
        Some(descriptor)
    };
    // It is closed without the lock.
    drop(lock);
    drop(surplus);
}

/// Sends the descriptor of an object to somebody, for somebody. `None`: there was no room for it.
fn serve(current: &Current, object: Identity, to: Address) -> Option<Status> {
    let Some(descriptor) = current.context.files.get(object) else {
        return Some(Status::FILE_INVALID);
    };
    match send(current, to, Message::Descriptor(object), Some(&descriptor)) {
        Ok(()) => {
            ring(current, to);
            Some(Status::SUCCESS)
        }
        Err(error) if is_for_later(&error) => None,
        Err(error) => Some(failed_to_send(&error)),
    }
}

fn ring(current: &Current, address: Address) {
    if let Ok(process) = current.arena().get(Ref::<Process>::from_index(address.process)) {
        keeper::doorbell(process).ring();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::context::{attach_in_memory, join_in_memory};

    /// Its keeper does nothing any more, and whoever asked waited until the process was gone.
    #[test]
    fn one_that_leaves_is_not_waited_for() {
        let current = attach_in_memory();
        let other: &'static Process =
            current.arena().get(process::claim_record(current.arena()).unwrap()).unwrap();
        let party = Party::new(current.arena(), other);
        assert_eq!(ask_patiently(&current, &party), Err(Status::PROCESS_IS_TERMINATING));
        other.claim.store(claim::ATTACHED);
        assert_eq!(ask_patiently(&current, &party), Ok(false));
    }

    /// Whoever waited for the mailbox used a processor for as long as the other process lived.
    #[test]
    fn a_word_of_noise_is_no_state_of_a_mailbox() {
        let context = attach_in_memory().context;
        let other: &'static Process =
            context.arena.get(process::claim_record(context.arena).unwrap()).unwrap();
        other.claim.store(claim::ATTACHED);
        other.mailbox.store(77);
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let current = join_in_memory(context);
            let asked = ask(&current, &Party::new(current.arena(), other));
            death::end_own_thread(current);
            tell.send(asked)
        });
        // Else it never ends.
        assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(Err(Status::ARENA_CORRUPT)));
    }
}
