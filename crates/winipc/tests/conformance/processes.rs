//! Sections 13.1 and 13.2: processes and threads as objects to wait on, and their exit codes.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;

tests![
    a_process_is_nonsignaled_while_it_runs,
    a_process_stays_signaled_after_its_end,
    many_wait_for_one_process,
    a_blocked_wait_sees_the_end_of_a_process,
    the_exit_code_stays_available,
    a_running_process_has_exit_code_259,
    exit_process_sets_the_exit_code,
    the_end_of_main_sets_the_exit_code,
    exit_code_259_looks_like_running,
    terminate_process_sets_the_exit_code,
    terminating_itself_sets_the_exit_code,
    terminating_an_ended_process_fails,
    terminating_needs_the_right,
    open_process_fails_for_unknown_ids,
    open_process_gives_what_was_asked,
    process_ids,
    the_current_process_has_exit_code_259,
    a_thread_is_signaled_after_its_end,
    thread_exit_codes,
    a_process_ends_without_its_children,
];

const ALL: u32 = PROCESS_ALL_ACCESS;

fn exit_code(process: &Handle) -> u32 {
    let mut code = 0;
    quiet!(GetExitCodeProcess(process.raw(), &mut code));
    code
}

/// 13.1: A process is nonsignaled until it ends.
fn a_process_is_nonsignaled_while_it_runs() {
    let mut child = Child::start();
    let process = child.open(ALL);
    assert_eq!(wait(&process, 0), WAIT_TIMEOUT);
    child.ask("pid");
    assert_eq!(wait(&process, 1), WAIT_TIMEOUT);
    child.send("exit 0");
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
}

/// 13.1: An ended process stays signaled; waits change nothing.
fn a_process_stays_signaled_after_its_end() {
    let mut child = Child::start();
    let process = child.open(ALL);
    child.kill();
    assert_eq!([(); 3].map(|()| wait(&process, SOON)), [WAIT_OBJECT_0; 3]);
    let set = event(true, true);
    assert_eq!(wait_all(&[&set, &process], 0), WAIT_OBJECT_0);
}

/// 13.1: Any number of waiters see the end of a process.
fn many_wait_for_one_process() {
    let mut child = Child::start();
    let process = child.open(SYNCHRONIZE);
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| wait(&process, SOON))).collect();
        child.send("exit 1");
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == WAIT_OBJECT_0));
    });
}

/// 13.1: A wait in progress ends when the process is killed, with the index of the process.
fn a_blocked_wait_sees_the_end_of_a_process() {
    let mut child = Child::start();
    let process = child.open(SYNCHRONIZE);
    let (clear, started) = (event(true, false), event(true, false));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            ok!(SetEvent(started.raw()));
            wait_any(&[&clear, &process], SOON)
        });
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        child.kill();
        assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0 + 1);
    });
}

/// 13.1: The object and the exit code stay available while a handle is open.
fn the_exit_code_stays_available() {
    let mut child = Child::start();
    let (process, id) = (child.open(ALL), child.id());
    child.send("exit 42");
    child.wait();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    assert_eq!((exit_code(&process), ok!(GetProcessId(process.raw()))), (42, id));
    assert_eq!(exit_code(&process.duplicate()), 42);
}

/// 13.2: GetExitCodeProcess gives STILL_ACTIVE (259) while the process runs.
fn a_running_process_has_exit_code_259() {
    let mut child = Child::start();
    assert_eq!(exit_code(&child.open(ALL)), 259);
    assert_eq!(STILL_ACTIVE, 259);
}

/// 13.2: ExitProcess(n) gives exit code n, all 32 bits.
fn exit_process_sets_the_exit_code() {
    for code in [0u32, 1, 255, 256, 0x1234_5678, 0xC000_0005] {
        let mut child = Child::start();
        let process = child.open(ALL);
        child.send(&format!("exit {code}"));
        assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
        assert_eq!(exit_code(&process), code);
    }
}

/// 13.2: A process that ends by returning from main has the exit code of that.
fn the_end_of_main_sets_the_exit_code() {
    let mut child = Child::start();
    let process = child.open(ALL);
    drop(child); // Its input ends, and so does it.
    assert_eq!((wait(&process, SOON), exit_code(&process)), (WAIT_OBJECT_0, 0));
}

/// 13.2: 259 as a real exit code looks like running; only the wait tells.
fn exit_code_259_looks_like_running() {
    let mut child = Child::start();
    let process = child.open(ALL);
    child.send("exit 259");
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    assert_eq!(exit_code(&process), 259);
}

/// 13.2: TerminateProcess(h, n) gives exit code n.
fn terminate_process_sets_the_exit_code() {
    let mut child = Child::start();
    let process = child.open(ALL);
    quiet!(TerminateProcess(process.raw(), 0xDEAD_BEEF));
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    assert_eq!(exit_code(&process), 0xDEAD_BEEF);
    child.wait();
}

