//! Section 6: mailslots.

use crate::support::child::Child;
use crate::support::mailslot::*;
use crate::support::pipe::{Request, expect_read, expect_write, read, read_fails, write, write_fails};
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    creating_without_a_name_fails,
    creating_with_another_form_of_name_fails,
    creating_fails_with_invalid_handle_value,
    a_name_in_use_fails,
    a_name_may_have_path_components,
    names_ignore_case,
    opening_an_absent_slot_fails,
    opening_a_closed_slot_fails,
    any_share_mode_is_accepted,
    several_writers_at_once,
    share_modes_keep_no_writer_out,
    a_reading_client_opens_and_cannot_read,
    the_server_cannot_write,
    one_write_is_one_message,
    messages_come_in_the_order_of_all_writers,
    an_empty_message_counts,
    a_message_that_does_not_fit_stays,
    a_long_message_comes_whole,
    a_message_longer_than_the_maximum_fails,
    no_message_times_out,
    a_timeout_of_zero_fails_at_once,
    a_read_of_nothing_without_a_message_times_out,
    a_read_waits_for_a_message,
    the_timeout_is_the_slots,
    setting_the_timeout_changes_later_reads,
    setting_the_timeout_leaves_a_pending_read,
    information_is_what_was_asked_for,
    information_tells_the_next_size,
    information_counts_messages,
    information_may_be_left_out,
    bad_handles_fail,
    a_pending_read_is_completed_by_the_next_write,
    pending_reads_are_served_in_order,
    a_pending_read_times_out,
    a_pending_read_can_be_cancelled,
    closing_the_slot_ends_a_pending_read,
    a_routine_gets_the_message,
    a_slot_lasts_as_long_as_a_server_handle,
    a_write_after_the_server_closed_fails,
    unread_messages_vanish_with_the_slot,
    messages_outlast_their_writer,
    a_killed_server_takes_its_slot_along,
    a_killed_writer_leaves_its_messages,
    a_new_handle_is_signaled,
    a_duplicate_cannot_gain_access,
    slots_are_created_locally_only,
    a_broadcast_name_opens_without_a_slot,
    a_broadcast_reaches_the_slot,
    a_long_broadcast_fails,
    eight_processes_write_ten_thousand_messages,
];

/// 6.1: CreateMailslot with a NULL name fails ERROR_PATH_NOT_FOUND.
fn creating_without_a_name_fails() {
    fails!(CreateMailslotW(null(), 0, 0, null()), ERROR_PATH_NOT_FOUND);
}

/// 6.1: A name that does not begin with `\\.\mailslot\` fails ERROR_INVALID_NAME.
fn creating_with_another_form_of_name_fails() {
    for name in ["mailslot", r"mailslot\x", r"C:\x"] {
        fails!(CreateMailslotW(Name::new(name).ptr(), 0, 0, null()), ERROR_INVALID_NAME);
    }
}

/// 1.1: CreateMailslot fails with INVALID_HANDLE_VALUE.
fn creating_fails_with_invalid_handle_value() {
    assert_eq!(call!(CreateMailslotW(null(), 0, 0, null())).0, INVALID_HANDLE_VALUE);
    assert_eq!(call!(CreateMailslotA(null(), 0, 0, null())).0, INVALID_HANDLE_VALUE);
}

/// 6.1: CreateMailslot of a name in use fails ERROR_ALREADY_EXISTS.
fn a_name_in_use_fails() {
    let name = mailslot_name();
    let _slot = mailslot(&name, 0);
    fails!(CreateMailslotW(name.ptr(), 0, 0, null()), ERROR_ALREADY_EXISTS);
    fails!(CreateMailslotA(name.ansi().as_ptr(), 0, 0, null()), ERROR_ALREADY_EXISTS);
}

