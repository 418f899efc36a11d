//! Random work on named pipes: ends that do not wait, and overlapped reads that are cancelled.

use std::time::Duration;

use winipc_executive::io::{self, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, Server};
use winipc_executive::wait::{self, Outcome};
use winipc_executive::{Attributes, Handle, Result, Status, event, handle};

use super::Random;
use crate::support::{ALL, units};

const READ_WRITE: u32 = 0xC000_0000;
const NAMES: u64 = 3;
/// Most ends that a worker keeps.
const MOST_ENDS: usize = 6;
/// Longest message.
const LONGEST: u64 = 200;

/// The ends that a worker has.
#[derive(Default)]
pub(crate) struct Ends(Vec<End>);

#[derive(Clone, Copy)]
struct End {
    handle: Handle,
    is_server: bool,
    /// Calls may return before they are done; otherwise they do not wait.
    is_overlapped: bool,
}

/// As [`super::expect`], of calls that also fail once the other end has gone.
fn expect<T>(what: &str, result: Result<T>, also: &[Status]) -> Option<T> {
    const ENDED: &[Status] = &[
        Status::PIPE_BROKEN,
        Status::PIPE_CLOSING,
        Status::PIPE_DISCONNECTED,
        Status::PIPE_LISTENING,
        Status::INVALID_PIPE_STATE,
    ];
    super::expect(what, result, &[ENDED, also].concat())
}

impl Ends {
    /// Does something, and says how many messages it has read.
    pub(crate) fn step(&mut self, random: &mut Random) -> u64 {
        if self.0.is_empty() || random.is_one_in(6) {
            self.add(random);
        }
        if self.0.is_empty() {
            return 0;
        }
        let index = random.below(self.0.len() as u64) as usize;
        let end = self.0[index];
        match random.below(8) {
            0 if self.0.len() > MOST_ENDS || random.is_one_in(2) => {
                self.0.swap_remove(index);
                handle::close(end.handle).unwrap();
            }
            1 if end.is_server && !end.is_overlapped => {
                expect("listen", pipe::listen(end.handle, None), &[Status::PIPE_CONNECTED]);
            }
            2 if end.is_server => {
                expect("disconnect", pipe::disconnect(end.handle), &[]);
            }
            3 => {
                let mut bytes = [0; 10];
                expect("peek", pipe::peek(end.handle, &mut bytes), &[]);
            }
            4 | 5 if !end.is_overlapped => {
                let length = 1 + random.below(LONGEST);
                expect("write", io::write(end.handle, &vec![length as u8; length as usize], None), &[]);
            }
            _ => return u64::from(read(end, random)),
        }
        0
    }

    fn add(&mut self, random: &mut Random) {
        let name = units(&format!("pipe-{}", random.below(NAMES)));
        let is_server = random.is_one_in(2);
        let is_overlapped = random.is_one_in(3);
        let made = if is_server {
            let server = Server {
                overlapped: is_overlapped,
                nowait: !is_overlapped,
                max_instances: 4,
                default_timeout_ms: 1,
                ..Server::new(true, 300)
            };
            expect(
                "create",
                pipe::create(&name, &server).map(|made| made.0),
                &[Status::INSTANCE_NOT_AVAILABLE],
            )
        } else {
            let refusals = [Status::OBJECT_NAME_NOT_FOUND, Status::PIPE_NOT_AVAILABLE];
            let opened = expect("open", pipe::open(&name, READ_WRITE, is_overlapped, false), &refusals);
            if let Some(handle) = opened {
                expect("set mode", pipe::set_mode(handle, true, !is_overlapped), &[]);
            }
            opened
        };
        self.0.extend(made.map(|handle| End { handle, is_server, is_overlapped }));
    }
}

/// Reads a message, which must be whole, and one of those that are written. If none comes the read is cancelled.
fn read(end: End, random: &mut Random) -> bool {
    let mut bytes = [0; LONGEST as usize];
    // SAFETY: the buffer lives until the request is complete: the call returns then, or is waited for below.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
    let length = if end.is_overlapped {
        let (done, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
        let mut block = [0; 2];
        // SAFETY: as for the buffer.
        let report = unsafe { StatusBlock::new(&mut block) };
        let overlapped = Overlapped { block: report, event: Some(done), routine: None, no_packet: false };
        let started = expect("read", io::read(end.handle, buffer, Some(overlapped)), &[]);
        if started == Some(io::Outcome::Pending)
            && wait::one(done, Some(Duration::from_micros(random.below(500))), false) == Ok(Outcome::Timeout)
        {
            // It may have come meanwhile.
            let _ = io::cancel_requests(end.handle, Some(report.address()));
            assert_eq!(wait::one(done, None, false), Ok(Outcome::Object(0)));
        }
        handle::close(done).unwrap();
        match started {
            Some(_) if block[0] == Status::SUCCESS.0 as usize => block[1],
            _ => return false,
        }
    } else {
        match expect("read", io::read(end.handle, buffer, None), &[Status::PIPE_EMPTY]) {
            Some(io::Outcome::Done { information, .. }) => information,
            _ => return false,
        }
    };
    assert!(
        bytes[..length].iter().all(|byte| usize::from(*byte) == length),
        "a broken message of {length} bytes"
    );
    true
}
