//! `winipc chat` over TCP and UDP, with addresses and with strangers.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use common::{PATIENCE, Process, World, unique};

const PROTOCOLS: [&str; 2] = ["tcp", "udp"];

/// The addresses of the loopback interface: some machines have no IPv6.
fn loopback() -> impl Iterator<Item = &'static str> {
    ["127.0.0.1", "[::1]"].into_iter().filter(|host| UdpSocket::bind(format!("{host}:0")).is_ok())
}

fn chat(world: &World, room: &str, name: &str, over: &str, arguments: &[&str]) -> Process {
    Process::start(world.winipc().args(["chat", room, "--name", name, "--over", over]).args(arguments))
}

/// Starts a member that serves at any free port of `host`, and returns its address.
fn serve(world: &World, room: &str, over: &str, host: &str) -> (Process, SocketAddr) {
    let mut server = chat(world, room, "ann", over, &["--listen", &format!("{host}:0")]);
    let line = server.expect(&format!("* the room is open at {over} "));
    let address = line.rsplit(' ').next().unwrap().parse().unwrap();
    server.expect("ann serves the room");
    (server, address)
}

/// The members need not share a namespace: as if they were on two machines.
#[test]
fn members_meet_at_an_address() {
    for over in PROTOCOLS {
        for host in loopback() {
            let room = unique("room");
            let worlds = [World::new(), World::new()];
            let (mut ann, address) = serve(&worlds[0], &room, over, host);
            let mut bob = chat(&worlds[1], &room, "bob", over, &["--connect", &address.to_string()]);
            bob.expect("* you are in the room with ann; ann serves it");
            ann.expect("* bob has joined");
            let longest = "x".repeat(65_536);
            bob.type_line(&longest);
            assert_eq!(ann.expect("xxx"), format!("bob: {longest}"));
            ann.type_line("that was long");
            bob.expect("ann: that was long");
            bob.type_line("/quit");
            bob.succeed();
            ann.expect("* bob has left");
        }
    }
}

#[test]
fn who_may_listen_takes_over_and_who_connects_comes_back() {
    for over in PROTOCOLS {
        let room = unique("room");
        let worlds = [World::new(), World::new(), World::new()];
        let (ann, address) = serve(&worlds[0], &room, over, "127.0.0.1");
        let address = address.to_string();
        let mut bob = chat(&worlds[1], &room, "bob", over, &["--connect", &address]);
        bob.expect("ann serves it");
        let mut cleo = chat(&worlds[2], &room, "cleo", over, &["--listen", &address]);
        cleo.expect("ann serves it");
        bob.expect("* cleo has joined");
        let mut input = bob.input.take().unwrap();
        let typist = std::thread::spawn(move || {
            for number in 1..=1000 {
                writeln!(input, "line {number}.").unwrap();
            }
            input
        });
        cleo.expect("bob: line 50.");
        ann.kill();
        cleo.expect("bob: line 1000.");
        let said: Vec<_> = cleo.seen().iter().filter(|line| line.starts_with("bob: ")).collect();
        let complete: Vec<_> = (1..=1000).map(|number| format!("bob: line {number}.")).collect();
        let first_wrong = said.iter().zip(&complete).find(|(said, complete)| **said != *complete);
        assert!(first_wrong.is_none() && said.len() == 1000, "{over}: {first_wrong:?}");
        bob.input = Some(typist.join().unwrap());
        assert!(cleo.seen().iter().any(|line| line == "* cleo now serves the room"), "{over}");
        cleo.type_line("welcome back");
        bob.expect("cleo: welcome back");
    }
}

/// The client may come first, and a server may come back at its address.
#[test]
fn a_client_waits_for_its_server() {
    for over in PROTOCOLS {
        let (world, room) = (World::new(), unique("room"));
        let (ann, address) = serve(&world, &room, over, "127.0.0.1");
        ann.kill();
        let address = address.to_string();
        let mut bob = chat(&world, &room, "bob", over, &["--connect", &address]);
        bob.expect("* the room's server does not answer; waiting for it");
        let mut ann = chat(&world, &room, "ann", over, &["--serve", "--listen", &address]);
        bob.expect("ann serves it");
        bob.type_line("at last");
        ann.expect("bob: at last");
    }
}

#[test]
fn other_rooms_are_refused() {
    for over in PROTOCOLS {
        let world = World::new();
        let (_ann, address) = serve(&world, "one", over, "127.0.0.1");
        for option in ["--connect", "--listen"] {
            let (status, _, errors) =
                chat(&world, "another", "bob", over, &[option, &address.to_string()]).finish();
            assert_eq!(status.code(), Some(1));
            let expected = format!("the server at {address} does not serve the room \"another\"");
            assert!(errors.contains(&expected), "{errors}");
        }
    }
}

