//! Named pipes: making, connecting, peeking, and the calls that combine several.

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::pipe::{self, Direction, PipeTimeout};
use winipc_executive::{Disposition, io};

use crate::argument::{handle, inherit, only, write_if_wanted};
use crate::error::{Error, Result, boolean, value};
use crate::file::{bytes, open_pipe, read_buffer, transfer};
use crate::object::report_created;
use crate::strings::{Name, Path, ansi, wide};

/// The right to see the audit list; windows-sys has it in a module that nothing else here needs.
const ACCESS_SYSTEM_SECURITY: u32 = 0x0100_0000;

/// Creates an instance of a named pipe, and returns its server end, which listens.
///
/// `path` is `\\.\pipe\NAME`. `open_mode` is one of `PIPE_ACCESS_INBOUND` (1), `_OUTBOUND` (2) and `_DUPLEX` (3) with
/// file flags and access rights; `pipe_mode` has the `PIPE_*` bits. The first instance fixes access mode, type, number
/// of instances and default time-out for all. The quotas are in bytes and advisory; the time-out is in milliseconds, 0
/// standing for 50. Returns `INVALID_HANDLE_VALUE` (-1) on failure; on success the last error is 0.
///
/// # Errors
/// - `ERROR_PATH_NOT_FOUND` (3): `path` is NULL.
/// - `ERROR_INVALID_NAME` (123): it has another form.
/// - `ERROR_INVALID_PARAMETER` (87): `max_instances` is not from 1 to 255, `open_mode` has no direction,
///   a mode has an undefined bit, or messages are to be read from a pipe of bytes.
/// - `ERROR_ACCESS_DENIED` (5): `FILE_FLAG_FIRST_PIPE_INSTANCE` and there is one, or another direction than the first.
/// - `ERROR_PIPE_BUSY` (231): there are as many instances as the first allowed.
/// - `ERROR_PRIVILEGE_NOT_HELD` (1314): `ACCESS_SYSTEM_SECURITY`.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the path is too long.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateNamedPipeW(
    path: PCWSTR,
    open_mode: FILE_FLAGS_AND_ATTRIBUTES,
    pipe_mode: NAMED_PIPE_MODE,
    max_instances: u32,
    out_buffer_size: u32,
    in_buffer_size: u32,
    default_timeout: u32,
    attributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    // SAFETY: `path` and `attributes` are NULL or valid.
    let (path, inherit) = unsafe { (wide(path), inherit(attributes)) };
    let sizes = [out_buffer_size, in_buffer_size];
    let created = create(path, open_mode, pipe_mode, max_instances, sizes, default_timeout, inherit);
    value(created, INVALID_HANDLE_VALUE)
}

ansi! {
    /// [`CreateNamedPipeW`] with a path in UTF-8.
    pub unsafe extern "system" fn CreateNamedPipeA(
        [path], open_mode: FILE_FLAGS_AND_ATTRIBUTES, pipe_mode: NAMED_PIPE_MODE, max_instances: u32,
        out_buffer_size: u32, in_buffer_size: u32, default_timeout: u32,
        attributes: *const SECURITY_ATTRIBUTES
    ) -> HANDLE;
    by CreateNamedPipeW, or INVALID_HANDLE_VALUE
}

fn create(
    path: Result<Name>,
    open_mode: FILE_FLAGS_AND_ATTRIBUTES,
    pipe_mode: NAMED_PIPE_MODE,
    max_instances: u32,
    [out_quota, in_quota]: [u32; 2],
    default_timeout: u32,
    inherit: bool,
) -> Result<HANDLE> {
    const EXTRA_ACCESS: u32 = WRITE_DAC | WRITE_OWNER | ACCESS_SYSTEM_SECURITY;
    const FLAGS: u32 = FILE_FLAG_OVERLAPPED | FILE_FLAG_WRITE_THROUGH | FILE_FLAG_FIRST_PIPE_INSTANCE;

    let path = path?.ok_or(Error(ERROR_PATH_NOT_FOUND))?;
    let name = match Path::parse(path) {
        Path::LocalPipe(name) if !name.is_empty() => name,
        _ => return Err(Error(ERROR_INVALID_NAME)),
    };
    only(open_mode, PIPE_ACCESS_DUPLEX | FLAGS | EXTRA_ACCESS)?;
    only(pipe_mode, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_NOWAIT | PIPE_REJECT_REMOTE_CLIENTS)?;
    let message_type = pipe_mode & PIPE_TYPE_MESSAGE != 0;
    let message_read = pipe_mode & PIPE_READMODE_MESSAGE != 0;
    if !(1..=PIPE_UNLIMITED_INSTANCES).contains(&max_instances) || (message_read && !message_type) {
        return Err(Error(ERROR_INVALID_PARAMETER));
    }
    let server = pipe::Server {
        direction: match open_mode & PIPE_ACCESS_DUPLEX {
            PIPE_ACCESS_INBOUND => Direction::Inbound,
            PIPE_ACCESS_OUTBOUND => Direction::Outbound,
            PIPE_ACCESS_DUPLEX => Direction::Duplex,
            _ => return Err(Error(ERROR_INVALID_PARAMETER)),
        },
        extra_access: open_mode & EXTRA_ACCESS,
        overlapped: open_mode & FILE_FLAG_OVERLAPPED != 0,
        first_instance: open_mode & FILE_FLAG_FIRST_PIPE_INSTANCE != 0,
        message_type,
        message_read,
        nowait: pipe_mode & PIPE_NOWAIT != 0,
        reject_remote: pipe_mode & PIPE_REJECT_REMOTE_CLIENTS != 0,
        max_instances,
        out_quota,
        in_quota,
        default_timeout_ms: if default_timeout == 0 { pipe::DEFAULT_TIMEOUT_MS } else { default_timeout },
        inherit,
    };
    let (instance, _) = pipe::create(name, &server)?;
    // Also one of several instances is new.
    Ok(report_created((instance, Disposition::Created)))
}

