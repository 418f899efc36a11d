//! Named pipes: what can be asked of an end, and its modes.

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::core::{BOOL, PSTR, PWSTR};
use winipc_executive::{Handle, pipe};

use crate::argument::{handle, only, present, write_if_wanted};
use crate::error::{Error, Result, boolean};

/// All processes of a namespace are in one session, and not in that of the services, where `Local\` would be
/// `Global\`.
const SESSION_ID: u32 = 1;

/// Reports flags (`PIPE_SERVER_END` 1 and `PIPE_TYPE_MESSAGE` 4), quotas in bytes as they were asked for, and the
/// greatest number of instances of a pipe. Each pointer may be NULL.
///
/// # Errors
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `FILE_READ_ATTRIBUTES`.
/// - `ERROR_PIPE_NOT_CONNECTED` (233): the server has disconnected this client.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeInfo(
    pipe: HANDLE,
    flags: *mut NAMED_PIPE_MODE,
    out_buffer_size: *mut u32,
    in_buffer_size: *mut u32,
    max_instances: *mut u32,
) -> BOOL {
    // SAFETY: the pointers are NULL or writable.
    boolean(pipe::info(handle(pipe)).map(|info| unsafe {
        let end = if info.is_server { PIPE_SERVER_END } else { PIPE_CLIENT_END };
        let kind = if info.message_type { PIPE_TYPE_MESSAGE } else { PIPE_TYPE_BYTE };
        write_if_wanted(flags, end | kind);
        write_if_wanted(out_buffer_size, info.out_quota);
        write_if_wanted(in_buffer_size, info.in_quota);
        write_if_wanted(max_instances, info.max_instances);
    }))
}

/// Reports the modes of an end (`PIPE_NOWAIT` 1 and `PIPE_READMODE_MESSAGE` 2), the number of instances there are, and
/// on the server's end the name of the client's user. Each pointer may be NULL; the two about collecting must be.
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): `max_collection_count` or `collect_data_timeout` is not NULL; they are of
///   pipes of another machine.
/// - `ERROR_INVALID_FUNCTION` (1): `user_name` on the client's end.
/// - `ERROR_CANNOT_IMPERSONATE` (1368): `user_name` and no client is there.
/// - `ERROR_INSUFFICIENT_BUFFER` (122): the name with its terminator is longer than `user_name_size` characters.
/// - `ERROR_NONE_MAPPED` (1332): `user_name`, and the system has no name for the user.
/// - `ERROR_PIPE_NOT_CONNECTED` (233): the server has disconnected this client.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `FILE_READ_ATTRIBUTES`.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeHandleStateW(
    pipe: HANDLE,
    state: *mut NAMED_PIPE_MODE,
    instances: *mut u32,
    max_collection_count: *mut u32,
    collect_data_timeout: *mut u32,
    user_name: PWSTR,
    user_name_size: u32,
) -> BOOL {
    let name = |user: String| user.encode_utf16().chain([0]).collect();
    // SAFETY: the pointers are NULL or writable.
    boolean(unsafe {
        local(max_collection_count, collect_data_timeout)
            .and_then(|()| get_state(pipe, state, instances, user_name, user_name_size, name))
    })
}

/// [`GetNamedPipeHandleStateW`] with the name in UTF-8, and `user_name_size` in bytes.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeHandleStateA(
    pipe: HANDLE,
    state: *mut NAMED_PIPE_MODE,
    instances: *mut u32,
    max_collection_count: *mut u32,
    collect_data_timeout: *mut u32,
    user_name: PSTR,
    user_name_size: u32,
) -> BOOL {
    let name = |user: String| user.bytes().chain([0]).collect();
    // SAFETY: the pointers are NULL or writable.
    boolean(unsafe {
        local(max_collection_count, collect_data_timeout)
            .and_then(|()| get_state(pipe, state, instances, user_name, user_name_size, name))
    })
}

/// Collecting before sending is a matter of remote pipes.
fn local(max_collection_count: *const u32, collect_data_timeout: *const u32) -> Result<()> {
    let is_local = max_collection_count.is_null() && collect_data_timeout.is_null();
    if is_local { Ok(()) } else { Err(Error(ERROR_INVALID_PARAMETER)) }
}

unsafe fn get_state<T: Copy>(
    pipe: HANDLE,
    state: *mut NAMED_PIPE_MODE,
    instances: *mut u32,
    user_name: *mut T,
    user_name_size: u32,
    encode: impl FnOnce(String) -> Vec<T>,
) -> Result<()> {
    let found = pipe::state(handle(pipe))?;
    if !user_name.is_null() {
        if !found.is_server {
            return Err(Error(ERROR_INVALID_FUNCTION));
        }
        pipe::client_process_id(handle(pipe)).map_err(|_| Error(ERROR_CANNOT_IMPERSONATE))?;
        let name = encode(own_user_name()?);
        if name.len() > user_name_size as usize {
            return Err(Error(ERROR_INSUFFICIENT_BUFFER));
        }
        // SAFETY: `user_name` is writable for `user_name_size` units, and the name is not longer.
        unsafe { user_name.copy_from_nonoverlapping(name.as_ptr(), name.len()) };
    }
    let nowait = if found.nowait { PIPE_NOWAIT } else { PIPE_WAIT };
    let read_mode = if found.message_read { PIPE_READMODE_MESSAGE } else { PIPE_READMODE_BYTE };
    // SAFETY: both pointers are NULL or writable.
    unsafe {
        write_if_wanted(state, nowait | read_mode);
        write_if_wanted(instances, found.instances);
    }
    Ok(())
}

