//! The world a process lives in: all processes of a user with the same `WINIPC_NAMESPACE`.

use std::path::PathBuf;

pub use crate::arena::attach_error::AttachError;

/// Attaches the calling process and thread to their namespace, if they are not yet. Every other call does so on its
/// own.
///
/// The namespace is named by the environment variable `WINIPC_NAMESPACE`, `default` without it, and lies in the
/// directory `/dev/shm/winipc-<uid>` or the one that `WINIPC_DIR` names. A relative path means what it meant when the
/// process first used the library. Programs with rights that their callers lack (setuid) do without the variables.
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

/// The directory that holds the arenas, and the name of the caller's namespace. Whatever else the processes of a
/// namespace share through files has its place there too: nobody but the user can look into it. Names of other things
/// must not begin with a namespace and a dot, which is how arenas are called.
///
/// # Errors
/// As [`attach`], as far as the directory is concerned.
pub fn directory() -> Result<(PathBuf, String), AttachError> {
    crate::arena::place::private_directory()
}
