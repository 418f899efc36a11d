//! File mappings: sections and their views.

use core::ffi::c_void;
use core::ptr::null_mut;

use windows_sys::Win32::Foundation::{
    ERROR_BAD_LENGTH, ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED,
    ERROR_PRIVILEGE_NOT_HELD, HANDLE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Memory::*;
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::section::{self, Access, Parameters, Protection, Region, Unused, View};
use winipc_executive::{Attributes, Disposition, Handle, Kind, Status};

use crate::argument::{handle, present};
use crate::error::{Error, Result, boolean, value};
use crate::object::{create, open};
use crate::strings::ansi;

/// The right that `FILE_MAP_EXECUTE` (0x20) asks for where a section is opened.
const SECTION_MAP_EXECUTE: u32 = 8;

/// The size of a page.
const PAGE: usize = 4096;

/// The flags beside the page protection.
const SEC_FLAGS: u32 =
    SEC_COMMIT | SEC_RESERVE | SEC_IMAGE | SEC_NOCACHE | SEC_WRITECOMBINE | SEC_LARGE_PAGES;

/// Creates a section with all access, or opens the section that has the name.
///
/// With `INVALID_HANDLE_VALUE` for a file it is memory, all zeros, its size rounded up to 4096 bytes. Else it is over
/// the file, which is made longer where it is shorter and the protection lets views write; size 0 is the file's; the
/// handle to the file may be closed then. `protect` is one of `PAGE_READONLY` (2), `PAGE_READWRITE` (4),
/// `PAGE_WRITECOPY` (8), and these executable (`0x20`, `0x40`, `0x80`), with flags: `SEC_COMMIT`, which is the default;
/// `SEC_RESERVE`, where [`VirtualAlloc`] commits memory within views; `SEC_NOCACHE` and `SEC_WRITECOMBINE`, which make
/// no difference to memory. NULL or an empty `name` makes a section without one. An existing section keeps its size,
/// and the last error is then `ERROR_ALREADY_EXISTS` (183), otherwise 0. Returns NULL on failure.
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): a protection or flags other than these; `SEC_COMMIT` with `SEC_RESERVE`;
///   `SEC_NOCACHE`, `SEC_WRITECOMBINE` or `SEC_LARGE_PAGES` without what they need; memory of size 0.
/// - `ERROR_COMMITMENT_LIMIT` (1455): there is not so much memory.
/// - `ERROR_NOT_ENOUGH_MEMORY` (8): no section can be so large, or the file is shorter and views may not write.
/// - `ERROR_PRIVILEGE_NOT_HELD` (1314): `SEC_LARGE_PAGES`, which nobody may use.
/// - `ERROR_FILE_INVALID` (1006): size 0 and an empty file.
/// - `ERROR_ACCESS_DENIED` (5): the handle to the file lacks what the protection needs.
/// - `ERROR_DISK_FULL` (112): the file cannot be made longer.
/// - `ERROR_NOT_SUPPORTED` (50): `SEC_IMAGE` of a file.
/// - `ERROR_BAD_EXE_FORMAT` (193): the file is none on disk, or `SEC_IMAGE` without a file.
/// - `ERROR_INVALID_HANDLE` (6): the file is no handle to a file, or an object of another kind has the name.
/// - `ERROR_PATH_NOT_FOUND` (3): a backslash in the name other than that of `Local\` or `Global\`.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the name is too long.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateFileMappingW(
    file: HANDLE,
    attributes: *const SECURITY_ATTRIBUTES,
    protect: PAGE_PROTECTION_FLAGS,
    size_high: u32,
    size_low: u32,
    name: PCWSTR,
) -> HANDLE {
    // SAFETY: `attributes` and `name` are NULL or valid.
    unsafe {
        create(attributes, name, |attributes| {
            let reserve = is_reserved(protect & SEC_FLAGS)?;
            let protection = Protection::from_page(protect & !SEC_FLAGS)?;
            let size = u64::from(size_high) << 32 | u64::from(size_low);
            if file != INVALID_HANDLE_VALUE {
                return of_file(attributes, handle(file), protect, protection, size);
            }
            if protect & SEC_IMAGE != 0 {
                return Err(Status::INVALID_FILE_FOR_SECTION.into());
            }
            let parameters = Parameters { size, protection, reserve };
            Ok(section::create(attributes, section::ALL_RIGHTS, &parameters)?)
        })
    }
}

ansi! {
    /// [`CreateFileMappingW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn CreateFileMappingA(
        file: HANDLE, attributes: *const SECURITY_ATTRIBUTES, protect: PAGE_PROTECTION_FLAGS, size_high: u32,
        size_low: u32, [name]
    ) -> HANDLE;
    by CreateFileMappingW, or null_mut()
}

