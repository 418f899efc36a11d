//! Waitable timers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use super::{Named, attributes, check, created, opened};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, CREATE_WAITABLE_TIMER_MANUAL_RESET};
use crate::sys::{CancelWaitableTimer, CreateWaitableTimerExW, OpenWaitableTimerW, SetWaitableTimer};
use crate::{Disposition, Result};

pub(crate) fn create(
    named: &Named,
    manual_reset: bool,
    high_resolution: bool,
) -> Result<(OwnedHandle, Disposition)> {
    let mut flags = 0;
    if manual_reset {
        flags |= CREATE_WAITABLE_TIMER_MANUAL_RESET;
    }
    if high_resolution {
        flags |= CREATE_WAITABLE_TIMER_HIGH_RESOLUTION;
    }
    let name = named.utf16()?;
    // SAFETY: attributes and name live through the call.
    unsafe { created(CreateWaitableTimerExW(&attributes(named.inherit), name.as_ptr(), flags, named.access)) }
}

pub(crate) fn open(named: &Named) -> Result<OwnedHandle> {
    let name = named.utf16()?;
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenWaitableTimerW(named.access, named.inherit.into(), name.as_ptr())) }
}

/// `due` in 100 ns, negative when relative; `period` in ms, 0 for once.
pub(crate) fn set(timer: BorrowedHandle<'_>, due: i64, period: i32) -> Result<()> {
    // SAFETY: the handle is open, the due time lives through the call, and there is no routine.
    check(unsafe { SetWaitableTimer(timer.as_raw(), &due, period, None, ptr::null(), 0) })
}

pub(crate) fn cancel(timer: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { CancelWaitableTimer(timer.as_raw()) })
}

/// What a routine runs, with the time that it was due as a `FILETIME` number.
pub(crate) type Routine = Rc<dyn Fn(u64)>;

thread_local! {
    /// The routines of the timers that this thread has set, by number. A timer runs its routine on the thread that
    /// set it, and is given only the number: a routine that comes late finds nothing.
    static ROUTINES: RefCell<HashMap<usize, Routine>> = RefCell::default();
}

/// Keeps a routine registered on the thread that made it.
#[derive(Debug)]
pub(crate) struct Registration {
    number: usize,
}

impl Registration {
    pub(crate) fn new(routine: Routine) -> Registration {
        ROUTINES.with_borrow_mut(|routines| {
            // The routines of one thread are few, and a number may be used again.
            let number = (1..).find(|number| !routines.contains_key(number)).unwrap_or(0);
            routines.insert(number, routine);
            Registration { number }
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // At the end of the thread the map may be gone, with everything in it. What is removed is dropped outside
        // the borrow: it may own other timers.
        let removed = ROUTINES.try_with(|routines| routines.borrow_mut().remove(&self.number));
        drop(removed);
    }
}

/// As [`set`]; the routine runs in alertable waits of the calling thread.
pub(crate) fn set_with_routine(
    timer: BorrowedHandle<'_>,
    due: i64,
    period: i32,
    registration: &Registration,
) -> Result<()> {
    unsafe extern "system" fn run(number: *const c_void, low: u32, high: u32) {
        // A panic here ends the process: it must not unwind into the wait.
        let routine =
            ROUTINES.try_with(|routines| routines.borrow().get(&(number as usize)).cloned()).unwrap_or(None);
        if let Some(routine) = routine {
            routine(u64::from(high) << 32 | u64::from(low));
        }
    }

    let argument = registration.number as *const c_void;
    // SAFETY: the handle is open, the due time lives through the call, and the routine dereferences nothing that it
    // is given, so that it can be called at any time.
    check(unsafe { SetWaitableTimer(timer.as_raw(), &due, period, Some(run), argument, 0) })
}
