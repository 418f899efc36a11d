//! Torture: several processes do random things to shared objects, and are killed at random moments.
//!
//! Nobody may get stuck, no mutex may have two owners or lose one without a word, and in the end nothing is left.

mod files;
mod mailslots;
mod pipes;
#[path = "../support/mod.rs"]
mod support;
mod worker;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering;
use std::time::Duration;

use winipc_executive::wait::Outcome;
use winipc_executive::{Kind, Result, Status, event, handle, inspect, mutex, wait};

use support::{
    ALL, Child, MUTEX_ALL, Page, State, World, assert_whole_and_empty, fork, named, progress, start_watchdog,
    units, until,
};

const WORKERS: usize = 8;
const KILLS: u32 = 1000;
/// Names for each kind of object.
const NAMES: u64 = 5;

/// Words of the shared page: who holds each mutex, and for each worker its steps, its last step, and its process id.
const OWNERS: usize = 0;
const STEPS: usize = 64;
const LAST: usize = 128;
const IDS: usize = 192;
/// How many messages came through pipes, how many mutexes were abandoned, and how many messages came through mailslots.
const MESSAGES: usize = 256;
const ABANDONED: usize = 257;
const LETTERS: usize = 258;
/// For each worker a handle to a file that it has, or had.
const FILES: usize = 264;

#[test]
fn torture() {
    let world = World::new("torture");
    let seed = std::env::var("TORTURE_SEED")
        .unwrap_or_else(|_| RandomState::new().build_hasher().finish().to_string());
    println!("TORTURE_SEED={seed}");
    world.run("torture", &seed);
    world.assert_empty();
}

/// What the process that the test starts does.
#[test]
#[ignore = "a role that the test starts"]
fn plays_a_role() {
    let seed: u64 = std::env::var("ARGUMENT").unwrap().parse().unwrap();
    supervise(&mut Random(seed | 1));
}

/// Numbers that are as good as random, and the same again with the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn is_one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn microseconds(&mut self, most: u64) -> Duration {
        Duration::from_micros(self.below(most))
    }
}

/// Starts workers, kills them, and starts others.
fn supervise(random: &mut Random) {
    start_watchdog();
    let page = Page::new();
    // The mutexes outlive every worker, so that each loss of an owner is told to somebody.
    let mutexes: Vec<_> = (0..NAMES)
        .map(|number| mutex::create(&named(&name(Kind::Mutex, number)), MUTEX_ALL, false).unwrap().0)
        .collect();
    let mut workers: Vec<Child> = (0..WORKERS).map(|slot| start(&page, slot, random.next())).collect();
    for kill in 0..KILLS {
        std::thread::sleep(random.microseconds(40_000));
        if kill % 10 == 0 {
            everybody_goes_on(&page, &mut workers, kill);
        }
        let slot = random.below(WORKERS as u64) as usize;
        assert_eq!(workers[slot].state(), State::Running, "worker {slot} has failed before kill {kill}");
        if random.is_one_in(8) {
            workers[slot].signal(libc::SIGSTOP);
            std::thread::sleep(random.microseconds(3_000));
        }
        if random.is_one_in(4) {
            // A second one, while the first is still dying.
            let other = (slot + 1) % WORKERS;
            workers[other].signal(libc::SIGKILL);
            workers[slot].kill();
            workers[other].kill();
            workers[other] = start(&page, other, random.next());
        } else {
            workers[slot].kill();
        }
        workers[slot] = start(&page, slot, random.next());
        progress(format!("kill {kill}"));
    }
    everybody_goes_on(&page, &mut workers, KILLS);
    for worker in &workers {
        worker.signal(libc::SIGKILL);
    }
    drop(workers);
    let steps: u64 = (0..WORKERS).map(|slot| page.word(STEPS + slot).load(Ordering::Relaxed)).sum();
    let [messages, abandoned, letters] =
        [MESSAGES, ABANDONED, LETTERS].map(|index| page.word(index).load(Ordering::Relaxed));
    println!("{steps} steps, {messages} and {letters} messages, {abandoned} abandoned mutexes");
    assert!(steps > 0 && messages > 0 && letters > 0 && abandoned > 0);
    for (number, mutex) in mutexes.into_iter().enumerate() {
        let outcome = wait::one(mutex, None, false).unwrap();
        check_owner(&page, number, outcome);
        mutex::release(mutex).unwrap();
        handle::close(mutex).unwrap();
    }
    // To look for a name is to bury the dead first.
    assert_eq!(event::open(&units("nobody"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    // The workers' children may be running; they are this process's now.
    until(|| {
        let listing = inspect::objects().unwrap();
        listing.objects.iter().filter(|object| object.kind == Kind::Process).count() == 1
    });
    assert_whole_and_empty();
}

fn start(page: &Page, slot: usize, seed: u64) -> Child {
    let child = fork(|| worker::Worker::new(page, slot, Random(seed | 1)).work());
    page.word(IDS + slot).store(child.pid as u64, Ordering::Relaxed);
    child
}

/// Waits until every worker has made a step.
fn everybody_goes_on(page: &Page, workers: &mut [Child], kill: u32) {
    for (slot, worker) in workers.iter_mut().enumerate() {
        let steps = || page.word(STEPS + slot).load(Ordering::Relaxed);
        let last = || page.word(LAST + slot).load(Ordering::Relaxed);
        progress(format!("kill {kill}, worker {slot}, step {} of kind {}", steps(), last()));
        let before = steps();
        until(|| {
            assert_eq!(
                worker.state(),
                State::Running,
                "worker {slot} has failed in a step of kind {}",
                last()
            );
            steps() > before
        });
    }
}

/// Who takes a mutex must find it given back, or be told that it was abandoned.
fn check_owner(page: &Page, number: usize, outcome: Outcome) {
    let owner = page.word(OWNERS + number).load(Ordering::Acquire);
    if matches!(outcome, Outcome::Abandoned(_)) {
        page.word(ABANDONED).fetch_add(1, Ordering::Relaxed);
    }
    assert!(owner == 0 || matches!(outcome, Outcome::Abandoned(_)), "mutex {number} had the owner {owner}");
}

fn name(kind: Kind, number: u64) -> Vec<u16> {
    units(&format!("{kind:?}-{number}"))
}

/// Fails unless a call succeeded, or failed in one of these ways, because of what others do.
fn expect<T>(what: &str, result: Result<T>, failures: &[Status]) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(status) if failures.contains(&status) => None,
        Err(status) => panic!("{what}: {status}"),
    }
}
