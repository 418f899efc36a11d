//! The operations, and which states each may leave.

pub(crate) mod anonymous_pipes;
pub(crate) mod connections;
pub(crate) mod descriptors;
pub(crate) mod mailslots;
pub(crate) mod objects;
pub(crate) mod pipes;
pub(crate) mod processes;
pub(crate) mod sections;
pub(crate) mod signals;
pub(crate) mod transfers;
pub(crate) mod waits;
