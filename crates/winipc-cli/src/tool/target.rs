//! What a command uses that is there already, by its name.

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use winipc::{
    Event, EventOptions, Semaphore, SemaphoreOptions, Waitable, WaitableTimer, WaitableTimerOptions,
};

use super::patience::Patience;
use super::status::{Status, failed};
use crate::error::Result;

/// A kind of object that is opened by its name and waited for.
pub(super) trait Named: Waitable + Sized {
    /// As people call it.
    const KIND: &'static str;

    /// # Errors
    /// There is none of this name and kind.
    fn open(name: &str) -> winipc::Result<Self>;
}

impl Named for Event {
    const KIND: &'static str = "event";

    fn open(name: &str) -> winipc::Result<Self> {
        EventOptions::new().name(name).open()
    }
}

impl Named for Semaphore {
    const KIND: &'static str = "semaphore";

    fn open(name: &str) -> winipc::Result<Self> {
        // One that is there has its counts.
        SemaphoreOptions::new(0, 1).name(name).open()
    }
}

impl Named for WaitableTimer {
    const KIND: &'static str = "timer";

    fn open(name: &str) -> winipc::Result<Self> {
        WaitableTimerOptions::new().name(name).open()
    }
}

/// The name of a pipe or mailslot as one types it: what has no backslashes in front is that of one of this machine.
pub(super) fn path_parser(prefix: &'static str) -> impl TypedValueParser<Value = String> {
    NonEmptyStringValueParser::new()
        .map(move |name| if name.starts_with(r"\\") { name } else { format!("{prefix}{name}") })
}

// An object by its name. No comment of documentation, which would be the help of the commands.
#[derive(clap::Args)]
pub(crate) struct Target {
    /// The object's name, with Global\ in front for all sessions
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    patience: Patience,
}

impl Target {
    /// # Errors
    /// It is not there.
    pub(super) fn open<T: Named>(&self) -> Result<T> {
        self.patience.begin().open(&described::<T>(&self.name), || T::open(&self.name))
    }

    /// Opens it and waits for it.
    ///
    /// # Errors
    /// It is not there, or cannot be waited for.
    pub(super) fn wait<T: Named>(&self) -> Result<(T, Status)> {
        let what = described::<T>(&self.name);
        let deadline = self.patience.begin();
        let object = deadline.open(&what, || T::open(&self.name))?;
        let status = deadline.wait(&what, &object)?;
        Ok((object, status))
    }

    /// Makes a call with it, which a phrase like "cannot set" describes.
    ///
    /// # Errors
    /// Those of the call.
    pub(super) fn call<T: Named, R>(
        &self,
        object: &T,
        cannot: &str,
        call: impl Fn(&T) -> winipc::Result<R>,
    ) -> Result<R> {
        call(object).map_err(|error| failed(format_args!("{cannot} {}", described::<T>(&self.name)), error))
    }

    /// Opens it and makes a call with it.
    ///
    /// # Errors
    /// It is not there; those of the call.
    pub(super) fn change<T: Named>(
        &self,
        cannot: &str,
        change: impl Fn(&T) -> winipc::Result<()>,
    ) -> Result<Status> {
        self.call(&self.open::<T>()?, cannot, change)?;
        Ok(Status::Done)
    }
}

pub(super) fn described<T: Named>(name: &str) -> String {
    format!("the {} \"{name}\"", T::KIND)
}
