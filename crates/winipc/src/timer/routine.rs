//! Closures that a timer runs.

use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::SystemTime;

use super::WaitableTimer;
use crate::sys::call::timer::{self, Registration};
use crate::timeout::system_time;
use crate::{AsHandle, Result};

/// A closure that a [`WaitableTimer`] runs when it is due ([`WaitableTimer::set_with_routine`]).
///
/// It runs on the thread that set the timer, and this value stays on that thread. Dropping it cancels the timer,
/// also when the timer has been set anew since.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use winipc::{Due, WaitableTimer, sleep_alertable};
///
/// let timer = WaitableTimer::auto_reset()?;
/// let routine = timer.set_with_routine(Due::After(Duration::ZERO), None, |due| println!("due {due:?}"))?;
/// assert!(sleep_alertable(None));
/// drop(routine);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[must_use = "the timer is cancelled when the routine is dropped"]
pub struct TimerRoutine<'a> {
    timer: &'a WaitableTimer,
    registration: Registration,
    /// Bound to its thread.
    thread: PhantomData<*const ()>,
}

impl<'a> TimerRoutine<'a> {
    pub(super) fn set(
        timer: &'a WaitableTimer,
        due: i64,
        period: i32,
        routine: impl Fn(SystemTime) + 'static,
    ) -> Result<TimerRoutine<'a>> {
        let registration = Registration::new(Rc::new(move |due| routine(system_time(due))));
        timer::set_with_routine(timer.as_handle(), due, period, &registration)?;
        Ok(TimerRoutine { timer, registration, thread: PhantomData })
    }
}

impl Drop for TimerRoutine<'_> {
    fn drop(&mut self) {
        // A forked child has none of the timers of its parent.
        if self.timer.handle.is_own() {
            // The handle could set the timer, so it can cancel it.
            let _ = self.timer.cancel();
        }
    }
}

impl fmt::Debug for TimerRoutine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerRoutine")
            .field("timer", self.timer)
            .field("registration", &self.registration)
            .finish()
    }
}
