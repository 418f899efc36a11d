//! Files on disk: opening by path, reading and writing with places, position and size.

use std::fs::{File, OpenOptions};
use std::io::{self, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::transfer::fail;
use super::{Description, Type, enter, status_of, table, type_in};
use crate::access;
use crate::arena::disk::{self, Place};
use crate::context::{Current, current};
use crate::handle::{Found, Handle, look_up};
use crate::io::end;
use crate::io::{Outcome, Overlapped, ReadBuffer, Report, done};
use crate::records::Kind;
use crate::section;
use crate::status::{Result, Status};

/// What becomes of a file that exists, and of one that does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Creation {
    /// CREATE_NEW: one that exists is an error.
    New,
    /// CREATE_ALWAYS: one that exists is made empty.
    Always,
    /// OPEN_EXISTING: none is an error.
    Existing,
    /// OPEN_ALWAYS: there is one in any case.
    OpenAlways,
    /// TRUNCATE_EXISTING: none is an error, and one that exists is made empty.
    Truncate,
}

/// How [`open`] opens a file.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Generic and specific rights.
    pub access: u32,
    /// Whether others may have the file open meanwhile.
    pub shared: bool,
    /// What has to exist, and what is made.
    pub creation: Creation,
    /// Calls with a status block name their place in the file, all calls have one.
    pub overlapped: bool,
    /// A write is done when it is on the disk.
    pub write_through: bool,
    /// A directory may be opened.
    pub directory: bool,
    /// One that is made cannot be opened for writing again.
    pub read_only: bool,
    /// Children inherit the handle.
    pub inherit: bool,
}

/// The side word of a file whose calls with a status block are overlapped ones.
const OVERLAPPED: u64 = 2;

/// Opens or makes a file. Also tells whether it existed.
///
/// Sharing is by the system's advisory locks: who does not share keeps all others out that open the file by this
/// function, and who shares keeps out those who do not.
///
/// # Errors
/// [`Status::OBJECT_NAME_NOT_FOUND`]: there is no such file. [`Status::OBJECT_PATH_NOT_FOUND`]: no such directory.
/// [`Status::OBJECT_NAME_COLLISION`]: it exists. [`Status::SHARING_VIOLATION`]: somebody has it open who does not
/// share, or the caller does not. [`Status::ACCESS_DENIED`], [`Status::FILE_IS_A_DIRECTORY`]: permissions; a directory.
/// [`Status::INVALID_PARAMETER`]: to be made empty without the right to write. [`Status::DISK_FULL`],
/// [`Status::MEDIA_WRITE_PROTECTED`], [`Status::OBJECT_NAME_INVALID`], [`Status::TOO_MANY_OPENED_FILES`]: as they say.
/// [`Status::USER_MAPPED_FILE`]: to be made empty, and a section needs what is in it.
pub fn open(path: &Path, opening: &Opening) -> Result<(Handle, bool)> {
    use access::file::{APPEND_DATA, READ_ATTRIBUTES, READ_DATA, WRITE_DATA};
    let current = current()?;
    let wanted = opening.access | READ_ATTRIBUTES | access::SYNCHRONIZE;
    let access = access::grant(Kind::File, wanted)?;
    let reads = access & READ_DATA != 0;
    let writes = access & (WRITE_DATA | APPEND_DATA) != 0;
    if opening.creation == Creation::Truncate && access & WRITE_DATA == 0 {
        return Err(Status::INVALID_PARAMETER);
    }
    let mut options = OpenOptions::new();
    options.read(reads || !writes).write(writes);
    let mut flags = libc::O_NOCTTY;
    if opening.write_through {
        flags |= libc::O_SYNC;
    }
    options.custom_flags(flags).mode(if opening.read_only { 0o444 } else { 0o666 });
    let (file, existed) = open_or_make(path, &mut options, opening.creation)?;
    let failed = |error: io::Error| status_of(&error);
    let kind = file.metadata().map_err(failed)?.file_type();
    if kind.is_dir() && !opening.directory {
        return Err(Status::FILE_IS_A_DIRECTORY);
    }
    if kind.is_file() {
        match disk::lock(file.as_fd(), !opening.shared) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Status::SHARING_VIOLATION),
            // There are file systems without locks.
            _ => {}
        }
        if existed && matches!(opening.creation, Creation::Always | Creation::Truncate) {
            section::admit_length(&current, file.as_fd(), 0)?;
            make_empty(&file).map_err(failed)?;
        }
    }
    let is = match kind {
        _ if kind.is_char_device() => Type::Character,
        _ if kind.is_fifo() => Type::Pipe,
        _ => Type::Disk,
    };
    let side = if opening.overlapped { OVERLAPPED } else { 0 };
    let handle = enter(&current, file.into(), &Description { is, side, size: 0 }, access, opening.inherit)?;
    Ok((handle, existed))
}

fn open_or_make(path: &Path, options: &mut OpenOptions, creation: Creation) -> Result<(File, bool)> {
    let makes = matches!(creation, Creation::New | Creation::Always | Creation::OpenAlways);
    loop {
        if makes {
            // The standard library makes files for writing only.
            match make(path, options) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && creation != Creation::New => {}
                made => return Ok((made.map_err(|error| reason(path, &error))?, false)),
            }
        }
        match options.open(path) {
            // Somebody has removed it just now, unless it is a link to nothing.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && makes
                    && !path.is_symlink()
                    && path.parent().is_some_and(Path::exists) => {}
            opened => return Ok((opened.map_err(|error| reason(path, &error))?, true)),
        }
    }
}

