//! Numbers that the processes of a lab share: a file, in which each has its place. Nothing guards them; that is what the
//! labs are about.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::role::object_name;
use crate::error::{Error, Result};

pub(super) struct Board(RefCell<File>);

/// Removes the board with the value.
pub(super) struct BoardFile(PathBuf);

impl Drop for BoardFile {
    fn drop(&mut self) {
        // What cannot be removed lies among temporary files.
        let _ = fs::remove_file(&self.0);
    }
}

fn path(tag: &str) -> PathBuf {
    std::env::temp_dir().join(object_name(tag, "board"))
}

impl Board {
    /// Makes the board of a run, with these numbers.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn create(tag: &str, numbers: &[i64]) -> Result<(Self, BoardFile)> {
        let path = path(tag);
        let failed = |error| Error::because(format_args!("cannot make {}", path.display()), error);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(failed)?;
        let (board, file) = (Self(RefCell::new(file)), BoardFile(path.clone()));
        numbers.iter().enumerate().try_for_each(|(place, number)| board.write(place, *number))?;
        Ok((board, file))
    }

    /// # Errors
    /// The file is not there.
    pub(super) fn open(tag: &str) -> Result<Self> {
        let path = path(tag);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file =
            file.map_err(|error| Error::because(format_args!("cannot open {}", path.display()), error))?;
        Ok(Self(RefCell::new(file)))
    }

    /// # Errors
    /// The file cannot be read.
    pub(super) fn read(&self, place: usize) -> Result<i64> {
        let mut bytes = [0; 8];
        let mut read = || self.at(place)?.read_exact(&mut bytes);
        read().map_err(|error: io::Error| Error::because("cannot read what is shared", error))?;
        Ok(i64::from_le_bytes(bytes))
    }

    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(&self, place: usize, number: i64) -> Result<()> {
        let write = || self.at(place)?.write_all(&number.to_le_bytes());
        write().map_err(|error: io::Error| Error::because("cannot write what is shared", error))
    }

    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn add(&self, place: usize, number: i64) -> Result<i64> {
        let sum = self.read(place)? + number;
        self.write(place, sum)?;
        Ok(sum)
    }

    fn at(&self, place: usize) -> io::Result<std::cell::RefMut<'_, File>> {
        let mut file = self.0.borrow_mut();
        file.seek(SeekFrom::Start(place as u64 * 8))?;
        Ok(file)
    }
}
