//! Files, pipes and mailslots among them: opening, reading, writing.

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::IO::{LPOVERLAPPED_COMPLETION_ROUTINE, OVERLAPPED};
use windows_sys::core::{BOOL, PCWSTR};
use winipc_executive::{Disposition, Kind, Status, file, io, mailslot, pipe};

use crate::argument::{handle, inherit, only, present, usable};
use crate::error::{Error, Result, boolean, set_last_error, value};
use crate::object::report_created;
use crate::overlapped::{overlapped, overlapped_with_routine};
use crate::strings::{Name, Path, ansi, wide};

/// Opens the client end of a named pipe, `\\.\pipe\NAME`, or of a mailslot, `\\.\mailslot\NAME`, or a file.
///
/// A path that does not begin with two backslashes is one of this system's, slashes and all, in UTF-8; `NUL`, `CONIN$`
/// and `CONOUT$` are the null device and the terminal. `access` has generic or specific bits; `FILE_READ_ATTRIBUTES`
/// and `SYNCHRONIZE` are always granted. Where `creation` is `OPEN_ALWAYS` or `CREATE_ALWAYS` and the file was there,
/// the last error is `ERROR_ALREADY_EXISTS` (183), else 0. Returns `INVALID_HANDLE_VALUE` (-1) on failure.
///
/// A client of `\\*\mailslot\NAME`, or with this computer's name for `*`, sends datagrams: it is opened also if there
/// is no such slot, and a message that no slot takes is lost.
///
/// The end of a pipe reads bytes and waits, whatever the server's does; of pipes and mailslots `creation` is
/// `OPEN_EXISTING` or `OPEN_ALWAYS`; of `flags` `FILE_FLAG_OVERLAPPED` counts, and `share` does not.
///
/// Of a file, `FILE_FLAG_OVERLAPPED`, `FILE_FLAG_WRITE_THROUGH`, `FILE_FLAG_BACKUP_SEMANTICS`, which a directory needs,
/// and `FILE_ATTRIBUTE_READONLY` count. Where `share` is 0 nobody else can open it by this function meanwhile; which of
/// reading, writing and deleting is shared makes no difference, and other programs are not kept out. `template` never
/// counts.
///
/// # Errors
/// - `ERROR_FILE_NOT_FOUND` (2): no such pipe, mailslot or file.
/// - `ERROR_PATH_NOT_FOUND` (3): `path` is NULL or empty, or there is no such directory.
/// - `ERROR_PIPE_BUSY` (231): no instance of the pipe listens.
/// - `ERROR_ACCESS_DENIED` (5): access against the direction of the pipe, or that the file's permissions do not give; a
///   directory.
/// - `ERROR_FILE_EXISTS` (80): `CREATE_NEW`, and the file is there.
/// - `ERROR_SHARING_VIOLATION` (32): somebody has the file open, and one of the two does not share it.
/// - `ERROR_USER_MAPPED_FILE` (1224): `CREATE_ALWAYS` or `TRUNCATE_EXISTING`, and a section needs what is in the file.
/// - `ERROR_BAD_NETPATH` (53): a pipe or file of another machine, `\\SERVER\...`, or a mailslot of one or of a domain.
/// - `ERROR_NOT_SUPPORTED` (50): `FILE_FLAG_DELETE_ON_CLOSE`; a path of a pipe or mailslot that names none.
/// - `ERROR_INVALID_PARAMETER` (87): another `creation`, or an undefined bit in `share`; `TRUNCATE_EXISTING` without
///   the right to write.
/// - `ERROR_INVALID_NAME` (123): the path of a file is not Unicode, or longer than the system takes.
/// - `ERROR_FILENAME_EXCED_RANGE` (206): the path is longer than 32,766 units of UTF-16.
/// - `ERROR_DISK_FULL` (112), `ERROR_WRITE_PROTECT` (19), `ERROR_TOO_MANY_OPEN_FILES` (4): as they say.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreateFileW(
    path: PCWSTR,
    access: u32,
    share: FILE_SHARE_MODE,
    attributes: *const SECURITY_ATTRIBUTES,
    creation: FILE_CREATION_DISPOSITION,
    flags: FILE_FLAGS_AND_ATTRIBUTES,
    _template: HANDLE,
) -> HANDLE {
    // SAFETY: `path` and `attributes` are NULL or valid.
    let (path, inherit) = unsafe { (wide(path), inherit(attributes)) };
    value(create_file(path, access, share, inherit, creation, flags), INVALID_HANDLE_VALUE)
}

