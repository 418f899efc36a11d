//! Programs that are started, and threads that are waited for.

#[path = "common/command.rs"]
mod command;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use command::{ended, is_role, role};
use winipc::{
    Child, Command, Event, Process, Stdio, Thread, WaitResult, Waitable, Win32Error, anonymous_pipe,
    inherited_handle, wait_all, wait_any,
};

#[test]
fn a_suspended_child_waits_to_be_resumed() {
    const TEST: &str = "a_suspended_child_waits_to_be_resumed";
    if is_role("child") {
        Process::exit(7);
    }
    let child = role(TEST, "child").suspended(true).process_group(true).spawn().unwrap();
    assert_eq!(child.process().id(), Ok(child.id()));
    assert_eq!(child.wait(Some(Duration::from_millis(1))), Ok(WaitResult::Timeout));
    assert_eq!((child.resume(), child.resume()), (Ok(true), Ok(false)));
    assert_eq!(ended(&child), 7);
    let child = role(TEST, "child").suspended(true).spawn().unwrap();
    child.terminate(8).unwrap();
    assert_eq!(ended(&child), 8);
}

#[test]
fn environment_arguments_and_directory() {
    const TEST: &str = "environment_arguments_and_directory";
    const ODD: &str = "sp ace \"quo\\\\\"ted\\ ü";
    if is_role("child") {
        assert_eq!(std::env::var("ODD").unwrap(), ODD);
        assert!(std::env::var("GONE").is_err());
        let directory = PathBuf::from(std::env::var_os("DIRECTORY").unwrap());
        let canonical = |path: PathBuf| std::fs::canonicalize(path).unwrap();
        assert_eq!(canonical(std::env::current_dir().unwrap()), canonical(directory));
        assert_eq!(std::env::args().next_back().unwrap(), ODD);
        Process::exit(9);
    }
    let directory = std::env::temp_dir();
    let child = role(TEST, "child")
        .env("ODD", ODD)
        .env("GONE", "1")
        .env_remove("GONE")
        .env("DIRECTORY", &directory)
        .current_dir(&directory)
        // The harness takes what is after it for another name of a test.
        .args(["--skip", ODD])
        .spawn()
        .unwrap();
    assert_eq!(ended(&child), 9);
}

#[test]
fn what_cannot_be_started() {
    let error = |command: &mut Command<'_>| command.spawn().map(|_| ()).unwrap_err();
    assert_eq!(error(&mut Command::new("winipc-no-such-program")), Win32Error::FILE_NOT_FOUND);
    assert_eq!(error(role("", "").current_dir("/winipc/no/such/directory")), Win32Error::DIRECTORY);
    assert_eq!(error(role("", "").env("a=b", "c")), Win32Error::INVALID_PARAMETER);
}

