//! Making a process: its record, what it inherits, and the program.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::children::{self, Child};
use super::heritage::{self, Birth};
use super::{claim, claim_free_record, make_object, program, standard};
use crate::access;
use crate::arena::Ref;
use crate::arena::spawn::{Cradle, Program, Refusal, spawn};
use crate::arena::{environment, place};
use crate::context::{self, Current, current};
use crate::file::inheritance::{Bequest, bequeath};
use crate::handle::{self, Handle};
use crate::records::{Kind, Object, Process};
use crate::status::{Result, Status};
use crate::thread;

/// How [`create`] makes a process.
#[derive(Clone, Copy, Debug)]
pub struct Creation<'a> {
    /// Path of the program; [`find_program`](super::find_program) finds one by its name. A relative one begins in the
    /// caller's current directory.
    pub program: &'a Path,
    /// The program's arguments, from the one that names it on.
    pub arguments: &'a [OsString],
    /// The environment, `NAME=VALUE`; `None` for the caller's.
    pub environment: Option<&'a [OsString]>,
    /// The current directory; `None` for the caller's.
    pub directory: Option<&'a Path>,
    /// Which handles it inherits.
    pub inherited: Inherited<'a>,
    /// Its standard input, output and error, whether or not they are handles; `None` for the caller's.
    pub standard: Option<[Handle; 3]>,
    /// Whether its first thread waits until it is [resumed](crate::thread::resume).
    pub is_suspended: bool,
    /// Whether it leads a process group.
    pub leads_group: bool,
    /// Where its terminal is.
    pub console: Console,
    /// Whether children inherit the handle to the process, and the one to its thread.
    pub inherit_handles: [bool; 2],
}

impl<'a> Creation<'a> {
    /// How to run a program that inherits no handle and has all else from the caller.
    pub fn new(program: &'a Path, arguments: &'a [OsString]) -> Self {
        Creation {
            program,
            arguments,
            environment: None,
            directory: None,
            inherited: Inherited::Nothing,
            standard: None,
            is_suspended: false,
            leads_group: false,
            console: Console::Same,
            inherit_handles: [false; 2],
        }
    }
}

/// Which handles a process inherits, under the same numbers.
#[derive(Clone, Copy, Debug)]
pub enum Inherited<'a> {
    /// None.
    Nothing,
    /// All that are inheritable.
    All,
    /// These of them.
    Only(&'a [Handle]),
}

/// Where a process has its terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Console {
    /// Where its parent has it.
    Same,
    /// It has none: it leads a session of its own.
    Other,
}

/// A process that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Created {
    /// A handle to the process, with all rights.
    pub process: Handle,
    /// A handle to its first thread, with all rights.
    pub thread: Handle,
    /// Its id, which is that of its first thread, too.
    pub id: u32,
}

/// Makes a process that runs a program.
///
/// Its handles and its id are there before it has begun. What it inherits is its own from the start, also if it is a
/// program that knows nothing of this library: an object lives on until that ends. The process ends on its own,
/// whatever becomes of its parent.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: there is no such program. [`Status::OBJECT_PATH_NOT_FOUND`]: nor a directory in
/// which it could be. [`Status::INVALID_IMAGE_FORMAT`]: the file is no program. [`Status::NOT_A_DIRECTORY`]: the
/// process cannot be in the directory. [`Status::ACCESS_DENIED`]: the caller may not run the file.
/// [`Status::NAME_TOO_LONG`]: too many or too long arguments. [`Status::INVALID_PARAMETER`]: a handle to inherit is not
/// inheritable; a string contains a zero.
/// [`Status::INSUFFICIENT_RESOURCES`], [`Status::NO_MEMORY`]: there can be no more processes, handles or descriptors.
///
/// # References
/// - `docs/conformance.md`, 1.6, 13.3
pub fn create(creation: &Creation<'_>) -> Result<Created> {
    let current = current()?;
    let mut program = prepare(&current, creation)?;
    let chosen = match creation.inherited {
        Inherited::Nothing => Some(Vec::new()),
        Inherited::All => None,
        Inherited::Only(handles) => Some(handle::inheritable(&current, handles)?),
    };
    current.context.children.prepare(current.context)?;
    let reference = claim_free_record(current.arena(), claim::prepared(current.context.process))?;
    let process = current.arena().get(reference)?;
    let child = Child::of(reference, process);
    let created = make(&current, creation, child, process).and_then(|(created, thread)| {
        let spawned = handle::inherit(&current, process, chosen.as_deref())
            .and_then(|files| bequeath(&current, &files, creation.standard))
            .and_then(|bequest| begin(&current, &mut program, bequest, child, process, thread));
        if spawned.is_err() {
            let _ = handle::close(created.process);
            let _ = handle::close(created.thread);
        }
        Ok(Created { id: spawned?, ..created })
    });
    if created.is_err() {
        let _ = children::give_up(&current, child);
    }
    created
}

