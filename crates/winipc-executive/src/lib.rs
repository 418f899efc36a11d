//! The object model of winipc: a small NT executive as a library.
//!
//! Every process that uses it maps one shared arena and runs the same code over it. There is no server: the kernel
//! supplies memory, futexes and news of death. This crate speaks plain Rust and NT status codes; the names, structures
//! and error numbers of Win32 are in `winipc-win32`, the safe interface for programs in `winipc`.
//!
//! # Modules
//! Each kind of object has a module with the calls on it: [`event`], [`mutex`], [`semaphore`], [`timer`], [`process`],
//! [`thread`], [`pipe`], [`mod@file`], [`mailslot`], [`section`]. What is common to all is in [`handle`], [`wait`],
//! [`apc`] and [`io`].

#![deny(unsafe_code)]
// The crate is internal, and its documentation is made with its private items.
#![allow(rustdoc::private_intra_doc_links)]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "winipc-executive runs on Linux 5.16 or later on x86-64 and aarch64 (on Windows use the crate winipc)"
);
#[cfg(not(any(target_env = "gnu", target_env = "musl")))]
compile_error!("winipc-executive knows the robust mutexes of glibc and musl only");

mod access;
pub mod apc;
mod arena;
mod channel;
mod context;
mod death;
mod dispatcher;
pub mod event;
pub mod file;
pub mod handle;
pub mod inspect;
pub mod io;
mod keeper;
pub mod mailslot;
pub mod mutex;
mod name;
pub mod namespace;
mod object;
pub mod pipe;
pub mod process;
mod quota;
mod records;
#[cfg(test)]
mod regressions;
mod routines;
pub mod section;
pub mod semaphore;
mod spin;
mod status;
pub mod thread;
pub mod timer;
pub mod wait;

#[cfg(feature = "crash-points")]
pub use arena::crash;
pub use handle::Handle;
pub use object::{Attributes, Disposition};
pub use records::Kind;
pub use status::{Result, Status};
