//! What a look at a namespace shows, within one process and of another.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use winipc_executive::inspect::{self, Call, Listing, ObjectView, PipeState, State, ThreadId};
use winipc_executive::wait::{Mode, Outcome};
use winipc_executive::{
    Attributes, Handle, Kind, event, handle, io, mutex, pipe, process, semaphore, thread, timer, wait,
};

const ALL: u32 = 0x1F_0003;
const MUTEX_ALL: u32 = 0x1F_0001;

fn namespace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("WINIPC_NAMESPACE").is_none() {
            // SAFETY: no other thread reads the environment yet: every test begins here.
            unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("inspect-{}", std::process::id())) };
        }
    });
}

fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

fn create_event(name: &str) -> Handle {
    event::create(&Attributes { name: Some(&units(name)), inherit: false }, ALL, false, false).unwrap().0
}

fn create_mutex(name: &str, is_owned: bool) -> Handle {
    mutex::create(&Attributes { name: Some(&units(name)), inherit: false }, MUTEX_ALL, is_owned).unwrap().0
}

fn own_thread() -> ThreadId {
    ThreadId { process: process::id(), thread: thread::id() }
}

fn named<'a>(listing: &'a Listing, name: &str) -> &'a ObjectView {
    listing.objects.iter().find(|object| object.name.as_deref() == Some(name)).expect("the object is listed")
}

/// Looks until the listing is as wanted.
fn look_until(is_wanted: impl Fn(&Listing) -> bool) -> Listing {
    loop {
        let listing = inspect::objects().unwrap();
        if is_wanted(&listing) {
            return listing;
        }
        std::thread::yield_now();
    }
}

fn waits_for(listing: &Listing, name: &str, count: usize) -> bool {
    listing.objects.iter().any(|object| object.name.as_deref() == Some(name) && object.waiters.len() == count)
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

/// What the other process does; only [`start`] runs it.
#[test]
#[ignore = "a role that other tests start"]
fn plays_a_role() {
    match std::env::var("ROLE").as_deref() {
        Ok("waiter") => {
            let event = create_event("shared");
            let second = create_event("shared");
            println!("\nhandles {} {}", event.raw(), second.raw());
            assert_eq!(wait::one(event, None, false), Ok(Outcome::Object(0)));
        }
        Ok("only one") => cross_over(None),
        Ok("any") => cross_over(Some(Mode::Any)),
        Ok("all") => cross_over(Some(Mode::All)),
        other => panic!("no such role: {other:?}"),
    }
}

/// Two threads take two mutexes in opposite order. The second waits for the mutex alone, or in some mode for it and an
/// event that nobody sets.
fn cross_over(mode: Option<Mode>) {
    let mutexes = [create_mutex("left", false), create_mutex("right", false)];
    let event = create_event("way out");
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for (mine, other) in [(0, 1), (1, 0)] {
            let barrier = &barrier;
            scope.spawn(move || {
                assert_eq!(wait::one(mutexes[mine], None, false), Ok(Outcome::Object(0)));
                barrier.wait();
                match mode.filter(|_| mine == 1) {
                    Some(mode) => wait::many(&[mutexes[other], event], mode, None, false),
                    None => wait::one(mutexes[other], None, false),
                }
            });
        }
    });
}

#[test]
fn the_other_process_is_shown_with_its_handles_and_its_blocked_thread() {
    namespace();
    let event = create_event("shared");
    let mut waiter = start("waiter");
    let output = BufReader::new(waiter.stdout.take().unwrap());
    let line = output.lines().map_while(Result::ok).find(|line| line.starts_with("handles")).unwrap();
    let listing = look_until(|listing| waits_for(listing, "shared", 1));

    let object = named(&listing, "shared");
    assert_eq!(object.kind, Kind::Event);
    assert_eq!(object.state, State::Event { set: false, manual_reset: false });
    assert_eq!(object.handle_count, 3);
    let own = object.holders.iter().find(|holder| holder.process == process::id()).unwrap();
    assert_eq!(own.handles, [event]);
    let other = object.holders.iter().find(|holder| holder.process == waiter.id()).unwrap();
    let shown: Vec<String> = other.handles.iter().map(|handle| handle.raw().to_string()).collect();
    assert_eq!(format!("handles {}", shown.join(" ")), line);
    assert_eq!(object.waiters[0].thread.process, waiter.id());
    assert_eq!(object.waiters[0].call, Call::WaitAny);
    let running = State::Process { id: waiter.id(), exit_code: None };
    assert!(listing.objects.iter().any(|object| object.kind == Kind::Process && object.state == running));
    let blocked = listing.blocked.iter().find(|blocked| blocked.thread.process == waiter.id()).unwrap();
    assert!(blocked.chain.is_empty() && !blocked.is_deadlocked);
    assert_eq!(listing.lock_holder, None);
    assert_eq!(inspect::check(), []);

    waiter.kill().unwrap();
    waiter.wait().unwrap();
    let listing = look_until(|listing| waits_for(listing, "shared", 0));
    assert!(listing.blocked.iter().all(|blocked| blocked.thread.process != waiter.id()));
    look_until(|listing| named(listing, "shared").handle_count == 1);
    assert_eq!(inspect::check(), []);
    handle::close(event).unwrap();
}

