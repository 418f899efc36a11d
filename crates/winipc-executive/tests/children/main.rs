//! Children: ordinary programs, programs that join, and what becomes of either when a parent ends.

mod child;
mod inheritance;
mod orphans;
mod programs;
#[path = "../support/mod.rs"]
mod support;
mod suspension;

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{ALL, NOW, PROCESS_ALL, Page, World, assert_whole_and_empty, start_watchdog, units, until};
use winipc_executive::io::{self, ReadBuffer};
use winipc_executive::process::{Created, Creation, Inherited, find_program};
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
                return child::run(&argument);
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
    Creation { inherited: Inherited::All, ..Creation::new(program, arguments) }
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

/// What the tests do, each in a process of its own.
mod roles {
    pub(crate) use crate::inheritance::*;
    pub(crate) use crate::orphans::*;
    pub(crate) use crate::programs::*;
    pub(crate) use crate::suspension::*;
}
