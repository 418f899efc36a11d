//! Named pipes: creating, opening, connecting, asking.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::core::{s, w};
use winipc_win32::{
    CloseHandle, ConnectNamedPipe, CreateEventW, CreateFileA, CreateFileW, CreateNamedPipeA,
    CreateNamedPipeW, DisconnectNamedPipe, FlushFileBuffers, GetCurrentProcessId, GetFileType,
    GetNamedPipeClientComputerNameA, GetNamedPipeClientComputerNameW, GetNamedPipeClientProcessId,
    GetNamedPipeClientSessionId, GetNamedPipeHandleStateA, GetNamedPipeHandleStateW, GetNamedPipeInfo,
    GetNamedPipeServerProcessId, GetNamedPipeServerSessionId, SetNamedPipeHandleState, WaitNamedPipeA,
    WaitNamedPipeW,
};

use crate::common::{BAD, UNTOUCHED, client, server, wide, world};

const DUPLEX: u32 = PIPE_ACCESS_DUPLEX;

fn create(path: *const u16, open_mode: u32, pipe_mode: u32, max_instances: u32) -> HANDLE {
    run!(CreateNamedPipeW(path, open_mode, pipe_mode, max_instances, 0, 0, 0, null()))
}

fn open(path: *const u16, access: u32, creation: u32) -> HANDLE {
    run!(CreateFileW(path, access, 0, null(), creation, 0, null_mut()))
}

fn failed(error: u32) -> (HANDLE, u32) {
    (INVALID_HANDLE_VALUE, error)
}

