//! What every transport must do, whatever carries its frames. A new line in the table is tested here without more.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

/// Only a broken transport takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells a process that it is one of ours: mechanism, room and what to do, with spaces between.
const ROLE: &str = "WINIPC_CONFORMANCE_ROLE";

/// A room that no other test and no other run of this one uses.
fn unique_room() -> RoomName {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    RoomName::new(&format!("test-{}-{number}", std::process::id())).unwrap()
}

fn for_each_mechanism(test: impl Fn(&Mechanism, &dyn Transport, &RoomName)) {
    for mechanism in MECHANISMS {
        eprintln!("over {}:", mechanism.name);
        test(mechanism, mechanism.open(Address::Unsaid).unwrap().as_ref(), &unique_room());
    }
}

fn claim(transport: &dyn Transport, room: &RoomName) -> Box<dyn Claim> {
    transport.claim(room, PATIENCE).unwrap().expect("a claim that nobody has")
}

/// Connects to a room that is or will be served.
fn enter(transport: &dyn Transport, room: &RoomName) -> Link {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(link) = transport.connect(room).unwrap() {
            return link;
        }
        assert!(Instant::now() < end, "nobody answers");
    }
}

/// Both ends of a new link, the server's first.
pub(super) fn pair(transport: &dyn Transport, room: &RoomName, listener: &mut dyn Listener) -> (Link, Link) {
    // On a busy machine a client may have given up an attempt by the time that it is let in.
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            loop {
                let mut link = enter(transport, room);
                if let Ok(true) = link.receiver.receive(&mut Vec::new())
                    && link.sender.send(b"here").is_ok()
                {
                    return link;
                }
            }
        });
        loop {
            let mut server = listener.accept().unwrap();
            if server.sender.send(b"there?").is_ok()
                && let Ok(true) = server.receiver.receive(&mut Vec::new())
            {
                return (server, client.join().unwrap());
            }
        }
    })
}

/// A frame that no other number has.
fn frame(number: usize) -> Vec<u8> {
    // Every length up to a few bytes, the longest, and some between.
    let length = match number {
        0..10 => number,
        10 => 64 * 1024,
        _ => (number * 7919) % (64 * 1024),
    };
    (0..length).map(|index| (index ^ (index >> 8) ^ number) as u8).collect()
}

fn send_all(sender: &mut dyn FrameSender, frames: std::ops::Range<usize>) {
    for number in frames {
        sender.send(&frame(number)).unwrap();
    }
}

#[track_caller]
fn receive_all(receiver: &mut dyn FrameReceiver, frames: std::ops::Range<usize>) {
    let mut bytes = Vec::new();
    for number in frames {
        assert!(receiver.receive(&mut bytes).unwrap(), "the peer has gone before frame {number}");
        assert!(bytes == frame(number), "frame {number} has changed, {} bytes", bytes.len());
    }
}

/// Whatever is still under way, the link ends.
fn drain(receiver: &mut dyn FrameReceiver) {
    let mut bytes = Vec::new();
    while let Ok(true) = receiver.receive(&mut bytes) {}
}

#[test]
fn frames_arrive_whole_and_in_order_both_ways_at_once() {
    for_each_mechanism(|_, transport, room| {
        let claim = claim(transport, room);
        let mut listener = claim.listen().unwrap();
        let (server, client) = pair(transport, room, listener.as_mut());
        thread::scope(|scope| {
            for mut sender in [server.sender, client.sender] {
                scope.spawn(move || {
                    send_all(sender.as_mut(), 0..150);
                    sender.send(&vec![7; FRAME_LIMIT]).unwrap();
                    // What follows the longest frame.
                    send_all(sender.as_mut(), 0..3);
                });
            }
            for mut receiver in [server.receiver, client.receiver] {
                scope.spawn(move || {
                    receive_all(receiver.as_mut(), 0..150);
                    let mut bytes = Vec::new();
                    assert!(receiver.receive(&mut bytes).unwrap());
                    assert!(bytes == vec![7; FRAME_LIMIT], "the longest frame has changed");
                    receive_all(receiver.as_mut(), 0..3);
                });
            }
        });
    });
}

