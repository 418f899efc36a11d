//! Handles, processes and threads.

use std::process::{Command, Stdio};
use std::ptr::{null, null_mut};
use std::thread;

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::Win32::System::Threading::*;
use windows_sys::core::w;
use winipc_win32::{
    CloseHandle, CompareObjectHandles, CreateEventW, DuplicateHandle, ExitProcess, GetCurrentProcess,
    GetCurrentProcessId, GetCurrentThread, GetCurrentThreadId, GetExitCodeProcess, GetExitCodeThread,
    GetHandleInformation, GetNamedPipeInfo, GetProcessId, GetThreadId, OpenEventW, OpenProcess, OpenThread,
    QueueUserAPC, SetEvent, SetHandleInformation, SetNamedPipeHandleState, TerminateProcess,
    WaitForMultipleObjects, WaitForSingleObject,
};

use crate::common::{BAD, CHILD, UNTOUCHED, alone, server, world};

#[test]
fn closing() {
    let _world = alone();
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    assert_eq!(call!(CloseHandle(event)), (TRUE, UNTOUCHED));
    for bad in [event, null_mut(), BAD] {
        assert_eq!(call!(CloseHandle(bad)), (FALSE, ERROR_INVALID_HANDLE));
    }
    for pseudo in [-1, -2] {
        assert_eq!(call!(CloseHandle(pseudo as isize as HANDLE)), (TRUE, UNTOUCHED));
    }
}

#[test]
fn flags() {
    let _world = world();
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    let mut flags = 7;
    assert_eq!(call!(GetHandleInformation(event, null_mut())), (FALSE, ERROR_NOACCESS));
    assert_eq!(call!(GetHandleInformation(BAD, &mut flags)), (FALSE, ERROR_INVALID_HANDLE));
    assert_eq!(flags, 7);
    assert_eq!(call!(SetHandleInformation(event, 4, 4)), (FALSE, ERROR_INVALID_PARAMETER));
    assert_eq!(call!(SetHandleInformation(BAD, 1, 1)), (FALSE, ERROR_INVALID_HANDLE));
    for (mask, set, expected) in [(0, 3, 0), (1, 1, 1), (2, 2, 3), (1, 2, 2)] {
        assert_eq!(call!(SetHandleInformation(event, mask, set)), (TRUE, UNTOUCHED));
        assert_eq!(call!(GetHandleInformation(event, &mut flags)), (TRUE, UNTOUCHED));
        assert_eq!(flags, expected);
    }
    assert_eq!(call!(CloseHandle(event)), (FALSE, ERROR_INVALID_HANDLE));
    succeed!(SetHandleInformation(event, 2, 0));
    succeed!(CloseHandle(event));
}

/// A misaligned mode aborted the process.
#[test]
fn scalars_need_no_alignment() {
    let _world = world();
    let mut bytes = [0_u8; 9];
    let odd = bytes.as_mut_ptr().wrapping_add(1).cast::<u32>();
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    succeed!(SetHandleInformation(event, 1, 1));
    succeed!(GetHandleInformation(event, odd));
    assert_eq!(bytes[1], 1);
    succeed!(CloseHandle(event));
    let server = server("odd", 0, PIPE_TYPE_MESSAGE);
    bytes[1..5].copy_from_slice(&PIPE_READMODE_MESSAGE.to_ne_bytes());
    let odd = bytes.as_mut_ptr().wrapping_add(1).cast::<u32>();
    succeed!(SetNamedPipeHandleState(server, odd, null(), null()));
    bytes = [0; 9];
    let odd = bytes.as_mut_ptr().wrapping_add(1).cast::<u32>();
    succeed!(GetNamedPipeInfo(server, odd, null_mut(), null_mut(), null_mut()));
    assert_eq!(
        u32::from_ne_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]),
        PIPE_SERVER_END | PIPE_TYPE_MESSAGE
    );
    succeed!(CloseHandle(server));
}

