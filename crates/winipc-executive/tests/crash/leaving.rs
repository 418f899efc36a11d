//! The first one in and the last one out.

use std::sync::atomic::Ordering;

use winipc_executive::handle::Duplicate;
use winipc_executive::{
    Disposition, Handle, Status, crash, event, file, handle, inspect, namespace, process,
};

use crate::deaths::{member, sleep};
use crate::support::{ALL, PROCESS_ALL, Page, State, arena_exists, fork, named, progress, units, until};

/// Comes alone, finds nobody's objects, makes one of its own and leaves.
fn visit() {
    let mut visitor = fork(|| {
        assert_eq!(event::open(&units("event"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
        let (_, disposition) = event::create(&named(&units("event")), ALL, false, false).unwrap();
        assert_eq!(disposition, Disposition::Created);
        process::exit(0);
    });
    assert_eq!(visitor.wait_for_end(), State::Exited(0));
    assert!(!arena_exists());
}

pub(crate) fn the_last_one_out_removes_the_arena() {
    for _ in 0..3 {
        visit();
    }
}

pub(crate) fn of_several_that_leave_at_once_one_is_the_last() {
    for round in 0..50 {
        progress(format!("round {round}"));
        let page = Page::new();
        let mut members: Vec<_> = (0..6)
            .map(|_| {
                fork(|| {
                    namespace::attach().unwrap();
                    page.word(0).fetch_add(1, Ordering::AcqRel);
                    until(|| page.word(1).load(Ordering::Acquire) != 0);
                    process::exit(0);
                })
            })
            .collect();
        until(|| page.word(0).load(Ordering::Acquire) == 6);
        page.word(1).store(1, Ordering::Release);
        for member in &mut members {
            assert_eq!(member.wait_for_end(), State::Exited(0));
        }
        assert!(!arena_exists());
    }
}

pub(crate) fn after_everybody_crashed_the_first_starts_afresh() {
    for _ in 0..5 {
        let page = Page::new();
        let owner = fork(|| {
            event::create(&named(&units("event")), ALL, false, false).unwrap();
            page.word(0).store(1, Ordering::Release);
            sleep();
        });
        until(|| page.word(0).load(Ordering::Acquire) != 0);
        let members = [member(), member(), owner];
        for member in &members {
            member.signal(libc::SIGKILL);
        }
        drop(members);
        assert!(arena_exists());
        visit();
    }
}

/// Processes that had been given and asked for descriptors left the names of their mailboxes.
pub(crate) fn nothing_is_left_of_mailboxes_after_everybody_crashed() {
    for _ in 0..10 {
        let page = Page::new();
        let attached = |index: usize, function: &dyn Fn()| {
            fork(|| {
                namespace::attach().unwrap();
                function();
                page.word(index).store(1, Ordering::Release);
                sleep();
            })
        };
        let first = attached(0, &|| {});
        until(|| page.word(0).load(Ordering::Acquire) != 0);
        let second = attached(1, &|| {
            let (_, writer) = file::create_pipe(0, false).unwrap();
            let own = Handle::CURRENT_PROCESS;
            let other = process::open(first.pid as u32, PROCESS_ALL, false).unwrap();
            let same = Duplicate { access: None, inherit: false, close_source: false };
            let theirs = handle::duplicate(own, writer, Some(other), &same).unwrap();
            handle::duplicate(other, theirs, Some(own), &same).unwrap();
        });
        until(|| page.word(1).load(Ordering::Acquire) != 0);
        for member in [&first, &second] {
            member.signal(libc::SIGKILL);
        }
        drop((first, second));
        visit();
    }
}

/// Kills a lone process at each crash point of something that it does.
fn kill_alone(prepare: fn(), act: fn()) {
    let page = Page::new();
    for points in 0.. {
        progress(format!("crash point {points}"));
        page.word(0).store(0, Ordering::Release);
        let mut child = fork(|| {
            prepare();
            crash::arm(points);
            act();
            crash::disarm();
            page.word(0).store(1, Ordering::Release);
            sleep();
        });
        let completed = loop {
            match child.state() {
                State::Stopped => break false,
                State::Exited(0) => break true,
                State::Running if page.word(0).load(Ordering::Acquire) != 0 => break true,
                State::Running => std::thread::sleep(std::time::Duration::from_micros(20)),
                other => panic!("the victim has failed: {other:?}"),
            }
        };
        child.kill();
        visit();
        if completed {
            assert_ne!(points, 0);
            return;
        }
    }
}

pub(crate) fn killed_alone_while_attaching() {
    kill_alone(|| {}, || namespace::attach().unwrap());
}

pub(crate) fn killed_alone_while_leaving() {
    kill_alone(
        || {
            event::create(&named(&units("event")), ALL, false, false).unwrap();
        },
        || process::exit(0),
    );
}

/// No file of a section is left once the next process has come and gone.
pub(crate) fn killed_alone_with_sections() {
    kill_alone(
        || namespace::attach().unwrap(),
        || {
            crate::operations::sections::leave_mapped("first");
            crate::operations::sections::leave_mapped("second");
            process::exit(0);
        },
    );
}

/// What was left of a process that was killed before it had a keeper stayed until the next one came.
pub(crate) fn killed_while_attaching_beside_a_member() {
    namespace::attach().unwrap();
    let page = Page::new();
    for points in 0.. {
        progress(format!("crash point {points}"));
        page.word(0).store(0, Ordering::Release);
        let mut child = fork(|| {
            crash::arm(points);
            namespace::attach().unwrap();
            crash::disarm();
            page.word(0).store(1, Ordering::Release);
            sleep();
        });
        let completed = loop {
            match child.state() {
                State::Stopped => break false,
                State::Running if page.word(0).load(Ordering::Acquire) != 0 => break true,
                State::Running => std::thread::sleep(std::time::Duration::from_micros(20)),
                other => panic!("the victim has failed: {other:?}"),
            }
        };
        child.kill();
        // Nobody joins, and nobody looks for a name.
        until(|| inspect::check().is_empty());
        if completed {
            assert_ne!(points, 0);
            break;
        }
    }
}
