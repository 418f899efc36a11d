//! Section 6: mailslots: names, ends, information, how long they last.

use crate::support::child::Child;
use crate::support::mailslot::*;
use crate::support::pipe::{Request, expect_read, expect_write, read, read_fails, write_fails};
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
    information_is_what_was_asked_for,
    information_tells_the_next_size,
    information_counts_messages,
    information_may_be_left_out,
    bad_handles_fail,
    a_slot_lasts_as_long_as_a_server_handle,
    a_killed_server_takes_its_slot_along,
    a_new_handle_is_signaled,
    a_duplicate_cannot_gain_access,
    slots_are_created_locally_only,
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
