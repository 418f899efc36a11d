//! Handles: ownership, duplication, flags.

mod common;

use std::time::Duration;

use common::unique;
use winipc::sys::{EVENT_MODIFY_STATE, SYNCHRONIZE};
use winipc::{
    AsHandle, Disposition, Event, EventOptions, Mutex, OwnedHandle, Process, Semaphore, WaitResult, Waitable,
    Win32Error,
};

#[test]
fn dropping_the_last_handle_frees_the_name() {
    let mut options = EventOptions::new();
    options.name(unique("last-handle"));
    let event = options.create().unwrap();
    let clone = event.try_clone().unwrap();
    drop(event);
    assert_eq!(options.open().unwrap().disposition(), Disposition::Opened);
    drop(clone);
    assert_eq!(options.open().unwrap_err(), Win32Error::FILE_NOT_FOUND);
}

#[test]
fn a_handle_goes_to_raw_and_back() {
    let event = Event::manual_reset().unwrap();
    event.set().unwrap();
    let raw = OwnedHandle::from(event).into_raw();
    // SAFETY: the handle is open, and nobody else has it.
    let event = Event::from(unsafe { OwnedHandle::from_raw(raw) });
    assert_eq!(event.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
    assert_eq!(event.as_handle().as_raw(), raw);
}

#[test]
fn a_protected_handle_outlives_its_owner() {
    let event = Event::manual_reset().unwrap();
    let handle = event.as_handle();
    handle.set_protected_from_close(true).unwrap();
    assert!(handle.is_protected_from_close().unwrap());
    let raw = handle.as_raw();
    drop(event);
    // SAFETY: the handle is still open, and its owner is gone.
    let event = Event::from(unsafe { OwnedHandle::from_raw(raw) });
    event.set().unwrap();
    event.as_handle().set_protected_from_close(false).unwrap();
    assert!(!event.as_handle().is_protected_from_close().unwrap());
}

#[test]
fn inheritance_is_a_flag_of_the_handle() {
    let event = EventOptions::new().inherit(true).create().unwrap();
    assert!(event.as_handle().is_inheritable().unwrap());
    assert!(!event.try_clone().unwrap().as_handle().is_inheritable().unwrap());
    event.as_handle().set_inheritable(false).unwrap();
    assert!(!event.as_handle().is_inheritable().unwrap());
}

#[test]
fn a_duplicate_can_have_less_access() {
    let event = Event::manual_reset().unwrap();
    let waiting = Event::from(event.as_handle().try_clone_with_access(SYNCHRONIZE).unwrap());
    assert_eq!(waiting.set(), Err(Win32Error::ACCESS_DENIED));
    assert_eq!(waiting.wait(Some(Duration::ZERO)), Ok(WaitResult::Timeout));
    let setting = Event::from(event.as_handle().try_clone_with_access(EVENT_MODIFY_STATE).unwrap());
    setting.set().unwrap();
    assert_eq!(setting.wait(Some(Duration::ZERO)), Err(Win32Error::ACCESS_DENIED));
    assert_eq!(waiting.wait(Some(Duration::ZERO)), Ok(WaitResult::Signaled(0)));
}

#[test]
fn handles_go_between_processes_by_number() {
    // Both ends are this process, with a real handle to it.
    let this = Process::current().unwrap();
    let event = Event::manual_reset().unwrap();
    let number = event.as_handle().duplicate_into(&this, false).unwrap();
    let copy = Event::from(this.duplicate_from(number).unwrap());
    assert!(copy.as_handle().is_same_object(event.as_handle()));
    // SAFETY: the number is a handle of this process that nobody owns.
    drop(unsafe { OwnedHandle::from_raw(number as _) });
    // Not the number just closed, which another test may have got meanwhile.
    assert_eq!(this.duplicate_from(0x0FFF_FFFC).unwrap_err(), Win32Error::INVALID_HANDLE);
}

#[test]
fn a_handle_of_another_kind_is_an_error_and_nothing_worse() {
    let event = Event::from(OwnedHandle::from(Semaphore::new(0, 1).unwrap()));
    assert_eq!(event.set(), Err(Win32Error::INVALID_HANDLE));
    let mutex = Mutex::from(OwnedHandle::from(Event::manual_reset().unwrap()));
    assert_eq!(mutex.adopt().release(), Err(Win32Error::INVALID_HANDLE));
    let process = Process::from(OwnedHandle::from(Event::manual_reset().unwrap()));
    assert_eq!(process.id(), Err(Win32Error::INVALID_HANDLE));
}

#[test]
fn what_is_not_bound_to_a_thread_goes_everywhere() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<OwnedHandle>();
    is_send_and_sync::<winipc::BorrowedHandle<'_>>();
    is_send_and_sync::<Event>();
    is_send_and_sync::<Mutex>();
    is_send_and_sync::<Semaphore>();
    is_send_and_sync::<winipc::WaitableTimer>();
    is_send_and_sync::<Process>();
    is_send_and_sync::<winipc::Thread>();
    is_send_and_sync::<winipc::PipeServer>();
    is_send_and_sync::<winipc::PipeClient>();
    is_send_and_sync::<winipc::ServerOptions>();
    is_send_and_sync::<Win32Error>();
}
