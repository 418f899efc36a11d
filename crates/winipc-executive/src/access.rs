//! Access rights: what a handle lets its owner do, and what a request for access is granted.

use crate::records::Kind;
use crate::status::{Result, Status};

pub(crate) const SYNCHRONIZE: u32 = 0x10_0000;
pub(crate) const READ_CONTROL: u32 = 0x2_0000;
const ACCESS_SYSTEM_SECURITY: u32 = 0x100_0000;
const MAXIMUM_ALLOWED: u32 = 0x200_0000;
const GENERIC_ALL: u32 = 0x1000_0000;
const GENERIC_EXECUTE: u32 = 0x2000_0000;
pub(crate) const GENERIC_WRITE: u32 = 0x4000_0000;
pub(crate) const GENERIC_READ: u32 = 0x8000_0000;

/// EVENT_MODIFY_STATE, SEMAPHORE_MODIFY_STATE, TIMER_MODIFY_STATE.
pub(crate) const MODIFY_STATE: u32 = 2;
pub(crate) const PROCESS_TERMINATE: u32 = 1;
pub(crate) const PROCESS_DUP_HANDLE: u32 = 0x40;
pub(crate) const PROCESS_QUERY_INFORMATION: u32 = 0x400;
pub(crate) const PROCESS_QUERY_LIMITED_INFORMATION: u32 = 0x1000;
pub(crate) const THREAD_TERMINATE: u32 = 1;
pub(crate) const THREAD_SUSPEND_RESUME: u32 = 2;
pub(crate) const THREAD_SET_CONTEXT: u32 = 0x10;
pub(crate) const THREAD_QUERY_INFORMATION: u32 = 0x40;
pub(crate) const THREAD_QUERY_LIMITED_INFORMATION: u32 = 0x800;

/// FILE_READ_DATA and its fellows, for the ends of pipes.
pub(crate) mod file {
    pub(crate) const READ_DATA: u32 = 1;
    pub(crate) const WRITE_DATA: u32 = 2;
    pub(crate) const APPEND_DATA: u32 = 4;
    pub(crate) const EXECUTE: u32 = 0x20;
    pub(crate) const READ_ATTRIBUTES: u32 = 0x80;
    pub(crate) const WRITE_ATTRIBUTES: u32 = 0x100;
    /// What GENERIC_READ stands for.
    pub(crate) const GENERIC_READ: u32 = 0x12_0089;
    /// What GENERIC_WRITE stands for.
    pub(crate) const GENERIC_WRITE: u32 = 0x12_0116;
    /// What GENERIC_EXECUTE stands for.
    pub(crate) const GENERIC_EXECUTE: u32 = 0x12_00A0;
    /// Every right there is.
    pub(crate) const ALL: u32 = 0x1F_01FF;
}

/// SECTION_MAP_WRITE and its fellows.
pub(crate) mod section {
    pub(crate) const QUERY: u32 = 1;
    pub(crate) const MAP_WRITE: u32 = 2;
    pub(crate) const MAP_READ: u32 = 4;
    pub(crate) const MAP_EXECUTE: u32 = 8;
    /// Every right there is. Nobody can wait for a section.
    pub(crate) const ALL: u32 = 0xF_001F;
}

/// All rights that objects of a kind have.
pub(crate) fn all(kind: Kind) -> u32 {
    match kind {
        Kind::Event | Kind::Semaphore | Kind::Timer => 0x1F_0003,
        Kind::Mutex => 0x1F_0001,
        Kind::Process | Kind::Thread => 0x1F_FFFF,
        Kind::Pipe | Kind::File | Kind::Mailslot => file::ALL,
        Kind::Section => section::ALL,
    }
}

/// Replaces generic rights by what they stand for.
pub(crate) fn map_generic(kind: Kind, desired: u32) -> u32 {
    let (read, write, execute) = match kind {
        Kind::Mutex => (READ_CONTROL | 1, READ_CONTROL, READ_CONTROL | SYNCHRONIZE),
        Kind::Event | Kind::Semaphore | Kind::Timer => {
            (READ_CONTROL | 1, READ_CONTROL | MODIFY_STATE, READ_CONTROL | SYNCHRONIZE)
        }
        Kind::Process | Kind::Thread => (
            READ_CONTROL | PROCESS_QUERY_INFORMATION | 0x10,
            READ_CONTROL | 0x2A,
            READ_CONTROL | SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION | 1,
        ),
        Kind::Pipe | Kind::File | Kind::Mailslot => {
            (file::GENERIC_READ, file::GENERIC_WRITE, file::GENERIC_EXECUTE)
        }
        Kind::Section => (
            READ_CONTROL | section::QUERY | section::MAP_READ,
            READ_CONTROL | section::MAP_WRITE,
            READ_CONTROL | section::MAP_EXECUTE,
        ),
    };
    let mut mapped = desired & !(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL);
    for (generic, specific) in
        [(GENERIC_READ, read), (GENERIC_WRITE, write), (GENERIC_EXECUTE, execute), (GENERIC_ALL, all(kind))]
    {
        if desired & generic != 0 {
            mapped |= specific;
        }
    }
    mapped
}

