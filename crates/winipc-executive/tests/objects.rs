//! Objects and waits, within one process and between processes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use winipc_executive::wait::{Mode, Outcome};
use winipc_executive::{
    Attributes, Disposition, Handle, Status, event, handle, mutex, process, semaphore, timer, wait,
};

const ALL: u32 = 0x1F_0003;
const MUTEX_ALL: u32 = 0x1F_0001;

fn namespace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("WINIPC_NAMESPACE").is_none() {
            // SAFETY: no other thread reads the environment yet: every test begins here.
            unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("objects-{}", std::process::id())) };
        }
    });
}

fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

fn unnamed() -> Attributes<'static> {
    Attributes::default()
}

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn an_automatic_event_is_taken_once() {
    namespace();
    let (event, _) = event::create(&unnamed(), ALL, false, true).unwrap();
    assert_eq!(wait::one(event, NOW, false), Ok(Outcome::Object(0)));
    assert_eq!(wait::one(event, NOW, false), Ok(Outcome::Timeout));
    event::set(event).unwrap();
    event::set(event).unwrap();
    assert_eq!(wait::one(event, None, false), Ok(Outcome::Object(0)));
    assert_eq!(wait::one(event, NOW, false), Ok(Outcome::Timeout));
    handle::close(event).unwrap();
    assert_eq!(event::set(event), Err(Status::INVALID_HANDLE));
    assert_eq!(handle::close(event), Err(Status::INVALID_HANDLE));
}

#[test]
fn closing_without_a_target_fails_where_there_is_no_handle() {
    namespace();
    let close = handle::Duplicate { access: None, inherit: false, close_source: true };
    let (event, _) = event::create(&unnamed(), ALL, false, false).unwrap();
    assert_eq!(handle::duplicate(Handle::CURRENT_PROCESS, event, None, &close), Ok(Handle::NULL));
    for none in [event, Handle::NULL, Handle::from_raw(-3)] {
        assert_eq!(
            handle::duplicate(Handle::CURRENT_PROCESS, none, None, &close),
            Err(Status::INVALID_HANDLE)
        );
    }
}

#[test]
fn a_name_leads_to_the_same_object_and_dies_with_it() {
    namespace();
    let name = units("Local\\same");
    let attributes = Attributes { name: Some(&name), inherit: false };
    let (first, disposition) = semaphore::create(&attributes, ALL, 1, 2).unwrap();
    assert_eq!(disposition, Disposition::Created);
    let (second, disposition) = semaphore::create(&attributes, ALL, 0, 9).unwrap();
    assert_eq!(disposition, Disposition::Opened);
    assert_eq!(handle::same_object(first, second), Ok(true));
    assert_eq!(semaphore::release(second, 1), Ok(1));
    assert_eq!(semaphore::release(first, 1), Err(Status::SEMAPHORE_LIMIT_EXCEEDED));
    assert_eq!(event::create(&attributes, ALL, false, false).unwrap_err(), Status::OBJECT_TYPE_MISMATCH);
    handle::close(first).unwrap();
    handle::close(second).unwrap();
    assert_eq!(semaphore::open(&name, ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
}

#[test]
fn a_blocked_thread_is_given_what_it_waits_for() {
    namespace();
    let (there, _) = event::create(&unnamed(), ALL, false, false).unwrap();
    let (back, _) = event::create(&unnamed(), ALL, false, false).unwrap();
    let echo = std::thread::spawn(move || {
        for _ in 0..10_000 {
            assert_eq!(wait::one(there, None, false), Ok(Outcome::Object(0)));
            event::set(back).unwrap();
        }
    });
    for _ in 0..10_000 {
        event::set(there).unwrap();
        assert_eq!(wait::one(back, None, false), Ok(Outcome::Object(0)));
    }
    echo.join().unwrap();
}

#[test]
fn wait_all_takes_everything_or_nothing() {
    namespace();
    let (semaphore, _) = semaphore::create(&unnamed(), ALL, 1, 1).unwrap();
    let (event, _) = event::create(&unnamed(), ALL, false, false).unwrap();
    let both = [semaphore, event];
    assert_eq!(wait::many(&both, Mode::All, NOW, false), Ok(Outcome::Timeout));
    assert_eq!(wait::one(semaphore, NOW, false), Ok(Outcome::Object(0)));
    let waiter = std::thread::spawn(move || wait::many(&both, Mode::All, None, false));
    event::set(event).unwrap();
    semaphore::release(semaphore, 1).unwrap();
    assert_eq!(waiter.join().unwrap(), Ok(Outcome::Object(0)));
    assert_eq!(wait::many(&both, Mode::Any, NOW, false), Ok(Outcome::Timeout));
    assert_eq!(wait::many(&[event, event], Mode::All, NOW, false), Err(Status::INVALID_PARAMETER));
}

#[test]
fn a_mutex_is_recursive_and_abandoned_by_a_thread_that_ends() {
    namespace();
    let (mutex, _) = mutex::create(&unnamed(), MUTEX_ALL, true).unwrap();
    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
    mutex::release(mutex).unwrap();
    let other = std::thread::spawn(move || (wait::one(mutex, NOW, false), mutex::release(mutex)));
    assert_eq!(other.join().unwrap(), (Ok(Outcome::Timeout), Err(Status::MUTANT_NOT_OWNED)));
    mutex::release(mutex).unwrap();
    assert_eq!(mutex::release(mutex), Err(Status::MUTANT_NOT_OWNED));
    std::thread::spawn(move || wait::one(mutex, None, false).unwrap()).join().unwrap();
    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Abandoned(0)));
    mutex::release(mutex).unwrap();
    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
}

