//! The functions as the system has them.

#[rustfmt::skip]
pub use windows_sys::Win32::Foundation::{
    CloseHandle, CompareObjectHandles, DuplicateHandle, GetHandleInformation, GetLastError, SetHandleInformation,
    SetLastError,
};
#[rustfmt::skip]
pub use windows_sys::Win32::Storage::FileSystem::{
    CreateFileA, CreateFileW, FlushFileBuffers, ReadFile, ReadFileEx, WriteFile, WriteFileEx,
};
#[rustfmt::skip]
pub use windows_sys::Win32::System::IO::{
    CancelIo, CancelIoEx, CancelSynchronousIo, GetOverlappedResult, GetOverlappedResultEx,
};
#[rustfmt::skip]
pub use windows_sys::Win32::System::Pipes::{
    CallNamedPipeW, ConnectNamedPipe, CreateNamedPipeA, CreateNamedPipeW, DisconnectNamedPipe,
    GetNamedPipeClientProcessId, GetNamedPipeHandleStateW, GetNamedPipeInfo, GetNamedPipeServerProcessId,
    PeekNamedPipe, SetNamedPipeHandleState, TransactNamedPipe, WaitNamedPipeW,
};
#[rustfmt::skip]
pub use windows_sys::Win32::System::Threading::{
    CancelWaitableTimer, CreateEventA, CreateEventExA, CreateEventExW, CreateEventW, CreateMutexA, CreateMutexExA,
    CreateMutexExW, CreateMutexW, CreateSemaphoreA, CreateSemaphoreExA, CreateSemaphoreExW, CreateSemaphoreW,
    CreateWaitableTimerExW, CreateWaitableTimerW, GetCurrentProcess, GetCurrentProcessId, GetCurrentThread,
    GetCurrentThreadId, GetExitCodeProcess, GetExitCodeThread, GetProcessId, GetThreadId, OpenEventA, OpenEventW,
    OpenMutexW, OpenProcess, OpenSemaphoreW, OpenThread, OpenWaitableTimerW, PulseEvent, QueueUserAPC, ReleaseMutex,
    ReleaseSemaphore, ResetEvent, SetEvent, SetWaitableTimer, SetWaitableTimerEx, SignalObjectAndWait, Sleep, SleepEx,
    TerminateProcess, WaitForMultipleObjects, WaitForMultipleObjectsEx, WaitForSingleObject, WaitForSingleObjectEx,
};
