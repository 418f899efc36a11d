//! Scenarios that run in a process of their own: this test binary, started again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCENARIO: &str = "WINIPC_BAD_INPUT_SCENARIO";

/// After so many seconds a child that hangs is killed. No result depends on how long anything takes.
const WATCHDOG_SECONDS: u32 = 300;

/// A directory of a test's own, gone with the value.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/winipc-bad-input-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    /// One that only its user may open.
    pub(crate) fn private(name: &str) -> Self {
        let scratch = Scratch::new(name);
        std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The command that runs a scenario with its arenas in a directory.
pub(crate) fn command(scenario: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["child::enter", "--exact", "--nocapture", "--test-threads=1"])
        .env(SCENARIO, scenario)
        .env("WINIPC_DIR", directory)
        .env("WINIPC_NAMESPACE", "bad-input")
        // Scenarios leak, and a forked one has lost the threads that held what it seems to have leaked.
        .env("ASAN_OPTIONS", "detect_leaks=0");
    command
}

/// Runs a scenario, which must succeed, and returns what it printed.
pub(crate) fn succeeds(scenario: &str, directory: &Path) -> String {
    assert_success(scenario, &command(scenario, directory).output().unwrap())
}

pub(crate) fn assert_success(scenario: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{scenario}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Whether the test runs as root, as some need to.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Where the scenarios begin. Without a scenario there is nothing to do here.
#[test]
fn enter() {
    let Ok(scenario) = std::env::var(SCENARIO) else { return };
    // SAFETY: alarm has no preconditions; SIGALRM ends the process.
    unsafe { libc::alarm(WATCHDOG_SECONDS) };
    // Also a panic of a thread that nobody joins is a failure.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    let (name, argument) = scenario.split_once(' ').unwrap_or((&scenario, ""));
    match name {
        "attach" => {
            println!("attached: {:?}", winipc_executive::namespace::attach().map_err(|e| e.to_string()))
        }
        "moved" => crate::directory::work_where_it_was_moved(),
        "removed" => crate::directory::fail_where_it_was_removed(),
        "closed" => crate::directory::close_all_descriptors(),
        "leaving" => crate::directory::leave_with_another_environment(),
        "relative" => crate::directory::go_elsewhere(),
        "tell-directory" => crate::directory::tell_directory(),
        "as-nobody" => crate::place::attach_as_nobody(),
        "without-futex-waitv" => crate::system::attach_without_futex_waitv(argument),
        "without-threads" => crate::system::attach_without_threads(),
        "small-address-space" => crate::system::attach_in_small_address_space(),
        "full" => crate::memory::fill(),
        "leak" => crate::memory::leak(),
        "leak-sections" => crate::memory::leak_sections(),
        "stale" => crate::arguments::use_stale_handles(),
        "garbage" => crate::arguments::use_garbage(),
        "forked" => crate::forked::use_handles_in_child(),
        "forked-thread" => crate::forked::end_first_thread_of_child(),
        "forked-attaching" => crate::forked::attach_in_child_of_one_that_attaches(),
        "forked-starting" => crate::forked::attach_in_children_of_one_that_starts_threads(),
        "forked-descriptors" => crate::forked::descriptors_in_child(),
        "forked-exit" => crate::forked::exit_in_child(),
        "noise" => crate::noise::scribble_and_call(argument),
        "visit" => crate::noise::visit(),
        _ => panic!("there is no scenario {scenario}"),
    }
}
