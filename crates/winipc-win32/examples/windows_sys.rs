//! A program written on windows-sys alone: a server thread, a client, and an event between them.
//!
//! Nothing here knows of winipc but the next line. Run it with `--features export`.

extern crate winipc_win32 as _;

use std::ptr::{null, null_mut};
use std::thread;

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::Win32::System::Threading::*;
use windows_sys::core::w;

pub(crate) fn main() {
    // SAFETY: every pointer is NULL or to a live local with its true size, and every handle is open.
    unsafe {
        let ready = CreateEventW(null(), 1, 0, w!("Local\\example-ready"));
        assert!(!ready.is_null(), "CreateEventW: error {}", GetLastError());
        println!("main: created an event, last error {}", GetLastError());

        let server = thread::spawn(serve);
        let result = WaitForSingleObject(ready, INFINITE);
        println!("main: WaitForSingleObject returned {result}");
        assert_eq!(result, WAIT_OBJECT_0);

        let pipe = CreateFileW(
            w!("\\\\.\\pipe\\example"),
            GENERIC_READ | GENERIC_WRITE,
            0,
            null(),
            OPEN_EXISTING,
            0,
            null_mut(),
        );
        assert_ne!(pipe, INVALID_HANDLE_VALUE, "CreateFileW: error {}", GetLastError());
        let mut count = 0;
        check("WriteFile", WriteFile(pipe, b"a question".as_ptr(), 10, &mut count, null_mut()));
        println!("client: wrote {count} bytes");
        let mut answer = [0u8; 64];
        check("ReadFile", ReadFile(pipe, answer.as_mut_ptr(), 64, &mut count, null_mut()));
        println!("client: read {:?}", String::from_utf8_lossy(&answer[..count as usize]));

        server.join().expect("the server ends well");
        let more = ReadFile(pipe, answer.as_mut_ptr(), 64, &mut count, null_mut());
        println!("client: ReadFile returned {more}, last error {}", GetLastError());
        assert_eq!((more, GetLastError()), (FALSE, ERROR_BROKEN_PIPE));
        check("CloseHandle", CloseHandle(pipe));
        check("CloseHandle", CloseHandle(ready));
    }
}

fn serve() {
    // SAFETY: as in `main`.
    unsafe {
        let mode = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE;
        let pipe =
            CreateNamedPipeW(w!("\\\\.\\pipe\\example"), PIPE_ACCESS_DUPLEX, mode, 1, 4096, 4096, 0, null());
        assert_ne!(pipe, INVALID_HANDLE_VALUE, "CreateNamedPipeW: error {}", GetLastError());
        let ready = OpenEventW(EVENT_MODIFY_STATE, 0, w!("example-ready"));
        check("SetEvent", SetEvent(ready));
        check("CloseHandle", CloseHandle(ready));

        let connected = ConnectNamedPipe(pipe, null_mut()) != 0 || GetLastError() == ERROR_PIPE_CONNECTED;
        assert!(connected, "ConnectNamedPipe: error {}", GetLastError());
        let mut question = [0u8; 64];
        let mut count = 0;
        check("ReadFile", ReadFile(pipe, question.as_mut_ptr(), 64, &mut count, null_mut()));
        println!("server: read {:?}", String::from_utf8_lossy(&question[..count as usize]));
        check("WriteFile", WriteFile(pipe, b"an answer".as_ptr(), 9, &mut count, null_mut()));
        check("FlushFileBuffers", FlushFileBuffers(pipe));
        check("CloseHandle", CloseHandle(pipe));
    }
}

fn check(call: &str, result: i32) {
    // SAFETY: the call takes nothing.
    assert_ne!(result, FALSE, "{call}: error {}", unsafe { GetLastError() });
}
