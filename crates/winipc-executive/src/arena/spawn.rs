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
    /// Whether it waits before it runs.
    pub(crate) is_suspended: bool,
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
    /// A child that is to wait does so until this is 0.
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
    /// Whether the child waits, and so has memory of its own. The arena is not asked again: a neighbour may change what
    /// it says, and one that borrows its parent's memory would have that wait, too.
    waits: bool,
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
    let start = Start {
        path: program.path.as_ptr(),
        arguments: arguments.as_ptr(),
        environment: environment.as_ptr(),
        directory: program.directory.as_ref().map_or(null(), |directory| directory.as_ptr()),
        standard: program.standard.map(|descriptor| descriptor.unwrap_or(-1)),
        inherited: &program.inherited,
        leads_group: program.leads_group,
        leads_session: program.leads_session,
        waits: program.is_suspended,
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
    let borrows = if start.waits { 0 } else { libc::CLONE_VM | libc::CLONE_VFORK };
    let mut descriptor: c_int = -1;
    // No handler of the parent's may run in the child, nor anything of the parent's on its memory.
    let mask = block_signals();
    // SAFETY: the stack is the child's alone and long enough for what `run` calls. Either the child has memory of its
    // own, or this thread stands still until the child is another program or gone; `start` and all it points to live as
    // long.
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
        if start.waits {
            wait_suspended(start);
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), null_mut());
    }
    0
}

/// A signal's action as the kernel has it, the handler first. The others are 0 where that is the default.
type Action = [usize; 4];

/// Bytes of a set of signals in the kernel.
const SIGNAL_SET: usize = 8;