ansi! {
    /// [`CreateFileW`] with a path in UTF-8.
    pub unsafe extern "system" fn CreateFileA(
        [path], access: u32, share: FILE_SHARE_MODE, attributes: *const SECURITY_ATTRIBUTES,
        creation: FILE_CREATION_DISPOSITION, flags: FILE_FLAGS_AND_ATTRIBUTES, template: HANDLE
    ) -> HANDLE;
    by CreateFileW, or INVALID_HANDLE_VALUE
}

fn create_file(
    path: Result<Name>,
    access: u32,
    share: FILE_SHARE_MODE,
    inherit: bool,
    creation: FILE_CREATION_DISPOSITION,
    flags: FILE_FLAGS_AND_ATTRIBUTES,
) -> Result<HANDLE> {
    let path = path?.filter(|path| !path.is_empty()).ok_or(Error(ERROR_PATH_NOT_FOUND))?;
    only(share, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)?;
    let overlapped = flags & FILE_FLAG_OVERLAPPED != 0;
    let opened = |open: Open, name| {
        let disposition = match creation {
            OPEN_EXISTING => Disposition::Created,
            OPEN_ALWAYS => Disposition::Opened,
            _ => return Err(Error(ERROR_INVALID_PARAMETER)),
        };
        Ok(report_created((open(name, access, overlapped, inherit)?, disposition)))
    };
    match Path::parse(path) {
        Path::Other => open_file(path, access, share, inherit, creation, flags),
        Path::RemotePipe => Err(Error(ERROR_BAD_NETPATH)),
        Path::NetworkMailslot(computer, _) if !mailslot::is_here(computer) => Err(Error(ERROR_BAD_NETPATH)),
        Path::LocalPipe([]) | Path::LocalMailslot([]) | Path::NetworkMailslot(_, []) => {
            Err(Error(ERROR_NOT_SUPPORTED))
        }
        Path::LocalPipe(name) => opened(open_pipe, name),
        Path::LocalMailslot(name) => opened(mailslot::open, name),
        Path::NetworkMailslot(_, name) => opened(mailslot::open_datagram, name),
    }
}

/// Opens what has a name, with these rights, for overlapped use or not, inheritable or not.
type Open = fn(&[u16], u32, bool, bool) -> winipc_executive::Result<winipc_executive::Handle>;

/// Opens a file that is no pipe.
fn open_file(
    path: &[u16],
    access: u32,
    share: FILE_SHARE_MODE,
    inherit: bool,
    creation: FILE_CREATION_DISPOSITION,
    flags: FILE_FLAGS_AND_ATTRIBUTES,
) -> Result<HANDLE> {
    let creation = match creation {
        CREATE_NEW => file::Creation::New,
        CREATE_ALWAYS => file::Creation::Always,
        OPEN_EXISTING => file::Creation::Existing,
        OPEN_ALWAYS => file::Creation::OpenAlways,
        TRUNCATE_EXISTING => file::Creation::Truncate,
        _ => return Err(Error(ERROR_INVALID_PARAMETER)),
    };
    if flags & FILE_FLAG_DELETE_ON_CLOSE != 0 {
        return Err(Error(ERROR_NOT_SUPPORTED));
    }
    let path = String::from_utf16(path).map_err(|_| Error(ERROR_INVALID_NAME))?;
    let path = match path.to_ascii_uppercase().as_str() {
        "NUL" => "/dev/null",
        "CONIN$" | "CONOUT$" => "/dev/tty",
        name if name.starts_with(r"\\.\") || name.starts_with(r"\\?\") => {
            return Err(Error(ERROR_FILE_NOT_FOUND));
        }
        name if name.starts_with(r"\\") => return Err(Error(ERROR_BAD_NETPATH)),
        _ => path.as_str(),
    };
    let opening = file::Opening {
        access,
        shared: share != 0,
        creation,
        overlapped: flags & FILE_FLAG_OVERLAPPED != 0,
        write_through: flags & FILE_FLAG_WRITE_THROUGH != 0,
        directory: flags & FILE_FLAG_BACKUP_SEMANTICS != 0,
        read_only: flags & FILE_ATTRIBUTE_READONLY != 0,
        inherit,
    };
    let (file, existed) = file::open(path.as_ref(), &opening).map_err(|status| match status {
        Status::OBJECT_NAME_COLLISION => Error(ERROR_FILE_EXISTS),
        status => status.into(),
    })?;
    let is_told = existed && matches!(creation, file::Creation::Always | file::Creation::OpenAlways);
    Ok(report_created((file, if is_told { Disposition::Opened } else { Disposition::Created })))
}

