//! Sections 8.3, 8.4 and 1.5: views of sections of memory.

use crate::support::child::Child;
use crate::support::section::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};
use std::sync::atomic::Ordering;

tests![
    an_offset_is_a_multiple_of_65536,
    a_base_is_a_multiple_of_65536,
    a_base_in_use_fails,
    a_free_base_is_taken,
    a_view_ends_within_the_section,
    a_view_begins_within_the_section,
    a_view_of_0_bytes_reaches_to_the_end,
    views_start_at_multiples_of_65536,
    what_a_protection_allows,
    something_else_cannot_be_mapped,
    write_all_access_and_write_with_read_are_the_same,
    a_copy_is_private_once_written,
    a_copy_sees_others_changes_until_it_is_written,
    views_of_one_section_are_coherent,
    views_of_two_processes_are_coherent,
    interlocked_operations_work_across_processes,
    any_address_inside_unmaps,
    what_is_not_mapped_cannot_be_unmapped,
    flushing_memory_succeeds,
    flushing_what_is_not_mapped_fails,
    a_view_is_a_region_of_its_own,
    handle_and_views_go_in_any_order,
    views_keep_the_memory_and_not_the_name,
    a_killed_process_loses_its_views,
    a_duplicate_maps_the_same_memory,
    a_duplicate_of_another_process_maps_the_same_memory,
];

const MIB: u64 = 1 << 20;

/// 8.3: An offset that is no multiple of 65536 fails ERROR_MAPPED_ALIGNMENT.
fn an_offset_is_a_multiple_of_65536() {
    let section = section(MIB);
    for offset in [1, 4096, 65535, 65537] {
        map_fails(&section, Wish { offset, length: 1, ..whole(FILE_MAP_READ) }, ERROR_MAPPED_ALIGNMENT);
    }
    View::of(&section, FILE_MAP_WRITE).write(131072, 9);
    assert_eq!(View::mapped(&section, Wish { offset: 131072, ..whole(FILE_MAP_READ) }).read(0), 9);
}

/// Addresses of so many bytes that nothing is at, at a moment.
fn free_base(length: u64) -> usize {
    // Addresses that a view has had are free when it is gone; others may come, and then the test tries again.
    View::of(&section(length), FILE_MAP_READ).0
}

/// 8.3: A base that is no multiple of 65536 fails ERROR_MAPPED_ALIGNMENT.
fn a_base_is_a_multiple_of_65536() {
    let section = section(4096);
    for distance in [1, 4096, 32768] {
        let base = free_base(MIB) + distance;
        map_fails(&section, Wish { base, ..whole(FILE_MAP_READ) }, ERROR_MAPPED_ALIGNMENT);
    }
}

/// 8.3: A base where something is fails ERROR_INVALID_ADDRESS.
fn a_base_in_use_fails() {
    let section = section(MIB);
    let view = View::of(&section, FILE_MAP_READ);
    for base in [view.0, view.0 + 65536] {
        map_fails(&section, Wish { base, ..whole(FILE_MAP_READ) }, ERROR_INVALID_ADDRESS);
    }
}

/// 8.3: A base that is free is where the view is.
fn a_free_base_is_taken() {
    let section = section(4096);
    // Other tests map views, too.
    until("a base is free", || {
        let base = free_base(MIB);
        let (address, error) = try_map(&section, Wish { base, ..whole(FILE_MAP_READ) });
        if address == 0 {
            assert_eq!(error, ERROR_INVALID_ADDRESS);
            return false;
        }
        assert_eq!(View(address).0, base);
        true
    });
}

/// 8.3: A view that ends behind the section fails ERROR_ACCESS_DENIED.
fn a_view_ends_within_the_section() {
    let section = section(MIB);
    for (offset, length) in [(0, MIB as usize + 1), (65536, MIB as usize), (MIB - 65536, 65537), (0, 1 << 40)]
    {
        map_fails(&section, Wish { offset, length, ..whole(FILE_MAP_READ) }, ERROR_ACCESS_DENIED);
    }
    View::mapped(&section, Wish { offset: MIB - 65536, length: 65536, ..whole(FILE_MAP_READ) });
}

