//! What children inherit by name.

#[path = "common/command.rs"]
mod command;

use std::time::Duration;

use command::{ended, is_role, role};
use winipc::sys::SYNCHRONIZE;
use winipc::{
    AsHandle, Command, Event, OwnedHandle, Process, Semaphore, Stdio, WaitResult, Waitable, Win32Error,
    inherited_handle,
};

#[test]
fn a_child_inherits_handles_by_name() {
    const TEST: &str = "a_child_inherits_handles_by_name";
    if is_role("child") {
        let event = Event::from(inherited_handle("EVENT").unwrap());
        let semaphore = Semaphore::from(inherited_handle("SEMAPHORE").unwrap());
        let parent = Process::from(inherited_handle("PARENT").unwrap());
        assert_eq!(inherited_handle("EVENT").unwrap_err(), Win32Error::NOT_FOUND);
        assert_eq!(inherited_handle("NOTHING").unwrap_err(), Win32Error::NOT_FOUND);
        assert!(!event.as_handle().is_inheritable().unwrap());
        assert_eq!(parent.id().unwrap().to_string(), std::env::var("PARENT_ID").unwrap());
        assert_eq!(semaphore.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
        event.set().unwrap();
        Process::exit(5);
    }
    let (event, semaphore) = (Event::manual_reset().unwrap(), Semaphore::new(1, 1).unwrap());
    let own = Process::current().unwrap();
    let child = role(TEST, "child")
        .env("PARENT_ID", std::process::id().to_string())
        .inherit("EVENT", &event)
        .inherit("SEMAPHORE", &semaphore)
        .inherit("PARENT", &own)
        .spawn()
        .unwrap();
    assert_eq!(ended(&child), 5);
    assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
    assert_eq!(semaphore.wait(Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    // What is passed is a handle of its own.
    assert!(!event.as_handle().is_inheritable().unwrap());
}

/// Variables that name handles of every number a small process has. Which its own will have nobody knows before.
fn forged(command: &mut Command<'_>) {
    for number in (4..2048).step_by(4) {
        command.env(format!("FORGED_{number}"), number.to_string());
    }
}

fn forged_name(of: &impl AsHandle) -> String {
    format!("FORGED_{}", of.as_handle().as_raw() as isize)
}

/// Whatever handle a variable named was taken for an inherited one, if only it was inheritable: it had two owners then,
/// and was closed twice.
#[test]
fn a_variable_alone_is_no_inheritance() {
    const TEST: &str = "a_variable_alone_is_no_inheritance";
    if is_role("child") {
        let own = Event::manual_reset().unwrap();
        own.as_handle().set_inheritable(true).unwrap();
        assert!(std::env::var(forged_name(&own)).is_ok());
        assert_eq!(inherited_handle(&forged_name(&own)).unwrap_err(), Win32Error::NOT_FOUND);
        own.set().unwrap();
        // Nor what is shared by all who ask for it.
        // SAFETY: it takes a number.
        let input = unsafe { winipc::sys::GetStdHandle(winipc::sys::STD_INPUT_HANDLE) } as isize;
        assert!(std::env::var(format!("FORGED_{input}")).is_ok());
        assert_eq!(inherited_handle(&format!("FORGED_{input}")).unwrap_err(), Win32Error::NOT_FOUND);
        // And the pseudo-handles are nobody's.
        for name in ["PROCESS", "NOTHING", "TEXT"] {
            assert_eq!(inherited_handle(name).unwrap_err(), Win32Error::NOT_FOUND);
        }
        inherited_handle("EVENT").unwrap();
        Process::exit(5);
    }
    let event = Event::manual_reset().unwrap();
    let mut command = role(TEST, "child");
    forged(&mut command);
    command.env("PROCESS", "-1").env("NOTHING", "0").env("TEXT", "4x");
    assert_eq!(ended(&command.stdin(Stdio::piped()).inherit("EVENT", &event).spawn().unwrap()), 5);
}

#[test]
fn an_inherited_handle_is_taken_once_under_whatever_name() {
    const TEST: &str = "an_inherited_handle_is_taken_once_under_whatever_name";
    if is_role("child") {
        let event = Event::from(inherited_handle("EVENT").unwrap());
        let other_name = forged_name(&event);
        assert_eq!(std::env::var(&other_name), std::env::var("EVENT"));
        for name in ["EVENT", &other_name] {
            assert_eq!(inherited_handle(name).unwrap_err(), Win32Error::NOT_FOUND);
        }
        event.set().unwrap();
        // What has been closed is gone, and its number not another's.
        let closed = std::env::var("CLOSED").unwrap().parse::<isize>().unwrap();
        // SAFETY: nobody has taken it.
        unsafe { winipc::sys::CloseHandle(closed as winipc::sys::HANDLE) };
        assert_eq!(inherited_handle("CLOSED").unwrap_err(), Win32Error::NOT_FOUND);
        Process::exit(5);
    }
    let (event, closed) = (Event::manual_reset().unwrap(), Event::manual_reset().unwrap());
    let mut command = role(TEST, "child");
    forged(&mut command);
    assert_eq!(ended(&command.inherit("EVENT", &event).inherit("CLOSED", &closed).spawn().unwrap()), 5);
    assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
}

/// The variables go on to grandchildren, and the handles do not.
#[test]
fn a_grandchild_has_not_inherited_what_its_parent_has() {
    const TEST: &str = "a_grandchild_has_not_inherited_what_its_parent_has";
    if is_role("grandchild") {
        let own: Vec<_> = (0..100).map(|_| Event::manual_reset().unwrap()).collect();
        own.iter().for_each(|event| event.as_handle().set_inheritable(true).unwrap());
        assert!(own.iter().any(|event| std::env::var("EVENT") == std::env::var(forged_name(event))));
        assert_eq!(inherited_handle("EVENT").unwrap_err(), Win32Error::NOT_FOUND);
        Process::exit(6);
    }
    if is_role("child") {
        let mut command = role(TEST, "grandchild");
        forged(&mut command);
        Process::exit(ended(&command.spawn().unwrap()));
    }
    let event = Event::manual_reset().unwrap();
    assert_eq!(ended(&role(TEST, "child").inherit("EVENT", &event).spawn().unwrap()), 6);
}

#[test]
fn an_inherited_handle_is_what_it_is() {
    const TEST: &str = "an_inherited_handle_is_what_it_is";
    if is_role("child") {
        let mistaken = Semaphore::from(inherited_handle("EVENT").unwrap());
        assert_eq!(mistaken.release(1), Err(Win32Error::INVALID_HANDLE));
        assert_eq!(Event::from(OwnedHandle::from(mistaken)).set(), Ok(()));
        Process::exit(7);
    }
    let event = Event::manual_reset().unwrap();
    assert_eq!(ended(&role(TEST, "child").inherit("EVENT", &event).spawn().unwrap()), 7);
    assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
}

#[test]
fn a_child_inherits_access_too() {
    const TEST: &str = "a_child_inherits_access_too";
    if is_role("child") {
        let event = Event::from(inherited_handle("EVENT").unwrap());
        assert_eq!(event.set(), Err(Win32Error::ACCESS_DENIED));
        assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Timeout));
        Process::exit(6);
    }
    let event = Event::manual_reset().unwrap();
    let poor = event.as_handle().try_clone_with_access(SYNCHRONIZE).unwrap();
    assert_eq!(ended(&role(TEST, "child").inherit("EVENT", &poor).spawn().unwrap()), 6);
}

#[test]
fn an_inherited_handle_keeps_its_object() {
    const TEST: &str = "an_inherited_handle_keeps_its_object";
    if is_role("child") {
        let kept: OwnedHandle = inherited_handle("KEPT").unwrap();
        let (ready, go) = (inherited_handle("READY").unwrap(), inherited_handle("GO").unwrap());
        Event::from(ready).set().unwrap();
        assert!(go.wait(None).unwrap().is_signaled());
        drop(kept);
        Process::exit(0);
    }
    let name = format!("winipc-commands-{}", std::process::id());
    let kept = winipc::EventOptions::new().name(&name).create().unwrap();
    let (ready, go) = (Event::manual_reset().unwrap(), Event::manual_reset().unwrap());
    let child = role(TEST, "child")
        .inherit("KEPT", &kept)
        .inherit("READY", &ready)
        .inherit("GO", &go)
        .spawn()
        .unwrap();
    assert!(ready.wait(None).unwrap().is_signaled());
    drop(kept);
    let open = || winipc::EventOptions::new().name(&name).open().map(|_| ());
    assert_eq!(open(), Ok(()));
    go.set().unwrap();
    assert_eq!(ended(&child), 0);
    assert_eq!(open(), Err(Win32Error::FILE_NOT_FOUND));
}
