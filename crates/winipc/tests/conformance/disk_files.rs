//! Files on disk: making, opening and sharing them.

use crate::support::disk::*;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;

tests![
    a_missing_file_is_not_found,
    a_missing_directory_is_not_found,
    a_new_file_must_not_exist,
    an_existing_file_is_made_empty,
    an_existing_file_is_opened,
    an_existing_file_is_truncated,
    another_creation_fails,
    a_directory_is_denied,
    access_that_was_not_asked_for_is_denied,
    it_is_a_file_of_type_disk,
    the_null_device_takes_everything,
    who_does_not_share_keeps_others_out,
];

/// 1.2: CreateFile of a file that is not there fails ERROR_FILE_NOT_FOUND.
fn a_missing_file_is_not_found() {
    let file = Scratch::new();
    for creation in [OPEN_EXISTING, TRUNCATE_EXISTING] {
        let opened = file.try_open(GENERIC_READ | GENERIC_WRITE, creation, 0);
        assert_eq!(opened, (INVALID_HANDLE_VALUE, ERROR_FILE_NOT_FOUND));
    }
}

/// 1.2: CreateFile in a directory that is not there fails ERROR_PATH_NOT_FOUND.
fn a_missing_directory_is_not_found() {
    let file = Scratch(Scratch::new().0.join("file"));
    for creation in [OPEN_EXISTING, CREATE_ALWAYS, OPEN_ALWAYS] {
        let opened = file.try_open(GENERIC_WRITE, creation, 0);
        assert_eq!(opened, (INVALID_HANDLE_VALUE, ERROR_PATH_NOT_FOUND));
    }
}

/// 1.2: CREATE_NEW makes a file, with last error 0, and fails ERROR_FILE_EXISTS if there is one.
fn a_new_file_must_not_exist() {
    let file = Scratch::new();
    let (made, error) = file.try_open(GENERIC_WRITE, CREATE_NEW, 0);
    drop((Handle::own(made), assert_eq!(error, 0)));
    assert_eq!(file.try_open(GENERIC_WRITE, CREATE_NEW, 0), (INVALID_HANDLE_VALUE, ERROR_FILE_EXISTS));
}

/// 1.2: CREATE_ALWAYS makes an existing file empty and writes ERROR_ALREADY_EXISTS, for a new one 0.
fn an_existing_file_is_made_empty() {
    let file = Scratch::new();
    for (expected, content) in [(0, "first"), (ERROR_ALREADY_EXISTS, "2nd")] {
        let (made, error) = file.try_open(GENERIC_WRITE, CREATE_ALWAYS, 0);
        let made = Handle::own(made);
        assert_eq!(error, expected);
        expect_write(&made, content.as_bytes());
        drop(made);
        assert_eq!(file.bytes(), content.as_bytes());
    }
    let (made, error) = file.try_open(GENERIC_READ, CREATE_ALWAYS, 0);
    drop((Handle::own(made), assert_eq!(error, ERROR_ALREADY_EXISTS)));
    assert_eq!(file.bytes(), b"");
}

/// 1.2: OPEN_ALWAYS keeps what is in an existing file and writes ERROR_ALREADY_EXISTS, for a new one 0; OPEN_EXISTING
/// 0.
fn an_existing_file_is_opened() {
    let file = Scratch::new();
    let (made, error) = file.try_open(GENERIC_WRITE, OPEN_ALWAYS, 0);
    let made = Handle::own(made);
    assert_eq!(error, 0);
    expect_write(&made, b"content");
    drop(made);
    for (creation, expected) in [(OPEN_ALWAYS, ERROR_ALREADY_EXISTS), (OPEN_EXISTING, 0)] {
        let (opened, error) = file.try_open(GENERIC_READ, creation, 0);
        assert_eq!(error, expected);
        expect_read(&Handle::own(opened), 99, b"content");
    }
}