/// Opens the client end of a local pipe with the access that every file gets.
pub(crate) fn open_pipe(
    name: &[u16],
    access: u32,
    overlapped: bool,
    inherit: bool,
) -> winipc_executive::Result<winipc_executive::Handle> {
    pipe::open(name, access | FILE_READ_ATTRIBUTES | SYNCHRONIZE, overlapped, inherit)
}

/// Reads from a file.
///
/// From a file on disk it reads at the place that `overlapped` names, else at the file's position; such a read never
/// goes on after the call.
///
/// `bytes_read` is set to 0 first; it may be NULL only if `overlapped` is not. With a handle opened for overlapped I/O
/// and an `OVERLAPPED`, the call returns at once, and buffer and structure stay in use until the read is complete;
/// otherwise the call waits.
///
/// # Errors
/// - `ERROR_IO_PENDING` (997): the read goes on.
/// - `ERROR_MORE_DATA` (234): the buffer is full and there is more of the message.
/// - `ERROR_INSUFFICIENT_BUFFER` (122): the next message of a mailslot is longer than `length`, and stays there.
/// - `ERROR_SEM_TIMEOUT` (121): no message came within the read time-out of the mailslot.
/// - `ERROR_BROKEN_PIPE` (109): the other end is closed and everything has been read.
/// - `ERROR_NO_DATA` (232): the pipe is empty and the handle does not wait.
/// - `ERROR_HANDLE_EOF` (38): the mailslot was closed meanwhile; there is nothing at the place in the file that
///   `overlapped` names. Without it, the latter is success with 0 bytes.
/// - `ERROR_INVALID_PARAMETER` (87): a mailslot's client end; the file was opened for overlapped I/O, and `overlapped`
///   is NULL.
/// - `ERROR_FILE_INVALID` (1006): the process did not get the descriptor with the handle.
/// - `ERROR_PIPE_LISTENING` (536), `ERROR_PIPE_NOT_CONNECTED` (233): no client is there.
/// - `ERROR_OPERATION_ABORTED` (995): the read was cancelled.
/// - `ERROR_ACCESS_DENIED` (5): the handle cannot read.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
/// - `ERROR_NOT_ENOUGH_MEMORY` (8): too many requests of the process are not over.
/// - `ERROR_NOACCESS` (998): a NULL that is not allowed.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn ReadFile(
    file: HANDLE,
    buffer: *mut u8,
    length: u32,
    bytes_read: *mut u32,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: `buffer` is writable for `length` bytes until the read is complete.
    let start =
        |request| unsafe { Ok(io::read(handle(file), read_buffer(buffer.cast(), length)?, request)?) };
    // SAFETY: `bytes_read` is NULL or writable, `overlapped` NULL or valid until the read is complete.
    boolean(unsafe { transfer(bytes_read, overlapped, start) })
}

