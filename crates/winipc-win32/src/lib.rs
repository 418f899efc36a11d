#![allow(non_snake_case, clippy::missing_safety_doc, clippy::too_many_arguments)]
//! The Win32 functions for interprocess communication on Linux, under the names and with the exact types that
//! [`windows-sys`](windows_sys) gives them.
//!
//! This is a layer without policy: it checks pointers and flags, converts strings and structures, calls the executive,
//! and sets the last error. What the objects do is the executive's.
//!
//! # Use
//! As Rust paths, the functions are at the root of this crate: `winipc_win32::CreateEventW`. The structures and
//! constants that go with them are those of windows-sys.
//!
//! With the feature `export` they are also unmangled symbols. Code written on windows-sys then runs as it is: its
//! program needs this crate as a dependency and the line `extern crate winipc_win32 as _;`. Without the feature no
//! Win32 symbol enters a program. Winsock, once it is here, will keep Berkeley's names (`socket`, `send`, ...) out of
//! the symbols even then: they are the C library's own.
//!
//! ```
//! use std::ptr::{null, null_mut};
//! use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, WAIT_OBJECT_0};
//! use windows_sys::Win32::System::Threading::EVENT_ALL_ACCESS;
//! use windows_sys::core::w;
//! use winipc_win32::{CloseHandle, CreateEventW, GetLastError, OpenEventW, SetEvent, WaitForSingleObject};
//!
//! // SAFETY: the pointers are NULL or to strings that end in a zero.
//! unsafe {
//!     let event = CreateEventW(null(), 0, 0, w!("winipc-win32-example"));
//!     assert_ne!(event, null_mut(), "error {}", GetLastError());
//!     SetEvent(event);
//!     assert_eq!(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
//!     CloseHandle(event);
//!
//!     assert_eq!(OpenEventW(EVENT_ALL_ACCESS, 0, w!("winipc-win32-example")), null_mut());
//!     assert_eq!(GetLastError(), ERROR_FILE_NOT_FOUND);
//! }
//! ```
//!
//! # Conventions
//! - **Errors**: a function that fails says so in its result, and its error is the last error of the thread
//!   ([`GetLastError`]). A process that cannot attach to its namespace gets `ERROR_DLL_INIT_FAILED` (1114), an arena
//!   that a neighbour has damaged `ERROR_INTERNAL_DB_CORRUPTION` (1358), a full one `ERROR_NOT_ENOUGH_MEMORY` (8) or
//!   `ERROR_DISK_FULL` (112), and a process that has too much of it `ERROR_NO_SYSTEM_RESOURCES` (1450), for handles and
//!   threads, or `ERROR_NOT_ENOUGH_QUOTA` (1816), for names, calls, messages and views; [`RtlNtStatusToDosError`] has
//!   the whole table.
//! - **Strings**: W functions take UTF-16, and A functions UTF-8, the code page of this system. A byte sequence that is
//!   not UTF-8 becomes U+FFFD.
//! - **NULL and misaligned pointers** for arguments that must not be NULL fail `ERROR_NOACCESS` (998) where Windows
//!   raises an access violation, unless the function names another error.
//! - **Security descriptors** play no part. Of `SECURITY_ATTRIBUTES` only `bInheritHandle` counts.
//!
//! # Safety
//! For all functions: a pointer that is not NULL points to memory of the size that its type or the length beside it
//! says, readable or writable as the function needs it; a string ends in a zero. What an overlapped request or a
//! routine uses stays valid until the request is complete or the routine has run. A routine may be called with its
//! argument on the thread that it is queued to. None of the functions is for signal handlers.
//!
//! # Panics
//! No function panics: the executive does not. A routine of the caller's that panics ends the process, since a panic
//! does not cross an `extern "system"` boundary.
//!
//! # References
//! - [Microsoft Learn, Interprocess
//!   Communications](https://learn.microsoft.com/windows/win32/ipc/interprocess-communications)
//! - [Microsoft Learn, Synchronization](https://learn.microsoft.com/windows/win32/sync/synchronization)

mod anonymous_pipe;
mod apc;
mod argument;
mod attribute_list;
mod command_line;
mod descriptor;
mod disk;
mod error;
mod event;
mod file;
mod handle;
mod inheritance;
mod mailslot;
mod mutex;
mod object;
mod overlapped;
mod pipe;
mod pipe_state;
mod process;
mod process_creation;
mod section;
mod semaphore;
mod signatures;
mod standard;
mod strings;
mod thread;
mod timer;
mod wait;

