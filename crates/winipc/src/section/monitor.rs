//! A value that processes share behind a lock, with conditions to wait for.
//!
//! A condition is a semaphore, whose count are notifications that nobody has taken yet, and a mutex, whose owner, the
//! *leader*, may take one. Who waits is counted behind the lock, becomes the leader after those who came before, waits
//! for a notification, takes the lock, and stays the leader until it has given the lock back. So:
//!
//! - A notification goes to one that waited when it was given: later ones queue behind the leader.
//! - One that is given before its waiter sleeps waits in the semaphore.
//! - A leader that is killed, whatever it had taken, leaves its mutex abandoned: the next in the queue learns of that
//!   and returns in its place.
//! - A waiter that is killed before it leads leaves the count too high by one, which costs a wake-up for nothing later.
//!
//! A notifier adds to the semaphore before it lowers the count, and its value is shared only after both: wherever it is
//! killed, what others can see of its value they have been told of.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::shared_mutex::{Plain, SharedLockError, SharedMutex, SharedMutexGuard, SharedResult};
use crate::{
    Disposition, LockError, LockResult, Mutex, MutexGuard, MutexOptions, Result, Semaphore, SemaphoreOptions,
    Waitable, Win32Error,
};

/// A [`SharedMutex`] with conditions that threads of all processes can wait for, and notify each other of.
///
/// A condition is a number, from 0 on. What it means is up to the program: usually that something about the value may
/// have changed that others wait for. A wait can also end without a notification, so who waits looks again:
/// [`wait_while`](MonitorGuard::wait_while) does.
///
/// No notification is lost: not between looking at the value and waiting, and not with a waiter that is killed, whose
/// part another takes. A notifier that is killed before it has given the lock back has not changed the value.
///
/// # Examples
///
/// A queue of one place:
///
/// ```
/// use std::thread;
/// use winipc::section::{Monitor, SharedLockError};
///
/// const FILLED: usize = 0;
/// const EMPTIED: usize = 1;
///
/// let name = format!("winipc-doc-monitor-{}", std::process::id());
/// let place = Monitor::create(&name, 2, [0_u32; 2])?; // whether it is full, and what is in it
///
/// // This could as well be another process.
/// let producer = thread::spawn(move || {
///     let place = Monitor::<[u32; 2]>::open(&name, 2)?;
///     for number in [7, 8, 9] {
///         let guard = place.lock().or_else(SharedLockError::into_guard)?;
///         let mut guard = guard.wait_while(EMPTIED, |place| place[0] == 1).or_else(SharedLockError::into_guard)?;
///         *guard = [1, number];
///         guard.notify_one(FILLED)?;
///     }
///     winipc::Result::Ok(())
/// });
///
/// for number in [7, 8, 9] {
///     let guard = place.lock().or_else(SharedLockError::into_guard)?;
///     let mut guard = guard.wait_while(FILLED, |place| place[0] == 0).or_else(SharedLockError::into_guard)?;
///     assert_eq!(guard[1], number);
///     guard[0] = 0;
///     guard.notify_one(EMPTIED)?;
/// }
/// producer.join().unwrap()?;
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Debug)]
pub struct Monitor<T> {
    shared: SharedMutex<T>,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    leader: Mutex,
    notifications: Semaphore,
}

/// The result of taking a [`Monitor`], or of waiting for one of its conditions.
pub type MonitorResult<'a, T> = SharedResult<MonitorGuard<'a, T>>;

/// More conditions than these no program needs.
const MOST_CONDITIONS: usize = 1024;

impl Condition {
    fn make(name: Option<&str>, number: usize) -> Result<Condition> {
        let (mut leader, mut notifications) =
            (MutexOptions::new(), SemaphoreOptions::new(0, i32::MAX as u32));
        if let Some(name) = name {
            leader.name(format!("{name}.condition-{number}.leader"));
            notifications.name(format!("{name}.condition-{number}"));
        }
        Ok(Condition { leader: leader.create()?, notifications: notifications.create()? })
    }
}

impl<T: Plain> Monitor<T> {
    /// Shares a value under a name, with so many conditions, or opens the one that is shared under it, which is kept.
    ///
    /// The objects behind it are called `NAME.section`, `NAME.mutex`, `NAME.condition-0`, `NAME.condition-0.leader`,
    /// and so on.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: what is shared under the name has another size, or another number of conditions; or
    ///   there are more than 1024.
    /// - As [`SharedMutex::create`].
    pub fn create(name: &str, conditions: usize, initial: T) -> Result<Monitor<T>> {
        Monitor::make(Some(name), conditions, &initial)
    }

