//! Events.

use crate::named::{named_object, named_options};
use crate::sys::EVENT_ALL_ACCESS;
use crate::sys::call::{Named, event};
use crate::{AsHandle, Disposition, OwnedHandle, Result};

/// Something that is set or not, and that any thread of any process can wait for ([`Waitable`](crate::Waitable)).
///
/// A *manual-reset* event lets every wait through while it is set, until it is [`reset`](Event::reset). An
/// *auto-reset* event lets one wait through each time it is set, and is reset by that. Setting an event that is set
/// changes nothing: sets are not counted.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use winipc::{EventOptions, Waitable};
///
/// let name = format!("winipc-doc-event-{}", std::process::id());
/// let ready = EventOptions::new().name(&name).create()?;
/// // This could as well be another process.
/// let other = thread::spawn(move || EventOptions::new().name(&name).open()?.set());
/// assert!(ready.wait(None)?.is_signaled());
/// other.join().unwrap()?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Event {
    handle: OwnedHandle,
    disposition: Disposition,
}

named_object!(Event);

impl Event {
    /// A new manual-reset event without a name, not set.
    ///
    /// # Errors
    ///
    /// As [`EventOptions::create`].
    pub fn manual_reset() -> Result<Event> {
        EventOptions::new().manual_reset(true).create()
    }

    /// A new auto-reset event without a name, not set.
    ///
    /// # Errors
    ///
    /// As [`EventOptions::create`].
    pub fn auto_reset() -> Result<Event> {
        EventOptions::new().create()
    }

    /// Sets the event (`SetEvent`): a manual-reset event releases everybody who waits, an auto-reset event at
    /// most one.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `EVENT_MODIFY_STATE`.
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to an event.
    pub fn set(&self) -> Result<()> {
        event::set(self.handle.as_handle())
    }

    /// Resets the event (`ResetEvent`).
    ///
    /// # Errors
    ///
    /// As [`set`](Event::set).
    pub fn reset(&self) -> Result<()> {
        event::reset(self.handle.as_handle())
    }

    /// Releases those who wait at this moment, everybody or at most one as [`set`](Event::set) would, and leaves
    /// the event reset (`PulseEvent`).
    ///
    /// On Windows a thread that is briefly out of its wait misses it; Microsoft advises against its use.
    ///
    /// # Errors
    ///
    /// As [`set`](Event::set).
    pub fn pulse(&self) -> Result<()> {
        event::pulse(self.handle.as_handle())
    }
}

/// How to create or open an [`Event`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{EventOptions, Waitable};
///
/// let event = EventOptions::new().manual_reset(true).initially_set(true).create()?;
/// assert!(event.wait(Some(Duration::ZERO))?.is_signaled());
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventOptions {
    named: Named,
    manual_reset: bool,
    initially_set: bool,
}

impl EventOptions {
    /// An auto-reset event without a name, not set, with full access, not inherited.
    pub fn new() -> EventOptions {
        EventOptions { named: Named::new(EVENT_ALL_ACCESS), manual_reset: false, initially_set: false }
    }

    /// Whether the event stays set until it is reset; otherwise it is reset by the wait that it lets through.
    pub fn manual_reset(&mut self, manual_reset: bool) -> &mut Self {
        self.manual_reset = manual_reset;
        self
    }

    /// Whether the event is set from the start.
    pub fn initially_set(&mut self, initially_set: bool) -> &mut Self {
        self.initially_set = initially_set;
        self
    }

    /// Creates the event, or opens the one with this name (`CreateEventExW`);
    /// [`Event::disposition`] tells which.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: the name belongs to an object of another kind.
    /// - `ERROR_ACCESS_DENIED`: the existing event does not grant the access.
    /// - `ERROR_PATH_NOT_FOUND`: the name has a backslash after the prefix, or an unknown prefix.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn create(&self) -> Result<Event> {
        let (handle, disposition) = event::create(&self.named, self.manual_reset, self.initially_set)?;
        Ok(Event { handle, disposition })
    }
}

named_options!(EventOptions opens Event by event, "OpenEventW", with "EVENT_*");

impl Default for EventOptions {
    fn default() -> EventOptions {
        EventOptions::new()
    }
}
