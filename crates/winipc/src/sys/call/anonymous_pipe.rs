//! Anonymous pipes.

use std::ptr::null_mut;

use super::{attributes, check};
use crate::Result;
use crate::sys::CreatePipe;
use crate::sys::owned_handle::OwnedHandle;

/// The end to read from, and the one to write to.
pub(crate) fn create(size: u32, inherit: bool) -> Result<(OwnedHandle, OwnedHandle)> {
    let (mut read, mut write) = (null_mut(), null_mut());
    // SAFETY: places for two handles, which are new and nobody else's.
    unsafe {
        check(CreatePipe(&mut read, &mut write, &attributes(inherit), size))?;
        Ok((OwnedHandle::from_raw(read), OwnedHandle::from_raw(write)))
    }
}