fn of_file(
    attributes: &Attributes<'_>,
    file: Handle,
    protect: u32,
    protection: Protection,
    size: u64,
) -> Result<(Handle, Disposition)> {
    match winipc_executive::handle::kind(file)? {
        // No program here is one that Windows could run.
        Kind::File if protect & SEC_IMAGE != 0 => Err(Error(ERROR_NOT_SUPPORTED)),
        Kind::File => Ok(section::create_over(attributes, section::ALL_RIGHTS, file, size, protection)?),
        Kind::Pipe | Kind::Mailslot => Err(Status::INVALID_FILE_FOR_SECTION.into()),
        _ => Err(Error(ERROR_INVALID_HANDLE)),
    }
}

/// Checks the flags beside the protection. Returns whether memory is only reserved.
fn is_reserved(flags: u32) -> Result<bool> {
    let [commit, reserve, large] = [SEC_COMMIT, SEC_RESERVE, SEC_LARGE_PAGES].map(|flag| flags & flag != 0);
    let says_how = commit || reserve;
    let needs_to_say = flags & (SEC_NOCACHE | SEC_WRITECOMBINE) != 0 && flags & SEC_IMAGE == 0;
    if commit && reserve
        || needs_to_say && !says_how
        || large && !commit
        || flags & SEC_IMAGE != 0 && says_how
    {
        return Err(Error(ERROR_INVALID_PARAMETER));
    }
    if large {
        return Err(Error(ERROR_PRIVILEGE_NOT_HELD));
    }
    Ok(reserve)
}

/// Opens the section that has the name. `FILE_MAP_COPY` asks for the same as `FILE_MAP_READ`. Returns NULL on failure.
///
/// # Errors
/// - `ERROR_FILE_NOT_FOUND` (2): no object has the name.
/// - `ERROR_INVALID_HANDLE` (6): an object of another kind has it, or it is empty.
/// - `ERROR_ACCESS_DENIED` (5): `access` is 0 or has a bit that sections do not have.
/// - `ERROR_PRIVILEGE_NOT_HELD` (1314): `access` has `ACCESS_SYSTEM_SECURITY`.
/// - `ERROR_INVALID_PARAMETER` (87): `name` is NULL.
/// - `ERROR_PATH_NOT_FOUND` (3), `ERROR_FILENAME_EXCED_RANGE` (206): as for [`CreateFileMappingW`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn OpenFileMappingW(access: u32, inherit: BOOL, name: PCWSTR) -> HANDLE {
    let rights = match access {
        FILE_MAP_COPY => FILE_MAP_READ,
        access if access & FILE_MAP_EXECUTE != 0 => access & !FILE_MAP_EXECUTE | SECTION_MAP_EXECUTE,
        access => access,
    };
    // SAFETY: `name` is NULL or valid.
    unsafe { open(name, |name| section::open(name, rights, inherit != 0)) }
}

ansi! {
    /// [`OpenFileMappingW`] with a name in UTF-8 of at most `MAX_PATH` (260) characters.
    pub unsafe extern "system" fn OpenFileMappingA(access: u32, inherit: BOOL, [name]) -> HANDLE;
    by OpenFileMappingW, or null_mut()
}

/// [`MapViewOfFileEx`] with a NULL address: the system chooses where the view is.
///
/// # Errors
/// Those of [`MapViewOfFileEx`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn MapViewOfFile(
    section: HANDLE,
    access: FILE_MAP,
    offset_high: u32,
    offset_low: u32,
    bytes: usize,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    // SAFETY: as for this function.
    unsafe { MapViewOfFileEx(section, access, offset_high, offset_low, bytes, core::ptr::null()) }
}

/// Maps a view of `bytes` bytes of a section, or of all from the offset on if it is 0, at `base` unless that is NULL.
/// Returns NULL on failure.
///
/// `access`: `FILE_MAP_WRITE` (2) for a view to read and write, also with other bits; else `FILE_MAP_COPY` (1) for one
/// whose pages become its own when it writes to them; else `FILE_MAP_READ` (4). `FILE_MAP_EXECUTE` (0x20) for one to
/// execute, too.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): no section.
/// - `ERROR_ACCESS_DENIED` (5): the section's protection or the handle's rights do not allow the access; the view ends
///   behind the section, or begins at or behind its end; or the file system forbids execution.
/// - `ERROR_MAPPED_ALIGNMENT` (1132): the offset or `base` is no multiple of 65536.
/// - `ERROR_INVALID_ADDRESS` (487): something else is at `base`.
/// - `ERROR_INVALID_PARAMETER` (87): `access` names none of the three.
/// - `ERROR_NOT_ENOUGH_MEMORY` (8): there are not so many free addresses.
/// - `ERROR_COMMITMENT_LIMIT` (1455): no memory for the copies.
/// - `ERROR_NOT_ENOUGH_QUOTA` (1816): the process has too many views.
/// - `ERROR_FILE_INVALID` (1006): the section's file is not where it was when the section was made, or shorter.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn MapViewOfFileEx(
    section: HANDLE,
    access: FILE_MAP,
    offset_high: u32,
    offset_low: u32,
    bytes: usize,
    base: *const c_void,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    let map = || -> Result<usize> {
        let view = View {
            access: match access {
                access if access & FILE_MAP_WRITE != 0 => Access::Write,
                access if access & FILE_MAP_COPY != 0 => Access::Copy,
                access if access & FILE_MAP_READ != 0 => Access::Read,
                _ => return Err(Error(ERROR_INVALID_PARAMETER)),
            },
            execute: access & FILE_MAP_EXECUTE != 0,
            offset: u64::from(offset_high) << 32 | u64::from(offset_low),
            length: bytes,
            base: (!base.is_null()).then_some(base as usize),
        };
        Ok(section::map(handle(section), &view)?)
    };
    MEMORY_MAPPED_VIEW_ADDRESS { Value: value(map().map(|address| address as *mut c_void), null_mut()) }
}

