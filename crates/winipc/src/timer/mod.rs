//! Waitable timers.

mod options;
mod routine;

use std::time::{Duration, SystemTime};

use crate::named::named_object;
use crate::sys::call::timer;
use crate::timeout::{file_time, hundred_nanoseconds};
use crate::{AsHandle, Disposition, OwnedHandle, Result, Win32Error};

pub use options::WaitableTimerOptions;
pub use routine::TimerRoutine;

/// When a [`WaitableTimer`] is due.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use winipc::{Due, Waitable, WaitableTimer};
///
/// let timer = WaitableTimer::manual_reset()?;
/// for due in [Due::After(Duration::from_millis(1)), Due::At(SystemTime::now() + Duration::from_millis(1))] {
///     timer.set(due, None)?;
///     assert!(timer.wait(None)?.is_signaled());
/// }
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// This long after it is set, rounded up to 100 ns. Changes of the system clock do not matter. Zero is at once.
    After(Duration),
    /// At this time of the system clock, rounded up to 100 ns, also when the clock is changed. A time that has passed
    /// is at once.
    At(SystemTime),
}

/// An object that becomes signaled at a time, and again after each period.
///
/// A *manual-reset* timer stays signaled until it is set again; an *auto-reset* timer (Windows calls it a
/// synchronization timer) until one wait ([`Waitable`](crate::Waitable)) takes it. Periods that nobody waited for do
/// not add up.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use winipc::{Due, Waitable, WaitableTimer};
///
/// let timer = WaitableTimer::auto_reset()?;
/// timer.set(Due::After(Duration::from_millis(2)), Some(Duration::from_millis(2)))?;
/// assert!(timer.wait(None)?.is_signaled());
/// assert!(timer.wait(None)?.is_signaled());
/// timer.set(Due::At(SystemTime::now()), None)?;
/// assert!(timer.wait(None)?.is_signaled());
/// timer.cancel()?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct WaitableTimer {
    handle: OwnedHandle,
    disposition: Disposition,
}

named_object!(WaitableTimer);

impl WaitableTimer {
    /// A new manual-reset timer without a name, not set.
    ///
    /// # Errors
    ///
    /// As [`WaitableTimerOptions::create`].
    pub fn manual_reset() -> Result<WaitableTimer> {
        WaitableTimerOptions::new().manual_reset(true).create()
    }

    /// A new auto-reset timer without a name, not set.
    ///
    /// # Errors
    ///
    /// As [`WaitableTimerOptions::create`].
    pub fn auto_reset() -> Result<WaitableTimer> {
        WaitableTimerOptions::new().create()
    }

    /// Sets the timer (`SetWaitableTimer`): stops it if it runs, makes it nonsignaled, and starts it anew. Who waits
    /// for it goes on waiting.
    ///
    /// `period` is rounded up to milliseconds; `None` and zero are for once.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: the period is longer than 2^31 - 1 milliseconds (24.8 days).
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `TIMER_MODIFY_STATE`.
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to a timer.
    pub fn set(&self, due: Due, period: Option<Duration>) -> Result<()> {
        timer::set(self.as_handle(), due_time(due), period_milliseconds(period)?)
    }

    /// As [`set`](WaitableTimer::set), and runs `routine` on the calling thread each time the timer is due: in an
    /// alertable wait ([`sleep_alertable`](crate::sleep_alertable),
    /// [`Waitable::wait_alertable`](crate::Waitable::wait_alertable) ...), with the time that it was due.
    ///
    /// Dropping the result cancels the timer. A panic in `routine` ends the process.
    ///
    /// # Errors
    ///
    /// As [`set`](WaitableTimer::set).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc, time::Duration};
    /// use winipc::{Due, WaitableTimer, sleep_alertable};
    ///
    /// let timer = WaitableTimer::auto_reset()?;
    /// let count = Rc::new(Cell::new(0));
    /// let counted = Rc::clone(&count);
    /// let period = Duration::from_millis(1);
    /// let routine =
    ///     timer.set_with_routine(Due::After(period), Some(period), move |_| counted.set(counted.get() + 1))?;
    /// while count.get() < 3 {
    ///     sleep_alertable(None);
    /// }
    /// drop(routine);
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn set_with_routine(
        &self,
        due: Due,
        period: Option<Duration>,
        routine: impl Fn(SystemTime) + 'static,
    ) -> Result<TimerRoutine<'_>> {
        TimerRoutine::set(self, due_time(due), period_milliseconds(period)?, routine)
    }

    /// Stops the timer (`CancelWaitableTimer`). It stays signaled if it is. Stopping one that does not run is no error.
    ///
    /// # Errors
    ///
    /// - `ERROR_ACCESS_DENIED`: the handle lacks `TIMER_MODIFY_STATE`.
    /// - `ERROR_INVALID_HANDLE`: the handle is not one to a timer.
    pub fn cancel(&self) -> Result<()> {
        timer::cancel(self.as_handle())
    }
}

/// As `SetWaitableTimer` counts: positive from 1601, negative from now.
fn due_time(due: Due) -> i64 {
    match due {
        Due::After(duration) => -hundred_nanoseconds(duration),
        Due::At(time) => file_time(time),
    }
}

fn period_milliseconds(period: Option<Duration>) -> Result<i32> {
    let milliseconds = period.unwrap_or_default().as_nanos().div_ceil(1_000_000);
    i32::try_from(milliseconds).map_err(|_| Win32Error::INVALID_PARAMETER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_round_up_and_do_not_wrap() {
        assert_eq!(period_milliseconds(None), Ok(0));
        assert_eq!(period_milliseconds(Some(Duration::from_nanos(1))), Ok(1));
        assert_eq!(period_milliseconds(Some(Duration::from_millis(0x7FFF_FFFF))), Ok(i32::MAX));
        let too_long = Duration::from_millis(0x8000_0000);
        assert_eq!(period_milliseconds(Some(too_long)), Err(Win32Error::INVALID_PARAMETER));
    }

    #[test]
    fn relative_times_are_negative_and_the_past_is_at_once() {
        assert_eq!(due_time(Due::After(Duration::from_micros(1))), -10);
        assert_eq!(due_time(Due::After(Duration::ZERO)), 0);
        assert_eq!(due_time(Due::After(Duration::MAX)), -i64::MAX);
        assert!(due_time(Due::At(SystemTime::UNIX_EPOCH)) > 0);
    }
}
