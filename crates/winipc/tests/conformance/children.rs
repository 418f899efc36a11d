//! Sections 13.2 and 13.3: making processes.

use crate::support::process::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    a_process_is_there_before_it_runs,
    the_handles_have_all_access,
    a_missing_program_is_not_found,
    a_missing_directory_is_not_found,
    a_file_that_is_no_program_is_refused,
    without_names_there_is_nothing_to_run,
    two_consoles_are_refused,
    a_suspended_process_runs_when_it_is_resumed,
    a_suspended_process_can_be_terminated,
    a_new_process_can_be_terminated,
    the_command_line_makes_the_arguments,
    the_application_name_is_the_program,
    the_environment_is_inherited,
    the_environment_can_be_given,
    the_environment_can_be_given_in_ansi,
    the_ansi_form_makes_processes_too,
    the_directory_is_inherited,
    the_directory_can_be_given,
    a_missing_current_directory_is_refused,
    a_process_outlives_its_parent,
    a_new_process_can_be_opened,
    the_thread_of_a_new_process_can_be_opened,
    process_groups_and_consoles_are_accepted,
];

/// 13.3: CreateProcess returns handles to the process and its thread, and their ids, before the process has run.
fn a_process_is_there_before_it_runs() {
    let made = Creation { flags: CREATE_SUSPENDED, ..Creation::script("exit 9") }.make();
    assert_eq!(ok!(GetProcessId(made.process.raw())), made.id);
    assert_eq!(ok!(GetThreadId(made.thread.raw())), made.thread_id);
    assert_eq!((wait(&made.process, 0), wait(&made.thread, 0)), (WAIT_TIMEOUT, WAIT_TIMEOUT));
    let mut code = 0;
    ok!(GetExitCodeThread(made.thread.raw(), &mut code));
    assert_eq!((made.exit_code(), code), (259, 259));
    assert_eq!(call!(ResumeThread(made.thread.raw())).0, 1);
    assert_eq!(made.end(), 9);
    assert_eq!(wait(&made.thread, SOON), WAIT_OBJECT_0);
    ok!(GetExitCodeThread(made.thread.raw(), &mut code));
    assert_eq!(code, 9);
}

/// 13.3: The handles have full access.
fn the_handles_have_all_access() {
    let made = Creation { flags: CREATE_SUSPENDED, ..Creation::script("exit 0") }.make();
    for (handle, access) in [(&made.process, PROCESS_ALL_ACCESS), (&made.thread, THREAD_ALL_ACCESS)] {
        let mut copy = null_mut();
        let target = this_process();
        ok!(DuplicateHandle(this_process(), handle.raw(), target, &mut copy, access, FALSE, 0));
        Handle::own(copy).close();
    }
    let event = event(true, false);
    let mut there = null_mut();
    let options = DUPLICATE_SAME_ACCESS;
    ok!(DuplicateHandle(this_process(), event.raw(), made.process.raw(), &mut there, 0, FALSE, options));
    ok!(TerminateProcess(made.process.raw(), 3));
    assert_eq!(made.end(), 3);
}

/// 13.3: A program that does not exist fails ERROR_FILE_NOT_FOUND.
fn a_missing_program_is_not_found() {
    let directory = std::env::temp_dir();
    let missing = directory.join(unique_text());
    let creation = Creation { application: Some(missing.to_str().unwrap()), ..Creation::script("exit 0") };
    assert_eq!(creation.try_make().unwrap_err(), ERROR_FILE_NOT_FOUND);
    let creation = Creation { line: Some(unique_text()), ..Creation::default() };
    assert_eq!(creation.try_make().unwrap_err(), ERROR_FILE_NOT_FOUND);
}

/// 13.3: A program in a directory that does not exist fails ERROR_PATH_NOT_FOUND.
fn a_missing_directory_is_not_found() {
    let missing = std::env::temp_dir().join(unique_text()).join("program");
    let creation = Creation { application: Some(missing.to_str().unwrap()), ..Creation::script("exit 0") };
    assert_eq!(creation.try_make().unwrap_err(), ERROR_PATH_NOT_FOUND);
}

/// 13.3: A file that is not an executable fails ERROR_BAD_EXE_FORMAT.
fn a_file_that_is_no_program_is_refused() {
    let file = std::env::temp_dir().join(format!("{}.exe", unique_text()));
    std::fs::write(&file, "This is no program, however long one looks at it. ".repeat(100)).unwrap();
    let creation = Creation { application: Some(file.to_str().unwrap()), ..Creation::script("exit 0") };
    let error = creation.try_make().unwrap_err();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(error, ERROR_BAD_EXE_FORMAT);
}

/// 13.3: Neither an application name nor a command line fails ERROR_INVALID_PARAMETER (?).
fn without_names_there_is_nothing_to_run() {
    assert_eq!(Creation::default().try_make().unwrap_err(), ERROR_INVALID_PARAMETER);
}

