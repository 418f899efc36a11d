//! Several processes: what one leaves to the others, however it ends.

mod common;

use std::time::Duration;
use std::{mem, process};

use common::{pipe, role, start, unique};
use winipc::sys::PROCESS_ALL_ACCESS;
use winipc::{
    AsHandle, ClientOptions, EventOptions, LockError, MutexOptions, PipeMode, Process, ServerOptions,
    WaitResult, Waitable, Win32Error, wait_any,
};

#[test]
fn a_named_event_reaches_another_process() {
    if let Some((_, name)) = role() {
        EventOptions::new().name(&name).open().unwrap().set().unwrap();
        process::exit(7);
    }
    let name = unique("reaches");
    let event = EventOptions::new().name(&name).create().unwrap();
    let mut child = start("a_named_event_reaches_another_process", "setter", &name);
    assert_eq!(event.wait(None), Ok(WaitResult::Signaled(0)));
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

/// Opens a process object for a child that has said on a pipe that it runs.
fn meet(name: &str) -> (winipc::PipeServer, Process) {
    let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&pipe(name)).unwrap();
    let id = {
        // The child is started by the caller and comes here.
        server.connect().unwrap();
        server.client_process_id().unwrap()
    };
    (server, Process::open_with_access(id, PROCESS_ALL_ACCESS).unwrap())
}

#[test]
fn the_exit_code_stays_with_the_handle() {
    if let Some((_, name)) = role() {
        let client = ClientOptions::new().open(&name).unwrap();
        let _ = client.recv(&mut [0; 1]);
        // A code that Windows also uses for processes that run.
        Process::exit(259);
    }
    let mut child = start("the_exit_code_stays_with_the_handle", "leaver", &pipe("leaver"));
    let (server, process) = meet("leaver");
    assert_eq!(process.exit_code(), Ok(None));
    assert_eq!(process.wait(Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    drop(server);
    child.wait().unwrap();
    assert_eq!(process.wait(None), Ok(WaitResult::Signaled(0)));
    assert_eq!(process.exit_code(), Ok(Some(259)));
}

#[test]
fn a_terminated_process_lets_go_of_everything() {
    const TEST: &str = "a_terminated_process_lets_go_of_everything";
    if let Some((_, name)) = role() {
        let mutex = MutexOptions::new().name(&name).open().unwrap();
        mem::forget(mutex.lock());
        let _event = EventOptions::new().name(format!("{name}-event")).create().unwrap();
        let client = ClientOptions::new().open(&pipe_of(&name)).unwrap();
        client.send(b"last words").unwrap();
        let _ = client.recv(&mut [0; 1]);
        unreachable!("it is terminated before");
    }
    fn pipe_of(name: &str) -> String {
        format!(r"\\.\pipe\{name}")
    }

    let name = unique("terminated");
    let mutex = MutexOptions::new().name(&name).create().unwrap();
    let server = ServerOptions::new().create(&pipe_of(&name)).unwrap();
    let mut child = start(TEST, "victim", &name);
    server.connect().unwrap();
    let process = Process::open_with_access(server.client_process_id().unwrap(), PROCESS_ALL_ACCESS).unwrap();
    // It has said its last words when this much is there.
    while server.peek(&mut []).unwrap().available < 10 {
        std::thread::yield_now();
    }
    assert!(matches!(mutex.try_lock(), Err(LockError::Timeout)));
    let event = EventOptions::new().name(format!("{name}-event")).open();
    drop(event.unwrap());

    process.terminate(42).unwrap();
    assert_eq!(wait_any(&[&mutex, &process], None).unwrap().index(), Some(0));
    mutex.adopt().release().unwrap();
    child.wait().unwrap();
    assert_eq!(process.wait(None), Ok(WaitResult::Signaled(0)));
    assert_eq!(process.exit_code(), Ok(Some(42)));
    let mut buffer = [0; 16];
    assert_eq!(server.recv(&mut buffer).unwrap().bytes, 10);
    assert_eq!(&buffer[..10], b"last words");
    assert_eq!(server.recv(&mut buffer), Err(Win32Error::BROKEN_PIPE));
    let event = EventOptions::new().name(format!("{name}-event")).open();
    assert_eq!(event.unwrap_err(), Win32Error::FILE_NOT_FOUND);
}

#[test]
fn a_killed_owner_abandons_its_mutex() {
    if let Some((_, name)) = role() {
        let mutex = MutexOptions::new().name(&name).open().unwrap();
        mem::forget(mutex.lock());
        EventOptions::new().name(format!("{name}-owned")).open().unwrap().set().unwrap();
        let never = winipc::Event::manual_reset().unwrap();
        let _ = never.wait(None);
    }
    let name = unique("killed");
    let mutex = MutexOptions::new().name(&name).create().unwrap();
    let owned = EventOptions::new().name(format!("{name}-owned")).create().unwrap();
    let mut child = start("a_killed_owner_abandons_its_mutex", "owner", &name);
    assert!(owned.wait(None).unwrap().is_signaled());
    assert!(matches!(mutex.try_lock(), Err(LockError::Timeout)));
    child.kill().unwrap();
    assert!(matches!(mutex.lock(), Err(LockError::Abandoned(_))));
    assert!(mutex.lock().is_ok());
    child.wait().unwrap();
}

#[test]
fn a_handle_is_given_to_another_process() {
    const TEST: &str = "a_handle_is_given_to_another_process";
    if let Some((_, name)) = role() {
        let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name).unwrap();
        let mut number = [0; 8];
        assert_eq!(client.recv(&mut number).unwrap().bytes, 8);
        // SAFETY: the parent duplicated this handle for us.
        let handle = unsafe { winipc::OwnedHandle::from_raw(isize::from_le_bytes(number) as _) };
        winipc::Event::from(handle).set().unwrap();
        process::exit(0);
    }
    let mut child = start(TEST, "receiver", &pipe("given"));
    let (server, process) = meet("given");
    let event = winipc::Event::manual_reset().unwrap();
    let number = event.as_handle().duplicate_into(&process, false).unwrap();
    server.send(&number.to_le_bytes()).unwrap();
    assert_eq!(event.wait(None), Ok(WaitResult::Signaled(0)));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_process_that_is_not_there_cannot_be_opened() {
    assert_eq!(Process::open(0).unwrap_err(), Win32Error::INVALID_PARAMETER);
    assert_eq!(Process::open(u32::MAX).unwrap_err(), Win32Error::INVALID_PARAMETER);
    assert_eq!(Process::current_id(), process::id());
}
