//! Anonymous pipes: pipes of the kernel's, so that any program can be the child.

use std::os::fd::AsFd;

use super::{
    CREATOR, Description, NOWAIT, SIZE, Type, WRITE_END, insert, status_of, table, transfer, type_in,
};
use crate::access::file;
use crate::arena::descriptor::{look_into_pipe, pipe, set_pipe_size, unread};
use crate::context::{Current, current};
use crate::handle::{Found, Handle};
use crate::io::end::{BUSY, SIDE};
use crate::pipe::{Info, Peek, State};
use crate::status::{Result, Status};

/// Size of a pipe for which none is asked for.
const DEFAULT_SIZE: u32 = 4096;

/// Rights of the end that is read from, and of the one that is written to.
const READ_ACCESS: u32 = file::GENERIC_READ | file::WRITE_ATTRIBUTES;
const WRITE_ACCESS: u32 = file::GENERIC_WRITE | file::READ_ATTRIBUTES;

/// Makes an anonymous pipe: the handle to read from, and the handle to write to.
///
/// `size` is how many bytes may lie unread before writers wait, 0 for 4096. The kernel's pipe has pages, and takes
/// more.
///
/// # Errors
/// [`Status::TOO_MANY_OPENED_FILES`]: the process, or the system, has too many descriptors.
/// [`Status::INSUFFICIENT_RESOURCES`]: the process has too many handles.
///
/// # References
/// - `docs/conformance.md`, 4
pub fn create(size: u32, inherit: bool) -> Result<(Handle, Handle)> {
    /// A write that fits what was asked for with the room that Windows adds never waits, even where the writes before
    /// it have left a page half empty.
    const SPARE: usize = 24 + 4096;
    let current = current()?;
    let size = if size == 0 { DEFAULT_SIZE } else { size };
    let (reader, writer) = pipe().map_err(|error| status_of(&error))?;
    set_pipe_size(writer.as_fd(), (size as usize).saturating_add(SPARE));
    let mut lock = current.begin()?;
    let mut end = |side, access| {
        let description = Description { is: Type::Pipe, side, size };
        insert(&mut lock, &current, &description, access, inherit)
    };
    let (read, read_object) = end(0, READ_ACCESS)?;
    let (write, write_object) = end(WRITE_END, WRITE_ACCESS)?;
    let files = &current.context.files;
    let stale = [files.keep(read_object, reader), files.keep(write_object, writer)];
    let committed = lock.commit();
    drop(stale);
    committed.inspect_err(|_| {
        files.forget(read_object.object);
        files.forget(write_object.object);
    })?;
    Ok((read, write))
}

fn require_pipe(file: &Found) -> Result<()> {
    if type_in(file.object) == Type::Pipe { Ok(()) } else { Err(Status::INVALID_DEVICE_REQUEST) }
}

/// Looks at what could be read. See [`crate::pipe::peek`].
pub(crate) fn peek(current: &Current, file: &Found, buffer: &mut [u8]) -> Result<Peek> {
    require_pipe(file)?;
    let descriptor = table::descriptor(current, file)?;
    transfer::wait_for_turn(current, file)?;
    let failed = |error: std::io::Error| status_of(&error);
    let available = unread(descriptor.as_fd()).map_err(failed)?;
    if available == 0 {
        if transfer::is_at_end(descriptor.as_fd()) {
            return Err(Status::PIPE_BROKEN);
        }
        return Ok(Peek { copied: 0, available: 0, left: 0 });
    }
    let wanted = buffer.len().min(available);
    let copied = match wanted {
        0 => 0,
        _ => look_into_pipe(descriptor.as_fd(), &mut buffer[..wanted]).map_err(failed)?,
    };
    Ok(Peek { copied, available: available as u32, left: 0_u32.wrapping_sub(copied as u32) })
}

/// The modes of an end. See [`crate::pipe::state()`].
pub(crate) fn state(file: &Found) -> Result<State> {
    require_pipe(file)?;
    let side = file.object.body[SIDE].peek();
    Ok(State {
        message_read: false,
        nowait: side & NOWAIT != 0,
        instances: 1,
        is_server: side & WRITE_END == 0,
    })
}

/// Sets the modes of an end. See [`crate::pipe::set_mode`].
pub(crate) fn set_mode(current: &Current, file: &Found, message_read: bool, nowait: bool) -> Result<()> {
    require_pipe(file)?;
    if message_read {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut lock = current.begin()?;
    if !file.is_current(&lock) {
        return Err(Status::INVALID_HANDLE);
    }
    let side = file.object.body[SIDE].get(&lock);
    if nowait && side & NOWAIT == 0 && file.object.body[BUSY].get(&lock) != 0 {
        return Err(Status::PIPE_BUSY);
    }
    file.object.body[SIDE].set(&mut lock, if nowait { side | NOWAIT } else { side & !NOWAIT });
    lock.commit()
}

/// What a pipe is like. See [`crate::pipe::info`].
pub(crate) fn info(file: &Found) -> Result<Info> {
    require_pipe(file)?;
    let size = file.object.body[SIZE].peek() as u32;
    Ok(Info {
        is_server: file.object.body[SIDE].peek() & WRITE_END == 0,
        message_type: false,
        out_quota: size,
        in_quota: size,
        max_instances: 1,
    })
}

/// Id of the process that made the pipe.
pub(crate) fn creator(file: &Found) -> Result<u32> {
    require_pipe(file)?;
    Ok(file.object.body[CREATOR].peek() as u32)
}