#[test]
fn children_and_other_objects_are_waited_for_together() {
    const TEST: &str = "children_and_other_objects_are_waited_for_together";
    if is_role("child") {
        let go = Event::from(inherited_handle("GO").unwrap());
        assert!(go.wait(None).unwrap().is_signaled());
        Process::exit(1);
    }
    let (go, never) = (Event::manual_reset().unwrap(), Event::manual_reset().unwrap());
    let children: Vec<_> = (0..3).map(|_| role(TEST, "child").inherit("GO", &go).spawn().unwrap()).collect();
    let all: [&dyn Waitable; 4] = [&never, &children[0], &children[1], &children[2]];
    assert_eq!(wait_any(&all, Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    go.set().unwrap();
    assert_eq!(wait_all(&all[1..], None), Ok(WaitResult::Signaled(0)));
    assert_eq!(wait_any(&all, None), Ok(WaitResult::Signaled(1)));
    assert!(children.into_iter().all(|child| child.into_process().exit_code() == Ok(Some(1))));
}

#[test]
fn threads_are_waited_for_together() {
    let go = Event::manual_reset().unwrap();
    let threads: Vec<_> = (0..3)
        .map(|code| {
            let go = go.try_clone().unwrap();
            Thread::spawn(move || {
                assert!(go.wait(None).unwrap().is_signaled());
                code
            })
        })
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(wait_any(&[&threads[0], &threads[1]], Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    go.set().unwrap();
    assert_eq!(wait_all(&[&threads[0], &threads[1], &threads[2]], None), Ok(WaitResult::Signaled(0)));
    let codes: Vec<_> = threads.iter().map(|thread| thread.exit_code().unwrap()).collect();
    assert_eq!(codes, [Some(0), Some(1), Some(2)]);
}

#[test]
fn a_suspended_thread_runs_its_apcs_first() {
    let mutex = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = mutex.clone();
    let thread = Thread::spawn_suspended(move || {
        noted.lock().unwrap().push("routine");
        0
    })
    .unwrap();
    let noted = mutex.clone();
    thread.queue_apc(move || noted.lock().unwrap().push("apc")).unwrap();
    assert_eq!(thread.wait(Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    assert_eq!((thread.resume(), thread.resume()), (Ok(true), Ok(false)));
    assert_eq!(thread.wait(None), Ok(WaitResult::Signaled(0)));
    assert_eq!(*mutex.lock().unwrap(), ["apc", "routine"]);
}

#[test]
fn streams_of_a_child() {
    const TEST: &str = "streams_of_a_child";
    if is_role("child") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).unwrap();
        eprint!("{} bytes", text.len());
        // The harness writes to standard output, too.
        print!("<{}>", text.to_uppercase());
        std::io::stdout().flush().unwrap();
        Process::exit(4);
    }
    let mut child = role(TEST, "child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hello").unwrap();
    let (mut output, mut error) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert!(output.contains("<HELLO>"), "{output}");
    assert_eq!(error, "5 bytes");
    assert_eq!(ended(&child), 4);
    // Into a pipe that was there before, and nothing to read.
    let (reader, writer) = anonymous_pipe().unwrap();
    let mut command = role(TEST, "child");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
    let child = command.spawn().unwrap();
    // It holds the writer.
    drop(command);
    let mut error = String::new();
    (&reader).read_to_string(&mut error).unwrap();
    assert_eq!(error, "0 bytes");
    assert_eq!(ended(&child), 4);
}

/// Programs that know nothing of handles.
#[cfg(target_os = "linux")]
mod ordinary {
    use super::*;

    fn filter(program: &str) -> Child {
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if program == "sh" {
            command.args(["-c", "read line; echo \"<$line>\"; exec sort"]);
        }
        command.spawn().unwrap()
    }

    fn through(program: &str, text: &str) -> (String, u32) {
        let mut child = filter(program);
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        let code = ended(&child);
        (output, code)
    }

    #[test]
    fn cat_sort_and_sh_are_partners() {
        assert_eq!(through("cat", "b\na\n"), ("b\na\n".into(), 0));
        assert_eq!(through("sort", "b\na\n"), ("a\nb\n".into(), 0));
        assert_eq!(through("sh", "c\nb\na\n"), ("<c>\na\nb\n".into(), 0));
    }

    #[test]
    fn more_than_the_pipes_hold_goes_through() {
        let mut child = filter("cat");
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(&[b'x'; 3 << 20]));
        let mut output = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.len() == 3 << 20 && output.iter().all(|&byte| byte == b'x'));
        assert_eq!(ended(&child), 0);
    }

    /// Neither is this process killed by a signal.
    #[test]
    fn a_partner_that_ends_early_breaks_the_pipe() {
        let child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        assert_eq!(ended(&child), 0);
        let input = child.stdin.as_ref().unwrap();
        // A child that another thread is just making has a copy of the other end until it has become its program.
        while input.send(b"x").is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(input.send(b"x"), Err(Win32Error::NO_DATA));
        // One that ends while a write waits for it.
        let child = Command::new("sleep").arg("1000").stdin(Stdio::piped()).spawn().unwrap();
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| child.stdin.as_ref().unwrap().send(&[0; 2 << 20]));
            child.terminate(3).unwrap();
            let error = blocked.join().unwrap().unwrap_err();
            assert!([Win32Error::BROKEN_PIPE, Win32Error::NO_DATA].contains(&error), "{error}");
        });
        assert_eq!(ended(&child), 3);
    }

    /// And the partner gets the signal of a broken pipe, which this process ignores.
    #[test]
    fn a_reader_that_goes_ends_its_partner() {
        let mut child = Command::new("yes").stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        assert!(output.recv(&mut [0; 10]).unwrap() > 0);
        drop(output);
        assert_eq!(ended(&child), 1);
    }
}
