//! Files: anonymous pipes over the kernel's, in one process and between several.

mod support;
#[macro_use]
#[path = "support/roles.rs"]
mod declaration;

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use support::{PROCESS_ALL, Page, State, fork, until};
use winipc_executive::file::{Creation, Opening};
use winipc_executive::handle::Duplicate;
use winipc_executive::inspect::{self, Call};
use winipc_executive::io::{self, Outcome, ReadBuffer};
use winipc_executive::{Handle, Kind, Result, Status, event, file, handle, namespace, process};

const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };

fn read(file: Handle) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 100];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match io::read(file, buffer, None)? {
        Outcome::Done { information, .. } => {
            bytes.truncate(information);
            Ok(bytes)
        }
        Outcome::Pending => panic!("a blocking read is never pending"),
    }
}

fn write(file: Handle, data: &[u8]) -> Result<()> {
    io::write(file, data, None).map(|_| ())
}

/// Descriptors of pipes that the process has. Others, the keeper opens and closes at any time.
fn descriptors() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count()
}

roles! {
    no_signal_comes_where_nobody_reads,
    a_pending_signal_of_the_callers_stays,
    descriptors_go_with_the_last_handle,
    a_file_that_is_being_read_stays_open,
    programs_that_are_executed_get_no_descriptor,
    a_forked_child_that_joins_holds_no_pipe,
    a_sleeping_process_is_given_and_loses_a_descriptor,
    a_killed_process_leaves_no_socket,
    a_stopped_process_is_given_its_descriptor_when_it_goes_on,
    a_descriptor_without_handle_is_closed,
    a_handle_without_descriptor_says_so,
    a_child_that_joins_later_fetches_its_descriptor,
    a_stopped_process_keeps_nobody_from_a_descriptor_that_others_have,
    many_descriptors_arrive,
    the_listing_shows_files_and_who_reads,
    adopted_descriptors_are_what_they_are,
    a_link_to_nothing_is_no_file,
}

/// The first handle of a process.
const FIRST: Handle = Handle::from_raw(4);

/// What a child does that is given a handle before it has begun.
#[test]
#[ignore = "a role that another test starts"]
fn joins_late() {
    write(FIRST, b"late").unwrap();
    handle::close(FIRST).unwrap();
}

mod roles {
    use super::*;

    pub(super) fn no_signal_comes_where_nobody_reads() {
        // SAFETY: the default, which ends the process.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        handle::close(reader).unwrap();
        assert_eq!(write(writer, b"x"), Err(Status::PIPE_CLOSING));
        handle::close(writer).unwrap();
        assert!(!is_pending());
    }

    fn is_pending() -> bool {
        let mut pending = std::mem::MaybeUninit::uninit();
        // SAFETY: a place for the set, which is filled before it is read.
        unsafe {
            libc::sigpending(pending.as_mut_ptr());
            libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
        }
    }

