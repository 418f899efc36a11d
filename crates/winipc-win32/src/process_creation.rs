//! Making processes.

use core::ffi::c_void;
use std::ffi::OsString;
use std::path::PathBuf;

use windows_sys::Win32::Foundation::{
    ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED, HANDLE,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::*;
use windows_sys::core::{BOOL, PCSTR, PCWSTR, PSTR, PWSTR};
use winipc_executive::process::{self, Console, Creation, Inherited};

use crate::argument::{handle, inherit, present, raw};
use crate::attribute_list;
use crate::command_line;
use crate::error::{Error, Result, boolean};
use crate::strings::{Converted, wide};

/// What has no meaning here, or changes nothing.
const IGNORED: u32 = ABOVE_NORMAL_PRIORITY_CLASS
    | BELOW_NORMAL_PRIORITY_CLASS
    | HIGH_PRIORITY_CLASS
    | IDLE_PRIORITY_CLASS
    | NORMAL_PRIORITY_CLASS
    | REALTIME_PRIORITY_CLASS
    | CREATE_BREAKAWAY_FROM_JOB
    | CREATE_DEFAULT_ERROR_MODE
    | CREATE_PRESERVE_CODE_AUTHZ_LEVEL
    | CREATE_SEPARATE_WOW_VDM
    | CREATE_SHARED_WOW_VDM;
/// What has.
const KNOWN: u32 = CREATE_SUSPENDED
    | CREATE_NEW_CONSOLE
    | CREATE_NEW_PROCESS_GROUP
    | CREATE_NO_WINDOW
    | CREATE_UNICODE_ENVIRONMENT
    | DETACHED_PROCESS
    | EXTENDED_STARTUPINFO_PRESENT;
/// What Windows has a meaning for and Linux has not.
const UNSUPPORTED: u32 = DEBUG_PROCESS
    | DEBUG_ONLY_THIS_PROCESS
    | INHERIT_PARENT_AFFINITY
    | INHERIT_CALLER_PRIORITY
    | CREATE_PROTECTED_PROCESS
    | CREATE_SECURE_PROCESS
    | PROFILE_USER
    | PROFILE_KERNEL
    | PROFILE_SERVER
    | CREATE_IGNORE_SYSTEM_DEFAULT
    | CREATE_FORCEDOS;

/// Makes a process that runs a program: any program of this system.
///
/// `application_name` is the program's path, which is taken as it is. Where it is NULL the first word of `command_line`
/// names the program: with a slash it is a path, else it is looked for in the directories of `PATH`. Paths are those of
/// Linux, and nothing is appended to them. `command_line` is taken apart into the program's arguments as a Windows
/// program would; where it is NULL the program's path is the only one.
///
/// `environment` is a block of `NAME=VALUE` strings, each with its zero and another one at the end, in UTF-16 with
/// `CREATE_UNICODE_ENVIRONMENT` (0x400) and in UTF-8 without; NULL for the caller's. A child finds its parent's
/// namespace also where the block does not name it. `current_directory` NULL is the caller's.
///
/// With `inherit_handles` the child has every inheritable handle of the caller's under the same value, or those of them
/// that `PROC_THREAD_ATTRIBUTE_HANDLE_LIST` lists.
///
/// With `STARTF_USESTDHANDLES` (0x100) in `startup` the child's standard handles are those that it names, unchecked.
/// Where one is a handle to a file or an end of an anonymous pipe and inherited, it is descriptor 0, 1 or 2 of the
/// child, so that any program reads and writes it; any other leads nowhere (`/dev/null`) as a descriptor. Without the
/// flag the child has the caller's.
///
/// Of `flags`, `CREATE_SUSPENDED` (4) has the child wait for [`ResumeThread`](crate::ResumeThread) before it runs;
/// `CREATE_NEW_PROCESS_GROUP` (0x200) makes it the leader of a process group; with `CREATE_NEW_CONSOLE` (0x10),
/// `DETACHED_PROCESS` (8) and `CREATE_NO_WINDOW` (0x8000000) it leads a session and has no terminal. Priority classes,
/// `CREATE_DEFAULT_ERROR_MODE`, `CREATE_BREAKAWAY_FROM_JOB` and the flags of 16-bit programs change nothing.
///
/// `information` gets handles with all rights to the process and its first thread, which the caller closes, and their
/// ids, which are the same.
///
/// # Errors
/// - `ERROR_FILE_NOT_FOUND` (2), `ERROR_PATH_NOT_FOUND` (3): there is no such program, or not its directory.
/// - `ERROR_ACCESS_DENIED` (5): the program is a directory, or may not be run by the caller.
/// - `ERROR_INVALID_PARAMETER` (87): both names are NULL; a handle of the list is not inheritable, or there is a list
///   without `inherit_handles`; `DETACHED_PROCESS` and `CREATE_NEW_CONSOLE` together; an undefined flag.
/// - `ERROR_BAD_EXE_FORMAT` (193): the file is no program. A script begins with `#!`.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the strings are too long together.
/// - `ERROR_DIRECTORY` (267): the child cannot be in `current_directory`.
/// - `ERROR_NOT_SUPPORTED` (50): a flag that has no meaning here (`DEBUG_PROCESS`, ...).
/// - `ERROR_NOACCESS` (998): `startup` or `information` is NULL.
/// - `ERROR_NO_SYSTEM_RESOURCES` (1450): there can be no more processes, handles or descriptors.
///
/// # References
/// - `docs/conformance.md`, 1.6, 13.3
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateProcessW(
    application_name: PCWSTR,
    command_line: PWSTR,
    process_attributes: *const SECURITY_ATTRIBUTES,
    thread_attributes: *const SECURITY_ATTRIBUTES,
    inherit_handles: BOOL,
    flags: PROCESS_CREATION_FLAGS,
    environment: *const c_void,
    current_directory: PCWSTR,
    startup: *const STARTUPINFOW,
    information: *mut PROCESS_INFORMATION,
) -> BOOL {
    // SAFETY: as the caller promises for each of them.
    boolean(unsafe {
        create(&Arguments {
            application_name,
            command_line,
            inherit: [inherit(process_attributes), inherit(thread_attributes)],
            inherit_handles: inherit_handles != 0,
            flags,
            environment,
            current_directory,
            startup: startup.cast(),
            information,
        })
    })
}

/// [`CreateProcessW`] with strings in UTF-8.
///
/// # Errors
/// Those of [`CreateProcessW`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateProcessA(
    application_name: PCSTR,
    command_line: PSTR,
    process_attributes: *const SECURITY_ATTRIBUTES,
    thread_attributes: *const SECURITY_ATTRIBUTES,
    inherit_handles: BOOL,
    flags: PROCESS_CREATION_FLAGS,
    environment: *const c_void,
    current_directory: PCSTR,
    startup: *const STARTUPINFOA,
    information: *mut PROCESS_INFORMATION,
) -> BOOL {
    let create = || -> Result<()> {
        // SAFETY: the strings are NULL or end in a zero.
        let [application_name, command_line, current_directory] = unsafe {
            [
                Converted::path(application_name)?,
                Converted::path(command_line)?,
                Converted::path(current_directory)?,
            ]
        };
        // SAFETY: as the caller promises for each of them. The two structures have one layout.
        unsafe {
            create(&Arguments {
                application_name: application_name.as_ptr(),
                command_line: command_line.as_ptr(),
                inherit: [inherit(process_attributes), inherit(thread_attributes)],
                inherit_handles: inherit_handles != 0,
                flags,
                environment,
                current_directory: current_directory.as_ptr(),
                startup: startup.cast(),
                information,
            })
        }
    };
    boolean(create())
}