#[test]
fn arguments_of_creating() {
    let _world = world();
    assert_eq!(call!(create(null(), DUPLEX, 0, 1)), failed(ERROR_PATH_NOT_FOUND));
    for path in
        [r"", r"name", r"\\.\name", r"\\.\pipe", r"\\.\pipe\", r"\\server\pipe\name", r"\\.\mailslot\name"]
    {
        assert_eq!(call!(create(wide(path).as_ptr(), DUPLEX, 0, 1)), failed(ERROR_INVALID_NAME), "{path}");
    }
    let path = w!(r"\\.\pipe\arguments");
    for (open_mode, pipe_mode, max_instances) in [
        (DUPLEX, 0, 0),
        (DUPLEX, 0, 256),
        (0, 0, 1),
        (FILE_FLAG_OVERLAPPED, 0, 1),
        (DUPLEX | 4, 0, 1),
        (DUPLEX | FILE_FLAG_DELETE_ON_CLOSE, 0, 1),
        (DUPLEX, 0x10, 1),
        (DUPLEX, PIPE_TYPE_BYTE | PIPE_READMODE_MESSAGE, 1),
    ] {
        let refused = call!(create(path, open_mode, pipe_mode, max_instances));
        assert_eq!(refused, failed(ERROR_INVALID_PARAMETER), "{open_mode:#x} {pipe_mode:#x} {max_instances}");
    }
    assert_eq!(call!(open(path, 0, OPEN_EXISTING)), failed(ERROR_FILE_NOT_FOUND));
}

#[test]
fn instances() {
    let _world = world();
    let path = w!(r"\\.\pipe\Instances");
    let (first, error) = call!(create(path, DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_TYPE_MESSAGE, 2));
    assert_eq!((first == INVALID_HANDLE_VALUE, error), (false, ERROR_SUCCESS));
    assert_eq!(call!(create(path, PIPE_ACCESS_INBOUND, 0, 2)), failed(ERROR_ACCESS_DENIED));
    let again = call!(create(path, DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0, 2));
    assert_eq!(again, failed(ERROR_ACCESS_DENIED));
    let (second, error) = call!(CreateNamedPipeA(s!(r"\\.\PIPE\instanceS"), DUPLEX, 0, 7, 1, 2, 3, null()));
    assert_eq!((second == INVALID_HANDLE_VALUE, error), (false, ERROR_SUCCESS));
    assert_eq!(call!(create(path, DUPLEX, 0, 2)), failed(ERROR_PIPE_BUSY));
    let [mut flags, mut instances, mut maximum] = [77; 3];
    assert_eq!(
        call!(GetNamedPipeInfo(second, &mut flags, null_mut(), null_mut(), &mut maximum)),
        (TRUE, UNTOUCHED)
    );
    assert_eq!((flags, maximum), (PIPE_SERVER_END | PIPE_TYPE_MESSAGE, 2));
    let state = call!(GetNamedPipeHandleStateA(
        second,
        null_mut(),
        &mut instances,
        null_mut(),
        null_mut(),
        null_mut(),
        0
    ));
    assert_eq!((state, instances), ((TRUE, UNTOUCHED), 2));
    succeed!(CloseHandle(first));
    succeed!(CloseHandle(second));
}

#[test]
fn opening() {
    let _world = world();
    for (path, error) in [
        (r"", ERROR_PATH_NOT_FOUND),
        (r"C:\file", ERROR_FILE_NOT_FOUND),
        ("/no/such/file", ERROR_PATH_NOT_FOUND),
        (r"\\.\device", ERROR_FILE_NOT_FOUND),
        (r"\\.\pipe\", ERROR_NOT_SUPPORTED),
        (r"\\server\share\file", ERROR_BAD_NETPATH),
        (r"\\server\pipe\name", ERROR_BAD_NETPATH),
        (r"\\.\pipe\absent", ERROR_FILE_NOT_FOUND),
    ] {
        assert_eq!(call!(open(wide(path).as_ptr(), GENERIC_READ, OPEN_EXISTING)), failed(error), "{path}");
    }
    assert_eq!(call!(open(null(), GENERIC_READ, OPEN_EXISTING)), failed(ERROR_PATH_NOT_FOUND));
    let no_path = call!(CreateFileA(null(), 0, 0, null(), OPEN_EXISTING, 0, null_mut()));
    assert_eq!(no_path, failed(ERROR_PATH_NOT_FOUND));

    let path = w!(r"\\.\pipe\opening");
    let pipe = create(path, PIPE_ACCESS_INBOUND, 0, 2);
    for creation in [0, CREATE_NEW, CREATE_ALWAYS, TRUNCATE_EXISTING, 6] {
        assert_eq!(call!(open(path, GENERIC_WRITE, creation)), failed(ERROR_INVALID_PARAMETER), "{creation}");
    }
    let shared = call!(CreateFileW(path, GENERIC_WRITE, 8, null(), OPEN_EXISTING, 0, null_mut()));
    assert_eq!(shared, failed(ERROR_INVALID_PARAMETER));
    assert_eq!(call!(open(path, GENERIC_READ, OPEN_EXISTING)), failed(ERROR_ACCESS_DENIED));
    let (end, error) = call!(open(path, GENERIC_WRITE, OPEN_EXISTING));
    assert_eq!((end == INVALID_HANDLE_VALUE, error), (false, ERROR_SUCCESS));
    assert_eq!(call!(open(path, GENERIC_WRITE, OPEN_EXISTING)), failed(ERROR_PIPE_BUSY));
    let another = create(path, PIPE_ACCESS_INBOUND, 0, 2);
    let (always, error) = call!(open(path, GENERIC_WRITE, OPEN_ALWAYS));
    assert_eq!((always == INVALID_HANDLE_VALUE, error), (false, ERROR_ALREADY_EXISTS));
    assert_eq!(call!(GetFileType(end)), (FILE_TYPE_PIPE, UNTOUCHED));
    for handle in [pipe, end, another, always] {
        succeed!(CloseHandle(handle));
    }
}

#[test]
fn connecting() {
    let _world = world();
    let pipe = server("connecting", 0, PIPE_NOWAIT);
    assert_eq!(call!(ConnectNamedPipe(pipe, null_mut())), (FALSE, ERROR_PIPE_LISTENING));
    let end = client("connecting", 0);
    assert_eq!(call!(ConnectNamedPipe(pipe, null_mut())), (FALSE, ERROR_PIPE_CONNECTED));
    assert_eq!(call!(ConnectNamedPipe(end, null_mut())), (FALSE, ERROR_INVALID_FUNCTION));
    succeed!(CloseHandle(end));
    assert_eq!(call!(ConnectNamedPipe(pipe, null_mut())), (FALSE, ERROR_NO_DATA));
    assert_eq!(call!(DisconnectNamedPipe(pipe)), (TRUE, UNTOUCHED));
    assert_eq!(call!(DisconnectNamedPipe(pipe)), (FALSE, ERROR_PIPE_NOT_CONNECTED));
    succeed!(CloseHandle(pipe));

    let event = succeed!(CreateEventW(null(), 0, 0, null()));
    for bad in [null_mut(), BAD, event] {
        assert_eq!(call!(ConnectNamedPipe(bad, null_mut())), (FALSE, ERROR_INVALID_HANDLE));
        assert_eq!(call!(DisconnectNamedPipe(bad)), (FALSE, ERROR_INVALID_HANDLE));
        assert_eq!(call!(FlushFileBuffers(bad)), (FALSE, ERROR_INVALID_HANDLE));
        assert_eq!(call!(GetFileType(bad)), (FILE_TYPE_UNKNOWN, ERROR_INVALID_HANDLE));
    }
    succeed!(CloseHandle(event));
}

#[test]
fn waiting_for_an_instance() {
    let _world = world();
    assert_eq!(call!(WaitNamedPipeW(null(), 1)), (FALSE, ERROR_PATH_NOT_FOUND));
    assert_eq!(call!(WaitNamedPipeW(w!(r"\\.\pipe\"), 1)), (FALSE, ERROR_BAD_PATHNAME));
    assert_eq!(call!(WaitNamedPipeW(w!(r"name"), 1)), (FALSE, ERROR_BAD_PATHNAME));
    assert_eq!(call!(WaitNamedPipeW(w!(r"\\server\pipe\name"), 1)), (FALSE, ERROR_BAD_NETPATH));
    assert_eq!(
        call!(WaitNamedPipeA(s!(r"\\.\pipe\absent"), NMPWAIT_WAIT_FOREVER)),
        (FALSE, ERROR_FILE_NOT_FOUND)
    );
    let pipe = server("waiting", 0, 0);
    assert_eq!(call!(WaitNamedPipeA(s!(r"\\.\pipe\waiting"), NMPWAIT_WAIT_FOREVER)), (TRUE, UNTOUCHED));
    let end = client("waiting", 0);
    assert_eq!(call!(WaitNamedPipeW(w!(r"\\.\pipe\waiting"), NMPWAIT_NOWAIT)), (FALSE, ERROR_SEM_TIMEOUT));
    assert_eq!(
        call!(WaitNamedPipeW(w!(r"\\.\pipe\waiting"), NMPWAIT_USE_DEFAULT_WAIT)),
        (FALSE, ERROR_SEM_TIMEOUT)
    );
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}

#[test]
fn state_and_modes() {
    let _world = world();
    let pipe = server("modes", 0, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
    let mut mode = 77;
    let ask = |end, mode: &mut u32| {
        run!(GetNamedPipeHandleStateW(end, mode, null_mut(), null_mut(), null_mut(), null_mut(), 0))
    };
    let mut user = [0x55u16; 256];
    let mut user_of = |end, size| {
        let (none, user) = (null_mut::<u32>(), user.as_mut_ptr());
        run!(GetNamedPipeHandleStateW(end, none, none, none, none, user, size))
    };
    assert_eq!(call!(user_of(pipe, 256)), (FALSE, ERROR_CANNOT_IMPERSONATE));
    let end = client("modes", 0);
    assert_eq!((call!(ask(pipe, &mut mode)), mode), ((TRUE, UNTOUCHED), PIPE_READMODE_MESSAGE));
    assert_eq!((call!(ask(end, &mut mode)), mode), ((TRUE, UNTOUCHED), PIPE_READMODE_BYTE));
    assert_eq!(call!(ask(BAD, &mut mode)), (FALSE, ERROR_INVALID_HANDLE));
    assert_eq!(call!(user_of(end, 256)), (FALSE, ERROR_INVALID_FUNCTION));
    assert_eq!(call!(user_of(pipe, 1)), (FALSE, ERROR_INSUFFICIENT_BUFFER));
    assert_eq!(call!(user_of(pipe, 256)), (TRUE, UNTOUCHED));
    let length = user.iter().position(|&unit| unit == 0).expect("a terminated name");
    assert!(length > 0 && user[length + 1] == 0x55);

    let set = |end, mode: u32| run!(SetNamedPipeHandleState(end, &mode, null(), null()));
    assert_eq!(call!(set(end, 4)), (FALSE, ERROR_INVALID_PARAMETER));
    assert_eq!(call!(set(BAD, 0)), (FALSE, ERROR_INVALID_HANDLE));
    assert_eq!(call!(set(end, PIPE_READMODE_MESSAGE | PIPE_NOWAIT)), (TRUE, UNTOUCHED));
    assert_eq!(call!(SetNamedPipeHandleState(end, null(), null(), null())), (TRUE, UNTOUCHED));
    assert_eq!((call!(ask(end, &mut mode)), mode), ((TRUE, UNTOUCHED), 3));
    // What is about collecting is of remote pipes only.
    let collect = (FALSE, ERROR_INVALID_PARAMETER);
    assert_eq!(call!(SetNamedPipeHandleState(end, null(), &1, null())), collect);
    assert_eq!(call!(SetNamedPipeHandleState(end, null(), null(), &1)), collect);
    let null = null_mut();
    assert_eq!(call!(GetNamedPipeHandleStateA(end, null, null, &mut mode, null, null_mut(), 0)), collect);
    assert_eq!(call!(GetNamedPipeHandleStateA(end, null, null, null, &mut mode, null_mut(), 0)), collect);
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}

#[test]
fn who_is_at_the_other_end() {
    let _world = world();
    let pipe = server("who", 0, 0);
    let queries = [
        GetNamedPipeClientProcessId,
        GetNamedPipeServerProcessId,
        GetNamedPipeClientSessionId,
        GetNamedPipeServerSessionId,
    ];
    let end = client("who", 0);
    let own = run!(GetCurrentProcessId());
    for (query, expected) in queries.into_iter().zip([own, own, 1, 1]) {
        for handle in [pipe, end] {
            let mut id = 0;
            assert_eq!((call!(query(handle, &mut id)), id), ((TRUE, UNTOUCHED), expected));
        }
        assert_eq!(call!(query(pipe, null_mut())), (FALSE, ERROR_INSUFFICIENT_BUFFER));
        assert_eq!(call!(query(BAD, &mut 0)), (FALSE, ERROR_INVALID_HANDLE));
    }
    let mut name = [0u16; 64];
    assert_eq!(
        call!(GetNamedPipeClientComputerNameW(pipe, name.as_mut_ptr(), 128)),
        (FALSE, ERROR_PIPE_LOCAL)
    );
    assert_eq!(call!(GetNamedPipeClientComputerNameA(BAD, null_mut(), 0)), (FALSE, ERROR_INVALID_HANDLE));
    succeed!(DisconnectNamedPipe(pipe));
    assert_eq!(call!(GetNamedPipeClientProcessId(pipe, &mut 0)), (FALSE, ERROR_NOT_FOUND));
    assert_eq!(call!(GetNamedPipeClientProcessId(end, &mut 0)), (FALSE, ERROR_PIPE_NOT_CONNECTED));
    succeed!(CloseHandle(pipe));
    succeed!(CloseHandle(end));
}
