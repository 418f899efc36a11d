//! Torture: several processes do random things to shared objects, and are killed at random moments.
//!
//! Nobody may get stuck, no mutex may have two owners or lose one without a word, and in the end nothing is left.

mod files;
mod mailslots;
mod pipes;
#[path = "../support/mod.rs"]
mod support;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering;
use std::time::Duration;

use winipc_executive::handle::Duplicate;
use winipc_executive::wait::{Mode, Outcome};
use winipc_executive::{
    Handle, Kind, Status, apc, event, handle, inspect, mutex, process, semaphore, thread, timer, wait,
};

use support::{
    ALL, Child, MUTEX_ALL, PROCESS_ALL, Page, State, World, assert_whole_and_empty, fork, named, progress,
    start_watchdog, units, until,
};

const WORKERS: usize = 8;
const KILLS: u32 = 1000;
/// Names for each kind of object.
const NAMES: u64 = 5;
/// Most handles that a worker keeps.
const MOST_HANDLES: usize = 20;

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
    let child = fork(|| {
        Worker {
            page,
            slot,
            random: Random(seed | 1),
            handles: Vec::new(),
            held: Vec::new(),
            pipes: pipes::Ends::default(),
            slots: mailslots::Slots::default(),
            files: files::Files::new(),
        }
        .work()
    });
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

struct Worker<'a> {
    page: &'a Page,
    slot: usize,
    random: Random,
    handles: Vec<(Kind, u64, Handle)>,
    /// Numbers of the mutexes it holds, and the handles.
    held: Vec<(u64, Handle)>,
    pipes: pipes::Ends,
    slots: mailslots::Slots,
    files: files::Files,
}