/// 1.2: TRUNCATE_EXISTING makes the file empty; without GENERIC_WRITE it fails ERROR_INVALID_PARAMETER.
fn an_existing_file_is_truncated() {
    let file = Scratch::holding(b"content");
    let refused = file.try_open(GENERIC_READ, TRUNCATE_EXISTING, 0);
    assert_eq!(refused, (INVALID_HANDLE_VALUE, ERROR_INVALID_PARAMETER));
    file.open(GENERIC_WRITE, TRUNCATE_EXISTING).close();
    assert_eq!(file.bytes(), b"");
}

/// 1.2: A creation that there is not fails ERROR_INVALID_PARAMETER.
fn another_creation_fails() {
    let file = Scratch::holding(b"");
    for creation in [0, 6] {
        let refused = file.try_open(GENERIC_READ, creation, 0);
        assert_eq!(refused, (INVALID_HANDLE_VALUE, ERROR_INVALID_PARAMETER));
    }
}

/// 1.4: A directory fails ERROR_ACCESS_DENIED, unless FILE_FLAG_BACKUP_SEMANTICS is given.
fn a_directory_is_denied() {
    let directory = Name::new(std::env::temp_dir().to_str().unwrap());
    let refused = open(&directory, GENERIC_READ, SHARED, OPEN_EXISTING, 0);
    assert_eq!(refused, (INVALID_HANDLE_VALUE, ERROR_ACCESS_DENIED));
    Handle::own(open(&directory, GENERIC_READ, SHARED, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS).0).close();
}

/// 1.4: Reading and writing need the access that was asked for.
fn access_that_was_not_asked_for_is_denied() {
    let file = Scratch::holding(b"content");
    write_fails(&file.open(GENERIC_READ, OPEN_EXISTING), ERROR_ACCESS_DENIED);
    read_fails(&file.open(GENERIC_WRITE, OPEN_EXISTING), ERROR_ACCESS_DENIED);
    let neither = file.open(0, OPEN_EXISTING);
    read_fails(&neither, ERROR_ACCESS_DENIED);
    assert_eq!(size(&neither), 7);
}

/// 5.11: GetFileType of a file on disk is FILE_TYPE_DISK.
fn it_is_a_file_of_type_disk() {
    let file = Scratch::holding(b"");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    assert_eq!(quiet!(GetFileType(handle.raw())), FILE_TYPE_DISK);
}

/// 13.3: The file `NUL` takes what is written to it, and has nothing to read. It is of type FILE_TYPE_CHAR.
fn the_null_device_takes_everything() {
    let (null_device, _) = open(&Name::new("nul"), READ_WRITE, SHARED, OPEN_EXISTING, 0);
    let null_device = Handle::own(null_device);
    expect_write(&null_device, b"nobody reads this");
    expect_read(&null_device, 9, b"");
    assert_eq!(quiet!(GetFileType(null_device.raw())), FILE_TYPE_CHAR);
}

/// 1.4: Who opens a file without sharing it keeps others out, and is kept out by others: ERROR_SHARING_VIOLATION.
fn who_does_not_share_keeps_others_out() {
    let file = Scratch::holding(b"abc");
    let name = file.name();
    let refused = (INVALID_HANDLE_VALUE, ERROR_SHARING_VIOLATION);
    let alone = Handle::own(open(&name, READ_WRITE, 0, OPEN_EXISTING, 0).0);
    assert_eq!(open(&name, GENERIC_READ, SHARED, OPEN_EXISTING, 0), refused);
    assert_eq!(open(&name, GENERIC_WRITE, SHARED, CREATE_ALWAYS, 0), refused);
    assert_eq!(open(&name, GENERIC_READ, 0, OPEN_EXISTING, 0), refused);
    let copy = alone.duplicate();
    alone.close();
    assert_eq!(open(&name, GENERIC_READ, SHARED, OPEN_EXISTING, 0), refused);
    copy.close();
    assert_eq!(file.bytes(), b"abc");
    let shared = Handle::own(open(&name, GENERIC_READ, SHARED, OPEN_EXISTING, 0).0);
    Handle::own(open(&name, GENERIC_READ, SHARED, OPEN_EXISTING, 0).0).close();
    assert_eq!(open(&name, GENERIC_READ, 0, OPEN_EXISTING, 0), refused);
    shared.close();
}
