//! Errors: the last error of a thread, and the one table from NT status to Win32 error.

use core::cell::Cell;

use windows_sys::Win32::Foundation::*;
use windows_sys::core::BOOL;
use winipc_executive::Status;

thread_local! {
    static LAST_ERROR: Cell<WIN32_ERROR> = const { Cell::new(ERROR_SUCCESS) };
}

/// Returns the calling thread's last error.
///
/// A call that succeeds leaves it alone, except that `Create*` of a nameable object and `CreateFile` write 0 or
/// `ERROR_ALREADY_EXISTS` (183), `CreateNamedPipe` and `CreateMailslot` write 0, and `ReadFileEx` and `WriteFileEx`
/// write 0 or `ERROR_MORE_DATA` (234).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn GetLastError() -> WIN32_ERROR {
    LAST_ERROR.get()
}

/// Sets the calling thread's last error.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
#[cfg_attr(not(feature = "export"), inline)]
pub unsafe extern "system" fn SetLastError(error: WIN32_ERROR) {
    LAST_ERROR.set(error);
}

/// Returns the Win32 error that stands for an NT status, such as the one in `OVERLAPPED.Internal`, or
/// `ERROR_MR_MID_NOT_FOUND` (317) for a status without one.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn RtlNtStatusToDosError(status: NTSTATUS) -> u32 {
    win32_error(status)
}

/// A Win32 error on its way to the last error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(pub(crate) WIN32_ERROR);

pub(crate) type Result<T> = core::result::Result<T, Error>;

impl From<Status> for Error {
    #[cold]
    fn from(status: Status) -> Error {
        Error(win32_error(status.0 as NTSTATUS))
    }
}

/// Writes the last error.
pub(crate) fn set_last_error(error: WIN32_ERROR) {
    LAST_ERROR.set(error);
}

/// Ends a call that returns a value: on failure sets the last error and returns `failure`.
#[inline]
pub(crate) fn value<T, E: Into<Error>>(result: core::result::Result<T, E>, failure: T) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            set_last_error(error.into().0);
            failure
        }
    }
}

/// Ends a call that returns a `BOOL`.
#[inline]
pub(crate) fn boolean<E: Into<Error>>(result: core::result::Result<(), E>) -> BOOL {
    value(result.map(|()| TRUE), FALSE)
}

