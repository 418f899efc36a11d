//! What a child does that is this program.

use super::*;

/// What a child does: the words are the action and numbers.
pub(crate) fn run(argument: &str) {
    let words: Vec<&str> = argument.split(' ').collect();
    let number = |at: usize| words[at].parse::<isize>().unwrap();
    let handle_at = |at: usize| Handle::from_raw(number(at));
    match words[0] {
        // A handle of its parent's parent is none of its.
        "nothing" => assert_eq!(handle::flags(handle_at(1)), Err(Status::INVALID_HANDLE)),
        "set" => event::set(handle_at(1)).unwrap(),
        "set_and_wait" => {
            event::set(handle_at(1)).unwrap();
            wait::one(handle_at(2), None, false).unwrap();
        }
        "flags" => {
            let flags = handle::flags(handle_at(1)).unwrap();
            assert!(flags.inherit && handle::granted_access(handle_at(1)) == Ok(0x10_0002));
            assert_eq!(process::id(), std::process::id());
        }
        "absent" => {
            assert_eq!(handle::flags(handle_at(1)), Err(Status::INVALID_HANDLE));
            event::set(handle_at(2)).unwrap();
        }
        // Starts a child and tells its parent's parent about it: a handle to it in that process.
        "parent" => {
            let there = process::open(number(1) as u32, PROCESS_ALL, false).unwrap();
            let created = match words[2] {
                "suspended" => start(&words[3..].join(" "), Inherited::All, SUSPENDED),
                "lost" => shell("exec sleep 1000", Inherited::All, SUSPENDED),
                _ => shell(&words[3..].join(" "), Inherited::All, RUNNING),
            };
            let give = |own| {
                let how = handle::Duplicate { access: None, inherit: false, close_source: false };
                handle::duplicate(Handle::CURRENT_PROCESS, own, Some(there), &how).unwrap().raw()
            };
            let thread = if words[2] == "lost" { 0 } else { give(created.thread) };
            let text = format!("{} {thread} {}", give(created.process), created.id);
            std::fs::write(told(), text).unwrap();
            std::fs::rename(told(), told().with_extension("done")).unwrap();
            if words[2] == "killed" || words[2] == "lost" {
                // SAFETY: kills this process.
                unsafe { libc::raise(libc::SIGKILL) };
            }
        }
        // Before the library is asked, what is under the number is the program's own.
        "elsewhere" => {
            let own = std::fs::File::open("/dev/zero").unwrap();
            let descriptor = number(2) as i32;
            // SAFETY: the number is that of the inherited descriptor, which nobody uses.
            assert_eq!(unsafe { libc::dup2(own.as_raw_fd(), descriptor) }, descriptor);
            let expected = if words[3] == "alone" { Err(Status::FILE_INVALID) } else { Ok(b"x".to_vec()) };
            assert_eq!(read(handle_at(1)), expected);
            handle::close(handle_at(1)).unwrap();
            let left = std::fs::read_link(format!("/proc/self/fd/{descriptor}"));
            assert_eq!(left.unwrap(), Path::new("/dev/zero"));
            // SAFETY: asks for the flags of a descriptor.
            assert_eq!(unsafe { libc::fcntl(descriptor, libc::F_GETFD) }, 0, "it is no program's to lose");
        }
        // Its record is damaged.
        "unjoined" => {
            assert!(winipc_executive::namespace::attach().is_err());
            // SAFETY: asks for the flags of a descriptor, if it is one.
            let is_open = unsafe { libc::fcntl(number(1) as i32, libc::F_GETFD) } >= 0;
            std::fs::write(told(), if is_open { "1 0 0" } else { "0 0 0" }).unwrap();
            std::fs::rename(told(), told().with_extension("done")).unwrap();
            // SAFETY: ends a process that has not joined anything.
            unsafe { libc::_exit(0) };
        }
        "read" => assert_eq!(read(handle_at(1)), Ok(b"x".to_vec())),
        "print" => {
            let output = process::standard::get(1).unwrap();
            io::write(output, b"printed", None).unwrap();
        }
        // What it inherits is there, though nobody is left who had it.
        "last" => {
            event::set(handle_at(1)).unwrap();
            handle::close(event::open(&units("inherited"), ALL, false).unwrap()).unwrap();
            std::fs::remove_file(Path::new(&std::env::var("WINIPC_DIR").unwrap()).join("fifo")).unwrap();
        }
        other => panic!("{other}"),
    }
    process::exit(42);
}
