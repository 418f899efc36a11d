//! Lists of attributes for the making of processes. The one attribute that has a meaning here is the list of handles to
//! inherit.

use core::ffi::c_void;

use windows_sys::Win32::Foundation::{
    ERROR_BAD_LENGTH, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_PARAMETER, ERROR_NOT_SUPPORTED, HANDLE,
};
use windows_sys::Win32::System::Threading::{
    LPPROC_THREAD_ATTRIBUTE_LIST, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
};
use windows_sys::core::BOOL;

use crate::argument::{present, usable};
use crate::error::{Error, Result, boolean};

/// What lies in the caller's memory. It holds what the caller passed and nothing that has to be freed.
#[repr(C)]
struct List {
    tag: u64,
    /// How many attributes there may be, and how many there are.
    capacity: u32,
    count: u32,
    handles: *const HANDLE,
    handle_count: usize,
}

/// Tells a list from other memory.
const TAG: u64 = u64::from_le_bytes(*b"attrlist");

/// Makes an empty list for so many attributes in the caller's memory. `size` gets the bytes that it takes: a first call
/// with a NULL `list` asks for them.
///
/// # Errors
/// - `ERROR_INSUFFICIENT_BUFFER` (122): `list` is NULL, or `size` says that it is too small.
/// - `ERROR_INVALID_PARAMETER` (87): `flags` is not 0.
/// - `ERROR_NOACCESS` (998): `size` is NULL, or `list` misaligned.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn InitializeProcThreadAttributeList(
    list: LPPROC_THREAD_ATTRIBUTE_LIST,
    attribute_count: u32,
    flags: u32,
    size: *mut usize,
) -> BOOL {
    let initialize = || -> Result<()> {
        if flags != 0 {
            return Err(Error(ERROR_INVALID_PARAMETER));
        }
        present(size)?;
        // SAFETY: not NULL, so readable and writable.
        let given = unsafe { size.read_unaligned() };
        // SAFETY: as above.
        unsafe { size.write_unaligned(size_of::<List>()) };
        if list.is_null() || given < size_of::<List>() {
            return Err(Error(ERROR_INSUFFICIENT_BUFFER));
        }
        let list: *mut List = list.cast();
        usable(list)?;
        let empty = List {
            tag: TAG,
            capacity: attribute_count,
            count: 0,
            handles: core::ptr::null(),
            handle_count: 0,
        };
        // SAFETY: as large as the caller says, and aligned.
        unsafe { list.write(empty) };
        Ok(())
    };
    boolean(initialize())
}

/// Adds an attribute to a list: `PROC_THREAD_ATTRIBUTE_HANDLE_LIST` (0x20002), an array of handles, which the caller
/// keeps until the list is deleted.
///
/// # Errors
/// - `ERROR_NOT_SUPPORTED` (50): another attribute.
/// - `ERROR_BAD_LENGTH` (24): `size` is not that of some handles.
/// - `ERROR_INVALID_PARAMETER` (87): `list` is none; `flags`, `previous` or `return_size` are not 0 and NULL; the list
///   is full.
/// - `ERROR_NOACCESS` (998): `list` or `value` is NULL or misaligned.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn UpdateProcThreadAttribute(
    list: LPPROC_THREAD_ATTRIBUTE_LIST,
    flags: u32,
    attribute: usize,
    value: *const c_void,
    size: usize,
    previous: *mut c_void,
    return_size: *const usize,
) -> BOOL {
    let update = || -> Result<()> {
        if flags != 0 || !previous.is_null() || !return_size.is_null() {
            return Err(Error(ERROR_INVALID_PARAMETER));
        }
        if attribute != PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize {
            return Err(Error(ERROR_NOT_SUPPORTED));
        }
        if size == 0 || !size.is_multiple_of(size_of::<HANDLE>()) {
            return Err(Error(ERROR_BAD_LENGTH));
        }
        usable(value.cast::<HANDLE>())?;
        // SAFETY: a list, as the caller promises.
        let list = unsafe { checked(list)? };
        if list.count == list.capacity {
            return Err(Error(ERROR_INVALID_PARAMETER));
        }
        list.count += 1;
        list.handles = value.cast();
        list.handle_count = size / size_of::<HANDLE>();
        Ok(())
    };
    boolean(update())
}

/// Ends the use of a list.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn DeleteProcThreadAttributeList(list: LPPROC_THREAD_ATTRIBUTE_LIST) {
    // SAFETY: a list, as the caller promises.
    if let Ok(list) = unsafe { checked(list) } {
        list.tag = 0;
    }
}

/// The handles that a list names, if it has that attribute.
///
/// # Safety
/// `list` points to a list.
pub(crate) unsafe fn handles<'a>(list: LPPROC_THREAD_ATTRIBUTE_LIST) -> Result<Option<&'a [HANDLE]>> {
    // SAFETY: as the caller promises.
    let list = unsafe { checked(list)? };
    if list.count == 0 {
        return Ok(None);
    }
    // SAFETY: the array that was given, which the caller keeps while it uses the list, and which is aligned.
    Ok(Some(unsafe { core::slice::from_raw_parts(list.handles, list.handle_count) }))
}

/// # Safety
/// `list` is NULL, or points to memory as large as a list.
unsafe fn checked<'a>(list: LPPROC_THREAD_ATTRIBUTE_LIST) -> Result<&'a mut List> {
    let list: *mut List = list.cast();
    usable(list)?;
    // SAFETY: as the caller promises, and aligned.
    let list = unsafe { &mut *list };
    if list.tag == TAG { Ok(list) } else { Err(Error(ERROR_INVALID_PARAMETER)) }
}