/// 13.3: CREATE_NEW_CONSOLE with DETACHED_PROCESS fails ERROR_INVALID_PARAMETER (?).
fn two_consoles_are_refused() {
    let flags = CREATE_NEW_CONSOLE | DETACHED_PROCESS;
    let creation = Creation { flags, ..Creation::script("exit 0") };
    assert_eq!(creation.try_make().unwrap_err(), ERROR_INVALID_PARAMETER);
}

/// 13.3: With CREATE_SUSPENDED the process runs after ResumeThread, which returns the suspend count before.
fn a_suspended_process_runs_when_it_is_resumed() {
    let (event, name) = (Name::unique(), Name::unique());
    let event = Handle::own(ok!(CreateEventW(null(), TRUE, FALSE, event.ptr())));
    let script = format!("create_event {} 1 0, exit 4", name.text());
    let made = Creation { flags: CREATE_SUSPENDED, ..Creation::script(&script) }.make();
    assert_eq!(wait_any(&[&event, &made.process], 20), WAIT_TIMEOUT);
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    assert_eq!(call!(ResumeThread(made.thread.raw())), (1, UNTOUCHED));
    assert_eq!(made.end(), 4);
}

/// 13.3: A process that was never resumed can be terminated.
fn a_suspended_process_can_be_terminated() {
    let made = Creation { flags: CREATE_SUSPENDED, ..Creation::script("exit 1") }.make();
    ok!(TerminateProcess(made.process.raw(), 0x1234_5678));
    assert_eq!(made.end(), 0x1234_5678);
}

/// 13.2: TerminateProcess of a child gives it that exit code, whatever it is doing.
fn a_new_process_can_be_terminated() {
    let made = Creation::script(&format!("create_event none 1 0, {}", stay())).make();
    ok!(TerminateProcess(made.process.raw(), 77));
    assert_eq!(made.end(), 77);
}