/// What both forms pass on.
struct Arguments {
    application_name: PCWSTR,
    command_line: PCWSTR,
    inherit: [bool; 2],
    inherit_handles: bool,
    flags: u32,
    environment: *const c_void,
    current_directory: PCWSTR,
    startup: *const STARTUPINFOEXW,
    information: *mut PROCESS_INFORMATION,
}

const _: () = assert!(size_of::<STARTUPINFOA>() == size_of::<STARTUPINFOW>());

/// # Safety
/// The pointers are as [`CreateProcessW`] takes them.
unsafe fn create(arguments: &Arguments) -> Result<()> {
    present(arguments.startup)?;
    present(arguments.information)?;
    check_flags(arguments.flags)?;
    // SAFETY: strings that are NULL or end in a zero.
    let (name, line, directory) = unsafe {
        (wide(arguments.application_name)?, wide(arguments.command_line)?, wide(arguments.current_directory)?)
    };
    let words = match (name, line) {
        (None, None) => return Err(Error(ERROR_INVALID_PARAMETER)),
        (_, Some(line)) => command_line::split(&text(line)?),
        (Some(name), None) => vec![text(name)?.into()],
    };
    let program = match name {
        Some(name) => PathBuf::from(text(name)?),
        None => process::find_program(&words[0]).ok_or(Error(ERROR_FILE_NOT_FOUND))?,
    };
    // SAFETY: NULL or a block that ends in an empty string.
    let environment = unsafe { environment(arguments)? };
    let directory = directory.map(text).transpose()?.map(PathBuf::from);
    // SAFETY: a structure as large as it says; where the flag says so, with a list after it.
    let listed = unsafe { listed(arguments)? };
    let inherited = match &listed {
        _ if !arguments.inherit_handles => Inherited::Nothing,
        Some(handles) => Inherited::Only(handles),
        None => Inherited::All,
    };
    let has = |flag| arguments.flags & flag != 0;
    let created = process::create(&Creation {
        program: &program,
        arguments: &words,
        environment: environment.as_deref(),
        directory: directory.as_deref(),
        inherited,
        // SAFETY: a structure, not NULL.
        standard: unsafe { standard(arguments.startup.cast()) },
        is_suspended: has(CREATE_SUSPENDED),
        leads_group: has(CREATE_NEW_PROCESS_GROUP),
        console: if has(CREATE_NEW_CONSOLE | DETACHED_PROCESS | CREATE_NO_WINDOW) {
            Console::Other
        } else {
            Console::Same
        },
        inherit_handles: arguments.inherit,
    })?;
    let information = PROCESS_INFORMATION {
        hProcess: raw(created.process),
        hThread: raw(created.thread),
        dwProcessId: created.id,
        dwThreadId: created.id,
    };
    // SAFETY: not NULL, so writable.
    unsafe { arguments.information.write_unaligned(information) };
    Ok(())
}

