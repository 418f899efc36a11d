//! Handles of one process and their descriptors.

use super::*;

pub(crate) fn no_signal_comes_where_nobody_reads() {
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

pub(crate) fn a_pending_signal_of_the_callers_stays() {
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

pub(crate) fn descriptors_go_with_the_last_handle() {
    let before = pipe_descriptors();
    let (reader, writer) = file::create_pipe(0, false).unwrap();
    let own = Handle::CURRENT_PROCESS;
    let copy = handle::duplicate(own, reader, Some(own), &SAME).unwrap();
    assert_eq!(pipe_descriptors(), before + 2);
    handle::close(reader).unwrap();
    assert_eq!(pipe_descriptors(), before + 2);
    write(writer, b"x").unwrap();
    assert_eq!(read(copy), Ok(b"x".to_vec()));
    handle::close(copy).unwrap();
    assert_eq!(pipe_descriptors(), before + 1);
    handle::close(writer).unwrap();
    assert_eq!(pipe_descriptors(), before);
    // Many, closed from either side.
    let pipes: Vec<_> = (0..100).map(|_| file::create_pipe(0, false).unwrap()).collect();
    for (reader, _) in pipes.iter().rev() {
        handle::close(*reader).unwrap();
    }
    for (_, writer) in &pipes {
        handle::close(*writer).unwrap();
    }
    assert_eq!(pipe_descriptors(), before);
}

pub(crate) fn a_file_that_is_being_read_stays_open() {
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

pub(crate) fn programs_that_are_executed_get_no_descriptor() {
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

pub(crate) fn the_listing_shows_files_and_who_reads() {
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
pub(crate) fn a_link_to_nothing_is_no_file() {
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

pub(crate) fn adopted_descriptors_are_what_they_are() {
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
        assert_eq!((file::type_of(adopted), handle::granted_access(adopted)), (Ok(is), Ok(access)), "{is:?}");
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
