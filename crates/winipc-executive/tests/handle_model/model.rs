//! Handles, names and objects as sections 1 to 3 of `docs/conformance.md` describe them, in the simplest words.
//!
//! There are two processes: the calling one, and a neighbour whose handle table the calling one writes to.

use std::collections::BTreeMap;

use winipc_executive::handle::Flags;
use winipc_executive::{Handle, Kind, Result, Status};

pub(crate) const SYNCHRONIZE: u32 = 0x10_0000;
pub(crate) const MODIFY_STATE: u32 = 2;
pub(crate) const DUPLICATE_HANDLE: u32 = 0x40;
const MAXIMUM_ALLOWED: u32 = 0x200_0000;
const SYSTEM_SECURITY: u32 = 0x100_0000;

/// What an object's signal is, as far as the calling thread sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Event { manual: bool, set: bool },
    Mutex { taken: u32 },
    Semaphore(i32),
    Never,
}

pub(crate) struct Object {
    pub(crate) kind: Kind,
    pub(crate) name: Option<String>,
    pub(crate) signal: Signal,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) object: usize,
    pub(crate) access: u32,
    pub(crate) flags: Flags,
}

pub(crate) const OWN: usize = 0;
pub(crate) const NEIGHBOUR: usize = 1;
/// Objects that are there from the beginning: the two processes, and the calling thread.
pub(crate) const THREAD: usize = 2;

pub(crate) struct Model {
    /// Goes before every name, so that runs do not meet.
    pub(crate) run: String,
    pub(crate) objects: Vec<Object>,
    /// The handle table of each process.
    pub(crate) tables: [BTreeMap<isize, Entry>; 2],
    /// Every value that was a handle, of either process.
    pub(crate) values: Vec<Handle>,
}

pub(crate) fn all(kind: Kind) -> u32 {
    match kind {
        Kind::Mutex => 0x1F_0001,
        Kind::Process | Kind::Thread => 0x1F_FFFF,
        _ => 0x1F_0003,
    }
}

/// Some access to ask for.
pub(crate) fn desired(kind: Kind, number: u8) -> u32 {
    [all(kind), all(kind), SYNCHRONIZE, MODIFY_STATE, DUPLICATE_HANDLE, 0, MAXIMUM_ALLOWED, SYSTEM_SECURITY]
        [usize::from(number % 8)]
}

pub(crate) fn granted(kind: Kind, desired: u32) -> Result<u32> {
    match desired {
        SYSTEM_SECURITY => Err(Status::PRIVILEGE_NOT_HELD),
        MAXIMUM_ALLOWED => Ok(all(kind)),
        0 => Err(Status::ACCESS_DENIED),
        access if access & !all(kind) != 0 => Err(Status::ACCESS_DENIED),
        access => Ok(access),
    }
}

pub(crate) fn key(handle: Handle) -> isize {
    handle.raw() & !3
}

impl Model {
    /// A handle: one that is or was one in either process, with any low bits, or a value that never is.
    pub(crate) fn pick(&self, number: u8) -> Handle {
        let odd = [0, -1, -2, -3, -4, -6, 3, 0x7FFF_FFFC, 0x1000_0000, i32::MIN as isize, -0x1000];
        match number.checked_sub(208) {
            None if !self.values.is_empty() => {
                let value = self.values[usize::from(number) % self.values.len()].raw();
                Handle::from_raw(value | isize::from(number % 5 % 4))
            }
            None => Handle::NULL,
            Some(rest) => Handle::from_raw(odd[usize::from(rest) % odd.len()]),
        }
    }

    /// The name with a number, and what it is found by.
    pub(crate) fn name(&self, number: u8) -> (Option<Vec<u16>>, Result<Option<String>>) {
        let run = &self.run;
        let (text, found_by) = match number % 10 {
            0 => return (None, Ok(None)),
            1 => (String::new(), Ok(None)),
            2 => (format!("{run}a"), Ok(Some(format!("{run}a")))),
            3 => (format!("Local\\{run}a"), Ok(Some(format!("{run}a")))),
            4 => (format!("{run}A"), Ok(Some(format!("{run}A")))),
            5 => (format!("Global\\{run}a"), Ok(Some(format!("Global\\{run}a")))),
            6 => (format!("local\\{run}a"), Err(Status::OBJECT_PATH_NOT_FOUND)),
            7 => (format!("{run}\\a"), Err(Status::OBJECT_PATH_NOT_FOUND)),
            8 => (format!("{run}b"), Ok(Some(format!("{run}b")))),
            _ => (format!("Global\\{run}b"), Ok(Some(format!("Global\\{run}b")))),
        };
        (Some(text.encode_utf16().collect()), found_by)
    }

