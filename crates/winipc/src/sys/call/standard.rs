//! Standard handles.

use super::{Name, attributes, last_error, opened};
use crate::Result;
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, GENERIC_READ, GENERIC_WRITE, GetStdHandle,
    INVALID_HANDLE_VALUE, OPEN_EXISTING, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};

/// A standard handle, 0 for input, 1 for output, 2 for error; `None` if there is none. Nothing says that it is open,
/// and it is to be used at once.
pub(crate) fn get(which: usize) -> Result<Option<BorrowedHandle<'static>>> {
    let which = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE][which];
    // SAFETY: it takes a number.
    let handle = unsafe { GetStdHandle(which) };
    if handle == INVALID_HANDLE_VALUE {
        return Err(last_error());
    }
    // SAFETY: a standard handle is closed by nobody who minds that it is used.
    Ok((!handle.is_null()).then(|| unsafe { BorrowedHandle::borrow_raw(handle) }))
}

/// A new inheritable handle to what is always at its end and takes everything.
pub(crate) fn null() -> Result<OwnedHandle> {
    let name = Name::new(Some(if cfg!(windows) { "NUL" } else { "/dev/null" }))?;
    let (access, share) = (GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE);
    let template = std::ptr::null_mut();
    // SAFETY: name and attributes live through the call.
    unsafe {
        opened(CreateFileW(name.as_ptr(), access, share, &attributes(true), OPEN_EXISTING, 0, template))
    }
}