/// Writes to a file.
///
/// `bytes_written` and `overlapped` as for [`ReadFile`]. On a pipe the call, or the request, is complete when what was
/// written fits the quota.
///
/// # Errors
/// - `ERROR_IO_PENDING` (997): the write goes on.
/// - `ERROR_NO_DATA` (232): the other end is closed.
/// - `ERROR_HANDLE_EOF` (38): the mailslot is gone.
/// - `ERROR_INVALID_PARAMETER` (87): the message is longer than the mailslot takes; the file was opened for overlapped
///   I/O, and `overlapped` is NULL.
/// - `ERROR_BAD_NETPATH` (53): the message is longer than a datagram to a mailslot, 424 bytes.
/// - `ERROR_DISK_FULL` (112), `ERROR_FILE_TOO_LARGE` (223): as they say, of a file on disk.
/// - `ERROR_FILE_INVALID` (1006): the process did not get the descriptor with the handle.
/// - `ERROR_BROKEN_PIPE` (109): the other end was closed while the write waited.
/// - `ERROR_PIPE_LISTENING` (536), `ERROR_PIPE_NOT_CONNECTED` (233): no client is there.
/// - `ERROR_OPERATION_ABORTED` (995): the write was cancelled.
/// - `ERROR_ACCESS_DENIED` (5): the handle cannot write.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
/// - `ERROR_NOT_ENOUGH_MEMORY` (8): too many requests of the process are not over.
/// - `ERROR_NOT_ENOUGH_QUOTA` (1816): the unread messages that the process has written take too much memory, or those
///   in mailslots of the process that made the slot.
/// - `ERROR_NOACCESS` (998): a NULL that is not allowed.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn WriteFile(
    file: HANDLE,
    buffer: *const u8,
    length: u32,
    bytes_written: *mut u32,
    overlapped: *mut OVERLAPPED,
) -> BOOL {
    // SAFETY: `buffer` is readable for `length` bytes.
    let start = |request| unsafe { Ok(io::write(handle(file), bytes(buffer.cast(), length)?, request)?) };
    // SAFETY: `bytes_written` is NULL or writable, `overlapped` NULL or valid until the write is complete.
    boolean(unsafe { transfer(bytes_written, overlapped, start) })
}

/// Starts a request and reports it as `ReadFile`, `WriteFile` and `TransactNamedPipe` do.
///
/// # Safety
/// `transferred` is NULL or writable, `block` NULL or valid until the request is complete.
pub(crate) unsafe fn transfer(
    transferred: *mut u32,
    block: *mut OVERLAPPED,
    start: impl FnOnce(Option<io::Overlapped>) -> Result<io::Outcome>,
) -> Result<()> {
    if !transferred.is_null() || block.is_null() {
        present(transferred)?;
        // SAFETY: not NULL, so writable.
        unsafe { transferred.write_unaligned(0) };
    }
    // SAFETY: as the caller promises.
    match start(unsafe { overlapped(block) }?)? {
        io::Outcome::Pending => Err(Error(ERROR_IO_PENDING)),
        io::Outcome::Done { status, information } => {
            let is_success = status == Status::SUCCESS;
            // A part of a message is not counted here when the structure reports it.
            if !transferred.is_null() && (is_success || block.is_null()) {
                // SAFETY: not NULL, so writable.
                unsafe { transferred.write_unaligned(information as u32) };
            }
            if is_success { Ok(()) } else { Err(status.into()) }
        }
    }
}

/// The caller's buffer of a read.
///
/// # Safety
/// `address` is NULL or writable for `length` bytes until the request is complete.
pub(crate) unsafe fn read_buffer(address: *mut u8, length: u32) -> Result<io::ReadBuffer> {
    if length != 0 {
        usable(address)?;
    }
    // SAFETY: as the caller promises.
    Ok(unsafe { io::ReadBuffer::new(address, length as usize) })
}

/// The caller's data of a write.
///
/// # Safety
/// `address` is NULL or readable for `length` bytes.
pub(crate) unsafe fn bytes<'a>(address: *const u8, length: u32) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    usable(address)?;
    // SAFETY: not NULL, so readable.
    Ok(unsafe { core::slice::from_raw_parts(address, length as usize) })
}

