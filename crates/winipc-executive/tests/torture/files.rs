//! Random work on anonymous pipes, whose ends go from worker to worker.

use std::sync::atomic::Ordering;

use winipc_executive::handle::Duplicate;
use winipc_executive::inspect;
use winipc_executive::io::{self, ReadBuffer};
use winipc_executive::{Handle, Kind, Result, Status, file, handle, pipe, process};

use super::{FILES, IDS, Random, WORKERS};
use crate::support::{PROCESS_ALL, Page, pipe_descriptors, until};

/// Most pipes that a worker keeps.
const MOST_PIPES: usize = 5;
const SAME: Duplicate = Duplicate { access: None, inherit: false, close_source: false };

/// The pipes that a worker has made, of which an end may have gone.
pub(crate) struct Files {
    pipes: Vec<[Option<Handle>; 2]>,
    /// Descriptors of pipes that it had from the start.
    inherited: usize,
}

/// The handles of the process to files, by their objects.
fn held() -> Vec<Vec<Handle>> {
    let own = std::process::id();
    let files = inspect::objects().unwrap().objects.into_iter().filter(|object| object.kind == Kind::File);
    let own = files.flat_map(|file| file.holders.into_iter().filter(|holder| holder.process == own));
    own.map(|holder| holder.handles).collect()
}

/// As [`super::expect`], with what others can do to an end and to what they were given.
fn expect<T>(what: &str, result: Result<T>) -> Option<T> {
    const FAILURES: &[Status] = &[
        Status::PIPE_BROKEN,
        Status::PIPE_CLOSING,
        Status::PIPE_EMPTY,
        Status::PROCESS_IS_TERMINATING,
        Status::INVALID_HANDLE,
        Status::FILE_INVALID,
    ];
    super::expect(what, result, FAILURES)
}

impl Files {
    pub(crate) fn new() -> Self {
        Files { pipes: Vec::new(), inherited: pipe_descriptors() }
    }

    /// Does something.
    pub(crate) fn step(&mut self, page: &Page, slot: usize, random: &mut Random) {
        if self.pipes.is_empty() || self.pipes.len() < MOST_PIPES && random.is_one_in(6) {
            let (reader, writer) = file::create_pipe(0, false).unwrap();
            for end in [reader, writer] {
                pipe::set_mode(end, false, true).unwrap();
            }
            page.word(FILES + slot).store(writer.raw() as u64, Ordering::Release);
            self.pipes.push([Some(reader), Some(writer)]);
        }
        let index = random.below(self.pipes.len() as u64) as usize;
        let side = random.below(2) as usize;
        let Some(end) = self.pipes[index][side] else {
            let left = self.pipes.swap_remove(index);
            return left.into_iter().flatten().for_each(|end| handle::close(end).unwrap());
        };
        let other = random.below(WORKERS as u64) as usize;
        match random.below(10) {
            0 => {
                self.pipes[index][side] = None;
                handle::close(end).unwrap();
            }
            1 => self.give(page, other, [index, side], random.is_one_in(2)),
            2 => take(page, other),
            3 if random.is_one_in(20) => {
                let inherited = self.inherited;
                until(|| pipe_descriptors() <= held().len() + inherited);
            }
            4 if random.is_one_in(3) => self.close_given(),
            _ if side == 0 => {
                let mut bytes = [0; 64];
                // SAFETY: the buffer outlives the call, which does not wait.
                let buffer = unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) };
                expect("read", io::read(end, buffer, None));
            }
            _ => drop(expect("write", io::write(end, &[1; 20], None))),
        }
    }

    /// Closes what others have given it, perhaps before its descriptor has come.
    fn close_given(&self) {
        let own: Vec<_> = self.pipes.iter().flatten().flatten().copied().collect();
        for given in held().into_iter().flatten().filter(|handle| !own.contains(handle)) {
            expect("close", handle::close(given));
        }
    }

    /// Gives another worker an end, and keeps it or not.
    fn give(&mut self, page: &Page, other: usize, [index, side]: [usize; 2], moves: bool) {
        let Some(end) = self.pipes[index][side] else { return };
        let id = page.word(IDS + other).load(Ordering::Relaxed) as u32;
        let Ok(target) = process::open(id, PROCESS_ALL, false) else { return };
        let options = Duplicate { close_source: moves, ..SAME };
        if moves {
            self.pipes[index][side] = None;
        }
        expect("give", handle::duplicate(Handle::CURRENT_PROCESS, end, Some(target), &options));
        handle::close(target).unwrap();
    }
}

/// Takes what another worker has said that it has; by now its handle may be closed, or another.
fn take(page: &Page, other: usize) {
    let id = page.word(IDS + other).load(Ordering::Relaxed) as u32;
    let theirs = Handle::from_raw(page.word(FILES + other).load(Ordering::Acquire) as isize);
    let Ok(source) = process::open(id, PROCESS_ALL, false) else { return };
    let taken = handle::duplicate(source, theirs, Some(Handle::CURRENT_PROCESS), &SAME);
    if let Some(taken) = expect("take", taken) {
        if handle::kind(taken) == Ok(Kind::File) {
            // The number may be that of an end to read from by now.
            let written = io::write(taken, b"taken", None).map(drop);
            if written != Err(Status::ACCESS_DENIED) {
                expect("write to what was taken", written);
            }
        }
        handle::close(taken).unwrap();
    }
    handle::close(source).unwrap();
}
