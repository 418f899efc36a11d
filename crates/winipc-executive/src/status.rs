//! Status codes: what an operation of the executive reports, under NT's numbers.

use core::fmt;

/// The result of an operation of the executive.
pub type Result<T> = core::result::Result<T, Status>;

/// An NT status code.
///
/// A newtype over the number, so that a number without a name here is still a value.
///
/// # References
/// - [MS-ERREF] 2.3, NTSTATUS values
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        impl Status {
            $($(#[$doc])* #[allow(missing_docs)] pub const $name: Status = Status($value);)*

            fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    SUCCESS = 0x0000_0000,
    PENDING = 0x0000_0103,
    BUFFER_OVERFLOW = 0x8000_0005,
    UNSUCCESSFUL = 0xC000_0001,
    NOT_IMPLEMENTED = 0xC000_0002,
    ACCESS_VIOLATION = 0xC000_0005,
    INVALID_HANDLE = 0xC000_0008,
    INVALID_CID = 0xC000_000B,
    INVALID_PARAMETER = 0xC000_000D,
    INVALID_DEVICE_REQUEST = 0xC000_0010,
    END_OF_FILE = 0xC000_0011,
    NO_MEMORY = 0xC000_0017,
    CONFLICTING_ADDRESSES = 0xC000_0018,
    NOT_MAPPED_VIEW = 0xC000_0019,
    INVALID_VIEW_SIZE = 0xC000_001F,
    INVALID_FILE_FOR_SECTION = 0xC000_0020,
    ACCESS_DENIED = 0xC000_0022,
    BUFFER_TOO_SMALL = 0xC000_0023,
    OBJECT_TYPE_MISMATCH = 0xC000_0024,
    INVALID_PARAMETER_MIX = 0xC000_0030,
    OBJECT_NAME_INVALID = 0xC000_0033,
    OBJECT_NAME_NOT_FOUND = 0xC000_0034,
    OBJECT_NAME_COLLISION = 0xC000_0035,
    OBJECT_PATH_NOT_FOUND = 0xC000_003A,
    OBJECT_PATH_SYNTAX_BAD = 0xC000_003B,
    SECTION_TOO_BIG = 0xC000_0040,
    SHARING_VIOLATION = 0xC000_0043,
    QUOTA_EXCEEDED = 0xC000_0044,
    MUTANT_NOT_OWNED = 0xC000_0046,
    SEMAPHORE_LIMIT_EXCEEDED = 0xC000_0047,
    INVALID_PAGE_PROTECTION = 0xC000_0045,
    SECTION_PROTECTION = 0xC000_004E,
    PRIVILEGE_NOT_HELD = 0xC000_0061,
    INVALID_IMAGE_FORMAT = 0xC000_007B,
    DISK_FULL = 0xC000_007F,
    FILE_INVALID = 0xC000_0098,
    INSUFFICIENT_RESOURCES = 0xC000_009A,
    MEDIA_WRITE_PROTECTED = 0xC000_00A2,
    INSTANCE_NOT_AVAILABLE = 0xC000_00AB,
    PIPE_NOT_AVAILABLE = 0xC000_00AC,
    INVALID_PIPE_STATE = 0xC000_00AD,
    PIPE_BUSY = 0xC000_00AE,
    ILLEGAL_FUNCTION = 0xC000_00AF,
    PIPE_DISCONNECTED = 0xC000_00B0,
    PIPE_CLOSING = 0xC000_00B1,
    PIPE_CONNECTED = 0xC000_00B2,
    PIPE_LISTENING = 0xC000_00B3,
    INVALID_READ_MODE = 0xC000_00B4,
    IO_TIMEOUT = 0xC000_00B5,
    FILE_FORCED_CLOSED = 0xC000_00B6,
    FILE_IS_A_DIRECTORY = 0xC000_00BA,
    NOT_SUPPORTED = 0xC000_00BB,
    BAD_NETWORK_PATH = 0xC000_00BE,
    PIPE_EMPTY = 0xC000_00D9,
    NOT_A_DIRECTORY = 0xC000_0103,
    NAME_TOO_LONG = 0xC000_0106,
    PROCESS_IS_TERMINATING = 0xC000_010A,
    MAPPED_FILE_SIZE_ZERO = 0xC000_011E,
    TOO_MANY_OPENED_FILES = 0xC000_011F,
    CANCELLED = 0xC000_0120,
    COMMITMENT_LIMIT = 0xC000_012D,
    CONTROL_C_EXIT = 0xC000_013A,
    PIPE_BROKEN = 0xC000_014B,
    MUTANT_LIMIT_EXCEEDED = 0xC000_0191,
    IO_DEVICE_ERROR = 0xC000_0185,
    MAPPED_ALIGNMENT = 0xC000_0220,
    NOT_FOUND = 0xC000_0225,
    HANDLE_NOT_CLOSABLE = 0xC000_0235,
    USER_MAPPED_FILE = 0xC000_0243,
    FILE_TOO_LARGE = 0xC000_0904,
    /// A reference read from the arena points nowhere, or a list in it does not end: a neighbour has written into it.
    ARENA_CORRUPT = 0xE057_0001,
    /// The process cannot attach to its namespace; [`crate::namespace::attach`] says why.
    ARENA_UNAVAILABLE = 0xE057_0002,
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Status({:#010X})", self.0),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#010X})", self.0),
            None => write!(f, "status {:#010X}", self.0),
        }
    }
}

impl core::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn an_unknown_number_is_still_a_value() {
        assert_eq!(Status(0xC000_0BAD).to_string(), "status 0xC0000BAD");
        assert_eq!(Status::PIPE_BROKEN.to_string(), "PIPE_BROKEN (0xC000014B)");
    }
}
