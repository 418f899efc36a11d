//! Files by which the members of a room find each other. They lie in the private directory of the namespace, so that
//! nobody but the user gets in.

use std::path::PathBuf;

use super::RoomName;
use crate::error::{Error, Result};

/// The longest name of a file in bytes.
const NAME_LIMIT: usize = 255;

/// The path of `room`'s file that `extension` tells from others. Its directory is there.
///
/// # Errors
/// The directory cannot be made or is not private; the name is too long for a file.
pub(super) fn path(room: &RoomName, extension: &str) -> Result<PathBuf> {
    let directory = directory()?;
    let name = format!("{}.{extension}", file_name(&room.0));
    if name.len() > NAME_LIMIT {
        return Err(Error::new("the name of the room is too long for the name of a file")
            .advice("choose a shorter one"));
    }
    Ok(directory.join(name))
}

#[cfg(target_os = "linux")]
fn directory() -> Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;

    let (directory, namespace) = winipc_executive::namespace::directory()
        .map_err(|error| Error::because("no directory for the room", error))?;
    // No namespace has this name, whose arenas it could be taken for.
    let directory = directory.join(format!("{namespace}+chat"));
    match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::because(format!("cannot make the directory {}", directory.display()), error))
        }
        _ => Ok(directory),
    }
}

/// The user's own directory for temporary files.
#[cfg(not(target_os = "linux"))]
fn directory() -> Result<PathBuf> {
    let directory = std::env::temp_dir().join("winipc-chat");
    match std::fs::create_dir_all(&directory) {
        Ok(()) => Ok(directory),
        Err(error) => {
            Err(Error::because(format!("cannot make the directory {}", directory.display()), error))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_has_a_file_of_its_own() {
        let rooms = ["lobby", "a/b", "a%2fb", "a%2Fb", "..", "%2E.", "größe", " "];
        let names: std::collections::HashSet<_> = rooms.map(file_name).into();
        assert_eq!(names.len(), rooms.len());
        assert!(names.iter().all(|name| !name.contains(['/', '.'])));
    }

    #[test]
    fn names_that_fit_no_file_are_refused() {
        let room = RoomName::new(&"\u{1F600}".repeat(64)).unwrap();
        assert!(path(&room, "fifo").unwrap_err().to_string().contains("choose a shorter one"));
    }
}