    /// The object with a name, if it is of the right kind.
    pub(crate) fn named(&self, name: &str, kind: Kind) -> Result<usize> {
        let is_open = |object: usize| {
            self.tables.iter().flat_map(|table| table.values()).any(|entry| entry.object == object)
        };
        let has_name = |object: &usize| self.objects[*object].name.as_deref() == Some(name);
        let mut found = (0..self.objects.len()).filter(|object| has_name(object) && is_open(*object));
        let object = found.next().ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
        assert_eq!(found.next(), None, "the model has a name twice");
        if self.objects[object].kind == kind { Ok(object) } else { Err(Status::OBJECT_TYPE_MISMATCH) }
    }

    /// A handle in a table, which a pseudo-handle is not.
    pub(crate) fn entry(&self, table: usize, handle: Handle) -> Result<Entry> {
        self.tables[table].get(&key(handle)).copied().ok_or(Status::INVALID_HANDLE)
    }

    /// A handle of the calling process or a pseudo-handle.
    pub(crate) fn resolved(&self, handle: Handle) -> Result<Entry> {
        let flags = Flags { inherit: false, protect_from_close: false };
        match handle {
            Handle::CURRENT_PROCESS => Ok(Entry { object: OWN, access: all(Kind::Process), flags }),
            Handle::CURRENT_THREAD => Ok(Entry { object: THREAD, access: all(Kind::Thread), flags }),
            _ => self.entry(OWN, handle),
        }
    }

    pub(crate) fn insert(&mut self, table: usize, handle: Handle, object: usize, access: u32, inherit: bool) {
        assert!(handle.raw() > 0 && handle.raw() % 4 == 0, "{handle:?}");
        let flags = Flags { inherit, protect_from_close: false };
        let before = self.tables[table].insert(handle.raw(), Entry { object, access, flags });
        assert!(before.is_none(), "{handle:?} is given out twice");
        if !self.values.contains(&handle) {
            self.values.push(handle);
        }
    }

    pub(crate) fn close(&mut self, table: usize, handle: Handle) -> Result<()> {
        if self.entry(table, handle)?.flags.protect_from_close {
            return Err(Status::HANDLE_NOT_CLOSABLE);
        }
        self.tables[table].remove(&key(handle));
        Ok(())
    }

    /// The process behind a handle, to duplicate from or to.
    pub(crate) fn process(&self, handle: Handle) -> Result<usize> {
        if handle == Handle::CURRENT_PROCESS {
            return Ok(OWN);
        }
        let entry = self.entry(OWN, handle)?;
        match self.objects[entry.object].kind {
            Kind::Process if entry.access & DUPLICATE_HANDLE == 0 => Err(Status::ACCESS_DENIED),
            Kind::Process => Ok(entry.object),
            _ => Err(Status::OBJECT_TYPE_MISMATCH),
        }
    }

    /// The table, object and rights of a duplicate.
    pub(crate) fn copied(
        &self,
        from: usize,
        source: Handle,
        to: Handle,
        access: Option<u32>,
    ) -> Result<(usize, usize, u32)> {
        let to = self.process(to)?;
        let (object, granted) = match source {
            Handle::CURRENT_PROCESS => (from, all(Kind::Process)),
            Handle::CURRENT_THREAD if from == OWN => (THREAD, all(Kind::Thread)),
            _ => self.entry(from, source).map(|entry| (entry.object, entry.access))?,
        };
        match access {
            None => Ok((to, object, granted)),
            Some(access) if access & !all(self.objects[object].kind) != 0 => Err(Status::ACCESS_DENIED),
            Some(access) => Ok((to, object, access)),
        }
    }

    /// A handle of the calling process to an object of a kind, with a right.
    pub(crate) fn required(&mut self, handle: Handle, kind: Kind, access: u32) -> Result<&mut Signal> {
        let entry = self.entry(OWN, handle)?;
        if self.objects[entry.object].kind != kind {
            return Err(Status::OBJECT_TYPE_MISMATCH);
        }
        if entry.access & access != access {
            return Err(Status::ACCESS_DENIED);
        }
        Ok(&mut self.objects[entry.object].signal)
    }

    pub(crate) fn is_signaled(&self, object: usize) -> bool {
        match self.objects[object].signal {
            Signal::Event { set, .. } => set,
            Signal::Mutex { .. } => true, // nobody's, or the caller's
            Signal::Semaphore(count) => count > 0,
            Signal::Never => false,
        }
    }

    /// What a satisfied wait does.
    pub(crate) fn take(&mut self, object: usize) {
        match &mut self.objects[object].signal {
            Signal::Event { manual, set } => *set = *manual,
            Signal::Mutex { taken } => *taken += 1,
            Signal::Semaphore(count) => *count -= 1,
            Signal::Never => unreachable!("it is not signaled"),
        }
    }

    /// An object that can be waited for through a handle.
    pub(crate) fn waitable(entry: Result<Entry>) -> Result<usize> {
        let entry = entry?;
        if entry.access & SYNCHRONIZE != 0 { Ok(entry.object) } else { Err(Status::ACCESS_DENIED) }
    }
}
