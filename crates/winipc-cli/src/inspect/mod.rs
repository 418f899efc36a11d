//! `winipc objects` and `winipc check`: what is in a namespace, and whether it is whole.

mod check;
mod objects;

pub(crate) use check::{Arguments as CheckArguments, run as check};
pub(crate) use objects::{Arguments as ObjectsArguments, run as objects};
