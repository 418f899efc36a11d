//! What Linux offers for the same purpose, measured beside ours. What `unsafe` the benchmark needs is in
//! [`shared_memory`] and [`robust_mutex`].

mod datagram;
mod futex;
mod kernel_pipe;
mod memfd;
mod posix_spawn;
#[allow(unsafe_code)]
mod robust_mutex;
mod seqpacket;
#[allow(unsafe_code)]
mod shared_memory;
mod spin;
mod tmpfs;

use std::path::PathBuf;

pub(crate) use datagram::{DatagramRoundTrip, DatagramSendReceive};
pub(crate) use futex::Futex;
pub(crate) use kernel_pipe::KernelPipe;
pub(crate) use memfd::MemfdMapUnmap;
pub(crate) use posix_spawn::PosixSpawn;
pub(crate) use robust_mutex::RobustMutex;
pub(crate) use seqpacket::{SeqpacketRoundTrip, SeqpacketStream};
pub(crate) use spin::Spin;
pub(crate) use tmpfs::{TmpfsCreate, TmpfsOpen};

use super::contest::Setting;
use crate::error::{Error, Result};

/// Runs the second process of the peer called `kind`; `None` where there is none of that name.
pub(crate) fn helper(kind: &str, setting: &Setting) -> Option<Result<()>> {
    let run: fn(&Setting) -> Result<()> = match kind {
        Spin::KIND => Spin::help,
        Futex::KIND => Futex::help,
        KernelPipe::KIND => KernelPipe::help,
        SeqpacketRoundTrip::KIND => SeqpacketRoundTrip::help,
        SeqpacketStream::KIND => SeqpacketStream::help,
        DatagramRoundTrip::KIND => DatagramRoundTrip::help,
        _ => return None,
    };
    Some(run(setting))
}

/// A path on tmpfs by which both processes of a peer find each other; removed by the one who made it.
struct Meeting(PathBuf);

impl Meeting {
    fn path(tag: &str) -> PathBuf {
        PathBuf::from(format!("/dev/shm/winipc-bench-{tag}"))
    }

    fn new(setting: &Setting) -> Self {
        Self(Self::path(&setting.tag))
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        // It may never have come into being.
        let _ =
            if self.0.is_dir() { std::fs::remove_dir_all(&self.0) } else { std::fs::remove_file(&self.0) };
    }
}

/// A failed system call of a peer.
fn failed(what: &'static str) -> impl Fn(rustix::io::Errno) -> Error {
    move |error| Error::because(format!("benchmark: {what}"), std::io::Error::from(error))
}
