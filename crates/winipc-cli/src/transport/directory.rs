//! Files by which the members of a room find each other. They lie in a directory of their own in the private directory
//! of the namespace, so that nobody but the user gets in.
//!
//! A file belongs to whoever has the right to serve its room, and goes when that leaves. What the killed have left
//! belongs to nobody: whoever comes or goes takes the right for the moment in which it removes it. The directory goes
//! when it is empty.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{MECHANISMS, RoomName, exclusive};
use crate::error::{Error, Result};

/// The longest name of a file in bytes.
const NAME_LIMIT: usize = 255;
/// How often the directory is made anew for a file, when others who leave remove it.
const ATTEMPTS: u32 = 1000;

/// The path of `room`'s file that `extension`, the name of a mechanism, tells from others.
///
/// # Errors
/// The directory is not private; the name is too long for a file.
pub(super) fn path(room: &RoomName, extension: &str) -> Result<PathBuf> {
    let name = format!("{}.{extension}", file_name(&room.0));
    if name.len() > NAME_LIMIT {
        return Err(Error::new("the name of the room is too long for the name of a file")
            .advice("choose a shorter one"));
    }
    Ok(directory()?.join(name))
}

/// The files of this process; `None` once it leaves.
static OURS: Mutex<Option<Vec<PathBuf>>> = Mutex::new(Some(Vec::new()));

fn ours() -> MutexGuard<'static, Option<Vec<PathBuf>>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file, which goes with the value and when the process leaves.
pub(super) struct Entry(PathBuf);

impl Drop for Entry {
    fn drop(&mut self) {
        // Where it fails, somebody else does it later.
        let _ = remove(&self.0);
        // Unless something is in it.
        let _ = std::fs::remove_dir(self.0.parent().unwrap());
        if let Some(paths) = ours().as_mut() {
            paths.retain(|path| *path != self.0);
        }
    }
}

/// Has `make` make a file at `path`, in a directory that is made if need be.
///
/// # Errors
/// Those of `make`; the process is just leaving.
pub(super) fn put<T>(path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(T, Entry)> {
    let mut ours = ours();
    let Some(paths) = ours.as_mut() else {
        return Err(io::Error::new(ErrorKind::ConnectionAborted, "the process is just leaving"));
    };
    let mut attempts = 0;
    let made = loop {
        match make(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && attempts < ATTEMPTS => {
                attempts += 1;
                make_directory(path.parent().unwrap())?;
            }
            result => break result?,
        }
    };
    paths.push(path.to_path_buf());
    Ok((made, Entry(path.to_path_buf())))
}

/// Removes the file at `path`, if there is one, and those that are called after it.
///
/// # Errors
/// Those of the system.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap().as_encoded_bytes();
    for other in entries(path.parent().unwrap())? {
        let other_name = other.file_name().unwrap().as_encoded_bytes();
        let rest = other_name.strip_prefix(name);
        if rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'.')) {
            match std::fs::remove_file(&other) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Removes the files of this process, which makes no more of them, and what belongs to nobody.
pub(crate) fn leave() {
    // The room's next server waits for the end of this process.
    for path in ours().take().into_iter().flatten() {
        let _ = remove(&path);
    }
    clean();
}

/// Removes what those have left who were killed. What cannot be removed stays.
pub(crate) fn clean() {
    let Ok(directory) = directory() else { return };
    let files = entries(&directory).unwrap_or_default();
    let rooms: BTreeSet<_> = files.iter().filter_map(|file| owner(file)).collect();
    for (room, extension) in rooms {
        let Some(mechanism) = MECHANISMS.iter().find(|mechanism| mechanism.name == extension) else {
            continue;
        };
        let room = RoomName(room);
        if let Ok(Some(_right)) = exclusive::right(mechanism, &room, Duration::ZERO)
            && let Ok(path) = path(&room, extension)
        {
            let _ = remove(&path);
        }
    }
    // Unless something is in it.
    let _ = std::fs::remove_dir(directory);
}

/// The paths of the files in a directory, which need not be there.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The room and the mechanism of a file.
fn owner(file: &Path) -> Option<(String, &str)> {
    let mut parts = file.file_name()?.to_str()?.split('.');
    Some((room_of(parts.next()?)?, parts.next()?))
}

#[cfg(target_os = "linux")]
fn directory() -> Result<PathBuf> {
    let (directory, namespace) = winipc_executive::namespace::directory()
        .map_err(|error| Error::because("no directory for the room", error))?;
    // No namespace has this name, whose arenas it could be taken for.
    Ok(directory.join(format!("{namespace}+chat")))
}

/// The user's own directory for temporary files.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn directory() -> Result<PathBuf> {
    Ok(std::env::temp_dir().join("winipc-chat"))
}

fn make_directory(directory: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The name without what means something in a path; each is said otherwise, so that no two rooms have one file.
fn file_name(room: &str) -> String {
    let mut name = String::new();
    for character in room.chars() {
        match character {
            '%' | '.' | '/' | '<' | '>' | ':' | '"' | '|' | '?' | '*' => {
                name.push_str(&format!("%{:02X}", u32::from(character)));
            }
            plain => name.push(plain),
        }
    }
    name
}

/// The room that has this [`file_name`], if one has it.
fn room_of(name: &str) -> Option<String> {
    let mut parts = name.split('%');
    let mut room = parts.next()?.to_string();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        room.push(char::from(u8::from_str_radix(code, 16).ok()?));
        room.push_str(rest);
    }
    (file_name(&room) == name).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_has_a_file_of_its_own() {
        let rooms = ["lobby", "a/b", "a%2fb", "a%2Fb", "..", "%2E.", "größe", " "];
        let names: std::collections::HashSet<_> = rooms.map(file_name).into();
        assert_eq!(names.len(), rooms.len());
        assert!(names.iter().all(|name| !name.contains(['/', '.'])));
        let back: std::collections::HashSet<_> = names.iter().map(|name| room_of(name).unwrap()).collect();
        assert_eq!(back, rooms.map(String::from).into());
        for stranger in ["%", "%2", "%2f", "%zz", "%41", "a*"] {
            assert_eq!(room_of(stranger), None, "{stranger}");
        }
    }

    /// Whoever leaves may remove the directory at any moment.
    #[test]
    fn a_file_is_put_where_no_directory_is() {
        let directory = directory().unwrap().join(format!("put-{}", std::process::id()));
        let path = directory.join("room.tcp");
        make_directory(directory.parent().unwrap()).unwrap();
        std::thread::scope(|scope| {
            let remover = scope.spawn(|| {
                for _ in 0..1000 {
                    let _ = std::fs::remove_dir(&directory);
                }
            });
            while !remover.is_finished() {
                put(&path, |path| std::fs::write(path, "")).unwrap();
            }
        });
        let last = put(&path, |path| std::fs::write(path, "")).unwrap();
        assert!(path.exists());
        drop(last);
        assert!(!path.exists());
        assert!(!directory.exists());
    }

    #[test]
    fn names_that_fit_no_file_are_refused() {
        let room = RoomName::new(&"\u{1F600}".repeat(64)).unwrap();
        assert!(path(&room, "fifo").unwrap_err().to_string().contains("choose a shorter one"));
    }
}
