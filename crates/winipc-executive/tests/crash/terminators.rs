//! Deaths of those who terminate others.

use std::sync::atomic::Ordering;

use winipc_executive::wait::Outcome;
use winipc_executive::{Status, crash, handle, process, wait};

use crate::deaths::member;
use crate::support::{
    PROCESS_ALL, Page, State, assert_whole_and_empty, bury, fork, let_keepers_sleep, until,
};

/// It had looked whose record it is, and the next process that had it by then ended with the code.
pub(crate) fn a_late_terminator_says_no_code_for_the_next_process() {
    extern "C" fn stop_again(_: i32) {
        crash::arm(0);
    }
    let page = Page::new();
    let mut target = member();
    let mut terminator = fork(|| {
        let handler: extern "C" fn(i32) = stop_again;
        // SAFETY: the handler stores one word of the thread's. Other threads get no signals.
        unsafe { libc::signal(libc::SIGCONT, handler as libc::sighandler_t) };
        let target = process::open(target.pid as u32, PROCESS_ALL, false).unwrap();
        page.word(0).store(1, Ordering::Release);
        until(|| page.word(1).load(Ordering::Acquire) != 0);
        // It stops before it says the code, and once more before it takes that back.
        crash::arm(0);
        let terminated = process::terminate(target, 77);
        assert_eq!(terminated, Err(Status::ACCESS_DENIED));
        // SAFETY: has no preconditions.
        unsafe { libc::raise(libc::SIGSTOP) };
    });
    until(|| page.word(0).load(Ordering::Acquire) != 0);
    // Not with the lock in hand.
    let_keepers_sleep(terminator.pid);
    page.word(1).store(1, Ordering::Release);
    assert_eq!(terminator.wait_for_stop(), State::Stopped);
    target.kill();
    bury();
    let mut next = member();
    let opened = process::open(next.pid as u32, PROCESS_ALL, false).unwrap();
    terminator.signal(libc::SIGCONT);
    assert_eq!(terminator.wait_for_stop(), State::Stopped);
    terminator.kill();
    next.kill();
    assert_eq!(wait::one(opened, None, false), Ok(Outcome::Object(0)));
    assert_eq!(process::exit_code(opened), Ok(1));
    handle::close(opened).unwrap();
    assert_whole_and_empty();
}
