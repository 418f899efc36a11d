//! Changes of an object's state, with and without those who wait for it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use winipc_executive::apc::{self, Routine};
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, event, handle, mutex, semaphore, thread, timer, wait};

use crate::harness::{COUNT, OWN, Opened, Operation, Stage};
use crate::support::{PROCESS_ALL, Waiter, until};

/// Waiters for one object each.
fn waiters(object: Handle, count: usize) -> Vec<Waiter> {
    (0..count).map(|_| Waiter::start(move || wait::one(object, None, false))).collect()
}

fn all_served(waiters: Vec<Waiter>) {
    for waiter in waiters {
        assert_eq!(waiter.outcome(), Outcome::Object(0));
    }
}

/// Whether an operation happened that must have when it was over.
fn happened(count: u32, whole: u32, completed: bool) {
    assert!(count == whole || count == 0 && !completed, "{count} of {whole}, completed: {completed}");
}

pub(crate) fn set_automatic_event() -> Operation {
    Operation {
        judge: |stage, _, completed| happened(stage.drain(stage.event), 1, completed),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            event::set(opened.event).unwrap();
        })
    }
}

pub(crate) fn set_automatic_event_with_waiters() -> Operation {
    Operation {
        audience: |stage| waiters(stage.event, 2),
        meanwhile: |_| {},
        judge: |stage, waiters, completed| {
            // Two for two waiters: what the victim gave is left over.
            event::set(stage.event).unwrap();
            event::set(stage.event).unwrap();
            all_served(waiters);
            happened(stage.drain(stage.event), 1, completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            event::set(opened.event).unwrap();
        })
    }
}

/// Lets the waiters of the manual event go, and says whether they need not have been.
fn let_go(stage: &Stage, waiters: Vec<Waiter>, completed: bool) {
    if !completed {
        event::set(stage.manual).unwrap();
    }
    all_served(waiters);
    event::reset(stage.manual).unwrap();
}

pub(crate) fn set_manual_event_with_waiters() -> Operation {
    Operation {
        audience: |stage| waiters(stage.manual, 3),
        meanwhile: |_| {},
        judge: let_go,
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            event::set(opened.manual).unwrap();
        })
    }
}

pub(crate) fn reset_event() -> Operation {
    Operation {
        before: |stage| event::set(stage.event).unwrap(),
        judge: |stage, _, completed| {
            let left = stage.drain(stage.event);
            assert!(left == 0 || left == 1 && !completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            event::reset(opened.event).unwrap();
        })
    }
}

pub(crate) fn pulse_event() -> Operation {
    Operation {
        judge: |stage, _, _| assert_eq!(stage.drain(stage.event), 0),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            event::pulse(opened.event).unwrap();
        })
    }
}

pub(crate) fn pulse_manual_event_with_waiters() -> Operation {
    Operation {
        audience: |stage| waiters(stage.manual, 3),
        meanwhile: |_| {},
        judge: |stage, waiters, completed| {
            assert_eq!(wait::one(stage.manual, Some(Duration::ZERO), false), Ok(Outcome::Timeout));
            let_go(stage, waiters, completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            event::pulse(opened.manual).unwrap();
        })
    }
}

fn abandoned_if_completed(stage: &Stage, _: Vec<Waiter>, completed: bool) {
    let abandoned = stage.is_abandoned();
    assert!(abandoned || !completed);
}

fn abandoned(stage: &Stage, _: Vec<Waiter>, _: bool) {
    assert!(stage.is_abandoned());
}

fn take(mutex: Handle) {
    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
}

pub(crate) fn take_mutex() -> Operation {
    Operation {
        judge: abandoned_if_completed,
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            take(opened.mutex);
        })
    }
}

pub(crate) fn take_mutex_again() -> Operation {
    Operation {
        judge: abandoned,
        ..Operation::new(|victim| {
            let opened = Opened::new();
            take(opened.mutex);
            victim.arm();
            take(opened.mutex);
        })
    }
}

pub(crate) fn take_abandoned_mutex() -> Operation {
    Operation {
        before: |stage| {
            let mutex = stage.mutex;
            std::thread::spawn(move || take(mutex)).join().unwrap();
        },
        judge: abandoned,
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            // A survivor may have taken it and given it back while the victim prepared.
            assert_eq!(wait::one(opened.mutex, None, false), Ok(Outcome::Abandoned(0)));
        })
    }
}

pub(crate) fn release_mutex() -> Operation {
    Operation {
        judge: |stage, _, completed| assert!(!stage.is_abandoned() || !completed),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            take(opened.mutex);
            victim.arm();
            mutex::release(opened.mutex).unwrap();
        })
    }
}

pub(crate) fn release_mutex_once_of_two() -> Operation {
    Operation {
        judge: abandoned,
        ..Operation::new(|victim| {
            let opened = Opened::new();
            take(opened.mutex);
            take(opened.mutex);
            victim.arm();
            mutex::release(opened.mutex).unwrap();
        })
    }
}