/// Bad peers of all kinds at once, and the room goes on.
#[test]
fn strangers_do_not_stop_a_room() {
    let (world, room) = (World::new(), unique("room"));
    let (mut ann, address) = serve(&world, &room, "tcp", "127.0.0.1");
    let garbage = [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\xff\xff", &[0; 4096], b"", b"\x05\x00winip"];
    let mut strangers = Vec::new();
    for round in 0..100 {
        // The room may have closed an earlier connection in the meantime, but takes every new one.
        let mut stranger = TcpStream::connect(address).unwrap();
        let _ = stranger.write_all(garbage[round % garbage.len()]);
        if round % 3 > 0 {
            strangers.push(stranger);
        }
    }
    // One who knows the way in, and then says what nobody understands.
    for words in [&b"F\x01\x00\x00\x00{"[..], b"F\xff\xff\xff\xff", b"A", b"X", b"F\x02\x00\x00\x00{}", b""] {
        let mut stranger = TcpStream::connect(address).unwrap();
        stranger.write_all(&[&pass(&room), words].concat()).unwrap();
        let mut answer = [0; 8];
        stranger.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"winipc+\n");
        if !words.is_empty() {
            // It is thrown out.
            stranger.set_read_timeout(Some(PATIENCE)).unwrap();
            let _ = stranger.read_to_end(&mut Vec::new()).map_err(|error| {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{words:?}");
            });
        }
        strangers.push(stranger);
    }
    let mut bob = chat(&world, &room, "bob", "tcp", &["--connect", &address.to_string()]);
    bob.expect("ann serves it");
    bob.type_line("what a crowd");
    ann.expect("bob: what a crowd");
    assert_eq!(ann.seen().iter().filter(|line| line.contains("has joined")).count(), 1);
}

#[test]
fn stray_datagrams_do_not_stop_a_room() {
    let (world, room) = (World::new(), unique("room"));
    let (mut ann, address) = serve(&world, &room, "udp", "127.0.0.1");
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = [0; 2000];
    for kind in 0..=255 {
        for length in [0, 1, 8, 16, 24, 32, 33, 1300, 60_000] {
            let bytes = [&b"wipc"[..], &[kind], &vec![kind; length]].concat();
            stranger.send_to(&bytes, address).unwrap();
        }
    }
    // Nobody gets more back than was sent, and a forged number opens nothing.
    let pass = format!("winipc chat 1\n\n{room}");
    let ask = [&b"wipc\x01"[..], &7_u64.to_le_bytes(), pass.as_bytes()].concat();
    let end = Instant::now() + PATIENCE;
    let answer_length = loop {
        // It may have got lost among the others.
        stranger.send_to(&ask, address).unwrap();
        match stranger.recv_from(&mut buffer) {
            Ok((length, _)) if buffer[4] == 2 => break length,
            _ => assert!(Instant::now() < end, "no answer"),
        }
    };
    assert!(answer_length <= ask.len());
    let forged = [&b"wipc\x04"[..], &7_u64.to_le_bytes(), &8_u64.to_le_bytes()].concat();
    stranger.send_to(&forged, address).unwrap();
    let mut bob = chat(&world, &room, "bob", "udp", &["--connect", &address.to_string()]);
    bob.expect("ann serves it");
    bob.type_line("all quiet");
    ann.expect("bob: all quiet");
    assert_eq!(ann.seen().iter().filter(|line| line.contains("has joined")).count(), 1);
}

/// Without an address a room is the user's own: another namespace does not find it, and who finds the port needs the
/// key.
#[cfg(target_os = "linux")]
#[test]
fn a_room_without_an_address_is_private() {
    let (world, room) = (World::new(), unique("room"));
    let mut ann = chat(&world, &room, "ann", "tcp", &[]);
    ann.expect("ann serves the room");
    let stranger = World::new();
    let mut other = chat(&stranger, &room, "bob", "tcp", &[]);
    other.expect("* you are the first here; bob serves the room");
    let mut files = std::fs::read_dir(world.directory()).unwrap().map(|entry| entry.unwrap().path());
    let directory = files.find(|path| path.to_str().unwrap().ends_with("+chat")).unwrap();
    let published = std::fs::read_to_string(directory.join(format!("{room}.tcp"))).unwrap();
    let address = published.split(' ').next().unwrap();
    let (status, _, errors) = chat(&stranger, &room, "eve", "tcp", &["--connect", address]).finish();
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("does not serve the room"), "{errors}");
}

