//! Processes of other process id namespaces, as containers have them, whose ids are other processes' here.

#[path = "support/mod.rs"]
mod support;

use std::io;
use std::process::Command;
use std::sync::atomic::Ordering;

use support::{
    PROCESS_ALL, Page, State, World, assert_whole_and_empty, fork, progress, start_watchdog, units, until,
};
use winipc_executive::wait::Outcome;
use winipc_executive::{Status, event, handle, namespace, process, wait};

/// Has the children of the calling process, which has one thread, be in a process id namespace of their own. Who is not
/// root needs a user namespace for that, and stays who they are in it.
fn separate_children() -> io::Result<()> {
    // SAFETY: the calls take no pointers.
    let (user, group, result) = unsafe {
        let (user, group) = (libc::geteuid(), libc::getegid());
        let flags = libc::CLONE_NEWPID | if user == 0 { 0 } else { libc::CLONE_NEWUSER };
        (user, group, libc::unshare(flags))
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if user != 0 {
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    }
    Ok(())
}

/// Words of the page: how far they are there, why not, and what the one that goes on is to do.
const STAGE: usize = 0;
const ERROR: usize = 1;
const GO: usize = 2;

/// Values of the first word.
const FAILED: u64 = 1;
const READY: u64 = 2;

/// The first process of the other namespace: it makes one with a given id there.
fn be_init(page: &Page, id: u32) {
    namespace::attach().unwrap();
    if let Err(error) = std::fs::write("/proc/sys/kernel/ns_last_pid", (id - 1).to_string()) {
        return fail(page, &error);
    }
    let mut twin = fork(|| {
        assert_eq!(std::process::id(), id);
        namespace::attach().unwrap();
        page.word(STAGE).store(READY, Ordering::Release);
        loop {
            // SAFETY: has no preconditions.
            unsafe { libc::pause() };
        }
    });
    until(|| page.word(GO).load(Ordering::Acquire) != 0);
    // Here its id is its own.
    let handle = process::open(id, PROCESS_ALL, false).unwrap();
    process::terminate(handle, 7).unwrap();
    assert_eq!(wait::one(handle, None, false), Ok(Outcome::Object(0)));
    assert_eq!(process::exit_code(handle), Ok(7));
    assert_eq!(twin.wait_for_end(), State::Killed(libc::SIGKILL));
    handle::close(handle).unwrap();
}

fn fail(page: &Page, error: &io::Error) {
    page.word(ERROR).store(error.raw_os_error().unwrap_or(0) as u64, Ordering::Release);
    page.word(STAGE).store(FAILED, Ordering::Release);
}

/// The process that had the id here was killed.
#[test]
fn a_process_of_another_namespace_is_not_terminated() {
    let world = World::new("another_namespace");
    world.run("role", "terminate");
    world.assert_empty();
}

#[test]
#[ignore = "a role that another test starts"]
fn plays_a_role() {
    start_watchdog();
    progress("terminate");
    namespace::attach().unwrap();
    let mut here = Command::new("sleep").arg("1000").spawn().unwrap();
    let page = Page::new();
    let mut outer = fork(|| {
        if let Err(error) = separate_children() {
            return fail(&page, &error);
        }
        let mut init = fork(|| be_init(&page, here.id()));
        assert_eq!(init.wait_for_end(), State::Exited(0));
    });
    until(|| page.word(STAGE).load(Ordering::Acquire) != 0);
    if page.word(STAGE).load(Ordering::Acquire) == FAILED {
        let error = io::Error::from_raw_os_error(page.word(ERROR).load(Ordering::Acquire) as i32);
        let needs = format!("process id namespaces: {error}");
        support::omission::left_out("a_process_of_another_namespace_is_not_terminated", &needs);
    } else {
        let there = process::open(here.id(), PROCESS_ALL, false).unwrap();
        assert_eq!(process::terminate(there, 9), Err(Status::ACCESS_DENIED));
        assert!(here.try_wait().unwrap().is_none(), "the process with that number here was killed");
        assert_eq!(process::exit_code(there), Ok(259));
        page.word(GO).store(1, Ordering::Release);
        assert_eq!(wait::one(there, None, false), Ok(Outcome::Object(0)));
        assert_eq!(process::exit_code(there), Ok(7));
        handle::close(there).unwrap();
    }
    assert_eq!(outer.wait_for_end(), State::Exited(0));
    here.kill().unwrap();
    here.wait().unwrap();
    // Who was killed is buried.
    assert_eq!(event::open(&units("nobody"), 1, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_whole_and_empty();
}
