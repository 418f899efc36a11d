//! Processes that CreateProcess makes: this binary again, which runs a script or looks at its arguments, or anything
//! else.

use super::child::{ARGUMENTS, SCRIPT};
use super::*;
use std::ffi::c_void;

/// A call of CreateProcessW, with what most tests leave alone.
pub(crate) struct Creation<'a> {
    pub(crate) application: Option<&'a str>,
    pub(crate) line: Option<String>,
    pub(crate) inherit: bool,
    pub(crate) flags: u32,
    pub(crate) environment: *const c_void,
    pub(crate) directory: Option<&'a str>,
    /// The handles to which inheritance is restricted.
    pub(crate) list: Option<&'a [HANDLE]>,
    pub(crate) process_attributes: Option<&'a SECURITY_ATTRIBUTES>,
    pub(crate) standard: Option<[HANDLE; 3]>,
}

/// A process that was made, with its first thread.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) process: Handle,
    pub(crate) thread: Handle,
    pub(crate) id: u32,
    pub(crate) thread_id: u32,
}

/// The path of this binary, quoted.
pub(crate) fn program() -> String {
    format!("\"{}\"", std::env::current_exe().expect("path of the test binary").display())
}

impl Default for Creation<'_> {
    fn default() -> Self {
        Creation {
            application: None,
            line: None,
            inherit: false,
            flags: 0,
            environment: null(),
            directory: None,
            list: None,
            process_attributes: None,
            standard: None,
        }
    }
}

/// The command of a child that stays until it is terminated, or this process ends.
pub(crate) fn stay() -> String {
    format!("stay {}", std::process::id())
}

impl Creation<'_> {
    /// A child that runs commands and ends with what the last one returns.
    pub(crate) fn script(commands: &str) -> Self {
        Creation { line: Some(format!("{} {SCRIPT} {commands}", program())), ..Creation::default() }
    }

    /// A child that ends with 1 if these are its arguments, the program's name aside.
    pub(crate) fn arguments(line: &str, expected: &[&str]) -> Self {
        let expected: String =
            expected.iter().flat_map(|text| text.bytes()).map(|b| format!("{b:02x}")).collect();
        Creation {
            line: Some(format!("{} {ARGUMENTS} x{expected} {line}", program())),
            ..Creation::default()
        }
    }

    /// One that inherits every inheritable handle.
    pub(crate) fn inheriting(self) -> Self {
        Creation { inherit: true, ..self }
    }

    /// The call. The error where it fails.
    pub(crate) fn try_make(&self) -> Result<Made, u32> {
        let application = self.application.map(Name::new);
        let mut line: Option<Vec<u16>> =
            self.line.as_ref().map(|line| line.encode_utf16().chain([0]).collect());
        let directory = self.directory.map(Name::new);
        let pointer = |name: &Option<Name>| name.as_ref().map_or(null(), |name| name.ptr());
        let mut startup = STARTUPINFOEXW::default();
        startup.StartupInfo.cb = size_of::<STARTUPINFOW>() as u32;
        if let Some([input, output, error]) = self.standard {
            startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
            startup.StartupInfo.hStdInput = input;
            startup.StartupInfo.hStdOutput = output;
            startup.StartupInfo.hStdError = error;
        }
        let mut flags = self.flags;
        let mut memory = Vec::<u64>::new();
        if let Some(handles) = self.list {
            let mut size = 0;
            call!(InitializeProcThreadAttributeList(null_mut(), 1, 0, &mut size));
            memory.resize(size.div_ceil(8), 0);
            let list = memory.as_mut_ptr().cast();
            ok!(InitializeProcThreadAttributeList(list, 1, 0, &mut size));
            ok!(UpdateProcThreadAttribute(
                list,
                0,
                PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
                handles.as_ptr().cast(),
                size_of_val(handles),
                null_mut(),
                null()
            ));
            startup.StartupInfo.cb = size_of::<STARTUPINFOEXW>() as u32;
            startup.lpAttributeList = list;
            flags |= EXTENDED_STARTUPINFO_PRESENT;
        }
        let mut information = PROCESS_INFORMATION::default();
        let (value, error) = call!(CreateProcessW(
            pointer(&application),
            line.as_mut().map_or(null_mut(), |line| line.as_mut_ptr()),
            self.process_attributes.map_or(null(), |attributes| attributes),
            null(),
            self.inherit.into(),
            flags,
            self.environment,
            pointer(&directory),
            (&raw const startup).cast(),
            &mut information
        ));
        if self.list.is_some() {
            call!(DeleteProcThreadAttributeList(memory.as_mut_ptr().cast()));
        }
        if value == FALSE {
            return Err(error);
        }
        Ok(Made {
            process: Handle::own(information.hProcess),
            thread: Handle::own(information.hThread),
            id: information.dwProcessId,
            thread_id: information.dwThreadId,
        })
    }

    /// The call, which must succeed.
    pub(crate) fn make(&self) -> Made {
        self.try_make().unwrap_or_else(|error| panic!("CreateProcessW of {:?} fails {error}", self.line))
    }

    /// The call, and the exit code of the process.
    pub(crate) fn run(&self) -> u32 {
        self.make().end()
    }
}

impl Made {
    /// Waits for the end of the process and gives its exit code.
    pub(crate) fn end(&self) -> u32 {
        assert_eq!(wait(&self.process, SOON), WAIT_OBJECT_0);
        self.exit_code()
    }

    pub(crate) fn exit_code(&self) -> u32 {
        let mut code = 0;
        ok!(GetExitCodeProcess(self.process.raw(), &mut code));
        code
    }
}

/// What makes a handle inheritable.
pub(crate) fn inheritable() -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        bInheritHandle: TRUE,
        ..Default::default()
    }
}

/// An event that children inherit, manual and not set.
pub(crate) fn inheritable_event() -> Handle {
    Handle::own(ok!(CreateEventW(&inheritable(), TRUE, FALSE, null())))
}

/// The number of a handle, for a script.
pub(crate) fn number(handle: &Handle) -> i64 {
    handle.raw() as isize as i64
}
