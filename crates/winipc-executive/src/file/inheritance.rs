//! Descriptors that children inherit with their handles.
//!
//! A child has a descriptor under the number that its parent has it under, and finds in its testament
//! ([`crate::process::heritage`]) which object it belongs to. What became its standard input, output or error is there
//! only: a program that knows nothing of handles closes it by closing that.

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::table::descriptor;
use crate::arena::Ref;
use crate::arena::descriptor::{inherited, null};
use crate::arena::state::generation_of;
use crate::context::{Context, Current};
use crate::handle::{Found, Handle, look_up};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};

/// An object with a descriptor: its number, its generation, and the descriptor's number.
pub(crate) type Belonging = (u32, u32, RawFd);

/// The descriptors that a child is to have. They stay open until this is dropped.
#[derive(Default)]
pub(crate) struct Bequest {
    kept: Vec<Arc<OwnedFd>>,
    null: Option<OwnedFd>,
    /// What becomes descriptors 0, 1 and 2.
    pub(crate) standard: [Option<RawFd>; 3],
    /// Those that it has under their own numbers.
    pub(crate) inherited: Vec<RawFd>,
    /// Which objects they belong to.
    pub(crate) belongings: Vec<Belonging>,
}

/// Collects what a child is to have of the calling process: the descriptors behind the objects to which it inherits
/// handles, and its standard ones, where they are not the caller's. What is none of a file's, or not inherited, stands for
/// nothing.
///
/// # Errors
/// There can be no more descriptors.
pub(crate) fn bequeath(
    current: &Current,
    objects: &BTreeSet<u32>,
    standard: Option<[Handle; 3]>,
) -> Result<Bequest> {
    let mut bequest = Bequest::default();
    let mut placed = BTreeSet::new();
    for place in 0..3 {
        let file = match standard {
            Some(handles) => file_behind(current, handles[place]).filter(|file| objects.contains(file)),
            None => match current.process().standard[place].peek() {
                0 => continue, // what the system has there is the caller's own
                word => file_behind(current, crate::process::standard_from_word(word)),
            },
        };
        let own = file.and_then(|file| of(current, Ref::from_index(file)));
        bequest.standard[place] = Some(match own {
            Some((object, generation, descriptor)) => {
                // The caller's own need not be inherited: then the child has no handle that it could belong to.
                if objects.contains(&object) && placed.insert(object) {
                    bequest.belongings.push((object, generation, place as RawFd));
                }
                let number = descriptor.as_raw_fd();
                bequest.kept.push(descriptor);
                number
            }
            None => bequest.null()?,
        });
    }
    for object in objects.iter().filter(|object| !placed.contains(object)) {
        if let Some((object, generation, descriptor)) = of(current, Ref::from_index(*object)) {
            // Under 0, 1 or 2, which a program may have closed, the child has its standard ones.
            let descriptor = match descriptor.as_raw_fd() {
                standard if standard < 3 => {
                    Arc::new(inherited(standard).ok_or(Status::TOO_MANY_OPENED_FILES)?)
                }
                _ => descriptor,
            };
            bequest.inherited.push(descriptor.as_raw_fd());
            bequest.belongings.push((object, generation, descriptor.as_raw_fd()));
            bequest.kept.push(descriptor);
        }
    }
    Ok(bequest)
}

impl Bequest {
    fn null(&mut self) -> Result<RawFd> {
        if self.null.is_none() {
            self.null = Some(null().map_err(|error| super::status_of(&error))?);
        }
        Ok(self.null.as_ref().map_or(-1, |null| null.as_raw_fd()))
    }
}

/// The object that a handle of the calling process names, if it stands for a descriptor.
fn file_behind(current: &Current, handle: Handle) -> Option<u32> {
    let found = look_up(current, handle).ok()?.require(Kind::File, 0).ok()?;
    Some(found.reference.index())
}

/// The calling process's descriptor for an object.
fn of(current: &Current, reference: Ref<Object>) -> Option<(u32, u32, Arc<OwnedFd>)> {
    let object: &'static Object = current.arena().get(reference).ok()?;
    let state = object.state.load();
    let found = Found { reference, object, state, access: u32::MAX };
    Some((reference.index(), generation_of(state), descriptor(current, &found).ok()?))
}

/// Enters the descriptors that the calling process has from its parent.
pub(crate) fn take_over(context: &Context, belongings: &[Belonging]) {
    for &(object, generation, number) in belongings {
        if let Some(descriptor) = inherited(number) {
            drop(context.files.keep(Ref::from_index(object), generation, descriptor));
        }
    }
}
