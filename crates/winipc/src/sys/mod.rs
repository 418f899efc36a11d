//! The seam: the Win32 functions, types and constants that everything above is written on.
//!
//! Nothing outside this module knows the platform. On Windows the functions are the system's own, from
//! `windows_sys::Win32`; on Linux they are those of `winipc-win32`. Types and constants come from `windows-sys`
//! on both. The names stand flat in this module, whatever module of `windows-sys` they come from.
//!
//! The module is public for programs that want the functions themselves, with their raw pointers and their last
//! error, on both systems: every function here is `unsafe`, and its rules are those of the Win32 documentation.
//! The rest of the crate is the safe way to the same objects.
//!
//! # What a platform must provide
//!
//! Each function under its `windows-sys` name and with its `windows-sys` signature (`unsafe extern "system"`), with
//! the behaviour that Windows documents for it, the last error included:
//!
//! | family | functions |
//! | --- | --- |
//! | errors | `GetLastError`, `SetLastError`, `RtlNtStatusToDosError` |
//! | handles | `CloseHandle`, `CompareObjectHandles`, `DuplicateHandle`, `GetHandleInformation`, `SetHandleInformation` |
//! | events | `CreateEventA/W`, `CreateEventExA/W`, `OpenEventA/W`, `SetEvent`, `ResetEvent`, `PulseEvent` |
//! | mutexes | `CreateMutexA/W`, `CreateMutexExA/W`, `OpenMutexW`, `ReleaseMutex` |
//! | semaphores | `CreateSemaphoreA/W`, `CreateSemaphoreExA/W`, `OpenSemaphoreW`, `ReleaseSemaphore` |
//! | timers | `CreateWaitableTimerA/W`, `CreateWaitableTimerExA/W`, `OpenWaitableTimerA/W`, `SetWaitableTimer(Ex)`, `CancelWaitableTimer` |
//! | waits | `WaitForSingleObject(Ex)`, `WaitForMultipleObjects(Ex)`, `SignalObjectAndWait`, `Sleep(Ex)` |
//! | processes | `GetCurrentProcess(Id)`, `GetProcessId`, `OpenProcess`, `GetExitCodeProcess`, `TerminateProcess`, `ExitProcess`, `CreateProcessA/W`, `InitializeProcThreadAttributeList`, `UpdateProcThreadAttribute`, `DeleteProcThreadAttributeList`, `GetStdHandle`, `SetStdHandle` |
//! | threads | `GetCurrentThread(Id)`, `GetThreadId`, `OpenThread`, `GetExitCodeThread`, `QueueUserAPC(2)`, `CreateThread`, `ExitThread`, `ResumeThread`, `SuspendThread`, `TerminateThread` |
//! | files | `CreateFileA/W`, `ReadFile(Ex)`, `WriteFile(Ex)`, `FlushFileBuffers`, `GetFileType`, `GetFileSize(Ex)`, `SetFilePointer(Ex)`, `SetEndOfFile` |
//! | sections | `CreateFileMappingA/W`, `OpenFileMappingA/W`, `MapViewOfFile(Ex)`, `UnmapViewOfFile`, `FlushViewOfFile`, `VirtualAlloc` and `VirtualQuery` within views |
//! | requests | `GetOverlappedResult(Ex)`, `CancelIo(Ex)`, `CancelSynchronousIo` |
//! | anonymous pipes | `CreatePipe` |
//! | mailslots | `CreateMailslotA/W`, `GetMailslotInfo`, `SetMailslotInfo` |
//! | pipes | `CreateNamedPipeA/W`, `ConnectNamedPipe`, `DisconnectNamedPipe`, `WaitNamedPipeA/W`, `CallNamedPipeA/W`, `PeekNamedPipe`, `TransactNamedPipe`, `Get/SetNamedPipeHandleState(A/W)`, `GetNamedPipeInfo`, `GetNamedPipeClient/ServerProcessId`, `GetNamedPipeClient/ServerSessionId`, `GetNamedPipeClientComputerNameA/W` |
//!
//! And what Windows does not have: `process_identity`, a number by which a child of `fork`, to which no handle of its
//! parent belongs, differs from all that it descends from; and `take_inherited`, which says once of each handle that
//! the process has got from its parent that it has, with `voucher`, what the parent gives the child for that.
//!
//! # Examples
//!
//! ```
//! use winipc::sys;
//!
//! // SAFETY: no attributes and no name, and the handle is closed once.
//! unsafe {
//!     let event = sys::CreateEventW(std::ptr::null(), 1, 1, std::ptr::null());
//!     assert!(!event.is_null());
//!     assert_eq!(sys::WaitForSingleObject(event, 0), sys::WAIT_OBJECT_0);
//!     sys::CloseHandle(event);
//! }
//! ```

