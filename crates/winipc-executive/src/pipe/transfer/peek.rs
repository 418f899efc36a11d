//! Looking at what could be read, without taking it.

use crate::access;
use crate::arena::block::BlockRef;
use crate::channel::{self, OFFSET};
use crate::context::current;
use crate::file;
use crate::handle::{Handle, look_up};
use crate::io::end::begin_call;
use crate::pipe::{place_of, state};
use crate::records::Kind;
use crate::status::{Result, Status};

/// What [`peek`] finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peek {
    /// Bytes copied to the buffer.
    pub copied: usize,
    /// Unread bytes in the pipe, those of waiting writers included.
    pub available: u32,
    /// Unread bytes of the first message less those copied; of a byte pipe, 0 less those copied, with 32 bits.
    pub left: u32,
}

/// Copies unread data without taking it, and never waits for any.
///
/// # Errors
/// [`Status::PIPE_BROKEN`]: the other end is closed and nothing is left. [`Status::INVALID_PIPE_STATE`]: a server's end
/// that is not connected. [`Status::PIPE_DISCONNECTED`]: a client's end. [`Status::ACCESS_DENIED`]: the handle may not
/// read. [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - `docs/conformance.md`, 5.6
pub fn peek(pipe: Handle, buffer: &mut [u8]) -> Result<Peek> {
    let current = current()?;
    let file = look_up(&current, pipe)?;
    if file::has_descriptor(&file) {
        access::require(file.access, access::file::READ_DATA)?;
        return file::peek(&current, &file, buffer);
    }
    let file = file.require(Kind::Pipe, access::file::READ_DATA)?;
    let mut lock = begin_call(&current, &file)?;
    channel::reclaim(&mut lock, current.thread)?;
    let arena = lock.arena();
    let place = place_of(&lock, &file)?;
    let incoming = place.incoming();
    match place.instance.state.get(&lock) {
        state::CONNECTED => {}
        state::CLOSING if incoming.first.get(&lock) != 0 => {}
        state::CLOSING => return Err(Status::PIPE_BROKEN),
        _ if place.is_server() => return Err(Status::INVALID_PIPE_STATE),
        _ => return Err(Status::PIPE_DISCONNECTED),
    }
    let available = channel::unread(&lock, incoming);
    let by_message = place.is_message_type(&lock)?;
    // Into memory of this library's own, for the caller's is not touched under the lock.
    let mut bytes = vec![0; buffer.len().min(available as usize)];
    let mut copied = 0;
    let mut next = BlockRef(incoming.first.get(&lock));
    let mut left =
        if by_message && !next.is_none() { channel::rest_of(&lock, arena.block(next)?) } else { 0 };
    while copied != bytes.len() && !next.is_none() {
        lock.step()?;
        let block = arena.block(next)?;
        let count = (channel::rest_of(&lock, block) as usize).min(bytes.len() - copied);
        arena.copy_out(next, block.words[OFFSET].get(&lock) as usize, &mut bytes[copied..copied + count])?;
        copied += count;
        next = if by_message { BlockRef::NONE } else { BlockRef(block.head.link.get(&lock)) };
    }
    left = left.wrapping_sub(copied as u32);
    lock.commit()?;
    buffer[..copied].copy_from_slice(&bytes[..copied]);
    Ok(Peek { copied, available, left })
}
