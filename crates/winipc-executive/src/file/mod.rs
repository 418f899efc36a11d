//! Files: objects that stand for a descriptor of the system's. Ends of anonymous pipes, files on disk, terminals.
//!
//! The object lies in the arena like any other. Its descriptor does not: each process that has a handle to the object
//! has a descriptor of its own to the same open file, in its `table`, from its first handle to its last. `transfer`
//! reads and writes, `exchange` passes descriptors between processes when handles are duplicated.
//!
//! # References
//! - `docs/conformance.md`, 4

mod anonymous_pipe;
mod disk;
pub(crate) mod exchange;
pub(crate) mod inheritance;
mod table;
mod transfer;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

pub use anonymous_pipe::create as create_pipe;
pub(crate) use anonymous_pipe::{creator, info, peek, set_mode, state};
pub use disk::{Creation, Opening, open, seek, set_end, size};
pub(crate) use table::{Files, handle_closed, sweep};
pub(crate) use transfer::{flush, read, write};

use crate::access;
use crate::arena::Txn;
use crate::arena::descriptor::{Nature, nature};
use crate::context::{Current, current};
use crate::dispatcher::signal;
use crate::handle::{self, Found, Handle, look_up};
use crate::io::end::{BUSY, IDLE, SIDE};
use crate::object;
use crate::records::{Kind, Object};
use crate::status::{Result, Status};
use exchange::Identity;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Type {
    /// An end of a pipe.
    Pipe = 1,
    /// A file with places, on disk or in memory.
    Disk = 2,
    /// A terminal or another device that gives and takes characters.
    Character = 3,
    /// A socket.
    Socket = 4,
}

/// Words of a file's object, beside those of every [end](crate::io::end).
const TYPE: usize = 0;
/// Size of the pipe as it was asked for.
const SIZE: usize = 4;
/// Id of the process that made the object.
const CREATOR: usize = 5;

/// Bits of `SIDE`: the end that is written to, and an end whose calls never wait.
const WRITE_END: u64 = 1;
const NOWAIT: u64 = 4;

/// What a new object is like.
struct Description {
    is: Type,
    side: u64,
    size: u32,
}

/// Makes an object and a handle of the calling process to it.
fn insert(
    lock: &mut Txn<'static>,
    current: &Current,
    description: &Description,
    access: u32,
    inherit: bool,
) -> Result<(Handle, Identity)> {
    let reference = object::allocate(lock, Kind::File, signal::MANUAL | signal::SET)?;
    let object: &Object = lock.arena().get(reference)?;
    for (word, value) in [
        (TYPE, description.is as u64),
        (SIDE, description.side),
        (BUSY, 0),
        (IDLE, 0),
        (SIZE, u64::from(description.size)),
        (CREATOR, u64::from(std::process::id())),
    ] {
        object.body[word].set(lock, value);
    }
    let handle = handle::insert(lock, current.process(), reference, access, inherit)?;
    Ok((handle, Identity::of(lock.arena(), reference)?))
}

/// Makes a handle to a descriptor, which becomes the handle's: it is closed with the process's last one.
///
/// `access` is what the handle is to be good for; of reading and writing data it gets no more than the descriptor does.
///
/// # Errors
/// [`Status::INSUFFICIENT_RESOURCES`]: the process has too many handles. The system's about the descriptor.
pub fn adopt(descriptor: OwnedFd, access: u32, inherit: bool) -> Result<Handle> {
    let current = current()?;
    let Nature { format, reads, writes, .. } =
        nature(descriptor.as_fd()).map_err(|error| status_of(&error))?;
    let (is, side) = match format {
        libc::S_IFIFO => (Type::Pipe, if reads { 0 } else { WRITE_END }),
        libc::S_IFREG | libc::S_IFBLK | libc::S_IFDIR => (Type::Disk, 0),
        libc::S_IFSOCK => (Type::Socket, 0),
        _ => (Type::Character, 0),
    };
    let mut access = access::map_generic(Kind::File, access) | access::SYNCHRONIZE;
    if !reads {
        access &= !access::file::READ_DATA;
    }
    if !writes {
        access &= !(access::file::WRITE_DATA | access::file::APPEND_DATA);
    }
    enter(&current, descriptor, &Description { is, side, size: 0 }, access, inherit)
}

