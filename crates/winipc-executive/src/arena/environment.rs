//! What the environment tells a process about its namespace.

use std::ffi::OsString;

/// The value of a variable. A program that has rights which its caller has not is told nothing by its caller: else that
/// could say where the program is to make and remove files.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    // SAFETY: takes a number.
    let is_secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    if is_secure { None } else { std::env::var_os(name) }
}
