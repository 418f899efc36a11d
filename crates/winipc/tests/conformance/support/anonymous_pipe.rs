//! Anonymous pipes as the tests use them.

use super::*;

/// The read end and the write end of a new pipe.
pub(crate) fn create(size: u32) -> (Handle, Handle) {
    create_with(null(), size)
}

pub(crate) fn create_with(attributes: *const SECURITY_ATTRIBUTES, size: u32) -> (Handle, Handle) {
    let (mut read, mut write) = (null_mut(), null_mut());
    ok!(CreatePipe(&mut read, &mut write, attributes, size));
    (Handle::own(read), Handle::own(write))
}

/// A handle of another process to the same object, with the same access.
pub(crate) fn duplicate_into(handle: &Handle, process: &Handle) -> isize {
    let mut copy = null_mut();
    ok!(DuplicateHandle(
        this_process(),
        handle.raw(),
        process.raw(),
        &mut copy,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    copy as isize
}