#[test]
fn duplicating() {
    let _world = alone();
    let me = run!(GetCurrentProcess());
    let event = succeed!(CreateEventW(null(), 1, 0, null()));
    let mut duplicate = null_mut();
    let bad = (FALSE, ERROR_INVALID_HANDLE);
    assert_eq!(call!(DuplicateHandle(me, BAD, me, &mut duplicate, 0, 0, 2)), bad);
    assert_eq!(call!(DuplicateHandle(BAD, event, me, &mut duplicate, 0, 0, 2)), bad);
    assert_eq!(call!(DuplicateHandle(me, event, event, &mut duplicate, 0, 0, 2)), bad);
    assert_eq!(call!(DuplicateHandle(me, event, null_mut(), &mut duplicate, 0, 0, 2)), bad);
    assert_eq!(
        call!(DuplicateHandle(me, event, me, &mut duplicate, 0, 0, 8)),
        (FALSE, ERROR_INVALID_PARAMETER)
    );

    assert_eq!(
        call!(DuplicateHandle(me, event, me, &mut duplicate, EVENT_MODIFY_STATE, 1, 0)),
        (TRUE, UNTOUCHED)
    );
    assert_eq!(call!(CompareObjectHandles(event, duplicate)), (TRUE, UNTOUCHED));
    let mut flags = 0;
    succeed!(GetHandleInformation(duplicate, &mut flags));
    assert_eq!(flags, HANDLE_FLAG_INHERIT);
    succeed!(SetEvent(duplicate));
    assert_eq!(call!(WaitForSingleObject(duplicate, 0)), (WAIT_FAILED, ERROR_ACCESS_DENIED));
    assert_eq!(call!(WaitForSingleObject(event, 0)), (WAIT_OBJECT_0, UNTOUCHED));

    // Closing the source, with a target and without one.
    let options = DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE;
    let mut moved = null_mut();
    assert_eq!(call!(DuplicateHandle(me, duplicate, me, &mut moved, 0, 0, options)), (TRUE, UNTOUCHED));
    succeed!(SetEvent(moved));
    for target in [null_mut(), me] {
        let another = succeed!(CreateEventW(null(), 0, 0, null()));
        assert_eq!(call!(DuplicateHandle(me, another, target, null_mut(), 0, 0, options)), (TRUE, UNTOUCHED));
        assert_eq!(call!(SetEvent(another)), bad);
    }
    succeed!(CloseHandle(moved));
    succeed!(CloseHandle(event));
}

#[test]
fn pseudo_handles_become_real_ones() {
    let _world = world();
    for pseudo in [GetCurrentProcess, GetCurrentThread] {
        let (me, pseudo) = run!((GetCurrentProcess(), pseudo()));
        let mut real = null_mut();
        succeed!(DuplicateHandle(me, pseudo, me, &mut real, 0, 0, DUPLICATE_SAME_ACCESS));
        assert!(real.addr() % 4 == 0 && !real.is_null());
        assert_eq!(call!(CompareObjectHandles(pseudo, real)), (TRUE, UNTOUCHED));
        assert_eq!(call!(WaitForMultipleObjects(1, &real, 0, 0)), (WAIT_TIMEOUT, UNTOUCHED));
        succeed!(CloseHandle(real));
    }
}

