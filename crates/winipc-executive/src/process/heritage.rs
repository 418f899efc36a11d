//! What a process gets from its parent: a record with a handle table, which it takes over when it joins.
//!
//! The parent makes the record and names it in the environment. Between its making and the joining, which may never
//! come, somebody watches for the end of the process ([`super::children`]): its parent, or, when that has ended, who
//! buries it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::{all, claim, identity};
use crate::arena::child::ProcessDescriptor;
use crate::arena::descriptor::Nature;
use crate::arena::{Arena, Ref, environment};
use crate::file::exchange::Identity;
use crate::file::inheritance::Belonging;
use crate::records::Process;

/// The environment variable that names the record: file of the arena, number, generation. After it come the descriptors
/// that the process has, each with the object that it belongs to, its number and what it is.
pub(crate) const VARIABLE: &str = "WINIPC_PROCESS";

/// What the word `born` of a process's record holds, so that one compare-and-swap decides whether a process comes to be
/// or its record is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Birth {
    /// Nobody makes or has made the process.
    None,
    /// It is being made; the record's generation.
    Expected(u32),
    /// It was made with this id, so many milliseconds after the system started.
    Made { id: u32, at_ms: u64 },
}

const EXPECTED: u64 = 1 << 62;
const MADE: u64 = 1 << 63;
/// Linux has no greater process ids than 22 bits hold.
const ID_SHIFT: u32 = 40;
const ID_MASK: u64 = (1 << 22) - 1;
const TIME_MASK: u64 = (1 << ID_SHIFT) - 1;

impl Birth {
    pub(crate) const fn word(self) -> u64 {
        match self {
            Birth::None => 0,
            Birth::Expected(generation) => EXPECTED | generation as u64,
            Birth::Made { id, at_ms } => MADE | (id as u64 & ID_MASK) << ID_SHIFT | at_ms & TIME_MASK,
        }
    }

    pub(crate) fn from_word(word: u64) -> Self {
        if word & MADE != 0 {
            Birth::Made { id: (word >> ID_SHIFT & ID_MASK) as u32, at_ms: word & TIME_MASK }
        } else if word & EXPECTED != 0 {
            Birth::Expected(word as u32)
        } else {
            Birth::None
        }
    }

    fn of(process: &Process) -> Self {
        Birth::from_word(process.born.load())
    }
}

/// Id of a process that was made, 0 if it was not.
pub(crate) fn id_of(process: &Process) -> u32 {
    match Birth::of(process) {
        Birth::Made { id, .. } => id,
        _ => 0,
    }
}

/// How much later than it starts a process may note that it was made, in milliseconds.
const LONGEST_BIRTH_MS: u64 = 60_000;

/// A process that was made, and has not joined, if it lives: one has its id, where it was made, and is none that got
/// the id later. Where it was made elsewhere nobody here can tell, and it counts as dead.
pub(crate) fn find(process: &Process) -> Option<ProcessDescriptor> {
    let Birth::Made { id, at_ms } = Birth::of(process) else { return None };
    if !identity::is_near(process) {
        return None;
    }
    let found = ProcessDescriptor::open(id).ok()?;
    let started = found.started()?;
    (started..=started.saturating_add(LONGEST_BIRTH_MS)).contains(&at_ms).then_some(found)
}

/// Whether a process lives that has inherited handles and has not joined: the arena is kept for it.
pub(crate) fn has_heir(arena: &Arena) -> bool {
    all(arena).any(|(_, process)| {
        claim::is_heir(process.claim.load())
            && process.handle_count.peek() != 0
            && find(process).is_some()
            && !super::children::cannot_be_resumed(arena, process).unwrap_or(false)
    })
}

/// The value of [`VARIABLE`] for a process that is being made.
pub(crate) fn testament(
    arena: &Arena,
    reference: Ref<Process>,
    process: &Process,
    belongings: &[Belonging],
) -> OsString {
    let record = (arena.identity().1, reference.index(), process.generation.load());
    let mut text = format!("{:x}.{:x}.{:x}", record.0, record.1, record.2);
    for Belonging { object: Identity { object, generation }, number, nature } in belongings {
        let (object, Nature { device, inode, format, reads, writes }) = (object.index(), nature);
        let open = format | u32::from(*reads) | u32::from(*writes) << 1;
        text.push_str(&format!(";{object:x}.{generation:x}.{number:x}.{device:x}.{inode:x}.{open:x}"));
    }
    text.into()
}

/// What a process has from its parent.
pub(crate) struct Heritage {
    pub(crate) record: Ref<Process>,
    pub(crate) belongings: Vec<Belonging>,
}

