//! Runs the program and waits for what it says.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub(crate) mod room;

use std::fs::DirBuilder;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Only a broken program waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A name that no other test and no other run of this one uses.
pub(crate) fn unique(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The mechanisms that the messenger and the tour know, as the program itself lists them.
pub(crate) fn mechanisms() -> Vec<String> {
    let output = World::new().run(&["tour", "--only", "?"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    let (_, list) = errors.split_once("[possible values: ").expect("a list of mechanisms");
    let (list, _) = list.split_once(']').unwrap();
    list.split(", ").map(String::from).collect()
}

/// A world of its own, which the program's processes share. Made first, it is removed last.
pub(crate) struct World {
    namespace: String,
    /// Where its arena lies: killed processes leave theirs to whoever comes next.
    directory: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let namespace = unique("cli");
        let shared_memory = Path::new("/dev/shm");
        let parent = if shared_memory.is_dir() { shared_memory.to_path_buf() } else { std::env::temp_dir() };
        let directory = parent.join(format!("winipc-test-{namespace}"));
        #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory).unwrap();
        Self { namespace, directory }
    }

    /// Where the world's arena lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn winipc(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_winipc"));
        self.surround(&mut command);
        command
    }

    /// Puts a process into this world.
    pub(crate) fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("WINIPC_NAMESPACE", &self.namespace).env("WINIPC_DIR", &self.directory)
    }

    /// Runs the program with these words to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.winipc().args(arguments).stdin(Stdio::null()).output().unwrap()
    }
}

#[cfg(target_os = "linux")]
impl World {
    /// Stops a process, as Ctrl+Z does, at a moment in which it holds no lock that others need.
    pub(crate) fn stop(&self, process: &Process) {
        use rustix::process::{Pid, Signal, kill_process};
        let id = Pid::from_raw(process.id() as i32).unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            kill_process(id, Signal::STOP).unwrap();
            while !is_stopped(process.id()) {
                thread::yield_now();
            }
            let listing: serde_json::Value =
                serde_json::from_slice(&self.run(&["objects", "--json"]).stdout).unwrap();
            let is_theirs = |thread: &serde_json::Value| thread["process"] == process.id();
            // The lock of the namespace, and that of a room's door.
            let mut objects = listing["objects"].as_array().unwrap().iter();
            let has_door = |object: &serde_json::Value| {
                is_theirs(&object["owner"])
                    && object["name"].as_str().is_some_and(|name| name.contains("-door"))
            };
            if !is_theirs(&listing["lock_holder"]) && !objects.any(has_door) {
                return;
            }
            kill_process(id, Signal::CONT).unwrap();
            assert!(Instant::now() < end, "never without a lock: {listing:#}");
        }
    }

    /// Lets a stopped process go on.
    pub(crate) fn resume(&self, process: &Process) {
        use rustix::process::{Pid, Signal, kill_process};
        kill_process(Pid::from_raw(process.id() as i32).unwrap(), Signal::CONT).unwrap();
    }
}

/// Whether all threads of a process are stopped.
#[cfg(target_os = "linux")]
fn is_stopped(process: u32) -> bool {
    std::fs::read_dir(format!("/proc/{process}/task")).unwrap().all(|thread| {
        let state = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
        // After the name, which is in brackets.
        state.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('T'))
    })
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A process and the lines of its standard output.
pub(crate) struct Process {
    child: Child,
    pub(crate) input: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Option<thread::JoinHandle<String>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let input = child.stdin.take();
        Self { child, input, lines, seen: Vec::new(), errors: Some(errors) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines seen so far.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        self.type_bytes(format!("{line}\n").as_bytes());
    }

    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).and_then(|()| input.flush()).unwrap();
    }

    /// Waits for the next line that contains `part`, and returns it.
    #[track_caller]
    pub(crate) fn expect(&mut self, part: &str) -> String {
        match self.next_until(part) {
            Some(line) => line,
            None => {
                let _ = self.child.kill();
                let errors = self.errors.take().unwrap().join().unwrap();
                panic!("no line contains {part:?} in:\n{}\nstandard error:\n{errors}", self.seen.join("\n"))
            }
        }
    }

    fn next_until(&mut self, part: &str) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if line.contains(part) {
                return Some(line);
            }
        }
        None
    }

    /// Ends the process as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes its input, if that is still open, and waits for its end: status, all lines, standard error.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (ExitStatus, Vec<String>, String) {
        self.input = None;
        let end = Instant::now() + PATIENCE;
        // Its output ends when it does.
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.child.kill().unwrap();
                    panic!("does not end after:\n{}", self.seen.join("\n"));
                }
            }
        }
        let status = self.child.wait().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        (status, std::mem::take(&mut self.seen), errors)
    }
}

impl Process {
    /// As `finish`, for a process that is to succeed.
    #[track_caller]
    pub(crate) fn succeed(self) {
        let (status, lines, errors) = self.finish();
        assert!(status.success(), "{status}: {errors}\nafter:\n{}", lines.join("\n"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
