//! Which handles a process has from the `Command` that started it. Windows does not tell.
//!
//! The parent lists them where the C runtime lists descriptors for a child: in the reserved bytes of its start-up
//! information, which nobody changes afterwards, and which grandchildren do not get. The runtime finds a list without
//! descriptors.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use windows_sys::Win32::Foundation::{ERROR_NOT_FOUND, HANDLE, WIN32_ERROR};
use windows_sys::Win32::System::Threading::{GetStartupInfoW, STARTUPINFOW};

/// No descriptors, and that the list is ours.
const BEGINNING: &[u8] = b"\0\0\0\0winipc handles\0\0";

/// The list for a child that inherits these; empty if there are none.
pub(crate) fn voucher(inherited: &[HANDLE]) -> Vec<u8> {
    if inherited.is_empty() {
        return Vec::new();
    }
    let numbers = inherited.iter().flat_map(|&handle| (handle as isize).to_ne_bytes());
    BEGINNING.iter().copied().chain(numbers).collect()
}

/// Says that a handle which the process has inherited belongs to the caller from now on, once of each.
pub(crate) fn take_inherited(handle: HANDLE) -> Result<(), WIN32_ERROR> {
    static UNTAKEN: OnceLock<Mutex<HashSet<isize>>> = OnceLock::new();
    let untaken = UNTAKEN.get_or_init(|| Mutex::new(inherited()));
    let is_untaken = untaken.lock().unwrap_or_else(PoisonError::into_inner).remove(&(handle as isize));
    if is_untaken { Ok(()) } else { Err(ERROR_NOT_FOUND) }
}

fn inherited() -> HashSet<isize> {
    let mut startup = STARTUPINFOW::default();
    // SAFETY: a structure to fill in.
    unsafe { GetStartupInfoW(&mut startup) };
    if startup.lpReserved2.is_null() {
        return HashSet::new();
    }
    // SAFETY: so many bytes, which stay as they are for as long as the process runs.
    let list = unsafe { std::slice::from_raw_parts(startup.lpReserved2, startup.cbReserved2.into()) };
    let numbers = list.strip_prefix(BEGINNING).unwrap_or_default();
    numbers.as_chunks().0.iter().map(|&number| isize::from_ne_bytes(number)).collect()
}
