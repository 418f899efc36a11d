//! Descriptors that the library keeps, in programs that close what they do not know.

mod support;
#[macro_use]
#[path = "support/roles.rs"]
mod declaration;

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use support::{PROCESS_ALL, State, bury, fork, let_keepers_sleep};
use winipc_executive::handle::Duplicate;
use winipc_executive::{Handle, file, handle, io, namespace, process};

const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };

/// Descriptors of the process that lead to what begins so.
fn descriptors_of(what: &str) -> Vec<RawFd> {
    let leads_there = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with(what))
    };
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap).filter(leads_there);
    entries.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect()
}

roles! {
    a_program_keeps_what_comes_to_its_own_socket,
}

mod roles {
    use super::*;

    /// The library took what came to the program's socket that had the number of its own, and closed it in the end.
    pub(super) fn a_program_keeps_what_comes_to_its_own_socket() {
        let (mut commands, mut commander) = std::io::pipe().unwrap();
        let (mut answers, mut answerer) = std::io::pipe().unwrap();
        let mut child = fork(|| {
            let next = |commands: &mut std::io::PipeReader| {
                let mut number = [0; 8];
                commands.read_exact(&mut number).unwrap();
                Handle::from_raw(isize::from_ne_bytes(number))
            };
            namespace::attach().unwrap();
            let others = descriptors_of("socket:");
            answerer.write_all(b"x").unwrap();
            next(&mut commands);
            let (mut ours, mut theirs) = UnixStream::pair().unwrap();
            ours.write_all(&[7; 100]).unwrap();
            let mut kept = descriptors_of("socket:");
            kept.retain(|it| !others.contains(it) && ![ours.as_raw_fd(), theirs.as_raw_fd()].contains(it));
            assert_eq!(kept.len(), 1);
            // Who reads from it just now has looked before.
            let_keepers_sleep(std::process::id() as i32);
            // SAFETY: a descriptor of nobody's who relies on it.
            assert_eq!(unsafe { libc::dup2(theirs.as_raw_fd(), kept[0]) }, kept[0]);
            answerer.write_all(b"x").unwrap();
            // What is sent now is lost with the first socket, and comes by another.
            io::write(next(&mut commands), b"hello", None).unwrap();
            let mut bytes = [0; 100];
            theirs.read_exact(&mut bytes).unwrap();
            assert_eq!(bytes, [7; 100]);
        });
        let mut wait = || answers.read_exact(&mut [0]).unwrap();
        wait();
        let holder = process::open(child.pid as u32, PROCESS_ALL, false).unwrap();
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let mut pass = || {
            let theirs = handle::duplicate(Handle::CURRENT_PROCESS, writer, Some(holder), &SAME).unwrap();
            commander.write_all(&theirs.raw().to_ne_bytes()).unwrap();
        };
        pass();
        wait();
        pass();
        assert_eq!(child.wait_for_end(), State::Exited(0));
        let mut bytes = [0; 5];
        // SAFETY: the buffer outlives the call, which returns when the read is complete.
        let buffer = unsafe { io::ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
        io::read(reader, buffer, None).unwrap();
        assert_eq!(&bytes, b"hello");
        for handle in [reader, writer, holder] {
            handle::close(handle).unwrap();
        }
        bury();
    }
}