#[test]
fn links_do_not_mix() {
    const LINKS: usize = 20;
    for_each_mechanism(|_, transport, room| {
        let claim = claim(transport, room);
        let mut listener = claim.listen().unwrap();
        let links: Vec<_> = (0..LINKS).map(|_| pair(transport, room, listener.as_mut())).collect();
        thread::scope(|scope| {
            for (number, (mut server, mut client)) in links.into_iter().enumerate() {
                let frames = number..number + 30;
                let echoed = frames.clone();
                scope.spawn(move || {
                    let mut bytes = Vec::new();
                    while server.receiver.receive(&mut bytes).unwrap() {
                        server.sender.send(&bytes).unwrap();
                    }
                });
                scope.spawn(move || {
                    for number in echoed {
                        client.sender.send(&frame(number)).unwrap();
                        receive_all(client.receiver.as_mut(), number..number + 1);
                    }
                });
            }
        });
    });
}

#[test]
fn a_dropped_end_is_seen_after_what_it_sent() {
    for_each_mechanism(|_, transport, room| {
        let claim = claim(transport, room);
        let mut listener = claim.listen().unwrap();
        for is_server_dropped in [false, true] {
            let (server, client) = pair(transport, room, listener.as_mut());
            let (mut dropped, mut kept) = if is_server_dropped { (server, client) } else { (client, server) };
            send_all(dropped.sender.as_mut(), 0..10);
            drop(dropped);
            receive_all(kept.receiver.as_mut(), 0..10);
            assert!(!kept.receiver.receive(&mut Vec::new()).unwrap());
        }
    });
}

#[test]
fn an_abort_ends_both_halves_and_is_seen_by_the_peer() {
    for_each_mechanism(|_, transport, room| {
        let claim = claim(transport, room);
        let mut listener = claim.listen().unwrap();
        let (server, client) = pair(transport, room, listener.as_mut());
        let is_sending = &AtomicBool::new(false);
        let (mut sender, mut receiver) = (server.sender, server.receiver);
        thread::scope(|scope| {
            // Nobody reads: sooner or later it waits.
            scope.spawn(move || {
                while {
                    is_sending.store(true, Ordering::Relaxed);
                    sender.send(&frame(10)).is_ok()
                } {}
            });
            scope.spawn(move || drain(receiver.as_mut()));
            while !is_sending.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            (server.abort)();
        });
        let mut receiver = client.receiver;
        drain(receiver.as_mut());
        // Others are not concerned.
        let (mut server, mut client) = pair(transport, room, listener.as_mut());
        server.sender.send(b"next").unwrap();
        let mut bytes = Vec::new();
        assert!(client.receiver.receive(&mut bytes).unwrap());
        assert_eq!(bytes, b"next");
    });
}

#[test]
fn a_room_that_nobody_serves_has_nobody() {
    for_each_mechanism(|_, transport, room| assert!(transport.connect(room).unwrap().is_none()));
}

#[test]
fn a_claim_is_exclusive_and_ends_with_its_value() {
    for_each_mechanism(|_, transport, room| {
        let other_gets_it = |patience| {
            // A claim may belong to its thread.
            thread::scope(|scope| {
                scope.spawn(|| transport.claim(room, patience).unwrap().is_some()).join().unwrap()
            })
        };
        let ours = claim(transport, room);
        assert!(!other_gets_it(Duration::ZERO));
        let listener = ours.listen().unwrap();
        assert!(!other_gets_it(Duration::from_millis(1)));
        drop(listener);
        drop(ours);
        assert!(other_gets_it(PATIENCE));
        let ours = claim(transport, room);
        let mut listener = ours.listen().unwrap();
        let (mut server, mut client) = pair(transport, room, listener.as_mut());
        client.sender.send(b"once more").unwrap();
        assert!(server.receiver.receive(&mut Vec::new()).unwrap());
    });
}

