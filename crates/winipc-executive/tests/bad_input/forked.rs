//! A child of fork without exec is a new process: the parent's handles are none of its.

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use winipc_executive::section::{Access, Parameters, Protection, Unused, View};
use winipc_executive::wait::Outcome;
use winipc_executive::{
    Attributes, Handle, Status, event, file, handle, mutex, namespace, process, section, thread, wait,
};

use crate::child::{Scratch, succeeds};

const NOW: Option<Duration> = Some(Duration::ZERO);

/// Runs in a process of its own, since forking is not for a test harness with many threads.
pub(crate) fn use_handles_in_child() {
    let name: Vec<u16> = "forked".encode_utf16().collect();
    let attributes = Attributes { name: Some(&name), inherit: true };
    let (event, _) = event::create(&attributes, 0x1F_0003, true, true).unwrap();
    let (mutex, _) = mutex::create(&Attributes::default(), 0x1F_0001, true).unwrap();
    if std::env::var_os("WINIPC_BAD_INPUT_LEAVE").is_some() {
        std::process::abort(); // without leaving: the arena's file stays
    }
    let section_name: Vec<u16> = "forked section".encode_utf16().collect();
    let section_attributes = Attributes { name: Some(&section_name), inherit: true };
    let memory = Parameters { size: 4096, protection: Protection::ReadWrite, reserve: false };
    let (section, _) = section::create(&section_attributes, section::ALL_RIGHTS, &memory).unwrap();
    let view = section::map(section, &WHOLE).unwrap();
    // SAFETY: the child only calls winipc, which takes it for a new process, and leaves with _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: a child that hangs is killed.
        unsafe { libc::alarm(60) };
        let in_child = || {
            in_child(event, mutex);
            views_in_child(section, view);
        };
        let code = match std::panic::catch_unwind(in_child) {
            Ok(()) => 0,
            Err(_) => 1,
        };
        // SAFETY: ends the child at once, without the harness's own end.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's wait status");
    // Nothing of the parent's is closed, changed or abandoned.
    assert_eq!(wait::one(event, NOW, false), Ok(Outcome::Object(0)));
    mutex::release(mutex).unwrap();
    assert_eq!(mutex::release(mutex), Err(Status::MUTANT_NOT_OWNED));
    // SAFETY: a view of 4096 bytes.
    assert_eq!(unsafe { (view as *const u8).read_volatile() }, 8);
    // SAFETY: nobody uses it any more.
    section::unmap(unsafe { Unused::at(view) }).unwrap();
    handle::close(section).unwrap();
    handle::close(event).unwrap();
    handle::close(mutex).unwrap();
    assert_eq!(event::open(&name, 0x1F_0003, false), Err(Status::OBJECT_NAME_NOT_FOUND));
}

/// The threads that the parent has made were counted in the child too, whose first thread then slept for ever.
pub(crate) fn end_first_thread_of_child() {
    let (end, _) = event::create(&Attributes::default(), 0x1F_0003, true, false).unwrap();
    let wait_for_end = move || u32::from(wait::one(end, None, false).is_err());
    let (made, _) = thread::create(&thread::Creation::default(), Box::new(wait_for_end)).unwrap();
    // SAFETY: the child only ends its thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends a child that sleeps on; nothing on its stack has to be dropped.
        unsafe {
            libc::alarm(60);
            thread::exit(7)
        }
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 7));
    event::set(end).unwrap();
    assert_eq!(wait::one(made, None, false), Ok(Outcome::Object(0)));
}

const WHOLE: View = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };

