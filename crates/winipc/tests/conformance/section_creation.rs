//! Sections 8.1, 8.2, 1.3 and 1.4: creating and opening sections of memory.

use crate::support::child::Child;
use crate::support::section::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    memory_of_size_0_fails,
    every_protection_is_accepted,
    other_protections_fail,
    commit_and_reserve_exclude_each_other,
    large_pages_need_a_privilege,
    more_than_the_commit_limit_fails,
    something_else_is_no_file,
    a_pipe_is_no_file_for_a_section,
    creation_fails_with_null_and_writes_the_last_error,
    an_existing_section_keeps_its_size,
    memory_starts_as_zeros,
    the_size_is_rounded_up_to_whole_pages,
    reserved_memory_is_committed_for_all_views,
    opening_fails_as_for_other_objects,
    opening_with_rights_that_sections_lack_fails,
    a_copy_asks_for_the_right_to_read,
    opening_gives_what_was_asked,
    creation_gives_all_access,
    creation_gives_all_access_to_an_existing_section,
    a_section_cannot_be_waited_for,
    names_are_those_of_other_objects,
    names_are_shared_between_processes,
    ansi_names_are_the_same,
];

/// 8.1: Memory of size 0 fails ERROR_INVALID_PARAMETER, even if the name exists.
fn memory_of_size_0_fails() {
    let name = Name::unique();
    assert_eq!(create(PAGE_READWRITE, 0, name.ptr()), (null_mut(), ERROR_INVALID_PARAMETER));
    let _section = named(&name, 4096);
    assert_eq!(create(PAGE_READWRITE, 0, name.ptr()), (null_mut(), ERROR_INVALID_PARAMETER));
}

const PROTECTIONS: [u32; 6] = [
    PAGE_READONLY,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    PAGE_EXECUTE_READ,
    PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
];

/// 8.1: The protections are PAGE_READONLY, READWRITE, WRITECOPY and these executable; SEC_COMMIT is the default.
fn every_protection_is_accepted() {
    for protection in PROTECTIONS {
        for flags in [0, SEC_COMMIT, SEC_RESERVE, SEC_COMMIT | SEC_NOCACHE] {
            let (section, error) = create(protection | flags, 4096, null());
            assert!(!section.is_null(), "{protection:#x} with {flags:#x} fails {error}");
            Handle::own(section).close();
        }
    }
}

/// 8.1: Protection 0 and PAGE_NOACCESS fail ERROR_INVALID_PARAMETER.
fn other_protections_fail() {
    for protection in [0, PAGE_NOACCESS, SEC_COMMIT, PAGE_NOACCESS | SEC_COMMIT] {
        assert_eq!(
            create(protection, 4096, null()),
            (null_mut(), ERROR_INVALID_PARAMETER),
            "{protection:#x}"
        );
    }
}

/// 8.1: SEC_COMMIT with SEC_RESERVE fails ERROR_INVALID_PARAMETER.
fn commit_and_reserve_exclude_each_other() {
    let both = PAGE_READWRITE | SEC_COMMIT | SEC_RESERVE;
    assert_eq!(create(both, 4096, null()), (null_mut(), ERROR_INVALID_PARAMETER));
}

/// 8.1: SEC_LARGE_PAGES without the privilege fails ERROR_PRIVILEGE_NOT_HELD.
fn large_pages_need_a_privilege() {
    let large = PAGE_READWRITE | SEC_COMMIT | SEC_LARGE_PAGES;
    assert_eq!(create(large, 4 << 20, null()), (null_mut(), ERROR_PRIVILEGE_NOT_HELD));
}