/// What the parent handles has its default action in the child, as the program has it anyhow. So has SIGPIPE, which the
/// standard library ignores and most programs expect.
///
/// The C library is not asked, which takes a lock for some signals: another thread of the parent's may hold it.
unsafe fn reset_signals() {
    const DEFAULT: Action = [libc::SIG_DFL; 4];
    for signal in 1..=64 {
        let mut action = DEFAULT;
        // SAFETY: places for actions, as large as the kernel's are. All signals are blocked.
        unsafe {
            let known =
                libc::syscall(libc::SYS_rt_sigaction, signal, null::<Action>(), &mut action, SIGNAL_SET) == 0;
            if known && (signal == libc::SIGPIPE || ![libc::SIG_DFL, libc::SIG_IGN].contains(&action[0])) {
                libc::syscall(libc::SYS_rt_sigaction, signal, &DEFAULT, null_mut::<Action>(), SIGNAL_SET);
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

/// Closes the descriptors that the program will not have: others wait for them to be closed. Which they are the child
/// finds out itself, in which no other thread opens any. Where `/proc` is not there they stay open until the program
/// begins.
unsafe fn close_private() {
    /// Where a directory's entry has its length and its name.
    const LENGTH: usize = core::mem::offset_of!(libc::dirent64, d_reclen);
    const NAME: usize = core::mem::offset_of!(libc::dirent64, d_name);
    let mut entries = [0_u8; 4096];
    // SAFETY: system calls; the buffer has so many bytes.
    unsafe {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let directory = libc::open(c"/proc/self/fd".as_ptr(), flags);
        if directory < 0 {
            return;
        }
        loop {
            let filled = libc::syscall(libc::SYS_getdents64, directory, entries.as_mut_ptr(), entries.len());
            let mut rest = &entries[..usize::try_from(filled).unwrap_or(0)];
            if rest.is_empty() {
                break;
            }
            while rest.len() > NAME {
                let length = usize::from(u16::from_ne_bytes([rest[LENGTH], rest[LENGTH + 1]]));
                let (entry, others) = rest.split_at(length.clamp(NAME + 1, rest.len()));
                rest = others;
                let Some(number) = number_of(&entry[NAME..]) else { continue };
                let flags = libc::fcntl(number, libc::F_GETFD);
                if number != directory && flags >= 0 && flags & libc::FD_CLOEXEC != 0 {
                    libc::close(number);
                }
            }
        }
        libc::close(directory);
    }
}

/// The number that a name is, up to its NUL.
fn number_of(name: &[u8]) -> Option<RawFd> {
    let name = &name[..name.iter().position(|&byte| byte == 0)?];
    core::str::from_utf8(name).ok()?.parse().ok()
}

/// Waits to be resumed.
unsafe fn wait_suspended(start: &Start<'_>) {
    // SAFETY: system calls; the word is mapped.
    unsafe {
        close_private();
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

#[cfg(all(test, not(miri)))]
mod tests {
    use std::os::fd::AsRawFd;
    use std::sync::LazyLock;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::*;

    /// After so long a child that waits for ever is killed. No result depends on how long anything takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    const EXPECTED: u64 = 1;
    const NOTED: u64 = 2;

    fn program(is_suspended: bool) -> Program {
        Program {
            path: c"/bin/true".into(),
            arguments: vec![c"true".into()],
            is_suspended,
            ..Program::default()
        }
    }

    /// The child asked the arena again whether it was to wait. Where a neighbour had changed that it waited in its
    /// parent's memory, and its parent with it.
    #[test]
    fn a_child_that_borrows_memory_does_not_wait() {
        static SUSPENDED: LazyLock<Free32> = LazyLock::new(Free32::default);
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let born = Free64::default();
            born.store(EXPECTED);
            let cradle = Cradle {
                born: &born,
                expected: EXPECTED,
                note: |_, _| {
                    SUSPENDED.store(1);
                    NOTED
                },
                is_noted: |word, _| word == NOTED,
                suspended: &SUSPENDED,
                is_forlorn: &|| false,
            };
            let spawned = spawn(&program(false), &cradle);
            let _ = tell.send(spawned.is_ok_and(|(_, child)| {
                child.fetch();
                true
            }));
        });
        let told = told.recv_timeout(PATIENCE);
        SUSPENDED.store(0);
        assert_eq!(told, Ok(true));
    }

    /// The id of the process that makes a child and dies.
    static PARENT: AtomicI32 = AtomicI32::new(0);

    /// The child asked who its parent is when that had been killed already. It took whoever had adopted it for its
    /// parent, and waited for ever.
    #[test]
    fn a_suspended_child_knows_that_its_parent_is_dead() {
        let (born, suspended) = (Free64::default(), Free32::default());
        born.store(EXPECTED);
        suspended.store(1);
        let cradle = Cradle {
            born: &born,
            expected: EXPECTED,
            note: |_, _| {
                // SAFETY: system calls. Only the child's parent is the parent.
                while unsafe { libc::getppid() } == PARENT.load(Ordering::Relaxed) {
                    core::hint::spin_loop();
                }
                NOTED
            },
            is_noted: |word, _| word == NOTED,
            suspended: &suspended,
            is_forlorn: &|| true,
        };
        let program = program(true);
        let (reader, writer) = crate::arena::descriptor::pipe().unwrap();
        // SAFETY: orphans come to this process; the child makes another, tells its id, and ends.
        let parent = unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
            libc::fork()
        };
        if parent == 0 {
            PARENT.store(std::process::id() as i32, Ordering::Relaxed);
            let id = spawn(&program, &cradle).map_or(0, |(id, _)| id);
            // SAFETY: four bytes that are only read.
            unsafe {
                libc::write(writer.as_raw_fd(), (&raw const id).cast(), 4);
                libc::_exit(0);
            }
        }
        let mut id = 0;
        // SAFETY: a child of ours, and a place for four bytes.
        unsafe {
            libc::waitpid(parent, null_mut(), 0);
            assert_eq!(libc::read(reader.as_raw_fd(), (&raw mut id).cast(), 4), 4);
        }
        assert_ne!(id, 0);
        let (begun, mut status) = (Instant::now(), 0);
        // SAFETY: the orphan, which is our child now.
        while unsafe { libc::waitpid(id, &mut status, libc::WNOHANG) } == 0 {
            if begun.elapsed() > PATIENCE {
                // SAFETY: as above.
                unsafe { libc::kill(id, libc::SIGKILL) };
            }
            std::thread::yield_now();
        }
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == CANNOT_RUN, "{status:#x}");
    }
}