    pub(super) fn a_pending_signal_of_the_callers_stays() {
        let mut only = std::mem::MaybeUninit::uninit();
        // SAFETY: a set that is initialised first; the signal goes to the calling thread, which blocks it.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::sigemptyset(only.as_mut_ptr());
            libc::sigaddset(only.as_mut_ptr(), libc::SIGPIPE);
            libc::pthread_sigmask(libc::SIG_BLOCK, only.as_ptr(), std::ptr::null_mut());
        }
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        handle::close(reader).unwrap();
        assert_eq!(write(writer, b"x"), Err(Status::PIPE_CLOSING));
        assert!(!is_pending(), "the write's own is taken back");
        // SAFETY: has no preconditions.
        unsafe { libc::raise(libc::SIGPIPE) };
        assert_eq!(write(writer, b"x"), Err(Status::PIPE_CLOSING));
        assert!(is_pending(), "the caller's is not");
        handle::close(writer).unwrap();
    }

    pub(super) fn descriptors_go_with_the_last_handle() {
        let before = descriptors();
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let own = Handle::CURRENT_PROCESS;
        let copy = handle::duplicate(own, reader, Some(own), &SAME).unwrap();
        assert_eq!(descriptors(), before + 2);
        handle::close(reader).unwrap();
        assert_eq!(descriptors(), before + 2);
        write(writer, b"x").unwrap();
        assert_eq!(read(copy), Ok(b"x".to_vec()));
        handle::close(copy).unwrap();
        assert_eq!(descriptors(), before + 1);
        handle::close(writer).unwrap();
        assert_eq!(descriptors(), before);
        // Many, closed from either side.
        let pipes: Vec<_> = (0..100).map(|_| file::create_pipe(0, false).unwrap()).collect();
        for (reader, _) in pipes.iter().rev() {
            handle::close(*reader).unwrap();
        }
        for (_, writer) in &pipes {
            handle::close(*writer).unwrap();
        }
        assert_eq!(descriptors(), before);
    }

    pub(super) fn a_file_that_is_being_read_stays_open() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| read(reader));
            until(|| inspect::objects().unwrap().blocked.iter().any(|blocked| blocked.call == Call::Read));
            handle::close(reader).unwrap();
            assert_eq!(read(reader), Err(Status::INVALID_HANDLE));
            // Closing the handle ends no call; the reader is still there.
            write(writer, b"late").unwrap();
            assert_eq!(reading.join().unwrap(), Ok(b"late".to_vec()));
        });
        assert_eq!(write(writer, b"x"), Err(Status::PIPE_CLOSING));
        handle::close(writer).unwrap();
    }

    pub(super) fn programs_that_are_executed_get_no_descriptor() {
        let (reader, writer) = file::create_pipe(0, true).unwrap();
        let listed = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap().stdout;
        let listed = String::from_utf8(listed).unwrap();
        let number = file::descriptor_of(reader, 0).unwrap().as_raw_fd();
        let pipe = std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
        assert!(listed.contains("pipe:") && !listed.contains(pipe.to_str().unwrap()), "{pipe:?} in {listed}");
        for end in [reader, writer] {
            handle::close(end).unwrap();
        }
    }

    pub(super) fn a_forked_child_that_joins_holds_no_pipe() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let page = Page::new();
        let mut child = fork(|| {
            // Copies of the parent's descriptors are there, and none of its handles.
            assert_eq!(read(reader), Err(Status::INVALID_HANDLE));
            assert_eq!(handle::close(writer), Err(Status::INVALID_HANDLE));
            page.word(0).store(1, Ordering::Release);
            until(|| page.word(0).load(Ordering::Acquire) == 2);
            // It can make its own.
            let (reader, writer) = file::create_pipe(0, false).unwrap();
            write(writer, b"own").unwrap();
            assert_eq!(read(reader), Ok(b"own".to_vec()));
        });
        until(|| page.word(0).load(Ordering::Acquire) == 1);
        write(writer, b"x").unwrap();
        assert_eq!(read(reader), Ok(b"x".to_vec()));
        handle::close(writer).unwrap();
        assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
        handle::close(reader).unwrap();
        page.word(0).store(2, Ordering::Release);
        assert_eq!(child.wait_for_end(), State::Exited(0));
        bury();
    }

    /// Clears away what a child has left that did not leave by itself.
    fn bury() {
        let nobody: Vec<u16> = "nobody".encode_utf16().collect();
        assert_eq!(event::open(&nobody, 1, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    }

    /// A child that is attached and does nothing, and a handle to it.
    fn idle_child() -> (support::Child, Handle) {
        let page = Page::new();
        let child = fork(|| {
            namespace::attach().unwrap();
            page.word(0).store(1, Ordering::Release);
            loop {
                // SAFETY: has no preconditions.
                unsafe { libc::pause() };
            }
        });
        until(|| page.word(0).load(Ordering::Acquire) == 1);
        let process = process::open(child.pid as u32, PROCESS_ALL, false).unwrap();
        (child, process)
    }

    /// Stops a child that has nothing to do, and so does not hold the arena's lock.
    fn stop(child: &mut support::Child) {
        let sleeps = |thread: std::fs::DirEntry| {
            let thread = thread.file_name().into_string().unwrap().parse().unwrap();
            support::is_asleep(child.pid, thread)
        };
        let all_sleep =
            || std::fs::read_dir(format!("/proc/{}/task", child.pid)).unwrap().flatten().all(sleeps);
        until(|| (0..3).all(|_| all_sleep()));
        child.signal(libc::SIGSTOP);
        assert_eq!(child.wait_for_stop(), State::Stopped);
    }

    fn close_in(process: Handle, handle: Handle) {
        let options = Duplicate { close_source: true, ..SAME };
        handle::duplicate(process, handle, None, &options).unwrap();
    }

    pub(super) fn a_sleeping_process_is_given_and_loses_a_descriptor() {
        let (mut child, process) = idle_child();
        let own = Handle::CURRENT_PROCESS;
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let theirs = handle::duplicate(own, writer, Some(process), &SAME).unwrap();
        handle::close(writer).unwrap();
        // It comes back from there, and works.
        let again = handle::duplicate(process, theirs, Some(own), &SAME).unwrap();
        write(again, b"x").unwrap();
        assert_eq!(read(reader), Ok(b"x".to_vec()));
        handle::close(again).unwrap();
        close_in(process, theirs);
        assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
        // And with the process.
        let (another, writer) = file::create_pipe(0, false).unwrap();
        let options = Duplicate { close_source: true, ..SAME };
        handle::duplicate(own, writer, Some(process), &options).unwrap();
        child.kill();
        assert_eq!(read(another), Err(Status::PIPE_BROKEN));
        for handle in [reader, another, process] {
            handle::close(handle).unwrap();
        }
        bury();
    }

    /// It was removed while the burier held the arena's lock, and all others waited for the file system.
    pub(super) fn a_killed_process_leaves_no_socket() {
        let sockets = || {
            let files = std::fs::read_dir(std::env::var_os("WINIPC_DIR").unwrap()).unwrap();
            files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with('@')).count()
        };
        let (mut child, process) = idle_child();
        let ends = file::create_pipe(0, false).unwrap();
        handle::duplicate(Handle::CURRENT_PROCESS, ends.0, Some(process), &SAME).unwrap();
        until(|| sockets() == 1);
        child.kill();
        for handle in [ends.0, ends.1, process] {
            handle::close(handle).unwrap();
        }
        bury();
        assert_eq!(sockets(), 0);
    }

    pub(super) fn a_stopped_process_is_given_its_descriptor_when_it_goes_on() {
        let (mut child, process) = idle_child();
        let own = Handle::CURRENT_PROCESS;
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        stop(&mut child);
        std::thread::scope(|scope| {
            let giver = scope.spawn(|| handle::duplicate(own, writer, Some(process), &SAME));
            std::thread::yield_now();
            child.signal(libc::SIGCONT);
            let theirs = giver.join().unwrap().unwrap();
            stop(&mut child);
            // Now that its mailbox is open, it need not run to be given one.
            let (other_reader, other_writer) = file::create_pipe(0, false).unwrap();
            let other = handle::duplicate(own, other_writer, Some(process), &SAME).unwrap();
            handle::close(other_writer).unwrap();
            handle::close(writer).unwrap();
            child.signal(libc::SIGCONT);
            for (reader, theirs) in [(reader, theirs), (other_reader, other)] {
                close_in(process, theirs);
                assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
                handle::close(reader).unwrap();
            }
        });
        child.kill();
        handle::close(process).unwrap();
        bury();
    }

    /// The handle is gone when the process finds the descriptor in its mailbox, and the object is not.
    pub(super) fn a_descriptor_without_handle_is_closed() {
        let (mut child, process) = idle_child();
        let own = Handle::CURRENT_PROCESS;
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let (other_reader, other_writer) = file::create_pipe(0, false).unwrap();
        let give = |end| handle::duplicate(own, end, Some(process), &SAME).unwrap();
        let other = give(other_writer);
        stop(&mut child);
        close_in(process, give(writer));
        child.signal(libc::SIGCONT);
        // It answers this after it has looked at what came before.
        let returned = handle::duplicate(process, other, Some(own), &SAME).unwrap();
        handle::close(writer).unwrap();
        assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
        child.kill();
        for handle in [reader, other_reader, other_writer, returned, process] {
            handle::close(handle).unwrap();
        }
        bury();
    }

    pub(super) fn a_handle_without_descriptor_says_so() {
        let before = descriptors();
        let (mut child, process) = idle_child();
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let own = Handle::CURRENT_PROCESS;
        let theirs = handle::duplicate(own, writer, Some(process), &SAME).unwrap();
        handle::close(writer).unwrap();
        stop(&mut child);
        std::thread::scope(|scope| {
            // Who has it cannot send it, and dies.
            let taker = scope.spawn(|| handle::duplicate(process, theirs, Some(own), &SAME));
            until(|| inspect::objects().unwrap().objects.iter().any(|object| object.handle_count == 2));
            child.kill();
            assert_eq!(taker.join().unwrap(), Err(Status::PROCESS_IS_TERMINATING));
        });
        for handle in [reader, process] {
            handle::close(handle).unwrap();
        }
        assert_eq!(descriptors(), before);
        bury();
    }

    /// It is given the handle while it cannot be sent anything, and asks for the descriptor when it needs it.
    /// A child that is given an end of a pipe before it has begun, and writes to it when it is resumed.
    fn late_child(writer: Handle) -> process::Created {
        let program = std::env::current_exe().unwrap();
        let arguments = ["files", "--exact", "joins_late", "--ignored", "--nocapture", "--test-threads=1"];
        let created = process::create(&process::Creation {
            program: &program,
            arguments: &arguments.map(Into::into),
            environment: None,
            directory: None,
            inherited: process::Inherited::Nothing,
            standard: None,
            is_suspended: true,
            leads_group: false,
            console: process::Console::Same,
            inherit_handles: [false; 2],
        })
        .unwrap();
        let own = Handle::CURRENT_PROCESS;
        let theirs = handle::duplicate(own, writer, Some(created.process), &SAME).unwrap();
        assert_eq!(theirs, FIRST);
        created
    }

    /// Waits for the child's end.
    fn ended(created: process::Created) {
        let ended = winipc_executive::wait::one(created.process, None, false);
        assert_eq!(ended, Ok(winipc_executive::wait::Outcome::Object(0)));
        handle::close(created.process).unwrap();
        handle::close(created.thread).unwrap();
    }

    pub(super) fn a_child_that_joins_later_fetches_its_descriptor() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let created = late_child(writer);
        winipc_executive::thread::resume(created.thread).unwrap();
        assert_eq!(read(reader), Ok(b"late".to_vec()));
        handle::close(writer).unwrap();
        assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
        ended(created);
        handle::close(reader).unwrap();
        bury();
    }

    /// Of several that have it the first was asked, and the child waited until that went on.
    pub(super) fn a_stopped_process_keeps_nobody_from_a_descriptor_that_others_have() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let mut holders = [idle_child(), idle_child()];
        for (_, process) in &holders {
            handle::duplicate(Handle::CURRENT_PROCESS, writer, Some(*process), &SAME).unwrap();
        }
        let late = [late_child(writer), late_child(writer)];
        handle::close(writer).unwrap();
        for (stopped, created) in late.into_iter().enumerate() {
            stop(&mut holders[stopped].0);
            winipc_executive::thread::resume(created.thread).unwrap();
            assert_eq!(read(reader), Ok(b"late".to_vec()));
            ended(created);
            holders[stopped].0.signal(libc::SIGCONT);
        }
        for (mut child, process) in holders {
            child.kill();
            handle::close(process).unwrap();
        }
        assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
        handle::close(reader).unwrap();
        bury();
    }

    /// More than a mailbox holds at once.
    pub(super) fn many_descriptors_arrive() {
        const MANY: usize = 200;
        let (mut child, process) = idle_child();
        let own = Handle::CURRENT_PROCESS;
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        let pipes: Vec<_> = (0..MANY).map(|_| file::create_pipe(0, false).unwrap()).collect();
        let given: Vec<_> = std::thread::scope(|scope| {
            let give = |(_, writer): &(Handle, Handle)| {
                let options = Duplicate { close_source: true, ..SAME };
                handle::duplicate(own, *writer, Some(process), &options).unwrap()
            };
            let givers: Vec<_> = pipes
                .chunks(MANY / 4)
                .map(|pipes| scope.spawn(move || pipes.iter().map(give).collect::<Vec<_>>()))
                .collect();
            givers.into_iter().flat_map(|giver| giver.join().unwrap()).collect()
        });
        for ((reader, _), theirs) in pipes.into_iter().zip(given) {
            let writer = handle::duplicate(process, theirs, Some(own), &SAME).unwrap();
            write(writer, b"x").unwrap();
            assert_eq!(read(reader), Ok(b"x".to_vec()));
            handle::close(writer).unwrap();
            close_in(process, theirs);
            assert_eq!(read(reader), Err(Status::PIPE_BROKEN));
            handle::close(reader).unwrap();
        }
        child.kill();
        for handle in [reader, writer, process] {
            handle::close(handle).unwrap();
        }
        bury();
    }

    pub(super) fn the_listing_shows_files_and_who_reads() {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| read(reader));
            until(|| !inspect::objects().unwrap().blocked.is_empty());
            let listing = inspect::objects().unwrap();
            let files: Vec<_> = listing.objects.iter().filter(|object| object.kind == Kind::File).collect();
            let states: Vec<_> = files.iter().map(|file| file.state.to_string()).collect();
            assert_eq!(states, ["anonymous pipe, read end", "anonymous pipe, write end"]);
            assert_eq!(files[0].waiters.len(), 1);
            assert_eq!(files[0].waiters[0].call, Call::Read);
            assert_eq!(inspect::check().len(), 0);
            write(writer, b"x").unwrap();
            assert_eq!(reading.join().unwrap(), Ok(b"x".to_vec()));
        });
        handle::close(reader).unwrap();
        handle::close(writer).unwrap();
    }

    /// There was something that had the name, and nothing to open, and each was tried after the other for ever.
    pub(super) fn a_link_to_nothing_is_no_file() {
        let directory = std::path::PathBuf::from(std::env::var_os("WINIPC_DIR").unwrap());
        let link = directory.join("link");
        std::os::unix::fs::symlink(directory.join("nothing"), &link).unwrap();
        for creation in [Creation::Always, Creation::OpenAlways] {
            let opening = Opening {
                access: 0x8000_0000,
                shared: true,
                creation,
                overlapped: false,
                write_through: false,
                directory: false,
                read_only: false,
                inherit: false,
            };
            assert_eq!(file::open(&link, &opening), Err(Status::OBJECT_NAME_NOT_FOUND));
        }
        std::fs::remove_file(link).unwrap();
    }

    pub(super) fn adopted_descriptors_are_what_they_are() {
        let open = |path: &str| OwnedFd::from(std::fs::File::open(path).unwrap());
        let (socket, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        const ALL: u32 = 0xC000_0000;
        let adopted = [
            (open("/dev/null"), file::Type::Character, 0x12_019F & !2 & !4),
            (open("/proc/self/exe"), file::Type::Disk, 0x12_019F & !2 & !4),
            (socket.into(), file::Type::Socket, 0x12_019F),
            (reader.into(), file::Type::Pipe, 0x12_019F & !2 & !4),
            (writer.into(), file::Type::Pipe, 0x12_019F & !1),
        ]
        .map(|(descriptor, is, access)| {
            let adopted = file::adopt(descriptor, ALL, false).unwrap();
            assert_eq!(
                (file::type_of(adopted), handle::granted_access(adopted)),
                (Ok(is), Ok(access)),
                "{is:?}"
            );
            adopted
        });
        let [null_device, program, socket, reader, writer] = adopted;
        assert_eq!(read(null_device), Ok(Vec::new()));
        assert_eq!(&read(program).unwrap()[..4], b"\x7FELF");
        assert_eq!(write(program, b"x"), Err(Status::ACCESS_DENIED));
        write(socket, b"to the peer").unwrap();
        drop(peer);
        assert_eq!(write(socket, b"x"), Err(Status::PIPE_CLOSING));
        write(writer, b"abc").unwrap();
        assert_eq!(read(reader), Ok(b"abc".to_vec()));
        assert_eq!(read(writer), Err(Status::ACCESS_DENIED));
        for handle in adopted {
            handle::close(handle).unwrap();
        }
    }
}
