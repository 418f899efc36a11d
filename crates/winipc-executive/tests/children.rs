//! Children: ordinary programs, programs that join, and what becomes of either when a parent ends.

mod support;

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{ALL, NOW, PROCESS_ALL, Page, World, assert_whole_and_empty, start_watchdog, units, until};
use winipc_executive::io::{self, ReadBuffer};
use winipc_executive::process::{Console, Created, Creation, Inherited, find_program};
use winipc_executive::wait::Outcome;
use winipc_executive::{Attributes, Handle, Result, Status, event, file, handle, process, thread, wait};

macro_rules! roles {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let world = World::new(stringify!($name));
                world.run("test", stringify!($name));
                world.assert_empty();
            }
        )*

        /// What a process that a test starts does.
        #[test]
        #[ignore = "a role that other tests start"]
        fn plays_a_role() {
            let argument = std::env::var("ARGUMENT").unwrap();
            let role = std::env::var("ROLE").unwrap();
            if role == "child" {
                return child(&argument);
            }
            start_watchdog();
            match argument.as_str() {
                "the_last_parent" => roles::the_last_parent(),
                "the_last_with_a_suspended_child" => roles::the_last_with_a_suspended_child(),
                $(stringify!($name) => roles::$name(),)*
                other => panic!("no such test: {other}"),
            }
        }
    };
}

roles! {
    an_ordinary_program_is_watched_to_its_end,
    an_ordinary_program_is_terminated,
    a_child_uses_what_it_inherits,
    a_child_finds_its_own_objects,
    only_chosen_handles_are_inherited,
    tables_with_gaps_are_inherited,
    an_ordinary_program_keeps_what_it_inherits,
    a_suspended_child_waits,
    a_suspended_child_is_terminated,
    a_suspended_child_is_given_handles,
    a_program_that_a_child_starts_is_not_the_child,
    a_program_that_a_child_becomes_is_the_child,
    what_cannot_be_run_is_refused,
    a_child_outlives_its_parent,
    children_of_a_killed_parent_are_taken_in,
    a_suspended_child_that_nobody_can_resume_goes_with_its_parent,
    a_number_that_leads_elsewhere_is_left_alone,
    a_redirected_standard_stream_is_the_standard_handle,
    a_suspended_child_keeps_nothing_that_others_open_meanwhile,
    a_descriptor_with_a_standard_number_gets_another,
    a_child_that_cannot_join_keeps_no_descriptor,
    signals_have_their_default_action_in_a_child,
    a_child_that_a_debugger_keeps_hides_no_other,
}

#[test]
fn the_last_parent_leaves_the_arena_to_its_child() {
    let world = World::new("the_last_parent");
    let fifo = world.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    world.run("test", "the_last_parent");
    let is_empty = || std::fs::read_dir(world.path()).unwrap().next().is_none();
    assert!(!is_empty());
    std::fs::write(&fifo, "go\n").unwrap();
    start_watchdog();
    until(is_empty);
}

#[test]
fn a_suspended_child_does_not_outlive_everybody() {
    let world = World::new("suspended_forlorn");
    world.run("test", "the_last_with_a_suspended_child");
    world.assert_empty();
    let note = world.path().with_extension("suspended");
    let id = std::fs::read_to_string(&note).unwrap();
    std::fs::remove_file(note).unwrap();
    start_watchdog();
    until(|| !std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty()));
}

