//! Files on disk: reading, writing, positions and sizes.

use crate::support::child::Child;
use crate::support::disk::*;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null_mut;

tests![
    reads_and_writes_move_the_position,
    a_read_at_the_end_counts_nothing,
    a_structure_names_the_place,
    a_structure_beyond_the_end_fails,
    a_failed_read_leaves_the_file_nonsignaled,
    an_overlapped_file_needs_a_structure,
    an_overlapped_request_completes_at_its_place,
    duplicates_share_the_position,
    the_position_is_moved_by_three_methods,
    a_position_before_the_start_fails,
    the_position_comes_in_halves,
    the_end_is_where_the_position_is,
    the_size_comes_in_halves,
    positions_are_not_for_pipes,
    appending_goes_to_the_end,
    a_file_reaches_another_process,
    flushing_needs_write_access,
];

/// 7.1: Reads and writes take place at the file's position, which moves on.
fn reads_and_writes_move_the_position() {
    let file = Scratch::new();
    let handle = file.open(READ_WRITE, CREATE_NEW);
    expect_write(&handle, b"one");
    expect_write(&handle, b"two");
    assert_eq!(position(&handle), 6);
    seek(&handle, 1, FILE_BEGIN);
    expect_read(&handle, 2, b"ne");
    expect_read(&handle, 2, b"tw");
    expect_write(&handle, b"!!");
    assert_eq!(file.bytes(), b"onetw!!");
}

/// 7.1: A read at the end of the file is TRUE with 0 bytes.
fn a_read_at_the_end_counts_nothing() {
    let file = Scratch::holding(b"abc");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    expect_read(&handle, 9, b"abc");
    expect_read(&handle, 9, b"");
}

/// An OVERLAPPED that names a place.
fn at(request: Request, place: u64) -> Request {
    let mut request = request;
    // SAFETY: the block is the request's, which has not begun.
    unsafe {
        (*request.block()).Anonymous.Anonymous.Offset = place as u32;
        (*request.block()).Anonymous.Anonymous.OffsetHigh = (place >> 32) as u32;
    }
    request
}

/// 7.1: With a structure the transfer takes place where that says, and the position of a synchronous file follows.
fn a_structure_names_the_place() {
    let file = Scratch::holding(b"abcdefgh");
    let handle = file.open(READ_WRITE, OPEN_EXISTING);
    let request = at(Request::new(&handle, vec![0xEE; 3]), 2).start_read();
    assert_eq!((request.started.0, request.started.2, request.status()), (TRUE, 3, (0, 3)));
    assert_eq!(request.bytes(), b"cde");
    assert_eq!(position(&handle), 5);
    let request = at(Request::new(&handle, b"XY".to_vec()), 1).start_write();
    assert_eq!((request.started.0, request.started.2), (TRUE, 2));
    assert_eq!(position(&handle), 3);
    assert_eq!(file.bytes(), b"aXYdefgh");
    let request = at(Request::new(&handle, b"end".to_vec()), u64::MAX).start_write();
    assert_eq!(request.started.0, TRUE);
    assert_eq!(file.bytes(), b"aXYdefghend");
}

/// 7.1: A read with a structure at or beyond the end fails ERROR_HANDLE_EOF.
fn a_structure_beyond_the_end_fails() {
    let file = Scratch::holding(b"abc");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    for place in [3, 4, 1 << 40] {
        let request = at(Request::new(&handle, vec![0xEE; 3]), place).start_read();
        assert_eq!((request.started.0, request.started.1), (FALSE, ERROR_HANDLE_EOF));
    }
}

/// 2.5: After a read that failed at once the handle of a file on disk stays nonsignaled.
fn a_failed_read_leaves_the_file_nonsignaled() {
    let file = Scratch::holding(b"abc");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    expect_read(&handle, 3, b"abc");
    assert!(is_signaled(&handle));
    let request = at(Request::without_event(&handle, vec![0xEE; 3]), 3).start_read();
    assert_eq!((request.started.0, request.started.1), (FALSE, ERROR_HANDLE_EOF));
    assert!(!is_signaled(&handle));
}

