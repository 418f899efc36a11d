//! Named pipes.

use std::sync::Arc;

use super::{Name, attributes, check, length, opened};
use crate::sys::operation::{Connect, Read, Transact, Write};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::request::{self, Request};
use crate::sys::{
    CallNamedPipeW, CancelIo, CancelIoEx, ConnectNamedPipe, CreateFileW, CreateNamedPipeW,
    DisconnectNamedPipe,
};
use crate::sys::{FlushFileBuffers, GetNamedPipeClientProcessId, GetNamedPipeHandleStateW, GetNamedPipeInfo};
use crate::sys::{GetNamedPipeServerProcessId, OPEN_EXISTING, PeekNamedPipe, ReadFile};
use crate::sys::{SetNamedPipeHandleState, TransactNamedPipe, WaitNamedPipeW, WriteFile};
use crate::{Received, Result, Win32Error};

/// The arguments of `CreateNamedPipeW`.
#[derive(Clone, Debug)]
pub(crate) struct Creation {
    pub(crate) open_mode: u32,
    pub(crate) pipe_mode: u32,
    pub(crate) max_instances: u32,
    pub(crate) out_buffer_size: u32,
    pub(crate) in_buffer_size: u32,
    pub(crate) default_timeout: u32,
    pub(crate) inherit: bool,
}

pub(crate) fn create(name: &Name, creation: &Creation) -> Result<OwnedHandle> {
    // SAFETY: name and attributes live through the call.
    unsafe {
        opened(CreateNamedPipeW(
            name.as_ptr(),
            creation.open_mode,
            creation.pipe_mode,
            creation.max_instances,
            creation.out_buffer_size,
            creation.in_buffer_size,
            creation.default_timeout,
            &attributes(creation.inherit),
        ))
    }
}

/// Opens the client end.
pub(crate) fn open(name: &Name, access: u32, flags: u32, inherit: bool) -> Result<OwnedHandle> {
    let template = std::ptr::null_mut();
    // SAFETY: name and attributes live through the call.
    unsafe {
        opened(CreateFileW(name.as_ptr(), access, 0, &attributes(inherit), OPEN_EXISTING, flags, template))
    }
}

pub(crate) fn wait(name: &Name, timeout: u32) -> Result<()> {
    // SAFETY: the name lives through the call.
    check(unsafe { WaitNamedPipeW(name.as_ptr(), timeout) })
}

pub(crate) fn call(name: &Name, request: &[u8], reply: &mut [u8], timeout: u32) -> Result<Received> {
    let mut bytes = 0;
    // SAFETY: name and buffers live through the call, and the lengths are theirs.
    let replied = check(unsafe {
        CallNamedPipeW(
            name.as_ptr(),
            request.as_ptr().cast(),
            length(request.len())?,
            reply.as_mut_ptr().cast(),
            clamped(reply.len()),
            &mut bytes,
            timeout,
        )
    });
    match replied {
        Ok(()) => Ok(Received { bytes: bytes as usize, is_complete: true }),
        Err(Win32Error::MORE_DATA) => Ok(Received { bytes: bytes as usize, is_complete: false }),
        Err(error) => Err(error),
    }
}

/// Waits for a client. One that is there already is success.
pub(crate) fn connect(pipe: BorrowedHandle<'_>, overlapped: bool) -> Result<()> {
    // SAFETY: one call, which is given no other memory.
    match unsafe { request::blocking(pipe, overlapped, |status, _| ConnectNamedPipe(pipe.as_raw(), status)) }
    {
        Ok(_) | Err(Win32Error::PIPE_CONNECTED) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn disconnect(pipe: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { DisconnectNamedPipe(pipe.as_raw()) })
}

pub(crate) fn read(pipe: BorrowedHandle<'_>, overlapped: bool, buffer: &mut [u8]) -> Result<Received> {
    let (data, size) = (buffer.as_mut_ptr(), clamped(buffer.len()));
    // SAFETY: one call, into a buffer that is borrowed until it is done.
    unsafe {
        request::blocking(pipe, overlapped, |status, bytes| {
            ReadFile(pipe.as_raw(), data, size, bytes, status)
        })
    }
}

/// Appends what one read of at most `size` bytes brings.
pub(crate) fn read_to(
    pipe: BorrowedHandle<'_>,
    overlapped: bool,
    buffer: &mut Vec<u8>,
    size: usize,
) -> Result<Received> {
    buffer.try_reserve(size).map_err(|_| Win32Error::NOT_ENOUGH_MEMORY)?;
    let spare = buffer.spare_capacity_mut().as_mut_ptr().cast();
    // SAFETY: one call, into spare room of a buffer that is borrowed until it is done.
    let received = unsafe {
        request::blocking(pipe, overlapped, |status, bytes| {
            ReadFile(pipe.as_raw(), spare, clamped(size), bytes, status)
        })
    }?;
    // SAFETY: so many bytes of the spare room have been written.
    unsafe { buffer.set_len(buffer.len() + received.bytes) };
    Ok(received)
}

pub(crate) fn write(pipe: BorrowedHandle<'_>, overlapped: bool, data: &[u8]) -> Result<usize> {
    let size = length(data.len())?;
    // SAFETY: one call, from a buffer that is borrowed until it is done.
    let written = unsafe {
        request::blocking(pipe, overlapped, |status, bytes| {
            WriteFile(pipe.as_raw(), data.as_ptr(), size, bytes, status)
        })
    }?;
    Ok(written.bytes)
}

pub(crate) fn transact(
    pipe: BorrowedHandle<'_>,
    overlapped: bool,
    message: &[u8],
    reply: &mut [u8],
) -> Result<Received> {
    let size = length(message.len())?;
    let (data, room) = (reply.as_mut_ptr().cast(), clamped(reply.len()));
    // SAFETY: one call, with buffers that are borrowed until it is done.
    unsafe {
        request::blocking(pipe, overlapped, |status, bytes| {
            TransactNamedPipe(pipe.as_raw(), message.as_ptr().cast(), size, data, room, bytes, status)
        })
    }
}

pub(crate) fn flush(pipe: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { FlushFileBuffers(pipe.as_raw()) })
}