/// 8.1: More than the commit limit fails ERROR_COMMITMENT_LIMIT.
fn more_than_the_commit_limit_fails() {
    let name = Name::unique();
    assert_eq!(create(PAGE_READWRITE, 1 << 45, name.ptr()), (null_mut(), ERROR_COMMITMENT_LIMIT));
    fails!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

fn of_file(file: HANDLE) -> (HANDLE, u32) {
    call!(CreateFileMappingW(file, null(), PAGE_READWRITE, 0, 4096, null()))
}

/// 8.1: A handle that is none, or of an object that is no file, fails ERROR_INVALID_HANDLE.
fn something_else_is_no_file() {
    assert_eq!(of_file(NEVER), (null_mut(), ERROR_INVALID_HANDLE));
    assert_eq!(of_file(event(true, true).raw()), (null_mut(), ERROR_INVALID_HANDLE));
}

/// 8.1: A pipe as file fails ERROR_BAD_EXE_FORMAT (?).
fn a_pipe_is_no_file_for_a_section() {
    let name = Name::new(&format!(r"\\.\pipe\{}", unique_text()));
    let (pipe, error) = call!(CreateNamedPipeW(name.ptr(), PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, null()));
    assert_eq!(error, ERROR_SUCCESS);
    let pipe = Handle::own(pipe);
    assert_eq!(of_file(pipe.raw()), (null_mut(), ERROR_BAD_EXE_FORMAT));
}

/// 8.1: CreateFileMapping fails with NULL, writes 0 for a new section and ERROR_ALREADY_EXISTS for an existing one.
fn creation_fails_with_null_and_writes_the_last_error() {
    let name = Name::unique();
    let (first, error) = create(PAGE_READWRITE, 4096, name.ptr());
    let first = Handle::own(first);
    assert_eq!(error, ERROR_SUCCESS);
    let (second, error) = create(PAGE_READWRITE, 4096, name.ptr());
    let second = Handle::own(second);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    assert_eq!(call!(CompareObjectHandles(first.raw(), second.raw())).0, TRUE);
    Handle::own(quiet!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr())));
}

/// 8.1: An existing section keeps its size and protection, whatever the call asks for.
fn an_existing_section_keeps_its_size() {
    let name = Name::unique();
    let first = named(&name, 65536);
    let (second, error) = create(PAGE_READONLY, 4096, name.ptr());
    let second = Handle::own(second);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    View::of(&first, FILE_MAP_WRITE).write(61440, 7);
    assert_eq!(View::of(&second, FILE_MAP_READ).read(61440), 7);
    map_fails(&second, Wish { length: 65537, ..whole(FILE_MAP_READ) }, ERROR_ACCESS_DENIED);
    let larger = Handle::own(create(PAGE_READWRITE, 1 << 20, name.ptr()).0);
    map_fails(&larger, Wish { length: 65537, ..whole(FILE_MAP_READ) }, ERROR_ACCESS_DENIED);
}

/// 8.1: Memory starts as zeros.
fn memory_starts_as_zeros() {
    for _ in 0..3 {
        let view = View::of(&section(1 << 20), FILE_MAP_WRITE);
        assert!((0..1 << 20).step_by(4).all(|offset| view.read(offset) == 0));
        // What the next might find.
        (0..1 << 20).step_by(4).for_each(|offset| view.write(offset, u32::MAX));
    }
}

/// 8.1: The size of memory is rounded up to 4096: of 1 byte, a view of 4096 is fine and one of 4097 fails.
fn the_size_is_rounded_up_to_whole_pages() {
    let section = section(1);
    let view = View::mapped(&section, Wish { length: 4096, ..whole(FILE_MAP_WRITE) });
    view.write(4092, 5);
    assert_eq!(View::of(&section, FILE_MAP_READ).read(4092), 5);
    map_fails(&section, Wish { length: 4097, ..whole(FILE_MAP_READ) }, ERROR_ACCESS_DENIED);
}