#[test]
fn every_state_is_told() {
    namespace();
    let nothing = Attributes::default();
    let name = units("three of five");
    let (semaphore, _) =
        semaphore::create(&Attributes { name: Some(&name), inherit: false }, ALL, 3, 5).unwrap();
    let name = units("Global\\far off");
    let (timer, _) = timer::create(&Attributes { name: Some(&name), inherit: false }, ALL, true).unwrap();
    timer::set(timer, &timer::Setting { due: -36_000_000_000, period_ms: 1500, routine: None }).unwrap();
    let mutex = create_mutex("taken twice", true);
    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
    let left = create_mutex("left behind", false);
    std::thread::spawn(move || wait::one(left, None, false).unwrap()).join().unwrap();
    let (unnamed, _) = event::create(&nothing, ALL, true, true).unwrap();
    let listing = inspect::objects().unwrap();

    assert_eq!(named(&listing, "three of five").state, State::Semaphore { count: 3, maximum: 5 });
    assert_eq!(named(&listing, "three of five").state.to_string(), "3 of 5");
    let owned = State::Mutex { owner: Some(own_thread()), recursion: 2, abandoned: false };
    assert_eq!(named(&listing, "taken twice").state, owned);
    assert_eq!(named(&listing, "left behind").state.to_string(), "free, abandoned");
    match &named(&listing, "Global\\far off").state {
        State::Timer {
            set: false,
            manual_reset: true,
            due: Some(due),
            period: Some(period),
            absolute: false,
        } => {
            assert!(*due <= Duration::from_secs(3600) && !due.is_zero());
            assert_eq!(*period, Duration::from_millis(1500));
        }
        other => panic!("{other:?}"),
    }
    assert!(listing.objects.iter().any(|object| {
        object.name.is_none()
            && object.state.to_string() == "set, manual"
            && object.holders.iter().any(|holder| holder.handles.contains(&unnamed))
    }));
    mutex::release(mutex).unwrap();
    for handle in [semaphore, timer, mutex, left, unnamed] {
        let _ = handle::close(handle);
    }
}

/// Who is deadlocked when two threads cross over as [`cross_over`] does, and the chain of the one that owns `left`.
fn crossed_over(role: &str) -> (Vec<ThreadId>, Vec<(String, ThreadId)>, [ThreadId; 2]) {
    namespace();
    // The roles use the same names.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let mut crossing = start(role);
    let listing = look_until(|listing| waits_for(listing, "left", 1) && waits_for(listing, "right", 1));
    let owner = |name: &str| match &named(&listing, name).state {
        State::Mutex { owner: Some(owner), recursion: 1, .. } => *owner,
        other => panic!("{other:?}"),
    };
    let owners = [owner("left"), owner("right")];
    assert!(owners.iter().all(|owner| owner.process == crossing.id()));
    let stuck = listing
        .blocked
        .iter()
        .filter(|blocked| blocked.is_deadlocked)
        .map(|blocked| blocked.thread)
        .collect();
    let first = listing.blocked.iter().find(|blocked| blocked.thread == owners[0]).unwrap();
    let name = |object: usize| listing.objects[object].name.clone().unwrap();
    let chain = first.chain.iter().map(|link| (name(link.object), link.owner)).collect();
    crossing.kill().unwrap();
    crossing.wait().unwrap();
    look_until(|listing| listing.objects.iter().all(|object| object.name.as_deref() != Some("left")));
    assert_eq!(inspect::check(), []);
    (stuck, chain, owners)
}

