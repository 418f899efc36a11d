//! A full file system: errors, no SIGBUS, and everything works again when there is room.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use winipc_executive::io::{self, Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe;
use winipc_executive::section::{Access, Parameters, Protection, View};
use winipc_executive::{Attributes, Handle, Status, apc, event, handle, inspect, section, wait};

use crate::child::{Scratch, is_root, succeeds};
use crate::everything::{server, units};
use crate::omission::left_out;

const ALL: u32 = 0x1F_0003;

/// A small file system on a directory.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(path: &'a Path, kibibytes: u32) -> Self {
        let target = CString::new(path.as_os_str().as_bytes()).unwrap();
        let options = CString::new(format!("size={kibibytes}k,mode=0700")).unwrap();
        // SAFETY: NUL-terminated strings.
        let mounted = unsafe {
            libc::mount(c"tmpfs".as_ptr(), target.as_ptr(), c"tmpfs".as_ptr(), 0, options.as_ptr().cast())
        };
        assert_eq!(mounted, 0, "{}", std::io::Error::last_os_error());
        Small(path)
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let target = CString::new(self.0.as_os_str().as_bytes()).unwrap();
        // SAFETY: a NUL-terminated string.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}

fn is_exhausted(status: Status) -> bool {
    status == Status::NO_MEMORY || status == Status::INSUFFICIENT_RESOURCES
}

/// Writes without waiting, until there is no memory for another message. Returns how many were taken.
fn fill_pipe(end: Handle, size: usize) -> usize {
    let data = vec![5; size];
    for number in 0.. {
        let block = Box::leak(Box::new([0_usize; 2]));
        // SAFETY: the words are never freed and nobody else uses them.
        let block = unsafe { StatusBlock::new(block) };
        let overlapped = Overlapped { block, event: None, routine: None, no_packet: true };
        match io::write(end, &data, Some(overlapped)) {
            Ok(Outcome::Done { .. } | Outcome::Pending) => {}
            Err(status) if is_exhausted(status) => return number,
            Err(status) => panic!("message {number} of {size}: {status}"),
        }
    }
    unreachable!()
}

/// Fills the file system with each kind of thing in turn.
pub(crate) fn fill() {
    for round in 0..3 {
        let mut handles = Vec::new();
        let exhausted = loop {
            let name = units(&format!("an event with a name of some length {}", handles.len()));
            let attributes = Attributes { name: Some(&name), inherit: false };
            match event::create(&attributes, ALL, true, true) {
                Ok((event, _)) => handles.push(event),
                Err(status) => break status,
            }
        };
        assert!(is_exhausted(exhausted), "{exhausted}");
        println!("round {round}: {} named events", handles.len());
        // What there is works, without more memory.
        let some: Vec<Handle> = handles.iter().rev().take(60).copied().collect();
        assert_eq!(wait::many(&some, wait::Mode::All, None, false), Ok(wait::Outcome::Object(0)));
        for event in handles {
            event::reset(event).unwrap();
            handle::close(event).unwrap();
        }
    }
    let name = units("full");
    for size in [1, 3000, 60_000, 200_000] {
        let (end, _) = pipe::create(&name, &server(true, false)).unwrap();
        let client = pipe::open(&name, 0xC000_0000, true, false).unwrap();
        pipe::set_mode(client, true, false).unwrap();
        let count = fill_pipe(end, size);
        println!("{count} messages of {size} bytes");
        let mut bytes = vec![0; size];
        for number in 0..count {
            // SAFETY: the buffer outlives the call, which returns when the read is complete.
            let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), size) };
            let outcome = io::read(client, buffer, None);
            let whole = Outcome::Done { status: Status::SUCCESS, information: size };
            assert_eq!(outcome, Ok(whole), "message {number} of {count}");
            assert!(bytes.iter().all(|byte| *byte == 5));
        }
        // There is room again, and what is left unread goes with the pipe.
        assert_eq!(fill_pipe(end, size), count);
        handle::close(client).unwrap();
        handle::close(end).unwrap();
        assert_eq!(pipe::open(&name, 0xC000_0000, true, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    }
}

#[test]
fn a_full_file_system_is_an_error() {
    if !is_root() {
        left_out("a_full_file_system_is_an_error", "root, to mount one");
        return;
    }
    let scratch = Scratch::new("full");
    let small = Small::mount(scratch.path(), 30 << 10);
    // Not the process's quota is to be used up, which is a part of the whole, but the memory.
    let ballast = scratch.path().join("ballast");
    std::fs::write(&ballast, vec![0; 24 << 20]).unwrap();
    print!("{}", succeeds("full", scratch.path()));
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    drop(small);
}

