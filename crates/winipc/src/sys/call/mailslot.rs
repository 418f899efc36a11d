//! Mailslots. Reading and writing is [`pipe`](super::pipe)'s: their ends are files as well.

use super::{Name, attributes, check, opened};
use crate::Result;
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{CreateFileW, CreateMailslotW, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING};
use crate::sys::{GetMailslotInfo, SetMailslotInfo};

/// Whether blocking reads are given an `OVERLAPPED`. On Windows one without waits for the handle, which the end of
/// every other read signals too; in winipc it waits for its own end alone, and faster.
pub(crate) const READS_ARE_OVERLAPPED: bool = cfg!(windows);

/// Creates a slot, which gives its server end.
pub(crate) fn create(name: &Name, max_message: u32, read_timeout: u32, inherit: bool) -> Result<OwnedHandle> {
    // SAFETY: name and attributes live through the call.
    unsafe { opened(CreateMailslotW(name.as_ptr(), max_message, read_timeout, &attributes(inherit))) }
}

/// Opens a client end.
pub(crate) fn open(name: &Name, access: u32, inherit: bool) -> Result<OwnedHandle> {
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE;
    let template = std::ptr::null_mut();
    // SAFETY: name and attributes live through the call.
    unsafe {
        opened(CreateFileW(name.as_ptr(), access, share, &attributes(inherit), OPEN_EXISTING, 0, template))
    }
}

/// What `GetMailslotInfo` tells.
pub(crate) struct Info {
    pub(crate) max_message: u32,
    pub(crate) next: u32,
    pub(crate) messages: u32,
    pub(crate) read_timeout: u32,
}

pub(crate) fn info(slot: BorrowedHandle<'_>) -> Result<Info> {
    let (mut max_message, mut next, mut messages, mut read_timeout) = (0, 0, 0, 0);
    // SAFETY: the results are ours.
    check(unsafe {
        GetMailslotInfo(slot.as_raw(), &mut max_message, &mut next, &mut messages, &mut read_timeout)
    })?;
    Ok(Info { max_message, next, messages, read_timeout })
}

pub(crate) fn set_read_timeout(slot: BorrowedHandle<'_>, read_timeout: u32) -> Result<()> {
    // SAFETY: the handle is open.
    check(unsafe { SetMailslotInfo(slot.as_raw(), read_timeout) })
}