/// Unmaps the view that an address lies in.
///
/// # Safety
/// Nobody uses the view's memory any more.
///
/// # Errors
/// - `ERROR_INVALID_ADDRESS` (487): it lies in none.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn UnmapViewOfFile(base: MEMORY_MAPPED_VIEW_ADDRESS) -> BOOL {
    // SAFETY: nobody uses the memory any more, as the caller promises.
    boolean(section::unmap(unsafe { Unused::at(base.Value as usize) }))
}

/// Starts writing `bytes` bytes of a view that were changed to the file, or all from the address on if it is 0. It does
/// not wait for the disk. Of memory without a file there is nothing to write.
///
/// # Errors
/// - `ERROR_INVALID_ADDRESS` (487): the range lies in no view.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn FlushViewOfFile(base: *const c_void, bytes: usize) -> BOOL {
    boolean(section::flush(base as usize, bytes))
}

/// Commits memory of a section made with `SEC_RESERVE`, through a view of it and for all of its views: the pages in
/// which `size` bytes from `address` on lie. Returns the address of the first page, NULL on failure.
///
/// Sections are all that this function is for here: memory of the process's own comes from the language.
///
/// # Errors
/// - `ERROR_INVALID_ADDRESS` (487): the range lies in no view.
/// - `ERROR_INVALID_PARAMETER` (87): `size` is 0, or `protect` is no page protection.
/// - `ERROR_COMMITMENT_LIMIT` (1455): there is not so much memory.
/// - `ERROR_NOT_SUPPORTED` (50): a `kind` other than `MEM_COMMIT` (0x1000), or a NULL address.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn VirtualAlloc(
    address: *const c_void,
    size: usize,
    kind: VIRTUAL_ALLOCATION_TYPE,
    protect: PAGE_PROTECTION_FLAGS,
) -> *mut c_void {
    let commit = || -> Result<*mut c_void> {
        if kind != MEM_COMMIT || address.is_null() {
            return Err(Error(ERROR_NOT_SUPPORTED));
        }
        Protection::from_page(protect)?;
        Ok(section::commit(address as usize, size)? as *mut c_void)
    };
    value(commit(), null_mut())
}

/// Tells what memory an address lies in: here, in which view of a section. Returns how many bytes were written to
/// `information`, 0 on failure.
///
/// # Errors
/// - `ERROR_INVALID_ADDRESS` (487): the address lies in no view.
/// - `ERROR_BAD_LENGTH` (24): `length` is less than the structure has.
/// - `ERROR_NOACCESS` (998): `information` is NULL.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn VirtualQuery(
    address: *const c_void,
    information: *mut MEMORY_BASIC_INFORMATION,
    length: usize,
) -> usize {
    let query = || -> Result<usize> {
        present(information)?;
        if length < size_of::<MEMORY_BASIC_INFORMATION>() {
            return Err(Error(ERROR_BAD_LENGTH));
        }
        let Region { base, length, access, execute } = section::region(address as usize)?;
        let page = address as usize / PAGE * PAGE;
        let protection = match (access, execute) {
            (Access::Read, false) => PAGE_READONLY,
            (Access::Write, false) => PAGE_READWRITE,
            (Access::Copy, false) => PAGE_WRITECOPY,
            (Access::Read, true) => PAGE_EXECUTE_READ,
            (Access::Write, true) => PAGE_EXECUTE_READWRITE,
            (Access::Copy, true) => PAGE_EXECUTE_WRITECOPY,
        };
        let found = MEMORY_BASIC_INFORMATION {
            BaseAddress: page as *mut c_void,
            AllocationBase: base as *mut c_void,
            AllocationProtect: protection,
            PartitionId: 0,
            RegionSize: base + length - page,
            State: MEM_COMMIT,
            Protect: protection,
            Type: MEM_MAPPED,
        };
        // SAFETY: not NULL, so a place for the structure; Windows asks for no alignment.
        unsafe { information.write_unaligned(found) };
        Ok(size_of::<MEMORY_BASIC_INFORMATION>())
    };
    value(query(), 0)
}
