//! Holding an object that was created: it is there only while some process has a handle to it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use winipc::{Disposition, OwnedHandle, Win32Error};

use super::status::{Status, THERE_ALREADY, failed};
use super::{child, signal};
use crate::error::{Error, Result};
use crate::table::print;

/// For the help of every `create`.
macro_rules! lifetime {
    ($examples:expr) => {
        $crate::tool::status::help!(concat!(
            "\
An object is there only while some process holds it. So this command holds it: while COMMAND runs, which is best for \
scripts; or until it is ended itself (Ctrl+C, kill), having printed \"created\" or \"opened\"; with --until-eof until \
standard input ends, too; with --background in a process of its own, whose id is printed as soon as the object is \
there.\n\nExamples:\n",
            $examples
        ))
    };
}

pub(super) use lifetime;

#[derive(clap::Args)]
pub(super) struct Holding {
    /// Fail if there is an object of this name already; otherwise that one is held, as it is
    #[arg(long)]
    new: bool,
    /// Hold the object in another process, print the id of that, and return; `kill` it in the end
    #[arg(long, conflicts_with_all = ["until_eof", "command"])]
    background: bool,
    /// Let go also when standard input ends
    #[arg(long, conflicts_with = "command")]
    until_eof: bool,
    /// Hold the object while this runs
    #[arg(last = true)]
    command: Vec<OsString>,
}

impl Holding {
    pub(super) fn has_command(&self) -> bool {
        !self.command.is_empty()
    }

    /// Has `create` make the object called `what`, and holds it.
    ///
    /// # Errors
    /// It cannot be made, or was there and should not; the command cannot be run.
    pub(super) fn hold(
        &self,
        what: &str,
        create: impl FnOnce() -> winipc::Result<(OwnedHandle, Disposition)>,
    ) -> Result<Status> {
        if self.background {
            return hold_in_background();
        }
        let create = || {
            let (object, disposition) = create().map_err(|error| {
                let failure = failed(format_args!("cannot create {what}"), error);
                let is_of_another_kind = error == Win32Error::INVALID_HANDLE;
                if is_of_another_kind { failure.exit_status(THERE_ALREADY) } else { failure }
            })?;
            if self.new && disposition == Disposition::Opened {
                return Err(Error::new(format!("{what} exists already")).exit_status(THERE_ALREADY));
            }
            Ok((object, disposition))
        };
        if self.has_command() {
            let (_object, _) = create()?;
            return child::run(&self.command, &[]);
        }
        let (_object, disposition) = create()?;
        let end = signal::Asked::to_end()?;
        print(match disposition {
            Disposition::Created => "created\n",
            Disposition::Opened => "opened\n",
        })?;
        if self.until_eof {
            let asked = end.clone();
            thread::spawn(move || {
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
                asked.ask();
            });
        }
        end.wait();
        Ok(Status::Done)
    }
}

/// Starts this program again without the option.
fn hold_in_background() -> Result<Status> {
    let failed = |error| Error::because("cannot start the process that holds the object", error);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(std::env::args_os().skip(1).filter(|argument| argument != "--background"));
    detach(&mut command).map_err(failed)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut holder = command.spawn().map_err(failed)?;
    let mut disposition = String::new();
    BufReader::new(holder.stdout.take().expect("its output is piped"))
        .read_line(&mut disposition)
        .map_err(failed)?;
    if !disposition.is_empty() {
        print(format_args!("{}\n", holder.id()))?;
        return Ok(Status::Done);
    }
    let mut complaint = String::new();
    let mut errors = holder.stderr.take().expect("its errors are piped");
    errors.read_to_string(&mut complaint).map_err(failed)?;
    let status = holder.wait().map_err(failed)?;
    let complaint = complaint.trim().trim_start_matches("winipc: ");
    Err(Error::new(complaint).exit_status(status.code().and_then(|code| code.try_into().ok()).unwrap_or(1)))
}

/// Keeps the keys of the terminal from a process, and has nobody who waits for the end of our output wait for it.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "as on Windows")]
fn detach(command: &mut Command) -> std::io::Result<()> {
    std::os::unix::process::CommandExt::process_group(command, 0);
    Ok(())
}

/// Keeps the keys of the terminal from a process, and has nobody who waits for the end of our output wait for it.
#[cfg(windows)]
fn detach(command: &mut Command) -> std::io::Result<()> {
    use std::os::windows::io::AsHandle;
    use winipc::BorrowedHandle;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    const DETACHED_PROCESS: u32 = 0x8;
    std::os::windows::process::CommandExt::creation_flags(
        command,
        CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS,
    );
    // What can be inherited is, whatever else the process gets.
    BorrowedHandle::from(std::io::stdout().as_handle()).set_inheritable(false)?;
    BorrowedHandle::from(std::io::stderr().as_handle()).set_inheritable(false)?;
    Ok(())
}
