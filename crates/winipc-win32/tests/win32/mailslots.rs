//! Mailslots: arguments, results, last errors.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_SHARE_READ, FILE_TYPE_UNKNOWN, OPEN_ALWAYS, OPEN_EXISTING,
};
use windows_sys::core::BOOL;
use winipc_win32::{
    CloseHandle, CreateFileA, CreateFileW, CreateMailslotA, CreateMailslotW, GetFileType, GetMailslotInfo,
    ReadFile, SetMailslotInfo, WriteFile,
};

use crate::common::{BAD, UNTOUCHED, ansi, wide, world, write};

/// A read that waits for ever, or no message.
const NONE: u32 = u32::MAX;

fn create(name: &str, max: u32) -> HANDLE {
    let path = wide(&format!(r"\\.\mailslot\{name}"));
    succeed!(CreateMailslotW(path.as_ptr(), max, 0, null()))
}

fn open(path: &str) -> (HANDLE, u32) {
    let path = wide(path);
    call!(CreateFileW(path.as_ptr(), GENERIC_WRITE, FILE_SHARE_READ, null(), OPEN_EXISTING, 0, null_mut()))
}

fn read(slot: HANDLE, room: usize) -> (BOOL, u32, Vec<u8>) {
    let (mut bytes, mut count) = (vec![0; room], 77);
    let (done, error) = call!(ReadFile(slot, bytes.as_mut_ptr(), room as u32, &mut count, null_mut()));
    bytes.truncate(count as usize);
    (done, error, bytes)
}

