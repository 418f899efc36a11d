//! Section 6: what messages of mailslots are, how long they last, and broadcasts.

use crate::support::child::Child;
use crate::support::mailslot::*;
use crate::support::pipe::{expect_read, expect_write, read, read_fails, write, write_fails};
use crate::support::*;
use crate::sys::*;
use crate::tests;

tests![
    one_write_is_one_message,
    messages_come_in_the_order_of_all_writers,
    an_empty_message_counts,
    a_message_that_does_not_fit_stays,
    a_long_message_comes_whole,
    a_message_longer_than_the_maximum_fails,
    a_write_after_the_server_closed_fails,
    unread_messages_vanish_with_the_slot,
    messages_outlast_their_writer,
    a_killed_writer_leaves_its_messages,
    a_broadcast_name_opens_without_a_slot,
    a_broadcast_reaches_the_slot,
    a_long_broadcast_fails,
    eight_processes_write_ten_thousand_messages,
];

/// 6.1: What one call wrote is one message, read as a whole.
fn one_write_is_one_message() {
    let (slot, writer) = mailslot_pair(0);
    for message in [&b"one"[..], b"three", b"two"] {
        expect_write(&writer, message);
    }
    for message in [&b"one"[..], b"three", b"two"] {
        expect_read(&slot, 16, message);
    }
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: Messages are read in the order in which all writers wrote them.
fn messages_come_in_the_order_of_all_writers() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let writers = [writer(&name), writer(&name), writer(&name)];
    for number in 0..30_u8 {
        expect_write(&writers[usize::from(number * 7) % 3], &[number]);
    }
    for number in 0..30 {
        expect_read(&slot, 16, &[number]);
    }
}

/// 6.1: A message of size 0 counts, and is read as TRUE with 0 bytes.
fn an_empty_message_counts() {
    let (slot, writer) = mailslot_pair(0);
    expect_write(&writer, b"");
    expect_write(&writer, b"");
    assert_eq!(mailslot_info(&slot)[1..3], [0, 2]);
    expect_read(&slot, 16, b"");
    expect_read(&slot, 0, b"");
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: A buffer smaller than the next message: ERROR_INSUFFICIENT_BUFFER, and the message stays, intact.
fn a_message_that_does_not_fit_stays() {
    let (slot, writer) = mailslot_pair(0);
    expect_write(&writer, b"seven..");
    expect_write(&writer, b"two");
    for size in [6, 1, 0] {
        let (value, error, bytes) = read(&slot, size);
        assert_eq!((value, error, bytes.len()), (FALSE, ERROR_INSUFFICIENT_BUFFER, 0), "{size} bytes");
        assert_eq!(mailslot_info(&slot)[1], 7);
    }
    expect_read(&slot, 7, b"seven..");
    expect_read(&slot, 7, b"two");
}

/// 6.1: A maximum of 0 allows any size; local messages have no limit of 424 bytes.
fn a_long_message_comes_whole() {
    let (slot, writer) = mailslot_pair(0);
    for length in [424, 425, 10_000, 60_000] {
        let message: Vec<u8> = (0..length).map(|number: u32| (number / 3) as u8).collect();
        expect_write(&writer, &message);
        expect_read(&slot, length as usize, &message);
    }
}

/// 6.1: A message longer than the maximum fails ERROR_INVALID_PARAMETER (?); one of exactly that size does not.
fn a_message_longer_than_the_maximum_fails() {
    let name = mailslot_name();
    let slot = mailslot_with(&name, 5, 0);
    let writer = writer(&name);
    assert_eq!(write(&writer, b"longer"), (FALSE, ERROR_INVALID_PARAMETER, 0));
    assert_eq!(mailslot_info(&slot)[2], 0);
    expect_write(&writer, b"exact");
    expect_read(&slot, 5, b"exact");
}

/// 6.1: A write after the server has closed fails ERROR_HANDLE_EOF (?).
fn a_write_after_the_server_closed_fails() {
    let (slot, writer) = mailslot_pair(0);
    slot.close();
    write_fails(&writer, ERROR_HANDLE_EOF);
}

/// 6.1: Unread messages vanish with the slot: the next of the name is empty.
fn unread_messages_vanish_with_the_slot() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    expect_write(&writer(&name), b"unread");
    slot.close();
    let slot = mailslot(&name, 0);
    assert_eq!(mailslot_info(&slot)[1..3], [NONE, 0]);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: Messages stay when their writer closes its handle.
fn messages_outlast_their_writer() {
    let (slot, writer) = mailslot_pair(0);
    expect_write(&writer, b"stays");
    writer.close();
    expect_read(&slot, 16, b"stays");
}

/// 6.1: Messages stay when the process that wrote them is killed.
fn a_killed_writer_leaves_its_messages() {
    let name = mailslot_name();
    let slot = mailslot(&name, SOON);
    let mut child = Child::start();
    let client = child.handle(&format!("open_mailslot {}", name.text()));
    child.ok(&format!("write {client} first"));
    child.ok(&format!("write {client} second"));
    child.kill();
    expect_read(&slot, 16, b"first");
    expect_read(&slot, 16, b"second");
}

/// The broadcast form of a name.
fn broadcast(name: &Name) -> Name {
    Name::new(&name.text().replacen(r"\\.\", r"\\*\", 1))
}

/// 6.2: Opening a broadcast name does not check that there is a slot, and a write to none is lost.
fn a_broadcast_name_opens_without_a_slot() {
    let name = mailslot_name();
    expect_write(&writer(&broadcast(&name)), b"lost");
    read_fails(&mailslot(&name, 0), ERROR_SEM_TIMEOUT);
}

/// 6.2: A broadcast reaches the slot of the name, also one that was created later.
fn a_broadcast_reaches_the_slot() {
    let name = mailslot_name();
    let writer = writer(&broadcast(&name));
    let slot = mailslot(&name, SOON);
    expect_write(&writer, &[7; 424]);
    expect_read(&slot, 500, &[7; 424]);
}

/// 6.2: A message of more than 424 bytes to a broadcast name fails ERROR_BAD_NETPATH.
fn a_long_broadcast_fails() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    assert_eq!(write(&writer(&broadcast(&name)), &[7; 425]), (FALSE, ERROR_BAD_NETPATH, 0));
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: Ten thousand messages of eight processes at once arrive whole, each once, in order for each writer.
fn eight_processes_write_ten_thousand_messages() {
    const WRITERS: usize = 8;
    const EACH: u32 = 1250;
    let name = mailslot_name();
    let slot = mailslot(&name, SOON);
    let mut children: Vec<Child> = (0..WRITERS).map(|_| Child::start()).collect();
    for (writer, child) in children.iter_mut().enumerate() {
        let client = child.handle(&format!("open_mailslot {}", name.text()));
        child.send(&format!("write_numbers {client} {writer} {EACH}"));
    }
    let mut next = [0_u32; WRITERS];
    for _ in 0..WRITERS as u32 * EACH {
        let (value, error, message) = read(&slot, 400);
        assert_eq!(value, TRUE, "ReadFile fails {error}, next of each: {next:?}");
        let writer = usize::from(message[0]);
        assert_eq!(message, commands::numbered(message[0], next[writer]), "message of writer {writer}");
        next[writer] += 1;
    }
    assert_eq!(next, [EACH; WRITERS]);
    for child in &mut children {
        assert_eq!(child.answer().value, EACH.into());
    }
    assert_eq!(mailslot_info(&slot)[1..3], [NONE, 0]);
}
