//! The world a process lives in: all processes of a user with the same `WINIPC_NAMESPACE`.

pub use crate::arena::file::AttachError;

/// Attaches the calling process and thread to their namespace, if they are not yet. Every other call does so on its own.
///
/// The namespace is named by the environment variable `WINIPC_NAMESPACE`, `default` without it, and lies in the
/// directory `/dev/shm/winipc-<uid>` or the one that `WINIPC_DIR` names.
///
/// # Errors
/// The directory belongs to somebody else or is open to others; the kernel or a sandbox refuses `futex_waitv`; there is
/// no memory. The text says which.
pub fn attach() -> Result<(), AttachError> {
    crate::context::attach()?;
    // Should there be no room for the thread, its next call says so.
    let _ = crate::context::current();
    Ok(())
}
