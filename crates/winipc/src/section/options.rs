//! How to create or open a section.

use super::Section;
use crate::named::named_options;
use crate::sys::call::{Named, section};
use crate::sys::{FILE_MAP_ALL_ACCESS, FILE_MAP_READ, PAGE_READONLY, PAGE_READWRITE};
use crate::{AsHandle, BorrowedHandle, Result};

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
        self.make(None, size)
    }

    /// Creates a section over a file, or opens the one with this name: its views are the file's bytes, and what is
    /// written to them is in the file. `size` is in bytes, 0 for as many as are in the file; a file that is shorter is
    /// made longer. The file may be closed then.
    ///
    /// Whoever makes the file shorter without regard to the section takes memory from under its views; touching it then
    /// ends the process.
    ///
    /// # Errors
    ///
    /// - `ERROR_FILE_INVALID`: the size is 0, and so is the file's.
    /// - `ERROR_ACCESS_DENIED`: the file is not open for what the [protection](SectionOptions::protection) allows.
    /// - `ERROR_NOT_ENOUGH_MEMORY`: a file that is shorter, where views only read.
    /// - `ERROR_DISK_FULL`: the file cannot be made longer.
    /// - `ERROR_BAD_EXE_FORMAT`: it is no file on disk.
    /// - As [`create`](SectionOptions::create), where that is about the name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use winipc::OwnedHandle;
    /// use winipc::section::SectionOptions;
    ///
    /// let path = std::env::temp_dir().join(format!("winipc-doc-{}.tmp", std::process::id()));
    /// std::fs::write(&path, b"hello world").unwrap();
    /// let file = File::options().read(true).write(true).open(&path).unwrap();
    /// let file = OwnedHandle::try_from(file).unwrap();
    /// let view = SectionOptions::new().create_over(&file, 0)?.writable_view()?;
    /// view.write(0, b"HELLO")?;
    /// drop((view, file));
    /// assert_eq!(std::fs::read(&path).unwrap(), b"HELLO world");
    /// std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), winipc::Win32Error>(())
    /// ```
    pub fn create_over(&self, file: &impl AsHandle, size: u64) -> Result<Section> {
        self.make(Some(file.as_handle()), size)
    }

    fn make(&self, file: Option<BorrowedHandle<'_>>, size: u64) -> Result<Section> {
        let protection = match self.protection {
            Protection::ReadWrite => PAGE_READWRITE,
            Protection::ReadOnly => PAGE_READONLY,
        };
        let (handle, disposition) = section::create(&self.named, file, protection, size)?;
        Ok(Section { handle, disposition })
    }
}

named_options!(SectionOptions opens Section by section, "OpenFileMappingW", with "FILE_MAP_*");

impl Default for SectionOptions {
    fn default() -> SectionOptions {
        SectionOptions::new()
    }
}