/// 8.3: A view that begins at or behind the end fails ERROR_ACCESS_DENIED or ERROR_INVALID_PARAMETER (?).
fn a_view_begins_within_the_section() {
    let section = section(MIB);
    for offset in [MIB, MIB + 65536, 1 << 40] {
        let (address, error) = try_map(&section, Wish { offset, ..whole(FILE_MAP_READ) });
        assert_eq!(address, 0);
        assert!([ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER].contains(&error), "{offset:#x}: {error}");
    }
}

/// 8.3: A view of 0 bytes reaches from the offset to the end.
fn a_view_of_0_bytes_reaches_to_the_end() {
    let section = section(MIB);
    let view = View::mapped(&section, Wish { offset: 65536, ..whole(FILE_MAP_WRITE) });
    view.write(MIB as usize - 65536 - 4, 8);
    assert_eq!(View::of(&section, FILE_MAP_READ).read(MIB as usize - 4), 8);
}

/// 8.3: Views start at multiples of 65536.
fn views_start_at_multiples_of_65536() {
    let (small, large) = (section(1), section(MIB));
    let views: Vec<View> =
        (0..20).map(|number| View::of([&small, &large][number % 2], FILE_MAP_READ)).collect();
    assert!(views.iter().all(|view| view.0.is_multiple_of(65536)));
}

/// 8.3: What a section's protection does not allow fails ERROR_ACCESS_DENIED: writing, executing.
fn what_a_protection_allows() {
    for (protection, writable) in [
        (PAGE_READONLY, false),
        (PAGE_READWRITE, true),
        (PAGE_WRITECOPY, false),
        (PAGE_EXECUTE_READ, false),
        (PAGE_EXECUTE_READWRITE, true),
        (PAGE_EXECUTE_WRITECOPY, false),
    ] {
        let section = Handle::own(create(protection, 4096, null()).0);
        View::of(&section, FILE_MAP_READ);
        View::of(&section, FILE_MAP_COPY).write(0, 1);
        match writable {
            true => View::of(&section, FILE_MAP_WRITE).write(0, 1),
            false => map_fails(&section, whole(FILE_MAP_WRITE), ERROR_ACCESS_DENIED),
        }
        if protection < PAGE_EXECUTE_READ {
            map_fails(&section, whole(FILE_MAP_READ | FILE_MAP_EXECUTE), ERROR_ACCESS_DENIED);
        }
    }
}

/// 8.3: A handle that is none, or of another kind, fails ERROR_INVALID_HANDLE.
fn something_else_cannot_be_mapped() {
    let event = event(true, true);
    map_fails(&event, whole(FILE_MAP_READ), ERROR_INVALID_HANDLE);
    for handle in [NEVER, null_mut()] {
        let (address, error) = call!(MapViewOfFile(handle, FILE_MAP_READ, 0, 0, 0));
        assert_eq!((address.Value as usize, error), (0, ERROR_INVALID_HANDLE));
    }
}

/// 8.3: FILE_MAP_WRITE, FILE_MAP_ALL_ACCESS and WRITE with READ mean the same: read and write.
fn write_all_access_and_write_with_read_are_the_same() {
    let section = section(4096);
    let reader = View::of(&section, FILE_MAP_READ);
    for (number, access) in
        [FILE_MAP_WRITE, FILE_MAP_ALL_ACCESS, FILE_MAP_WRITE | FILE_MAP_READ].into_iter().enumerate()
    {
        let view = View::of(&section, access);
        view.write(0, number as u32 + 1);
        assert_eq!((view.read(0), reader.read(0)), (number as u32 + 1, number as u32 + 1));
    }
}

