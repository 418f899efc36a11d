//! Names: creating, opening, and what is malformed.

mod common;

use std::time::Duration;

use common::unique;
use winipc::{
    Disposition, EventOptions, MutexOptions, SemaphoreOptions, WaitResult, Waitable, WaitableTimerOptions,
    Win32Error,
};

#[test]
fn opening_an_existing_object_ignores_what_it_was_asked_to_be() {
    let name = unique("ignored");
    let first = EventOptions::new().name(&name).create().unwrap();
    let second = EventOptions::new().name(&name).initially_set(true).create().unwrap();
    assert_eq!(first.disposition(), Disposition::Created);
    assert_eq!(second.disposition(), Disposition::Opened);
    assert_eq!(second.wait(Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    first.set().unwrap();
    assert_eq!(second.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
}

#[test]
fn the_kinds_share_one_namespace() {
    let name = unique("shared");
    let _event = EventOptions::new().name(&name).create().unwrap();
    assert_eq!(MutexOptions::new().name(&name).create().unwrap_err(), Win32Error::INVALID_HANDLE);
    assert_eq!(SemaphoreOptions::new(0, 1).name(&name).open().unwrap_err(), Win32Error::INVALID_HANDLE);
    assert_eq!(WaitableTimerOptions::new().name(&name).create().unwrap_err(), Win32Error::INVALID_HANDLE);
}

#[test]
fn a_name_with_a_nul_is_refused_and_not_cut() {
    let name = unique("nul");
    let _event = EventOptions::new().name(&name).create().unwrap();
    let cut = format!("{name}\0and more");
    assert_eq!(EventOptions::new().name(&cut).open().unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(EventOptions::new().name(&cut).create().unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(MutexOptions::new().name(&cut).create().unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(SemaphoreOptions::new(0, 1).name(&cut).create().unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(WaitableTimerOptions::new().name(&cut).create().unwrap_err(), Win32Error::INVALID_NAME);
}

#[test]
fn absent_and_missing_names_are_told_apart() {
    assert_eq!(EventOptions::new().name(unique("absent")).open().unwrap_err(), Win32Error::FILE_NOT_FOUND);
    assert_eq!(EventOptions::new().open().unwrap_err(), Win32Error::INVALID_PARAMETER);
    assert_eq!(MutexOptions::new().open().unwrap_err(), Win32Error::INVALID_PARAMETER);
}

#[test]
fn local_is_the_default_and_global_another_name() {
    let name = unique("prefix");
    let plain = EventOptions::new().name(&name).create().unwrap();
    let local = EventOptions::new().name(format!(r"Local\{name}")).create().unwrap();
    let global = EventOptions::new().name(format!(r"Global\{name}")).create().unwrap();
    assert_eq!(plain.disposition(), Disposition::Created);
    assert_eq!(local.disposition(), Disposition::Opened);
    assert_eq!(global.disposition(), Disposition::Created);
}

#[test]
fn counts_that_do_not_fit_are_refused_and_do_not_wrap() {
    for (initial, maximum) in [(0, 0), (2, 1), (0, 0x8000_0000), (u32::MAX, u32::MAX)] {
        let created = SemaphoreOptions::new(initial, maximum).create();
        assert_eq!(created.unwrap_err(), Win32Error::INVALID_PARAMETER, "{initial} of {maximum}");
    }
    let semaphore = SemaphoreOptions::new(0, 0x7FFF_FFFF).create().unwrap();
    assert_eq!(semaphore.release(u32::MAX), Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(semaphore.release(0x7FFF_FFFF), Ok(0));
    assert_eq!(semaphore.release(1), Err(Win32Error::TOO_MANY_POSTS));
}