/// 7.1: On an overlapped file a read or write without a structure fails ERROR_INVALID_PARAMETER.
fn an_overlapped_file_needs_a_structure() {
    let file = Scratch::holding(b"abc");
    let handle = Handle::own(file.try_open(READ_WRITE, OPEN_EXISTING, FILE_FLAG_OVERLAPPED).0);
    read_fails(&handle, ERROR_INVALID_PARAMETER);
    write_fails(&handle, ERROR_INVALID_PARAMETER);
}

/// 7.1: An overlapped request takes place where its structure says, at once or later.
fn an_overlapped_request_completes_at_its_place() {
    let file = Scratch::holding(b"abcdefgh");
    let handle = Handle::own(file.try_open(READ_WRITE, OPEN_EXISTING, FILE_FLAG_OVERLAPPED).0);
    let request = at(Request::new(&handle, vec![0xEE; 3]), 4).start_read();
    assert!(request.started.0 == TRUE || request.started.1 == ERROR_IO_PENDING, "{:?}", request.started);
    assert_eq!(request.finish_read(), b"efg");
    let request = at(Request::new(&handle, b"!".to_vec()), 7).start_write();
    assert_eq!((request.finish().0, request.finish().2), (TRUE, 1));
    assert_eq!(file.bytes(), b"abcdefg!");
}

fn seek(file: &Handle, distance: i64, method: u32) -> i64 {
    let mut position = -1;
    ok!(SetFilePointerEx(file.raw(), distance, &mut position, method));
    position
}

fn position(file: &Handle) -> i64 {
    seek(file, 0, FILE_CURRENT)
}

/// 1.6: Duplicates share the file's position.
fn duplicates_share_the_position() {
    let file = Scratch::holding(b"abcdef");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    let copy = handle.duplicate();
    expect_read(&handle, 2, b"ab");
    expect_read(&copy, 2, b"cd");
    seek(&copy, 0, FILE_BEGIN);
    expect_read(&handle, 9, b"abcdef");
    let other = file.open(GENERIC_READ, OPEN_EXISTING);
    expect_read(&other, 2, b"ab");
}

/// 7.1: SetFilePointerEx goes from the start, from the position or from the end; beyond the end, too.
fn the_position_is_moved_by_three_methods() {
    let file = Scratch::holding(b"abcdef");
    let handle = file.open(READ_WRITE, OPEN_EXISTING);
    assert_eq!(seek(&handle, 4, FILE_BEGIN), 4);
    assert_eq!(seek(&handle, -1, FILE_CURRENT), 3);
    assert_eq!(seek(&handle, -1, FILE_END), 5);
    assert_eq!(seek(&handle, 2, FILE_END), 8);
    assert_eq!(size(&handle), 6);
    expect_write(&handle, b"x");
    assert_eq!(file.bytes(), b"abcdef\0\0x");
    ok!(SetFilePointerEx(handle.raw(), 0, null_mut(), FILE_BEGIN));
    fails!(SetFilePointerEx(handle.raw(), 0, null_mut(), 3), ERROR_INVALID_PARAMETER);
}

/// 7.1: A position before the start fails ERROR_NEGATIVE_SEEK, and the position stays.
fn a_position_before_the_start_fails() {
    let file = Scratch::holding(b"abcdef");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    seek(&handle, 2, FILE_BEGIN);
    for (distance, method) in [(-3, FILE_CURRENT), (-7, FILE_END), (-1, FILE_BEGIN)] {
        fails!(SetFilePointerEx(handle.raw(), distance, null_mut(), method), ERROR_NEGATIVE_SEEK);
        let moved = call!(SetFilePointer(handle.raw(), distance as i32, null_mut(), method));
        assert_eq!(moved, (INVALID_SET_FILE_POINTER, ERROR_NEGATIVE_SEEK));
    }
    assert_eq!(position(&handle), 2);
}