pub(crate) fn release_mutex_to_waiters() -> Operation {
    Operation {
        audience: |stage| {
            let mutex = stage.mutex;
            let wait = move || {
                let outcome = wait::one(mutex, None, false);
                mutex::release(mutex).unwrap();
                outcome
            };
            (0..2).map(|_| Waiter::start(wait)).collect()
        },
        meanwhile: |_| {},
        judge: |_, waiters, completed| {
            let outcomes: Vec<_> = waiters.into_iter().map(Waiter::outcome).collect();
            let abandoned = outcomes.iter().filter(|outcome| **outcome == Outcome::Abandoned(0)).count();
            assert!(abandoned == 0 || abandoned == 1 && !completed, "{outcomes:?}");
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            take(opened.mutex);
            victim.arm();
            mutex::release(opened.mutex).unwrap();
        })
    }
}

pub(crate) fn release_semaphore() -> Operation {
    Operation {
        judge: |stage, _, completed| happened(stage.drain(stage.semaphore) - COUNT, 3, completed),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            semaphore::release(opened.semaphore, 3).unwrap();
        })
    }
}

pub(crate) fn release_semaphore_to_waiters() -> Operation {
    Operation {
        before: |stage| assert_eq!(stage.drain(stage.semaphore), COUNT),
        audience: |stage| waiters(stage.semaphore, 3),
        meanwhile: |_| {},
        judge: |stage, waiters, completed| {
            semaphore::release(stage.semaphore, 3).unwrap();
            all_served(waiters);
            happened(stage.drain(stage.semaphore), 2, completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            semaphore::release(opened.semaphore, 2).unwrap();
        })
    }
}

/// A time that does not come in a test: an hour from now.
const LATE: timer::Setting = timer::Setting { due: -36_000_000_000, period_ms: 0, routine: None };
/// A time that has come already.
const DUE: timer::Setting = timer::Setting { due: -1, period_ms: 0, routine: None };

pub(crate) fn set_timer() -> Operation {
    Operation {
        judge: |stage, _, _| assert_eq!(stage.drain(stage.timer), 0),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            timer::set(opened.timer, &LATE).unwrap();
        })
    }
}

pub(crate) fn set_due_timer_with_waiters() -> Operation {
    Operation {
        audience: |stage| waiters(stage.timer, 2),
        meanwhile: |_| {},
        judge: |stage, waiters, _| {
            // Each time serves one waiter more, the victim's too if it was served.
            let finished = || waiters.iter().filter(|waiter| waiter.thread.is_finished()).count();
            while finished() < 2 {
                let before = finished();
                timer::set(stage.timer, &DUE).unwrap();
                until(|| finished() > before);
            }
            all_served(waiters);
            stage.drain(stage.timer);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            timer::set(opened.timer, &DUE).unwrap();
        })
    }
}

pub(crate) fn set_timer_with_routine() -> Operation {
    Operation {
        judge: |stage, _, _| {
            stage.drain(stage.timer);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            timer::set(
                opened.timer,
                &timer::Setting { routine: Some(Routine { address: 1, context: 2 }), ..LATE },
            )
            .unwrap();
            victim.arm();
            timer::set(
                opened.timer,
                &timer::Setting { routine: Some(Routine { address: 1, context: 2 }), ..DUE },
            )
            .unwrap();
            assert_eq!(wait::sleep(None, true), Ok(Outcome::Apc));
            assert!(matches!(apc::take(), Some(apc::Apc::Timer { address: 1, argument: 2, .. })));
        })
    }
}

pub(crate) fn cancel_timer() -> Operation {
    Operation {
        judge: |stage, _, _| assert_eq!(stage.drain(stage.timer), 0),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            timer::set(
                opened.timer,
                &timer::Setting { routine: Some(Routine { address: 1, context: 2 }), ..LATE },
            )
            .unwrap();
            victim.arm();
            timer::cancel(opened.timer).unwrap();
        })
    }
}

pub(crate) fn queue_call() -> Operation {
    Operation {
        // A thread that takes three calls at most: the victim's, if it came to be, and the judge's.
        audience: |stage| {
            let page = stage.page;
            vec![Waiter::start(move || {
                page.word(OWN).store(thread::id().into(), Ordering::Release);
                let mut calls = 0;
                loop {
                    assert_eq!(wait::sleep(None, true), Ok(Outcome::Apc));
                    while let Some(call) = apc::take() {
                        calls += 1;
                        if call == (apc::Apc::User { address: 7, argument: 8 }) {
                            return Ok(Outcome::Object(calls));
                        }
                    }
                }
            })]
        },
        judge: |stage, waiters, completed| {
            let target = thread::open(stage.told() as u32, PROCESS_ALL, false).unwrap();
            apc::queue(target, 7, 8).unwrap();
            handle::close(target).unwrap();
            for waiter in waiters {
                let Outcome::Object(calls) = waiter.outcome() else { panic!("no calls") };
                happened(calls as u32 - 1, 1, completed);
            }
        },
        ..Operation::new(|victim| {
            Opened::new();
            victim.arm();
            let target = thread::open(victim.told() as u32, PROCESS_ALL, false).unwrap();
            apc::queue(target, 5, 6).unwrap();
        })
    }
}

pub(crate) fn signal_and_wait() -> Operation {
    Operation {
        meanwhile: |stage| event::set(stage.event).unwrap(),
        judge: |stage, _, completed| {
            happened(stage.drain(stage.semaphore) - COUNT, 1, completed);
            stage.drain(stage.event);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            assert_eq!(
                wait::signal_and_wait(opened.semaphore, opened.event, None, false),
                Ok(Outcome::Object(0))
            );
        })
    }
}
