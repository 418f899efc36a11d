//! Making processes: arguments, environments, directories, and what is refused.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::System::Threading::*;
use winipc_win32::{
    CloseHandle, CreateEventW, CreateProcessA, CreateProcessW, DeleteProcThreadAttributeList,
    GetExitCodeProcess, GetProcessId, GetThreadId, InitializeProcThreadAttributeList,
    UpdateProcThreadAttribute, WaitForSingleObject,
};

use crate::common::{UNTOUCHED, alone, ansi, wide, world};

/// A call with what most tests leave alone.
struct Call<'a> {
    program: Option<&'a str>,
    line: Option<&'a str>,
    inherit: bool,
    flags: u32,
    environment: *const c_void,
    directory: Option<&'a str>,
    list: LPPROC_THREAD_ATTRIBUTE_LIST,
}

impl<'a> Call<'a> {
    fn line(line: &'a str) -> Self {
        let (program, directory) = (None, None);
        Call {
            program,
            line: Some(line),
            inherit: false,
            flags: 0,
            environment: null(),
            directory,
            list: null_mut(),
        }
    }

    fn make(&self) -> Result<PROCESS_INFORMATION, u32> {
        let string = |text: Option<&str>| text.map(wide);
        let (program, mut line, directory) =
            (string(self.program), string(self.line), string(self.directory));
        let pointer = |text: &Option<Vec<u16>>| text.as_ref().map_or(null(), |text| text.as_ptr());
        let startup = STARTUPINFOEXW {
            StartupInfo: STARTUPINFOW { cb: size_of::<STARTUPINFOEXW>() as u32, ..Default::default() },
            lpAttributeList: self.list,
        };
        let mut information = PROCESS_INFORMATION::default();
        let (made, error) = call!(CreateProcessW(
            pointer(&program),
            line.as_mut().map_or(null_mut(), |line| line.as_mut_ptr()),
            null(),
            null(),
            self.inherit.into(),
            self.flags,
            self.environment,
            pointer(&directory),
            (&raw const startup).cast(),
            &mut information,
        ));
        if made != 0 { Ok(information) } else { Err(error) }
    }

    /// Makes the process and waits for its exit code.
    fn run(&self) -> u32 {
        exit_code(self.make().unwrap())
    }
}

fn exit_code(made: PROCESS_INFORMATION) -> u32 {
    let mut code = 0;
    assert_eq!(run!(WaitForSingleObject(made.hProcess, INFINITE)), WAIT_OBJECT_0);
    succeed!(GetExitCodeProcess(made.hProcess, &mut code));
    assert_eq!(run!(GetProcessId(made.hProcess)), made.dwProcessId);
    assert_eq!(run!(GetThreadId(made.hThread)), made.dwThreadId);
    succeed!(CloseHandle(made.hProcess));
    succeed!(CloseHandle(made.hThread));
    code
}