/// 13.3: The command line is taken apart into arguments: quotation marks, backslashes before them, spaces.
fn the_command_line_makes_the_arguments() {
    for (line, expected) in [
        (r#""a b c" d e"#, &["a b c", "d", "e"][..]),
        (r#""ab\"c" "\\" d"#, &[r#"ab"c"#, r"\", "d"]),
        (r#"a\\\b d"e f"g h"#, &[r"a\\\b", "de fg", "h"]),
        (r#"a\\\"b c d"#, &[r#"a\"b"#, "c", "d"]),
        (r#"a\\\\"b c" d e"#, &[r"a\\b c", "d", "e"]),
        ("\"\" a\t b", &["", "a", "b"]),
        ("grün", &["grün"]),
        ("", &[]),
    ] {
        assert_eq!(Creation::arguments(line, expected).run(), 1, "{line}");
    }
}

/// 13.3: With an application name the command line only makes the arguments; without a command line it is the name.
fn the_application_name_is_the_program() {
    let program = std::env::current_exe().unwrap();
    let program = program.to_str();
    let Creation { line, .. } = Creation::script("exit 6");
    let rest = line.unwrap().split_off(super::support::process::program().len());
    let creation =
        Creation { application: program, line: Some(format!("anything{rest}")), ..Creation::default() };
    assert_eq!(creation.run(), 6);
    // Without arguments the program begins to run this suite, and would not end soon.
    let creation = Creation { application: program, flags: CREATE_SUSPENDED, ..Creation::default() };
    let made = creation.make();
    ok!(TerminateProcess(made.process.raw(), 7));
    assert_eq!(made.end(), 7);
}

/// 13.3: A process has its parent's environment.
fn the_environment_is_inherited() {
    let path = std::env::var("PATH").unwrap();
    assert_eq!(Creation::script(&format!("env_length PATH {}", path.len())).run(), 1);
}

fn block(extra: &[&str]) -> String {
    // What Windows and Wine need of the environment, they find in the parent's.
    let own = std::env::vars()
        .filter(|(name, _)| !name.starts_with('='))
        .map(|(name, value)| format!("{name}={value}\0"));
    let extra = extra.iter().map(|text| format!("{text}\0"));
    own.chain(extra).chain(["\0".to_owned()]).collect()
}

/// 13.3: A process has the environment that is given, in UTF-16 with CREATE_UNICODE_ENVIRONMENT.
fn the_environment_can_be_given() {
    let block: Vec<u16> = block(&["CONFORMANCE=grün", "CONFORMANCE2=1"]).encode_utf16().collect();
    let creation = Creation {
        environment: block.as_ptr().cast(),
        flags: CREATE_UNICODE_ENVIRONMENT,
        ..Creation::script("env CONFORMANCE grün")
    };
    assert_eq!(creation.run(), 1);
    assert_eq!(Creation::script("env CONFORMANCE grün").run(), 0);
}

/// 13.3: Without CREATE_UNICODE_ENVIRONMENT the environment is in the code page of the A functions.
fn the_environment_can_be_given_in_ansi() {
    let block = block(&["CONFORMANCE=green"]);
    let creation =
        Creation { environment: block.as_ptr().cast(), ..Creation::script("env CONFORMANCE green") };
    assert_eq!(creation.run(), 1);
}

/// 13.3: CreateProcessA does what CreateProcessW does.
fn the_ansi_form_makes_processes_too() {
    let mut line = Creation::script("exit 5").line.unwrap();
    line.push('\0');
    let mut line = line.into_bytes();
    let startup = STARTUPINFOA { cb: size_of::<STARTUPINFOA>() as u32, ..Default::default() };
    let mut information = PROCESS_INFORMATION::default();
    ok!(CreateProcessA(
        null(),
        line.as_mut_ptr(),
        null(),
        null(),
        FALSE,
        0,
        null(),
        null(),
        &startup,
        &mut information
    ));
    let process = Handle::own(information.hProcess);
    Handle::own(information.hThread).close();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    let mut code = 0;
    ok!(GetExitCodeProcess(process.raw(), &mut code));
    assert_eq!(code, 5);
}

/// 13.3: A process has its parent's current directory.
fn the_directory_is_inherited() {
    assert_eq!(
        Creation::script(&format!("directory {}", encoded(&std::env::current_dir().unwrap()))).run(),
        1
    );
}

/// 13.3: A process has the current directory that is given.
fn the_directory_can_be_given() {
    let directory = std::env::temp_dir().join(unique_text());
    std::fs::create_dir(&directory).unwrap();
    let script = format!("directory {}", encoded(&directory));
    let code = Creation { directory: directory.to_str(), ..Creation::script(&script) }.run();
    std::fs::remove_dir(&directory).unwrap();
    assert_eq!(code, 1);
}

/// A path as a word of a script.
fn encoded(path: &std::path::Path) -> String {
    path.to_str().unwrap().bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// 13.3: A current directory that does not exist fails ERROR_DIRECTORY (?).
fn a_missing_current_directory_is_refused() {
    let missing = std::env::temp_dir().join(unique_text());
    let creation = Creation { directory: missing.to_str(), ..Creation::script("exit 0") };
    assert_eq!(creation.try_make().unwrap_err(), ERROR_DIRECTORY);
}

/// 13.2: Ending a process does not end its children.
fn a_process_outlives_its_parent() {
    let (go, name, gone) = (Name::unique(), Name::unique(), Name::unique());
    let go = (Handle::own(ok!(CreateEventW(null(), TRUE, FALSE, go.ptr()))), go);
    let done = Handle::own(ok!(CreateEventW(null(), TRUE, FALSE, name.ptr())));
    // The child ends with the id of a grandchild, which waits, and tells.
    let inner = format!("wait_name {}, set_name {}, exit 0", go.1.text(), name.text());
    let parent = Creation::script(&format!("child {inner}")).make();
    let id = parent.end();
    let grandchild = Handle::own(ok!(OpenProcess(PROCESS_ALL_ACCESS, FALSE, id)));
    assert_eq!(wait(&grandchild, 0), WAIT_TIMEOUT);
    ok!(SetEvent(go.0.raw()));
    assert_eq!(wait(&done, SOON), WAIT_OBJECT_0);
    assert_eq!(wait(&grandchild, SOON), WAIT_OBJECT_0);
    drop(gone);
}

/// 13.2: A process can be opened by its id as soon as CreateProcess has returned.
fn a_new_process_can_be_opened() {
    let made = Creation { flags: CREATE_SUSPENDED, ..Creation::script("exit 0") }.make();
    let opened = Handle::own(ok!(OpenProcess(PROCESS_ALL_ACCESS, FALSE, made.id)));
    assert_eq!(ok!(GetProcessId(opened.raw())), made.id);
    ok!(TerminateProcess(opened.raw(), 8));
    assert_eq!(made.end(), 8);
}

/// 13.3: The thread of a new process can be opened by its id as soon as CreateProcess has returned.
fn the_thread_of_a_new_process_can_be_opened() {
    let made = Creation { flags: CREATE_SUSPENDED, ..Creation::script("exit 9") }.make();
    let opened = Handle::own(ok!(OpenThread(THREAD_ALL_ACCESS, FALSE, made.thread_id)));
    assert_eq!(ok!(GetThreadId(opened.raw())), made.thread_id);
    assert_eq!(call!(ResumeThread(opened.raw())), (1, UNTOUCHED));
    assert_eq!(wait(&opened, SOON), WAIT_OBJECT_0);
    let mut code = 0;
    ok!(GetExitCodeThread(opened.raw(), &mut code));
    assert_eq!(code, 9);
    assert_eq!(made.end(), 9);
}

/// 13.3: CREATE_NEW_PROCESS_GROUP, CREATE_NEW_CONSOLE, DETACHED_PROCESS and CREATE_NO_WINDOW are accepted.
fn process_groups_and_consoles_are_accepted() {
    for flags in [CREATE_NEW_PROCESS_GROUP, CREATE_NEW_CONSOLE, DETACHED_PROCESS, CREATE_NO_WINDOW] {
        assert_eq!(Creation { flags, ..Creation::script("exit 2") }.run(), 2, "{flags:#x}");
    }
}
