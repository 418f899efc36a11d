//! What can be asked about a pipe and its ends, and an end's modes.

use crate::access::file;
use crate::context::{Current, current};
use crate::handle::{Found, Handle, look_up};
use crate::io::end::{CLIENT, SERVER};
use crate::records::Kind;
use crate::status::{Result, Status};

use super::{MESSAGE_TYPE, channel, end_flag, place_of};

/// Modes of an end, and how many instances its pipe has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// Reads return one message each.
    pub message_read: bool,
    /// Calls never wait.
    pub nowait: bool,
    /// Instances of which an end is open.
    pub instances: u32,
    /// The server's end.
    pub is_server: bool,
}

/// Finds an end of a pipe, named or anonymous.
fn find(current: &Current, pipe: Handle, access: u32) -> Result<Found> {
    let found = look_up(current, pipe)?;
    let kind = if crate::file::has_descriptor(&found) { Kind::File } else { Kind::Pipe };
    found.require(kind, access)
}

/// Reads an end's modes.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no pipe. [`Status::PIPE_DISCONNECTED`]: the server has
/// sent this client away. [`Status::ACCESS_DENIED`]: the handle lacks FILE_READ_ATTRIBUTES.
pub fn state(pipe: Handle) -> Result<State> {
    let current = current()?;
    let found = find(&current, pipe, file::READ_ATTRIBUTES)?;
    if crate::file::has_descriptor(&found) {
        return crate::file::state(&found);
    }
    let lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    let flags = place.own_flags(&lock);
    Ok(State {
        message_read: flags & end_flag::MESSAGE_READ != 0,
        nowait: flags & end_flag::NOWAIT != 0,
        instances: place.pipe(&lock)?.count.get(&lock),
        is_server: place.is_server(),
    })
}

/// Sets an end's modes.
///
/// # Errors
/// [`Status::INVALID_PARAMETER`]: message-reading a byte pipe. [`Status::ACCESS_DENIED`]: the handle lacks
/// FILE_WRITE_ATTRIBUTES. [`Status::PIPE_BUSY`]: something waits on the end, which should never wait from now on.
/// [`Status::PIPE_DISCONNECTED`]: the server has sent this client away. [`Status::INVALID_HANDLE`],
/// [`Status::OBJECT_TYPE_MISMATCH`]: no pipe.
///
/// # References
/// - `docs/conformance.md`, 5.4, 5.11
pub fn set_mode(pipe: Handle, message_read: bool, nowait: bool) -> Result<()> {
    let current = current()?;
    let found = find(&current, pipe, file::WRITE_ATTRIBUTES)?;
    if crate::file::has_descriptor(&found) {
        return crate::file::set_mode(&current, &found, message_read, nowait);
    }
    let mut lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    if message_read && !place.is_message_type(&lock)? {
        return Err(Status::INVALID_PARAMETER);
    }
    let before = place.own_flags(&lock);
    let waits = place.incoming().first_reader.get(&lock) != 0
        || channel::has_writer(&lock, place.outgoing())?
        || place.is_server() && place.instance.first_connect.get(&lock) != 0;
    if nowait && before & end_flag::NOWAIT == 0 && waits {
        return Err(Status::PIPE_BUSY);
    }
    let mut flags = before & end_flag::OVERLAPPED;
    if message_read {
        flags |= end_flag::MESSAGE_READ;
    }
    if nowait {
        flags |= end_flag::NOWAIT;
    }
    place.own_end().flags.set(&mut lock, flags);
    lock.commit()
}

/// What a pipe is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// The handle is of the server's end.
    pub is_server: bool,
    /// Messages are kept apart.
    pub message_type: bool,
    /// Bytes from the server to the client that may lie unread before writers wait.
    pub out_quota: u32,
    /// The same from the client to the server.
    pub in_quota: u32,
    /// Most instances, [`UNLIMITED_INSTANCES`](super::UNLIMITED_INSTANCES) for any number.
    pub max_instances: u32,
}

/// Tells what a pipe is like.
///
/// # Errors
/// As [`state()`].
pub fn info(pipe: Handle) -> Result<Info> {
    let current = current()?;
    let found = find(&current, pipe, file::READ_ATTRIBUTES)?;
    if crate::file::has_descriptor(&found) {
        return crate::file::info(&found);
    }
    let lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    let pipe = place.pipe(&lock)?;
    Ok(Info {
        is_server: place.is_server(),
        message_type: pipe.flags.get(&lock) & MESSAGE_TYPE != 0,
        out_quota: place.instance.channels[CLIENT].quota.get(&lock),
        in_quota: place.instance.channels[SERVER].quota.get(&lock),
        max_instances: pipe.maximum.get(&lock),
    })
}

/// Id of the process that opened the client's end.
///
/// # Errors
/// [`Status::NOT_FOUND`]: no client is connected. Else as [`state()`].
pub fn client_process_id(pipe: Handle) -> Result<u32> {
    end_process_id(pipe, CLIENT)
}

/// Id of the process that created the server's end.
///
/// # Errors
/// As [`client_process_id`].
pub fn server_process_id(pipe: Handle) -> Result<u32> {
    end_process_id(pipe, SERVER)
}

fn end_process_id(pipe: Handle, side: usize) -> Result<u32> {
    let current = current()?;
    let found = find(&current, pipe, 0)?;
    if crate::file::has_descriptor(&found) {
        return crate::file::creator(&found);
    }
    let lock = current.begin()?;
    let place = place_of(&lock, &found)?;
    match place.instance.ends[side].process_id.get(&lock) {
        0 => Err(Status::NOT_FOUND),
        id => Ok(id),
    }
}