pub(crate) mod call;
pub(crate) mod mapping;
pub(crate) mod operation;
pub(crate) mod owned_handle;
pub(crate) mod request;
pub(crate) mod routine;
pub(crate) mod text;
#[cfg(windows)]
mod voucher;

#[cfg(windows)]
#[path = "windows.rs"]
mod functions;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod functions;

#[cfg(not(any(windows, target_os = "linux")))]
compile_error!("winipc runs on Linux and on Windows");

pub use functions::*;

#[rustfmt::skip]
pub use windows_sys::Win32::Foundation::{
    DUPLICATE_CLOSE_SOURCE, DUPLICATE_HANDLE_OPTIONS, DUPLICATE_SAME_ACCESS, FALSE, GENERIC_ALL, GENERIC_EXECUTE,
    GENERIC_READ, GENERIC_WRITE, HANDLE, HANDLE_FLAG_INHERIT, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAGS,
    INVALID_HANDLE_VALUE, MAX_PATH, PAPCFUNC, STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS,
    STILL_ACTIVE, TRUE, WAIT_ABANDONED, WAIT_ABANDONED_0, WAIT_EVENT, WAIT_FAILED, WAIT_IO_COMPLETION, WAIT_OBJECT_0,
    WAIT_TIMEOUT, WIN32_ERROR,
};
#[rustfmt::skip]
pub use windows_sys::Win32::Foundation::{
    ERROR_ABANDONED_WAIT_0, ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_BAD_EXE_FORMAT, ERROR_BAD_NETPATH,
    ERROR_BAD_PATHNAME, ERROR_BAD_PIPE, ERROR_BROKEN_PIPE, ERROR_CANNOT_IMPERSONATE, ERROR_COMMITMENT_LIMIT,
    ERROR_DISK_FULL, ERROR_FILE_EXISTS, ERROR_FILE_INVALID, ERROR_FILE_NOT_FOUND, ERROR_FILE_TOO_LARGE,
    ERROR_FILENAME_EXCED_RANGE, ERROR_GEN_FAILURE, ERROR_HANDLE_EOF, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_ADDRESS,
    ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE, ERROR_INVALID_NAME, ERROR_INVALID_PARAMETER, ERROR_INVALID_THREAD_ID,
    ERROR_INVALID_WINDOW_HANDLE, ERROR_IO_INCOMPLETE, ERROR_IO_PENDING, ERROR_MAPPED_ALIGNMENT, ERROR_MESSAGE_SYNC_ONLY,
    ERROR_MORE_DATA, ERROR_MUTANT_LIMIT_EXCEEDED, ERROR_NEGATIVE_SEEK, ERROR_NO_DATA, ERROR_NOACCESS,
    ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_ENOUGH_QUOTA, ERROR_NOT_FOUND, ERROR_NOT_OWNER, ERROR_NOT_SUPPORTED,
    ERROR_OPERATION_ABORTED, ERROR_PATH_NOT_FOUND, ERROR_PIPE_BUSY, ERROR_PIPE_CONNECTED, ERROR_PIPE_LISTENING,
    ERROR_PIPE_LOCAL, ERROR_PIPE_NOT_CONNECTED, ERROR_PRIVILEGE_NOT_HELD, ERROR_SEM_TIMEOUT, ERROR_SHARING_VIOLATION,
    ERROR_SUCCESS, ERROR_TIMEOUT, ERROR_TOO_MANY_OPEN_FILES, ERROR_TOO_MANY_POSTS, ERROR_USER_MAPPED_FILE,
};
pub use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
#[rustfmt::skip]
pub use windows_sys::Win32::Storage::FileSystem::{
    CREATE_ALWAYS, CREATE_NEW, DELETE, FILE_ALL_ACCESS, FILE_APPEND_DATA, FILE_ATTRIBUTE_NORMAL,
    FILE_ATTRIBUTE_READONLY, FILE_BEGIN, FILE_CREATE_PIPE_INSTANCE, FILE_CURRENT, FILE_END, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH, FILE_GENERIC_READ, FILE_GENERIC_WRITE,
    FILE_READ_ATTRIBUTES, FILE_READ_DATA, FILE_READ_EA, FILE_SHARE_DELETE, FILE_SHARE_NONE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE, FILE_TYPE_UNKNOWN, FILE_WRITE_ATTRIBUTES,
    FILE_WRITE_DATA, FILE_WRITE_EA, INVALID_FILE_SIZE, INVALID_SET_FILE_POINTER, OPEN_ALWAYS, OPEN_EXISTING,
    PIPE_ACCESS_DUPLEX, PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND, READ_CONTROL, SECURITY_ANONYMOUS,
    SECURITY_CONTEXT_TRACKING, SECURITY_DELEGATION, SECURITY_EFFECTIVE_ONLY, SECURITY_IDENTIFICATION,
    SECURITY_IMPERSONATION, SECURITY_SQOS_PRESENT, SYNCHRONIZE, TRUNCATE_EXISTING, WRITE_DAC, WRITE_OWNER,
};
pub use windows_sys::Win32::System::Console::{
    STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
pub use windows_sys::Win32::System::IO::{
    LPOVERLAPPED_COMPLETION_ROUTINE, OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0,
};
#[rustfmt::skip]
pub use windows_sys::Win32::System::Memory::{
    FILE_MAP, FILE_MAP_ALL_ACCESS, FILE_MAP_COPY, FILE_MAP_EXECUTE, FILE_MAP_READ, FILE_MAP_WRITE, MEM_COMMIT,
    MEM_MAPPED, MEMORY_BASIC_INFORMATION, MEMORY_MAPPED_VIEW_ADDRESS, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY, PAGE_PROTECTION_FLAGS, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY, SEC_COMMIT, SEC_IMAGE,
    SEC_LARGE_PAGES, SEC_NOCACHE, SEC_RESERVE, SEC_WRITECOMBINE, VIRTUAL_ALLOCATION_TYPE,
};
#[rustfmt::skip]
pub use windows_sys::Win32::System::Pipes::{
    NAMED_PIPE_MODE, NMPWAIT_NOWAIT, NMPWAIT_USE_DEFAULT_WAIT, NMPWAIT_WAIT_FOREVER, PIPE_ACCEPT_REMOTE_CLIENTS,
    PIPE_CLIENT_END, PIPE_NOWAIT, PIPE_READMODE_BYTE, PIPE_READMODE_MESSAGE, PIPE_REJECT_REMOTE_CLIENTS,
    PIPE_SERVER_END, PIPE_TYPE_BYTE, PIPE_TYPE_MESSAGE, PIPE_UNLIMITED_INSTANCES, PIPE_WAIT,
};
#[rustfmt::skip]
pub use windows_sys::Win32::System::Threading::{
    CREATE_DEFAULT_ERROR_MODE, CREATE_EVENT_INITIAL_SET, CREATE_EVENT_MANUAL_RESET, CREATE_MUTEX_INITIAL_OWNER,
    CREATE_NEW_CONSOLE, CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT,
    CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, CREATE_WAITABLE_TIMER_MANUAL_RESET, DETACHED_PROCESS, EVENT_ALL_ACCESS,
    EVENT_MODIFY_STATE, EXTENDED_STARTUPINFO_PRESENT, INFINITE, LPPROC_THREAD_ATTRIBUTE_LIST, LPTHREAD_START_ROUTINE,
    MUTEX_ALL_ACCESS, MUTEX_MODIFY_STATE, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROCESS_ALL_ACCESS, PROCESS_CREATION_FLAGS,
    PROCESS_DUP_HANDLE, PROCESS_INFORMATION, PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION,
    PROCESS_SYNCHRONIZE, PROCESS_TERMINATE, PTIMERAPCROUTINE, SEMAPHORE_ALL_ACCESS, SEMAPHORE_MODIFY_STATE,
    STACK_SIZE_PARAM_IS_A_RESERVATION, STARTF_USESTDHANDLES, STARTUPINFOA, STARTUPINFOEXA, STARTUPINFOEXW, STARTUPINFOW,
    SYNCHRONIZATION_DELETE, SYNCHRONIZATION_READ_CONTROL, SYNCHRONIZATION_SYNCHRONIZE, SYNCHRONIZATION_WRITE_DAC,
    SYNCHRONIZATION_WRITE_OWNER, THREAD_ALL_ACCESS, THREAD_CREATE_SUSPENDED, THREAD_CREATION_FLAGS,
    THREAD_QUERY_INFORMATION, THREAD_QUERY_LIMITED_INFORMATION, THREAD_SET_CONTEXT, THREAD_SYNCHRONIZE,
    THREAD_TERMINATE, TIMER_ALL_ACCESS, TIMER_MODIFY_STATE, TIMER_QUERY_STATE,
};

/// The right to read or change an object's audit list; needs a privilege.
pub const ACCESS_SYSTEM_SECURITY: u32 = 0x0100_0000;
/// Asks for every right that the object grants.
pub const MAXIMUM_ALLOWED: u32 = 0x0200_0000;
/// What `GetMailslotInfo` gives as the size of the next message where there is none.
pub const MAILSLOT_NO_MESSAGE: u32 = u32::MAX;
/// The read time-out of a mailslot whose reads wait for ever.
pub const MAILSLOT_WAIT_FOREVER: u32 = u32::MAX;
/// The most objects that one wait can take.
pub const MAXIMUM_WAIT_OBJECTS: u32 = 64;