fn arguments(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn creation<'a>(program: &'a Path, arguments: &'a [OsString]) -> Creation<'a> {
    Creation {
        program,
        arguments,
        environment: None,
        directory: None,
        inherited: Inherited::All,
        standard: None,
        is_suspended: false,
        leads_group: false,
        console: Console::Same,
        inherit_handles: [false; 2],
    }
}

/// Bytes of a process's record, and where its words are; a unit test of the executive holds them to this.
const RECORD: usize = 4096;
const ID: usize = 16;
const BORN: usize = 40;
const OBJECT: usize = 56;

/// Whether a child starts suspended.
const RUNNING: bool = false;
const SUSPENDED: bool = true;

fn shell(script: &str, inherited: Inherited<'_>, is_suspended: bool) -> Created {
    let program = find_program("sh".as_ref()).unwrap();
    let arguments = arguments(&["sh", "-c", script]);
    process::create(&Creation { inherited, is_suspended, ..creation(&program, &arguments) }).unwrap()
}

const TEST: [&str; 6] =
    ["--exact", "plays_a_role", "--ignored", "--nocapture", "--test-threads=1", "--quiet"];

/// Starts this program as a child that does something.
fn start(what: &str, inherited: Inherited<'_>, is_suspended: bool) -> Created {
    // SAFETY: the tests start children from one thread, and nobody else reads the environment meanwhile.
    unsafe {
        std::env::set_var("ROLE", "child");
        std::env::set_var("ARGUMENT", what);
    }
    let program = std::env::current_exe().unwrap();
    let mut words = vec!["test"];
    words.extend(TEST);
    let arguments = arguments(&words);
    process::create(&Creation { inherited, is_suspended, ..creation(&program, &arguments) }).unwrap()
}

/// What a child does: the words are the action and numbers.
fn child(argument: &str) {
    let words: Vec<&str> = argument.split(' ').collect();
    let number = |at: usize| words[at].parse::<isize>().unwrap();
    let handle_at = |at: usize| Handle::from_raw(number(at));
    match words[0] {
        // A handle of its parent's parent is none of its.
        "nothing" => assert_eq!(handle::flags(handle_at(1)), Err(Status::INVALID_HANDLE)),
        "set" => event::set(handle_at(1)).unwrap(),
        "set_and_wait" => {
            event::set(handle_at(1)).unwrap();
            wait::one(handle_at(2), None, false).unwrap();
        }
        "flags" => {
            let flags = handle::flags(handle_at(1)).unwrap();
            assert!(flags.inherit && handle::granted_access(handle_at(1)) == Ok(0x10_0002));
            assert_eq!(process::id(), std::process::id());
        }
        "absent" => {
            assert_eq!(handle::flags(handle_at(1)), Err(Status::INVALID_HANDLE));
            event::set(handle_at(2)).unwrap();
        }
        // Starts a child and tells its parent's parent about it: a handle to it in that process.
        "parent" => {
            let there = process::open(number(1) as u32, PROCESS_ALL, false).unwrap();
            let created = match words[2] {
                "suspended" => start(&words[3..].join(" "), Inherited::All, SUSPENDED),
                "lost" => shell("exec sleep 1000", Inherited::All, SUSPENDED),
                _ => shell(&words[3..].join(" "), Inherited::All, RUNNING),
            };
            let give = |own| {
                let how = handle::Duplicate { access: None, inherit: false, close_source: false };
                handle::duplicate(Handle::CURRENT_PROCESS, own, Some(there), &how).unwrap().raw()
            };
            let thread = if words[2] == "lost" { 0 } else { give(created.thread) };
            let text = format!("{} {thread} {}", give(created.process), created.id);
            std::fs::write(told(), text).unwrap();
            std::fs::rename(told(), told().with_extension("done")).unwrap();
            if words[2] == "killed" || words[2] == "lost" {
                // SAFETY: kills this process.
                unsafe { libc::raise(libc::SIGKILL) };
            }
        }
        // Before the library is asked, what is under the number is the program's own.
        "elsewhere" => {
            let own = std::fs::File::open("/dev/zero").unwrap();
            let descriptor = number(2) as i32;
            // SAFETY: the number is that of the inherited descriptor, which nobody uses.
            assert_eq!(unsafe { libc::dup2(own.as_raw_fd(), descriptor) }, descriptor);
            let expected = if words[3] == "alone" { Err(Status::FILE_INVALID) } else { Ok(b"x".to_vec()) };
            assert_eq!(read(handle_at(1)), expected);
            handle::close(handle_at(1)).unwrap();
            let left = std::fs::read_link(format!("/proc/self/fd/{descriptor}"));
            assert_eq!(left.unwrap(), Path::new("/dev/zero"));
            // SAFETY: asks for the flags of a descriptor.
            assert_eq!(unsafe { libc::fcntl(descriptor, libc::F_GETFD) }, 0, "it is no program's to lose");
        }
        // Its record is damaged.
        "unjoined" => {
            assert!(winipc_executive::namespace::attach().is_err());
            // SAFETY: asks for the flags of a descriptor, if it is one.
            let is_open = unsafe { libc::fcntl(number(1) as i32, libc::F_GETFD) } >= 0;
            std::fs::write(told(), if is_open { "1 0 0" } else { "0 0 0" }).unwrap();
            std::fs::rename(told(), told().with_extension("done")).unwrap();
            // SAFETY: ends a process that has not joined anything.
            unsafe { libc::_exit(0) };
        }
        "read" => assert_eq!(read(handle_at(1)), Ok(b"x".to_vec())),
        "print" => {
            let output = process::standard::get(1).unwrap();
            io::write(output, b"printed", None).unwrap();
        }
        // What it inherits is there, though nobody is left who had it.
        "last" => {
            event::set(handle_at(1)).unwrap();
            handle::close(event::open(&units("inherited"), ALL, false).unwrap()).unwrap();
            std::fs::remove_file(Path::new(&std::env::var("WINIPC_DIR").unwrap()).join("fifo")).unwrap();
        }
        other => panic!("{other}"),
    }
    process::exit(42);
}

fn told() -> std::path::PathBuf {
    std::path::PathBuf::from(format!("{}.told", std::env::var("WINIPC_DIR").unwrap()))
}

/// What a "parent" told: process, thread, id.
fn hear() -> [isize; 3] {
    let file = told().with_extension("done");
    until(|| file.exists());
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let numbers: Vec<isize> = text.split(' ').map(|word| word.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

fn ended(process: Handle) -> u32 {
    assert!(matches!(wait::one(process, None, false), Ok(Outcome::Object(_))));
    process::exit_code(process).unwrap()
}

fn close(created: Created) {
    handle::close(created.process).unwrap();
    handle::close(created.thread).unwrap();
}

fn is_running(process: Handle) -> bool {
    matches!(wait::one(process, NOW, false), Ok(Outcome::Timeout)) && process::exit_code(process) == Ok(259)
}

/// An event that children inherit.
fn inheritable(name: Option<&str>) -> Handle {
    let name = name.map(units);
    let attributes = Attributes { name: name.as_deref(), inherit: true };
    event::create(&attributes, ALL, true, false).unwrap().0
}

/// Reads one byte.
fn read(file: Handle) -> Result<Vec<u8>> {
    let mut byte = vec![0; 1];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(byte.as_mut_ptr(), byte.len()) };
    io::read(file, buffer, None).map(|_| byte)
}

fn has_children() -> bool {
    let id = std::process::id();
    !std::fs::read_to_string(format!("/proc/self/task/{id}/children")).unwrap().is_empty()
}

mod roles {
    use super::*;

    pub(super) fn an_ordinary_program_is_watched_to_its_end() {
        for code in [0, 7, 255] {
            let created = shell(&format!("exit {code}"), Inherited::All, RUNNING);
            assert_eq!(process::id_of(created.process), Ok(created.id));
            assert_eq!(thread::id_of(created.thread), Ok(created.id));
            assert_eq!(ended(created.process), code);
            assert!(matches!(wait::one(created.thread, NOW, false), Ok(Outcome::Object(_))));
            assert_eq!(thread::exit_code(created.thread), Ok(code));
            close(created);
            until(|| !has_children());
        }
        let created = shell("kill -TERM $$", Inherited::All, RUNNING);
        assert_eq!(ended(created.process), 1);
        close(created);
        assert_whole_and_empty();
    }

    pub(super) fn an_ordinary_program_is_terminated() {
        let created = shell("exec sleep 1000", Inherited::All, RUNNING);
        assert!(is_running(created.process));
        let opened = process::open(created.id, PROCESS_ALL, false).unwrap();
        assert_eq!(handle::same_object(opened, created.process), Ok(true));
        process::terminate(opened, 0x1234_5678).unwrap();
        assert_eq!(ended(created.process), 0x1234_5678);
        assert_eq!(process::terminate(opened, 1), Err(Status::ACCESS_DENIED));
        assert_eq!(process::open(created.id, PROCESS_ALL, false), Err(Status::INVALID_PARAMETER));
        handle::close(opened).unwrap();
        close(created);
        assert_whole_and_empty();
    }

    pub(super) fn a_child_uses_what_it_inherits() {
        let event = inheritable(None);
        let created = start(&format!("set {}", event.raw()), Inherited::All, RUNNING);
        assert_eq!(ended(created.process), 42);
        assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
        close(created);
        let how = handle::Duplicate { access: Some(0x10_0002), inherit: true, close_source: true };
        let poor =
            handle::duplicate(Handle::CURRENT_PROCESS, event, Some(Handle::CURRENT_PROCESS), &how).unwrap();
        let created = start(&format!("flags {}", poor.raw()), Inherited::All, RUNNING);
        assert_eq!(ended(created.process), 42);
        close(created);
        handle::close(poor).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn a_child_finds_its_own_objects() {
        let (set, go) = (inheritable(None), inheritable(None));
        let created = start(&format!("set_and_wait {} {}", set.raw(), go.raw()), Inherited::All, RUNNING);
        wait::one(set, None, false).unwrap();
        // It has joined: what tells of it now are the same objects.
        let opened = process::open(created.id, PROCESS_ALL, false).unwrap();
        assert_eq!(handle::same_object(opened, created.process), Ok(true));
        handle::close(opened).unwrap();
        assert!(is_running(created.process));
        assert_eq!(process::id_of(created.process), Ok(created.id));
        event::set(go).unwrap();
        assert_eq!(ended(created.process), 42);
        assert!(matches!(wait::one(created.thread, None, false), Ok(Outcome::Object(_))));
        close(created);
        handle::close(set).unwrap();
        handle::close(go).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn only_chosen_handles_are_inherited() {
        let (left, taken) = (inheritable(None), inheritable(None));
        let what = format!("absent {} {}", left.raw(), taken.raw());
        let chosen = [taken];
        let created = start(&what, Inherited::Only(&chosen), RUNNING);
        assert_eq!(ended(created.process), 42);
        close(created);
        let (own, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
        for handle in [own, Handle::NULL, Handle::CURRENT_PROCESS, Handle::from_raw(0x4000)] {
            let program = Path::new("/bin/true");
            let creation = Creation { inherited: Inherited::Only(&[handle]), ..creation(program, &[]) };
            assert_eq!(process::create(&creation), Err(Status::INVALID_PARAMETER));
        }
        let created = shell("exit 3", Inherited::Nothing, RUNNING);
        assert_eq!(ended(created.process), 3);
        close(created);
        for handle in [left, taken, own] {
            handle::close(handle).unwrap();
        }
        assert_whole_and_empty();
    }

    pub(super) fn tables_with_gaps_are_inherited() {
        let handles: Vec<_> = (0..2500).map(|_| inheritable(None)).collect();
        // Whole pages of the table are without a handle to inherit.
        for (number, handle) in handles.iter().enumerate() {
            handle::set_flags(*handle, Some(number % 1700 == 100), None).unwrap();
        }
        let what = format!("set {}", handles[1800].raw());
        for _ in 0..2 {
            let created = start(&what, Inherited::All, RUNNING);
            until(|| !matches!(wait::one(handles[1800], NOW, false), Ok(Outcome::Timeout)));
            assert_eq!(winipc_executive::inspect::check(), []);
            assert_eq!(ended(created.process), 42);
            close(created);
        }
        for handle in handles {
            handle::close(handle).unwrap();
        }
        assert_whole_and_empty();
    }

    pub(super) fn an_ordinary_program_keeps_what_it_inherits() {
        let event = inheritable(Some("kept"));
        let created = shell("exec sleep 1000", Inherited::All, RUNNING);
        handle::close(event).unwrap();
        let opened = event::open(&units("kept"), ALL, false).unwrap();
        handle::close(opened).unwrap();
        process::terminate(created.process, 9).unwrap();
        assert_eq!(ended(created.process), 9);
        assert_eq!(event::open(&units("kept"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
        close(created);
        assert_whole_and_empty();
    }

    pub(super) fn a_suspended_child_waits() {
        let event = inheritable(None);
        let created = start(&format!("set {}", event.raw()), Inherited::All, SUSPENDED);
        // It sleeps before it has become the program.
        let id = created.id as i32;
        until(|| support::is_asleep(id, id));
        let own = std::fs::read_link("/proc/self/exe").unwrap();
        assert_eq!(std::fs::read_link(format!("/proc/{id}/exe")).unwrap(), own);
        assert!(is_running(created.process));
        assert_eq!(thread::resume(created.thread), Ok(1));
        assert_eq!(thread::resume(created.thread), Ok(0));
        assert_eq!(ended(created.process), 42);
        assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
        close(created);
        handle::close(event).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn a_suspended_child_is_terminated() {
        let created = shell("exit 1", Inherited::All, SUSPENDED);
        process::terminate(created.process, 77).unwrap();
        assert_eq!(ended(created.process), 77);
        close(created);
        assert_whole_and_empty();
    }

    pub(super) fn a_suspended_child_is_given_handles() {
        let (event, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
        // The first number that a table gives.
        let created = start("set 4", Inherited::All, SUSPENDED);
        let how = handle::Duplicate { access: None, inherit: false, close_source: false };
        let there = handle::duplicate(Handle::CURRENT_PROCESS, event, Some(created.process), &how).unwrap();
        assert_eq!(there.raw(), 4);
        thread::resume(created.thread).unwrap();
        assert_eq!(ended(created.process), 42);
        assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
        close(created);
        handle::close(event).unwrap();
        assert_whole_and_empty();
    }

    fn by_shell(event: Handle, script: &str) -> u32 {
        let program = std::env::current_exe().unwrap();
        let command = format!("{} {}", program.display(), TEST.join(" "));
        let what = format!("{script} {}", event.raw());
        // SAFETY: as in `start`.
        unsafe {
            std::env::set_var("ROLE", "child");
            std::env::set_var("ARGUMENT", what);
        }
        let script = if script == "set" {
            format!("exec {command}")
        } else {
            format!("{command}; test $? = 42 && exit 5")
        };
        let created = shell(&script, Inherited::All, RUNNING);
        let code = ended(created.process);
        close(created);
        code
    }

    pub(super) fn a_program_that_a_child_starts_is_not_the_child() {
        let event = inheritable(None);
        let other = inheritable(None);
        // SAFETY: as in `start`.
        unsafe { std::env::set_var("OTHER", other.raw().to_string()) };
        assert_eq!(by_shell(event, "nothing"), 5);
        assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Timeout)));
        handle::close(event).unwrap();
        handle::close(other).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn a_program_that_a_child_becomes_is_the_child() {
        let event = inheritable(None);
        assert_eq!(by_shell(event, "set"), 42);
        assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
        handle::close(event).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn what_cannot_be_run_is_refused() {
        let directory = std::env::var("WINIPC_DIR").unwrap();
        let text = Path::new(&directory).join("text");
        std::fs::write(&text, "no program").unwrap();
        let refusal = |program: &Path| process::create(&creation(program, &[]));
        assert_eq!(refusal(Path::new("/nowhere/at/all")), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(refusal(Path::new("/bin/no-such-program")), Err(Status::OBJECT_NAME_NOT_FOUND));
        assert_eq!(refusal(&text), Err(Status::INVALID_IMAGE_FORMAT));
        let mut permissions = std::fs::metadata(&text).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
        std::fs::set_permissions(&text, permissions).unwrap();
        assert_eq!(refusal(&text), Err(Status::INVALID_IMAGE_FORMAT));
        assert_eq!(refusal(Path::new("/")), Err(Status::ACCESS_DENIED));
        let nowhere =
            Creation { directory: Some(Path::new("/nowhere")), ..creation(Path::new("/bin/true"), &[]) };
        assert_eq!(process::create(&nowhere), Err(Status::NOT_A_DIRECTORY));
        std::fs::remove_file(&text).unwrap();
        assert!(!has_children());
        assert_whole_and_empty();
    }

    /// The child is made, its parent ends, and then the child runs: it is watched by us, and has what it inherited.
    pub(super) fn a_child_outlives_its_parent() {
        let event = inheritable(None);
        let what = format!("parent {} suspended set {}", std::process::id(), event.raw());
        let parent = start(&what, Inherited::All, RUNNING);
        let [process, thread, id] = hear();
        let (process, thread) = (Handle::from_raw(process), Handle::from_raw(thread));
        assert_eq!(ended(parent.process), 42);
        assert!(is_running(process));
        assert_eq!(process::id_of(process), Ok(id as u32));
        assert_eq!(winipc_executive::inspect::check(), []);
        assert_eq!(thread::resume(thread), Ok(1));
        assert_eq!(ended(process), 42);
        assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
        close(parent);
        for handle in [process, thread, event] {
            handle::close(handle).unwrap();
        }
        assert_whole_and_empty();
    }

    /// Nobody is in the namespace when the child joins.
    pub(super) fn the_last_parent() {
        let program = std::env::current_exe().unwrap();
        let directory = std::env::var("WINIPC_DIR").unwrap();
        let fifo = Path::new(&directory).join("fifo");
        let event = inheritable(Some("inherited"));
        // SAFETY: as in `start`.
        unsafe {
            std::env::set_var("ROLE", "child");
            std::env::set_var("ARGUMENT", format!("last {}", event.raw()));
        }
        // It becomes this program when it hears that we have left.
        let script =
            format!("read line < {0}; exec {1} {2}", fifo.display(), program.display(), TEST.join(" "));
        shell(&script, Inherited::All, RUNNING);
    }

    pub(super) fn children_of_a_killed_parent_are_taken_in() {
        let what = format!("parent {} killed exec sleep 1000", std::process::id());
        let parent = start(&what, Inherited::All, RUNNING);
        let [process, thread, _] = hear();
        let (process, thread) = (Handle::from_raw(process), Handle::from_raw(thread));
        assert_eq!(ended(parent.process), 1);
        assert!(is_running(process));
        process::terminate(process, 6).unwrap();
        assert_eq!(ended(process), 6);
        close(parent);
        handle::close(process).unwrap();
        handle::close(thread).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn a_suspended_child_that_nobody_can_resume_goes_with_its_parent() {
        let parent = start(&format!("parent {} lost", std::process::id()), Inherited::All, RUNNING);
        let [process, _, id] = hear();
        let process = Handle::from_raw(process);
        assert_eq!(ended(process), 1);
        until(|| !Path::new(&format!("/proc/{id}")).exists() || !support::is_asleep(id as i32, id as i32));
        close(parent);
        handle::close(process).unwrap();
        assert_whole_and_empty();
    }

    /// Whoever runs us finds the arena gone, and the child soon.
    pub(super) fn the_last_with_a_suspended_child() {
        let event = inheritable(None);
        let created = start(&format!("set {}", event.raw()), Inherited::All, SUSPENDED);
        let world = std::env::var("WINIPC_DIR").unwrap();
        std::fs::write(format!("{world}.suspended"), created.id.to_string()).unwrap();
    }
    /// The child took whatever it found under the number, and closed it with the handle.
    pub(super) fn a_number_that_leads_elsewhere_is_left_alone() {
        for who_has_it in ["alone", "parent"] {
            let (reader, writer) = file::create_pipe(0, false).unwrap();
            io::write(writer, b"x", None).unwrap();
            handle::set_flags(reader, Some(true), None).unwrap();
            let number = file::descriptor_of(reader, 0).unwrap().as_raw_fd();
            let what = format!("elsewhere {} {number} {who_has_it}", reader.raw());
            let created = start(&what, Inherited::All, SUSPENDED);
            if who_has_it == "alone" {
                handle::close(reader).unwrap();
            }
            thread::resume(created.thread).unwrap();
            assert_eq!(ended(created.process), 42);
            close(created);
            handle::close(writer).unwrap();
            if who_has_it == "parent" {
                handle::close(reader).unwrap();
            }
        }
        assert_whole_and_empty();
    }

    /// A shell between parent and child sends the output elsewhere.
    pub(super) fn a_redirected_standard_stream_is_the_standard_handle() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        handle::set_flags(writer, Some(true), None).unwrap();
        let output = Path::new(&std::env::var("WINIPC_DIR").unwrap()).join("output");
        let program = std::env::current_exe().unwrap();
        let script = format!("exec {} {} > {}", program.display(), TEST.join(" "), output.display());
        // SAFETY: as in `start`.
        unsafe {
            std::env::set_var("ROLE", "child");
            std::env::set_var("ARGUMENT", "print");
        }
        let (shell, arguments) = (find_program("sh".as_ref()).unwrap(), arguments(&["sh", "-c", &script]));
        let standard = Some([Handle::NULL, writer, Handle::NULL]);
        let created = process::create(&Creation { standard, ..creation(&shell, &arguments) }).unwrap();
        assert_eq!(ended(created.process), 42);
        close(created);
        handle::close(writer).unwrap();
        assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
        handle::close(reader).unwrap();
        assert!(std::fs::read_to_string(&output).unwrap().contains("printed"));
        std::fs::remove_file(output).unwrap();
        assert_whole_and_empty();
    }
    /// What another thread opened after the parent had looked for what it has, the child kept until it was resumed.
    pub(super) fn a_suspended_child_keeps_nothing_that_others_open_meanwhile() {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a place for the limit, and then a valid one: as many descriptors as may be.
        unsafe {
            assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
            limit.rlim_cur = limit.rlim_max;
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
        }
        let most = usize::try_from(limit.rlim_cur / 4).unwrap();
        for _ in 0..20 {
            let (begun, made) = (AtomicBool::new(false), AtomicBool::new(false));
            let (created, pipes) = std::thread::scope(|scope| {
                let open = scope.spawn(|| {
                    let mut pipes = Vec::new();
                    while !made.load(Ordering::Relaxed) && pipes.len() < most {
                        pipes.push(std::io::pipe().unwrap());
                        begun.store(true, Ordering::Relaxed);
                    }
                    pipes
                });
                until(|| begun.load(Ordering::Relaxed));
                let created = shell("exit 5", Inherited::Nothing, SUSPENDED);
                made.store(true, Ordering::Relaxed);
                (created, open.join().unwrap())
            });
            let id = created.id as i32;
            until(|| support::is_asleep(id, id));
            for (reader, writer) in pipes {
                drop(writer);
                let mut polled = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                // SAFETY: one element.
                assert_eq!(unsafe { libc::poll(&mut polled, 1, 0) }, 1, "the child has the other end");
                assert_eq!(polled.revents, libc::POLLHUP);
            }
            thread::resume(created.thread).unwrap();
            assert_eq!(ended(created.process), 5);
            close(created);
        }
        assert_whole_and_empty();
    }

    /// Under the number the child has its own standard stream, which it took for what its handle stands for.
    pub(super) fn a_descriptor_with_a_standard_number_gets_another() {
        winipc_executive::namespace::attach().unwrap();
        // SAFETY: nothing here reads from standard input.
        unsafe { libc::close(0) };
        // The keeper opens and closes descriptors, too.
        let (reader, writer) = loop {
            let (reader, writer) = file::create_pipe(0, false).unwrap();
            if file::descriptor_of(reader, 0).unwrap().as_raw_fd() == 0 {
                break (reader, writer);
            }
            handle::close(reader).unwrap();
            handle::close(writer).unwrap();
        };
        handle::set_flags(reader, Some(true), None).unwrap();
        io::write(writer, b"x", None).unwrap();
        // SAFETY: as in `start`.
        unsafe {
            std::env::set_var("ROLE", "child");
            std::env::set_var("ARGUMENT", format!("read {}", reader.raw()));
        }
        let program = std::env::current_exe().unwrap();
        let arguments: Vec<OsString> = ["test"].iter().chain(&TEST).map(OsString::from).collect();
        let (standard, is_suspended) = (Some([Handle::NULL; 3]), SUSPENDED);
        let created =
            process::create(&Creation { standard, is_suspended, ..creation(&program, &arguments) }).unwrap();
        // Nobody else has one that the child could ask for.
        handle::close(reader).unwrap();
        thread::resume(created.thread).unwrap();
        assert_eq!(ended(created.process), 42);
        close(created);
        handle::close(writer).unwrap();
        assert_whole_and_empty();
    }

    /// The word of a record that a neighbour changes for a while: the arena's file, and where the word is.
    struct Damage(std::fs::File, u64, [u8; 4]);

    impl Damage {
        /// Has a process that was made, and has not joined, have no process object there can be.
        fn of_object(id: u32) -> Self {
            let directory = std::env::var("WINIPC_DIR").unwrap();
            let mut names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
            let is_arena = |path: &std::path::PathBuf| {
                let name = path.file_name().unwrap().to_string_lossy();
                !name.starts_with('@') && !name.contains(".section-")
            };
            let path = names.find(is_arena).expect("the arena's file");
            let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
            let seek = |at: u64, whence| {
                // SAFETY: a valid descriptor.
                u64::try_from(unsafe { libc::lseek(file.as_raw_fd(), at as i64, whence) }).ok()
            };
            let mut at = 0;
            while let Some(start) = seek(at, libc::SEEK_DATA) {
                at = seek(start, libc::SEEK_HOLE).unwrap();
                let mut bytes = vec![0; (at - start) as usize];
                file.read_exact_at(&mut bytes, start).unwrap();
                let is_its = |record: &&[u8]| {
                    let born = u64::from_ne_bytes(record[BORN..BORN + 8].try_into().unwrap());
                    record[ID..ID + 4] == id.to_ne_bytes() && born >> 40 == u64::from(id) | 1 << 23
                };
                let records = bytes.chunks_exact(RECORD);
                if let Some((index, record)) = records.enumerate().find(|(_, record)| is_its(record)) {
                    let (word, before) =
                        (start + (index * RECORD + OBJECT) as u64, &record[OBJECT..OBJECT + 4]);
                    let before = before.try_into().unwrap();
                    file.write_all_at(&[0xFF; 4], word).unwrap();
                    return Damage(file, word, before);
                }
            }
            panic!("the record of process {id}");
        }

        fn mend(self) {
            self.0.write_all_at(&self.2, self.1).unwrap();
        }
    }

    /// Its handles were gone then, and what they stood for was open until it ended.
    pub(super) fn a_child_that_cannot_join_keeps_no_descriptor() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        handle::set_flags(writer, Some(true), None).unwrap();
        let number = file::descriptor_of(writer, 0).unwrap().as_raw_fd();
        let created = start(&format!("unjoined {number}"), Inherited::All, SUSPENDED);
        let damage = Damage::of_object(created.id);
        thread::resume(created.thread).unwrap();
        let [is_open, ..] = hear();
        damage.mend();
        assert_eq!(is_open, 0);
        // It could not clear itself away. That it is over is seen by who asks.
        until(|| process::exit_code(created.process) != Ok(259));
        assert_eq!(ended(created.process), 1);
        close(created);
        handle::close(reader).unwrap();
        handle::close(writer).unwrap();
        assert_whole_and_empty();
    }

    pub(super) fn signals_have_their_default_action_in_a_child() {
        extern "C" fn handle(_: i32) {}
        let handler: extern "C" fn(i32) = handle;
        // SAFETY: a handler that does nothing, and signals that nobody sends.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
            libc::signal(libc::SIGUSR2, libc::SIG_IGN);
        }
        for (signal, code) in [("PIPE", 1), ("USR1", 1), ("USR2", 6)] {
            for is_suspended in [RUNNING, SUSPENDED] {
                let created = shell(&format!("kill -{signal} $$; exit 6"), Inherited::All, is_suspended);
                thread::resume(created.thread).unwrap();
                assert_eq!(ended(created.process), code, "{signal}");
                close(created);
            }
        }
        assert_whole_and_empty();
    }

    /// The thread that watches waited until the debugger fetched the body, and saw nobody else's end meanwhile.
    pub(super) fn a_child_that_a_debugger_keeps_hides_no_other() {
        let page = Page::new();
        let traced = shell("exit 7", Inherited::Nothing, SUSPENDED);
        let mut debugger = support::fork(|| {
            // SAFETY: traces a process, which goes on.
            let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, traced.id as i32, 0_usize, 0_usize) };
            let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0) as u64;
            page.word(0).store(if seized == 0 { 1 } else { 2 + error }, Ordering::Release);
            until(|| page.word(1).load(Ordering::Acquire) != 0);
        });
        until(|| page.word(0).load(Ordering::Acquire) != 0);
        let error = page.word(0).load(Ordering::Acquire) - 1;
        thread::resume(traced.thread).unwrap();
        if error == 0 {
            let stat = || std::fs::read_to_string(format!("/proc/{}/stat", traced.id)).unwrap();
            until(|| stat().contains(") Z "));
            let other = shell("exit 3", Inherited::Nothing, RUNNING);
            assert_eq!(ended(other.process), 3);
            close(other);
            assert!(is_running(traced.process));
        } else {
            let error = std::io::Error::from_raw_os_error(error as i32 - 1);
            eprintln!(
                "left out: a_child_that_a_debugger_keeps_hides_no_other needs the right to trace: {error}"
            );
        }
        page.word(1).store(1, Ordering::Release);
        assert_eq!(ended(traced.process), 7);
        assert_eq!(debugger.wait_for_end(), support::State::Exited(0));
        close(traced);
        assert_whole_and_empty();
    }
}