/// 13.2: TerminateProcess of the pseudo-handle ends the caller with that code.
fn terminating_itself_sets_the_exit_code() {
    let mut child = Child::start();
    let process = child.open(ALL);
    child.send("terminate 4711");
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    assert_eq!(exit_code(&process), 4711);
}

/// 13.2: TerminateProcess of an ended process fails ERROR_ACCESS_DENIED and changes nothing.
fn terminating_an_ended_process_fails() {
    let mut child = Child::start();
    let process = child.open(ALL);
    child.send("exit 5");
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    fails!(TerminateProcess(process.raw(), 6), ERROR_ACCESS_DENIED);
    assert_eq!(exit_code(&process), 5);
}

/// 1.4: TerminateProcess needs PROCESS_TERMINATE, GetExitCodeProcess a query right, waits SYNCHRONIZE.
fn terminating_needs_the_right() {
    let mut child = Child::start();
    let (poor, query) = (child.open(SYNCHRONIZE), child.open(PROCESS_QUERY_LIMITED_INFORMATION));
    let mut code = 77;
    fails!(TerminateProcess(poor.raw(), 6), ERROR_ACCESS_DENIED);
    fails!(GetExitCodeProcess(poor.raw(), &mut code), ERROR_ACCESS_DENIED);
    assert_eq!(code, 77);
    fails!(WaitForSingleObject(query.raw(), 0), ERROR_ACCESS_DENIED);
    assert_eq!((exit_code(&query), wait(&poor, 0)), (259, WAIT_TIMEOUT));
}

/// 13.2: OpenProcess of id 0 or of an unknown id fails ERROR_INVALID_PARAMETER.
fn open_process_fails_for_unknown_ids() {
    for id in [0, 0x7FFF_FFFC, 0xFFFF_FFFC] {
        fails!(OpenProcess(ALL, FALSE, id), ERROR_INVALID_PARAMETER);
    }
    let mut child = Child::start();
    let (id, process) = (child.id(), child.open(SYNCHRONIZE));
    child.kill();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    process.close();
    until("the id of an ended process without handles is unknown", || {
        let (again, error) = call!(OpenProcess(SYNCHRONIZE, FALSE, id));
        if !again.is_null() {
            Handle::own(again);
            return false;
        }
        error == ERROR_INVALID_PARAMETER
    });
}

/// 13.2: OpenProcess gives a handle to that process with the access asked for.
fn open_process_gives_what_was_asked() {
    let process = Handle::own(ok!(OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, std::process::id())));
    assert_eq!(ok!(GetProcessId(process.raw())), std::process::id());
    fails!(WaitForSingleObject(process.raw(), 0), ERROR_ACCESS_DENIED);
}

/// 13.1: GetProcessId gives the id the process was opened by; GetCurrentProcessId one's own.
fn process_ids() {
    let mut child = Child::start();
    let process = child.open(ALL);
    assert_eq!(ok!(GetProcessId(process.raw())), child.id());
    assert_eq!(child.ask("pid").value, child.id().into());
    assert_eq!(call!(GetCurrentProcessId()).0, std::process::id());
    assert_eq!(call!(GetProcessId(this_process())).0, std::process::id());
}

/// 13.2: The caller's own exit code is STILL_ACTIVE.
fn the_current_process_has_exit_code_259() {
    let mut code = 0;
    ok!(GetExitCodeProcess(this_process(), &mut code));
    assert_eq!(code, 259);
    ok!(GetExitCodeThread(this_thread(), &mut code));
    assert_eq!(code, 259);
}

/// 13.1: A thread is nonsignaled until it ends, then signaled for ever.
fn a_thread_is_signaled_after_its_end() {
    let end = event(true, false);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            sender.send(thread_handle()).unwrap();
            wait(&end, SOON);
        });
        let thread = receiver.recv().unwrap();
        assert_eq!(wait(&thread, 0), WAIT_TIMEOUT);
        ok!(SetEvent(end.raw()));
        assert_eq!([(); 3].map(|()| wait(&thread, SOON)), [WAIT_OBJECT_0; 3]);
    });
}

/// 13.2: GetExitCodeThread gives STILL_ACTIVE while the thread runs, then what it returned.
fn thread_exit_codes() {
    let mut code = 7;
    let thread = on_thread(|| {
        let thread = thread_handle();
        let mut running = 7;
        ok!(GetExitCodeThread(thread.raw(), &mut running));
        assert_eq!(running, 259);
        thread
    });
    assert_eq!(wait(&thread, SOON), WAIT_OBJECT_0);
    ok!(GetExitCodeThread(thread.raw(), &mut code));
    assert_eq!(code, 0);
}

/// 13.2: The end of one process does not end others that hold its handles.
fn a_process_ends_without_its_children() {
    let (mut one, mut other, name) = (Child::start(), Child::start(), Name::unique());
    one.handle(&format!("create_event {} 1 0", name.text()));
    let there = other.handle(&format!("open_event {} {EVENT_ALL_ACCESS}", name.text()));
    one.kill();
    other.ok(&format!("set_event {there}"));
    assert_eq!(other.ask(&format!("wait {there} {SOON}")).value, WAIT_OBJECT_0.into());
}
