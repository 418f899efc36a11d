//! What the tests with several processes have in common: worlds of their own, forked children, and waiting with a
//! watchdog behind it.

// Each test program uses a part of it.
#![allow(dead_code)]

pub(crate) mod omission;

use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use winipc_executive::wait::Outcome;
use winipc_executive::{Attributes, Kind, Result, event, inspect};

/// Every right to an event, a semaphore or a timer.
pub(crate) const ALL: u32 = 0x1F_0003;
/// Every right to a mutex.
pub(crate) const MUTEX_ALL: u32 = 0x1F_0001;
/// Every right to a process or a thread.
pub(crate) const PROCESS_ALL: u32 = 0x1F_FFFF;
/// Looks and returns.
pub(crate) const NOW: Option<Duration> = Some(Duration::ZERO);

/// A name as the calls take it.
pub(crate) fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

/// Attributes of a named object.
pub(crate) fn named(name: &[u16]) -> Attributes<'_> {
    Attributes { name: Some(name), inherit: false }
}

/// A directory for the arenas of one test, which must be empty in the end.
pub(crate) struct World(PathBuf);

impl World {
    /// A fresh one.
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/winipc-test-{name}-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        World(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// Runs a role of this test program in the world, and fails the test if it fails.
    pub(crate) fn run(&self, role: &str, argument: &str) {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "plays_a_role", "--ignored", "--nocapture", "--test-threads=1", "--quiet"])
            .env("ROLE", role)
            .env("ARGUMENT", argument)
            .env("WINIPC_DIR", &self.0)
            .env("WINIPC_NAMESPACE", "test")
            .status()
            .unwrap();
        assert!(status.success(), "{role} {argument}: {status}");
    }

    /// Fails the test if an arena is left.
    pub(crate) fn assert_empty(&self) {
        let left: Vec<_> =
            std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether the calling process's world has an arena.
pub(crate) fn arena_exists() -> bool {
    std::fs::read_dir(std::env::var_os("WINIPC_DIR").unwrap()).unwrap().next().is_some()
}

/// Words that forked children share with their parent.
pub(crate) struct Page(*const [AtomicU64; 512]);

// SAFETY: points to atomics in a mapping that is never removed.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    /// A page of zeros.
    pub(crate) fn new() -> Self {
        // SAFETY: a fresh anonymous mapping.
        let page = unsafe {
            libc::mmap(
                core::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        Page(page.cast())
    }

    /// One of its words.
    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: mapped for the life of the process, aligned, and atomics throughout.
        unsafe { &(*self.0)[index] }
    }
}

/// A forked child.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: i32,
    status: Option<i32>,
}

/// What became of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Running,
    Stopped,
    /// It ended by itself, with this code.
    Exited(i32),
    Killed(i32),
}

/// Forks a child that runs a function, and dies with the calling thread at the latest. A panic ends it with code 101.
pub(crate) fn fork(function: impl FnOnce()) -> Child {
    // SAFETY: other threads of this process hold no lock that the child needs: they sleep in the executive, or in
    // waits.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: has no preconditions.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(function));
        // SAFETY: ends the child; nothing of the parent's may run in it.
        unsafe { libc::_exit(if result.is_ok() { 0 } else { 101 }) };
    }
    Child { pid, status: None }
}

impl Child {
    fn decode(status: i32) -> State {
        if libc::WIFSTOPPED(status) {
            State::Stopped
        } else if libc::WIFEXITED(status) {
            State::Exited(libc::WEXITSTATUS(status))
        } else {
            State::Killed(libc::WTERMSIG(status))
        }
    }

    fn wait(&mut self, options: i32) -> State {
        if let Some(status) = self.status {
            return Self::decode(status);
        }
        let mut status = 0;
        loop {
            // SAFETY: a place for the result; the child is ours and has not been waited for to its end.
            let pid = unsafe { libc::waitpid(self.pid, &mut status, options) };
            if pid == self.pid {
                break;
            } else if pid == 0 {
                return State::Running;
            }
            let error = std::io::Error::last_os_error();
            assert_eq!(error.raw_os_error(), Some(libc::EINTR), "waitpid: {error}");
        }
        if !libc::WIFSTOPPED(status) {
            self.status = Some(status);
        }
        Self::decode(status)
    }

    /// What has become of the child by now. A stop is told once.
    pub(crate) fn state(&mut self) -> State {
        self.wait(libc::WNOHANG | libc::WUNTRACED)
    }

    /// Waits until the child stops or ends.
    pub(crate) fn wait_for_stop(&mut self) -> State {
        self.wait(libc::WUNTRACED)
    }

    /// Waits until the child has ended.
    pub(crate) fn wait_for_end(&mut self) -> State {
        self.wait(0)
    }

    /// Sends a signal, if the child has not been waited for.
    pub(crate) fn signal(&self, signal: i32) {
        if self.status.is_none() {
            // SAFETY: a child of ours that has not been waited for: the id is still its own.
            assert_eq!(unsafe { libc::kill(self.pid, signal) }, 0);
        }
    }

