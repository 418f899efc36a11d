//! Objects: how they are made, found by name, counted and given up.

use crate::arena::state::{self, WAITERS};
use crate::arena::{Ref, Txn};
use crate::context::Current;
use crate::handle::{self, Handle};
use crate::io::end;
use crate::name::{self, Name};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};
use crate::{access, death, mutex, section};

/// Whether a create call made a new object or found one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    /// The object is new.
    Created,
    /// An object of the same kind has the name; the creation parameters were ignored.
    Opened,
}

/// What a create call says about the handle to make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    /// The name as given to Win32, with an optional `Local\` or `Global\`; `None` or an empty one for no name.
    pub name: Option<&'a [u16]>,
    /// Whether children inherit the handle.
    pub inherit: bool,
}

/// Makes an object that nothing refers to yet. Its state word is claimed by the transaction.
pub(crate) fn allocate(lock: &mut Txn<'_>, kind: Kind, value: u32) -> Result<Ref<Object>> {
    let reference = lock.allocate::<Object>(kind.tag())?;
    let object = lock.arena().get(reference)?;
    let state = object.state.claim(lock);
    object.state.set(lock, state::with_value(state & !WAITERS, value));
    for word in [
        &object.limit,
        &object.handles,
        &object.references,
        &object.name,
        &object.first_waiter,
        &object.last_waiter,
    ] {
        word.set(lock, 0);
    }
    Ok(reference)
}

/// Counts a reference.
pub(crate) fn retain(lock: &mut Txn<'_>, object: &Object) {
    let references = object.references.get(lock);
    object.references.set(lock, references.wrapping_add(1));
}

/// Uncounts a reference. With the last one the object goes, unless a living thread owns it as a mutex: then it goes
/// when that thread gives it up or ends.
pub(crate) fn release(lock: &mut Txn<'_>, reference: Ref<Object>) -> Result<()> {
    let object = lock.arena().get(reference)?;
    let references = object.references.get(lock);
    if references == 0 {
        return Err(Status::ARENA_CORRUPT);
    }
    object.references.set(lock, references - 1);
    if references == 1 { collect(lock, reference, object) } else { Ok(()) }
}

/// Frees an object that nothing refers to.
pub(crate) fn collect(lock: &mut Txn<'_>, reference: Ref<Object>, object: &Object) -> Result<()> {
    let state = object.state.claim(lock);
    if object.head.tag.get(lock) == Kind::Mutex.tag() && mutex::is_owned(state) {
        return Ok(());
    }
    if [Kind::Pipe.tag(), Kind::File.tag()].contains(&object.head.tag.get(lock)) {
        end::gone(lock, object)?;
    }
    if object.head.tag.get(lock) == Kind::Section.tag() {
        return section::gone(lock, reference, object);
    }
    object.state.set(lock, state::next_generation(state));
    lock.free(reference)
}

/// Creates an object, or opens the one that has the name.
///
/// `make` sets up a new object's fields; parameters are to be checked before.
pub(crate) fn create(
    current: &Current,
    attributes: &Attributes<'_>,
    kind: Kind,
    desired: u32,
    make: impl FnOnce(&mut Txn<'static>) -> Result<Ref<Object>>,
) -> Result<(Handle, Disposition)> {
    let name = match attributes.name {
        Some(name) if !name.is_empty() => Some(Name::parse(name)?),
        _ => None,
    };
    if name.is_some() {
        death::bury_the_dead(current);
    }
    let mut lock = current.begin()?;
    if let Some(name) = &name
        && let Some(handle) = open_named(&mut lock, current, name, kind, desired, attributes.inherit)?
    {
        lock.commit()?;
        return Ok((handle, Disposition::Opened));
    }
    let access = access::grant_maker(kind, desired)?;
    let reference = make(&mut lock)?;
    if let Some(name) = &name {
        set_name(&mut lock, name, reference)?;
    }
    let handle = handle::insert(&mut lock, current.process(), reference, access, attributes.inherit)?;
    lock.commit()?;
    Ok((handle, Disposition::Created))
}

/// Opens the object that has a name.
///
/// # Errors
/// As [`event::open`](crate::event::open).
pub(crate) fn open(
    current: &Current,
    name: &[u16],
    kind: Kind,
    desired: u32,
    inherit: bool,
) -> Result<Handle> {
    if name.is_empty() {
        return Err(Status::INVALID_HANDLE);
    }
    let name = Name::parse(name)?;
    death::bury_the_dead(current);
    let mut lock = current.begin()?;
    let opened = open_named(&mut lock, current, &name, kind, desired, inherit)?;
    let handle = opened.ok_or(Status::OBJECT_NAME_NOT_FOUND)?;
    lock.commit()?;
    Ok(handle)
}

/// Opens the object that has a name, if there is one.
pub(crate) fn open_named(
    lock: &mut Txn<'static>,
    current: &Current,
    name: &Name<'_>,
    kind: Kind,
    desired: u32,
    inherit: bool,
) -> Result<Option<Handle>> {
    let Some(target) = name::find(lock, name)? else { return Ok(None) };
    let reference = existing(lock, target, kind)?;
    let access = access::grant(kind, desired)?;
    handle::insert(lock, current.process(), reference, access, inherit).map(Some)
}

/// Gives an object a name, of which the caller has seen that it is free.
pub(crate) fn set_name(lock: &mut Txn<'_>, name: &Name<'_>, reference: Ref<Object>) -> Result<()> {
    let block = name::insert(lock, name, reference.index())?;
    lock.arena().get(reference)?.name.set(lock, block.0);
    Ok(())
}

/// The object a name leads to, if it is of the right kind.
fn existing(lock: &Txn<'static>, target: u32, kind: Kind) -> Result<Ref<Object>> {
    let reference = Ref::from_index(target);
    let object: &Object = lock.arena().get(reference)?;
    if object.head.tag.get(lock) == kind.tag() { Ok(reference) } else { Err(Status::OBJECT_TYPE_MISMATCH) }
}
