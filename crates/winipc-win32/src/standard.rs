//! Standard handles.

use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Console::{
    STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::core::BOOL;
use winipc_executive::Handle;
use winipc_executive::process::standard;

use crate::argument::{handle, raw};
use crate::error::{Error, Result, boolean, value};

fn place(which: STD_HANDLE) -> Result<usize> {
    match which {
        STD_INPUT_HANDLE => Ok(0),
        STD_OUTPUT_HANDLE => Ok(1),
        STD_ERROR_HANDLE => Ok(2),
        _ => Err(Error(ERROR_INVALID_HANDLE)),
    }
}

/// Returns a standard handle of the process: what its parent or [`SetStdHandle`] said, whether or not it is a handle,
/// or one to descriptor 0, 1 or 2, which children inherit. NULL if the process has none, `INVALID_HANDLE_VALUE` on
/// failure.
///
/// The descriptor stays open when the handle is closed.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): `which` is not `STD_INPUT_HANDLE` (-10), `STD_OUTPUT_HANDLE` (-11) or
///   `STD_ERROR_HANDLE` (-12).
/// - `ERROR_NO_SYSTEM_RESOURCES` (1450): there can be no more handles.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn GetStdHandle(which: STD_HANDLE) -> HANDLE {
    value(place(which).and_then(|place| Ok(raw(standard::get(place)?))), INVALID_HANDLE_VALUE)
}

/// Says what a standard handle of the process is, for [`GetStdHandle`] and for children that are made from now on. The
/// process's own descriptors stay what they are.
///
/// # Errors
/// - `ERROR_INVALID_HANDLE` (6): `which` is none of the three.
#[cfg_attr(feature = "export", unsafe(no_mangle))]
pub unsafe extern "system" fn SetStdHandle(which: STD_HANDLE, to: HANDLE) -> BOOL {
    boolean(place(which).and_then(|place| Ok(standard::set(place, handle(to))?)))
}

/// The standard handle for which a pseudo-handle stands in the wait functions, or the handle itself.
#[cold]
pub(crate) fn awaited(object: Handle) -> Handle {
    let standard = place(object.raw() as u32).ok().and_then(|place| standard::get(place).ok());
    standard.unwrap_or(object)
}