/// 8.3: What is written to a copy view nobody else sees, and it is lost when the view is unmapped.
fn a_copy_is_private_once_written() {
    let section = section(4096);
    let shared = View::of(&section, FILE_MAP_WRITE);
    shared.write(0, 1);
    let (copy, other) = (View::of(&section, FILE_MAP_COPY), View::of(&section, FILE_MAP_COPY));
    copy.write(0, 2);
    assert_eq!((copy.read(0), shared.read(0), other.read(0)), (2, 1, 1));
    shared.write(0, 3);
    assert_eq!((copy.read(0), shared.read(0)), (2, 3));
    drop(copy);
    assert_eq!(View::of(&section, FILE_MAP_COPY).read(0), 3);
}

/// 8.3: A copy view sees others' changes to a page until it has copied that page.
fn a_copy_sees_others_changes_until_it_is_written() {
    let section = section(8192);
    let (shared, copy) = (View::of(&section, FILE_MAP_WRITE), View::of(&section, FILE_MAP_COPY));
    for value in 1..4 {
        shared.write(4096, value);
        assert_eq!(copy.read(4096), value);
    }
    copy.write(0, 9);
    shared.write(4, 5);
    shared.write(4096, 6);
    assert_eq!((copy.read(4), copy.read(4096)), (0, 6));
}

/// 8.3: All views of one section are coherent, wherever they begin and lie.
fn views_of_one_section_are_coherent() {
    let section = section(MIB);
    let (first, second) = (View::of(&section, FILE_MAP_WRITE), View::of(&section, FILE_MAP_WRITE));
    let third = View::mapped(&section, Wish { offset: 65536, length: 4096, ..whole(FILE_MAP_WRITE) });
    assert!(first.0 != second.0 && second.0 != third.0);
    first.write(65540, 1);
    assert_eq!((second.read(65540), third.read(4)), (1, 1));
    third.write(4, 2);
    assert_eq!((first.read(65540), second.read(65540)), (2, 2));
}

/// 8.3: Views of two processes are coherent.
fn views_of_two_processes_are_coherent() {
    let (name, mut child) = (Name::unique(), Child::start());
    let section = named(&name, MIB);
    let view = View::of(&section, FILE_MAP_WRITE);
    let copy = child.handle(&format!("open_section {} 2", name.text()));
    let address = child.handle(&format!("map {copy} 2"));
    for value in [7, 8] {
        child.ok(&format!("store {} {value}", address + 65536));
        assert_eq!(view.read(65536), value);
        view.write(4, value + 100);
        assert_eq!(child.ask(&format!("load {}", address + 4)).value, i64::from(value) + 100);
    }
}

/// 8.3: Interlocked operations on shared memory work across processes.
fn interlocked_operations_work_across_processes() {
    const EACH: u32 = 20_000;
    let (name, mut child) = (Name::unique(), Child::start());
    let section = named(&name, 4096);
    let view = View::of(&section, FILE_MAP_WRITE);
    let copy = child.handle(&format!("open_section {} 2", name.text()));
    let address = child.handle(&format!("map {copy} 2"));
    child.send(&format!("add_often {address} {EACH}"));
    for _ in 0..EACH {
        view.word(0).fetch_add(1, Ordering::SeqCst);
    }
    assert_eq!(child.answer().value, 1);
    assert_eq!(view.read(0), 2 * EACH);
}

/// 8.4: UnmapViewOfFile takes any address inside the view.
fn any_address_inside_unmaps() {
    let section = section(MIB);
    for distance in [0, 1, 4096, MIB as usize - 1] {
        let view = std::mem::ManuallyDrop::new(View::of(&section, FILE_MAP_READ));
        assert_eq!(unmap(view.0 + distance), (TRUE, UNTOUCHED), "{distance}");
    }
}

/// 8.4: An address that lies in no view fails ERROR_INVALID_ADDRESS.
fn what_is_not_mapped_cannot_be_unmapped() {
    let local = 0;
    for address in [0, &raw const local as usize] {
        assert_eq!(unmap(address), (FALSE, ERROR_INVALID_ADDRESS));
    }
}

/// 8.4: FlushViewOfFile of memory is TRUE, for 0 bytes too.
fn flushing_memory_succeeds() {
    let view = View::of(&section(MIB), FILE_MAP_WRITE);
    for bytes in [0, 1, 4096, MIB as usize] {
        quiet!(FlushViewOfFile(view.0 as *const core::ffi::c_void, bytes));
    }
}

