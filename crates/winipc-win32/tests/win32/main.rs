//! Argument rules and last-error behaviour of the functions.

#[macro_use]
mod common;
mod handles;
mod mailslots;
mod objects;
mod overlapped;
mod pipes;
mod processes;
mod transfers;
mod waits;
