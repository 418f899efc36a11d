//! The list of all functions, and the proof that each has the type that windows-sys declares.

use windows_sys::Win32::{
    Foundation as foundation, Storage::FileSystem as file_system, System::Console as console,
    System::IO as io, System::Mailslots as mailslots, System::Memory as memory, System::Pipes as pipes,
    System::Threading as threading,
};

macro_rules! functions {
    ($($module:ident { $($function:ident)* })*; not_in_windows_sys { $($other:ident)* }) => {
        /// The names of all functions of this crate, which with the feature `export` are its symbols.
        pub const FUNCTIONS: &[&str] = &[$($(stringify!($function),)*)* $(stringify!($other),)*];

        // Two functions make an array only if they have one pointer type. A constant leaves no trace in the program,
        // so nothing refers to the symbols that windows-sys declares.
        $($(const _: () = {
            let _ = [crate::$function, $module::$function];
        };)*)*
        $(const _: () = {
            let _ = crate::$other;
        };)*
    };
}

functions! {
    foundation {
        CloseHandle CompareObjectHandles DuplicateHandle GetHandleInformation GetLastError RtlNtStatusToDosError
        SetHandleInformation SetLastError
    }
    file_system {
        CreateFileA CreateFileW FlushFileBuffers GetFileSize GetFileSizeEx GetFileType ReadFile ReadFileEx
        SetEndOfFile SetFilePointer SetFilePointerEx WriteFile WriteFileEx
    }
    console {
        GetStdHandle SetStdHandle
    }
    io {
        CancelIo CancelIoEx CancelSynchronousIo GetOverlappedResult GetOverlappedResultEx
    }
    mailslots {
        CreateMailslotA CreateMailslotW GetMailslotInfo SetMailslotInfo
    }
    memory {
        CreateFileMappingA CreateFileMappingW FlushViewOfFile MapViewOfFile MapViewOfFileEx OpenFileMappingA
        OpenFileMappingW UnmapViewOfFile VirtualAlloc VirtualQuery
    }
    pipes {
        CallNamedPipeA CallNamedPipeW ConnectNamedPipe CreateNamedPipeA CreateNamedPipeW CreatePipe DisconnectNamedPipe
        GetNamedPipeClientComputerNameA GetNamedPipeClientComputerNameW GetNamedPipeClientProcessId
        GetNamedPipeClientSessionId GetNamedPipeHandleStateA GetNamedPipeHandleStateW GetNamedPipeInfo
        GetNamedPipeServerProcessId GetNamedPipeServerSessionId PeekNamedPipe SetNamedPipeHandleState
        TransactNamedPipe WaitNamedPipeA WaitNamedPipeW
    }
    threading {
        CancelWaitableTimer CreateEventA CreateEventExA CreateEventExW CreateEventW CreateMutexA CreateMutexExA
        CreateMutexExW CreateMutexW CreateProcessA CreateProcessW CreateSemaphoreA CreateSemaphoreExA CreateSemaphoreExW
        CreateSemaphoreW CreateThread CreateWaitableTimerA CreateWaitableTimerExA CreateWaitableTimerExW
        CreateWaitableTimerW DeleteProcThreadAttributeList ExitProcess ExitThread GetCurrentProcess GetCurrentProcessId
        GetCurrentThread GetCurrentThreadId GetExitCodeProcess GetExitCodeThread GetProcessId GetThreadId
        InitializeProcThreadAttributeList OpenEventA OpenEventW OpenMutexW OpenProcess OpenSemaphoreW OpenThread
        OpenWaitableTimerA OpenWaitableTimerW PulseEvent QueueUserAPC QueueUserAPC2 ReleaseMutex ReleaseSemaphore
        ResetEvent ResumeThread SetEvent SetWaitableTimer SetWaitableTimerEx SignalObjectAndWait Sleep SleepEx
        SuspendThread TerminateProcess TerminateThread UpdateProcThreadAttribute WaitForMultipleObjects
        WaitForMultipleObjectsEx WaitForSingleObject WaitForSingleObjectEx
    }
    ; not_in_windows_sys {
        OpenMutexA OpenSemaphoreA
    }
}

#[cfg(test)]
mod tests {
    /// A function that the list lacks would have an unchecked type.
    #[test]
    fn the_list_is_complete() {
        let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let mut defined: Vec<String> = sources
            .flat_map(|file| {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                let definition = "pub unsafe extern \"system\" fn ";
                let names =
                    text.split(definition).skip(1).map(|rest| rest.split('(').next().unwrap().to_owned());
                names.filter(|name| !name.contains(['"', '$'])).collect::<Vec<_>>()
            })
            .collect();
        let mut listed: Vec<&str> = super::FUNCTIONS.to_vec();
        defined.sort();
        listed.sort();
        assert_eq!(defined, listed);
    }
}