#[test]
fn mistakes_with_addresses_are_explained() {
    let program = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = program.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in program.incoming() {
            let _ = stream.unwrap().write_all(b"220 mail.example ESMTP\r\n");
        }
    });
    for (arguments, status, part) in [
        (&["--over", "tcp", "--listen", "nonsense"][..], 1, "\"nonsense\" is no address with a port"),
        (&["--over", "tcp", "--connect", "127.0.0.1"], 1, "write it as 192.0.2.7:7000"),
        (&["--over", "udp", "--listen", "127.0.0.1:99999"], 1, "is no address with a port"),
        (&["--over", "udp", "--listen", "192.0.2.7:7000"], 1, "name an address that this machine has"),
        (&["--over", "tcp", "--connect", "no-such-host.invalid:7000"], 1, "cannot find the host"),
        (&["--over", "tcp", "--listen", &taken], 1, "a program that is no winipc chat answers"),
        (&["--over", "tcp", "--connect", &taken], 1, "choose another port"),
        (
            &["--over", "tcp", "--serve", "--listen", &taken],
            1,
            "no winipc chat has the port; choose another port",
        ),
        (&["--listen", "127.0.0.1:7000"], 1, "a room over named-pipe has no address"),
        (&["--over", "tcp", "--listen", "127.0.0.1:1", "--connect", "127.0.0.1:1"], 2, "cannot be used with"),
        (&["--over", "smoke"], 2, "[possible values: named-pipe"),
    ] {
        let output = World::new().run(&[&["chat", "lobby"], arguments].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        assert!(errors.contains(part), "{arguments:?}: {errors}");
    }
}

/// Another program's port was taken for a room whose server does not answer.
#[test]
fn a_port_that_another_program_has() {
    let stream = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addresses = [stream.local_addr().unwrap(), datagram.local_addr().unwrap()].map(|it| it.to_string());
    let (world, room) = (World::new(), unique("room"));
    for (over, address) in PROTOCOLS.iter().zip(&addresses) {
        let (status, _, errors) =
            chat(&world, &room, "ann", over, &["--serve", "--listen", address]).finish();
        assert_eq!(status.code(), Some(1));
        let expected = format!("{address} is taken, and what has it does not answer as winipc chat does");
        assert!(errors.contains(&expected) && errors.contains("choose another port"), "{errors}");
    }
    let mut members = PROTOCOLS.map(|over| {
        let address = &addresses[usize::from(over == "udp")];
        let mut member = chat(&world, &room, "ann", over, &["--listen", address]);
        let notice = member.expect("is taken");
        assert!(notice.starts_with(&format!("* {address} is taken, and what has it does not")), "{notice}");
        assert!(notice.ends_with("choose another port"), "{notice}");
        member
    });
    drop((stream, datagram));
    members.iter_mut().for_each(|member| _ = member.expect("* you are the first here; ann serves the room"));
}

/// It may be a room all the same, whose server is stopped.
#[cfg(target_os = "linux")]
#[test]
fn a_port_whose_server_is_stopped() {
    for over in PROTOCOLS {
        let room = unique("room");
        let worlds = [World::new(), World::new()];
        let (ann, address) = serve(&worlds[0], &room, over, "127.0.0.1");
        worlds[0].stop(&ann);
        let mut bob = chat(&worlds[1], &room, "bob", over, &["--listen", &address.to_string()]);
        bob.expect(
            "is taken, and what has it does not answer as winipc chat does; waiting until it does, or ends",
        );
        worlds[0].resume(&ann);
        bob.expect("* you are in the room with ann; ann serves it");
        let (status, _, errors) =
            chat(&worlds[1], &room, "cleo", over, &["--serve", "--listen", &address.to_string()]).finish();
        assert_eq!(status.code(), Some(1));
        assert!(errors.contains("already served by another process"), "{errors}");
        let other = ["--serve", "--listen", &address.to_string()];
        let (status, _, errors) = chat(&worlds[1], "another", "cleo", over, &other).finish();
        assert_eq!(status.code(), Some(1));
        assert!(errors.contains("another room is served there"), "{errors}");
    }
}

/// The pass that opens `room` over TCP.
fn pass(room: &str) -> Vec<u8> {
    let pass = format!("winipc chat 1\n\n{room}").into_bytes();
    [&(pass.len() as u16).to_le_bytes(), &pass[..]].concat()
}

/// A connection that says nothing is dropped in the end, and so is one that says no more than the pass.
#[test]
fn a_mute_connection_is_dropped() {
    let (world, room) = (World::new(), unique("room"));
    let (_ann, address) = serve(&world, &room, "tcp", "127.0.0.1");
    let mute = TcpStream::connect(address).unwrap();
    let mut nearly_mute = TcpStream::connect(address).unwrap();
    nearly_mute.write_all(&pass(&room)).unwrap();
    for (mut stream, welcome) in [(mute, &b""[..]), (nearly_mute, b"winipc+\n")] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        // It is asked whether it is there.
        let questions = heard.strip_prefix(welcome).unwrap();
        assert!(questions.iter().all(|word| *word == b'P'), "{questions:?}");
    }
}
