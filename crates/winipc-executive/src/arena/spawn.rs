//! Making a process, as `posix_spawn` does: the child borrows the parent's memory until it has become another program.
//!
//! `fork` would copy the tables of all of the parent's memory. What `posix_spawn` cannot do is what the child does
//! first here: it notes in the arena that it was born, in one compare-and-swap, so that its record is never given up
//! under it and it never runs on without one.
//!
//! A child that is to start suspended has memory of its own, since its parent goes on meanwhile.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use super::child::ProcessDescriptor;
use super::system::block_signals;
use super::word::{Free32, Free64};

/// What is run, and how. The child must not allocate, so everything is as it needs it.
#[derive(Default)]
pub(crate) struct Program {
    /// An absolute path.
    pub(crate) path: CString,
    pub(crate) arguments: Vec<CString>,
    /// All of it.
    pub(crate) environment: Vec<CString>,
    pub(crate) directory: Option<CString>,
    /// What becomes descriptors 0, 1 and 2, where they are not to stay what they are.
    pub(crate) standard: [Option<RawFd>; 3],
    /// Descriptors that the program has too, under their numbers.
    pub(crate) inherited: Vec<RawFd>,
    /// Whether it leads a process group of its own.
    pub(crate) leads_group: bool,
    /// Whether it leads a session of its own, and so has no terminal.
    pub(crate) leads_session: bool,
}

/// Where the child notes its birth, and what it waits for.
pub(crate) struct Cradle<'a> {
    pub(crate) born: &'a Free64,
    /// What `born` holds until then.
    pub(crate) expected: u64,
    /// What it is to hold, for an id and a time in milliseconds.
    pub(crate) note: fn(u32, u64) -> u64,
    /// Whether it holds that of an id.
    pub(crate) is_noted: fn(u64, u32) -> bool,
    /// The child waits until this is 0.
    pub(crate) suspended: &'a Free32,
    /// Whether nobody is left who could resume it. Asked in the child: it must not allocate.
    pub(crate) is_forlorn: &'a dyn Fn() -> bool,
}

/// Bytes of the child's stack.
const STACK: usize = 64 << 10;

/// Code of a child that could not become the program, as shells have it.
const CANNOT_RUN: c_int = 127;

/// What parent and child share.
struct Start<'a> {
    path: *const libc::c_char,
    arguments: *const *const libc::c_char,
    environment: *const *const libc::c_char,
    directory: *const libc::c_char,
    standard: [RawFd; 3],
    inherited: &'a [RawFd],
    leads_group: bool,
    leads_session: bool,
    /// Where the child waits: the descriptors that it must not keep meanwhile.
    closed: &'a [RawFd],
    /// Id of the parent. The child cannot ask for it: the parent may be dead when it first runs.
    parent: libc::pid_t,
    born: &'a AtomicU64,
    expected: u64,
    note: fn(u32, u64) -> u64,
    is_noted: fn(u64, u32) -> bool,
    suspended: &'a AtomicU32,
    is_forlorn: &'a dyn Fn() -> bool,
    /// What went wrong, and whether in changing the directory.
    error: AtomicI32,
    is_directory: AtomicI32,
}

/// Why there is no child.
pub(crate) enum Refusal {
    /// It cannot be in the directory.
    Directory,
    /// It cannot run the program, or not be made.
    Program(io::Error),
}

