//! How to create or open a timer.

use super::WaitableTimer;
use crate::Result;
use crate::named::named_options;
use crate::sys::TIMER_ALL_ACCESS;
use crate::sys::call::{Named, timer};

/// How to create or open a [`WaitableTimer`].
///
/// # Examples
///
/// ```
/// use winipc::WaitableTimerOptions;
///
/// let name = format!("winipc-doc-timer-{}", std::process::id());
/// let timer = WaitableTimerOptions::new().name(&name).manual_reset(true).create()?;
/// let same = WaitableTimerOptions::new().name(&name).open()?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WaitableTimerOptions {
    named: Named,
    manual_reset: bool,
    high_resolution: bool,
}

impl WaitableTimerOptions {
    /// An auto-reset timer without a name, with full access, not inherited.
    pub fn new() -> WaitableTimerOptions {
        WaitableTimerOptions {
            named: Named::new(TIMER_ALL_ACCESS),
            manual_reset: false,
            high_resolution: false,
        }
    }

    /// Whether the timer stays signaled until it is set again; otherwise until one wait takes it.
    pub fn manual_reset(&mut self, manual_reset: bool) -> &mut Self {
        self.manual_reset = manual_reset;
        self
    }

    /// Whether the timer is finer than the system's clock tick (`CREATE_WAITABLE_TIMER_HIGH_RESOLUTION`). On Linux
    /// every timer is.
    pub fn high_resolution(&mut self, high_resolution: bool) -> &mut Self {
        self.high_resolution = high_resolution;
        self
    }

    /// Creates the timer, or opens the one with this name (`CreateWaitableTimerExW`);
    /// [`WaitableTimer::disposition`] tells which.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_HANDLE`: the name belongs to an object of another kind.
    /// - `ERROR_ACCESS_DENIED`: the existing timer does not grant the access.
    /// - `ERROR_PATH_NOT_FOUND`: the name has a backslash after the prefix, or an unknown prefix.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn create(&self) -> Result<WaitableTimer> {
        let (handle, disposition) = timer::create(&self.named, self.manual_reset, self.high_resolution)?;
        Ok(WaitableTimer { handle, disposition })
    }
}

named_options!(WaitableTimerOptions opens WaitableTimer by timer, "OpenWaitableTimerW", with "TIMER_*");

impl Default for WaitableTimerOptions {
    fn default() -> WaitableTimerOptions {
        WaitableTimerOptions::new()
    }
}
