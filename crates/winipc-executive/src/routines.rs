//! Routines that stay in their process: addresses of code, and what they are called with.
//!
//! The arena holds a number instead, which is looked up when the call is due. A neighbour that writes over the arena
//! can so have a routine run at a wrong time or never, but only one that the process has named itself, for the very
//! thread that it was named for, and each as often as it is due.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use crate::apc::{Apc, Routine};
use crate::arena::seat::SeatId;
use crate::status::Status;

/// A process's routines. They belong to the attachment: a forked child has none of its parent's.
///
/// The table's lock is taken inside the arena's, never the other way about.
#[derive(Debug, Default)]
pub(crate) struct Routines(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// The last number that was given; each is given once.
    last: u64,
    /// By thread, those that run once.
    once: HashMap<u32, HashMap<u64, Once>>,
    /// Those of timers, with the thread that runs them.
    timers: HashMap<u64, (SeatId, Routine)>,
}

#[derive(Debug)]
enum Once {
    User(Routine),
    Io {
        address: usize,
        /// Address of the status block, which the routine is told.
        block: usize,
        /// How the request ended; `None` until that is delivered, for before it the routine is not due.
        result: Option<(Status, usize)>,
    },
}

impl Routines {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Keeps the routine of a call that is being queued to a thread.
    pub(crate) fn keep_user(&self, thread: SeatId, routine: Routine) -> u64 {
        self.tables().keep(thread, Once::User(routine))
    }

    /// Keeps the routine of a request that a thread issues.
    pub(crate) fn keep_io(&self, thread: SeatId, address: usize, block: usize) -> u64 {
        self.tables().keep(thread, Once::Io { address, block, result: None })
    }

    /// The request of a routine has ended so, and its caller's memory says it: the routine may run.
    pub(crate) fn complete_io(&self, thread: SeatId, number: u64, status: Status, information: usize) {
        let mut tables = self.tables();
        let kept = tables.once.get_mut(&thread.0).and_then(|kept| kept.get_mut(&number));
        if let Some(Once::Io { result, .. }) = kept {
            *result = Some((status, information));
        }
    }

    /// Keeps a timer's routine, which may run again and again.
    pub(crate) fn keep_timer(&self, thread: SeatId, routine: Routine) -> u64 {
        let mut tables = self.tables();
        let number = tables.next_number();
        tables.timers.insert(number, (thread, routine));
        number
    }

    /// Takes out a call that is due to a thread, which it therefore is only once.
    pub(crate) fn take(&self, thread: SeatId, number: u64) -> Option<Apc> {
        let mut tables = self.tables();
        if let Once::Io { result: None, .. } = tables.once.get(&thread.0)?.get(&number)? {
            return None;
        }
        Some(match tables.remove(thread, number)? {
            Once::User(Routine { address, context }) => Apc::User { address, argument: context },
            Once::Io { address, block, result } => {
                let (status, information) = result?;
                Apc::Io { address, status, information, block }
            }
        })
    }

    /// Forgets a call that has not come to be.
    pub(crate) fn forget(&self, thread: SeatId, number: u64) {
        self.tables().remove(thread, number);
    }

    /// The routine of a timer that a thread has set.
    pub(crate) fn timer(&self, thread: SeatId, number: u64) -> Option<Routine> {
        let tables = self.tables();
        tables.timers.get(&number).filter(|(setter, _)| *setter == thread).map(|(_, routine)| *routine)
    }

    pub(crate) fn has_timers(&self) -> bool {
        !self.tables().timers.is_empty()
    }

    /// Forgets the routines of all other timers: those were stopped, set anew or closed, by whichever process.
    pub(crate) fn retain_timers(&self, set: &HashSet<u64>) {
        self.tables().timers.retain(|number, _| set.contains(number));
    }

    /// Forgets the calls of a thread that has ended. Its timers have been stopped.
    pub(crate) fn thread_ended(&self, thread: SeatId) {
        self.tables().once.remove(&thread.0);
    }

    /// How many calls and timers' routines there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        let tables = self.tables();
        (tables.once.values().map(HashMap::len).sum(), tables.timers.len())
    }
}

impl Tables {
    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn keep(&mut self, thread: SeatId, call: Once) -> u64 {
        let number = self.next_number();
        self.once.entry(thread.0).or_default().insert(number, call);
        number
    }

