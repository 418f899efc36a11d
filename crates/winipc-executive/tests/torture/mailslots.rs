//! Random work on mailslots: many who write, reads with time-outs, overlapped reads that are cancelled, slots that come
//! and go.

use std::time::Duration;

use winipc_executive::io::{self, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::mailslot::{self, Server};
use winipc_executive::wait::{self, Outcome};
use winipc_executive::{Attributes, Handle, Status, event, handle};

use super::{Random, expect};
use crate::support::{ALL, units};

const WRITE: u32 = 0x4000_0000;
const NAMES: u64 = 3;
/// Most ends that a worker keeps.
const MOST_ENDS: usize = 6;
/// Longest message.
const LONGEST: u64 = 200;

/// The ends that a worker has, and whether each is a server's.
#[derive(Default)]
pub(crate) struct Slots(Vec<(Handle, bool)>);

impl Slots {
    /// Does something, and says how many messages it has read.
    pub(crate) fn step(&mut self, random: &mut Random) -> u64 {
        if self.0.is_empty() || random.is_one_in(6) {
            self.add(random);
        }
        if self.0.is_empty() {
            return 0;
        }
        let index = random.below(self.0.len() as u64) as usize;
        let (end, is_server) = self.0[index];
        match random.below(8) {
            0 if self.0.len() > MOST_ENDS || random.is_one_in(2) => {
                self.0.swap_remove(index);
                handle::close(end).unwrap();
            }
            1 if is_server => {
                mailslot::info(end).unwrap();
                mailslot::set_timeout(end, random.below(3) as u32).unwrap();
            }
            _ if is_server => return u64::from(read(end, random)),
            _ => {
                // Empty messages have no sender to tell.
                let length = random.below(LONGEST);
                let data = vec![length as u8; length as usize];
                expect("write", io::write(end, &data, None), &[Status::FILE_FORCED_CLOSED]);
            }
        }
        0
    }

    fn add(&mut self, random: &mut Random) {
        let name = units(&format!("slot-{}", random.below(NAMES)));
        let is_server = random.is_one_in(3);
        let made = if is_server {
            let server = Server { max_message: 0, timeout_ms: random.below(3) as u32, inherit: false };
            expect("create", mailslot::create(&name, &server), &[Status::OBJECT_NAME_COLLISION])
        } else if random.is_one_in(3) {
            expect("open", mailslot::open_datagram(&name, WRITE, false, false), &[])
        } else {
            expect("open", mailslot::open(&name, WRITE, false, false), &[Status::OBJECT_NAME_NOT_FOUND])
        };
        self.0.extend(made.map(|handle| (handle, is_server)));
    }
}

/// Reads a message, which must be whole, and one of those that are written. If none comes it times out or is cancelled.
fn read(end: Handle, random: &mut Random) -> bool {
    let mut bytes = [0; LONGEST as usize];
    let room = if random.is_one_in(8) { 10 } else { bytes.len() };
    // SAFETY: the buffer lives until the request is complete: the call returns then, or is waited for below.
    let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), room) };
    let failures = [Status::IO_TIMEOUT, Status::BUFFER_TOO_SMALL];
    let length = if random.is_one_in(2) {
        match expect("read", io::read(end, buffer, None), &failures) {
            Some(io::Outcome::Done { information, .. }) => information,
            _ => return false,
        }
    } else {
        let (done, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
        let mut block = [0; 2];
        // SAFETY: as for the buffer.
        let report = unsafe { StatusBlock::new(&mut block) };
        let overlapped = Overlapped { block: report, event: Some(done), routine: None, no_packet: false };
        let started = expect("read", io::read(end, buffer, Some(overlapped)), &failures);
        if started == Some(io::Outcome::Pending)
            && wait::one(done, Some(Duration::from_micros(random.below(2000))), false) == Ok(Outcome::Timeout)
        {
            // It may have come meanwhile.
            let _ = io::cancel_requests(end, Some(report.address()));
            assert_eq!(wait::one(done, None, false), Ok(Outcome::Object(0)));
        }
        handle::close(done).unwrap();
        match started {
            Some(_) if block[0] == Status::SUCCESS.0 as usize => block[1],
            _ => return false,
        }
    };
    assert!(
        bytes[..length].iter().all(|byte| usize::from(*byte) == length),
        "a broken message of {length} bytes"
    );
    true
}