/// Makes the objects of the process and of its first thread, with a handle to each.
fn make(
    current: &Current,
    creation: &Creation<'_>,
    child: Child,
    process: &Process,
) -> Result<(Created, Ref<Object>)> {
    let mut lock = current.begin()?;
    let own = make_object(&mut lock, child.record, process)?;
    let thread = thread::prepare_first(&mut lock, process, creation.is_suspended.into())?;
    let mut insert = |object, kind, inherit| {
        handle::insert(&mut lock, current.process(), object, access::all(kind), inherit)
    };
    let created = Created {
        process: insert(own, Kind::Process, creation.inherit_handles[0])?,
        thread: insert(thread, Kind::Thread, creation.inherit_handles[1])?,
        id: 0,
    };
    for (word, handle) in process.standard.iter().zip(creation.standard.into_iter().flatten()) {
        word.set(&mut lock, standard::to_word(handle));
    }
    process.id_namespace.store(current.process().id_namespace.load());
    process.born.store(Birth::Expected(child.generation).word());
    lock.commit()?;
    Ok((created, thread))
}

/// Has the program begin, and its end watched for. Returns its id.
fn begin(
    current: &Current,
    program: &mut Program,
    bequest: Bequest,
    child: Child,
    process: &'static Process,
    thread: Ref<Object>,
) -> Result<u32> {
    let testament = heritage::testament(current.arena(), child.record, process, &bequest.belongings);
    program.environment.push(variable(heritage::VARIABLE, &testament)?);
    program.standard = bequest.standard;
    program.inherited.clone_from(&bequest.inherited);
    let cradle = Cradle {
        born: &process.born,
        expected: Birth::Expected(child.generation).word(),
        note: |id, at_ms| Birth::Made { id, at_ms }.word(),
        is_noted: |word, id| matches!(Birth::from_word(word), Birth::Made { id: noted, .. } if noted == id),
        suspended: &current.arena().get(thread)?.suspended,
        is_forlorn: &|| !context::has_members(current.arena()),
    };
    let path = Path::new(OsStr::from_bytes(program.path.as_bytes()));
    let (id, descriptor) = spawn(program, &cradle).map_err(|refusal| match refusal {
        Refusal::Directory => Status::NOT_A_DIRECTORY,
        Refusal::Program(error) => program::refusal(path, &error),
    })?;
    let mut descriptor = Some(descriptor);
    let watched = children::name(current, child, Some(id))
        .and_then(|()| current.context.children.watch(child, &mut descriptor, || Ok(true)));
    if let Some(descriptor) = descriptor {
        // It was not there for long.
        descriptor.kill();
        descriptor.fetch();
    }
    watched.map(|()| id)
}

/// What the system needs of a creation, with the environment but for the variable that names the record.
fn prepare(current: &Current, creation: &Creation<'_>) -> Result<Program> {
    let program = absolute(creation.program)?;
    let directory = creation.directory.map(|directory| string(directory.as_os_str())).transpose()?;
    let environment = match creation.environment {
        None => std::env::vars_os()
            .filter(|(name, _)| name != heritage::VARIABLE && !environment::is_ignored(name))
            .map(|(name, value)| passed_on(&name, &value))
            .collect::<Result<_>>()?,
        Some(given) => environment_of(current, given)?,
    };
    Ok(Program {
        path: string(program.as_os_str())?,
        arguments: creation.arguments.iter().map(|argument| string(argument)).collect::<Result<_>>()?,
        environment,
        directory,
        leads_group: creation.leads_group,
        leads_session: creation.console == Console::Other,
        is_suspended: creation.is_suspended,
        ..Program::default()
    })
}

