//! Standard handles: input, output and error.

use crate::access;
use crate::arena::descriptor;
use crate::arena::word::Guarded32;
use crate::context::{Current, current};
use crate::file;
use crate::handle::{self, Handle};
use crate::status::Result;

/// Set in the word of a handle that is known. Handles have zeros there.
const KNOWN: u32 = 1;

pub(crate) fn to_word(handle: Handle) -> u32 {
    handle.raw() as u32 | KNOWN
}

/// The handle that a word which is not 0 names.
pub(crate) fn from_word(word: u32) -> Handle {
    Handle::from_raw((word & !KNOWN) as i32 as isize)
}

/// A standard handle of the calling process: 0 for input, 1 for output, 2 for error. [`Handle::NULL`] if it has none.
///
/// It is what the parent or [`set`] said, whether or not it is a handle. Where nobody has said anything it is one to
/// the descriptor of this number, made when it is first asked for.
///
/// # Errors
/// [`Status::INSUFFICIENT_RESOURCES`](crate::Status::INSUFFICIENT_RESOURCES): there can be no more handles or
/// descriptors.
///
/// # References
/// - `docs/conformance.md`, 13.3
pub fn get(place: usize) -> Result<Handle> {
    let current = current()?;
    let word = &current.process().standard[place];
    let known = word.peek();
    if known != 0 {
        return Ok(from_word(known));
    }
    let made = match descriptor::duplicate(place as i32) {
        Some(descriptor) => file::adopt(descriptor, access::GENERIC_READ | access::GENERIC_WRITE, true)?,
        None => Handle::NULL,
    };
    let known = settle(&current, word, made);
    if known != Ok(made) && made != Handle::NULL {
        let _ = handle::close(made);
    }
    known
}

/// Says what a standard handle is, unless another thread was quicker. Returns what it is.
fn settle(current: &Current, word: &Guarded32, made: Handle) -> Result<Handle> {
    let mut lock = current.begin()?;
    match word.get(&lock) {
        0 => {
            word.set(&mut lock, to_word(made));
            lock.commit()?;
            Ok(made)
        }
        known => Ok(from_word(known)),
    }
}

/// Says what a standard handle of the calling process, and of children that it makes from now on, is.
///
/// # Errors
/// The process cannot attach.
pub fn set(place: usize, handle: Handle) -> Result<()> {
    let current = current()?;
    let mut lock = current.begin()?;
    current.process().standard[place].set(&mut lock, to_word(handle));
    lock.commit()
}

/// Has standard handles of the calling process be what the system has under their numbers: that is not what the parent
/// left there.
pub(crate) fn forget(current: &Current, places: &[usize]) -> Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let mut lock = current.begin()?;
    for place in places {
        current.process().standard[*place].set(&mut lock, 0);
    }
    lock.commit()
}