/// 8.1: With SEC_RESERVE pages are committed by VirtualAlloc in a view, for all views.
fn reserved_memory_is_committed_for_all_views() {
    let section = Handle::own(create(PAGE_READWRITE | SEC_RESERVE, 1 << 20, null()).0);
    let (first, second) = (View::of(&section, FILE_MAP_WRITE), View::of(&section, FILE_MAP_WRITE));
    let page = (first.0 + 8192) as *const core::ffi::c_void;
    let inside = page.wrapping_byte_add(100);
    // Two pages have a byte of it.
    let (committed, _) = call!(VirtualAlloc(inside, 4096, MEM_COMMIT, PAGE_READWRITE));
    assert_eq!(committed.cast_const(), page);
    second.write(8192, 1);
    second.write(16380, 2);
    assert_eq!((first.read(8192), first.read(16380)), (1, 2));
    // Committing again does no harm.
    let (committed, _) = call!(VirtualAlloc(page, 4, MEM_COMMIT, PAGE_READWRITE));
    assert_eq!((committed.cast_const(), first.read(8192)), (page, 1));
}

/// 8.2: OpenFileMapping: an absent name 2, NULL 87, another kind 6.
fn opening_fails_as_for_other_objects() {
    let name = Name::unique();
    fails!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    fails!(OpenFileMappingW(FILE_MAP_READ, FALSE, null()), ERROR_INVALID_PARAMETER);
    let other = Name::unique();
    let _event = Handle::own(ok!(CreateEventW(null(), TRUE, TRUE, other.ptr())));
    fails!(OpenFileMappingW(FILE_MAP_READ, FALSE, other.ptr()), ERROR_INVALID_HANDLE);
    assert_eq!(create(PAGE_READWRITE, 4096, other.ptr()), (null_mut(), ERROR_INVALID_HANDLE));
    let _section = named(&name, 4096);
    fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_INVALID_HANDLE);
}

/// 8.2: OpenFileMapping with no access, or with a right that sections do not have, fails ERROR_ACCESS_DENIED.
fn opening_with_rights_that_sections_lack_fails() {
    let name = Name::unique();
    let section = named(&name, 4096);
    fails!(OpenFileMappingW(0, FALSE, name.ptr()), ERROR_ACCESS_DENIED);
    fails!(OpenFileMappingW(FILE_MAP_READ | SYNCHRONIZE, FALSE, name.ptr()), ERROR_ACCESS_DENIED);
    let mut copy = null_mut();
    fails!(
        DuplicateHandle(this_process(), section.raw(), this_process(), &mut copy, SYNCHRONIZE, FALSE, 0),
        ERROR_ACCESS_DENIED
    );
}

/// 8.2: FILE_MAP_COPY asks for the same as FILE_MAP_READ.
fn a_copy_asks_for_the_right_to_read() {
    let name = Name::unique();
    let _section = named(&name, 4096);
    let opened = Handle::own(ok!(OpenFileMappingW(FILE_MAP_COPY, FALSE, name.ptr())));
    View::of(&opened, FILE_MAP_COPY).write(0, 1);
    assert_eq!(View::of(&opened, FILE_MAP_READ).read(0), 0);
    map_fails(&opened, whole(FILE_MAP_WRITE), ERROR_ACCESS_DENIED);
}

/// 1.4: OpenFileMapping gives what was asked for: a view that writes needs FILE_MAP_WRITE, one that reads
/// FILE_MAP_READ.
fn opening_gives_what_was_asked() {
    let name = Name::unique();
    let _section = named(&name, 4096);
    let open = |access| Handle::own(ok!(OpenFileMappingW(access, FALSE, name.ptr())));
    let (reader, writer) = (open(FILE_MAP_READ), open(FILE_MAP_WRITE));
    map_fails(&reader, whole(FILE_MAP_WRITE), ERROR_ACCESS_DENIED);
    map_fails(&reader, whole(FILE_MAP_ALL_ACCESS), ERROR_ACCESS_DENIED);
    map_fails(&writer, whole(FILE_MAP_READ), ERROR_ACCESS_DENIED);
    map_fails(&writer, whole(FILE_MAP_COPY), ERROR_ACCESS_DENIED);
    View::of(&writer, FILE_MAP_WRITE).write(0, 3);
    assert_eq!(View::of(&reader, FILE_MAP_READ).read(0), 3);
    assert_eq!(View::of(&open(FILE_MAP_ALL_ACCESS), FILE_MAP_ALL_ACCESS).read(0), 3);
}