/// The standard handles that the structure names, if it does.
///
/// # Safety
/// `startup` points to a structure.
unsafe fn standard(startup: *const STARTUPINFOW) -> Option<[winipc_executive::Handle; 3]> {
    // SAFETY: as the caller promises; Windows asks for no alignment.
    let startup = unsafe { startup.read_unaligned() };
    let handles = [startup.hStdInput, startup.hStdOutput, startup.hStdError];
    (startup.dwFlags & STARTF_USESTDHANDLES != 0).then(|| handles.map(handle))
}

fn check_flags(flags: u32) -> Result<()> {
    if flags & (DETACHED_PROCESS | CREATE_NEW_CONSOLE) == DETACHED_PROCESS | CREATE_NEW_CONSOLE
        || flags & !(KNOWN | IGNORED | UNSUPPORTED) != 0
    {
        return Err(Error(ERROR_INVALID_PARAMETER));
    }
    if flags & UNSUPPORTED != 0 { Err(Error(ERROR_NOT_SUPPORTED)) } else { Ok(()) }
}

/// What a child is given as text: half of a surrogate pair would come to it as something else.
fn text(units: &[u16]) -> Result<String> {
    String::from_utf16(units).map_err(|_| Error(ERROR_INVALID_PARAMETER))
}

/// The strings of the environment block.
///
/// # Safety
/// The block is NULL, or consists of strings that each end in a zero, the last of which is empty.
unsafe fn environment(arguments: &Arguments) -> Result<Option<Vec<OsString>>> {
    if arguments.environment.is_null() {
        return Ok(None);
    }
    let mut strings = Vec::new();
    if arguments.flags & CREATE_UNICODE_ENVIRONMENT != 0 {
        let mut next: *const u16 = arguments.environment.cast();
        // SAFETY: the next string of the block, which ends in a zero.
        while let Some(units) = unsafe { wide(next)? }.filter(|units| !units.is_empty()) {
            strings.push(text(units)?.into());
            // SAFETY: after the string there is another, of at least its zero.
            next = unsafe { next.add(units.len() + 1) };
        }
    } else {
        let mut next: *const core::ffi::c_char = arguments.environment.cast();
        loop {
            // SAFETY: as above.
            let text = unsafe { core::ffi::CStr::from_ptr(next) };
            if text.is_empty() {
                break;
            }
            strings.push(text.to_string_lossy().into_owned().into());
            // SAFETY: as above.
            next = unsafe { next.add(text.count_bytes() + 1) };
        }
    }
    Ok(Some(strings))
}

/// The handles that the list of attributes names, if there is one that does.
///
/// # Safety
/// As for [`create`].
unsafe fn listed(arguments: &Arguments) -> Result<Option<Vec<winipc_executive::Handle>>> {
    if arguments.flags & EXTENDED_STARTUPINFO_PRESENT == 0 {
        return Ok(None);
    }
    // SAFETY: with the flag the structure has the pointer after it.
    let list = unsafe { (&raw const (*arguments.startup).lpAttributeList).read_unaligned() };
    if list.is_null() {
        return Ok(None);
    }
    // SAFETY: a list that `InitializeProcThreadAttributeList` has made.
    let Some(handles) = (unsafe { attribute_list::handles(list)? }) else { return Ok(None) };
    if !arguments.inherit_handles {
        return Err(Error(ERROR_INVALID_PARAMETER));
    }
    Ok(Some(handles.iter().map(|&raw: &HANDLE| handle(raw)).collect()))
}