/// 7.1: SetFilePointer takes and gives the position in halves; the low one can be 0xFFFFFFFF, with last error 0.
fn the_position_comes_in_halves() {
    let file = Scratch::holding(b"abcdef");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    assert_eq!(call!(SetFilePointer(handle.raw(), 4, null_mut(), FILE_BEGIN)).0, 4);
    assert_eq!(call!(SetFilePointer(handle.raw(), -1, null_mut(), FILE_CURRENT)).0, 3);
    let mut high = 2;
    assert_eq!(call!(SetFilePointer(handle.raw(), 5, &mut high, FILE_BEGIN)).0, 5);
    assert_eq!((position(&handle), high), (2 << 32 | 5, 2));
    let mut high = 1;
    let moved = call!(SetFilePointer(handle.raw(), -1, &mut high, FILE_BEGIN));
    assert_eq!((moved, high), ((INVALID_SET_FILE_POINTER, 0), 1));
    assert_eq!(position(&handle), 1 << 32 | 0xFFFF_FFFF);
}

/// 7.1: SetEndOfFile makes the file end at its position; it needs write access.
fn the_end_is_where_the_position_is() {
    let file = Scratch::holding(b"abcdef");
    let handle = file.open(READ_WRITE, OPEN_EXISTING);
    seek(&handle, 2, FILE_BEGIN);
    ok!(SetEndOfFile(handle.raw()));
    assert_eq!((size(&handle), file.bytes()), (2, b"ab".to_vec()));
    seek(&handle, 4, FILE_BEGIN);
    ok!(SetEndOfFile(handle.raw()));
    assert_eq!(file.bytes(), b"ab\0\0");
    let reader = file.open(GENERIC_READ, OPEN_EXISTING);
    fails!(SetEndOfFile(reader.raw()), ERROR_ACCESS_DENIED);
}

/// 7.1: GetFileSize gives the size in halves.
fn the_size_comes_in_halves() {
    let file = Scratch::new();
    let handle = file.open(READ_WRITE, CREATE_NEW);
    let mut high = 9;
    assert_eq!((call!(GetFileSize(handle.raw(), &mut high)).0, high), (0, 0));
    expect_write(&handle, b"abc");
    assert_eq!(call!(GetFileSize(handle.raw(), null_mut())).0, 3);
    let (low, error) = call!(GetFileSize(NEVER, &mut high));
    assert_eq!((low, error), (INVALID_FILE_SIZE, ERROR_INVALID_HANDLE));
}

/// 7.1: Events have neither size nor position: ERROR_INVALID_HANDLE.
fn positions_are_not_for_pipes() {
    let event = event(true, true);
    fails!(GetFileSizeEx(event.raw(), &mut 0), ERROR_INVALID_HANDLE);
    fails!(SetFilePointerEx(event.raw(), 0, null_mut(), FILE_BEGIN), ERROR_INVALID_HANDLE);
    fails!(SetEndOfFile(event.raw()), ERROR_INVALID_HANDLE);
}

/// 1.4: A handle with FILE_APPEND_DATA and not FILE_WRITE_DATA writes at the end.
fn appending_goes_to_the_end() {
    let file = Scratch::holding(b"abc");
    let handle = file.open(FILE_APPEND_DATA, OPEN_EXISTING);
    expect_write(&handle, b"de");
    std::fs::write(&file.0, b"1").unwrap();
    expect_write(&handle, b"f");
    assert_eq!(file.bytes(), b"1f");
}

/// 1.6: DuplicateHandle gives another process a file, whose position they share.
fn a_file_reaches_another_process() {
    let file = Scratch::holding(b"abcdef");
    let handle = file.open(GENERIC_READ, OPEN_EXISTING);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut theirs = null_mut();
    ok!(DuplicateHandle(
        this_process(),
        handle.raw(),
        process.raw(),
        &mut theirs,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    assert_eq!(child.ok(&format!("read {} 2", theirs as isize)), b"ab");
    expect_read(&handle, 2, b"cd");
    assert_eq!(child.ok(&format!("read {} 9", theirs as isize)), b"ef");
}

/// 5.8: FlushFileBuffers of a file on disk is TRUE, and needs write access.
fn flushing_needs_write_access() {
    let file = Scratch::holding(b"abc");
    let handle = file.open(GENERIC_WRITE, OPEN_EXISTING);
    expect_write(&handle, b"x");
    ok!(FlushFileBuffers(handle.raw()));
    let reader = file.open(GENERIC_READ, OPEN_EXISTING);
    fails!(FlushFileBuffers(reader.raw()), ERROR_ACCESS_DENIED);
}