/// 6.1: A name may have path components; each is another slot.
fn a_name_may_have_path_components() {
    let outer = mailslot_name();
    let inner = Name::new(&format!(r"{}\path\name", outer.text()));
    let (first, second) = (mailslot(&outer, 0), mailslot(&inner, 0));
    expect_write(&writer(&inner), b"inner");
    expect_read(&second, 16, b"inner");
    read_fails(&first, ERROR_SEM_TIMEOUT);
}

/// 1.3: Names of mailslots ignore case, also of the word mailslot.
fn names_ignore_case() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let upper = Name::new(&name.text().to_uppercase());
    expect_write(&writer(&upper), b"x");
    expect_read(&slot, 16, b"x");
    fails!(CreateMailslotW(upper.ptr(), 0, 0, null()), ERROR_ALREADY_EXISTS);
}

/// 6.1: Opening an absent slot fails ERROR_FILE_NOT_FOUND.
fn opening_an_absent_slot_fails() {
    let absent = try_writer(&mailslot_name(), GENERIC_WRITE, SHARED);
    assert_eq!(absent, (INVALID_HANDLE_VALUE, ERROR_FILE_NOT_FOUND));
}

/// 6.1: Opening a slot whose server has gone fails ERROR_FILE_NOT_FOUND, also while a client is open.
fn opening_a_closed_slot_fails() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let _writer = writer(&name);
    slot.close();
    let closed = try_writer(&name, GENERIC_WRITE, SHARED);
    assert_eq!(closed, (INVALID_HANDLE_VALUE, ERROR_FILE_NOT_FOUND));
}

/// 6.1: CreateFile without FILE_SHARE_READ is accepted, as any share mode is.
fn any_share_mode_is_accepted() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let all = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    for share in [0, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, all] {
        let (client, error) = try_writer(&name, GENERIC_WRITE, share);
        assert_ne!(client, INVALID_HANDLE_VALUE, "share mode {share} fails {error}");
        expect_write(&Handle::own(client), b"x");
        expect_read(&slot, 16, b"x");
    }
}

/// 6.1: Several writers may be open at once.
fn several_writers_at_once() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let writers = [writer(&name), writer(&name), writer(&name)];
    for writer in &writers {
        expect_write(writer, b"x");
    }
    for _ in writers {
        expect_read(&slot, 16, b"x");
    }
}

/// 6.1: Several writers may be open at once whatever their share modes.
fn share_modes_keep_no_writer_out() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let writers = [0, 0, FILE_SHARE_READ].map(|share| {
        let (client, error) = try_writer(&name, GENERIC_WRITE, share);
        assert_ne!(client, INVALID_HANDLE_VALUE, "share mode {share} fails {error}");
        Handle::own(client)
    });
    for writer in &writers {
        expect_write(writer, b"x");
        expect_read(&slot, 16, b"x");
    }
}

/// 6.1: A client end opened for reading too opens; ReadFile fails ERROR_INVALID_PARAMETER or ERROR_ACCESS_DENIED.
fn a_reading_client_opens_and_cannot_read() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let (client, error) = try_writer(&name, GENERIC_READ | GENERIC_WRITE, SHARED);
    assert_ne!(client, INVALID_HANDLE_VALUE, "CreateFileW fails {error}");
    let client = Handle::own(client);
    expect_write(&client, b"x");
    let (value, error, _) = read(&client, 16);
    assert_eq!(value, FALSE);
    assert!([ERROR_INVALID_PARAMETER, ERROR_ACCESS_DENIED].contains(&error), "last error {error}");
    expect_read(&slot, 16, b"x");
}

/// 6.1: WriteFile on the server handle fails ERROR_ACCESS_DENIED.
fn the_server_cannot_write() {
    let (slot, _writer) = mailslot_pair(0);
    write_fails(&slot, ERROR_ACCESS_DENIED);
}

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

