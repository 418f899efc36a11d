//! What children inherit: handles, descriptors, standard streams.

use super::*;

pub(crate) fn a_child_uses_what_it_inherits() {
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

pub(crate) fn a_child_finds_its_own_objects() {
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

pub(crate) fn only_chosen_handles_are_inherited() {
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

pub(crate) fn tables_with_gaps_are_inherited() {
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

pub(crate) fn an_ordinary_program_keeps_what_it_inherits() {
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

/// A shell between parent and child sends the output elsewhere.
pub(crate) fn a_redirected_standard_stream_is_the_standard_handle() {
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
pub(crate) fn a_suspended_child_keeps_nothing_that_others_open_meanwhile() {
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
pub(crate) fn a_descriptor_with_a_standard_number_gets_another() {
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
                let (word, before) = (start + (index * RECORD + OBJECT) as u64, &record[OBJECT..OBJECT + 4]);
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
pub(crate) fn a_child_that_cannot_join_keeps_no_descriptor() {
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