impl Worker<'_> {
    fn work(mut self) {
        loop {
            let kind = self.random.below(25);
            self.page.word(LAST + self.slot).store(kind, Ordering::Relaxed);
            self.step(kind);
            self.page.word(STEPS + self.slot).fetch_add(1, Ordering::Relaxed);
        }
    }

    fn step(&mut self, kind: u64) {
        let timeout = Some(self.random.microseconds(2_000));
        match kind {
            0 | 1 => self.acquire(),
            2 => self.close_one(),
            3 => {
                let event = self.one_of(Kind::Event);
                event::set(event).unwrap();
            }
            4 => {
                let event = self.one_of(Kind::Event);
                if self.random.is_one_in(2) { event::pulse(event) } else { event::reset(event) }.unwrap();
            }
            5 => {
                let semaphore = self.one_of(Kind::Semaphore);
                match semaphore::release(semaphore, 1 + self.random.below(3) as i32) {
                    Ok(_) | Err(Status::SEMAPHORE_LIMIT_EXCEEDED) => {}
                    other => panic!("release: {other:?}"),
                }
            }
            6 => {
                let timer = self.one_of(Kind::Timer);
                let due = -(self.random.below(20_000) as i64) - 1;
                let routine = self.random.is_one_in(3).then_some(apc::Routine { address: 1, context: 2 });
                timer::set(timer, &timer::Setting { due, period_ms: self.random.below(2) as u32, routine })
                    .unwrap();
            }
            7 => {
                let timer = self.one_of(Kind::Timer);
                timer::cancel(timer).unwrap();
            }
            8 | 9 => self.wait(Mode::Any, timeout),
            10 => self.wait(Mode::All, timeout),
            11 => self.duplicate(),
            12 => {
                apc::queue(Handle::CURRENT_THREAD, 5, 6).unwrap();
                wait::sleep(timeout, true).unwrap();
                while apc::take().is_some() {}
            }
            13 if self.random.is_one_in(4) => self.child(),
            13 => self.thread(timeout),
            14..=17 => {
                let messages = self.slots.step(&mut self.random);
                self.page.word(LETTERS).fetch_add(messages, Ordering::Relaxed);
            }
            18..=20 => self.files.step(self.page, self.slot, &mut self.random),
            _ => {
                let messages = self.pipes.step(&mut self.random);
                self.page.word(MESSAGES).fetch_add(messages, Ordering::Relaxed);
            }
        }
        if self.held.len() > 2 || self.random.is_one_in(4) {
            self.give_back();
        }
    }

    /// Creates or opens an object, unless the worker has enough.
    fn acquire(&mut self) {
        let kind = [Kind::Event, Kind::Mutex, Kind::Semaphore, Kind::Timer][self.random.below(4) as usize];
        self.get(kind);
        if self.handles.len() > MOST_HANDLES {
            self.close_one();
        }
    }

    fn get(&mut self, kind: Kind) -> Handle {
        let number = self.random.below(NAMES);
        let text = name(kind, number);
        let attributes = named(&text);
        let (handle, _) = match kind {
            Kind::Event => event::create(&attributes, ALL, number.is_multiple_of(2), false),
            Kind::Mutex => mutex::create(&attributes, MUTEX_ALL, false),
            Kind::Semaphore => semaphore::create(&attributes, ALL, 1, 10),
            _ => timer::create(&attributes, ALL, number.is_multiple_of(2)),
        }
        .unwrap();
        self.handles.push((kind, number, handle));
        handle
    }

    fn one_of(&mut self, kind: Kind) -> Handle {
        let found = self.handles.iter().find(|(other, _, _)| *other == kind).map(|(_, _, handle)| *handle);
        found.unwrap_or_else(|| self.get(kind))
    }

    fn close_one(&mut self) {
        if self.handles.is_empty() {
            return;
        }
        let index = self.random.below(self.handles.len() as u64) as usize;
        let (_, _, closing) = self.handles[index];
        if self.held.iter().all(|(_, held)| *held != closing) {
            self.handles.swap_remove(index);
            handle::close(closing).unwrap();
        }
    }

    fn wait(&mut self, mode: Mode, timeout: Option<Duration>) {
        if self.handles.is_empty() {
            self.acquire();
        }
        let mut chosen: Vec<(Kind, u64, Handle)> = Vec::new();
        for _ in 0..=self.random.below(4) {
            let object = self.handles[self.random.below(self.handles.len() as u64) as usize];
            if chosen.iter().all(|(kind, number, _)| (*kind, *number) != (object.0, object.1)) {
                chosen.push(object);
            }
        }
        let handles: Vec<_> = chosen.iter().map(|(_, _, handle)| *handle).collect();
        let outcome = match (mode, handles.len()) {
            (Mode::Any, 1) => wait::one(handles[0], timeout, self.random.is_one_in(2)),
            _ => wait::many(&handles, mode, timeout, self.random.is_one_in(2)),
        };
        let taken = match outcome.unwrap() {
            Outcome::Timeout => return,
            Outcome::Apc => return while apc::take().is_some() {},
            Outcome::Object(_) | Outcome::Abandoned(_) if mode == Mode::All => &chosen[..],
            Outcome::Object(index) | Outcome::Abandoned(index) => &chosen[index..=index],
        };
        for (kind, number, handle) in taken {
            if *kind == Kind::Mutex {
                self.took(*number, *handle, outcome.unwrap());
            }
        }
    }

    /// Notes that it holds a mutex now.
    fn took(&mut self, number: u64, mutex: Handle, outcome: Outcome) {
        if self.held.iter().any(|(held, _)| *held == number) {
            return mutex::release(mutex).unwrap();
        }
        check_owner(self.page, number as usize, outcome);
        self.page.word(OWNERS + number as usize).store(std::process::id().into(), Ordering::Release);
        self.held.push((number, mutex));
    }

    fn give_back(&mut self) {
        if let Some((number, mutex)) = self.held.pop() {
            let owner = self.page.word(OWNERS + number as usize).swap(0, Ordering::AcqRel);
            assert_eq!(owner, std::process::id().into(), "mutex {number} was taken from its owner");
            mutex::release(mutex).unwrap();
        }
    }

    /// Gives another worker a handle.
    fn duplicate(&mut self) {
        let event = self.one_of(Kind::Event);
        let other =
            self.page.word(IDS + self.random.below(WORKERS as u64) as usize).load(Ordering::Relaxed) as u32;
        let Ok(target) = process::open(other, PROCESS_ALL, false) else { return };
        let options = Duplicate { access: None, inherit: false, close_source: false };
        match handle::duplicate(Handle::CURRENT_PROCESS, event, Some(target), &options) {
            Ok(_) | Err(Status::PROCESS_IS_TERMINATING) => {}
            other => panic!("duplicate: {other:?}"),
        }
        handle::close(target).unwrap();
    }

    /// Has a thread take a mutex and end with it.
    fn thread(&mut self, timeout: Option<Duration>) {
        let number = self.random.below(NAMES);
        let (page, id) = (self.page, std::process::id());
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let mutex = mutex::open(&name(Kind::Mutex, number), MUTEX_ALL, false).unwrap();
                let outcome = wait::one(mutex, timeout, false).unwrap();
                if outcome != Outcome::Timeout {
                    check_owner(page, number as usize, outcome);
                    page.word(OWNERS + number as usize).store(id.into(), Ordering::Release);
                }
                handle::close(mutex).unwrap();
            });
            thread.join().unwrap();
        });
    }

    /// Makes a child that inherits something, and waits for its end, or not.
    fn child(&mut self) {
        let event = self.one_of(Kind::Event);
        handle::set_flags(event, Some(true), None).unwrap();
        let is_suspended = self.random.is_one_in(3);
        let created = process::create(&process::Creation {
            program: std::path::Path::new("/bin/true"),
            arguments: &["true".into()],
            environment: None,
            directory: None,
            inherited: process::Inherited::All,
            standard: None,
            is_suspended,
            leads_group: false,
            console: process::Console::Same,
            // A handle to the thread in another child could keep a suspended one for ever.
            inherit_handles: [self.random.is_one_in(2), false],
        })
        .unwrap();
        handle::set_flags(event, Some(false), None).unwrap();
        match self.random.below(3) {
            0 => match process::terminate(created.process, 1) {
                Ok(()) | Err(Status::ACCESS_DENIED) => {}
                other => panic!("terminate: {other:?}"),
            },
            _ => drop(thread::resume(created.thread).unwrap()),
        }
        if self.random.is_one_in(2) {
            wait::one(created.process, None, false).unwrap();
            assert!(process::exit_code(created.process).unwrap() <= 1);
        }
        handle::close(created.process).unwrap();
        handle::close(created.thread).unwrap();
    }
}
