//! The functions as `winipc-win32` defines them.

pub(crate) use winipc_win32::{
    descriptor_from_handle, handle_from_descriptor, process_identity, take_inherited,
};

/// Nothing: a child knows what it has inherited.
pub(crate) fn voucher(_inherited: &[super::HANDLE]) -> Vec<u8> {
    Vec::new()
}

#[rustfmt::skip]
pub use winipc_win32::{
    CallNamedPipeA, CallNamedPipeW, CancelIo, CancelIoEx, CancelSynchronousIo, CancelWaitableTimer,
    CloseHandle, CompareObjectHandles, ConnectNamedPipe, CreateEventA, CreateEventExA, CreateEventExW,
    CreateEventW, CreateFileA, CreateFileMappingA, CreateFileMappingW, CreateFileW, CreateMailslotA,
    CreateMailslotW, CreateMutexA, CreateMutexExA, CreateMutexExW, CreateMutexW, CreateNamedPipeA,
    CreateNamedPipeW, CreatePipe, CreateSemaphoreA, CreateSemaphoreExA, CreateSemaphoreExW,
    CreateSemaphoreW, CreateWaitableTimerA, CreateWaitableTimerExA, CreateWaitableTimerExW,
    CreateWaitableTimerW, DisconnectNamedPipe, DuplicateHandle, ExitProcess, FlushFileBuffers,
    FlushViewOfFile, GetCurrentProcess, GetCurrentProcessId, GetCurrentThread, GetCurrentThreadId,
    GetExitCodeProcess, GetExitCodeThread, GetFileSize, GetFileSizeEx, GetFileType,
    GetHandleInformation, GetLastError, GetMailslotInfo, GetNamedPipeClientComputerNameA,
    GetNamedPipeClientComputerNameW, GetNamedPipeClientProcessId, GetNamedPipeClientSessionId,
    GetNamedPipeHandleStateA, GetNamedPipeHandleStateW, GetNamedPipeInfo, GetNamedPipeServerProcessId,
    GetNamedPipeServerSessionId, GetOverlappedResult, GetOverlappedResultEx, GetProcessId, GetThreadId,
    MapViewOfFile, MapViewOfFileEx, OpenEventA, OpenEventW, OpenFileMappingA, OpenFileMappingW,
    OpenMutexW, OpenProcess, OpenSemaphoreW, OpenThread, OpenWaitableTimerA, OpenWaitableTimerW,
    PeekNamedPipe, PulseEvent, QueueUserAPC, QueueUserAPC2, ReadFile, ReadFileEx, ReleaseMutex,
    ReleaseSemaphore, ResetEvent, RtlNtStatusToDosError, SetEndOfFile, SetEvent, SetFilePointer,
    SetFilePointerEx, SetHandleInformation, SetLastError, SetMailslotInfo, SetNamedPipeHandleState,
    SetWaitableTimer, SetWaitableTimerEx, SignalObjectAndWait, Sleep, SleepEx, TerminateProcess,
    TransactNamedPipe, UnmapViewOfFile, VirtualAlloc, VirtualQuery, WaitForMultipleObjects,
    WaitForMultipleObjectsEx, WaitForSingleObject, WaitForSingleObjectEx, WaitNamedPipeA,
    WaitNamedPipeW, WriteFile, WriteFileEx,
};

// Processes and threads.
pub use winipc_win32::{
    CreateProcessA, CreateProcessW, CreateThread, DeleteProcThreadAttributeList, ExitThread, GetStdHandle,
    InitializeProcThreadAttributeList, ResumeThread, SetStdHandle, SuspendThread, TerminateThread,
    UpdateProcThreadAttribute,
};
