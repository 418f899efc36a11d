//! What the tests call: the functions of `winipc::sys`, with the types and constants of windows-sys.

// The named imports below come before these, whose functions would be the system's.
pub(crate) use windows_sys::Win32::{
    Foundation::*, Security::*, Storage::FileSystem::*, System::Console::*, System::IO::*, System::Memory::*,
    System::Pipes::*, System::Threading::*,
};
#[rustfmt::skip]
pub(crate) use winipc::sys::{
    CallNamedPipeW, CancelIo, CancelIoEx, CancelSynchronousIo, CancelWaitableTimer, CloseHandle,
    CompareObjectHandles, ConnectNamedPipe, CreateEventA, CreateEventExW, CreateEventW, CreateFileA,
    CreateFileMappingA, CreateFileMappingW, CreateFileW, CreateMailslotA, CreateMailslotW, CreateMutexA,
    CreateMutexExW, CreateMutexW, CreateNamedPipeA, CreateNamedPipeW, CreatePipe, CreateSemaphoreExW,
    CreateSemaphoreW, CreateWaitableTimerExW, CreateWaitableTimerW, DisconnectNamedPipe,
    DuplicateHandle, FlushFileBuffers, FlushViewOfFile, GetCurrentProcessId, GetCurrentThreadId,
    GetExitCodeProcess, GetExitCodeThread, GetFileSize, GetFileSizeEx, GetHandleInformation,
    GetLastError, GetMailslotInfo, GetNamedPipeClientProcessId,
    GetNamedPipeClientSessionId, GetNamedPipeHandleStateW, GetNamedPipeInfo,
    GetNamedPipeServerProcessId, GetNamedPipeServerSessionId, GetOverlappedResult, GetOverlappedResultEx,
    GetProcessId, GetThreadId, MapViewOfFile, MapViewOfFileEx, OpenEventA, OpenEventW, OpenFileMappingA,
    OpenFileMappingW, OpenMutexW, OpenProcess, OpenSemaphoreW, OpenThread, OpenWaitableTimerW,
    PeekNamedPipe, PulseEvent, QueueUserAPC, ReadFile, ReadFileEx, ReleaseMutex, ReleaseSemaphore,
    ResetEvent, SetEndOfFile, SetEvent, SetFilePointer, SetFilePointerEx, SetHandleInformation,
    SetLastError, SetMailslotInfo, SetNamedPipeHandleState, SetWaitableTimer, SetWaitableTimerEx,
    SignalObjectAndWait, Sleep, SleepEx, TerminateProcess, TransactNamedPipe, UnmapViewOfFile,
    VirtualAlloc, VirtualQuery, WaitForMultipleObjects, WaitForMultipleObjectsEx, WaitForSingleObject,
    WaitForSingleObjectEx, WaitNamedPipeW, WriteFile, WriteFileEx,
};
pub(crate) use winipc::sys::{
    CreateProcessA, CreateProcessW, CreateThread, DeleteProcThreadAttributeList, ExitProcess, ExitThread,
    GetStdHandle, InitializeProcThreadAttributeList, ResumeThread, SetStdHandle, UpdateProcThreadAttribute,
};
// These the safe interface does not need.
#[cfg(not(windows))]
pub(crate) use winipc_win32::GetFileType;