fn make(path: &Path, options: &OpenOptions) -> io::Result<File> {
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            drop(options.clone().write(true).create_new(true).open(path)?);
            options.open(path)
        }
        made => made,
    }
}

/// Why a file cannot be opened: of what is missing, Windows tells the file from its directory.
fn reason(path: &Path, error: &io::Error) -> Status {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if is_missing && directory.is_some_and(|directory| !directory.is_dir()) {
        return Status::OBJECT_PATH_NOT_FOUND;
    }
    status_of(error)
}

fn make_empty(file: &File) -> io::Result<()> {
    match file.set_len(0) {
        // It is open for reading only, and is made empty all the same.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            use std::os::fd::AsRawFd;
            let again = format!("/proc/self/fd/{}", file.as_raw_fd());
            OpenOptions::new().write(true).truncate(true).open(again).map(drop)
        }
        done => done,
    }
}

/// Finds a file with places.
fn find(file: Handle, access: u32) -> Result<Arc<OwnedFd>> {
    let current = current()?;
    let found = look_up(&current, file)?.require(Kind::File, access)?;
    if type_in(found.object) != Type::Disk {
        return Err(Status::INVALID_DEVICE_REQUEST);
    }
    table::descriptor(&current, &found)
}

/// Where a transfer takes place, by what the call and the handle say.
fn place_of(file: &Found, overlapped: Option<&Overlapped>, to_write: bool) -> Result<Place> {
    let appends = to_write && file.access & access::file::WRITE_DATA == 0;
    match overlapped.map(|overlapped| overlapped.block.offset()) {
        None if end::is_overlapped(file.object) => Err(Status::INVALID_PARAMETER),
        _ if appends => Ok(Place::End),
        None => Ok(Place::Position),
        Some(u64::MAX) if to_write => Ok(Place::End),
        Some(offset) => Ok(Place::At(offset.try_into().map_err(|_| Status::INVALID_PARAMETER)?)),
    }
}

/// On a file for blocking use the position follows a transfer that named its place.
fn follow(file: &Found, descriptor: BorrowedFd<'_>, place: Place, count: usize) {
    if let Place::At(offset) = place
        && !end::is_overlapped(file.object)
    {
        let _ = disk::seek(descriptor, SeekFrom::Start(offset as u64 + count as u64));
    }
}

/// Reads from a file with places.
pub(super) fn read(
    current: &Current,
    file: &Found,
    buffer: &ReadBuffer,
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let place = place_of(file, overlapped.as_ref(), false)?;
    let descriptor = table::descriptor(current, file)?;
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    let count = match disk::read(descriptor.as_fd(), buffer, place) {
        Ok(0) if buffer.length() != 0 && report.is_some() => {
            return fail(current, file, Status::END_OF_FILE);
        }
        Ok(count) => count,
        Err(error) => return fail(current, file, status_of(&error)),
    };
    follow(file, descriptor.as_fd(), place, count);
    done(current, file, report, Status::SUCCESS, count)
}

/// Writes to a file with places.
pub(super) fn write(
    current: &Current,
    file: &Found,
    data: &[u8],
    overlapped: Option<Overlapped>,
) -> Result<Outcome> {
    let place = place_of(file, overlapped.as_ref(), true)?;
    let descriptor = table::descriptor(current, file)?;
    let report = overlapped.map(|overlapped| Report::begin(current, overlapped)).transpose()?;
    let mut written = 0;
    while written < data.len() {
        let next = match place {
            Place::At(offset) => Place::At(offset.saturating_add_unsigned(written as u64)),
            other => other,
        };
        match disk::write(descriptor.as_fd(), &data[written..], next) {
            Ok(0) => return fail(current, file, Status::DISK_FULL),
            Ok(count) => written += count,
            Err(error) => return fail(current, file, status_of(&error)),
        }
    }
    follow(file, descriptor.as_fd(), place, written);
    done(current, file, report, Status::SUCCESS, written)
}

/// Waits until what was written is on the disk.
pub(super) fn flush(current: &Current, file: &Found) -> Result<()> {
    let descriptor = table::descriptor(current, file)?;
    disk::synchronize(descriptor.as_fd()).map_err(|error| status_of(&error))
}

/// Moves the position of a file, which all handles to it share, and returns where it is then.
///
/// # Errors
/// [`Status::INVALID_HANDLE`], [`Status::OBJECT_TYPE_MISMATCH`]: no file. [`Status::INVALID_DEVICE_REQUEST`]: one
/// without places. [`Status::INVALID_PARAMETER`]: it would be before the start.
pub fn seek(file: Handle, to: SeekFrom) -> Result<u64> {
    disk::seek(find(file, 0)?.as_fd(), to).map_err(|error| status_of(&error))
}

/// The size of a file in bytes.
///
/// # Errors
/// As [`seek`].
pub fn size(file: Handle) -> Result<u64> {
    disk::size(find(file, 0)?.as_fd()).map_err(|error| status_of(&error))
}

/// Gives a file the size at which its position is.
///
/// # Errors
/// As [`seek`]. [`Status::ACCESS_DENIED`]: the handle lacks FILE_WRITE_DATA. [`Status::USER_MAPPED_FILE`]: a section
/// needs more of it. [`Status::DISK_FULL`], [`Status::FILE_TOO_LARGE`]: as they say.
pub fn set_end(file: Handle) -> Result<()> {
    let descriptor = find(file, access::file::WRITE_DATA)?;
    let end = disk::seek(descriptor.as_fd(), SeekFrom::Current(0)).map_err(|error| status_of(&error))?;
    section::admit_length(&current()?, descriptor.as_fd(), end)?;
    disk::set_size(descriptor.as_fd(), end).map_err(|error| status_of(&error))
}
