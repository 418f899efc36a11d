//! Names: their form, and the table that finds objects by them.

use crate::arena::block::BlockRef;
use crate::arena::layout::NAME_BUCKETS;
use crate::arena::{Arena, Txn, system};
use crate::quota::{self, Payer};
use crate::status::{Result, Status};

/// A set of names that are unique among each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Directory {
    /// Objects of the session.
    Local = 0,
    /// Objects of all sessions.
    Global = 1,
    /// Named pipes.
    Pipe = 2,
    /// Mailslots.
    Mailslot = 3,
}

/// A name, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) directory: Directory,
    pub(crate) units: &'a [u16],
}

/// Tag of the blocks that hold names.
pub(crate) const NAME_TAG: u32 = 1;
/// Longest name in UTF-16 units, that of a counted string.
const LONGEST: usize = 32_767;

/// Words of a name's block.
pub(crate) const TARGET: usize = 0;
pub(crate) const NEXT: usize = 1;
pub(crate) const HASH: usize = 2;
pub(crate) const DIRECTORY: usize = 3;

impl<'a> Name<'a> {
    /// Takes the name of an object apart: an optional `Local\` or `Global\` and the rest, without further backslashes.
    ///
    /// # Errors
    /// [`Status::OBJECT_PATH_NOT_FOUND`]: another prefix, or a further backslash.
    /// [`Status::OBJECT_NAME_INVALID`]: a prefix with nothing behind it, or too long.
    ///
    /// # References
    /// - `docs/conformance.md`, 1.3
    pub(crate) fn parse(name: &'a [u16]) -> Result<Self> {
        let split = |prefix: &str| {
            let length = prefix.encode_utf16().count();
            (name.len() >= length
                && name.iter().copied().zip(prefix.encode_utf16()).take(length).all(|(a, b)| a == b))
            .then(|| &name[length..])
        };
        let (directory, units) = if let Some(rest) = split("Local\\") {
            (Directory::Local, rest)
        } else if let Some(rest) = split("Global\\") {
            (Directory::Global, rest)
        } else {
            (Directory::Local, name)
        };
        if units.contains(&u16::from(b'\\')) {
            return Err(Status::OBJECT_PATH_NOT_FOUND);
        }
        if units.is_empty() || units.len() > LONGEST {
            return Err(Status::OBJECT_NAME_INVALID);
        }
        Ok(Name { directory, units })
    }

    /// The name of a pipe, without its `\\.\pipe\`.
    pub(crate) fn pipe(units: &'a [u16]) -> Self {
        Name { directory: Directory::Pipe, units }
    }

    /// The name of a mailslot, without its `\\.\mailslot\`.
    pub(crate) fn mailslot(units: &'a [u16]) -> Self {
        Name { directory: Directory::Mailslot, units }
    }

    pub(crate) fn hash(&self) -> u32 {
        let fold = self.directory.fold();
        let mut hash = 0xCBF2_9CE4_8422_2325_u64 ^ self.directory as u64;
        for unit in self.units {
            hash = (hash ^ u64::from(fold(*unit))).wrapping_mul(0x0100_0000_01B3);
        }
        (hash ^ hash >> 32) as u32
    }
}

impl Directory {
    /// How units are compared: pipes and mailslots ignore case.
    pub(crate) fn fold(self) -> fn(u16) -> u16 {
        match self {
            Directory::Local | Directory::Global => |unit| unit,
            Directory::Pipe | Directory::Mailslot => upper,
        }
    }

    pub(crate) fn from_word(word: u32) -> Option<Self> {
        [Directory::Local, Directory::Global, Directory::Pipe, Directory::Mailslot]
            .into_iter()
            .find(|directory| *directory as u32 == word)
    }
}

/// The upper case of a UTF-16 unit, where it is one unit too, as file names are compared.
fn upper(unit: u16) -> u16 {
    if unit < 128 {
        return (unit as u8).to_ascii_uppercase().into();
    }
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => u16::try_from(u32::from(single)).unwrap_or(unit),
        _ => unit,
    }
}

/// Whether `\\computer\...` names this computer: by `*`, for all, or by its own name, whole or to the first dot.
pub fn is_here(computer: &[u16]) -> bool {
    let computer = String::from_utf16_lossy(computer);
    computer == "*" || system::host_name().is_some_and(|host| is_name_of(&host, &computer))
}

fn is_name_of(host: &str, computer: &str) -> bool {
    let short = host.split('.').next().unwrap_or_default();
    computer.eq_ignore_ascii_case(host) || computer.eq_ignore_ascii_case(short)
}

/// Finds what has a name: the number its creator gave to [`insert`].
pub(crate) fn find(lock: &Txn<'_>, name: &Name<'_>) -> Result<Option<u32>> {
    let arena = lock.arena();
    let hash = name.hash();
    let mut next = arena.header().names[hash as usize % NAME_BUCKETS].get(lock);
    while next != 0 {
        lock.step()?;
        let block = arena.block(BlockRef(next))?;
        let is_it = block.words[HASH].get(lock) == hash
            && block.words[DIRECTORY].get(lock) == name.directory as u32
            && arena.equals_units(
                BlockRef(next),
                block.length.get(lock) as usize,
                name.units,
                name.directory.fold(),
            )?;
        if is_it {
            return Ok(Some(block.words[TARGET].get(lock)));
        }
        next = block.words[NEXT].get(lock);
    }
    Ok(None)
}