/// The status to error table. Statuses of the executive's own have the error that says most about them.
fn win32_error(status: NTSTATUS) -> WIN32_ERROR {
    const ARENA_CORRUPT: NTSTATUS = Status::ARENA_CORRUPT.0 as NTSTATUS;
    const ARENA_UNAVAILABLE: NTSTATUS = Status::ARENA_UNAVAILABLE.0 as NTSTATUS;
    match status {
        STATUS_SUCCESS => ERROR_SUCCESS,
        STATUS_TIMEOUT => WAIT_TIMEOUT,
        STATUS_PENDING => ERROR_IO_PENDING,
        STATUS_DATATYPE_MISALIGNMENT | STATUS_ACCESS_VIOLATION => ERROR_NOACCESS,
        STATUS_BUFFER_OVERFLOW => ERROR_MORE_DATA,
        STATUS_UNSUCCESSFUL => ERROR_GEN_FAILURE,
        STATUS_NOT_IMPLEMENTED | STATUS_ILLEGAL_FUNCTION => ERROR_INVALID_FUNCTION,
        STATUS_INVALID_HANDLE | STATUS_OBJECT_TYPE_MISMATCH | STATUS_HANDLE_NOT_CLOSABLE => {
            ERROR_INVALID_HANDLE
        }
        STATUS_INVALID_CID
        | STATUS_INVALID_PARAMETER
        | STATUS_INVALID_PARAMETER_MIX
        | STATUS_INVALID_PAGE_PROTECTION
        | STATUS_SECTION_PROTECTION => ERROR_INVALID_PARAMETER,
        STATUS_NO_MEMORY | STATUS_SECTION_TOO_BIG => ERROR_NOT_ENOUGH_MEMORY,
        STATUS_CONFLICTING_ADDRESSES | STATUS_NOT_MAPPED_VIEW => ERROR_INVALID_ADDRESS,
        STATUS_INVALID_VIEW_SIZE | STATUS_ACCESS_DENIED | STATUS_PROCESS_IS_TERMINATING => {
            ERROR_ACCESS_DENIED
        }
        STATUS_MAPPED_ALIGNMENT => ERROR_MAPPED_ALIGNMENT,
        STATUS_COMMITMENT_LIMIT => ERROR_COMMITMENT_LIMIT,
        STATUS_INVALID_FILE_FOR_SECTION | STATUS_INVALID_IMAGE_FORMAT => ERROR_BAD_EXE_FORMAT,
        STATUS_SHARING_VIOLATION => ERROR_SHARING_VIOLATION,
        STATUS_NOT_A_DIRECTORY => ERROR_DIRECTORY,
        STATUS_BUFFER_TOO_SMALL => ERROR_INSUFFICIENT_BUFFER,
        STATUS_OBJECT_NAME_INVALID => ERROR_INVALID_NAME,
        STATUS_OBJECT_NAME_NOT_FOUND => ERROR_FILE_NOT_FOUND,
        STATUS_OBJECT_NAME_COLLISION => ERROR_ALREADY_EXISTS,
        STATUS_OBJECT_PATH_NOT_FOUND => ERROR_PATH_NOT_FOUND,
        STATUS_OBJECT_PATH_SYNTAX_BAD => ERROR_BAD_PATHNAME,
        STATUS_NAME_TOO_LONG => ERROR_FILENAME_EXCED_RANGE,
        STATUS_QUOTA_EXCEEDED => ERROR_NOT_ENOUGH_QUOTA,
        STATUS_MUTANT_NOT_OWNED => ERROR_NOT_OWNER,
        STATUS_SEMAPHORE_LIMIT_EXCEEDED => ERROR_TOO_MANY_POSTS,
        STATUS_MUTANT_LIMIT_EXCEEDED => ERROR_MUTANT_LIMIT_EXCEEDED,
        STATUS_PRIVILEGE_NOT_HELD => ERROR_PRIVILEGE_NOT_HELD,
        STATUS_DISK_FULL => ERROR_DISK_FULL,
        STATUS_INSUFFICIENT_RESOURCES => ERROR_NO_SYSTEM_RESOURCES,
        STATUS_PIPE_BUSY | STATUS_INSTANCE_NOT_AVAILABLE | STATUS_PIPE_NOT_AVAILABLE => ERROR_PIPE_BUSY,
        STATUS_INVALID_PIPE_STATE | STATUS_INVALID_READ_MODE => ERROR_BAD_PIPE,
        STATUS_PIPE_DISCONNECTED => ERROR_PIPE_NOT_CONNECTED,
        STATUS_PIPE_CLOSING | STATUS_PIPE_EMPTY => ERROR_NO_DATA,
        STATUS_PIPE_CONNECTED => ERROR_PIPE_CONNECTED,
        STATUS_PIPE_LISTENING => ERROR_PIPE_LISTENING,
        STATUS_PIPE_BROKEN => ERROR_BROKEN_PIPE,
        STATUS_IO_TIMEOUT => ERROR_SEM_TIMEOUT,
        STATUS_FILE_FORCED_CLOSED => ERROR_HANDLE_EOF,
        STATUS_NOT_SUPPORTED => ERROR_NOT_SUPPORTED,
        STATUS_BAD_NETWORK_PATH => ERROR_BAD_NETPATH,
        STATUS_MAPPED_FILE_SIZE_ZERO | STATUS_FILE_INVALID => ERROR_FILE_INVALID,
        STATUS_INVALID_DEVICE_REQUEST => ERROR_INVALID_FUNCTION,
        STATUS_END_OF_FILE => ERROR_HANDLE_EOF,
        STATUS_MEDIA_WRITE_PROTECTED => ERROR_WRITE_PROTECT,
        STATUS_FILE_IS_A_DIRECTORY => ERROR_ACCESS_DENIED,
        STATUS_TOO_MANY_OPENED_FILES => ERROR_TOO_MANY_OPEN_FILES,
        STATUS_IO_DEVICE_ERROR => ERROR_IO_DEVICE,
        STATUS_USER_MAPPED_FILE => ERROR_USER_MAPPED_FILE,
        STATUS_FILE_TOO_LARGE => ERROR_FILE_TOO_LARGE,
        STATUS_CANCELLED => ERROR_OPERATION_ABORTED,
        STATUS_NOT_FOUND => ERROR_NOT_FOUND,
        ARENA_CORRUPT => ERROR_INTERNAL_DB_CORRUPTION,
        ARENA_UNAVAILABLE => ERROR_DLL_INIT_FAILED,
        _ => ERROR_MR_MID_NOT_FOUND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documented pairs, by number, so that a wrong name on either side shows.
    #[test]
    fn statuses_and_errors() {
        for (status, error) in [
            (0u32, 0),
            (0x103, 997),
            (0x8000_0002, 998),
            (0x8000_0005, 234),
            (0xC000_0001, 31),
            (0xC000_0002, 1),
            (0xC000_0005, 998),
            (0xC000_0008, 6),
            (0xC000_000B, 87),
            (0xC000_000D, 87),
            (0xC000_0010, 1),
            (0xC000_0011, 38),
            (0xC000_0017, 8),
            (0xC000_0018, 487),
            (0xC000_0019, 487),
            (0xC000_001F, 5),
            (0xC000_0020, 193),
            (0xC000_0022, 5),
            (0xC000_0023, 122),
            (0xC000_0024, 6),
            (0xC000_0030, 87),
            (0xC000_0033, 123),
            (0xC000_0034, 2),
            (0xC000_0035, 183),
            (0xC000_003A, 3),
            (0xC000_003B, 161),
            (0xC000_0040, 8),
            (0xC000_0043, 32),
            (0xC000_0044, 1816),
            (0xC000_0046, 288),
            (0xC000_0047, 298),
            (0xC000_0045, 87),
            (0xC000_004E, 87),
            (0xC000_0061, 1314),
            (0xC000_007B, 193),
            (0xC000_007F, 112),
            (0xC000_0098, 1006),
            (0xC000_009A, 1450),
            (0xC000_00A2, 19),
            (0xC000_00AB, 231),
            (0xC000_00AC, 231),
            (0xC000_00AD, 230),
            (0xC000_00AE, 231),
            (0xC000_00AF, 1),
            (0xC000_00B0, 233),
            (0xC000_00B1, 232),
            (0xC000_00B2, 535),
            (0xC000_00B3, 536),
            (0xC000_00B4, 230),
            (0xC000_00B5, 121),
            (0xC000_00B6, 38),
            (0xC000_00BA, 5),
            (0xC000_00BB, 50),
            (0xC000_00BE, 53),
            (0xC000_00D9, 232),
            (0xC000_0103, 267),
            (0xC000_0106, 206),
            (0xC000_010A, 5),
            (0xC000_011E, 1006),
            (0xC000_011F, 4),
            (0xC000_0120, 995),
            (0xC000_012D, 1455),
            (0xC000_014B, 109),
            (0xC000_0185, 1117),
            (0xC000_0191, 587),
            (0xC000_0220, 1132),
            (0xC000_0225, 1168),
            (0xC000_0235, 6),
            (0xC000_0243, 1224),
            (0xC000_0904, 223),
            (Status::ARENA_CORRUPT.0, 1358),
            (Status::ARENA_UNAVAILABLE.0, 1114),
            (0xC0DE_C0DE, 317),
        ] {
            // SAFETY: the call takes no pointer.
            assert_eq!(unsafe { RtlNtStatusToDosError(status as NTSTATUS) }, error, "{status:#010X}");
        }
    }
}
