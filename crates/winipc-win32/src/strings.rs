//! Names: from the A and W forms of a call to UTF-16, and the parts of a path.
//!
//! The code page of the A forms is UTF-8. A byte sequence that is not UTF-8 becomes U+FFFD, as in any conversion
//! on Windows.

use std::borrow::Cow;

use windows_sys::Win32::Foundation::{ERROR_FILENAME_EXCED_RANGE, MAX_PATH};
use windows_sys::core::{PCSTR, PCWSTR};

use crate::argument::usable;
use crate::error::{Error, Result};

/// A name as the caller gave it, `None` for NULL.
pub(crate) type Name<'a> = Option<Cow<'a, [u16]>>;

/// A counted string of NT holds at most this many UTF-16 units, its terminator not counted.
const LONGEST_STRING: usize = 32766;

/// Reads the name of a W call.
///
/// # Safety
/// `name` is NULL or points to a string that ends in a zero and stays unchanged for `'a`.
pub(crate) unsafe fn wide<'a>(name: PCWSTR) -> Result<Name<'a>> {
    // SAFETY: as the caller promises.
    Ok(unsafe { terminated(name, LONGEST_STRING) }?.map(Cow::Borrowed))
}

/// Reads the name of an object in an A call: at most `MAX_PATH` characters.
///
/// # Safety
/// `name` is NULL or points to a string that ends in a zero.
pub(crate) unsafe fn ansi<'a>(name: PCSTR) -> Result<Name<'a>> {
    // SAFETY: as the caller promises.
    unsafe { ansi_up_to(name, MAX_PATH as usize) }
}

/// Reads the path of a pipe in an A call.
///
/// # Safety
/// `path` is NULL or points to a string that ends in a zero.
pub(crate) unsafe fn ansi_path<'a>(path: PCSTR) -> Result<Name<'a>> {
    // SAFETY: as the caller promises.
    unsafe { ansi_up_to(path, LONGEST_STRING) }
}

unsafe fn ansi_up_to<'a>(string: PCSTR, longest: usize) -> Result<Name<'a>> {
    // A character takes up to four bytes, three for each UTF-16 unit of it at most.
    // SAFETY: as the caller promises.
    let Some(bytes) = unsafe { terminated(string, 3 * longest) }? else { return Ok(None) };
    let wide: Vec<u16> = String::from_utf8_lossy(bytes).encode_utf16().collect();
    if wide.len() > longest { Err(Error(ERROR_FILENAME_EXCED_RANGE)) } else { Ok(Some(Cow::Owned(wide))) }
}

/// The units before the terminating zero, `None` for NULL.
unsafe fn terminated<'a, T: Copy + Default + PartialEq>(
    string: *const T,
    longest: usize,
) -> Result<Option<&'a [T]>> {
    if string.is_null() {
        return Ok(None);
    }
    usable(string)?;
    // SAFETY: every unit up to the zero is readable, and no unit after it is touched.
    let length = (0..=longest).find(|&i| unsafe { *string.add(i) } == T::default());
    match length {
        // SAFETY: `length` units were just read.
        Some(length) => Ok(Some(unsafe { core::slice::from_raw_parts(string, length) })),
        None => Err(Error(ERROR_FILENAME_EXCED_RANGE)),
    }
}

/// What a path leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Path<'a> {
    /// `\\.\pipe\NAME` or `\\?\pipe\NAME`, with the NAME, which may be empty.
    LocalPipe(&'a [u16]),
    /// `\\SERVER\pipe\NAME`.
    RemotePipe,
    /// Anything else.
    Other,
}

impl Path<'_> {
    /// Takes a path apart. The separators before the name may be slashes; the name is taken as it is.
    pub(crate) fn parse(path: &[u16]) -> Path<'_> {
        let is_separator = |&unit: &u16| unit == u16::from(b'\\') || unit == u16::from(b'/');
        let [first, second, rest @ ..] = path else { return Path::Other };
        if !is_separator(first) || !is_separator(second) {
            return Path::Other;
        }
        let mut parts = rest.splitn(3, is_separator);
        let (Some(server), Some(device), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Path::Other;
        };
        if server.is_empty() || !String::from_utf16_lossy(device).eq_ignore_ascii_case("pipe") {
            Path::Other
        } else if [[u16::from(b'.')], [u16::from(b'?')]].iter().any(|local| server == local) {
            Path::LocalPipe(name)
        } else {
            Path::RemotePipe
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn paths_of_pipes() {
        for path in [r"\\.\pipe\a\b/c", r"\\.\PIPE\a\b/c", r"\\?\Pipe\a\b/c", r"//./pipe/a\b/c"] {
            assert_eq!(Path::parse(&utf16(path)), Path::LocalPipe(&utf16(r"a\b/c")), "{path}");
        }
        assert_eq!(Path::parse(&utf16(r"\\.\pipe\")), Path::LocalPipe(&[]));
        assert_eq!(Path::parse(&utf16(r"\\server\pipe\a")), Path::RemotePipe);
        for path in
            ["", r"\", r"\\", r"\\.", r"\\.\pipe", r"\\\pipe\a", r"\\.\pipes\a", r"\.\pipe\a", r"C:\pipe\a"]
        {
            assert_eq!(Path::parse(&utf16(path)), Path::Other, "{path}");
        }
    }

    #[test]
    fn ansi_is_utf8() {
        // SAFETY: the strings end in a zero.
        let read = |bytes: &[u8]| unsafe { ansi(bytes.as_ptr()) }.map(|name| name.map(|name| name.to_vec()));
        assert_eq!(read("grün😀\0".as_bytes()), Ok(Some(utf16("grün😀"))));
        assert_eq!(read(b"a\xFFb\0"), Ok(Some(utf16("a\u{FFFD}b"))));
        assert_eq!(read(b"\0"), Ok(Some(vec![])));
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { ansi(core::ptr::null()) }, Ok(None));
    }

    #[test]
    fn names_that_are_too_long() {
        let name = |length: usize| {
            let mut bytes = vec![b'n'; length];
            bytes.push(0);
            // SAFETY: the string ends in a zero.
            unsafe { ansi(bytes.as_ptr()) }.map(|name| name.map_or(0, |name| name.len()))
        };
        assert_eq!(name(260), Ok(260));
        assert_eq!(name(261), Err(Error(ERROR_FILENAME_EXCED_RANGE)));
        assert_eq!(name(10_000), Err(Error(ERROR_FILENAME_EXCED_RANGE)));

        let mut units = vec![1u16; LONGEST_STRING];
        units.push(0);
        // SAFETY: the string ends in a zero.
        assert_eq!(unsafe { wide(units.as_ptr()) }.unwrap().unwrap().len(), LONGEST_STRING);
        units.insert(0, 1);
        // SAFETY: the string ends in a zero.
        assert_eq!(unsafe { wide(units.as_ptr()) }, Err(Error(ERROR_FILENAME_EXCED_RANGE)));
        // SAFETY: a misaligned pointer is refused before it is read.
        let misaligned = unsafe { wide(units.as_ptr().byte_add(1)) };
        assert_eq!(misaligned, Err(Error(windows_sys::Win32::Foundation::ERROR_NOACCESS)));
    }
}