/// Waits until a client opens this instance of a pipe; after a disconnect it first listens again.
///
/// # Errors
/// - `ERROR_PIPE_CONNECTED` (535): a client is there already, which is as good as success.
/// - `ERROR_IO_PENDING` (997): overlapped, and the wait goes on.
/// - `ERROR_NO_DATA` (232): the client has closed its end; disconnect first.
/// - `ERROR_PIPE_LISTENING` (536): no client is there and the handle does not wait.
/// - `ERROR_INVALID_FUNCTION` (1): not the server's end.
/// - `ERROR_OPERATION_ABORTED` (995): the call was cancelled.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn ConnectNamedPipe(pipe: HANDLE, overlapped: *mut OVERLAPPED) -> BOOL {
    // SAFETY: `overlapped` is NULL or valid until the request is complete.
    let request = unsafe { crate::overlapped::overlapped(overlapped) };
    boolean(request.and_then(|request| match pipe::listen(handle(pipe), request)? {
        io::Outcome::Pending => Err(Error(ERROR_IO_PENDING)),
        io::Outcome::Done { .. } => Ok(()),
    }))
}

/// Takes the client off this instance of a pipe. Unread data is lost, and the client's calls fail from now on.
///
/// # Errors
/// - `ERROR_PIPE_NOT_CONNECTED` (233): it is disconnected already.
/// - `ERROR_INVALID_FUNCTION` (1): not the server's end.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn DisconnectNamedPipe(pipe: HANDLE) -> BOOL {
    boolean(pipe::disconnect(handle(pipe)))
}

/// Copies unread data without taking it, and reports how much was copied, how much there is, and how much of the first
/// message is left. Each pointer may be NULL.
///
/// On a pipe of bytes the last is 0 minus the number copied, as a 32-bit value.
///
/// # Errors
/// On failure nothing is reported.
/// - `ERROR_BROKEN_PIPE` (109): the other end is closed and everything has been read.
/// - `ERROR_BAD_PIPE` (230): the server's end has no client.
/// - `ERROR_PIPE_NOT_CONNECTED` (233): the server has disconnected this client.
/// - `ERROR_ACCESS_DENIED` (5): the handle cannot read.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a pipe.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn PeekNamedPipe(
    pipe: HANDLE,
    buffer: *mut core::ffi::c_void,
    length: u32,
    bytes_read: *mut u32,
    bytes_available: *mut u32,
    bytes_left: *mut u32,
) -> BOOL {
    let buffer = if buffer.is_null() || length == 0 {
        &mut []
    } else {
        // SAFETY: `buffer` is writable for `length` bytes.
        unsafe { core::slice::from_raw_parts_mut(buffer.cast::<u8>(), length as usize) }
    };
    // SAFETY: the three pointers are NULL or writable.
    boolean(pipe::peek(handle(pipe), buffer).map(|peek| unsafe {
        write_if_wanted(bytes_read, peek.copied as u32);
        write_if_wanted(bytes_available, peek.available);
        write_if_wanted(bytes_left, peek.left);
    }))
}

/// Writes a message and reads one, in one request. `bytes_read` and `overlapped` as for [`ReadFile`](crate::ReadFile).
///
/// # Errors
/// Those of [`ReadFile`](crate::ReadFile) and [`WriteFile`](crate::WriteFile), and
/// - `ERROR_BAD_PIPE` (230): not a duplex pipe of messages whose handle reads messages, or nobody is connected.
/// - `ERROR_PIPE_BUSY` (231): there is unread data; nothing was written.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn TransactNamedPipe(
    pipe: HANDLE,
    input: *const core::ffi::c_void,
    input_length: u32,
    output: *mut core::ffi::c_void,
    output_length: u32,
    bytes_read: *mut u32,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: `input` is readable, and `output` writable until the request is complete, for their lengths.
    let start = |request| unsafe {
        let output = read_buffer(output.cast(), output_length)?;
        Ok(pipe::transact(handle(pipe), bytes(input.cast(), input_length)?, output, request)?)
    };
    // SAFETY: `bytes_read` is NULL or writable, `overlapped` NULL or valid until the request is complete.
    boolean(unsafe { transfer(bytes_read, overlapped, start) })
}

