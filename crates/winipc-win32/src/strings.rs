//! Names: from the A and W forms of a call to UTF-16, and the parts of a path.
//!
//! The code page of the A forms is UTF-8. A byte sequence that is not UTF-8 becomes U+FFFD, as in any conversion
//! on Windows.

use windows_sys::Win32::Foundation::{ERROR_FILENAME_EXCED_RANGE, MAX_PATH};
use windows_sys::core::{PCSTR, PCWSTR};

use crate::argument::usable;
use crate::error::{Error, Result};

/// A name as the caller gave it, `None` for NULL.
pub(crate) type Name<'a> = Option<&'a [u16]>;

/// A counted string of NT holds at most this many UTF-16 units, its terminator not counted.
const LONGEST_STRING: usize = 32766;

/// Reads the string of a W call.
///
/// # Safety
/// `string` is NULL or points to a string that ends in a zero and stays unchanged for `'a`.
pub(crate) unsafe fn wide<'a>(string: PCWSTR) -> Result<Name<'a>> {
    // SAFETY: as the caller promises.
    unsafe { terminated(string, LONGEST_STRING) }
}

/// Defines the A form of a call, which converts its string and calls the W form. The argument that is the string is
/// `[name]`, an object's, or `[path]`. What follows `or` is returned where the string is too long.
macro_rules! ansi {
    (
        $(#[$attribute:meta])*
        pub unsafe extern "system" fn $ansi:ident(
            $($before:ident: $before_type:ty,)* [$string:ident] $(, $after:ident: $after_type:ty)*
        ) -> $result:ty;
        by $wide:ident, or $failure:expr
    ) => {
        $(#[$attribute])*
        #[cfg_attr(feature = "export", unsafe(no_mangle))]
        pub unsafe extern "system" fn $ansi(
            $($before: $before_type,)* $string: windows_sys::core::PCSTR, $($after: $after_type,)*
        ) -> $result {
            // SAFETY: the string is NULL or ends in a zero.
            let converted = unsafe { $crate::strings::Converted::$string($string) };
            // SAFETY: the W form asks of its arguments what this one does.
            let call = |$string: $crate::strings::Converted| unsafe {
                $wide($($before,)* $string.as_ptr(), $($after,)*)
            };
            $crate::error::value(converted.map(call), $failure)
        }
    };
}
pub(crate) use ansi;

/// The string of an A call as the W form takes it.
pub(crate) struct Converted(Option<Vec<u16>>);

impl Converted {
    /// The name of an object: at most `MAX_PATH` characters.
    ///
    /// # Safety
    /// `name` is NULL or points to a string that ends in a zero.
    pub(crate) unsafe fn name(name: PCSTR) -> Result<Converted> {
        // SAFETY: as the caller promises.
        unsafe { Self::up_to(MAX_PATH as usize, name) }
    }

    /// The path of a file.
    ///
    /// # Safety
    /// `path` is NULL or points to a string that ends in a zero.
    pub(crate) unsafe fn path(path: PCSTR) -> Result<Converted> {
        // SAFETY: as the caller promises.
        unsafe { Self::up_to(LONGEST_STRING, path) }
    }

    unsafe fn up_to(longest: usize, string: PCSTR) -> Result<Converted> {
        // A character takes up to four bytes, three for each UTF-16 unit of it at most.
        // SAFETY: as the caller promises.
        let Some(bytes) = unsafe { terminated(string, 3 * longest) }? else { return Ok(Converted(None)) };
        let mut wide: Vec<u16> = String::from_utf8_lossy(bytes).encode_utf16().collect();
        if wide.len() > longest {
            return Err(Error(ERROR_FILENAME_EXCED_RANGE));
        }
        wide.push(0);
        Ok(Converted(Some(wide)))
    }

    pub(crate) fn as_ptr(&self) -> PCWSTR {
        self.0.as_ref().map_or(core::ptr::null(), |units| units.as_ptr())
    }
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
    /// `\\.\mailslot\NAME`, with the NAME, which may be empty.
    LocalMailslot(&'a [u16]),
    /// `\\COMPUTER\mailslot\NAME`, `\\DOMAIN\mailslot\NAME` or `\\*\mailslot\NAME`, with what comes first and the NAME.
    NetworkMailslot(&'a [u16], &'a [u16]),
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
        let is_local = [[u16::from(b'.')], [u16::from(b'?')]].iter().any(|local| server == local);
        match String::from_utf16_lossy(device).to_ascii_lowercase().as_str() {
            _ if server.is_empty() => Path::Other,
            "pipe" if is_local => Path::LocalPipe(name),
            "pipe" => Path::RemotePipe,
            "mailslot" if is_local => Path::LocalMailslot(name),
            "mailslot" => Path::NetworkMailslot(server, name),
            _ => Path::Other,
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
    fn paths_of_mailslots() {
        for path in [r"\\.\mailslot\a\b", r"\\.\MAILSLOT\a\b", r"//?/Mailslot/a\b"] {
            assert_eq!(Path::parse(&utf16(path)), Path::LocalMailslot(&utf16(r"a\b")), "{path}");
        }
        assert_eq!(Path::parse(&utf16(r"\\.\mailslot\")), Path::LocalMailslot(&[]));
        for server in ["*", "computer", "DOMAIN"] {
            let path = utf16(&format!(r"\\{server}\mailslot\a"));
            assert_eq!(Path::parse(&path), Path::NetworkMailslot(&utf16(server), &utf16("a")));
        }
        assert_eq!(Path::parse(&utf16(r"\\.\mailslot")), Path::Other);
    }

    #[test]
    fn ansi_is_utf8() {
        // SAFETY: the strings end in a zero.
        let read = |bytes: &[u8]| unsafe { Converted::name(bytes.as_ptr()) }.map(|name| name.0);
        assert_eq!(read("grün😀\0".as_bytes()), Ok(Some(utf16("grün😀\0"))));
        assert_eq!(read(b"a\xFFb\0"), Ok(Some(utf16("a\u{FFFD}b\0"))));
        assert_eq!(read(b"\0"), Ok(Some(vec![0])));
        // SAFETY: NULL is allowed.
        assert!(unsafe { Converted::name(core::ptr::null()) }.unwrap().as_ptr().is_null());
    }

    #[test]
    fn names_that_are_too_long() {
        let name = |length: usize| {
            let mut bytes = vec![b'n'; length];
            bytes.push(0);
            // SAFETY: the string ends in a zero.
            unsafe { Converted::name(bytes.as_ptr()) }.map(|name| name.0.map_or(0, |units| units.len()))
        };
        assert_eq!(name(260), Ok(261));
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