    fn remove(&mut self, thread: SeatId, number: u64) -> Option<Once> {
        let kept = self.once.get_mut(&thread.0)?;
        let call = kept.remove(&number);
        if kept.is_empty() {
            self.once.remove(&thread.0);
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Ref;
    use crate::arena::block::BlockRef;
    use crate::arena::layout::{BLOCK_CLASSES, Region};
    use crate::context::{Current, attach_in_memory, join_in_memory};
    use crate::handle::Handle;
    use crate::inspect::check_arena;
    use crate::object::Attributes;
    use crate::records::Process;
    use crate::timer::{self, Setting};
    use crate::{apc, death, handle};

    /// No number that the arena would hold by chance.
    const ADDRESS: usize = 0x5A5A_1234_5678_9ABC;
    const ROUTINE: Routine = Routine { address: ADDRESS, context: !ADDRESS };
    const NEVER: i64 = -1_000_000_000_000;

    fn set_timer(due: i64) -> Handle {
        let (timer, _) = timer::create(&Attributes::default(), 0x1F_0003, false).unwrap();
        timer::set(timer, &Setting { due, period_ms: 0, routine: Some(ROUTINE) }).unwrap();
        timer
    }

    /// Does what the keeper does when it is rung.
    fn run_timers(current: &Current) {
        let mut lock = current.begin().unwrap();
        timer::run_routines(&mut lock, current).unwrap();
        lock.commit().unwrap();
    }

    fn call_of_timer() -> Option<Routine> {
        match apc::take() {
            Some(Apc::Timer { address, argument, .. }) => Some(Routine { address, context: argument }),
            None => None,
            Some(other) => panic!("{other:?}"),
        }
    }

    /// Addresses lay in the arena: a neighbour that wrote over it could send a thread anywhere.
    #[test]
    fn what_a_neighbour_writes_into_a_queue_is_no_address_that_is_called() {
        let current = attach_in_memory();
        let arena = current.arena();
        let first = || BlockRef(current.thread.first_apc.peek());
        for queue in [
            || apc::queue(Handle::CURRENT_THREAD, ADDRESS, 1).unwrap(),
            || {
                set_timer(-1);
                run_timers(&crate::context::current().unwrap());
            },
        ] {
            // Each word of the call by itself, and all.
            for words in [0..1, 1..2, 2..3, 3..4, 0..4] {
                for noise in [0_u64, 1, 2, 3, ADDRESS as u64 + 1, u64::MAX] {
                    queue();
                    let mut bytes = [0; 32];
                    arena.copy_out(first(), 0, &mut bytes).unwrap();
                    let before = bytes;
                    for word in words.clone() {
                        bytes[word * 8..][..8].copy_from_slice(&noise.to_ne_bytes());
                    }
                    arena.copy_in(first(), &bytes).unwrap();
                    assert_eq!(apc::take().is_some(), bytes == before, "{before:?}\n{bytes:?}");
                    assert!(!apc::is_pending(&current));
                }
            }
        }
    }

    /// The same: they are not there to be written over at all.
    #[test]
    fn no_address_of_this_process_is_in_the_arena() {
        let current = attach_in_memory();
        let arena = current.arena();
        apc::queue(Handle::CURRENT_THREAD, ADDRESS, !ADDRESS).unwrap();
        let timer = set_timer(-1);
        run_timers(&current);
        for class in 0..BLOCK_CLASSES {
            for index in 1..arena.committed(Region::Block as usize + class) as u32 {
                let block = BlockRef::new(class, index);
                let mut bytes = vec![0; crate::arena::Arena::block_room(block)];
                arena.copy_out(block, 0, &mut bytes).unwrap();
                for word in bytes.chunks_exact(8) {
                    let word = usize::from_ne_bytes(word.try_into().unwrap());
                    assert!(word != ADDRESS && word != !ADDRESS);
                }
            }
        }
        let timer = handle::look_up(&current, timer).unwrap().object;
        assert!(
            timer.body.iter().all(|word| word.peek() != ADDRESS as u64 && word.peek() != !ADDRESS as u64)
        );
        assert_eq!(apc::take(), Some(Apc::User { address: ADDRESS, argument: !ADDRESS }));
        assert_eq!(call_of_timer(), Some(ROUTINE));
    }

    #[test]
    fn a_call_that_has_run_does_not_run_again() {
        let current = attach_in_memory();
        apc::queue(Handle::CURRENT_THREAD, ADDRESS, 1).unwrap();
        let block = current.thread.first_apc.peek();
        let mut bytes = [0; 32];
        current.arena().copy_out(BlockRef(block), 0, &mut bytes).unwrap();
        assert!(apc::take().is_some());
        // The same number once more, in a call that is whole.
        let number = u64::from_ne_bytes(bytes[8..16].try_into().unwrap());
        let mut lock = current.begin().unwrap();
        apc::append(&mut lock, current.id, apc::Queued::Kept(number), Ref::NONE).unwrap();
        lock.commit().unwrap();
        assert_eq!(apc::take(), None);
        assert_eq!(check_arena(&current), []);
    }

    /// Where a thread is of another process, the address goes through the arena, and is what was queued.
    #[test]
    fn a_call_of_another_process_keeps_its_address() {
        let current = attach_in_memory();
        let mut lock = current.begin().unwrap();
        let call = apc::Queued::Foreign { address: ADDRESS as u64, argument: 7 };
        apc::append(&mut lock, current.id, call, Ref::NONE).unwrap();
        lock.commit().unwrap();
        assert_eq!(apc::take(), Some(Apc::User { address: ADDRESS, argument: 7 }));
        assert_eq!(current.context.routines.count(), (0, 0));
    }

    #[test]
    fn timers_that_are_set_anew_cancelled_or_closed_leave_no_routine() {
        let current = attach_in_memory();
        let routines = &current.context.routines;
        let timers = [(); 4].map(|()| set_timer(NEVER));
        for _ in 0..3 {
            timer::set(timers[0], &Setting { due: NEVER, period_ms: 1, routine: Some(ROUTINE) }).unwrap();
        }
        timer::set(timers[1], &Setting { due: NEVER, period_ms: 0, routine: None }).unwrap();
        timer::cancel(timers[2]).unwrap();
        handle::close(timers[3]).unwrap();
        let process: &Process = current.process();
        assert_ne!(process.doorbell.load(), 0, "the keeper was not rung");
        run_timers(&current);
        assert_eq!(routines.count(), (0, 1));
        // A stopped timer's routine is gone for good.
        timer::cancel(timers[0]).unwrap();
        run_timers(&current);
        assert_eq!(routines.count(), (0, 0));
        assert_eq!(check_arena(&current), []);
    }

    #[test]
    fn a_thread_that_ends_leaves_no_routine() {
        let current = attach_in_memory();
        let context = current.context;
        std::thread::spawn(move || {
            let current = join_in_memory(context);
            for _ in 0..3 {
                apc::queue(Handle::CURRENT_THREAD, ADDRESS, 1).unwrap();
            }
            set_timer(NEVER);
            context.routines.keep_io(current.id, ADDRESS, 1);
            assert_eq!(context.routines.count(), (4, 1));
            death::end_own_thread(current);
        })
        .join()
        .unwrap();
        run_timers(&current);
        assert_eq!(context.routines.count(), (0, 0));
        assert_eq!(check_arena(&current), []);
    }

    /// Before its request is delivered a completion routine must not run: the buffer is the system's until then.
    #[test]
    fn a_completion_routine_is_due_when_its_request_is_delivered() {
        let current = attach_in_memory();
        let routines = &current.context.routines;
        let number = routines.keep_io(current.id, ADDRESS, 5);
        assert_eq!(routines.take(current.id, number), None);
        routines.complete_io(current.id, number, Status::CANCELLED, 3);
        let call = Apc::Io { address: ADDRESS, status: Status::CANCELLED, information: 3, block: 5 };
        assert_eq!(routines.take(current.id, number), Some(call));
        assert_eq!(routines.take(current.id, number), None);
        assert_eq!(routines.count(), (0, 0));
    }

    /// Where more than some 1,000 timers were due at once, none of their routines ever ran; and a thread that ended
    /// with more of them queued could not be buried.
    #[test]
    fn any_number_of_timers_is_due_at_once_and_ends_with_its_thread() {
        let current = attach_in_memory();
        let end = || {
            let mut lock = current.begin().unwrap();
            let more = timer::thread_ended(&mut lock, current.process(), current.id).unwrap();
            lock.commit().unwrap();
            more
        };
        let timers: Vec<_> = (0..3000).map(|_| set_timer(-1)).collect();
        run_timers(&current);
        assert_eq!(check_arena(&current), []);
        // From the front, the middle and the end of the queue.
        for timer in [timers[0], timers[1500], timers[2999]] {
            timer::cancel(timer).unwrap();
            assert_eq!(check_arena(&current), []);
        }
        assert_eq!((0..).take_while(|_| call_of_timer().is_some()).count(), 2997);
        for timer in timers {
            timer::set(timer, &Setting { due: -1, period_ms: 0, routine: Some(ROUTINE) }).unwrap();
        }
        run_timers(&current);
        while end() {}
        assert_eq!(call_of_timer(), None);
        assert_eq!(check_arena(&current), []);
    }
}
