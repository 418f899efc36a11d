//! Windows inter-process communication, native on Linux and safe on Windows.
//!
//! Events, mutexes, semaphores, waitable timers, processes, named and anonymous pipes, mailslots and shared memory,
//! with Windows semantics down to the error code, between processes. On Linux they live in shared memory, and there is
//! no daemon; on Windows the same source is a safe interface to the system's own objects.
//!
//! | to | use |
//! | --- | --- |
//! | tell others that something happened | [`Event`] |
//! | let one in at a time, and learn that the last one died | [`Mutex`] |
//! | let a number in at a time | [`Semaphore`] |
//! | be woken at a time | [`WaitableTimer`] |
//! | share a value, or memory | [`section`] |
//! | start a program, and have it inherit handles | [`Command`], [`inherited_handle`] |
//! | wait for the end of a process | [`Process`] |
//! | wait for any or all of these | [`wait_any`], [`wait_all`], [`Waitable`] |
//! | receive messages from any number of senders | [`Mailslot`], [`MailslotClient`] |
//! | exchange bytes or messages | [`ServerOptions`], [`ClientOptions`] |
//! | give a child a stream of bytes | [`anonymous_pipe()`] |
//! | have several reads and writes under way | [`overlapped`] |
//! | run a closure on another thread while it waits | [`Thread::queue_apc`] |
//! | call the Win32 functions themselves | [`sys`] |
//!
//! # Names
//!
//! Events, mutexes, semaphores, timers and sections share one case-sensitive namespace. A name without a prefix, or
//! with `Local\`, belongs to the session; `Global\` to the machine (on Linux to the user: see `docs/limits.md`). Names
//! of pipes have the form `\\.\pipe\name`, those of mailslots `\\.\mailslot\name`; both ignore case. A name and its
//! object last as long as a handle to the object is open in any process, however the others ended.
//!
//! # Errors
//!
//! Every failure is a [`Win32Error`], the number that Windows reports. The `# Errors` sections name the numbers that a
//! caller is likely to meet.
//!
//! # Examples
//!
//! ```
//! use std::thread;
//! use winipc::{ClientOptions, PipeMode, ServerOptions};
//!
//! let name = format!(r"\\.\pipe\winipc-doc-{}", std::process::id());
//! let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name)?;
//!
//! let client = thread::spawn(move || {
//!     let pipe = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name)?;
//!     let mut answer = Vec::new();
//!     pipe.send(b"how are you?")?;
//!     pipe.read_message(&mut answer)?;
//!     winipc::Result::Ok(answer)
//! });
//!
//! server.connect()?;
//! let mut question = Vec::new();
//! server.read_message(&mut question)?;
//! assert_eq!(question, b"how are you?");
//! server.send(b"fine")?;
//! assert_eq!(client.join().unwrap()?, b"fine");
//! # Ok::<(), winipc::Win32Error>(())
//! ```

#![deny(unsafe_code)]

mod anonymous_pipe;
mod command;
mod disposition;
mod error;
mod event;
mod handle;
mod mailslot;
mod mutex;
mod named;
pub mod overlapped;
mod pipe;
mod process;
pub mod section;
mod semaphore;
mod stdio;
#[allow(unsafe_code)]
pub mod sys;
mod thread;
mod timeout;
mod timer;
mod wait;

pub use anonymous_pipe::{AnonymousPipeOptions, PipeReader, PipeWriter, anonymous_pipe};
pub use command::{Child, Command, inherited_handle};
pub use disposition::Disposition;
pub use error::{Result, Win32Error};
pub use event::{Event, EventOptions};
pub use handle::AsHandle;
pub use mailslot::{Mailslot, MailslotClient, MailslotInfo, MailslotOptions};
pub use mutex::{LockError, LockResult, Mutex, MutexGuard, MutexOptions};
pub use pipe::{
    ClientOptions, Peeked, PipeClient, PipeEnd, PipeInfo, PipeMode, PipeServer, PipeState, PipeTimeout,
    Received, ServerOptions, UNLIMITED_INSTANCES, call_named_pipe, wait_named_pipe,
};
pub use process::Process;
pub use semaphore::{Semaphore, SemaphoreOptions};
pub use stdio::Stdio;
pub use sys::owned_handle::{BorrowedHandle, OwnedHandle};
pub use thread::Thread;
pub use timer::{Due, TimerRoutine, WaitableTimer, WaitableTimerOptions};
pub use wait::{
    MAXIMUM_WAIT_OBJECTS, WaitResult, Waitable, signal_and_wait, signal_and_wait_alertable, sleep_alertable,
    wait_all, wait_all_alertable, wait_any, wait_any_alertable,
};

/// The example in the README is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
