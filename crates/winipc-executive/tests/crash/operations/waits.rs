//! Waits, satisfied at once and after sleep.

use std::time::Duration;

use winipc_executive::wait::{Mode, Outcome};
use winipc_executive::{Handle, apc, event, handle, semaphore, timer, wait};

use crate::harness::{COUNT, Opened, Operation, Stage};

/// What is left of the event, which was set once, and of the semaphore.
fn left(stage: &Stage) -> (u32, u32) {
    (stage.drain(stage.event), stage.drain(stage.semaphore))
}

pub(crate) fn wait_any_at_once() -> Operation {
    Operation {
        before: |stage| event::set(stage.event).unwrap(),
        judge: |stage, _, completed| {
            let (event, semaphore) = left(stage);
            assert_eq!(semaphore, COUNT);
            assert!(event == 0 || event == 1 && !completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            let objects = [opened.manual, opened.event, opened.semaphore];
            assert_eq!(wait::many(&objects, Mode::Any, None, false), Ok(Outcome::Object(1)));
        })
    }
}

fn all_or_nothing(stage: &Stage, completed: bool) {
    let (event, semaphore) = left(stage);
    let abandoned = stage.is_abandoned();
    match (event, semaphore) {
        (0, count) if count == COUNT - 1 => assert!(abandoned),
        (1, COUNT) => assert!(!completed),
        other => panic!("a part was taken: {other:?}"),
    }
}

pub(crate) fn wait_all_at_once() -> Operation {
    Operation {
        before: |stage| event::set(stage.event).unwrap(),
        judge: |stage, _, completed| all_or_nothing(stage, completed),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            let objects = [opened.event, opened.semaphore, opened.mutex];
            assert_eq!(wait::many(&objects, Mode::All, None, false), Ok(Outcome::Object(0)));
        })
    }
}

pub(crate) fn wait_for_event() -> Operation {
    Operation {
        meanwhile: |stage| event::set(stage.event).unwrap(),
        judge: |stage, _, completed| {
            let left = stage.drain(stage.event);
            assert!(left == 0 || left == 1 && !completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            assert_eq!(wait::one(opened.event, None, false), Ok(Outcome::Object(0)));
        })
    }
}

pub(crate) fn wait_for_mutex() -> Operation {
    Operation {
        before: |stage| stage.hold_mutex(false),
        meanwhile: |stage| stage.let_mutex_go(),
        judge: |stage, _, completed| {
            let abandoned = stage.is_abandoned();
            assert!(abandoned || !completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            assert_eq!(wait::one(opened.mutex, None, false), Ok(Outcome::Object(0)));
        })
    }
}

pub(crate) fn wait_for_abandoned_mutex() -> Operation {
    Operation {
        before: |stage| stage.hold_mutex(true),
        meanwhile: |stage| stage.let_mutex_go(),
        judge: |stage, _, _| assert!(stage.is_abandoned()),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            assert_eq!(wait::one(opened.mutex, None, false), Ok(Outcome::Abandoned(0)));
        })
    }
}

pub(crate) fn wait_for_semaphore_until_timeout() -> Operation {
    Operation {
        before: |stage| assert_eq!(stage.drain(stage.semaphore), COUNT),
        judge: |stage, _, _| assert_eq!(stage.drain(stage.semaphore), 0),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            let timeout = Some(Duration::from_millis(1));
            assert_eq!(wait::one(opened.semaphore, timeout, false), Ok(Outcome::Timeout));
        })
    }
}

pub(crate) fn wait_for_timer() -> Operation {
    Operation {
        before: |stage| {
            timer::set(stage.timer, &timer::Setting { due: -20_000, period_ms: 1, routine: None }).unwrap();
        },
        judge: |stage, _, _| {
            // The timer repeats, whoever waits for it.
            assert_eq!(wait::one(stage.timer, None, false), Ok(Outcome::Object(0)));
            timer::cancel(stage.timer).unwrap();
            stage.drain(stage.timer);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            assert_eq!(wait::one(opened.timer, None, false), Ok(Outcome::Object(0)));
        })
    }
}

pub(crate) fn wait_any_asleep() -> Operation {
    Operation {
        before: |stage| assert_eq!(stage.drain(stage.semaphore), COUNT),
        meanwhile: |stage| {
            semaphore::release(stage.semaphore, 1).unwrap();
        },
        judge: |stage, _, completed| {
            let (event, semaphore) = left(stage);
            assert_eq!(event, 0);
            assert!(semaphore == 0 || semaphore == 1 && !completed);
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            let objects = [opened.manual, opened.event, opened.semaphore];
            assert_eq!(wait::many(&objects, Mode::Any, None, false), Ok(Outcome::Object(2)));
        })
    }
}

pub(crate) fn wait_all_asleep() -> Operation {
    Operation {
        meanwhile: |stage| event::set(stage.event).unwrap(),
        judge: |stage, _, completed| all_or_nothing(stage, completed),
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.arm();
            let objects = [opened.event, opened.semaphore, opened.mutex];
            assert_eq!(wait::many(&objects, Mode::All, None, false), Ok(Outcome::Object(0)));
        })
    }
}

pub(crate) fn wait_alertably() -> Operation {
    Operation {
        meanwhile: |stage| {
            let target = thread_of_victim(stage);
            if let Ok(target) = target {
                // The victim may have died meanwhile.
                let _ = apc::queue(target, 1, 2);
                handle::close(target).unwrap();
            }
        },
        ..Operation::new(|victim| {
            let opened = Opened::new();
            victim.tell(u64::from(winipc_executive::thread::id()));
            victim.arm();
            assert_eq!(wait::one(opened.event, None, true), Ok(Outcome::Apc));
            assert_eq!(apc::take(), Some(apc::Apc::User { address: 1, argument: 2 }));
        })
    }
}

fn thread_of_victim(stage: &Stage) -> winipc_executive::Result<Handle> {
    winipc_executive::thread::open(stage.told() as u32, crate::support::PROCESS_ALL, false)
}
