//! The shell tools, as scripts use them.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod event;
mod mailslot;
mod mutex;
mod pipe;
mod section;
mod semaphore;
mod status;
mod timer;
mod wait;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use common::{PATIENCE, World};

/// A shell that finds `winipc`.
fn shell(world: &World, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_winipc")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]).env("PATH", format!("{}:{path}", program.display())).stdin(Stdio::null());
    world.surround(&mut command);
    command
}

/// Runs a script, which succeeds without a word on standard error, and prints this.
#[track_caller]
fn assert_prints(world: &World, script: &str, expected: &str) {
    let Output { status, stdout, stderr } = shell(world, script).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && errors.is_empty(), "{status}: {errors}after:\n{text}");
    assert_eq!(text, expected);
}

/// Runs the program, which ends with `status` and complains with these words, if there are any.
#[track_caller]
fn assert_ends(world: &World, arguments: &[&str], status: i32, complaint: &str) {
    let output = world.run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
    assert!(
        errors.contains(complaint) && errors.is_empty() == complaint.is_empty(),
        "{arguments:?}: {errors}"
    );
}

/// Waits until somebody waits for the object called `name`.
#[track_caller]
fn await_waiter(world: &World, name: &str) {
    await_object(world, name, |object| !object["waiters"].as_array().unwrap().is_empty());
}

/// Waits until an object is called `name` and is as wanted.
#[track_caller]
fn await_object(world: &World, name: &str, is_wanted: impl Fn(&serde_json::Value) -> bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let output = world.run(&["objects", "--json"]);
        let listing: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut objects = listing["objects"].as_array().unwrap().iter();
        if objects.any(|object| object["name"] == name && is_wanted(object)) {
            return;
        }
        assert!(Instant::now() < end, "{name} never as wanted: {listing:#}");
    }
}
