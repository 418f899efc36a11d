//! Anonymous pipes.

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::core::BOOL;
use winipc_executive::file;

use crate::argument::{inherit, present, raw};
use crate::error::{Result, boolean};

/// Makes an anonymous pipe: a handle to read from and one to write to, both for blocking use.
///
/// It is a pipe of the kernel's, so that any program can be the child that inherits an end. Without `attributes`
/// children inherit neither. `size` is how many bytes may lie unread before writers wait, 0 for 4096; the kernel takes
/// more.
///
/// # Errors
/// - `ERROR_NOACCESS` (998): `read_pipe` or `write_pipe` is NULL.
/// - `ERROR_TOO_MANY_OPEN_FILES` (4): the process or the system has too many descriptors.
/// - `ERROR_NO_SYSTEM_RESOURCES` (1450): the process has too many handles.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn CreatePipe(
    read_pipe: *mut HANDLE,
    write_pipe: *mut HANDLE,
    attributes: *const SECURITY_ATTRIBUTES,
    size: u32,
) -> BOOL {
    let create = || -> Result<()> {
        present(read_pipe)?;
        present(write_pipe)?;
        // SAFETY: `attributes` is NULL or valid.
        let (read, write) = file::create_pipe(size, unsafe { inherit(attributes) })?;
        // SAFETY: neither is NULL, so both are writable.
        unsafe {
            read_pipe.write_unaligned(raw(read));
            write_pipe.write_unaligned(raw(write));
        }
        Ok(())
    };
    boolean(create())
}