/// 6.1: Without a message a read waits for the read time-out, and then fails ERROR_SEM_TIMEOUT with a count of 0.
fn no_message_times_out() {
    let (slot, writer) = mailslot_pair(30);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
    expect_write(&writer, b"after");
    expect_read(&slot, 16, b"after");
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: With a time-out of 0 a read without a message fails ERROR_SEM_TIMEOUT at once.
fn a_timeout_of_zero_fails_at_once() {
    let (slot, _writer) = mailslot_pair(0);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
    let request = Request::read(&slot, 16);
    assert_eq!((request.started.0, request.started.1), (FALSE, ERROR_SEM_TIMEOUT));
}

/// 6.1: A read of size 0 without a message fails ERROR_SEM_TIMEOUT too.
fn a_read_of_nothing_without_a_message_times_out() {
    let (slot, _writer) = mailslot_pair(0);
    assert_eq!(read(&slot, 0), (FALSE, ERROR_SEM_TIMEOUT, Vec::new()));
}

/// 6.1: A read waits for a message within its time-out, and for ever with MAILSLOT_WAIT_FOREVER.
fn a_read_waits_for_a_message() {
    for timeout in [SOON, NONE] {
        let (slot, writer) = mailslot_pair(timeout);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| expect_read(&slot, 16, b"awaited"));
            patience(20);
            expect_write(&writer, b"awaited");
            reader.join().unwrap();
        });
    }
}

