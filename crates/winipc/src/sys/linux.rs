//! The functions as `winipc-win32` defines them.

#[rustfmt::skip]
pub use winipc_win32::{
    CallNamedPipeW, CancelIo, CancelIoEx, CancelSynchronousIo, CancelWaitableTimer, CloseHandle,
    CompareObjectHandles, ConnectNamedPipe, CreateEventA, CreateEventExA, CreateEventExW, CreateEventW,
    CreateFileA, CreateFileW, CreateMutexA, CreateMutexExA, CreateMutexExW, CreateMutexW, CreateNamedPipeA,
    CreateNamedPipeW, CreateSemaphoreA, CreateSemaphoreExA, CreateSemaphoreExW, CreateSemaphoreW,
    CreateWaitableTimerExW, CreateWaitableTimerW, DisconnectNamedPipe, DuplicateHandle, FlushFileBuffers,
    GetCurrentProcess, GetCurrentProcessId, GetCurrentThread, GetCurrentThreadId, GetExitCodeProcess,
    GetExitCodeThread, GetHandleInformation, GetLastError, GetNamedPipeClientProcessId,
    GetNamedPipeHandleStateW, GetNamedPipeInfo, GetNamedPipeServerProcessId, GetOverlappedResult,
    GetOverlappedResultEx, GetProcessId, GetThreadId, OpenEventA, OpenEventW, OpenMutexW, OpenProcess,
    OpenSemaphoreW, OpenThread, OpenWaitableTimerW, PeekNamedPipe, PulseEvent, QueueUserAPC, ReadFile,
    ReadFileEx, ReleaseMutex, ReleaseSemaphore, ResetEvent, SetEvent, SetHandleInformation, SetLastError,
    SetNamedPipeHandleState, SetWaitableTimer, SetWaitableTimerEx, SignalObjectAndWait, Sleep, SleepEx,
    TerminateProcess, TransactNamedPipe, WaitForMultipleObjects, WaitForMultipleObjectsEx,
    WaitForSingleObject, WaitForSingleObjectEx, WaitNamedPipeW, WriteFile, WriteFileEx,
};
