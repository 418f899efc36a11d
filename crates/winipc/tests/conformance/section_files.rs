//! Section 8: sections over files on disk.

use crate::support::child::Child;
use crate::support::section::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    an_empty_file_of_size_0_fails,
    a_size_beyond_a_file_to_be_read_fails,
    a_size_beyond_a_file_to_be_written_makes_it_longer,
    a_protection_needs_access_to_the_file,
    an_executable_protection_needs_execute_access,
    a_device_is_no_file_for_a_section,
    a_view_ends_with_the_file,
    bytes_behind_the_end_are_zeros_and_stay_out_of_the_file,
    views_show_and_change_the_file,
    copy_views_leave_the_file,
    the_handle_to_the_file_may_be_closed,
    sections_over_one_file_are_coherent,
    reading_and_writing_the_file_is_coherent,
    an_existing_section_keeps_its_file,
    a_section_over_a_file_reaches_another_process,
    a_mapped_file_cannot_be_truncated,
    flushing_writes_what_was_changed,
];

/// A file that no other test uses, removed when dropped.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn holding(bytes: &[u8]) -> Self {
        let this = Self(std::env::temp_dir().join(format!("winipc-{}.tmp", unique_text())));
        std::fs::write(&this.0, bytes).unwrap();
        this
    }

    fn open(&self, access: u32) -> Handle {
        let name = Name::new(self.0.to_str().unwrap());
        let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        Handle::own(call!(CreateFileW(name.ptr(), access, share, null(), OPEN_EXISTING, 0, null_mut())).0)
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }

    /// A section over it, and nothing else kept open.
    fn section(&self, protection: u32) -> Handle {
        Handle::own(over(&self.open(GENERIC_READ | GENERIC_WRITE), protection, 0, null()).0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn over(file: &Handle, protection: u32, size: u32, name: *const u16) -> (HANDLE, u32) {
    call!(CreateFileMappingW(file.raw(), null(), protection, 0, size, name))
}

const READ_WRITE: u32 = GENERIC_READ | GENERIC_WRITE;

/// 8.1: A file of length 0 with size 0 fails ERROR_FILE_INVALID.
fn an_empty_file_of_size_0_fails() {
    let file = Scratch::holding(b"").open(READ_WRITE);
    for protection in [PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY] {
        assert_eq!(over(&file, protection, 0, null()), (null_mut(), ERROR_FILE_INVALID));
    }
}

/// 8.1: A size beyond the file's length fails ERROR_NOT_ENOUGH_MEMORY with a protection that only reads.
fn a_size_beyond_a_file_to_be_read_fails() {
    let scratch = Scratch::holding(b"12345");
    let file = scratch.open(READ_WRITE);
    for protection in [PAGE_READONLY, PAGE_WRITECOPY] {
        assert_eq!(over(&file, protection, 6, null()), (null_mut(), ERROR_NOT_ENOUGH_MEMORY));
    }
    assert_eq!(scratch.bytes(), b"12345");
}

/// 8.1: A size beyond the file's length extends the file with PAGE_READWRITE; what is added is zeros.
fn a_size_beyond_a_file_to_be_written_makes_it_longer() {
    let scratch = Scratch::holding(b"12345");
    let section = Handle::own(over(&scratch.open(READ_WRITE), PAGE_READWRITE, 100_000, null()).0);
    assert_eq!(scratch.bytes().len(), 100_000);
    let view = View::of(&section, FILE_MAP_WRITE);
    assert_eq!((view.read(0), view.read(99_996)), (u32::from_ne_bytes(*b"1234"), 0));
    view.write(99_996, 7);
    drop(view);
    assert_eq!(scratch.bytes()[99_996..], 7_u32.to_ne_bytes());
}

/// 8.1: A file handle without the access that the protection needs fails ERROR_ACCESS_DENIED.
fn a_protection_needs_access_to_the_file() {
    let scratch = Scratch::holding(&[1; 4096]);
    let (reader, writer) = (scratch.open(GENERIC_READ), scratch.open(GENERIC_WRITE));
    assert_eq!(over(&reader, PAGE_READWRITE, 0, null()), (null_mut(), ERROR_ACCESS_DENIED));
    for protection in [PAGE_READONLY, PAGE_WRITECOPY, PAGE_READWRITE] {
        assert_eq!(over(&writer, protection, 0, null()), (null_mut(), ERROR_ACCESS_DENIED));
    }
    for protection in [PAGE_READONLY, PAGE_WRITECOPY] {
        let section = Handle::own(over(&reader, protection, 0, null()).0);
        View::of(&section, FILE_MAP_READ);
        View::of(&section, FILE_MAP_COPY).write(0, 2);
        map_fails(&section, whole(FILE_MAP_WRITE), ERROR_ACCESS_DENIED);
    }
}

/// 8.1: An executable protection needs GENERIC_EXECUTE of the file, too: else ERROR_ACCESS_DENIED.
fn an_executable_protection_needs_execute_access() {
    let scratch = Scratch::holding(&[1; 4096]);
    let file = scratch.open(GENERIC_READ);
    assert_eq!(over(&file, PAGE_EXECUTE_READ, 0, null()), (null_mut(), ERROR_ACCESS_DENIED));
    let file = scratch.open(GENERIC_READ | GENERIC_EXECUTE);
    Handle::own(over(&file, PAGE_EXECUTE_READ, 0, null()).0);
}

/// 8.1: A device as file fails ERROR_BAD_EXE_FORMAT (?).
fn a_device_is_no_file_for_a_section() {
    let name = Name::new("NUL");
    let device = call!(CreateFileW(name.ptr(), READ_WRITE, 0, null(), OPEN_EXISTING, 0, null_mut())).0;
    let device = Handle::own(device);
    assert_eq!(over(&device, PAGE_READWRITE, 10, null()), (null_mut(), ERROR_BAD_EXE_FORMAT));
}

/// 8.3: A view of a file of 5 bytes: 5 is fine, 6 fails ERROR_ACCESS_DENIED.
fn a_view_ends_with_the_file() {
    let scratch = Scratch::holding(b"12345");
    let section = scratch.section(PAGE_READWRITE);
    View::mapped(&section, Wish { length: 5, ..whole(FILE_MAP_READ) });
    map_fails(&section, Wish { length: 6, ..whole(FILE_MAP_READ) }, ERROR_ACCESS_DENIED);
}

/// 8.3: Bytes of the last page behind the end of the file read as 0 and are not written to it.
fn bytes_behind_the_end_are_zeros_and_stay_out_of_the_file() {
    let scratch = Scratch::holding(b"12345678");
    let view = View::of(&scratch.section(PAGE_READWRITE), FILE_MAP_WRITE);
    assert_eq!((view.read(8), view.read(4092)), (0, 0));
    view.write(8, 1);
    ok!(FlushViewOfFile(view.0 as *const core::ffi::c_void, 0));
    drop(view);
    assert_eq!(scratch.bytes(), b"12345678");
}

/// 8.3: A view shows what is in the file, and what is written to it is in the file.
fn views_show_and_change_the_file() {
    let mut bytes = vec![0; 70_000];
    bytes[65_536..65_540].copy_from_slice(b"abcd");
    let scratch = Scratch::holding(&bytes);
    let section = scratch.section(PAGE_READWRITE);
    let view = View::mapped(&section, Wish { offset: 65_536, ..whole(FILE_MAP_WRITE) });
    assert_eq!(view.read(0), u32::from_ne_bytes(*b"abcd"));
    view.write(4, u32::from_ne_bytes(*b"efgh"));
    drop(view);
    assert_eq!(&scratch.bytes()[65_536..65_544], b"abcdefgh");
}

/// 8.3: What is written to a copy view is not in the file.
fn copy_views_leave_the_file() {
    let scratch = Scratch::holding(&[3; 4096]);
    let section = scratch.section(PAGE_WRITECOPY);
    let copy = View::of(&section, FILE_MAP_COPY);
    copy.write(0, 9);
    assert_eq!((copy.read(0), View::of(&section, FILE_MAP_READ).read(0)), (9, 0x0303_0303));
    drop(copy);
    assert_eq!(scratch.bytes(), [3; 4096]);
}

/// 8.1: The handle to the file may be closed right after the creation.
fn the_handle_to_the_file_may_be_closed() {
    let scratch = Scratch::holding(&[4; 100]);
    let file = scratch.open(READ_WRITE);
    let section = Handle::own(over(&file, PAGE_READWRITE, 0, null()).0);
    file.close();
    let view = View::of(&section, FILE_MAP_WRITE);
    section.close();
    view.write(96, 5);
    assert_eq!(view.read(0), 0x0404_0404);
    drop(view);
    assert_eq!(scratch.bytes()[96..], 5_u32.to_ne_bytes());
}

/// 8.3: Views of several sections over one file are coherent.
fn sections_over_one_file_are_coherent() {
    let scratch = Scratch::holding(&[0; 4096]);
    let (writer, reader) = (scratch.section(PAGE_READWRITE), scratch.section(PAGE_READONLY));
    let (writer, reader) = (View::of(&writer, FILE_MAP_WRITE), View::of(&reader, FILE_MAP_READ));
    for value in 1..4 {
        writer.write(64, value);
        assert_eq!(reader.read(64), value);
    }
}

/// 8.3: ReadFile and WriteFile of the same local file are coherent with its views.
fn reading_and_writing_the_file_is_coherent() {
    let scratch = Scratch::holding(&[0; 4096]);
    let file = scratch.open(READ_WRITE);
    let view = View::of(&scratch.section(PAGE_READWRITE), FILE_MAP_WRITE);
    view.write(0, 0x1122_3344);
    let (mut bytes, mut count) = ([0; 4], 0);
    ok!(ReadFile(file.raw(), bytes.as_mut_ptr(), 4, &mut count, null_mut()));
    assert_eq!((bytes, count), (0x1122_3344_u32.to_ne_bytes(), 4));
    ok!(WriteFile(file.raw(), [9, 9, 9, 9].as_ptr(), 4, &mut count, null_mut()));
    assert_eq!(view.read(4), 0x0909_0909);
}

/// 8.1: An existing section keeps its file and size, whatever the call asks for.
fn an_existing_section_keeps_its_file() {
    let (first, second) = (Scratch::holding(&[1; 5000]), Scratch::holding(&[2; 100]));
    let name = Name::unique();
    let _section = Handle::own(over(&first.open(READ_WRITE), PAGE_READWRITE, 0, name.ptr()).0);
    let (again, error) = over(&second.open(READ_WRITE), PAGE_READWRITE, 9000, name.ptr());
    let again = Handle::own(again);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    assert_eq!(View::of(&again, FILE_MAP_READ).read(4996), 0x0101_0101);
    map_fails(&again, Wish { length: 5001, ..whole(FILE_MAP_READ) }, ERROR_ACCESS_DENIED);
    assert_eq!((first.bytes().len(), second.bytes().len()), (5000, 100));
}

/// 8.3: A section over a file maps the same file in another process, by name and by a duplicated handle.
fn a_section_over_a_file_reaches_another_process() {
    let (scratch, name) = (Scratch::holding(&[0; 4096]), Name::unique());
    let section = Handle::own(over(&scratch.open(READ_WRITE), PAGE_READWRITE, 0, name.ptr()).0);
    let mut child = Child::start();
    let process = child.open(PROCESS_DUP_HANDLE);
    let mut copy = null_mut();
    ok!(DuplicateHandle(
        this_process(),
        section.raw(),
        process.raw(),
        &mut copy,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    let opened = child.handle(&format!("open_section {} 2", name.text()));
    let view = View::of(&section, FILE_MAP_WRITE);
    for (number, handle) in [opened, copy as isize as i64].into_iter().enumerate() {
        let address = child.handle(&format!("map {handle} 2"));
        child.ok(&format!("store {} {}", address + 4 * number as i64, number + 1));
        assert_eq!(view.read(4 * number), number as u32 + 1);
    }
    // Nobody else has it.
    drop(view);
    section.close();
    child.kill();
    assert_eq!(scratch.bytes()[..8], [1, 0, 0, 0, 2, 0, 0, 0]);
}

/// 8.4: A file cannot be truncated below a section that has a handle or a view: ERROR_USER_MAPPED_FILE.
fn a_mapped_file_cannot_be_truncated() {
    let scratch = Scratch::holding(&[7; 10_000]);
    let file = scratch.open(READ_WRITE);
    let section = Handle::own(over(&file, PAGE_READWRITE, 8192, null()).0);
    let set_end = |length: i32| {
        assert_eq!(call!(SetFilePointer(file.raw(), length, null_mut(), FILE_BEGIN)).0, length as u32);
        call!(SetEndOfFile(file.raw()))
    };
    assert_eq!(set_end(100), (FALSE, ERROR_USER_MAPPED_FILE));
    let view = View::of(&section, FILE_MAP_READ);
    section.close();
    assert_eq!(set_end(0), (FALSE, ERROR_USER_MAPPED_FILE));
    drop(view);
    assert_eq!(set_end(100), (TRUE, UNTOUCHED));
    assert_eq!(scratch.bytes(), [7; 100]);
}

/// 8.4: FlushViewOfFile takes 0 or any number of bytes of a view of a file.
fn flushing_writes_what_was_changed() {
    let scratch = Scratch::holding(&[0; 10_000]);
    let view = View::of(&scratch.section(PAGE_READWRITE), FILE_MAP_WRITE);
    view.write(8192, 6);
    for (offset, bytes) in [(0, 0), (0, 10_000), (8192, 4), (8190, 100)] {
        quiet!(FlushViewOfFile((view.0 + offset) as *const core::ffi::c_void, bytes));
    }
    assert_eq!(scratch.bytes()[8192..8196], 6_u32.to_ne_bytes());
}
