//! What a program finds that was started so.

use crate::sys::call::process;
use crate::{OwnedHandle, Result, Win32Error};

/// The handle that this process has inherited under a name ([`Command::inherit`](crate::Command::inherit)). It can be
/// taken once, and children of this process do not inherit it any more.
///
/// [`Event::from`](crate::Event), [`Process::from`](crate::Process) and their like make of it what it is.
///
/// # Errors
///
/// - `ERROR_NOT_FOUND`: this process has inherited nothing under the name, or it has been taken already, or closed. A
///   variable that names any other handle, because somebody else has set it or it was meant for this process's parent,
///   is no inheritance.
pub fn inherited_handle(name: &str) -> Result<OwnedHandle> {
    let number = std::env::var(name).ok().and_then(|value| value.parse::<isize>().ok());
    process::take_inherited(number.ok_or(Win32Error::NOT_FOUND)?)
}
