//! A child of `fork` is a new process without handles: copies of its parent's must not touch its own.

#![cfg(target_os = "linux")]

mod common;

use std::io::Write;
use std::time::Duration;

use common::{pipe, role, start};
use winipc::{
    AsHandle, ClientOptions, Due, Event, Mutex, ServerOptions, WaitResult, Waitable, WaitableTimer,
    Win32Error,
};

/// With the C library's knowledge, and without.
type Fork = fn() -> i32;
const FORKS: [(&str, Fork); 2] = [
    // SAFETY: no thread of this process but the keeper, which sleeps, can hold a lock that the child needs.
    ("fork", || unsafe { libc::fork() }),
    // SAFETY: as above; without flags but the signal, clone is fork.
    ("clone", || unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as i32 }),
];

/// Runs in a process of its own, since forking is not for a test harness with many threads.
fn fork_with_everything(kind: &str) {
    let (_, fork) = FORKS.into_iter().find(|(name, _)| *name == kind).unwrap();
    let event = Event::manual_reset().unwrap();
    let mutex = Mutex::new().unwrap();
    let guard = mutex.lock().unwrap();
    let timer = WaitableTimer::auto_reset().unwrap();
    let routine = timer.set_with_routine(Due::After(Duration::from_secs(3600)), None, |_| {}).unwrap();
    let name = pipe("forked");
    let server = ServerOptions::new().create(&name).unwrap();
    let mut client = ClientOptions::new().open(&name).unwrap();
    let read = server.read_overlapped(Vec::with_capacity(4)).unwrap();
    let dropped = server.read_overlapped(Vec::with_capacity(4)).unwrap();

    let child = fork();
    if child == 0 {
        // SAFETY: a child that hangs is killed.
        unsafe { libc::alarm(60) };
        let check = std::panic::AssertUnwindSafe(|| {
            let borrowed = event.as_handle();
            assert!(borrowed.as_raw().is_null());
            // The child's own get the numbers that the parent's have.
            let own: Vec<Event> = match kind {
                "fork" => (0..20).map(|_| Event::manual_reset().unwrap()).collect(),
                // The C library does not know the thread, and nobody would learn of its end: it cannot join.
                _ => {
                    assert!(Event::manual_reset().is_err());
                    Vec::new()
                }
            };
            if kind == "fork" {
                assert_eq!(event.set(), Err(Win32Error::INVALID_HANDLE));
                assert!(mutex.try_lock().is_err());
                let (received, buffer) = read.wait();
                assert_eq!((received, buffer.capacity()), (Err(Win32Error::INVALID_HANDLE), 4));
            }
            drop((routine, guard, dropped, server, client));
            drop(event);
            for event in &own {
                event.set().unwrap();
                assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
            }
        });
        let code = if std::panic::catch_unwind(check).is_ok() { 0 } else { 1 };
        // SAFETY: ends the child at once, without the harness's own end.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's wait status");
    // All of the parent's is as it was.
    event.set().unwrap();
    guard.release().unwrap();
    drop(routine);
    drop(dropped);
    client.write_all(b"abc").unwrap();
    let (received, bytes) = read.wait();
    assert_eq!((received.unwrap().bytes, &bytes[..]), (3, &b"abc"[..]));
}

/// Handle objects that `fork` had copied closed the child's handles of the same number.
#[test]
fn what_a_forked_child_has_a_copy_of_touches_nothing_of_its_own() {
    if let Some((kind, _)) = role() {
        return fork_with_everything(&kind);
    }
    for (kind, _) in FORKS {
        let mut child = start("what_a_forked_child_has_a_copy_of_touches_nothing_of_its_own", kind, "");
        assert!(child.wait().unwrap().success(), "{kind}");
    }
}
