//! Any program as a child: watched, terminated, replaced.

use super::*;

pub(crate) fn an_ordinary_program_is_watched_to_its_end() {
    for code in [0, 7, 255] {
        let created = shell(&format!("exit {code}"), Inherited::All, RUNNING);
        assert_eq!(process::id_of(created.process), Ok(created.id));
        assert_eq!(thread::id_of(created.thread), Ok(created.id));
        assert_eq!(ended(created.process), code);
        assert!(matches!(wait::one(created.thread, NOW, false), Ok(Outcome::Object(_))));
        assert_eq!(thread::exit_code(created.thread), Ok(code));
        close(created);
        until(|| !has_children());
    }
    let created = shell("kill -TERM $$", Inherited::All, RUNNING);
    assert_eq!(ended(created.process), 1);
    close(created);
    assert_whole_and_empty();
}

pub(crate) fn an_ordinary_program_is_terminated() {
    let created = shell("exec sleep 1000", Inherited::All, RUNNING);
    assert!(is_running(created.process));
    let opened = process::open(created.id, PROCESS_ALL, false).unwrap();
    assert_eq!(handle::same_object(opened, created.process), Ok(true));
    process::terminate(opened, 0x1234_5678).unwrap();
    assert_eq!(ended(created.process), 0x1234_5678);
    assert_eq!(process::terminate(opened, 1), Err(Status::ACCESS_DENIED));
    assert_eq!(process::open(created.id, PROCESS_ALL, false), Err(Status::INVALID_PARAMETER));
    handle::close(opened).unwrap();
    close(created);
    assert_whole_and_empty();
}

fn by_shell(event: Handle, script: &str) -> u32 {
    let program = std::env::current_exe().unwrap();
    let command = format!("{} {}", program.display(), TEST.join(" "));
    let what = format!("{script} {}", event.raw());
    // SAFETY: as in `start`.
    unsafe {
        std::env::set_var("ROLE", "child");
        std::env::set_var("ARGUMENT", what);
    }
    let script = if script == "set" {
        format!("exec {command}")
    } else {
        format!("{command}; test $? = 42 && exit 5")
    };
    let created = shell(&script, Inherited::All, RUNNING);
    let code = ended(created.process);
    close(created);
    code
}

pub(crate) fn a_program_that_a_child_starts_is_not_the_child() {
    let event = inheritable(None);
    let other = inheritable(None);
    // SAFETY: as in `start`.
    unsafe { std::env::set_var("OTHER", other.raw().to_string()) };
    assert_eq!(by_shell(event, "nothing"), 5);
    assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Timeout)));
    handle::close(event).unwrap();
    handle::close(other).unwrap();
    assert_whole_and_empty();
}

pub(crate) fn a_program_that_a_child_becomes_is_the_child() {
    let event = inheritable(None);
    assert_eq!(by_shell(event, "set"), 42);
    assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
    handle::close(event).unwrap();
    assert_whole_and_empty();
}

pub(crate) fn what_cannot_be_run_is_refused() {
    let directory = std::env::var("WINIPC_DIR").unwrap();
    let text = Path::new(&directory).join("text");
    std::fs::write(&text, "no program").unwrap();
    let refusal = |program: &Path| process::create(&creation(program, &[]));
    assert_eq!(refusal(Path::new("/nowhere/at/all")), Err(Status::OBJECT_PATH_NOT_FOUND));
    assert_eq!(refusal(Path::new("/bin/no-such-program")), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(refusal(&text), Err(Status::INVALID_IMAGE_FORMAT));
    let mut permissions = std::fs::metadata(&text).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
    std::fs::set_permissions(&text, permissions).unwrap();
    assert_eq!(refusal(&text), Err(Status::INVALID_IMAGE_FORMAT));
    assert_eq!(refusal(Path::new("/")), Err(Status::ACCESS_DENIED));
    let nowhere =
        Creation { directory: Some(Path::new("/nowhere")), ..creation(Path::new("/bin/true"), &[]) };
    assert_eq!(process::create(&nowhere), Err(Status::NOT_A_DIRECTORY));
    std::fs::remove_file(&text).unwrap();
    assert!(!has_children());
    assert_whole_and_empty();
}

pub(crate) fn signals_have_their_default_action_in_a_child() {
    extern "C" fn handle(_: i32) {}
    let handler: extern "C" fn(i32) = handle;
    // SAFETY: a handler that does nothing, and signals that nobody sends.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
        libc::signal(libc::SIGUSR2, libc::SIG_IGN);
    }
    for (signal, code) in [("PIPE", 1), ("USR1", 1), ("USR2", 6)] {
        for is_suspended in [RUNNING, SUSPENDED] {
            let created = shell(&format!("kill -{signal} $$; exit 6"), Inherited::All, is_suspended);
            thread::resume(created.thread).unwrap();
            assert_eq!(ended(created.process), code, "{signal}");
            close(created);
        }
    }
    assert_whole_and_empty();
}

/// The thread that watches waited until the debugger fetched the body, and saw nobody else's end meanwhile.
pub(crate) fn a_child_that_a_debugger_keeps_hides_no_other() {
    let page = Page::new();
    let traced = shell("exit 7", Inherited::Nothing, SUSPENDED);
    let mut debugger = support::fork(|| {
        // SAFETY: traces a process, which goes on.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, traced.id as i32, 0_usize, 0_usize) };
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0) as u64;
        page.word(0).store(if seized == 0 { 1 } else { 2 + error }, Ordering::Release);
        until(|| page.word(1).load(Ordering::Acquire) != 0);
    });
    until(|| page.word(0).load(Ordering::Acquire) != 0);
    let error = page.word(0).load(Ordering::Acquire) - 1;
    thread::resume(traced.thread).unwrap();
    if error == 0 {
        let stat = || std::fs::read_to_string(format!("/proc/{}/stat", traced.id)).unwrap();
        until(|| stat().contains(") Z "));
        let other = shell("exit 3", Inherited::Nothing, RUNNING);
        assert_eq!(ended(other.process), 3);
        close(other);
        assert!(is_running(traced.process));
    } else {
        let error = std::io::Error::from_raw_os_error(error as i32 - 1);
        let needs = format!("the right to trace: {error}");
        support::omission::left_out("a_child_that_a_debugger_keeps_hides_no_other", &needs);
    }
    page.word(1).store(1, Ordering::Release);
    assert_eq!(ended(traced.process), 7);
    assert_eq!(debugger.wait_for_end(), support::State::Exited(0));
    close(traced);
    assert_whole_and_empty();
}
