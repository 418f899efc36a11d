//! Starting programs.

mod child;
mod inherited;
mod line;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use child::Child;
pub use inherited::inherited_handle;

use crate::sys::call::handle;
use crate::sys::call::process::{self as call, Creation};
use crate::sys::text::wide;
use crate::sys::{CREATE_NEW_PROCESS_GROUP, CREATE_SUSPENDED};
use crate::{AsHandle, BorrowedHandle, OwnedHandle, Process, Result, Stdio, Win32Error};

/// A program to start, in the manner of [`std::process::Command`], with what that does not have: children that
/// [inherit handles](Command::inherit) to any kind of object, whose pipes can be waited for and peeked into, that start
/// [suspended](Command::suspended), and that are [waitable](Child) together with other objects.
///
/// The program is any program of the system. Its name is looked for as the system does it: on Windows in the
/// directories of this program, the system and `PATH`, on Linux in those of `PATH`; one with a separator is a path.
///
/// A child inherits what it is given here and nothing else, whatever else in this process is inheritable.
///
/// # Examples
///
/// ```
/// use winipc::{Command, Waitable};
///
/// # let cargo = "cargo";
/// let child = Command::new(cargo).arg("--version").spawn()?;
/// assert!(child.wait(None)?.is_signaled());
/// assert_eq!(child.exit_code()?, Some(0));
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Command<'a> {
    program: OsString,
    arguments: Vec<OsString>,
    clears_environment: bool,
    /// What is changed in the environment; `None` takes a variable out.
    variables: BTreeMap<OsString, Option<OsString>>,
    directory: Option<PathBuf>,
    inherited: Vec<(String, BorrowedHandle<'a>)>,
    streams: [Stdio; 3],
    flags: u32,
}

