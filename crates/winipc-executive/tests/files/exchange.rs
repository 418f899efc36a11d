//! Descriptors that go from process to process with their handles.

use super::*;
use crate::support::bury;

pub(crate) fn a_forked_child_that_joins_holds_no_pipe() {
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
    let all_sleep = || std::fs::read_dir(format!("/proc/{}/task", child.pid)).unwrap().flatten().all(sleeps);
    support::until_at_rest(all_sleep);
    child.signal(libc::SIGSTOP);
    assert_eq!(child.wait_for_stop(), State::Stopped);
}

fn close_in(process: Handle, handle: Handle) {
    let options = Duplicate { close_source: true, ..SAME };
    handle::duplicate(process, handle, None, &options).unwrap();
}

pub(crate) fn a_sleeping_process_is_given_and_loses_a_descriptor() {
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
pub(crate) fn a_killed_process_leaves_no_socket() {
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

pub(crate) fn a_stopped_process_is_given_its_descriptor_when_it_goes_on() {
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
pub(crate) fn a_descriptor_without_handle_is_closed() {
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

pub(crate) fn a_handle_without_descriptor_says_so() {
    let before = pipe_descriptors();
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
    assert_eq!(pipe_descriptors(), before);
    bury();
}

/// A child that is given an end of a pipe before it has begun, and writes to it when it is resumed.
fn late_child(writer: Handle) -> process::Created {
    let program = std::env::current_exe().unwrap();
    let arguments = ["files", "--exact", "joins_late", "--ignored", "--nocapture", "--test-threads=1"];
    let created = process::create(&process::Creation {
        is_suspended: true,
        ..process::Creation::new(&program, &arguments.map(Into::into))
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

/// It is given the handle while it cannot be sent anything, and asks for the descriptor when it needs it.
pub(crate) fn a_child_that_joins_later_fetches_its_descriptor() {
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
pub(crate) fn a_stopped_process_keeps_nobody_from_a_descriptor_that_others_have() {
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
pub(crate) fn many_descriptors_arrive() {
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