/// 1.4: CreateFileMapping gives all access, 0xF001F.
fn creation_gives_all_access() {
    section(4096).with_access(0xF_001F);
}

/// 1.4: CreateFileMapping of an existing section gives all access too, whatever the protection asked for.
fn creation_gives_all_access_to_an_existing_section() {
    let name = Name::unique();
    let _section = named(&name, 4096);
    let (again, error) = create(PAGE_READONLY, 4096, name.ptr());
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    View::of(&Handle::own(again), FILE_MAP_WRITE).write(0, 1);
}

/// 1.4: Sections have no SYNCHRONIZE right: a wait fails ERROR_ACCESS_DENIED.
fn a_section_cannot_be_waited_for() {
    let section = section(4096);
    fails!(WaitForSingleObject(section.raw(), 0), ERROR_ACCESS_DENIED);
}

/// 1.3: Names of sections are case-sensitive, with `Local\` or `Global\`; another backslash fails ERROR_PATH_NOT_FOUND.
fn names_are_those_of_other_objects() {
    let text = unique_text();
    let section = named(&Name::new(&text), 4096);
    let open = |name: &str| call!(OpenFileMappingW(FILE_MAP_READ, FALSE, Name::new(name).ptr()));
    let local = Handle::own(open(&format!(r"Local\{text}")).0);
    assert_eq!(call!(CompareObjectHandles(section.raw(), local.raw())).0, TRUE);
    assert_eq!(open(&text.to_uppercase()), (null_mut(), ERROR_FILE_NOT_FOUND));
    assert_eq!(open(&format!(r"Global\{text}")), (null_mut(), ERROR_FILE_NOT_FOUND));
    assert_eq!(open(&format!(r"local\{text}")), (null_mut(), ERROR_PATH_NOT_FOUND));
    let nested = Name::new(&format!(r"{}\more", unique_text()));
    assert_eq!(create(PAGE_READWRITE, 4096, nested.ptr()), (null_mut(), ERROR_PATH_NOT_FOUND));
    // An empty name is none.
    let empty = Name::new("");
    assert_eq!(create(PAGE_READWRITE, 4096, empty.ptr()).1, ERROR_SUCCESS);
    assert_eq!(create(PAGE_READWRITE, 4096, empty.ptr()).1, ERROR_SUCCESS);
}

/// 1.3: A name means the same section in every process of the session.
fn names_are_shared_between_processes() {
    let (name, mut child) = (Name::unique(), Child::start());
    let view = View::of(&named(&name, 4096), FILE_MAP_WRITE);
    // Only the view is left.
    assert_eq!(child.ask(&format!("open_section {} 4", name.text())).error, ERROR_FILE_NOT_FOUND);
    drop(view);
    let section = named(&name, 4096);
    let view = View::of(&section, FILE_MAP_WRITE);
    let copy = child.handle(&format!("open_section {} 2", name.text()));
    let address = child.handle(&format!("map {copy} 2"));
    child.ok(&format!("add {address} 5"));
    assert_eq!(view.read(0), 5);
}

/// 1.3: ANSI and wide names are the same.
fn ansi_names_are_the_same() {
    let name = Name::unique();
    let (first, error) = call!(CreateFileMappingA(
        INVALID_HANDLE_VALUE,
        null(),
        PAGE_READWRITE,
        0,
        4096,
        name.ansi().as_ptr()
    ));
    let first = Handle::own(first);
    assert_eq!(error, ERROR_SUCCESS);
    let second = Handle::own(ok!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr())));
    let third = Handle::own(ok!(OpenFileMappingA(FILE_MAP_READ, FALSE, name.ansi().as_ptr())));
    for other in [second, third] {
        assert_eq!(call!(CompareObjectHandles(first.raw(), other.raw())).0, TRUE);
    }
}
