//! Sections.

use super::{Named, attributes, created, last_error, opened};
use crate::sys::mapping::{Access, Mapping};
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{
    CreateFileMappingW, FILE_MAP_COPY, FILE_MAP_READ, FILE_MAP_WRITE, INVALID_HANDLE_VALUE, MapViewOfFile,
    OpenFileMappingW,
};
use crate::{Disposition, Result};

/// Over a file, or over memory without one.
pub(crate) fn create(
    named: &Named,
    file: Option<BorrowedHandle<'_>>,
    protection: u32,
    size: u64,
) -> Result<(OwnedHandle, Disposition)> {
    let file = file.map_or(INVALID_HANDLE_VALUE, |file| file.as_raw());
    let name = named.utf16()?;
    let (high, low) = ((size >> 32) as u32, size as u32);
    let attributes = attributes(named.inherit);
    // SAFETY: attributes and name live through the call, and so does the file's handle.
    unsafe { created(CreateFileMappingW(file, &attributes, protection, high, low, name.as_ptr())) }
}

pub(crate) fn open(named: &Named) -> Result<OwnedHandle> {
    let name = named.utf16()?;
    // SAFETY: the name lives through the call.
    unsafe { opened(OpenFileMappingW(named.access, named.inherit.into(), name.as_ptr())) }
}

/// Maps `length` bytes from an offset on, or all there are if it is 0.
pub(crate) fn map(
    section: BorrowedHandle<'_>,
    access: Access,
    offset: u64,
    length: usize,
) -> Result<Mapping> {
    let right = match access {
        Access::Read => FILE_MAP_READ,
        Access::Write => FILE_MAP_WRITE,
        Access::Copy => FILE_MAP_COPY,
    };
    let (high, low) = ((offset >> 32) as u32, offset as u32);
    // SAFETY: the handle is open; the view is new, so nothing else is there.
    let base = unsafe { MapViewOfFile(section.as_raw(), right, high, low, length) };
    if base.Value.is_null() {
        return Err(last_error());
    }
    // SAFETY: a view that was just mapped, which nobody else unmaps.
    unsafe { Mapping::new(base.Value.cast(), length) }
}
