//! Runs one operation once for each of its crash points.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use winipc_executive::wait::Outcome;
use winipc_executive::{
    Attributes, Disposition, Handle, Status, crash, event, handle, mutex, semaphore, timer, wait,
};

use crate::support::{
    ALL, MUTEX_ALL, NOW, Page, State, Waiter, assert_whole_and_empty, fork, named, progress, start_watchdog,
    units, until,
};

/// How long the survivors may take with a stopped victim before it is killed: it may hold what they need.
const TRUCE: Duration = Duration::from_millis(3);

/// Words of the page that victim and survivors share.
const STEP: usize = 0;
const GO: usize = 1;
/// The first word that is the operation's own.
pub(crate) const OWN: usize = 2;

/// Steps of a victim.
const PREPARED: u64 = 1;
const ARMED: u64 = 2;
const DONE: u64 = 3;

/// The victim of one run.
pub(crate) struct Victim {
    page: &'static Page,
    points: u64,
}

impl Victim {
    /// Lets the audience come, if it has not yet.
    pub(crate) fn prepared(&self) {
        self.page.word(STEP).store(PREPARED, Ordering::Release);
        until(|| self.page.word(GO).load(Ordering::Acquire) != 0);
    }

    /// Ends the preparations: the operation follows, and the calling thread stops at the run's crash point.
    pub(crate) fn arm(&self) {
        self.prepared();
        self.page.word(STEP).store(ARMED, Ordering::Release);
        crash::arm(self.points);
    }

    /// The same for what all threads of the victim do from now on, its keeper too.
    pub(crate) fn arm_all(&self) {
        self.prepared();
        self.page.word(STEP).store(ARMED, Ordering::Release);
        crash::arm_process(self.points);
    }

    /// One of the words that are the operation's own.
    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        self.page.word(index)
    }

    /// The operation is over: no more stops.
    pub(crate) fn done(&self) {
        crash::disarm();
        crash::arm_process(u64::MAX);
        self.page.word(STEP).store(DONE, Ordering::Release);
    }

    /// What a survivor told.
    pub(crate) fn told(&self) -> u64 {
        self.page.word(OWN).load(Ordering::Acquire)
    }

    /// Tells the survivors a number.
    pub(crate) fn tell(&self, value: u64) {
        self.page.word(OWN).store(value, Ordering::Release);
    }
}

/// The shared objects, as the survivors have them.
pub(crate) struct Stage {
    pub(crate) page: &'static Page,
    /// An automatic event, not set.
    pub(crate) event: Handle,
    /// A manual event, not set.
    pub(crate) manual: Handle,
    /// A semaphore with a count of 2.
    pub(crate) semaphore: Handle,
    /// A mutex that nobody owns.
    pub(crate) mutex: Handle,
    /// An automatic timer that is not set.
    pub(crate) timer: Handle,
    abandoned: AtomicBool,
    extra: Mutex<Option<Handle>>,
    holder: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// The victim's handles to the shared objects.
pub(crate) struct Opened {
    pub(crate) event: Handle,
    pub(crate) manual: Handle,
    pub(crate) semaphore: Handle,
    pub(crate) mutex: Handle,
    pub(crate) timer: Handle,
}

/// What the semaphore's count is in the beginning.
pub(crate) const COUNT: u32 = 2;

impl Opened {
    /// Opens the shared objects by their names.
    pub(crate) fn new() -> Self {
        Opened {
            event: event::open(&units("event"), ALL, false).unwrap(),
            manual: event::open(&units("manual"), ALL, false).unwrap(),
            semaphore: semaphore::open(&units("semaphore"), ALL, false).unwrap(),
            mutex: mutex::open(&units("mutex"), MUTEX_ALL, false).unwrap(),
            timer: timer::open(&units("timer"), ALL, false).unwrap(),
        }
    }
}

impl Stage {
    fn new(page: &'static Page) -> Self {
        for index in 0..8 {
            page.word(index).store(0, Ordering::Release);
        }
        // Each run finds the names of the one before free.
        let created = |(handle, disposition)| {
            assert_eq!(disposition, Disposition::Created);
            handle
        };
        Stage {
            page,
            event: created(event::create(&named(&units("event")), ALL, false, false).unwrap()),
            manual: created(event::create(&named(&units("manual")), ALL, true, false).unwrap()),
            semaphore: created(
                semaphore::create(&named(&units("semaphore")), ALL, COUNT as i32, 100).unwrap(),
            ),
            mutex: created(mutex::create(&named(&units("mutex")), MUTEX_ALL, false).unwrap()),
            timer: created(timer::create(&named(&units("timer")), ALL, false).unwrap()),
            abandoned: AtomicBool::new(false),
            extra: Mutex::new(None),
            holder: Mutex::new(None),
        }
    }