/// Opens a pipe, exchanges one message for another, and closes it.
///
/// If no instance listens, the call waits for one once as [`WaitNamedPipeW`] does, unless the time is
/// `NMPWAIT_NOWAIT` (1).
///
/// # Errors
/// - `ERROR_MORE_DATA` (234): the answer is longer than the buffer; the rest is lost.
/// - `ERROR_FILE_NOT_FOUND` (2): no such pipe.
/// - `ERROR_PIPE_BUSY` (231): no instance listened.
/// - `ERROR_INVALID_PARAMETER` (87): a pipe of bytes.
/// - `ERROR_NOACCESS` (998): `bytes_read` is NULL.
/// - Those of [`CreateFileW`](crate::CreateFileW) for the path, of [`WaitNamedPipeW`] and of [`TransactNamedPipe`].
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CallNamedPipeW(
    path: PCWSTR,
    input: *const core::ffi::c_void,
    input_length: u32,
    output: *mut core::ffi::c_void,
    output_length: u32,
    bytes_read: *mut u32,
    timeout: u32,
) -> BOOL {
    // SAFETY: the pointers are NULL or valid for their lengths.
    boolean(unsafe {
        let (input, output) = (bytes(input.cast(), input_length), read_buffer(output.cast(), output_length));
        transfer(bytes_read, core::ptr::null_mut(), |_| call(wide(path), input?, output?, timeout))
    })
}

ansi! {
    /// [`CallNamedPipeW`] with a path in UTF-8.
    pub unsafe extern "system" fn CallNamedPipeA(
        [path], input: *const core::ffi::c_void, input_length: u32, output: *mut core::ffi::c_void,
        output_length: u32, bytes_read: *mut u32, timeout: u32
    ) -> BOOL;
    by CallNamedPipeW, or FALSE
}

fn call(path: Result<Name>, input: &[u8], output: io::ReadBuffer, timeout: u32) -> Result<io::Outcome> {
    let path = path?.ok_or(Error(ERROR_PATH_NOT_FOUND))?;
    let name = match Path::parse(path) {
        Path::LocalPipe(name) if !name.is_empty() => name,
        Path::RemotePipe => return Err(Error(ERROR_BAD_NETPATH)),
        _ => return Err(Error(ERROR_NOT_SUPPORTED)),
    };
    let open = || open_pipe(name, GENERIC_READ | GENERIC_WRITE, false, false);
    let file = match open().map_err(Error::from) {
        Err(Error(ERROR_PIPE_BUSY)) if timeout != NMPWAIT_NOWAIT => {
            pipe::wait_available(name, pipe_timeout(timeout))?;
            open()?
        }
        opened => opened?,
    };
    let answer = pipe::set_mode(file, true, false).and_then(|()| pipe::transact(file, input, output, None));
    winipc_executive::handle::close(file)?;
    Ok(answer?)
}

fn pipe_timeout(milliseconds: u32) -> PipeTimeout {
    match milliseconds {
        NMPWAIT_USE_DEFAULT_WAIT => PipeTimeout::Default,
        NMPWAIT_WAIT_FOREVER => PipeTimeout::Forever,
        milliseconds => PipeTimeout::Milliseconds(milliseconds),
    }
}

/// Waits until an instance of a pipe listens, for a time in milliseconds, `NMPWAIT_USE_DEFAULT_WAIT` (0), which is the
/// pipe's own, or `NMPWAIT_WAIT_FOREVER` (0xFFFFFFFF). The instance is not reserved.
///
/// # Errors
/// - `ERROR_FILE_NOT_FOUND` (2): no such pipe, or its last instance went meanwhile.
/// - `ERROR_SEM_TIMEOUT` (121): the time is over.
/// - `ERROR_PATH_NOT_FOUND` (3): `path` is NULL.
/// - `ERROR_BAD_NETPATH` (53): a pipe of another machine.
/// - `ERROR_BAD_PATHNAME` (161): not the path of a pipe.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the path is too long.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn WaitNamedPipeW(path: PCWSTR, timeout: u32) -> BOOL {
    // SAFETY: `path` is NULL or valid.
    boolean(wait_available(unsafe { wide(path) }, timeout))
}

ansi! {
    /// [`WaitNamedPipeW`] with a path in UTF-8.
    pub unsafe extern "system" fn WaitNamedPipeA([path], timeout: u32) -> BOOL;
    by WaitNamedPipeW, or FALSE
}

fn wait_available(path: Result<Name>, timeout: u32) -> Result<()> {
    let path = path?.ok_or(Error(ERROR_PATH_NOT_FOUND))?;
    match Path::parse(path) {
        Path::LocalPipe(name) if !name.is_empty() => Ok(pipe::wait_available(name, pipe_timeout(timeout))?),
        Path::RemotePipe => Err(Error(ERROR_BAD_NETPATH)),
        _ => Err(Error(ERROR_BAD_PATHNAME)),
    }
}
