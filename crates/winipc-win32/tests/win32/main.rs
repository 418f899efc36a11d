//! Argument rules and last-error behaviour of the functions.
//!
//! Every function is unsafe for its pointers. Here they are NULL, or to live values and strings that end in a zero,
//! except where the rule under test says that one is refused before use.
#![allow(clippy::undocumented_unsafe_blocks)]

#[macro_use]
mod common;
mod handles;
mod objects;
mod overlapped;
mod pipes;
mod transfers;
mod waits;
