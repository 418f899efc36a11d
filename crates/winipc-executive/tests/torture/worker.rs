//! A worker: random work on events, mutexes, semaphores, timers, threads and children, and that of the other files.

use std::sync::atomic::Ordering;
use std::time::Duration;

use winipc_executive::handle::Duplicate;
use winipc_executive::wait::{Mode, Outcome};
use winipc_executive::{
    Handle, Kind, Status, apc, event, handle, mutex, process, semaphore, thread, timer, wait,
};

use super::{
    IDS, LAST, LETTERS, MESSAGES, NAMES, OWNERS, Random, STEPS, WORKERS, check_owner, expect, files,
    mailslots, name, pipes,
};
use crate::support::{ALL, MUTEX_ALL, PROCESS_ALL, Page, named};

/// Most handles that a worker keeps.
const MOST_HANDLES: usize = 20;

/// A process that does random things.
pub(crate) struct Worker<'a> {
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

impl<'a> Worker<'a> {
    pub(crate) fn new(page: &'a Page, slot: usize, random: Random) -> Self {
        Worker {
            page,
            slot,
            random,
            handles: Vec::new(),
            held: Vec::new(),
            pipes: pipes::Ends::default(),
            slots: mailslots::Slots::default(),
            files: files::Files::new(),
        }
    }

    pub(crate) fn work(mut self) {
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
                let released = semaphore::release(semaphore, 1 + self.random.below(3) as i32);
                expect("release", released, &[Status::SEMAPHORE_LIMIT_EXCEEDED]);
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
        let duplicate = handle::duplicate(Handle::CURRENT_PROCESS, event, Some(target), &options);
        expect("duplicate", duplicate, &[Status::PROCESS_IS_TERMINATING]);
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
            inherited: process::Inherited::All,
            is_suspended,
            // A handle to the thread in another child could keep a suspended one for ever.
            inherit_handles: [self.random.is_one_in(2), false],
            ..process::Creation::new(std::path::Path::new("/bin/true"), &["true".into()])
        })
        .unwrap();
        handle::set_flags(event, Some(false), None).unwrap();
        match self.random.below(3) {
            0 => drop(expect("terminate", process::terminate(created.process, 1), &[Status::ACCESS_DENIED])),
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