#[test]
fn processes() {
    let _world = world();
    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    let (me, id) = run!((GetCurrentProcess(), GetCurrentProcessId()));
    let mut code = 0;
    assert_eq!(call!(GetProcessId(me)), (id, UNTOUCHED));
    assert_eq!(call!(GetProcessId(event)), (0, ERROR_INVALID_HANDLE));
    assert_eq!(call!(GetExitCodeProcess(me, null_mut())), (FALSE, ERROR_NOACCESS));
    assert_eq!(call!(GetExitCodeProcess(event, &mut code)), (FALSE, ERROR_INVALID_HANDLE));
    assert_eq!(call!(TerminateProcess(event, 1)), (FALSE, ERROR_INVALID_HANDLE));
    for unknown in [0, u32::MAX] {
        assert_eq!(call!(OpenProcess(PROCESS_ALL_ACCESS, 0, unknown)), (null_mut(), ERROR_INVALID_PARAMETER));
    }
    let (opened, error) = call!(OpenProcess(PROCESS_ALL_ACCESS, 0, id));
    assert_eq!((opened.is_null(), error), (false, UNTOUCHED));
    assert_eq!(call!(CompareObjectHandles(opened, me)), (TRUE, UNTOUCHED));
    assert_eq!(call!(GetExitCodeProcess(opened, &mut code)), (TRUE, UNTOUCHED));
    assert_eq!(code, STILL_ACTIVE as u32);
    assert_eq!(call!(WaitForSingleObject(opened, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    succeed!(CloseHandle(opened));
    succeed!(CloseHandle(event));
}

#[test]
fn threads() {
    let _world = world();
    let (me, id) = run!((GetCurrentThread(), GetCurrentThreadId()));
    let mut code = 0;
    assert_eq!(call!(GetThreadId(me)), (id, UNTOUCHED));
    assert_eq!(call!(GetThreadId(GetCurrentProcess())), (0, ERROR_INVALID_HANDLE));
    assert_eq!(call!(GetExitCodeThread(me, null_mut())), (FALSE, ERROR_NOACCESS));
    assert_eq!(call!(OpenThread(THREAD_ALL_ACCESS, 0, 0)), (null_mut(), ERROR_INVALID_PARAMETER));
    let other = thread::spawn(|| (succeed!(OpenThread(THREAD_ALL_ACCESS, 0, GetCurrentThreadId()))).addr());
    let other = other.join().unwrap() as HANDLE;
    assert_eq!(call!(WaitForSingleObject(other, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(call!(QueueUserAPC(Some(nothing), other, 0)), (0, ERROR_GEN_FAILURE));
    succeed!(CloseHandle(other));
    assert_eq!(call!(GetExitCodeThread(me, &mut code)), (TRUE, UNTOUCHED));
    assert_eq!(code, STILL_ACTIVE as u32);
}

unsafe extern "system" fn nothing(_: usize) {}

/// Starts this test again as a child, which says that it is there and waits.
#[test]
fn the_end_of_a_process() {
    let _world = world();
    if std::env::var_os(CHILD).is_some() {
        let go = succeed!(OpenEventW(SYNCHRONIZATION_SYNCHRONIZE, 0, w!("end-go")));
        succeed!(SetEvent(succeed!(OpenEventW(EVENT_MODIFY_STATE, 0, w!("end-ready")))));
        assert_eq!(call!(WaitForSingleObject(go, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
        run!(ExitProcess(0x1234_5678));
    }
    let ready = succeed!(CreateEventW(null(), 0, 0, w!("end-ready")));
    let go = succeed!(CreateEventW(null(), 0, 0, w!("end-go")));
    for end_by_itself in [true, false] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "handles::the_end_of_a_process"])
            .env(CHILD, "1")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(call!(WaitForSingleObject(ready, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
        let process = succeed!(OpenProcess(PROCESS_ALL_ACCESS, 0, child.id()));
        assert_eq!(call!(GetProcessId(process)), (child.id(), UNTOUCHED));
        let expected = if end_by_itself {
            succeed!(SetEvent(go));
            0x1234_5678
        } else {
            assert_eq!(call!(TerminateProcess(process, 77)), (TRUE, UNTOUCHED));
            77
        };
        assert_eq!(call!(WaitForSingleObject(process, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
        let mut code = 0;
        assert_eq!((call!(GetExitCodeProcess(process, &mut code)), code), ((TRUE, UNTOUCHED), expected));
        assert_eq!(call!(TerminateProcess(process, 78)), (FALSE, ERROR_ACCESS_DENIED));
        child.wait().unwrap();
        succeed!(CloseHandle(process));
    }
    succeed!(CloseHandle(ready));
    succeed!(CloseHandle(go));
}

/// What a thread says of itself can be opened, though it has done nothing else.
#[test]
fn an_id_can_be_opened() {
    let _world = world();
    let (told, id) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let other = thread::spawn(move || {
        told.send(run!(GetCurrentThreadId())).unwrap();
        let _ = ended.recv();
    });
    let opened = succeed!(OpenThread(THREAD_ALL_ACCESS, 0, id.recv().unwrap()));
    assert_eq!(call!(WaitForSingleObject(opened, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    drop(end);
    other.join().unwrap();
    assert_eq!(call!(WaitForSingleObject(opened, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
    succeed!(CloseHandle(opened));
}
