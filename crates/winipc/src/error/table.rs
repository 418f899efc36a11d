//! The known numbers. One row gives the constant, the name, the kind and the text.

use std::io::ErrorKind;

use super::Win32Error;

pub(super) struct Entry {
    number: u32,
    pub(super) name: &'static str,
    pub(super) kind: ErrorKind,
    pub(super) text: &'static str,
}

/// The row of a known number.
pub(super) fn entry(number: u32) -> Option<&'static Entry> {
    ENTRIES.binary_search_by_key(&number, |entry| entry.number).ok().map(|index| &ENTRIES[index])
}

macro_rules! table {
    ($($number:literal $constant:ident $name:literal $kind:ident $text:literal)*) => {
        impl Win32Error {
            $(
                #[doc = concat!("`", $name, "` (", $number, "): ", $text, ".")]
                pub const $constant: Win32Error = Win32Error($number);
            )*
        }

        const ENTRIES: &[Entry] = &[
            $(Entry { number: $number, name: $name, kind: ErrorKind::$kind, text: $text },)*
        ];
    };
}

// In ascending order, for the binary search.
table! {
    1 INVALID_FUNCTION "ERROR_INVALID_FUNCTION" InvalidInput "the call does not fit the object"
    2 FILE_NOT_FOUND "ERROR_FILE_NOT_FOUND" NotFound "the object or file was not found"
    3 PATH_NOT_FOUND "ERROR_PATH_NOT_FOUND" NotFound "the path was not found"
    4 TOO_MANY_OPEN_FILES "ERROR_TOO_MANY_OPEN_FILES" Other "no more handles can be opened"
    5 ACCESS_DENIED "ERROR_ACCESS_DENIED" PermissionDenied "access is denied"
    6 INVALID_HANDLE "ERROR_INVALID_HANDLE" InvalidInput "the handle is invalid, or its object is of another kind"
    8 NOT_ENOUGH_MEMORY "ERROR_NOT_ENOUGH_MEMORY" OutOfMemory "not enough memory"
    31 GEN_FAILURE "ERROR_GEN_FAILURE" Other "the operation failed"
    32 SHARING_VIOLATION "ERROR_SHARING_VIOLATION" ResourceBusy "the file is in use"
    38 HANDLE_EOF "ERROR_HANDLE_EOF" UnexpectedEof "the end was reached"
    50 NOT_SUPPORTED "ERROR_NOT_SUPPORTED" Unsupported "the request is not supported"
    53 BAD_NETPATH "ERROR_BAD_NETPATH" HostUnreachable "the network path was not found"
    87 INVALID_PARAMETER "ERROR_INVALID_PARAMETER" InvalidInput "a parameter is invalid"
    109 BROKEN_PIPE "ERROR_BROKEN_PIPE" BrokenPipe "the other end of the pipe has been closed"
    112 DISK_FULL "ERROR_DISK_FULL" StorageFull "there is not enough space"
    121 SEM_TIMEOUT "ERROR_SEM_TIMEOUT" TimedOut "the time-out expired"
    122 INSUFFICIENT_BUFFER "ERROR_INSUFFICIENT_BUFFER" InvalidInput "the buffer is too small"
    123 INVALID_NAME "ERROR_INVALID_NAME" InvalidFilename "the name is malformed"
    161 BAD_PATHNAME "ERROR_BAD_PATHNAME" InvalidFilename "the path is malformed"
    183 ALREADY_EXISTS "ERROR_ALREADY_EXISTS" AlreadyExists "the object exists already"
    193 BAD_EXE_FORMAT "ERROR_BAD_EXE_FORMAT" InvalidData "the file is not of the expected format"
    206 FILENAME_EXCED_RANGE "ERROR_FILENAME_EXCED_RANGE" InvalidFilename "the name is too long"
    229 PIPE_LOCAL "ERROR_PIPE_LOCAL" Unsupported "the pipe is local"
    230 BAD_PIPE "ERROR_BAD_PIPE" InvalidInput "the state or mode of the pipe is invalid"
    231 PIPE_BUSY "ERROR_PIPE_BUSY" ResourceBusy "every instance of the pipe is busy"
    232 NO_DATA "ERROR_NO_DATA" BrokenPipe "the pipe is being closed, or it is empty"
    233 PIPE_NOT_CONNECTED "ERROR_PIPE_NOT_CONNECTED" NotConnected "nobody is at the other end of the pipe"
    234 MORE_DATA "ERROR_MORE_DATA" Other "more data is available"
    258 WAIT_TIMEOUT "WAIT_TIMEOUT" TimedOut "the wait timed out"
    267 DIRECTORY "ERROR_DIRECTORY" NotADirectory "the directory name is invalid"
    288 NOT_OWNER "ERROR_NOT_OWNER" PermissionDenied "the caller does not own the mutex"
    298 TOO_MANY_POSTS "ERROR_TOO_MANY_POSTS" Other "the semaphore would pass its maximum"
    487 INVALID_ADDRESS "ERROR_INVALID_ADDRESS" InvalidInput "the address is invalid"
    535 PIPE_CONNECTED "ERROR_PIPE_CONNECTED" Other "a client is connected to the pipe already"
    536 PIPE_LISTENING "ERROR_PIPE_LISTENING" NotConnected "no client has opened the other end of the pipe yet"
    587 MUTANT_LIMIT_EXCEEDED "ERROR_MUTANT_LIMIT_EXCEEDED" Other "the mutex was taken too many times"
    735 ABANDONED_WAIT_0 "ERROR_ABANDONED_WAIT_0" Other "the object was closed during the wait"
    995 OPERATION_ABORTED "ERROR_OPERATION_ABORTED" Other "the operation was cancelled"
    996 IO_INCOMPLETE "ERROR_IO_INCOMPLETE" WouldBlock "the operation is not complete"
    997 IO_PENDING "ERROR_IO_PENDING" WouldBlock "the operation is in progress"
    998 NOACCESS "ERROR_NOACCESS" InvalidInput "memory cannot be accessed"
    1006 FILE_INVALID "ERROR_FILE_INVALID" InvalidData "the file cannot be used for this"
    1114 DLL_INIT_FAILED "ERROR_DLL_INIT_FAILED" Other "winipc could not attach to its namespace"
    1131 POSSIBLE_DEADLOCK "ERROR_POSSIBLE_DEADLOCK" Deadlock "the thread owns the lock already"
    1132 MAPPED_ALIGNMENT "ERROR_MAPPED_ALIGNMENT" InvalidInput "the base address or offset is not aligned"
    1159 MESSAGE_SYNC_ONLY "ERROR_MESSAGE_SYNC_ONLY" InvalidInput "the message can only be sent synchronously"
    1168 NOT_FOUND "ERROR_NOT_FOUND" NotFound "nothing was found"
    1224 USER_MAPPED_FILE "ERROR_USER_MAPPED_FILE" ResourceBusy "the file has a mapped section"
    1314 PRIVILEGE_NOT_HELD "ERROR_PRIVILEGE_NOT_HELD" PermissionDenied "a privilege is missing"
    1358 INTERNAL_DB_ERROR "ERROR_INTERNAL_DB_ERROR" Other "the shared arena is damaged"
    1368 CANNOT_IMPERSONATE "ERROR_CANNOT_IMPERSONATE" Other "nothing has been read from the client yet"
    1400 INVALID_WINDOW_HANDLE "ERROR_INVALID_WINDOW_HANDLE" InvalidInput "the window handle is invalid"
    1444 INVALID_THREAD_ID "ERROR_INVALID_THREAD_ID" InvalidInput "the thread id is invalid"
    1450 NO_SYSTEM_RESOURCES "ERROR_NO_SYSTEM_RESOURCES" OutOfMemory "the system's resources are exhausted"
    1455 COMMITMENT_LIMIT "ERROR_COMMITMENT_LIMIT" OutOfMemory "the memory limit is reached"
    1460 TIMEOUT "ERROR_TIMEOUT" TimedOut "the time-out expired"
    1816 NOT_ENOUGH_QUOTA "ERROR_NOT_ENOUGH_QUOTA" QuotaExceeded "the quota is exhausted"
}

#[cfg(test)]
mod tests {
    use super::ENTRIES;

    #[test]
    fn the_table_is_in_ascending_order() {
        assert!(ENTRIES.is_sorted_by(|a, b| a.number < b.number));
    }

    #[test]
    fn the_texts_are_one_phrase_each() {
        for entry in ENTRIES {
            assert!(!entry.text.is_empty() && !entry.text.ends_with('.'), "{}", entry.name);
        }
    }
}