/// Puts a name into memory, for which the calling process pays. Nothing is found by it yet.
///
/// # Errors
/// As [`insert`].
pub(crate) fn store(lock: &mut Txn<'_>, units: &[u16]) -> Result<BlockRef> {
    let mut bytes = Vec::with_capacity(units.len() * 2);
    for unit in units {
        bytes.extend_from_slice(&unit.to_ne_bytes());
    }
    let chain = lock.allocate_chain(bytes.len(), NAME_TAG)?;
    let payer = Payer::holder(lock)?;
    let memory = lock.memory_of(chain)?;
    quota::charge(lock, payer, memory)?;
    lock.arena().copy_in(chain, &bytes)?;
    lock.arena().block(chain)?.head.link.set(lock, payer.0);
    Ok(chain)
}

/// Frees the memory of a name by which nothing is found.
pub(crate) fn discard(lock: &mut Txn<'_>, name: BlockRef) -> Result<()> {
    let memory = lock.memory_of(name)?;
    let payer = Payer(lock.arena().block(name)?.head.link.get(lock));
    quota::give_back(lock, payer, memory);
    lock.free_chain(name)
}

/// The units of a name that [`store`] has put into memory.
pub(crate) fn units(lock: &Txn<'_>, name: BlockRef) -> Result<Vec<u16>> {
    stored_units(lock.arena(), name).ok_or(Status::ARENA_CORRUPT)
}

/// Gives a name, of which the caller has seen that it is free, to `target`.
///
/// # Errors
/// [`Status::QUOTA_EXCEEDED`]: the process has too many; as [`Txn::allocate_chain`].
pub(crate) fn insert(lock: &mut Txn<'_>, name: &Name<'_>, target: u32) -> Result<BlockRef> {
    let chain = store(lock, name.units)?;
    let arena = lock.arena();
    let hash = name.hash();
    let bucket = &arena.header().names[hash as usize % NAME_BUCKETS];
    let block = arena.block(chain)?;
    block.words[TARGET].set(lock, target);
    block.words[HASH].set(lock, hash);
    block.words[DIRECTORY].set(lock, name.directory as u32);
    let first = bucket.get(lock);
    block.words[NEXT].set(lock, first);
    bucket.set(lock, chain.0);
    Ok(chain)
}

/// Takes a name away.
pub(crate) fn remove(lock: &mut Txn<'_>, name: BlockRef) -> Result<()> {
    let arena = lock.arena();
    let block = arena.block(name)?;
    let after = block.words[NEXT].get(lock);
    let mut link = &arena.header().names[block.words[HASH].get(lock) as usize % NAME_BUCKETS];
    loop {
        lock.step()?;
        let next = link.get(lock);
        if next == name.0 {
            link.set(lock, after);
            return discard(lock, name);
        }
        link = &arena.block(BlockRef(next))?.words[NEXT];
    }
}

/// A name as text, without the lock: for those who look on.
pub(crate) fn text(arena: &Arena, name: BlockRef) -> Option<String> {
    let block = arena.block(name).ok()?;
    let units = stored_units(arena, name)?;
    let text = String::from_utf16_lossy(&units);
    match Directory::from_word(block.words[DIRECTORY].peek())? {
        Directory::Local => Some(text),
        Directory::Global => Some(format!("Global\\{text}")),
        Directory::Pipe => Some(format!("\\\\.\\pipe\\{text}")),
        Directory::Mailslot => Some(format!("\\\\.\\mailslot\\{text}")),
    }
}

/// The units of a name, without the lock: for those who look on.
pub(crate) fn stored_units(arena: &Arena, name: BlockRef) -> Option<Vec<u16>> {
    let length = arena.block(name).ok()?.length.peek() as usize;
    if length > LONGEST * 2 {
        return None;
    }
    let mut bytes = vec![0; length];
    arena.copy_out(name, 0, &mut bytes).ok()?;
    Some(bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Directory, String)> {
        let units: Vec<u16> = text.encode_utf16().collect();
        Name::parse(&units).map(|name| (name.directory, String::from_utf16_lossy(name.units)))
    }

    #[test]
    fn prefixes_choose_the_directory() {
        assert_eq!(parse("x"), Ok((Directory::Local, "x".into())));
        assert_eq!(parse("Local\\x"), Ok((Directory::Local, "x".into())));
        assert_eq!(parse("Global\\x"), Ok((Directory::Global, "x".into())));
        assert_eq!(parse("local\\x"), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(parse("Local\\x\\y"), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(parse("Session\\1\\x"), Err(Status::OBJECT_PATH_NOT_FOUND));
        assert_eq!(parse("Global\\"), Err(Status::OBJECT_NAME_INVALID));
    }

    #[test]
    fn a_computer_has_a_long_and_a_short_name() {
        for computer in ["box", "BOX", "box.example.org", "Box.Example.Org"] {
            assert!(is_name_of("box.example.org", computer), "{computer}");
        }
        for computer in ["", ".", "bo", "example", "example.org", "box.example", "*"] {
            assert!(!is_name_of("box.example.org", computer), "{computer}");
        }
        assert!(is_here(&[u16::from(b'*')]) && !is_here(&[]));
    }

    #[test]
    fn pipes_ignore_case_and_objects_do_not() {
        let fold = Directory::Pipe.fold();
        assert_eq!(fold(u16::from(b'a')), fold(u16::from(b'A')));
        assert_eq!(fold('é' as u16), fold('É' as u16));
        let fold = Directory::Local.fold();
        assert_ne!(fold(u16::from(b'a')), fold(u16::from(b'A')));
    }
}
