//! What happens to the directory, and to the process in it, after the process has joined.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use winipc_executive::process::Creation;
use winipc_executive::section::{self, Access, Parameters, Protection, Unused, View};
use winipc_executive::wait::Outcome;
use winipc_executive::{Attributes, Handle, Status, handle, namespace, process, wait};

use crate::child::{Scratch, assert_success, command, is_root, succeeds};
use crate::omission::left_out;

fn create() -> Result<Handle, Status> {
    // Too large for a part of the arena.
    let parameters = Parameters { size: 1 << 20, protection: Protection::ReadWrite, reserve: false };
    section::create(&Attributes::default(), section::ALL_RIGHTS, &parameters).map(|(section, _)| section)
}

fn map_and_close(section: Handle) {
    let view = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };
    let address = section::map(section, &view).unwrap();
    // SAFETY: a page that nobody else has.
    unsafe { (address as *mut u64).write(1) };
    // SAFETY: it is not used any more.
    section::unmap(unsafe { Unused::at(address) }).unwrap();
    handle::close(section).unwrap();
}

fn files_in(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn own_directory() -> PathBuf {
    PathBuf::from(std::env::var_os("WINIPC_DIR").unwrap())
}

/// Puts a directory that everybody can write to into the place of another.
fn replace(directory: &Path) {
    std::fs::create_dir(directory).unwrap();
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).unwrap();
}

/// Runs in a process of its own.
pub(crate) fn work_where_it_was_moved() {
    let directory = own_directory();
    let moved = directory.with_extension("moved");
    let before = create().unwrap();
    std::fs::rename(&directory, &moved).unwrap();
    replace(&directory);
    let after = create().unwrap();
    assert_eq!((files_in(&directory), files_in(&moved)), (0, 3));
    map_and_close(before);
    map_and_close(after);
    assert_eq!((files_in(&directory), files_in(&moved)), (0, 1));
}

/// Files of sections were made in whatever had the path.
#[test]
fn what_takes_the_place_of_the_directory_is_not_used() {
    let scratch = Scratch::private("moved");
    let directory = scratch.path().join("world");
    succeeds("moved", &directory);
    assert_eq!((files_in(&directory), files_in(&directory.with_extension("moved"))), (0, 0));
}

/// Runs in a process of its own.
pub(crate) fn fail_where_it_was_removed() {
    let directory = own_directory();
    handle::close(create().unwrap()).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    replace(&directory);
    assert_eq!(create(), Err(Status::ARENA_UNAVAILABLE));
    assert_eq!(files_in(&directory), 0);
}

#[test]
fn a_directory_that_was_removed_is_not_made_again() {
    let scratch = Scratch::private("removed");
    let directory = scratch.path().join("world");
    succeeds("removed", &directory);
    assert_eq!(files_in(&directory), 0);
}

/// Runs in a process of its own.
pub(crate) fn close_all_descriptors() {
    let section = create().unwrap();
    let other = own_directory().join("other");
    for _ in 0..2 {
        // SAFETY: closes what the scenario does not use itself.
        assert_eq!(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) }, 0);
        map_and_close(create().unwrap());
        // All numbers lead somewhere else.
        std::fs::create_dir(&other).unwrap();
        let files: Vec<_> = (0..20).map(|_| std::fs::File::open(&other).unwrap()).collect();
        map_and_close(create().unwrap());
        assert_eq!(files_in(&other), 0);
        std::fs::remove_dir(&other).unwrap();
        // They are closed by their number again.
        files.into_iter().for_each(std::mem::forget);
    }
    map_and_close(section);
}

#[test]
fn a_program_may_close_what_it_does_not_know() {
    let scratch = Scratch::private("closed");
    succeeds("closed", scratch.path());
    assert_eq!(files_in(scratch.path()), 0);
}

/// Runs in a process of its own.
pub(crate) fn leave_with_another_environment() {
    create().unwrap();
    assert_eq!(files_in(&own_directory()), 2);
    // As a program may do for its children.
    // SAFETY: nobody else reads the environment now.
    unsafe {
        std::env::set_var("WINIPC_DIR", own_directory().with_extension("another"));
        std::env::set_var("WINIPC_NAMESPACE", "another");
    }
}

/// It left another one, whose directory it made, and what it had joined stayed with the memory of its sections.
#[test]
fn a_process_leaves_the_namespace_that_it_has_joined() {
    let scratch = Scratch::private("leaving");
    let directory = scratch.path().join("world");
    succeeds("leaving", &directory);
    assert_eq!((files_in(&directory), files_in(scratch.path())), (0, 1));
}

/// Runs in a process of its own.
pub(crate) fn go_elsewhere() {
    let here = std::env::current_dir().unwrap();
    let before = namespace::directory().unwrap();
    assert_eq!(before.0, here.join("world"));
    std::env::set_current_dir("/").unwrap();
    assert_eq!(namespace::directory().unwrap(), before);
    map_and_close(create().unwrap());
    for environment in [None, Some(std::env::vars_os().map(|(name, value)| joined(&name, &value)).collect())]
    {
        let environment: Option<Vec<OsString>> = environment;
        let arguments = ["sh", "-c", "[ \"$WINIPC_DIR\" = \"$0\" ]"].map(OsString::from);
        let created = process::create(&Creation {
            environment: environment.as_deref(),
            ..Creation::new(Path::new("/bin/sh"), &[&arguments[..], &[before.0.clone().into()]].concat())
        })
        .unwrap();
        assert_eq!(wait::one(created.process, None, false), Ok(Outcome::Object(0)));
        assert_eq!(process::exit_code(created.process), Ok(0), "its WINIPC_DIR is another");
    }
}

fn joined(name: &std::ffi::OsStr, value: &std::ffi::OsStr) -> OsString {
    [name, value].join("=".as_ref())
}

/// A relative directory was another one for a process that had changed its current directory, and for its children.
#[test]
fn a_relative_directory_stays_where_it_is() {
    let scratch = Scratch::private("relative");
    let output = command("relative", Path::new("world")).current_dir(scratch.path()).output().unwrap();
    assert_success("relative", &output);
    assert_eq!(files_in(&scratch.path().join("world")), 0);
}

/// Runs in a process of its own.
pub(crate) fn tell_directory() {
    let (directory, namespace) = namespace::directory().unwrap();
    println!("in {} of {}", namespace, directory.display());
}

/// A program with rights that its caller lacks went where the caller told it to.
#[test]
fn a_program_with_more_rights_than_its_caller_ignores_the_environment() {
    if !is_root() {
        left_out("a_program_with_more_rights_than_its_caller_ignores_the_environment", "root");
        return;
    }
    let scratch = Scratch::private("secure");
    let mut plain = command("tell-directory", scratch.path());
    let text = assert_success("tell-directory", &plain.output().unwrap());
    assert!(text.contains(&format!("in bad-input of {}\n", scratch.path().display())), "{text}");

    let mut secure = command("tell-directory", scratch.path());
    // As the system starts a program that has the group's rights from its file.
    let be_another_groups = || {
        // SAFETY: a plain system call.
        match unsafe { libc::setresgid(65_534, 0, 0) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: it makes one system call.
    unsafe { secure.pre_exec(be_another_groups) };
    let text = assert_success("tell-directory", &secure.output().unwrap());
    assert!(text.contains("in default of /dev/shm/winipc-0\n"), "{text}");
}