/// Not a function of Win32: Windows has no `fork`. It tells whether a handle that was kept is still the process's own.
pub use winipc_executive::process::identity as process_identity;

pub use descriptor::{descriptor_from_handle, handle_from_descriptor};
pub use inheritance::take_inherited;

pub use anonymous_pipe::CreatePipe;
pub use apc::{QueueUserAPC, QueueUserAPC2};
pub use attribute_list::{
    DeleteProcThreadAttributeList, InitializeProcThreadAttributeList, UpdateProcThreadAttribute,
};
pub use disk::{GetFileSize, GetFileSizeEx, SetEndOfFile, SetFilePointer, SetFilePointerEx};
pub use error::{GetLastError, RtlNtStatusToDosError, SetLastError};
pub use event::{
    CreateEventA, CreateEventExA, CreateEventExW, CreateEventW, OpenEventA, OpenEventW, PulseEvent,
    ResetEvent, SetEvent,
};
pub use file::{
    CreateFileA, CreateFileW, FlushFileBuffers, GetFileType, ReadFile, ReadFileEx, WriteFile, WriteFileEx,
};
pub use handle::{
    CloseHandle, CompareObjectHandles, DuplicateHandle, GetHandleInformation, SetHandleInformation,
};
pub use mailslot::{CreateMailslotA, CreateMailslotW, GetMailslotInfo, SetMailslotInfo};
pub use mutex::{
    CreateMutexA, CreateMutexExA, CreateMutexExW, CreateMutexW, OpenMutexA, OpenMutexW, ReleaseMutex,
};
pub use overlapped::{CancelIo, CancelIoEx, CancelSynchronousIo, GetOverlappedResult, GetOverlappedResultEx};
pub use pipe::{
    CallNamedPipeA, CallNamedPipeW, ConnectNamedPipe, CreateNamedPipeA, CreateNamedPipeW,
    DisconnectNamedPipe, PeekNamedPipe, TransactNamedPipe, WaitNamedPipeA, WaitNamedPipeW,
};
pub use pipe_state::{
    GetNamedPipeClientComputerNameA, GetNamedPipeClientComputerNameW, GetNamedPipeClientProcessId,
    GetNamedPipeClientSessionId, GetNamedPipeHandleStateA, GetNamedPipeHandleStateW, GetNamedPipeInfo,
    GetNamedPipeServerProcessId, GetNamedPipeServerSessionId, SetNamedPipeHandleState,
};
pub use process::{
    ExitProcess, GetCurrentProcess, GetCurrentProcessId, GetExitCodeProcess, GetProcessId, OpenProcess,
    TerminateProcess,
};
pub use process_creation::{CreateProcessA, CreateProcessW};
pub use section::{
    CreateFileMappingA, CreateFileMappingW, FlushViewOfFile, MapViewOfFile, MapViewOfFileEx,
    OpenFileMappingA, OpenFileMappingW, UnmapViewOfFile, VirtualAlloc, VirtualQuery,
};
pub use semaphore::{
    CreateSemaphoreA, CreateSemaphoreExA, CreateSemaphoreExW, CreateSemaphoreW, OpenSemaphoreA,
    OpenSemaphoreW, ReleaseSemaphore,
};
pub use signatures::FUNCTIONS;
pub use standard::{GetStdHandle, SetStdHandle};
pub use thread::{
    CreateThread, ExitThread, GetCurrentThread, GetCurrentThreadId, GetExitCodeThread, GetThreadId,
    OpenThread, ResumeThread, SuspendThread, TerminateThread,
};
pub use timer::{
    CancelWaitableTimer, CreateWaitableTimerA, CreateWaitableTimerExA, CreateWaitableTimerExW,
    CreateWaitableTimerW, OpenWaitableTimerA, OpenWaitableTimerW, SetWaitableTimer, SetWaitableTimerEx,
};
pub use wait::{
    SignalObjectAndWait, Sleep, SleepEx, WaitForMultipleObjects, WaitForMultipleObjectsEx,
    WaitForSingleObject, WaitForSingleObjectEx,
};