/// The name of the process's user, who is also that of every client: a namespace belongs to one.
fn own_user_name() -> Result<String> {
    let mut buffer = [0u8; 4096];
    let mut entry = core::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = core::ptr::null_mut();
    // SAFETY: every pointer is to a live local, with its true size.
    let error = unsafe {
        let (user, buffer) = (libc::geteuid(), &mut buffer);
        libc::getpwuid_r(user, entry.as_mut_ptr(), buffer.as_mut_ptr().cast(), buffer.len(), &mut found)
    };
    if error != 0 || found.is_null() {
        return Err(Error(ERROR_NONE_MAPPED));
    }
    // SAFETY: the entry was found, so its name points to a string in `buffer`.
    let name = unsafe { core::ffi::CStr::from_ptr((*found).pw_name) };
    Ok(name.to_string_lossy().into_owned())
}

/// Sets the modes of an end: `PIPE_READMODE_MESSAGE` (2) and `PIPE_NOWAIT` (1). NULL leaves them as they are.
///
/// # Errors
/// - `ERROR_INVALID_PARAMETER` (87): an undefined bit, messages from a pipe of bytes, or one of the two pointers about
///   collecting is not NULL; they are of pipes of another machine.
/// - `ERROR_PIPE_BUSY` (231): the end is not to wait, and a request of it does.
/// - `ERROR_PIPE_NOT_CONNECTED` (233): the server has disconnected this client.
/// - `ERROR_ACCESS_DENIED` (5): the handle lacks `FILE_WRITE_ATTRIBUTES`.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetNamedPipeHandleState(
    pipe: HANDLE,
    mode: *const NAMED_PIPE_MODE,
    max_collection_count: *const u32,
    collect_data_timeout: *const u32,
) -> BOOL {
    let set = || -> Result<()> {
        local(max_collection_count, collect_data_timeout)?;
        if mode.is_null() {
            pipe::state(handle(pipe))?;
            return Ok(());
        }
        // SAFETY: not NULL, so readable; Windows asks for no alignment.
        let mode = unsafe { mode.read_unaligned() };
        only(mode, PIPE_READMODE_MESSAGE | PIPE_NOWAIT)?;
        Ok(pipe::set_mode(handle(pipe), mode & PIPE_READMODE_MESSAGE != 0, mode & PIPE_NOWAIT != 0)?)
    };
    boolean(set())
}

/// Reports the id of the process that opened the client's end. Works on both ends, also after the other was closed.
///
/// # Errors
/// - `ERROR_INSUFFICIENT_BUFFER` (122): `id` is NULL.
/// - `ERROR_NOT_FOUND` (1168): no client is there.
/// - `ERROR_PIPE_NOT_CONNECTED` (233): the server has disconnected this client.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeClientProcessId(pipe: HANDLE, id: *mut u32) -> BOOL {
    // SAFETY: `id` is NULL or writable.
    boolean(unsafe { report_id(id, pipe, pipe::client_process_id) })
}

/// Reports the id of the process that created the server's end. Works on both ends, also after the other was closed.
///
/// # Errors
/// Those of [`GetNamedPipeClientProcessId`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeServerProcessId(pipe: HANDLE, id: *mut u32) -> BOOL {
    // SAFETY: `id` is NULL or writable.
    boolean(unsafe { report_id(id, pipe, pipe::server_process_id) })
}

/// Reports the session of the client, which is 1: all processes of a namespace are in one.
///
/// # Errors
/// Those of [`GetNamedPipeClientProcessId`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeClientSessionId(pipe: HANDLE, id: *mut u32) -> BOOL {
    // SAFETY: `id` is NULL or writable.
    boolean(unsafe { report_id(id, pipe, |pipe| pipe::client_process_id(pipe).map(|_| SESSION_ID)) })
}

/// Reports the session of the server, which is 1: all processes of a namespace are in one.
///
/// # Errors
/// Those of [`GetNamedPipeClientProcessId`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeServerSessionId(pipe: HANDLE, id: *mut u32) -> BOOL {
    // SAFETY: `id` is NULL or writable.
    boolean(unsafe { report_id(id, pipe, |pipe| pipe::server_process_id(pipe).map(|_| SESSION_ID)) })
}

unsafe fn report_id(
    id: *mut u32,
    pipe: HANDLE,
    query: impl FnOnce(Handle) -> winipc_executive::Result<u32>,
) -> Result<()> {
    if id.is_null() {
        return Err(Error(ERROR_INSUFFICIENT_BUFFER));
    }
    present(id)?;
    let found = query(handle(pipe))?;
    // SAFETY: not NULL, so writable.
    unsafe { id.write_unaligned(found) };
    Ok(())
}

/// Fails, since every client is local.
///
/// # Errors
/// - `ERROR_PIPE_LOCAL` (229): the client is local.
/// - Those of [`GetNamedPipeClientProcessId`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeClientComputerNameW(
    pipe: HANDLE,
    _name: PWSTR,
    _size: u32,
) -> BOOL {
    boolean(local_client(pipe))
}

/// [`GetNamedPipeClientComputerNameW`] with the name in UTF-8.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetNamedPipeClientComputerNameA(pipe: HANDLE, _name: PSTR, _size: u32) -> BOOL {
    boolean(local_client(pipe))
}

fn local_client(pipe: HANDLE) -> Result<()> {
    pipe::client_process_id(handle(pipe))?;
    Err(Error(ERROR_PIPE_LOCAL))
}