/// Starts to read from a file opened for overlapped I/O. `routine` runs in an alertable wait of the calling thread when
/// the read is complete, never in this call. `OVERLAPPED.hEvent` is the caller's own.
///
/// On success the last error is 0, or `ERROR_MORE_DATA` (234) if the buffer took only a part of a message.
///
/// # Errors
/// Those of [`ReadFile`], where the routine does not run, but neither `ERROR_IO_PENDING` nor `ERROR_MORE_DATA`;
/// a NULL `overlapped` or `routine` fails `ERROR_NOACCESS` (998).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn ReadFileEx(
    file: HANDLE,
    buffer: *mut u8,
    length: u32,
    overlapped: *mut OVERLAPPED,
    routine: LPOVERLAPPED_COMPLETION_ROUTINE,
) -> BOOL {
    // SAFETY: buffer and structure are valid until the read is complete.
    boolean(unsafe {
        overlapped_with_routine(overlapped, routine)
            .and_then(|request| begun(io::read(handle(file), read_buffer(buffer, length)?, Some(request))))
    })
}

/// Starts to write to a file opened for overlapped I/O, with a `routine` as for [`ReadFileEx`].
///
/// # Errors
/// Those of [`WriteFile`], where the routine does not run, but not `ERROR_IO_PENDING`; a NULL `overlapped` or `routine`
/// fails `ERROR_NOACCESS` (998).
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn WriteFileEx(
    file: HANDLE,
    buffer: *const u8,
    length: u32,
    overlapped: *mut OVERLAPPED,
    routine: LPOVERLAPPED_COMPLETION_ROUTINE,
) -> BOOL {
    // SAFETY: the buffer is readable, the structure valid until the write is complete.
    boolean(unsafe {
        overlapped_with_routine(overlapped, routine)
            .and_then(|request| begun(io::write(handle(file), bytes(buffer, length)?, Some(request))))
    })
}

/// Reports a request with a routine: any that was started succeeds.
fn begun(outcome: winipc_executive::Result<io::Outcome>) -> Result<()> {
    set_last_error(match outcome? {
        io::Outcome::Done { status, .. } => Error::from(status).0,
        io::Outcome::Pending => ERROR_SUCCESS,
    });
    Ok(())
}

/// Waits until the other end of a pipe has read everything written before, or until that is on the disk.
///
/// # Errors
/// - `ERROR_BROKEN_PIPE` (109): the other end was closed meanwhile.
/// - `ERROR_PIPE_NOT_CONNECTED` (233): the server disconnected.
/// - `ERROR_ACCESS_DENIED` (5): the handle cannot write.
/// - `ERROR_INVALID_FUNCTION` (1): a mailslot's end.
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn FlushFileBuffers(file: HANDLE) -> BOOL {
    boolean(io::flush(handle(file)))
}

/// Returns the type of a file: `FILE_TYPE_PIPE` (3), `FILE_TYPE_DISK` (1) or `FILE_TYPE_CHAR` (2), or
/// `FILE_TYPE_UNKNOWN` (0) on failure, and for a mailslot, where the last error is 0.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): not a handle to a file.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetFileType(file: HANDLE) -> FILE_TYPE {
    let type_of = || -> Result<FILE_TYPE> {
        Ok(match winipc_executive::handle::kind(handle(file))? {
            Kind::Pipe => FILE_TYPE_PIPE,
            Kind::Mailslot => {
                set_last_error(ERROR_SUCCESS);
                FILE_TYPE_UNKNOWN
            }
            Kind::File => match file::type_of(handle(file))? {
                file::Type::Pipe | file::Type::Socket => FILE_TYPE_PIPE,
                file::Type::Disk => FILE_TYPE_DISK,
                file::Type::Character => FILE_TYPE_CHAR,
            },
            _ => return Err(Error(ERROR_INVALID_HANDLE)),
        })
    };
    value(type_of(), FILE_TYPE_UNKNOWN)
}
