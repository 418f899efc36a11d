//! Systems that refuse what winipc needs.

use winipc_executive::namespace::attach;
use winipc_executive::{Attributes, Status, event};

use crate::child::{Scratch, succeeds};

/// Has some system calls of this process fail with an error number from now on.
fn refuse(calls: &[libc::c_long], error: u32) {
    let statement = |code: u32, jump_true: u8, jump_false: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let (load, equal, give) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    );
    let mut filter = vec![statement(load, 0, 0, 0)]; // the number of the call
    for call in calls {
        filter.push(statement(equal, 0, 1, *call as u32));
        filter.push(statement(give, 0, 0, libc::SECCOMP_RET_ERRNO | error));
    }
    filter.push(statement(give, 0, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a filter of valid statements that outlives the call; it only concerns this process.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
}

/// Attaches in a process whose calls to `futex_waitv` fail with an error number.
pub(crate) fn attach_without_futex_waitv(error: &str) {
    refuse(&[libc::SYS_futex_waitv], error.parse().unwrap());
    println!("attached: {:?}", attach().map_err(|error| error.to_string()));
    let made = event::create(&Attributes::default(), 0, false, false);
    assert_eq!(made.map(|_| ()), Err(Status::ARENA_UNAVAILABLE));
}

/// Attaches in a process that can start no thread.
pub(crate) fn attach_without_threads() {
    refuse(&[libc::SYS_clone, libc::SYS_clone3], libc::EAGAIN as u32);
    for _ in 0..2 {
        println!("attached: {:?}", attach().map_err(|error| error.to_string()));
        let made = event::create(&Attributes::default(), 0, false, false);
        assert_eq!(made.map(|_| ()), Err(Status::ARENA_UNAVAILABLE));
    }
}

/// A process that could start no keeper went on without one, attached by half.
#[test]
fn a_process_that_can_start_no_thread_leaves_nothing() {
    let scratch = Scratch::private("threads");
    let text = succeeds("without-threads", scratch.path());
    assert_eq!(text.matches("cannot start the keeper thread").count(), 2, "{text}");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_refused_futex_waitv_is_named_in_the_error() {
    let scratch = Scratch::private("waitv");
    for error in [libc::ENOSYS, libc::EPERM] {
        let text = succeeds(&format!("without-futex-waitv {error}"), scratch.path());
        assert!(text.contains("refuses futex_waitv") && text.contains("Linux 5.16"), "{text}");
        assert!(text.contains(&format!("os error {error}")), "{text}");
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

/// Attaches in a process with less address space than an arena takes.
pub(crate) fn attach_in_small_address_space() {
    let limit = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
    // SAFETY: a valid limit for this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    println!("attached: {:?}", attach().map_err(|error| error.to_string()));
    let made = event::create(&Attributes::default(), 0, false, false);
    assert_eq!(made.map(|_| ()), Err(Status::ARENA_UNAVAILABLE));
}

#[test]
fn too_little_address_space_is_named_in_the_error() {
    let scratch = Scratch::private("address-space");
    let text = succeeds("small-address-space", scratch.path());
    assert!(text.contains("cannot map the arena") && text.contains("ulimit -v"), "{text}");
    // Neither is half an arena left, nor a name for it.
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}