/// 8.4: FlushViewOfFile of what is no view fails ERROR_INVALID_ADDRESS (?).
fn flushing_what_is_not_mapped_fails() {
    let local = 0;
    fails!(FlushViewOfFile((&raw const local).cast(), 4), ERROR_INVALID_ADDRESS);
}

/// 8.3: VirtualQuery tells the extent of a view, whole pages, and what may be done with it.
fn a_view_is_a_region_of_its_own() {
    let section = section(5000);
    for (access, protection) in
        [(FILE_MAP_READ, PAGE_READONLY), (FILE_MAP_WRITE, PAGE_READWRITE), (FILE_MAP_COPY, PAGE_WRITECOPY)]
    {
        let view = View::of(&section, access);
        // SAFETY: zero is a valid value of every field.
        let mut found: MEMORY_BASIC_INFORMATION = unsafe { std::mem::zeroed() };
        let size = size_of::<MEMORY_BASIC_INFORMATION>();
        let address = (view.0 + 4100) as *const core::ffi::c_void;
        assert_eq!(call!(VirtualQuery(address, &mut found, size)).0, size);
        assert_eq!((found.AllocationBase as usize, found.BaseAddress as usize), (view.0, view.0 + 4096));
        assert_eq!((found.RegionSize, found.State, found.Type), (4096, MEM_COMMIT, MEM_MAPPED));
        assert_eq!((found.AllocationProtect, found.Protect), (protection, protection));
    }
}

/// 8.4: Handle and views may be released in any order; a view stays usable without the handle.
fn handle_and_views_go_in_any_order() {
    let section = section(4096);
    let (first, second) = (View::of(&section, FILE_MAP_WRITE), View::of(&section, FILE_MAP_READ));
    section.close();
    first.write(0, 4);
    assert_eq!(second.read(0), 4);
    drop(first);
    assert_eq!(second.read(0), 4);
}

/// 1.5: Views keep the memory and not the name: when the last handle is closed the name is free (?).
fn views_keep_the_memory_and_not_the_name() {
    let name = Name::unique();
    let section = named(&name, 4096);
    let view = View::of(&section, FILE_MAP_WRITE);
    view.write(0, 6);
    section.close();
    fails!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    let again = named(&name, 4096);
    assert_eq!((View::of(&again, FILE_MAP_READ).read(0), view.read(0)), (0, 6));
}

/// 8.4: A killed process loses its views and handles; what it wrote stays for others.
fn a_killed_process_loses_its_views() {
    let (name, mut child) = (Name::unique(), Child::start());
    let section = child.handle(&format!("create_section {} 4096", name.text()));
    let address = child.handle(&format!("map {section} 2"));
    let own = Handle::own(ok!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr())));
    child.ok(&format!("store {address} 11"));
    let process = child.open(SYNCHRONIZE);
    child.kill();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    assert_eq!(View::of(&own, FILE_MAP_READ).read(0), 11);
    own.close();
    fails!(OpenFileMappingW(FILE_MAP_READ, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.6: A duplicate is a handle to the same memory, with the access that it was given.
fn a_duplicate_maps_the_same_memory() {
    let section = section(4096);
    View::of(&section, FILE_MAP_WRITE).write(0, 12);
    assert_eq!(View::of(&section.duplicate(), FILE_MAP_WRITE).read(0), 12);
    let reader = section.with_access(FILE_MAP_READ);
    assert_eq!(View::of(&reader, FILE_MAP_READ).read(0), 12);
    map_fails(&reader, whole(FILE_MAP_WRITE), ERROR_ACCESS_DENIED);
}

/// 1.6: A handle duplicated into another process maps the same memory there, without any name.
fn a_duplicate_of_another_process_maps_the_same_memory() {
    let mut child = Child::start();
    let section = section(4096);
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
    let address = child.handle(&format!("map {} 2", copy as isize));
    child.ok(&format!("store {address} 13"));
    assert_eq!(View::of(&section, FILE_MAP_READ).read(0), 13);
}
