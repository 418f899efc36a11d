//! Bad input: arguments, directories, systems and arenas that are not as they should be. The result is a clear error.

mod arguments;
mod child;
mod directory;
mod everything;
mod forked;
mod memory;
mod noise;
#[path = "../support/omission.rs"]
mod omission;
mod place;
mod system;
