//! An arena full of noise: every call may fail, none crashes, hangs or panics.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use winipc_executive::Handle;

use crate::child::{Scratch, assert_success, command, succeeds};
use crate::everything::{build, call_everything};

/// Where the records begin; a unit test of the executive holds the header's size to this.
const HEADER_SIZE: u64 = 0x5_0000;
/// Where the header's table of regions begins, behind the words by which processes come and go.
const REGIONS_AT: u64 = 0xC0;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// One word of noise.
type Words = fn(&mut Random) -> u32;

fn words(kind: &str) -> Words {
    match kind {
        "random" => |random| random.next() as u32,
        // References to what exists: lists that cross and go round in circles.
        "near" => |random| (random.next() % 40) as u32,
        "mixed" => |random| match random.next() % 4 {
            0 => random.next() as u32,
            1 => 0,
            _ => (random.next() % 300) as u32,
        },
        "out-of-range" => |_| u32::MAX,
        "zeros" => |_| 0,
        _ => panic!("there is no noise {kind}"),
    }
}

fn arena_file() -> PathBuf {
    let directory = std::env::var_os("WINIPC_DIR").unwrap();
    let mut files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    // Beside it lie those of its sections.
    let is_arena = |path: &PathBuf| !path.to_string_lossy().contains(".section-");
    files.find(is_arena).expect("the arena's file")
}

/// Overwrites all of the arena that has memory, from an offset on, each word with a probability of one in `sparsity`.
fn scribble(from: u64, kind: &str, sparsity: u64, seed: u64) {
    use std::os::fd::AsRawFd;
    let file = File::options().read(true).write(true).open(arena_file()).unwrap();
    let mut random = Random(seed | 1);
    let word = words(kind);
    let seek = |at: u64, whence| {
        // SAFETY: a valid descriptor.
        u64::try_from(unsafe { libc::lseek(file.as_raw_fd(), at as i64, whence) }).ok()
    };
    let mut at = from;
    while let Some(start) = seek(at, libc::SEEK_DATA) {
        let end = seek(start, libc::SEEK_HOLE).unwrap();
        let mut bytes = vec![0; (end - start) as usize];
        file.read_exact_at(&mut bytes, start).unwrap();
        for place in bytes.chunks_exact_mut(4) {
            if random.next().is_multiple_of(sparsity) {
                place.copy_from_slice(&word(&mut random).to_ne_bytes());
            }
        }
        file.write_all_at(&bytes, start).unwrap();
        at = end;
    }
}

/// Builds an arena, overwrites it, calls everything in several threads, and lets another process attach.
pub(crate) fn scribble_and_call(argument: &str) {
    let mut arguments = argument.split(' ');
    let mut next = || arguments.next().unwrap();
    let (from, kind, sparsity, seed) = (next(), next(), next().parse().unwrap(), next().parse().unwrap());
    let from = if from == "header" { REGIONS_AT } else { HEADER_SIZE };
    let handles = build();
    assert!(handles.len() > 20);
    // A thread that has a seat and waits for the noise, as the one that builds does.
    let (go, going) = std::sync::mpsc::channel::<()>();
    let copy: Vec<Handle> = handles.iter().copied().step_by(8).collect();
    let early = std::thread::spawn(move || {
        call_everything(&copy[..1]);
        going.recv().unwrap();
        call_everything(&copy);
    });
    scribble(from, kind, sparsity, seed);
    go.send(()).unwrap();
    // Where nearly every list goes round in a circle, each call takes as many steps as it may.
    let step = if kind == "near" { 6 } else { 1 };
    let some: Vec<Handle> = handles.iter().copied().step_by(step).collect();
    call_everything(&some);
    early.join().unwrap();
    let copy: Vec<Handle> = handles.iter().copied().skip(1).step_by(9).collect();
    std::thread::spawn(move || call_everything(&copy)).join().unwrap();
    let visitor = command("visit", &PathBuf::from(std::env::var_os("WINIPC_DIR").unwrap())).output().unwrap();
    assert_success("visit", &visitor);
    for handle in handles {
        let _ = winipc_executive::handle::close(handle);
    }
}

/// Another process comes into the noise.
pub(crate) fn visit() {
    let handles = build();
    let some: Vec<Handle> = (1..60).step_by(6).map(|index| Handle::from_raw(index * 4)).collect();
    call_everything(&some);
    call_everything(&handles[..handles.len().min(6)]);
}

fn noise(name: &str, from: &str, kinds: &[&str], sparsities: &[u64], seeds: u64) {
    for kind in kinds {
        for sparsity in sparsities {
            for seed in 1..=seeds {
                let scratch = Scratch::private(&format!("noise-{name}-{kind}-{sparsity}-{seed}"));
                succeeds(&format!("noise {from} {kind} {sparsity} {}", seed * 7919), scratch.path());
            }
        }
    }
}

#[test]
fn records_of_noise_are_errors() {
    noise("records", "records", &["random"], &[1, 5, 50], 2);
    noise("records", "records", &["mixed"], &[1, 20], 1);
}

#[test]
fn lists_that_go_round_in_circles_are_errors() {
    noise("circles", "records", &["near"], &[1, 10], 1);
}

#[test]
fn references_out_of_range_are_errors() {
    noise("range", "records", &["out-of-range", "zeros"], &[1, 7], 1);
}

#[test]
fn a_header_of_noise_is_an_error() {
    noise("header", "header", &["random", "out-of-range", "zeros"], &[1], 1);
    noise("header", "header", &["mixed"], &[9], 1);
}