#[test]
fn two_threads_that_wait_for_each_other_are_a_deadlock() {
    let (mut stuck, chain, [left, right]) = crossed_over("only one");
    stuck.sort();
    let mut both = vec![left, right];
    both.sort();
    assert_eq!(stuck, both);
    assert_eq!(chain, [("right".to_owned(), right), ("left".to_owned(), left)]);
}

#[test]
fn a_wait_for_any_with_another_way_out_is_no_deadlock() {
    let (stuck, chain, [left, right]) = crossed_over("any");
    assert_eq!(stuck, []);
    assert_eq!(chain, [("right".to_owned(), right), ("left".to_owned(), left)]);
}

#[test]
fn a_wait_for_all_has_no_way_out() {
    let (stuck, _, _) = crossed_over("all");
    assert_eq!(stuck.len(), 2);
}

#[test]
fn both_ends_of_a_pipe_are_told() {
    namespace();
    let server = pipe::Server { first_instance: true, max_instances: 1, ..pipe::Server::new(true, 100) };
    let (server, _) = pipe::create(&units("told"), &server).unwrap();
    let name = "\\\\.\\pipe\\told";
    let ends = |listing: &Listing| -> Vec<State> {
        let is_it = |object: &&ObjectView| object.name.as_deref() == Some(name);
        listing.objects.iter().filter(is_it).map(|object| object.state.clone()).collect()
    };
    let end = |is_server, state, unread| State::Pipe { is_server, state, unread };
    assert_eq!(ends(&inspect::objects().unwrap()), [end(true, PipeState::Listening, 0)]);

    let client = pipe::open(&units("told"), 0xC000_0000, false, false).unwrap();
    io::write(client, &[7; 30], None).unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0_u8; 8];
        // SAFETY: the call returns when the request is complete.
        let buffer = unsafe { io::ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
        io::read(client, buffer, None)
    });
    let listing = look_until(|listing| listing.blocked.iter().any(|blocked| blocked.call == Call::Read));
    let mut found = ends(&listing);
    found.sort_by_key(State::to_string);
    assert_eq!(found, [end(false, PipeState::Connected, 0), end(true, PipeState::Connected, 30)]);
    let is_read = |object: &&ObjectView| object.waiters.iter().any(|waiter| waiter.call == Call::Read);
    assert_eq!(listing.objects.iter().find(is_read).unwrap().name.as_deref(), Some(name));
    assert_eq!(inspect::check(), []);

    handle::close(server).unwrap();
    assert!(reader.join().unwrap().is_err());
    assert_eq!(ends(&inspect::objects().unwrap()), [end(false, PipeState::Closing, 0)]);
    handle::close(client).unwrap();
    assert_eq!(inspect::check(), []);
}

/// Ends threads that go on until it is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_busy_arena_has_no_fault() {
    namespace();
    let mutex = create_mutex("busy", false);
    let (semaphore, _) = semaphore::create(&Attributes::default(), ALL, 1, 1).unwrap();
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..3 {
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let event = create_event(&format!("busy {number}"));
                    wait::many(&[mutex, semaphore], Mode::All, None, false).unwrap();
                    semaphore::release(semaphore, 1).unwrap();
                    mutex::release(mutex).unwrap();
                    assert_eq!(
                        wait::one(event, Some(Duration::from_micros(50)), false),
                        Ok(Outcome::Timeout)
                    );
                    handle::close(event).unwrap();
                }
            });
        }
        // Also where an assertion fails, since the scope waits for its threads.
        let _over = Over(is_over);
        for _ in 0..100 {
            assert_eq!(inspect::check(), []);
            assert_eq!(inspect::objects().unwrap().lock_holder, None);
        }
    });
    handle::close(mutex).unwrap();
    handle::close(semaphore).unwrap();
}

#[test]
fn a_mutex_in_great_demand_has_no_fault() {
    namespace();
    let mutex = create_mutex("in demand", false);
    let is_over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    wait::one(mutex, None, false).unwrap();
                    mutex::release(mutex).unwrap();
                }
            });
        }
        let _over = Over(is_over);
        for _ in 0..200 {
            assert_eq!(inspect::check(), []);
        }
    });
    handle::close(mutex).unwrap();
}