/// A shell command line whose exit code is 0 exactly if a test holds.
fn test(condition: &str) -> String {
    format!(r#"sh -c "test {condition}""#)
}

#[test]
fn the_command_line_is_taken_apart() {
    let _world = world();
    assert_eq!(Call::line(r#"sh -c "exit 7""#).run(), 7);
    let line = r#"sh -c "test \"$1|$2|$#\" = \"a b|c\\\"|2\"" zero "a b" c\""#;
    assert_eq!(Call::line(line).run(), 0);
    // The application's name is no part of it.
    let call = Call { program: Some("/bin/sh"), ..Call::line(r#"zero -c "test $0 = zero && exit 3""#) };
    assert_eq!(call.run(), 3);
    let call = Call { program: Some("/bin/true"), line: None, ..Call::line("") };
    assert_eq!(call.run(), 0);
}

#[test]
fn the_ansi_form_takes_utf8() {
    let _world = world();
    let mut line = ansi(r#"sh -c "test $1 = grün && test $NAME = größe" zero grün"#);
    let environment = b"NAME=gr\xC3\xB6\xC3\x9Fe\0PATH=/bin:/usr/bin\0\0";
    let startup = STARTUPINFOA { cb: size_of::<STARTUPINFOA>() as u32, ..Default::default() };
    let mut information = PROCESS_INFORMATION::default();
    succeed!(CreateProcessA(
        null(),
        line.as_mut_ptr(),
        null(),
        null(),
        0,
        0,
        environment.as_ptr().cast(),
        null(),
        &startup,
        &mut information,
    ));
    assert_eq!(exit_code(information), 0);
}

#[test]
fn the_environment_is_what_was_given() {
    let _world = world();
    let block: Vec<u16> = "A=1\0B=2=3\0\0".encode_utf16().collect();
    let line = test("$A$B = 12=3 -a x$HOME = x");
    let call =
        Call { environment: block.as_ptr().cast(), flags: CREATE_UNICODE_ENVIRONMENT, ..Call::line(&line) };
    assert_eq!(call.run(), 0);
    // Which namespace is its parent's a child learns all the same.
    let namespace = std::env::var("WINIPC_NAMESPACE").unwrap();
    let line = test(&format!("$WINIPC_NAMESPACE = {namespace}"));
    assert_eq!(Call { line: Some(&line), ..call }.run(), 0);
    assert_eq!(Call::line(&test("x$PATH != x")).run(), 0);
}

/// Half of a surrogate pair came to the child as another character.
#[test]
fn text_that_is_none_is_refused() {
    let _world = world();
    let block = [u16::from(b'A'), u16::from(b'='), 0xD800, 0, 0];
    let call = Call {
        environment: block.as_ptr().cast(),
        flags: CREATE_UNICODE_ENVIRONMENT,
        ..Call::line("/bin/true")
    };
    assert_eq!(call.make().map(|made| made.dwProcessId), Err(ERROR_INVALID_PARAMETER));
}

#[test]
fn the_directory_is_what_was_given() {
    let _world = world();
    assert_eq!(Call { directory: Some("/usr"), ..Call::line(&test("$PWD = /usr")) }.run(), 0);
    let call = Call { directory: Some("/nowhere"), ..Call::line("true") };
    assert_eq!(call.make().map(|_| ()), Err(ERROR_DIRECTORY));
    // A relative path of a program begins where the caller is.
    let own = std::env::current_dir().unwrap();
    let up: String = own.components().skip(1).map(|_| "../").collect();
    let program = format!("{up}bin/true");
    assert_eq!(Call { program: Some(&program), directory: Some("/usr"), ..Call::line("true") }.run(), 0);
}

#[test]
fn groups_and_sessions() {
    let _world = world();
    let leader = |fields: &str| test(&format!("$$ = $(cut -d ' ' -f {fields} /proc/$$/stat)"));
    for (flags, field) in [
        (CREATE_NEW_PROCESS_GROUP, "5"),
        (CREATE_NEW_CONSOLE, "6"),
        (DETACHED_PROCESS, "6"),
        (CREATE_NO_WINDOW, "6"),
    ] {
        assert_eq!(Call { flags, ..Call::line(&leader(field)) }.run(), 0, "{flags:#x}");
        assert_ne!(Call::line(&leader(field)).run(), 0);
    }
}

#[test]
fn what_is_refused() {
    let _world = world();
    for (call, error) in [
        (Call { line: None, ..Call::line("") }, ERROR_INVALID_PARAMETER),
        (Call::line("no-such-program"), ERROR_FILE_NOT_FOUND),
        (Call::line(""), ERROR_FILE_NOT_FOUND),
        (Call { program: Some("true"), ..Call::line("true") }, ERROR_FILE_NOT_FOUND),
        (Call { program: Some("/nowhere/true"), ..Call::line("true") }, ERROR_PATH_NOT_FOUND),
        (Call { program: Some("/etc/passwd"), ..Call::line("true") }, ERROR_BAD_EXE_FORMAT),
        (Call { program: Some("/usr"), ..Call::line("true") }, ERROR_ACCESS_DENIED),
        (
            Call { flags: CREATE_NEW_CONSOLE | DETACHED_PROCESS, ..Call::line("true") },
            ERROR_INVALID_PARAMETER,
        ),
        (Call { flags: 0x0100_0000 << 1 | 0x0010_0000, ..Call::line("true") }, ERROR_INVALID_PARAMETER),
        (Call { flags: DEBUG_PROCESS, ..Call::line("true") }, ERROR_NOT_SUPPORTED),
    ] {
        assert_eq!(
            call.make().map(|_| ()),
            Err(error),
            "{:?} {:?} {:#x}",
            call.program,
            call.line,
            call.flags
        );
    }
    let call = Call { flags: HIGH_PRIORITY_CLASS | CREATE_DEFAULT_ERROR_MODE, ..Call::line("true") };
    assert_eq!(call.run(), 0);
    let (startup, mut information) = (STARTUPINFOW::default(), PROCESS_INFORMATION::default());
    let (mut line, none) = (wide("true"), null_mut::<u16>());
    let made = call!(CreateProcessW(
        null(),
        line.as_mut_ptr(),
        null(),
        null(),
        0,
        0,
        null(),
        none,
        null(),
        &mut information
    ));
    assert_eq!(made, (0, ERROR_NOACCESS));
    let made = call!(CreateProcessW(
        null(),
        line.as_mut_ptr(),
        null(),
        null(),
        0,
        0,
        null(),
        none,
        &startup,
        null_mut()
    ));
    assert_eq!(made, (0, ERROR_NOACCESS));
}

#[test]
fn lists_of_handles() {
    let _world = alone();
    let mut size = 0;
    let asked = call!(InitializeProcThreadAttributeList(null_mut(), 1, 0, &mut size));
    assert_eq!(asked, (0, ERROR_INSUFFICIENT_BUFFER));
    let mut memory = vec![0u64; size.div_ceil(8)];
    let list: LPPROC_THREAD_ATTRIBUTE_LIST = memory.as_mut_ptr().cast();
    let update = |attribute: u32, handles: &[HANDLE]| {
        let size = size_of_val(handles);
        call!(UpdateProcThreadAttribute(
            list,
            0,
            attribute as usize,
            handles.as_ptr().cast(),
            size,
            null_mut(),
            null()
        ))
    };
    let event = succeed!(CreateEventW(null(), 1, 0, null()));
    let handles = [event];
    assert_eq!(update(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &handles), (0, ERROR_INVALID_PARAMETER));
    succeed!(InitializeProcThreadAttributeList(list, 1, 0, &mut size));
    assert_eq!(update(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &[]), (0, ERROR_BAD_LENGTH));
    assert_eq!(update(0x2_0000, &handles), (0, ERROR_NOT_SUPPORTED));
    assert_eq!(update(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &handles), (1, UNTOUCHED));
    assert_eq!(update(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &handles), (0, ERROR_INVALID_PARAMETER));
    let call = Call { flags: EXTENDED_STARTUPINFO_PRESENT, list, ..Call::line("true") };
    assert_eq!(call.make().map(|_| ()), Err(ERROR_INVALID_PARAMETER), "without inheritance");
    let call = Call { inherit: true, ..call };
    assert_eq!(call.make().map(|_| ()), Err(ERROR_INVALID_PARAMETER), "not inheritable");
    succeed!(winipc_win32::SetHandleInformation(event, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    assert_eq!(call.run(), 0);
    run!(DeleteProcThreadAttributeList(list));
    assert_eq!(call.make().map(|_| ()), Err(ERROR_INVALID_PARAMETER), "no list");
    succeed!(CloseHandle(event));
}