/// Takes as much of everything as one process gets. Another one can work all the same.
pub(crate) fn leak() {
    let name = units("leak");
    let unlimited = pipe::Server { out_quota: u32::MAX, in_quota: u32::MAX, ..server(true, false) };
    let (_end, _) = pipe::create(&name, &unlimited).unwrap();
    let client = pipe::open(&name, 0xC000_0000, true, false).unwrap();
    let data = [7; 1000];
    let report = |what: &str, leak: &mut dyn FnMut(usize) -> winipc_executive::Result<()>| {
        let mut count = 0;
        let status = loop {
            match leak(count) {
                Ok(()) => count += 1,
                Err(status) => break status,
            }
        };
        println!("{count} {what}: {status}");
        status
    };
    assert_eq!(
        report("messages", &mut |_| io::write(client, &data, None).map(|_| ())),
        Status::QUOTA_EXCEEDED
    );
    assert_eq!(report("calls", &mut |_| apc::queue(Handle::CURRENT_THREAD, 1, 2)), Status::QUOTA_EXCEEDED);
    let create = |number: usize| {
        let name = units(&format!("leaked {number}"));
        event::create(&Attributes { name: Some(&name), inherit: false }, ALL, true, true).map(|_| ())
    };
    assert_eq!(report("named events", &mut |number| create(number)), Status::QUOTA_EXCEEDED);
    let unnamed = &mut |_| event::create(&Attributes::default(), ALL, true, true).map(|_| ());
    assert_eq!(report("events", unnamed), Status::INSUFFICIENT_RESOURCES);
    work_in_another_process();
}

/// Takes all memory for sections that there is. Another one can work all the same, with all but sections.
pub(crate) fn leak_sections() {
    let create = |number: usize| {
        let name = units(&format!("leaked {number}"));
        let parameters = Parameters { size: 100_000, protection: Protection::ReadWrite, reserve: false };
        let attributes = Attributes { name: Some(&name), inherit: false };
        section::create(&attributes, section::ALL_RIGHTS, &parameters).map(|(section, _)| section)
    };
    let mut sections = Vec::new();
    let status = loop {
        match create(sections.len()) {
            Ok(section) => sections.push(section),
            Err(status) => break status,
        }
    };
    println!("{} sections: {status}", sections.len());
    assert_eq!(status, Status::COMMITMENT_LIMIT);
    work_in_another_process();
    // Every byte of them is there.
    for section in &sections {
        let view = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };
        let view = section::map(*section, &view).unwrap();
        // SAFETY: a view of 102,400 bytes, which nobody else has.
        unsafe { core::ptr::write_bytes(view as *mut u8, 1, 102_400) };
    }
    // One that could only be reserved has none.
    let reserved = Parameters { size: 1 << 30, protection: Protection::ReadWrite, reserve: true };
    let (reserved, _) = section::create(&Attributes::default(), section::ALL_RIGHTS, &reserved).unwrap();
    let view = View { access: Access::Write, execute: false, offset: 0, length: 0, base: None };
    let view = section::map(reserved, &view).unwrap();
    assert_eq!(section::commit(view, 1 << 20), Err(Status::COMMITMENT_LIMIT));
    assert!(inspect::check().is_empty());
    for section in sections {
        handle::close(section).unwrap();
    }
}

fn work_in_another_process() {
    let in_another_process = || {
        let name = units("sound");
        let (end, _) = pipe::create(&name, &server(true, false)).unwrap();
        let client = pipe::open(&name, 0xC000_0000, true, false).unwrap();
        assert_eq!(
            io::write(client, &[1; 60], None),
            Ok(Outcome::Done { status: Status::SUCCESS, information: 60 })
        );
        event::create(&Attributes { name: Some(&units("sound")), inherit: false }, ALL, true, true).unwrap();
        handle::close(end).unwrap();
    };
    // SAFETY: the child only calls winipc, which takes it for a new process, and leaves with _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = i32::from(std::panic::catch_unwind(in_another_process).is_err());
        // SAFETY: ends the child at once, without the harness's own end.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's wait status");
}

/// One process could fill the arena's file system for all.
#[test]
fn a_process_that_leaks_leaves_room_for_others() {
    if !is_root() {
        left_out("a_process_that_leaks_leaves_room_for_others", "root, to mount a file system");
        return;
    }
    let scratch = Scratch::new("leak");
    let small = Small::mount(scratch.path(), 16 << 10);
    print!("{}", succeeds("leak", scratch.path()));
    drop(small);
}

#[test]
fn sections_leave_room_for_objects() {
    if !is_root() {
        left_out("sections_leave_room_for_objects", "root, to mount a file system");
        return;
    }
    let scratch = Scratch::new("leak-sections");
    let small = Small::mount(scratch.path(), 16 << 10);
    print!("{}", succeeds("leak-sections", scratch.path()));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    drop(small);
}

#[test]
fn a_file_system_that_has_no_room_for_an_arena_is_named_in_the_error() {
    if !is_root() {
        left_out(
            "a_file_system_that_has_no_room_for_an_arena_is_named_in_the_error",
            "root, to mount a file system",
        );
        return;
    }
    let scratch = Scratch::new("tiny");
    for kibibytes in [4, 64, 200, 400] {
        let small = Small::mount(scratch.path(), kibibytes);
        let text = succeeds("attach", scratch.path());
        assert!(text.contains("attached: Err("), "{kibibytes}: {text}");
        assert!(
            text.contains("no memory") || text.contains("No space") || text.contains("no room"),
            "{text}"
        );
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "{kibibytes}: {text}");
        drop(small);
    }
}
