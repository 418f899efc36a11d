//! What a process still does when it has left its namespace and has not ended yet: exit functions that were registered
//! before it came run after that.

mod support;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{
    PROCESS_ALL, Page, State, Waiter, World, assert_whole_and_empty, bury, fork, let_keepers_sleep, progress,
    start_watchdog, until,
};
use winipc_executive::process::Creation;
use winipc_executive::section::{self, Access, Parameters, Protection, Unused, View};
use winipc_executive::wait::Outcome;
use winipc_executive::{Attributes, Handle, handle, inspect, namespace, process, wait};

/// Words of the page: how far the one that leaves is, and the others.
const LEAVER: usize = 0;
const OTHERS: usize = 1;
const VICTIM: usize = 2;

/// Stages of the one that leaves.
const JOINED: u64 = 1;
const LEFT: u64 = 2;
/// Stages of the others, and of the one that is killed.
const READY: u64 = 1;
const DONE: u64 = 2;

static PAGE: OnceLock<Page> = OnceLock::new();

fn set(word: usize, stage: u64) {
    PAGE.get().unwrap().word(word).store(stage, Ordering::Release);
}

fn wait_for(word: usize, stage: u64) {
    until(|| PAGE.get().unwrap().word(word).load(Ordering::Acquire) >= stage);
}

/// Joins, prepares, and leaves when the others are ready; then calls `last`, and ends.
fn leave(prepare: fn(), last: fn()) {
    static LAST: OnceLock<fn()> = OnceLock::new();
    extern "C" fn call() {
        let result = std::panic::catch_unwind(LAST.get().unwrap());
        // SAFETY: ends the process; nothing of the parent's may run in it.
        unsafe { libc::_exit(if result.is_ok() { 0 } else { 101 }) };
    }
    LAST.set(last).unwrap();
    // SAFETY: the function stays valid and does not panic. It is registered before the one that leaves, so runs after
    // it.
    assert_eq!(unsafe { libc::atexit(call) }, 0);
    namespace::attach().unwrap();
    prepare();
    set(LEAVER, JOINED);
    wait_for(OTHERS, READY);
    std::process::exit(0);
}

fn map(section: Handle) -> usize {
    let whole = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };
    section::map(section, &whole).unwrap()
}

fn create() -> Handle {
    let parameters = Parameters { size: 4096, protection: Protection::ReadWrite, reserve: false };
    section::create(&Attributes::default(), section::ALL_RIGHTS, &parameters).unwrap().0
}

fn unmap(view: usize) {
    // SAFETY: nobody uses the view.
    section::unmap(unsafe { Unused::at(view) }).unwrap();
}

macro_rules! roles {
    ($($role:ident,)*) => {
        $(
            #[test]
            fn $role() {
                let world = World::new(stringify!($role));
                world.run("role", stringify!($role));
                world.assert_empty();
            }
        )*

        /// What a process that a test starts does. It does not join itself.
        #[test]
        #[ignore = "a role that other tests start"]
        fn plays_a_role() {
            start_watchdog();
            let role = std::env::var("ARGUMENT").unwrap();
            progress(role.clone());
            assert!(PAGE.set(Page::new()).is_ok());
            match role.as_str() {
                $(stringify!($role) => roles::$role(),)*
                _ => panic!("no such role: {role}"),
            }
        }
    };
}

roles! {
    a_view_that_is_unmapped_late_is_nobody_elses,
    a_death_that_one_who_has_left_is_told_of_is_seen_by_others,
    the_end_of_a_child_of_one_that_has_left_is_seen,
}

mod roles {
    use super::*;

    /// The record of the view had gone, and was another process's.
    pub(super) fn a_view_that_is_unmapped_late_is_nobody_elses() {
        static VIEW: AtomicUsize = AtomicUsize::new(0);
        let last = || {
            set(LEAVER, LEFT);
            wait_for(OTHERS, DONE);
            unmap(VIEW.load(Ordering::Relaxed));
        };
        let mut leaver = fork(|| leave(|| VIEW.store(map(create()), Ordering::Relaxed), last));
        wait_for(LEAVER, JOINED);
        let section = create();
        set(OTHERS, READY);
        wait_for(LEAVER, LEFT);
        let views: Vec<_> = (0..16).map(|_| map(section)).collect();
        set(OTHERS, DONE);
        assert_eq!(leaver.wait_for_end(), State::Exited(0));
        assert_eq!(inspect::check(), []);
        views.into_iter().for_each(unmap);
        handle::close(section).unwrap();
        bury();
        assert_whole_and_empty();
    }

    /// The kernel wakes one of those who watch a process. Its keeper was halted then, and no other looked.
    pub(super) fn a_death_that_one_who_has_left_is_told_of_is_seen_by_others() {
        let mut victim = fork(|| {
            namespace::attach().unwrap();
            set(VICTIM, READY);
            loop {
                // SAFETY: has no preconditions.
                unsafe { libc::pause() };
            }
        });
        wait_for(VICTIM, READY);
        let last = || {
            set(LEAVER, LEFT);
            wait_for(OTHERS, DONE);
        };
        let mut leaver = fork(|| leave(|| (), last));
        wait_for(LEAVER, JOINED);
        let handle = process::open(victim.pid as u32, PROCESS_ALL, false).unwrap();
        set(OTHERS, READY);
        wait_for(LEAVER, LEFT);
        // The keeper hears of the new thread, and is the last of those who watch from then on.
        let waiter = Waiter::start(move || wait::one(handle, None, false));
        let_keepers_sleep(std::process::id() as i32);
        victim.kill();
        assert_eq!(waiter.outcome(), Outcome::Object(0));
        set(OTHERS, DONE);
        assert_eq!(leaver.wait_for_end(), State::Exited(0));
        handle::close(handle).unwrap();
        bury();
        assert_whole_and_empty();
    }

    /// Its parent's thread that watches children was halted.
    pub(super) fn the_end_of_a_child_of_one_that_has_left_is_seen() {
        let make_child = || {
            let arguments = ["sleep", "1000"].map(Into::into);
            let created = process::create(&Creation::new(Path::new("/bin/sleep"), &arguments)).unwrap();
            set(VICTIM, created.id.into());
        };
        let last = || {
            set(LEAVER, LEFT);
            wait_for(OTHERS, DONE);
        };
        let mut leaver = fork(|| leave(make_child, last));
        wait_for(LEAVER, JOINED);
        let id = PAGE.get().unwrap().word(VICTIM).load(Ordering::Acquire) as u32;
        let child = process::open(id, PROCESS_ALL, false).unwrap();
        set(OTHERS, READY);
        wait_for(LEAVER, LEFT);
        process::terminate(child, 7).unwrap();
        assert_eq!(wait::one(child, None, false), Ok(Outcome::Object(0)));
        assert_eq!(process::exit_code(child), Ok(7));
        set(OTHERS, DONE);
        assert_eq!(leaver.wait_for_end(), State::Exited(0));
        handle::close(child).unwrap();
        bury();
        assert_whole_and_empty();
    }
}