/// Cancels every request of this process on the file.
pub(crate) fn cancel(pipe: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { CancelIoEx(pipe.as_raw(), std::ptr::null()) })
}

/// Cancels every request of this thread on the file.
pub(crate) fn cancel_of_this_thread(pipe: BorrowedHandle<'_>) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { CancelIo(pipe.as_raw()) })
}

/// Bytes copied, bytes available, bytes left in the message.
pub(crate) fn peek(pipe: BorrowedHandle<'_>, buffer: &mut [u8]) -> Result<(u32, u32, u32)> {
    let (mut copied, mut available, mut left) = (0, 0, 0);
    // SAFETY: the buffer lives through the call, and the length is its.
    check(unsafe {
        PeekNamedPipe(
            pipe.as_raw(),
            buffer.as_mut_ptr().cast(),
            clamped(buffer.len()),
            &mut copied,
            &mut available,
            &mut left,
        )
    })?;
    Ok((copied, available, left))
}

/// Read and wait mode, and the number of instances.
pub(crate) fn state(pipe: BorrowedHandle<'_>) -> Result<(u32, u32)> {
    let (mut mode, mut instances) = (0, 0);
    let none = std::ptr::null_mut;
    // SAFETY: the results are ours, and what is null is not asked for.
    check(unsafe {
        GetNamedPipeHandleStateW(pipe.as_raw(), &mut mode, &mut instances, none(), none(), none().cast(), 0)
    })?;
    Ok((mode, instances))
}

pub(crate) fn set_mode(pipe: BorrowedHandle<'_>, mode: u32) -> Result<()> {
    // SAFETY: the mode lives through the call, and what is null is not set.
    check(unsafe { SetNamedPipeHandleState(pipe.as_raw(), &mode, std::ptr::null(), std::ptr::null()) })
}

/// What `GetNamedPipeInfo` tells.
pub(crate) struct Info {
    pub(crate) flags: u32,
    pub(crate) out_buffer_size: u32,
    pub(crate) in_buffer_size: u32,
    pub(crate) max_instances: u32,
}

pub(crate) fn info(pipe: BorrowedHandle<'_>) -> Result<Info> {
    let (mut flags, mut out_buffer_size, mut in_buffer_size, mut max_instances) = (0, 0, 0, 0);
    // SAFETY: the results are ours.
    check(unsafe {
        GetNamedPipeInfo(
            pipe.as_raw(),
            &mut flags,
            &mut out_buffer_size,
            &mut in_buffer_size,
            &mut max_instances,
        )
    })?;
    Ok(Info { flags, out_buffer_size, in_buffer_size, max_instances })
}

pub(crate) fn client_process_id(pipe: BorrowedHandle<'_>) -> Result<u32> {
    let mut id = 0;
    // SAFETY: the result is ours.
    check(unsafe { GetNamedPipeClientProcessId(pipe.as_raw(), &mut id) })?;
    Ok(id)
}

pub(crate) fn server_process_id(pipe: BorrowedHandle<'_>) -> Result<u32> {
    let mut id = 0;
    // SAFETY: the result is ours.
    check(unsafe { GetNamedPipeServerProcessId(pipe.as_raw(), &mut id) })?;
    Ok(id)
}

pub(crate) fn start_connect(pipe: &Arc<OwnedHandle>) -> Result<Request<Connect>> {
    // SAFETY: one call, which is given no other memory.
    unsafe { Request::start(pipe, Connect::default(), |file, _, status| ConnectNamedPipe(file, status)) }
}

pub(crate) fn start_read(pipe: &Arc<OwnedHandle>, mut buffer: Vec<u8>) -> Result<Request<Read>> {
    buffer.clear();
    // SAFETY: one call, into the buffer that the request owns.
    unsafe {
        Request::start(pipe, Read { buffer }, |file, read, status| {
            let size = clamped(read.buffer.capacity());
            ReadFile(file, read.buffer.as_mut_ptr(), size, std::ptr::null_mut(), status)
        })
    }
}

pub(crate) fn start_write(pipe: &Arc<OwnedHandle>, data: Vec<u8>) -> Result<Request<Write>> {
    let size = length(data.len())?;
    // SAFETY: one call, from the buffer that the request owns.
    unsafe {
        Request::start(pipe, Write { data }, |file, write, status| {
            WriteFile(file, write.data.as_ptr(), size, std::ptr::null_mut(), status)
        })
    }
}

pub(crate) fn start_transact(
    pipe: &Arc<OwnedHandle>,
    message: Vec<u8>,
    mut reply: Vec<u8>,
) -> Result<Request<Transact>> {
    let size = length(message.len())?;
    reply.clear();
    // SAFETY: one call, with the buffers that the request owns.
    unsafe {
        Request::start(pipe, Transact { message, reply }, |file, transact, status| {
            TransactNamedPipe(
                file,
                transact.message.as_ptr().cast(),
                size,
                transact.reply.as_mut_ptr().cast(),
                clamped(transact.reply.capacity()),
                std::ptr::null_mut(),
                status,
            )
        })
    }
}

/// A buffer's size, where it is no error to use less of it than there is.
fn clamped(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
