//! Errors by their Windows numbers.

use std::fmt;
use std::io;

mod table;

/// The result of a call: a value, or the Windows error that the call failed with.
pub type Result<T, E = Win32Error> = core::result::Result<T, E>;

/// A Windows error number, as `GetLastError` gives it.
///
/// Every number is a value of this type, known by name or not. Known numbers have a constant here, named as on
/// Windows without the `ERROR_` prefix, and a text; an unknown one shows as its number.
///
/// A `Win32Error` goes into a [`std::io::Error`] with a fitting [`ErrorKind`](io::ErrorKind), and comes out of it
/// unchanged ([`Win32Error::from_io_error`]).
///
/// # Examples
///
/// ```
/// use std::io;
/// use winipc::{ClientOptions, Win32Error};
///
/// let error = ClientOptions::new().open(r"\\.\pipe\winipc-doc-nobody-serves-this").unwrap_err();
/// assert_eq!(error, Win32Error::FILE_NOT_FOUND);
/// assert_eq!(error.to_string(), "the object or file was not found (ERROR_FILE_NOT_FOUND, 2)");
///
/// let error = io::Error::from(error);
/// assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// assert_eq!(Win32Error::from_io_error(&error), Some(Win32Error(2)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Win32Error(pub u32);

impl Win32Error {
    /// The number.
    pub const fn code(self) -> u32 {
        self.0
    }

    /// The name that Windows gives the number (`"ERROR_ACCESS_DENIED"`), where this crate knows it.
    pub fn name(self) -> Option<&'static str> {
        table::entry(self.0).map(|entry| entry.name)
    }

    /// What the number means, in a few words, where this crate knows it.
    pub fn text(self) -> Option<&'static str> {
        table::entry(self.0).map(|entry| entry.text)
    }

    /// The [`ErrorKind`](io::ErrorKind) that fits best; [`Other`](io::ErrorKind::Other) where none does.
    pub fn kind(self) -> io::ErrorKind {
        table::entry(self.0).map_or(io::ErrorKind::Other, |entry| entry.kind)
    }

    /// The Windows error inside an [`io::Error`]: one that was made from a `Win32Error`, or, on Windows, one that the
    /// standard library got from the system. `None` for every other error.
    pub fn from_io_error(error: &io::Error) -> Option<Win32Error> {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Win32Error>()).copied();
        if cfg!(windows) { inner.or_else(|| Some(Win32Error(error.raw_os_error()? as u32))) } else { inner }
    }
}

impl fmt::Display for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match table::entry(self.0) {
            Some(entry) => write!(f, "{} ({}, {})", entry.text, entry.name, self.0),
            None => write!(f, "Windows error {}", self.0),
        }
    }
}

impl fmt::Debug for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Win32Error({}, {name})", self.0),
            None => write!(f, "Win32Error({})", self.0),
        }
    }
}

impl std::error::Error for Win32Error {}

impl From<Win32Error> for io::Error {
    fn from(error: Win32Error) -> io::Error {
        io::Error::new(error.kind(), error)
    }
}

/// Succeeds where [`Win32Error::from_io_error`] does, and gives the error back otherwise.
impl TryFrom<io::Error> for Win32Error {
    type Error = io::Error;

    fn try_from(error: io::Error) -> Result<Win32Error, io::Error> {
        Win32Error::from_io_error(&error).ok_or(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_way_through_io_error() {
        for number in (0..2000).chain([u32::MAX]) {
            let error = Win32Error(number);
            let through = io::Error::from(error);
            assert_eq!(Win32Error::from_io_error(&through), Some(error));
            assert!(through.to_string().contains(&number.to_string()));
            assert_eq!(Win32Error::try_from(through).unwrap(), error);
        }
    }

    #[test]
    fn a_foreign_error_is_given_back() {
        let foreign = io::Error::new(io::ErrorKind::NotFound, "no Windows error");
        assert_eq!(Win32Error::from_io_error(&foreign), None);
        assert_eq!(Win32Error::try_from(foreign).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn an_unknown_number_shows_as_itself() {
        assert_eq!(Win32Error(48_879).to_string(), "Windows error 48879");
        assert_eq!(format!("{:?}", Win32Error(48_879)), "Win32Error(48879)");
        assert_eq!(format!("{:?}", Win32Error::PIPE_BUSY), "Win32Error(231, ERROR_PIPE_BUSY)");
    }
}
