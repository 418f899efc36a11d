//! The conformance suite: what Windows promises of events, mutexes, semaphores, timers, processes, waits and
//! pipes and mailslots, one small test a rule, against the Win32 functions of `winipc::sys`.
//!
//! It runs natively over winipc and as a Windows program. A test's doc comment begins with the number of the
//! section and the rule it pins; `docs/conformance.md` is made from these comments by
//! `conformance --statements` and checked by a test. Known faults of Wine are in `wine.rs`.
#![deny(dead_code)]

mod harness;
mod standard_handles;
mod statements;
mod support;
mod sys;
mod wine;

mod access;
mod anonymous_pipe_sharing;
mod anonymous_pipe_transfer;
mod anonymous_pipes;
mod apcs;
mod cancelling;
mod children;
mod completion_routines;
mod contention;
mod disk_file_transfer;
mod disk_files;
mod duplication;
mod events;
mod file_waits;
mod handles;
mod inheritance;
mod last_error;
mod lifetime;
mod mailslot_messages;
mod mailslot_waiting;
mod mailslots;
mod mutexes;
mod names;
mod overlapped;
mod pipe_closing;
mod pipe_creation;
mod pipe_information;
mod pipe_nowait;
mod pipe_opening;
mod pipe_peeking;
mod pipe_reading;
mod pipe_states;
mod pipe_transactions;
mod pipe_writing;
mod processes;
mod section_creation;
mod section_files;
mod section_views;
mod semaphores;
mod signal_and_wait;
mod threads;
mod timers;
mod waits;

/// Lists the tests of a module; those after `alone:` get a process of their own.
macro_rules! tests {
    ($($name:ident),* $(,)? $(; alone: $($alone:ident),* $(,)?)?) => {
        pub(crate) const TESTS: &[$crate::harness::Test] = &[
            $($crate::harness::Test { name: stringify!($name), run: $name, alone: false },)*
            $($($crate::harness::Test { name: stringify!($alone), run: $alone, alone: true },)*)?
        ];
    };
}
use tests;

/// Lists the modules with tests, their sources and what they are about.
macro_rules! modules {
    ($($module:ident: $title:literal),* $(,)?) => {
        const MODULES: &[harness::Module] = &[$(harness::Module {
            name: stringify!($module),
            title: $title,
            tests: $module::TESTS,
            source: include_str!(concat!(stringify!($module), ".rs")),
        }),*];
    };
}

modules! {
    handles: "Handle values (1.1)",
    last_error: "Last error (1.2)",
    names: "Names (1.3)",
    access: "Access rights (1.4)",
    lifetime: "Lifetime (1.5)",
    duplication: "Inheritance flag and duplication (1.6)",
    waits: "Waits (2.1 to 2.3)",
    apcs: "Alertable waits (2.4)",
    file_waits: "Pipes as waitables (2.5)",
    signal_and_wait: "SignalObjectAndWait (2.6)",
    events: "Events (3.1)",
    mutexes: "Mutexes (3.2)",
    semaphores: "Semaphores (3.3)",
    timers: "Waitable timers (3.4)",
    anonymous_pipes: "Anonymous pipes (4)",
    anonymous_pipe_transfer: "Anonymous pipes: reading and writing (4)",
    anonymous_pipe_sharing: "Anonymous pipes in several processes (1.6)",
    disk_files: "Files on disk: opening",
    disk_file_transfer: "Files on disk: reading and writing",
    pipe_creation: "Creating a named pipe (5.1)",
    pipe_opening: "Opening the client end (5.2)",
    pipe_states: "States of an instance (5.3)",
    pipe_closing: "Closing and disconnecting (5.3)",
    pipe_nowait: "Pipes that do not wait (5.4)",
    pipe_reading: "Reading (5.5)",
    pipe_peeking: "Peeking (5.6)",
    pipe_writing: "Writing, quota, flushing, end of a process (5.7, 5.8, 5.13)",
    pipe_transactions: "Transactions and waiting (5.9, 5.10)",
    pipe_information: "Information about pipes (5.11)",
    mailslots: "Mailslots (6)",
    mailslot_messages: "Messages of mailslots (6)",
    mailslot_waiting: "Waiting for messages of mailslots (6.1, 7)",
    overlapped: "Overlapped I/O (7.1)",
    cancelling: "Results and cancelling (7.2)",
    completion_routines: "Completion routines (7.3)",
    section_creation: "Sections: creating and opening (8.1, 8.2)",
    section_files: "Sections: files on disk (8.1, 8.3, 8.4)",
    section_views: "Sections: views (8.3, 8.4)",
    processes: "Processes and threads (13.1, 13.2)",
    children: "Children (13.2, 13.3)",
    inheritance: "What children inherit (1.5, 1.6)",
    standard_handles: "Standard handles (13.3)",
    threads: "Making threads (2.4, 13.4)",
    contention: "Several threads and processes at once",
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some(support::child::ROLE) => support::commands::run(),
        Some(support::child::SCRIPT) => support::commands::run_script(),
        Some(support::child::ARGUMENTS) => support::commands::check_arguments(),
        Some("--statements") => print!("{}", statements::markdown()),
        _ => harness::run(),
    }
}
