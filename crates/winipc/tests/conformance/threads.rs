//! Sections 13.4 and 2.4: making threads, and how they end.

use crate::support::process::Creation;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

tests![
    a_thread_runs_its_routine,
    what_a_routine_returns_is_the_exit_code,
    exit_thread_sets_the_exit_code,
    exit_thread_ends_at_once,
    a_thread_has_an_id,
    a_suspended_thread_runs_when_it_is_resumed,
    resuming_a_running_thread_does_nothing,
    apcs_run_before_the_routine,
    a_suspended_thread_takes_apcs,
    the_end_of_a_thread_abandons_its_mutexes,
    a_new_thread_can_be_waited_on,
    a_stack_of_any_size,
    the_end_of_the_first_thread_ends_the_process,
    the_last_thread_ends_the_process,
    the_thread_has_the_exit_code_of_its_process,
];

/// A thread that runs a routine with a number.
fn start(routine: LPTHREAD_START_ROUTINE, parameter: usize, flags: u32) -> Handle {
    Handle::own(ok!(CreateThread(null(), 0, routine, parameter as *const c_void, flags, null_mut())))
}

fn exit_code(thread: &Handle) -> u32 {
    let mut code = 0;
    ok!(GetExitCodeThread(thread.raw(), &mut code));
    code
}

fn end(thread: &Handle) -> u32 {
    assert_eq!(wait(thread, SOON), WAIT_OBJECT_0);
    exit_code(thread)
}

/// The events that a routine is given.
struct Events {
    started: Handle,
    go: Handle,
    count: AtomicU32,
}

impl Events {
    fn new() -> Self {
        Events { started: event(true, false), go: event(true, false), count: AtomicU32::new(0) }
    }

    fn address(&self) -> usize {
        self as *const Events as usize
    }

    /// # Safety
    /// The address is that of an `Events` that outlives the thread.
    unsafe fn at<'a>(address: *mut c_void) -> &'a Events {
        // SAFETY: as the caller promises.
        unsafe { &*address.cast() }
    }
}

unsafe extern "system" fn wait_for_go(parameter: *mut c_void) -> u32 {
    // SAFETY: every test waits for the thread's end.
    let events = unsafe { Events::at(parameter) };
    ok!(SetEvent(events.started.raw()));
    assert_eq!(wait(&events.go, SOON), WAIT_OBJECT_0);
    events.count.fetch_add(1, Ordering::SeqCst);
    0xC0FF_EE00
}

unsafe extern "system" fn return_parameter(parameter: *mut c_void) -> u32 {
    parameter as usize as u32
}

/// 13.4: CreateThread runs the routine with its parameter on a thread of its own.
fn a_thread_runs_its_routine() {
    let events = Events::new();
    let thread = start(Some(wait_for_go), events.address(), 0);
    assert_eq!(wait(&events.started, SOON), WAIT_OBJECT_0);
    assert_eq!((wait(&thread, 0), exit_code(&thread)), (WAIT_TIMEOUT, 259));
    ok!(SetEvent(events.go.raw()));
    assert_eq!(end(&thread), 0xC0FF_EE00);
    assert_eq!(events.count.load(Ordering::SeqCst), 1);
}

/// 13.2: The exit code of a thread is what its routine returns.
fn what_a_routine_returns_is_the_exit_code() {
    for code in [0, 1, 256, 0x1234_5678] {
        assert_eq!(end(&start(Some(return_parameter), code, 0)), code as u32);
    }
}

unsafe extern "system" fn exit_with(parameter: *mut c_void) -> u32 {
    deep_exit(parameter as usize as u32, 30);
    1
}

fn deep_exit(code: u32, levels: u32) -> u32 {
    if levels == 0 {
        // SAFETY: no frame of the thread has anything to drop.
        unsafe { ExitThread(code) }
    }
    std::hint::black_box(deep_exit(code, levels - 1)) + 1
}

/// 13.2: ExitThread(n) gives exit code n.
fn exit_thread_sets_the_exit_code() {
    for code in [0, 7, 0xC000_0005] {
        assert_eq!(end(&start(Some(exit_with), code, 0)), code as u32);
    }
}

unsafe extern "system" fn exit_then_count(parameter: *mut c_void) -> u32 {
    // SAFETY: every test waits for the thread's end.
    let events = unsafe { Events::at(parameter) };
    if wait(&events.go, 0) == WAIT_TIMEOUT {
        deep_exit(1, 5);
    }
    events.count.fetch_add(1, Ordering::SeqCst)
}

/// 13.4: Nothing of the thread runs after ExitThread.
fn exit_thread_ends_at_once() {
    let events = Events::new();
    assert_eq!(end(&start(Some(exit_then_count), events.address(), 0)), 1);
    assert_eq!(events.count.load(Ordering::SeqCst), 0);
}

unsafe extern "system" fn own_id(_: *mut c_void) -> u32 {
    call!(GetCurrentThreadId()).0
}

/// 13.4: CreateThread tells the id that the thread has, and by which it can be opened.
fn a_thread_has_an_id() {
    let mut id = 0;
    let flags = THREAD_CREATE_SUSPENDED;
    let thread = Handle::own(ok!(CreateThread(null(), 0, Some(own_id), null(), flags, &mut id)));
    assert_eq!(ok!(GetThreadId(thread.raw())), id);
    let opened = Handle::own(ok!(OpenThread(THREAD_ALL_ACCESS, FALSE, id)));
    assert_eq!(call!(ResumeThread(opened.raw())), (1, UNTOUCHED));
    assert_eq!(end(&thread), id);
    assert!(is_signaled(&opened));
}