    /// Kills the child and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(libc::SIGKILL);
        self.wait_for_end();
    }

    /// Whether the child's first thread sleeps.
    pub(crate) fn is_asleep(&self) -> bool {
        is_asleep(self.pid, self.pid)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a thread sleeps in the kernel.
pub(crate) fn is_asleep(process: i32, thread: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/task/{thread}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

/// How many descriptors of pipes the process has. Others, its keeper opens and closes at any time.
pub(crate) fn pipe_descriptors() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count()
}

static PROGRESS: AtomicU64 = AtomicU64::new(0);
static ACTIVITY: Mutex<String> = Mutex::new(String::new());

/// Without any progress for this long, the watchdog ends the process.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says what is going on, for the watchdog.
pub(crate) fn progress(activity: impl Into<String>) {
    *ACTIVITY.lock().unwrap() = activity.into();
    PROGRESS.fetch_add(1, Ordering::Relaxed);
}

/// Ends the process with a message if it makes no progress.
pub(crate) fn start_watchdog() {
    std::thread::spawn(|| {
        let mut last = PROGRESS.load(Ordering::Relaxed);
        let mut since = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let now = PROGRESS.load(Ordering::Relaxed);
            if now != last {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > PATIENCE {
                eprintln!("stuck: {}", ACTIVITY.lock().unwrap());
                std::process::abort();
            }
        }
    });
}

/// Waits for a condition; the watchdog bounds it. It looks again and again, because the conditions are words of other
/// processes, which may be killed before they could wake anybody, and the states of those processes and their threads.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// How often in a row something must be found at rest. A thread also sleeps on its way there, for a lock that another
/// has just then; that sleep is over after a few looks. Each look takes some hundred microseconds, and the crash suite
/// has some thousand threads come to rest.
const LOOKS: u32 = 20;

/// Waits until something is at rest and stays so.
pub(crate) fn until_at_rest(mut is_at_rest: impl FnMut() -> bool) {
    let mut seen = 0;
    until(|| {
        seen = if is_at_rest() { seen + 1 } else { 0 };
        seen == LOOKS
    });
}

/// Waits until a process's keeper and its watchers all sleep.
pub(crate) fn let_keepers_sleep(process: i32) {
    let tasks = format!("/proc/{process}/task");
    let is_at_rest = |thread: i32| {
        let name = std::fs::read_to_string(format!("{tasks}/{thread}/comm")).unwrap_or_default();
        !name.starts_with("winipc-") || is_asleep(process, thread)
    };
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap().parse().unwrap()
    };
    until_at_rest(|| std::fs::read_dir(&tasks).unwrap().map(number).all(is_at_rest));
}

/// Fails the test if anything is wrong in the arena, or if it has other objects than those of the calling process and
/// of its threads.
pub(crate) fn assert_whole_and_empty() {
    let faults = inspect::check();
    assert!(faults.is_empty(), "{}", faults.iter().map(|fault| format!("\n  {fault}")).collect::<String>());
    let left: Vec<_> = inspect::objects().unwrap().objects;
    let is_own = |object: &inspect::ObjectView| match object.kind {
        Kind::Process => object.handle_count == 0,
        Kind::Thread => true,
        _ => false,
    };
    assert!(left.iter().all(is_own), "left behind: {left:#?}");
    assert_eq!(left.iter().filter(|object| object.kind == Kind::Process).count(), 1, "{left:#?}");
}

/// A thread that waits for something.
pub(crate) struct Waiter {
    pub(crate) thread: std::thread::JoinHandle<Result<Outcome>>,
}

impl Waiter {
    /// Starts a thread that calls `wait`, and returns when it sleeps or has ended.
    pub(crate) fn start(wait: impl FnOnce() -> Result<Outcome> + Send + 'static) -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // The thread attaches first, so that it sleeps for nothing else.
            let (own, _) = event::create(&Attributes::default(), ALL, false, false).unwrap();
            winipc_executive::handle::close(own).unwrap();
            // SAFETY: gettid cannot fail.
            tell.send(unsafe { libc::gettid() }).unwrap();
            wait()
        });
        let id = told.recv().unwrap();
        until_at_rest(|| {
            is_asleep(std::process::id() as i32, id)
                || !std::path::Path::new(&format!("/proc/self/task/{id}")).exists()
        });
        Waiter { thread }
    }

    /// Waits for the end of the thread's wait.
    pub(crate) fn outcome(self) -> Outcome {
        self.thread.join().unwrap().unwrap()
    }
}

/// Has the dead buried, as whoever looks for a name does.
pub(crate) fn bury() {
    let nobody = event::open(&units("nobody"), 1, false);
    assert_eq!(nobody, Err(winipc_executive::Status::OBJECT_NAME_NOT_FOUND));
}
