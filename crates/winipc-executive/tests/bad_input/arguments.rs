//! Handles, names, sizes and flags that are none.

use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use winipc_executive::io::{self, ReadBuffer};
use winipc_executive::pipe::{self, Server};
use winipc_executive::wait::{self, Mode, Outcome};
use winipc_executive::{
    Attributes, Handle, Kind, Status, apc, event, handle, mutex, process, semaphore, thread, timer,
};

use crate::child::{Scratch, succeeds};
use crate::everything::{call_everything, server, units};

const ALL: u32 = 0x1F_0003;

fn namespace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test of this process begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("arguments-{}", std::process::id())) };
    });
}

fn unnamed_event() -> Handle {
    event::create(&Attributes::default(), ALL, true, false).unwrap().0
}

/// Everything that takes a handle, on one that is none.
fn refused_everywhere(bad: Handle) {
    let refusal = Err(Status::INVALID_HANDLE);
    let good = unnamed_event();
    assert_eq!(event::set(bad), refusal);
    assert_eq!(event::reset(bad), refusal);
    assert_eq!(event::pulse(bad), refusal);
    assert_eq!(mutex::release(bad), refusal);
    assert_eq!(semaphore::release(bad, 1).map(|_| ()), refusal);
    assert_eq!(timer::cancel(bad), refusal);
    let setting = timer::Setting { due: 0, period_ms: 0, routine: None };
    assert_eq!(timer::set(bad, &setting), refusal);
    assert_eq!(io::write(bad, b"x", None).map(|_| ()), refusal);
    // SAFETY: an empty buffer is valid for no writes.
    let buffer = || unsafe { ReadBuffer::new(std::ptr::null_mut(), 0) };
    assert_eq!(io::read(bad, buffer(), None).map(|_| ()), refusal);
    assert_eq!(pipe::transact(bad, b"x", buffer(), None).map(|_| ()), refusal);
    assert_eq!(io::flush(bad), refusal);
    assert_eq!(io::cancel_requests(bad, None), refusal);
    assert_eq!(io::cancel_thread_requests(bad), refusal);
    assert_eq!(pipe::listen(bad, None).map(|_| ()), refusal);
    assert_eq!(pipe::disconnect(bad), refusal);
    assert_eq!(pipe::peek(bad, &mut []).map(|_| ()), refusal);
    assert_eq!(pipe::state(bad).map(|_| ()), refusal);
    assert_eq!(pipe::info(bad).map(|_| ()), refusal);
    assert_eq!(pipe::set_mode(bad, false, false), refusal);
    assert_eq!(pipe::client_process_id(bad).map(|_| ()), refusal);
    assert_eq!(handle::flags(bad).map(|_| ()), refusal);
    assert_eq!(handle::set_flags(bad, None, None), refusal);
    let many = wait::many(&[good, bad], Mode::Any, Some(Duration::ZERO), false);
    assert_eq!(many.map(|_| ()), refusal);
    assert_eq!(wait::signal_and_wait(bad, good, Some(Duration::ZERO), false).map(|_| ()), refusal);
    handle::close(good).unwrap();
}

/// What pseudo-handles are good for, and other handles that are none are not.
fn refused_as_no_pseudo_handle_either(bad: Handle) {
    let refusal = Err(Status::INVALID_HANDLE);
    assert_eq!(wait::one(bad, Some(Duration::ZERO), false).map(|_| ()), refusal);
    assert_eq!(handle::close(bad), refusal);
    assert_eq!(handle::kind(bad).map(|_| ()), refusal);
    assert_eq!(handle::granted_access(bad).map(|_| ()), refusal);
    assert_eq!(handle::same_object(bad, Handle::CURRENT_PROCESS).map(|_| ()), refusal);
    assert_eq!(process::id_of(bad).map(|_| ()), refusal);
    assert_eq!(process::exit_code(bad).map(|_| ()), refusal);
    assert_eq!(process::terminate(bad, 1), refusal);
    assert_eq!(thread::id_of(bad).map(|_| ()), refusal);
    assert_eq!(thread::exit_code(bad).map(|_| ()), refusal);
    assert_eq!(apc::queue(bad, 1, 1), refusal);
    assert_eq!(io::cancel_synchronous(bad), refusal);
    let options = handle::Duplicate { access: None, inherit: false, close_source: false };
    let own = Handle::CURRENT_PROCESS;
    assert_eq!(handle::duplicate(own, bad, Some(own), &options).map(|_| ()), refusal);
    assert_eq!(handle::duplicate(bad, own, Some(own), &options).map(|_| ()), refusal);
    assert_eq!(handle::duplicate(own, own, Some(bad), &options).map(|_| ()), refusal);
}

