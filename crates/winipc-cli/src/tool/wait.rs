//! `winipc wait`: any or all of several objects, whatever they are.

use clap::builder::NonEmptyStringValueParser;
use winipc::{
    AsHandle, BorrowedHandle, Event, EventOptions, MAXIMUM_WAIT_OBJECTS, Mutex, MutexOptions, Semaphore,
    SemaphoreOptions, WaitResult, Waitable, WaitableTimer, WaitableTimerOptions, Win32Error, wait_all,
    wait_any,
};

use super::patience::Patience;
use super::status::{Status, failed, help};
use crate::error::Result;
use crate::table::print_names;

/// Wait for any or all of several events, mutexes, semaphores and timers
#[derive(clap::Args)]
#[command(after_long_help = help!("\
The names of what satisfied the wait are printed, one a line. The wait changes these: it resets an auto-reset event or \
timer and takes one from a semaphore. A mutex is taken and given back at once.\n\nExamples:\n  \
  case $(winipc wait stop work) in stop) exit ;; work) do_it ;; esac\n  \
  winipc wait --all left right --timeout 5s"))]
pub(crate) struct Arguments {
    /// The objects' names
    #[arg(required = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    names: Vec<String>,
    /// Wait until all are signaled at one instant; otherwise for any, the first of them if there are several
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    patience: Patience,
}

/// An object that has a name and can be waited for.
enum Object {
    Event(Event),
    Mutex(Mutex),
    Semaphore(Semaphore),
    Timer(WaitableTimer),
}

impl Object {
    /// Opens the object, of whatever kind: all kinds share their names.
    fn open(name: &str) -> winipc::Result<Self> {
        let openings: [&dyn Fn() -> winipc::Result<Self>; 4] = [
            &|| EventOptions::new().name(name).open().map(Object::Event),
            &|| MutexOptions::new().name(name).open().map(Object::Mutex),
            &|| SemaphoreOptions::new(0, 1).name(name).open().map(Object::Semaphore),
            &|| WaitableTimerOptions::new().name(name).open().map(Object::Timer),
        ];
        let mut results = openings.iter().map(|open| open());
        let found = results.find(|result| !matches!(result, Err(Win32Error::INVALID_HANDLE)));
        found.unwrap_or(Err(Win32Error::INVALID_HANDLE))
    }

    /// Gives back what a wait took that is not to be kept.
    fn settle(&self) {
        if let Object::Mutex(mutex) = self {
            drop(mutex.adopt());
        }
    }
}

impl AsHandle for Object {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        match self {
            Object::Event(event) => event.as_handle(),
            Object::Mutex(mutex) => mutex.as_handle(),
            Object::Semaphore(semaphore) => semaphore.as_handle(),
            Object::Timer(timer) => timer.as_handle(),
        }
    }
}

impl Waitable for Object {}

/// # Errors
/// An object is not there; the wait fails.
pub(super) fn run(arguments: &Arguments) -> Result<Status> {
    let deadline = arguments.patience.begin();
    let open = |name: &String| deadline.open(&format!("\"{name}\""), || Object::open(name));
    let objects = arguments.names.iter().map(open).collect::<Result<Vec<_>>>()?;
    let waitables: Vec<_> = objects.iter().map(|object| object as &dyn Waitable).collect();
    let wait = if arguments.all { wait_all } else { wait_any };
    let result = wait(&waitables, deadline.left()).map_err(|error| {
        let failure = failed("cannot wait", error);
        match error {
            Win32Error::INVALID_PARAMETER => failure.advice(format!(
                "at most {MAXIMUM_WAIT_OBJECTS} objects can be waited for, and with --all each only once"
            )),
            _ => failure,
        }
    })?;
    let satisfied = match result.index() {
        None => return Ok(Status::TimedOut),
        Some(_) if arguments.all => 0..objects.len(),
        Some(index) => index..index + 1,
    };
    objects[satisfied.clone()].iter().for_each(Object::settle);
    print_names(&arguments.names[satisfied], '\n')?;
    Ok(if matches!(result, WaitResult::Abandoned(_)) { Status::Abandoned } else { Status::Done })
}