    /// What the victim told.
    pub(crate) fn told(&self) -> u64 {
        self.page.word(OWN).load(Ordering::Acquire)
    }

    /// Takes what can be taken of an object, and says how often.
    pub(crate) fn drain(&self, object: Handle) -> u32 {
        let mut count = 0;
        while wait::one(object, NOW, false).unwrap() == Outcome::Object(0) {
            count += 1;
        }
        count
    }

    /// Takes the mutex and gives it back, and says whether it has been abandoned since the start.
    pub(crate) fn is_abandoned(&self) -> bool {
        let outcome = wait::one(self.mutex, None, false).unwrap();
        mutex::release(self.mutex).unwrap();
        assert!(matches!(outcome, Outcome::Object(0) | Outcome::Abandoned(0)), "{outcome:?}");
        if outcome == Outcome::Abandoned(0) {
            self.abandoned.store(true, Ordering::Relaxed);
        }
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Has a thread take the mutex, which gives it up, or ends without that, at [`Stage::let_mutex_go`].
    pub(crate) fn hold_mutex(&self, abandon: bool) {
        let (go, told) = channel();
        let (tell, is_held) = channel();
        let mutex = self.mutex;
        let thread = std::thread::spawn(move || {
            assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
            tell.send(()).unwrap();
            told.recv().unwrap();
            if !abandon {
                mutex::release(mutex).unwrap();
            }
        });
        is_held.recv().unwrap();
        *self.holder.lock().unwrap() = Some((go, thread));
    }

    /// Keeps another handle for the operation.
    pub(crate) fn keep(&self, handle: Handle) {
        *self.extra.lock().unwrap() = Some(handle);
    }

    /// The handle that [`Stage::keep`] was given.
    pub(crate) fn extra(&self) -> Handle {
        self.extra.lock().unwrap().unwrap()
    }

    /// Ends what [`Stage::hold_mutex`] began.
    pub(crate) fn let_mutex_go(&self) {
        let (go, thread) = self.holder.lock().unwrap().take().unwrap();
        go.send(()).unwrap();
        thread.join().unwrap();
    }

    /// Work that changes nothing: what there is, is taken and given back.
    pub(crate) fn traffic(&self) {
        event::set(self.manual).unwrap();
        assert_eq!(wait::one(self.manual, NOW, false), Ok(Outcome::Object(0)));
        event::reset(self.manual).unwrap();
        if wait::one(self.semaphore, NOW, false).unwrap() == Outcome::Object(0) {
            semaphore::release(self.semaphore, 1).unwrap();
        }
        if wait::one(self.event, NOW, false).unwrap() == Outcome::Object(0) {
            event::set(self.event).unwrap();
        }
        match wait::one(self.mutex, NOW, false).unwrap() {
            Outcome::Timeout => {}
            outcome => {
                if outcome == Outcome::Abandoned(0) {
                    self.abandoned.store(true, Ordering::Relaxed);
                }
                mutex::release(self.mutex).unwrap();
            }
        }
        let (own, _) = event::create(&named(&units("bystander")), ALL, false, false).unwrap();
        assert_eq!(wait::one(own, Some(Duration::from_micros(100)), false), Ok(Outcome::Timeout));
        handle::close(own).unwrap();
    }

    /// Every object still does what objects of its kind do; then they go, with their names.
    fn retire(&self) {
        if let Some(extra) = self.extra.lock().unwrap().take() {
            handle::close(extra).unwrap();
        }
        let unowned = [self.event, self.manual, self.semaphore];
        for object in unowned {
            match handle::kind(object).unwrap() {
                winipc_executive::Kind::Semaphore => drop(semaphore::release(object, 1).unwrap()),
                _ => event::set(object).unwrap(),
            }
            assert_eq!(wait::one(object, None, false), Ok(Outcome::Object(0)));
        }
        self.is_abandoned();
        assert_eq!(wait::one(self.mutex, None, false), Ok(Outcome::Object(0)));
        mutex::release(self.mutex).unwrap();
        assert_eq!(mutex::release(self.mutex), Err(Status::MUTANT_NOT_OWNED));
        timer::set(self.timer, &timer::Setting { due: -1, period_ms: 0, routine: None }).unwrap();
        assert_eq!(wait::one(self.timer, None, false), Ok(Outcome::Object(0)));
        assert_eq!(wait::one(self.timer, NOW, false), Ok(Outcome::Timeout));
        for object in [self.event, self.manual, self.semaphore, self.mutex, self.timer] {
            handle::close(object).unwrap();
        }
        for name in ["event", "manual", "semaphore", "mutex", "timer", "new"] {
            assert_eq!(event::open(&units(name), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND), "{name}");
        }
    }
}

/// One operation and what belongs to it.
pub(crate) struct Operation {
    /// What the survivors change before the victim comes.
    pub(crate) before: fn(&Stage),
    /// Who waits, once the victim is prepared.
    pub(crate) audience: fn(&Stage) -> Vec<Waiter>,
    /// Prepares, [`Victim::arm`]s and runs the operation.
    pub(crate) victim: fn(&Victim),
    /// What a survivor does while the victim is stopped or asleep in the operation; it may have to wait for its death.
    pub(crate) meanwhile: fn(&Stage),
    /// Looks whether the state is legal, once the victim is dead; the last argument says whether the operation was
    /// over.
    pub(crate) judge: fn(&Stage, Vec<Waiter>, bool),
}

impl Operation {
    /// An operation of which nothing is left, whenever the victim dies.
    pub(crate) fn new(victim: fn(&Victim)) -> Self {
        Operation {
            before: |_| {},
            audience: |_| Vec::new(),
            victim,
            meanwhile: Stage::traffic,
            judge: |_, _, _| {},
        }
    }
}

/// Runs the operation for one crash point after the other until it gets through without a stop.
pub(crate) fn run(name: &str, operation: &Operation) {
    start_watchdog();
    let page = Box::leak(Box::new(Page::new()));
    let mut points = 0;
    while !run_to(name, operation, page, points) {
        points += 1;
    }
    assert_ne!(points, 0, "no crash point in {name}");
    println!("{name}: {points} crash points");
}

/// Runs the operation up to one crash point. Returns whether it got through.
fn run_to(name: &str, operation: &Operation, page: &'static Page, points: u64) -> bool {
    progress(format!("{name} at crash point {points}"));
    let context = format!("{name} at crash point {points}");
    let _guard = OnPanic(&context);
    let stage = Stage::new(page);
    (operation.before)(&stage);
    let mut child = fork(|| {
        let victim = Victim { page, points };
        (operation.victim)(&victim);
        victim.done();
        loop {
            // SAFETY: has no preconditions.
            unsafe { libc::pause() };
        }
    });
    let step = || stage.page.word(STEP).load(Ordering::Acquire);
    let mut audience = Vec::new();
    let completed = std::thread::scope(|scope| {
        let mut survivor = None;
        let start = || scope.spawn(|| (operation.meanwhile)(&stage));
        let mut is_ready = false;
        let completed = loop {
            match child.state() {
                State::Stopped => break false,
                State::Exited(0) => break true,
                State::Running => {}
                other => panic!("the victim has failed: {other:?}"),
            }
            match step() {
                DONE => break true,
                PREPARED if !is_ready => {
                    audience = (operation.audience)(&stage);
                    is_ready = true;
                    stage.page.word(GO).store(1, Ordering::Release);
                }
                ARMED if survivor.is_none() && child.is_asleep() => survivor = Some(start()),
                _ => std::thread::sleep(Duration::from_micros(20)),
            }
        };
        let survivor = survivor.unwrap_or_else(start);
        let truce = Instant::now();
        while !survivor.is_finished() && truce.elapsed() < TRUCE {
            std::thread::sleep(Duration::from_micros(20));
        }
        child.kill();
        completed
    });
    // To look for a name is to bury the dead first.
    assert_eq!(event::open(&units("nobody"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    (operation.judge)(&stage, audience, completed);
    stage.retire();
    assert_whole_and_empty();
    completed
}

struct OnPanic<'a>(&'a str);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed: {}", self.0);
        }
    }
}

/// An object without a name.
pub(crate) fn unnamed() -> Attributes<'static> {
    Attributes::default()
}