#[test]
fn handles_that_are_none_are_refused_by_every_call() {
    namespace();
    let stale = unnamed_event();
    handle::close(stale).unwrap();
    assert_eq!(handle::close(stale), Err(Status::INVALID_HANDLE), "closed twice");
    // Values that no table has, and the pseudo-handles that are reserved.
    for value in [0, 1, 3, 0x7FFF_FFFC, 0x1234_5678, i32::MIN as isize, -3, -4, -5, -6, -7, -10, -12] {
        refused_everywhere(Handle::from_raw(value));
        refused_as_no_pseudo_handle_either(Handle::from_raw(value));
    }
    refused_everywhere(Handle::CURRENT_PROCESS);
    refused_everywhere(Handle::CURRENT_THREAD);
    assert_eq!(handle::close(Handle::CURRENT_PROCESS), Ok(()));
    assert_eq!(handle::close(Handle::CURRENT_THREAD), Ok(()));
}

/// Runs in a process of its own, where no other thread takes a handle that has become free.
pub(crate) fn use_stale_handles() {
    for _ in 0..1000 {
        let first = unnamed_event();
        handle::close(first).unwrap();
        assert_eq!(handle::close(first), Err(Status::INVALID_HANDLE));
        let (second, _) = semaphore::create(&Attributes::default(), ALL, 0, 1).unwrap();
        // The value is reused at once, as on Windows, and then means the new object.
        assert_eq!(first, second);
        assert_eq!(event::set(first), Err(Status::OBJECT_TYPE_MISMATCH));
        handle::close(second).unwrap();
    }
}

#[test]
fn a_stale_handle_does_not_reach_its_object() {
    succeeds("stale", Scratch::private("stale").path());
}

#[test]
fn handles_of_another_kind_are_refused() {
    namespace();
    let mismatch = Err(Status::OBJECT_TYPE_MISMATCH);
    let (semaphore, _) = semaphore::create(&Attributes::default(), ALL, 0, 1).unwrap();
    let event = unnamed_event();
    assert_eq!(event::set(semaphore), mismatch);
    assert_eq!(semaphore::release(event, 1).map(|_| ()), mismatch);
    assert_eq!(mutex::release(event), mismatch);
    assert_eq!(timer::cancel(event), mismatch);
    assert_eq!(pipe::disconnect(event), mismatch);
    assert_eq!(io::write(event, b"x", None).map(|_| ()), mismatch);
    assert_eq!(process::id_of(event).map(|_| ()), mismatch);
    assert_eq!(thread::id_of(event).map(|_| ()), mismatch);
    assert_eq!(apc::queue(event, 1, 1), mismatch);
    assert_eq!(handle::kind(event), Ok(Kind::Event));
    // Nothing of that has changed them.
    assert_eq!(wait::one(event, Some(Duration::ZERO), false), Ok(Outcome::Timeout));
    assert_eq!(wait::one(semaphore, Some(Duration::ZERO), false), Ok(Outcome::Timeout));
}

