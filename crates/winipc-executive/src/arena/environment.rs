//! What the environment tells a process about its namespace.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The value of a variable. A program that has rights which its caller has not is told nothing by its caller: else that
/// could say where the program is to make and remove files.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    if is_secure() { None } else { std::env::var_os(name) }
}

fn is_secure() -> bool {
    // SAFETY: takes a number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether a variable is one that such a program ignores. Its children, which have the rights wholly and cannot tell,
/// are not to obey it either.
pub(crate) fn is_ignored(name: &OsStr) -> bool {
    is_secure() && name.as_bytes().starts_with(b"WINIPC_")
}
