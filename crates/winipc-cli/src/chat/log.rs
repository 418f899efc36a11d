//! The protocol that `--log` writes: one line per event, `[d/m/yyyy h:m:s] text`, in local time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

pub(crate) struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Appends to `path`, which no other process may be writing to.
    ///
    /// # Errors
    /// The file cannot be opened, or another process writes to it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        let in_use = || {
            Error::new(format!("another process writes the log {}", path.display()))
                .advice("give each process a file of its own")
        };
        #[cfg(windows)]
        {
            use std::os::windows::fs::OpenOptionsExt;
            const FILE_SHARE_READ: u32 = 1;
            options.share_mode(FILE_SHARE_READ);
        }
        let file = match options.open(path) {
            Ok(file) => file,
            // ERROR_SHARING_VIOLATION
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(32) => return Err(in_use()),
            Err(error) => {
                return Err(Error::because(format!("cannot open the log {}", path.display()), error));
            }
        };
        #[cfg(unix)]
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(in_use());
        }
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// # Errors
    /// The file does not take the line: a full disk, for example.
    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        let mut lines = String::new();
        for line in text.lines() {
            lines.push_str(&stamped(line, &jiff::Zoned::now()));
        }
        self.file
            .write_all(lines.as_bytes())
            .map_err(|error| Error::because(format!("cannot write the log {}", self.path.display()), error))
    }
}

fn stamped(text: &str, at: &jiff::Zoned) -> String {
    let (day, month, year) = (at.day(), at.month(), at.year());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!("[{day}/{month}/{year} {hour}:{minute}:{second}] {text}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_no_leading_zeros() {
        let at = jiff::civil::date(2026, 3, 5).at(9, 7, 3, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        assert_eq!(stamped("ann is starting.", &at), "[5/3/2026 9:7:3] ann is starting.\n");
    }
}
