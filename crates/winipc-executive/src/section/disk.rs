//! Sections over files on disk.

use std::os::fd::AsFd;

use super::{FLAGS, Protection, SIZE, allocate, id_of};
use crate::access::file::{EXECUTE, READ_DATA, WRITE_DATA};
use crate::arena::backing::{self, Backing};
use crate::arena::block::BlockRef;
use crate::arena::{Ref, Txn};
use crate::context::{Current, current};
use crate::file::{self, Type};
use crate::handle::Handle;
use crate::object::{Attributes, Disposition};
use crate::quota::{self, Payer};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};

/// Words of a section's object: the block of its file's path, and which file it is.
pub(crate) const PATH: usize = 4;
const DEVICE: usize = 5;
const INODE: usize = 6;

/// Set in `FLAGS` of a section over a file.
pub(crate) const ON_DISK: u64 = 1 << 34;
/// Tag of the blocks that hold paths.
pub(crate) const PATH_TAG: u32 = 6;

/// Creates a section over a file on disk, or opens the one that has the name. The handle to the file may be closed
/// then.
///
/// `size` is in bytes, 0 for as many as are in the file. A file that is shorter is made longer, if views may write.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file. [`Status::INVALID_FILE_FOR_SECTION`]: a pipe,
/// a directory, a device. [`Status::ACCESS_DENIED`]: the handle lacks what the protection needs.
/// [`Status::MAPPED_FILE_SIZE_ZERO`]: nothing is in the file, and `size` is 0. [`Status::SECTION_TOO_BIG`]: the file is
/// shorter than `size`, and views may only read. [`Status::DISK_FULL`]: it cannot be made longer. Of names, and of an
/// object that exists, as [`event::create`](crate::event::create).
///
/// # References
/// - `docs/conformance.md`, 8.1
pub fn create_over(
    attributes: &Attributes<'_>,
    access: u32,
    file: Handle,
    size: u64,
    protection: Protection,
) -> Result<(Handle, Disposition)> {
    if file::type_of(file)? != Type::Disk {
        return Err(Status::INVALID_FILE_FOR_SECTION);
    }
    let write = if protection.is_writable() { WRITE_DATA } else { 0 };
    let execute = if protection.is_executable() { EXECUTE } else { 0 };
    let descriptor = file::descriptor_of(file, READ_DATA | write | execute)?;
    let backing = backing::examine(descriptor.as_fd())?;
    if size == 0 && backing.length == 0 {
        return Err(Status::MAPPED_FILE_SIZE_ZERO);
    }
    let current = current()?;
    if let Some(handle) = super::open_existing(&current, attributes, access)? {
        return Ok((handle, Disposition::Opened));
    }
    let size = if size == 0 { backing.length } else { size };
    if size > backing.length {
        if !protection.is_writable() {
            return Err(Status::SECTION_TOO_BIG);
        }
        backing::extend(descriptor.as_fd(), backing.length, size)?;
    }
    let begin = |lock: &mut Txn<'static>| {
        let reference = allocate(lock, size, protection, false)?;
        keep(lock, reference, &backing)?;
        Ok(reference)
    };
    super::make(&current, attributes, access, begin, |found| {
        let file = backing::reopen(descriptor.as_fd(), protection.is_writable())?;
        current.context.views.own.keep(current.arena(), id_of(found), file, size);
        Ok(())
    })
}

/// Notes in a section's object which file it is over.
fn keep(lock: &mut Txn<'static>, section: Ref<Object>, backing: &Backing) -> Result<()> {
    let chain = lock.allocate_chain(backing.path.len(), PATH_TAG)?;
    let payer = Payer::holder(lock)?;
    let memory = lock.memory_of(chain)?;
    quota::charge(lock, payer, memory)?;
    let arena = lock.arena();
    arena.copy_in(chain, &backing.path)?;
    arena.block(chain)?.head.link.set(lock, payer.0);
    let object = arena.get(section)?;
    let flags = object.body[FLAGS].get(lock);
    for (index, value) in
        [(FLAGS, flags | ON_DISK), (PATH, chain.0.into()), (DEVICE, backing.device), (INODE, backing.inode)]
    {
        object.body[index].set(lock, value);
    }
    Ok(())
}

/// Which file a section is over, if it is over one.
pub(super) fn backing_of(lock: &Txn<'static>, object: &Object) -> Result<Option<Backing>> {
    if object.body[FLAGS].get(lock) & ON_DISK == 0 {
        return Ok(None);
    }
    let arena = lock.arena();
    let chain = BlockRef(object.body[PATH].get(lock) as u32);
    let length = arena.block(chain)?.length.get(lock) as usize;
    if length > libc::PATH_MAX as usize {
        return Err(Status::ARENA_CORRUPT);
    }
    let mut path = vec![0; length];
    arena.copy_out(chain, 0, &mut path)?;
    Ok(Some(Backing {
        path,
        device: object.body[DEVICE].get(lock),
        inode: object.body[INODE].get(lock),
        length: object.body[SIZE].get(lock),
    }))
}

/// Gives back what a section that goes has noted.
pub(super) fn forget(lock: &mut Txn<'static>, object: &Object) -> Result<()> {
    if object.body[FLAGS].get(lock) & ON_DISK == 0 {
        return Ok(());
    }
    let chain = BlockRef(object.body[PATH].get(lock) as u32);
    let payer = Payer(lock.arena().block(chain)?.head.link.get(lock));
    let memory = lock.memory_of(chain)?;
    quota::give_back(lock, payer, memory);
    lock.free_chain(chain)
}

/// Makes sure that no section needs more of a file than so many bytes. One that is made after this, and before the
/// caller has made the file shorter, is not seen.
///
/// # Errors
/// [`Status::USER_MAPPED_FILE`]: one does.
///
/// # References
/// - `docs/conformance.md`, 8.4
pub(crate) fn admit_length(current: &Current, file: std::os::fd::BorrowedFd<'_>, length: u64) -> Result<()> {
    // What is no file on disk has no sections.
    let Ok(backing) = backing::examine(file) else { return Ok(()) };
    if length >= backing.length {
        return Ok(());
    }
    crate::death::bury_the_dead(current);
    let lock = current.begin()?;
    let arena = lock.arena();
    for reference in arena.used::<Object>() {
        let object = arena.get(reference)?;
        let is_its = object.head.tag.get(&lock) == Kind::Section.tag()
            && object.references.get(&lock) != 0
            && object.body[FLAGS].get(&lock) & ON_DISK != 0
            && object.body[DEVICE].get(&lock) == backing.device
            && object.body[INODE].get(&lock) == backing.inode;
        if is_its && object.body[SIZE].get(&lock) > length {
            return Err(Status::USER_MAPPED_FILE);
        }
    }
    Ok(())
}
