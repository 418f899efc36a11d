//! `winipc pipe`.

use std::fs::File;
use std::io::Write;
use std::process::{Output, Stdio};

use super::common::{Process, World};
use super::{assert_ends, assert_prints, await_object, shell};

/// Every byte in every place, beyond any buffer.
fn bytes() -> Vec<u8> {
    (0..300_000_u32).map(|number| (number ^ number >> 8) as u8).collect()
}

/// Runs `winipc pipe` with this input.
#[track_caller]
fn pipe(world: &World, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = world.winipc();
    command.arg("pipe").args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut standard_input = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // The program need not read it all.
        scope.spawn(move || drop(standard_input.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

#[track_caller]
fn assert_gives(output: &Output, expected: &[u8]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    // Not `assert_eq`, which would print them.
    assert!(output.stdout == expected, "{} bytes, not {}", output.stdout.len(), expected.len());
}

fn serve(world: &World, arguments: &[&str]) -> Process {
    Process::start(world.winipc().args([&["pipe", "serve"], arguments].concat()))
}

#[test]
fn bytes_one_way() {
    let world = World::new();
    let file = world.directory().join("received");
    let bytes = bytes();
    let mut server = world.winipc();
    server.args(["pipe", "serve", "p", "--receive-only"]).stdin(Stdio::null());
    let mut server = server.stdout(File::create(&file).unwrap()).spawn().unwrap();
    assert_gives(&pipe(&world, &["connect", "p", "--send-only", "--retry"], &bytes), b"");
    assert!(server.wait().unwrap().success());
    assert!(std::fs::read(&file).unwrap() == bytes);
    // And the other way.
    let mut server = world.winipc();
    server.args(["pipe", "serve", "p", "--send-only"]).stdin(File::open(&file).unwrap());
    let mut server = server.spawn().unwrap();
    assert_gives(&pipe(&world, &["connect", "p", "--receive-only", "--retry"], b""), &bytes);
    assert!(server.wait().unwrap().success());
}

#[test]
fn both_talk() {
    let world = World::new();
    let mut server = serve(&world, &["p"]);
    let mut client = Process::start(world.winipc().args(["pipe", "connect", "p", "--retry"]));
    client.type_line("hello");
    server.expect("hello");
    server.type_line("hello yourself");
    client.expect("hello yourself");
    // The end of one's input is not the end of the conversation.
    client.input = None;
    server.type_line("still there?");
    client.expect("still there?");
    server.kill();
    client.succeed();
}

#[test]
fn the_end_of_the_input_can_be_the_end() {
    let world = World::new();
    let mut server = serve(&world, &["p"]);
    let client = pipe(&world, &["connect", "p", "-N", "--retry"], b"all there is\n");
    assert_gives(&client, b"");
    server.expect("all there is");
    server.succeed();
}

#[test]
fn a_message_and_its_reply() {
    let world = World::new();
    let mut server = serve(&world, &["p", "--messages", "--", "cat"]);
    for message in [&bytes()[..], b"", b"no newline", b"a\0b\n"] {
        assert_gives(&pipe(&world, &["call", "p", "--retry"], message), message);
    }
    assert_ends(&world, &["pipe", "call", r"\\.\pipe\P"], 0, "");
    // A client that calls more than once.
    let client = Process::start(world.winipc().args(["pipe", "connect", "p", "--messages"]));
    let mut client = client;
    client.type_line("one");
    client.expect("one");
    client.type_line("two");
    client.expect("two");
    server.input = None;
    server.kill();
    client.succeed();
}

#[test]
fn messages_of_any_bytes() {
    let world = World::new();
    let mut framed = Vec::new();
    for message in [&bytes()[..], b"", b"\n\0"] {
        framed.extend_from_slice(&(message.len() as u32).to_le_bytes());
        framed.extend_from_slice(message);
    }
    let file = world.directory().join("messages");
    std::fs::write(&file, &framed).unwrap();
    let mut server = world.winipc();
    server.args(["pipe", "serve", "p", "--messages=length", "--send-only"]);
    let mut server = server.stdin(File::open(&file).unwrap()).spawn().unwrap();
    let client = pipe(&world, &["connect", "p", "--messages=length", "--receive-only", "--retry"], b"");
    assert_gives(&client, &framed);
    assert!(server.wait().unwrap().success());
}

#[test]
fn a_command_for_each_client() {
    let world = World::new();
    let server = serve(&world, &["p", "--", "cat"]);
    let connect = ["pipe", "connect", "p", "--retry"];
    let mut clients = [(); 2].map(|()| Process::start(world.winipc().args(connect)));
    // Both are served at a time.
    for _ in 0..2 {
        for client in &mut clients {
            client.type_line("hello");
            client.expect("hello");
        }
    }
    let [first, second] = clients;
    drop(first);
    server.kill();
    second.succeed();
    assert_ends(&world, &["pipe", "connect", "p"], 3, "the pipe");
}

#[test]
fn a_command_for_one_client() {
    let world = World::new();
    let server = serve(&world, &["p", "--once", "--", "sh", "-c", "read line; echo got $line; exit 7"]);
    assert_gives(&pipe(&world, &["connect", "p", "--retry"], b"it\n"), b"got it\n");
    let (status, _, errors) = server.finish();
    assert_eq!(status.code(), Some(7), "{errors}");
}

#[test]
fn a_reader_that_had_enough() {
    let world = World::new();
    let _server = serve(&world, &["p", "--", "yes"]);
    let script = "{ winipc pipe connect p --retry; echo $? >&2; } | head -2";
    let output = shell(&world, script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "y\ny\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "0\n");
}

#[test]
fn an_end_that_did_not_read_everything() {
    let world = World::new();
    let _server = serve(&world, &["p", "--", "true"]);
    let output = pipe(&world, &["connect", "p", "--send-only", "--retry"], &bytes());
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("may not have read all"), "{errors}");
}

#[test]
fn pipes_are_listed() {
    let world = World::new();
    assert_prints(&world, "winipc pipe list", "");
    let _servers = ["two", "One"].map(|name| {
        let server = serve(&world, &[name, "--", "cat"]);
        await_object(&world, &format!(r"\\.\pipe\{name}"), |_| true);
        server
    });
    assert_prints(&world, "winipc pipe list", "One\ntwo\n");
    assert_prints(&world, "winipc pipe list -0 | tr '\\0' ,", "One,two,");
}

#[test]
fn failures_have_their_status() {
    let world = World::new();
    let _server = serve(&world, &["messages", "--messages"]);
    await_object(&world, r"\\.\pipe\messages", |_| true);
    let _server = serve(&world, &["bytes", "--send-only"]);
    await_object(&world, r"\\.\pipe\bytes", |_| true);
    let cases: [(&[&str], i32, &str); 10] = [
        (&["serve", "p", "--timeout", "1ms"], 124, ""),
        (&["serve", "p", "--timeout", "1ms", "--", "true"], 124, ""),
        (&["serve", "messages"], 5, "already"),
        (&["serve", "messages", "--", "true"], 125, "already"),
        (&["serve", r"\\.\mailslot\p"], 2, "the pipe"),
        (&["serve", "p", "--once"], 2, "COMMAND"),
        (&["call", "nonesuch"], 3, "the pipe"),
        (&["connect", "bytes"], 1, "one way only"),
        (&["connect", "bytes", "--receive-only", "--messages"], 1, "carries bytes"),
        // Nobody replies, and then no instance is free.
        (&["call", "messages", "--timeout", "10ms"], 124, ""),
    ];
    for (arguments, status, complaint) in cases {
        assert_ends(&world, &[&["pipe"], arguments].concat(), status, complaint);
    }
}