/// The child has the memory of its parent's views, and no view.
fn views_in_child(section: Handle, view: usize) {
    // SAFETY: the memory of a view of 4096 bytes, which the fork has copied.
    unsafe { (view as *mut u8).write_volatile(7) };
    // SAFETY: it is not unmapped.
    assert_eq!(section::unmap(unsafe { Unused::at(view) }), Err(Status::NOT_MAPPED_VIEW));
    assert_eq!(section::flush(view, 0), Err(Status::NOT_MAPPED_VIEW));
    assert_eq!(section::map(section, &WHOLE), Err(Status::INVALID_HANDLE));
    let name: Vec<u16> = "forked section".encode_utf16().collect();
    let own = section::open(&name, section::ALL_RIGHTS, false).unwrap();
    let mapped = section::map(own, &WHOLE).unwrap();
    // SAFETY: two views of 4096 bytes.
    unsafe {
        assert_eq!((mapped as *const u8).read_volatile(), 7);
        (mapped as *mut u8).write_volatile(8);
        assert_eq!((view as *const u8).read_volatile(), 8);
    }
    let there = View { base: Some(view), ..WHOLE };
    assert_eq!(section::map(own, &there), Err(Status::CONFLICTING_ADDRESSES));
}

fn in_child(event: Handle, mutex: Handle) {
    for stranger in [event, mutex] {
        assert_eq!(event::set(stranger), Err(Status::INVALID_HANDLE));
        assert_eq!(mutex::release(stranger), Err(Status::INVALID_HANDLE));
        assert_eq!(wait::one(stranger, NOW, false), Err(Status::INVALID_HANDLE));
        assert_eq!(handle::close(stranger), Err(Status::INVALID_HANDLE));
    }
    assert_eq!(process::id(), std::process::id());
    // It is a member of the namespace in its own right.
    let name: Vec<u16> = "forked".encode_utf16().collect();
    let own = event::open(&name, 0x1F_0003, false).unwrap();
    assert_eq!(wait::one(own, NOW, false), Ok(Outcome::Object(0)));
    // It has not kept its parent's. Its keeper may just have opened another.
    while descriptors_of_directory() > 1 {
        std::thread::yield_now();
    }
    handle::close(own).unwrap();
    assert_eq!(handle::close(own), Err(Status::INVALID_HANDLE));
}

#[test]
fn a_forked_child_is_a_new_process() {
    let scratch = Scratch::private("forked");
    succeeds("forked", scratch.path());
    // The child did not take part in the normal end, but its death was noticed by nobody: at most its file is left.
    assert!(std::fs::read_dir(scratch.path()).unwrap().count() <= 1);
}

/// Runs in a process of its own.
pub(crate) fn exit_in_child() {
    let (event, _) = event::create(&Attributes::default(), 0x1F_0003, true, true).unwrap();
    let elsewhere = format!("{}-child", std::env::var("WINIPC_DIR").unwrap());
    // SAFETY: the child only sets its environment and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: the child has one thread. The end is the normal one, with all handlers.
        unsafe {
            std::env::set_var("WINIPC_DIR", &elsewhere);
            libc::exit(0);
        }
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's wait status");
    assert!(!std::path::Path::new(&elsewhere).exists(), "the child joined a namespace in order to leave it");
    handle::close(event).unwrap();
}

#[test]
fn a_forked_child_that_ends_does_not_join() {
    let scratch = Scratch::private("forked-exit");
    succeeds("forked-exit", scratch.path());
}

/// What the descriptors of the process lead to.
fn targets() -> Vec<String> {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}