#[test]
fn a_timer_fires_and_repeats() {
    namespace();
    let (timer, _) = timer::create(&unnamed(), ALL, false).unwrap();
    assert_eq!(wait::one(timer, NOW, false), Ok(Outcome::Timeout));
    timer::set(timer, &timer::Setting { due: -10_000, period_ms: 1, routine: None }).unwrap();
    for _ in 0..3 {
        assert_eq!(wait::one(timer, None, false), Ok(Outcome::Object(0)));
    }
    timer::cancel(timer).unwrap();
}

/// Starts this test binary again to play one of the roles below.
fn start(role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plays_a_role", "--ignored", "--nocapture"])
        .env("ROLE", role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for_ready(child: &mut Child) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ready")));
}

/// What the other process does; only [`start`] runs it.
#[test]
#[ignore = "a role that other tests start"]
fn plays_a_role() {
    match std::env::var("ROLE").as_deref() {
        Ok("owner") => {
            let mutex = mutex::open(&units("owned"), MUTEX_ALL, false).unwrap();
            assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
            let name = units("only-mine");
            event::create(&Attributes { name: Some(&name), inherit: false }, ALL, true, true).unwrap();
            println!("\nready");
            loop {
                std::thread::park();
            }
        }
        other => panic!("no such role: {other:?}"),
    }
}

#[test]
fn a_killed_owner_abandons_its_mutex_and_its_names() {
    namespace();
    let name = units("owned");
    let (mutex, _) =
        mutex::create(&Attributes { name: Some(&name), inherit: false }, MUTEX_ALL, false).unwrap();
    let mut owner = start("owner");
    wait_for_ready(&mut owner);
    let process = process::open(owner.id(), 0x1F_FFFF, false).unwrap();
    assert_eq!(wait::one(mutex, NOW, false), Ok(Outcome::Timeout));
    assert_eq!(process::exit_code(process), Ok(259));
    let waiter = std::thread::spawn(move || {
        let outcome = wait::one(mutex, None, false);
        mutex::release(mutex).unwrap();
        outcome
    });
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(event::open(&units("only-mine"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(waiter.join().unwrap(), Ok(Outcome::Abandoned(0)));
    assert_eq!(wait::one(process, None, false), Ok(Outcome::Object(0)));
    assert_ne!(process::exit_code(process), Ok(259));
    assert_eq!(process::open(owner.id(), 0x1F_FFFF, false), Err(Status::INVALID_PARAMETER));
    let _ = Handle::NULL;
}
