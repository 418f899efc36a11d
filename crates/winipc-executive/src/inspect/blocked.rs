//! Blocked threads: whom each waits for, and who cannot ever go on.

use core::time::Duration;

use super::view::{Call, ThreadId};

/// A thread that is blocked in a wait.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// Who waits.
    pub thread: ThreadId,
    /// The call that it is blocked in.
    pub call: Call,
    /// Whether asynchronous procedure calls end the wait.
    pub alertable: bool,
    /// For how long it has been blocked.
    pub blocked_for: Duration,
    /// What it waits for: indexes of [`super::Listing::objects`].
    pub objects: Vec<usize>,
    /// Whom it waits for, one after the other, until somebody who is not blocked or is in the chain already.
    pub chain: Vec<Link>,
    /// The thread waits in a circle, or for somebody who does: nothing but the end of a process, or a time-out, lets it
    /// go on. A wait for any object that has another way out, or for a procedure call, is no deadlock.
    pub is_deadlocked: bool,
}

/// One step of a chain of owners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// What is waited for: an index of [`super::Listing::objects`].
    pub object: usize,
    /// Who has to act: the owner of the mutex, or the thread whose end is waited for.
    pub owner: ThreadId,
}

/// A longer chain is not told to its end.
const MOST_LINKS: usize = 256;

/// Fills in chains and deadlocks. `owners` tells for each object who has to act for it, if that is one thread.
pub(super) fn follow(blocked: &mut [Blocked], owners: &[Option<ThreadId>]) {
    let numbers: std::collections::HashMap<ThreadId, usize> =
        blocked.iter().enumerate().map(|(number, blocked)| (blocked.thread, number)).collect();
    let blocked_owner = |object: usize| numbers.get(&owners.get(object).copied().flatten()?).copied();

    // All are taken for deadlocked until they have a way out: what is left waits for each other.
    let mut stuck = vec![true; blocked.len()];
    loop {
        let is_stuck_object = |object: &usize| blocked_owner(*object).is_some_and(|owner| stuck[owner]);
        let free = (0..blocked.len()).find(|number| {
            let thread = &blocked[*number];
            let is_stuck = !thread.alertable
                && match thread.call {
                    Call::WaitAll => thread.objects.iter().any(is_stuck_object),
                    _ => !thread.objects.is_empty() && thread.objects.iter().all(is_stuck_object),
                };
            stuck[*number] && !is_stuck
        });
        match free {
            Some(number) => stuck[number] = false,
            None => break,
        }
    }

    let chains: Vec<Vec<Link>> = (0..blocked.len())
        .map(|first| {
            let mut chain = Vec::new();
            let mut passed = Vec::new();
            let mut number = Some(first);
            while let Some(at) = number.filter(|at| !passed.contains(at) && passed.len() < MOST_LINKS) {
                passed.push(at);
                let owned = || {
                    blocked[at]
                        .objects
                        .iter()
                        .filter(|object| owners.get(**object).copied().flatten().is_some())
                };
                let is_stuck = |object: &&usize| blocked_owner(**object).is_some_and(|owner| stuck[owner]);
                let Some(&object) = owned().find(|object| is_stuck(object)).or_else(|| owned().next()) else {
                    break;
                };
                let Some(owner) = owners[object] else { break };
                chain.push(Link { object, owner });
                number = blocked_owner(object);
            }
            chain
        })
        .collect();
    for ((blocked, chain), is_stuck) in blocked.iter_mut().zip(chains).zip(stuck) {
        blocked.chain = chain;
        blocked.is_deadlocked = is_stuck;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(number: u32) -> ThreadId {
        ThreadId { process: 1, thread: number }
    }

    fn waits(number: u32, call: Call, objects: &[usize]) -> Blocked {
        Blocked {
            thread: thread(number),
            call,
            alertable: false,
            blocked_for: Duration::ZERO,
            objects: objects.to_vec(),
            chain: Vec::new(),
            is_deadlocked: false,
        }
    }

    /// The threads that are deadlocked. Objects are owned by the thread with the number given, 0 for nobody.
    fn deadlocked(mut blocked: Vec<Blocked>, owners: &[u32]) -> Vec<u32> {
        let owners: Vec<_> = owners.iter().map(|owner| (*owner != 0).then(|| thread(*owner))).collect();
        follow(&mut blocked, &owners);
        blocked.iter().filter(|blocked| blocked.is_deadlocked).map(|blocked| blocked.thread.thread).collect()
    }

    #[test]
    fn two_threads_with_each_others_mutex_are_deadlocked() {
        let blocked = vec![waits(1, Call::WaitAny, &[1]), waits(2, Call::WaitAny, &[0])];
        assert_eq!(deadlocked(blocked, &[1, 2]), [1, 2]);
    }

    #[test]
    fn an_owner_that_runs_is_no_deadlock() {
        assert_eq!(deadlocked(vec![waits(1, Call::WaitAny, &[1])], &[1, 2]), []);
    }

    #[test]
    fn who_waits_for_a_deadlock_is_in_it() {
        let blocked =
            vec![waits(3, Call::WaitAny, &[0]), waits(1, Call::WaitAny, &[1]), waits(2, Call::WaitAny, &[0])];
        assert_eq!(deadlocked(blocked, &[1, 2]), [3, 1, 2]);
    }

    #[test]
    fn another_way_out_is_one_for_any_and_none_for_all() {
        // Object 2 is an event: anybody may set it.
        let blocked = |call| vec![waits(1, call, &[1, 2]), waits(2, Call::WaitAny, &[0])];
        assert_eq!(deadlocked(blocked(Call::WaitAny), &[1, 2, 0]), []);
        assert_eq!(deadlocked(blocked(Call::WaitAll), &[1, 2, 0]), [1, 2]);
    }

    #[test]
    fn a_procedure_call_is_a_way_out() {
        let mut blocked = vec![waits(1, Call::WaitAny, &[1]), waits(2, Call::WaitAny, &[0])];
        blocked[0].alertable = true;
        assert_eq!(deadlocked(blocked, &[1, 2]), []);
    }

    #[test]
    fn a_wait_for_no_object_is_none() {
        assert_eq!(deadlocked(vec![waits(1, Call::WaitAny, &[])], &[]), []);
    }

    #[test]
    fn a_chain_goes_from_owner_to_owner_and_ends() {
        let mut blocked =
            vec![waits(1, Call::WaitAny, &[0]), waits(2, Call::WaitAny, &[1]), waits(3, Call::WaitAny, &[0])];
        follow(&mut blocked, &[Some(thread(2)), Some(thread(9))]);
        let link = |object, owner| Link { object, owner: thread(owner) };
        assert_eq!(blocked[0].chain, [link(0, 2), link(1, 9)]);
        follow(&mut blocked, &[Some(thread(2)), Some(thread(1))]);
        assert_eq!(blocked[0].chain, [link(0, 2), link(1, 1)]);
        assert!(blocked.iter().all(|blocked| blocked.is_deadlocked));
    }
}