/// Runs in a process of its own.
pub(crate) fn descriptors_in_child() {
    let path = std::env::temp_dir().join(format!("winipc-mapped-{}", std::process::id()));
    std::fs::write(&path, [1; 4096]).unwrap();
    let mapped = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let opened = file::adopt(mapped.into(), 0xC000_0000, false).unwrap();
    let (section, _) =
        section::create_over(&Attributes::default(), section::ALL_RIGHTS, opened, 0, Protection::ReadWrite)
            .unwrap();
    handle::close(opened).unwrap();
    let created = process::create(&process::Creation::new(
        std::path::Path::new("/bin/sleep"),
        &["sleep", "60"].map(Into::into),
    ))
    .unwrap();
    let path_text = path.to_string_lossy().into_owned();
    let of_the_parents =
        |target: &String| *target == path_text || target.contains("pidfd") || target.contains("eventpoll");
    assert_eq!(targets().iter().filter(|target| of_the_parents(target)).count(), 3, "{:?}", targets());
    // SAFETY: the child only calls winipc and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let made = event::create(&Attributes::default(), 0x1F_0003, true, true);
        let left: Vec<_> = targets().into_iter().filter(of_the_parents).collect();
        if !left.is_empty() {
            eprintln!("left: {left:?}");
        }
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if made.is_ok() && left.is_empty() { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's wait status");
    // The parent has what it had.
    assert_eq!(targets().iter().filter(|target| of_the_parents(target)).count(), 3);
    process::terminate(created.process, 1).unwrap();
    assert_eq!(wait::one(created.process, None, false), Ok(Outcome::Object(0)));
    for handle in [section, created.process, created.thread] {
        handle::close(handle).unwrap();
    }
    std::fs::remove_file(path).unwrap();
}

/// The files of the parent's sections stayed open in the child, with the locks that keep others out, and what the
/// parent watches its children by.
#[test]
fn a_forked_child_keeps_no_descriptor_of_its_parent() {
    let scratch = Scratch::private("forked-descriptors");
    succeeds("forked-descriptors", scratch.path());
}

/// How many descriptors of the process lead to the namespace's directory.
fn descriptors_of_directory() -> usize {
    let directory = std::fs::canonicalize(std::env::var_os("WINIPC_DIR").unwrap()).unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let leads_there = |path: std::path::PathBuf| std::fs::read_link(path).is_ok_and(|to| to == directory);
    descriptors.filter(|entry| leads_there(entry.as_ref().unwrap().path())).count()
}

/// Runs in a process of its own.
pub(crate) fn attach_in_child_of_one_that_attaches() {
    let directory = std::fs::File::open(std::env::var_os("WINIPC_DIR").unwrap()).unwrap();
    // SAFETY: a valid descriptor.
    assert_eq!(unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX) }, 0);
    let attaching = std::thread::spawn(|| namespace::attach().is_ok());
    // It attaches, and waits for the directory, which it has opened twice: once to keep it, once for the lock.
    while descriptors_of_directory() < 3 {
        std::thread::yield_now();
    }
    // SAFETY: the other thread sleeps between two looks at the directory; the child only calls winipc and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: a child that hangs is killed.
        unsafe { libc::alarm(60) };
        let made = event::create(&Attributes::default(), 0x1F_0003, true, true);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if made.is_ok() { 0 } else { 1 }) };
    }
    // SAFETY: a valid descriptor.
    assert_eq!(unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_UN) }, 0);
    assert!(attaching.join().unwrap());
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's wait status");
}

/// The child found the lock on the attachment taken for ever.
#[test]
fn a_child_forked_while_another_thread_attaches_can_attach() {
    let scratch = Scratch::private("forked-attaching");
    succeeds("forked-attaching", scratch.path());
}

/// Runs in a process of its own.
pub(crate) fn attach_in_children_of_one_that_starts_threads() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let start_threads = || {
        while !DONE.load(Ordering::Relaxed) {
            std::thread::spawn(|| {}).join().unwrap();
        }
    };
    let starting = [(); 4].map(|()| std::thread::spawn(start_threads));
    for _ in 0..300 {
        // SAFETY: the child only calls winipc, whose code is made for it, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: a child that hangs is killed.
            unsafe { libc::alarm(30) };
            let made = event::create(&Attributes::default(), 0x1F_0003, true, true);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(if made.is_ok() { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: waits for the child just made.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child's wait status");
    }
    DONE.store(true, Ordering::Relaxed);
    for thread in starting {
        thread.join().unwrap();
    }
}

/// The child's keeper found the standard library's table of threads locked for ever.
#[test]
fn a_child_forked_while_other_threads_start_can_attach() {
    let scratch = Scratch::private("forked-starting");
    succeeds("forked-starting", scratch.path());
}

#[test]
fn threads_of_the_parent_do_not_count_in_a_forked_child() {
    let scratch = Scratch::private("forked-thread");
    succeeds("forked-thread", scratch.path());
}
