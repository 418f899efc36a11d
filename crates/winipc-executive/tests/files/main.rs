//! Files: anonymous pipes over the kernel's, in one process and between several.

#[macro_use]
#[path = "../support/roles.rs"]
mod declaration;
mod descriptors;
mod exchange;
#[path = "../support/mod.rs"]
mod support;

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use support::{PROCESS_ALL, Page, State, fork, pipe_descriptors, until};
use winipc_executive::file::{Creation, Opening};
use winipc_executive::handle::Duplicate;
use winipc_executive::inspect::{self, Call};
use winipc_executive::io::{self, Outcome, ReadBuffer};
use winipc_executive::{Handle, Kind, Result, Status, file, handle, namespace, process};

const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };

fn read(file: Handle) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 100];
    // SAFETY: the buffer outlives the call, which returns when the read is complete.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    match io::read(file, buffer, None)? {
        Outcome::Done { information, .. } => {
            bytes.truncate(information);
            Ok(bytes)
        }
        Outcome::Pending => panic!("a blocking read is never pending"),
    }
}

fn write(file: Handle, data: &[u8]) -> Result<()> {
    io::write(file, data, None).map(|_| ())
}

roles! {
    no_signal_comes_where_nobody_reads,
    a_pending_signal_of_the_callers_stays,
    descriptors_go_with_the_last_handle,
    a_file_that_is_being_read_stays_open,
    programs_that_are_executed_get_no_descriptor,
    a_forked_child_that_joins_holds_no_pipe,
    a_sleeping_process_is_given_and_loses_a_descriptor,
    a_killed_process_leaves_no_socket,
    a_stopped_process_is_given_its_descriptor_when_it_goes_on,
    a_descriptor_without_handle_is_closed,
    a_handle_without_descriptor_says_so,
    a_child_that_joins_later_fetches_its_descriptor,
    a_stopped_process_keeps_nobody_from_a_descriptor_that_others_have,
    many_descriptors_arrive,
    the_listing_shows_files_and_who_reads,
    adopted_descriptors_are_what_they_are,
    a_link_to_nothing_is_no_file,
}

/// The first handle of a process.
const FIRST: Handle = Handle::from_raw(4);

/// What a child does that is given a handle before it has begun.
#[test]
#[ignore = "a role that another test starts"]
fn joins_late() {
    write(FIRST, b"late").unwrap();
    handle::close(FIRST).unwrap();
}

/// What the tests do, each in a process of its own.
mod roles {
    pub(crate) use crate::descriptors::*;
    pub(crate) use crate::exchange::*;
}