impl<'a> Command<'a> {
    /// The program with this name or path, without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            clears_environment: false,
            variables: BTreeMap::new(),
            directory: None,
            inherited: Vec::new(),
            streams: [Stdio::inherit(), Stdio::inherit(), Stdio::inherit()],
            flags: 0,
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the child's environment, which otherwise is that of this process.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.variables.insert(name.as_ref().to_owned(), Some(value.as_ref().to_owned()));
        self
    }

    /// Takes a variable out of the child's environment.
    pub fn env_remove(&mut self, name: impl AsRef<OsStr>) -> &mut Self {
        self.variables.insert(name.as_ref().to_owned(), None);
        self
    }

    /// Begins with an empty environment. On Linux the child finds the namespace of this process all the same.
    pub fn env_clear(&mut self) -> &mut Self {
        self.clears_environment = true;
        self.variables.clear();
        self
    }

    /// Sets the child's current directory, which otherwise is that of this process.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Has the child inherit a handle, with the same access. It takes it by the name that it is given here, with
    /// [`inherited_handle`].
    ///
    /// The name becomes a variable of the child's environment, whose value is the child's handle in decimal digits, for
    /// programs that are not written in Rust. The object lives for as long as the child keeps the handle: until it
    /// closes it, or ends.
    ///
    /// # Examples
    ///
    /// A program that starts itself, and waits for an event that its child sets.
    ///
    /// ```no_run
    /// use winipc::{Command, Event, OwnedHandle, Waitable, inherited_handle};
    ///
    /// if let Ok(handle) = inherited_handle("READY") {
    ///     Event::from(handle).set()?;
    /// } else {
    ///     let ready = Event::manual_reset()?;
    ///     let program = std::env::current_exe().unwrap();
    ///     let child = Command::new(program).inherit("READY", &ready).spawn()?;
    ///     assert!(ready.wait(None)?.is_signaled());
    ///     assert!(child.wait(None)?.is_signaled());
    /// }
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn inherit(&mut self, name: &str, handle: &'a (impl AsHandle + ?Sized)) -> &mut Self {
        self.inherited.push((name.to_owned(), handle.as_handle()));
        self
    }

    /// Says what the child's standard input is, which otherwise is that of this process.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::{Read, Write};
    /// use winipc::{Command, Stdio, Waitable};
    ///
    /// let mut child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    /// // Dropped, so that the child finds the end of it.
    /// child.stdin.take().unwrap().write_all(b"pear\napple\n")?;
    /// let mut sorted = String::new();
    /// child.stdout.take().unwrap().read_to_string(&mut sorted)?;
    /// assert!(child.wait(None)?.is_signaled());
    /// assert_eq!(sorted, "apple\npear\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.streams[0] = stdin.into();
        self
    }

    /// Says what the child's standard output is, which otherwise is that of this process.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.streams[1] = stdout.into();
        self
    }

    /// Says what the child's standard error is, which otherwise is that of this process.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.streams[2] = stderr.into();
        self
    }

    /// Whether the child waits for [`Child::resume`] before it runs (`CREATE_SUSPENDED`). False unless said otherwise.
    pub fn suspended(&mut self, suspended: bool) -> &mut Self {
        self.flag(CREATE_SUSPENDED, suspended)
    }

    /// Whether the child leads a process group of its own (`CREATE_NEW_PROCESS_GROUP`): interrupts at the terminal do
    /// not reach it. False unless said otherwise.
    pub fn process_group(&mut self, process_group: bool) -> &mut Self {
        self.flag(CREATE_NEW_PROCESS_GROUP, process_group)
    }

    fn flag(&mut self, flag: u32, on: bool) -> &mut Self {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
        self
    }

    /// Starts the program (`CreateProcess`).
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_NOT_FOUND`, `ERROR_PATH_NOT_FOUND`: there is no such program, or not its directory.
    /// - `ERROR_BAD_EXE_FORMAT`, `ERROR_ACCESS_DENIED`: the file is no program, or may not be run.
    /// - `ERROR_DIRECTORY`: there is no such directory for the child to be in.
    /// - `ERROR_INVALID_PARAMETER`: a string contains a NUL, or, on Linux, is not UTF-8; a name of a variable contains
    ///   `=`; the program's name contains a quotation mark.
    /// - `ERROR_NO_SYSTEM_RESOURCES`, `ERROR_NOT_ENOUGH_MEMORY`: there can be no more processes or handles.
    pub fn spawn(&mut self) -> Result<Child> {
        // Others are not to inherit them, so there are handles to inherit for the time of the call.
        let how = handle::Duplicate { access: None, inherit: true };
        let passed: Vec<OwnedHandle> = self
            .inherited
            .iter()
            .map(|(_, handle)| handle::duplicate(*handle, how))
            .collect::<Result<_>>()?;
        let (mut stdin, mut stdout, mut stderr) = (None, None, None);
        let mut streams = [None, None, None];
        let is_redirected = self.streams.iter().any(|stream| !stream.is_inherited());
        if is_redirected {
            (streams[0], stdin) = self.streams[0].input()?;
            (streams[1], stdout) = self.streams[1].output(1)?;
            (streams[2], stderr) = self.streams[2].output(2)?;
        }
        let created = call::create(Creation {
            command_line: line::of(&self.program, &self.arguments)?,
            environment: self.environment(&passed)?,
            directory: self
                .directory
                .as_ref()
                .map(|directory| terminated(directory.as_os_str()))
                .transpose()?,
            flags: self.flags,
            inherited: passed.iter().map(OwnedHandle::borrow).collect(),
            standard: is_redirected
                .then(|| streams.each_ref().map(|stream| stream.as_ref().map(OwnedHandle::borrow))),
        })?;
        let process = Process::from(created.process);
        Ok(Child { process, thread: created.thread, id: created.id, stdin, stdout, stderr })
    }

    /// The block of variables, with the numbers of the handles that the child inherits.
    fn environment(&self, passed: &[OwnedHandle]) -> Result<Option<Vec<u16>>> {
        if !self.clears_environment && self.variables.is_empty() && passed.is_empty() {
            return Ok(None);
        }
        let own = if self.clears_environment { None } else { Some(std::env::vars_os()) };
        let mut variables: BTreeMap<OsString, OsString> = own.into_iter().flatten().collect();
        for (name, value) in &self.variables {
            match value {
                Some(value) => drop(variables.insert(name.clone(), value.clone())),
                None => drop(variables.remove(name)),
            }
        }
        for ((name, _), handle) in self.inherited.iter().zip(passed) {
            variables.insert(name.into(), (handle.as_raw() as isize).to_string().into());
        }
        let mut block = Vec::new();
        for (name, value) in &variables {
            let name = wide(name)?;
            // Windows has names that begin with it.
            if name.iter().skip(1).any(|&unit| unit == u16::from(b'=')) || name.is_empty() {
                return Err(Win32Error::INVALID_PARAMETER);
            }
            block.extend(name);
            block.push(u16::from(b'='));
            block.extend(wide(value)?);
            block.push(0);
        }
        if block.is_empty() {
            block.push(0);
        }
        block.push(0);
        Ok(Some(block))
    }
}

fn terminated(text: &OsStr) -> Result<Vec<u16>> {
    let mut units = wide(text)?;
    units.push(0);
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_environment_can_say_is_refused() {
        let environment = |command: &Command<'_>| command.environment(&[]).err();
        assert_eq!(environment(Command::new("a").env("b=c", "d")), Some(Win32Error::INVALID_PARAMETER));
        assert_eq!(environment(Command::new("a").env("b", "c\0")), Some(Win32Error::INVALID_PARAMETER));
    }

    #[test]
    fn the_environment_is_a_block() {
        let mut command = Command::new("p");
        assert_eq!(command.environment(&[]), Ok(None));
        command.env_clear();
        assert_eq!(command.environment(&[]), Ok(Some(vec![0, 0])));
        command.env("B", "2").env("A", "1").env("C", "3").env_remove("C");
        let block = command.environment(&[]).unwrap().unwrap();
        assert_eq!(String::from_utf16(&block).unwrap(), "A=1\0B=2\0\0");
    }
}