/// The record that the calling process's parent has made for it in the arena, taken over. The caller holds the
/// directory's lock. Until it has a seat, [`super::children::bury_unborn`] sees to it that nothing is left of it.
pub(crate) fn take_over(arena: &Arena) -> Option<Heritage> {
    let testament = environment::variable(VARIABLE)?;
    let ([file, number, generation], belongings) = parse(&testament)?;
    if file != arena.identity().1 {
        return None;
    }
    let reference = Ref::from_index(u32::try_from(number).ok()?);
    let process: &Process = arena.get(reference).ok()?;
    // A program that the heir has started finds the variable too, and has another id, or the same one elsewhere.
    let own = identity::own_namespace();
    let is_own = id_of(process) == super::id() && (own == 0 || process.id_namespace.load() == own);
    if u64::from(process.generation.load()) != generation || !is_own {
        return None;
    }
    loop {
        let claim = process.claim.load();
        claim::parent(claim)?;
        if process.claim.compare_exchange(claim, claim::JOINING).is_ok() {
            process.id.store(super::id());
            return Some(Heritage { record: reference, belongings });
        }
    }
}

fn parse(testament: &OsStr) -> Option<([u64; 3], Vec<Belonging>)> {
    let text = core::str::from_utf8(testament.as_bytes()).ok()?;
    let mut parts = text.split(';');
    let record = numbers(parts.next()?)?;
    let belongings = parts.map(|part| {
        let [object, generation, number, device, inode, open] = numbers(part)?;
        let open = u32::try_from(open).ok()?;
        let nature = Nature { device, inode, format: open & !3, reads: open & 1 != 0, writes: open & 2 != 0 };
        let object = Identity {
            object: Ref::from_index(object.try_into().ok()?),
            generation: generation.try_into().ok()?,
        };
        Some(Belonging { object, number: number.try_into().ok()?, nature })
    });
    Some((record, belongings.collect::<Option<_>>()?))
}

fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let parts = text.split('.').map(|part| u64::from_str_radix(part, 16).ok());
    parts.collect::<Option<Vec<_>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birth_is_one_word() {
        let made = Birth::Made { id: 4_194_304 - 1, at_ms: 1 << 39 };
        for birth in [Birth::None, Birth::Expected(7), Birth::Expected(u32::MAX), made] {
            assert_eq!(Birth::from_word(birth.word()), birth);
        }
    }

    #[test]
    fn only_a_whole_testament_counts() {
        assert_eq!(parse(OsStr::new("1f.2.3")), Some(([0x1F, 2, 3], vec![])));
        let belonging = |object, generation, number, nature| {
            let object = Identity { object: Ref::from_index(object), generation };
            Belonging { object, number, nature }
        };
        let file =
            Nature { device: 0xFD00, inode: 1 << 40, format: libc::S_IFREG, reads: true, writes: true };
        let pipe = Nature { device: 14, inode: 7, format: libc::S_IFIFO, reads: false, writes: true };
        let two = parse(OsStr::new("1f.2.3;4.5.a.fd00.10000000000.8003;6.7.0.e.7.1002"));
        let expected = vec![belonging(4, 5, 10, file), belonging(6, 7, 0, pipe)];
        assert_eq!(two, Some(([0x1F, 2, 3], expected)));
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "x.2.3",
            "1.-2.3",
            "1..3",
            "1.2.3;",
            "1.2.3;4.5.6",
            "1.2.3;4.5.6.7.8.9.a",
            "1.2.3;4.5.80000000.7.8.9",
        ] {
            assert_eq!(parse(OsStr::new(text)), None, "{text}");
        }
    }

    /// A record on plain memory, as a parent prepares it.
    fn prepared(birth: Birth) -> &'static Process {
        let current = crate::context::attach_in_memory();
        let process: &Process =
            current.arena().get(super::super::claim_record(current.arena()).unwrap()).unwrap();
        process.id_namespace.store(identity::own_namespace());
        process.born.store(birth.word());
        process
    }

    #[test]
    #[cfg(not(miri))]
    fn a_process_that_started_later_is_another() {
        let id = super::super::id();
        let started = ProcessDescriptor::open(id).unwrap().started().unwrap();
        let is_alive = |at_ms| find(prepared(Birth::Made { id, at_ms })).is_some();
        assert!(is_alive(started) && is_alive(started + LONGEST_BIRTH_MS));
        // This one had not started when that was made, or long before.
        assert!(!is_alive(started - 1) && !is_alive(started + LONGEST_BIRTH_MS + 1));
    }

    /// The process with the same number here was taken for it, and killed where nobody could resume it.
    #[test]
    #[cfg(not(miri))]
    fn a_process_of_another_namespace_is_not_found_here() {
        let id = super::super::id();
        let started = ProcessDescriptor::open(id).unwrap().started().unwrap();
        let process = prepared(Birth::Made { id, at_ms: started });
        assert!(find(process).is_some());
        for namespace in [0, identity::own_namespace() + 1] {
            process.id_namespace.store(namespace);
            assert!(find(process).is_none());
        }
    }
}
