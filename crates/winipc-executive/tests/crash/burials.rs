//! Deaths of those who clear away what the dead left.

use std::sync::atomic::Ordering;

use winipc_executive::wait::Outcome;
use winipc_executive::{
    Handle, Status, apc, crash, event, handle, inspect, mutex, namespace, process, semaphore, timer, wait,
};

use crate::deaths::sleep;
use crate::harness::unnamed;
use crate::support::{
    ALL, Child, MUTEX_ALL, NOW, PROCESS_ALL, Page, State, arena_exists, assert_whole_and_empty, fork, named,
    progress, units, until,
};

/// Words of the page: who is ready, and who may go on.
const READY: usize = 0;
const GO: usize = 1;
const DONE: usize = 2;

pub(crate) fn killed_buriers() {
    let burial = Burial {
        name: "a burial",
        survive,
        leave: leave_much,
        // To look for a name is to bury the dead first.
        bury: || assert_eq!(event::open(&units("nobody"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND)),
    };
    at_each_point(50, |points| burial.kill_burier_at(points));
}

/// Does something at each crash point until it says that there are no more, and there were more than `least`.
pub(crate) fn at_each_point(least: u64, mut is_over_at: impl FnMut(u64) -> bool) {
    let mut points = 0;
    while !is_over_at(points) {
        points += 1;
    }
    assert!(points > least, "{points} crash points");
    println!("{points} crash points");
}

/// A burial whose burier is killed: a third who was stopped meanwhile has to bury both.
pub(crate) struct Burial {
    pub(crate) name: &'static str,
    /// What the third does, who is ready when it calls the function, and goes on when the others are dead.
    pub(crate) survive: fn(&dyn Fn()),
    /// What the victim leaves, who is killed first.
    pub(crate) leave: fn(),
    /// What the burier does once the victim is dead.
    pub(crate) bury: fn(),
}

impl Burial {
    /// Kills the burier at a crash point. Returns whether the burial was over without a stop.
    pub(crate) fn kill_burier_at(&self, points: u64) -> bool {
        progress(format!("crash point {points} of {}", self.name));
        let page = Page::new();
        let ready = |child: &Child| {
            until(|| page.word(READY).load(Ordering::Acquire) == child.pid as u64);
        };
        let tell_ready = || page.word(READY).store(std::process::id().into(), Ordering::Release);
        let mut survivor = fork(|| {
            namespace::attach().unwrap();
            (self.survive)(&|| {
                tell_ready();
                until(|| page.word(GO).load(Ordering::Acquire) == 3);
            });
            assert_whole_and_empty();
            process::exit(0);
        });
        ready(&survivor);
        let mut victim = fork(|| {
            (self.leave)();
            tell_ready();
            sleep();
        });
        ready(&victim);
        let mut burier = fork(|| {
            let dying = process::open(victim.pid as u32, PROCESS_ALL, false).unwrap();
            tell_ready();
            until(|| page.word(GO).load(Ordering::Acquire) == 1);
            crash::arm_process(points);
            page.word(GO).store(2, Ordering::Release);
            until(|| process::exit_code(dying) != Ok(259));
            (self.bury)();
            // The process's own keeper may have been quicker, and still be at it.
            let dead = victim.pid as u32;
            until(|| {
                let objects = inspect::objects().unwrap().objects;
                objects.iter().all(|object| object.holders.iter().all(|holder| holder.process != dead))
            });
            page.word(DONE).store(1, Ordering::Release);
            sleep();
        });
        ready(&burier);
        survivor.signal(libc::SIGSTOP);
        assert_eq!(survivor.wait_for_stop(), State::Stopped);
        page.word(GO).store(1, Ordering::Release);
        until(|| page.word(GO).load(Ordering::Acquire) == 2);
        victim.kill();
        let completed = loop {
            match burier.state() {
                State::Stopped => break false,
                State::Running if page.word(DONE).load(Ordering::Acquire) != 0 => break true,
                State::Running => std::thread::sleep(std::time::Duration::from_micros(20)),
                other => panic!("the burier has failed: {other:?}"),
            }
        };
        burier.kill();
        page.word(GO).store(3, Ordering::Release);
        survivor.signal(libc::SIGCONT);
        assert_eq!(survivor.wait_for_end(), State::Exited(0));
        assert!(!arena_exists());
        completed
    }
}

/// The survivor: waits for what the victim had, and finds nothing else of it.
fn survive(wait_for_deaths: &dyn Fn()) {
    let (mutex, _) = mutex::create(&named(&units("mutex")), MUTEX_ALL, false).unwrap();
    let (second, _) = mutex::create(&named(&units("second")), MUTEX_ALL, false).unwrap();
    let (event, _) = event::create(&named(&units("event")), ALL, false, false).unwrap();
    wait_for_deaths();
    for mutex in [mutex, second] {
        assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Abandoned(0)));
        mutex::release(mutex).unwrap();
        handle::close(mutex).unwrap();
    }
    assert_eq!(event::open(&units("new"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    crate::operations::pipes::assert_gone("left");
    crate::operations::sections::assert_gone("left section");
    // Nobody waits for it any more.
    event::set(event).unwrap();
    assert_eq!(wait::one(event, NOW, false), Ok(Outcome::Object(0)));
    handle::close(event).unwrap();
}

/// Leaves something of every kind.
fn leave_much() {
    for name in ["mutex", "second"] {
        let mutex = mutex::open(&units(name), MUTEX_ALL, false).unwrap();
        assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
    }
    mutex::create(&unnamed(), MUTEX_ALL, true).unwrap();
    semaphore::create(&named(&units("new")), ALL, 1, 1).unwrap();
    let (timer, _) = timer::create(&unnamed(), ALL, true).unwrap();
    let routine = Some(apc::Routine { address: 1, context: 2 });
    timer::set(timer, &timer::Setting { due: -36_000_000_000, period_ms: 0, routine }).unwrap();
    apc::queue(Handle::CURRENT_THREAD, 1, 2).unwrap();
    crate::operations::pipes::leave_open("left");
    crate::operations::sections::leave_mapped("left section");
    let event = event::open(&units("event"), ALL, false).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // SAFETY: gettid cannot fail.
        tell.send(unsafe { libc::gettid() }).unwrap();
        wait::many(&[event, timer], wait::Mode::All, None, false)
    });
    let waiter = told.recv().unwrap();
    until(|| crate::support::is_asleep(std::process::id() as i32, waiter));
}
