//! Files with places: their position and size.

use std::io::SeekFrom;

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::core::BOOL;
use winipc_executive::{Status, file};

use crate::argument::{handle, present, write_if_wanted};
use crate::error::{Error, Result, boolean, set_last_error, value};

/// Moves the position of a file, which all handles to it share: `distance` bytes from the start (`FILE_BEGIN` 0), from
/// where it is (`FILE_CURRENT` 1) or from the end (`FILE_END` 2). `new_position` may be NULL.
///
/// # Errors
/// - `ERROR_NEGATIVE_SEEK` (131): it would be before the start.
/// - `ERROR_INVALID_PARAMETER` (87): another `method`.
/// - `ERROR_INVALID_FUNCTION` (1): a file without places, such as a pipe.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetFilePointerEx(
    file: HANDLE,
    distance: i64,
    new_position: *mut i64,
    method: SET_FILE_POINTER_MOVE_METHOD,
) -> BOOL {
    // SAFETY: `new_position` is NULL or writable.
    boolean(seek(file, distance, method).map(|at| unsafe { write_if_wanted(new_position, at as i64) }))
}

/// [`SetFilePointerEx`] with the distance in two halves. With `distance_high` NULL, it is the low one with its sign;
/// otherwise the high half of the new position is written there. Returns the low half.
///
/// # Errors
/// Those of [`SetFilePointerEx`], and `ERROR_INVALID_PARAMETER` (87) if the new position does not fit the result. Then
/// the result is `INVALID_SET_FILE_POINTER` (0xFFFFFFFF); a position whose low half is that leaves the last error at 0.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetFilePointer(
    file: HANDLE,
    distance: i32,
    distance_high: *mut i32,
    method: SET_FILE_POINTER_MOVE_METHOD,
) -> u32 {
    let set = || -> Result<u32> {
        if distance_high.is_null() {
            let before = seek(file, 0, FILE_CURRENT)?;
            let at = seek(file, distance.into(), method)?;
            return u32::try_from(at).map_err(|_| {
                let _ = file::seek(handle(file), SeekFrom::Start(before));
                Error(ERROR_INVALID_PARAMETER)
            });
        }
        // SAFETY: not NULL, so readable and writable.
        let high = unsafe { distance_high.read_unaligned() };
        let at = seek(file, i64::from(high) << 32 | i64::from(distance as u32), method)?;
        // SAFETY: as above.
        unsafe { distance_high.write_unaligned((at >> 32) as i32) };
        Ok(at as u32)
    };
    low_half(set(), INVALID_SET_FILE_POINTER)
}

fn seek(file: HANDLE, distance: i64, method: SET_FILE_POINTER_MOVE_METHOD) -> Result<u64> {
    let to = match method {
        FILE_BEGIN => SeekFrom::Start(u64::try_from(distance).map_err(|_| Error(ERROR_NEGATIVE_SEEK))?),
        FILE_CURRENT => SeekFrom::Current(distance),
        FILE_END => SeekFrom::End(distance),
        _ => return Err(Error(ERROR_INVALID_PARAMETER)),
    };
    file::seek(handle(file), to).map_err(|status| match status {
        Status::INVALID_PARAMETER => Error(ERROR_NEGATIVE_SEEK),
        status => status.into(),
    })
}

/// Ends a call that returns the low half of a number: that it is also what tells of a failure is no failure.
fn low_half(result: Result<u32>, failure: u32) -> u32 {
    if result == Ok(failure) {
        set_last_error(ERROR_SUCCESS);
    }
    value(result, failure)
}

/// Reports the size of a file in bytes.
///
/// # Errors
/// - `ERROR_NOACCESS` (998): `size` is NULL.
/// - `ERROR_INVALID_FUNCTION` (1): a file without places, such as a pipe.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetFileSizeEx(file: HANDLE, size: *mut i64) -> BOOL {
    let get = || -> Result<()> {
        present(size)?;
        let found = file::size(handle(file))?;
        // SAFETY: not NULL, so writable.
        unsafe { size.write_unaligned(found as i64) };
        Ok(())
    };
    boolean(get())
}

/// [`GetFileSizeEx`] in two halves: the low one is returned, the high one written to `size_high`, which may be NULL.
///
/// # Errors
/// Those of [`GetFileSizeEx`]; then the result is `INVALID_FILE_SIZE` (0xFFFFFFFF). A size whose low half is that
/// leaves the last error at 0.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetFileSize(file: HANDLE, size_high: *mut u32) -> u32 {
    let size = file::size(handle(file)).map_err(Error::from);
    // SAFETY: `size_high` is NULL or writable.
    let low = size.map(|size| unsafe {
        write_if_wanted(size_high, (size >> 32) as u32);
        size as u32
    });
    low_half(low, INVALID_FILE_SIZE)
}

/// Makes a file end where its position is, shorter or longer than it was.
///
/// # Errors
/// - `ERROR_ACCESS_DENIED` (5): the handle cannot write.
/// - `ERROR_INVALID_FUNCTION` (1): a file without places, such as a pipe.
/// - `ERROR_DISK_FULL` (112), `ERROR_FILE_TOO_LARGE` (223): as they say.
/// - `ERROR_USER_MAPPED_FILE` (1224): a section needs more of the file.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetEndOfFile(file: HANDLE) -> BOOL {
    boolean(file::set_end(handle(file)))
}