fn enter(
    current: &Current,
    descriptor: OwnedFd,
    description: &Description,
    access: u32,
    inherit: bool,
) -> Result<Handle> {
    let mut lock = current.begin()?;
    let (handle, object) = insert(&mut lock, current, description, access, inherit)?;
    let files = &current.context.files;
    // It has to be there as soon as somebody can use the handle.
    let stale = files.keep(object, descriptor);
    let committed = lock.commit();
    drop(stale);
    committed.inspect_err(|_| files.forget(object.object))?;
    Ok(handle)
}

/// Does what there is to do for the calling process's files when its keeper's bell has rung.
pub(crate) fn attend(current: &Current) {
    table::wake_blocked(current);
    sweep(current);
    exchange::attend(current);
}

/// The descriptor behind a handle of the calling process, which stays open for as long as it is used.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file with a descriptor. [`Status::ACCESS_DENIED`]:
/// the handle lacks some of `access`. [`Status::FILE_INVALID`]: the process did not get the descriptor, since whoever
/// duplicated the handle was killed meanwhile or there was no room for it.
pub fn descriptor_of(file: Handle, access: u32) -> Result<Arc<OwnedFd>> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::File, access)?;
    table::descriptor(&current, &found)
}

/// Another descriptor to what is behind a handle of the calling process.
///
/// # Errors
/// As [`descriptor_of`]. [`Status::TOO_MANY_OPENED_FILES`]: the process has too many.
pub fn duplicate_descriptor(file: Handle) -> Result<OwnedFd> {
    descriptor_of(file, 0)?.try_clone().map_err(|error| status_of(&error))
}

/// What a file is.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file with a descriptor.
pub fn type_of(file: Handle) -> Result<Type> {
    Ok(type_in(look_up(&current()?, file)?.require(Kind::File, 0)?.object))
}

/// What an object of kind [`Kind::File`] is.
pub(crate) fn type_in(file: &Object) -> Type {
    match file.body[TYPE].peek() {
        1 => Type::Pipe,
        2 => Type::Disk,
        4 => Type::Socket,
        _ => Type::Character,
    }
}

/// Whether a handle is one to an object of this kind.
pub(crate) fn has_descriptor(found: &Found) -> bool {
    found.object.head.tag.peek() == Kind::File.tag()
}

/// The status that stands for an error of the system's.
fn status_of(error: &io::Error) -> Status {
    match error.raw_os_error() {
        Some(libc::ENOENT) => Status::OBJECT_NAME_NOT_FOUND,
        Some(libc::ENOTDIR) => Status::OBJECT_PATH_NOT_FOUND,
        Some(libc::EEXIST) => Status::OBJECT_NAME_COLLISION,
        Some(libc::EACCES | libc::EPERM | libc::ETXTBSY | libc::EBUSY) => Status::ACCESS_DENIED,
        Some(libc::EISDIR) => Status::FILE_IS_A_DIRECTORY,
        Some(libc::EROFS) => Status::MEDIA_WRITE_PROTECTED,
        Some(libc::ENAMETOOLONG | libc::EILSEQ) => Status::OBJECT_NAME_INVALID,
        Some(libc::EMFILE | libc::ENFILE) => Status::TOO_MANY_OPENED_FILES,
        Some(libc::ENOSPC | libc::EDQUOT) => Status::DISK_FULL,
        Some(libc::EFBIG) => Status::FILE_TOO_LARGE,
        Some(libc::ENOMEM | libc::ENOBUFS) => Status::NO_MEMORY,
        Some(libc::EFAULT) => Status::ACCESS_VIOLATION,
        Some(libc::EINVAL) => Status::INVALID_PARAMETER,
        Some(libc::EPIPE | libc::ECONNRESET) => Status::PIPE_BROKEN,
        _ => Status::IO_DEVICE_ERROR,
    }
}
