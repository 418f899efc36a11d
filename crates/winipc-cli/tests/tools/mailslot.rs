//! `winipc mailslot`.

use std::fs::File;
use std::process::Stdio;

use super::common::{Process, World};
use super::{assert_ends, assert_prints, await_object, await_waiter, shell};

/// Waits until `NAME` is listened to.
#[track_caller]
fn await_slot(world: &World, name: &str) {
    await_object(world, &format!(r"\\.\mailslot\{name}"), |_| true);
}

fn listen(world: &World, arguments: &[&str]) -> Process {
    Process::start(world.winipc().args([&["mailslot", "listen"], arguments].concat()))
}

#[test]
fn messages_as_lines() {
    let world = World::new();
    let script = "
        winipc mailslot listen news --count 5 > received &
        echo one | winipc mailslot send news --retry
        printf 'two\\nthree\\n\\n' | winipc mailslot send news --messages
        printf 'no newline' | winipc mailslot send '\\\\.\\mailslot\\NEWS' --messages
        wait
        cat received";
    // What was one message with a new line in it is two lines.
    let script = script.replace("received", world.directory().join("received").to_str().unwrap());
    assert_prints(&world, &script, "one\n\ntwo\nthree\n\nno newline\n");
}

/// Every byte in every place, beyond any buffer.
#[test]
fn any_bytes_in_one_message() {
    let world = World::new();
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number ^ number >> 8) as u8).collect();
    let [sent, received] = ["sent", "received"].map(|name| world.directory().join(name));
    std::fs::write(&sent, &bytes).unwrap();
    let mut listener = world.winipc();
    listener.args(["mailslot", "listen", "bytes", "--raw", "--count", "1"]).stdin(Stdio::null());
    let mut listener = listener.stdout(File::create(&received).unwrap()).spawn().unwrap();
    let mut sender = world.winipc();
    sender.args(["mailslot", "send", "bytes", "--retry"]).stdin(File::open(&sent).unwrap());
    assert!(sender.status().unwrap().success());
    assert!(listener.wait().unwrap().success());
    assert!(std::fs::read(&received).unwrap() == bytes);
}

#[test]
fn messages_of_any_bytes() {
    let world = World::new();
    let script = "
        winipc mailslot listen m --count 3 --messages length > received &
        printf '\\001\\0\\0\\0a\\0\\0\\0\\0\\004\\0\\0\\0\\n\\0\\n\\0' > sent
        winipc mailslot send m --retry --messages=length < sent
        wait
        cmp sent received && echo same";
    let script = script
        .replace("received", world.directory().join("received").to_str().unwrap())
        .replace("sent", world.directory().join("sent").to_str().unwrap());
    assert_prints(&world, &script, "same\n");
}

#[test]
fn several_writers() {
    let world = World::new();
    let received = world.directory().join("received");
    let script = format!(
        "winipc mailslot listen many --count 400 > {0} &
        for writer in a b c d; do
            seq -f $writer%03g 100 | winipc mailslot send many --retry --messages &
        done
        wait
        for writer in a b c d; do
            grep $writer {0} | sort -c && grep -c $writer {0}
        done",
        received.display()
    );
    assert_prints(&world, &script, "100\n100\n100\n100\n");
}

#[test]
fn what_waits_is_told() {
    let world = World::new();
    let mut listener = listen(&world, &["told", "--timeout", "1h", "--max-message", "100"]);
    let name = r"\\.\mailslot\told";
    await_waiter(&world, name);
    let info = |expected: &str| {
        let expected = format!("{expected}\nmax-message 100\nread-timeout 3600000\n");
        assert_prints(&world, "winipc mailslot info TOLD", &expected);
    };
    info("messages 0\nnext none");
    world.stop(&listener);
    // The first is for the read that waits.
    assert_prints(&world, "printf 'one\nthree\n\n' | winipc mailslot send told --messages", "");
    info("messages 2\nnext 5");
    world.resume(&listener);
    listener.expect("one");
    listener.expect("three");
    await_waiter(&world, name);
    info("messages 0\nnext none");
    listener.kill();
}

#[test]
fn exit_statuses() {
    let world = World::new();
    assert_ends(&world, &["mailslot", "listen", "quiet", "--timeout", "10ms"], 124, "");
    assert_ends(&world, &["mailslot", "listen", "quiet", "--count", "0"], 0, "");
    assert_ends(&world, &["mailslot", "listen", r"\\*\mailslot\x"], 2, r"\\.\mailslot\NAME");
    assert_ends(&world, &["mailslot", "send", "absent"], 3, "only while some process holds it");
    assert_ends(
        &world,
        &["mailslot", "send", "absent", "--retry", "--timeout", "10ms"],
        124,
        "\"\\\\.\\mailslot\\absent\"",
    );
    assert_ends(
        &world,
        &["mailslot", "send", r"\\elsewhere\mailslot\x"],
        1,
        "what is on other computers cannot be reached",
    );
    assert_ends(&world, &["mailslot", "info", "absent"], 3, "only while some process listens");
    assert_ends(&world, &["mailslot", "send"], 2, "<NAME>");
    let listener = listen(&world, &["taken", "--max-message", "3"]);
    await_slot(&world, "taken");
    assert_ends(&world, &["mailslot", "listen", "taken"], 5, "somebody listens to");
    let long = shell(&world, "echo too long | winipc mailslot send taken").output().unwrap();
    assert_eq!(long.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&long.stderr);
    assert!(errors.contains("shorter messages"), "{errors}");
    // A datagram to nobody is lost without a word.
    assert_prints(&world, "echo lost | winipc mailslot send '\\\\*\\mailslot\\nobody'", "");
    listener.kill();
}

/// Who has opened a slot is told when nobody listens any more.
#[test]
fn the_listener_goes() {
    let world = World::new();
    let mut listener = listen(&world, &["short", "--count", "1"]);
    let mut sender =
        Process::start(world.winipc().args(["mailslot", "send", "short", "--retry", "--messages"]));
    sender.type_line("the only one");
    listener.expect("the only one");
    listener.succeed();
    sender.type_line("one more");
    let (status, _, errors) = sender.finish();
    assert_eq!(status.code(), Some(3), "{errors}");
    assert!(errors.contains("nobody listens to it any more"), "{errors}");
}
