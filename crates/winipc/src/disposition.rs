//! Whether an object was there before.

/// What a call that creates an object, or opens the one that has its name already, has done.
///
/// On Windows the last error tells: `ERROR_ALREADY_EXISTS` after a success means opened.
///
/// # Examples
///
/// ```
/// use winipc::{Disposition, EventOptions};
///
/// let mut options = EventOptions::new();
/// options.name(format!("winipc-doc-disposition-{}", std::process::id()));
/// let first = options.create()?;
/// let second = options.create()?;
/// assert_eq!(first.disposition(), Disposition::Created);
/// assert_eq!(second.disposition(), Disposition::Opened);
/// # Ok::<(), winipc::Win32Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// The object is new.
    Created,
    /// The object existed. What the call asked for (initial state, counts, kind of reset) was ignored, except
    /// for the inheritance of the handle.
    Opened,
}