#[test]
fn creating() {
    let _world = world();
    let path = wide(r"\\.\mailslot\made\here");
    let (slot, error) = call!(CreateMailslotW(path.as_ptr(), 0, 0, null()));
    assert_eq!((slot as isize > 0, error), (true, 0));
    let failed = |path: *const u16| call!(CreateMailslotW(path, 0, 0, null()));
    assert_eq!(failed(path.as_ptr()), (INVALID_HANDLE_VALUE, ERROR_ALREADY_EXISTS));
    let upper = ansi(r"\\.\MAILSLOT\MADE\HERE");
    let again = call!(CreateMailslotA(upper.as_ptr(), 0, 0, null()));
    assert_eq!(again, (INVALID_HANDLE_VALUE, ERROR_ALREADY_EXISTS));
    assert_eq!(failed(null()), (INVALID_HANDLE_VALUE, ERROR_PATH_NOT_FOUND));
    for path in
        ["", "name", r"\\.\mailslot\", r"\\.\mailslot", r"\\.\pipe\x", r"\\*\mailslot\x", r"\\a\mailslot\x"]
    {
        assert_eq!(failed(wide(path).as_ptr()), (INVALID_HANDLE_VALUE, ERROR_INVALID_NAME), "{path}");
    }
    assert_eq!(
        failed(wide(&"x".repeat(40_000)).as_ptr()),
        (INVALID_HANDLE_VALUE, ERROR_FILENAME_EXCED_RANGE)
    );
    assert_eq!(call!(GetFileType(slot)), (FILE_TYPE_UNKNOWN, 0));
    succeed!(CloseHandle(slot));
    succeed!(CloseHandle(succeed!(CreateMailslotA(upper.as_ptr(), 0, 0, null()))));
}

#[test]
fn opening() {
    let _world = world();
    assert_eq!(open(r"\\.\mailslot\absent"), (INVALID_HANDLE_VALUE, ERROR_FILE_NOT_FOUND));
    let slot = create("opened", 0);
    let (client, error) = open(r"\\.\mailslot\OPENED");
    assert_eq!((client as isize > 0, error), (true, 0));
    let path = ansi(r"\\.\mailslot\opened");
    let always = call!(CreateFileA(path.as_ptr(), GENERIC_WRITE, 0, null(), OPEN_ALWAYS, 0, null_mut()));
    assert_eq!((always.0 as isize > 0, always.1), (true, ERROR_ALREADY_EXISTS));
    assert_eq!(open(r"\\elsewhere\mailslot\opened"), (INVALID_HANDLE_VALUE, ERROR_BAD_NETPATH));
    assert_eq!(open(r"\\.\mailslot\"), (INVALID_HANDLE_VALUE, ERROR_NOT_SUPPORTED));
    succeed!(CloseHandle(slot));
    let mut count = 77;
    let lost = call!(WriteFile(client, b"x".as_ptr(), 1, &mut count, null_mut()));
    assert_eq!((lost, count), ((FALSE, ERROR_HANDLE_EOF), 0));
    assert_eq!(open(r"\\.\mailslot\opened"), (INVALID_HANDLE_VALUE, ERROR_FILE_NOT_FOUND));
}

#[test]
fn messages() {
    let _world = world();
    let slot = create("messages", 5);
    let (client, _) = open(r"\\.\mailslot\messages");
    assert_eq!(read(slot, 10), (FALSE, ERROR_SEM_TIMEOUT, vec![]));
    write(client, b"hello");
    write(client, b"");
    let too_long = call!(WriteFile(client, b"hello!".as_ptr(), 6, &mut 0, null_mut()));
    assert_eq!(too_long, (FALSE, ERROR_INVALID_PARAMETER));
    assert_eq!(read(slot, 4), (FALSE, ERROR_INSUFFICIENT_BUFFER, vec![]));
    assert_eq!(read(slot, 10), (TRUE, UNTOUCHED, b"hello".to_vec()));
    assert_eq!(read(slot, 10), (TRUE, UNTOUCHED, vec![]));
    let backwards = call!(WriteFile(slot, b"x".as_ptr(), 1, &mut 0, null_mut()));
    assert_eq!(backwards, (FALSE, ERROR_ACCESS_DENIED));
    assert_eq!(read(client, 10), (FALSE, ERROR_ACCESS_DENIED, vec![]));
}

#[test]
fn datagrams() {
    let _world = world();
    let mut host = [0_u8; 256];
    // SAFETY: the buffer is writable for its length.
    assert_eq!(unsafe { libc::gethostname(host.as_mut_ptr().cast(), host.len() - 1) }, 0);
    let host = std::ffi::CStr::from_bytes_until_nul(&host).unwrap().to_str().unwrap().to_uppercase();
    let ends = ["*".to_owned(), host].map(|computer| {
        let (client, error) = open(&format!(r"\\{computer}\mailslot\datagrams"));
        assert_eq!((client as isize > 0, error), (true, 0), "{computer}");
        write(client, b"lost");
        client
    });
    let slot = create("datagrams", 0);
    for client in ends {
        write(client, b"found");
        let long = call!(WriteFile(client, [1; 425].as_ptr(), 425, &mut 0, null_mut()));
        assert_eq!(long, (FALSE, ERROR_BAD_NETPATH));
        write(client, &[1; 424]);
        assert_eq!(read(slot, 500), (TRUE, UNTOUCHED, b"found".to_vec()));
        assert_eq!(read(slot, 500), (TRUE, UNTOUCHED, vec![1; 424]));
    }
    assert_eq!(read(slot, 500), (FALSE, ERROR_SEM_TIMEOUT, vec![]));
}

#[test]
fn information() {
    let _world = world();
    let slot = create("information", 7);
    let (client, _) = open(r"\\.\mailslot\information");
    let info = || {
        let mut all = [77_u32; 4];
        let [max, next, count, timeout] = &mut all;
        succeed!(GetMailslotInfo(slot, max, next, count, timeout));
        all
    };
    assert_eq!(info(), [7, NONE, 0, 0]);
    write(client, b"");
    write(client, b"hello");
    assert_eq!(info(), [7, 0, 2, 0]);
    succeed!(SetMailslotInfo(slot, 5));
    assert_eq!(info(), [7, 0, 2, 5]);
    succeed!(SetMailslotInfo(slot, NONE));
    assert_eq!(info(), [7, 0, 2, NONE]);
    succeed!(GetMailslotInfo(slot, null_mut(), null_mut(), null_mut(), null_mut()));
    let none = |slot| call!(GetMailslotInfo(slot, null_mut(), null_mut(), null_mut(), null_mut()));
    assert_eq!(none(BAD), (FALSE, ERROR_INVALID_HANDLE));
    assert_eq!(none(client), (FALSE, ERROR_INVALID_PARAMETER));
    assert_eq!(call!(SetMailslotInfo(BAD, 5)), (FALSE, ERROR_INVALID_HANDLE));
}