#[test]
fn rooms_do_not_mix() {
    for_each_mechanism(|_, transport, room| {
        let other = unique_room();
        let claims = [claim(transport, room), claim(transport, &other)];
        let mut listeners = claims.each_ref().map(|claim| claim.listen().unwrap());
        let (mut server, _client) = pair(transport, room, listeners[0].as_mut());
        let (mut other_server, mut client) = pair(transport, &other, listeners[1].as_mut());
        server.sender.send(b"not for you").unwrap();
        other_server.sender.send(b"for you").unwrap();
        let mut bytes = Vec::new();
        assert!(client.receiver.receive(&mut bytes).unwrap());
        assert_eq!(bytes, b"for you");
    });
}

/// Another process, at one end of a room.
struct Peer {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    _input: ChildStdin,
}

impl Peer {
    fn start(mechanism: &Mechanism, room: &RoomName, what: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "transport::conformance::peer_process", "--ignored", "--nocapture"])
            .env(ROLE, format!("{} {room} {what}", mechanism.name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let _input = child.stdin.take().unwrap();
        Self { child, output, _input }
    }

    /// Waits until the peer says that it has come so far.
    #[track_caller]
    fn await_word(&mut self, word: &str) {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if line.trim_end().ends_with(word) {
                return;
            }
            line.clear();
        }
        panic!("the peer has ended before it said {word:?}");
    }

    /// As `kill -9` does.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: what runs in the other process.
#[test]
#[ignore = "run by the tests as another process"]
fn peer_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    // The test holds the other end of our input; when it is gone, so are we.
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let [mechanism, room, what] = role.split(' ').collect::<Vec<_>>()[..] else { panic!("{role}") };
    let mechanism = MECHANISMS.iter().find(|known| known.name == mechanism).unwrap();
    let transport = mechanism.open(Address::Unsaid).unwrap();
    let room = RoomName::new(room).unwrap();
    let mut held: Vec<Box<dyn Claim>> = Vec::new();
    let mut link = match what {
        "serve" => {
            let claim = claim(transport.as_ref(), &room);
            let mut listener = claim.listen().unwrap();
            held.push(claim);
            println!("\nopen");
            let link = listener.accept().unwrap();
            std::mem::forget(listener);
            link
        }
        _ => enter(transport.as_ref(), &room),
    };
    send_all(link.sender.as_mut(), 0..10);
    println!("\nsent");
    drain(link.receiver.as_mut());
    println!("\nended");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[test]
fn the_death_of_a_client_is_seen_after_what_it_sent() {
    for_each_mechanism(|mechanism, transport, room| {
        let claim = claim(transport, room);
        let mut listener = claim.listen().unwrap();
        let mut peer = Peer::start(mechanism, room, "join");
        let mut link = listener.accept().unwrap();
        // It reads nothing of this before it dies, or all.
        link.sender.send(b"hello").unwrap();
        peer.await_word("sent");
        peer.kill();
        receive_all(link.receiver.as_mut(), 0..10);
        assert!(!link.receiver.receive(&mut Vec::new()).unwrap());
        // And found out by who writes.
        let end = Instant::now() + PATIENCE;
        while link.sender.send(b"anybody?").is_ok() {
            assert!(Instant::now() < end, "frames for a dead peer are taken");
        }
        // The room goes on.
        let (mut server, mut client) = pair(transport, room, listener.as_mut());
        server.sender.send(b"next").unwrap();
        assert!(client.receiver.receive(&mut Vec::new()).unwrap());
    });
}

#[test]
fn the_death_of_a_server_is_seen_after_what_it_sent_and_frees_its_room() {
    for_each_mechanism(|mechanism, transport, room| {
        let mut peer = Peer::start(mechanism, room, "serve");
        peer.await_word("open");
        assert!(
            transport.claim(room, Duration::ZERO).unwrap().is_none(),
            "its claim is good in all processes"
        );
        let mut link = enter(transport, room);
        peer.await_word("sent");
        peer.kill();
        receive_all(link.receiver.as_mut(), 0..10);
        assert!(!link.receiver.receive(&mut Vec::new()).unwrap());
        // The room is free while a former member still holds its link.
        let claim = claim(transport, room);
        let mut listener = claim.listen().unwrap();
        let (mut server, mut client) = pair(transport, room, listener.as_mut());
        server.sender.send(b"taken over").unwrap();
        assert!(client.receiver.receive(&mut Vec::new()).unwrap());
    });
}