/// 13.4: With CREATE_SUSPENDED the thread runs after ResumeThread, which returns the suspend count before.
fn a_suspended_thread_runs_when_it_is_resumed() {
    let events = Events::new();
    let thread = start(Some(wait_for_go), events.address(), THREAD_CREATE_SUSPENDED);
    ok!(SetEvent(events.go.raw()));
    assert_eq!(wait_any(&[&events.started, &thread], 20), WAIT_TIMEOUT);
    assert_eq!(events.count.load(Ordering::SeqCst), 0);
    assert_eq!(call!(ResumeThread(thread.raw())), (1, UNTOUCHED));
    end(&thread);
    assert_eq!(events.count.load(Ordering::SeqCst), 1);
}

/// 13.4: ResumeThread of a thread that runs returns 0.
fn resuming_a_running_thread_does_nothing() {
    let events = Events::new();
    let thread = start(Some(wait_for_go), events.address(), 0);
    assert_eq!(call!(ResumeThread(thread.raw())), (0, UNTOUCHED));
    ok!(SetEvent(events.go.raw()));
    end(&thread);
    assert_eq!(call!(ResumeThread(NEVER)), (u32::MAX, ERROR_INVALID_HANDLE));
    assert_eq!(call!(ResumeThread(events.go.raw())), (u32::MAX, ERROR_INVALID_HANDLE));
    let poor = thread.with_access(SYNCHRONIZE);
    assert_eq!(call!(ResumeThread(poor.raw())), (u32::MAX, ERROR_ACCESS_DENIED));
}

unsafe extern "system" fn count_apc(parameter: usize) {
    // SAFETY: every test waits for the thread's end.
    unsafe { Events::at(parameter as *mut c_void) }.count.fetch_add(10, Ordering::SeqCst);
}

unsafe extern "system" fn return_count(parameter: *mut c_void) -> u32 {
    // SAFETY: every test waits for the thread's end.
    unsafe { Events::at(parameter) }.count.load(Ordering::SeqCst)
}

/// 2.4: APCs queued before a thread starts run before its routine.
fn apcs_run_before_the_routine() {
    let events = Events::new();
    let thread = start(Some(return_count), events.address(), THREAD_CREATE_SUSPENDED);
    for _ in 0..3 {
        ok!(QueueUserAPC(Some(count_apc), thread.raw(), events.address()));
    }
    ok!(ResumeThread(thread.raw()));
    assert_eq!(end(&thread), 30);
}

/// 2.4: Without an alertable wait they run all the same, and only once.
fn a_suspended_thread_takes_apcs() {
    let events = Events::new();
    let thread = start(Some(wait_for_go), events.address(), THREAD_CREATE_SUSPENDED);
    ok!(QueueUserAPC(Some(count_apc), thread.raw(), events.address()));
    assert_eq!(events.count.load(Ordering::SeqCst), 0);
    ok!(ResumeThread(thread.raw()));
    ok!(SetEvent(events.go.raw()));
    end(&thread);
    assert_eq!(events.count.load(Ordering::SeqCst), 11);
    fails!(QueueUserAPC(Some(count_apc), thread.raw(), events.address()), ERROR_GEN_FAILURE);
}

unsafe extern "system" fn take_and_exit(mutex: *mut c_void) -> u32 {
    assert_eq!(call!(WaitForSingleObject(mutex, 0)).0, WAIT_OBJECT_0);
    deep_exit(0, 3)
}

/// 13.4: The end of a thread abandons the mutexes that it owns.
fn the_end_of_a_thread_abandons_its_mutexes() {
    let mutex = mutex(false);
    let thread = start(Some(take_and_exit), mutex.raw() as usize, 0);
    assert_eq!(wait(&thread, SOON), WAIT_OBJECT_0);
    assert_eq!(wait(&mutex, SOON), WAIT_ABANDONED);
    ok!(ReleaseMutex(mutex.raw()));
}

/// 13.1: A new thread can be waited on together with others.
fn a_new_thread_can_be_waited_on() {
    let events = Events::new();
    let threads = [(); 2].map(|()| start(Some(wait_for_go), events.address(), 0));
    assert_eq!(wait_any(&[&threads[0], &threads[1]], 1), WAIT_TIMEOUT);
    ok!(SetEvent(events.go.raw()));
    assert_eq!(wait_all(&[&threads[0], &threads[1], &events.go], SOON), WAIT_OBJECT_0);
}

/// 13.4: The stack's size may be given, also with STACK_SIZE_PARAM_IS_A_RESERVATION.
fn a_stack_of_any_size() {
    for (size, flags) in [(1, 0), (64 << 10, 0), (8 << 20, 0), (4 << 20, STACK_SIZE_PARAM_IS_A_RESERVATION)] {
        let parameter = 5 as *const c_void;
        let routine = Some(return_parameter as unsafe extern "system" fn(*mut c_void) -> u32);
        let thread = Handle::own(ok!(CreateThread(null(), size, routine, parameter, flags, null_mut())));
        assert_eq!(end(&thread), 5);
    }
}

/// 13.2: Where the only thread ends by ExitThread(n) the process ends with n.
fn the_end_of_the_first_thread_ends_the_process() {
    assert_eq!(Creation::script("exit_thread 12").run(), 12);
}

/// 13.2: A process whose last thread ends by ExitThread(n) or by returning n has that exit code.
fn the_last_thread_ends_the_process() {
    for how in ["return", "exit"] {
        assert_eq!(Creation::script(&format!("leave_to_thread {how} 13")).run(), 13);
    }
}

/// 13.2: A thread that ends with its process has the process's exit code.
fn the_thread_has_the_exit_code_of_its_process() {
    let made = Creation::script("exit 14").make();
    assert_eq!(end(&made.thread), 14);
    assert_eq!(made.end(), 14);
}
