//! What the ends of a pipe exchange.

mod peek;
mod read;
mod transact;
mod write;

pub use peek::{Peek, peek};
pub(crate) use read::read;
pub use transact::transact;
pub(crate) use write::{flush, write};
