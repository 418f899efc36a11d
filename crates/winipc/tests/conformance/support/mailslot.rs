//! Mailslots as the tests use them. Reads and writes are [`pipe`](super::pipe)'s.

use super::*;

/// A name of the form `\\.\mailslot\...` that no other test uses.
pub(crate) fn mailslot_name() -> Name {
    Name::new(&format!(r"\\.\mailslot\{}", unique_text()))
}

/// A read time-out that never ends, and the size of the next message where there is none.
pub(crate) const NONE: u32 = u32::MAX;

/// Creates a slot for messages of any size; `timeout` in milliseconds.
pub(crate) fn mailslot(name: &Name, timeout: u32) -> Handle {
    mailslot_with(name, 0, timeout)
}

pub(crate) fn mailslot_with(name: &Name, max: u32, timeout: u32) -> Handle {
    Handle::own(ok!(CreateMailslotW(name.ptr(), max, timeout, null())))
}

/// A share mode that lets others write.
pub(crate) const SHARED: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE;

pub(crate) fn try_writer(name: &Name, access: u32, share: u32) -> (HANDLE, u32) {
    call!(CreateFileW(name.ptr(), access, share, null(), OPEN_EXISTING, 0, null_mut()))
}

/// Opens a client end.
pub(crate) fn writer(name: &Name) -> Handle {
    let (handle, error) = try_writer(name, GENERIC_WRITE, SHARED);
    assert_ne!(handle, INVALID_HANDLE_VALUE, "CreateFileW({}) fails {error}", name.text());
    Handle::own(handle)
}

/// A slot and a client end.
pub(crate) fn mailslot_pair(timeout: u32) -> (Handle, Handle) {
    let name = mailslot_name();
    let slot = mailslot(&name, timeout);
    let writer = writer(&name);
    (slot, writer)
}

/// What GetMailslotInfo tells: longest message, size of the next, count, time-out.
pub(crate) fn mailslot_info(slot: &Handle) -> [u32; 4] {
    let mut info = [0xEEEE; 4];
    let [max, next, count, timeout] = &mut info;
    quiet!(GetMailslotInfo(slot.raw(), max, next, count, timeout));
    info
}