/// 6.1: The read time-out is the slot's, for all its handles.
fn the_timeout_is_the_slots() {
    let (slot, _writer) = mailslot_pair(NONE);
    let other = slot.duplicate();
    ok!(SetMailslotInfo(other.raw(), 0));
    assert_eq!(mailslot_info(&slot)[3], 0);
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: SetMailslotInfo changes the time-out of later reads.
fn setting_the_timeout_changes_later_reads() {
    let (slot, writer) = mailslot_pair(NONE);
    quiet!(SetMailslotInfo(slot.raw(), 0));
    read_fails(&slot, ERROR_SEM_TIMEOUT);
    quiet!(SetMailslotInfo(slot.raw(), SOON));
    assert_eq!(mailslot_info(&slot)[3], SOON);
    expect_write(&writer, b"x");
    expect_read(&slot, 16, b"x");
}

/// 6.1: A read that is pending when SetMailslotInfo is called keeps its time-out.
fn setting_the_timeout_leaves_a_pending_read() {
    let (slot, writer) = mailslot_pair(NONE);
    let request = Request::read(&slot, 16).pending();
    quiet!(SetMailslotInfo(slot.raw(), 0));
    assert!(request.is_pending());
    expect_write(&writer, b"x");
    assert_eq!(request.finish_read(), b"x");
    read_fails(&slot, ERROR_SEM_TIMEOUT);
}

/// 6.1: GetMailslotInfo gives maximum and time-out as they were asked for, 0xFFFFFFFF too.
fn information_is_what_was_asked_for() {
    for (max, timeout) in [(0, 0), (424, 1), (70_000, NONE), (NONE, 5)] {
        let slot = mailslot_with(&mailslot_name(), max, timeout);
        assert_eq!(mailslot_info(&slot), [max, NONE, 0, timeout]);
    }
}

/// 6.1: GetMailslotInfo gives the size of the next message, or MAILSLOT_NO_MESSAGE.
fn information_tells_the_next_size() {
    let (slot, writer) = mailslot_pair(0);
    assert_eq!(mailslot_info(&slot)[1], NONE);
    expect_write(&writer, b"five!");
    expect_write(&writer, b"two");
    assert_eq!(mailslot_info(&slot)[1], 5);
    expect_read(&slot, 16, b"five!");
    assert_eq!(mailslot_info(&slot)[1], 3);
    expect_read(&slot, 16, b"two");
    assert_eq!(mailslot_info(&slot)[1], NONE);
}

/// 6.1: GetMailslotInfo gives the number of unread messages.
fn information_counts_messages() {
    let (slot, writer) = mailslot_pair(0);
    for count in 0..4 {
        assert_eq!(mailslot_info(&slot)[2], count);
        expect_write(&writer, b"x");
    }
    expect_read(&slot, 16, b"x");
    assert_eq!(mailslot_info(&slot)[2], 3);
}

/// 6.1: Each output of GetMailslotInfo may be NULL.
fn information_may_be_left_out() {
    let slot = mailslot_with(&mailslot_name(), 9, 7);
    let none = null_mut;
    let (mut max, mut next, mut count, mut timeout) = (1, 2, 3, 4);
    quiet!(GetMailslotInfo(slot.raw(), none(), none(), none(), none()));
    quiet!(GetMailslotInfo(slot.raw(), &mut max, none(), none(), none()));
    quiet!(GetMailslotInfo(slot.raw(), none(), &mut next, none(), none()));
    quiet!(GetMailslotInfo(slot.raw(), none(), none(), &mut count, none()));
    quiet!(GetMailslotInfo(slot.raw(), none(), none(), none(), &mut timeout));
    assert_eq!((max, next, count, timeout), (9, NONE, 0, 7));
}

/// 6.1: GetMailslotInfo and SetMailslotInfo fail ERROR_INVALID_HANDLE for a bad handle.
fn bad_handles_fail() {
    let none = null_mut;
    for handle in [null_mut(), NEVER] {
        fails!(GetMailslotInfo(handle, none(), none(), none(), none()), ERROR_INVALID_HANDLE);
        fails!(SetMailslotInfo(handle, 0), ERROR_INVALID_HANDLE);
    }
}

/// 6.1: A read may be pending; the next write completes it, with the size of the message as its count.
fn a_pending_read_is_completed_by_the_next_write() {
    let (slot, writer) = mailslot_pair(NONE);
    let request = Request::read(&slot, 16).pending();
    assert!(!is_signaled(&request.event));
    expect_write(&writer, b"hello");
    assert_eq!(request.finish(), (TRUE, UNTOUCHED, 5));
    assert_eq!(&request.bytes()[..5], b"hello");
    assert_eq!(mailslot_info(&slot)[1..3], [NONE, 0]);
}

/// 6.1: Pending reads take the messages in order; an empty message completes one.
fn pending_reads_are_served_in_order() {
    let (slot, writer) = mailslot_pair(NONE);
    let requests = [0; 3].map(|_| Request::read(&slot, 16).pending());
    for message in [&b"one"[..], b"", b"three"] {
        expect_write(&writer, message);
    }
    for (request, message) in requests.iter().zip([&b"one"[..], b"", b"three"]) {
        assert_eq!(request.finish_read(), message);
    }
}

/// 6.1: A pending read fails ERROR_SEM_TIMEOUT when the read time-out has passed.
fn a_pending_read_times_out() {
    let (slot, writer) = mailslot_pair(30);
    let request = Request::read(&slot, 16).pending();
    request.finish_fails(ERROR_SEM_TIMEOUT);
    expect_write(&writer, b"after");
    expect_read(&slot, 16, b"after");
}

/// 7.2: A pending read of a mailslot can be cancelled: ERROR_OPERATION_ABORTED. The next message is the next read's.
fn a_pending_read_can_be_cancelled() {
    let (slot, writer) = mailslot_pair(NONE);
    let mut request = Request::read(&slot, 16).pending();
    ok!(CancelIoEx(slot.raw(), request.block()));
    request.finish_fails(ERROR_OPERATION_ABORTED);
    expect_write(&writer, b"next");
    expect_read(&slot, 16, b"next");
}

/// 7.2: When the last server handle is closed a pending read completes with an error.
fn closing_the_slot_ends_a_pending_read() {
    let (slot, _writer) = mailslot_pair(NONE);
    let request = Request::read(&slot, 16).pending();
    slot.close();
    assert_eq!(wait(&request.event, SOON), WAIT_OBJECT_0);
    assert!(!request.is_pending());
    assert!((request.status().0 as i32) < 0, "status {:#x}", request.status().0);
}

/// 7.3: ReadFileEx on a mailslot runs its routine in an alertable wait, with the size of the message.
fn a_routine_gets_the_message() {
    use std::cell::Cell;
    thread_local!(static SEEN: Cell<Option<(u32, u32)>> = const { Cell::new(None) });
    unsafe extern "system" fn routine(error: u32, bytes: u32, _: *mut OVERLAPPED) {
        SEEN.set(Some((error, bytes)));
    }
    let (slot, writer) = mailslot_pair(NONE);
    let mut buffer = [0_u8; 16];
    let mut block = OVERLAPPED::default();
    ok!(ReadFileEx(slot.raw(), buffer.as_mut_ptr(), 16, &mut block, Some(routine)));
    expect_write(&writer, b"hello");
    assert_eq!(call!(SleepEx(SOON, TRUE)).0, WAIT_IO_COMPLETION);
    assert_eq!((SEEN.get(), &buffer[..5]), (Some((0, 5)), &b"hello"[..]));
}

/// 6.1: A slot lasts until its last server handle is closed.
fn a_slot_lasts_as_long_as_a_server_handle() {
    let name = mailslot_name();
    let slot = mailslot(&name, 0);
    let other = slot.duplicate();
    slot.close();
    expect_write(&writer(&name), b"x");
    expect_read(&other, 16, b"x");
    other.close();
    assert_eq!(try_writer(&name, GENERIC_WRITE, SHARED).1, ERROR_FILE_NOT_FOUND);
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

/// 1.5: A slot and its name vanish when the process with its last server handle is killed.
fn a_killed_server_takes_its_slot_along() {
    let name = mailslot_name();
    let mut child = Child::start();
    child.handle(&format!("create_mailslot {} {NONE}", name.text()));
    expect_write(&writer(&name), b"unread");
    child.kill();
    let absent = || try_writer(&name, GENERIC_WRITE, SHARED).1 == ERROR_FILE_NOT_FOUND;
    until("the slot of a killed process vanishes", absent);
    let slot = mailslot(&name, 0);
    assert_eq!(mailslot_info(&slot)[2], 0);
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

/// 2.5: The handles of a slot are signaled when they are new; a pending read makes the server's nonsignaled.
fn a_new_handle_is_signaled() {
    let (slot, writer) = mailslot_pair(NONE);
    assert!(is_signaled(&slot) && is_signaled(&writer));
    let request = Request::without_event(&slot, vec![0xEE; 16]).start_read().pending();
    assert!(!is_signaled(&slot));
    expect_write(&writer, b"data");
    assert_eq!(wait(&slot, SOON), WAIT_OBJECT_0);
    assert_eq!(request.result(), (TRUE, UNTOUCHED, 4));
}

/// 1.6: A duplicate of a mailslot's handle can only lose access.
fn a_duplicate_cannot_gain_access() {
    let (slot, writer) = mailslot_pair(0);
    let mut copy = null_mut();
    for (source, access) in [(&slot, FILE_WRITE_DATA), (&writer, FILE_READ_DATA)] {
        fails!(
            DuplicateHandle(this_process(), source.raw(), this_process(), &mut copy, access, FALSE, 0),
            ERROR_ACCESS_DENIED
        );
    }
    let weak = writer.with_access(SYNCHRONIZE);
    write_fails(&weak, ERROR_ACCESS_DENIED);
}

/// 6.2: Slots are created locally only.
fn slots_are_created_locally_only() {
    for name in [r"\\*\mailslot\x", r"\\computer\mailslot\x"] {
        assert_eq!(call!(CreateMailslotW(Name::new(name).ptr(), 0, 0, null())).0, INVALID_HANDLE_VALUE);
    }
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
        assert_eq!(message, child::numbered(message[0], next[writer]), "message of writer {writer}");
        next[writer] += 1;
    }
    assert_eq!(next, [EACH; WRITERS]);
    for child in &mut children {
        assert_eq!(child.answer().value, EACH.into());
    }
    assert_eq!(mailslot_info(&slot)[1..3], [NONE, 0]);
}
