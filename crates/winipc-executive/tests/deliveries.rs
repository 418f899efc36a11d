//! Completed requests reach the caller's memory before the caller can learn of them, and also where nobody calls.

mod support;

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use winipc_executive::io::{self, Outcome, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, Server};
use winipc_executive::{Attributes, Handle, Status, apc, event, handle, wait};

use support::{ALL, NOW, State, fork, units};

const PENDING: usize = 0x103;
/// When a test that hangs fails.
const WATCHDOG: Duration = Duration::from_secs(20);

fn namespace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("deliveries-{}", std::process::id())) };
    });
}

/// Both ends of a pipe of bytes, for overlapped use.
fn pair(name: &str, quota: u32) -> (Handle, Handle) {
    namespace();
    let server =
        Server { overlapped: true, first_instance: true, max_instances: 1, ..Server::new(false, quota) };
    let (end, _) = pipe::create(&units(name), &server).unwrap();
    (end, pipe::open(&units(name), 0xC000_0000, true, false).unwrap())
}

/// The two words of a request, of which the test looks only at memory.
struct Block(Box<[AtomicUsize; 2]>);

impl Block {
    fn new() -> Self {
        Block(Box::new([AtomicUsize::new(0), AtomicUsize::new(0)]))
    }

    fn overlapped(&self, event: Option<Handle>, routine: Option<usize>) -> Overlapped {
        // SAFETY: the words are atomics and outlive the request: every test waits for its end.
        let block = unsafe { StatusBlock::new(self.0.as_ptr().cast_mut().cast()) };
        Overlapped { block, event, routine, no_packet: false }
    }

    fn is_pending(&self) -> bool {
        self.0[0].load(Ordering::Acquire) == PENDING
    }

    /// Looks at memory alone until the request is complete.
    fn wait_without_a_call(&self) -> Status {
        let start = Instant::now();
        while self.is_pending() {
            assert!(start.elapsed() < WATCHDOG, "the request is complete and was never delivered");
            std::thread::yield_now();
        }
        Status(self.0[0].load(Ordering::Acquire) as u32)
    }
}

fn buffer(bytes: &mut [u8]) -> ReadBuffer {
    // SAFETY: the tests keep the bytes until the request is complete.
    unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) }
}

#[test]
fn a_wait_that_tells_of_a_completion_comes_after_the_bytes() {
    let (end, client) = pair("after", 4096);
    let (event, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
    let (go, _) = event::create(&Attributes::default(), ALL, false, false).unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..20_000 {
            wait::one(go, None, false).unwrap();
            io::write(client, b"data", None).unwrap();
        }
    });
    let mut early = 0;
    for _ in 0..20_000 {
        let block = Block::new();
        let mut bytes = [0; 4];
        let outcome = io::read(end, buffer(&mut bytes), Some(block.overlapped(Some(event), None)));
        assert_eq!(outcome, Ok(Outcome::Pending));
        event::set(go).unwrap();
        while wait::one(event, NOW, false).unwrap() != wait::Outcome::Object(0) {}
        if block.is_pending() {
            early += 1;
        }
        block.wait_without_a_call();
        assert_eq!(&bytes, b"data");
    }
    writer.join().unwrap();
    assert_eq!(early, 0, "waits that returned before the request was delivered");
    for handle in [end, client, event, go] {
        handle::close(handle).unwrap();
    }
}

#[test]
fn a_routine_runs_after_the_bytes_are_there() {
    let (end, client) = pair("routine", 4096);
    let (go, _) = event::create(&Attributes::default(), ALL, false, false).unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..20_000 {
            wait::one(go, None, false).unwrap();
            io::write(client, b"data", None).unwrap();
        }
    });
    let mut early = 0;
    for _ in 0..20_000 {
        let block = Block::new();
        let mut bytes = [0; 4];
        let outcome = io::read(end, buffer(&mut bytes), Some(block.overlapped(None, Some(1))));
        assert_eq!(outcome, Ok(Outcome::Pending));
        event::set(go).unwrap();
        while apc::take().is_none() {}
        if block.is_pending() {
            early += 1;
        }
        block.wait_without_a_call();
    }
    writer.join().unwrap();
    assert_eq!(early, 0, "routines that would have run before the request was delivered");
    for handle in [end, client, go] {
        handle::close(handle).unwrap();
    }
}

#[test]
fn a_write_that_blocks_delivers_what_it_completed() {
    let (end, client) = pair("blocks", 10);
    let (go, is_go) = std::sync::mpsc::channel();
    // One thread for all rounds, so that no new one wakes the keeper, which would deliver.
    let writer = std::thread::spawn(move || {
        for () in is_go {
            let outcome = io::write(client, &[7; 40], None);
            assert_eq!(outcome, Ok(Outcome::Done { status: Status::SUCCESS, information: 40 }));
        }
    });
    for _ in 0..20 {
        let block = Block::new();
        let mut bytes = [0; 4];
        let outcome = io::read(end, buffer(&mut bytes), Some(block.overlapped(None, None)));
        assert_eq!(outcome, Ok(Outcome::Pending));
        go.send(()).unwrap();
        assert_eq!(block.wait_without_a_call(), Status::SUCCESS);
        let mut rest = [0; 36];
        let outcome = io::read(end, buffer(&mut rest), None);
        assert_eq!(outcome, Ok(Outcome::Done { status: Status::SUCCESS, information: 36 }));
    }
    drop(go);
    writer.join().unwrap();
    handle::close(end).unwrap();
    handle::close(client).unwrap();
}

#[test]
fn what_ends_with_its_thread_is_delivered_before_the_thread_is_gone() {
    let (end, client) = pair("thread", 4096);
    for _ in 0..300 {
        let block = Block::new();
        let mut bytes = [0; 4];
        std::thread::scope(|scope| {
            let issuer = scope.spawn(|| {
                let outcome = io::read(end, buffer(&mut bytes), Some(block.overlapped(None, None)));
                assert_eq!(outcome, Ok(Outcome::Pending));
            });
            issuer.join().unwrap();
        });
        assert!(!block.is_pending(), "its stack may be another thread's by now");
        assert_eq!(block.wait_without_a_call(), Status::CANCELLED);
    }
    handle::close(end).unwrap();
    handle::close(client).unwrap();
}

#[test]
fn a_child_forked_during_a_delivery_can_call() {
    const LENGTH: usize = 4 << 20;
    let (end, client) = pair("fork", LENGTH as u32);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_over = stop.clone();
    let deliverer = std::thread::spawn(move || {
        let mut bytes = vec![0; LENGTH];
        let data = vec![1; LENGTH];
        while !is_over.load(Ordering::Acquire) {
            let block = Block::new();
            let _ = io::read(end, buffer(&mut bytes), Some(block.overlapped(None, None)));
            io::write(client, &data, None).unwrap();
            block.wait_without_a_call();
        }
    });
    for _ in 0..40 {
        let mut child = fork(|| {
            // SAFETY: has no preconditions; a child that hangs is ended.
            unsafe { libc::alarm(WATCHDOG.as_secs() as u32) };
            let (event, _) = event::create(&Attributes::default(), ALL, true, true).unwrap();
            assert_eq!(wait::one(event, NOW, false), Ok(wait::Outcome::Object(0)));
            handle::close(event).unwrap();
        });
        assert_eq!(child.wait_for_end(), State::Exited(0), "the forked child");
    }
    stop.store(true, Ordering::Release);
    deliverer.join().unwrap();
    handle::close(end).unwrap();
    handle::close(client).unwrap();
}
