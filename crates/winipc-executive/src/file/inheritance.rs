//! Descriptors that children inherit with their handles.
//!
//! A child has a descriptor under the number that its parent has it under, and finds in its testament
//! ([`crate::process::heritage`]) which object it belongs to, and what it is: under the number there may be something
//! else by then. What became its standard input, output or error is there only: a program that knows nothing of handles
//! closes it by closing that.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::exchange::Identity;
use super::table::descriptor;
use crate::arena::Ref;
use crate::arena::descriptor::{Nature, duplicate, inherited, nature, null};
use crate::context::{Context, Current};
use crate::handle::{Found, Handle, look_up};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};

/// An object with a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Belonging {
    pub(crate) object: Identity,
    pub(crate) number: RawFd,
    pub(crate) nature: Nature,
}

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
/// handles, and its standard ones, where they are not the caller's. What is none of a file's, or not inherited, stands
/// for nothing.
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
            Some((object, descriptor)) => {
                // The caller's own need not be inherited: then the child has no handle that it could belong to.
                if objects.contains(&object.object.index()) {
                    placed.insert(object.object.index());
                    bequest.leave(object, place as RawFd, &descriptor)?;
                }
                let number = descriptor.as_raw_fd();
                bequest.kept.push(descriptor);
                number
            }
            None => bequest.null()?,
        });
    }
    for object in objects.iter().filter(|object| !placed.contains(object)) {
        if let Some((object, descriptor)) = of(current, Ref::from_index(*object)) {
            // Under 0, 1 or 2, which a program may have closed, the child has its standard ones.
            let descriptor = match descriptor.as_raw_fd() {
                standard if standard < 3 => {
                    Arc::new(duplicate(standard).ok_or(Status::TOO_MANY_OPENED_FILES)?)
                }
                _ => descriptor,
            };
            bequest.inherited.push(descriptor.as_raw_fd());
            bequest.leave(object, descriptor.as_raw_fd(), &descriptor)?;
            bequest.kept.push(descriptor);
        }
    }
    Ok(bequest)
}

impl Bequest {
    /// Says what the child has under a number.
    fn leave(&mut self, object: Identity, number: RawFd, descriptor: &OwnedFd) -> Result<()> {
        let nature = nature(descriptor.as_fd()).map_err(|error| super::status_of(&error))?;
        self.belongings.push(Belonging { object, number, nature });
        Ok(())
    }

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
fn of(current: &Current, reference: Ref<Object>) -> Option<(Identity, Arc<OwnedFd>)> {
    let object: &'static Object = current.arena().get(reference).ok()?;
    let found = Found { reference, object, state: object.state.load(), access: u32::MAX };
    Some((Identity::of_found(&found), descriptor(current, &found).ok()?))
}

/// Enters the descriptors that the calling process has from its parent. Returns which standard streams are not what the
/// parent left: somebody has redirected them.
pub(crate) fn take_over(context: &Context, belongings: &[Belonging]) -> Vec<usize> {
    let mut redirected = Vec::new();
    for Belonging { object, number, nature } in belongings {
        match inherited(*number, nature) {
            Some(descriptor) => drop(context.files.keep(*object, descriptor)),
            None => redirected.extend(usize::try_from(*number).ok().filter(|place| *place < 3)),
        }
    }
    redirected
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::context::attach_in_memory;
    use crate::{file, process};

    /// The child was told of an object to which it has no handle, and made a descriptor for it that nothing closed.
    #[test]
    fn a_child_is_told_only_of_descriptors_to_which_it_has_a_handle() {
        let current = attach_in_memory();
        let (reader, _) = file::create_pipe(0, false).unwrap();
        let object = look_up(&current, reader).unwrap().reference.index();
        process::standard::set(0, reader).unwrap();
        let bequest = bequeath(&current, &BTreeSet::new(), None).unwrap();
        assert!(bequest.standard[0].is_some() && bequest.belongings.is_empty());
        let bequest = bequeath(&current, &BTreeSet::from([object]), None).unwrap();
        let [belonging] = bequest.belongings[..] else { panic!("{:?}", bequest.belongings) };
        assert_eq!((belonging.object.object.index(), belonging.number), (object, 0));
    }
}
