//! The functions as the system has them.

pub(crate) use super::voucher::{take_inherited, voucher};

/// Nobody forks.
pub(crate) fn process_identity() -> u64 {
    0
}

#[rustfmt::skip]
pub use windows_sys::Win32::Foundation::{
    CloseHandle, CompareObjectHandles, DuplicateHandle, GetHandleInformation, GetLastError,
    RtlNtStatusToDosError, SetHandleInformation, SetLastError,
};

#[rustfmt::skip]
pub use windows_sys::Win32::Storage::FileSystem::{
    CreateFileA, CreateFileW, FlushFileBuffers, GetFileSize, GetFileSizeEx, GetFileType, ReadFile, ReadFileEx,
    SetEndOfFile, SetFilePointer, SetFilePointerEx, WriteFile, WriteFileEx,
};

#[rustfmt::skip]
pub use windows_sys::Win32::System::IO::{
    CancelIo, CancelIoEx, CancelSynchronousIo, GetOverlappedResult, GetOverlappedResultEx,
};

#[rustfmt::skip]
pub use windows_sys::Win32::System::Mailslots::{
    CreateMailslotA, CreateMailslotW, GetMailslotInfo, SetMailslotInfo,
};

#[rustfmt::skip]
pub use windows_sys::Win32::System::Memory::{
    CreateFileMappingA, CreateFileMappingW, FlushViewOfFile, MapViewOfFile, MapViewOfFileEx, OpenFileMappingA,
    OpenFileMappingW, UnmapViewOfFile, VirtualAlloc, VirtualQuery,
};

#[rustfmt::skip]
pub use windows_sys::Win32::System::Pipes::{
    CallNamedPipeA, CallNamedPipeW, ConnectNamedPipe, CreateNamedPipeA, CreateNamedPipeW, CreatePipe,
    DisconnectNamedPipe, GetNamedPipeClientComputerNameA, GetNamedPipeClientComputerNameW, GetNamedPipeClientProcessId,
    GetNamedPipeClientSessionId, GetNamedPipeHandleStateA, GetNamedPipeHandleStateW, GetNamedPipeInfo,
    GetNamedPipeServerProcessId, GetNamedPipeServerSessionId, PeekNamedPipe, SetNamedPipeHandleState,
    TransactNamedPipe, WaitNamedPipeA, WaitNamedPipeW,
};

#[rustfmt::skip]
pub use windows_sys::Win32::System::Threading::{
    CancelWaitableTimer, CreateEventA, CreateEventExA, CreateEventExW, CreateEventW, CreateMutexA,
    CreateMutexExA, CreateMutexExW, CreateMutexW, CreateSemaphoreA, CreateSemaphoreExA, CreateSemaphoreExW,
    CreateSemaphoreW, CreateWaitableTimerA, CreateWaitableTimerExA, CreateWaitableTimerExW,
    CreateWaitableTimerW, ExitProcess, GetCurrentProcess, GetCurrentProcessId, GetCurrentThread,
    GetCurrentThreadId, GetExitCodeProcess, GetExitCodeThread, GetProcessId, GetThreadId, OpenEventA,
    OpenEventW, OpenMutexW, OpenProcess, OpenSemaphoreW, OpenThread, OpenWaitableTimerA, OpenWaitableTimerW,
    PulseEvent, QueueUserAPC, QueueUserAPC2, ReleaseMutex, ReleaseSemaphore, ResetEvent, SetEvent,
    SetWaitableTimer, SetWaitableTimerEx, SignalObjectAndWait, Sleep, SleepEx, TerminateProcess,
    WaitForMultipleObjects, WaitForMultipleObjectsEx, WaitForSingleObject, WaitForSingleObjectEx,
};

// Processes and threads.
pub use windows_sys::Win32::System::Console::{GetStdHandle, SetStdHandle};
pub use windows_sys::Win32::System::Threading::{
    CreateProcessA, CreateProcessW, CreateThread, DeleteProcThreadAttributeList, ExitThread,
    InitializeProcThreadAttributeList, ResumeThread, SuspendThread, TerminateThread,
    UpdateProcThreadAttribute,
};