    /// Shares a value without a name, between the threads of the process.
    ///
    /// # Errors
    ///
    /// As [`create`](Monitor::create).
    pub fn new(conditions: usize, initial: T) -> Result<Monitor<T>> {
        Monitor::make(None, conditions, &initial)
    }

    /// Opens the value that is shared under a name, with so many conditions.
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_NOT_FOUND`: there is none, or it is only being made.
    /// - As [`create`](Monitor::create).
    pub fn open(name: &str, conditions: usize) -> Result<Monitor<T>> {
        let shared = SharedMutex::find(name, conditions)?;
        Monitor::around(shared, Some(name), conditions)
    }

    fn make(name: Option<&str>, conditions: usize, initial: &T) -> Result<Monitor<T>> {
        if conditions > MOST_CONDITIONS {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        Monitor::around(SharedMutex::make(name, conditions, initial)?, name, conditions)
    }

    fn around(shared: SharedMutex<T>, name: Option<&str>, conditions: usize) -> Result<Monitor<T>> {
        let conditions =
            (0..conditions).map(|number| Condition::make(name, number)).collect::<Result<_>>()?;
        Ok(Monitor { shared, conditions })
    }

    /// Takes the lock, and waits for it for as long as it takes.
    ///
    /// # Errors
    ///
    /// As [`SharedMutex::lock`].
    pub fn lock(&self) -> MonitorResult<'_, T> {
        self.guarded(self.shared.lock(), None)
    }

    /// Takes the lock if that is possible at once.
    ///
    /// # Errors
    ///
    /// As [`SharedMutex::try_lock`].
    pub fn try_lock(&self) -> MonitorResult<'_, T> {
        self.guarded(self.shared.try_lock(), None)
    }

    /// Takes the lock, and waits for it for at most `timeout`, rounded up to milliseconds.
    ///
    /// # Errors
    ///
    /// As [`SharedMutex::lock_timeout`].
    pub fn lock_timeout(&self, timeout: Duration) -> MonitorResult<'_, T> {
        self.guarded(self.shared.lock_timeout(timeout), None)
    }

    /// Whether this value's call began to share the value or found it shared.
    pub fn disposition(&self) -> Disposition {
        self.shared.disposition()
    }

    fn guarded<'a>(
        &'a self,
        taken: SharedResult<SharedMutexGuard<'a, T>>,
        leading: Option<MutexGuard<'a>>,
    ) -> MonitorResult<'a, T> {
        let guarded = |value| MonitorGuard { value, _leading: leading, monitor: self };
        match taken {
            Ok(value) => Ok(guarded(value)),
            Err(error) => Err(error.map(guarded)),
        }
    }

    fn condition(&self, number: usize) -> Result<&Condition> {
        self.conditions.get(number).ok_or(Win32Error::INVALID_PARAMETER)
    }
}

/// A copy of the value of a [`Monitor`], which nobody else can take meanwhile; see [`SharedMutexGuard`].
#[must_use = "the lock is given back when the guard is dropped"]
pub struct MonitorGuard<'a, T: Plain> {
    /// Given back first: who leads may have died until then.
    value: SharedMutexGuard<'a, T>,
    /// The thread came out of a wait, and nobody else of that condition does until it has given the lock back.
    _leading: Option<MutexGuard<'a>>,
    monitor: &'a Monitor<T>,
}

impl<'a, T: Plain> MonitorGuard<'a, T> {
    /// Gives the lock back, waits for a notification of a condition, and takes the lock again. What was changed through
    /// the guard is shared before the wait.
    ///
    /// # Errors
    ///
    /// - [`SharedLockError::Abandoned`]: the lock is taken, and its last owner's thread ended owning it.
    /// - [`SharedLockError::Failed`]: `ERROR_INVALID_PARAMETER`: there is no such condition. The lock is given back.
    pub fn wait(self, condition: usize) -> MonitorResult<'a, T> {
        match self.wait_until(condition, None) {
            Ok((guard, _)) => Ok(guard),
            Err(error) => Err(error),
        }
    }

    /// As [`wait`](MonitorGuard::wait), for at most `timeout`, rounded up to milliseconds; taking the lock again may
    /// take longer. The second result is false if the time was up.
    ///
    /// # Errors
    ///
    /// As [`wait`](MonitorGuard::wait).
    pub fn wait_timeout(
        self,
        condition: usize,
        timeout: Duration,
    ) -> Result<(MonitorGuard<'a, T>, bool), SharedLockError<MonitorGuard<'a, T>>> {
        let end = Instant::now().checked_add(timeout);
        self.wait_until(condition, end)
    }

    /// Waits for notifications of a condition as long as something holds of the value.
    ///
    /// # Errors
    ///
    /// As [`wait`](MonitorGuard::wait); where a lock was abandoned, it may still hold.
    pub fn wait_while(self, condition: usize, mut holds: impl FnMut(&T) -> bool) -> MonitorResult<'a, T> {
        let mut guard = self;
        while holds(&guard) {
            guard = guard.wait(condition)?;
        }
        Ok(guard)
    }

    /// Lets one thread go on that waits for a condition, if there is one: when the guard has been dropped.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: there is no such condition.
    pub fn notify_one(&self, condition: usize) -> Result<()> {
        self.notify(condition, 1)
    }

    /// Lets all threads go on that wait for a condition now, one after the other: when the guard has been dropped.
    ///
    /// # Errors
    ///
    /// As [`notify_one`](MonitorGuard::notify_one).
    pub fn notify_all(&self, condition: usize) -> Result<()> {
        self.notify(condition, u32::MAX)
    }

    fn notify(&self, number: usize, most: u32) -> Result<()> {
        let condition = self.monitor.condition(number)?;
        let waiting = self.monitor.shared.waiting(number);
        let count = waiting.load(Ordering::Relaxed).min(most);
        if count != 0 {
            match condition.notifications.release(count) {
                Ok(_) => {}
                // There are more than enough for all who could ever wait.
                Err(Win32Error::TOO_MANY_POSTS) => {}
                Err(error) => return Err(error),
            }
            waiting.fetch_sub(count, Ordering::Relaxed);
        }
        Ok(())
    }

    fn wait_until(
        self,
        number: usize,
        end: Option<Instant>,
    ) -> Result<(MonitorGuard<'a, T>, bool), SharedLockError<MonitorGuard<'a, T>>> {
        let monitor = self.monitor;
        let condition = monitor.condition(number).map_err(SharedLockError::Failed)?;
        let waiting = monitor.shared.waiting(number);
        waiting.fetch_add(1, Ordering::Relaxed);
        drop(self);
        let rest = || end.map(|end| end.saturating_duration_since(Instant::now()));
        let (leading, is_heir) = match lead(&condition.leader, rest()) {
            Ok(leading) => (Some(leading), false),
            Err(LockError::Abandoned(leading)) => (Some(leading), true),
            Err(LockError::Timeout) => (None, false),
            Err(LockError::Failed(error)) => return Err(SharedLockError::Failed(error)),
        };
        // The heir of a leader that has died may be told what that one was.
        let is_told = leading.is_some()
            && !is_heir
            && condition.notifications.wait(rest()).map_err(SharedLockError::Failed)?.is_signaled();
        let taken = monitor.guarded(monitor.shared.lock(), leading);
        let mut is_notified = is_told || is_heir;
        if !is_told && matches!(taken, Ok(_) | Err(SharedLockError::Abandoned(_))) {
            // It does not wait any more: it is not counted, or else a notification is its own.
            if waiting.load(Ordering::Relaxed) != 0 {
                waiting.fetch_sub(1, Ordering::Relaxed);
            } else {
                let own = condition.notifications.wait(Some(Duration::ZERO));
                is_notified |= own.is_ok_and(|result| result.is_signaled());
            }
        }
        taken.map(|guard| (guard, is_notified))
    }
}

/// Waits to be the leader.
fn lead(leader: &Mutex, timeout: Option<Duration>) -> LockResult<'_> {
    match timeout {
        None => leader.lock(),
        Some(timeout) => leader.lock_timeout(timeout),
    }
}

impl<T: Plain> Deref for MonitorGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Plain> DerefMut for MonitorGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Plain> fmt::Debug for MonitorGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorGuard").finish_non_exhaustive()
    }
}