/// The environment that the caller gives, in which the child finds its parent's namespace unless it says another.
fn environment_of(current: &Current, given: &[OsString]) -> Result<Vec<CString>> {
    let has = |name: &str| {
        given.iter().any(|entry| {
            entry.as_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        })
    };
    let mut environment = Vec::with_capacity(given.len() + 3);
    for entry in given {
        let mut parts = entry.as_bytes().splitn(2, |&byte| byte == b'=').map(OsStr::from_bytes);
        match (parts.next(), parts.next()) {
            (Some(name), _) if name == heritage::VARIABLE => {}
            (Some(name), Some(value)) => environment.push(passed_on(name, value)?),
            _ => environment.push(string(entry)?),
        }
    }
    for (name, value) in current.context.place.variables() {
        if !has(name) {
            environment.push(variable(name, &value)?);
        }
    }
    Ok(environment)
}

/// An entry of a child's environment. A relative directory of namespaces means what it means to the parent.
fn passed_on(name: &OsStr, value: &OsStr) -> Result<CString> {
    if name == place::DIRECTORY_VARIABLE && !value.is_empty() {
        let path = place::absolute(value.into()).map_err(|_| Status::OBJECT_PATH_NOT_FOUND)?;
        return variable(name, path.as_os_str());
    }
    variable(name, value)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(Status::OBJECT_PATH_NOT_FOUND);
    }
    std::path::absolute(path).map_err(|_| Status::OBJECT_PATH_NOT_FOUND)
}

fn string(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| Status::INVALID_PARAMETER)
}

fn variable(name: impl AsRef<OsStr>, value: &OsStr) -> Result<CString> {
    let mut text = name.as_ref().to_owned();
    text.push("=");
    text.push(value);
    string(&text)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::context::attach_in_memory;

    /// A child that is being made, and a program that sleeps.
    fn child(current: &Current) -> (Child, &'static Process, Ref<Object>, Program) {
        crate::process::identity::note(current.process());
        let arguments = ["sleep", "1000"].map(Into::into);
        let creation = Creation::new(Path::new("/bin/sleep"), &arguments);
        let program = prepare(current, &creation).unwrap();
        let reference = claim_free_record(current.arena(), claim::prepared(current.context.process)).unwrap();
        let process = current.arena().get(reference).unwrap();
        let child = Child::of(reference, process);
        let (_, thread) = make(current, &creation, child, process).unwrap();
        (child, process, thread, program)
    }

    /// Nobody would learn of its end.
    #[test]
    fn a_child_that_cannot_be_watched_is_not_there_for_long() {
        let current = attach_in_memory();
        let (child, process, thread, mut program) = child(&current);
        // There is no thread that watches.
        let begun = begin(&current, &mut program, Bequest::default(), child, process, thread);
        assert_eq!(begun, Err(Status::UNSUCCESSFUL));
        let id = heritage::id_of(process);
        assert_ne!(id, 0);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    /// The parent was late: the child had joined and ended, and its record had been given to the next. That one was
    /// told that its id means nothing here.
    #[test]
    fn a_record_that_is_anothers_by_now_is_left_alone() {
        let current = attach_in_memory();
        let (child, process, thread, mut program) = child(&current);
        process.generation.fetch_add(1);
        process.born.store(Birth::None.word());
        process.claim.store(claim::ATTACHED);
        process.id.store(7);
        let _ = begin(&current, &mut program, Bequest::default(), child, process, thread);
        assert_eq!(process.id_namespace.load(), current.process().id_namespace.load());
        assert_eq!(process.id.load(), 7);
    }
}