/// Makes a child. Returns its id and a descriptor when it has become the program, or, if it is to wait, at once.
pub(crate) fn spawn(program: &Program, cradle: &Cradle<'_>) -> Result<(u32, ProcessDescriptor), Refusal> {
    let arguments = pointers(&program.arguments);
    let environment = pointers(&program.environment);
    let waits = cradle.suspended.load() != 0;
    let closed = if waits { open_descriptors() } else { Vec::new() };
    let start = Start {
        path: program.path.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        directory: program.directory.as_ref().map_or(null(), |directory| directory.as_ptr()),
        standard: program.standard.map(|descriptor| descriptor.unwrap_or(-1)),
        inherited: &program.inherited,
        leads_group: program.leads_group,
        leads_session: program.leads_session,
        closed: &closed,
        parent: std::process::id() as libc::pid_t,
        born: cradle.born.atomic(),
        expected: cradle.expected,
        note: cradle.note,
        is_noted: cradle.is_noted,
        suspended: cradle.suspended.atomic(),
        is_forlorn: cradle.is_forlorn,
        error: AtomicI32::new(0),
        is_directory: AtomicI32::new(0),
    };
    let mut stack: Box<[MaybeUninit<u128>]> = Box::new_uninit_slice(STACK / size_of::<u128>());
    let borrows = if waits { 0 } else { libc::CLONE_VM | libc::CLONE_VFORK };
    let mut descriptor: c_int = -1;
    // No handler of the parent's may run in the child, nor anything of the parent's on its memory.
    let mask = block_signals();
    // SAFETY: the stack is the child's alone and long enough for what `run` calls. Either the child has memory of its own,
    // or this thread stands still until the child is another program or gone; `start` and all it points to live as long.
    let id = unsafe {
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        let argument = (&raw const start).cast_mut().cast::<c_void>();
        let flags = borrows | libc::CLONE_PIDFD | libc::SIGCHLD;
        libc::clone(run, top, flags, argument, &raw mut descriptor)
    };
    let error = io::Error::last_os_error();
    drop(mask);
    if id < 0 {
        return Err(Refusal::Program(error));
    }
    // SAFETY: the kernel has just opened it for this process.
    let child = ProcessDescriptor::new(unsafe { OwnedFd::from_raw_fd(descriptor) });
    match start.error.load(Ordering::Acquire) {
        0 => {
            // One that waits may not have come to it.
            note_birth(&start, id as u32);
            Ok((id as u32, child))
        }
        error => {
            child.fetch();
            if start.is_directory.load(Ordering::Acquire) != 0 {
                return Err(Refusal::Directory);
            }
            Err(Refusal::Program(io::Error::from_raw_os_error(error)))
        }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([null()]).collect()
}

/// The descriptors of the process.
fn open_descriptors() -> Vec<RawFd> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The child. It runs on its parent's memory: it calls nothing but the system, and never returns.
extern "C" fn run(argument: *mut c_void) -> c_int {
    // SAFETY: what `spawn` passes, which outlives the child's use of it.
    let start = unsafe { &*argument.cast::<Start<'_>>() };
    // SAFETY: system calls with valid arguments, in a process whose only thread this is.
    unsafe {
        if !note_birth(start, libc::getpid() as u32) {
            // The parent is dead, and whoever buried it has given up the record.
            libc::_exit(CANNOT_RUN);
        }
        let result = prepare(start);
        if result == 0 {
            libc::execve(start.path, start.arguments, start.environment);
            start.error.store(*libc::__errno_location(), Ordering::Release);
        } else {
            start.error.store(result, Ordering::Release);
        }
        libc::_exit(CANNOT_RUN)
    }
}

/// Notes the birth of the child. False if the child must not be.
fn note_birth(start: &Start<'_>, id: u32) -> bool {
    let note = (start.note)(id, super::system::boot_now_ms());
    match start.born.compare_exchange(start.expected, note, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => true,
        Err(now) => (start.is_noted)(now, id),
    }
}

/// Does what is to be done before the child becomes the program. Returns the error.
///
/// # Safety
/// The calling thread is the only one of its process.
unsafe fn prepare(start: &Start<'_>) -> c_int {
    // SAFETY: system calls with valid arguments; the pointers are those of `spawn`.
    unsafe {
        let error = || *libc::__errno_location();
        reset_signals();
        if start.leads_session {
            libc::setsid();
        } else if start.leads_group {
            libc::setpgid(0, 0);
        }
        if !place_standard(start) || !keep_inherited(start) {
            return error();
        }
        if !start.directory.is_null() && libc::chdir(start.directory) != 0 {
            start.is_directory.store(1, Ordering::Release);
            return error();
        }
        if start.suspended.load(Ordering::Acquire) != 0 {
            wait_suspended(start);
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), null_mut());
    }
    0
}

/// What the parent handles has its default action in the child, as the program has it anyhow. So has SIGPIPE, which the
/// standard library ignores and most programs expect.
unsafe fn reset_signals() {
    // SAFETY: system calls with valid arguments. All signals are blocked.
    unsafe {
        let mut default: libc::sigaction = core::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=64 {
            let mut action = MaybeUninit::<libc::sigaction>::uninit();
            if libc::sigaction(signal, null(), action.as_mut_ptr()) == 0 {
                let action = (*action.as_ptr()).sa_sigaction;
                if signal == libc::SIGPIPE || action != libc::SIG_DFL && action != libc::SIG_IGN {
                    libc::sigaction(signal, &default, null_mut());
                }
            }
        }
    }
}

/// Puts the descriptors 0, 1 and 2 in place.
unsafe fn place_standard(start: &Start<'_>) -> bool {
    let mut sources = start.standard;
    // SAFETY: system calls.
    unsafe {
        // None may be written over before it is in place.
        for source in &mut sources {
            if (0..3).contains(source) {
                *source = libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, 3);
                if *source < 0 {
                    return false;
                }
            }
        }
        for (place, source) in (0..).zip(sources) {
            if source >= 0 && libc::dup2(source, place) < 0 {
                return false;
            }
        }
    }
    true
}

/// Has the program get the inherited descriptors.
unsafe fn keep_inherited(start: &Start<'_>) -> bool {
    // SAFETY: a system call.
    start.inherited.iter().all(|descriptor| unsafe { libc::fcntl(*descriptor, libc::F_SETFD, 0) } == 0)
}

/// Waits to be resumed, without the descriptors that the program will not have: others wait for them to be closed.
unsafe fn wait_suspended(start: &Start<'_>) {
    // SAFETY: system calls; the word is mapped.
    unsafe {
        for descriptor in start.closed {
            let flags = libc::fcntl(*descriptor, libc::F_GETFD);
            if flags >= 0 && flags & libc::FD_CLOEXEC != 0 {
                libc::close(*descriptor);
            }
        }
        let word: *const AtomicU32 = start.suspended;
        let interval = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        loop {
            let count = start.suspended.load(Ordering::Acquire);
            if count == 0 {
                return;
            }
            if libc::getppid() != start.parent && (start.is_forlorn)() {
                libc::_exit(CANNOT_RUN);
            }
            libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, count, &interval);
        }
    }
}