#[test]
fn numbers_out_of_range_are_refused() {
    namespace();
    let refusal = Err(Status::INVALID_PARAMETER);
    let create =
        |initial, maximum| semaphore::create(&Attributes::default(), ALL, initial, maximum).map(|_| ());
    for (initial, maximum) in [(0, 0), (1, 0), (-1, 1), (2, 1), (0, -1), (i32::MIN, i32::MAX), (i32::MAX, 1)]
    {
        assert_eq!(create(initial, maximum), refusal);
    }
    let (semaphore, _) = semaphore::create(&Attributes::default(), ALL, i32::MAX, i32::MAX).unwrap();
    for count in [0, -1, i32::MIN] {
        assert_eq!(semaphore::release(semaphore, count).map(|_| ()), refusal);
    }
    for count in [1, i32::MAX] {
        assert_eq!(semaphore::release(semaphore, count), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
    }
    assert_eq!(wait::many(&[], Mode::Any, Some(Duration::ZERO), false).map(|_| ()), refusal);
    let event = unnamed_event();
    assert_eq!(wait::many(&[event; 65], Mode::Any, Some(Duration::ZERO), false).map(|_| ()), refusal);
    for max_instances in [0, 256, u32::MAX] {
        let server = Server { max_instances, ..server(false, false) };
        assert_eq!(pipe::create(&units("numbers"), &server).map(|_| ()), refusal);
    }
    let server = Server { message_type: false, ..server(false, false) };
    assert_eq!(pipe::create(&units("numbers"), &server).map(|_| ()), refusal);
    assert_eq!(process::open(0, ALL, false).map(|_| ()), refusal);
    assert_eq!(process::open(u32::MAX, ALL, false).map(|_| ()), refusal);
    assert_eq!(thread::open(u32::MAX, ALL, false).map(|_| ()), refusal);
    let options = handle::Duplicate { access: Some(u32::MAX), inherit: false, close_source: false };
    let own = Handle::CURRENT_PROCESS;
    assert_eq!(handle::duplicate(own, event, Some(own), &options).map(|_| ()), Err(Status::ACCESS_DENIED));
}

#[test]
fn names_that_are_none_are_refused() {
    namespace();
    let create = |name: &[u16]| {
        let attributes = Attributes { name: Some(name), inherit: false };
        event::create(&attributes, ALL, false, false).map(|made| handle::close(made.0).unwrap())
    };
    for (name, status) in [
        ("a\\b", Status::OBJECT_PATH_NOT_FOUND),
        ("\\", Status::OBJECT_PATH_NOT_FOUND),
        ("local\\x", Status::OBJECT_PATH_NOT_FOUND),
        ("Session\\1\\x", Status::OBJECT_PATH_NOT_FOUND),
        ("Global\\a\\b", Status::OBJECT_PATH_NOT_FOUND),
        ("Local\\", Status::OBJECT_NAME_INVALID),
        ("Global\\", Status::OBJECT_NAME_INVALID),
    ] {
        assert_eq!(create(&units(name)), Err(status), "{name}");
        assert_eq!(event::open(&units(name), ALL, false).map(|_| ()), Err(status), "{name}");
    }
    assert_eq!(event::open(&[], ALL, false).map(|_| ()), Err(Status::INVALID_HANDLE));
    assert_eq!(pipe::create(&[], &server(false, false)).map(|_| ()), Err(Status::OBJECT_NAME_INVALID));
    assert_eq!(create(&[u16::from(b'x'); 32_768]), Err(Status::OBJECT_NAME_INVALID));
    // Whatever is no backslash is a name: unpaired surrogates, NUL, the longest.
    assert_eq!(create(&[0xD800, 0, 0xDFFF, 0xFFFF]), Ok(()));
    assert_eq!(create(&[u16::from(b'x'); 32_767]), Ok(()));
}

/// Runs in a process of its own, all of whose handles are low values.
pub(crate) fn use_garbage() {
    let event = unnamed_event();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let garbage: Vec<Handle> = (0..256)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Handle::from_raw((seed >> 32) as i32 as isize | 0x4000_0000)
        })
        .collect();
    call_everything(&garbage);
    assert_eq!(wait::one(event, Some(Duration::ZERO), false), Ok(Outcome::Timeout));
    assert_eq!(handle::close(event), Ok(()));
}

#[test]
fn garbage_handles_change_nothing() {
    succeeds("garbage", Scratch::private("garbage").path());
}

#[test]
fn a_foreign_handle_means_nothing_here() {
    namespace();
    // The other process has many handles, this one few: a value of its table is none of ours.
    let mut other = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(process::open(other.id(), ALL, false).map(|_| ()), Err(Status::INVALID_PARAMETER));
    drop(other.stdin.take());
    other.wait().unwrap();
    refused_everywhere(Handle::from_raw(4 * 400_000));
}