/// What a request for access to an existing object is granted.
///
/// # Errors
/// [`Status::ACCESS_DENIED`]: nothing was asked for, or a right that the kind does not have.
/// [`Status::PRIVILEGE_NOT_HELD`]: ACCESS_SYSTEM_SECURITY was asked for.
///
/// # References
/// - `docs/conformance.md`, 1.4
pub(crate) fn grant(kind: Kind, desired: u32) -> Result<u32> {
    let mapped = map(kind, desired)?;
    if mapped == 0 || mapped & !all(kind) != 0 {
        return Err(Status::ACCESS_DENIED);
    }
    Ok(mapped)
}

/// What who makes an object is granted of what was asked for: all that its kind has.
///
/// # Errors
/// [`Status::PRIVILEGE_NOT_HELD`]: ACCESS_SYSTEM_SECURITY was asked for.
pub(crate) fn grant_maker(kind: Kind, desired: u32) -> Result<u32> {
    Ok(map(kind, desired)? & all(kind))
}

fn map(kind: Kind, desired: u32) -> Result<u32> {
    let mapped = map_generic(kind, desired);
    if mapped & ACCESS_SYSTEM_SECURITY != 0 {
        return Err(Status::PRIVILEGE_NOT_HELD);
    }
    Ok(if mapped & MAXIMUM_ALLOWED != 0 { mapped & !MAXIMUM_ALLOWED | all(kind) } else { mapped })
}

/// Checks that a handle has all of some rights.
///
/// # Errors
/// [`Status::ACCESS_DENIED`]: it has not.
pub(crate) fn require(granted: u32, needed: u32) -> Result<()> {
    if granted & needed == needed { Ok(()) } else { Err(Status::ACCESS_DENIED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_bits_of_a_mutex() {
        for bit in 0..32 {
            let valid = matches!(bit, 0 | 16..=20 | 25 | 28..=31);
            let expected = match bit {
                24 => Err(Status::PRIVILEGE_NOT_HELD),
                _ if valid => Ok(()),
                _ => Err(Status::ACCESS_DENIED),
            };
            assert_eq!(grant(Kind::Mutex, 1 << bit).map(|_| ()), expected, "bit {bit}");
        }
        assert_eq!(grant(Kind::Mutex, 0), Err(Status::ACCESS_DENIED));
    }

    #[test]
    fn the_maker_is_granted_what_the_kind_has() {
        assert_eq!(grant_maker(Kind::Event, MAXIMUM_ALLOWED), Ok(all(Kind::Event)));
        assert_eq!(grant_maker(Kind::Event, GENERIC_ALL), Ok(all(Kind::Event)));
        assert_eq!(grant_maker(Kind::Event, SYNCHRONIZE | 1 << 10), Ok(SYNCHRONIZE));
        assert_eq!(grant_maker(Kind::Event, ACCESS_SYSTEM_SECURITY), Err(Status::PRIVILEGE_NOT_HELD));
    }

    #[test]
    fn a_mutex_opened_to_read_and_write_cannot_be_waited_on() {
        let granted = grant(Kind::Mutex, GENERIC_READ | GENERIC_WRITE).unwrap();
        assert_eq!(granted & SYNCHRONIZE, 0);
        let granted = grant(Kind::Mutex, GENERIC_EXECUTE).unwrap();
        assert_ne!(granted & SYNCHRONIZE, 0);
    }

    #[test]
    fn ends_of_pipes_have_the_documented_rights() {
        let both = map_generic(Kind::Pipe, GENERIC_READ | GENERIC_WRITE);
        assert_eq!(both, 0x12_019F);
        assert_eq!(map_generic(Kind::Pipe, GENERIC_READ), 0x12_0089);
        assert_eq!(map_generic(Kind::Pipe, GENERIC_WRITE), 0x12_0116);
    }
}
