//! How to create or open a section.

use super::Section;
use crate::Result;
use crate::named::named_options;
use crate::sys::call::{Named, section};
use crate::sys::{FILE_MAP_ALL_ACCESS, FILE_MAP_READ, PAGE_READONLY, PAGE_READWRITE};

/// What views of a section may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Read and write (`PAGE_READWRITE`).
    #[default]
    ReadWrite,
    /// Read only (`PAGE_READONLY`): of memory, all zeros.
    ReadOnly,
}

/// How to create or open a [`Section`].
///
/// # Examples
///
/// ```
/// use winipc::Disposition;
/// use winipc::section::SectionOptions;
///
/// let name = format!("winipc-doc-section-options-{}", std::process::id());
/// let section = SectionOptions::new().name(&name).create(1 << 20)?;
/// assert_eq!(section.disposition(), Disposition::Created);
/// let reader = SectionOptions::new().name(&name).read_only().open()?;
/// assert!(reader.writable_view().is_err());
/// assert_eq!(reader.view()?.len(), 1 << 20);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SectionOptions {
    named: Named,
    protection: Protection,
}

impl SectionOptions {
    /// A section without a name, to read and write, with full access, not inherited.
    pub fn new() -> SectionOptions {
        SectionOptions { named: Named::new(FILE_MAP_ALL_ACCESS), protection: Protection::ReadWrite }
    }

    /// What views of a new section may do.
    pub fn protection(&mut self, protection: Protection) -> &mut Self {
        self.protection = protection;
        self
    }

    /// Opens with the right to read only. A section that is created is its maker's with all rights.
    pub fn read_only(&mut self) -> &mut Self {
        self.access(FILE_MAP_READ)
    }

    /// Creates a section of so many bytes, or opens the one with this name, which keeps its size
    /// (`CreateFileMappingW`); [`Section::disposition`] tells which.
    ///
    /// # Errors
    ///
    /// - `ERROR_INVALID_PARAMETER`: the size is 0.
    /// - `ERROR_COMMITMENT_LIMIT`, `ERROR_NOT_ENOUGH_MEMORY`: there is not so much memory.
    /// - `ERROR_INVALID_HANDLE`: the name belongs to an object of another kind.
    /// - `ERROR_PATH_NOT_FOUND`: the name has a backslash after the prefix, or an unknown prefix.
    /// - `ERROR_INVALID_NAME`: the name contains a NUL.
    pub fn create(&self, size: u64) -> Result<Section> {
        let protection = match self.protection {
            Protection::ReadWrite => PAGE_READWRITE,
            Protection::ReadOnly => PAGE_READONLY,
        };
        let (handle, disposition) = section::create(&self.named, protection, size)?;
        Ok(Section { handle, disposition })
    }
}

named_options!(SectionOptions opens Section by section, "OpenFileMappingW", with "FILE_MAP_*");

impl Default for SectionOptions {
    fn default() -> SectionOptions {
        SectionOptions::new()
    }
}
